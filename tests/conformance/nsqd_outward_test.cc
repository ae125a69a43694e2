// What nsqd says by itself: to nsqlookupd and to statsd (spec: nsqd-tcp 7, nsqd-http 12).

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/event/address.h"
#include "common/event/buffer.h"
#include "common/event/unique_fd.h"
#include "common/strings.h"
#include "tests/cluster/support/patience.h"
#include "tests/conformance/conformance_fixture.h"
#include "tests/conformance/http_rows.h"
#include "tests/conformance/open_connection.h"

namespace nsq::conformance {
namespace {

using cluster::Eventually;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

bool Readable(int fd, Duration patience) {
  pollfd waiting = {fd, POLLIN, 0};
  const auto wait = std::chrono::duration_cast<milliseconds>(patience);
  return ::poll(&waiting, 1, static_cast<int>(wait.count())) == 1;
}

// An nsqlookupd that a test plays itself.
class PlayedLookupd {
 public:
  PlayedLookupd() {
    auto fd = Listen({"127.0.0.1", 0, ""});
    EXPECT_TRUE(fd.ok()) << fd.status().ToString();
    if (fd.ok()) listener_ = std::move(*fd);
  }

  std::string address() const { return LocalAddress(listener_.get()); }
  bool IsCalled(Duration patience) const { return Readable(listener_.get(), patience); }

  // Takes the next connection: what its nsqd says about itself.
  std::string Identified() {
    received_.clear();
    EXPECT_TRUE(IsCalled(cluster::kPatience));
    peer_ = UniqueFd(::accept(listener_.get(), nullptr, nullptr));
    EXPECT_EQ(Take(4), "  V1");
    EXPECT_EQ(Line(), "IDENTIFY");
    const std::string size = Take(4);
    std::string json = Take(size.size() == 4 ? LoadBig32(size.data()) : 0);
    // Nobody answers HTTP there; so there are no channels to be had.
    Answer(R"({"tcp_port":1,"http_port":1,"version":"1.3.0","broadcast_address":"127.0.0.1"})");
    return json;
  }
  // The next command, which is answered.
  std::string Command() {
    std::string line = Line();
    Answer("OK");
    return line;
  }
  std::vector<std::string> Commands(size_t count) {
    std::vector<std::string> commands;
    while (commands.size() < count) commands.push_back(Command());
    std::sort(commands.begin(), commands.end());
    return commands;
  }
  void HangUp() { peer_ = UniqueFd(); }

 private:
  void Answer(std::string_view payload) {
    const std::string frame = Body(payload);
    EXPECT_EQ(::send(peer_.get(), frame.data(), frame.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(frame.size()));
  }
  std::string Line() {
    while (received_.find('\n') == std::string::npos && Receive()) {
    }
    std::string line = Take(received_.find('\n') + 1);
    if (!line.empty()) line.pop_back();
    return line;
  }
  std::string Take(size_t size) {
    while (received_.size() < size && Receive()) {
    }
    std::string taken = received_.substr(0, size);
    received_.erase(0, size);
    return taken;
  }
  bool Receive() {
    std::array<char, 4096> room;
    const ssize_t n = Readable(peer_.get(), cluster::kPatience)
                          ? ::recv(peer_.get(), room.data(), room.size(), 0)
                          : 0;
    EXPECT_GT(n, 0) << "nsqd says nothing more";
    if (n > 0) received_.append(room.data(), static_cast<size_t>(n));
    return n > 0;
  }

  UniqueFd listener_;
  UniqueFd peer_;
  std::string received_;
};

class NsqdToLookupd : public NsqdConformance {
 protected:
  NsqdToLookupd() : NsqdToLookupd(std::make_unique<PlayedLookupd>()) {}
  PlayedLookupd& lookupd() { return *lookupd_; }
  void Post(const std::string& target) {
    CheckHttpRows(http_port(), {{Request("POST " + target), {"200 v1"}}});
  }

 private:
  explicit NsqdToLookupd(std::unique_ptr<PlayedLookupd> lookupd)
      : NsqdConformance({"-lookupd-tcp-address=" + lookupd->address()}),
        lookupd_(std::move(lookupd)) {}

