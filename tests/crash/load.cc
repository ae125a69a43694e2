#include "tests/crash/load.h"

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "common/strings.h"

namespace nsq::crash {
namespace {

using cluster::Message;
using cluster::V2Client;
using Clock = std::chrono::steady_clock;

constexpr size_t kSettleEvery = 20;

class Consumer {
 public:
  Consumer(V2Client client, std::string channel, unsigned seed, Ledger* ledger)
      : client_(std::move(client)), channel_(std::move(channel)), random_(seed), ledger_(*ledger) {}

  // Works on one message if there is one; false if the connection ended.
  bool Turn() {
    if (!Take(milliseconds(50))) return client_.Send("NOP") && Settle();
    const Message message = std::move(received_.front());
    received_.pop_front();
    Work(message);
    return ++worked_ % kSettleEvery != 0 || Settle();
  }

  // nsqd has seen all that was sent here before; false if that is not known.
  bool Settle() {
    if (finished_.empty() && requeued_.empty()) return true;
    bool refused = false;
    std::string answer = client_.Pub("beat#ephemeral", "x");
    while (answer.starts_with("E_")) {
      refused = true;  // one of them had timed out: nobody knows which
      answer = client_.Answer();
    }
    // What was on its way before nsqd knew is no broken promise.
    while (Take(Duration(0))) {
    }
    if (answer == "OK" && !refused) {
      ledger_.Finished(channel_, finished_);
      ledger_.Requeued(channel_, requeued_);
    }
    finished_.clear();
    requeued_.clear();
    return answer == "OK";
  }

 private:
  bool Take(Duration patience) {
    if (!received_.empty() && patience > Duration(0)) return true;
    std::optional<Message> message = client_.Next(patience);
    if (!message) return false;
    ledger_.Received(channel_, *message);
    received_.push_back(std::move(*message));
    return true;
  }

  void Work(const Message& message) {
    const auto dice = random_() % 40;
    if (dice < 2) client_.Send("TOUCH " + message.id);
    if (dice < 28) {
      client_.Fin(message.id);
      finished_.push_back(message.id);
      ledger_.Done(channel_, message);
    } else if (dice < 32) {
      client_.Req(message.id, Duration(0));
    } else if (dice < 38) {
      const Duration delay = milliseconds(1 + random_() % 300);
      requeued_[message.id] = Clock::now() + delay;
      client_.Req(message.id, delay);
    }
    // else forgotten, until it times out
  }

