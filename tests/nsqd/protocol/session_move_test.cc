// A SUB for a topic of another loop: the session goes there, and nothing of it is lost.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/event/letter.h"
#include "tests/nsqd/protocol/fixture.h"

namespace nsq::nsqd {
namespace {

// A daemon on a thread of its own.
class OtherLoop {
 public:
  OtherLoop() : thread_([this] { Run(); }) {
    while (!running_) std::this_thread::yield();
  }
  ~OtherLoop() {
    loop_.Stop();
    thread_.join();
  }

  void Adopt(MovingSession moving, std::string topic, std::string channel) {
    loop_.Post(std::make_unique<AdoptLetter>(this, std::move(moving), std::move(topic),
                                             std::move(channel)));
  }

  std::atomic<int> ended = 0;

 private:
  struct AdoptLetter : Letter {
    AdoptLetter(OtherLoop* o, MovingSession m, std::string t, std::string c)
        : other(o), moving(std::move(m)), topic(std::move(t)), channel(std::move(c)) {}
    void Open() noexcept override {
      TestBroker& broker = *other->broker_;
      Session* const session = broker.Adopt(std::move(moving));
      session->CompleteSubscribe(broker.LocalTopic(topic), channel);
    }
    OtherLoop* const other;
    MovingSession moving;
    const std::string topic;
    const std::string channel;
  };

  void Run() {
    // Here, because everything binds to the thread that makes it.
    loop_.Post(std::make_unique<Begin>(this));
    loop_.Run();
    broker_.reset();
  }
  struct Begin : Letter {
    explicit Begin(OtherLoop* o) : other(o) {}
    void Open() noexcept override {
      other->broker_ = std::make_unique<EndCounter>(other->loop_, &other->ended);
      other->broker_->publishing = TestBroker::Publishing::kReal;
      other->running_ = true;
    }
    OtherLoop* const other;
  };
  struct EndCounter : TestBroker {
    EndCounter(EventLoop& loop, std::atomic<int>* c) : TestBroker(loop), counter(c) {}
    void OnSessionEnded(Session* session) override {
      TestBroker::OnSessionEnded(session);
      ++*counter;
    }
    std::atomic<int>* const counter;
  };

  EventLoop loop_{"other"};
  std::unique_ptr<EndCounter> broker_;
  std::atomic<bool> running_ = false;
  std::thread thread_;
};

struct SessionMoveTest : SessionTest {
  SessionMoveTest() {
    broker.elsewhere = {"t#ephemeral"};
    broker.on_move = [this](MovingSession moving, std::string topic, std::string channel) {
      ++moves;
      other.Adopt(std::move(moving), std::move(topic), std::move(channel));
    };
  }

  int moves = 0;
  OtherLoop other;
};

TEST_F(SessionMoveTest, CommandsBehindTheSubAreCarriedOutThere) {
  Say("  V2" + Identify("{}") + Pub("a", "here") + "SUB t#ephemeral c\nRDY 5\n" +
      Mpub("t#ephemeral", {"x", "y"}) + "FIN 0123456789abcdef\nCLS\nBAD\n");
  RunUntil([&] { return client->eof(); });
  const std::vector<std::string> heard = client->Heard();
  EXPECT_EQ(moves, 1);
  EXPECT_EQ(broker.published.size(), 1u);
  EXPECT_EQ(broker.sessions().size(), 0u);
  EXPECT_EQ(broker.ended, 0) << "it has not ended, it has moved";
  EXPECT_EQ(heard, (std::vector<std::string>{
                       "response OK", "response OK", "response OK", "response OK",
                       "error E_FIN_FAILED FIN 0123456789abcdef failed ID not in flight",
                       "response CLOSE_WAIT", "error E_INVALID invalid command BAD"}));
  client->Drop();
  RunUntil([&] { return other.ended == 1; });
}

TEST_F(SessionMoveTest, ConsumesThere) {
  Say("  V2SUB t#ephemeral c\n");
  ExpectHeard({"response OK"});
  client->Forget();
  Say("RDY 1\n" + Pub("t#ephemeral", "m"));
  ExpectHeard({"response OK", "message 1 m"});
  const std::string id = client->MessageIds()[0];
  client->Forget();
  Say("FIN " + id + "\nCLS\n");
  ExpectHeard({"response CLOSE_WAIT"});
  client->EndSending();
  RunUntil([&] { return client->eof() && other.ended == 1; });
}

// Wherever the bytes behind the SUB are cut, also with some of them still in the socket.
TEST_F(SessionMoveTest, NoByteIsLostOnTheWay) {
  const std::string body(3000, 'b');
  const std::string script =
      "  V2" + Pub("a", "1") + "SUB t#ephemeral c\n" + Pub("t#ephemeral", body) + "CLS\n";
  const size_t sub = script.find("SUB");
  for (size_t cut = sub; cut <= script.size(); cut += cut < sub + 60 ? 1 : 97) {
    SCOPED_TRACE(cut);
    Connect();
    Say(script.substr(0, cut));
    client->Pump();
    RunALittle();
    Say(script.substr(cut));
    ExpectHeard({"response OK", "response OK", "response OK", "response CLOSE_WAIT"});
    client->Drop();
    if (HasFailure()) break;
  }
}

TEST_F(SessionMoveTest, MovesOnlyWhenItOwesNothing) {
  broker.publishing = TestBroker::Publishing::kHeld;
  Say("  V2" + Pub("a", "1") + "SUB t#ephemeral c\nCLS\n");
  RunUntil([&] { return broker.published.size() == 1; });
  RunALittle();
  EXPECT_EQ(moves, 0);
  broker.Answer(0);
  ExpectHeard({"response OK", "response OK", "response CLOSE_WAIT"});
  EXPECT_EQ(moves, 1);
}

TEST_F(SessionMoveTest, ClientThatLeavesOnTheWayIsNoticedThere) {
  Say("  V2SUB t#ephemeral c\n");
  client->EndSending();
  RunUntil([&] { return client->eof() && other.ended == 1; });
  EXPECT_EQ(client->Heard(), std::vector<std::string>{"response OK"});
}

TEST_F(SessionMoveTest, HeartbeatsGoOnThere) {
  Say("  V2" + Identify(R"({"heartbeat_interval":1000})") + "SUB t#ephemeral c\n");
  RunUntil([&] { return client->eof(); });
  EXPECT_EQ(client->Heard(),
            (std::vector<std::string>{"response OK", "response OK", "response _heartbeat_"}));
}

TEST_F(SessionMoveTest, ManyMoveAtOnce) {
  constexpr int kClients = 100;
  for (int i = 0; i < kClients; ++i) {
    if (i > 0) Connect();
    Say("  V2" + Pub("a", "1") + "SUB t#ephemeral c\n" + Pub("t#ephemeral", "m") + "RDY 1\n");
  }
  RunUntil([&] {
    size_t messages = 0;
    for (const auto& each : clients) messages += each->MessageIds().size();
    return messages == kClients;
  });
  EXPECT_EQ(moves, kClients);
}

}  // namespace
}  // namespace nsq::nsqd
