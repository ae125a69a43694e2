#include "admin/answer.h"

#include "common/log.h"
#include "common/strings.h"

namespace nsq::admin {

Response FailureOf(std::string_view what, const Status& status) {
  NSQ_LOG(kError, "failed to ", what, " - ", status.detail());
  if (status.code() == Code::kNotFound) return Response::Error(404, status.detail());
  return Response::Error(502, StrCat("UPSTREAM_ERROR: ", status.detail()));
}

void WriteMessage(const std::vector<std::string>& warnings, JsonWriter* json) {
  std::string message;
  for (const std::string& warning : warnings) {
    NSQ_LOG(kWarn, warning);
    message += (message.empty() ? "WARNING: " : "; ") + warning;
  }
  json->String("message", message);
}

}  // namespace nsq::admin
