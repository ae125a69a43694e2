// kill -9 again and again under producers and consumers that do everything at once; then everything
// is counted. Seeded; NSQ_TEST_SEED overrides. NSQ_CRASH_ROUNDS=300 is the long form.

#include <gmock/gmock.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "common/strings.h"
#include "tests/cluster/cluster_fixture.h"

namespace nsq::cluster {
namespace {

constexpr int kShortRounds = 4;
constexpr size_t kAcknowledgedARound = 1500;
constexpr uintmax_t kLeftBytes = 1'000'000;  // of some five times as many published
constexpr std::array<const char*, 2> kChannels = {"c0", "c1"};

unsigned Seed() {
  const char* const given = std::getenv("NSQ_TEST_SEED");
  return given == nullptr ? 20261121 : static_cast<unsigned>(std::strtoul(given, nullptr, 10));
}

int Rounds() {
  const char* const given = std::getenv("NSQ_CRASH_ROUNDS");
  return given == nullptr ? kShortRounds : std::max(std::atoi(given), 1);
}

// What the clients of one test know together.
class Ledger {
 public:
  void Acknowledged(const std::vector<std::string>& bodies) {
    const std::lock_guard<std::mutex> lock(mutex_);
    acknowledged_.insert(bodies.begin(), bodies.end());
  }
  size_t acknowledged() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return acknowledged_.size();
  }

  void Received(size_t channel, const Message& message) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto [known, is_new] = body_of_.emplace(message.id, message.body);
    EXPECT_EQ(known->second, message.body) << "one id, two messages: " << message.id;
    int& attempts = attempts_[channel][message.id];
    EXPECT_GT(message.attempts, attempts) << message.body << " on " << kChannels[channel];
    attempts = message.attempts;
  }
  void Finished(size_t channel, const std::string& body) {
    const std::lock_guard<std::mutex> lock(mutex_);
    finished_[channel].insert(body);
  }

  // The acknowledged ones that nobody could finish.
  std::vector<std::string> Lost(size_t channel) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<std::string> lost;
    std::set_difference(acknowledged_.begin(), acknowledged_.end(), finished_[channel].begin(),
                        finished_[channel].end(), std::back_inserter(lost));
    return lost;
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> acknowledged_;
  std::map<std::string, std::string> body_of_;
  std::array<std::map<std::string, int>, kChannels.size()> attempts_;
  std::array<std::set<std::string>, kChannels.size()> finished_;
};

// Publishes in every way until the connection breaks.
void Produce(uint16_t port, const std::string& name, unsigned seed, Ledger* ledger) {
  std::mt19937 random(seed);
  V2Client client(port);
  for (int i = 0;; ++i) {
    std::vector<std::string> bodies = {StrCat(name, ".", i)};
    std::string answer;
    switch (random() % 3) {
      case 0:
        bodies[0].append(random() % 3000, 'x');
        answer = client.Pub("t", bodies[0]);
        break;
      case 1:
        answer = client.Dpub("t", milliseconds(random() % 300), bodies[0]);
        break;
      default:
        for (auto more = random() % 20; more > 0; --more) {
          bodies.push_back(StrCat(name, ".", i, ".", more));
        }
        answer = client.Mpub("t", bodies);
    }
    if (answer != "OK") return;
    ledger->Acknowledged(bodies);
  }
}

// Takes messages until the connection breaks or `stop`: finishes most, requeues some at once or for
// later, forgets some.
void Consume(uint16_t port, size_t channel, unsigned seed, const std::atomic<bool>& stop,
             Ledger* ledger) {
  std::mt19937 random(seed);
  V2Client client(port);
  if (client.Sub("t", kChannels[channel]) != "OK") return;
  client.Rdy(50);
  while (!stop) {
    const auto message = client.Next(milliseconds(100));
    if (!message.has_value()) {
      if (!client.Send("NOP")) return;
      continue;
    }
    ledger->Received(channel, *message);
    const auto dice = random() % 20;
    if (dice < 14) {
      client.Fin(message->id);
      ledger->Finished(channel, message->body);
    } else if (dice < 16) {
      client.Req(message->id, Duration(0));
    } else if (dice < 19) {
      client.Req(message->id, milliseconds(random() % 300));
    }
  }
}

