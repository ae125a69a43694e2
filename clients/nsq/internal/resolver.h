#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/event/address.h"
#include "common/event/event_loop.h"
#include "common/status.h"

namespace nsq::client {

class RuntimeCore;

// Finds the numbers behind an address, on the helper pool if a name has to be looked up.
//
// Home: its loop. Destroying it means that it will not call any more.
class Resolver {
 public:
  using OnResolved = std::function<void(Result<std::vector<Address>>)>;

  Resolver(EventLoop& loop, RuntimeCore& runtime, OnResolved on_resolved);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver();

  // Calls back before it returns if there is nothing to look up.
  void Start(const Result<Address>& address);

 private:
  struct ResolveJob;

  EventLoop& loop_;
  RuntimeCore& runtime_;
  const OnResolved on_resolved_;
  const std::shared_ptr<Resolver*> self_;  // null inside once it is gone
};

}  // namespace nsq::client
