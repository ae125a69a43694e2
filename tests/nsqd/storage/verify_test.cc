#include "nsqd/storage/verify.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "common/log.h"
#include "nsqd/storage/topic_store.h"
#include "tests/nsqd/storage/memory_files.h"

namespace nsq::nsqd {
namespace {

const WallTime kNow = WallFromUnixNanos(1'800'000'000'000'000'000);
constexpr int kMessages = 20;

// A topic of twenty messages in two segments; its channel has finished the first five and holds the
// seventh.
class VerifyTest : public testing::Test, public SegmentedLog::Listener {
 protected:
  VerifyTest() {
    SetLogLevel(LogLevel::kFatal);
    files_.AddDir("d");
    LogOptions options;
    options.dir = "d/t.topic";
    options.segment_bytes = 600;
    auto topic = OpenTopic(loop_, *pool_, files_, &budget_, options, kNow, this);
    EXPECT_TRUE(topic.ok());
    Journal& journal = *topic->journal;
    const Sequence first = topic->log->appended();
    journal.ChannelCreated(1, "c", first);
    journal.Flowing();
    for (int i = 0; i < kMessages; ++i) {
      topic->log->Append(kNow, WallTime(), "message " + std::to_string(i));
      EXPECT_TRUE(topic->log->Write().ok());
    }
    journal.Delivered(1, first + 8);
    std::vector<Sequence> finished = {first, first + 1, first + 2, first + 3, first + 4, first + 7};
    journal.Finished(1, finished);
    EXPECT_TRUE(journal.Write().ok());
    for (const std::string& path : files_.Paths())
      before_.emplace_back(path, files_.Contents(path));
  }

  void OnLogReadable() override {}
  void OnLogSynced(const Status&, Sequence) override {}

  TopicReport Verify() {
    salvaged_.clear();
    const auto changes = files_.changes();
    const Result<TopicReport> report =
        VerifyTopic(files_, "d/t.topic", [this](const Record& record, WallTime) {
          salvaged_.emplace_back(record.body);
          return Status();
        });
    EXPECT_TRUE(report.ok()) << report.status().ToString();
    EXPECT_EQ(files_.changes(), changes) << "it changes nothing";
    return report.ok() ? *report : TopicReport();
  }
  bool Has(int message) const {
    const std::string body = "message " + std::to_string(message);
    return std::find(salvaged_.begin(), salvaged_.end(), body) != salvaged_.end();
  }

  MemoryFiles files_;
  EventLoop loop_{"test"};
  std::unique_ptr<HelperPool> pool_ = std::make_unique<HelperPool>(1);
  MemoryBudget budget_{size_t{64} << 20, 0};
  std::vector<std::pair<std::string, std::vector<std::byte>>> before_;
  std::vector<std::string> salvaged_;
};

TEST_F(VerifyTest, SaysWhatIsThereAndGivesWhatIsWanted) {
  const TopicReport report = Verify();
  EXPECT_TRUE(report.damage.empty());
  EXPECT_EQ(report.segments, 2u);
  EXPECT_EQ(report.messages, 20u);
  EXPECT_EQ(report.wanted, 14u);
  ASSERT_EQ(report.channels.size(), 1u);
  EXPECT_EQ(report.channels[0].unfinished, 2u);
  EXPECT_EQ(report.channels[0].not_delivered, 12u);
  EXPECT_EQ(report.channels[0].not_found, 0u);
  EXPECT_EQ(salvaged_.size(), 14u);
  EXPECT_TRUE(Has(5) && Has(6) && Has(8) && Has(19));
  EXPECT_FALSE(Has(4) || Has(7));
}

TEST_F(VerifyTest, WithoutAJournalEverythingIsWanted) {
  files_.SetContents("d/t.topic/journal", {});
  const TopicReport report = Verify();
  EXPECT_FALSE(report.damage.empty());
  EXPECT_GE(salvaged_.size(), 14u);
}

// A flipped bit, or the end, at every byte of every file: said, with its place, and at most one
// message is missing.
TEST_F(VerifyTest, DamageAtEveryByteIsSaidAndTakesNoNeighbours) {
  for (const auto& [path, good] : before_) {
    const bool segment = path.ends_with(".log");
    for (size_t at = 0; at < good.size(); ++at) {
      SCOPED_TRACE(testing::Message() << path << " at " << at);
      std::vector<std::byte> bad = good;
      bad[at] ^= std::byte{4};
      files_.SetContents(path, bad);
      const TopicReport flipped = Verify();
      EXPECT_GE(flipped.damage.size() + flipped.notes.size(), 1u);
      EXPECT_GE(salvaged_.size(), 13u) << "a damaged journal makes more of them wanted, not fewer";
      if (!segment) {
        EXPECT_GE(salvaged_.size(), 14u);
      }

      std::vector<std::byte> cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(at));
      files_.SetContents(path, cut);
      (void)Verify();
    }
    files_.SetContents(path, good);
  }
}

}  // namespace
}  // namespace nsq::nsqd
