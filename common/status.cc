#include "common/status.h"

#include <cerrno>
#include <cstring>

namespace nsq {

std::string_view ToString(Code code) {
  switch (code) {
    case Code::kOk:
      return "ok";
    case Code::kInvalid:
      return "invalid";
    case Code::kNotFound:
      return "not found";
    case Code::kExists:
      return "exists";
    case Code::kExhausted:
      return "exhausted";
    case Code::kIo:
      return "io";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kTimeout:
      return "timeout";
  }
  return "unknown";
}

std::string Status::ToString() const {
  if (ok()) return "ok";
  return std::string(nsq::ToString(code_)) + ": " + detail_;
}

Status ErrnoStatus(int error_number, std::string_view what) {
  Code code = Code::kIo;
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:  // a limit of the process, as a quota
      code = Code::kExhausted;
      break;
    case ENOENT:
      code = Code::kNotFound;
      break;
    case EEXIST:
      code = Code::kExists;
      break;
    default:
      break;
  }
  char text[256];
  // The GNU version, which may or may not use the buffer.
  const char* reason = strerror_r(error_number, text, sizeof text);
  return Status(code, std::string(what) + ": " + reason);
}

}  // namespace nsq
