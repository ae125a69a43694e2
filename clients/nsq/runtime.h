#pragma once

#include <nsq/log.h>

#include <memory>

namespace nsq {
namespace client {
class RuntimeCore;
}

struct RuntimeOptions {
  int io_threads = 1;
  // Threads on which callbacks run and coroutines continue.
  int callback_threads = 1;
  LogSink log = StderrSink();
  Severity log_level = Severity::kInfo;
};

// The threads of producers and consumers. One for a program is enough, however many of those it
// has. Thread-safe.
//
// Destroying it closes what connections are left; producers and consumers made with it answer
// kStopped from then on. Not from a handler or callback. After fork() the child must make its own:
// there the parent's answer kStopped too.
class Runtime {
 public:
  explicit Runtime(RuntimeOptions options = {});
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime();

  const std::shared_ptr<client::RuntimeCore>& core() const { return core_; }  // for the library

 private:
  std::shared_ptr<client::RuntimeCore> core_;
};

}  // namespace nsq
