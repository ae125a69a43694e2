// nsq_to_file: archives the messages of topics in files.

#include <nsq/consumer.h>
#include <re2/re2.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "clients/apps/app.h"
#include "clients/apps/file_name.h"
#include "clients/apps/topic_file.h"
#include "common/http/client.h"
#include "common/log.h"
#include "common/strings.h"
#include "common/wire/names.h"

namespace nsq::apps {
namespace {

constexpr std::string_view kTool = "nsq_to_file";
// How soon a topic's thread looks at what is not a message.
constexpr Duration kGlance = milliseconds(100);

std::vector<Flag> Flags() {
  return {
      {"channel", "", Kind::kString, "nsq_to_file", "", "nsq channel"},
      OptionFlag("consumer-opt", "consumer"),
      {"datetime-format", "", Kind::kString, "%Y-%m-%d_%H", "",
       "strftime compatible format for <DATETIME> in filename format"},
      {"filename-format", "", Kind::kString, "<TOPIC>.<HOST><REV>.<DATETIME>.log", "",
       "output filename format (<TOPIC>, <HOST>, <PID>, <DATETIME>, <REV> are replaced. <REV> is "
       "increased when file already exists)"},
      {"gzip", "", Kind::kBool, "false", "", "gzip output files."},
      {"gzip-level", "", Kind::kInt, "6", "",
       "gzip compression level (1-9, 1=BestSpeed, 9=BestCompression)"},
      {"host-identifier", "", Kind::kString, "", "",
       "value to output in log filename in place of hostname. <SHORT_HOST> and <HOSTNAME> are "
       "valid replacement tokens"},
      {"http-client-connect-timeout", "", Kind::kDuration, "2s", "", "timeout for HTTP connect"},
      {"http-client-request-timeout", "", Kind::kDuration, "5s", "", "timeout for HTTP request"},
      {"log-level", "", Kind::kString, "info", "",
       "set log verbosity: debug, info, warn, error, or fatal"},
      {"log-prefix", "", Kind::kString, "[nsq_to_file] ", "", "log message prefix"},
      LookupdFlag(),
      {"max-in-flight", "", Kind::kInt, "200", "", "max number of messages to allow in flight"},
      NsqdFlag(),
      {"output-dir", "", Kind::kString, "/tmp", "", "directory to write output files to"},
      {"rotate-interval", "", Kind::kDuration, "0s", "", "rotate the file every duration"},
      {"rotate-size", "", Kind::kInt, "0", "",
       "rotate the file when it grows bigger than `rotate-size` bytes"},
      {"skip-empty-files", "", Kind::kBool, "false", "", "skip writing empty files"},
      {"sync-interval", "", Kind::kDuration, "30s", "", "sync file to disk every duration"},
      {"topic", "", Kind::kStringList, "", "", "nsq topic (may be given multiple times)"},
      {"topic-pattern", "", Kind::kString, "", "",
       "only log topics matching the following pattern"},
      {"topic-refresh", "", Kind::kDuration, "1m0s", "",
       "how frequently the topic list should be refreshed"},
      VersionFlag(),
      {"work-dir", "", Kind::kString, "", "",
       "directory for in-progress files before moving to output-dir"},
  };
}

struct Settings {
  TopicFileOptions file;  // name_format with <TOPIC> still in it
  bool skip_empty_files = false;
  Duration sync_interval{0};
  size_t max_in_flight = 200;
};

// Writes one topic's messages, on a thread of its own; finishes them when the disk has them.
class TopicLogger {
 public:
  TopicLogger(Consumer consumer, std::string topic, const std::string& channel, Settings settings,
              Quit* quit)
      : label_(StrCat("[", topic, "/", channel, "] ")),
        settings_(std::move(settings)),
        quit_(quit),
        consumer_(std::move(consumer)),
        file_(settings_.file,
              [this](LogLevel level, const std::string& text) { Log(level, text); }),
        thread_([this] { Run(); }) {}
  TopicLogger(const TopicLogger&) = delete;
  TopicLogger& operator=(const TopicLogger&) = delete;
  ~TopicLogger() {
    Stop();
    thread_.join();
  }

  void Stop() { stopping_ = true; }
  void Reopen() { hung_up_ = true; }

