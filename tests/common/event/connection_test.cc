#include "common/event/connection.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "common/event/address.h"
#include "common/event/listener.h"

namespace nsq {
namespace {

// Understands lines: consumes whole ones only, as a session does with commands.
struct LineReader : Connection::Handler {
  size_t OnData(std::string_view data) override {
    ++offers;
    size_t used = 0;
    while (used < data.size()) {
      const size_t end = data.find('\n', used);
      if (end == std::string_view::npos) break;
      lines.emplace_back(data.substr(used, end - used));
      used = end + 1;
      if (on_line) on_line(lines.back());
      if (stop_after_line) break;
    }
    return used;
  }
  void OnEof(std::string_view data) override {
    ++eofs;
    rest = data;
  }
  void OnClosed(const Status& why) override {
    ++closes;
    closed_by = why;
  }
  void OnDrained() override { ++drains; }
  void OnFilterReady(const Status& status) override {
    ready.push_back(status);
    if (on_ready) on_ready();
  }

  std::vector<Status> ready;
  std::function<void()> on_ready;
  std::vector<std::string> lines;
  std::function<void(const std::string&)> on_line;
  bool stop_after_line = false;
  int offers = 0;
  int eofs = 0;
  int closes = 0;
  int drains = 0;
  std::string rest;
  Status closed_by;
};

// Each byte xor'ed with a key.
struct XorFilter : StreamFilter {
  explicit XorFilter(char k) : key(k) {}
  Status Decode(std::string_view outer, Buffer* inner, Buffer*) override {
    for (const char c : outer) inner->Append(std::string(1, static_cast<char>(c ^ key)));
    return Status();
  }
  Status Encode(std::string_view inner, Buffer* outer) override {
    for (const char c : inner) outer->Append(std::string(1, static_cast<char>(c ^ key)));
    return Status();
  }
  const char key;
};

// Packets of one length byte and as many bytes; answers "?" with a packet of its own, as a layer
// with a handshake does; a packet "!" is corrupt.
struct PacketFilter : StreamFilter {
  Status Decode(std::string_view outer, Buffer* inner, Buffer* reply) override {
    pending += outer;
    while (!pending.empty() && pending.size() > static_cast<uint8_t>(pending[0])) {
      const auto size = static_cast<uint8_t>(pending[0]);
      const std::string packet = pending.substr(1, size);
      pending.erase(0, size + size_t{1});
      if (packet == "!") return Status(Code::kCorrupt, "bad packet");
      if (packet == "?") {
        reply->Append(Packed("hello"));
      } else {
        inner->Append(packet);
      }
    }
    return Status();
  }
  Status Encode(std::string_view inner, Buffer* outer) override {
    for (; !inner.empty(); inner.remove_prefix(std::min<size_t>(inner.size(), 200))) {
      outer->Append(Packed(inner.substr(0, 200)));
    }
    return Status();
  }
  static std::string Packed(std::string_view text) {
    return std::string(1, static_cast<char>(text.size())) + std::string(text);
  }
  std::string pending;
};

std::string Xor(std::string text, char key) {
  for (char& c : text) c = static_cast<char>(c ^ key);
  return text;
}

// A connection on a socket pair; the test holds the other end and runs the turns.
class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() { Renew(); }

  void Renew() {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    peer_ = UniqueFd(ends[0]);
    connection_ = std::make_unique<Connection>(loop_, UniqueFd(ends[1]), &reader_);
  }

  void Turns(int n = 4) {
    for (int i = 0; i < n; ++i) loop_.RunOnce(false);
  }

