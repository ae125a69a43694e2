#include "tests/clients/apps/tool_test.h"

namespace nsq::apps {
namespace {

class NsqToNsqTest : public ToolTest {
 protected:
  static std::vector<std::string> Arguments(cluster::Nsqd& from, cluster::Nsqd& to,
                                            std::vector<std::string> more = {}) {
    std::vector<std::string> all = {"-nsqd-tcp-address=" + from.tcp_address(), "-channel=c",
                                    "-topic=t",
                                    "-destination-nsqd-tcp-address=" + to.tcp_address()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  // Publishes each, passes it on with these flags, and gives what arrives, sorted.
  std::vector<std::string> Passed(std::vector<std::string> bodies, std::vector<std::string> more,
                                  size_t arrive) {
    auto& from = AddNsqd();
    auto& to = AddNsqd();
    cluster::V2Client consumer(to.tcp_port());
    EXPECT_EQ(consumer.Sub("t", "check"), "OK");
    consumer.Rdy(100);
    for (const std::string& body : bodies) EXPECT_EQ(from.Publish("t", body), "OK");
    Tool tool(folder_, "nsq_to_nsq", Arguments(from, to, std::move(more)));
    std::vector<std::string> arrived;
    while (arrived.size() < arrive) {
      auto message = consumer.Next();
      if (!message) break;
      consumer.Fin(message->id);
      arrived.push_back(message->body);
    }
    EXPECT_TRUE(AllDone(from, "t", "c", static_cast<int64_t>(bodies.size())));
    tool.Signal(SIGTERM);
    EXPECT_EQ(tool.Wait(), 0);
    EXPECT_EQ(to.Stats("t").messages, static_cast<int64_t>(arrive));
    std::sort(arrived.begin(), arrived.end());
    return arrived;
  }
};

TEST_F(NsqToNsqTest, PassesAllOn) {
  std::vector<std::string> bodies;
  for (int i = 100; i < 300; ++i) bodies.push_back(std::to_string(i));
  EXPECT_EQ(Passed(bodies, {}, bodies.size()), bodies);
}

TEST_F(NsqToNsqTest, FiltersJson) {
  EXPECT_EQ(Passed({R"({"a":1,"b":2})", R"({"b":2})", "no json"}, {"-require-json-field=a"}, 1),
            (std::vector<std::string>{R"({"a":1,"b":2})"}));
  EXPECT_EQ(Passed({R"({"a":12345678901234567890,"b":2})"}, {"-whitelist-json-field=a"}, 1),
            (std::vector<std::string>{R"({"a":12345678901234567890})"}));
}

TEST_F(NsqToNsqTest, ToAnotherTopic) {
  auto& from = AddNsqd();
  auto& to = AddNsqd();
  EXPECT_EQ(from.Publish("t", "x"), "OK");
  Tool tool(folder_, "nsq_to_nsq", Arguments(from, to, {"-destination-topic=other"}));
  EXPECT_TRUE(AllDone(from, "t", "c", 1));
  EXPECT_EQ(to.Stats("other").messages, 1);
  EXPECT_FALSE(to.Stats("t").exists);
}

TEST_F(NsqToNsqTest, ADeadDestinationLosesNothing) {
  auto& from = AddNsqd();
  auto& to = AddNsqd();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(from.Publish("t", "x"), "OK");
  Tool tool(
      folder_, "nsq_to_nsq",
      Arguments(from, to,
                {"-destination-nsqd-tcp-address=127.0.0.1:1",
                 "-consumer-opt=default_requeue_delay,0", "-consumer-opt=max_backoff_duration,0"}));
  EXPECT_TRUE(cluster::Eventually([&] { return to.Stats("t").messages >= 5; }));
  EXPECT_TRUE(cluster::Eventually([&] {
    const auto stats = from.Stats("t").of("c");
    return stats.depth == 0 && stats.in_flight == 0 && stats.deferred == 0;
  }));
  EXPECT_EQ(to.Stats("t").messages, 5);
}

TEST_F(NsqToNsqTest, Refusals) {
  auto& nsqd = AddNsqd();
  const std::string source = "-nsqd-tcp-address=" + nsqd.tcp_address();
  const auto refused = [&](std::vector<std::string> arguments, const std::string& said) {
    const Ended ended = Run("nsq_to_nsq", std::move(arguments));
    EXPECT_EQ(ended.code, 1) << said;
    EXPECT_NE(ended.err.find(said), std::string::npos) << ended.err;
  };
  refused({source}, "--topic and --channel are required");
  refused({source, "-topic=a b"}, "--topic is invalid");
  refused({source, "-topic=t", "-channel=a b"}, "--channel is invalid");
  refused({source, "-topic=t", "-destination-topic=a b"}, "--destination-topic is invalid");
  refused({source, "-topic=t"}, "--destination-nsqd-tcp-address required");
  refused({source, "-topic=t", "-destination-nsqd-tcp-address=h:1", "-mode=x"}, "is not known");
  refused({"-topic=t"}, "--nsqd-tcp-address or --lookupd-http-address required");
}

}  // namespace
}  // namespace nsq::apps
