#include "clients/apps/app.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "clients/nsq/internal/tls.h"
#include "common/check.h"
#include "common/log.h"
#include "common/strings.h"
#include "common/version.h"

namespace nsq::apps {

void LogText(std::string_view text) {
  const std::string line = StrCat(FormatLogTime(false), " ", text, "\n");
  std::fwrite(line.data(), 1, line.size(), stderr);
}

int Failed(std::string_view why) {
  LogText(why);
  return 1;
}

Quit::Quit(std::initializer_list<int> signals)
    : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = UniqueFd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  for (const UniqueFd* fd : {&signals_, &event_}) {
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.fd = fd->get();
    NSQ_CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd->get(), &interest) == 0);
  }
}

void Quit::Now(int code) {
  int unset = -1;
  code_.compare_exchange_strong(unset, code);
  const uint64_t one = 1;
  static_cast<void>(::write(event_.get(), &one, sizeof one) == sizeof one);
}

std::optional<int> Quit::Wait() {
  while (true) {
    if (asked()) return std::nullopt;
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) == sizeof info) {
      return static_cast<int>(info.ssi_signo);
    }
    epoll_event ready{};
    ::epoll_wait(epoll_.get(), &ready, 1, -1);
  }
}

int Quit::code() const {
  const int code = code_.load();
  return code < 0 ? 0 : code;
}

Flag NsqdFlag() {
  return {"nsqd-tcp-address",
          "",
          Kind::kStringList,
          "",
          "",
          "nsqd TCP address (may be given multiple times)"};
}

Flag LookupdFlag() {
  return {"lookupd-http-address",
          "",
          Kind::kStringList,
          "",
          "",
          "lookupd HTTP address (may be given multiple times)"};
}

Flag VersionFlag() { return {"version", "", Kind::kBool, "false", "", "print version string"}; }

Flag OptionFlag(const std::string& name, const std::string& whose) {
  Flag flag{name,
            "",
            Kind::kStringList,
            "",
            "",
            StrCat("option for each ", whose,
                   ", as name,value (may be given multiple times; names as of NSQ's Go client)")};
  flag.check = [](std::string_view text) {
    ClientOptions trial;
    if (const Expected<void> set = trial.SetPair(text); !set) return set.error().detail;
    if (trial.tls_root_ca_file.empty()) return std::string();
    trial.tls_v1 = true;  // whether the file can be used is said here, as by NSQ's tools
    const auto tls = client::MakeTls(trial);
    if (tls) return std::string();
    const bool read = ::access(trial.tls_root_ca_file.c_str(), R_OK) == 0;
    return read ? "ERROR: failed to append certificates from Certificate Authority file"
                : "ERROR: failed to read custom Certificate Authority file " + tls.error().detail;
  };
  return flag;
}

std::optional<int> LoadFlags(Config* config, int argc, const char* const* argv,
                             const std::function<std::string()>& before_version) {
  // What the event loop says about itself is for daemons. nsq_to_file sets another level.
  SetLogLevel(LogLevel::kFatal);
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  std::string out;
  std::string err;
  const std::optional<int> code = config->Load(arguments, &out, &err);
  if (err.empty() && before_version) {
    if (const std::string wrong = before_version(); !wrong.empty()) return Failed(wrong);
  }
  std::fputs(out.c_str(), stdout);
  std::fputs(err.c_str(), stderr);
  std::fflush(stdout);
  return code;
}

std::string ToolVersion(std::string_view tool) { return StrCat(tool, " v", kVersion); }

std::string CheckSources(const Config& config) {
  const bool nsqd = !config.Strings("nsqd-tcp-address").empty();
  const bool lookupd = !config.Strings("lookupd-http-address").empty();
  if (!nsqd && !lookupd) return "--nsqd-tcp-address or --lookupd-http-address required";
  if (nsqd && lookupd) return "use --nsqd-tcp-address or --lookupd-http-address not both";
  return "";
}

ClientOptions OptionsFrom(const Config& config, const std::string& flag, std::string_view tool) {
  ClientOptions options;
  for (const std::string& pair : config.Strings(flag)) {
    static_cast<void>(options.SetPair(pair));  // was checked when it was parsed
  }
  options.user_agent = StrCat(tool, "/", kVersion, " go-nsq/1.1.0");
  return options;
}

ConsumerOptions ConsumerFrom(const Config& config, std::string_view tool, std::string topic,
                             std::string channel, int max_in_flight) {
  ConsumerOptions options;
  options.topic = std::move(topic);
  options.channel = std::move(channel);
  options.nsqds = config.Strings("nsqd-tcp-address");
  options.lookupds = config.Strings("lookupd-http-address");
  options.client = OptionsFrom(config, "consumer-opt", tool);
  options.client.max_in_flight = max_in_flight;
  options.fail_fast = true;
  return options;
}

}  // namespace nsq::apps
