#include <string>

#include "common/log.h"
#include "tests/nsqd/http/api_fixture.h"

namespace nsq::nsqd {
namespace {

using Strings = std::vector<std::string>;

// The level is the process's: each test leaves it as it was.
class ConfigApiTest : public ApiTest {
 public:
  ~ConfigApiTest() override { SetLogLevel(before_); }

 private:
  const LogLevel before_ = GetLogLevel();
};

TEST_F(ConfigApiTest, GetGivesTextForStringsAndJsonForTheRest) {
  const Reply text = Get("/config/topology_zone");
  EXPECT_EQ(text.Summary(), "200 zone<1>");
  EXPECT_EQ(text.headers.at("Content-Type"), "text/plain; charset=utf-8");
  const Reply empty = Get("/config/data_path");
  EXPECT_EQ(empty.Summary(), "200 ");
  EXPECT_EQ(empty.headers.count("Content-Type"), 0u);
  const Reply json = Get("/config/nsqlookupd_tcp_addresses");
  EXPECT_EQ(json.Summary(), "200 []");
  EXPECT_EQ(json.headers.at("Content-Type"), "application/json; charset=utf-8");
  EXPECT_EQ(json.headers.at("X-NSQ-Content-Type"), "nsq; version=1.0");
  EXPECT_EQ(Get("/config/node_id").Summary(), "400 INVALID_OPTION");
}

TEST_F(ConfigApiTest, PutReplacesTheLookupdAddresses) {
  const std::string path = "/config/nsqlookupd_tcp_addresses";
  EXPECT_EQ(Put(path, R"(["a:1", "b:2"])").Summary(), R"(200 ["a:1","b:2"])");
  EXPECT_EQ(backend_.lookupds, (Strings{"a:1", "b:2"}));
  for (const std::string bad : {"x", R"("a:1")", R"(["x",1])", R"(["x"]])", "{}", "1", " ", "["}) {
    EXPECT_EQ(Put(path, bad).Summary(), "400 INVALID_VALUE") << bad;
    EXPECT_EQ(backend_.lookupds, (Strings{"a:1", "b:2"})) << bad;
  }
  EXPECT_EQ(Put(path, "null").Summary(), "200 null");
  EXPECT_EQ(backend_.lookupds, Strings{});
}

TEST_F(ConfigApiTest, PutChangesTheLogLevel) {
  const struct {
    std::string word;
    std::string number;
  } levels[] = {{"debug", "1"}, {"INFO", "2"}, {"Warn", "3"}, {"error", "4"}, {"fatal", "5"}};
  for (const auto& level : levels) {
    EXPECT_EQ(Put("/config/log_level", level.word).Summary(), "200 " + level.number);
    EXPECT_EQ(Get("/config/log_level").Summary(), "200 " + level.number);
  }
  for (const std::string bad : {"\"info\"", "info\n", "warning", "2"}) {
    EXPECT_EQ(Put("/config/log_level", bad).Summary(), "400 INVALID_VALUE") << bad;
  }
  EXPECT_EQ(GetLogLevel(), LogLevel::kFatal);
}

TEST_F(ConfigApiTest, PutLooksAtTheBodyBeforeTheName) {
  for (const std::string path :
       {"/config/log_level", "/config/nsqlookupd_tcp_addresses", "/config/nothing"}) {
    EXPECT_EQ(Put(path, "").Summary(), "413 INVALID_VALUE") << path;
    EXPECT_EQ(Put(path, std::string(101, ' ')).Summary(), "413 INVALID_VALUE") << path;
  }
  EXPECT_EQ(Put("/config/nothing", "x").Summary(), "400 INVALID_OPTION");
  EXPECT_EQ(Put("/config/topology_zone", "x").Summary(), "400 INVALID_OPTION");
}

}  // namespace
}  // namespace nsq::nsqd
