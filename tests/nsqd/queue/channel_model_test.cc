#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "tests/nsqd/queue/channel_fixture.h"
#include "tests/nsqd/storage/test_seed.h"

namespace nsq::nsqd {
namespace {

// What a channel is, said plainly: messages in a queue, in flight or deferred.
struct Model {
  struct Message {
    uint16_t attempts = 0;
    Subscription* owner = nullptr;
    SteadyTime delivered_at;
    SteadyTime deadline;
    uint64_t linked = 0;  // which of two equal deadlines was set first
    WallTime due;
  };
  std::map<Sequence, Message> messages;  // unfinished ones
  std::list<Sequence> queue;
  std::set<Sequence> in_flight;
  std::set<Sequence> deferred;
  uint64_t links = 0;

  void Finish(Sequence s) {
    in_flight.erase(s);
    messages.erase(s);
  }
  void Clear() { *this = Model(); }
  void Expire(SteadyTime now, WallTime wall) {
    std::vector<std::tuple<SteadyTime, uint64_t, Sequence>> late;
    for (const Sequence s : in_flight) {
      if (messages[s].deadline <= now)
        late.push_back({messages[s].deadline, messages[s].linked, s});
    }
    std::sort(late.begin(), late.end());
    for (const auto& [deadline, linked, s] : late) {
      in_flight.erase(s);
      messages[s].owner = nullptr;
      queue.push_back(s);
    }
    std::vector<std::pair<WallTime, Sequence>> due;
    for (const Sequence s : deferred) {
      if (messages[s].due <= wall) due.push_back({messages[s].due, s});
    }
    std::sort(due.begin(), due.end());
    for (const auto& [when, s] : due) {
      deferred.erase(s);
      queue.push_back(s);
    }
  }
  // What was ever delivered, or deferred, comes before what is new, in the order of publishing.
  void Restart(WallTime wall, Sequence cursor, const std::set<Sequence>& published_deferred) {
    std::list<Sequence> before;
    std::list<Sequence> after;
    for (auto& [s, message] : messages) {
      message.owner = nullptr;
      if (deferred.contains(s) && message.due > wall) continue;
      deferred.erase(s);
      (s < cursor || published_deferred.contains(s) ? before : after).push_back(s);
    }
    in_flight.clear();
    queue = std::move(before);
    queue.splice(queue.end(), after);
  }
};

struct Client {
  FakeConsumer consumer;
  Subscription* subscription = nullptr;
  Duration timeout{0};
  int32_t sample_rate = 0;
  int64_t ready = 0;
  bool writable = true;
  bool closing = false;
  size_t seen = 0;  // of consumer.messages

  bool IsReady() const { return !closing && writable && subscription->in_flight < ready; }
};

struct Params {
  const char* name;
  bool cold;      // nothing stays in memory
  bool sampling;  // some consumers sample
};

void PrintTo(const Params& params, std::ostream* out) { *out << params.name; }

class ChannelModelTest : public ChannelTest, public testing::WithParamInterface<Params> {
 protected:
  void SetUp() override {
    if (!GetParam().cold) return;
    log_options_.memory_messages = 0;
    log_options_.segment_bytes = 4096;
    budget_.limit_bytes = 0;
    KillAndRestart();
  }

  uint64_t Draw(uint64_t below) { return random_() % below; }
  bool Chance(uint64_t one_in) { return Draw(one_in) == 0; }
  Duration DrawTime(int64_t most_ms) {
    return nanoseconds(1 + Draw(static_cast<uint64_t>(most_ms) * 1'000'000));
  }
  Client* AnyClient() { return clients_.empty() ? nullptr : clients_[Draw(clients_.size())].get(); }
  Sequence AnyInFlight() {
    if (model_.in_flight.empty() || Chance(20)) return {log_->appended().value - Draw(50)};
    auto at = model_.in_flight.begin();
    std::advance(at, Draw(model_.in_flight.size()));
    return *at;
  }

