#include "tests/clients/nsq/fake_nsqd.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "common/event/address.h"
#include "common/event/buffer.h"
#include "common/strings.h"
#include "common/wire/frame.h"

namespace nsq::client {
namespace {

SteadyTime Now() { return std::chrono::steady_clock::now(); }

bool Readable(int fd, Duration wait) {
  pollfd waiting = {fd, POLLIN, 0};
  const auto ms = std::chrono::duration_cast<milliseconds>(wait).count();
  return ::poll(&waiting, 1, static_cast<int>(ms)) > 0;
}

}  // namespace

struct FakeNsqd::Client {
  UniqueFd fd;
  std::mutex write_mutex;
  std::string in;
  bool magic_seen = false;
  bool identified = false;
  int rdy = 0;
  int in_flight = 0;
  bool closing = false;
  SteadyTime next_message;
  SteadyTime next_heartbeat;

  void Send(std::string_view bytes) {
    const std::lock_guard<std::mutex> lock(write_mutex);
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0) return;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  void SendFrame(uint32_t type, std::string_view payload) {
    Buffer frame;
    AppendFrame(static_cast<FrameType>(type), payload, &frame);
    Send(frame.view());
  }
};

FakeNsqd::FakeNsqd(Script script) : script_(std::move(script)) {
  auto fd = Listen({"127.0.0.1", 0, ""});
  EXPECT_TRUE(fd.ok()) << fd.status().ToString();
  listener_ = std::move(*fd);
  port_ = BoundPort(listener_.get());
  acceptor_ = std::thread([this] { Accept(); });
}

FakeNsqd::~FakeNsqd() {
  stopping_ = true;
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
}

std::string FakeNsqd::address() const { return StrCat("127.0.0.1:", port_); }

void FakeNsqd::Accept() {
  while (!stopping_) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!listener_.valid()) return;
    const int listener = listener_.get();
    if (!Readable(listener, Duration::zero())) {
      lock.unlock();
      std::this_thread::sleep_for(milliseconds(1));
      continue;
    }
    UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd.valid()) continue;
    SetTcpOptions(fd.get());
    auto client = std::make_shared<Client>();
    client->fd = std::move(fd);
    ++connections_;
    clients_.push_back(client);
    threads_.emplace_back([this, client] { Serve(client); });
  }
}

void FakeNsqd::StopListening() {
  const std::lock_guard<std::mutex> lock(mutex_);
  listener_.Reset();
}

void FakeNsqd::Disconnect() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& client : clients_) ::shutdown(client->fd.get(), SHUT_RDWR);
}

void FakeNsqd::SendAll(uint32_t type, std::string_view payload) {
  std::list<std::shared_ptr<Client>> clients;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    clients = clients_;
  }
  for (const auto& client : clients) client->SendFrame(type, payload);
}

void FakeNsqd::Add(std::string body, uint16_t attempts) {
  const std::lock_guard<std::mutex> lock(mutex_);
  messages_.push_back({std::move(body), attempts});
}

void FakeNsqd::Serve(const std::shared_ptr<Client>& client) {
  client->next_heartbeat = Now() + script_.heartbeat_interval;
  while (!stopping_ && !client->closing) {
    if (Readable(client->fd.get(), milliseconds(1)) && !ReadSome(client.get())) break;
    while (!client->closing && Understand(client.get())) {
    }
    if (script_.mute && client->identified) continue;
    if (script_.heartbeat_interval > Duration::zero() && Now() >= client->next_heartbeat) {
      client->next_heartbeat = Now() + script_.heartbeat_interval;
      Note("heartbeat");
      client->SendFrame(0, kHeartbeat);
    }
    if (client->rdy == 0 || Now() < client->next_message) continue;
    if (script_.wait_for_answer && client->in_flight > 0) continue;
    std::string frame;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (messages_.empty()) continue;
      char id[17];
      std::snprintf(id, sizeof id, "%016d", ++last_id_);
      Buffer buffer;
      AppendMessageFrame(1, messages_.front().attempts, id, messages_.front().body, &buffer);
      frame = buffer.view();
      messages_.pop_front();
    }
    client->next_message = Now() + script_.message_interval;
    ++client->in_flight;
    client->Send(frame);
  }
  ::shutdown(client->fd.get(), SHUT_RDWR);
  if (!client->closing) Note("EOF");
}

