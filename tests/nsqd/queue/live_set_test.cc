#include "nsqd/queue/live_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

#include "tests/nsqd/storage/test_seed.h"

namespace nsq::nsqd {
namespace {

TEST(LiveSetTest, AddingTwiceAndRemovingTwiceIsOnce) {
  LiveSet live;
  live.Add({7});
  live.Add({7});
  EXPECT_EQ(live.size(), 1u);
  live.Remove({7});
  live.Remove({7});
  EXPECT_EQ(live.size(), 0u);
  EXPECT_EQ(live.Lowest(), std::nullopt);
}

TEST(LiveSetTest, AFullBlockEmptiesInAnyOrder) {
  LiveSet live;
  for (uint64_t s = 0; s < 8192; ++s) live.Add({s});
  EXPECT_EQ(live.CountIn({{0}, {8192}}), 8192u);
  EXPECT_EQ(live.CountIn({{4095}, {4098}}), 3u);
  for (uint64_t s = 0; s < 8192; s += 2) live.Remove({s});
  EXPECT_EQ(live.Lowest(), Sequence{1});
  for (uint64_t s = 8191; s > 1; s -= 2) live.Remove({s});
  EXPECT_EQ(live.size(), 1u);
  EXPECT_EQ(live.Lowest(), Sequence{1});
}

// Clustered and scattered, so that lists become bitmaps and bitmaps lists.
TEST(LiveSetTest, BehavesAsASet) {
  std::mt19937_64 random(TestSeed());
  SCOPED_TRACE(testing::Message() << "NSQ_TEST_SEED=" << TestSeed());
  const auto draw = [&](uint64_t below) { return random() % below; };
  LiveSet live;
  std::set<Sequence> model;
  uint64_t cursor = 1'000'000;
  for (int step = 0; step < 20'000; ++step) {
    switch (draw(6)) {
      case 0:
        for (uint64_t i = draw(300); i > 0; --i, ++cursor) {
          live.Add({cursor});
          model.insert({cursor});
        }
        break;
      case 1:
        cursor += draw(3000);
        break;
      case 2: {
        const Sequence s{1'000'000 + draw(cursor - 999'999)};
        live.Add(s);
        model.insert(s);
        break;
      }
      case 3:
      case 4:
        for (uint64_t i = draw(400); i > 0 && !model.empty(); --i) {
          const auto at = draw(10) == 0 ? std::prev(model.end()) : model.begin();
          live.Remove(*at);
          model.erase(at);
        }
        break;
      case 5: {
        const Sequence from{1'000'000 + draw(cursor - 999'999)};
        const Sequence to = from + draw(10'000);
        std::vector<Sequence> listed;
        live.ListIn({from, to}, &listed);
        const std::vector<Sequence> wanted(model.lower_bound(from), model.lower_bound(to));
        ASSERT_EQ(listed, wanted);
        ASSERT_EQ(live.CountIn({from, to}), wanted.size());
        ASSERT_EQ(live.Contains(from), model.contains(from));
        break;
      }
    }
    ASSERT_EQ(live.size(), model.size());
    ASSERT_EQ(live.Lowest().has_value(), !model.empty());
    if (!model.empty()) {
      ASSERT_EQ(*live.Lowest(), *model.begin());
    }
  }
}

}  // namespace
}  // namespace nsq::nsqd
