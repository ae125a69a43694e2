#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/buffer.h"
#include "common/event/event_loop.h"
#include "common/event/stream_filter.h"
#include "common/event/unique_fd.h"
#include "common/status.h"
#include "common/time.h"

namespace nsq {

class Timer;

// A connected socket on its way from one loop to another, with what was read and not yet
// understood, what was said and not yet sent, and its filters in mid-stream.
struct DetachedConnection {
  UniqueFd fd;
  Buffer in;
  Buffer out;                                          // not yet through the filters
  Buffer encoded;                                      // through the filters, not yet sent
  std::vector<std::unique_ptr<StreamFilter>> filters;  // outermost first
  bool input_ended = false;                            // by a filter
  Status input_status;
};

// A connected stream socket: reads, filters, and writes once a turn.
//
// Home: its loop; ownership moves as a DetachedConnection in a letter.
// Owns: the socket, its two buffers and its filters.
// Memory: an idle connection holds no buffer. What the peer does not read piles up in `out`; the
// owner looks at unsent_bytes() and stops producing.
class Connection {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;

    // `data` is everything received and not yet consumed. Returns how much of it is consumed; the
    // rest is offered again with what follows it. Called again in a later turn if reading is
    // paused meanwhile. May close the connection, which makes its answer void, but not detach it
    // (what was offered would be lost) nor destroy it (DeferDelete it).
    virtual size_t OnData(std::string_view data) = 0;

    // The peer has ended its side, or a filter does not understand it any more (input_status());
    // nothing more will come. Called once. `rest` was received and not consumed. The connection
    // stays open for what is still to be said: end it by Close or CloseAfterFlush.
    virtual void OnEof(std::string_view rest) = 0;

    // The connection broke, or CloseAfterFlush is done (kOk). It is closed; called once, never
    // after Close or Detach, never from inside a method of Connection.
    virtual void OnClosed(const Status& why) = 0;

    // All that was said has been handed to the kernel, after it had not been for a while.
    virtual void OnDrained() {}

    // The filter pushed last, which had to shake hands first, can carry what is said (kOk), or
    // never will: then it is off again, what is said goes out without it, and nothing more is
    // read; OnEof does not follow. Never called from inside a method of Connection.
    virtual void OnFilterReady(const Status& /*status*/) {}
  };

  // `handler` outlives the connection. Reading starts with the next turn.
  Connection(EventLoop& loop, UniqueFd fd, Handler* handler);
  Connection(EventLoop& loop, DetachedConnection detached, Handler* handler);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // What is appended here is sent at the end of the turn, after FlushAtTurnEnd.
  Buffer& out() { return RoomIn(&out_, false); }
  // The same, for what is more than an answer.
  Buffer& bulk_out() { return RoomIn(&out_, true); }
  void FlushAtTurnEnd() { loop_.AtTurnEnd(TurnPhase::kSocket, &flush_); }

  // Bytes said but not yet taken by the kernel.
  size_t unsent_bytes() const { return out_.size() + encoded_.size(); }
  // Bytes taken by the kernel so far: whether it still moves tells a slow peer from a stuck one.
  uint64_t sent_bytes() const { return sent_bytes_; }

  // Adds a layer next to the session. Bytes said before go out without it; bytes received and not
  // yet consumed are taken to be in the new layer's form. A filter that has to shake hands holds
  // back what is said until OnFilterReady; none may be pushed behind it until then.
  void PushFilter(std::unique_ptr<StreamFilter> filter);
  bool filtered() const { return !filters_.empty(); }
  // Takes a filter off that is not ready, as if it had failed; OnFilterReady is not called.
  void AbandonFilter();
  // Gives back what the filters can do without. For now and then.
  void TrimFilters();

  // While paused nothing is read; OnData is not called.
  void PauseReading();
  // Offers what is buffered again, in this turn's end or the next turn.
  void ResumeReading();

