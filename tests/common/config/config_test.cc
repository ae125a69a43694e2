#include "common/config/config.h"

#include <gflags/gflags.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace nsq {
namespace {

std::vector<Flag> SomeFlags() {
  return {
      {"version", "", Kind::kBool, "false", "General", "print version"},
      {"config", "", Kind::kString, "", "General", "path to a file"},
      {"log-level", "log_level", Kind::kLogLevel, "info", "General", "least level"},
      {"log-prefix", "log_prefix", Kind::kString, "[nsqd] ", "General", "prefix of log lines"},
      {"node-id", "id", Kind::kInt, "617", "General", "id of this node"},
      {"tcp-address", "tcp_address", Kind::kString, "0.0.0.0:4150", "Network", "address"},
      {"lookupd-tcp-address", "nsqlookupd_tcp_addresses", Kind::kStringList, "", "Network",
       "a lookupd"},
      {"msg-timeout", "msg_timeout", Kind::kDuration, "1m0s", "Messages", "time to finish"},
      {"deflate", "deflate", Kind::kBool, "true", "TLS", "allow deflate"},
      {"tls-required", "tls_required", Kind::kTlsRequired, "false", "TLS", "require TLS"},
      {"tls-min-version", "tls_min_version", Kind::kTlsMinVersion, "tls1.0", "TLS", "least TLS"},
      {"percentile", "percentiles", Kind::kFloatList, "", "Statistics", "quantiles"},
  };
}

class ConfigTest : public testing::Test {
 protected:
  // -1: the program goes on.
  int Load(std::vector<std::string> arguments) {
    out_.clear();
    err_.clear();
    return config_.Load(arguments, &out_, &err_).value_or(-1);
  }

  // The first line on stderr of a program that ends with code 2.
  std::string Refusal(std::vector<std::string> arguments) {
    EXPECT_EQ(Config("nsqd", SomeFlags()).Load(arguments, &out_, &err_).value_or(-1), 2);
    EXPECT_NE(err_.find("\nUsage of nsqd:\n"), std::string::npos) << "usage follows";
    return err_.substr(0, err_.find('\n'));
  }

  std::string Shown(std::string_view key) {
    const auto shown = config_.Show(key);
    return shown ? shown->text : "(none)";
  }

  // A file that goes with the test.
  std::string File(const std::string& text) {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = testing::TempDir() + "config_test." + test->name() + "." + std::to_string(getpid());
    std::ofstream(path_) << text;
    return path_;
  }

  void TearDown() override {
    if (!path_.empty()) std::filesystem::remove(path_);
  }

