#include "lookupd/session_v1.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "common/config/duration.h"
#include "common/event/buffer.h"
#include "common/log.h"
#include "common/status.h"
#include "common/strings.h"
#include "common/wire/frame.h"
#include "common/wire/names.h"
#include "lookupd/identify_body.h"

namespace nsq::lookupd {
namespace {

constexpr size_t kSizeBytes = 4;

// The bytes of the white space, as Unicode has it, that `text` begins with; 0: none.
size_t SpaceAtFront(std::string_view text) {
  static constexpr std::string_view kSpaces[] = {
      "\t",     "\n",     "\v",     "\f",     "\r",     " ",      "\u0085", "\u00A0", "\u1680",
      "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
      "\u2009", "\u200A", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"};
  if (text.empty()) return 0;
  const auto c = static_cast<unsigned char>(text.front());
  if (c > ' ' && c < 0x80) return 0;
  for (const std::string_view space : kSpaces) {
    if (text.starts_with(space)) return space.size();
  }
  return 0;
}

size_t SpaceAtBack(std::string_view text) {
  // A space has one, two or three bytes; no two of them overlap.
  for (size_t n = 1; n <= 3 && n <= text.size(); ++n) {
    if (SpaceAtFront(text.substr(text.size() - n)) == n) return n;
  }
  return 0;
}

std::string_view Trimmed(std::string_view line) {
  while (const size_t n = SpaceAtFront(line)) line.remove_prefix(n);
  while (const size_t n = SpaceAtBack(line)) line.remove_suffix(n);
  return line;
}

std::string_view EofWord(std::string_view rest) { return rest.empty() ? "EOF" : "unexpected EOF"; }

}  // namespace

SessionV1::SessionV1(const Home& home, RegistrationDb* db, const Identity& identity, PeerId id,
                     std::string remote_address)
    : home_(home),
      db_(db),
      identity_(identity),
      id_(id),
      remote_address_(std::move(remote_address)) {}

SessionV1::~SessionV1() { End("forgotten"); }

SessionV1::Progress SessionV1::OnData(std::string_view data, Moment now, Buffer* out) {
  home_.Assert();
  Progress progress;
  for (size_t steps = 0; state_ != State::kEnded; ++steps) {
    if (steps == kStepsPerCall) {
      progress.more = true;
      return progress;
    }
    const std::string_view rest = data.substr(progress.consumed);
    size_t used = 0;
    switch (state_) {
      case State::kMagic:
        used = OnMagic(rest, out);
        break;
      case State::kCommand:
        used = OnCommand(rest, now, out);
        break;
      case State::kBodySize:
        used = OnBodySize(rest, out);
        break;
      case State::kBody:
        used = OnBody(rest, now, out);
        break;
      case State::kEnded:
        break;
    }
    if (used == 0) break;
    progress.consumed += used;
  }
  return progress;
}

size_t SessionV1::OnMagic(std::string_view data, Buffer* out) {
  if (data.size() < kMagicV1.size()) return 0;
  const std::string_view magic = data.substr(0, kMagicV1.size());
  NSQ_LOG(kInfo, "CLIENT(", remote_address_, "): desired protocol magic '", magic, "'");
  if (magic == kMagicV1) {
    state_ = State::kCommand;
    return magic.size();
  }
  AppendLookupFrame("E_BAD_PROTOCOL", out);
  NSQ_LOG(kError, "client(", remote_address_, ") bad protocol magic ", DescribeMagic(magic));
  state_ = State::kEnded;
  return data.size();
}

size_t SessionV1::OnCommand(std::string_view data, Moment now, Buffer* out) {
  const size_t end = data.substr(0, kMaxLineBytes + 1).find('\n');
  if (end != std::string_view::npos) {
    Execute(Trimmed(data.substr(0, end)), now, out);
    return end + 1;
  }
  if (data.size() <= kMaxLineBytes) return 0;
  Fail("E_INVALID command line too long", out);
  return data.size();
}

void SessionV1::Execute(std::string_view line, Moment now, Buffer* out) {
  // Each single blank separates: two of them have an empty word between them.
  const std::vector<std::string_view> words = Split(line, ' ');
  const std::string_view command = words[0];
  if (command == "PING") {
    Ping(now, out);
  } else if (command == "IDENTIFY") {
    if (identified_) {
      Fail("E_INVALID cannot IDENTIFY again", out);
    } else {
      state_ = State::kBodySize;
    }
  } else if (command == "REGISTER" || command == "UNREGISTER") {
    const std::string_view topic = words.size() > 1 ? words[1] : std::string_view();
    const std::string_view channel = words.size() > 2 ? words[2] : std::string_view();
    if (!identified_) {
      Fail("E_INVALID client must IDENTIFY", out);
    } else if (words.size() < 2) {
      Fail(StrCat("E_INVALID ", command, " insufficient number of params"), out);
    } else if (!IsValidTopicName(topic)) {
      Fail(StrCat("E_BAD_TOPIC ", command, " topic name '", topic, "' is not valid"), out);
    } else if (!channel.empty() && !IsValidChannelName(channel)) {
      Fail(StrCat("E_BAD_CHANNEL ", command, " channel name '", channel, "' is not valid"), out);
    } else {
      command == "REGISTER" ? Register(topic, channel) : Unregister(topic, channel);
      AppendLookupFrame(kOkAnswer, out);
    }
  } else {
    Fail(StrCat("E_INVALID invalid command ", command), out);
  }
}

void SessionV1::Ping(Moment now, Buffer* out) {
  if (identified_) {
    const Duration since = db_->Ping(id_, now);
    NSQ_LOG(kDebug, "CLIENT(", remote_address_, "): pinged (last ping ", FormatGoDuration(since),
            ")");
  }
  AppendLookupFrame(kOkAnswer, out);
}

void SessionV1::Register(std::string_view topic, std::string_view channel) {
  const RegistrationDb::Registered added = db_->Register(id_, topic, channel);
  if (added.channel) LogRegistration("REGISTER", topic, channel);
  if (added.topic) LogRegistration("REGISTER", topic, {});
}

void SessionV1::Unregister(std::string_view topic, std::string_view channel) {
  if (!channel.empty()) {
    if (db_->UnregisterChannel(id_, topic, channel)) LogRegistration("UNREGISTER", topic, channel);
    return;
  }
  const RegistrationDb::TopicUnregistered removed = db_->UnregisterTopic(id_, topic);
  for (const std::string& name : removed.channels) {
    NSQ_LOG(kWarn, "client(", remote_address_,
            ") unexpected UNREGISTER category:channel key:", topic, " subkey:", name);
  }
  if (removed.topic) LogRegistration("UNREGISTER", topic, {});
}

void SessionV1::LogRegistration(std::string_view verb, std::string_view topic,
                                std::string_view channel) {
  const std::string_view category = topic.empty()     ? "client"
                                    : channel.empty() ? "topic"
                                                      : "channel";
  NSQ_LOG(kInfo, "DB: client(", remote_address_, ") ", verb, " category:", category, " key:", topic,
          " subkey:", channel);
}

size_t SessionV1::OnBodySize(std::string_view data, Buffer* out) {
  if (data.size() < kSizeBytes) return 0;
  const auto size = static_cast<int32_t>(LoadBig32(data.data()));
  if (size < 0 || static_cast<size_t>(size) > kMaxBodyBytes) {
    Fail("E_BAD_BODY IDENTIFY failed to read body", out, StrCat("a body of ", size, " bytes"));
    return data.size();
  }
  body_bytes_ = static_cast<size_t>(size);
  state_ = State::kBody;
  return kSizeBytes;
}

size_t SessionV1::OnBody(std::string_view data, Moment now, Buffer* out) {
  if (data.size() < body_bytes_) return 0;
  Result<Peer> peer = ParseIdentifyBody(data.substr(0, body_bytes_));
  if (!peer.ok()) {
    Fail("E_BAD_BODY IDENTIFY failed to decode JSON body", out, peer.status().detail());
    return data.size();
  }
  if (!HasRequiredFields(*peer)) {
    Fail("E_BAD_BODY IDENTIFY missing fields", out);
    return data.size();
  }
  peer->remote_address = remote_address_;  // whatever the body says
  NSQ_LOG(kInfo, "CLIENT(", remote_address_, "): IDENTIFY Address:", peer->broadcast_address,
          " TCP:", peer->tcp_port, " HTTP:", peer->http_port, " Version:", peer->version);
  db_->AddPeer(id_, std::move(*peer), now);
  LogRegistration("REGISTER", {}, {});
  identified_ = true;
  state_ = State::kCommand;
  AppendLookupFrame(IdentityJson(identity_), out);
  return body_bytes_;
}

void SessionV1::OnEof(std::string_view rest, Buffer* out) {
  home_.Assert();
  switch (state_) {
    case State::kBodySize:
      Fail("E_BAD_BODY IDENTIFY failed to read body size", out, EofWord(rest));
      break;
    case State::kBody:
      Fail("E_BAD_BODY IDENTIFY failed to read body", out, EofWord(rest));
      break;
    case State::kMagic:
      End(EofWord(rest));
      break;
    case State::kCommand:
      End("EOF");  // half a command is no command
      break;
    case State::kEnded:
      break;
  }
}

void SessionV1::Fail(std::string_view error, Buffer* out, std::string_view cause) {
  NSQ_LOG(kError, "[", remote_address_, "] - ", error, cause.empty() ? "" : " - ", cause);
  AppendLookupFrame(error, out);
  End(error);
}

void SessionV1::End(std::string_view why) {
  home_.Assert();
  if (state_ == State::kEnded) return;
  const State state = std::exchange(state_, State::kEnded);
  if (state == State::kMagic) {
    NSQ_LOG(kError, "failed to read protocol version - ", why);
    return;
  }
  NSQ_LOG(kInfo, "PROTOCOL(V1): [", remote_address_, "] exiting ioloop");
  if (std::exchange(identified_, false)) {
    // One line: an nsqd that leaves may have had thousands.
    size_t topics = 0;
    size_t channels = 0;
    for (const RegistrationDb::Key& key : db_->RemovePeer(id_))
      ++(key.channel.empty() ? topics : channels);
    NSQ_LOG(kInfo, "DB: client(", remote_address_, ") UNREGISTER of all it had: topics:", topics,
            " channels:", channels);
    LogRegistration("UNREGISTER", {}, {});
  }
  NSQ_LOG(kError, "client(", remote_address_, ") - ", why);
}

}  // namespace nsq::lookupd
