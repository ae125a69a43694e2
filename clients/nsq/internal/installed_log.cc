// common/log.h for the library as it is installed: a library writes nothing by itself. What it has
// to say goes to the LogSink; what the parts below it would say about a program of ours is dropped.

#include "common/log.h"

namespace nsq {
namespace internal {
std::atomic<int> least_log_level{static_cast<int>(LogLevel::kFatal) + 1};
}  // namespace internal

void LogLine(LogLevel /*level*/, std::string_view /*text*/) {}

}  // namespace nsq
