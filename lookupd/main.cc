// nsqlookupd: the directory of an NSQ cluster.

#include <csignal>

#include "common/config/config.h"
#include "common/event/event_loop.h"
#include "common/event/signal_watch.h"
#include "common/log.h"
#include "common/open_files.h"
#include "common/strings.h"
#include "common/version.h"
#include "lookupd/daemon.h"
#include "lookupd/flags.h"

int main(int argc, char** argv) {
  nsq::Config config("nsqlookupd", nsq::lookupd::Flags());
  if (const auto code = config.Load(argc, argv)) return *code;

  nsq::InitLogging("nsqlookupd", config.String("log-prefix"), config.Level("log-level"));
  NSQ_LOG(kInfo, nsq::VersionLine("nsqlookupd"));

  nsq::RaiseOpenFileLimit();
  nsq::IgnoreSignals({SIGPIPE, SIGHUP, SIGUSR1, SIGUSR2});
  nsq::EventLoop loop("loop 0");
  const nsq::SignalWatch stop(loop, {SIGINT, SIGTERM}, [&loop](int) { loop.Stop(); });

  auto daemon = nsq::lookupd::Daemon::Start(loop, nsq::lookupd::OptionsFrom(config));
  if (!daemon.ok()) {
    nsq::LogLine(nsq::LogLevel::kFatal,
                 nsq::StrCat("failed to instantiate nsqlookupd - ", daemon.status().detail()));
    return 1;
  }
  loop.Run();
  return 0;
}
