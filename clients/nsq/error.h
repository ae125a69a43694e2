#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace nsq {

// What the caller can do about it; `Error::detail` says what happened.
enum class ErrorCode {
  kInvalidArgument,         // an option or argument that can never work
  kInvalidTopic,            // not 1 to 64 bytes of [.a-zA-Z0-9_-], or with "#ephemeral" behind
  kInvalidChannel,          //
  kEmptyBody,               // NSQ has no empty messages
  kMessageTooBig,           // larger than the server said it takes
  kNotSent,                 // no byte of it left: safe to try again, here or elsewhere
  kOutcomeUnknown,          // sent, and the connection broke before the answer
  kTimedOut,                // the deadline passed; what was sent may still take effect
  kQueueFull,               // too much is waiting for answers
  kServerError,             // the server said E_...: the detail
  kConnectFailed,           // nobody answers there, or the name is unknown
  kNotNsqd,                 // something answers, but not NSQ's TCP protocol
  kTlsUnavailable,          // asked for and not granted; nothing was sent in clear text
  kTlsFailed,               // no handshake, or a certificate that is not trusted
  kCompressionUnavailable,  // asked for and not granted, where that was made an error
  kAuthRequired,            // the server wants a secret and there is none
  kAuthFailed,              // it refuses the secret
  kExpired,                 // the message is not this consumer's any more; it comes again
  kStopped,                 // stopped, or being stopped
};

// "not sent"
std::string_view ToString(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInvalidArgument;
  std::string detail;  // for people: "dial tcp 127.0.0.1:4150: connect: connection refused"
  std::string nsqd;    // the daemon it is about, if it is about one
};

// A value, or the reason why there is none. Shaped like std::expected, of C++23.
template <typename T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Expected(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return value_.has_value(); }
  explicit operator bool() const { return has_value(); }

  // Only if there is a value.
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

  // Only if there is none.
  const Error& error() const { return error_; }

 private:
  std::optional<T> value_;
  Error error_;
};

template <>
class [[nodiscard]] Expected<void> {
 public:
  Expected() = default;
  Expected(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace nsq
