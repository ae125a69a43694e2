#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "common/time.h"

namespace nsq::http {

// Finds out whether a name server answers for a host in time: the system's resolver knows no limit
// but its own, which is ten seconds and more, and cannot be interrupted.
//
// Home: any thread, several at once. A lookup that takes too long goes on by itself, on a thread of
// its own, one for each host; whoever asks for that host meanwhile waits for it too.
class NameCheck {
 public:
  // Blocks until it knows; for tests another than the system's.
  using Resolve = std::function<void(const std::string& host)>;

  // An answer counts for so long: who asks often should not ask the name server twice each time.
  static constexpr Duration kGoodFor = seconds(5);

  explicit NameCheck(Resolve resolve = nullptr);
  NameCheck(const NameCheck&) = delete;
  NameCheck& operator=(const NameCheck&) = delete;
  ~NameCheck();

  // Whether there was an answer, of whatever kind, within `limit`. At once for a number.
  bool Answered(const std::string& host, Duration limit);

 private:
  struct Lookup;

  const Resolve resolve_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Lookup>> lookups_;  // under mutex_
};

}  // namespace nsq::http
