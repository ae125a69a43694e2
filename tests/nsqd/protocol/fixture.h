#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "common/event/unique_fd.h"
#include "nsqd/options.h"
#include "nsqd/protocol/broker.h"
#include "nsqd/protocol/client_memory.h"
#include "nsqd/protocol/session.h"
#include "nsqd/queue/topic.h"

// A client of a session over a real socket, and a daemon of one loop around it.

namespace nsq::nsqd {

// --- what a client says

std::string Int(int64_t number);            // i32, big-endian
std::string Sized(std::string_view bytes);  // with its size before it
std::string Pub(std::string_view topic, std::string_view body);
std::string Mpub(std::string_view topic, const std::vector<std::string>& bodies);
std::string Identify(std::string_view json);

// The client's end of a connection: never blocks, keeps what it has heard.
class Client {
 public:
  explicit Client(UniqueFd fd) : fd_(std::move(fd)) {}

  void Send(std::string_view bytes) { to_send_ += bytes; }
  // After what is to be sent.
  void EndSending() { end_sending_ = true; }
  // Sends and receives what the kernel takes and has.
  void Pump();
  void StopReading(bool stop) { reading_ = !stop; }
  void Drop() { fd_.Reset(); }

  // All frames heard, readable: "response OK", "error E_...", "message <attempts> <body>". What is
  // no whole frame yet: "partial".
  std::vector<std::string> Heard() const;
  // The ids of the messages among them.
  std::vector<std::string> MessageIds() const;
  const std::string& bytes() const { return received_; }
  void Forget() { received_.clear(); }
  bool sent_all() const { return to_send_.empty(); }
  bool eof() const { return eof_; }        // the other side has ended, in order
  bool broken() const { return broken_; }  // ... or not
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::string to_send_;
  std::string received_;
  bool reading_ = true;
  bool end_sending_ = false;
  bool eof_ = false;
  bool broken_ = false;
};

// Two ends of a stream, neither of which blocks.
std::pair<UniqueFd, UniqueFd> SocketPair();

// A daemon as a session sees it. Topics are real and in memory; publishes go to them, or are kept
// for the test to answer.
class TestBroker : public Broker, public TopicObserver {
 public:
  struct Published {
    std::string topic;
    std::vector<std::string> bodies;
    Duration defer;
    Publisher* publisher;
    uint64_t ticket;
  };

  TestBroker();
  // On an existing loop.
  explicit TestBroker(EventLoop& loop);
  ~TestBroker() override;

  EventLoop& loop() override { return loop_; }
  const Options& options() const override { return options_; }
  const TlsContext* tls() const override { return tls_context.get(); }
  ClientMemory& client_memory() override { return memory; }
  Options& mutable_options() { return options_; }

  Session* Adopt(UniqueFd fd);
  Session* Adopt(MovingSession moving);
  // Which are alive.
  const std::unordered_map<Session*, std::unique_ptr<Session>>& sessions() const {
    return sessions_;
  }
  Topic& MakeTopic(std::string_view name);
  void DeleteTopic(const std::string& name);

  void Publish(std::string_view topic, std::span<const std::string_view> bodies, Duration defer,
               Publisher* publisher, uint64_t ticket) override;
  void EnsureTopic(std::string_view topic) override { ensured.emplace_back(topic); }
  Result<Topic*> LocalTopic(std::string_view topic) override;
  void Move(Session* session, std::string topic, std::string channel) override;
  void AskAuth(AuthQuestion question, std::shared_ptr<AuthTicket> ticket) override {
    questions.push_back({std::move(question), std::move(ticket)});
  }
  void OnSessionEnded(Session* session) override;

  void OnChannelCreated(const Topic&, const std::string&) override {}
  void OnChannelDeleted(const Topic&, const std::string&) override {}
  void OnTopicForsaken(Topic& topic) override { DeleteTopic(std::string(topic.name())); }
  void OnDiskStatus(const Topic&, const Status&) override {}

  enum class Publishing {
    kAnswered,  // recorded, and answered at the turn's end
    kHeld,      // recorded, and answered by Answer
    kReal,      // to the topic
  };
  Publishing publishing = Publishing::kAnswered;
  std::vector<Published> published;  // in all but kReal
  ClientMemory memory;
  // Answers one of `published`.
  void Answer(size_t index, const Status& status = Status());

  void ForgetPublished() {
    published.clear();
    answered_ = 0;
  }

  struct Question {
    AuthQuestion question;
    std::shared_ptr<AuthTicket> ticket;
  };
  std::deque<Question> questions;  // not yet answered
  // Answers the first of `questions`: with what this JSON allows, or not at all.
  void AnswerAuth(std::string_view json);

  std::shared_ptr<const TlsContext> tls_context;
  std::vector<std::string> ensured;
  std::set<std::string, std::less<>> elsewhere;  // topics that another loop has
  std::deque<Status> topic_errors;               // what LocalTopic says next
  std::function<void(MovingSession, std::string topic, std::string channel)> on_move;
  int ended = 0;  // sessions

 private:
  struct AnswerTask : TurnTask {
    explicit AnswerTask(TestBroker* b) : broker(b) {}
    void AtTurnEnd() noexcept override { broker->AnswerAll(); }
    TestBroker* const broker;
  };
  void AnswerAll();

  std::unique_ptr<EventLoop> own_loop_;
  EventLoop& loop_;
  Options options_;
  HelperPool pool_{1};
  MemoryBudget budget_;
  std::map<std::string, std::unique_ptr<Topic>, std::less<>> topics_;
  std::unordered_map<Session*, std::unique_ptr<Session>> sessions_;
  uint64_t next_id_ = 1;
  size_t answered_ = 0;
  AnswerTask answer_task_{this};
};

// One client of one session.
class SessionTest : public testing::Test {
 protected:
  SessionTest();

  // Another client; `client` is the last one.
  void Connect();

  // Turns the loop until `done`; a failure if that does not come about.
  void RunUntil(const std::function<bool()>& done, const char* what = "");
  // A few turns: for what must not happen.
  void RunALittle();

  // Says `bytes` and waits until as many frames as expected were heard and nothing is left to do.
  void Say(std::string_view bytes) { client->Send(bytes); }
  void ExpectHeard(const std::vector<std::string>& frames);
  // The same, then the connection ends and the session with it.
  void ExpectHeardAndClosed(const std::vector<std::string>& frames);
  // Magic and SUB.
  void Subscribe(std::string_view topic = "t#ephemeral", std::string_view channel = "c");

  TestBroker broker;
  std::vector<std::unique_ptr<Client>> clients;
  Client* client = nullptr;
  Session* session = nullptr;
};

}  // namespace nsq::nsqd
