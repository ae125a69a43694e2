#include "admin/cluster_actions.h"

#include <utility>

#include "common/http/client.h"
#include "common/strings.h"

namespace nsq::admin {
namespace {

std::string Query(const std::string& topic, const std::string& channel) {
  std::string query = "?topic=" + http::EscapeQuery(topic);
  if (!channel.empty()) query += "&channel=" + http::EscapeQuery(channel);
  return query;
}

std::string_view Kind(const std::string& channel) {
  return channel.empty() ? "/topic" : "/channel";
}

std::vector<std::string> AddressesOf(const std::vector<Node>& nodes) {
  std::vector<std::string> addresses;
  for (const Node& node : nodes) addresses.push_back(node.HttpAddress());
  return addresses;
}

}  // namespace

struct ClusterActions::Change {
  ClusterView::Silent silent;
  std::vector<std::string> errors;

  // Of an action they are one warning, whichever step they are of.
  std::string Lines() const {
    std::string lines;
    for (const std::string& error : errors) lines += (lines.empty() ? "" : "\n") + error;
    return lines;
  }
  Warnings AsWarnings() const { return errors.empty() ? Warnings() : Warnings{Lines()}; }
};

// Who has the topic; those that failed to say are errors of the change.
Result<std::vector<std::string>> ClusterActions::ProducersOf(const std::string& topic,
                                                             Change* change) {
  auto producers = view_->ProducersOf(topic, &change->silent);
  if (!producers.ok()) return producers.status();
  change->errors.insert(change->errors.end(), producers->warnings.begin(),
                        producers->warnings.end());
  return AddressesOf(producers->value);
}

void ClusterActions::Tell(const std::vector<std::string>& addresses,
                          const std::string& path_and_query, Change* change) {
  const std::vector<std::string> more = view_->Tell(addresses, path_and_query, &change->silent);
  change->errors.insert(change->errors.end(), more.begin(), more.end());
}

Result<ClusterActions::Warnings> ClusterActions::TellProducers(const std::string& topic,
                                                               const std::string& path_and_query) {
  Change change;
  const auto producers = ProducersOf(topic, &change);
  if (!producers.ok()) return producers.status();
  Tell(*producers, path_and_query, &change);
  return change.AsWarnings();
}

Result<ClusterActions::Warnings> ClusterActions::Create(const std::string& topic,
                                                        const std::string& channel) {
  Change change;
  const std::string create_topic = "/topic/create" + Query(topic, "");
  const std::string create_channel = "/channel/create" + Query(topic, channel);
  const ClusterView::Addresses addresses = view_->addresses();
  const bool by_lookup = !addresses.lookupds.empty();
  const std::vector<std::string>& told = by_lookup ? addresses.lookupds : addresses.nsqds;
  Tell(told, create_topic, &change);
  if (channel.empty()) return change.AsWarnings();
  Tell(told, create_channel, &change);
  if (!by_lookup) return change.AsWarnings();

  const auto producers = ProducersOf(topic, &change);
  if (!producers.ok()) {
    const bool nobody_left = change.silent.size() == addresses.lookupds.size();
    return Status(producers.status().code(),
                  StrCat(producers.status().detail(), nobody_left ? change.Lines() : ""));
  }
  Tell(*producers, create_channel, &change);
  return change.AsWarnings();
}

Result<ClusterActions::Warnings> ClusterActions::Apply(Verb verb, const std::string& topic,
                                                       const std::string& channel) {
  const std::string_view word = verb == Verb::kPause     ? "/pause"
                                : verb == Verb::kUnpause ? "/unpause"
                                                         : "/empty";
  return TellProducers(topic, StrCat(Kind(channel), word, Query(topic, channel)));
}

Result<ClusterActions::Warnings> ClusterActions::SetDurability(const std::string& topic,
                                                               const std::string& durability) {
  return TellProducers(topic, StrCat("/topic/config", Query(topic, ""),
                                     "&durability=", http::EscapeQuery(durability)));
}

Result<ClusterActions::Warnings> ClusterActions::Delete(const std::string& topic,
                                                        const std::string& channel) {
  Change change;
  // Asked first: afterwards no lookupd knows who has it.
  const auto producers = ProducersOf(topic, &change);
  if (!producers.ok()) return producers.status();
  const std::string path = StrCat(Kind(channel), "/delete", Query(topic, channel));
  Tell(view_->addresses().lookupds, path, &change);
  Tell(*producers, path, &change);
  return change.AsWarnings();
}

Result<ClusterActions::Warnings> ClusterActions::Tombstone(const std::string& node,
                                                           const std::string& topic) {
  Change change;
  auto nodes = view_->Nodes(&change.silent);
  if (!nodes.ok()) return nodes.status();
  bool known = false;
  for (const Node& one : nodes->value) known = known || one.HttpAddress() == node;
  if (!known) return Status(Code::kNotFound, "NODE_NOT_FOUND");
  change.errors = nodes->warnings;
  const std::string query = Query(topic, "");
  Tell(view_->addresses().lookupds,
       StrCat("/topic/tombstone", query, "&node=", http::EscapeQuery(node)), &change);
  Tell({node}, "/topic/delete" + query, &change);
  return change.AsWarnings();
}

}  // namespace nsq::admin
