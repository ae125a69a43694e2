// What NSQ's nsqadmin 1.3.0 answered before a cluster of two nsqlookupd and two nsqd, one of them
// older, with consumers, latencies and hostile names. Recorded: answers_of_nsqadmin.json holds what
// the daemons said, by URL, and each answer. Ours are the same, byte for byte.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "admin/api.h"
#include "admin/cluster_view.h"
#include "admin/history.h"
#include "admin/sampler.h"
#include "tests/admin/fake_cluster.h"

namespace nsq::admin {
namespace {

// The ages of connections, and the least of latencies: the original's is that of the node it merged
// last.
std::string WithoutWhatMayDiffer(std::string text) {
  for (const std::string_view key : {R"("connected":)", R"("min":)"}) {
    for (size_t at = text.find(key); at != text.npos; at = text.find(key, at)) {
      at += key.size();
      text.replace(at, text.find_first_of(",}", at) - at, "0");
    }
  }
  return text;
}

class AnswersOfNsqadmin : public testing::Test {
 protected:
  AnswersOfNsqadmin() {
    std::ifstream file(NSQ_SOURCE_DIR "/tests/admin/answers_of_nsqadmin.json");
    recorded = nlohmann::json::parse(file);
    for (const auto& [url, body] : recorded["urls"].items()) {
      cluster.Answer(url, recorded["bodies"][body.get<std::string>()].dump());
    }
  }

  void Expect(ClusterView::Addresses addresses, const nlohmann::json& answers) {
    ClusterView view(&cluster, std::move(addresses));
    Sampler sampler([&view] { return view.Sample(); }, [] { return SteadyTime(); });
    History history;
    Api api(&view, &sampler, &history);
    Router router("/");
    api.AddRoutes(&router);
    ASSERT_FALSE(answers.empty());
    for (const auto& [path, text] : answers.items()) {
      const Response response =
          router.Answer({.method = "GET", .target = path, .body = "", .peer = "", .headers = {}});
      EXPECT_EQ(response.status, 200) << path;
      EXPECT_EQ(WithoutWhatMayDiffer(response.body), text.get<std::string>()) << path;
    }
  }

  nlohmann::json recorded;
  FakeCluster cluster;
};

TEST_F(AnswersOfNsqadmin, ByLookup) {
  Expect({.lookupds = {"l1.example:4161", "l2.example:4161"}, .nsqds = {}}, recorded["by_lookupd"]);
}

TEST_F(AnswersOfNsqadmin, Directly) {
  Expect({.lookupds = {}, .nsqds = {"a.example:4151", "b.example:4151"}}, recorded["directly"]);
}

}  // namespace
}  // namespace nsq::admin
