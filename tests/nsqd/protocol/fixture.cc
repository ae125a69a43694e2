#include "tests/nsqd/protocol/fixture.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "common/event/buffer.h"
#include "common/log.h"
#include "common/wire/frame.h"

namespace nsq::nsqd {
namespace {

// How long a test waits for what must come before it fails.
constexpr Duration kPatience = seconds(20);

}  // namespace

std::string Int(int64_t number) {
  std::string bytes(4, '\0');
  StoreBig32(bytes.data(), static_cast<uint32_t>(number));
  return bytes;
}

std::string Sized(std::string_view bytes) {
  return Int(static_cast<int64_t>(bytes.size())) + std::string(bytes);
}

std::string Pub(std::string_view topic, std::string_view body) {
  return "PUB " + std::string(topic) + "\n" + Sized(body);
}

std::string Mpub(std::string_view topic, const std::vector<std::string>& bodies) {
  std::string inner = Int(static_cast<int64_t>(bodies.size()));
  for (const std::string& body : bodies) inner += Sized(body);
  return "MPUB " + std::string(topic) + "\n" + Sized(inner);
}

std::string Identify(std::string_view json) { return "IDENTIFY\n" + Sized(json); }

// --- Client

void Client::Pump() {
  if (!fd_.valid()) return;
  while (!to_send_.empty()) {
    const ssize_t n = ::send(fd_.get(), to_send_.data(), to_send_.size(), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno != EAGAIN) to_send_.clear();
      break;
    }
    to_send_.erase(0, static_cast<size_t>(n));
  }
  if (to_send_.empty() && std::exchange(end_sending_, false)) ::shutdown(fd_.get(), SHUT_WR);
  char bytes[65536];
  while (reading_ && !eof_ && !broken_) {
    const ssize_t n = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    if (n < 0 && errno == EAGAIN) break;
    if (n > 0) {
      received_.append(bytes, static_cast<size_t>(n));
    } else {
      (n == 0 ? eof_ : broken_) = true;
    }
  }
}

std::vector<std::string> Client::Heard() const {
  std::vector<std::string> frames;
  std::string_view rest = received_;
  while (!rest.empty()) {
    if (rest.size() < 8 || rest.size() - 4 < LoadBig32(rest.data())) {
      frames.emplace_back("partial");
      break;
    }
    const size_t size = LoadBig32(rest.data());
    const auto type = static_cast<FrameType>(LoadBig32(rest.data() + 4));
    const std::string_view payload = rest.substr(8, size - 4);
    if (type == FrameType::kMessage) {
      frames.push_back("message " + std::to_string(LoadBig16(payload.data() + 8)) + " " +
                       std::string(payload.substr(26)));
    } else {
      frames.push_back((type == FrameType::kResponse ? "response " : "error ") +
                       std::string(payload));
    }
    rest.remove_prefix(4 + size);
  }
  return frames;
}

std::vector<std::string> Client::MessageIds() const {
  std::vector<std::string> ids;
  std::string_view rest = received_;
  while (rest.size() >= 8 && rest.size() - 4 >= LoadBig32(rest.data())) {
    if (LoadBig32(rest.data() + 4) == 2) ids.emplace_back(rest.substr(18, 16));
    rest.remove_prefix(4 + LoadBig32(rest.data()));
  }
  return ids;
}

