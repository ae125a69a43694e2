#include "nsqd/protocol/identify.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nsq::nsqd {
namespace {

TEST(DecodeIdentifyTest, AllFields) {
  const auto request = DecodeIdentify(
      R"({"client_id":"c","hostname":"h","user_agent":"u/1","feature_negotiation":true,)"
      R"("heartbeat_interval":1000,"output_buffer_size":64,"output_buffer_timeout":25,)"
      R"("tls_v1":true,"deflate":true,"deflate_level":3,"snappy":true,"sample_rate":9,)"
      R"("msg_timeout":2000,"topology_region":"r","topology_zone":"z"})");
  ASSERT_TRUE(request);
  EXPECT_EQ(ToString(*request),
            "{ClientID:c Hostname:h HeartbeatInterval:1000 OutputBufferSize:64 "
            "OutputBufferTimeout:25 FeatureNegotiation:true TLSv1:true Deflate:true "
            "DeflateLevel:3 Snappy:true SampleRate:9 UserAgent:u/1 MsgTimeout:2000 "
            "TopologyRegion:r TopologyZone:z}");
}

// Each text and the client_id that is read from it; nothing: refused.
TEST(DecodeIdentifyTest, ReadsTextAsGoDoes) {
  struct Row {
    std::string json;
    std::optional<std::string> client_id;
  };
  using namespace std::string_literals;
  const Row rows[] = {
      {R"({})", ""},
      {R"(null)", ""},
      {"  {} \r\n\t", ""},
      {R"({"client_id":"a"})", "a"},
      {R"({"CLIENT_ID":"a"})", "a"},
      {R"({"Client_Id":"a"})", "a"},
      {R"({"client_id":"a","client_id":"b"})", "b"},
      {R"({"client_id":"a","CLIENT_ID":"b"})", "b"},
      {R"({"CLIENT_ID":"b","client_id":"a"})", "a"},
      {R"({"client_id":"a","client_id":null})", "a"},
      {R"({"client_id":null})", ""},
      {R"({"short_id":1.5,"long_id":[1,{"client_id":2}],"x":{"client_id":3},"client_id":"a"})",
       "a"},
      {R"({"x":[[[]]],"client_id":"a"})", "a"},
      {R"({"client_id":"\u00e9\n"})", "\u00e9\n"},
      {R"({"client_id":"\ud83d\ude00"})", "\U0001F600"},
      {R"({"client_id":"\ud83dx"})", "\uFFFDx"},
      {R"({"client_id":"\udc80"})", "\uFFFD"},
      {R"({"client_id":"\\ud83d"})", "\\ud83d"},
      {"{\"client_id\":\"caf\xe9\"}", "caf\uFFFD"},
      {"{\"client_id\":\"\xc0\xaf\"}", "\uFFFD\uFFFD"},
      {"{\"client_id\":\"\xed\xa0\x80\"}", "\uFFFD\uFFFD\uFFFD"},
      {"{\"client_id\":\"\u20ac\U0001F600\"}", "\u20ac\U0001F600"},
      {"", std::nullopt},
      {"{", std::nullopt},
      {"[]", std::nullopt},
      {"[{}]", std::nullopt},
      {"1", std::nullopt},
      {"true", std::nullopt},
      {"\"x\"", std::nullopt},
      {"{} x", std::nullopt},
      {"{}{}", std::nullopt},
      {"{}\0"s, std::nullopt},
      {"\xEF\xBB\xBF{}", std::nullopt},
      {"\xff{}", std::nullopt},
      {R"({"client_id":1})", std::nullopt},
      {R"({"client_id":true})", std::nullopt},
      {R"({"client_id":["a"]})", std::nullopt},
      {R"({"client_id":{}})", std::nullopt},
      {R"({'client_id':'a'})", std::nullopt},
      {R"({"client_id":"a",})", std::nullopt},
      {R"({"client_id":"\x"})", std::nullopt},
      {R"({"client_id":"\)", std::nullopt},
      {"{\"client_id\":\"a\nb\"}", std::nullopt},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.json);
    const auto request = DecodeIdentify(row.json);
    ASSERT_EQ(request.has_value(), row.client_id.has_value());
    if (request) {
      EXPECT_EQ(request->client_id, *row.client_id);
    }
  }
}

