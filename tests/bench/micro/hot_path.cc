#include "tests/bench/micro/hot_path.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/event/buffer.h"
#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "common/wire/frame.h"
#include "nsqd/protocol/command_parser.h"
#include "nsqd/queue/channel.h"
#include "nsqd/storage/topic_store.h"

namespace nsq::bench {
namespace {

constexpr size_t kBodyBytes = 200;

class Parse : public HotPath {
 public:
  Parse() {
    for (size_t i = 0; i < kMessages; ++i) {
      char size[4];
      StoreBig32(size, kBodyBytes);
      bytes_ += "PUB some_topic\n";
      bytes_.append(size, sizeof size);
      bytes_.append(kBodyBytes, 'x');
    }
  }

  void Turn() override {
    std::string_view rest = bytes_;
    while (!rest.empty()) {
      std::string_view line;
      std::string_view body;
      int32_t size = 0;
      NSQ_CHECK(parser_.FindLine(rest, &line) == nsqd::CommandParser::Found::kYes);
      NSQ_CHECK(nsqd::ParseLine(line).command == nsqd::Command::kPub);
      NSQ_CHECK(parser_.FindSize(rest, &size));
      NSQ_CHECK(parser_.FindBody(rest, static_cast<size_t>(size), &body));
      rest.remove_prefix(parser_.Finish());
    }
  }

 private:
  std::string bytes_;
  nsqd::CommandParser parser_;
};

class TemporaryDir {
 public:
  TemporaryDir() {
    path_ = (std::filesystem::temp_directory_path() / "hot_path.XXXXXX").string();
    NSQ_CHECK(mkdtemp(path_.data()) != nullptr);
  }
  ~TemporaryDir() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A topic's log and journal on the disk, and one channel.
class Queue : public HotPath, private nsqd::SegmentedLog::Listener, private nsqd::Consumer {
 public:
  explicit Queue(bool deliver) : deliver_(deliver) {
    nsqd::LogOptions options;
    options.dir = dir_.path() + "/topic";
    options.sync_every = UINT64_MAX;
    options.sync_timeout = seconds(3600);
    budget_.limit_bytes = 64 << 20;
    Result<nsqd::OpenedTopic> opened = nsqd::OpenTopic(loop_, pool_, nsqd::PosixFiles(), &budget_,
                                                       options, loop_.WallClock(), this);
    NSQ_CHECK(opened.ok());
    log_ = std::move(opened->log);
    journal_ = std::move(opened->journal);
    channel_ = std::make_unique<nsqd::Channel>(loop_.home(), "c", 1, nsqd::ChannelOptions(), *log_,
                                               journal_.get(), log_->appended());
    journal_->ChannelCreated(1, "c", log_->appended());
    journal_->Flowing();
    nsqd::ConsumerTerms terms;
    terms.msg_timeout = terms.touch_timeout = seconds(60);
    const Result<nsqd::Subscription*> subscription = channel_->Subscribe(this, terms);
    NSQ_CHECK(subscription.ok());
    subscription_ = *subscription;
    channel_->SetReady(subscription_, 2 * kMessages);
  }

  void Turn() override {
    const WallTime wall = loop_.WallClock();
    for (size_t i = 0; i < kMessages; ++i) log_->Append(wall, WallTime(), body_);
    NSQ_CHECK(log_->Write().ok());
    if (deliver_) {
      channel_->Extend(log_->appended(), kMessages);
      channel_->Dispatch(loop_.Now(), wall, {2 * kMessages, size_t{1} << 20});
      NSQ_CHECK(delivered_.size() == kMessages);
      out_.Consume(out_.size());
      for (const nsqd::Sequence each : delivered_) {
        NSQ_CHECK(channel_->Finish(subscription_, each, wall).ok());
      }
      delivered_.clear();
      channel_->WriteJournal();
      NSQ_CHECK(journal_->Write().ok());
    }
    log_->Release(deliver_ ? channel_->LowWater() : log_->appended());
    log_->Tidy();
    loop_.RunOnce(false);
  }

 private:
  void OnLogReadable() override {}
  void OnLogSynced(const Status&, nsqd::Sequence) override {}
  void Deliver(const nsqd::Delivery& delivery) override {
    delivered_.push_back(delivery.sequence);
    char id[kMessageIdBytes];
    nsqd::FormatMessageId(1, delivery.sequence, id);
    AppendMessageFrame(UnixNanos(delivery.timestamp), delivery.attempts, id, delivery.body, &out_);
  }
  void Flush() override {}
  void OnChannelClosed() override {}
  nsqd::ClientStats Describe() const override { return {}; }

  const bool deliver_;
  const TemporaryDir dir_;
  const std::string body_ = std::string(kBodyBytes, 'x');
  EventLoop loop_{"hot path"};
  HelperPool pool_{1};
  nsqd::MemoryBudget budget_;
  std::unique_ptr<nsqd::SegmentedLog> log_;
  std::unique_ptr<nsqd::Journal> journal_;
  std::unique_ptr<nsqd::Channel> channel_;
  nsqd::Subscription* subscription_ = nullptr;
  std::vector<nsqd::Sequence> delivered_;
  Buffer out_;
};

}  // namespace

std::unique_ptr<HotPath> MakeHotPath(std::string_view name) {
  if (name == "parse") return std::make_unique<Parse>();
  if (name == "append") return std::make_unique<Queue>(false);
  if (name == "deliver") return std::make_unique<Queue>(true);
  return nullptr;
}

}  // namespace nsq::bench