  void DoPublish() {
    std::vector<Duration> delays;
    const size_t count = 1 + Draw(6);
    for (size_t i = 0; i < count; ++i) {
      delays.push_back(Chance(4) ? DrawTime(300) : Duration::zero());
    }
    const std::vector<Sequence> sequences = Publish(delays);
    for (size_t i = 0; i < count; ++i) {
      Model::Message& message = model_.messages[sequences[i]];
      if (delays[i] > Duration::zero()) {
        message.due = Wall() + delays[i];
        model_.deferred.insert(sequences[i]);
        published_deferred_.insert(sequences[i]);
      } else {
        model_.queue.push_back(sequences[i]);
      }
    }
  }

  void DoSend() {
    std::vector<bool> was_ready;
    bool samples = false;
    for (const auto& client : clients_) {
      was_ready.push_back(client->IsReady());
      samples = samples || client->sample_rate > 0;
    }
    const Channel::Outcome outcome = Send(1 + Draw(30));
    // All new deliveries together, in the order of the model's queue.
    std::map<Sequence, std::pair<size_t, FakeConsumer::Message>> given;
    for (size_t c = 0; c < clients_.size(); ++c) {
      Client& client = *clients_[c];
      for (; client.seen < client.consumer.messages.size(); ++client.seen) {
        const FakeConsumer::Message& message = client.consumer.messages[client.seen];
        ASSERT_TRUE(was_ready[c]) << "a message for a consumer that cannot take it";
        ASSERT_TRUE(given.insert({message.sequence, {c, message}}).second) << "given twice";
      }
      ASSERT_LE(client.subscription->in_flight, std::max<int64_t>(client.ready, 0) + was_over_[c]);
    }
    ASSERT_TRUE(given.empty() || !paused_);
    while (!given.empty()) {
      ASSERT_FALSE(model_.queue.empty());
      const Sequence s = model_.queue.front();
      const auto at = given.find(s);
      model_.queue.pop_front();
      if (at == given.end()) {
        ASSERT_TRUE(samples) << "not in order, or lost: " << s.value;
        model_.messages.erase(s);
        continue;
      }
      Client& client = *clients_[at->second.first];
      Model::Message& message = model_.messages[s];
      ++message.attempts;
      message.owner = client.subscription;
      message.delivered_at = now_;
      message.deadline = now_ + client.timeout;
      message.linked = ++model_.links;
      message.due = WallTime();
      model_.in_flight.insert(s);
      ASSERT_EQ(at->second.second.attempts, message.attempts);
      ASSERT_EQ(at->second.second.body, Body(s));
      given.erase(at);
    }
    if (samples) {
      // What was discarded last shows only in what is left.
      while (channel_->depth() < model_.queue.size() + finished_before_restart()) {
        model_.messages.erase(model_.queue.front());
        model_.queue.pop_front();
      }
    }
    if (outcome == Channel::Outcome::kIdle && !paused_) {
      const bool ready = std::any_of(clients_.begin(), clients_.end(),
                                     [](const auto& client) { return client->IsReady(); });
      ASSERT_TRUE(!ready || model_.queue.empty()) << "somebody is ready and something waits";
    }
  }

  void DoAnswer() {
    Client* const client = AnyClient();
    if (client == nullptr) return;
    const Sequence s = AnyInFlight();
    const bool there = model_.in_flight.contains(s);
    if (there && !Chance(10)) {
      // Mostly its owner answers.
      for (const auto& other : clients_) {
        if (other->subscription == model_.messages[s].owner) return Answer(other.get(), s);
      }
    }
    Answer(client, s);
  }