 private:
  void Log(LogLevel level, const std::string& text) const {
    if (static_cast<int>(level) >= static_cast<int>(GetLogLevel())) LogLine(level, label_ + text);
  }

  void Run() {
    next_tick_ = std::chrono::steady_clock::now() + settings_.sync_interval;
    bool sound = true;
    while (sound && !stopping_) sound = Turn();
    if (sound) sound = Sync() && Done(file_.Close(), "failed to close");
    for (Message& message : batch_) {
      static_cast<void>(message.Requeue(Duration::zero(), Penalty::kNone));
    }
    batch_.clear();
    consumer_.Stop(kStopTime);
  }

  // False after an error that nothing can be done about.
  bool Turn() {
    bool sync = false;
    const SteadyTime began = std::chrono::steady_clock::now();
    Expected<Message> message =
        consumer_.Receive(std::clamp<Duration>(next_tick_ - began, Duration::zero(), kGlance));
    const SteadyTime now = std::chrono::steady_clock::now();
    if (message) {
      if (file_.NeedsRotation(WallNow(), now)) {
        if (!Done(file_.Open(WallNow(), now), "failed to open")) return Keep(&*message);
        sync = true;
      }
      if (!Done(file_.Write(message->body()), "writing message to disk")) return Keep(&*message);
      batch_.push_back(std::move(*message));
      sync = sync || batch_.size() >= settings_.max_in_flight;
    }
    if (now >= next_tick_) {
      next_tick_ = now + settings_.sync_interval;
      sync = true;
      if (file_.NeedsRotation(WallNow(), now)) {
        const Status turned =
            settings_.skip_empty_files ? file_.Close() : file_.Open(WallNow(), now);
        if (!Done(turned, "failed to rotate")) return false;
      }
    }
    if (hung_up_.exchange(false)) {
      if (!Sync() || !Done(file_.Close(), "failed to close")) return false;
    }
    if (sync || (!batch_.empty() && consumer_.IsStarved())) return Sync();
    return true;
  }

  bool Keep(Message* message) {
    batch_.push_back(std::move(*message));
    return false;
  }

  bool Sync() {
    if (!batch_.empty()) {
      Log(LogLevel::kInfo, StrCat("syncing ", batch_.size(), " records to disk"));
    }
    if (!Done(file_.Sync(), "failed to fsync output file")) return false;
    for (Message& message : batch_) static_cast<void>(message.Finish());
    batch_.clear();
    return true;
  }

  bool Done(const Status& status, std::string_view what) {
    if (status.ok()) return true;
    LogLine(LogLevel::kFatal, StrCat(label_, what, ": ", status.detail()));
    quit_->Now(1);
    return false;
  }

  const std::string label_;
  const Settings settings_;
  Quit* const quit_;
  Consumer consumer_;
  TopicFile file_;
  std::vector<Message> batch_;  // written, not known to be on the disk
  SteadyTime next_tick_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> hung_up_{false};
  std::thread thread_;  // last: it uses the others
};

// The topics and their loggers.
class Archiver {
 public:
  Archiver(const Config& config, Settings settings, Runtime* runtime, Quit* quit)
      : config_(config), settings_(std::move(settings)), runtime_(*runtime), quit_(*quit) {}

  // False, and why, if its logger can never be made.
  std::string Add(const std::string& topic) {
    if (loggers_.contains(topic)) return "";
    const std::string channel = config_.String("channel");
    ConsumerOptions options =
        ConsumerFrom(config_, kTool, topic, channel, static_cast<int>(settings_.max_in_flight));
    options.fail_fast = false;  // an nsqd that is down is tried again and again
    auto consumer = Consumer::Open(runtime_, std::move(options));
    if (!consumer) return consumer.error().detail;
    if (const auto started = consumer->Start(); !started) return started.error().detail;
    Settings settings = settings_;
    settings.file.name_format = Replaced(settings.file.name_format, "<TOPIC>", topic);
    loggers_[topic] = std::make_unique<TopicLogger>(std::move(*consumer), topic, channel,
                                                    std::move(settings), &quit_);
    return "";
  }

  void Reopen() {
    for (const auto& [topic, logger] : loggers_) logger->Reopen();
  }

  void Stop() {
    for (const auto& [topic, logger] : loggers_) logger->Stop();
    loggers_.clear();
  }

