#include "lookupd/json_text.h"

#include <utility>

#include "common/strings.h"
#include "common/version.h"
#include "common/wire/json.h"

namespace nsq::lookupd {
namespace {

// What /debug shows as `tombstoned_at` of a producer that never had a tombstone: the nanoseconds
// of Go's zero time, which overflow.
constexpr int64_t kNeverTombstoned = -6795364578871345152;

// Writes one JSON text, putting the commas.
class Writer {
 public:
  Writer& Open(char bracket) {
    Separate();
    text_ += bracket;
    first_ = true;
    return *this;
  }
  Writer& Close(char bracket) {
    text_ += bracket;
    first_ = false;
    return *this;
  }
  Writer& Key(std::string_view name) {
    Separate();
    AppendJsonString(name, &text_);
    text_ += ':';
    first_ = true;  // no comma before the value
    return *this;
  }
  Writer& Text(std::string_view value) {
    Separate();
    AppendJsonString(value, &text_);
    return *this;
  }
  Writer& Number(int64_t value) {
    Separate();
    text_ += StrCat(value);
    return *this;
  }
  Writer& Bool(bool value) {
    Separate();
    text_ += value ? "true" : "false";
    return *this;
  }
  Writer& TextList(const std::vector<std::string_view>& values) {
    Open('[');
    for (const std::string_view value : values) Text(value);
    return Close(']');
  }

  std::string Take() { return std::move(text_); }

 private:
  void Separate() {
    if (!first_) text_ += ',';
    first_ = false;
  }

  std::string text_;
  bool first_ = true;
};

// The eight members that /lookup and /nodes share; the object stays open.
void OpenPeer(const Peer& peer, Writer* json) {
  json->Open('{');
  json->Key("remote_address").Text(peer.remote_address);
  json->Key("hostname").Text(peer.hostname);
  json->Key("broadcast_address").Text(peer.broadcast_address);
  json->Key("tcp_port").Number(peer.tcp_port);
  json->Key("http_port").Number(peer.http_port);
  json->Key("version").Text(peer.version);
  json->Key("topology_zone").Text(peer.topology_zone);
  json->Key("topology_region").Text(peer.topology_region);
  if (peer.draining) json->Key("draining").Bool(true);
}

void WriteDumped(const RegistrationDb::DumpedProducer& producer, Writer* json) {
  const Peer& peer = *producer.peer;
  json->Open('{');
  json->Key("broadcast_address").Text(peer.broadcast_address);
  json->Key("hostname").Text(peer.hostname);
  json->Key("http_port").Number(peer.http_port);
  json->Key("id").Text(peer.remote_address);
  json->Key("last_update").Number(UnixNanos(producer.last_update));
  json->Key("tcp_port").Number(peer.tcp_port);
  json->Key("tombstoned").Bool(producer.tombstoned_at.has_value());
  json->Key("tombstoned_at")
      .Number(producer.tombstoned_at.has_value() ? UnixNanos(*producer.tombstoned_at)
                                                 : kNeverTombstoned);
  json->Key("topology_region").Text(peer.topology_region);
  json->Key("topology_zone").Text(peer.topology_zone);
  json->Key("version").Text(peer.version);
  json->Close('}');
}

}  // namespace

std::string IdentityJson(const Identity& identity) {
  Writer json;
  json.Open('{');
  json.Key("broadcast_address").Text(identity.broadcast_address);
  json.Key("hostname").Text(identity.hostname);
  json.Key("http_port").Number(identity.http_port);
  json.Key("tcp_port").Number(identity.tcp_port);
  json.Key("version").Text(kVersion);
  return json.Close('}').Take();
}

std::string TopicsJson(const std::vector<std::string_view>& topics) {
  Writer json;
  json.Open('{').Key("topics").TextList(topics);
  return json.Close('}').Take();
}

std::string ChannelsJson(const std::vector<std::string_view>& channels) {
  Writer json;
  json.Open('{').Key("channels").TextList(channels);
  return json.Close('}').Take();
}

std::string LookupJson(const RegistrationDb::LookupView& view) {
  Writer json;
  json.Open('{').Key("channels").TextList(view.channels);
  json.Key("producers").Open('[');
  for (const Peer* peer : view.producers) {
    OpenPeer(*peer, &json);
    json.Close('}');
  }
  return json.Close(']').Close('}').Take();
}

std::string NodesJson(const std::vector<RegistrationDb::NodeView>& nodes) {
  Writer json;
  json.Open('{').Key("producers").Open('[');
  for (const RegistrationDb::NodeView& node : nodes) {
    OpenPeer(*node.peer, &json);
    json.Key("tombstones").Open('[');
    for (const RegistrationDb::NodeTopic& topic : node.topics) json.Bool(topic.tombstoned);
    json.Close(']').Key("topics").Open('[');
    for (const RegistrationDb::NodeTopic& topic : node.topics) json.Text(topic.name);
    json.Close(']').Close('}');
  }
  return json.Close(']').Close('}').Take();
}

std::string DebugJson(const RegistrationDb::Dump& dump) {
  Writer json;
  json.Open('{');
  for (const auto& [key, producers] : dump) {
    json.Key(key).Open('[');
    for (const RegistrationDb::DumpedProducer& producer : producers) WriteDumped(producer, &json);
    json.Close(']');
  }
  return json.Close('}').Take();
}

}  // namespace nsq::lookupd
