#include "admin/problems.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "common/strings.h"

namespace nsq::admin {
namespace {

using Severity = Problem::Severity;

// "12,345"
std::string Grouped(int64_t n) {
  std::string digits = std::to_string(n);
  const size_t first = n < 0 ? 1 : 0;
  for (size_t i = digits.size(); i > first + 3;) digits.insert(i -= 3, ",");
  return digits;
}

std::string Count(int64_t n, std::string_view noun) {
  return StrCat(Grouped(n), " ", noun, n == 1 ? "" : "s");
}

std::string PerSecond(double rate) {
  if (rate >= 10) return StrCat(Grouped(static_cast<int64_t>(std::round(rate))), "/s");
  return StrCat(static_cast<int64_t>(rate), ".", static_cast<int64_t>(rate * 10) % 10, "/s");
}

// Why a daemon does not answer, without the URL: the line names the daemon already.
std::string Reason(const Status& status) {
  if (status.code() == Code::kTimeout) return "no answer in time";
  const std::string& detail = status.detail();
  const size_t end_of_url = detail.find("\": ");
  if (!detail.starts_with("Get \"") || end_of_url == std::string::npos) return detail;
  return detail.substr(end_of_url + 3);
}

class Finder {
 public:
  explicit Finder(const ClusterReport& report) : report_(report) {}

  std::vector<Problem> Find() {
    ReadListings();
    for (const LookupdState& lookupd : report_.lookupds) CheckLookupd(lookupd);
    for (const NodeReport& node : report_.nodes) CheckNode(node);
    for (const TopicReport& topic : report_.topics) CheckTopic(topic);
    ReportMissing();
    ReportForgotten();
    std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
      if (a.severity != b.severity) return a.severity < b.severity;
      return a.messages > b.messages;
    });
    return std::move(problems_);
  }

 private:
  Problem& Report(Severity severity, std::string kind, std::string text) {
    problems_.push_back({.severity = severity, .kind = std::move(kind), .text = std::move(text)});
    return problems_.back();
  }

  void CheckLookupd(const LookupdState& lookupd) {
    if (lookupd.status.ok()) return;
    Report(Severity::kError, "lookupd_down",
           StrCat("nsqlookupd ", lookupd.address, " is down: ", Reason(lookupd.status)));
  }

  void CheckNode(const NodeReport& node) {
    const std::string& address = node.state.address;
    const Node& known = node.state.node;
    const std::string host = known.hostname.empty() || known.hostname == known.broadcast_address
                                 ? ""
                                 : StrCat(" (host ", known.hostname, ")");
    if (node.gone) {
      Report(Severity::kError, "node_gone",
             StrCat("nsqd ", address, " has left: ", node.state.status.detail(), host))
          .node = address;
      return;
    }
    if (!node.state.status.ok()) {
      Report(Severity::kError, "node_down",
             StrCat("nsqd ", address, " is down: ", Reason(node.state.status), host))
          .node = address;
    } else if (!node.state.stats.health.empty() && node.state.stats.health != "OK") {
      Report(Severity::kError, "node_unhealthy",
             StrCat("nsqd ", address, " reports: ", node.state.stats.health, host))
          .node = address;
    }
    const std::vector<std::string>& seen_by = node.state.lookupds;
    for (Listing& listing : listings_) {
      if (std::find(seen_by.begin(), seen_by.end(), listing.address) == seen_by.end()) {
        listing.missing_nodes.push_back(address);
      }
    }
    if (node.state.node.draining) {
      Report(Severity::kNotice, "draining",
             StrCat("nsqd ", address, " is draining: it takes no messages any more, ",
                    Count(node.total.depth + node.total.in_flight + node.total.deferred, "message"),
                    " left"))
          .node = address;
    }
    if (node.state.node.out_of_date) {
      Report(Severity::kNotice, "out_of_date",
             StrCat("nsqd ", address, " runs version ", node.state.node.version,
                    ", older than others here"))
          .node = address;
    }
    for (const NodeTopic& topic : node.state.node.topics) {
      if (!topic.tombstoned) continue;
      Problem& problem = Report(Severity::kNotice, "tombstoned",
                                StrCat("Topic ", topic.topic, " on nsqd ", address,
                                       " is tombstoned: hidden from lookup"));
      problem.node = address;
      problem.topic = topic.topic;
    }
  }

  void CheckTopic(const TopicReport& topic) {
    CheckListed(topic);
    if (topic.known_to_lookupd_only) {
      forgotten_.push_back(topic.name);
      return;
    }
    const auto report = [&](Severity severity, std::string kind, std::string text) {
      Problem& problem = Report(severity, std::move(kind), std::move(text));
      problem.topic = topic.name;
      problem.messages = topic.total.depth;
    };
    const std::string waiting = Count(topic.total.depth, "message") + " waiting";
    if (topic.total.paused_nodes > 0) {
      report(topic.total.depth > 0 ? Severity::kWarning : Severity::kNotice, "topic_paused",
             StrCat("Topic ", topic.name, " is paused", On(topic.total, topic.nodes.size()), ", ",
                    waiting));
    } else if (topic.channels.empty() && topic.total.depth > 0) {
      report(Severity::kWarning, "no_channels",
             StrCat("Topic ", topic.name, " has no channel: ", waiting, " for the first one"));
    }
    for (const ChannelReport& channel : topic.channels) CheckChannel(topic, channel);
  }

