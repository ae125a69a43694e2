#include "nsqd/queue/in_flight.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

#include "nsqd/queue/channel.h"
#include "tests/nsqd/storage/test_seed.h"

namespace nsq::nsqd {
namespace {

constexpr SteadyTime kStart{seconds(1000)};

SteadyTime At(int64_t ms) { return kStart + milliseconds(ms); }

std::vector<uint64_t> TakeExpired(InFlight* in_flight, SteadyTime now) {
  std::vector<uint64_t> sequences;
  while (InFlight::Entry* const entry = in_flight->FirstExpired(now)) {
    sequences.push_back(entry->sequence.value);
    in_flight->Remove(entry);
  }
  return sequences;
}

TEST(InFlightTest, FindsWhatWasAddedUntilItIsRemoved) {
  InFlight in_flight;
  Subscription owner;
  in_flight.Add({7}, &owner, 3, At(0), seconds(1));
  InFlight::Entry* const entry = in_flight.Find({7});
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->owner, &owner);
  EXPECT_EQ(entry->attempts, 3);
  EXPECT_EQ(entry->delivered_at, At(0));
  EXPECT_EQ(entry->deadline, At(1000));
  EXPECT_EQ(in_flight.Find({8}), nullptr);
  in_flight.Remove(entry);
  EXPECT_EQ(in_flight.Find({7}), nullptr);
  EXPECT_EQ(in_flight.size(), 0u);
}

TEST(InFlightTest, ExpiresInOrderOfDeadlinesWhateverTheTimeouts) {
  InFlight in_flight;
  in_flight.Add({1}, nullptr, 1, At(0), milliseconds(300));
  in_flight.Add({2}, nullptr, 1, At(10), milliseconds(100));
  in_flight.Add({3}, nullptr, 1, At(20), milliseconds(200));
  in_flight.Add({4}, nullptr, 1, At(30), milliseconds(100));
  EXPECT_EQ(in_flight.NextDeadline(), At(110));
  EXPECT_EQ(TakeExpired(&in_flight, At(109)), (std::vector<uint64_t>{}));
  EXPECT_EQ(TakeExpired(&in_flight, At(300)), (std::vector<uint64_t>{2, 4, 3, 1}));
  EXPECT_EQ(in_flight.NextDeadline(), std::nullopt);
}

TEST(InFlightTest, TouchMovesTheDeadlineButNeverPastTheLatest) {
  InFlight in_flight;
  in_flight.Add({1}, nullptr, 1, At(0), milliseconds(100));
  in_flight.Add({2}, nullptr, 1, At(0), milliseconds(100));
  in_flight.Touch(in_flight.Find({1}), At(50), milliseconds(100), At(1000));
  EXPECT_EQ(in_flight.Find({1})->deadline, At(150));
  EXPECT_EQ(in_flight.Find({1})->delivered_at, At(0));
  in_flight.Touch(in_flight.Find({1}), At(140), milliseconds(100), At(200));
  EXPECT_EQ(in_flight.Find({1})->deadline, At(200));
  in_flight.Touch(in_flight.Find({1}), At(190), milliseconds(100), At(200));
  EXPECT_EQ(in_flight.Find({1})->deadline, At(200));
  EXPECT_EQ(TakeExpired(&in_flight, At(100)), (std::vector<uint64_t>{2}));
  EXPECT_EQ(TakeExpired(&in_flight, At(200)), (std::vector<uint64_t>{1}));
}

TEST(InFlightTest, DeadlinesCutShortKeepTheirOrder) {
  InFlight in_flight;
  for (const uint64_t s : {1u, 2u, 3u, 4u, 5u}) in_flight.Add({s}, nullptr, 1, At(0), seconds(9));
  const std::map<uint64_t, int64_t> latest{{1, 40}, {2, 20}, {3, 50}, {4, 10}, {5, 30}};
  for (const auto& [s, ms] : latest)
    in_flight.Touch(in_flight.Find({s}), At(1), seconds(9), At(ms));
  EXPECT_EQ(TakeExpired(&in_flight, At(50)), (std::vector<uint64_t>{4, 2, 5, 1, 3}));
}

// Neighbours that wrap around the table's end, and sequences that fall on the same place of it.
TEST(InFlightTest, CollidingSequencesAreToldApart) {
  for (const uint64_t step : {uint64_t{1}, uint64_t{16}, uint64_t{64}, uint64_t{1} << 20}) {
    SCOPED_TRACE(step);
    InFlight in_flight;
    std::set<uint64_t> there;
    for (uint64_t i = 0; i < 7; ++i) {
      in_flight.Add({13 + i * step}, nullptr, 1, At(0), seconds(1));
      there.insert(13 + i * step);
    }
    // Taking them out in any order leaves the others where they are found.
    for (const uint64_t i : {3u, 0u, 6u, 1u, 5u, 2u, 4u}) {
      in_flight.Remove(in_flight.Find({13 + i * step}));
      there.erase(13 + i * step);
      for (uint64_t k = 0; k < 7; ++k) {
        const uint64_t s = 13 + k * step;
        EXPECT_EQ(in_flight.Find({s}) != nullptr, there.contains(s)) << s;
      }
    }
  }
}

TEST(InFlightTest, OneStuckMessageIsFoundMillionsOfSequencesLater) {
  InFlight in_flight;
  in_flight.Add({1000}, nullptr, 1, At(0), seconds(3600));
  for (uint64_t s = 1001; s < 2'001'000; ++s) {
    in_flight.Add({s}, nullptr, 1, At(0), seconds(60));
    if (s >= 1101) in_flight.Remove(in_flight.Find({s - 100}));
  }
  EXPECT_EQ(in_flight.size(), 101u);
  ASSERT_NE(in_flight.Find({1000}), nullptr);
  EXPECT_EQ(in_flight.Find({1001}), nullptr);
}

// Requeued messages and new ones, in runs whose numbers have the same low bits: with the plain
// number as its hash every operation would step over a whole run, and this test take minutes.
TEST(InFlightTest, DenseRunsThatFallTogetherDoNotSlowEachOther) {
  constexpr uint64_t kRun = 100'000;
  InFlight in_flight;
  for (uint64_t run = 0; run < 4; ++run) {
    for (uint64_t s = 0; s < kRun; ++s) {
      in_flight.Add({(run << 30) + s}, nullptr, 1, At(0), seconds(60));
    }
  }
  for (uint64_t run = 0; run < 4; ++run) {
    for (uint64_t s = 0; s < kRun; ++s) {
      InFlight::Entry* const entry = in_flight.Find({(run << 30) + s});
      ASSERT_NE(entry, nullptr);
      in_flight.Remove(entry);
    }
  }
  EXPECT_EQ(in_flight.size(), 0u);
}

// What is found stays where it is: nothing was allocated anew.
TEST(InFlightTest, SteadyStateDoesNotGrow) {
  InFlight in_flight;
  std::set<const InFlight::Entry*> places;
  for (uint64_t s = 0; s < 100'000; ++s) {
    in_flight.Add({s}, nullptr, 1, At(0), milliseconds(100 + s % 3));
    places.insert(in_flight.Find({s}));
    if (s < 64) {
      places.clear();  // still filling
      for (uint64_t k = 0; k <= s; ++k) places.insert(in_flight.Find({k}));
    } else {
      in_flight.Remove(in_flight.Find({s - 64}));
    }
  }
  EXPECT_LE(places.size(), 65u + 65u);  // one more than 64, and the pool moved at most once more
}

TEST(InFlightTest, ClearForgetsAll) {
  InFlight in_flight;
  for (uint64_t s = 0; s < 100; ++s) in_flight.Add({s}, nullptr, 1, At(0), seconds(1));
  in_flight.Clear();
  EXPECT_EQ(in_flight.size(), 0u);
  EXPECT_EQ(in_flight.Find({5}), nullptr);
  EXPECT_EQ(in_flight.NextDeadline(), std::nullopt);
  in_flight.Add({5}, nullptr, 1, At(0), seconds(1));
  EXPECT_NE(in_flight.Find({5}), nullptr);
}

// The same operations on the table and on a plain map.
TEST(InFlightTest, BehavesAsAPlainMapOfDeadlines) {
  struct Naive {
    Subscription* owner;
    uint16_t attempts;
    SteadyTime delivered_at;
    SteadyTime deadline;
  };
  std::mt19937_64 random(TestSeed());
  SCOPED_TRACE(testing::Message() << "NSQ_TEST_SEED=" << TestSeed());
  const auto draw = [&](uint64_t below) { return random() % below; };
  constexpr Duration kTimeouts[] = {milliseconds(20), milliseconds(50), milliseconds(200)};
  constexpr Duration kMax = milliseconds(250);

  InFlight in_flight;
  std::map<Sequence, Naive> model;
  std::vector<Subscription> owners(4);
  Sequence next{draw(uint64_t{1} << 50)};
  SteadyTime now = kStart;
  for (int step = 0; step < 200'000; ++step) {
    const auto pick = [&]() -> std::map<Sequence, Naive>::iterator {
      const auto at = model.lower_bound({next.value - draw(400)});
      return at == model.end() ? model.begin() : at;
    };
    switch (draw(8)) {
      case 0:
      case 1:
      case 2: {
        if (model.size() > 300) break;
        // Mostly dense, with requeued ones far behind and jumps ahead.
        if (draw(5000) == 0) next = next + (uint64_t{1} << draw(40));
        Sequence s = draw(10) == 0 ? Sequence{next.value - draw(1000)} : next;
        if (model.contains(s)) break;
        next = std::max(next, s + 1);
        const auto owner = &owners[draw(owners.size())];
        const auto attempts = static_cast<uint16_t>(draw(65536));
        const Duration timeout = kTimeouts[draw(3)];
        in_flight.Add(s, owner, attempts, now, timeout);
        model[s] = {owner, attempts, now, now + timeout};
        break;
      }
      case 3:
      case 4: {
        if (model.empty()) break;
        const auto at = pick();
        InFlight::Entry* const entry = in_flight.Find(at->first);
        ASSERT_NE(entry, nullptr);
        in_flight.Remove(entry);
        model.erase(at);
        break;
      }
      case 5: {
        if (model.empty()) break;
        const auto at = pick();
        const Duration timeout = kTimeouts[draw(3)];
        const SteadyTime latest = at->second.delivered_at + kMax;
        in_flight.Touch(in_flight.Find(at->first), now, timeout, latest);
        at->second.deadline = std::min(now + timeout, latest);
        break;
      }
      case 6: {
        now += milliseconds(draw(15));
        SteadyTime last{};
        while (InFlight::Entry* const entry = in_flight.FirstExpired(now)) {
          ASSERT_TRUE(model.contains(entry->sequence));
          ASSERT_EQ(entry->deadline, model[entry->sequence].deadline);
          ASSERT_GE(entry->deadline, last);
          last = entry->deadline;
          model.erase(entry->sequence);
          in_flight.Remove(entry);
        }
        for (const auto& [s, naive] : model) ASSERT_GT(naive.deadline, now);
        break;
      }
      case 7: {
        if (draw(2000) == 0) {
          in_flight.Clear();
          model.clear();
        }
        const Sequence absent{next.value + draw(1000)};
        ASSERT_EQ(in_flight.Find(absent) != nullptr, model.contains(absent));
        break;
      }
    }
    ASSERT_EQ(in_flight.size(), model.size());
    if (step % 97 != 0) continue;
    std::optional<SteadyTime> earliest;
    for (const auto& [s, naive] : model) {
      const InFlight::Entry* const entry = in_flight.Find(s);
      ASSERT_NE(entry, nullptr);
      ASSERT_EQ(entry->sequence, s);
      ASSERT_EQ(entry->owner, naive.owner);
      ASSERT_EQ(entry->attempts, naive.attempts);
      ASSERT_EQ(entry->delivered_at, naive.delivered_at);
      ASSERT_EQ(entry->deadline, naive.deadline);
      if (!earliest || naive.deadline < *earliest) earliest = naive.deadline;
    }
    ASSERT_EQ(in_flight.NextDeadline(), earliest);
    size_t seen = 0;
    in_flight.ForEach([&](const InFlight::Entry& entry) { seen += model.count(entry.sequence); });
    ASSERT_EQ(seen, model.size());
  }
}

}  // namespace
}  // namespace nsq::nsqd
