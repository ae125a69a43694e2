#pragma once

#include <nsq/client_options.h>
#include <nsq/error.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clients/nsq/internal/identify.h"
#include "clients/nsq/internal/resolver.h"
#include "common/event/address.h"
#include "common/event/connection.h"
#include "common/event/timer.h"
#include "common/event/unique_fd.h"
#include "common/wire/frame.h"

namespace nsq::client {

class RuntimeCore;
}  // namespace nsq::client

namespace nsq {
class TlsContext;
}

namespace nsq::client {

// One connection to one nsqd, from looking its name up to its end: handshake (IDENTIFY, TLS,
// compression, AUTH), frames, heartbeats, and finding out that nobody is there any more.
//
// Home: its loop. Used once: whoever wants to connect again makes another.
class Link final : public Deferrable, private Connection::Handler {
 public:
  // Calls come on the loop, never from inside a method of Link. Each may Close the link, but not
  // destroy it: DeferDelete it.
  class Owner {
   public:
    virtual ~Owner() = default;
    // The handshake is done: commands may be sent.
    virtual void OnReady(Link& link) = 0;
    virtual void OnResponse(Link& link, std::string_view text) = 0;
    virtual void OnServerError(Link& link, std::string_view text) = 0;
    // Messages as they stand in their frames, in one piece of memory, borrowed.
    virtual void OnMessages(Link& link, std::span<const std::string_view> messages) = 0;
    // All that could be handed over was: end of what one read brought.
    virtual void OnReadDone(Link& /*link*/) {}
    // It could not be established, or has ended. Called once, never after Close.
    virtual void OnLost(Link& link, const Error& why) = 0;
    // What CloseAfterFlush had to do is done.
    virtual void OnEnded(Link& /*link*/) {}
    // Something the user should know and that ends nothing.
    virtual void OnWarning(Link& link, const std::string& text) = 0;
  };

  // `options`, `runtime` and `owner` outlive the link. `tls` is not null if the options ask for it.
  Link(EventLoop& loop, RuntimeCore& runtime, std::string address, const ClientOptions& options,
       std::shared_ptr<const TlsContext> tls, Owner* owner);
  ~Link() override;

  void Start();

  const std::string& address() const { return address_; }
  bool ready() const { return stage_ == Stage::kReady; }
  const ServerTraits& traits() const { return traits_; }
  // When the server last said anything.
  SteadyTime last_read() const { return last_read_; }

  // Only while ready: a socket of its own to the same end, for writing whole commands from another
  // thread while nothing is unsent here. Invalid if what is said is encrypted or compressed.
  UniqueFd SocketForWriting() const;

  // Only while ready. Sent at the end of the turn.
  Buffer& out() { return connection_->out(); }
  void Flush();
  void Send(std::string_view command) {
    out().Append(command);
    Flush();
  }
  size_t unsent_bytes() const { return connection_ == nullptr ? 0 : connection_->unsent_bytes(); }

  // At once, or after what was said has been sent (OnEnded follows); OnLost is not called.
  void Close();
  void CloseAfterFlush();
  bool closed() const { return stage_ == Stage::kClosed; }

 private:
  enum class Stage {
    kResolving,
    kIdentify,    // connecting, or waiting for the answer to IDENTIFY
    kTls,         // shaking hands, or waiting for the OK behind the new layer
    kCompressed,  // waiting for that OK
    kAuth,
    kReady,
    kClosed,
  };
  struct Grave;

  size_t OnData(std::string_view data) override;
  void OnEof(std::string_view rest) override;
  void OnClosed(const Status& why) override;
  void OnFilterReady(const Status& status) override;

  void OnResolved(Result<std::vector<Address>> addresses);
  void TryNextAddress();
  void OnFrame(FrameType type, std::string_view payload);
  void OnHandshakeFrame(FrameType type, std::string_view payload);
  void AfterIdentify(std::string_view answer);
  void PushTls();
  void PushCompression();
  void AskAuth();
  void BecomeReady();
  void FlushMessages();
  void CheckReads();
  void CheckWrites();
  void BuryConnection();
  void Lose(ErrorCode code, std::string detail);
  void ConnectFailed(ErrorCode code, const std::string& detail);

  EventLoop& loop_;
  const std::string address_;
  const ClientOptions& options_;
  Owner* const owner_;
  const std::shared_ptr<const TlsContext> tls_;

  Stage stage_ = Stage::kResolving;
  Resolver resolver_;
  std::vector<Address> addresses_;  // not yet tried
  std::string dialled_;
  std::unique_ptr<Connection> connection_;
  ServerTraits traits_;
  SteadyTime last_read_;
  bool read_anything_ = false;
  uint64_t sent_before_ = 0;  // when write_timer_ was armed
  std::vector<std::string_view> messages_;
  Timer dial_timer_;
  Timer handshake_timer_;
  Timer read_timer_;
  Timer write_timer_;
};

}  // namespace nsq::client
