#include "tests/bench/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/check.h"
#include "common/strings.h"
#include "tests/bench/format.h"
#include "tests/bench/report.h"
#include "tests/bench/run.h"
#include "tests/bench/server.h"
#include "tests/bench/standing.h"

namespace nsq::bench {
namespace {

// What a row is to reach: a figure of the other side divided by ours (or ours by theirs, where more
// is better), against the other with its queue in memory and with --mem-queue-size=0. 0: no target.
struct Target {
  double memory = 0;
  double disk = 0;
};

enum class Kind {
  kLoad,           // a workload
  kIdleConsumers,  // what consumers cost that get nothing
  kDeferred,       // what messages cost that are due in an hour
  kIdleTopics,     // what topics cost that nobody uses
};

struct Standard {
  std::string name;
  Workload workload;
  Target cpu;
  Target rate;              // messages a second
  Target p50;               // of the publishers' latency
  Target tail;              // end to end, p99 and p99.9
  double most_rss_mib = 0;  // of ours
  bool synced = false;      // --durability=fsync against --sync-every=1
  Kind kind = Kind::kLoad;
  int64_t count = 0;          // of what stands there
  Target rss;                 // what each of them takes
  double most_rss_bytes = 0;  // of ours, for each
};

Standard Make(std::string name, Mode mode, int64_t messages, Target cpu = {}) {
  Standard standard;
  standard.name = std::move(name);
  standard.workload = DefaultWorkload(mode);
  standard.workload.messages = messages;
  standard.cpu = cpu;
  return standard;
}

Standard MakeStanding(std::string name, Kind kind, int64_t count, Target cpu = {}) {
  Standard standard;
  standard.name = std::move(name);
  standard.kind = kind;
  standard.count = count;
  standard.cpu = cpu;
  return standard;
}

// Long enough, on one core of 2020, for a second or more each.
std::vector<Standard> StandardWorkloads() {
  std::vector<Standard> all;
  all.push_back(Make("PUB, 4 connections, 100 in flight", Mode::kPub, 400'000, {15, 25}));

  all.push_back(Make("PUB one at a time, 1 connection", Mode::kPub, 40'000, {4, 5}));
  all.back().workload.connections = 1;
  all.back().workload.pipeline = 1;
  all.back().p50 = {2, 0};

  all.push_back(Make("PUB one at a time, 16 connections", Mode::kPub, 150'000, {4, 5}));
  all.back().workload.connections = 16;
  all.back().workload.pipeline = 1;

  all.push_back(Make("MPUB 200 x 200 B, 4 connections", Mode::kMpub, 2'000'000, {6, 30}));

  all.push_back(Make("MPUB and consume, RDY 200, 2 consumers", Mode::kPubSub, 1'000'000, {8, 20}));
  all.back().rate = {5, 0};

  all.push_back(Make("consume, RDY 200, 2 consumers", Mode::kSub, 1'000'000));

  all.push_back(Make("consume, RDY 1, 2 consumers", Mode::kSub, 60'000, {4, 0}));
  all.back().workload.rdy = 1;

  all.push_back(Make("consume, RDY 2500, 2 consumers", Mode::kSub, 1'000'000, {10, 0}));
  all.back().workload.rdy = 2500;

  all.push_back(Make("MPUB and consume, 16 channels", Mode::kPubSub, 60'000, {10, 30}));
  all.back().workload.channels = 16;
  all.back().workload.consumers = 1;

  all.push_back(Make("MPUB 50 x 64 KiB, 4 connections", Mode::kMpub, 10'000, {2, 6}));
  all.back().workload.batch = 50;
  all.back().workload.size_bytes = 65'536;

  // Beside the rows of one topic above.
  all.push_back(Make("PUB, 100 in flight, 1000 topics", Mode::kPub, 400'000));
  all.back().workload.topics = 1000;
  all.push_back(Make("MPUB 200 x 200 B, 1000 topics", Mode::kMpub, 4'000'000));
  all.back().workload.topics = 1000;

  all.push_back(Make("HTTP POST /pub, 16 connections", Mode::kHttp, 100'000, {4, 0}));

  all.push_back(Make("drain a backlog of 5 million, RDY 2500", Mode::kSub, 5'000'000));
  all.back().workload.rdy = 2500;
  all.back().rate = {5, 5};
  all.back().most_rss_mib = 150;

  all.push_back(Make("latency, 50 000 msg/s", Mode::kLatency, 250'000));
  all.back().tail = {3, 0};

  all.push_back(Make("PUB one at a time, 16 producers, synced", Mode::kPub, 3'000));
  all.back().workload.connections = 16;
  all.back().workload.pipeline = 1;
  all.back().synced = true;
  all.back().rate = {10, 10};

  all.push_back(MakeStanding("idle consumers, 5000", Kind::kIdleConsumers, 5000, {5, 5}));
  all.back().rss = {5, 5};
  all.push_back(MakeStanding("deferred messages, a million", Kind::kDeferred, 1'000'000));
  all.back().most_rss_bytes = 64;
  all.push_back(MakeStanding("idle topics x 10 channels, 1000", Kind::kIdleTopics, 1000));
  return all;
}

// One side's runs of one workload.
struct Side {
  std::string name;
  bool ours;
  std::string program;
  std::vector<std::string> flags;
  std::vector<Report> reports;
  std::vector<Standing> standings;

  bool complete(int64_t rounds) const { return std::ssize(reports) == rounds; }
};

template <typename Figure>
double Median(const std::vector<Report>& reports, Figure figure) {
  std::vector<double> values;
  for (const Report& report : reports) values.push_back(figure(report));
  std::sort(values.begin(), values.end());
  if (values.empty()) return std::nan("");
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double CpuUs(const Side& side) {
  return Median(side.reports,
                [](const Report& report) { return report.server_us_per_message().value_or(0); });
}
double Rate(const Side& side) {
  return Median(side.reports, [](const Report& report) { return report.messages_per_second(); });
}
double RssMib(const Side& side) {
  return Median(side.reports, [](const Report& report) {
    return static_cast<double>(report.peak_rss_kib.value_or(0)) / 1024;
  });
}

Result<Standing> Stand(const Standard& standard, const Server& server) {
  switch (standard.kind) {
    case Kind::kIdleConsumers:
      return StandIdleConsumers(server, standard.count);
    case Kind::kDeferred:
      return StandDeferred(server, standard.count);
    case Kind::kIdleTopics:
      return StandIdleTopics(server, standard.count, 10);
    case Kind::kLoad:
      break;
  }
  NSQ_CHECK(false);
}

Status RunOnce(const Standard& standard, const std::string& data_dir, Side* side) {
  std::vector<std::string> flags = side->flags;
  if (standard.synced) {
    const std::vector<std::string> more =
        side->ours ? std::vector<std::string>{"--durability=fsync"}
                   : std::vector<std::string>{"--mem-queue-size=0", "--sync-every=1"};
    flags.insert(flags.end(), more.begin(), more.end());
  }
  const Result<std::unique_ptr<Server>> server = Server::Spawn(side->program, flags, data_dir);
  if (!server.ok()) return server.status();
  if (standard.kind != Kind::kLoad) {
    const Result<Standing> standing = Stand(standard, **server);
    Status stopped = (*server)->Stop();
    if (!standing.ok()) return standing.status();
    side->standings.push_back(*standing);
    return stopped;
  }
  Result<Report> report = Run(standard.workload, **server);
  Status stopped = (*server)->Stop();
  if (!report.ok()) return report.status();
  if (!stopped.ok()) return stopped;
  if (!report->ok()) return Status(Code::kCorrupt, report->failures.front());
  side->reports.push_back(std::move(*report));
  return Status();
}

// What is wanted of a row, and whether it is so; "-" where nothing is.
std::string Verdict(double reached, double wanted) {
  if (wanted == 0 || std::isnan(reached)) return Format("%6s     ", "-");
  return Format("%6.3g %-4s", wanted, reached >= wanted ? "ok" : "MISS");
}

// Which column of the targets holds: the other's queue is in memory unless it was told otherwise.
double Wanted(const Target& target, const std::vector<Side>& sides) {
  if (sides.size() < 2) return 0;
  const std::vector<std::string>& flags = sides[1].flags;
  const bool disk = std::find(flags.begin(), flags.end(), "--mem-queue-size=0") != flags.end();
  return disk ? target.disk : target.memory;
}

void PrintRow(const Standard& standard, const std::vector<Side>& sides) {
  std::string row = Format("%-40s", standard.name.c_str());
  for (const Side& side : sides) row += Format(" | %9.3f", CpuUs(side));
  if (sides.size() == 2) {
    const double times = CpuUs(sides[1]) / CpuUs(sides[0]);
    row += Format(" | %6.2f | %s", times, Verdict(times, Wanted(standard.cpu, sides)).c_str());
  }
  for (const Side& side : sides) row += Format(" | %9.0f", Rate(side));
  for (const Side& side : sides) row += Format(" | %8.1f", RssMib(side));
  std::printf("%s\n", row.c_str());
}

void PrintHead(const std::vector<Side>& sides) {
  std::string row = Format("%-40s", "workload (CPU: us of the server a message)");
  for (const Side& side : sides) row += Format(" | %4s us/m", side.name.c_str());
  if (sides.size() == 2) row += " |  times |   want     ";
  for (const Side& side : sides) row += Format(" | %4s m/s ", side.name.c_str());
  for (const Side& side : sides) row += Format(" | %4s MiB", side.name.c_str());
  std::printf("%s\n", row.c_str());
}

void PrintGoal(const char* what, double reached, double wanted) {
  if (wanted == 0) return;
  std::printf("    %-36s %8.2f times | want %s\n", what, reached, Verdict(reached, wanted).c_str());
}

double Percentile(const Side& side, Histogram Report::*latency, double quantile) {
  Histogram all;
  for (const Report& report : side.reports) all.Merge(report.*latency);
  return static_cast<double>(all.Percentile(quantile));
}

// What else is wanted of a row than CPU time.
void PrintGoals(const Standard& standard, const std::vector<Side>& sides) {
  if (standard.most_rss_mib > 0) {
    const double mib = RssMib(sides[0]);
    std::printf("    %-36s %8.1f MiB   | want below %.0f %s\n", "peak memory", mib,
                standard.most_rss_mib, mib < standard.most_rss_mib ? "ok" : "MISS");
  }
  if (sides.size() < 2) return;
  PrintGoal("messages a second", Rate(sides[0]) / Rate(sides[1]), Wanted(standard.rate, sides));
  const auto less = [&](Histogram Report::*latency, double quantile) {
    return Percentile(sides[1], latency, quantile) / Percentile(sides[0], latency, quantile);
  };
  PrintGoal("publish latency less, p50", less(&Report::publish_latency, 0.5),
            Wanted(standard.p50, sides));
  PrintGoal("end-to-end latency less, p99", less(&Report::end_to_end_latency, 0.99),
            Wanted(standard.tail, sides));
  PrintGoal("end-to-end latency less, p99.9", less(&Report::end_to_end_latency, 0.999),
            Wanted(standard.tail, sides));
}

double StandingMedian(const Side& side, double Standing::*figure) {
  std::vector<double> values;
  for (const Standing& standing : side.standings) values.push_back(standing.*figure);
  std::sort(values.begin(), values.end());
  return values.empty() ? std::nan("") : values[values.size() / 2];
}

void PrintStanding(const Standard& standard, const std::vector<Side>& sides) {
  std::printf("%s\n", standard.name.c_str());
  const auto print = [&](const char* what, double Standing::*figure, double wanted) {
    std::string row = Format("    %-36s", what);
    for (const Side& side : sides) row += Format(" | %9.3f", StandingMedian(side, figure));
    if (sides.size() == 2) {
      const double times = StandingMedian(sides[1], figure) / StandingMedian(sides[0], figure);
      row += Format(" | %6.2f | %s", times, Verdict(times, wanted).c_str());
    }
    std::printf("%s\n", row.c_str());
  };
  print("CPU, ms a second", &Standing::cpu_ms_per_second, Wanted(standard.cpu, sides));
  print("memory of each, KiB", &Standing::rss_kib_each, Wanted(standard.rss, sides));
  if (standard.most_rss_bytes > 0) {
    const double bytes = StandingMedian(sides[0], &Standing::rss_kib_each) * 1024;
    std::printf("    %-36s %8.1f bytes | want below %.0f %s\n", "memory of each, ours", bytes,
                standard.most_rss_bytes, bytes < standard.most_rss_bytes ? "ok" : "MISS");
  }
}

// All rounds together: each is a sample of the same thing.
void PrintLatencies(const std::vector<Side>& sides) {
  for (const Side& side : sides) {
    Histogram publish;
    Histogram end_to_end;
    for (const Report& report : side.reports) {
      publish.Merge(report.publish_latency);
      end_to_end.Merge(report.end_to_end_latency);
    }
    std::printf("    %-5s publish     %s\n", side.name.c_str(), PercentilesText(publish).c_str());
    std::printf("    %-5s end to end  %s\n", side.name.c_str(),
                PercentilesText(end_to_end).c_str());
  }
}

nlohmann::json RowJson(const std::string& name, const std::vector<Side>& sides) {
  nlohmann::json row = {{"workload", name}};
  for (const Side& side : sides) {
    if (!side.standings.empty()) {
      row[side.name] = {{"cpu_ms_per_second", StandingMedian(side, &Standing::cpu_ms_per_second)},
                        {"rss_kib_each", StandingMedian(side, &Standing::rss_kib_each)}};
      continue;
    }
    nlohmann::json reports = nlohmann::json::array();
    for (const Report& report : side.reports)
      reports.push_back(nlohmann::json::parse(ToJson(report)));
    row[side.name] = {{"server_us_per_message", CpuUs(side)},
                      {"messages_per_second", Rate(side)},
                      {"peak_rss_mib", RssMib(side)},
                      {"runs", std::move(reports)}};
  }
  return row;
}

// Every round on both sides; false if a run failed.
bool RunRounds(const Standard& standard, const CompareOptions& options, std::vector<Side>* sides) {
  bool good = true;
  for (int64_t round = 0; round < options.rounds; ++round) {
    for (size_t i = 0; i < sides->size(); ++i) {
      // A B, B A, A B: what drifts with time falls on both.
      Side& side = (*sides)[round % 2 == 0 ? i : sides->size() - 1 - i];
      const Status status = RunOnce(standard, options.data_dir, &side);
      if (status.ok()) continue;
      std::fprintf(stderr, "%s, %s: %s\n", standard.name.c_str(), side.name.c_str(),
                   status.ToString().c_str());
      good = false;
    }
  }
  return good;
}

}  // namespace

bool Compare(const CompareOptions& options) {
  std::vector<Side> sides = {{"ours", true, options.ours, options.ours_flags, {}, {}}};
  if (!options.vs.empty()) sides.push_back({"vs", false, options.vs, options.vs_flags, {}, {}});

  std::optional<ServerCertificate> certificate;
  if (options.layers.tls) {
    const std::vector<std::string> flags = certificate.emplace().flags();
    for (Side& side : sides) side.flags.insert(side.flags.end(), flags.begin(), flags.end());
  }

  bool good = true;
  nlohmann::json rows = nlohmann::json::array();
  if (!options.json) PrintHead(sides);
  for (Standard& standard : StandardWorkloads()) {
    if (standard.name.find(options.only) == std::string::npos) continue;
    Workload& workload = standard.workload;
    const bool plain_only = workload.mode == Mode::kHttp || standard.kind != Kind::kLoad;
    if (plain_only && options.layers.any()) continue;
    workload.layers = options.layers;
    const auto scaled = [&options](int64_t count) {
      return std::max<int64_t>(1, std::llround(static_cast<double>(count) * options.scale));
    };
    workload.messages = scaled(workload.messages);
    standard.count = scaled(standard.count);
    for (Side& side : sides) {
      side.reports.clear();
      side.standings.clear();
    }
    good &= RunRounds(standard, options, &sides);
    if (options.json) {
      rows.push_back(RowJson(standard.name, sides));
    } else if (standard.kind != Kind::kLoad) {
      PrintStanding(standard, sides);
    } else {
      PrintRow(standard, sides);
      PrintGoals(standard, sides);
      if (workload.mode == Mode::kLatency) PrintLatencies(sides);
    }
    std::fflush(stdout);
  }
  if (options.json) std::printf("%s\n", rows.dump().c_str());
  return good;
}

}  // namespace nsq::bench
