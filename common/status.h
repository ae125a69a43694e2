#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/check.h"

namespace nsq {

// What the caller can do about it, not what happened.
enum class Code {
  kOk,
  kInvalid,      // the request is wrong: do not repeat it
  kNotFound,     // what it names is not there
  kExists,       // what it would make is there already
  kExhausted,    // disk, quota or a limit of ours is full: try again later
  kIo,           // the system refused; the detail says why
  kCorrupt,      // data is damaged: set it aside and go on with its neighbours
  kUnavailable,  // the other side, or this object, is going away
  kTimeout,
};

std::string_view ToString(Code code);

// Success, or a code with a sentence for people: what was tried, on what, and the system's reason
// ("append to orders/000012.log: No space left on device").
//
// Home: any thread; a value.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string detail) : code_(code), detail_(std::move(detail)) {}

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& detail() const { return detail_; }

  // "kIo: append to ...", for logs and test failures.
  std::string ToString() const;

 private:
  Code code_ = Code::kOk;
  std::string detail_;
};

// Status(code, "<what>: <strerror(error_number)>"); ENOSPC and EDQUOT become kExhausted, ENOENT
// kNotFound, EEXIST kExists, anything else kIo.
Status ErrnoStatus(int error_number, std::string_view what);

// A value or the reason why there is none; shaped like std::expected.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    NSQ_DCHECK(!status_.ok());
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  T& operator*() { return Get(); }
  const T& operator*() const { return const_cast<Result*>(this)->Get(); }
  T* operator->() { return &Get(); }
  const T* operator->() const { return &const_cast<Result*>(this)->Get(); }

 private:
  T& Get() {
    NSQ_DCHECK(value_.has_value());
    return *value_;
  }

  Status status_;
  std::optional<T> value_;
};

}  // namespace nsq
