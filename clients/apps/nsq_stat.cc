// nsq_stat: shows the statistics of a channel, round by round.

#include <poll.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "clients/apps/app.h"
#include "common/event/address.h"
#include "common/http/client.h"
#include "common/strings.h"

namespace nsq::apps {
namespace {

using nlohmann::json;

constexpr int kRoundsPerHeader = 25;

std::vector<Flag> Flags() {
  return {
      {"channel", "", Kind::kString, "", "", "NSQ channel"},
      {"count", "", Kind::kInt, "0", "", "number of reports"},
      {"http-client-connect-timeout", "", Kind::kDuration, "2s", "", "timeout for HTTP connect"},
      {"http-client-request-timeout", "", Kind::kDuration, "5s", "", "timeout for HTTP request"},
      {"interval", "", Kind::kDuration, "2s", "",
       "duration of time between polling/printing output"},
      {"lookupd-http-address", "", Kind::kStringList, "", "",
       "lookupd HTTP address (may be given multiple times)"},
      {"nsqd-http-address", "", Kind::kStringList, "", "",
       "nsqd HTTP address (may be given multiple times)"},
      {"topic", "", Kind::kString, "", "", "NSQ topic"},
      VersionFlag(),
  };
}

struct Figures {
  int64_t depth = 0;
  int64_t backend_depth = 0;
  int64_t in_flight = 0;
  int64_t deferred = 0;
  int64_t requeued = 0;
  int64_t timed_out = 0;
  int64_t messages = 0;
  int64_t clients = 0;
};

int64_t NumberIn(const json& from, const char* name) {
  const auto at = from.find(name);
  return at != from.end() && at->is_number_integer() ? at->get<int64_t>() : 0;
}

std::string TextIn(const json& from, const char* name) {
  const auto at = from.find(name);
  return at != from.end() && at->is_string() ? at->get<std::string>() : std::string();
}

// Whether one of a list's members has this name; that one.
const json* Named(const json& from, const char* list, const char* key, const std::string& name) {
  const auto all = from.find(list);
  if (all == from.end() || !all->is_array()) return nullptr;
  for (const json& one : *all) {
    if (one.is_object() && TextIn(one, key) == name) return &one;
  }
  return nullptr;
}

// Asks the daemons.
class Poller {
 public:
  explicit Poller(const Config& config)
      : client_(OptionsOf(config)),
        topic_(config.String("topic")),
        channel_(config.String("channel")),
        nsqds_(config.Strings("nsqd-http-address")),
        lookupds_(config.Strings("lookupd-http-address")) {}

  // The sum over all nsqd that have the channel; nothing, with the reason, if there is none.
  std::optional<Figures> Poll(std::string* why) {
    std::vector<std::string> nodes;
    if (!FindNodes(&nodes, why)) return std::nullopt;
    Figures sum;
    bool found = false;
    bool answered = nodes.empty();
    std::string failures;
    for (const std::string& node : nodes) {
      const auto stats =
          Ask(StrCat("http://", node, "/stats?format=json&topic=", http::EscapeQuery(topic_),
                     "&channel=", http::EscapeQuery(channel_), "&include_clients=false"),
              &failures);
      if (!stats) continue;
      answered = true;
      const json* const topic = Named(*stats, "topics", "topic_name", topic_);
      const json* const channel =
          topic == nullptr ? nullptr : Named(*topic, "channels", "channel_name", channel_);
      if (channel == nullptr) continue;
      found = true;
      sum.depth += NumberIn(*channel, "depth");
      sum.backend_depth += NumberIn(*channel, "backend_depth");
      sum.in_flight += NumberIn(*channel, "in_flight_count");
      sum.deferred += NumberIn(*channel, "deferred_count");
      sum.requeued += NumberIn(*channel, "requeue_count");
      sum.timed_out += NumberIn(*channel, "timeout_count");
      sum.messages += NumberIn(*channel, "message_count");
      sum.clients += channel->contains("client_count") ? NumberIn(*channel, "client_count")
                                                       : ClientsIn(*channel);
    }
    if (!answered) {
      *why = "ERROR: failed to get nsqd stats - failed to query any nsqd: " + failures;
      return std::nullopt;
    }
    Warn(failures);
    if (!found) {
      *why = StrCat("ERROR: failed to find channel(", channel_, ") in stats metadata for topic(",
                    topic_, ")");
      return std::nullopt;
    }
    return sum;
  }