  std::unique_ptr<PlayedLookupd> lookupd_;
};

TEST_P(NsqdToLookupd, SaysWhoItIsAndWhatItHas) {
  EXPECT_THAT(
      lookupd().Identified(),
      MatchesRegex(StrCat(R"(\{"broadcast_address":"127\.0\.0\.1","hostname":"[^"]+","http_port":)",
                          http_port(), R"(,"tcp_port":)", tcp_port(),
                          R"(,"topology_region":"","topology_zone":"","version":"1\.3\.0"\})")));
  Post("/topic/create?topic=t");
  EXPECT_EQ(lookupd().Command(), "REGISTER t");
  Post("/channel/create?topic=t&channel=c");
  EXPECT_EQ(lookupd().Command(), "REGISTER t c");
  {
    OpenConnection consumer(tcp_port(), Protocol::kV2, "  V2SUB e#ephemeral c#ephemeral\n");
    EXPECT_EQ(consumer.Next(), "OK");
    EXPECT_THAT(lookupd().Commands(2),
                ElementsAre("REGISTER e#ephemeral", "REGISTER e#ephemeral c#ephemeral"));
  }
  EXPECT_THAT(lookupd().Commands(2),
              ElementsAre("UNREGISTER e#ephemeral", "UNREGISTER e#ephemeral c#ephemeral"));
  Post("/channel/delete?topic=t&channel=c");
  EXPECT_EQ(lookupd().Command(), "UNREGISTER t c");
  Post("/channel/create?topic=t&channel=d");
  EXPECT_EQ(lookupd().Command(), "REGISTER t d");
  Post("/topic/delete?topic=t");
  EXPECT_THAT(lookupd().Commands(2), ElementsAre("UNREGISTER t", "UNREGISTER t d"));
}

TEST_P(NsqdToLookupd, SaysItAllAgainOnANewConnection) {
  lookupd().Identified();
  Post("/topic/create?topic=bare");
  Post("/topic/create?topic=t");
  Post("/channel/create?topic=t&channel=c1");
  Post("/channel/create?topic=t&channel=c2");
  lookupd().Commands(4);
  lookupd().HangUp();
  // The original finds out when it has something to say.
  int more = 0;
  ASSERT_TRUE(Eventually([&] {
    if (IsOriginal()) Post(StrCat("/topic/create?topic=more", more++));
    return lookupd().IsCalled(milliseconds(50));
  }));
  lookupd().Identified();
  std::vector<std::string> said = lookupd().Commands(static_cast<size_t>(3 + more));
  std::erase_if(
      said, [](const std::string& command) { return command.find(" more") != std::string::npos; });
  said.erase(std::unique(said.begin(), said.end()), said.end());
  EXPECT_THAT(said, ElementsAre("REGISTER bare", "REGISTER t c1", "REGISTER t c2"));
}

TEST_P(NsqdToLookupd, IsToldWhomToCallWhileItRuns) {
  lookupd().Identified();
  PlayedLookupd other;
  HttpBody(http_port(), "PUT /config/nsqlookupd_tcp_addresses",
           StrCat("[\"", other.address(), "\"]"));
  other.Identified();
  Post("/topic/create?topic=t");
  EXPECT_EQ(other.Command(), "REGISTER t");
}

INSTANTIATE_TEST_SUITE_P(, NsqdToLookupd, testing::ValuesIn(Loops()), LoopsName);

// A UDP port and what comes there.
class PlayedStatsd {
 public:
  PlayedStatsd() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
  }
  std::string address() const { return LocalAddress(fd_.get()); }
  // The lines up to and including the one that has `words`.
  std::string LinesUntil(std::string_view words) {
    std::string lines;
    while (lines.find(words) == std::string::npos) {
      if (!Readable(fd_.get(), cluster::kPatience)) {
        ADD_FAILURE() << "no more is said behind:\n" << lines;
        break;
      }
      std::array<char, 4096> room;
      const ssize_t n = ::recv(fd_.get(), room.data(), room.size(), 0);
      EXPECT_GT(n, 0);
      EXPECT_LE(n, 508) << "the longest packet";
      EXPECT_EQ(room[static_cast<size_t>(n - 1)], '\n') << "whole lines";
      lines.append(room.data(), static_cast<size_t>(n));
    }
    return lines;
  }

 private:
  UniqueFd fd_;
};

class NsqdToStatsd : public NsqdConformance {
 protected:
  NsqdToStatsd() : NsqdToStatsd(std::make_unique<PlayedStatsd>()) {}
  PlayedStatsd& statsd() { return *statsd_; }

 private:
  explicit NsqdToStatsd(std::unique_ptr<PlayedStatsd> statsd)
      : NsqdConformance({"-statsd-address=" + statsd->address(), "-statsd-interval=2s",
                         "-e2e-processing-latency-percentile=0.99,1.0"}),
        statsd_(std::move(statsd)) {}

  std::unique_ptr<PlayedStatsd> statsd_;
};

TEST_P(NsqdToStatsd, EveryNameInItsOrder) {
  CheckHttpRows(http_port(), {{Request("POST /topic/create?topic=t"), {"200 v1"}},
                              {Request("POST /channel/create?topic=t&channel=c"), {"200 v1"}},
                              {Request("POST /channel/pause?topic=t&channel=c"), {"200 v1"}},
                              {Request("POST /pub?topic=t", "four"), {"200 v1 text | OK"}}});
  const std::string prefix = StrCat("nsq.127_0_0_1_", http_port(), ".");
  const std::string topic = prefix + "topic.t.";
  const std::string channel = topic + "channel.c.";
  const std::string lines = statsd().LinesUntil("mem.gc_runs:");
  EXPECT_THAT(
      lines,
      testing::StartsWith(StrCat(
          topic, "message_count:1|c\n", topic, "message_bytes:4|c\n", topic, "depth:0|g\n", topic,
          "backend_depth:0|g\n", topic, "e2e_processing_latency_100:0|g\n", topic,
          "e2e_processing_latency_99:0|g\n", channel, "message_count:1|c\n", channel, "depth:1|g\n",
          channel, "backend_depth:0|g\n", channel, "in_flight_count:0|g\n", channel,
          "deferred_count:0|g\n", channel, "requeue_count:0|c\n", channel, "timeout_count:0|c\n",
          channel, "clients:0|g\n", channel, "e2e_processing_latency_100:0|g\n", channel,
          "e2e_processing_latency_99:0|g\n", prefix, "mem.heap_objects:")));
  size_t at = 0;
  for (const char* key :
       {"heap_objects", "heap_idle_bytes", "heap_in_use_bytes", "heap_released_bytes",
        "gc_pause_usec_100", "gc_pause_usec_99", "gc_pause_usec_95", "next_gc_bytes", "gc_runs"}) {
    at = lines.find(StrCat(prefix, "mem.", key, ":"), at);
    EXPECT_NE(at, std::string::npos) << key;
  }
  EXPECT_THAT(statsd().LinesUntil("mem.gc_runs:"), HasSubstr(topic + "message_count:0|c\n"))
      << "what has been added since";
}

INSTANTIATE_TEST_SUITE_P(, NsqdToStatsd, testing::ValuesIn(Loops()), LoopsName);

}  // namespace
}  // namespace nsq::conformance
