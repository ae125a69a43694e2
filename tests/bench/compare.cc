#include "tests/bench/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/strings.h"
#include "tests/bench/format.h"
#include "tests/bench/report.h"
#include "tests/bench/run.h"
#include "tests/bench/server.h"

namespace nsq::bench {
namespace {

struct Standard {
  std::string name;
  Workload workload;
};

Standard Make(std::string name, Mode mode, int64_t messages) {
  Standard standard{std::move(name), DefaultWorkload(mode)};
  standard.workload.messages = messages;
  return standard;
}

// Long enough, on one core of 2020, for a second or more each.
std::vector<Standard> StandardWorkloads() {
  std::vector<Standard> all;
  all.push_back(Make("PUB, 4 connections, 100 in flight", Mode::kPub, 400'000));

  all.push_back(Make("PUB one at a time, 1 connection", Mode::kPub, 40'000));
  all.back().workload.connections = 1;
  all.back().workload.pipeline = 1;

  all.push_back(Make("PUB one at a time, 16 connections", Mode::kPub, 150'000));
  all.back().workload.connections = 16;
  all.back().workload.pipeline = 1;

  all.push_back(Make("MPUB 200 x 200 B, 4 connections", Mode::kMpub, 2'000'000));

  all.push_back(Make("MPUB and consume, RDY 200, 2 consumers", Mode::kPubSub, 1'000'000));

  all.push_back(Make("consume, RDY 200, 2 consumers", Mode::kSub, 1'000'000));

  all.push_back(Make("consume, RDY 1, 2 consumers", Mode::kSub, 60'000));
  all.back().workload.rdy = 1;

  all.push_back(Make("consume, RDY 2500, 2 consumers", Mode::kSub, 1'000'000));
  all.back().workload.rdy = 2500;

  all.push_back(Make("MPUB and consume, 16 channels", Mode::kPubSub, 60'000));
  all.back().workload.channels = 16;
  all.back().workload.consumers = 1;

  all.push_back(Make("MPUB 50 x 64 KiB, 4 connections", Mode::kMpub, 10'000));
  all.back().workload.batch = 50;
  all.back().workload.size_bytes = 65'536;

  all.push_back(Make("HTTP POST /pub, 16 connections", Mode::kHttp, 100'000));

  all.push_back(Make("latency, 50 000 msg/s", Mode::kLatency, 250'000));
  return all;
}

// One side's runs of one workload.
struct Side {
  std::string name;
  std::string program;
  std::vector<std::string> flags;
  std::vector<Report> reports;

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

Status RunOnce(const Workload& workload, const std::string& data_dir, Side* side) {
  const Result<std::unique_ptr<Server>> server =
      Server::Spawn(side->program, side->flags, data_dir);
  if (!server.ok()) return server.status();
  Result<Report> report = Run(workload, **server);
  Status stopped = (*server)->Stop();
  if (!report.ok()) return report.status();
  if (!stopped.ok()) return stopped;
  if (!report->ok()) return Status(Code::kCorrupt, report->failures.front());
  side->reports.push_back(std::move(*report));
  return Status();
}

void PrintRow(const std::string& name, const std::vector<Side>& sides) {
  std::string row = Format("%-40s", name.c_str());
  for (const Side& side : sides) row += Format(" | %9.3f", CpuUs(side));
  if (sides.size() == 2) row += Format(" | %6.2f", CpuUs(sides[1]) / CpuUs(sides[0]));
  for (const Side& side : sides) row += Format(" | %9.0f", Rate(side));
  for (const Side& side : sides) row += Format(" | %8.1f", RssMib(side));
  std::printf("%s\n", row.c_str());
  std::fflush(stdout);
}

void PrintHead(const std::vector<Side>& sides) {
  std::string row = Format("%-40s", "workload (CPU: us of the server a message)");
  for (const Side& side : sides) row += Format(" | %4s us/m", side.name.c_str());
  if (sides.size() == 2) row += " |  ratio";
  for (const Side& side : sides) row += Format(" | %4s m/s ", side.name.c_str());
  for (const Side& side : sides) row += Format(" | %4s MiB", side.name.c_str());
  std::printf("%s\n", row.c_str());
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
      const Status status = RunOnce(standard.workload, options.data_dir, &side);
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
  std::vector<Side> sides = {{"ours", options.ours, options.ours_flags, {}}};
  if (!options.vs.empty()) sides.push_back({"vs", options.vs, options.vs_flags, {}});

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
    if (workload.mode == Mode::kHttp && options.layers.any()) continue;
    workload.layers = options.layers;
    workload.messages =
        std::max<int64_t>(1, std::llround(static_cast<double>(workload.messages) * options.scale));
    for (Side& side : sides) side.reports.clear();
    good &= RunRounds(standard, options, &sides);
    if (options.json) {
      rows.push_back(RowJson(standard.name, sides));
      continue;
    }
    PrintRow(standard.name, sides);
    if (workload.mode == Mode::kLatency) PrintLatencies(sides);
  }
  if (options.json) std::printf("%s\n", rows.dump().c_str());
  return good;
}

}  // namespace nsq::bench
