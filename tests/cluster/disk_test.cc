// A disk that takes no more: a limit on the size of a file, which needs no rights and no file
// system of its own, stands for it.

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <string>
#include <vector>

#include "common/strings.h"
#include "tests/cluster/cluster_fixture.h"

namespace nsq::cluster {
namespace {

using testing::HasSubstr;

// What is started meanwhile writes no file larger than this.
class SmallFiles {
 public:
  explicit SmallFiles(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit small = before_;
    small.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallFiles() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

class DiskTest : public ClusterTest {};

TEST_P(DiskTest, FullItRefusesSaysWhyDrainsAndTakesAgain) {
  Nsqd* started = nullptr;
  {
    const SmallFiles small(1 << 20);
    started = &AddNsqd({"-mem-queue-size=10"});
  }
  Nsqd& nsqd = *started;
  EXPECT_EQ(nsqd.Post("/topic/create?topic=t").status, 200);
  EXPECT_EQ(nsqd.Post("/channel/create?topic=t&channel=c").status, 200);

  std::vector<std::string> accepted;
  http::Response refused;
  for (int i = 0; i < 200; ++i) {
    std::string body = StrCat("message ", 1000 + i, " ");
    body.resize(20'000, '.');
    refused = nsqd.Post("/pub?topic=t", body);
    if (refused.status != 200) break;
    accepted.push_back(std::move(body));
  }
  ASSERT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("File too large"));
  EXPECT_GE(accepted.size(), 40u);
  V2Client producer(nsqd.tcp_port());
  EXPECT_THAT(producer.Pub("t", std::string(20'000, 'x')), HasSubstr("E_PUB_FAILED"));
  const http::Response ping = nsqd.Get("/ping");
  EXPECT_EQ(ping.status, 500);
  EXPECT_THAT(ping.body, HasSubstr("File too large"));

  EXPECT_EQ(Drain(nsqd.tcp_port(), "t", "c", accepted.size()), accepted);
  EXPECT_TRUE(Eventually([&] { return nsqd.Get("/ping").status == 200; })) << "by itself";
  EXPECT_TRUE(Eventually([&] { return nsqd.Publish("t", std::string(20'000, 'y')) == "OK"; }));
  nsqd.Kill();
  nsqd.Start();
  EXPECT_EQ(Drain(nsqd.tcp_port(), "t", "c", 1).size(), 1u);
}

TEST_P(DiskTest, TheReserveIsAFlag) {
  Nsqd& nsqd = AddNsqd({"-disk-reserve=9000000000000000000"});
  const http::Response refused = nsqd.Post("/pub?topic=t", "x");
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("--disk-reserve"));
  EXPECT_THAT(nsqd.Get("/ping").body, HasSubstr("disk nearly full"));
}

INSTANTIATE_TEST_SUITE_P(, DiskTest, testing::Values(1, 4), LoopsName);

}  // namespace
}  // namespace nsq::cluster
