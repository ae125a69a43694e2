#include "admin/notifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <vector>

#include "admin/http_server.h"
#include "common/strings.h"

namespace nsq::admin {
namespace {

using testing::ElementsAre;

// As nsqadmin 1.3.0 posted it.
TEST(NotifierTest, SaysWhatNsqadminSays) {
  const Request request{.method = "POST",
                        .target = "/api/topics/orders/billing",
                        .body = "",
                        .peer = "127.0.0.1:54918",
                        .headers = {{"Host", "host"},
                                    {"User-Agent", "UA/1"},
                                    {"X-Scheme", "https"},
                                    {"Authorization", "Basic ZGY6cHc="}}};
  EXPECT_EQ(NotificationBody("pause_channel", "orders", "billing", "127.0.0.1:4151", request,
                             1795215674, "vm"),
            R"({"action":"pause_channel","topic":"orders","channel":"billing",)"
            R"("node":"127.0.0.1:4151","timestamp":1795215674,"user":"df",)"
            R"("remote_ip":"127.0.0.1:54918","user_agent":"UA/1",)"
            R"("url":"https://host/api/topics/orders/billing","via":"vm"})");
}

TEST(NotifierTest, LeavesOutWhatIsEmpty) {
  const Request request{.method = "POST",
                        .target = "/api/topics",
                        .body = "",
                        .peer = "1.2.3.4:5",
                        .headers = {{"Host", "h:1"}, {"Authorization", "Basic !"}}};
  EXPECT_EQ(NotificationBody("create_topic", "t", "", "", request, 1, "vm"),
            R"({"action":"create_topic","topic":"t","timestamp":1,"remote_ip":"1.2.3.4:5",)"
            R"("user_agent":"","url":"http://h:1/api/topics","via":"vm"})");
}

TEST(NotifierTest, PostsOneAfterTheOther) {
  std::mutex mutex;
  std::condition_variable came;
  std::vector<std::string> posted;
  HttpServer endpoint([&](const Request& request) {
    const std::lock_guard lock(mutex);
    posted.push_back(StrCat(request.method, " ", request.Header("Content-Type"), " ",
                            request.body.substr(0, 17)));
    came.notify_one();
    return Response::Text(500, "what it says does not matter");
  });
  ASSERT_TRUE(endpoint.Listen("127.0.0.1:0").ok());
  {
    Notifier notifier(StrCat("http://", endpoint.address(), "/hook"), seconds(5), seconds(5));
    notifier.Notify("first", "t", "", "", {});
    notifier.Notify("other", "t", "", "", {});
    std::unique_lock lock(mutex);
    came.wait(lock, [&] { return posted.size() == 2; });
  }
  EXPECT_THAT(posted, ElementsAre("POST application/json {\"action\":\"first\"",
                                  "POST application/json {\"action\":\"other\""));
}

// The original ends itself when the endpoint cannot be reached.
TEST(NotifierTest, AnEndpointThatIsNotThereHarmsNobody) {
  Notifier notifier("http://127.0.0.1:1/hook", milliseconds(200), milliseconds(200));
  for (size_t i = 0; i < 10; ++i) notifier.Notify("pause_topic", "t", "", "", {});
}

TEST(NotifierTest, WithoutAnEndpointNothingHappens) {
  Notifier notifier("", seconds(1), seconds(1));
  notifier.Notify("pause_topic", "t", "", "", {});
}

}  // namespace
}  // namespace nsq::admin
