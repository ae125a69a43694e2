// Gives a cluster something to do: publishes the lines of a file, half over TCP and half over HTTP,
// spread over several nsqd, and consumes them through discovery by nsqlookupd on two channels, one
// of which two consumers share. See contrib/demo.sh.

#include <signal.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/config/config.h"
#include "common/event/address.h"
#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "common/event/signal_watch.h"
#include "common/event/timer.h"
#include "common/http/client.h"
#include "common/log.h"
#include "common/strings.h"
#include "common/version.h"
#include "common/wire/names.h"
#include "contrib/demo/demo_client.h"

namespace nsq::demo {
namespace {

constexpr Duration kPublishEvery = milliseconds(20);
constexpr Duration kDiscoverEvery = seconds(2);
constexpr Duration kReportEvery = seconds(5);

std::vector<Flag> Flags() {
  const std::string group = "Demo";
  return {
      {"file", "", Kind::kString, "", group, "file whose lines are published, again and again"},
      {"topic", "", Kind::kString, "lines", group, "topic to publish to"},
      {"rate", "", Kind::kInt, "200", group, "lines a second"},
      {"nsqd-tcp-address", "", Kind::kStringList, "", group, "nsqd to publish to (repeatable)"},
      {"nsqd-http-address", "", Kind::kStringList, "", group, "the same, over HTTP (repeatable)"},
      {"lookupd-http-address", "", Kind::kString, "127.0.0.1:4161", group,
       "nsqlookupd to find producers by"},
      {"version", "", Kind::kBool, "false", group, "print the version and exit"},
  };
}

// One consumer: a connection to every nsqd that has the topic.
struct Worker {
  std::string channel;
  uint64_t finished = 0;
  std::map<std::string, std::unique_ptr<Consumer>> connections;  // by address
};

class Demo {
 public:
  Demo(EventLoop& loop, HelperPool& pool, const Config& config, std::vector<std::string> lines)
      : loop_(loop),
        pool_(pool),
        topic_(config.String("topic")),
        lookupd_(config.String("lookupd-http-address")),
        lines_(std::move(lines)),
        http_addresses_(config.Strings("nsqd-http-address")),
        batch_(std::max<size_t>(static_cast<size_t>(config.Int("rate")) *
                                    static_cast<size_t>(kPublishEvery.count()) / 1'000'000'000,
                                1)),
        publish_timer_(loop, [this] { OnPublish(); }),
        discover_timer_(loop, [this] { Discover(); }),
        report_timer_(loop, [this] { Report(); }) {
    for (const std::string& address : config.Strings("nsqd-tcp-address")) {
      publishers_.push_back(std::make_unique<TcpPublisher>(loop, address, topic_));
    }
    for (const char* channel : {"archive", "index", "index"}) {
      workers_.push_back(std::make_unique<Worker>());
      workers_.back()->channel = channel;
    }
    OnPublish();
    Discover();
    report_timer_.ArmAfter(kReportEvery);
  }

 private:
  // Some lines on their way over HTTP.
  struct HttpPublish : Job {
    void Run() noexcept override {
      for (const std::string& line : lines) {
        if (demo->client_.Command(url, line).ok()) ++accepted;
      }
    }
    void Open() noexcept override { demo->http_accepted_ += accepted; }

    Demo* demo = nullptr;
    std::string url;
    std::vector<std::string> lines;
    uint64_t accepted = 0;
  };

  struct Lookup : Job {
    void Run() noexcept override { answer = demo->client_.Query(url); }
    void Open() noexcept override { demo->OnDiscovered(answer); }

    Demo* demo = nullptr;
    std::string url;
    Result<std::string> answer = Status(Code::kUnavailable, "not asked");
  };

  void OnPublish() {
    std::vector<std::unique_ptr<HttpPublish>> jobs(http_addresses_.size());
    for (size_t i = 0; i < batch_; ++i) {
      const std::string& line = lines_[next_line_ % lines_.size()];
      const size_t turn = next_line_++;
      if (turn % 2 == 0) {
        publishers_[turn / 2 % publishers_.size()]->Publish(line);
        continue;
      }
      const size_t node = turn / 2 % http_addresses_.size();
      if (jobs[node] == nullptr) {
        jobs[node] = std::make_unique<HttpPublish>();
        jobs[node]->demo = this;
        jobs[node]->url =
            StrCat("http://", http_addresses_[node], "/pub?topic=", http::EscapeQuery(topic_));
      }
      jobs[node]->lines.push_back(line);
    }
    for (auto& job : jobs) {
      if (job != nullptr) pool_.Submit(std::move(job), &loop_);
    }
    publish_timer_.ArmAfter(kPublishEvery);
  }

