#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/cluster/support/child_process.h"

namespace nsq::conformance {

// Whether the daemons are NSQ's own (NSQ_CONFORMANCE_ORIGINAL): then rows with a deliberate
// difference expect what those say.
bool IsOriginal();

// One daemon for one test, by default from this build. See README.md for the variables.
class ConformanceTest : public testing::TestWithParam<int> {
 public:
  ~ConformanceTest() override;

 protected:
  enum class Kind { kNsqd, kLookupd };

  // A daemon with flags of its own is never one that is there already: such a test is then skipped.
  explicit ConformanceTest(Kind kind, std::vector<std::string> flags = {});
  void SetUp() override;

  uint16_t tcp_port() const { return tcp_port_; }
  uint16_t http_port() const { return http_port_; }
  // Of a daemon with a certificate, which is always a process of the test's own.
  uint16_t https_port() { return PortOf("HTTPS"); }

  // `name` and something no other test has said to this daemon.
  static std::string Unique(const std::string& name);

 private:
  // As the daemon's log says.
  uint16_t PortOf(std::string_view protocol);

  const Kind kind_;
  std::vector<std::string> flags_;
  std::filesystem::path folder_;
  std::unique_ptr<cluster::ChildProcess> process_;
  uint16_t tcp_port_ = 0;
  uint16_t http_port_ = 0;
};

class NsqdConformance : public ConformanceTest {
 protected:
  explicit NsqdConformance(std::vector<std::string> flags = {})
      : ConformanceTest(Kind::kNsqd, std::move(flags)) {}
};

class LookupdConformance : public ConformanceTest {
 protected:
  explicit LookupdConformance(std::vector<std::string> flags = {})
      : ConformanceTest(Kind::kLookupd, std::move(flags)) {}
};

// What nsqd tests run with: one loop and four; 0 is a daemon that has no such flag.
std::vector<int> Loops();
std::string LoopsName(const testing::TestParamInfo<int>& info);

}  // namespace nsq::conformance
