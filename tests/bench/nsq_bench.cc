// Load for any nsqd that speaks the V2 protocol; see README.md.

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/bench/compare.h"
#include "tests/bench/format.h"
#include "tests/bench/limits.h"
#include "tests/bench/options.h"
#include "tests/bench/report.h"
#include "tests/bench/run.h"
#include "tests/bench/server.h"

namespace nsq::bench {
namespace {

constexpr int kFailed = 1;  // the run, or something is missing after it
constexpr int kMisused = 2;

std::optional<Mode> FindMode(std::string_view name) {
  for (const Mode mode :
       {Mode::kPub, Mode::kMpub, Mode::kSub, Mode::kPubSub, Mode::kLatency, Mode::kHttp}) {
    if (ToString(mode) == name) return mode;
  }
  return std::nullopt;
}

int Misused(const Status& status) {
  std::fprintf(stderr, "nsq_bench: %s\n\n%s", status.detail().c_str(), Usage().c_str());
  return kMisused;
}

int Failed(const Status& status) {
  std::fprintf(stderr, "nsq_bench: %s\n", status.detail().c_str());
  return kFailed;
}

Result<std::unique_ptr<Server>> FindServer(const ServerOptions& options) {
  if (options.spawn.empty()) return Server::Attach(options.tcp, options.http, options.pid);
  return Server::Spawn(options.spawn, options.flags, options.data_dir, options.count_calls);
}

// What the options allow a message to cost.
void CheckCalls(const RunOptions& options, Report* report) {
  const auto check = [&](const char* what, double limit, uint64_t calls) {
    const double each = static_cast<double>(calls) / static_cast<double>(report->messages());
    if (limit >= 0 && each > limit) {
      report->failures.push_back(
          Format("%.4f %s a message, at most %.4f wanted", each, what, limit));
    }
  };
  if (options.max_allocations < 0 && options.max_system_calls < 0) return;
  if (!report->server_calls || report->messages() == 0) {
    report->failures.push_back("the server's calls are not known: give --count-calls");
    return;
  }
  check("allocations", options.max_allocations, report->server_calls->allocations);
  check("system calls", options.max_system_calls, report->server_calls->system_calls);
}

int RunMode(const RunOptions& options) {
  ServerOptions server_options = options.server;
  std::optional<ServerCertificate> certificate;
  if (options.workload.layers.tls) {
    const std::vector<std::string> flags = certificate.emplace().flags();
    server_options.flags.insert(server_options.flags.begin(), flags.begin(), flags.end());
  }
  const Result<std::unique_ptr<Server>> server = FindServer(server_options);
  if (!server.ok()) return Failed(server.status());
  Result<Report> report = Run(options.workload, **server);
  const Status stopped = (*server)->Stop();
  if (!report.ok()) return Failed(report.status());
  CheckCalls(options, &*report);
  std::printf("%s", options.json ? (ToJson(*report) + "\n").c_str() : ToText(*report).c_str());
  if (!stopped.ok()) return Failed(stopped);
  return report->ok() ? 0 : kFailed;
}

int Main(const std::vector<std::string>& words) {
  if (words.empty()) return Misused(Status(Code::kInvalid, "which mode?"));
  const std::vector<std::string> flags(words.begin() + 1, words.end());
  if (words[0] == "--help" || words[0] == "help") {
    std::printf("%s", Usage().c_str());
    return 0;
  }
  if (words[0] == "limits") {
    const Status status = PrintLimits(flags.empty() ? "/tmp" : flags[0]);
    return status.ok() ? 0 : Failed(status);
  }
  if (words[0] == "compare") {
    const Result<CompareOptions> options = ParseCompareOptions(flags);
    if (!options.ok()) return Misused(options.status());
    return Compare(*options) ? 0 : kFailed;
  }
  const std::optional<Mode> mode = FindMode(words[0]);
  if (!mode) return Misused(Status(Code::kInvalid, "there is no mode " + words[0]));
  const Result<RunOptions> options = ParseRunOptions(*mode, flags);
  if (!options.ok()) return Misused(options.status());
  return RunMode(*options);
}

}  // namespace
}  // namespace nsq::bench

int main(int argc, char** argv) {
  return nsq::bench::Main(std::vector<std::string>(argv + 1, argv + argc));
}
