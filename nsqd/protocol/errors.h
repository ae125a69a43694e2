#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nsqd/protocol/command_parser.h"

namespace nsq::nsqd {

// A command that was not carried out: what the error frame says, and whether the connection ends
// with it.
struct Refusal {
  std::string text;
  bool fatal = true;
};

// All errors of the TCP protocol, to the byte; clients and scripts parse them (spec, nsqd-tcp 2,
// 3).
namespace refusal {

Refusal BadProtocol();
Refusal UnknownCommand(std::string_view name);
Refusal WrongState(Command command);
Refusal TooFewParams(Command command);

// Names and numbers on the line.
Refusal BadTopic(Command command, std::string_view name);
Refusal BadChannel(Command command, std::string_view name);
Refusal BadMessageId();
Refusal BadCount(std::string_view raw);
Refusal CountOutOfRange(int64_t count, int64_t max);
Refusal BadTimeout(Command command, std::string_view raw);
Refusal TimeoutOutOfRange(Command command, uint64_t timeout_ms, int64_t max_ms);

// What follows the line.
Refusal NoSize(Command command);
Refusal BadSize(Command command, int64_t size);
Refusal TooBig(Command command, int64_t size, int64_t max);
Refusal NoBody(Command command);

// Inside the body of an MPUB.
Refusal NoMessageCount();
Refusal BadMessageCount(int64_t count);
Refusal NoMessageSize(uint32_t index);
Refusal BadMessageSize(uint32_t index, int64_t size);
Refusal MessageTooBig(int64_t size, int64_t max);
Refusal NoMessageBody();

// IDENTIFY and AUTH.
Refusal BadJson();
Refusal BadTerm(std::string_view term, int64_t value);
Refusal TwoCompressions();
Refusal IdentifyFailed(std::string_view reason);
Refusal AuthTakesNoParams();
Refusal AuthAlreadySet();
Refusal AuthDisabled();
Refusal AuthFailed();
Refusal NoAuthorizations();

// What a client may not do.
Refusal TlsFirst(std::string_view command_name);
Refusal AuthFirst(Command command);
Refusal NotAuthorized(Command command, std::string_view topic, std::string_view channel);

// SUB.
Refusal NeedsHeartbeats();
Refusal TooManyConsumers(std::string_view topic, std::string_view channel, int max);
Refusal SubFailed(std::string_view reason);
Refusal SubVanished();

// FIN, REQ and TOUCH: the only ones that leave the connection open.
Refusal NotDone(Command command, std::string_view id, std::string_view reason);

Refusal PublishFailed(Command command, std::string_view reason);

}  // namespace refusal
}  // namespace nsq::nsqd
