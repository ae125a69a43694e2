// nsqadmin: shows an NSQ cluster in a browser.

#include <malloc.h>
#include <pthread.h>

#include <csignal>

#include "admin/daemon.h"
#include "admin/flags.h"
#include "common/config/config.h"
#include "common/log.h"
#include "common/open_files.h"
#include "common/strings.h"
#include "common/version.h"

namespace {

// All threads are started after this, so that the signals are left for sigwait.
sigset_t BlockStopSignals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

}  // namespace

int main(int argc, char** argv) {
  nsq::Config config("nsqadmin", nsq::admin::Flags());
  if (const auto code = config.Load(argc, argv)) return *code;

  nsq::InitLogging("nsqadmin", config.String("log-prefix"), config.Level("log-level"));
  NSQ_LOG(kInfo, nsq::VersionLine("nsqadmin"));

  nsq::RaiseOpenFileLimit();
  // Some hundred threads, of which most wait: an arena for each would keep memory and gain nothing.
  mallopt(M_ARENA_MAX, 2);
  const sigset_t stop = BlockStopSignals();
  auto daemon = nsq::admin::Daemon::Start(&config, nsq::admin::OptionsFrom(config));
  if (!daemon.ok()) {
    nsq::LogLine(nsq::LogLevel::kFatal,
                 nsq::StrCat("failed to instantiate nsqadmin - ", daemon.status().detail()));
    return 1;
  }
  int received = 0;
  sigwait(&stop, &received);
  NSQ_LOG(kInfo, "HTTP: closing ", (*daemon)->address());
  return 0;
}
