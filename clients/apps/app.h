#pragma once

#include <nsq/client_options.h>
#include <nsq/consumer.h>

#include <atomic>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"
#include "common/config/flag.h"
#include "common/event/unique_fd.h"

// What the utilities have in common.

namespace nsq::apps {

// "2026/11/20 22:54:02 text" to stderr, as NSQ's tools write.
void LogText(std::string_view text);

// Says why and gives the exit code for it, 1.
int Failed(std::string_view why);

// What a program's main thread waits for: a signal, or that some thread has had enough.
//
// Home: made on the main thread before there are others, which then do not get these signals; Now
// on any thread, the rest on the main one.
class Quit {
 public:
  Quit(std::initializer_list<int> signals);
  Quit(const Quit&) = delete;
  Quit& operator=(const Quit&) = delete;

  // The program shall end with this code. The first call counts.
  void Now(int code);

  // The next signal; nothing once Now was called.
  std::optional<int> Wait();
  // Readable when Wait would not wait.
  int fd() const { return epoll_.get(); }

  bool asked() const { return code_.load() >= 0; }
  // What Now was given, else 0.
  int code() const;

 private:
  UniqueFd signals_;
  UniqueFd event_;
  UniqueFd epoll_;
  std::atomic<int> code_{-1};
};

// -nsqd-tcp-address, -lookupd-http-address; and -version.
Flag NsqdFlag();
Flag LookupdFlag();
Flag VersionFlag();
// "consumer-opt", "producer-opt": checked when they are parsed.
Flag OptionFlag(const std::string& name, const std::string& whose);

// Reads the command line. A value is the code to exit with now. `before_version` says what is wrong
// even where -version is asked for, or "".
std::optional<int> LoadFlags(Config* config, int argc, const char* const* argv,
                             const std::function<std::string()>& before_version = {});
// For the constructor of Config: "nsq_tail v1.3.0".
std::string ToolVersion(std::string_view tool);

// What is wrong with the two kinds of addresses, or "".
std::string CheckSources(const Config& config);

// The options after -consumer-opt or -producer-opt, with the tool's user agent.
ClientOptions OptionsFrom(const Config& config, const std::string& flag, std::string_view tool);

// A consumer of what the flags name, which fails if an nsqd cannot be reached at the start.
ConsumerOptions ConsumerFrom(const Config& config, std::string_view tool, std::string topic,
                             std::string channel, int max_in_flight);

// How long a tool waits at its end for what is under way.
inline constexpr std::chrono::seconds kStopTime{30};

}  // namespace nsq::apps
