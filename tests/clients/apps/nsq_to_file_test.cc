#include <zlib.h>

#include <fstream>
#include <map>
#include <set>

#include "tests/clients/apps/tool_test.h"

namespace nsq::apps {
namespace {

namespace fs = std::filesystem;

class NsqToFileTest : public ToolTest {
 protected:
  NsqToFileTest() : output_(folder_ / "out") { fs::create_directory(output_); }

  std::vector<std::string> Arguments(cluster::Nsqd& nsqd, std::vector<std::string> more = {}) {
    std::vector<std::string> all = {"-nsqd-tcp-address=" + nsqd.tcp_address(),
                                    "-output-dir=" + output_.string(),
                                    "-channel=c",
                                    "-datetime-format=x",
                                    "-host-identifier=h",
                                    "-sync-interval=100ms"};
    if (more.empty() || more[0].find("-topic") != 0) all.emplace_back("-topic=t");
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  // The lines of all files that the tool has made, unpacked.
  std::multiset<std::string> Lines() const {
    std::multiset<std::string> lines;
    for (const auto& entry : fs::directory_iterator(output_)) {
      const gzFile file = ::gzopen(entry.path().c_str(), "rb");  // plain files as they are
      std::string text;
      char bytes[4096];
      for (int n = 0; (n = ::gzread(file, bytes, sizeof bytes)) > 0;) {
        text.append(bytes, static_cast<size_t>(n));
      }
      ::gzclose(file);
      for (const std::string_view line : Split(text, '\n')) {
        if (!line.empty()) lines.emplace(line);
      }
    }
    return lines;
  }
  size_t FileCount() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(output_), {}));
  }

  const fs::path output_;
};

using Bag = std::multiset<std::string>;

TEST_F(NsqToFileTest, ArchivesAndFinishes) {
  auto& nsqd = AddNsqd();
  Tool tool(folder_, "nsq_to_file", Arguments(nsqd));
  EXPECT_EQ(nsqd.Publish("t", "one"), "OK");
  EXPECT_EQ(nsqd.Publish("t", "two"), "OK");
  EXPECT_TRUE(AllDone(nsqd, "t", "c", 2));
  EXPECT_EQ(Lines(), (Bag{"one", "two"}));
  EXPECT_TRUE(fs::exists(output_ / "t.h.x.log"));
  EXPECT_TRUE(tool.AwaitErr("INFO: [t/c] opening "));
  EXPECT_TRUE(tool.AwaitErr("records to disk"));
  tool.Signal(SIGTERM);
  EXPECT_EQ(tool.Wait(), 0);
}

TEST_F(NsqToFileTest, ASignalWritesWhatItHas) {
  auto& nsqd = AddNsqd();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(nsqd.Publish("t", std::to_string(i)), "OK");
  Tool tool(folder_, "nsq_to_file", Arguments(nsqd, {"-sync-interval=1h"}));
  ASSERT_TRUE(cluster::Eventually([&] { return nsqd.Stats("t").of("c").in_flight > 0; }));
  tool.Signal(SIGTERM);
  EXPECT_EQ(tool.Wait(), 0);
  const auto stats = nsqd.Stats("t").of("c");
  EXPECT_EQ(stats.in_flight, 0);
  EXPECT_EQ(Lines().size() + static_cast<size_t>(stats.depth + stats.deferred), 20u);
}

// What was finished is in the files, wherever the kill comes.
TEST_F(NsqToFileTest, AKillLosesNothing) {
  auto& nsqd = AddNsqd({"-msg-timeout=1s"});
  for (const bool gzip : {false, true}) {
    const std::string topic = gzip ? "zipped" : "plain";
    constexpr int kCount = 3000;
    std::set<std::string> all;
    std::vector<std::string> bodies;
    for (int i = 0; i < kCount; ++i) bodies.push_back(StrCat(topic, " ", i));
    cluster::V2Client publisher(nsqd.tcp_port());
    EXPECT_EQ(publisher.Mpub(topic, bodies), "OK");
    all.insert(bodies.begin(), bodies.end());
    const std::vector<std::string> arguments =
        Arguments(nsqd, {"-topic=" + topic, gzip ? "-gzip" : "-gzip=false", "-max-in-flight=50",
                         "-consumer-opt=max_attempts,0"});
    for (int kill = 0; kill < 3; ++kill) {
      Tool tool(folder_, "nsq_to_file", arguments);
      ASSERT_TRUE(tool.AwaitErr("records to disk"));
      tool.Signal(SIGKILL);
      EXPECT_EQ(tool.Wait(), 1000 + SIGKILL);
    }
    Tool tool(folder_, "nsq_to_file", arguments);
    ASSERT_TRUE(cluster::Eventually([&] {
      const auto stats = nsqd.Stats(topic).of("c");
      return stats.depth == 0 && stats.in_flight == 0 && stats.deferred == 0;
    }));
    tool.Signal(SIGTERM);
    EXPECT_EQ(tool.Wait(), 0);
    const Bag lines = Lines();
    for (const std::string& body : all) EXPECT_TRUE(lines.contains(body)) << body;
  }
}

