// Where nsqd can be reached: IPv4, IPv6, both, Unix sockets; and what becomes of their files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/event/address.h"
#include "common/strings.h"
#include "tests/cluster/cluster_fixture.h"

namespace nsq::cluster {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class ListenerTest : public ClusterTest {
 protected:
  // An nsqd on those addresses, in a folder of its own.
  std::unique_ptr<ChildProcess> Spawn(const std::string& tcp, const std::string& http,
                                      const std::vector<std::string>& more = {}) {
    const auto data = folder() / StrCat("data", number_);
    std::filesystem::create_directory(data);
    std::vector<std::string> flags = {"-tcp-address=" + tcp, "-http-address=" + http,
                                      "-data-path=" + data.string(), "-node-id=1",
                                      StrCat("-loops=", GetParam())};
    flags.insert(flags.end(), more.begin(), more.end());
    return std::make_unique<ChildProcess>("nsqd", flags,
                                          folder() / StrCat("listener", number_++, ".log"));
  }
  // Starts it and gives the addresses it says it listens on.
  std::unique_ptr<ChildProcess> Start(const std::string& tcp, const std::string& http) {
    auto nsqd = Spawn(tcp, http);
    tcp_ = nsqd->AwaitLogged("TCP: listening on ");
    if (!http.empty()) http_ = nsqd->AwaitLogged("HTTP: listening on ");
    return nsqd;
  }
  // Everything that the answer to a GET holds; "" if nobody answers.
  static std::string Get(const Address& address, const std::string& path) {
    const auto fd = StartConnect(address);
    if (!fd.ok()) return "";
    const auto wait = [&](short events) {
      pollfd waiting = {fd->get(), events, 0};
      return ::poll(&waiting, 1, 20'000) == 1;
    };
    if (!wait(POLLOUT)) return "";
    const std::string request = StrCat("GET ", path, " HTTP/1.0\r\n\r\n");
    if (::send(fd->get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return "";
    std::string answer;
    char bytes[4096];
    while (wait(POLLIN)) {
      const ssize_t n = ::recv(fd->get(), bytes, sizeof bytes, 0);
      if (n <= 0) break;
      answer.append(bytes, static_cast<size_t>(n));
    }
    return answer;
  }
  static void ExpectServes(const Address& tcp, const Address& http) {
    V2Client client(tcp);
    EXPECT_EQ(client.Pub("t", "m"), "OK");
    EXPECT_EQ(client.Sub("t", "c"), "OK");
    client.Rdy(1);
    const auto message = client.Next();
    ASSERT_TRUE(message.has_value());
    client.Fin(message->id);
    EXPECT_EQ(client.Cls(), "CLOSE_WAIT");
    EXPECT_THAT(Get(http, "/ping"), EndsWith("\r\n\r\nOK"));
  }
  static int End(ChildProcess& nsqd) {
    nsqd.Signal(SIGTERM);
    return nsqd.Wait();
  }
  static uint16_t PortOf(const std::string& address) {
    uint16_t port = 0;
    EXPECT_TRUE(ParseInt(address.substr(address.rfind(':') + 1), &port)) << address;
    return port;
  }
  static bool HasIpv6() { return Listen(*ParseAddress("[::1]:0")).ok(); }

  int number_ = 0;
  std::string tcp_;
  std::string http_;
};

TEST_P(ListenerTest, OneFamily) {
  for (const std::string host : {"127.0.0.1", "::1"}) {
    if (host == "::1" && !HasIpv6()) continue;
    const std::string any = JoinHostPort(host, 0);
    const auto nsqd = Start(any, any);
    EXPECT_EQ(tcp_, JoinHostPort(host, PortOf(tcp_)));
    ExpectServes({host, PortOf(tcp_), ""}, {host, PortOf(http_), ""});
    EXPECT_THAT(Get({host, PortOf(http_), ""}, "/info"),
                HasSubstr(StrCat("\"http_port\":", PortOf(http_), ",\"tcp_port\":", PortOf(tcp_))));
    EXPECT_EQ(End(*nsqd), 0);
  }
}

TEST_P(ListenerTest, BothFamiliesByDefault) {
  for (const std::string any : {":0", "0.0.0.0:0"}) {
    const auto nsqd = Start(any, any);
    for (const std::string host : {"127.0.0.1", "::1"}) {
      if (host == "::1" && !HasIpv6()) continue;
      ExpectServes({host, PortOf(tcp_), ""}, {host, PortOf(http_), ""});
    }
    EXPECT_THAT(tcp_, StartsWith(HasIpv6() ? "[::]:" : "0.0.0.0:"));
    EXPECT_EQ(End(*nsqd), 0);
  }
}

TEST_P(ListenerTest, UnixSocketsForBothAndTheirFilesGoAtTheEnd) {
  const std::string tcp = (folder() / "tcp.sock").string();
  const std::string http = (folder() / "http.sock").string();
  const auto nsqd = Start(tcp, http);
  EXPECT_EQ(tcp_, tcp);
  EXPECT_EQ(http_, http);
  ExpectServes(*ParseAddress(tcp), *ParseAddress(http));
  EXPECT_THAT(Get(*ParseAddress(http), "/info"), HasSubstr(R"("http_port":-1,"tcp_port":-1)"));
  EXPECT_THAT(Get(*ParseAddress(http), "/config/broadcast_tcp_port"), EndsWith("\r\n\r\n0"));
  V2Client client(*ParseAddress(tcp));
  EXPECT_EQ(client.Sub("t", "c"), "OK");
  EXPECT_THAT(Get(*ParseAddress(http), "/stats?format=json"),
              HasSubstr(R"("client_id":"","hostname":"","version":"V2","remote_address":"@")"));
  struct stat info {};
  ASSERT_EQ(::lstat(tcp.c_str(), &info), 0);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  EXPECT_EQ(info.st_mode & 07777, 0777U & ~mask) << "as the umask says";
  EXPECT_EQ(End(*nsqd), 0);
  EXPECT_FALSE(std::filesystem::exists(tcp));
  EXPECT_FALSE(std::filesystem::exists(http));
  EXPECT_THAT(nsqd->Log(), HasSubstr("TCP: closing " + tcp));
}

TEST_P(ListenerTest, AfterAKillItsOwnFileIsNoObstacleButAnothersIs) {
  const std::string tcp = (folder() / "tcp.sock").string();
  const auto killed = Start(tcp, "");
  killed->Signal(SIGKILL);
  killed->Wait();
  ASSERT_TRUE(std::filesystem::exists(tcp));
  const auto nsqd = Start(tcp, "");
  EXPECT_EQ(V2Client(*ParseAddress(tcp)).Pub("t", "m"), "OK");

  const auto second = Spawn(tcp, "");
  EXPECT_EQ(second->Wait(), 1);
  EXPECT_THAT(second->Log(),
              HasSubstr(StrCat("FATAL: failed to instantiate nsqd - listen (", tcp,
                               ") failed - listen unix ", tcp, ": bind: address already in use")));
  EXPECT_EQ(V2Client(*ParseAddress(tcp)).Pub("t", "m"), "OK") << "and disturbs nobody";

  const std::string file = (folder() / "file").string();
  std::ofstream(file) << "precious";
  EXPECT_EQ(Spawn(file, "")->Wait(), 1);
  EXPECT_EQ(std::filesystem::file_size(file), 8u);
  EXPECT_EQ(End(*nsqd), 0);
}

TEST_P(ListenerTest, AFailedStartLeavesNoSocketFile) {
  const std::string tcp = (folder() / "tcp.sock").string();
  const auto nsqd = Spawn(tcp, "127.0.0.1:99999");
  EXPECT_EQ(nsqd->Wait(), 1);
  EXPECT_FALSE(std::filesystem::exists(tcp));
}

TEST_P(ListenerTest, WithoutHttpThereIsOnlyTcp) {
  const auto nsqd = Start("127.0.0.1:0", "");
  EXPECT_EQ(V2Client(PortOf(tcp_)).Pub("t", "m"), "OK");
  EXPECT_EQ(End(*nsqd), 0);
  EXPECT_EQ(nsqd->Log().find("HTTP:"), std::string::npos);
}

// The figure of that series on /metrics; -1 if it is not there.
int64_t Metric(Nsqd& nsqd, const std::string& line) {
  // HTTP has a limit too, and a loop that is busy may not have seen yet that we have hung up.
  http::Response page;
  EXPECT_TRUE(Eventually([&] {
    page = nsqd.Get("/metrics");
    return page.status == 200;
  }));
  const size_t at = page.body.find("\n" + line + " ");
  return at == std::string::npos ? -1 : std::stoll(page.body.substr(at + line.size() + 2));
}

TEST_P(ListenerTest, ClientsBeyondTheLimitHearWhyAndTheOthersGoOn) {
  Nsqd& nsqd = AddNsqd({"-max-connections=2"});
  const std::string open = "nsq_connections{protocol=\"tcp\"}";
  // Start has asked whether the port answers.
  ASSERT_TRUE(Eventually([&] { return Metric(nsqd, open) == 0; }));
  const int64_t refused = Metric(nsqd, "nsq_connections_refused_total{protocol=\"tcp\"}");
  V2Client producer(nsqd.tcp_port());
  ASSERT_EQ(producer.Pub("t", "before"), "OK");
  auto consumer = std::make_unique<V2Client>(nsqd.tcp_port());
  // It moves to another loop, and counts once as before.
  ASSERT_EQ(consumer->Sub("t", "c"), "OK");

  V2Client third(nsqd.tcp_port());
  third.Send("IDENTIFY", "{}");
  EXPECT_EQ(third.Answer(), "E_TOO_MANY_CONNECTIONS connections exceed limit of 2");
  EXPECT_EQ(third.RawUntilEnd(), "");
  EXPECT_EQ(Metric(nsqd, open), 2);
  EXPECT_EQ(Metric(nsqd, "nsq_connections_refused_total{protocol=\"tcp\"}"), refused + 1);
  EXPECT_TRUE(Eventually([&] { return nsqd.Get("/ping").body == "OK"; }))
      << "HTTP has a count of its own";
  EXPECT_EQ(producer.Pub("t", "after"), "OK");

  consumer.reset();
  ASSERT_TRUE(Eventually([&] { return Metric(nsqd, open) == 1; }));
  EXPECT_EQ(V2Client(nsqd.tcp_port()).Pub("t", "again"), "OK");
}

TEST_P(ListenerTest, ManyWhoAreRefusedCostLittleAndHarmNobody) {
  Nsqd& nsqd = AddNsqd({"-max-connections=1"});
  ASSERT_TRUE(Eventually([&] { return Metric(nsqd, "nsq_connections{protocol=\"tcp\"}") == 0; }));
  V2Client producer(nsqd.tcp_port());
  ASSERT_EQ(producer.Pub("t", "m"), "OK");
  const int64_t before = Metric(nsqd, "process_open_fds");
  std::vector<UniqueFd> flood;
  for (int i = 0; i < 500; ++i) {
    auto fd = StartConnect({"127.0.0.1", nsqd.tcp_port(), ""});
    ASSERT_TRUE(fd.ok());
    flood.push_back(std::move(*fd));
  }
  ASSERT_TRUE(Eventually(
      [&] { return Metric(nsqd, "nsq_connections_refused_total{protocol=\"tcp\"}") >= 500; }));
  EXPECT_LE(Metric(nsqd, "process_open_fds"), before + 80);
  EXPECT_EQ(producer.Pub("t", "m"), "OK");
  // None of them has gone: they are closed all the same.
  EXPECT_TRUE(Eventually([&] { return Metric(nsqd, "process_open_fds") <= before + 2; }));
}

INSTANTIATE_TEST_SUITE_P(, ListenerTest, testing::Values(1, 4), LoopsName);

}  // namespace
}  // namespace nsq::cluster
