#include "clients/apps/topic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <zlib.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "common/event/unique_fd.h"

namespace nsq::apps {
namespace {

namespace fs = std::filesystem;

// 2026-11-20 22:00:00 UTC, where no time zone is an hour off the full one.
const WallTime kWall = WallFromUnixNanos(1'795'212'000'000'000'000);
const SteadyTime kSteady = SteadyTime() + std::chrono::hours(1);

std::string Contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// What gunzip makes of all whole members; what is behind them in `rest`.
std::string Gunzip(const std::string& bytes, size_t* members, size_t* rest = nullptr) {
  std::string out;
  size_t at = 0;
  *members = 0;
  while (at < bytes.size()) {
    z_stream stream{};
    EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + at));
    stream.avail_in = static_cast<uInt>(bytes.size() - at);
    std::string member(1 << 20, '\0');
    stream.next_out = reinterpret_cast<Bytef*>(member.data());
    stream.avail_out = static_cast<uInt>(member.size());
    const int result = inflate(&stream, Z_FINISH);
    const size_t used = bytes.size() - at - stream.avail_in;
    member.resize(member.size() - stream.avail_out);
    inflateEnd(&stream);
    if (result != Z_STREAM_END) break;
    out += member;
    at += used;
    ++*members;
  }
  if (rest != nullptr) *rest = bytes.size() - at;
  return out;
}

class TopicFileTest : public testing::Test {
 protected:
  TopicFileTest() {
    std::string name = testing::TempDir() + "nsq_topic_file_XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    options_.output_dir = (folder_ / "out").string();
    options_.work_dir = options_.output_dir;
    options_.name_format = "t<REV>.<DATETIME>.log";
    options_.datetime_format = "fixed";
    fs::create_directory(options_.output_dir);
  }
  ~TopicFileTest() override { fs::remove_all(folder_); }

  TopicFile Make() {
    return TopicFile(options_,
                     [this](LogLevel, const std::string& text) { said_.push_back(text); });
  }
  std::map<std::string, std::string> FilesIn(const std::string& folder) const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) {
        files[fs::relative(entry.path(), folder).string()] = Contents(entry.path());
      }
    }
    return files;
  }
  std::map<std::string, std::string> Output() const { return FilesIn(options_.output_dir); }
  void Write(const std::string& name, const std::string& contents) {
    std::ofstream(fs::path(options_.output_dir) / name, std::ios::binary) << contents;
  }
  bool Said(const std::string& words) const {
    for (const std::string& line : said_) {
      if (line.find(words) != std::string::npos) return true;
    }
    return false;
  }

  fs::path folder_;
  TopicFileOptions options_;
  std::vector<std::string> said_;
};

using Files = std::map<std::string, std::string>;

TEST_F(TopicFileTest, LinesAreThereOnceSynced) {
  TopicFile file = Make();
  EXPECT_TRUE(file.NeedsRotation(kWall, kSteady));
  ASSERT_TRUE(file.Open(kWall, kSteady).ok());
  ASSERT_TRUE(file.Write("one").ok());
  ASSERT_TRUE(file.Write("two").ok());
  ASSERT_TRUE(file.Sync().ok());
  EXPECT_EQ(Output(), (Files{{"t.fixed.log", "one\ntwo\n"}}));
  EXPECT_FALSE(file.NeedsRotation(kWall, kSteady));
  EXPECT_TRUE(file.Close().ok());
  EXPECT_TRUE(file.Close().ok()) << "twice is nothing more";
}

TEST_F(TopicFileTest, APlainFileIsAppendedTo) {
  Write("t.fixed.log", "before\n");
  TopicFile file = Make();
  ASSERT_TRUE(file.Open(kWall, kSteady).ok());
  ASSERT_TRUE(file.Write("after").ok());
  ASSERT_TRUE(file.Close().ok());
  ASSERT_TRUE(file.Open(kWall, kSteady).ok());
  ASSERT_TRUE(file.Write("again").ok());
  ASSERT_TRUE(file.Close().ok());
  EXPECT_EQ(Output(), (Files{{"t.fixed.log", "before\nafter\nagain\n"}}));
}

