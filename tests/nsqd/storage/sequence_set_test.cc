#include "nsqd/storage/sequence_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/nsqd/storage/test_seed.h"

namespace nsq::nsqd {
namespace {

// Against the set that holds every member.
TEST(SequenceSetTest, IsTheSetOfItsMembers) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 50; ++round) {
    SequenceSet set;
    std::set<uint64_t> model;
    for (int step = 0; step < 200; ++step) {
      const uint64_t begin = random() % 100;
      const uint64_t end = begin + random() % (step % 3 == 0 ? 40 : 4);
      const bool add = random() % 2 == 0;
      if (add) set.Add({{begin}, {end}});
      if (!add) set.Remove({{begin}, {end}});
      for (uint64_t s = begin; s < end; ++s) {
        if (add) model.insert(s);
        if (!add) model.erase(s);
      }
      uint64_t last_end = 0;
      std::set<uint64_t> members;
      for (const SequenceRange& run : set.ranges()) {
        ASSERT_LT(run.begin, run.end);
        ASSERT_TRUE(members.empty() || run.begin.value > last_end) << "touching runs";
        last_end = run.end.value;
        for (Sequence s = run.begin; s < run.end; ++s) members.insert(s.value);
      }
      ASSERT_EQ(members, model);
      const uint64_t probe = random() % 110;
      ASSERT_EQ(set.Contains({probe}), model.contains(probe));
      ASSERT_EQ(set.CountIn({{begin}, {probe}}),
                begin < probe ? static_cast<uint64_t>(std::distance(model.lower_bound(begin),
                                                                    model.lower_bound(probe)))
                              : 0);
    }
  }
}

}  // namespace
}  // namespace nsq::nsqd
