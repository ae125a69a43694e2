#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "nsqd/queue/topic.h"
#include "nsqd/storage/disk_room.h"
#include "tests/nsqd/queue/fake_consumer.h"
#include "tests/nsqd/storage/memory_files.h"

namespace nsq::nsqd {

// Notes what it is told; deletes a forsaken topic as a shard does.
struct FakeObserver : TopicObserver {
  void OnChannelCreated(const Topic&, const std::string& channel) override {
    news.push_back("+" + channel);
  }
  void OnChannelDeleted(const Topic&, const std::string& channel) override {
    news.push_back("-" + channel);
  }
  void OnTopicForsaken(Topic& topic) override {
    news.push_back("forsaken");
    topic.Delete();
  }
  void OnDiskStatus(const Topic&, const Status& status) override {
    news.push_back(status.ok() ? "disk ok" : "disk failing");
  }
  std::vector<std::string> news;
};

struct FakePublisher : Publisher {
  void OnPublished(uint64_t ticket, const Status& status) override {
    EXPECT_TRUE(answers.emplace(ticket, status).second) << "answered twice: " << ticket;
    order.push_back(ticket);
    if (on_answer) on_answer(ticket, status);
  }
  bool answered(uint64_t ticket) const { return answers.contains(ticket); }
  bool ok(uint64_t ticket) const { return answered(ticket) && answers.at(ticket).ok(); }
  std::map<uint64_t, Status> answers;
  std::vector<uint64_t> order;
  std::function<void(uint64_t, const Status&)> on_answer;
};

// A topic on a real loop with a real pool, over a disk in memory.
class TopicTest : public testing::Test {
 protected:
  struct Client {
    FakeConsumer consumer;
    Channel* channel = nullptr;
    Subscription* subscription = nullptr;
    size_t answered = 0;  // of consumer.messages
  };

  TopicTest() { options_.data_path = "data"; }
  void TearDown() override {
    topic_.reset();
    pool_.reset();
  }

  // --- verbs

  void Open(const std::string& name = "t", bool start = true) {
    Result<std::unique_ptr<Topic>> topic =
        Topic::Open({loop_, *pool_, files_, budget_, options_, observer_, nullptr, room_}, name);
    ASSERT_TRUE(topic.ok()) << topic.status().ToString();
    topic_ = std::move(*topic);
    if (start) topic_->Start();
    Turn();
  }
  void KillAndRestart() {
    topic_.reset();
    files_.Revive();
    Open();
  }
  void StopAndRestart() {
    topic_->Close();
    topic_.reset();
    Open();
  }
  void Turn() { loop_.RunOnce(false); }
  bool TurnUntil(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(20);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      Turn();
      std::this_thread::yield();
    }
    return true;
  }
  // What is ready to happen without any time passing, reads and syncs included.
  void Settle() {
    struct Marker : Job {
      explicit Marker(bool* d) : done(d) {}
      void Run() noexcept override {}
      void Open() noexcept override { *done = true; }
      bool* const done;
    };
    for (int i = 0; i < 4; ++i) {
      Turn();
      for (const Lane lane : {Lane::kAwaited, Lane::kBackground}) {
        bool done = false;
        pool_->Submit(std::make_unique<Marker>(&done), &loop_, lane);
        ASSERT_TRUE(TurnUntil([&] { return done; }));
      }
    }
  }

  // Not answered yet.
  uint64_t Publish(const std::vector<std::string>& bodies, Duration defer = Duration::zero()) {
    const std::vector<std::string_view> views(bodies.begin(), bodies.end());
    topic_->Publish(views, defer, &publisher_, ++tickets_);
    return tickets_;
  }
  uint64_t Publish(const std::string& body, Duration defer = Duration::zero()) {
    return Publish(std::vector{body}, defer);
  }
  void PublishOk(const std::vector<std::string>& bodies, Duration defer = Duration::zero()) {
    const uint64_t ticket = Publish(bodies, defer);
    ASSERT_TRUE(TurnUntil([&] { return publisher_.answered(ticket); }));
    ASSERT_TRUE(publisher_.ok(ticket)) << publisher_.answers.at(ticket).ToString();
  }
  Client* Subscribe(const std::string& channel, int64_t ready = 1000,
                    Duration timeout = seconds(60)) {
    clients_.push_back(std::make_unique<Client>());
    Client* const client = clients_.back().get();
    const Result<Channel*> made = topic_->GetOrCreateChannel(channel);
    EXPECT_TRUE(made.ok());
    client->channel = *made;
    ConsumerTerms terms;
    terms.msg_timeout = terms.touch_timeout = timeout;
    client->subscription = *client->channel->Subscribe(&client->consumer, terms);
    client->channel->SetReady(client->subscription, ready);
    topic_->Wake();
    Settle();
    return client;
  }
  void Leave(Client* client) {
    topic_->Unsubscribe(client->channel, client->subscription);
    Settle();
  }
  void FinishAll(Client* client) {
    for (; client->answered < client->consumer.messages.size(); ++client->answered) {
      const Sequence sequence = client->consumer.messages[client->answered].sequence;
      EXPECT_TRUE(client->channel->Finish(client->subscription, sequence, loop_.WallClock()).ok());
    }
    topic_->Wake();
    Settle();
  }
  ChannelStats StatsOf(const std::string& channel) {
    TopicStats stats = topic_->Stats({"", channel, false});
    return stats.channels.empty() ? ChannelStats() : stats.channels[0];
  }

  MemoryFiles files_;
  EventLoop loop_{"test"};
  std::unique_ptr<HelperPool> pool_ = std::make_unique<HelperPool>(1);
  MemoryBudget budget_{size_t{64} << 20, 0};
  Options options_;
  DiskRoom* room_ = nullptr;
  FakeObserver observer_;
  FakePublisher publisher_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::unique_ptr<Topic> topic_;
  uint64_t tickets_ = 0;
};

using Bodies = std::vector<std::string>;

}  // namespace nsq::nsqd
