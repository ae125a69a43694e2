#pragma once

#include <nsq/client_options.h>
#include <nsq/error.h>

#include <memory>

namespace nsq {
class TlsContext;
}

namespace nsq::client {

// The certificates that the options name, as read now; null if they do not ask for TLS.
// kTlsFailed: a file cannot be read, or does not hold what it should.
Expected<std::shared_ptr<const TlsContext>> MakeTls(const ClientOptions& options);

}  // namespace nsq::client
