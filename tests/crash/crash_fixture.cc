#include "tests/crash/crash_fixture.h"

#include <algorithm>
#include <cstdlib>

#include "common/strings.h"

namespace nsq::crash {
namespace {

using cluster::Eventually;
using cluster::Nsqd;

constexpr unsigned kSeed = 20261121;
constexpr uintmax_t kLeftBytes = 1'500'000;

unsigned Seed() {
  const char* const given = std::getenv("NSQ_TEST_SEED");
  return given == nullptr ? kSeed : static_cast<unsigned>(std::strtoul(given, nullptr, 10));
}

// Whether every channel has nothing left but the deferred messages it is to keep.
// Messages that are not finished; of those that wait, beyond `deferred` in each channel.
int64_t CountLeft(Nsqd& nsqd, const std::string& topic, int64_t deferred) {
  const cluster::TopicStats stats = nsqd.Stats(topic);
  int64_t left = stats.depth;
  for (const auto& [name, channel] : stats.channels) {
    left += channel.depth + channel.in_flight + std::max<int64_t>(channel.deferred - deferred, 0);
  }
  EXPECT_TRUE(stats.exists);
  return left;
}

// Waits as long as it takes while they become fewer: after hundreds of rounds that is a while.
int64_t LeftWhenDrained(Nsqd& nsqd, const std::string& topic, int64_t deferred) {
  int64_t least = CountLeft(nsqd, topic, deferred);
  int64_t left = least;
  while (left > 0 && cluster::Eventually([&] {
           left = CountLeft(nsqd, topic, deferred);
           return left < least;
         })) {
    least = left;
  }
  return left;
}

uintmax_t SizeOnDisk(const std::filesystem::path& folder) {
  uintmax_t size = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    // What was set aside is for people to look at and to remove.
    if (entry.path().extension() == ".damaged") continue;
    std::error_code gone;
    const uintmax_t one = entry.is_regular_file(gone) ? entry.file_size(gone) : 0;
    if (!gone) size += one;
  }
  return size;
}

}  // namespace

int Rounds(int rounds) {
  const char* const given = std::getenv("NSQ_CRASH_ROUNDS");
  return given == nullptr ? rounds : std::max(std::atoi(given), 1);
}

CrashTest::CrashTest()
    : seed_(Seed()), random_(seed_), trace_(__FILE__, __LINE__, StrCat("NSQ_TEST_SEED=", seed_)) {
  load_.channels = {"c0", "c1"};
}

CrashTest::~CrashTest() = default;

void CrashTest::Begin(const std::string& durability, Ledger::Promise promise,
                      std::vector<std::string> flags) {
  ledger_.emplace(promise);
  for (const char* flag : {"-msg-timeout=400ms", "-max-bytes-per-file=200000", "-mem-queue-size=50",
                           "-sync-timeout=50ms", "-sync-every=100"}) {
    flags.emplace_back(flag);
  }
  flags.push_back("-durability=" + durability);
  AddNsqd(std::move(flags));
  EXPECT_EQ(nsqd().Post("/topic/create?topic=" + load_.topic).status, 200);
  for (const std::string& channel : load_.channels) {
    ledger_->ChannelAsked(channel);
    const std::string path = StrCat("/channel/create?topic=", load_.topic, "&channel=", channel);
    EXPECT_EQ(nsqd().Post(path).status, 200);
    ledger_->ChannelBegun(channel);
  }
  disk_.emplace(folder(), data_path());
}

void CrashTest::Round(const std::function<void()>& end) {
  ++rounds_;
  SCOPED_TRACE(testing::Message() << "round " << rounds_);
  if (much_later_) {
    // Due long after all this: keeps itself only, through every end.
    const std::string path = StrCat("/pub?topic=", load_.topic, "&defer=1800000");
    EXPECT_EQ(nsqd().Post(path, "much-later").body, "OK");
  }
  {
    Load load(load_, nsqd(), StrCat("r", rounds_), static_cast<unsigned>(random_()), &*ledger_);
    const size_t enough =
        ledger_->acknowledged() + acknowledged_a_round_ / 2 + random_() % acknowledged_a_round_;
    EXPECT_TRUE(
        Eventually([&] { return nsqd().process().Ended() || ledger_->acknowledged() >= enough; }));
    end();
    EXPECT_TRUE(nsqd().process().Ended());
  }
  ledger_->NextRound();
  StartAgain();
}

void CrashTest::StartAgain() {
  disk_->Heal();
  EXPECT_TRUE(disk_->TryStart(nsqd()));
  EXPECT_EQ(nsqd().Get("/ping").body, "OK");
  const cluster::TopicStats stats = nsqd().Stats(load_.topic);
  for (const std::string& channel : ledger_->ChannelsThere()) {
    EXPECT_TRUE(stats.channels.contains(channel)) << "lost: channel " << channel;
  }
  for (const std::string& channel : ledger_->ChannelsGone()) {
    EXPECT_FALSE(stats.channels.contains(channel)) << "back: channel " << channel;
  }
  EXPECT_EQ(nsqd().Post("/topic/unpause?topic=" + load_.topic).status, 200);
  for (const auto& [channel, ignored] : stats.channels) {
    nsqd().Post(StrCat("/channel/unpause?topic=", load_.topic, "&channel=", channel));
  }
}

void CrashTest::Finish() {
  const int much_later = much_later_ ? rounds_ : 0;
  LoadOptions consumers = load_;
  consumers.producers = 0;
  consumers.meddles = false;
  consumers.channels.clear();
  for (const auto& [channel, ignored] : nsqd().Stats(load_.topic).channels) {
    consumers.channels.push_back(channel);
  }
  {
    const Load load(consumers, nsqd(), "", static_cast<unsigned>(random_()), &*ledger_);
    EXPECT_EQ(LeftWhenDrained(nsqd(), load_.topic, much_later), 0);
  }
  for (const std::string& channel : ledger_->ChannelsThere()) {
    EXPECT_THAT(ledger_->Lost(channel), testing::IsEmpty()) << channel;
  }
  EXPECT_GT(ledger_->acknowledged(), 0u);
  EXPECT_TRUE(Eventually([&] { return SizeOnDisk(data_path()) <= kLeftBytes; }))
      << "what everybody has finished is removed";
  EXPECT_EQ(nsqd().Stop(), 0);
  nsqd().Start();
  for (const std::string& channel : load_.channels) {
    EXPECT_EQ(nsqd().Stats(load_.topic).of(channel).deferred, much_later) << channel;
  }
  EXPECT_EQ(nsqd().Stop(), 0);
}

}  // namespace nsq::crash
