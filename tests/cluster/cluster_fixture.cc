#include "tests/cluster/cluster_fixture.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <utility>

#include "common/strings.h"

namespace nsq::cluster {

ClusterTest::ClusterTest() {
  std::string name = testing::TempDir() + "nsq_cluster_XXXXXX";
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  folder_ = name;
}

ClusterTest::~ClusterTest() {
  nsqds_.clear();
  lookupds_.clear();
  if (HasFailure()) {
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      if (entry.path().extension() != ".log") continue;
      std::cerr << "--- " << entry.path().filename().string() << "\n"
                << std::ifstream(entry.path()).rdbuf() << "\n";
    }
  }
  std::filesystem::remove_all(folder_);
}

Lookupd& ClusterTest::AddLookupd(std::vector<std::string> flags) {
  flags.emplace_back("-broadcast-address=127.0.0.1");
  const auto log = folder_ / StrCat("nsqlookupd", lookupds_.size(), ".log");
  lookupds_.push_back(std::make_unique<Lookupd>("nsqlookupd", std::move(flags), log));
  lookupds_.back()->Start();
  return *lookupds_.back();
}

Nsqd& ClusterTest::AddNsqd(std::vector<std::string> flags) {
  const std::string name = StrCat("nsqd", nsqds_.size());
  std::filesystem::create_directory(folder_ / name);
  flags.push_back("-data-path=" + (folder_ / name).string());
  flags.emplace_back("-broadcast-address=127.0.0.1");
  flags.push_back(StrCat("-node-id=", nsqds_.size() + 1));
  flags.push_back(StrCat("-loops=", GetParam()));
  for (const auto& lookupd : lookupds_) {
    flags.push_back("-lookupd-tcp-address=" + lookupd->tcp_address());
  }
  nsqds_.push_back(std::make_unique<Nsqd>("nsqd", std::move(flags), folder_ / (name + ".log")));
  nsqds_.back()->Start();
  return *nsqds_.back();
}

std::vector<std::string> Numbered(const std::string& prefix, int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back(StrCat(prefix, i));
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<std::string> Drain(uint16_t tcp_port, const std::string& topic,
                               const std::string& channel, size_t count) {
  std::vector<std::string> bodies;
  V2Client consumer(tcp_port);
  EXPECT_EQ(consumer.Sub(topic, channel), "OK");
  consumer.Rdy(100);
  while (bodies.size() < count) {
    auto message = consumer.Next();
    if (!message.has_value()) break;
    consumer.Fin(message->id);
    bodies.push_back(std::move(message->body));
  }
  EXPECT_EQ(consumer.Cls(), "CLOSE_WAIT");  // so everything finished is known to be
  std::sort(bodies.begin(), bodies.end());
  return bodies;
}

std::string LoopsName(const testing::TestParamInfo<int>& info) {
  return StrCat("Loops", info.param);
}

}  // namespace nsq::cluster
