#include "common/debug/loop_report.h"

#include "common/config/duration.h"
#include "common/metrics/exposition.h"
#include "common/strings.h"

namespace nsq {
namespace {

using metrics::Family;
using metrics::Labels;
using metrics::Samples;
using metrics::Type;

constexpr Family kTurns{"nsq_loop_turn_duration_seconds", Type::kHistogram,
                        "Time a turn of the loop took, waiting not counted."};
constexpr Family kBusy{"nsq_loop_busy_seconds_total", Type::kCounter,
                       "Time the loop spent in turns."};
constexpr Family kSlow{"nsq_loop_slow_turns_total", Type::kCounter,
                       "Turns that took more than 50 ms."};
constexpr Family kLongest{"nsq_loop_longest_turn_seconds", Type::kGauge,
                          "The longest turn since start."};
constexpr Family kLetters{"nsq_loop_letters_total", Type::kCounter,
                          "Letters of other threads that the loop has opened."};
constexpr Family kMailbox{"nsq_loop_mailbox_letters", Type::kGauge,
                          "Letters that waited when the loop last looked."};
constexpr Family kMailboxMax{"nsq_loop_mailbox_letters_max", Type::kGauge,
                             "Most letters that ever waited at one time."};
constexpr Family kConnections{"nsq_loop_connections", Type::kGauge,
                              "Clients that are served by the loop, over TCP and HTTP."};
constexpr Family kTopics{"nsq_loop_topics", Type::kGauge, "Topics at home on the loop."};
constexpr Family kMemory{"nsq_loop_message_memory_bytes", Type::kGauge,
                         "Memory of messages that the loop's topics keep in memory."};

template <typename F>
void AddFamily(const Family& family, std::span<const LoopReport> loops, F figure,
               metrics::Page* page) {
  Samples samples(family);
  for (size_t i = 0; i < loops.size(); ++i) {
    samples.Add(Labels("loop", StrCat(i)), figure(loops[i]));
  }
  page->Add(family, samples);
}

}  // namespace

void AppendLoops(std::span<const LoopReport> loops, metrics::Page* page) {
  const auto add = [&](const Family& family, auto figure) {
    AddFamily(family, loops, figure, page);
  };
  add(kTurns, [](const LoopReport& loop) { return loop.stats.turn_durations; });
  add(kBusy, [](const LoopReport& loop) { return loop.stats.busy; });
  add(kSlow, [](const LoopReport& loop) { return loop.stats.slow_turns; });
  add(kLongest, [](const LoopReport& loop) { return loop.stats.longest_turn; });
  add(kLetters, [](const LoopReport& loop) { return loop.stats.letters; });
  add(kMailbox, [](const LoopReport& loop) { return loop.stats.last_letters; });
  add(kMailboxMax, [](const LoopReport& loop) { return loop.stats.most_letters; });
  add(kConnections, [](const LoopReport& loop) { return loop.connections; });
  add(kTopics, [](const LoopReport& loop) { return loop.topics; });
  add(kMemory, [](const LoopReport& loop) { return loop.message_memory_bytes; });
}

std::string DescribeLoops(std::span<const LoopReport> loops) {
  std::string text;
  for (const LoopReport& loop : loops) {
    text += StrCat(loop.name, ":\n  turns: ", loop.stats.turns, ", busy for ",
                   FormatGoDuration(loop.stats.busy), ", the longest ",
                   FormatGoDuration(loop.stats.longest_turn),
                   ", over 50ms: ", loop.stats.slow_turns, "\n  letters: ", loop.stats.letters,
                   ", last time ", loop.stats.last_letters, ", at most ", loop.stats.most_letters,
                   "\n  connections: ", loop.connections, ", topics: ", loop.topics,
                   ", messages in memory: ", loop.message_memory_bytes, " bytes\n");
  }
  return text;
}

std::string DescribeTurns(std::span<const LoopReport> loops) {
  std::string text = "turns by length, at most:";
  for (const LoopReport& loop : loops) text += "\t" + loop.name;
  text += '\n';
  for (size_t i = 0; i < metrics::Histogram::kBuckets; ++i) {
    text += i < metrics::Histogram::kBounds ? FormatGoDuration(metrics::Histogram::Bounds()[i])
                                            : std::string("longer");
    for (const LoopReport& loop : loops) text += StrCat("\t", loop.stats.turn_durations.bucket(i));
    text += '\n';
  }
  return text;
}

}  // namespace nsq