TEST_F(NsqToFileTest, HangupBeginsANewFileAlsoWithAWorkFolder) {
  auto& nsqd = AddNsqd();
  const fs::path work = folder_ / "work";
  Tool tool(folder_, "nsq_to_file", Arguments(nsqd, {"-work-dir=" + work.string()}));
  EXPECT_EQ(nsqd.Publish("t", "one"), "OK");
  EXPECT_TRUE(AllDone(nsqd, "t", "c", 1));
  tool.Signal(SIGHUP);
  ASSERT_TRUE(tool.AwaitErr("moving finished file"));
  EXPECT_EQ(nsqd.Publish("t", "two"), "OK");
  EXPECT_TRUE(AllDone(nsqd, "t", "c", 2));
  tool.Signal(SIGTERM);
  EXPECT_EQ(tool.Wait(), 0);
  EXPECT_EQ(Lines(), (Bag{"one", "two"}));
  EXPECT_TRUE(fs::is_empty(work));
}

TEST_F(NsqToFileTest, RotatesBySize) {
  auto& nsqd = AddNsqd();
  Tool tool(folder_, "nsq_to_file",
            Arguments(nsqd, {"-rotate-size=3", "-skip-empty-files", "-max-in-flight=1"}));
  for (const char* body : {"aaa", "bbb", "ccc"}) EXPECT_EQ(nsqd.Publish("t", body), "OK");
  EXPECT_TRUE(AllDone(nsqd, "t", "c", 3));
  tool.Signal(SIGTERM);
  EXPECT_EQ(tool.Wait(), 0);
  EXPECT_EQ(FileCount(), 3u);
  EXPECT_EQ(Lines(), (Bag{"aaa", "bbb", "ccc"}));
}

TEST_F(NsqToFileTest, FindsTopicsByPattern) {
  auto& lookupd = AddLookupd();
  auto& nsqd = AddNsqd();
  for (const char* topic : {"logs_a", "logs_b", "other"}) EXPECT_EQ(nsqd.Publish(topic, "x"), "OK");
  ASSERT_TRUE(cluster::Eventually([&] { return lookupd.Lookup("other").tcp_ports.size() == 1; }));
  Tool tool(folder_, "nsq_to_file",
            {StrCat("-lookupd-http-address=127.0.0.1:", lookupd.http_port()),
             "-topic-pattern=^logs_", "-topic-refresh=100ms", "-output-dir=" + output_.string(),
             "-channel=c", "-sync-interval=100ms"});
  EXPECT_TRUE(AllDone(nsqd, "logs_a", "c", 1));
  EXPECT_TRUE(AllDone(nsqd, "logs_b", "c", 1));
  EXPECT_TRUE(tool.AwaitErr("skipping topic other (doesn't match pattern ^logs_)"));
  EXPECT_EQ(nsqd.Publish("logs_c", "y"), "OK");  // comes later
  EXPECT_TRUE(AllDone(nsqd, "logs_c", "c", 1));
  tool.Signal(SIGINT);
  EXPECT_EQ(tool.Wait(), 0);
  EXPECT_FALSE(nsqd.Stats("other").channels.contains("c"));
}

TEST_F(NsqToFileTest, AnNsqdThatIsDownIsTriedAgain) {
  auto& nsqd = AddNsqd();
  EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
  EXPECT_EQ(nsqd.Stop(), 0);
  Tool tool(folder_, "nsq_to_file", Arguments(nsqd));
  ASSERT_TRUE(tool.AwaitErr("connection refused"));
  nsqd.Start();
  EXPECT_TRUE(AllDone(nsqd, "t", "c", 1));
  EXPECT_EQ(Lines(), (Bag{"x"}));
}

TEST_F(NsqToFileTest, WhatCannotBeWrittenIsNotFinished) {
  auto& nsqd = AddNsqd();
  EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
  const Ended ended = Run("nsq_to_file", Arguments(nsqd, {"-output-dir=/proc/nowhere"}));
  EXPECT_EQ(ended.code, 1);
  EXPECT_NE(ended.err.find("FATAL: [t/c] "), std::string::npos) << ended.err;
  EXPECT_TRUE(cluster::Eventually([&] {
    const auto stats = nsqd.Stats("t").of("c");
    return stats.depth == 1 && stats.in_flight == 0;
  }));
}

TEST_F(NsqToFileTest, Refusals) {
  auto& nsqd = AddNsqd();
  const auto refused = [&](std::vector<std::string> more, const std::string& said, int code = 1) {
    const Ended ended = Run("nsq_to_file", Arguments(nsqd, std::move(more)));
    EXPECT_EQ(ended.code, code) << said;
    EXPECT_NE(ended.err.find(said), std::string::npos) << ended.err;
  };
  refused({"extra", "args"}, "unknown arguments: [extra args]");
  refused({"-log-level=loud"}, "--log-level is invalid");
  refused({"-log-level=loud", "-version"}, "--log-level is invalid");
  refused({"-channel="}, "--channel is required");
  refused({"-gzip-level=0"}, "invalid --gzip-level value (0), should be 1-9");
  refused({"-sync-interval=0"}, "--sync-interval should be positive");
  refused({"-gzip", "-filename-format=x"}, "missing <REV> in --filename-format when gzip");
  refused({"-topic=a b"}, "invalid topic name");
  refused({"-topic=t", "-topic-pattern=("}, "invalid --topic-pattern");
  refused({"-consumer-opt=nope,1"}, "invalid option nope", 2);
  const Ended none = Run("nsq_to_file", {"-topic=t"});
  EXPECT_EQ(none.code, 1);
  EXPECT_NE(none.err.find("--nsqd-tcp-address or --lookupd-http-address required."),
            std::string::npos);
}

}  // namespace
}  // namespace nsq::apps