  V2Client client_;
  const std::string channel_;
  std::mt19937 random_;
  Ledger& ledger_;
  std::deque<Message> received_;
  size_t worked_ = 0;
  std::vector<std::string> finished_;  // FIN sent since Settle
  std::map<std::string, SteadyTime> requeued_;
};

}  // namespace

Load::Load(const LoadOptions& options, cluster::Nsqd& nsqd, const std::string& name, unsigned seed,
           Ledger* ledger)
    : options_(options), nsqd_(nsqd), port_(nsqd.tcp_port()), ledger_(*ledger) {
  std::mt19937 random(seed);
  for (size_t i = 0; i < options_.producers; ++i) {
    threads_.emplace_back(&Load::Produce, this, StrCat(name, ".", i), random());
  }
  for (const std::string& channel : options_.channels) {
    for (size_t i = 0; i < options_.consumers; ++i) {
      threads_.emplace_back(&Load::Consume, this, channel, random());
    }
  }
  if (options_.meddles) threads_.emplace_back(&Load::Meddle, this, random());
}

Load::~Load() {
  producing_ = false;
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
}

void Load::Produce(const std::string& name, unsigned seed) {
  std::mt19937 random(seed);
  std::optional<V2Client> client = V2Client::TryConnect(port_);
  for (int i = 0; client && producing_; ++i) {
    std::vector<std::string> bodies = {StrCat(name, ".", i)};
    const auto dice = random() % 16;
    const Duration delay = milliseconds(1 + random() % 300);
    if (dice >= 12) {
      for (auto more = random() % 20; more > 0; --more) {
        bodies.push_back(StrCat(name, ".", i, ".", more));
      }
    }
    if (dice % 4 == 0) bodies[0].append(" ").append(random() % 3000, kPadding);
    const bool deferred = dice >= 6 && dice < 10;
    ledger_.Sent(bodies, deferred ? Clock::now() + delay : SteadyTime());
    std::string answer;
    if (dice < 6) {
      answer = client->Pub(options_.topic, bodies[0]);
    } else if (dice < 9) {
      answer = client->Dpub(options_.topic, delay, bodies[0]);
    } else if (dice < 10) {
      const auto ms = std::chrono::ceil<milliseconds>(delay).count();
      answer = nsqd_.Post(StrCat("/pub?topic=", options_.topic, "&defer=", ms), bodies[0]).body;
    } else if (dice < 11) {
      answer = nsqd_.Publish(options_.topic, bodies[0]);
    } else if (dice < 12) {
      answer = nsqd_.Post("/mpub?topic=" + options_.topic, bodies[0]).body;
    } else {
      answer = client->Mpub(options_.topic, bodies);
    }
    if (answer == "OK") {
      ledger_.Acknowledged(bodies);
    } else {
      client = V2Client::TryConnect(port_);  // a refusal ends it
    }
  }
}

void Load::Consume(const std::string& channel, unsigned seed) {
  std::optional<V2Client> client = V2Client::TryConnect(port_);
  if (!client || client->Sub(options_.topic, channel) != "OK") return;
  client->Rdy(50);
  Consumer consumer(std::move(*client), channel, seed, &ledger_);
  while (!stop_ && consumer.Turn()) {
  }
  if (stop_) consumer.Settle();
}

void Load::Meddle(unsigned seed) {
  std::mt19937 random(seed);
  const std::string passing = StrCat("topic=", options_.topic, "&channel=", kPassingChannel);
  while (!stop_) {
    const auto dice = random() % 4;
    if (dice == 0) {
      ledger_.ChannelAsked(kPassingChannel);
      const int removed = nsqd_.Post("/channel/delete?" + passing).status;
      if (removed == 200) ledger_.ChannelEnded(kPassingChannel);
      if (removed != 200 && removed != 404) return;
      ledger_.ChannelAsked(kPassingChannel);
      if (nsqd_.Post("/channel/create?" + passing).status != 200) return;
      ledger_.ChannelBegun(kPassingChannel);
    } else if (dice == 1 && !options_.channels.empty()) {
      const std::string one = StrCat("topic=", options_.topic, "&channel=", options_.channels[0]);
      if (nsqd_.Post("/channel/pause?" + one).status != 200) return;
      std::this_thread::sleep_for(milliseconds(random() % 30));
      if (nsqd_.Post("/channel/unpause?" + one).status != 200) return;
    } else if (dice == 2) {
      const std::string all = StrCat("topic=", options_.topic);
      if (nsqd_.Post("/topic/pause?" + all).status != 200) return;
      std::this_thread::sleep_for(milliseconds(random() % 30));
      if (nsqd_.Post("/topic/unpause?" + all).status != 200) return;
    } else {
      std::optional<V2Client> client = V2Client::TryConnect(port_);
      const bool is_there = ledger_.IsThere(kPassingChannel);
      if (!client) return;
      if (!is_there) continue;
      if (client->Sub(options_.topic, kPassingChannel) != "OK") return;
      client->Rdy(50);
      Consumer consumer(std::move(*client), kPassingChannel, static_cast<unsigned>(random()),
                        &ledger_);
      for (int i = 0; i < 100 && !stop_ && consumer.Turn(); ++i) {
      }
      if (!consumer.Settle()) return;
    }
  }
}

}  // namespace nsq::crash