  Config config_{"nsqd", SomeFlags()};
  std::string out_;
  std::string err_;
  std::string path_;
};

TEST_F(ConfigTest, AllFourFormsAreEqual) {
  for (const std::vector<std::string>& form : {std::vector<std::string>{"-node-id", "3"},
                                               {"-node-id=3"},
                                               {"--node-id", "3"},
                                               {"--node-id=3"}}) {
    Config config("nsqd", SomeFlags());
    EXPECT_EQ(config.Load(form, &out_, &err_), std::nullopt);
    EXPECT_EQ(config.Int("node-id"), 3);
  }
}

TEST_F(ConfigTest, DefaultsHoldWhereNothingIsSaid) {
  ASSERT_EQ(Load({}), -1);
  EXPECT_EQ(config_.String("tcp-address"), "0.0.0.0:4150");
  EXPECT_EQ(config_.Time("msg-timeout"), std::chrono::minutes(1));
  EXPECT_EQ(config_.Level("log-level"), LogLevel::kInfo);
  EXPECT_TRUE(config_.Bool("deflate"));
  EXPECT_TRUE(config_.Strings("lookupd-tcp-address").empty());
  EXPECT_FALSE(config_.Given("node-id"));
}

// Whoever adds it to a clock stays within 64 bits.
TEST_F(ConfigTest, ATimeIsNoLongerThanTenYearsButShownAsGiven) {
  EXPECT_EQ(Load({"-msg-timeout=2562047h"}), -1);
  EXPECT_EQ(config_.Time("msg-timeout"), Config::kLongestTime);
  EXPECT_EQ(Shown("msg_timeout"), "9223369200000000000");
  EXPECT_EQ(Load({"-msg-timeout=-2562047h"}), -1);
  EXPECT_EQ(config_.Time("msg-timeout"), -Config::kLongestTime);
}

TEST_F(ConfigTest, ABooleanTakesAValueOnlyByEqualsSign) {
  ASSERT_EQ(Load({"-deflate", "false", "-node-id", "3"}), -1);
  EXPECT_TRUE(config_.Bool("deflate"));
  EXPECT_EQ(config_.Int("node-id"), 617) << "parsing ended at `false`";
  EXPECT_EQ(config_.rest(), (std::vector<std::string>{"false", "-node-id", "3"}));
  ASSERT_EQ(Load({"-deflate=false"}), -1);
  EXPECT_FALSE(config_.Bool("deflate"));
}

TEST_F(ConfigTest, TlsRequiredIsABooleanWithAThirdWord) {
  ASSERT_EQ(Load({"-tls-required"}), -1);
  EXPECT_EQ(config_.Int("tls-required"), 2);
  ASSERT_EQ(Load({"-tls-required=tcp-https"}), -1);
  EXPECT_EQ(config_.Int("tls-required"), 1);
  ASSERT_EQ(Load({"-tls-required=false"}), -1);
  EXPECT_EQ(config_.Int("tls-required"), 0);
}

TEST_F(ConfigTest, FlagsEndAtTheFirstWordThatIsNone) {
  for (const char* word : {"--", "-", "word", ""}) {
    Config config("nsqd", SomeFlags());
    const std::vector<std::string> arguments = {"-node-id=1", word, "-node-id=2", "-unknown"};
    EXPECT_EQ(config.Load(arguments, &out_, &err_), std::nullopt) << word;
    EXPECT_EQ(config.Int("node-id"), 1);
  }
}

TEST_F(ConfigTest, ScalarsTakeTheLastValueAndListsGrow) {
  ASSERT_EQ(Load({"-node-id=1", "-node-id=2", "-lookupd-tcp-address=a:1,b:2",
                  "-lookupd-tcp-address", "c:3", "-percentile=0.5,1", "-percentile=0.9"}),
            -1);
  EXPECT_EQ(config_.Int("node-id"), 2);
  EXPECT_EQ(config_.Strings("lookupd-tcp-address"), (std::vector<std::string>{"a:1,b:2", "c:3"}));
  EXPECT_EQ(config_.Floats("percentile"), (std::vector<double>{1, 0.9, 0.5})) << "downwards";
}

TEST_F(ConfigTest, AValueMayLookLikeAFlag) {
  ASSERT_EQ(Load({"-tcp-address", "-deflate"}), -1);
  EXPECT_EQ(config_.String("tcp-address"), "-deflate");
}

TEST_F(ConfigTest, MistakesAreNamedInGosWords) {
  EXPECT_EQ(Refusal({"-x"}), "flag provided but not defined: -x");
  EXPECT_EQ(Refusal({"--x=5"}), "flag provided but not defined: -x");
  EXPECT_EQ(Refusal({"-tcp_address=x"}), "flag provided but not defined: -tcp_address");
  EXPECT_EQ(Refusal({"-node-id"}), "flag needs an argument: -node-id");
  EXPECT_EQ(Refusal({"---version"}), "bad flag syntax: ---version");
  EXPECT_EQ(Refusal({"-=5"}), "bad flag syntax: -=5");
  EXPECT_EQ(Refusal({"-node-id=x"}), "invalid value \"x\" for flag -node-id: parse error");
  EXPECT_EQ(Refusal({"-node-id", "9223372036854775808"}),
            "invalid value \"9223372036854775808\" for flag -node-id: value out of range");
  EXPECT_EQ(Refusal({"-msg-timeout=5"}), "invalid value \"5\" for flag -msg-timeout: parse error");
  EXPECT_EQ(Refusal({"-deflate=maybe"}),
            "invalid boolean value \"maybe\" for -deflate: parse error");
  EXPECT_EQ(Refusal({"-log-level=foo"}),
            "invalid value \"foo\" for flag -log-level: invalid log level 'foo' (debug, info, "
            "warn, error, fatal)");
  EXPECT_EQ(Refusal({"-tls-required=foo"}),
            "invalid boolean value \"foo\" for -tls-required: strconv.ParseBool: parsing \"foo\": "
            "invalid syntax");
  EXPECT_EQ(Refusal({"-tls-min-version=tls1.4"}),
            "invalid value \"tls1.4\" for flag -tls-min-version: unknown tlsVersionOption "
            "\"tls1.4\"");
}

TEST_F(ConfigTest, FlagsOfOtherLibrariesAreNotOurs) {
  EXPECT_EQ(Refusal({"-flagfile=x"}), "flag provided but not defined: -flagfile");
  EXPECT_EQ(Refusal({"-logtostderr"}), "flag provided but not defined: -logtostderr");
  EXPECT_EQ(config_.Usage().find("flagfile"), std::string::npos);
}

TEST_F(ConfigTest, ABadPercentileEndsTheProgramWithoutUsage) {
  EXPECT_EQ(Load({"-percentile=0.5,"}), 1);
  EXPECT_TRUE(err_.ends_with(" Could not parse: \n")) << err_;
}

TEST_F(ConfigTest, HelpGoesToStderrAndEndsWithZero) {
  for (const char* word : {"-h", "-help", "--help"}) {
    Config config("nsqd", SomeFlags());
    EXPECT_EQ(config.Load(std::vector<std::string>{word}, &out_, &err_), 0);
    EXPECT_TRUE(err_.starts_with("Usage of nsqd:\n"));
    EXPECT_EQ(out_, "");
  }
}

TEST_F(ConfigTest, UsageShowsEveryFlagUnderItsGroupWithItsDefault) {
  const std::string usage = config_.Usage();
  EXPECT_NE(usage.find("\nNetwork\n  --tcp-address TEXT              address [0.0.0.0:4150]\n"),
            std::string::npos)
      << usage;
  for (const Flag& flag : SomeFlags()) {
    EXPECT_NE(usage.find("  --" + flag.name), std::string::npos) << flag.name;
  }
}

TEST_F(ConfigTest, VersionComesAfterTheFlagsAndBeforeTheFile) {
  EXPECT_EQ(Load({"-version", "-config=does/not/exist"}), 0);
  EXPECT_TRUE(out_.starts_with("nsqd v1.3.0 (built w/")) << out_;
  EXPECT_EQ(err_, "");
  EXPECT_EQ(Load({"-version", "-unknown"}), 2);
  EXPECT_EQ(
      Config("nsqd", SomeFlags()).Load(std::vector<std::string>{"-version=false"}, &out_, &err_),
      std::nullopt);
}

TEST_F(ConfigTest, TheCommandLineWinsOverTheFileAndTheFileOverTheDefault) {
  const std::string path = File(
      "id = 5\ntcp_address = 'file:1'\nnsqlookupd_tcp_addresses = ['f:1', 'f:2']\n"
      "msg_timeout = 2000\nlog_level = 'debug'\nunknown = 1\nnode_id = 9\n");
  ASSERT_EQ(Load({"-config", path, "-tcp-address=0.0.0.0:4150", "-lookupd-tcp-address=c:1"}), -1);
  EXPECT_EQ(config_.Int("node-id"), 5);
  EXPECT_EQ(config_.String("tcp-address"), "0.0.0.0:4150") << "even if it is the default";
  EXPECT_EQ(config_.Strings("lookupd-tcp-address"), (std::vector<std::string>{"c:1"}));
  EXPECT_EQ(config_.Time("msg-timeout"), std::chrono::seconds(2));
  EXPECT_EQ(config_.Level("log-level"), LogLevel::kDebug);
  EXPECT_TRUE(config_.Given("node-id"));
}

TEST_F(ConfigTest, ABadValueInTheFileEndsTheProgramUnlessTheCommandLineDecides) {
  const std::string path = File("id = true\n");
  EXPECT_EQ(Load({"-config=" + path}), 1);
  EXPECT_NE(err_.find(" ERROR: Resolve failed to coerce value true (617) for field id - "),
            std::string::npos)
      << err_;
  Config config("nsqd", SomeFlags());
  EXPECT_EQ(config.Load(std::vector<std::string>{"-config=" + path, "-node-id=1"}, &out_, &err_),
            std::nullopt);
}

TEST_F(ConfigTest, ATimeWithoutUnitInQuotesIsToldApartFromRubbish) {
  for (const auto& [text, reason] :
       {std::pair("5", "missing unit in"), std::pair("x", "invalid")}) {
    Config config("nsqd", SomeFlags());
    std::string err;
    EXPECT_EQ(config.Load(std::vector<std::string>{"-config=" +
                                                   File(StrCat("msg_timeout = '", text, "'\n"))},
                          &out_, &err),
              1);
    EXPECT_TRUE(err.ends_with(
        StrCat(" for field msg_timeout - time: ", reason, " duration \"", text, "\"\n")))
        << err;
  }
}

TEST_F(ConfigTest, ThreeKeysAreCheckedEvenIfTheCommandLineDecides) {
  const std::string path = File("log_level = 'loud'\n");
  EXPECT_EQ(Load({"-config=" + path, "-log-level=info"}), 1);
  EXPECT_TRUE(err_.starts_with("[nsqd] ")) << err_;
  EXPECT_TRUE(err_.ends_with(" FATAL: failed parsing log_level loud\n")) << err_;
}

TEST_F(ConfigTest, AMissingFileEndsTheProgram) {
  EXPECT_EQ(Load({"-config=does/not/exist"}), 1);
  EXPECT_TRUE(
      err_.ends_with(" FATAL: failed to load config file does/not/exist - open "
                     "does/not/exist: no such file or directory\n"))
      << err_;
}

TEST_F(ConfigTest, ShowsValuesUnderTheirKeysAsHttpDoes) {
  ASSERT_EQ(Load({"-msg-timeout=1m", "-lookupd-tcp-address=a<b:1", "-tls-min-version=tls1.2"}), -1);
  EXPECT_EQ(Shown("msg_timeout"), "60000000000");
  EXPECT_EQ(Shown("nsqlookupd_tcp_addresses"), "[\"a\\u003cb:1\"]");
  EXPECT_EQ(Shown("log_level"), "2");
  EXPECT_EQ(Shown("tls_required"), "0");
  EXPECT_EQ(Shown("tls_min_version"), "771");
  EXPECT_EQ(Shown("percentiles"), "[]");
  EXPECT_EQ(Shown("id"), "617");
  EXPECT_EQ(Shown("deflate"), "true");
  EXPECT_EQ(Shown("log_prefix"), "[nsqd] ");
  for (const char* hidden : {"version", "config", "node_id", "node-id", "", "unknown"}) {
    EXPECT_EQ(Shown(hidden), "(none)") << hidden;
  }
  EXPECT_FALSE(config_.Show("log_prefix")->is_json);
  EXPECT_TRUE(config_.Show("id")->is_json);
}

TEST_F(ConfigTest, WhatChangesAtRunTimeIsShown) {
  config_.SetStrings("lookupd-tcp-address", {"x:1"});
  EXPECT_EQ(Shown("nsqlookupd_tcp_addresses"), "[\"x:1\"]");
  config_.SetStrings("lookupd-tcp-address", {}, true);
  EXPECT_EQ(Shown("nsqlookupd_tcp_addresses"), "null");
  config_.SetInt("log-level", 1);
  EXPECT_EQ(Shown("log_level"), "1");
}

TEST_F(ConfigTest, GflagsKnowsTheValues) {
  ASSERT_EQ(Load({"-node-id=44", "-log-prefix=p"}), -1);
  std::string text;
  ASSERT_TRUE(gflags::GetCommandLineOption("node-id", &text));
  EXPECT_EQ(text, "44");
  ASSERT_TRUE(gflags::GetCommandLineOption("log-prefix", &text));
  EXPECT_EQ(text, "p");
}

TEST_F(ConfigTest, AFlagsOwnCheckRefusesAfterItsKind) {
  std::vector<Flag> flags = SomeFlags();
  flags.push_back({"opt", "", Kind::kStringList, "", "", "name,value", [](std::string_view text) {
                     return text == "nope" ? "invalid option nope" : "";
                   }});
  Config config("nsq_tail", flags, "nsq_tail v1.3.0");
  EXPECT_EQ(config.Load(std::vector<std::string>{"-opt=nope"}, &out_, &err_), 2);
  EXPECT_TRUE(err_.starts_with("invalid value \"nope\" for flag -opt: invalid option nope\n"));
}

TEST(ParseJsonStringsTest, TakesArraysOfStringsAndNull) {
  bool is_null = false;
  const auto two = ParseJsonStrings(R"( ["a", "b"] )", &is_null);
  ASSERT_TRUE(two.ok());
  EXPECT_EQ(*two, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(is_null);
  EXPECT_TRUE(ParseJsonStrings("null", &is_null).ok());
  EXPECT_TRUE(is_null);
  for (const char* json : {"", "x", "{}", "[1]", R"(["x",1])", R"(["x"] y)", "\"x\"", "[null]"}) {
    EXPECT_FALSE(ParseJsonStrings(json, &is_null).ok()) << json;
  }
}

}  // namespace
}  // namespace nsq
