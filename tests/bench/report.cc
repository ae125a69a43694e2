#include "tests/bench/report.h"

#include <array>
#include <nlohmann/json.hpp>

#include "common/strings.h"
#include "tests/bench/format.h"

namespace nsq::bench {
namespace {

struct NamedQuantile {
  const char* name;
  double quantile;
};
constexpr std::array<NamedQuantile, 4> kQuantiles = {
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}}};

double Ms(uint64_t ns) { return static_cast<double>(ns) / 1e6; }

nlohmann::json LatencyJson(const Histogram& latency) {
  nlohmann::json object;
  for (const NamedQuantile& each : kQuantiles) {
    object[StrCat(each.name, "_us")] = static_cast<double>(latency.Percentile(each.quantile)) / 1e3;
  }
  object["max_us"] = static_cast<double>(latency.max_ns()) / 1e3;
  object["count"] = latency.count();
  return object;
}

}  // namespace

double Report::messages_per_second() const {
  return seconds > 0 ? static_cast<double>(messages()) / seconds : 0;
}

std::optional<double> Report::server_us_per_message() const {
  if (!server_cpu || messages() == 0) return std::nullopt;
  return server_cpu->total_seconds * 1e6 / static_cast<double>(messages());
}

std::string PercentilesText(const Histogram& latency) {
  std::string text;
  for (const NamedQuantile& each : kQuantiles) {
    text += Format("%s %.3f  ", each.name, Ms(latency.Percentile(each.quantile)));
  }
  return text + Format("max %.3f ms", Ms(latency.max_ns()));
}

std::string ToText(const Report& report) {
  const Workload& workload = report.workload;
  std::string text = Format("%s: %llu published, %llu delivered in %.3f s\n",
                            std::string(ToString(workload.mode)).c_str(),
                            static_cast<unsigned long long>(report.published),
                            static_cast<unsigned long long>(report.delivered), report.seconds);
  const double rate = report.messages_per_second();
  text += Format("  throughput      %.0f msg/s, %.1f MB/s\n", rate,
                 rate * static_cast<double>(workload.size_bytes) / 1e6);
  if (const std::optional<double> us = report.server_us_per_message()) {
    const CpuTimes& cpu = *report.server_cpu;
    const double ticks = cpu.user_seconds + cpu.system_seconds;
    text +=
        Format("  server CPU      %.3f us/msg, %.3f s per million; %.0f %% of it in the kernel\n",
               *us, *us, ticks > 0 ? 100 * cpu.system_seconds / ticks : 0);
    text += Format("  cores busy      server %.2f, load generator %.2f\n",
                   cpu.total_seconds / report.seconds, report.own_cpu_seconds / report.seconds);
  } else {
    text += Format("  cores busy      load generator %.2f (server: give --pid)\n",
                   report.own_cpu_seconds / report.seconds);
  }
  if (report.peak_rss_kib) {
    text += Format("  server memory   peak RSS %.1f MiB\n",
                   static_cast<double>(*report.peak_rss_kib) / 1024);
  }
  if (report.server_calls && report.messages() > 0) {
    const auto messages = static_cast<double>(report.messages());
    text += Format("  server calls    %.4f allocations, %.4f system calls a message\n",
                   static_cast<double>(report.server_calls->allocations) / messages,
                   static_cast<double>(report.server_calls->system_calls) / messages);
  }
  if (report.publish_latency.count() > 0) {
    text += StrCat("  publish         ", PercentilesText(report.publish_latency), "\n");
  }
  if (report.end_to_end_latency.count() > 0) {
    text += StrCat("  end to end      ", PercentilesText(report.end_to_end_latency), "\n");
  }
  if (report.duplicates > 0 || report.requeued > 0) {
    text += StrCat("  duplicates      ", report.duplicates, " (server requeued ", report.requeued,
                   ")\n");
  }
  for (const std::string& failure : report.failures)
    text += StrCat("  FAILED          ", failure, "\n");
  if (report.ok()) {
    text += workload.consumes() ? "  verified        all delivered; depth and in flight 0\n"
                                : "  verified        all in the server's depth\n";
  }
  return text;
}

std::string ToJson(const Report& report) {
  const Workload& workload = report.workload;
  nlohmann::json object = {
      {"mode", ToString(workload.mode)},
      {"size_bytes", workload.size_bytes},
      {"connections", workload.connections},
      {"pipeline", workload.pipeline},
      {"batch", workload.batch},
      {"rate", workload.rate},
      {"topics", workload.topics},
      {"channels", workload.channels},
      {"consumers", workload.consumers},
      {"rdy", workload.rdy},
      {"published", report.published},
      {"delivered", report.delivered},
      {"duplicates", report.duplicates},
      {"requeued", report.requeued},
      {"seconds", report.seconds},
      {"messages_per_second", report.messages_per_second()},
      {"own_cpu_seconds", report.own_cpu_seconds},
      {"failures", report.failures},
  };
  if (report.server_cpu) {
    object["server_cpu_seconds"] = report.server_cpu->total_seconds;
    object["server_user_seconds"] = report.server_cpu->user_seconds;
    object["server_system_seconds"] = report.server_cpu->system_seconds;
  }
  if (const auto us = report.server_us_per_message()) object["server_us_per_message"] = *us;
  if (report.server_calls) {
    object["server_allocations"] = report.server_calls->allocations;
    object["server_system_calls"] = report.server_calls->system_calls;
  }
  if (report.peak_rss_kib) object["server_peak_rss_kib"] = *report.peak_rss_kib;
  if (report.publish_latency.count() > 0) {
    object["publish_latency"] = LatencyJson(report.publish_latency);
  }
  if (report.end_to_end_latency.count() > 0) {
    object["end_to_end_latency"] = LatencyJson(report.end_to_end_latency);
  }
  return object.dump();
}

}  // namespace nsq::bench
