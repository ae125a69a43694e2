#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/filters/tls_context.h"
#include "common/status.h"

namespace nsq {
class EventLoop;
class HelperPool;
}  // namespace nsq

namespace nsq::nsqd {

struct Options;

// What TLS clients of nsqd meet, by port: the same certificates, read once or once a reload.
struct TlsContexts {
  std::shared_ptr<const TlsContext> tcp;
  std::shared_ptr<const TlsContext> https;

  bool any() const { return tcp != nullptr; }
};

// Reads the files that the options name; nothing if they name no certificate.
Result<TlsContexts> LoadTls(const Options& options);

// The same on a thread of `pool`; `done` is called on `loop`. `options` outlive that.
void ReloadTls(const Options& options, HelperPool& pool, EventLoop* loop,
               std::function<void(Result<TlsContexts>)> done);

}  // namespace nsq::nsqd
