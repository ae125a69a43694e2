// The disk says no: every error there is, short writes, syncs that fail, no descriptors left, a
// file system that is full to the last byte or can only be read.

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#include "common/strings.h"
#include "tests/crash/crash_fixture.h"

namespace nsq::crash {
namespace {

using cluster::Drain;
using cluster::Eventually;
using cluster::Numbered;
using cluster::V2Client;
using testing::HasSubstr;

class FaultTest : public CrashTest {
 protected:
  // A daemon on the faulty disk, with a topic, a channel, and these messages in it.
  void BeginWith(const std::vector<std::string>& bodies, const std::string& durability) {
    Begin(durability, Ledger::Promise::kAll);
    EXPECT_EQ(nsqd().Stop(), 0);
    StartAgain();
    EXPECT_EQ(V2Client(nsqd().tcp_port()).Mpub("t", bodies), "OK");
  }

  void ExpectRefusedBecause(const std::string& reason) {
    // Each refusal ends its connection.
    const uint16_t port = nsqd().tcp_port();
    EXPECT_THAT(V2Client(port).Pub("t", "refused"), HasSubstr("E_PUB_FAILED"));
    EXPECT_THAT(V2Client(port).Mpub("t", {"refused", "refused"}), HasSubstr("E_MPUB_FAILED"));
    EXPECT_THAT(V2Client(port).Dpub("t", milliseconds(1), "refused"), HasSubstr("E_DPUB_FAILED"));
    const http::Response refused = nsqd().Post("/pub?topic=t", "refused");
    EXPECT_EQ(refused.status, 503);
    EXPECT_THAT(refused.body, HasSubstr(reason));
    http::Response ping;
    EXPECT_TRUE(Eventually([&] {
      ping = nsqd().Get("/ping");
      return ping.status == 500;
    }));
    EXPECT_THAT(ping.body, HasSubstr(reason));
    const std::string metrics = nsqd().Get("/metrics").body;
    EXPECT_THAT(metrics, HasSubstr("nsq_healthy 0"));
    EXPECT_THAT(metrics, HasSubstr(reason));
    EXPECT_THAT(nsqd().Get("/stats").body, HasSubstr(reason));
  }

