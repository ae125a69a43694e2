#include "common/event/refused_connections.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <vector>

namespace nsq {
namespace {

class RefusedConnectionsTest : public testing::Test {
 protected:
  // The client's end of a connection that is being refused.
  UniqueFd Refuse(std::string_view words) {
    std::array<int, 2> ends;
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    refused_.Refuse(UniqueFd(ends[0]), words);
    return UniqueFd(ends[1]);
  }

  std::string ReadAll(const UniqueFd& client) {
    std::string all;
    for (int i = 0; i < 20'000; ++i) {
      loop_.RunOnce(false);
      pollfd waiting = {client.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 1) == 0) continue;
      std::array<char, 1024> bytes;
      const ssize_t n = ::recv(client.get(), bytes.data(), bytes.size(), 0);
      if (n <= 0) return all + (n == 0 ? "<EOF>" : "<RESET>");
      all.append(bytes.data(), static_cast<size_t>(n));
    }
    return all + "<TIMEOUT>";
  }

  EventLoop loop_{"test loop"};
  RefusedConnections refused_{loop_, "TCP"};
};

TEST_F(RefusedConnectionsTest, AClientThatHasSpokenFirstStillHearsWhy) {
  const UniqueFd client = Refuse("no room");
  ASSERT_EQ(::send(client.get(), "  V2", 4, MSG_NOSIGNAL), 4);
  EXPECT_EQ(ReadAll(client), "no room<EOF>");
}

TEST_F(RefusedConnectionsTest, IsGoneOnceTheClientHasClosed) {
  UniqueFd client = Refuse("no room");
  EXPECT_EQ(refused_.size(), 1u);
  client.Reset();
  while (refused_.size() > 0) loop_.RunOnce(true);
}

TEST_F(RefusedConnectionsTest, IsGoneSoonAlsoIfTheClientStays) {
  const UniqueFd client = Refuse("no room");
  while (refused_.size() > 0) loop_.RunOnce(true);
  EXPECT_EQ(ReadAll(client), "no room<EOF>");
}

TEST_F(RefusedConnectionsTest, BeyondItsRoomTheyAreClosedUnheard) {
  std::vector<UniqueFd> clients;
  for (size_t i = 0; i < RefusedConnections::kMaxAtOnce; ++i) clients.push_back(Refuse("no room"));
  EXPECT_EQ(ReadAll(Refuse("no room")), "<EOF>");
  EXPECT_EQ(refused_.size(), RefusedConnections::kMaxAtOnce);
  EXPECT_EQ(ReadAll(clients.front()), "no room<EOF>");
}

}  // namespace
}  // namespace nsq
