#include "nsqd/daemon/statsd/statsd_pusher.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/event/address.h"
#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "common/log.h"
#include "common/strings.h"
#include "nsqd/http/memory_stats.h"

namespace nsq::nsqd {
namespace {

// What is left of the interval when the last datagram leaves.
constexpr Duration kSpare = seconds(1);

// May wait for a name server.
Result<UniqueFd> ConnectUdp(const std::string& text) {
  const Result<Address> address = ParseAddress(text);
  if (!address.ok()) return address.status();
  if (address->is_unix()) return Status(Code::kInvalid, "missing port in address");
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(address->host.empty() ? nullptr : address->host.c_str(),
                                   StrCat(address->port).c_str(), &hints, &found);
  if (failed != 0) return Status(Code::kUnavailable, ::gai_strerror(failed));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  Status status(Code::kUnavailable, "no address");
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    UniqueFd fd(::socket(at->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    // Sends nothing: says where to.
    if (fd.valid() && ::connect(fd.get(), at->ai_addr, at->ai_addrlen) == 0) return fd;
    status = Status(Code::kIo, std::strerror(errno));
  }
  return status;
}

}  // namespace

struct StatsdPusher::Connect : Job {
  Connect(std::shared_ptr<Ticket> t, std::string a) : ticket(std::move(t)), address(std::move(a)) {}
  void Run() noexcept override { socket = ConnectUdp(address); }
  void Open() noexcept override {
    if (ticket->pusher != nullptr) ticket->pusher->OnConnected(std::move(socket));
  }
  const std::shared_ptr<Ticket> ticket;
  const std::string address;
  Result<UniqueFd> socket = Status(Code::kUnavailable, "not tried");
};

StatsdPusher::StatsdPusher(EventLoop& loop, HelperPool& pool, StatsdTarget target,
                           StatsdFormat format, Gather gather)
    : loop_(loop),
      home_(loop.home()),
      pool_(pool),
      target_(std::move(target)),
      gather_(std::move(gather)),
      ticket_(std::make_shared<Ticket>(Ticket{this})),
      report_(std::move(format)),
      interval_(loop, [this] { OnInterval(); }),
      pace_(loop, [this] { SendDue(); }) {
  home_.Assert();
  interval_.ArmAfter(target_.interval);
}

StatsdPusher::~StatsdPusher() {
  home_.Assert();
  NSQ_LOG(kInfo, "STATSD: closing");
  ticket_->pusher = nullptr;
  SendUpTo(datagrams_.size());
}

void StatsdPusher::OnInterval() {
  home_.Assert();
  // From when it was due: a late turn must not make all pushes later.
  interval_.ArmAt(std::max(interval_.when() + target_.interval, loop_.Now()));
  if (busy_) return;  // a name server that takes longer than the interval
  busy_ = true;
  pool_.Submit(std::make_unique<Connect>(ticket_, target_.address), &loop_);
}

void StatsdPusher::OnConnected(Result<UniqueFd> socket) {
  home_.Assert();
  if (!socket.ok()) {
    busy_ = false;
    NSQ_LOG(kError, "failed to create UDP socket to statsd(", target_.address, ") - ",
            socket.status().detail());
    return;
  }
  NSQ_LOG(kInfo, "STATSD: pushing stats to ", target_.address);
  SendUpTo(datagrams_.size());
  socket_ = std::move(*socket);
  gather_([ticket = ticket_](const DaemonStats& stats) {
    if (ticket->pusher != nullptr) ticket->pusher->OnStats(stats);
  });
}

void StatsdPusher::OnStats(const DaemonStats& stats) {
  home_.Assert();
  busy_ = false;
  std::optional<MemoryStats> memory;
  if (target_.memory) memory = ReadMemory(stats);
  datagrams_ = report_.Next(stats, memory);
  sent_ = 0;
  began_ = loop_.Now();
  SendDue();
}

void StatsdPusher::SendDue() {
  home_.Assert();
  if (datagrams_.empty()) return;
  const Duration gap = (target_.interval - kSpare) / static_cast<int64_t>(datagrams_.size());
  const auto due =
      gap > Duration::zero() ? static_cast<size_t>((loop_.Now() - began_) / gap) + 1 : sent_ + 1;
  SendUpTo(std::min(std::max(due, sent_ + 1), datagrams_.size()));
  if (sent_ < datagrams_.size()) {
    pace_.ArmAt(began_ + gap * static_cast<int64_t>(sent_));
  } else {
    datagrams_.clear();
    socket_.Reset();
  }
}

void StatsdPusher::SendUpTo(size_t count) {
  for (; sent_ < count; ++sent_) {
    const std::string& datagram = datagrams_[sent_];
    // Nobody listening is an error of the next send, which is lost as well: UDP is like that.
    [[maybe_unused]] const ssize_t n =
        ::send(socket_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

}  // namespace nsq::nsqd