 private:
  static http::ClientOptions OptionsOf(const Config& config) {
    http::ClientOptions options;
    options.connect_timeout = config.Time("http-client-connect-timeout");
    options.request_timeout = config.Time("http-client-request-timeout");
    return options;
  }

  static int64_t ClientsIn(const json& channel) {
    const auto clients = channel.find("clients");
    return clients != channel.end() && clients->is_array() ? static_cast<int64_t>(clients->size())
                                                           : 0;
  }

  // Some of the daemons failing is worth a word, and no more.
  static void Warn(const std::string& failures) {
    if (!failures.empty()) LogText("WARNING: " + failures);
  }

  std::optional<json> Ask(const std::string& url, std::string* failures) {
    const auto note = [failures](std::string_view why) {
      if (!failures->empty()) failures->append(", ");
      failures->append(why);
    };
    const auto answer = client_.Query(url);
    if (!answer.ok()) {
      // As from nsqd's TCP port, which says something that is not HTTP and hangs up.
      const bool no_http = answer.status().detail().ends_with(": EOF");
      note(answer.status().detail() + (no_http ? " (no HTTP is spoken there)" : ""));
      return std::nullopt;
    }
    json parsed = json::parse(*answer, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object() && parsed.contains("data") && parsed["data"].is_object()) {
      parsed = json(parsed["data"]);  // daemons before version 1.0
    }
    if (!parsed.is_object()) {
      note(url + ": the answer is not JSON");
      return std::nullopt;
    }
    return parsed;
  }

  // The HTTP addresses of those that have the topic.
  bool FindNodes(std::vector<std::string>* nodes, std::string* why) {
    std::string failures;
    bool answered = false;
    if (!lookupds_.empty()) {
      for (const std::string& lookupd : lookupds_) {
        const std::string url =
            StrCat("http://", lookupd, "/lookup?topic=", http::EscapeQuery(topic_));
        const auto answer = client_.Query(url);
        if (!answer.ok() && answer.status().code() != Code::kNotFound) {
          failures += (failures.empty() ? "" : ", ") + answer.status().detail();
          continue;
        }
        answered = true;
        if (!answer.ok()) continue;  // it does not know the topic
        AddProducers(json::parse(*answer, nullptr, /*allow_exceptions=*/false), nodes);
      }
      if (!answered) {
        *why = "ERROR: failed to get topic producers - failed to query any nsqlookupd: " + failures;
        return false;
      }
      if (nodes->empty()) {
        *why = StrCat("ERROR: failed to get topic producers - no nsqlookupd knows topic(", topic_,
                      ")");
        return false;
      }
      Warn(failures);
      return true;
    }
    for (const std::string& nsqd : nsqds_) {
      const auto stats =
          Ask(StrCat("http://", nsqd, "/stats?format=json&topic=", http::EscapeQuery(topic_),
                     "&include_clients=false"),
              &failures);
      if (!stats) continue;
      answered = true;
      if (Named(*stats, "topics", "topic_name", topic_) == nullptr) continue;
      const auto info = Ask(StrCat("http://", nsqd, "/info"), &failures);
      if (!info) continue;
      nodes->push_back(JoinHostPort(TextIn(*info, "broadcast_address"),
                                    static_cast<int>(NumberIn(*info, "http_port"))));
    }
    if (!answered) {
      *why = "ERROR: failed to get topic producers - failed to query any nsqd: " + failures;
      return false;
    }
    if (nodes->empty()) {
      *why = StrCat("ERROR: failed to get nsqd stats - no nsqd has topic(", topic_, ")");
      return false;
    }
    Warn(failures);
    return true;
  }

  static void AddProducers(json answer, std::vector<std::string>* nodes) {
    if (!answer.is_object()) return;
    if (answer.contains("data") && answer["data"].is_object()) answer = json(answer["data"]);
    if (!answer.contains("producers") || !answer["producers"].is_array()) return;
    for (const json& producer : answer["producers"]) {
      if (!producer.is_object()) continue;
      const std::string node = JoinHostPort(TextIn(producer, "broadcast_address"),
                                            static_cast<int>(NumberIn(producer, "http_port")));
      if (std::find(nodes->begin(), nodes->end(), node) == nodes->end()) nodes->push_back(node);
    }
  }