  void ExpectItResumes() {
    EXPECT_TRUE(Eventually([&] { return nsqd().Get("/ping").status == 200; })) << "by itself";
    EXPECT_THAT(nsqd().Get("/metrics").body, HasSubstr("nsq_healthy 1"));
    EXPECT_EQ(nsqd().Publish("t", "after"), "OK");
  }
};

TEST_P(FaultTest, WhatIsNotWrittenIsRefusedAndTheRestGoesOn) {
  BeginWith(Numbered("m", 10), "os");
  for (const int error : {EIO, ENOSPC, EDQUOT, EROFS, EFBIG}) {
    SCOPED_TRACE(std::strerror(error));
    disk().control()[DiskCall::kWrite].error = error;
    ExpectRefusedBecause(std::strerror(error));
    EXPECT_THAT(Drain(nsqd().tcp_port(), "t", "c0", 10), testing::SizeIs(10)) << "drains";
    disk().Heal();
    ExpectItResumes();
    EXPECT_EQ(V2Client(nsqd().tcp_port()).Mpub("t", Numbered("m", 9)), "OK");
  }
  nsqd().Kill();
  StartAgain();
  const auto left = static_cast<size_t>(nsqd().Stats("t").of("c1").depth);
  EXPECT_EQ(left, 10u + 5 * 10);
  const std::vector<std::string> bodies = Drain(nsqd().tcp_port(), "t", "c1", left);
  EXPECT_THAT(bodies, testing::Each(testing::Not("refused")));
  EXPECT_EQ(nsqd().Stats("t").of("c0").depth, 10) << "what was drained meanwhile stays drained";
}

TEST_P(FaultTest, WithoutDescriptorsNewFilesAreRefusedAndTheRestGoesOn) {
  BeginWith(Numbered("m", 10), "os");
  disk().control()[DiskCall::kOpen].error = EMFILE;
  EXPECT_NE(nsqd().Post("/topic/create?topic=new").status, 200);
  const http::Response refused = nsqd().Post("/pub?topic=new", "x");
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr(std::strerror(EMFILE)));
  EXPECT_EQ(nsqd().Post("/topic/create?topic=new%23ephemeral").status, 200) << "needs no disk";
  EXPECT_THAT(nsqd().Get("/ping").body, HasSubstr(std::strerror(EMFILE)));
  EXPECT_THAT(nsqd().Get("/metrics").body, HasSubstr("nsq_healthy 0"));
  EXPECT_THAT(Drain(nsqd().tcp_port(), "t", "c0", 10), testing::SizeIs(10));
  disk().Heal();
  ExpectItResumes();
  EXPECT_EQ(nsqd().Publish("new", "x"), "OK");
}

// None for connections either: those that are there go on, the others wait.
TEST_P(FaultTest, WithoutDescriptorsConnectionsGoOn) {
  BeginWith(Numbered("m", 10), "os");
  V2Client producer(nsqd().tcp_port());
  V2Client consumer(nsqd().tcp_port());
  EXPECT_EQ(consumer.Sub("t", "c0"), "OK");
  EXPECT_EQ(producer.Pub("t", "before"), "OK");
  rlimit before{};
  rlimit few{};
  const pid_t pid = nsqd().process().pid();
  ASSERT_EQ(::prlimit(pid, RLIMIT_NOFILE, nullptr, &before), 0);
  few.rlim_cur = 10;  // it has more than that
  few.rlim_max = before.rlim_max;
  ASSERT_EQ(::prlimit(pid, RLIMIT_NOFILE, &few, nullptr), 0);

  std::optional<V2Client> waiting = V2Client::TryConnect(nsqd().tcp_port());
  ASSERT_TRUE(waiting.has_value()) << "the kernel takes it";
  consumer.Rdy(20);
  for (int i = 0; i < 11; ++i) {
    const auto message = consumer.Next();
    ASSERT_TRUE(message.has_value());
    consumer.Fin(message->id);
  }
  ASSERT_EQ(::prlimit(pid, RLIMIT_NOFILE, &before, nullptr), 0);
  EXPECT_EQ(waiting->Pub("t", "after"), "OK");
  EXPECT_EQ(producer.Pub("t", "after"), "OK");
  ExpectItResumes();
}

TEST_P(FaultTest, WritesThatAreCutShortAreGoneOnWith) {
  Begin("os", Ledger::Promise::kAll);
  nsqd().Stop();
  StartAgain();
  for (int round = 0; round < Rounds(2); ++round) {
    disk().control().short_writes = true;
    Round([this] { nsqd().Kill(); });
  }
  Finish();
}

// A journal that cannot be written when the daemon is killed does not have the last deliveries.
TEST_P(FaultTest, ErrorsNowAndThenUnderLoadLoseNothing) {
  Begin("os", Ledger::Promise::kMessagesOnly);
  nsqd().Stop();
  StartAgain();
  load_.meddles = false;
  for (int round = 0; round < Rounds(3); ++round) {
    FaultRule& writes = disk().control()[DiskCall::kWrite];
    writes.error = round % 2 == 0 ? EIO : ENOSPC;
    writes.one_in = 7;
    disk().control()[DiskCall::kRead].error = EIO;
    disk().control()[DiskCall::kRead].one_in = 3;
    Round([this] { nsqd().Kill(); });
    EXPECT_GT(disk().control().failed, 0u);
  }
  Finish();
}

// Nobody is told OK for what is not known to be on the disk.
TEST_P(FaultTest, AFailedSyncRefusesAndIsNotBelievedLater) {
  Begin("fsync", Ledger::Promise::kMessagesOnly);
  nsqd().Stop();
  disk().FollowSyncs();
  StartAgain();
  load_.meddles = false;
  ledger().Sent({"doubtful", "sure"});
  disk().control()[DiskCall::kSync].error = EIO;
  EXPECT_THAT(V2Client(nsqd().tcp_port()).Pub("t", "doubtful"), HasSubstr("E_PUB_FAILED"));
  disk().Heal();
  EXPECT_EQ(V2Client(nsqd().tcp_port()).Pub("t", "sure"), "OK");
  ledger().Acknowledged({"sure"});
  for (int round = 0; round < Rounds(4); ++round) {
    FaultRule& syncs = disk().control()[DiskCall::kSync];
    syncs.error = EIO;
    syncs.one_in = static_cast<uint32_t>(5 + 2 * (random()() % 4));
    syncs.files = static_cast<FaultyFiles>(random()() % 3);
    Round([this] {
      nsqd().Kill();
      disk().CutPower(&random());
    });
  }
  EXPECT_GT(disk().control().failed, 0u);
  Finish();
}

// --- a file system of its own

class FullTest : public FaultTest {
 protected:
  // A small file system in place of the data path, which only this process and its children see.
  // Says why not if that is not allowed here.
  std::string MountSmall() {
    if (::geteuid() == 0 && ::unshare(CLONE_NEWNS) == 0) {
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    } else {
      const auto id = std::to_string(::geteuid());
      if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return std::strerror(errno);
      std::ofstream("/proc/self/setgroups") << "deny";
      std::ofstream("/proc/self/uid_map") << id << " " << id << " 1";
    }
    std::filesystem::create_directories(data_path());
    if (::mount("tmpfs", data_path().c_str(), "tmpfs", 0, "size=8m") != 0) {
      return std::strerror(errno);
    }
    mounted_ = true;
    return "";
  }
  ~FullTest() override {
    nsqds_.clear();
    if (mounted_) ::umount2(data_path().c_str(), MNT_DETACH);
  }

