#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "common/strings.h"

namespace nsq {

// The numbers are NSQ's: what GET /config/log_level shows.
enum class LogLevel : int { kDebug = 1, kInfo = 2, kWarn = 3, kError = 4, kFatal = 5 };

// "debug", "info", "warn", "error", "fatal" in any case; nothing else.
std::optional<LogLevel> ParseLogLevel(std::string_view word);

// Sends this process's log lines to stderr as "<prefix>2026/11/20 22:47:42.840121 INFO: text".
// Before the first line; the level may be changed later, by any thread.
void InitLogging(const std::string& program, const std::string& prefix, LogLevel level);
void SetLogLevel(LogLevel level);
LogLevel GetLogLevel();

// "2026/11/20 22:47:42.840121", local time; without microseconds "2026/11/20 22:47:42".
std::string FormatLogTime(bool with_micros);

// Writes one line, whatever the level. kFatal is a word here; ending the process is the caller's.
void LogLine(LogLevel level, std::string_view text);

namespace internal {
extern std::atomic<int> least_log_level;
}

}  // namespace nsq

// NSQ_LOG(kInfo, "TOPIC(", name, "): created"): the pieces are put together only if it is shown.
#define NSQ_LOG(level, ...)                                                 \
  do {                                                                      \
    if (static_cast<int>(::nsq::LogLevel::level) >=                         \
        ::nsq::internal::least_log_level.load(std::memory_order_relaxed)) { \
      ::nsq::LogLine(::nsq::LogLevel::level, ::nsq::StrCat(__VA_ARGS__));   \
    }                                                                       \
  } while (false)