std::pair<UniqueFd, UniqueFd> SocketPair() {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// --- TestBroker

TestBroker::TestBroker() : own_loop_(std::make_unique<EventLoop>("test")), loop_(*own_loop_) {}

TestBroker::TestBroker(EventLoop& loop) : loop_(loop) {}

TestBroker::~TestBroker() {
  for (size_t i = 0; i < published.size(); ++i) {
    if (published[i].publisher != nullptr) Answer(i, Status(Code::kUnavailable, "exiting"));
  }
  sessions_.clear();
  for (const auto& [name, topic] : topics_) topic->Delete();
  loop_.RunOnce(false);
  topics_.clear();
  loop_.RunOnce(false);
}

Session* TestBroker::Adopt(UniqueFd fd) {
  auto session =
      std::make_unique<Session>(*this, ConnectionId{next_id_++}, std::move(fd), ConnectionPlace());
  Session* const adopted = session.get();
  sessions_.emplace(adopted, std::move(session));
  return adopted;
}

Session* TestBroker::Adopt(MovingSession moving) {
  auto session = std::make_unique<Session>(*this, std::move(moving));
  Session* const adopted = session.get();
  sessions_.emplace(adopted, std::move(session));
  return adopted;
}

Topic& TestBroker::MakeTopic(std::string_view name) {
  std::unique_ptr<Topic>& topic = topics_[std::string(name)];
  if (topic == nullptr) {
    auto opened =
        Topic::Open({loop_, pool_, PosixFiles(), budget_, options_, *this}, std::string(name));
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    topic = std::move(*opened);
    topic->Start();
  }
  return *topic;
}

void TestBroker::DeleteTopic(const std::string& name) {
  struct Dying : Deferrable {
    std::unique_ptr<Topic> topic;
  };
  auto dying = std::make_unique<Dying>();
  dying->topic = std::move(topics_[name]);
  topics_.erase(name);
  EXPECT_TRUE(dying->topic->RemoveFiles().ok());
  dying->topic->Delete();
  loop_.DeferDelete(std::move(dying));
}

void TestBroker::Publish(std::string_view topic, std::span<const std::string_view> bodies,
                         Duration defer, Publisher* publisher, uint64_t ticket) {
  if (publishing == Publishing::kReal) {
    MakeTopic(topic).Publish(bodies, defer, publisher, ticket);
    return;
  }
  published.push_back(
      {std::string(topic), {bodies.begin(), bodies.end()}, defer, publisher, ticket});
  if (publishing == Publishing::kAnswered) loop_.AtTurnEnd(TurnPhase::kLog, &answer_task_);
}

void TestBroker::Answer(size_t index, const Status& status) {
  Publisher* const publisher = std::exchange(published[index].publisher, nullptr);
  publisher->OnPublished(published[index].ticket, status);
}

void TestBroker::AnswerAll() {
  for (; answered_ < published.size(); ++answered_) {
    if (published[answered_].publisher != nullptr) Answer(answered_);
  }
}

void TestBroker::AnswerAuth(std::string_view json) {
  ASSERT_FALSE(questions.empty());
  const Question first = std::move(questions.front());
  questions.pop_front();
  if (first.ticket->session != nullptr) {
    first.ticket->session->OnAuthAnswer(Authorizations::Parse(json));
  }
}

Result<Topic*> TestBroker::LocalTopic(std::string_view topic) {
  if (!topic_errors.empty()) {
    const Status status = topic_errors.front();
    topic_errors.pop_front();
    if (!status.ok()) return status;
  }
  if (elsewhere.contains(topic)) return static_cast<Topic*>(nullptr);
  return &MakeTopic(topic);
}

void TestBroker::Move(Session* session, std::string topic, std::string channel) {
  on_move(session->Detach(), std::move(topic), std::move(channel));
  loop_.DeferDelete(std::move(sessions_.at(session)));
  sessions_.erase(session);
}

void TestBroker::OnSessionEnded(Session* session) {
  ++ended;
  loop_.DeferDelete(std::move(sessions_.at(session)));
  sessions_.erase(session);
}

// --- SessionTest

SessionTest::SessionTest() {
  SetLogLevel(LogLevel::kFatal);  // thousands of refusals, as they should be
  Connect();
}

void SessionTest::Connect() {
  auto [ours, theirs] = SocketPair();
  clients.push_back(std::make_unique<Client>(std::move(theirs)));
  client = clients.back().get();
  session = broker.Adopt(std::move(ours));
}

void SessionTest::RunUntil(const std::function<bool()>& done, const char* what) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    const size_t heard = client->bytes().size();
    for (const auto& each : clients) each->Pump();
    broker.loop().RunOnce(false);
    for (const auto& each : clients) each->Pump();
    if (done()) return;
    if (client->bytes().size() != heard) continue;
    if (std::chrono::steady_clock::now() > deadline) {
      FAIL() << "did not come about: " << what
             << "\nheard: " << testing::PrintToString(client->Heard());
    }
    // Nothing to do but wait for a timer, or for the client.
    pollfd waiting = {client->fd(), POLLIN, 0};
    ::poll(&waiting, 1, 1);
  }
}

void SessionTest::RunALittle() {
  for (int i = 0; i < 20; ++i) {
    for (const auto& each : clients) each->Pump();
    broker.loop().RunOnce(false);
  }
  for (const auto& each : clients) each->Pump();
}

void SessionTest::ExpectHeard(const std::vector<std::string>& frames) {
  RunUntil([&] { return client->sent_all() && client->Heard().size() >= frames.size(); },
           "the expected number of frames");
  RunALittle();
  EXPECT_EQ(client->Heard(), frames);
  EXPECT_FALSE(client->eof() || client->broken());
}

void SessionTest::ExpectHeardAndClosed(const std::vector<std::string>& frames) {
  const int ended = broker.ended;
  RunUntil([&] { return client->eof() || client->broken(); }, "the end of the connection");
  EXPECT_EQ(client->Heard(), frames);
  EXPECT_TRUE(client->eof()) << "reset";
  client->Drop();
  RunUntil([&] { return broker.ended > ended; }, "the end of the session");
}

void SessionTest::Subscribe(std::string_view topic, std::string_view channel) {
  Say("  V2SUB " + std::string(topic) + " " + std::string(channel) + "\n");
  ExpectHeard({"response OK"});
  client->Forget();
}

}  // namespace nsq::nsqd
