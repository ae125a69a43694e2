#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace nsq {

enum class Severity { kDebug, kInfo, kWarning, kError };

// What a log line is about, for programs.
enum class Event {
  kConnecting,
  kConnected,      // through the handshake; a consumer is subscribed
  kConnectFailed,  //
  kLost,           // a connection that was up has ended
  kServerError,    // E_... that is nobody's answer
  kLookup,         // nsqlookupd was asked
  kLookupFailed,   //
  kBackoff,        // a consumer backs off, or tries one message, or is out of it
  kHandlerFailed,  //
  kGaveUp,         // a message was delivered more than max_attempts times
  kNotGranted,     // the server does not do what was asked for
  kStopping,       //
  kStopped,
};

struct LogRecord {
  Severity severity = Severity::kInfo;
  Event event = Event::kConnecting;
  uint64_t instance = 0;  // counts producers and consumers of one Runtime from 1
  std::string topic;      // of a consumer; empty for producers
  std::string channel;
  std::string nsqd;  // empty if it is about no single one
  std::string text;
};

// Called on the library's threads, several at once; must neither block nor call the library.
using LogSink = std::function<void(const LogRecord&)>;

// "INF    1 [topic/channel] (127.0.0.1:4150) connecting to nsqd", as NSQ's Go client writes it.
std::string FormatLogRecord(const LogRecord& record);

// The usual sink: "2026/11/20 22:54:02 " and the above, to stderr.
LogSink StderrSink();

}  // namespace nsq
