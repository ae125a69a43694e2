// /livez, /readyz and /config/drain: what starters, balancers and people ask and order.

#include <string>

#include "tests/nsqd/http/api_fixture.h"

namespace nsq::nsqd {
namespace {

struct HealthApiTest : ApiTest {
  DrainState Draining() {
    DrainState drain;
    drain.draining = true;
    drain.counted = true;
    drain.waiting = 3;
    drain.in_flight = 2;
    drain.deferred = 1;
    return drain;
  }
};

TEST_F(HealthApiTest, ReadyWhileNothingIsWrong) {
  const Reply reply = Get("/readyz");
  EXPECT_EQ(reply.Summary(), "200 OK");
  EXPECT_EQ(reply.headers.at("Content-Type"), "text/plain; charset=utf-8");
}

TEST_F(HealthApiTest, NotReadyHasAllReasons) {
  backend_.drain = Draining();
  EXPECT_EQ(Get("/readyz").Summary(), "503 draining: 3 waiting, 2 in flight, 1 deferred\n");
  backend_.health = "NOK - disk full";
  EXPECT_EQ(Get("/readyz").Summary(),
            "503 draining: 3 waiting, 2 in flight, 1 deferred\ndisk: NOK - disk full\n");
  backend_.CancelDrain();
  EXPECT_EQ(Get("/readyz").Summary(), "503 disk: NOK - disk full\n");
}

TEST_F(HealthApiTest, AliveIsWhoTurnsWhateverElseIsWrong) {
  backend_.drain = Draining();
  backend_.health = "NOK - disk full";
  EXPECT_EQ(Get("/livez").Summary(), "200 OK");
  backend_.silent_loops = {"loop 1", "loop 3"};
  EXPECT_EQ(Get("/livez").Summary(), "503 loop 1 does not turn\nloop 3 does not turn\n");
}

TEST_F(HealthApiTest, OtherMethodsAreRefusedAsEverywhere) {
  EXPECT_EQ(Post("/readyz").status, 405);
  EXPECT_EQ(Ask("HEAD", "/livez", "").status, 405);
}

TEST_F(HealthApiTest, PutDrainBeginsAndEndsIt) {
  EXPECT_EQ(Get("/config/drain").Summary(), R"(200 {"draining":false})");
  EXPECT_EQ(Put("/config/drain", "true").Summary(), R"(200 {"draining":true})")
      << "no figures before they are known";
  EXPECT_EQ(Get("/readyz").Summary(), "503 draining\n");
  EXPECT_FALSE(backend_.drain_timeout.has_value()) << "as the flag says";
  EXPECT_EQ(Put("/config/drain", "90s").status, 200);
  EXPECT_EQ(backend_.drain_timeout, seconds(90));
  EXPECT_EQ(Put("/config/drain", "0").status, 200);
  EXPECT_EQ(backend_.drain_timeout, Duration::zero());
  EXPECT_EQ(Put("/config/drain", "false").Summary(), R"(200 {"draining":false})");
  for (const std::string bad : {"yes", "TRUE", "-1s", "5", "true\n", "{}"}) {
    EXPECT_EQ(Put("/config/drain", bad).Summary(), "400 INVALID_VALUE") << bad;
  }
  EXPECT_EQ(Put("/config/drain", "").Summary(), "413 INVALID_VALUE");
  EXPECT_FALSE(backend_.drain.draining);
}

TEST_F(HealthApiTest, GetDrainTellsWhatIsLeft) {
  backend_.drain = Draining();
  backend_.drain.deadline = WallFromUnixNanos(1795214862'000000000);
  EXPECT_EQ(Get("/config/drain").Summary(),
            R"(200 {"draining":true,"waiting":3,"in_flight":2,"deferred":1,)"
            R"("deadline":1795214862})");
}

TEST_F(HealthApiTest, NothingIsPublishedWhileDraining) {
  backend_.drain = Draining();
  EXPECT_EQ(Post("/pub?topic=t", "m").Summary(), "503 DRAINING");
  EXPECT_EQ(Post("/pub?topic=t&defer=1", "m").Summary(), "503 DRAINING");
  EXPECT_EQ(Post("/mpub?topic=t", "a\nb").Summary(), "503 DRAINING");
  EXPECT_EQ(Post("/pub?topic=*", "m").Summary(), "400 INVALID_TOPIC") << "still said first";
  EXPECT_TRUE(backend_.published.empty());
}

}  // namespace
}  // namespace nsq::nsqd
