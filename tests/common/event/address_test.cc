#include "common/event/address.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <filesystem>

namespace nsq {
namespace {

TEST(AddressTest, SplitsHostAndPort) {
  const struct {
    const char* text;
    const char* host;
    uint16_t port;
  } kCases[] = {
      {"127.0.0.1:4150", "127.0.0.1", 4150},
      {":4151", "", 4151},
      {"name:0", "name", 0},
      {"name:", "name", 0},
      {"[::1]:4150", "::1", 4150},
      {"[::]:65535", "::", 65535},
  };
  for (const auto& [text, host, port] : kCases) {
    const auto address = ParseAddress(text);
    ASSERT_TRUE(address.ok()) << text;
    EXPECT_FALSE(address->is_unix()) << text;
    EXPECT_EQ(address->host, host);
    EXPECT_EQ(address->port, port);
  }
}

TEST(AddressTest, WhatDoesNotSplitIsAUnixPath) {
  for (const char* text : {"nsqd.sock", "dir/nsqd.sock", "./a:1/b", "127.0.0.1", "::1"}) {
    const auto address = ParseAddress(text);
    ASSERT_TRUE(address.ok()) << text;
    EXPECT_EQ(address->unix_path, text);
  }
}

TEST(AddressTest, ABadPortIsNamed) {
  for (const char* text : {"a:99999", "a:-1", "a:x"}) {
    EXPECT_EQ(ParseAddress(text).status().code(), Code::kInvalid) << text;
  }
  EXPECT_EQ(ParseAddress("a:99999").status().detail(), "address 99999: invalid port");
  EXPECT_EQ(ParseAddress("a:x").status().detail(), "address tcp/x: unknown port");
}

TEST(AddressTest, OnlyNamesNeedResolving) {
  const auto needs = [](const char* text) { return NeedsResolving(*ParseAddress(text)); };
  EXPECT_FALSE(needs("127.0.0.1:1"));
  EXPECT_FALSE(needs("[::1]:1"));
  EXPECT_FALSE(needs(":1"));
  EXPECT_FALSE(needs("a/path"));
  EXPECT_TRUE(needs("localhost:1"));
  const auto numeric = ResolveHost(*ParseAddress("localhost:4150"));
  ASSERT_TRUE(numeric.ok()) << numeric.status().ToString();
  for (const Address& address : *numeric) {
    EXPECT_FALSE(NeedsResolving(address)) << address.host;
    EXPECT_EQ(address.port, 4150);
  }
}

TEST(AddressTest, JoinPutsBracketsAroundIpv6) {
  EXPECT_EQ(JoinHostPort("a", 1), "a:1");
  EXPECT_EQ(JoinHostPort("::1", 4150), "[::1]:4150");
}

TEST(AddressTest, ListeningTwiceOnAPortIsRefusedInTheOriginalsWords) {
  Address address;
  address.host = "127.0.0.1";
  const auto first = Listen(address);
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  address.port = BoundPort(first->get());
  const auto second = Listen(address);
  EXPECT_EQ(second.status().detail(), "listen tcp " + JoinHostPort("127.0.0.1", address.port) +
                                          ": bind: address already in use");
}

TEST(AddressTest, AUnixSocketHasNoPortAndTheNameAt) {
  Address address;
  address.unix_path = testing::TempDir() + "address_test." + std::to_string(::getpid()) + ".sock";
  const auto listening = Listen(address);
  ASSERT_TRUE(listening.ok()) << listening.status().ToString();
  EXPECT_EQ(BoundPort(listening->get()), 0);
  const auto client = StartConnect(address);
  ASSERT_TRUE(client.ok());
  EXPECT_EQ(PeerAddress(client->get()), "@");
  EXPECT_FALSE(Listen(address).ok()) << "a stale file is not removed";
  std::filesystem::remove(address.unix_path);
}

TEST(AddressTest, ConnectingToADeadPortIsNoticed) {
  Address address;
  address.host = "127.0.0.1";
  {
    const auto listening = Listen(address);
    address.port = BoundPort(listening->get());
  }
  const auto fd = StartConnect(address);
  ASSERT_TRUE(fd.ok());
  pollfd waiting = {fd->get(), POLLOUT, 0};
  ASSERT_EQ(::poll(&waiting, 1, 5000), 1);
  EXPECT_EQ(SocketError(fd->get()).detail(), "connect: connection refused");
}

}  // namespace
}  // namespace nsq