  void Answer(Client* client, Sequence s) {
    const bool there = model_.in_flight.contains(s);
    const bool owns = there && model_.messages[s].owner == client->subscription;
    Status status;
    switch (Draw(5)) {
      case 0:
      case 1:
        status = channel_->Finish(client->subscription, s, Wall());
        if (owns) model_.Finish(s);
        break;
      case 2:
        status = channel_->Requeue(client->subscription, s, Duration::zero(), Wall());
        if (owns) {
          model_.in_flight.erase(s);
          model_.messages[s].owner = nullptr;
          model_.queue.push_back(s);
        }
        break;
      case 3: {
        const Duration delay = DrawTime(200);
        status = channel_->Requeue(client->subscription, s, delay, Wall());
        if (owns) {
          model_.in_flight.erase(s);
          model_.messages[s].owner = nullptr;
          model_.messages[s].due = Wall() + std::min(delay, options_.max_req_timeout);
          model_.deferred.insert(s);
        }
        break;
      }
      case 4: {
        status = channel_->Touch(client->subscription, s, now_);
        if (owns) {
          Model::Message& message = model_.messages[s];
          const SteadyTime latest = message.delivered_at + options_.max_msg_timeout;
          const SteadyTime wanted = now_ + client->timeout;
          if (wanted <= latest || message.deadline != latest) message.linked = ++model_.links;
          message.deadline = std::min(wanted, latest);
        }
        break;
      }
    }
    ASSERT_EQ(status.code(), owns ? Code::kOk : there ? Code::kInvalid : Code::kNotFound);
    ASSERT_EQ(status.detail(), owns    ? ""
                               : there ? "client does not own message"
                                       : "ID not in flight");
  }

  void DoClient() {
    constexpr Duration kTimeouts[] = {milliseconds(50), milliseconds(120), milliseconds(400)};
    Client* const client = AnyClient();
    switch (Draw(7)) {
      case 0:
        if (clients_.size() > 5) break;
        clients_.push_back(std::make_unique<Client>());
        clients_.back()->timeout = kTimeouts[Draw(3)];
        if (GetParam().sampling && Chance(2)) {
          clients_.back()->sample_rate = static_cast<int32_t>(1 + Draw(99));
        }
        clients_.back()->ready = static_cast<int64_t>(Draw(10));
        clients_.back()->subscription =
            Subscribe(&clients_.back()->consumer, clients_.back()->ready, clients_.back()->timeout,
                      clients_.back()->sample_rate);
        break;
      case 1:
        if (client == nullptr || !Chance(4)) break;
        channel_->Unsubscribe(client->subscription);
        std::erase_if(clients_, [&](const auto& c) { return c.get() == client; });
        break;
      case 2:
      case 3:
      case 4:
        if (client == nullptr || client->closing) break;
        client->ready = static_cast<int64_t>(Draw(12));
        channel_->SetReady(client->subscription, client->ready);
        break;
      case 5:
        if (client == nullptr) break;
        client->writable = !client->writable;
        channel_->SetWritable(client->subscription, client->writable);
        break;
      case 6:
        if (client == nullptr || !Chance(6)) break;
        client->closing = true;
        client->ready = 0;
        channel_->StartClosing(client->subscription);
        break;
    }
  }

  void DoSteer() {
    switch (Draw(12)) {
      case 0:
      case 1:
      case 2:
        paused_ = !paused_ && Chance(2);
        paused_ ? channel_->Pause() : channel_->Unpause();
        break;
      case 3:
        if (!Chance(4)) break;
        channel_->Empty();
        model_.Clear();
        published_deferred_.clear();
        restarted_without_.clear();
        break;
      case 4:
        EndTurn();
        Compact();
        break;
      case 5:
      case 6:
        EndTurn();
        if (!model_.messages.empty()) log_->Release(model_.messages.begin()->first);
        KillAndRestart();
        clients_.clear();
        ASSERT_EQ(channel_->paused(), paused_);
        model_.Restart(Wall(), channel_->Snapshot().cursor, published_deferred_);
        for (const Sequence s : published_deferred_) {
          if (!model_.messages.contains(s)) restarted_without_.insert(s);
        }
        break;
    }
  }

