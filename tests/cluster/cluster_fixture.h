#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/cluster/support/daemons.h"
#include "tests/cluster/support/patience.h"
#include "tests/cluster/support/v2_client.h"

namespace nsq::cluster {

// Real daemons in a folder of their own; every test runs with nsqd of one loop and of four.
class ClusterTest : public testing::TestWithParam<int> {
 public:
  ~ClusterTest() override;  // shows the logs of a test that failed

 protected:
  ClusterTest();

  // Each is started and lives until the test ends. An nsqd registers with the nsqlookupds added
  // before it.
  Lookupd& AddLookupd(std::vector<std::string> flags = {});
  Nsqd& AddNsqd(std::vector<std::string> flags = {});

  const std::filesystem::path& folder() const { return folder_; }

  std::vector<std::unique_ptr<Lookupd>> lookupds_;
  std::vector<std::unique_ptr<Nsqd>> nsqds_;

 private:
  std::filesystem::path folder_;
};

// "<prefix>0", "<prefix>1", ...
std::vector<std::string> Numbered(const std::string& prefix, int count);

// Consumes and finishes up to `count` messages of that channel; their bodies, sorted.
std::vector<std::string> Drain(uint16_t tcp_port, const std::string& topic,
                               const std::string& channel, size_t count);

std::string LoopsName(const testing::TestParamInfo<int>& info);

}  // namespace nsq::cluster
