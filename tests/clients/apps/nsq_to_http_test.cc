#include "tests/clients/apps/http_endpoint.h"
#include "tests/clients/apps/tool_test.h"

namespace nsq::apps {
namespace {

class NsqToHttpTest : public ToolTest {
 protected:
  std::vector<std::string> Arguments(cluster::Nsqd& nsqd, std::vector<std::string> more) {
    std::vector<std::string> all = {"-nsqd-tcp-address=" + nsqd.tcp_address(), "-topic=t",
                                    "-channel=c"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  // Whether a message that the endpoint answers so is finished; else it comes again later.
  bool Accepted(const std::string& answer, const std::string& method = "-post=") {
    auto& nsqd = AddNsqd();
    HttpEndpoint endpoint([&answer](const std::string&) { return answer; });
    EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
    Tool tool(folder_, "nsq_to_http",
              Arguments(nsqd, {method + endpoint.url() + (method == "-get=" ? "?%s" : ""),
                               "-http-client-request-timeout=1s"}));
    bool finished = false;
    EXPECT_TRUE(cluster::Eventually([&] {
      const auto stats = nsqd.Stats("t").of("c");
      finished =
          stats.messages == 1 && stats.depth == 0 && stats.in_flight == 0 && stats.deferred == 0;
      return finished || stats.deferred == 1;
    })) << answer;
    tool.Signal(SIGTERM);
    EXPECT_EQ(tool.Wait(), 0);
    return finished;
  }
};

TEST_F(NsqToHttpTest, PostsTheBodyAsItIs) {
  auto& nsqd = AddNsqd();
  HttpEndpoint endpoint([](const std::string&) { return HttpEndpoint::Status(200); });
  const std::string body("a\0\xff\r\nb", 6);
  EXPECT_EQ(nsqd.Publish("t", body), "OK");
  Tool tool(folder_, "nsq_to_http",
            Arguments(nsqd, {"-post=" + endpoint.url(), "-header=X-One:  1 ", "-header=x-one: 2",
                             "-content-type=text/plain"}));
  EXPECT_TRUE(AllDone(nsqd, "t", "c", 1));
  const std::string request = endpoint.requests().at(0);
  EXPECT_EQ(request.substr(0, 17), "POST / HTTP/1.1\r\n");
  EXPECT_EQ(request.substr(request.find("\r\n\r\n") + 4), body);
  for (const char* line : {"User-Agent: nsq_to_http v1.3.0\r\n", "Content-Type: text/plain\r\n",
                           "x-one: 2\r\n", "Content-Length: 6\r\n"}) {
    EXPECT_NE(request.find(line), std::string::npos) << line << request;
  }
  EXPECT_EQ(request.find("X-One: 1"), std::string::npos);
  tool.Signal(SIGTERM);
  EXPECT_EQ(tool.Wait(), 0);
}

TEST_F(NsqToHttpTest, GetsWithTheBodyEscaped) {
  auto& nsqd = AddNsqd();
  HttpEndpoint endpoint([](const std::string&) { return HttpEndpoint::Status(200); });
  EXPECT_EQ(nsqd.Publish("t", "a b/&~"), "OK");
  Tool tool(folder_, "nsq_to_http", Arguments(nsqd, {"-get=" + endpoint.url() + "?m=%s&p=%%20"}));
  EXPECT_TRUE(AllDone(nsqd, "t", "c", 1));
  EXPECT_EQ(endpoint.requests().at(0).substr(0, 39), "GET /?m=a+b%2F%26~&p=%20 HTTP/1.1\r\nHost");
}

TEST_F(NsqToHttpTest, WhichAnswersAreSuccess) {
  for (const int status : {200, 201, 299}) {
    EXPECT_TRUE(Accepted(HttpEndpoint::Status(status))) << status;
  }
  EXPECT_TRUE(Accepted("HTTP/1.1 204 No Content\r\n\r\n"));
  EXPECT_TRUE(
      Accepted("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"));
  for (const int status : {302, 400, 404, 500, 503}) {
    EXPECT_FALSE(Accepted(HttpEndpoint::Status(status))) << status;
  }
  EXPECT_FALSE(Accepted("rubbish\r\n\r\n"));
  EXPECT_FALSE(Accepted("")) << "no answer in time";
  EXPECT_TRUE(Accepted(HttpEndpoint::Status(200), "-get="));
  EXPECT_FALSE(Accepted(HttpEndpoint::Status(201), "-get="));
}

TEST_F(NsqToHttpTest, ARedirectedPostKeepsItsBodyOrFails) {
  HttpEndpoint target([](const std::string&) { return HttpEndpoint::Status(200); });
  const std::string to = "Location: " + target.url() + "there\r\n";
  EXPECT_FALSE(Accepted(HttpEndpoint::Status(302, to)));
  EXPECT_TRUE(target.requests().empty()) << "an empty GET would lose the message";
  EXPECT_TRUE(Accepted(HttpEndpoint::Status(307, to)));
  ASSERT_EQ(target.requests().size(), 1u);
  EXPECT_EQ(target.requests()[0].substr(0, 11), "POST /there");
  EXPECT_TRUE(target.requests()[0].ends_with("\r\n\r\nx"));
}

TEST_F(NsqToHttpTest, AllMeansEveryAddress) {
  auto& nsqd = AddNsqd();
  HttpEndpoint a([](const std::string&) { return HttpEndpoint::Status(200); });
  HttpEndpoint b([](const std::string&) { return HttpEndpoint::Status(200); });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
  Tool tool(folder_, "nsq_to_http",
            Arguments(nsqd, {"-mode=all", "-post=" + a.url(), "-post=" + b.url()}));
  EXPECT_TRUE(AllDone(nsqd, "t", "c", 3));
  EXPECT_EQ(a.requests().size(), 3u);
  EXPECT_EQ(b.requests().size(), 3u);
}

TEST_F(NsqToHttpTest, RoundRobinBeginsWithTheSecond) {
  auto& nsqd = AddNsqd();
  HttpEndpoint a([](const std::string&) { return HttpEndpoint::Status(200); });
  HttpEndpoint b([](const std::string&) { return HttpEndpoint::Status(200); });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
  Tool tool(folder_, "nsq_to_http",
            Arguments(nsqd, {"-mode=round-robin", "-post=" + a.url(), "-post=" + b.url()}));
  EXPECT_TRUE(AllDone(nsqd, "t", "c", 3));
  EXPECT_EQ(a.requests().size(), 1u);
  EXPECT_EQ(b.requests().size(), 2u);
}

TEST_F(NsqToHttpTest, SamplingFinishesTheRestUnseen) {
  auto& nsqd = AddNsqd();
  HttpEndpoint endpoint([](const std::string&) { return HttpEndpoint::Status(200); });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
  Tool tool(folder_, "nsq_to_http", Arguments(nsqd, {"-sample=0", "-post=" + endpoint.url()}));
  EXPECT_TRUE(AllDone(nsqd, "t", "c", 10));
  EXPECT_TRUE(endpoint.requests().empty());
}

TEST_F(NsqToHttpTest, StatusLines) {
  auto& nsqd = AddNsqd();
  HttpEndpoint endpoint([](const std::string&) { return HttpEndpoint::Status(200); });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
  Tool tool(folder_, "nsq_to_http",
            Arguments(nsqd, {"-status-every=4", "-post=" + endpoint.url()}));
  EXPECT_TRUE(tool.AwaitErr("[aggregate]: finished 4 - 99th: "));
  EXPECT_TRUE(tool.AwaitErr(
      "Warning: use more than 100 status values for accurate percentiles (configured with 4)"));
}

TEST_F(NsqToHttpTest, AStopWaitsForWhatIsUnderWay) {
  auto& nsqd = AddNsqd();
  std::atomic<bool> open{false};
  HttpEndpoint endpoint([&open](const std::string&) {
    static_cast<void>(cluster::Eventually([&] { return open.load(); }));
    return HttpEndpoint::Status(200);
  });
  EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
  Tool tool(folder_, "nsq_to_http", Arguments(nsqd, {"-post=" + endpoint.url()}));
  ASSERT_TRUE(cluster::Eventually([&] { return endpoint.requests().size() == 1; }));
  tool.Signal(SIGTERM);
  ASSERT_TRUE(tool.AwaitErr("stopping"));
  open = true;
  EXPECT_EQ(tool.Wait(), 0);
  EXPECT_TRUE(AllDone(nsqd, "t", "c", 1));
}

TEST_F(NsqToHttpTest, Refusals) {
  auto& nsqd = AddNsqd();
  const auto refused = [&](std::vector<std::string> more, const std::string& said) {
    const Ended ended = Run("nsq_to_http", Arguments(nsqd, std::move(more)));
    EXPECT_EQ(ended.code, 1) << said;
    EXPECT_NE(ended.err.find(said), std::string::npos) << ended.err;
  };
  const std::string post = "-post=http://127.0.0.1:1/";
  refused({}, "--get or --post required");
  refused({post, "-get=http://h/%s"}, "use --get or --post not both");
  refused({"-get=http://h/"}, "invalid GET address - must be a printf string");
  refused({"-get=http://h/%s", "-content-type=x"}, "--content-type only used with --post");
  refused({post, "-content-type="}, "--content-type requires a value when used");
  refused({post, "-header=x"}, "--header value format should be 'key=value'");
  refused({post, "-sample=1.5"}, "ERROR: --sample must be between 0.0 and 1.0");
  refused({post, "-mode=x"}, "--mode \"x\" is not known");
  refused({post, "-n=0"}, "no handlers");
  refused({post, "-topic="}, "--topic and --channel are required");
  refused({"-post=ftp://h"}, "invalid address");
}

}  // namespace
}  // namespace nsq::apps
