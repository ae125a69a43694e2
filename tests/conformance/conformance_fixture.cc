#include "tests/conformance/conformance_fixture.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <utility>

#include "common/strings.h"

namespace nsq::conformance {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Where a daemon is that runs already: "4150/4151".
std::string Running(bool nsqd) {
  return Variable(nsqd ? "NSQ_CONFORMANCE_NSQD" : "NSQ_CONFORMANCE_LOOKUPD");
}

}  // namespace

bool IsOriginal() { return !Variable("NSQ_CONFORMANCE_ORIGINAL").empty(); }

ConformanceTest::ConformanceTest(Kind kind, std::vector<std::string> flags)
    : kind_(kind), flags_(std::move(flags)) {
  std::string name = testing::TempDir() + "nsq_conformance_XXXXXX";
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  folder_ = name;
}

ConformanceTest::~ConformanceTest() {
  process_.reset();
  if (HasFailure()) {
    std::cerr << "--- log\n" << std::ifstream(folder_ / "daemon.log").rdbuf() << "\n";
  }
  std::filesystem::remove_all(folder_);
}

void ConformanceTest::SetUp() {
  const bool nsqd = kind_ == Kind::kNsqd;
  const std::string running = Running(nsqd);
  if (!running.empty()) {
    if (!flags_.empty()) GTEST_SKIP() << "wants a daemon with flags of its own";
    const std::vector<std::string_view> ports = Split(running, '/');
    ASSERT_EQ(ports.size(), 2U) << "wanted: <TCP port>/<HTTP port>";
    ASSERT_TRUE(ParseInt(ports[0], &tcp_port_) && ParseInt(ports[1], &http_port_)) << running;
    return;
  }
  flags_.emplace_back("-broadcast-address=127.0.0.1");
  if (nsqd) {
    flags_.push_back("-data-path=" + folder_.string());
    if (GetParam() > 0) flags_.push_back(StrCat("-loops=", GetParam()));
  }
  const std::string program = nsqd ? "nsqd" : "nsqlookupd";
  const std::string from = Variable("NSQ_CONFORMANCE_BIN");
  flags_.emplace_back("-tcp-address=127.0.0.1:0");
  flags_.emplace_back("-http-address=127.0.0.1:0");
  process_ = std::make_unique<cluster::ChildProcess>(
      from.empty() ? program : StrCat(from, "/", program), flags_, folder_ / "daemon.log");
  tcp_port_ = PortOf("TCP");
  http_port_ = PortOf("HTTP");
}

uint16_t ConformanceTest::PortOf(std::string_view protocol) {
  const std::string address = process_->AwaitLogged(StrCat(protocol, ": listening on "));
  uint16_t port = 0;
  EXPECT_TRUE(ParseInt(std::string_view(address).substr(address.rfind(':') + 1), &port)) << address;
  return port;
}

std::string ConformanceTest::Unique(const std::string& name) {
  static std::atomic<int> count = 0;
  return StrCat(name, ".", ::getpid(), ".", ++count);
}

std::vector<int> Loops() {
  const bool foreign = IsOriginal() || !Running(true).empty();
  return foreign ? std::vector<int>{0} : std::vector<int>{1, 4};
}

std::string LoopsName(const testing::TestParamInfo<int>& info) {
  return StrCat("Loops", info.param);
}

}  // namespace nsq::conformance
