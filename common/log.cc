#include "common/log.h"

#include <glog/logging.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <ctime>
#include <mutex>

#include "common/time.h"

namespace nsq {
namespace internal {
std::atomic<int> least_log_level{static_cast<int>(LogLevel::kInfo)};
}  // namespace internal

namespace {

// Written once, before there are other threads.
std::string& Prefix() {
  static std::string* const prefix = new std::string;
  return *prefix;
}

std::string_view Word(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kWarn:
      return "WARNING";
    case LogLevel::kError:
      return "ERROR";
    case LogLevel::kFatal:
      return "FATAL";
  }
  return "INFO";
}

}  // namespace

std::optional<LogLevel> ParseLogLevel(std::string_view word) {
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "debug") return LogLevel::kDebug;
  if (lower == "info") return LogLevel::kInfo;
  if (lower == "warn") return LogLevel::kWarn;
  if (lower == "error") return LogLevel::kError;
  if (lower == "fatal") return LogLevel::kFatal;
  return std::nullopt;
}

void InitLogging(const std::string& program, const std::string& prefix, LogLevel level) {
  Prefix() = prefix;
  SetLogLevel(level);
  FLAGS_logtostderr = true;
  FLAGS_log_prefix = false;  // ours stands in the text: NSQ's form, which log collectors parse
  static std::string* const name = new std::string(program);  // glog keeps the pointer
  static std::once_flag once;
  std::call_once(once, [] { google::InitGoogleLogging(name->c_str()); });
}

std::string FormatLogTime(bool with_micros) {
  const WallTime now = WallNow();
  const time_t whole = static_cast<time_t>(UnixSeconds(now));
  tm parts{};
  localtime_r(&whole, &parts);
  char text[48];
  const size_t n = std::strftime(text, sizeof text, "%Y/%m/%d %H:%M:%S", &parts);
  if (with_micros) {
    std::snprintf(text + n, sizeof text - n, ".%06d",
                  static_cast<int>(UnixNanos(now) % 1'000'000'000 / 1000));
  }
  return text;
}

void SetLogLevel(LogLevel level) {
  internal::least_log_level.store(static_cast<int>(level), std::memory_order_relaxed);
}

LogLevel GetLogLevel() {
  return static_cast<LogLevel>(internal::least_log_level.load(std::memory_order_relaxed));
}

void LogLine(LogLevel level, std::string_view text) {
  // One severity for glog: its own levels would filter and flush by rules that are not NSQ's.
  google::LogMessage(__FILE__, __LINE__, google::GLOG_INFO).stream()
      << Prefix() << FormatLogTime(true) << ' ' << Word(level) << ": " << text;
}

}  // namespace nsq
