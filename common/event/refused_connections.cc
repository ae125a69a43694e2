#include "common/event/refused_connections.h"

#include <utility>

#include "common/event/address.h"
#include "common/event/connection.h"
#include "common/log.h"

namespace nsq {
namespace {
constexpr Duration kLogInterval = seconds(10);
}  // namespace

class RefusedConnections::One final : public Connection::Handler, public Deferrable {
 public:
  One(RefusedConnections& owner, UniqueFd fd, std::string_view words)
      : owner_(owner), connection_(owner.loop_, std::move(fd), this) {
    connection_.out().Append(words);
    connection_.CloseAfterFlush();
  }

  size_t OnData(std::string_view data) override { return data.size(); }
  void OnEof(std::string_view /*rest*/) override {}
  void OnClosed(const Status& /*why*/) override { owner_.OnGone(this); }

 private:
  RefusedConnections& owner_;
  Connection connection_;
};

RefusedConnections::RefusedConnections(EventLoop& loop, std::string kind)
    : loop_(loop), home_(loop.home()), kind_(std::move(kind)) {}

RefusedConnections::~RefusedConnections() { home_.Assert(); }

void RefusedConnections::Refuse(UniqueFd fd, std::string_view words) {
  home_.Assert();
  Log(fd.get());
  if (all_.size() >= kMaxAtOnce) return;
  auto one = std::make_unique<One>(*this, std::move(fd), words);
  One* const key = one.get();
  all_.emplace(key, std::move(one));
}

size_t RefusedConnections::size() const {
  home_.Assert();
  return all_.size();
}

void RefusedConnections::Log(int fd) {
  ++unlogged_;
  if (loop_.Now() < next_log_) return;
  next_log_ = loop_.Now() + kLogInterval;
  NSQ_LOG(kWarn, kind_, ": ", std::exchange(unlogged_, 0),
          " refused for --max-connections, the last one client(", PeerAddress(fd), ")");
}

void RefusedConnections::OnGone(One* one) {
  home_.Assert();
  auto gone = all_.extract(one);
  loop_.DeferDelete(std::move(gone.mapped()));
}

}  // namespace nsq
