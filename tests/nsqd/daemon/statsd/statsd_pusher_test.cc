#include "nsqd/daemon/statsd/statsd_pusher.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/event/address.h"
#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "common/strings.h"

namespace nsq::nsqd {
namespace {

// A statsd daemon on a real socket; loop and pool are real too, the figures are not.
class StatsdPusherTest : public testing::Test {
 protected:
  StatsdPusherTest() {
    // Where the pusher will send to: by the system, localhost is 127.0.0.1 or ::1 first.
    const auto found = ResolveHost(*ParseAddress("localhost:0"));
    const bool is_v6 = found.ok() && found->front().host == "::1";
    socket_ = UniqueFd(
        ::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = in6addr_loopback;
    EXPECT_EQ(is_v6 ? ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&v6), sizeof v6)
                    : ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&v4), sizeof v4),
              0);
    target_.address = StrCat("localhost:", BoundPort(socket_.get()));
    target_.interval = milliseconds(1050);  // the last second is spare
    target_.memory = false;
    stats_.topics.emplace_back().name = "t";
  }
  void TearDown() override {
    pusher_.reset();
    pool_.reset();
  }

  void Start() {
    pusher_ = std::make_unique<StatsdPusher>(loop_, *pool_, target_, format_,
                                             [this](std::function<void(DaemonStats)> done) {
                                               ++asked_;
                                               if (answers_) {
                                                 done(stats_);
                                               } else {
                                                 waiting_.push_back(std::move(done));
                                               }
                                             });
  }
  bool TurnUntil(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(30);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      loop_.RunOnce(false);
      pollfd readable{socket_.get(), POLLIN, 0};
      ::poll(&readable, 1, 1);
      Receive();
    }
    return true;
  }
  void Receive() {
    char bytes[65536];
    ssize_t n = 0;
    while ((n = ::recv(socket_.get(), bytes, sizeof bytes, MSG_DONTWAIT)) >= 0) {
      got_.emplace_back(bytes, static_cast<size_t>(n));
      got_at_.push_back(std::chrono::steady_clock::now());
    }
  }

  EventLoop loop_{"test"};
  std::unique_ptr<HelperPool> pool_ = std::make_unique<HelperPool>(1);
  UniqueFd socket_;
  StatsdTarget target_;
  StatsdFormat format_{"p.", 508, false};
  DaemonStats stats_;
  bool answers_ = true;
  std::vector<std::function<void(DaemonStats)>> waiting_;
  int asked_ = 0;
  std::unique_ptr<StatsdPusher> pusher_;
  std::vector<std::string> got_;
  std::vector<SteadyTime> got_at_;
};

constexpr const char* kFirst =
    "p.topic.t.message_count:9|c\np.topic.t.message_bytes:0|c\n"
    "p.topic.t.depth:0|g\np.topic.t.backend_depth:0|g\n";

TEST_F(StatsdPusherTest, TheFirstPushComesAfterAnIntervalWithAllSinceStart) {
  stats_.topics[0].message_count = 9;
  const SteadyTime before = std::chrono::steady_clock::now();
  Start();
  ASSERT_TRUE(TurnUntil([&] { return !got_.empty(); }));
  EXPECT_GE(got_at_[0] - before, target_.interval);
  EXPECT_EQ(got_[0], kFirst);
  stats_.topics[0].message_count = 10;
  ASSERT_TRUE(TurnUntil([&] { return got_.size() > 1; }));
  EXPECT_TRUE(got_[1].starts_with("p.topic.t.message_count:1|c\n")) << got_[1];
}

TEST_F(StatsdPusherTest, DatagramsLeaveOneAfterTheOther) {
  target_.interval = milliseconds(1400);  // 100 ms for each of four
  format_.packet_bytes = 1;
  Start();
  ASSERT_TRUE(TurnUntil([&] { return got_.size() == 4; }));
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_GE(got_at_[i] - got_at_[0],
              static_cast<int64_t>(i) * milliseconds(100) - milliseconds(30));
  }
}

TEST_F(StatsdPusherTest, WhatIsLeftIsSentAtTheEnd) {
  target_.interval = seconds(2);  // 250 ms for each of four
  format_.packet_bytes = 1;
  Start();
  ASSERT_TRUE(TurnUntil([&] { return !got_.empty(); }));
  pusher_.reset();
  Receive();
  EXPECT_EQ(got_.size(), 4u);
}

TEST_F(StatsdPusherTest, CountsOfAPushThatFailedAreInTheNext) {
  const std::string good = target_.address;
  target_.address = "no-such-host.invalid:8125";
  stats_.topics[0].message_count = 9;
  testing::internal::CaptureStderr();
  Start();
  // Nobody is asked for figures that cannot be sent.
  const SteadyTime end = std::chrono::steady_clock::now() + target_.interval * 2;
  ASSERT_TRUE(TurnUntil([&] { return std::chrono::steady_clock::now() > end; }));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("failed to create UDP socket to statsd(no-such-host.invalid:8125)"),
            std::string::npos)
      << log;
  EXPECT_EQ(asked_, 0);
}

// A loop that does not answer, and a statsd that does not listen, hold up nothing.
TEST_F(StatsdPusherTest, AnAnswerAfterTheEndIsDropped) {
  answers_ = false;
  Start();
  ASSERT_TRUE(TurnUntil([&] { return !waiting_.empty(); }));
  pusher_.reset();
  waiting_[0](stats_);
  Receive();
  EXPECT_TRUE(got_.empty());
}

TEST_F(StatsdPusherTest, NobodyListeningDisturbsNobody) {
  socket_ = UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  format_.packet_bytes = 1;
  target_.interval = milliseconds(1010);
  Start();
  ASSERT_TRUE(TurnUntil([&] { return asked_ >= 2; })) << "it goes on";
}

}  // namespace
}  // namespace nsq::nsqd