  bool Matches(const std::string& topic) {
    if (!pattern_) return true;
    if (re2::RE2::PartialMatch(topic, *pattern_)) return true;
    if (skipped_.insert(topic).second) {
      LogLine(LogLevel::kWarn, StrCat("skipping topic ", topic, " (doesn't match pattern ",
                                      config_.String("topic-pattern"), ")"));
    }
    return false;
  }

  // "" or why the pattern is none.
  std::string SetPattern(const std::string& pattern) {
    if (pattern.empty()) return "";
    pattern_ = std::make_unique<re2::RE2>(pattern, re2::RE2::Quiet);
    if (pattern_->ok()) return "";
    return StrCat("invalid --topic-pattern ", GoQuoted(pattern), ": ", pattern_->error());
  }

 private:
  const Config& config_;
  const Settings settings_;
  Runtime& runtime_;
  Quit& quit_;
  std::unique_ptr<re2::RE2> pattern_;  // RE2's syntax, as Go's
  std::set<std::string> skipped_;
  std::map<std::string, std::unique_ptr<TopicLogger>> loggers_;
};

// All topics that these nsqlookupd know; what one that fails would say is missing.
std::vector<std::string> AskTopics(http::Client* client, const std::vector<std::string>& lookupds) {
  std::set<std::string> topics;
  for (const std::string& lookupd : lookupds) {
    const bool url = lookupd.find("://") != std::string::npos;
    const auto answer = client->Query(StrCat(url ? "" : "http://", lookupd, "/topics"));
    if (!answer.ok()) {
      LogLine(LogLevel::kError,
              StrCat("could not retrieve topic list: ", answer.status().detail()));
      continue;
    }
    const auto json = nlohmann::json::parse(*answer, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("topics") || !json["topics"].is_array()) {
      LogLine(LogLevel::kError,
              StrCat("could not retrieve topic list: ", lookupd, " does not answer with one"));
      continue;
    }
    for (const auto& topic : json["topics"]) {
      if (topic.is_string()) topics.insert(topic.get<std::string>());
    }
  }
  return {topics.begin(), topics.end()};
}

// Looks for new topics on a thread of its own: nsqlookupd may be slow.
class Discovery {
 public:
  Discovery(const Config& config, Archiver* archiver) : archiver_(*archiver) {
    options_.connect_timeout = config.Time("http-client-connect-timeout");
    options_.request_timeout = config.Time("http-client-request-timeout");
    lookupds_ = config.Strings("lookupd-http-address");
    interval_ = config.Time("topic-refresh");
    thread_ = std::thread([this] { Run(); });
  }
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;
  ~Discovery() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  // Guards the archiver while this lives.
  std::mutex& mutex() { return mutex_; }

 private:
  void Run() {
    http::Client client(options_);
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      const std::vector<std::string> topics = AskTopics(&client, lookupds_);
      lock.lock();
      if (stopping_) return;
      for (const std::string& topic : topics) {
        if (!archiver_.Matches(topic)) continue;
        const std::string wrong = archiver_.Add(topic);
        if (!wrong.empty()) {
          LogLine(LogLevel::kError,
                  StrCat("couldn't create logger for new topic ", topic, ": ", wrong));
        }
      }
      wake_.wait_for(lock, interval_, [this] { return stopping_; });
    }
  }