  // Publishes until it is refused; how many were not.
  size_t Fill() {
    for (size_t accepted = 0;; ++accepted) {
      std::string body = StrCat("m", 10'000 + accepted, " ");
      body.resize(20'000, kPadding);
      const http::Response answer = nsqd().Post("/pub?topic=t", body);
      if (answer.status != 200) {
        EXPECT_EQ(answer.status, 503);
        EXPECT_THAT(answer.body, HasSubstr("disk"));
        return accepted;
      }
    }
  }

 private:
  bool mounted_ = false;
};

TEST_P(FullTest, AFullFileSystemRefusesDrainsAndResumes) {
  if (const std::string why = MountSmall(); !why.empty()) {
    GTEST_SKIP() << "no file system can be mounted here (" << why
                 << "): run it as root, or where users may make namespaces";
  }
  Begin("os", Ledger::Promise::kAll);
  size_t accepted = Fill();
  EXPECT_GE(accepted, 300u);
  EXPECT_EQ(nsqd().Get("/ping").status, 500);

  // Somebody else takes the rest, the reserve too.
  {
    std::ofstream rest(data_path() / "rest");
    const std::string block(4096, 'x');
    while (rest.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  EXPECT_EQ(std::filesystem::space(data_path()).available, 0u);
  EXPECT_EQ(nsqd().Post("/pub?topic=t", std::string(20'000, 'x')).status, 503);
  EXPECT_THAT(Drain(nsqd().tcp_port(), "t", "c0", accepted / 2), testing::SizeIs(accepted / 2));

  // Killed and started where not a byte can be written.
  nsqd().Kill();
  ASSERT_TRUE(nsqd().TryStart());
  EXPECT_THAT(Drain(nsqd().tcp_port(), "t", "c1", accepted), testing::SizeIs(accepted));
  EXPECT_GE(static_cast<size_t>(nsqd().Stats("t").of("c0").depth), accepted - accepted / 2);
  const auto left = static_cast<size_t>(nsqd().Stats("t").of("c0").depth);
  EXPECT_THAT(Drain(nsqd().tcp_port(), "t", "c0", left), testing::SizeIs(left));
  std::filesystem::remove(data_path() / "rest");
  ExpectItResumes();
  EXPECT_THAT(Drain(nsqd().tcp_port(), "t", "c0", 1), testing::ElementsAre("after"));
  EXPECT_THAT(Drain(nsqd().tcp_port(), "t", "c1", 1), testing::ElementsAre("after"));
  accepted = Fill();
  EXPECT_GE(accepted, 300u) << "all of the disk was given back";
}

TEST_P(FullTest, UnderLoadOnAFileSystemThatIsAlwaysFull) {
  if (const std::string why = MountSmall(); !why.empty()) {
    GTEST_SKIP() << "no file system can be mounted here (" << why
                 << "): run it as root, or where users may make namespaces";
  }
  Begin("os", Ledger::Promise::kAll, {"-disk-reserve=7500000"});
  for (int round = 0; round < Rounds(3); ++round) Round([this] { nsqd().Kill(); });
  Finish();
}

TEST_P(FullTest, AFileSystemThatCanOnlyBeReadIsDrainedAndTakesAgainWhenItCanBeWritten) {
  if (const std::string why = MountSmall(); !why.empty()) {
    GTEST_SKIP() << "no file system can be mounted here (" << why
                 << "): run it as root, or where users may make namespaces";
  }
  Begin("os", Ledger::Promise::kAll);
  EXPECT_EQ(V2Client(nsqd().tcp_port()).Mpub("t", Numbered("m", 10)), "OK");
  for (const bool clean : {true, false}) {
    if (clean) {
      EXPECT_EQ(nsqd().Stop(), 0);
    } else {
      nsqd().Kill();
    }
    const std::string path = data_path().string();
    const char* const where = path.c_str();
    // Busy until all that the daemon had open is closed.
    ASSERT_TRUE(Eventually([&] {
      return ::mount("none", where, nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0;
    })) << std::strerror(errno);
    ASSERT_TRUE(nsqd().TryStart());
    ExpectRefusedBecause(std::strerror(EROFS));
    EXPECT_THAT(Drain(nsqd().tcp_port(), "t", "c0", 5), testing::SizeIs(5));
    ASSERT_EQ(::mount("none", where, nullptr, MS_REMOUNT, nullptr), 0);
    ExpectItResumes();
    EXPECT_THAT(Drain(nsqd().tcp_port(), "t", "c0", 1), testing::SizeIs(1));
  }
}

INSTANTIATE_TEST_SUITE_P(, FaultTest, testing::Values(1, 4), cluster::LoopsName);
INSTANTIATE_TEST_SUITE_P(, FullTest, testing::Values(1, 4), cluster::LoopsName);

}  // namespace
}  // namespace nsq::crash