  // nsqlookupd forgets no topic by itself: of many, one line.
  void ReportForgotten() {
    if (forgotten_.size() > kFew) {
      Report(Severity::kNotice, "no_producers",
             StrCat(Count(static_cast<int64_t>(forgotten_.size()), "topic"),
                    " are known to nsqlookupd, but no node has them"));
      return;
    }
    for (const std::string& topic : forgotten_) {
      Report(Severity::kNotice, "no_producers",
             StrCat("Topic ", topic, " is known to nsqlookupd, but no node has it"))
          .topic = topic;
    }
  }

  void CheckChannel(const TopicReport& topic, const ChannelReport& channel) {
    const Load& total = channel.total;
    const std::string name = StrCat(topic.name, " / ", channel.name);
    const auto report = [&](Severity severity, std::string kind, std::string text) {
      Problem& problem = Report(severity, std::move(kind), std::move(text));
      problem.topic = topic.name;
      problem.channel = channel.name;
      problem.messages = total.depth;
    };
    // One line a channel for what is one trouble: that it grows is part of why nobody takes from
    // it.
    const std::string waiting =
        StrCat(Count(total.depth, "message"), " waiting",
               channel.growth > 0 ? StrCat(", growing by ", PerSecond(channel.growth)) : "");
    if (total.paused_nodes > 0) {
      report(
          total.depth > 0 ? Severity::kWarning : Severity::kNotice, "channel_paused",
          StrCat("Channel ", name, " is paused", On(total, channel.nodes.size()), ", ", waiting));
    } else if (total.clients == 0 && total.depth > 0) {
      report(Severity::kWarning, "no_consumers",
             StrCat("Channel ", name, " has no consumer, ", waiting));
    } else if (total.clients > 0 && total.depth > 0 && total.in_flight == 0 &&
               total.flow.out.has_value() && *total.flow.out == 0) {
      report(Severity::kWarning, "not_taking",
             StrCat("Channel ", name, ": ", Count(total.clients, "consumer"),
                    ", but none takes any, ", waiting));
    } else if (channel.growth > 0) {
      report(Severity::kWarning, "growing",
             StrCat("Channel ", name, ": consumers do not keep up, ", waiting));
    }
    if (total.flow.timed_out.value_or(0) > 0) {
      report(Severity::kWarning, "timeouts",
             StrCat("Channel ", name, ": ", PerSecond(*total.flow.timed_out),
                    " messages time out at consumers"));
    }
  }

  // What a lookupd that answers lists, and what it lacks of what the nodes themselves say.
  struct Listing {
    std::string address;
    std::unordered_map<std::string, std::unordered_set<std::string_view>> topics;  // by node
    std::vector<std::string> missing_nodes;
    std::vector<std::pair<std::string, std::string>> missing_topics;  // topic, node
  };

  void ReadListings() {
    for (const LookupdState& lookupd : report_.lookupds) {
      if (!lookupd.status.ok()) continue;
      Listing& listing = listings_.emplace_back();
      listing.address = lookupd.address;
      for (const Node& node : lookupd.nodes) {
        auto& topics = listing.topics[node.HttpAddress()];
        for (const NodeTopic& topic : node.topics) topics.insert(topic.topic);
      }
    }
  }

  void CheckListed(const TopicReport& topic) {
    for (Listing& listing : listings_) {
      for (const Load& load : topic.nodes) {
        const auto node = listing.topics.find(load.node);
        if (node == listing.topics.end()) continue;  // said once for the node
        if (!node->second.contains(topic.name)) {
          listing.missing_topics.emplace_back(topic.name, load.node);
        }
      }
    }
  }

  // A lookupd that has just been started lacks everything: of much, one line.
  void ReportMissing() {
    for (const Listing& listing : listings_) {
      const std::string who = StrCat("nsqlookupd ", listing.address, " does not list ");
      const size_t nodes = listing.missing_nodes.size();
      if (nodes > kFew) {
        Report(Severity::kWarning, "lookupd_disagreement",
               StrCat(who, Count(static_cast<int64_t>(nodes), "nsqd node"),
                      ": consumers that ask it will not find them"));
      } else {
        for (const std::string& node : listing.missing_nodes) {
          Report(Severity::kWarning, "lookupd_disagreement",
                 StrCat(who, "nsqd ", node, ": consumers that ask it will not find this node"))
              .node = node;
        }
      }
      const size_t topics = listing.missing_topics.size();
      if (topics > kFew) {
        Report(Severity::kWarning, "lookupd_disagreement",
               StrCat(who, Count(static_cast<int64_t>(topics), "topic"),
                      " that nodes have: consumers that ask it will not find all nodes"));
        continue;
      }
      for (const auto& [topic, node] : listing.missing_topics) {
        Problem& problem = Report(Severity::kWarning, "lookupd_disagreement",
                                  StrCat(who, "topic ", topic, " for nsqd ", node));
        problem.topic = topic;
        problem.node = node;
      }
    }
  }

  static std::string On(const Load& total, size_t nodes) {
    if (static_cast<size_t>(total.paused_nodes) == nodes) return "";
    return StrCat(" on ", total.paused_nodes, " of ", Count(static_cast<int64_t>(nodes), "node"));
  }

  static constexpr size_t kFew = 3;

  const ClusterReport& report_;
  std::vector<Listing> listings_;
  std::vector<Problem> problems_;
  std::vector<std::string> forgotten_;  // topics only nsqlookupd knows
};

}  // namespace

std::vector<Problem> FindProblems(const ClusterReport& report) { return Finder(report).Find(); }

}  // namespace nsq::admin
