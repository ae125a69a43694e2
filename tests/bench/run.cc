#include "tests/bench/run.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/strings.h"
#include "tests/bench/clock.h"
#include "tests/bench/connect.h"
#include "tests/bench/consumer.h"
#include "tests/bench/delivery_check.h"
#include "tests/bench/http_call.h"
#include "tests/bench/message_source.h"
#include "tests/bench/poller.h"
#include "tests/bench/publisher.h"
#include "tests/bench/stats.h"

namespace nsq::bench {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;
constexpr int64_t kSecondNs = 1'000 * kMillisecondNs;
constexpr int64_t kSettleLimitNs = 15 * kSecondNs;

double OwnCpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::optional<CpuTimes> Difference(const std::optional<CpuTimes>& begin,
                                   const std::optional<CpuTimes>& end) {
  if (!begin || !end) return std::nullopt;
  return CpuTimes{end->total_seconds - begin->total_seconds,
                  end->user_seconds - begin->user_seconds,
                  end->system_seconds - begin->system_seconds};
}

// Names of one length that no other run on the server uses.
std::vector<std::string> TopicNames(int64_t count) {
  static int runs = 0;
  ++runs;
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) {
    names.push_back(StrCat("bench_", getpid(), "_", runs, "_", 10'000 + i));
  }
  return names;
}

// A backlog is made by MPUBs of about this size, whatever the workload measures.
constexpr int64_t kPreloadCommandBytes = 100'000;

Workload PreloadOf(const Workload& workload) {
  Workload preload = workload;
  preload.connections = 2;
  preload.pipeline = 2;
  preload.rate = 0;
  preload.layers = LayerChoice();  // but the same bodies
  preload.events = workload.layers.any();
  preload.batch = std::clamp<int64_t>(kPreloadCommandBytes / (workload.size_bytes + 4), 1, 200);
  return preload;
}

// One run. Home: the thread that made it.
class Runner {
 public:
  Runner(const Workload& workload, const Server& server)
      : workload_(workload),
        server_(server),
        topics_(TopicNames(workload.topics)),
        check_(static_cast<int>(std::max<int64_t>(workload.channels, 1)),
               workload.size_bytes >= static_cast<int64_t>(sizeof(Stamp))) {
    report_.workload = workload;
  }

  Result<Report> Execute() {
    Status status = CreateTopics();
    if (status.ok() && workload_.consumes()) status = ConnectConsumers();
    if (status.ok() && workload_.mode == Mode::kSub) status = Preload();
    if (status.ok() && workload_.topics > 1 && !workload_.consumes()) status = WarmUp();
    if (status.ok()) status = Measure();
    if (status.ok()) status = Verify();
    if (!server_.spawned()) DeleteTopics();
    if (!status.ok()) return status;
    return std::move(report_);
  }

 private:
  Status CreateTopics();
  void DeleteTopics();
  Status ConnectConsumers();
  Status ConnectPublishers(const Workload& workload, MessageSource* source, Histogram* latencies);

  Status Preload();
  // A message to each topic: its files are made once, not for each message.
  Status WarmUp();
  Status Measure();
  // Publishes what `source` gives, or nothing without one, until all is answered; returns how many
  // messages that were in report_.published. Goes on until each of them was delivered
  // `deliveries` times.
  Status Drive(MessageSource* source, uint64_t deliveries);
  Status CheckProgress(uint64_t progress, int64_t now_ns);
  Status SendScheduled(MessageSource* source);
  // Waits until the server says that all messages are where they belong, and until then goes on
  // sending what the consumers still have to send.
  Status Verify();
  void Explain(const QueueTotals& totals);
  bool AllWaiting(const QueueTotals& totals) const;   // what was published is in the queues
  bool AllFinished(const QueueTotals& totals) const;  // and what was delivered is not
  // Waits until the server has nothing left to do from the preparations.
  Status WaitUntilIdle();

  static std::string ChannelName(int64_t channel) { return StrCat("channel_", channel); }

  const Workload workload_;
  const Server& server_;
  const std::vector<std::string> topics_;
  Poller poller_;
  DeliveryCheck check_;
  std::vector<std::unique_ptr<Consumer>> consumers_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  size_t next_publisher_ = 0;  // of an open loop, in turn
  uint64_t last_progress_ = 0;
  int64_t last_progress_ns_ = 0;
  uint64_t before_ = 0;  // messages published by WarmUp
  std::optional<CpuTimes> cpu_before_;
  Report report_;
};

Status Runner::CreateTopics() {
  for (const std::string& topic : topics_) {
    Result<std::string> made =
        HttpCall(server_.http(), "POST", StrCat("/topic/create?topic=", topic));
    for (int64_t i = 0; made.ok() && i < workload_.channels; ++i) {
      made = HttpCall(server_.http(), "POST",
                      StrCat("/channel/create?topic=", topic, "&channel=", ChannelName(i)));
    }
    if (!made.ok()) return made.status();
  }
  return Status();
}

void Runner::DeleteTopics() {
  consumers_.clear();
  publishers_.clear();
  for (const std::string& topic : topics_) {
    // Best effort: the run has its result, and an old topic harms nobody.
    static_cast<void>(HttpCall(server_.http(), "POST", StrCat("/topic/delete?topic=", topic)));
  }
}

Status Runner::ConnectConsumers() {
  for (const std::string& topic : topics_) {
    for (int64_t i = 0; i < workload_.channels * workload_.consumers; ++i) {
      const int64_t channel = i % workload_.channels;
      Result<UniqueFd> fd = Connect(server_.tcp());
      if (!fd.ok()) return fd.status();
      consumers_.push_back(std::make_unique<Consumer>(std::move(*fd), static_cast<int>(channel),
                                                      &poller_, &check_,
                                                      &report_.end_to_end_latency));
      Status status = consumers_.back()->Subscribe(topic, ChannelName(channel), workload_);
      if (!status.ok()) return status;
    }
  }
  return Status();
}

Status Runner::ConnectPublishers(const Workload& workload, MessageSource* source,
                                 Histogram* latencies) {
  publishers_.clear();
  next_publisher_ = 0;
  const bool http = workload.mode == Mode::kHttp;
  const PublishProtocol protocol = http ? PublishProtocol::kHttp : PublishProtocol::kTcp;
  for (int64_t i = 0; i < workload.connections; ++i) {
    Result<UniqueFd> fd = Connect(http ? server_.http() : server_.tcp());
    if (!fd.ok()) return fd.status();
    publishers_.push_back(std::make_unique<Publisher>(
        std::move(*fd), protocol,
        MakeCommandRing(workload, protocol, topics_, static_cast<size_t>(i)), &poller_, source,
        latencies));
    if (Status status = publishers_.back()->Start(workload.layers); !status.ok()) return status;
  }
  return Status();
}

Status Runner::Preload() {
  const Workload preload = PreloadOf(workload_);
  MessageSource source(preload);
  Histogram latencies;
  Status status = ConnectPublishers(preload, &source, &latencies);
  if (status.ok()) status = Drive(&source, 0);
  publishers_.clear();
  return status;
}

Status Runner::WarmUp() {
  Workload warm_up = PreloadOf(workload_);
  warm_up.mode = Mode::kPub;
  warm_up.connections = 1;
  warm_up.batch = 1;
  warm_up.seconds = 0;
  warm_up.messages = workload_.topics;
  MessageSource source(warm_up);
  Histogram latencies;
  Status status = ConnectPublishers(warm_up, &source, &latencies);
  if (status.ok()) status = Drive(&source, 0);
  publishers_.clear();
  before_ = std::exchange(report_.published, 0);
  return status;
}

Status Runner::Measure() {
  MessageSource source(workload_);
  const bool publishes = workload_.mode != Mode::kSub;
  Status status;
  if (publishes) status = ConnectPublishers(workload_, &source, &report_.publish_latency);
  if (status.ok()) status = WaitUntilIdle();
  if (!status.ok()) return status;

  cpu_before_ = server_.Cpu();
  const std::optional<CallCounts> calls_before = server_.Calls();
  const double own_before = OwnCpuSeconds();
  const int64_t begin_ns = NowNs();
  for (const auto& consumer : consumers_) {
    if (status = consumer->Ready(workload_.rdy); !status.ok()) return status;
  }
  status = Drive(publishes ? &source : nullptr,
                 workload_.consumes() ? static_cast<uint64_t>(workload_.channels) : 0);
  report_.seconds = static_cast<double>(NowNs() - begin_ns) / 1e9;
  report_.own_cpu_seconds = OwnCpuSeconds() - own_before;
  if (const std::optional<CallCounts> calls = server_.Calls(); calls && calls_before) {
    report_.server_calls = {calls->allocations - calls_before->allocations,
                            calls->system_calls - calls_before->system_calls};
  }
  report_.delivered = check_.delivered();
  report_.duplicates = check_.duplicates();
  if (!publishes) report_.end_to_end_latency = Histogram();  // the age of a backlog says nothing
  return status;
}

Status Runner::Drive(MessageSource* source, uint64_t deliveries) {
  last_progress_ns_ = NowNs();
  if (source != nullptr) {
    source->Start(last_progress_ns_);
    for (size_t i = 0; i < publishers_.size() && !source->open_loop(); ++i) {
      if (Status status = publishers_[i]->SendDue(last_progress_ns_); !status.ok()) return status;
    }
  }
  while (true) {
    uint64_t in_flight = 0;
    uint64_t progress = check_.delivered();
    for (const auto& publisher : publishers_) {
      in_flight += publisher->in_flight();
      progress += publisher->answered();
    }
    int64_t now_ns = NowNs();
    const bool all_sent = source == nullptr || source->exhausted(now_ns);
    if (source != nullptr) report_.published = source->taken();
    if (all_sent && in_flight == 0 && check_.delivered() >= report_.published * deliveries) {
      return Status();
    }
    if (Status status = CheckProgress(progress, now_ns); !status.ok()) return status;

    int64_t wait_ns = 100 * kMillisecondNs;
    if (!all_sent && source->open_loop()) {
      if (Status status = SendScheduled(source); !status.ok()) return status;
      now_ns = NowNs();
      // Something due now means that all rings are full: an answer will wake us.
      const int64_t due_ns = source->NextDueNs(now_ns);
      wait_ns = due_ns > now_ns ? due_ns - now_ns : kMillisecondNs;
    }
    if (Status status = poller_.Poll(wait_ns); !status.ok()) return status;
  }
}

Status Runner::CheckProgress(uint64_t progress, int64_t now_ns) {
  if (progress != last_progress_) {
    last_progress_ = progress;
    last_progress_ns_ = now_ns;
    return Status();
  }
  if (now_ns - last_progress_ns_ <= static_cast<int64_t>(workload_.stall_seconds * 1e9)) {
    return Status();
  }
  uint64_t in_flight = 0;
  for (const auto& publisher : publishers_) in_flight += publisher->in_flight();
  return Status(Code::kTimeout,
                StrCat("no progress: ", report_.published, " messages sent, ", in_flight,
                       " commands without an answer, ", check_.delivered(), " delivered"));
}

Status Runner::SendScheduled(MessageSource* source) {
  size_t unable = 0;
  while (unable < publishers_.size() && source->NextDueNs(NowNs()) <= NowNs()) {
    Publisher& publisher = *publishers_[next_publisher_];
    next_publisher_ = (next_publisher_ + 1) % publishers_.size();
    unable = publisher.PushDue(NowNs()) ? 0 : unable + 1;
    if (Status status = publisher.Flush(); !status.ok()) return status;
  }
  return Status();
}

bool Runner::AllWaiting(const QueueTotals& totals) const {
  const uint64_t all = before_ + report_.published;
  if (totals.topic_messages != all) return false;
  if (workload_.channels == 0) return totals.topic_depth == all;
  return totals.topic_depth == 0 &&
         totals.channel_depth == all * static_cast<uint64_t>(workload_.channels);
}

bool Runner::AllFinished(const QueueTotals& totals) const {
  return totals.topic_messages == report_.published && totals.topic_depth == 0 &&
         totals.channel_depth == 0 && totals.in_flight == 0 && totals.deferred == 0;
}

Status Runner::Verify() {
  const int64_t begin_ns = NowNs();
  int64_t pause_ns = kMillisecondNs;
  while (true) {
    const Result<QueueTotals> totals = FetchTotals(server_.http(), topics_);
    if (!totals.ok()) return totals.status();
    const bool settled = workload_.consumes() ? AllFinished(*totals) : AllWaiting(*totals);
    if (settled || NowNs() - begin_ns > kSettleLimitNs) {
      report_.server_cpu = Difference(cpu_before_, server_.Cpu());
      report_.peak_rss_kib = server_.PeakRssKib();
      report_.requeued = totals->requeued + totals->timed_out;
      if (!settled) Explain(*totals);
      break;
    }
    for (const int64_t until_ns = NowNs() + pause_ns; NowNs() < until_ns;) {
      if (Status status = poller_.Poll(until_ns - NowNs()); !status.ok()) return status;
    }
    pause_ns = std::min(pause_ns * 2, 50 * kMillisecondNs);
  }
  if (check_.damaged() > 0) {
    report_.failures.push_back(StrCat(check_.damaged(), " messages arrived damaged"));
  }
  const uint64_t expected = report_.published * static_cast<uint64_t>(workload_.channels);
  if (workload_.consumes() && report_.delivered != expected) {
    report_.failures.push_back(StrCat(report_.delivered, " deliveries instead of ", expected));
  }
  return Status();
}

void Runner::Explain(const QueueTotals& totals) {
  report_.failures.push_back(StrCat(
      "/stats after ", before_ + report_.published, " messages: ", totals.topic_messages,
      " accepted, topic depth ", totals.topic_depth, ", channel depth ", totals.channel_depth,
      ", in flight ", totals.in_flight, ", deferred ", totals.deferred));
}

Status Runner::WaitUntilIdle() {
  const int64_t begin_ns = NowNs();
  // A backlog has arrived when the channels have it, not when its publisher is told OK.
  if (workload_.mode == Mode::kSub) {
    while (true) {
      const Result<QueueTotals> totals = FetchTotals(server_.http(), topics_);
      if (!totals.ok()) return totals.status();
      if (AllWaiting(*totals)) break;
      if (NowNs() - begin_ns > kSettleLimitNs) {
        return Status(Code::kTimeout, "the backlog did not reach the channels");
      }
      if (Status status = poller_.Poll(20 * kMillisecondNs); !status.ok()) return status;
    }
  }
  constexpr int64_t kProbeNs = 40 * kMillisecondNs;
  constexpr double kIdleSeconds = 0.001;  // of CPU in that time
  while (NowNs() - begin_ns < kSettleLimitNs) {
    const std::optional<CpuTimes> before = server_.Cpu();
    if (Status status = poller_.Poll(kProbeNs); !status.ok()) return status;
    const auto used = Difference(before, server_.Cpu());
    if (!used || used->total_seconds < kIdleSeconds) break;
  }
  return Status();
}

}  // namespace

Result<Report> Run(const Workload& workload, const Server& server) {
  return Runner(workload, server).Execute();
}

}  // namespace nsq::bench