  http::Client client_;
  const std::string topic_;
  const std::string channel_;
  const std::vector<std::string> nsqds_;
  const std::vector<std::string> lookupds_;
};

void PrintHeader() {
  std::puts(
      "------rate------+----------------depth----------------+--------------metadata--------------"
      "-");
  std::puts(
      "ingress  egress |   total     mem    disk inflt   def |     req     t-o         msgs "
      "clients");
}

void PrintRow(const Figures& now, const Figures& before, double seconds) {
  const auto messages = static_cast<double>(now.messages - before.messages);
  const auto depth = static_cast<double>(now.depth - before.depth);
  std::printf("%7lld %7lld | %7lld %7lld %7lld %5lld %5lld | %7lld %7lld %12lld %7lld\n",
              static_cast<long long>(messages / seconds),
              static_cast<long long>((messages - depth) / seconds),
              static_cast<long long>(now.depth),
              static_cast<long long>(now.depth - now.backend_depth),
              static_cast<long long>(now.backend_depth), static_cast<long long>(now.in_flight),
              static_cast<long long>(now.deferred), static_cast<long long>(now.requeued),
              static_cast<long long>(now.timed_out), static_cast<long long>(now.messages),
              static_cast<long long>(now.clients));
}

// "" or what is wrong.
std::string Check(const Config& config) {
  if (config.String("topic").empty() || config.String("channel").empty()) {
    return "--topic and --channel are required";
  }
  if (config.Time("interval") <= Duration::zero()) return "--interval should be positive";
  if (config.Given("count") && config.Int("count") <= 0) return "--count should be positive";
  for (const char* flag : {"http-client-connect-timeout", "http-client-request-timeout"}) {
    if (config.Time(flag) <= Duration::zero()) return StrCat("--", flag, " should be positive");
  }
  const std::vector<std::string> nsqds = config.Strings("nsqd-http-address");
  const std::vector<std::string> lookupds = config.Strings("lookupd-http-address");
  if (nsqds.empty() && lookupds.empty()) {
    return "--nsqd-http-address or --lookupd-http-address required";
  }
  if (!nsqds.empty() && !lookupds.empty()) {
    return "use --nsqd-http-address or --lookupd-http-address not both";
  }
  for (const char* flag : {"nsqd-http-address", "lookupd-http-address"}) {
    for (const std::string& address : config.Strings(flag)) {
      if (address.starts_with("http://") || address.starts_with("https://")) {
        return StrCat("--", flag, " error - address should not contain scheme");
      }
    }
  }
  return "";
}

int Run(const Config& config, Quit* quit) {
  if (const std::string wrong = Check(config); !wrong.empty()) return Failed(wrong);
  Poller poller(config);
  const int64_t count = config.Int("count");
  const Duration interval = config.Time("interval");
  Figures before;
  SteadyTime polled;
  for (int64_t round = 0;; ++round) {
    std::string why;
    const std::optional<Figures> now = poller.Poll(&why);
    if (!now) {
      std::fflush(stdout);
      return Failed(why);
    }
    const SteadyTime time = std::chrono::steady_clock::now();
    if (round % kRoundsPerHeader == 0) PrintHeader();
    if (round > 0) {
      PrintRow(*now, before, std::chrono::duration<double>(time - polled).count());
    }
    if (std::fflush(stdout) != 0) return Failed("ERROR: failed to write to os.Stdout");
    before = *now;
    polled = time;
    if (count > 0 && round >= count) return 0;
    pollfd waiting = {quit->fd(), POLLIN, 0};
    const timespec pause = {.tv_sec = static_cast<time_t>(interval.count() / 1'000'000'000),
                            .tv_nsec = static_cast<long>(interval.count() % 1'000'000'000)};
    if (::ppoll(&waiting, 1, &pause, nullptr) > 0) return 0;
  }
}

}  // namespace
}  // namespace nsq::apps

int main(int argc, char** argv) {
  nsq::Config config("nsq_stat", nsq::apps::Flags(), nsq::apps::ToolVersion("nsq_stat"));
  if (const auto code = nsq::apps::LoadFlags(&config, argc, argv)) return *code;
  nsq::apps::Quit quit({SIGINT, SIGTERM, SIGHUP});
  return nsq::apps::Run(config, &quit);
}