TEST_F(TopicFileTest, HalfALineOfACrashStaysAlone) {
  Write("t.fixed.log", "whole\nhal");
  TopicFile file = Make();
  ASSERT_TRUE(file.Open(kWall, kSteady).ok());
  ASSERT_TRUE(file.Write("next").ok());
  ASSERT_TRUE(file.Close().ok());
  EXPECT_EQ(Output(), (Files{{"t.fixed.log", "whole\nhal\nnext\n"}}));
}

TEST_F(TopicFileTest, EveryGzipSyncIsAMember) {
  options_.gzip = true;
  TopicFile file = Make();
  ASSERT_TRUE(file.Open(kWall, kSteady).ok());
  ASSERT_TRUE(file.Write("one").ok());
  ASSERT_TRUE(file.Sync().ok());
  ASSERT_TRUE(file.Write("two").ok());
  ASSERT_TRUE(file.Close().ok());
  const Files files = Output();
  ASSERT_EQ(files.size(), 1u);
  ASSERT_EQ(files.begin()->first, "t-000000.fixed.log.gz");
  const std::string& bytes = files.begin()->second;
  EXPECT_EQ(bytes.substr(0, 10), std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10));
  size_t members = 0;
  EXPECT_EQ(Gunzip(bytes, &members), "one\ntwo\n");
  EXPECT_EQ(members, 2u);
}

TEST_F(TopicFileTest, AKillAtAnyByteLeavesWhatWasSynced) {
  options_.gzip = true;
  std::string bytes;
  size_t synced = 0;
  {
    TopicFile file = Make();
    ASSERT_TRUE(file.Open(kWall, kSteady).ok());
    ASSERT_TRUE(file.Write("safe").ok());
    ASSERT_TRUE(file.Sync().ok());
    synced = Output().begin()->second.size();
    ASSERT_TRUE(file.Write("not yet").ok());
    ASSERT_TRUE(file.Close().ok());
    bytes = Output().begin()->second;
  }
  for (size_t size = synced; size < bytes.size(); ++size) {
    size_t members = 0;
    size_t rest = 0;
    EXPECT_EQ(Gunzip(bytes.substr(0, size), &members, &rest), "safe\n") << size;
    EXPECT_EQ(rest, size - synced);
  }
}

TEST_F(TopicFileTest, AnEmptyGzipFileIsOneAllTheSame) {
  options_.gzip = true;
  TopicFile file = Make();
  ASSERT_TRUE(file.Open(kWall, kSteady).ok());
  ASSERT_TRUE(file.Close().ok());
  size_t members = 0;
  EXPECT_EQ(Gunzip(Output().begin()->second, &members), "");
  EXPECT_EQ(members, 1u);
}

TEST_F(TopicFileTest, GzipNeverTouchesAFileThatIsThere) {
  options_.gzip = true;
  Write("t-000000.fixed.log.gz", "somebody's");
  TopicFile file = Make();
  ASSERT_TRUE(file.Open(kWall, kSteady).ok());
  ASSERT_TRUE(file.Close().ok());
  EXPECT_EQ(Output().size(), 2u);
  EXPECT_EQ(Output()["t-000000.fixed.log.gz"], "somebody's");
  EXPECT_TRUE(Said("working file already exists: "));
}

TEST_F(TopicFileTest, RotatesBySize) {
  options_.rotate_size = 7;
  TopicFile file = Make();
  for (const char* body : {"abc", "abc", "d", "e"}) {
    if (file.NeedsRotation(kWall, kSteady)) {
      ASSERT_TRUE(file.Open(kWall, kSteady).ok());
    }
    ASSERT_TRUE(file.Write(body).ok());
  }
  ASSERT_TRUE(file.Close().ok());
  EXPECT_EQ(Output(),
            (Files{{"t-000000.fixed.log", "abc\nabc\n"}, {"t-000001.fixed.log", "d\ne\n"}}));
  EXPECT_TRUE(Said("currently 8 bytes (> 7), rotating..."));
}