  void Send(std::string_view bytes) {
    ASSERT_EQ(::send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  void Say(std::string_view bytes) {
    connection_->out().Append(bytes);
    connection_->FlushAtTurnEnd();
  }

  // What has come to the peer; "<EOF>" at the end of the stream.
  std::string Received() {
    std::string got;
    char bytes[65536];
    while (true) {
      const ssize_t n = ::recv(peer_.get(), bytes, sizeof bytes, 0);
      if (n == 0) return got + "<EOF>";
      if (n < 0) return got;
      got.append(bytes, static_cast<size_t>(n));
    }
  }

  EventLoop loop_{"test loop"};
  LineReader reader_;
  std::unique_ptr<Connection> connection_;
  UniqueFd peer_;
};

using Lines = std::vector<std::string>;

TEST_F(ConnectionTest, ItDoesNotMatterWhereTheBytesAreCut) {
  const std::string text = "one\ntwo\n\nthree\n";
  for (size_t first = 0; first <= text.size(); ++first) {
    for (size_t second = first; second <= text.size(); ++second) {
      reader_.lines.clear();
      if (first > 0) Send(text.substr(0, first));
      Turns(1);
      if (second > first) Send(text.substr(first, second - first));
      Turns(1);
      if (second < text.size()) Send(text.substr(second));
      Turns(1);
      ASSERT_EQ(reader_.lines, (Lines{"one", "two", "", "three"})) << first << " " << second;
    }
  }
}

TEST_F(ConnectionTest, ACommandLongerThanAnyReadArrivesWhole) {
  const std::string line(3 * EventLoop::kScratchBytes + 17, 'x');
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = ::send(peer_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n > 0) rest.remove_prefix(static_cast<size_t>(n));
    Turns(1);
  }
  EXPECT_TRUE(reader_.lines.empty());
  Send("\n");
  Turns();
  EXPECT_EQ(reader_.lines, Lines{line});
}

TEST_F(ConnectionTest, WhatIsNotConsumedIsOfferedAgainOnlyWithMore) {
  Send("half");
  Turns();
  EXPECT_EQ(reader_.offers, 1);
  Send(" line\n");
  Turns();
  EXPECT_EQ(reader_.lines, Lines{"half line"});
}

TEST_F(ConnectionTest, PausedItReadsNothingAndResumedItOffersWhatItHas) {
  reader_.stop_after_line = true;
  reader_.on_line = [this](const std::string&) { connection_->PauseReading(); };
  Send("one\ntwo\nthree\n");
  Turns();
  EXPECT_EQ(reader_.lines, Lines{"one"});
  Send("four\n");
  Turns();
  EXPECT_EQ(reader_.lines, Lines{"one"});
  reader_.on_line = nullptr;
  connection_->ResumeReading();
  Turns();
  EXPECT_EQ(reader_.lines, (Lines{"one", "two", "three", "four"}));
}

TEST_F(ConnectionTest, PauseAndResumeInOneTurnLoseNothing) {
  connection_->PauseReading();
  connection_->ResumeReading();
  connection_->ResumeReading();
  Send("one\n");
  Turns();
  EXPECT_EQ(reader_.lines, Lines{"one"});
}

TEST_F(ConnectionTest, EverythingSaidInATurnLeavesAtItsEnd) {
  reader_.on_line = [this](const std::string& line) {
    Say(line + "!");
    EXPECT_EQ(Received(), "") << "not before the turn's end";
  };
  Send("a\nb\nc\n");
  loop_.RunOnce(true);
  EXPECT_EQ(Received(), "a!b!c!");
  EXPECT_EQ(connection_->sent_bytes(), 6u);
}

TEST_F(ConnectionTest, ATurnEndsAlsoIfASocketIsAlwaysReadable) {
  reader_.on_line = [this](const std::string&) { Send("again\n"); };
  Send("first\n");
  loop_.RunOnce(false);
  EXPECT_EQ(reader_.lines, Lines{"first"});
  loop_.RunOnce(true);
  EXPECT_EQ(reader_.lines, (Lines{"first", "again"}));
}

TEST_F(ConnectionTest, AHalfClosedPeerStillGetsItsAnswer) {
  Send("question\nrest");
  ::shutdown(peer_.get(), SHUT_WR);
  Turns();
  EXPECT_EQ(reader_.lines, Lines{"question"});
  EXPECT_EQ(reader_.rest, "rest");
  EXPECT_TRUE(connection_->eof());
  Say("answer");
  Turns();
  EXPECT_EQ(Received(), "answer");
  connection_->CloseAfterFlush();
  Turns();
  EXPECT_EQ(Received(), "<EOF>");
  EXPECT_EQ(reader_.closes, 1);
  EXPECT_TRUE(reader_.closed_by.ok());
  EXPECT_EQ(reader_.eofs, 1);
}

TEST_F(ConnectionTest, TheEndIsToldOnceAlsoIfReadingIsPausedAndResumedAfterIt) {
  ::shutdown(peer_.get(), SHUT_WR);
  Turns();
  connection_->PauseReading();
  Turns();
  connection_->ResumeReading();
  Turns();
  EXPECT_EQ(reader_.eofs, 1);
}

TEST_F(ConnectionTest, TheEndWaitsWhileReadingIsPaused) {
  connection_->PauseReading();
  Send("last\n");
  ::shutdown(peer_.get(), SHUT_WR);
  Turns();
  EXPECT_EQ(reader_.eofs, 0);
  connection_->ResumeReading();
  Turns();
  EXPECT_EQ(reader_.lines, Lines{"last"});
  EXPECT_EQ(reader_.eofs, 1);
}

TEST_F(ConnectionTest, APeerThatDoesNotReadPilesUpBytesAndDrainsLater) {
  const std::string chunk(100'000, 'x');
  while (connection_->unsent_bytes() < 500'000) {
    Say(chunk);
    Turns(1);
  }
  EXPECT_EQ(reader_.drains, 0);
  size_t received = 0;
  while (reader_.drains == 0) {
    received += Received().size();
    Turns(1);
  }
  received += Received().size();
  EXPECT_EQ(received, connection_->sent_bytes());
  EXPECT_EQ(connection_->unsent_bytes(), 0u);
  EXPECT_EQ(reader_.drains, 1);
  Say("small");
  Turns();
  EXPECT_EQ(reader_.drains, 1) << "only after it was stuck";
}

TEST_F(ConnectionTest, ABrokenConnectionIsToldOnceAndLater) {
  peer_.Reset();
  Say("into the void");
  connection_->FlushNow();
  EXPECT_EQ(reader_.closes, 0) << "never from inside a method";
  EXPECT_TRUE(connection_->closed());
  Turns();
  EXPECT_EQ(reader_.closes, 1);
  EXPECT_FALSE(reader_.closed_by.ok());
}

TEST_F(ConnectionTest, CloseTellsNobodyAndDropsWhatWasNotSent) {
  Say("never");
  connection_->Close();
  Turns();
  EXPECT_EQ(Received(), "<EOF>");
  EXPECT_EQ(reader_.closes, 0);
}

TEST_F(ConnectionTest, ItMayBeClosedInsideOnData) {
  reader_.on_line = [this](const std::string&) { connection_->Close(); };
  Send("one\n");
  Turns();
  EXPECT_EQ(Received(), "<EOF>");
  EXPECT_EQ(reader_.closes, 0);
}

// Over TCP, where closing with unread bytes would reset the connection and eat the answer.
TEST_F(ConnectionTest, LastWordsReachAPeerThatKeepsSending) {
  Address address;
  address.host = "127.0.0.1";
  auto listening = Listen(address);
  ASSERT_TRUE(listening.ok());
  address.port = BoundPort(listening->get());
  Listener listener(loop_, std::move(*listening), [this](UniqueFd fd) {
    connection_ = std::make_unique<Connection>(loop_, std::move(fd), &reader_);
  });
  connection_.reset();
  auto client = StartConnect(address);
  ASSERT_TRUE(client.ok());
  peer_ = std::move(*client);
  while (connection_ == nullptr) loop_.RunOnce(true);

  reader_.on_line = [this](const std::string&) {
    Say("E_INVALID");
    connection_->CloseAfterFlush();
  };
  Send("bad\n");
  std::string got;
  const std::string more(10'000, 'x');
  while (!got.ends_with("<EOF>")) {
    std::ignore = ::send(peer_.get(), more.data(), more.size(), MSG_NOSIGNAL);
    Turns(1);
    got += Received();
  }
  EXPECT_EQ(got, "E_INVALID<EOF>");
  EXPECT_EQ(reader_.closes, 0) << "the peer has not ended its side";
  peer_.Reset();
  while (reader_.closes == 0) loop_.RunOnce(true);
}

TEST_F(ConnectionTest, ASlowPeerHearsAllOfTheLastWords) {
  constexpr Duration kPatience = milliseconds(100);
  const std::string said(8 << 20, 'x');
  Say(said);
  connection_->CloseAfterFlush(kPatience);
  const auto begin = std::chrono::steady_clock::now();
  std::string got;
  char bytes[65536];
  while (reader_.closes == 0) {
    loop_.RunOnce(false);
    // Steadily, and for longer than the patience with one who reads nothing.
    pollfd nothing = {-1, 0, 0};
    if (std::chrono::steady_clock::now() < begin + 4 * kPatience)
      std::ignore = ::poll(&nothing, 1, 2);
    const ssize_t n = ::recv(peer_.get(), bytes, sizeof bytes, 0);
    if (n == 0) peer_.Reset();
    if (n > 0) got.append(bytes, static_cast<size_t>(n));
  }
  EXPECT_EQ(got.size(), said.size());
  EXPECT_TRUE(reader_.closed_by.ok()) << reader_.closed_by.detail();
}

TEST_F(ConnectionTest, APeerThatReadsNothingOfTheLastWordsIsGivenUp) {
  Say(std::string(8 << 20, 'x'));
  connection_->CloseAfterFlush(milliseconds(20));
  while (reader_.closes == 0) loop_.RunOnce(true);
  EXPECT_EQ(reader_.closed_by.code(), Code::kTimeout);
}

TEST_F(ConnectionTest, AfterCloseAfterFlushNothingIsReadAnyMore) {
  reader_.on_line = [this](const std::string&) { connection_->CloseAfterFlush(); };
  reader_.stop_after_line = true;
  Send("one\ntwo\n");
  Turns();
  Send("three\n");
  Turns();
  EXPECT_EQ(reader_.lines, Lines{"one"});
}

TEST_F(ConnectionTest, FiltersStackAndTheNewestIsNextToTheSession) {
  connection_->PushFilter(std::make_unique<XorFilter>('K'));
  connection_->PushFilter(std::make_unique<PacketFilter>());
  Send(Xor(PacketFilter::Packed("one\ntw"), 'K'));
  Send(Xor(PacketFilter::Packed("o\n"), 'K'));
  Turns();
  EXPECT_EQ(reader_.lines, (Lines{"one", "two"}));
  Say("answer");
  Turns();
  EXPECT_EQ(Received(), Xor(PacketFilter::Packed("answer"), 'K'));
}

TEST_F(ConnectionTest, AFilterPushedInMidStreamTakesOverAtThatByteWhereverTheBytesAreCut) {
  const std::string stream =
      "plain\nxor\n" + Xor("secret\npack\n" + PacketFilter::Packed("deep\n"), 'K');
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    Renew();
    reader_.lines.clear();
    reader_.on_line = [this](const std::string& line) {
      // Who pushes a filter consumes nothing behind that command.
      reader_.stop_after_line = line == "xor" || line == "pack";
      if (reader_.stop_after_line) {
        Say("OK");
        connection_->FlushNow();
        if (line == "xor") connection_->PushFilter(std::make_unique<XorFilter>('K'));
        if (line == "pack") connection_->PushFilter(std::make_unique<PacketFilter>());
        Say("OK");
      }
    };
    if (cut > 0) Send(stream.substr(0, cut));
    Turns(2);
    if (cut < stream.size()) Send(stream.substr(cut));
    Turns(2);
    ASSERT_EQ(reader_.lines, (Lines{"plain", "xor", "secret", "pack", "deep"})) << "cut " << cut;
    ASSERT_EQ(Received(), "OK" + Xor("OKOK" + PacketFilter::Packed("OK"), 'K')) << "cut " << cut;
  }
}

TEST_F(ConnectionTest, AFilterPushedBetweenReadsTakesWhatIsBufferedAndAllThatFollows) {
  reader_.stop_after_line = true;
  reader_.on_line = [this](const std::string&) { connection_->PauseReading(); };
  Send("plain\n" + Xor("one\ntw", 'K'));
  Turns();
  connection_->PushFilter(std::make_unique<XorFilter>('K'));
  reader_.stop_after_line = false;
  reader_.on_line = nullptr;
  connection_->ResumeReading();
  Turns();
  EXPECT_EQ(reader_.lines, (Lines{"plain", "one"}));
  Send(Xor("o\n", 'K'));
  Turns();
  EXPECT_EQ(reader_.lines, (Lines{"plain", "one", "two"}));
}

TEST_F(ConnectionTest, TwoFiltersMayBePushedAtOneByte) {
  reader_.on_line = [this](const std::string& line) {
    reader_.stop_after_line = line == "both";
    if (line != "both") return;
    connection_->PushFilter(std::make_unique<XorFilter>('K'));
    connection_->PushFilter(std::make_unique<PacketFilter>());
  };
  Send("both\n" + Xor(PacketFilter::Packed("deep\n"), 'K'));
  Turns();
  EXPECT_EQ(reader_.lines, (Lines{"both", "deep"}));
}

TEST_F(ConnectionTest, WhatAFilterAnswersGoesThroughTheFiltersAroundIt) {
  connection_->PushFilter(std::make_unique<XorFilter>('K'));
  connection_->PushFilter(std::make_unique<PacketFilter>());
  Send(Xor(PacketFilter::Packed("?"), 'K'));
  Turns();
  EXPECT_EQ(Received(), Xor(PacketFilter::Packed("hello"), 'K'));
  EXPECT_EQ(reader_.offers, 0);
}

TEST_F(ConnectionTest, APeerThatReadsNoneOfALayersAnswersIsNotListenedTo) {
  connection_->PushFilter(std::make_unique<PacketFilter>());
  const std::string questions = [] {
    std::string all;
    for (int i = 0; i < 10'000; ++i) all += PacketFilter::Packed("?");
    return all;
  }();
  constexpr size_t kMost = 2 << 20;
  uint64_t asked = 0;
  for (int i = 0; i < 500; ++i) {
    const ssize_t n = ::send(peer_.get(), questions.data(), questions.size(), MSG_NOSIGNAL);
    if (n > 0) asked += static_cast<size_t>(n) / 2;
    ASSERT_TRUE(n < 0 || n % 2 == 0);
    Turns(1);
    ASSERT_LT(connection_->unsent_bytes(), kMost);
  }
  EXPECT_GT(asked * PacketFilter::Packed("hello").size(), 100'000u);
  // It goes on as soon as somebody listens.
  uint64_t heard = 0;
  while (heard < asked * 6) {
    Turns(1);
    heard += Received().size();
  }
  Send(PacketFilter::Packed("line\n"));
  Turns();
  EXPECT_EQ(reader_.lines, Lines{"line"});
}

TEST_F(ConnectionTest, BytesThatAreNotOfTheLayerEndWhatThePeerSays) {
  connection_->PushFilter(std::make_unique<PacketFilter>());
  Send(PacketFilter::Packed("good\nha") + PacketFilter::Packed("!") + PacketFilter::Packed("lf\n"));
  Turns();
  EXPECT_EQ(reader_.lines, Lines{"good"});
  EXPECT_EQ(reader_.rest, "ha");
  EXPECT_EQ(reader_.eofs, 1);
  EXPECT_FALSE(connection_->eof());
  EXPECT_EQ(connection_->input_status().code(), Code::kCorrupt);
  Say("bye");
  connection_->CloseAfterFlush();
  Turns();
  EXPECT_EQ(Received(), PacketFilter::Packed("bye") + "<EOF>");
}

// Each byte stands for a hundred lines: they come out a thousand bytes at a time.
struct BombFilter : StreamFilter {
  Status Decode(std::string_view outer, Buffer* inner, Buffer*) override {
    EXPECT_TRUE(left == 0 || outer.empty()) << "nothing new before it has gone on";
    left += outer.size() * 100;
    for (int i = 0; i < 10 && left > 0; ++i, --left) inner->Append("line\n");
    return Status();
  }
  bool has_more() const override { return left > 0; }
  Status Encode(std::string_view inner, Buffer* outer) override {
    outer->Append(inner);
    return Status();
  }
  size_t left = 0;
};

TEST_F(ConnectionTest, WhatGrowsInAFilterComesInPiecesOverSeveralTurns) {
  connection_->PushFilter(std::make_unique<XorFilter>('K'));
  connection_->PushFilter(std::make_unique<BombFilter>());
  Send("123");
  ::shutdown(peer_.get(), SHUT_WR);
  Turns(5);
  EXPECT_GT(reader_.lines.size(), 10u);
  EXPECT_LE(reader_.lines.size(), 60u);
  EXPECT_EQ(reader_.eofs, 0) << "not before all of it has come out";
  Turns(40);
  EXPECT_EQ(reader_.lines.size(), 300u);
  EXPECT_EQ(reader_.eofs, 1);
}

TEST_F(ConnectionTest, PausedOrResumedOverAndOverAFilterAddsNothingToWhatIsNotConsumed) {
  connection_->PushFilter(std::make_unique<BombFilter>());
  reader_.stop_after_line = true;
  reader_.on_line = [this](const std::string&) { connection_->PauseReading(); };
  Send("1");
  size_t before = 0;
  for (int i = 0; i < 12; ++i) {
    Turns();
    EXPECT_EQ(reader_.lines.size(), before + 1);
    before = reader_.lines.size();
    connection_->ResumeReading();
  }
  reader_.on_line = nullptr;
  Turns(200);
  EXPECT_EQ(reader_.lines.size(), 100u);
}

TEST_F(ConnectionTest, AFilterWithMoreMovesToAnotherConnection) {
  connection_->PushFilter(std::make_unique<BombFilter>());
  Send("1");
  Turns(1);
  const size_t before = reader_.lines.size();
  EXPECT_LT(before, 100u);
  LineReader next;
  Connection moved(loop_, connection_->Detach(), &next);
  Turns(40);
  EXPECT_EQ(before + next.lines.size(), 100u);
}

// Hello in, hello out, then bytes as they are, up to kEnd; what is no hello is a failure.
struct ShakingFilter : StreamFilter {
  static constexpr char kEnd = 4;
  explicit ShakingFilter(bool first = false) : speaks_first(first) {}
  Status Start(Buffer* outer) override {
    if (speaks_first) outer->Append("HELLO");
    return Status();
  }
  bool ready() const override { return is_ready; }
  Status Decode(std::string_view outer, Buffer* inner, Buffer* reply) override {
    heard += outer;
    if (!is_ready) {
      if (heard.size() < 5) return Status();
      if (!heard.starts_with("HELLO")) {
        reply->Append("ALERT");
        return Status(Code::kInvalid, "no hello");
      }
      heard.erase(0, 5);
      is_ready = true;
      if (!speaks_first) reply->Append("HELLO");
    }
    const size_t end = heard.find(kEnd);
    inner->Append(heard.substr(0, end));
    heard.clear();
    return end == std::string::npos ? Status() : Status(Code::kUnavailable, "ended");
  }
  Status Encode(std::string_view inner, Buffer* outer) override {
    EXPECT_TRUE(is_ready);
    outer->Append(inner);
    return Status();
  }
  void Finish(Buffer* outer) override { outer->Append("BYE"); }
  const bool speaks_first;
  bool is_ready = false;
  std::string heard;
};

TEST_F(ConnectionTest, WhatIsSaidDuringAHandshakeWaitsForItsEnd) {
  for (const bool pipelined : {false, true}) {
    Renew();
    reader_.lines.clear();
    reader_.ready.clear();
    reader_.on_line = [this](const std::string& line) {
      reader_.stop_after_line = line == "upgrade";
      if (line != "upgrade") return;
      Say("plain");
      connection_->PushFilter(std::make_unique<XorFilter>('K'));
      connection_->PushFilter(std::make_unique<ShakingFilter>());
      Say("inside");
    };
    Send("upgrade\n" + (pipelined ? Xor("HELLOafter\n", 'K') : ""));
    if (!pipelined) {
      Turns();
      EXPECT_EQ(Received(), "plain");
      Send(Xor("HEL", 'K'));
      Turns();
      EXPECT_EQ(Received(), "");
      EXPECT_EQ(reader_.ready.size(), 0u);
      Send(Xor("LOafter\n", 'K'));
    }
    Turns();
    EXPECT_EQ(Received(), (pipelined ? "plain" : "") + Xor("HELLOinside", 'K'));
    ASSERT_EQ(reader_.ready.size(), 1u);
    EXPECT_TRUE(reader_.ready[0].ok());
    EXPECT_EQ(reader_.lines, (Lines{"upgrade", "after"}));
  }
}

TEST_F(ConnectionTest, AFilterMayBePushedWhenTheOneBeforeItIsReady) {
  reader_.on_ready = [this] {
    Say("ready");
    connection_->PushFilter(std::make_unique<XorFilter>('K'));
  };
  const std::string stream = "HELLO" + Xor("one\ntwo\n", 'K');
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    Renew();
    reader_.lines.clear();
    connection_->PushFilter(std::make_unique<ShakingFilter>());
    if (cut > 0) Send(stream.substr(0, cut));
    Turns(2);
    Send(stream.substr(cut));
    Turns(2);
    ASSERT_EQ(reader_.lines, (Lines{"one", "two"})) << cut;
    ASSERT_EQ(Received(), "HELLOready");
  }
}

TEST_F(ConnectionTest, AHandshakeALineAndTheEndMayComeTogether) {
  const std::string stream = std::string("HELLOone\n") + ShakingFilter::kEnd;
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    Renew();
    reader_ = LineReader();
    reader_.on_line = [this](const std::string&) { Say("answer"); };
    connection_->PushFilter(std::make_unique<ShakingFilter>());
    if (cut > 0) Send(stream.substr(0, cut));
    Turns(2);
    if (cut < stream.size()) Send(stream.substr(cut));
    Turns(2);
    ASSERT_EQ(reader_.ready.size(), 1u) << cut;
    EXPECT_TRUE(reader_.ready[0].ok()) << cut;
    EXPECT_EQ(reader_.lines, Lines{"one"}) << cut;
    EXPECT_EQ(reader_.eofs, 1) << cut;
    EXPECT_EQ(Received(), "HELLOanswer") << cut;
  }
}

TEST_F(ConnectionTest, AfterAHandshakeThatFailedWhatIsSaidGoesOutWithoutIt) {
  connection_->PushFilter(std::make_unique<ShakingFilter>());
  reader_.on_ready = [this] {
    Say("sorry");
    connection_->CloseAfterFlush();
  };
  Send("GET / HTTP/1.0\n\n");
  Turns();
  ASSERT_EQ(reader_.ready.size(), 1u);
  EXPECT_EQ(reader_.ready[0].code(), Code::kInvalid);
  EXPECT_EQ(Received(), "ALERTsorry<EOF>");
  EXPECT_EQ(reader_.offers + reader_.eofs, 0);
}

TEST_F(ConnectionTest, AHandshakeThatTakesTooLongCanBeAbandoned) {
  connection_->PushFilter(std::make_unique<ShakingFilter>());
  Send("HEL");
  Turns();
  connection_->AbandonFilter();
  Say("too late");
  connection_->CloseAfterFlush();
  Send("LO");
  Turns();
  EXPECT_EQ(Received(), "too late<EOF>");
  EXPECT_EQ(reader_.offers + reader_.eofs, 0);
  EXPECT_EQ(reader_.ready.size(), 0u);
}

TEST_F(ConnectionTest, AClientsFilterSpeaksFirst) {
  connection_->PushFilter(std::make_unique<ShakingFilter>(true));
  Say("question");
  Turns();
  EXPECT_EQ(Received(), "HELLO");
  Send("HELLO");
  Turns();
  EXPECT_EQ(Received(), "question");
  ASSERT_EQ(reader_.ready.size(), 1u);
}

TEST_F(ConnectionTest, AFiltersLastWordsFollowTheSessions) {
  connection_->PushFilter(std::make_unique<XorFilter>('K'));
  connection_->PushFilter(std::make_unique<ShakingFilter>());
  Send(Xor("HELLO", 'K'));
  Turns();
  Say("bye then");
  connection_->CloseAfterFlush();
  Turns();
  EXPECT_EQ(Received(), Xor("HELLObye thenBYE", 'K') + "<EOF>");
}

// What a connection carries to another loop.
struct Adopt : Letter {
  Adopt(DetachedConnection d, EventLoop* l, Connection::Handler* h, std::unique_ptr<Connection>* t)
      : detached(std::move(d)), loop(l), handler(h), to(t) {}
  void Open() noexcept override {
    *to = std::make_unique<Connection>(*loop, std::move(detached), handler);
  }
  DetachedConnection detached;
  EventLoop* const loop;
  Connection::Handler* const handler;
  std::unique_ptr<Connection>* const to;
};

TEST_F(ConnectionTest, ItMovesToAnotherLoopWithDataInAllItsBuffersAndFiltersInMidStream) {
  connection_->PushFilter(std::make_unique<XorFilter>('K'));
  connection_->PushFilter(std::make_unique<PacketFilter>());
  // The kernel is full, so that something stays encoded; more is said and not yet encoded; a
  // packet and a line are half received.
  std::string said;
  const std::string block(190, 'b');
  while (connection_->unsent_bytes() < 100'000) {
    for (int i = 0; i < 500; ++i) {
      said += block;
      connection_->out().Append(block);
    }
    connection_->FlushNow();
  }
  said += "last";
  connection_->out().Append("last");
  Send(Xor(PacketFilter::Packed("before\nhal") + PacketFilter::Packed("f\n").substr(0, 2), 'K'));
  loop_.RunOnce(true);
  EXPECT_EQ(reader_.lines, Lines{"before"});

  EventLoop other("other loop");
  LineReader other_reader;
  std::unique_ptr<Connection> moved;
  other.Post(std::make_unique<Adopt>(connection_->Detach(), &other, &other_reader, &moved));
  EXPECT_TRUE(connection_->closed());
  std::thread thread([&other] { other.Run(); });

  Send(Xor(PacketFilter::Packed("f\n").substr(2) + PacketFilter::Packed("after\n"), 'K'));
  PacketFilter decoder;
  Buffer heard;
  Buffer no_reply;
  while (heard.size() < said.size()) {
    pollfd waiting = {peer_.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&waiting, 1, 20'000), 1);
    ASSERT_TRUE(decoder.Decode(Xor(Received(), 'K'), &heard, &no_reply).ok());
  }
  EXPECT_EQ(heard.view(), said);
  other.Stop();
  thread.join();
  other.Adopt();
  for (int i = 0; i < 4; ++i) other.RunOnce(false);
  EXPECT_EQ(other_reader.lines, (Lines{"half", "after"}));
  Turns();
  EXPECT_EQ(reader_.closes, 0);
  moved.reset();
}

// As at SUB: the session pauses, and moves at the turn's end.
TEST_F(ConnectionTest, WhatWasNotConsumedBeforeAMoveIsOfferedAfterIt) {
  reader_.stop_after_line = true;
  reader_.on_line = [this](const std::string&) { connection_->PauseReading(); };
  Send("SUB\nRDY 1\nFIN");
  Turns();
  LineReader next;
  Connection moved(loop_, connection_->Detach(), &next);
  Turns();
  EXPECT_EQ(reader_.lines, Lines{"SUB"});
  EXPECT_EQ(next.lines, Lines{"RDY 1"});
  Send("\n");
  Turns();
  EXPECT_EQ(next.lines, (Lines{"RDY 1", "FIN"}));
}

}  // namespace
}  // namespace nsq