class CrashTest : public ClusterTest {
 protected:
  // Of the first nsqd's data path.
  uintmax_t SizeOnDisk() const {
    uintmax_t size = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder() / "nsqd0")) {
      if (entry.is_regular_file()) size += entry.file_size();
    }
    return size;
  }
};

TEST_P(CrashTest, EverythingAcknowledgedIsFinishedInTheEnd) {
  const unsigned seed = Seed();
  SCOPED_TRACE(testing::Message() << "NSQ_TEST_SEED=" << seed);
  std::mt19937 random(seed);
  const int rounds = Rounds();
  // Small files, seldom kept in memory and soon copied forward.
  Nsqd& nsqd = AddNsqd({"-msg-timeout=300ms", "-max-bytes-per-file=200000", "-mem-queue-size=50",
                        "-sync-timeout=50ms"});
  EXPECT_EQ(nsqd.Post("/topic/create?topic=t").status, 200);
  for (const char* channel : kChannels) {
    EXPECT_EQ(nsqd.Post(StrCat("/channel/create?topic=t&channel=", channel)).status, 200);
  }

  Ledger ledger;
  // Due long after all this: each keeps itself only, through every crash.
  std::vector<std::string> much_later;
  for (int round = 0; round <= rounds; ++round) {
    const bool last = round == rounds;  // no producers: only to the end
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < 2 && !last; ++i) {
      threads.emplace_back(Produce, nsqd.tcp_port(), StrCat("p", round, ".", i), random(), &ledger);
    }
    for (size_t i = 0; i < 4; ++i) {
      threads.emplace_back(Consume, nsqd.tcp_port(), i % kChannels.size(), random(),
                           std::cref(stop), &ledger);
    }
    if (!last) {
      much_later.push_back(StrCat("much later ", round));
      EXPECT_EQ(V2Client(nsqd.tcp_port()).Dpub("t", std::chrono::minutes(30), much_later.back()),
                "OK");
      const size_t enough = ledger.acknowledged() + kAcknowledgedARound + random() % 500;
      EXPECT_TRUE(Eventually([&] { return ledger.acknowledged() >= enough; }));
      if (random() % 3 == 0) {
        // Everything it has under way finds out that nobody answers.
        nsqd.process().Signal(SIGSTOP);
        std::this_thread::sleep_for(milliseconds(random() % 100));
        nsqd.process().Signal(SIGCONT);
      }
      nsqd.Kill();
    } else {
      EXPECT_TRUE(Eventually([&] {
        const TopicStats stats = nsqd.Stats("t");
        int64_t left = stats.depth;
        for (const auto& [name, channel] : stats.channels) {
          left += channel.depth + channel.in_flight + channel.deferred;
        }
        return left == static_cast<int64_t>(kChannels.size() * much_later.size());
      })) << "all but what is due much later";
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    if (!last) nsqd.Start();
  }
  for (size_t channel = 0; channel < kChannels.size(); ++channel) {
    EXPECT_THAT(ledger.Lost(channel), testing::IsEmpty()) << kChannels[channel];
  }
  EXPECT_GE(ledger.acknowledged(), static_cast<size_t>(rounds) * kAcknowledgedARound);
  EXPECT_TRUE(Eventually([&] { return SizeOnDisk() <= kLeftBytes; }))
      << "what everybody has finished is removed";
  EXPECT_EQ(nsqd.Stop(), 0);
  nsqd.Start();
  for (const char* channel : kChannels) {
    EXPECT_EQ(nsqd.Stats("t").of(channel).deferred, static_cast<int64_t>(much_later.size()));
  }
}

INSTANTIATE_TEST_SUITE_P(, CrashTest, testing::Values(1, 4), LoopsName);

}  // namespace
}  // namespace nsq::cluster