TEST_F(TopicFileTest, RotatesByTimeAndName) {
  options_.rotate_interval = seconds(10);
  TopicFile file = Make();
  ASSERT_TRUE(file.Open(kWall, kSteady).ok());
  EXPECT_FALSE(file.NeedsRotation(kWall, kSteady + seconds(10)));
  EXPECT_TRUE(file.NeedsRotation(kWall, kSteady + seconds(11)));
  EXPECT_TRUE(Said("11s since last open, rotating..."));

  options_.rotate_interval = {};
  options_.datetime_format = "%H";
  TopicFile hourly = Make();
  ASSERT_TRUE(hourly.Open(kWall, kSteady).ok());
  EXPECT_FALSE(hourly.NeedsRotation(kWall + std::chrono::minutes(10), kSteady));
  EXPECT_TRUE(hourly.NeedsRotation(kWall + std::chrono::hours(1), kSteady));
}

TEST_F(TopicFileTest, AFinishedFileMovesAndAnotherBegins) {
  options_.work_dir = (folder_ / "work").string();
  TopicFile file = Make();
  for (const char* body : {"one", "two"}) {
    ASSERT_TRUE(file.Open(kWall, kSteady).ok());
    ASSERT_TRUE(file.Write(body).ok());
    ASSERT_TRUE(file.Sync().ok());
    EXPECT_EQ(FilesIn(options_.work_dir).size(), 1u);
    ASSERT_TRUE(file.Close().ok());
    EXPECT_TRUE(file.Close().ok()) << "it is forgotten once it has moved";
  }
  EXPECT_EQ(Output(), (Files{{"t-000000.fixed.log", "one\n"}, {"t-000001.fixed.log", "two\n"}}));
  EXPECT_TRUE(FilesIn(options_.work_dir).empty());
}

