#include "clients/nsq/internal/resolver.h"

#include <utility>

#include "clients/nsq/internal/runtime_core.h"
#include "common/event/helper_pool.h"

namespace nsq::client {

struct Resolver::ResolveJob : Job {
  ResolveJob(std::shared_ptr<Resolver*> r, Address a)
      : resolver(std::move(r)), address(std::move(a)) {}
  void Run() noexcept override { addresses = ResolveHost(address); }
  void Open() noexcept override {
    if (*resolver != nullptr) (*resolver)->on_resolved_(std::move(addresses));
  }
  const std::shared_ptr<Resolver*> resolver;
  const Address address;
  Result<std::vector<Address>> addresses = std::vector<Address>();
};

Resolver::Resolver(EventLoop& loop, RuntimeCore& runtime, OnResolved on_resolved)
    : loop_(loop),
      runtime_(runtime),
      on_resolved_(std::move(on_resolved)),
      self_(std::make_shared<Resolver*>(this)) {}

Resolver::~Resolver() { *self_ = nullptr; }

void Resolver::Start(const Result<Address>& address) {
  if (!address.ok()) {
    on_resolved_(address.status());
  } else if (NeedsResolving(*address)) {
    runtime_.helpers().Submit(std::make_unique<ResolveJob>(self_, *address), &loop_);
  } else {
    on_resolved_(std::vector<Address>{*address});
  }
}

}  // namespace nsq::client
