#include "tests/crash/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string_view>

#include "common/strings.h"

namespace nsq::crash {
namespace {

constexpr size_t kMostShown = 10;

using Clock = std::chrono::steady_clock;

// A body is a name and, behind a space, padding.
std::string NameOf(std::string_view body) { return std::string(body.substr(0, body.find(' '))); }

bool IsPadded(std::string_view body) {
  const size_t space = std::min(body.find(' '), body.size() - 1);
  return body.find_first_not_of(kPadding, space + 1) == std::string_view::npos;
}

}  // namespace

void Ledger::NextRound() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++round_;
}

void Ledger::Sent(const std::vector<std::string>& bodies, SteadyTime not_before) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++clock_;
  for (const std::string& body : bodies) bodies_[NameOf(body)] = {clock_, 0, not_before};
}

void Ledger::Acknowledged(const std::vector<std::string>& bodies) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++clock_;
  acknowledged_ += bodies.size();
  for (const std::string& body : bodies) bodies_[NameOf(body)].acknowledged = clock_;
}

size_t Ledger::acknowledged() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return acknowledged_;
}

void Ledger::ChannelAsked(const std::string& name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Channel& channel = channels_[name];
  channel = Channel();
  channel.asked = ++clock_;
}

void Ledger::ChannelBegun(const std::string& name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Channel& channel = channels_[name];
  channel.known = channel.there = true;
  channel.begun = ++clock_;
}

void Ledger::ChannelEnded(const std::string& name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Channel& channel = channels_[name];
  channel.known = true;
  channel.there = false;
}

bool Ledger::IsThere(const std::string& name) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = channels_.find(name);
  return found != channels_.end() && found->second.known && found->second.there;
}

std::vector<std::string> Ledger::ChannelsThere() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, channel] : channels_) {
    if (channel.known && channel.there) names.push_back(name);
  }
  return names;
}

std::vector<std::string> Ledger::ChannelsGone() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, channel] : channels_) {
    if (channel.known && !channel.there) names.push_back(name);
  }
  return names;
}

void Ledger::Received(const std::string& name, const cluster::Message& message) {
  const SteadyTime now = Clock::now();
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::string body_name = NameOf(message.body);
  const auto body = bodies_.find(body_name);
  if (body == bodies_.end() || !IsPadded(message.body)) {
    ADD_FAILURE() << "nobody has published " << message.id << " on " << name << ": "
                  << message.body.substr(0, 100);
    return;
  }
  const std::string shown = StrCat(body_name, " on ", name, ", round ", round_);
  const auto [known, is_new] = body_of_.emplace(message.id, body_name);
  EXPECT_EQ(known->second, body_name) << "one id, two messages: " << message.id;
  EXPECT_GE(now, body->second.not_before) << "early: " << shown;
  Channel& channel = channels_[name];
  if (channel.known && body->second.acknowledged != 0) {
    EXPECT_GT(body->second.acknowledged, channel.asked) << "older than its channel: " << shown;
  }
  Delivered& delivered = channel.delivered[message.id];
  // Of a message that timed out its earlier delivery may be the one that is looked at later.
  const bool overtaken = delivered.round == round_ && message.attempts <= delivered.attempts;
  if (overtaken) return;
  if (promise_ == Promise::kAll) {
    EXPECT_FALSE(delivered.finished)
        << "finished in round " << delivered.round << " and here again: " << shown;
    EXPECT_GT(message.attempts, delivered.attempts) << shown;
    EXPECT_GE(now, delivered.not_before) << "requeued, and early: " << shown;
  }
  delivered.round = round_;
  delivered.attempts = message.attempts;
  delivered.not_before = SteadyTime();
}

void Ledger::Finished(const std::string& name, const std::vector<std::string>& ids) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const std::string& id : ids) channels_[name].delivered[id].finished = true;
}

void Ledger::Requeued(const std::string& name,
                      const std::map<std::string, SteadyTime>& not_before) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [id, due] : not_before) channels_[name].delivered[id].not_before = due;
}

void Ledger::Done(const std::string& name, const cluster::Message& message) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++channels_[name].done[NameOf(message.body)];
}

std::vector<std::string> Ledger::Lost(const std::string& name) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> lost;
  const Channel& channel = channels_.at(name);
  for (const auto& [body, promised] : bodies_) {
    if (promised.acknowledged == 0 || promised.sent < channel.begun) continue;
    if (channel.done.contains(body)) continue;
    lost.push_back(body);
    if (lost.size() == kMostShown) break;
  }
  return lost;
}

}  // namespace nsq::crash
