#include "nsqd/storage/go_import.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "common/log.h"
#include "nsqd/storage/go_queue.h"
#include "nsqd/storage/topic_store.h"
#include "tests/nsqd/storage/memory_files.h"

namespace nsq::nsqd {
namespace {

const WallTime kNow = WallFromUnixNanos(1'800'000'000'000'000'000);

std::string Big(uint64_t number, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(number >> (8 * i) & 255);
  return text;
}

std::string GoRecord(const std::string& body, int attempts = 0) {
  static uint64_t id = 0;
  char hex[17];
  (void)snprintf(hex, sizeof hex, "0a1b2c3d%08llx", static_cast<unsigned long long>(++id));
  const std::string message = Big(1'700'000'000'000'000'000 + id, 8) +
                              Big(static_cast<uint64_t>(attempts), 2) + std::string(hex, 16) + body;
  return Big(message.size(), 4) + message;
}

// A data path as the original leaves it, on a disk in memory.
class GoImportTest : public testing::Test, public SegmentedLog::Listener {
 protected:
  GoImportTest() {
    SetLogLevel(LogLevel::kFatal);
    files_.AddDir("d");
  }

  void Put(const std::string& name, const std::string& text) {
    const auto bytes = std::as_bytes(std::span(text));
    files_.SetContents("d/" + name, {bytes.begin(), bytes.end()});
  }
  void PutMeta(const std::string& queue, int depth, int file, size_t offset, int to_file,
               size_t to_offset) {
    Put(queue + ".diskqueue.meta.dat", std::to_string(depth) + "\n" + std::to_string(file) + "," +
                                           std::to_string(offset) + "\n" + std::to_string(to_file) +
                                           "," + std::to_string(to_offset) + "\n");
  }
  Result<GoImport> Import() { return ImportGoDataPath(files_, "d", kNow, 4096, 1 << 20); }

  struct Content {
    TopicState state;
    std::map<std::string, std::vector<std::string>> channels;  // what each will deliver
    std::vector<std::string> topic;                            // what none has seen
    std::map<std::string, int> attempts;                       // by body
  };
  // What a daemon would find.
  Content Open(const std::string& name) {
    LogOptions options;
    options.dir = "d/" + name + ".topic";
    auto opened = OpenTopic(loop_, *pool_, files_, &budget_, options, kNow, this);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    Content content;
    content.state = opened->state;
    SegmentedLog& log = *opened->log;
    const auto body = [&](Sequence s) { return Read(log, s); };
    for (const ChannelState& channel : opened->state.channels) {
      std::vector<std::string>& bodies = content.channels[channel.name];
      for (const Unfinished& u : channel.unfinished) {
        bodies.push_back(body(u.sequence));
        content.attempts[bodies.back()] = u.attempts;
      }
      for (Sequence s = channel.cursor; s < opened->state.fanout; ++s) {
        const auto again = [&](const Unfinished& u) { return u.sequence == s; };
        if (std::none_of(channel.unfinished.begin(), channel.unfinished.end(), again)) {
          bodies.push_back(body(s));
        }
      }
    }
    for (Sequence s = opened->state.fanout; s < log.appended(); ++s)
      content.topic.push_back(body(s));
    EXPECT_EQ(log.damage().records, 0u);
    return content;
  }
  std::string Read(SegmentedLog& log, Sequence s) {
    LogReader reader;
    Record record;
    while (true) {
      switch (log.Read(s, &reader, &record)) {
        case SegmentedLog::Outcome::kReady:
          return std::string(record.body);
        case SegmentedLog::Outcome::kGone:
          return "gone";
        case SegmentedLog::Outcome::kPending:
          loop_.RunOnce(true);
      }
    }
  }
  void OnLogReadable() override {}
  void OnLogSynced(const Status&, Sequence) override {}

