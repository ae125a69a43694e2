#include "lookupd/session_v1.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "common/event/buffer.h"
#include "common/strings.h"

namespace nsq::lookupd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr PeerId kPeer{7};
constexpr std::string_view kMagic = "  V1";
constexpr std::string_view kNode =
    R"({"broadcast_address":"node","hostname":"vm","http_port":4151,"tcp_port":4150,)"
    R"("topology_region":"r","topology_zone":"z","version":"1.3.0"})";
constexpr std::string_view kReply =
    R"({"broadcast_address":"lookup","hostname":"h","http_port":4161,"tcp_port":4160,)"
    R"("version":"1.3.0"})";

std::string Size(uint32_t size) {
  std::string text(4, '\0');
  StoreBig32(text.data(), size);
  return text;
}

std::string Framed(std::string_view text) {
  return Size(static_cast<uint32_t>(text.size())) + std::string(text);
}

std::string Identify(std::string_view body = kNode) { return "IDENTIFY\n" + Framed(body); }

// A session, its database, and what it has said.
class SessionV1Test : public testing::Test {
 protected:
  SessionV1Test() { Restart(); }

  void Restart() {
    session_.reset();
    db_.emplace(home_, RegistrationDb::Options{});
    session_.emplace(home_, &*db_, identity_, kPeer, "10.0.0.1:5000");
    rest_.clear();
    out_ = Buffer();
  }

  // Says all of `bytes` in pieces of `piece` bytes, as a connection would.
  void Say(std::string_view bytes, size_t piece = std::numeric_limits<size_t>::max()) {
    while (!bytes.empty() && !session_->ended()) {
      rest_ += bytes.substr(0, piece);
      bytes.remove_prefix(std::min(piece, bytes.size()));
      SessionV1::Progress progress{0, true};
      while (progress.more) {
        progress = session_->OnData(rest_, now_, &out_);
        rest_.erase(0, progress.consumed);
      }
    }
  }
  void SayEof() { session_->OnEof(rest_, &out_); }

  // What it has been answered since the last call.
  std::vector<std::string> Answers() {
    std::vector<std::string> answers;
    while (!out_.empty()) {
      const uint32_t size = LoadBig32(out_.data().data());
      answers.emplace_back(out_.view().substr(4, size));
      out_.Consume(4 + size);
    }
    return answers;
  }

  Home home_;
  const Identity identity_{"lookup", "h", 4160, 4161};
  std::optional<RegistrationDb> db_;
  std::optional<SessionV1> session_;
  std::string rest_;
  Buffer out_;
  Moment now_;
};

struct ErrorRow {
  const char* name;
  std::string said;
  bool eof;
  std::string answer;
};