  void Discover() {
    auto job = std::make_unique<Lookup>();
    job->demo = this;
    job->url = StrCat("http://", lookupd_, "/lookup?topic=", http::EscapeQuery(topic_));
    pool_.Submit(std::move(job), &loop_);
  }

  void OnDiscovered(const Result<std::string>& answer) {
    discover_timer_.ArmAfter(kDiscoverEvery);
    if (!answer.ok()) return;  // no such topic yet, or no lookupd: ask again
    const nlohmann::json parsed = nlohmann::json::parse(*answer, nullptr, false);
    if (!parsed.is_object() || !parsed.contains("producers")) return;
    for (const nlohmann::json& producer : parsed["producers"]) {
      if (!producer.is_object()) continue;
      const std::string address =
          JoinHostPort(producer.value("broadcast_address", ""), producer.value("tcp_port", 0));
      for (const auto& worker : workers_) {
        std::unique_ptr<Consumer>& connection = worker->connections[address];
        if (connection != nullptr) continue;
        connection =
            std::make_unique<Consumer>(loop_, address, topic_, worker->channel, &worker->finished);
      }
    }
  }

  void Report() {
    uint64_t over_tcp = 0;
    for (const auto& publisher : publishers_) over_tcp += publisher->accepted();
    std::string line =
        StrCat("published ", over_tcp, " over TCP, ", http_accepted_, " over HTTP; consumed");
    for (const auto& worker : workers_) {
      line += StrCat(" ", worker->channel, ":", worker->finished);
    }
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
    report_timer_.ArmAfter(kReportEvery);
  }

  EventLoop& loop_;
  HelperPool& pool_;
  http::Client client_{http::ClientOptions()};
  const std::string topic_;
  const std::string lookupd_;
  const std::vector<std::string> lines_;
  const std::vector<std::string> http_addresses_;
  const size_t batch_;  // lines for each tick
  std::vector<std::unique_ptr<TcpPublisher>> publishers_;
  std::vector<std::unique_ptr<Worker>> workers_;
  size_t next_line_ = 0;
  uint64_t http_accepted_ = 0;
  Timer publish_timer_;
  Timer discover_timer_;
  Timer report_timer_;
};

std::vector<std::string> ReadLines(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(std::move(line));
  }
  return lines;
}

int Main(int argc, char** argv) {
  Config config("nsq_demo", Flags());
  if (const std::optional<int> code = config.Load(argc, argv)) return *code;
  // A slow turn of a load generator on a busy machine is nothing to warn of.
  InitLogging("nsq_demo", "[nsq_demo] ", LogLevel::kError);
  const auto fail = [](const std::string& why) {
    std::fprintf(stderr, "nsq_demo: %s\n", why.c_str());
    return 1;
  };
  if (!config.Given("file")) return fail("--file is required");
  std::vector<std::string> lines = ReadLines(config.String("file"));
  if (lines.empty()) return fail("no lines in file '" + config.String("file") + "'");
  if (config.Strings("nsqd-tcp-address").empty() || config.Strings("nsqd-http-address").empty()) {
    return fail("--nsqd-tcp-address and --nsqd-http-address are required");
  }
  if (config.Int("rate") <= 0) return fail("--rate must be above 0");
  if (!IsValidTopicName(config.String("topic"))) return fail("--topic is not a valid topic name");

  IgnoreSignals({SIGPIPE});
  EventLoop loop("demo");
  auto pool = std::make_unique<HelperPool>(3);
  auto demo = std::make_unique<Demo>(loop, *pool, config, std::move(lines));
  const SignalWatch signals(loop, {SIGINT, SIGTERM}, [&loop](int) { loop.Stop(); });
  loop.Run();
  pool.reset();  // what it still says is dropped with the loop
  demo.reset();
  return 0;
}

}  // namespace
}  // namespace nsq::demo

int main(int argc, char** argv) { return nsq::demo::Main(argc, argv); }
