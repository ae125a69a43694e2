#include "admin/history.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "admin/report.h"
#include "common/strings.h"

namespace nsq::admin {
namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

float RateOf(const std::optional<double>& rate) {
  return rate.has_value() ? static_cast<float>(*rate) : kUnknown;
}

// Names of topics and channels hold no line breaks.
std::string NodeKey(std::string_view node) { return StrCat("n\n", node); }
std::string TopicKey(std::string_view topic) { return StrCat("t\n", topic); }
std::string ChannelKey(std::string_view topic, std::string_view channel) {
  return StrCat("c\n", topic, "\n", channel);
}

// Of the highest percentile any node reports.
double WorstLatency(const Latency& latency) {
  const Percentile* worst = nullptr;
  for (const Percentile& p : latency.percentiles) {
    if (worst == nullptr || p.quantile > worst->quantile) worst = &p;
  }
  return worst == nullptr || worst->count == 0 ? kUnknown : worst->average;
}

void Number(float value, JsonWriter* json) {
  if (std::isnan(value)) return json->Null();
  const double rounded = std::round(static_cast<double>(value) * 100) / 100;
  if (rounded == std::floor(rounded)) return json->Int(static_cast<int64_t>(rounded));
  json->Double(rounded);
}

}  // namespace

void History::Put(const std::string& key, const Load* load, double latency, size_t most) {
  Series& series = series_[key];
  if (series.last + 1 != reports_) series.points.clear();
  series.last = reports_;
  if (load == nullptr) {
    series.points.push_back({kUnknown, kUnknown, kUnknown, kUnknown, kUnknown, kUnknown});
  } else {
    series.points.push_back({RateOf(load->flow.in), RateOf(load->flow.out),
                             static_cast<float>(load->depth), static_cast<float>(load->in_flight),
                             static_cast<float>(load->deferred), static_cast<float>(latency)});
  }
  while (series.points.size() > most) series.points.pop_front();
}

void History::Add(const ClusterReport& report) {
  const std::lock_guard lock(mutex_);
  if (!times_ms_.empty()) {
    const int64_t since = report.unix_ms - times_ms_.back();
    if (since >= 0 && since < kSpacingMs) return;
    if (since < 0) {  // the clock was set back
      times_ms_.clear();
      series_.clear();
    }
  }
  size_t entities = 1 + report.nodes.size() + report.topics.size();
  for (const TopicReport& topic : report.topics) entities += topic.channels.size();
  const size_t most = std::clamp(kBudget / entities, kLeastPoints, kMostPoints);
  ++reports_;
  times_ms_.push_back(report.unix_ms);
  while (times_ms_.size() > most) times_ms_.pop_front();

  names_.clear();
  nodes_.clear();
  Put("", &report.total, kUnknown, most);
  for (const NodeReport& node : report.nodes) {
    nodes_.push_back(node.state.address);
    Put(NodeKey(node.state.address), node.state.status.ok() ? &node.total : nullptr, kUnknown,
        most);
  }
  for (const TopicReport& topic : report.topics) {
    names_.push_back({topic.name, {}});
    Put(TopicKey(topic.name), &topic.total, kUnknown, most);
    for (const ChannelReport& channel : topic.channels) {
      names_.back().channels.push_back(channel.name);
      Put(ChannelKey(topic.name, channel.name), &channel.total, WorstLatency(channel.latency),
          most);
    }
  }
  std::erase_if(series_, [this](const auto& entry) { return entry.second.last != reports_; });
}

void History::Encode(const Series& series, size_t times, bool all, JsonWriter* json) const {
  const size_t shown = std::min(series.points.size(), times);
  const auto first = series.points.end() - static_cast<std::ptrdiff_t>(shown);
  const auto column = [&](std::string_view name, float Point::*member) {
    if (std::all_of(first, series.points.end(),
                    [member](const Point& p) { return std::isnan(p.*member); })) {
      return;
    }
    json->Key(name);
    json->BeginArray();
    for (auto point = first; point != series.points.end(); ++point) Number((*point).*member, json);
    json->EndArray();
  };
  json->Int("skip", static_cast<int64_t>(times - shown));
  column("depth", &Point::depth);
  if (!all) return;
  column("in_rate", &Point::in_rate);
  column("out_rate", &Point::out_rate);
  column("in_flight", &Point::in_flight);
  column("deferred", &Point::deferred);
  column("latency", &Point::latency);
}

std::string History::Encode(std::string_view topic, std::string_view node) const {
  const std::lock_guard lock(mutex_);
  const bool everything = topic.empty() && node.empty();
  JsonWriter json;
  json.BeginObject();
  json.Key("times");
  json.BeginArray();
  for (const int64_t time : times_ms_) json.Int(time);
  json.EndArray();

  const auto idle = [](const Series& series) {
    return std::all_of(series.points.begin(), series.points.end(),
                       [](const Point& p) { return p.depth == 0; });
  };
  // Begins an object if there is something to show; the caller ends it.
  const auto begin = [&](const std::string& key, std::string_view name, bool always) {
    const auto found = series_.find(key);
    if (found == series_.end() || (!always && everything && idle(found->second))) return false;
    json.Key(name);
    json.BeginObject();
    // Of the times all stand in the answer; a small line shows the end of them.
    Series shown;
    const Series* series = &found->second;
    if (everything && !always && series->points.size() > kSparkPoints) {
      shown.points.assign(series->points.end() - kSparkPoints, series->points.end());
      series = &shown;
    }
    Encode(*series, times_ms_.size(), always || !everything, &json);
    return true;
  };
  if (everything && begin("", "total", true)) json.EndObject();
  json.Key("nodes");
  json.BeginObject();
  for (const std::string& name : nodes_) {
    if (name == node && begin(NodeKey(name), name, true)) json.EndObject();
  }
  json.EndObject();
  json.Key("topics");
  json.BeginObject();
  for (const Name& name : names_) {
    if (!everything && name.topic != topic) continue;
    std::vector<std::string_view> busy;
    for (const std::string& channel : name.channels) {
      const auto found = series_.find(ChannelKey(name.topic, channel));
      if (found != series_.end() && !(everything && idle(found->second))) busy.push_back(channel);
    }
    if (!begin(TopicKey(name.topic), name.topic, false)) {
      if (busy.empty()) continue;
      json.Key(name.topic);
      json.BeginObject();
    }
    json.Key("channels");
    json.BeginObject();
    for (const std::string_view channel : busy) {
      if (begin(ChannelKey(name.topic, channel), channel, false)) json.EndObject();
    }
    json.EndObject();
    json.EndObject();
  }
  json.EndObject();
  json.EndObject();
  return json.Take();
}

}  // namespace nsq::admin
