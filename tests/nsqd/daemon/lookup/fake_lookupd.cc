#include "tests/nsqd/daemon/lookup/fake_lookupd.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "common/event/address.h"
#include "common/event/buffer.h"
#include "common/strings.h"
#include "common/wire/frame.h"

namespace nsq::nsqd {

std::string LookupFrame(std::string_view payload) {
  char size[4];
  StoreBig32(size, static_cast<uint32_t>(payload.size()));
  return std::string(size, sizeof size).append(payload);
}

class FakeLookupd::Session : Connection::Handler {
 public:
  Session(FakeLookupd& fake, UniqueFd fd)
      : fake_(fake), connection_(fake.loop_, std::move(fd), this) {}

  bool open() const { return !connection_.closed(); }

  void Say(std::string_view bytes) {
    connection_.out().Append(bytes);
    connection_.FlushAtTurnEnd();
  }

 private:
  size_t OnData(std::string_view data) override {
    size_t used = 0;
    if (!magic_seen_) {
      if (data.size() < kMagicV1.size()) return 0;
      if (!data.starts_with(kMagicV1)) ++fake_.bad_magics;
      used = kMagicV1.size();
      magic_seen_ = true;
    }
    while (true) {
      const std::string_view rest = data.substr(used);
      const size_t line = rest.find('\n');
      if (line == std::string_view::npos) return used;
      std::string command(rest.substr(0, line));
      size_t length = line + 1;
      if (command == "IDENTIFY") {
        if (rest.size() < length + 4) return used;
        const size_t size = LoadBig32(rest.data() + length);
        if (rest.size() < length + 4 + size) return used;
        command.append(" ").append(rest.substr(length + 4, size));
        length += 4 + size;
      }
      used += length;
      Take(command);
    }
  }
  void OnEof(std::string_view /*rest*/) override { connection_.Close(); }
  void OnClosed(const Status& /*why*/) override {}

  void Take(const std::string& command) {
    fake_.commands.push_back(command);
    if (fake_.answer) {
      if (const auto bytes = fake_.answer(command)) Say(*bytes);
    } else {
      Say(command.starts_with("IDENTIFY") ? fake_.Identity() : LookupFrame("OK"));
    }
  }

  FakeLookupd& fake_;
  bool magic_seen_ = false;
  Connection connection_;
};

FakeLookupd::FakeLookupd(EventLoop& loop)
    : loop_(loop), reserved_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int yes = 1;
  ::setsockopt(reserved_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(reserved_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  port_ = BoundPort(reserved_.get());
}

FakeLookupd::~FakeLookupd() = default;

void FakeLookupd::Open() {
  auto fd = Listen({"127.0.0.1", port_, ""});
  ASSERT_TRUE(fd.ok()) << fd.status().ToString();
  listener_ = std::make_unique<Listener>(loop_, std::move(*fd), [this](UniqueFd accepted_fd) {
    ++accepted;
    sessions_.emplace_back(*this, std::move(accepted_fd));
  });
}

void FakeLookupd::Close() {
  listener_.reset();
  sessions_.clear();
}

std::string FakeLookupd::Identity() const {
  return LookupFrame(StrCat("{\"broadcast_address\":\"", broadcast_address,
                            "\",\"hostname\":\"h\",\"http_port\":", http_port,
                            ",\"tcp_port\":", port_, ",\"version\":\"1.3.0\"}"));
}

std::vector<std::string> FakeLookupd::AfterIdentify() const {
  std::vector<std::string> rest;
  std::copy_if(commands.begin(), commands.end(), std::back_inserter(rest),
               [](const std::string& command) { return !command.starts_with("IDENTIFY"); });
  return rest;
}

int FakeLookupd::open_connections() const {
  return static_cast<int>(std::count_if(sessions_.begin(), sessions_.end(),
                                        [](const Session& session) { return session.open(); }));
}

void FakeLookupd::Say(std::string_view bytes) { sessions_.back().Say(bytes); }

}  // namespace nsq::nsqd
