#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/strings.h"
#include "tests/clients/apps/tool.h"
#include "tests/cluster/support/daemons.h"
#include "tests/cluster/support/patience.h"
#include "tests/cluster/support/v2_client.h"

namespace nsq::apps {

// Utilities against real daemons, in a folder of its own.
class ToolTest : public testing::Test {
 protected:
  ToolTest() {
    std::string name = testing::TempDir() + "nsq_tools_XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~ToolTest() override {
    nsqds_.clear();
    lookupds_.clear();
    std::filesystem::remove_all(folder_);
  }

  cluster::Lookupd& AddLookupd() {
    lookupds_.push_back(std::make_unique<cluster::Lookupd>(
        "nsqlookupd", std::vector<std::string>{"-broadcast-address=127.0.0.1"},
        folder_ / StrCat("nsqlookupd", lookupds_.size(), ".log")));
    lookupds_.back()->Start();
    return *lookupds_.back();
  }

  // Registers with the nsqlookupds added before it.
  cluster::Nsqd& AddNsqd(std::vector<std::string> flags = {}) {
    const std::string name = StrCat("nsqd", nsqds_.size());
    std::filesystem::create_directory(folder_ / name);
    flags.push_back("-data-path=" + (folder_ / name).string());
    flags.emplace_back("-broadcast-address=127.0.0.1");
    flags.push_back(StrCat("-node-id=", nsqds_.size() + 1));
    for (const auto& lookupd : lookupds_) {
      flags.push_back("-lookupd-tcp-address=" + lookupd->tcp_address());
    }
    nsqds_.push_back(
        std::make_unique<cluster::Nsqd>("nsqd", std::move(flags), folder_ / (name + ".log")));
    nsqds_.back()->Start();
    return *nsqds_.back();
  }

  Ended Run(const std::string& program, std::vector<std::string> arguments,
            std::string_view input = "") {
    return RunTool(folder_, program, std::move(arguments), input);
  }

  // Nothing waits or is in flight in that channel, which has had `messages`.
  static bool AllDone(cluster::Nsqd& nsqd, const std::string& topic, const std::string& channel,
                      int64_t messages) {
    return cluster::Eventually([&] {
      const cluster::ChannelStats stats = nsqd.Stats(topic).of(channel);
      return stats.messages == messages && stats.depth == 0 && stats.in_flight == 0 &&
             stats.deferred == 0;
    });
  }

  std::filesystem::path folder_;
  std::vector<std::unique_ptr<cluster::Lookupd>> lookupds_;
  std::vector<std::unique_ptr<cluster::Nsqd>> nsqds_;
};

}  // namespace nsq::apps