  Archiver& archiver_;
  http::ClientOptions options_;
  std::vector<std::string> lookupds_;
  Duration interval_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

std::string Hostname() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

// "" or what is wrong; `settings` is filled.
std::string ReadSettings(const Config& config, Settings* settings) {
  if (config.String("channel").empty()) return "--channel is required";
  if (config.Time("http-client-connect-timeout") <= Duration::zero()) {
    return "--http-client-connect-timeout should be positive";
  }
  if (config.Time("http-client-request-timeout") <= Duration::zero()) {
    return "--http-client-request-timeout should be positive";
  }
  if (std::string wrong = CheckSources(config); !wrong.empty()) {
    if (wrong.ends_with("required")) wrong += '.';
    return wrong;
  }
  const int64_t level = config.Int("gzip-level");
  if (level < 1 || level > 9) {
    return StrCat("invalid --gzip-level value (", level, "), should be 1-9");
  }
  const bool topics = !config.Strings("topic").empty();
  if (!topics && config.String("topic-pattern").empty()) {
    return "--topic or --topic-pattern required";
  }
  if (!topics && config.Strings("lookupd-http-address").empty()) {
    return "--lookupd-http-address must be specified when no --topic specified";
  }
  if (config.Time("sync-interval") <= Duration::zero()) {
    return "--sync-interval should be positive";
  }
  if (!topics && config.Time("topic-refresh") <= Duration::zero()) {
    return "--topic-refresh should be positive";
  }
  if (config.Int("max-in-flight") < 1) return "--max-in-flight should be positive";

  TopicFileOptions& file = settings->file;
  file.output_dir = config.String("output-dir");
  file.work_dir = config.String("work-dir").empty() ? file.output_dir : config.String("work-dir");
  file.datetime_format = config.String("datetime-format");
  file.gzip = config.Bool("gzip");
  file.gzip_level = static_cast<int>(level);
  file.rotate_size = config.Int("rotate-size");
  file.rotate_interval = config.Time("rotate-interval");
  const std::string hostname = Hostname();
  const std::string short_host = hostname.substr(0, hostname.find('.'));
  std::string identifier = config.String("host-identifier");
  if (identifier.empty()) identifier = "<SHORT_HOST>";
  identifier = Replaced(Replaced(identifier, "<SHORT_HOST>", short_host), "<HOSTNAME>", hostname);
  file.name_format = Replaced(Replaced(config.String("filename-format"), "<HOST>", identifier),
                              "<PID>", std::to_string(::getpid()));
  if (file.NeedsRevision() && file.name_format.find("<REV>") == std::string::npos) {
    return "missing <REV> in --filename-format when gzip, rotation, or work dir enabled";
  }
  settings->skip_empty_files = config.Bool("skip-empty-files");
  settings->sync_interval = config.Time("sync-interval");
  settings->max_in_flight = static_cast<size_t>(config.Int("max-in-flight"));
  return "";
}

// What the original looks at even before -version.
std::string CheckFirst(const Config& config) {
  if (!config.rest().empty()) {
    std::string words;
    for (const std::string& word : config.rest()) words += (words.empty() ? "" : " ") + word;
    return StrCat("unknown arguments: [", words, "]");
  }
  return ParseLogLevel(config.String("log-level")) ? "" : "--log-level is invalid";
}

int Run(const Config& config, Quit* quit) {
  Settings settings;
  if (const std::string wrong = ReadSettings(config, &settings); !wrong.empty()) {
    return Failed(wrong);
  }
  InitLogging(std::string(kTool), config.String("log-prefix"),
              *ParseLogLevel(config.String("log-level")));

  Runtime runtime;
  Archiver archiver(config, settings, &runtime, quit);
  if (const std::string wrong = archiver.SetPattern(config.String("topic-pattern"));
      !wrong.empty()) {
    return Failed(wrong);
  }
  const std::vector<std::string> topics = config.Strings("topic");
  for (const std::string& topic : topics) {
    if (!archiver.Matches(topic)) continue;
    if (const std::string wrong = archiver.Add(topic); !wrong.empty()) {
      archiver.Stop();
      return Failed(StrCat("couldn't create logger for topic ", topic, ": ", wrong));
    }
  }
  {
    std::unique_ptr<Discovery> discovery;
    if (topics.empty()) discovery = std::make_unique<Discovery>(config, &archiver);
    while (const std::optional<int> signal = quit->Wait()) {
      if (*signal != SIGHUP) break;
      if (discovery == nullptr) {
        archiver.Reopen();
      } else {
        const std::lock_guard<std::mutex> lock(discovery->mutex());
        archiver.Reopen();
      }
    }
  }
  archiver.Stop();
  return quit->code();
}

}  // namespace
}  // namespace nsq::apps

int main(int argc, char** argv) {
  nsq::Config config("nsq_to_file", nsq::apps::Flags(), nsq::apps::ToolVersion("nsq_to_file"));
  const auto code = nsq::apps::LoadFlags(&config, argc, argv,
                                         [&config] { return nsq::apps::CheckFirst(config); });
  if (code) return *code;
  nsq::apps::Quit quit({SIGINT, SIGTERM, SIGHUP});
  return nsq::apps::Run(config, &quit);
}