bool FakeNsqd::ReadSome(Client* client) {
  char bytes[65536];
  const ssize_t n = ::recv(client->fd.get(), bytes, sizeof bytes, 0);
  if (n <= 0) return false;
  client->in.append(bytes, static_cast<size_t>(n));
  return true;
}

bool FakeNsqd::Understand(Client* client) {
  std::string& in = client->in;
  if (!client->magic_seen) {
    if (in.size() < 4) return false;
    EXPECT_EQ(in.substr(0, 4), kMagicV2);
    in.erase(0, 4);
    client->magic_seen = true;
  }
  const size_t end = in.find('\n');
  if (end == std::string::npos) return false;
  const std::string line = in.substr(0, end);
  size_t used = end + 1;
  std::string body;
  const std::string word = line.substr(0, line.find(' '));
  if (word == "IDENTIFY" || word == "AUTH" || word == "PUB" || word == "MPUB" || word == "DPUB") {
    if (in.size() < used + 4) return false;
    const size_t size = LoadBig32(in.data() + used);
    if (in.size() < used + 4 + size) return false;
    body = in.substr(used + 4, size);
    used += 4 + size;
  }
  in.erase(0, used);
  OnCommand(client, line, body);
  return true;
}

void FakeNsqd::OnCommand(Client* client, const std::string& line, const std::string& body) {
  const std::string word = line.substr(0, line.find(' '));
  if (word == "FIN" || word == "SUB" || word == "TOUCH") {
    Note(word);
  } else if (word == "REQ") {
    Note("REQ " + line.substr(line.rfind(' ') + 1));
  } else {
    Note(line);
  }
  if (word == "FIN" || word == "REQ") --client->in_flight;
  if (word == "IDENTIFY") {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      identify_body_ = body;
    }
    client->SendFrame(0, script_.identify_answer);
    client->identified = true;
    return;
  }
  if (script_.mute) return;
  if (word == "SUB") {
    const bool error = script_.sub_answer.starts_with("E_");
    client->SendFrame(error ? 1 : 0, script_.sub_answer);
    client->closing = error;
  } else if (word == "RDY") {
    EXPECT_TRUE(ParseInt(line.substr(4), &client->rdy)) << line;
  } else if (word == "CLS") {
    client->rdy = 0;
    if (script_.answer_cls) client->SendFrame(0, kCloseWait);
  } else if (word == "AUTH") {
    client->SendFrame(0, R"({"identity":"","identity_url":"","permission_count":1})");
  } else if (word == "PUB" || word == "MPUB" || word == "DPUB") {
    const std::string answer = script_.on_publish ? script_.on_publish(line) : "OK";
    if (answer == "close") {
      client->closing = true;
    } else if (!answer.empty()) {
      client->SendFrame(answer.starts_with("E_") ? 1 : 0, answer);
    }
  }
}

void FakeNsqd::Note(std::string command) {
  const std::lock_guard<std::mutex> lock(mutex_);
  commands_.push_back(std::move(command));
  changed_.notify_all();
}

std::vector<std::string> FakeNsqd::commands() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return commands_;
}

std::vector<std::string> FakeNsqd::AwaitCommands(size_t count) const {
  std::vector<std::string> said;
  Await([&](const std::vector<std::string>& all) {
    said = all;
    std::erase_if(said, [](const std::string& c) { return c == "NOP" || c == "heartbeat"; });
    return said.size() >= count;
  });
  return said;
}

bool FakeNsqd::Await(const std::function<bool(const std::vector<std::string>&)>& condition) const {
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return condition(commands_); });
}

std::string FakeNsqd::identify_body() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return identify_body_;
}

}  // namespace nsq::client
