#include <nsq/log.h>

#include <cstdio>
#include <ctime>

#include "common/strings.h"

namespace nsq {
namespace {

std::string_view Word(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return "DBG";
    case Severity::kInfo:
      return "INF";
    case Severity::kWarning:
      return "WRN";
    case Severity::kError:
      return "ERR";
  }
  return "INF";
}

}  // namespace

std::string FormatLogRecord(const LogRecord& record) {
  char number[24];
  std::snprintf(number, sizeof number, "%3llu", static_cast<unsigned long long>(record.instance));
  std::string line = StrCat(Word(record.severity), "  ", number);
  if (!record.topic.empty()) line += StrCat(" [", record.topic, "/", record.channel, "]");
  if (!record.nsqd.empty()) line += StrCat(" (", record.nsqd, ")");
  return StrCat(line, " ", record.text);
}

LogSink StderrSink() {
  return [](const LogRecord& record) {
    const time_t now = std::time(nullptr);
    tm parts{};
    localtime_r(&now, &parts);
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%Y/%m/%d %H:%M:%S", &parts);
    // In one piece: others write there too.
    const std::string line = StrCat(stamp, " ", FormatLogRecord(record), "\n");
    std::fwrite(line.data(), 1, line.size(), stderr);
  };
}

}  // namespace nsq
