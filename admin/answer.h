#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/json_writer.h"
#include "admin/request.h"
#include "common/status.h"

namespace nsq::admin {

// The one place that knows which HTTP status an error of the cluster has. Logs "failed to <what>".
Response FailureOf(std::string_view what, const Status& status);

// Writes `message`: empty, or what went wrong on the way, step by step, which is logged too.
void WriteMessage(const std::vector<std::string>& warnings, JsonWriter* json);

}  // namespace nsq::admin
