#include <nsq/error.h>

namespace nsq {

std::string_view ToString(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid argument";
    case ErrorCode::kInvalidTopic:
      return "invalid topic";
    case ErrorCode::kInvalidChannel:
      return "invalid channel";
    case ErrorCode::kEmptyBody:
      return "empty body";
    case ErrorCode::kMessageTooBig:
      return "message too big";
    case ErrorCode::kNotSent:
      return "not sent";
    case ErrorCode::kOutcomeUnknown:
      return "outcome unknown";
    case ErrorCode::kTimedOut:
      return "timed out";
    case ErrorCode::kQueueFull:
      return "queue full";
    case ErrorCode::kServerError:
      return "server error";
    case ErrorCode::kConnectFailed:
      return "connect failed";
    case ErrorCode::kNotNsqd:
      return "not nsqd";
    case ErrorCode::kTlsUnavailable:
      return "TLS unavailable";
    case ErrorCode::kTlsFailed:
      return "TLS failed";
    case ErrorCode::kCompressionUnavailable:
      return "compression unavailable";
    case ErrorCode::kAuthRequired:
      return "auth required";
    case ErrorCode::kAuthFailed:
      return "auth failed";
    case ErrorCode::kExpired:
      return "expired";
    case ErrorCode::kStopped:
      return "stopped";
  }
  return "unknown";
}

}  // namespace nsq