  void ExpectAsModel() {
    ASSERT_EQ(channel_->depth(), model_.queue.size() + finished_before_restart());
    const ChannelStats stats = channel_->Stats(false);
    ASSERT_EQ(stats.in_flight_count, model_.in_flight.size());
    ASSERT_EQ(stats.deferred_count, model_.deferred.size());
    ASSERT_EQ(stats.client_count, clients_.size());
    for (const auto& client : clients_) {
      int64_t has = 0;
      for (const Sequence s : model_.in_flight) {
        has += model_.messages[s].owner == client->subscription ? 1 : 0;
      }
      ASSERT_EQ(client->subscription->in_flight, has);
    }
    std::optional<SteadyTime> timeout;
    for (const Sequence s : model_.in_flight) {
      const SteadyTime deadline = model_.messages[s].deadline;
      if (!timeout || deadline < *timeout) timeout = deadline;
    }
    ASSERT_EQ(channel_->NextTimeout(), timeout);
    std::optional<WallTime> due;
    for (const Sequence s : model_.deferred) {
      if (!due || model_.messages[s].due < *due) due = model_.messages[s].due;
    }
    ASSERT_EQ(channel_->NextDue(), due);
    if (!model_.messages.empty()) {
      ASSERT_LE(channel_->LowWater(), model_.messages.begin()->first);
    }
    const ChannelState state = channel_->Snapshot();
    // Unfinished are those below the cursor, and the deferred publishes beyond.
    std::map<Sequence, std::pair<uint16_t, WallTime>> expected;
    for (const auto& [s, message] : model_.messages) {
      if (s >= state.cursor && !published_deferred_.contains(s)) continue;
      const bool waits = model_.deferred.contains(s);
      expected[s] = {message.attempts, waits ? message.due : WallTime()};
    }
    std::map<Sequence, std::pair<uint16_t, WallTime>> actual;
    for (const Unfinished& u : state.unfinished) actual[u.sequence] = {u.attempts, u.due};
    ASSERT_EQ(actual.size(), state.unfinished.size());
    ASSERT_EQ(actual, expected);
  }

  // Depth counts a deferred publish that was finished before a restart until the cursor has come
  // to it: nothing says that it is one.
  uint64_t finished_before_restart() {
    const Sequence cursor = channel_->Snapshot().cursor;
    uint64_t count = 0;
    for (const Sequence s : restarted_without_) count += s >= cursor ? 1 : 0;
    return count;
  }

  std::mt19937_64 random_{TestSeed()};
  Model model_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<int64_t> was_over_;
  std::set<Sequence> published_deferred_;
  std::set<Sequence> restarted_without_;
  bool paused_ = false;
};

TEST_P(ChannelModelTest, BehavesAsAPlainQueue) {
  SCOPED_TRACE(testing::Message() << "NSQ_TEST_SEED=" << TestSeed());
  options_.max_msg_timeout = milliseconds(500);
  options_.max_req_timeout = milliseconds(150);
  KillAndRestart();
  const int steps = GetParam().cold ? 6000 : 30'000;
  for (int step = 0; step < steps; ++step) {
    SCOPED_TRACE(testing::Message() << "step " << step);
    was_over_.clear();
    for (const auto& client : clients_) was_over_.push_back(client->subscription->in_flight);
    switch (Draw(10)) {
      case 0:
      case 1:
        DoPublish();
        break;
      case 2:
      case 3:
        DoSend();
        break;
      case 4:
      case 5:
      case 6:
        DoAnswer();
        break;
      case 7:
        Advance(DrawTime(30), 100'000);
        model_.Expire(now_, Wall());
        break;
      case 8:
        DoClient();
        break;
      case 9:
        DoSteer();
        break;
    }
    if (HasFatalFailure()) return;
    if (Chance(3)) EndTurn();
    ExpectAsModel();
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ChannelModelTest,
                         testing::Values(Params{"Plain", false, false},
                                         Params{"Sampling", false, true},
                                         Params{"FromTheDisk", true, false}),
                         [](const auto& params) { return std::string(params.param.name); });

}  // namespace
}  // namespace nsq::nsqd
