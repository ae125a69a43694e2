#include "common/event/listener.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <vector>

#include "common/event/address.h"

namespace nsq {
namespace {

class ListenerTest : public testing::Test {
 protected:
  ListenerTest() {
    address_.host = "127.0.0.1";
    auto fd = Listen(address_);
    EXPECT_TRUE(fd.ok());
    address_.port = BoundPort(fd->get());
    listener_ = std::make_unique<Listener>(
        loop_, std::move(*fd), [this](UniqueFd client) { accepted_.push_back(std::move(client)); });
  }

  UniqueFd Connect() {
    auto fd = StartConnect(address_);
    EXPECT_TRUE(fd.ok());
    return std::move(*fd);
  }

  EventLoop loop_{"test loop"};
  Address address_;
  std::vector<UniqueFd> accepted_;
  std::unique_ptr<Listener> listener_;
};

TEST_F(ListenerTest, HandsOverEveryConnection) {
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(Connect());
  while (accepted_.size() < clients.size()) loop_.RunOnce(true);
  EXPECT_EQ(PeerAddress(accepted_[0].get()), LocalAddress(clients[0].get()));
}

TEST_F(ListenerTest, WithoutDescriptorsItWaitsAndGoesOnWhenThereAreSome) {
  const UniqueFd client = Connect();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 3;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  for (int i = 0; i < 3; ++i) loop_.RunOnce(false);
  EXPECT_TRUE(accepted_.empty());
  const uint64_t turns = loop_.stats().turns;
  loop_.RunOnce(true);
  EXPECT_EQ(loop_.stats().turns, turns + 1) << "it waits for its timer, it does not spin";
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  while (accepted_.empty()) loop_.RunOnce(true);
}

}  // namespace
}  // namespace nsq
