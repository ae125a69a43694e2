#include "nsqd/http/stats_text.h"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <ctime>
#include <string_view>

#include "common/config/duration.h"
#include "common/strings.h"
#include "common/version.h"
#include "nsqd/http/stats_page.h"

namespace nsq::nsqd {
namespace {

constexpr std::string_view kSpaces = "                         ";

// printf's "%-Ns": padded by characters, not bytes; what is longer is not cut.
void AppendPadded(std::string_view text, size_t width, std::string* out) {
  const auto characters = static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
  *out += text;
  if (characters < width) *out += kSpaces.substr(0, width - characters);
}

// " depth: 12   ": a label and printf's "%-Nd".
template <std::integral T>
void AppendColumn(std::string_view label, T number, size_t width, std::string* out) {
  *out += label;
  AppendPadded(Piece(number).text(), width, out);
}

// RFC 3339 in local time, to the second: "2026-11-20T18:03:48-05:00", "Z" for UTC.
std::string Rfc3339(WallTime time) {
  const auto unix_seconds = static_cast<time_t>(UnixSeconds(time));
  tm local{};
  localtime_r(&unix_seconds, &local);
  char text[32];
  const size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &local);
  std::string out(text, length);
  if (local.tm_gmtoff == 0) return out + "Z";
  const long minutes = local.tm_gmtoff / 60;
  const auto two_digits = [&out](long n) {
    out += static_cast<char>('0' + n / 10);
    out += static_cast<char>('0' + n % 10);
  };
  out += minutes < 0 ? '-' : '+';
  two_digits(std::abs(minutes) / 60);
  out += ':';
  two_digits(std::abs(minutes) % 60);
  return out;
}

// "3.8ms": nanoseconds with one decimal, in the unit they exceed one of.
std::string Humanized(uint64_t nanos) {
  const auto value = static_cast<double>(nanos);
  const struct {
    double nanos;
    std::string_view name;
  } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}};
  const auto* unit = units;
  while (unit->nanos > 1 && value <= unit->nanos) ++unit;
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value / unit->nanos,
                                 std::chars_format::fixed, 1)
                       .ptr;
  return StrCat(std::string_view(digits, static_cast<size_t>(end - digits)), unit->name);
}

void AppendLatency(const LatencyStats& latency, std::string* out) {
  *out += " e2e%: ";
  for (size_t i = 0; i < latency.percentiles.size(); ++i) {
    if (i > 0) *out += ", ";
    *out += Humanized(latency.percentiles[i].nanos);
  }
  *out += '\n';
}

// "chost:60850 probe/1.0". The port of a Unix socket's peer is empty.
std::string Identity(const ClientStats& client) {
  const size_t colon = client.remote_address.rfind(':');
  const std::string_view port = colon == std::string::npos
                                    ? std::string_view()
                                    : std::string_view(client.remote_address).substr(colon + 1);
  return StrCat(client.hostname, ":", port, " ", client.user_agent);
}

void AppendClient(const ClientStats& client, const StatsPage& page, std::string* out) {
  uint64_t published = 0;
  std::string counts;
  for (const auto& [topic, count] : client.pub_counts) {
    if (!page.filter.topic.empty() && topic != page.filter.topic) continue;
    if (!counts.empty()) counts += ',';
    counts += StrCat(topic, "=", count);
    published += count;
  }

  *out += "[V2 ";
  AppendPadded(Identity(client), 21, out);
  // Who has published is shown as a producer, wherever the line stands.
  if (!counts.empty()) {
    AppendColumn("] msgs: ", published, 8, out);
    *out += " topics: " + counts;
  } else {
    AppendColumn("] state: ", client.state, 0, out);
    AppendColumn(" inflt: ", client.in_flight_count, 4, out);
    AppendColumn(" rdy: ", client.ready_count, 4, out);
    AppendColumn(" fin: ", client.finish_count, 8, out);
    AppendColumn(" re-q: ", client.requeue_count, 8, out);
    AppendColumn(" msgs: ", client.message_count, 8, out);
  }
  const WallTime since{seconds(UnixSeconds(client.connected_at))};
  *out += " connected: " + FormatGoDuration(std::chrono::duration_cast<seconds>(page.now - since)) +
          "\n";
}

void AppendChannel(const ChannelStats& channel, const StatsPage& page, std::string* out) {
  *out += channel.paused ? "   *P [" : "      [";
  AppendPadded(channel.name, 25, out);
  AppendColumn("] depth: ", channel.depth, 5, out);
  AppendColumn(" be-depth: ", channel.backend_depth, 5, out);
  AppendColumn(" inflt: ", channel.in_flight_count, 4, out);
  AppendColumn(" def: ", channel.deferred_count, 4, out);
  AppendColumn(" re-q: ", channel.requeue_count, 5, out);
  AppendColumn(" timeout: ", channel.timeout_count, 5, out);
  AppendColumn(" msgs: ", channel.message_count, 8, out);
  AppendLatency(channel.e2e, out);
  if (!channel.clients || !page.filter.include_clients) return;
  for (const ClientStats& client : *channel.clients) {
    *out += "        ";
    AppendClient(client, page, out);
  }
}

void AppendTopic(const TopicStats& topic, const StatsPage& page, std::string* out) {
  *out += topic.paused ? "\n*P [" : "\n   [";
  AppendPadded(topic.name, 15, out);
  AppendColumn("] depth: ", topic.depth, 5, out);
  AppendColumn(" be-depth: ", topic.backend_depth, 5, out);
  AppendColumn(" msgs: ", topic.message_count, 8, out);
  AppendLatency(topic.e2e, out);
  for (const ChannelStats& channel : topic.channels) AppendChannel(channel, page, out);
}

void AppendMemory(const MemoryStats& memory, std::string* out) {
  const struct {
    std::string_view name;
    uint64_t value;
  } lines[] = {
      {"heap_objects", memory.heap_objects},
      {"heap_idle_bytes", memory.heap_idle_bytes},
      {"heap_in_use_bytes", memory.heap_in_use_bytes},
      {"heap_released_bytes", memory.heap_released_bytes},
      {"gc_pause_usec_100", 0},
      {"gc_pause_usec_99", 0},
      {"gc_pause_usec_95", 0},
      {"next_gc_bytes", 0},
      {"gc_total_runs", 0},
  };
  *out += "\nMemory:\n";
  for (const auto& line : lines) {
    *out += "   ";
    AppendPadded(line.name, 25, out);
    *out += StrCat("\t", line.value, "\n");
  }
}

}  // namespace

std::string StatsText(const StatsPage& page) {
  std::string out =
      StrCat(VersionLine("nsqd"), "\nstart_time ", Rfc3339(page.start_time), "\nuptime ",
             FormatGoDuration(page.now - page.start_time), "\n\nHealth: ", page.health, "\n");
  if (page.memory) AppendMemory(*page.memory, &out);

  const bool any_topic = !page.unknown_topic && !page.stats.topics.empty();
  out += any_topic ? "\nTopics:" : "\nTopics: None\n";
  if (any_topic) {
    for (const TopicStats& topic : page.stats.topics) AppendTopic(topic, page, &out);
  }

  if (page.unknown_topic || !page.filter.include_clients || page.stats.producers.empty()) {
    out += "\nProducers: None\n";
  } else {
    out += "\nProducers:\n";
    for (const ClientStats& client : page.stats.producers) {
      out += "   ";
      AppendClient(client, page, &out);
    }
  }
  return out;
}

}  // namespace nsq::nsqd
