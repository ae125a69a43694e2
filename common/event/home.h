#pragma once

#include <thread>

#include "common/check.h"

#if defined(__clang__)
#define NSQ_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define NSQ_THREAD_ATTRIBUTE(x)
#endif

#define NSQ_CAPABILITY(name) NSQ_THREAD_ATTRIBUTE(capability(name))
#define NSQ_ASSERT_CAPABILITY(x) NSQ_THREAD_ATTRIBUTE(assert_capability(x))
#define NSQ_GUARDED_BY(x) NSQ_THREAD_ATTRIBUTE(guarded_by(x))
#define NSQ_PT_GUARDED_BY(x) NSQ_THREAD_ATTRIBUTE(pt_guarded_by(x))
#define NSQ_REQUIRES(x) NSQ_THREAD_ATTRIBUTE(requires_capability(x))
#define NSQ_NO_THREAD_SAFETY_ANALYSIS NSQ_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace nsq {

// The one thread that may touch an object. Whoever lives on a loop holds `const Home& home_`,
// guards its data by it and begins its public methods with `home_.Assert()`: clang proves at
// compile time that no method forgot it, debug builds check at run time that it is true.
//
// Home: itself; Bind is called before anybody else holds a reference.
class NSQ_CAPABILITY("home") Home {
 public:
  // Bound to the calling thread.
  Home() : thread_(std::this_thread::get_id()) {}
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  // Hands everything that lives here to the calling thread. Nobody else may be in it: before the
  // loop's thread starts its work, or after it has been joined.
  void Bind() { thread_ = std::this_thread::get_id(); }

  bool IsHere() const { return thread_ == std::this_thread::get_id(); }

  void Assert() const NSQ_ASSERT_CAPABILITY(this) { NSQ_DCHECK(IsHere()); }

 private:
  std::thread::id thread_;
};

}  // namespace nsq