// What a killed process has left.
class LeftBehindTest : public TopicFileTest {
 protected:
  void SetUp() override {
    const fs::path probe = folder_ / "probe";
    const UniqueFd fd(::open(probe.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (::fcntl(fd.get(), F_SETLEASE, F_WRLCK) != 0) GTEST_SKIP() << "no leases here";
  }
  // Writes and syncs "one", then as much of "two" as is in a file when its writer is killed.
  std::string Leave() {
    TopicFile file = Make();
    EXPECT_TRUE(file.Open(kWall, kSteady).ok());
    EXPECT_TRUE(file.Write("one").ok() && file.Sync().ok());
    std::ofstream(file.path(), std::ios::binary | std::ios::app)
        << (options_.gzip ? std::string("\x1f\x8b\x08\0\0", 5) : "tw");
    return file.path();
  }
  void Begin(const std::string& datetime) {
    options_.datetime_format = datetime;
    TopicFile file = Make();
    EXPECT_TRUE(file.Open(kWall, kSteady).ok());
    EXPECT_TRUE(file.Write("three").ok() && file.Close().ok());
  }
  size_t Rest(const std::string& name) {
    size_t members = 0;
    size_t rest = 0;
    Gunzip(Output()[name], &members, &rest);
    return rest;
  }
};

TEST_F(LeftBehindTest, AWorkFileIsCutToWhatWasSyncedAndFinished) {
  options_.work_dir = (folder_ / "work").string();
  Leave();
  Begin("later");
  EXPECT_EQ(Output(), (Files{{"t-000000.fixed.log", "one\n"}, {"t-000000.later.log", "three\n"}}));
  EXPECT_TRUE(FilesIn(options_.work_dir).empty());
  EXPECT_TRUE(Said("cutting off its last 2 bytes"));
}

TEST_F(LeftBehindTest, SoIsAGzipFileAlsoOfTheSameHour) {
  options_.work_dir = (folder_ / "work").string();
  options_.gzip = true;
  Leave();
  Begin("fixed");
  EXPECT_TRUE(FilesIn(options_.work_dir).empty());
  size_t members = 0;
  EXPECT_EQ(Gunzip(Output()["t-000000.fixed.log.gz"], &members), "one\n");
  EXPECT_EQ(Gunzip(Output()["t-000001.fixed.log.gz"], &members), "three\n");
  EXPECT_EQ(Rest("t-000000.fixed.log.gz"), 0u);
}

TEST_F(LeftBehindTest, ItOverwritesNothing) {
  options_.work_dir = (folder_ / "work").string();
  Leave();
  Write("t-000000.fixed.log", "theirs");
  Begin("later");
  EXPECT_EQ(Output()["t-000000.fixed.log"], "theirs");
  EXPECT_EQ(Output()["t-000001.fixed.log"], "one\n");
}

TEST_F(LeftBehindTest, WhatSomebodyHasOpenIsHisOwn) {
  options_.work_dir = (folder_ / "work").string();
  const std::string path = Leave();
  const UniqueFd somebody(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  Begin("later");
  EXPECT_EQ(Contents(path), "one\ntw");
  EXPECT_EQ(Output().size(), 1u);
}

TEST_F(LeftBehindTest, WithoutAWorkFolderTheLatestGzipFileCanBeReadToItsEnd) {
  options_.gzip = true;
  Leave();
  EXPECT_GT(Rest("t-000000.fixed.log.gz"), 0u);
  Begin("later");
  EXPECT_EQ(Rest("t-000000.fixed.log.gz"), 0u);
}

TEST_F(LeftBehindTest, OtherFilesStayAsTheyAre) {
  options_.work_dir = (folder_ / "work").string();
  fs::create_directory(options_.work_dir);
  const Files others = {{"t.fixed.log", "a"}, {"t-00.fixed.log", "b"}, {"u-000000.fixed.log", "c"}};
  for (const auto& [name, text] : others) std::ofstream(fs::path(options_.work_dir) / name) << text;
  Begin("later");
  EXPECT_EQ(FilesIn(options_.work_dir), others);
}

TEST_F(TopicFileTest, AMoveNeverOverwrites) {
  options_.work_dir = (folder_ / "work").string();
  TopicFile file = Make();
  ASSERT_TRUE(file.Open(kWall, kSteady).ok());
  ASSERT_TRUE(file.Write("mine").ok());
  Write("t-000000.fixed.log", "theirs");
  ASSERT_TRUE(file.Close().ok());
  EXPECT_EQ(Output(), (Files{{"t-000000.fixed.log", "theirs"}, {"t-000001.fixed.log", "mine\n"}}));
  EXPECT_TRUE(Said("destination file already exists: "));
  EXPECT_TRUE(Said("to avoid overwrite"));
}

TEST_F(TopicFileTest, SlashesMakeFolders) {
  options_.name_format = "a/b/t.<DATETIME>.log";
  TopicFile file = Make();
  ASSERT_TRUE(file.Open(kWall, kSteady).ok());
  ASSERT_TRUE(file.Write("x").ok());
  ASSERT_TRUE(file.Close().ok());
  EXPECT_EQ(Output(), (Files{{"a/b/t.fixed.log", "x\n"}}));
}

// Files may not grow beyond a limit: what the kernel does on a full disk, at every byte.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(TopicFileTest, WhatDidNotFitIsCutOffToTheLastSync) {
  for (const bool gzip : {false, true}) {
    options_.gzip = gzip;
    options_.name_format = gzip ? "g<REV>.log" : "p.log";
    TopicFile file = Make();
    ASSERT_TRUE(file.Open(kWall, kSteady).ok());
    ASSERT_TRUE(file.Write("safe").ok());
    ASSERT_TRUE(file.Sync().ok());
    const std::string name = gzip ? "g-000000.log.gz" : "p.log";
    const std::string synced = Output()[name];
    {
      const FileLimit limit(synced.size() + 3);
      const Status written = file.Write("does not fit in there");
      EXPECT_FALSE(written.ok() && file.Sync().ok());
    }
    EXPECT_EQ(Output()[name], synced);
    EXPECT_FALSE(file.open());
  }
}

}  // namespace
}  // namespace nsq::apps
