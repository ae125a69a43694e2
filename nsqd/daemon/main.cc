// nsqd: keeps messages and hands them to consumers.

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"
#include "common/log.h"
#include "common/strings.h"
#include "nsqd/daemon/daemon.h"
#include "nsqd/daemon/flags/check_options.h"
#include "nsqd/daemon/flags/flag_table.h"
#include "nsqd/daemon/flags/running_config.h"
#include "nsqd/daemon/verify_command.h"

namespace {

// Says why there will be no daemon; whatever --log-prefix and --log-level say, as the original.
int Fatal(std::string_view text) {
  const std::string line = nsq::StrCat("[nsqd] ", nsq::FormatLogTime(true), " FATAL: ", text, "\n");
  std::fputs(line.c_str(), stderr);
  return 1;
}

int CannotStart(const nsq::Status& status) {
  // By the time topics are loaded, the original calls itself instantiated.
  for (const std::string_view after : {"failed to load metadata", "failed to persist metadata"}) {
    if (status.detail().starts_with(after)) return Fatal(status.detail());
  }
  return Fatal("failed to instantiate nsqd - " + status.detail());
}

}  // namespace

int main(int argc, char** argv) {
  char hostname[256] = {};
  if (gethostname(hostname, sizeof hostname - 1) != 0) return Fatal(std::strerror(errno));

  nsq::Config config("nsqd", nsq::nsqd::FlagTable(hostname));
  if (const auto code = config.Load(argc, argv)) return *code;
  const nsq::Result<nsq::nsqd::Options> options = nsq::nsqd::CheckOptions(config);
  if (!options.ok()) return CannotStart(options.status());

  nsq::InitLogging("nsqd", options->log_prefix, options->log_level);

  if (!config.Bool("verify") && !config.String("salvage").empty()) {
    return Fatal("--salvage goes with --verify");
  }
  if (config.Bool("verify")) {
    return nsq::nsqd::VerifyDataPath(*options, config.String("salvage"));
  }

  nsq::nsqd::RunningConfig running(config);
  nsq::nsqd::Daemon daemon(*options, [&running, &daemon](std::string_view key) {
    return running.Get(key, daemon.lookupd_addresses());
  });
  if (const nsq::Status status = daemon.Start(); !status.ok()) return CannotStart(status);
  running.Resolve(daemon.ports().tcp, daemon.ports().http);
  daemon.Run();
  return 0;
}
