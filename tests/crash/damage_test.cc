// Flipped bits and cut files, one at a time, in what a daemon that was killed has left: the next
// one starts, delivers all but what was hit, and says so; `--verify` and `--salvage` say the same.

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>

#include "common/strings.h"
#include "tests/crash/crash_fixture.h"

namespace nsq::crash {
namespace {

namespace fs = std::filesystem;
using cluster::ChildProcess;
using cluster::Drain;
using cluster::Numbered;
using cluster::V2Client;
using testing::HasSubstr;

constexpr int kMessages = 60;
constexpr int kPlacesOfAFile = 6;

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class DamageTest : public CrashTest {
 protected:
  DamageTest() : saved_(folder() / "saved") {}

  // Segments of a few messages each and a journal, as kill -9 leaves them; the daemon is dead.
  void Prepare() {
    AddNsqd({"-max-bytes-per-file=1500", "-mem-queue-size=5", "-sync-timeout=20ms"});
    EXPECT_EQ(nsqd().Post("/topic/create?topic=t").status, 200);
    for (const char* channel : {"c", "other"}) {
      EXPECT_EQ(nsqd().Post(StrCat("/channel/create?topic=t&channel=", channel)).status, 200);
    }
    V2Client producer(nsqd().tcp_port());
    for (const std::string& body : Bodies()) EXPECT_EQ(producer.Pub("t", body), "OK");
    EXPECT_THAT(Drain(nsqd().tcp_port(), "t", "other", 10), testing::SizeIs(10));
    nsqd().Kill();
    fs::copy(data_path(), saved_, fs::copy_options::recursive);
  }

  static std::vector<std::string> Bodies() {
    std::vector<std::string> bodies = Numbered("m", kMessages);
    for (std::string& body : bodies) body.append(" ").append(100, kPadding);
    std::sort(bodies.begin(), bodies.end());
    return bodies;
  }

  std::vector<fs::path> Files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(saved_ / "t.topic")) {
      files.push_back(entry.path().filename());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  void Write(const fs::path& name, const std::string& bytes) {
    fs::remove_all(data_path());
    fs::copy(saved_, data_path(), fs::copy_options::recursive);
    std::ofstream(data_path() / "t.topic" / name, std::ios::binary) << bytes;
  }

  // What nsqd says with this flag, and its exit code.
  std::pair<int, std::string> Run(const std::string& flag, const std::string& salvage) {
    const fs::path log = folder() / "verify";
    fs::remove(log);
    const std::string program = fs::path(NSQ_BIN_DIR) / "nsqd";
    ChildProcess run("/bin/sh",
                     {"-c", "exec \"$@\" >&2", "sh", program, flag,
                      "-data-path=" + data_path().string(), "-salvage=" + salvage},
                     log);
    const int code = run.Wait();
    return {code, ReadAll(log)};
  }
  // What `nsqd --verify` says of the data path, and its exit code.
  std::pair<int, std::string> Verify(const std::string& salvage) { return Run("-verify", salvage); }

  // Starts on what was written and gives what channel "c" has.
  std::vector<std::string> Survivors() {
    EXPECT_TRUE(nsqd().TryStart());
    EXPECT_EQ(nsqd().Get("/ping").body, "OK");
    std::vector<std::string> bodies;
    V2Client consumer(nsqd().tcp_port());
    EXPECT_EQ(consumer.Sub("t", "c"), "OK");
    consumer.Rdy(100);
    EXPECT_TRUE(cluster::Eventually([&] {
      while (auto message = consumer.Next(milliseconds(10))) {
        consumer.Fin(message->id);
        bodies.push_back(std::move(message->body));
      }
      const cluster::ChannelStats stats = nsqd().Stats("t").of("c");
      return stats.depth + stats.in_flight == 0;
    }));
    std::sort(bodies.begin(), bodies.end());
    bodies.erase(std::unique(bodies.begin(), bodies.end()), bodies.end());
    return bodies;
  }

  // All that is there was published; how many are not there.
  static size_t Lost(const std::vector<std::string>& bodies) {
    const std::vector<std::string> all = Bodies();
    EXPECT_TRUE(std::includes(all.begin(), all.end(), bodies.begin(), bodies.end()));
    return all.size() - bodies.size();
  }

  const fs::path saved_;
};

// Of a header, a record's size, checksum, sequence, time or body; of a journal's snapshot, its
// entries: which byte is what the dice decide, each file gets some.
TEST_P(DamageTest, AFlippedBitTakesAtMostItsMessage) {
  Prepare();
  for (const fs::path& name : Files()) {
    const std::string good = ReadAll(saved_ / "t.topic" / name);
    for (int i = 0; i < Rounds(kPlacesOfAFile); ++i) {
      // The front is where the headers are.
      const size_t place =
          random()() % (i % 2 == 0 ? std::min<size_t>(good.size(), 130) : good.size());
      SCOPED_TRACE(StrCat(name.string(), " byte ", place));
      std::string bad = good;
      bad[place] = static_cast<char>(bad[place] ^ 1 << random()() % 8);
      // A version that is not ours is not touched: another test's business.
      if (place == 4 || place == 5) continue;
      Write(name, bad);
      const auto [code, report] = Verify("-");
      const size_t lost = Lost(Survivors());
      if (name.extension() == ".log") {
        EXPECT_LE(lost, 1u);
        EXPECT_NE(code, 0) << report;
        EXPECT_THAT(report, HasSubstr("DAMAGE"));
      } else {
        EXPECT_EQ(lost, 0u);
      }
      if (lost == 1) {
        const std::string metrics = nsqd().Get("/metrics").body;
        EXPECT_THAT(metrics, HasSubstr("nsq_topic_damaged_records_total{topic=\"t\"} 1"));
        EXPECT_THAT(nsqd().process().Log(), HasSubstr(name.string()));
        EXPECT_TRUE(fs::exists((data_path() / "t.topic" / name.stem()).string() + ".damaged"));
      }
      nsqd().Kill();
    }
  }
}

TEST_P(DamageTest, ACutFileTakesOnlyWhatWasBehind) {
  Prepare();
  for (const fs::path& name : Files()) {
    const std::string good = ReadAll(saved_ / "t.topic" / name);
    const size_t in_it = static_cast<size_t>(
        std::count(good.begin(), good.end(), 'm'));  // no less than it has messages
    for (int i = 0; i < Rounds(3); ++i) {
      const size_t size = random()() % (good.size() + 1);
      SCOPED_TRACE(StrCat(name.string(), " cut to ", size, " of ", good.size()));
      Write(name, good.substr(0, size));
      const size_t lost = Lost(Survivors());
      EXPECT_LE(lost, name.extension() == ".log" ? in_it : 0u);
      nsqd().Kill();
    }
  }
}

TEST_P(DamageTest, AnUnknownVersionIsLeftAloneAndSaid) {
  Prepare();
  for (const fs::path& name : Files()) {
    std::string newer = ReadAll(saved_ / "t.topic" / name);
    newer[4] = 99;
    // The checksum must bear it out, or it is damage: so it counts as that, and is survived.
    Write(name, newer);
    EXPECT_LE(Lost(Survivors()), 1u);
    nsqd().Kill();
  }
}

TEST_P(DamageTest, WhatIsSalvagedIsTakenByAnotherNsqd) {
  Prepare();
  const fs::path segment = [&] {
    for (const fs::path& name : Files()) {
      if (name.extension() == ".log") return name;
    }
    return fs::path();
  }();
  std::string bad = ReadAll(saved_ / "t.topic" / segment);
  bad[bad.size() - 50] ^= 1;  // in the body of its last message
  Write(segment, bad);
  cluster::Nsqd& other = AddNsqd();
  EXPECT_EQ(other.Post("/topic/create?topic=t").status, 200);
  EXPECT_EQ(other.Post("/channel/create?topic=t&channel=c").status, 200);
  const auto [code, report] = Verify(StrCat("http://127.0.0.1:", other.http_port()));
  EXPECT_EQ(other.Stats("t").of("c").depth, kMessages - 1);
  EXPECT_EQ(Lost(Drain(other.tcp_port(), "t", "c", kMessages - 1)), 1u);
}

TEST_P(DamageTest, WhatIsNotDueYetIsSalvagedWithItsDelay) {
  AddNsqd();
  EXPECT_EQ(nsqd().Post("/pub?topic=t&defer=1800000", "later").body, "OK");
  nsqd().Kill();
  cluster::Nsqd& other = AddNsqd();
  EXPECT_EQ(other.Post("/topic/create?topic=t").status, 200);
  EXPECT_EQ(other.Post("/channel/create?topic=t&channel=c").status, 200);
  const auto [code, report] = Verify(StrCat("http://127.0.0.1:", other.http_port()));
  EXPECT_EQ(code, 0) << report;
  EXPECT_EQ(other.Stats("t").of("c").deferred, 1) << report;
}

TEST_P(DamageTest, SalvageAloneStartsNoDaemon) {
  Prepare();
  const auto [code, report] = Run("-verify=false", "-");
  EXPECT_EQ(code, 1);
  EXPECT_THAT(report, HasSubstr("--salvage goes with --verify"));
}

INSTANTIATE_TEST_SUITE_P(, DamageTest, testing::Values(1), cluster::LoopsName);

}  // namespace
}  // namespace nsq::crash