TEST(DecodeIdentifyTest, NumbersAreIntegersOfTheirSize) {
  const auto timeout = [](std::string_view number) -> std::optional<int64_t> {
    const auto request = DecodeIdentify("{\"msg_timeout\":" + std::string(number) + "}");
    if (!request) return std::nullopt;
    return request->msg_timeout;
  };
  EXPECT_EQ(timeout("1000"), 1000);
  EXPECT_EQ(timeout("-1"), -1);
  EXPECT_EQ(timeout("-0"), 0);
  EXPECT_EQ(timeout("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(timeout("-9223372036854775808"), INT64_MIN);
  for (const char* bad : {"1000.0", "1e3", "\"1000\"", "9223372036854775808", "[1]", "true", "01",
                          "+1", "99999999999999999999999"}) {
    EXPECT_FALSE(timeout(bad)) << bad;
  }
  EXPECT_TRUE(DecodeIdentify(R"({"sample_rate":2147483647})"));
  EXPECT_FALSE(DecodeIdentify(R"({"sample_rate":2147483648})"));
  EXPECT_FALSE(DecodeIdentify(R"({"tls_v1":1})"));
}

struct ApplyIdentifyTest : testing::Test {
  ApplyIdentifyTest() {
    client.terms.msg_timeout = options.msg_timeout;
    client.terms.output_buffer_timeout = options.output_buffer_timeout;
    client.first_terms = client.terms;
  }
  // The error's text, or nothing.
  std::string Apply(std::string_view json) {
    const auto request = DecodeIdentify(json);
    if (!request) return "not JSON";
    const auto refused = ApplyIdentify(*request, options, &client);
    EXPECT_TRUE(!refused || refused->fatal);
    return refused ? refused->text : "";
  }

  Options options;
  ClientInfo client;
};

TEST_F(ApplyIdentifyTest, RangesAreTheOriginals) {
  struct Row {
    const char* json;
    const char* error;
  };
  const Row rows[] = {
      {R"({"heartbeat_interval":-1})", ""},
      {R"({"heartbeat_interval":1000})", ""},
      {R"({"heartbeat_interval":60000})", ""},
      {R"({"heartbeat_interval":999})", "E_BAD_BODY IDENTIFY heartbeat interval (999) is invalid"},
      {R"({"heartbeat_interval":60001})",
       "E_BAD_BODY IDENTIFY heartbeat interval (60001) is invalid"},
      {R"({"heartbeat_interval":-2})", "E_BAD_BODY IDENTIFY heartbeat interval (-2) is invalid"},
      {R"({"output_buffer_timeout":25})", ""},
      {R"({"output_buffer_timeout":30000})", ""},
      {R"({"output_buffer_timeout":24})",
       "E_BAD_BODY IDENTIFY output buffer timeout (24) is invalid"},
      {R"({"output_buffer_timeout":30001})",
       "E_BAD_BODY IDENTIFY output buffer timeout (30001) is invalid"},
      {R"({"output_buffer_size":64})", ""},
      {R"({"output_buffer_size":65536})", ""},
      {R"({"output_buffer_size":63})", "E_BAD_BODY IDENTIFY output buffer size (63) is invalid"},
      {R"({"output_buffer_size":65537})",
       "E_BAD_BODY IDENTIFY output buffer size (65537) is invalid"},
      {R"({"sample_rate":99})", ""},
      {R"({"sample_rate":100})", "E_BAD_BODY IDENTIFY sample rate (100) is invalid"},
      {R"({"sample_rate":-1})", "E_BAD_BODY IDENTIFY sample rate (-1) is invalid"},
      {R"({"msg_timeout":1000})", ""},
      {R"({"msg_timeout":900000})", ""},
      {R"({"msg_timeout":999})", "E_BAD_BODY IDENTIFY msg timeout (999) is invalid"},
      {R"({"msg_timeout":900001})", "E_BAD_BODY IDENTIFY msg timeout (900001) is invalid"},
      // The first of several, in the original's order.
      {R"({"msg_timeout":1,"sample_rate":100})",
       "E_BAD_BODY IDENTIFY sample rate (100) is invalid"},
      {R"({"output_buffer_size":1,"output_buffer_timeout":1,"heartbeat_interval":1})",
       "E_BAD_BODY IDENTIFY heartbeat interval (1) is invalid"},
      {R"({"output_buffer_size":1,"output_buffer_timeout":1})",
       "E_BAD_BODY IDENTIFY output buffer timeout (1) is invalid"},
  };
  for (const Row& row : rows) EXPECT_EQ(Apply(row.json), row.error) << row.json;
}

TEST_F(ApplyIdentifyTest, AnswersWithWhatIsInForce) {
  options.topology_region = "<r&>";
  options.topology_zone = "z\"";
  EXPECT_EQ(IdentifyResponse(client, GrantLayers({}, options, true), options),
            R"({"max_rdy_count":2500,"version":"1.3.0","max_msg_timeout":900000,)"
            R"("msg_timeout":60000,"tls_v1":false,"deflate":false,"deflate_level":6,)"
            R"("max_deflate_level":6,"snappy":false,"sample_rate":0,"auth_required":false,)"
            R"("output_buffer_size":16384,"output_buffer_timeout":250,)"
            R"("topology_region":"\u003cr\u0026\u003e","topology_zone":"z\""})");
  options = Options();
  options.max_deflate_level = 3;
  options.max_rdy_count = 7;
  // No buffering overrides what the timeout says.
  EXPECT_EQ(Apply(R"({"output_buffer_size":-1,"output_buffer_timeout":1000,"sample_rate":5,)"
                  R"("msg_timeout":1500,"topology_zone":"client's"})"),
            "");
  EXPECT_EQ(IdentifyResponse(client, GrantLayers({}, options, true), options),
            R"({"max_rdy_count":7,"version":"1.3.0","max_msg_timeout":900000,)"
            R"("msg_timeout":1500,"tls_v1":false,"deflate":false,"deflate_level":3,)"
            R"("max_deflate_level":3,"snappy":false,"sample_rate":5,"auth_required":false,)"
            R"("output_buffer_size":1,"output_buffer_timeout":0,)"
            R"("topology_region":"","topology_zone":""})");
  EXPECT_EQ(client.topology_zone, "client's");
}

TEST_F(ApplyIdentifyTest, LayersAreGrantedIfAskedForAndThere) {
  IdentifyRequest request;
  request.tls_v1 = request.snappy = request.deflate = true;
  EXPECT_FALSE(GrantLayers(request, options, true).any()) << "without negotiation";
  request.feature_negotiation = true;
  EXPECT_TRUE(GrantLayers(request, options, true).tls);
  EXPECT_FALSE(GrantLayers(request, options, false).tls);
  EXPECT_TRUE(GrantLayers(request, options, true).snappy);
  EXPECT_TRUE(GrantLayers(request, options, true).deflate);
  options.snappy = false;
  EXPECT_FALSE(GrantLayers(request, options, true).snappy);
  options.deflate = false;
  EXPECT_FALSE(GrantLayers(request, options, true).deflate);
}

TEST_F(ApplyIdentifyTest, DeflateLevelsAreCappedNotRefused) {
  const struct {
    int64_t asked;
    int max;
    int granted;
  } kRows[] = {{0, 6, 6},   {-1, 6, 6}, {1, 6, 1},
               {6, 6, 6},   {9, 6, 6},  {9, 9, 9},
               {100, 9, 9}, {0, 9, 6},  {int64_t{1} << 60, 9, 9},
               {0, 3, 3},   {1, 3, 1}};
  for (const auto& row : kRows) {
    IdentifyRequest request;
    request.feature_negotiation = request.deflate = true;
    request.deflate_level = row.asked;
    options.max_deflate_level = row.max;
    EXPECT_EQ(GrantLayers(request, options, true).deflate_level, row.granted) << row.asked;
  }
}

TEST_F(ApplyIdentifyTest, AnswersWithTheLayersThatWereGranted) {
  const std::string answer = IdentifyResponse(
      client, {.tls = true, .snappy = false, .deflate = true, .deflate_level = 4}, options);
  EXPECT_NE(answer.find(R"("tls_v1":true,"deflate":true,"deflate_level":4,"max_deflate_level":6,)"
                        R"("snappy":false,)"),
            std::string::npos)
      << answer;
}

TEST_F(ApplyIdentifyTest, SecondOneKeepsWhatDeliveryGoesBy) {
  EXPECT_EQ(Apply(R"({"client_id":"a","heartbeat_interval":1000,"msg_timeout":1000})"), "");
  EXPECT_EQ(Apply(R"({"hostname":"h","heartbeat_interval":3000})"), "");
  EXPECT_EQ(client.client_id, "") << "names are overwritten even by nothing";
  EXPECT_EQ(client.hostname, "h");
  EXPECT_EQ(client.first_terms.heartbeat_interval, seconds(1));
  EXPECT_EQ(client.terms.heartbeat_interval, seconds(3));
  EXPECT_EQ(client.terms.msg_timeout, seconds(1)) << "0 keeps what is in force";
}

}  // namespace
}  // namespace nsq::nsqd