  MemoryFiles files_;
  EventLoop loop_{"test"};
  std::unique_ptr<HelperPool> pool_ = std::make_unique<HelperPool>(1);
  MemoryBudget budget_{size_t{64} << 20, 0};
};

using Bodies = std::vector<std::string>;

void FillSmall(const std::function<void(const std::string&, const std::string&)>& put) {
  put("nsqd.dat", R"({"topics":[{"name":"t","paused":true,"channels":[)"
                  R"({"name":"a","paused":true},{"name":"b","paused":false}]},)"
                  R"({"name":"empty.one","paused":false,"channels":[]}],"version":"1.2.0"})");
  put("t.diskqueue.000003.dat", GoRecord("topic 1") + GoRecord("topic 2"));
  put("t:a.diskqueue.000000.dat", GoRecord("a 1", 3));
  put("t:b.diskqueue.000000.dat", GoRecord("b 1") + GoRecord("b 2", 1) + GoRecord("b 3"));
}

// There is no checksum: a large message is believed if what is behind it makes sense.
TEST_F(GoImportTest, AMessageOfAnySizeComesAlong) {
  const std::string large((1 << 20) + 1, 'x');
  Put("nsqd.dat", R"({"topics":[{"name":"t","paused":false,"channels":[]}],"version":"1.3.0"})");
  Put("t.diskqueue.000000.dat", GoRecord(large) + GoRecord("small") + GoRecord(large));
  const Result<GoImport> imported = Import();
  ASSERT_TRUE(imported.ok()) << imported.status().ToString();
  EXPECT_EQ(imported->damaged_bytes, 0u);
  EXPECT_TRUE(Open("t").topic == (Bodies{large, "small", large}));
}

TEST_F(GoImportTest, ADamagedSizeThatIsLargeTakesOnlyItsMessage) {
  const std::string half(600 << 10, 'x');
  std::string damaged = GoRecord("damaged");
  damaged[1] ^= 0x10;  // 1 MiB more
  Put("nsqd.dat", R"({"topics":[{"name":"t","paused":false,"channels":[]}],"version":"1.3.0"})");
  Put("t.diskqueue.000000.dat", damaged + GoRecord(half) + GoRecord(half) + GoRecord("last"));
  const Result<GoImport> imported = Import();
  ASSERT_TRUE(imported.ok()) << imported.status().ToString();
  EXPECT_EQ(imported->damaged_stretches, 1u);
  EXPECT_TRUE(Open("t").topic == (Bodies{half, half, "last"}));
}

TEST_F(GoImportTest, TopicsChannelsPausesAndMessagesComeAlong) {
  FillSmall([this](const std::string& name, const std::string& text) { Put(name, text); });
  PutMeta("t", 2, 3, 0, 3, 80);
  const Result<GoImport> imported = Import();
  ASSERT_TRUE(imported.ok()) << imported.status().ToString();
  EXPECT_EQ(imported->topics, 2u);
  EXPECT_EQ(imported->channels, 2u);
  EXPECT_EQ(imported->messages, 6u);
  EXPECT_EQ(imported->damaged_bytes, 0u);

  Content t = Open("t");
  EXPECT_TRUE(t.state.paused);
  ASSERT_EQ(t.state.channels.size(), 2u);
  EXPECT_EQ(t.state.channels[0].name, "a");
  EXPECT_TRUE(t.state.channels[0].paused);
  EXPECT_FALSE(t.state.channels[1].paused);
  EXPECT_EQ(t.channels["a"], (Bodies{"a 1"}));
  EXPECT_EQ(t.channels["b"], (Bodies{"b 2", "b 1", "b 3"})) << "what was delivered before is first";
  EXPECT_EQ(t.attempts["a 1"], 3);
  EXPECT_EQ(t.attempts["b 2"], 1);
  EXPECT_EQ(t.topic, (Bodies{"topic 1", "topic 2"}));
  EXPECT_TRUE(Open("empty.one").topic.empty());

  EXPECT_FALSE(files_.Has("d/nsqd.dat"));
  EXPECT_TRUE(files_.Has("d/nsqd-original/nsqd.dat"));
  EXPECT_TRUE(files_.Has("d/nsqd-original/t:b.diskqueue.000000.dat"));
  const Result<GoImport> again = Import();
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again->any);
}

TEST_F(GoImportTest, ReadsFromWhereTheMetaFileSaysToTheEndOfTheLastFile) {
  const std::string first = GoRecord("read already");
  Put("t.diskqueue.000004.dat", GoRecord("left over"));
  Put("t.diskqueue.000005.dat", first + GoRecord("1") + GoRecord("2"));
  Put("t.diskqueue.000006.dat", GoRecord("3") + GoRecord("the meta file does not know of"));
  PutMeta("t", 3, 5, first.size(), 6, GoRecord("3").size());
  ASSERT_TRUE(Import().ok());
  EXPECT_EQ(Open("t").topic, (Bodies{"1", "2", "3", "the meta file does not know of"}));
}

TEST_F(GoImportTest, WithoutMetadataTheNamesOfTheQueuesTell) {
  Put("nsqd.dat", "{\"topics\":[{\"na");
  Put("with.dots-1.diskqueue.000000.dat", GoRecord("x"));
  Put("with.dots-1:c.h.diskqueue.000000.dat", GoRecord("y"));
  Put("gone#ephemeral.diskqueue.000000.dat", GoRecord("z"));
  ASSERT_TRUE(Import().ok());
  Content content = Open("with.dots-1");
  EXPECT_EQ(content.topic, (Bodies{"x"}));
  EXPECT_EQ(content.channels["c.h"], (Bodies{"y"}));
}

TEST_F(GoImportTest, NamesThatAreNoneArePassedOverWithOneWord) {
  Put("nsqd.dat", R"({"topics":[{"name":"b@d","channels":null},)"
                  R"({"name":"t","channels":[{"name":"x y"},{"name":"c"}]}]})");
  InitLogging("nsqd", "[nsqd] ", LogLevel::kWarn);
  testing::internal::CaptureStderr();
  ASSERT_TRUE(Import().ok());
  const std::string log = testing::internal::GetCapturedStderr();
  for (const std::string_view line : {"WARNING: skipping creation of invalid topic b@d\n",
                                      "WARNING: skipping creation of invalid channel x y\n"}) {
    const size_t at = log.find(line);
    ASSERT_NE(at, std::string::npos) << log;
    EXPECT_EQ(log.find(line, at + 1), std::string::npos) << log;
  }
  EXPECT_EQ(Open("t").channels.size(), 1u);
}

TEST_F(GoImportTest, ManyMessagesFillManySegments) {
  Bodies bodies;
  for (int file = 0; file < 3; ++file) {
    std::string text;
    for (int i = 0; i < 500; ++i) {
      bodies.push_back("message " + std::to_string(bodies.size()));
      text += GoRecord(bodies.back());
    }
    Put("t:a.diskqueue.00000" + std::to_string(file) + ".dat", text);
  }
  ASSERT_TRUE(Import().ok());
  Content content = Open("t");
  EXPECT_EQ(content.channels["a"], bodies);
  EXPECT_TRUE(content.state.channels[0].unfinished.empty()) << "a cursor, not a list";
}

// Every byte flipped, and the file cut at every byte: neighbours come along, nothing else does.
TEST_F(GoImportTest, DamageTakesNoNeighbours) {
  const std::string one = GoRecord("the first message");
  const std::string two = GoRecord("the second message");
  const std::string three = GoRecord("the third message");
  const std::string all = one + two + three;
  for (size_t at = 0; at < all.size(); ++at) {
    SCOPED_TRACE(at);
    for (const bool cut : {false, true}) {
      files_.Clear();
      files_.AddDir("d");
      std::string bad = all;
      bad[at] = static_cast<char>(bad[at] ^ 0x80);
      if (cut) bad = all.substr(0, at);
      Put("t.diskqueue.000000.dat", bad);
      const Result<GoImport> imported = Import();
      ASSERT_TRUE(imported.ok()) << imported.status().ToString();
      const Bodies bodies = Open("t").topic;
      const auto has = [&](const char* body) {
        return std::find(bodies.begin(), bodies.end(), body) != bodies.end();
      };
      const size_t hit = at < one.size() ? 1 : at < one.size() + two.size() ? 2 : 3;
      if (hit > 1) {
        EXPECT_TRUE(has("the first message"));
      }
      if (cut ? hit > 2 : hit != 2) {
        EXPECT_TRUE(has("the second message"));
      }
      if (!cut && hit < 3) {
        EXPECT_TRUE(has("the third message"));
      }
      EXPECT_LE(bodies.size(), 3u);
    }
  }
}

TEST_F(GoImportTest, ATopicThatIsHereAlreadyIsLeftAlone) {
  (void)files_.MakeDir("d/t.topic");
  Put("t.topic/journal", "whatever");
  Put("t.diskqueue.000000.dat", GoRecord("x"));
  Put("u.diskqueue.000000.dat", GoRecord("y"));
  const Result<GoImport> imported = Import();
  ASSERT_TRUE(imported.ok());
  EXPECT_EQ(imported->left, (Bodies{"t"}));
  EXPECT_TRUE(files_.Has("d/t.diskqueue.000000.dat"));
  EXPECT_EQ(Open("u").topic, (Bodies{"y"}));
}

// The process dies at every change of the disk: the next start has it all, once.
TEST_F(GoImportTest, DiesAfterEveryChange) {
  const auto put = [this](const std::string& name, const std::string& text) { Put(name, text); };
  FillSmall(put);
  const uint64_t before = files_.changes();
  ASSERT_TRUE(Import().ok());
  const uint64_t changes = files_.changes() - before;
  for (uint64_t n = 0; n < changes; ++n) {
    SCOPED_TRACE(testing::Message() << n << " of " << changes);
    files_.Clear();
    files_.AddDir("d");
    FillSmall(put);
    files_.DieAfter(files_.changes() + n, n % 2 == 1);
    (void)Import();
    files_.Revive();
    ASSERT_TRUE(Import().ok());
    ASSERT_TRUE(Import().ok());
    Content t = Open("t");
    ASSERT_EQ(t.channels["b"], (Bodies{"b 2", "b 1", "b 3"}));
    ASSERT_EQ(t.topic, (Bodies{"topic 1", "topic 2"}));
    ASSERT_TRUE(files_.Has("d/nsqd-original/nsqd.dat"));
  }
}

}  // namespace
}  // namespace nsq::nsqd
