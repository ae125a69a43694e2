#include "common/event/address.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "common/event/socket_file.h"

// Stands before the system's: "both.test" is a name as "localhost" is one on many machines, with
// ::1 before 127.0.0.1.
extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                           addrinfo** list) {
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto system = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  if (host == nullptr || std::string_view(host) != "both.test") {
    return system(host, service, hints, list);
  }
  const int error = system("::1", service, hints, list);
  return error != 0 ? error : system("127.0.0.1", service, hints, &(*list)->ai_next);
}

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

// A path that nothing is at.
std::string FreshPath() {
  return testing::TempDir() + "address_test." + std::to_string(::getpid()) + ".sock";
}

TEST(AddressTest, AUnixSocketHasNoPortAndItsPathForAName) {
  const std::string path = FreshPath();
  const Address address = *ParseAddress(path);
  const auto listening = Listen(address);
  ASSERT_TRUE(listening.ok()) << listening.status().ToString();
  const SocketFile file(path);
  EXPECT_EQ(BoundPort(listening->get()), 0);
  EXPECT_EQ(LocalAddress(listening->get()), path);
  const auto client = StartConnect(address);
  ASSERT_TRUE(client.ok());
  EXPECT_EQ(PeerAddress(client->get()), "@");
  const UniqueFd accepted(::accept(listening->get(), nullptr, nullptr));
  EXPECT_EQ(PeerAddress(accepted.get()), "@");
}

TEST(AddressTest, ASocketFileIsReplacedOnlyIfNobodyListens) {
  const std::string path = FreshPath();
  const Address address = *ParseAddress(path);
  {
    const auto listening = Listen(address);
    ASSERT_TRUE(listening.ok()) << listening.status().ToString();
    EXPECT_EQ(Listen(address).status().detail(),
              "listen unix " + path + ": bind: address already in use");
    EXPECT_TRUE(StartConnect(address).ok()) << "and the other one still listens";
  }
  ASSERT_TRUE(std::filesystem::exists(path)) << "left as by a kill";
  const auto again = Listen(address);
  EXPECT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_TRUE(StartConnect(address).ok());
  std::filesystem::remove(path);
}

TEST(AddressTest, AFileThatIsNoSocketIsNotTouched) {
  const std::string path = FreshPath();
  std::ofstream(path) << "precious";
  EXPECT_FALSE(Listen(*ParseAddress(path)).ok());
  EXPECT_EQ(std::filesystem::file_size(path), 8u);
  std::filesystem::remove(path);
}

TEST(AddressTest, AtNamesASocketWithoutAFile) {
  const std::string name = "@nsq.address_test." + std::to_string(::getpid());
  const auto listening = Listen(*ParseAddress(name));
  ASSERT_TRUE(listening.ok()) << listening.status().ToString();
  EXPECT_EQ(LocalAddress(listening->get()), name);
  EXPECT_TRUE(StartConnect(*ParseAddress(name)).ok());
  EXPECT_FALSE(std::filesystem::exists(name));
  EXPECT_FALSE(Listen(*ParseAddress(name)).ok());

  const auto nameless = Listen(*ParseAddress(""));
  ASSERT_TRUE(nameless.ok()) << nameless.status().ToString();
  EXPECT_GT(LocalAddress(nameless->get()).size(), 1u) << "the kernel chose one";
  EXPECT_EQ(LocalAddress(nameless->get())[0], '@');
}

TEST(AddressTest, PathsHaveALimit) {
  const std::string path(200, 'x');
  EXPECT_EQ(Listen(*ParseAddress(path)).status().detail(), "unix socket path too long: " + path);
}

// Whoever connects over IPv4 and IPv6, if this machine has both.
TEST(AddressTest, AllInterfacesMeansBothFamilies) {
  const bool has_v6 = Listen(*ParseAddress("[::1]:0")).ok();
  for (const char* const text : {":0", "0.0.0.0:0", "[::]:0"}) {
    SCOPED_TRACE(text);
    if (!has_v6 && std::string_view(text) == "[::]:0") continue;
    const auto listening = Listen(*ParseAddress(text));
    ASSERT_TRUE(listening.ok()) << listening.status().ToString();
    const uint16_t port = BoundPort(listening->get());
    EXPECT_EQ(LocalAddress(listening->get()), JoinHostPort(has_v6 ? "::" : "0.0.0.0", port));
    for (const char* const host : {"127.0.0.1", "::1"}) {
      if (!has_v6 && std::string_view(host) == "::1") continue;
      const auto client = StartConnect({host, port, ""});
      ASSERT_TRUE(client.ok()) << client.status().ToString();
      pollfd waiting = {client->get(), POLLOUT, 0};
      ASSERT_EQ(::poll(&waiting, 1, 5000), 1);
      EXPECT_TRUE(SocketError(client->get()).ok()) << host;
      EXPECT_EQ(PeerAddress(client->get()), JoinHostPort(host, port));
    }
  }
}

TEST(AddressTest, ANameIsListenedOnAtItsIpv4Address) {
  const auto listening = Listen(*ParseAddress("both.test:0"));
  ASSERT_TRUE(listening.ok()) << listening.status().ToString();
  EXPECT_EQ(LocalAddress(listening->get()), JoinHostPort("127.0.0.1", BoundPort(listening->get())));
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