std::vector<ErrorRow> ErrorRows() {
  const std::string magic(kMagic);
  const std::string known = magic + Identify();
  const std::string long_name(65, 'n');
  const std::string no_json = "E_BAD_BODY IDENTIFY failed to decode JSON body";
  const std::string no_body = "E_BAD_BODY IDENTIFY failed to read body";
  const std::string missing = "E_BAD_BODY IDENTIFY missing fields";
  const auto with = [](std::string_view members) {
    return std::string(kNode.substr(0, kNode.size() - 1)) + "," + std::string(members) + "}";
  };
  return {
      {"magic of another protocol", "GET ", false, "E_BAD_PROTOCOL"},
      {"magic of nsqd", "  V2", false, "E_BAD_PROTOCOL"},
      {"unknown command", magic + "FOO bar\n", false, "E_INVALID invalid command FOO"},
      {"lower case", magic + "ping\n", false, "E_INVALID invalid command ping"},
      {"a tab does not separate", magic + "PING\tx\n", false, "E_INVALID invalid command PING\tx"},
      {"empty line", magic + "\n", false, "E_INVALID invalid command "},
      {"blank line", magic + " \t \r\n", false, "E_INVALID invalid command "},
      {"half a rune", magic + "FOO\xc2\n", false, "E_INVALID invalid command FOO\xc2"},
      {"register first", magic + "REGISTER t\n", false, "E_INVALID client must IDENTIFY"},
      {"unregister first", magic + "UNREGISTER\n", false, "E_INVALID client must IDENTIFY"},
      {"identify twice", known + "IDENTIFY\n", false, "E_INVALID cannot IDENTIFY again"},
      {"register nothing", known + "REGISTER\n", false,
       "E_INVALID REGISTER insufficient number of params"},
      {"register blanks", known + "REGISTER  \n", false,
       "E_INVALID REGISTER insufficient number of params"},
      {"unregister nothing", known + "UNREGISTER\n", false,
       "E_INVALID UNREGISTER insufficient number of params"},
      {"bad topic", known + "REGISTER a#foo\n", false,
       "E_BAD_TOPIC REGISTER topic name 'a#foo' is not valid"},
      {"empty topic", known + "REGISTER  c\n", false,
       "E_BAD_TOPIC REGISTER topic name '' is not valid"},
      {"long topic", known + "REGISTER " + long_name + "\n", false,
       "E_BAD_TOPIC REGISTER topic name '" + long_name + "' is not valid"},
      {"bad topic to unregister", known + "UNREGISTER *\n", false,
       "E_BAD_TOPIC UNREGISTER topic name '*' is not valid"},
      {"bad channel", known + "REGISTER t b*\n", false,
       "E_BAD_CHANNEL REGISTER channel name 'b*' is not valid"},
      {"bad channel to unregister", known + "UNREGISTER t b/c\n", false,
       "E_BAD_CHANNEL UNREGISTER channel name 'b/c' is not valid"},
      {"long line", magic + std::string(SessionV1::kMaxLineBytes + 1, 'x'), false,
       "E_INVALID command line too long"},
      {"no size", magic + "IDENTIFY\n", true, "E_BAD_BODY IDENTIFY failed to read body size"},
      {"half a size", magic + "IDENTIFY\n" + Size(0).substr(2), true,
       "E_BAD_BODY IDENTIFY failed to read body size"},
      {"no body", magic + "IDENTIFY\n" + Size(5), true, no_body},
      {"half a body", magic + "IDENTIFY\n" + Size(5) + "{\"a\"", true, no_body},
      {"negative size", magic + "IDENTIFY\n" + Size(0xFFFFFFFF), false, no_body},
      {"least size", magic + "IDENTIFY\n" + Size(0x80000000), false, no_body},
      {"huge size", magic + "IDENTIFY\n" + Size(0x7FFFFFFF), false, no_body},
      {"one byte too much", magic + "IDENTIFY\n" + Size(SessionV1::kMaxBodyBytes + 1), false,
       no_body},
      {"empty body", magic + Identify(""), false, no_json},
      {"no JSON", magic + Identify("abcde"), false, no_json},
      {"cut JSON", magic + Identify(kNode.substr(0, kNode.size() - 1)), false, no_json},
      {"trailing garbage", magic + Identify(std::string(kNode) + " x"), false, no_json},
      {"a NUL behind the object", magic + Identify(std::string(kNode) + '\0'), false, no_json},
      {"second object", magic + Identify(std::string(kNode) + "{}"), false, no_json},
      {"byte order mark", magic + Identify("\xef\xbb\xbf" + std::string(kNode)), false, no_json},
      {"an array", magic + Identify("[]"), false, no_json},
      {"a string", magic + Identify("\"x\""), false, no_json},
      {"a number", magic + Identify("1"), false, no_json},
      {"a boolean", magic + Identify("true"), false, no_json},
      {"port with a fraction", magic + Identify(with(R"("tcp_port":1.5)")), false, no_json},
      {"port with an exponent", magic + Identify(with(R"("tcp_port":1e3)")), false, no_json},
      {"port in quotes", magic + Identify(with(R"("http_port":"4151")")), false, no_json},
      {"port of 64 bits and more", magic + Identify(with(R"("tcp_port":9223372036854775808)")),
       false, no_json},
      {"port in an array", magic + Identify(with(R"("tcp_port":[1])")), false, no_json},
      {"number for a text", magic + Identify(with(R"("version":1)")), false, no_json},
      {"object for a text", magic + Identify(with(R"("hostname":{})")), false, no_json},
      {"boolean for a text", magic + Identify(with(R"("topology_zone":true)")), false, no_json},
      {"even the address that nobody reads", magic + Identify(with(R"("remote_address":5)")), false,
       no_json},
      {"deep nesting that does not end", magic + Identify(std::string(50'000, '[')), false,
       no_json},
      {"no members", magic + Identify("{}"), false, missing},
      {"null", magic + Identify("null"), false, missing},
      {"port 0", magic + Identify(with(R"("tcp_port":0)")), false, missing},
      {"port -0", magic + Identify(with(R"("tcp_port":-0)")), false, missing},
      {"empty version", magic + Identify(with(R"("version":"")")), false, missing},
  };
}

// Spec 3.2: each is answered, and each ends the session and everything it had registered.
TEST_F(SessionV1Test, EveryErrorIsAnsweredAndEndsTheSession) {
  for (const ErrorRow& row : ErrorRows()) {
    SCOPED_TRACE(row.name);
    Restart();
    Say(row.said);
    if (row.eof) {
      EXPECT_FALSE(session_->ended()) << "waits for more";
      SayEof();
    }
    EXPECT_TRUE(session_->ended());
    const auto answers = Answers();
    ASSERT_FALSE(answers.empty());
    EXPECT_EQ(answers.back(), row.answer);
    EXPECT_THAT(answers, SizeIs(row.said.starts_with(std::string(kMagic) + Identify()) ? 2 : 1));
    EXPECT_THAT(db_->Nodes(now_), IsEmpty());
  }
}

TEST_F(SessionV1Test, ErrorsDoNotDependOnHowTheBytesArrive) {
  for (const ErrorRow& row : ErrorRows()) {
    if (row.said.size() > 1000) continue;  // those that are long take long
    SCOPED_TRACE(row.name);
    Restart();
    Say(row.said, 1);
    if (row.eof) SayEof();
    EXPECT_TRUE(session_->ended());
    const auto answers = Answers();
    ASSERT_FALSE(answers.empty());
    EXPECT_EQ(answers.back(), row.answer);
  }
}

TEST_F(SessionV1Test, NothingIsAnsweredToAnEndOfFileBetweenOrInsideCommands) {
  for (const std::string said : {"", " ", "  V", "  V1", "  V1PIN", "  V1PING", "  V1IDENTIFY"}) {
    SCOPED_TRACE(said);
    Restart();
    Say(said);
    SayEof();
    EXPECT_TRUE(session_->ended());
    EXPECT_THAT(Answers(), IsEmpty());
  }
}

TEST_F(SessionV1Test, PingIsWelcomeBeforeIdentify) {
  Say("  V1PING\nPING extra words\n   PING  \n\tPING\t\nPING\r\n\xc2\xa0PING\xe3\x80\x80\n");
  EXPECT_THAT(Answers(), ElementsAre("OK", "OK", "OK", "OK", "OK", "OK"));
  EXPECT_FALSE(session_->ended());
  EXPECT_THAT(db_->Nodes(now_), IsEmpty());
}

TEST_F(SessionV1Test, PingIsASignOfLife) {
  Say(std::string(kMagic) + Identify());
  now_.steady += seconds(301);
  EXPECT_THAT(db_->Nodes(now_), IsEmpty());
  Say("PING\n");
  EXPECT_THAT(db_->Nodes(now_), SizeIs(1));
}

TEST_F(SessionV1Test, IdentifyIsAnsweredWithWhoWeAre) {
  Say(std::string(kMagic) + "IDENTIFY some words\n" + Framed(kNode));
  EXPECT_THAT(Answers(), ElementsAre(std::string(kReply)));
  const auto nodes = db_->Nodes(now_);
  ASSERT_THAT(nodes, SizeIs(1));
  const Peer& peer = *nodes[0].peer;
  EXPECT_EQ(peer.remote_address, "10.0.0.1:5000");
  EXPECT_EQ(peer.broadcast_address, "node");
  EXPECT_EQ(peer.hostname, "vm");
  EXPECT_EQ(peer.tcp_port, 4150);
  EXPECT_EQ(peer.http_port, 4151);
  EXPECT_EQ(peer.version, "1.3.0");
  EXPECT_EQ(peer.topology_zone, "z");
  EXPECT_EQ(peer.topology_region, "r");
}

TEST_F(SessionV1Test, IdentifyBodiesAreReadByTheRulesOfGo) {
  Say(std::string(kMagic) +
      Identify("{\"BROADCAST_ADDRESS\":\"first\",\"Broadcast_Address\":\"last\","
               "\"tcp_port\":-5,\"http_port\":70000,\"http_port\":null,"
               "\"VER\xc5\xbfION\":\"9\",\"hostname\":\"a\xff<b\",\"topology_zone\":null,"
               "\"remote_address\":\"forged\",\"unknown\":[{\"tcp_port\":\"x\"},1.5,true,[]]}"));
  EXPECT_THAT(Answers(), SizeIs(1));
  ASSERT_FALSE(session_->ended());
  const auto nodes = db_->Nodes(now_);
  ASSERT_THAT(nodes, SizeIs(1));
  const Peer& peer = *nodes[0].peer;
  EXPECT_EQ(peer.broadcast_address, "last");
  EXPECT_EQ(peer.tcp_port, -5);
  EXPECT_EQ(peer.http_port, 70000);
  EXPECT_EQ(peer.version, "9");
  EXPECT_EQ(peer.hostname, "a\uFFFD<b");
  EXPECT_EQ(peer.remote_address, "10.0.0.1:5000");
}

TEST_F(SessionV1Test, RegisterAndUnregister) {
  Say(std::string(kMagic) + Identify());
  Answers();
  Say("REGISTER t c\nREGISTER u\nREGISTER v  c\nREGISTER w d e f\n");
  EXPECT_THAT(Answers(), ElementsAre("OK", "OK", "OK", "OK"));
  EXPECT_THAT(db_->Topics(), ElementsAre("t", "u", "v", "w"));
  EXPECT_THAT(db_->Channels("t"), ElementsAre("c"));
  EXPECT_THAT(db_->Channels("v"), IsEmpty()) << "two blanks: no channel";
  EXPECT_THAT(db_->Channels("w"), ElementsAre("d"));

  Say("UNREGISTER t c\nUNREGISTER u\nUNREGISTER never was\nUNREGISTER never\n");
  EXPECT_THAT(Answers(), ElementsAre("OK", "OK", "OK", "OK"));
  EXPECT_THAT(db_->Lookup("t", now_)->producers, SizeIs(1));
  EXPECT_THAT(db_->Lookup("u", now_)->producers, IsEmpty());
  EXPECT_THAT(db_->Topics(), ElementsAre("t", "u", "v", "w"));
}

TEST_F(SessionV1Test, LongestNamesAreTaken) {
  const std::string name(64, 'n');
  const std::string ephemeral = std::string(54, 'n') + "#ephemeral";
  Say(StrCat(kMagic, Identify(), "REGISTER ", name, " ", ephemeral, "\n"));
  EXPECT_THAT(Answers(), SizeIs(2));
  EXPECT_THAT(db_->Channels(name), ElementsAre(ephemeral));
}

TEST_F(SessionV1Test, ADisconnectTakesEverythingBack) {
  Say(std::string(kMagic) + Identify() + "REGISTER t c\nREGISTER u#ephemeral d#ephemeral\n");
  session_->End("read: Connection reset by peer");
  EXPECT_TRUE(session_->ended());
  EXPECT_THAT(db_->Nodes(now_), IsEmpty());
  EXPECT_THAT(db_->Topics(), ElementsAre("t"));
  EXPECT_THAT(db_->Lookup("t", now_)->producers, IsEmpty());
}

TEST_F(SessionV1Test, PipelinedCommandsAreAnsweredInOrderHoweverTheyArrive) {
  const std::string said =
      std::string(kMagic) + Identify() +
      "REGISTER t c\r\nPING\nUNREGISTER t c\nREGISTER t#ephemeral\nBAD\nPING\n";
  const std::vector<std::string> answers = {
      std::string(kReply), "OK", "OK", "OK", "OK", "E_INVALID invalid command BAD"};
  for (size_t cut = 0; cut <= said.size(); ++cut) {
    SCOPED_TRACE(cut);
    Restart();
    Say(std::string_view(said).substr(0, cut));
    Say(std::string_view(said).substr(cut));
    EXPECT_EQ(Answers(), answers);
    EXPECT_TRUE(session_->ended());
  }
  for (size_t piece = 1; piece < 10; ++piece) {
    SCOPED_TRACE(piece);
    Restart();
    Say(said, piece);
    EXPECT_EQ(Answers(), answers);
  }
}

TEST_F(SessionV1Test, OneCallHandlesALimitedNumberOfCommands) {
  std::string said(kMagic);
  for (size_t i = 0; i < 10 * SessionV1::kStepsPerCall; ++i) said += "PING\n";
  const SessionV1::Progress progress = session_->OnData(said, now_, &out_);
  EXPECT_TRUE(progress.more);
  EXPECT_THAT(Answers(), SizeIs(SessionV1::kStepsPerCall - 1));
  Say(said.substr(progress.consumed));
  EXPECT_THAT(Answers(), SizeIs(9 * SessionV1::kStepsPerCall + 1));
}

TEST_F(SessionV1Test, TheLongestLineIsStillRead) {
  const std::string command(SessionV1::kMaxLineBytes, 'x');
  Say(StrCat(kMagic, command, "\n"));
  EXPECT_THAT(Answers(), ElementsAre("E_INVALID invalid command " + command));
}

TEST_F(SessionV1Test, TheLongestBodyIsStillRead) {
  std::string body(kNode);
  body.resize(SessionV1::kMaxBodyBytes, ' ');
  Say(std::string(kMagic) + Identify(body));
  EXPECT_THAT(Answers(), ElementsAre(std::string(kReply)));
}

}  // namespace
}  // namespace nsq::lookupd
