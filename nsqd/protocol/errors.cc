#include "nsqd/protocol/errors.h"

#include "common/strings.h"

namespace nsq::nsqd::refusal {
namespace {

// How an error about a command's body is worded: the codes differ, and PUB and DPUB call it a
// message.
struct BodyWords {
  std::string_view code;
  std::string_view size;
  std::string_view body;
  std::string_view what;  // is too big
};

BodyWords WordsOf(Command command) {
  if (command == Command::kPub || command == Command::kDpub) {
    return {"E_BAD_MESSAGE ", "message body size", "message body", "message"};
  }
  return {"E_BAD_BODY ", "body size", "body", "body"};
}

}  // namespace

Refusal BadProtocol() { return {"E_BAD_PROTOCOL"}; }

Refusal UnknownCommand(std::string_view name) {
  return {StrCat("E_INVALID invalid command ", name)};
}

Refusal WrongState(Command command) {
  return {StrCat("E_INVALID cannot ", ToString(command), " in current state")};
}

Refusal TooFewParams(Command command) {
  const bool in_short =
      command == Command::kFin || command == Command::kReq || command == Command::kTouch;
  return {StrCat("E_INVALID ", ToString(command), " insufficient number of ",
                 in_short ? "params" : "parameters")};
}

Refusal BadTopic(Command command, std::string_view name) {
  // MPUB says its code twice, and clients may have learned to expect it.
  return {StrCat("E_BAD_TOPIC ", command == Command::kMpub ? "E_BAD_TOPIC " : "", ToString(command),
                 " topic name ", GoQuoted(name), " is not valid")};
}

Refusal BadChannel(Command command, std::string_view name) {
  return {StrCat("E_BAD_CHANNEL ", ToString(command), " channel name ", GoQuoted(name),
                 " is not valid")};
}

Refusal BadMessageId() { return {"E_INVALID invalid message ID"}; }

Refusal BadCount(std::string_view raw) {
  return {StrCat("E_INVALID RDY could not parse count ", raw)};
}

Refusal CountOutOfRange(int64_t count, int64_t max) {
  return {StrCat("E_INVALID RDY count ", count, " out of range 0-", max)};
}

Refusal BadTimeout(Command command, std::string_view raw) {
  return {StrCat("E_INVALID ", ToString(command), " could not parse timeout ", raw)};
}

Refusal TimeoutOutOfRange(Command command, uint64_t timeout_ms, int64_t max_ms) {
  return {
      StrCat("E_INVALID ", ToString(command), " timeout ", timeout_ms, " out of range 0-", max_ms)};
}

Refusal NoSize(Command command) {
  const BodyWords words = WordsOf(command);
  return {StrCat(words.code, ToString(command), " failed to read ", words.size)};
}

Refusal BadSize(Command command, int64_t size) {
  const BodyWords words = WordsOf(command);
  return {StrCat(words.code, ToString(command), " invalid ", words.size, " ", size)};
}

Refusal TooBig(Command command, int64_t size, int64_t max) {
  const BodyWords words = WordsOf(command);
  return {StrCat(words.code, ToString(command), " ", words.what, " too big ", size, " > ", max)};
}

Refusal NoBody(Command command) {
  const BodyWords words = WordsOf(command);
  return {StrCat(words.code, ToString(command), " failed to read ", words.body)};
}

Refusal NoMessageCount() { return {"E_BAD_BODY MPUB failed to read message count"}; }

Refusal BadMessageCount(int64_t count) {
  return {StrCat("E_BAD_BODY MPUB invalid message count ", count)};
}

Refusal NoMessageSize(uint32_t index) {
  return {StrCat("E_BAD_MESSAGE MPUB failed to read message(", index, ") body size")};
}

Refusal BadMessageSize(uint32_t index, int64_t size) {
  return {StrCat("E_BAD_MESSAGE MPUB invalid message(", index, ") body size ", size)};
}

Refusal MessageTooBig(int64_t size, int64_t max) {
  return {StrCat("E_BAD_MESSAGE MPUB message too big ", size, " > ", max)};
}

Refusal NoMessageBody() { return {"E_BAD_MESSAGE MPUB failed to read message body"}; }

Refusal BadJson() { return {"E_BAD_BODY IDENTIFY failed to decode JSON body"}; }

Refusal BadTerm(std::string_view term, int64_t value) {
  return {StrCat("E_BAD_BODY IDENTIFY ", term, " (", value, ") is invalid")};
}

Refusal TwoCompressions() {
  return {"E_IDENTIFY_FAILED cannot enable both deflate and snappy compression"};
}

Refusal IdentifyFailed(std::string_view reason) {
  return {StrCat("E_IDENTIFY_FAILED IDENTIFY failed ", reason)};
}

Refusal AuthTakesNoParams() { return {"E_INVALID AUTH invalid number of parameters"}; }

Refusal AuthAlreadySet() { return {"E_INVALID AUTH already set"}; }

Refusal AuthDisabled() { return {"E_AUTH_DISABLED AUTH disabled"}; }

Refusal AuthFailed() { return {"E_AUTH_FAILED AUTH failed"}; }

Refusal NoAuthorizations() { return {"E_UNAUTHORIZED AUTH no authorizations found"}; }

Refusal TlsFirst(std::string_view command_name) {
  return {StrCat("E_INVALID cannot ", command_name, " in current state (TLS required)")};
}

Refusal AuthFirst(Command command) {
  return {StrCat("E_AUTH_FIRST AUTH required before ", ToString(command))};
}

Refusal NotAuthorized(Command command, std::string_view topic, std::string_view channel) {
  return {StrCat("E_UNAUTHORIZED AUTH failed for ", ToString(command), " on ", GoQuoted(topic), " ",
                 GoQuoted(channel))};
}

Refusal NeedsHeartbeats() { return {"E_INVALID cannot SUB with heartbeats disabled"}; }

Refusal TooManyConsumers(std::string_view topic, std::string_view channel, int max) {
  return SubFailed(StrCat("consumers for ", topic, ":", channel, " exceeds limit of ", max));
}

Refusal SubFailed(std::string_view reason) { return {StrCat("E_SUB_FAILED SUB failed ", reason)}; }

Refusal SubVanished() { return SubFailed("to deleted topic/channel"); }

Refusal NotDone(Command command, std::string_view id, std::string_view reason) {
  const std::string_view name = ToString(command);
  return {StrCat("E_", name, "_FAILED ", name, " ", id, " failed ", reason), false};
}

Refusal PublishFailed(Command command, std::string_view reason) {
  const std::string_view name = ToString(command);
  return {StrCat("E_", name, "_FAILED ", name, " failed ", reason)};
}

}  // namespace nsq::nsqd::refusal