  // Sends what the kernel takes now. Errors are reported by OnClosed, later.
  void FlushNow();

  // Stops reading, sends what is buffered, then closes the sending side, reads and drops what the
  // peer still sends for a moment (so that it gets our last words and not a reset) and closes.
  // OnClosed follows; a peer that reads nothing for `patience` is given up.
  void CloseAfterFlush(Duration patience = seconds(5));

  // Closes at once and drops what was not sent. OnClosed is not called.
  void Close();
  bool closed() const { return !fd_.valid(); }

  // Stops all events here and gives the connection away. This object is closed then. Not from
  // inside OnData: pause reading there, and detach at the turn's end.
  DetachedConnection Detach();

  EventLoop& loop() const { return loop_; }
  int fd() const { return fd_.get(); }

  // Whether the peer has ended its side.
  bool eof() const { return eof_; }
  // Why a filter understands nothing more; kOk if none has said so.
  const Status& input_status() const { return input_status_; }

 private:
  struct FlushTask : TurnTask {
    explicit FlushTask(Connection* c) : connection(c) {}
    void AtTurnEnd() noexcept override { connection->FlushNow(); }
    Connection* const connection;
  };
  struct WakeTask : TurnTask {
    explicit WakeTask(Connection* c) : connection(c) {}
    void AtTurnEnd() noexcept override { connection->OnWake(); }
    Connection* const connection;
  };

  void Start();
  void OnClosingTimer();
  bool WantsReads() const;
  void UpdateReads();
  void WatchWrites(bool on);
  void OnReadable();
  void OnWake();
  size_t OfferToHandler(std::string_view data);
  Buffer& RoomIn(Buffer* buffer, bool large) {
    if (buffer->capacity() == 0) *buffer = loop_.TakeSpare(large);
    return *buffer;
  }
  void GiveBack(Buffer* buffer);
  void Offer();
  void TellEof();
  void Linger();
  bool HasMore() const;
  void DecodeMore();
  bool TakeOver();
  void DecodeInto(size_t first_filter, std::string_view outer);
  void Reply(size_t filter, Buffer reply);
  void EndInput(Status why);
  Status EncodeOut();
  void Fail(Status why);

  EventLoop& loop_;
  Handler* const handler_;
  UniqueFd fd_;
  event* read_event_ = nullptr;
  event* write_event_ = nullptr;
  Buffer in_;       // received, through the filters, not consumed
  Buffer out_;      // said, not yet through the filters
  Buffer encoded_;  // said, through the filters, not yet sent
  std::vector<std::unique_ptr<StreamFilter>> filters_;  // outermost first
  FlushTask flush_{this};
  WakeTask wake_{this};  // reports a failure, or offers in_ after a pause
  Status failure_;
  uint64_t sent_bytes_ = 0;
  uint64_t sent_before_ = 0;  // when the closing timer was armed
  size_t reply_bytes_ = 0;    // that layers said of their own since all had been sent
  bool finished_ = false;     // closed; OnWake reports failure_
  bool paused_ = false;
  bool eof_ = false;
  bool eof_told_ = false;
  bool offering_ = false;  // inside OnData
  // The first filter pushed since in_ was looked at: what is in there is in its form.
  std::optional<size_t> first_new_filter_;
  bool reading_ = false;    // the kernel is asked
  bool opening_ = false;    // the last filter is not ready
  bool deaf_ = false;       // a filter understands nothing more
  Status input_status_;     // why
  bool abandoned_ = false;  // by AbandonFilter: nothing more is offered
  bool unoffered_ = false;  // in_ holds what the handler has not seen, or asked to see again
  bool stuck_ = false;      // the kernel took less than all
  bool closing_ = false;    // CloseAfterFlush
  bool lingering_ = false;  // sending side shut, waiting for the peer's end
  std::unique_ptr<Timer> closing_timer_;
  Duration patience_{0};
};

}  // namespace nsq
