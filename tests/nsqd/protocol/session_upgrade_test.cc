// TLS, snappy and deflate behind IDENTIFY: spec, nsqd-tcp 3.3-3.5.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/event/buffer.h"
#include "common/filters/deflate_filter.h"
#include "common/filters/snappy_filter.h"
#include "common/filters/tls_context.h"
#include "common/filters/tls_filter.h"
#include "tests/common/filters/test_certificates.h"
#include "tests/nsqd/protocol/fixture.h"

namespace nsq::nsqd {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// The other end of a connection's layers, above a Client.
class LayeredClient {
 public:
  explicit LayeredClient(Client* client) : client_(client) {}

  void Send(std::string_view bytes) { Wrap(filters_.size(), std::string(bytes)); }

  // From the next byte on that no frame was made of.
  void Push(std::unique_ptr<StreamFilter> filter) {
    Buffer hello;
    EXPECT_TRUE(filter->Start(&hello).ok());
    filters_.push_back(std::move(filter));
    Wrap(filters_.size() - 1, std::string(hello.view()));
    Unwrap(filters_.size() - 1, std::exchange(inner_, {}));
  }
  bool ready() const { return filters_.back()->ready(); }

  void Pump() {
    const std::string bytes = client_->bytes();
    client_->Forget();
    received_ += bytes;
    Unwrap(0, bytes);
  }

  // The next frame, readable; empty if there is none yet.
  std::string Take() {
    if (inner_.size() < 8 || inner_.size() - 4 < LoadBig32(inner_.data())) return "";
    const size_t size = LoadBig32(inner_.data());
    const uint32_t type = LoadBig32(inner_.data() + 4);
    last_payload_ = inner_.substr(8, size - 4);
    inner_.erase(0, 4 + size);
    return (type == 0   ? "response "
            : type == 1 ? "error "
                        : "message ") +
           last_payload_.substr(type == 2 ? 26 : 0);
  }
  std::string last_message_id() const { return last_payload_.substr(10, 16); }
  // All that came, as it came.
  const std::string& received() const { return received_; }
  std::string* raw() { return &inner_; }

 private:
  void Wrap(size_t outside, std::string bytes) {
    for (size_t i = outside; i-- > 0 && !bytes.empty();) {
      Buffer outer;
      EXPECT_TRUE(filters_[i]->Encode(bytes, &outer).ok());
      bytes = outer.view();
    }
    client_->Send(bytes);
  }
  void Unwrap(size_t first, std::string bytes) {
    for (size_t i = first; i < filters_.size(); ++i) {
      std::string all;
      do {
        Buffer inner;
        Buffer reply;
        (void)filters_[i]->Decode(bytes, &inner, &reply);
        Wrap(i, std::string(reply.view()));
        all += inner.view();
        bytes.clear();
      } while (filters_[i]->has_more());
      bytes = std::move(all);
    }
    inner_ += bytes;
  }

  Client* const client_;
  std::vector<std::unique_ptr<StreamFilter>> filters_;  // outermost first
  std::string inner_;
  std::string last_payload_;
  std::string received_;
};

class SessionUpgradeTest : public SessionTest {
 protected:
  SessionUpgradeTest() : layered_(std::make_unique<LayeredClient>(client)) {}

  void Again() {
    Connect();
    layered_ = std::make_unique<LayeredClient>(client);
  }

  void OfferTls(TlsClientAuth policy = TlsClientAuth::kNone) {
    const auto pair = authority_.Issue("server");
    TlsServerOptions options;
    options.cert_file = pair.cert_file;
    options.key_file = pair.key_file;
    options.root_ca_file = authority_.ca_file();
    options.client_auth = policy;
    auto context = TlsContext::ForServer(options);
    ASSERT_TRUE(context.ok()) << context.status().ToString();
    broker.tls_context = *context;
  }
  std::unique_ptr<StreamFilter> Tls(TlsClientOptions options = {}) {
    options.root_ca_file = authority_.ca_file();
    auto context = TlsContext::ForClient(options);
    EXPECT_TRUE(context.ok()) << context.status().ToString();
    return std::make_unique<TlsFilter>(**context, "localhost");
  }

  std::string Next() {
    std::string frame;
    RunUntil(
        [&] {
          layered_->Pump();
          frame = layered_->Take();
          return !frame.empty();
        },
        "another frame");
    return frame;
  }
  void ShakeHands(TlsClientOptions options = {}) {
    layered_->Push(Tls(std::move(options)));
    RunUntil([&] {
      layered_->Pump();
      return layered_->ready();
    });
  }
  // Magic and IDENTIFY with this in it; the answer.
  std::string IdentifyWith(const std::string& fields) {
    layered_->Send("  V2" + Identify("{\"feature_negotiation\":true," + fields + "}"));
    return Next();
  }
  void ExpectEnd() {
    RunUntil([&] { return client->eof() || client->broken(); }, "the end of the connection");
    EXPECT_TRUE(client->eof()) << "reset";
    layered_->Pump();
    EXPECT_EQ(layered_->Take(), "");
  }
  // A consumer that is its own producer, with messages from small to large.
  void ExpectConsumes() {
    broker.publishing = TestBroker::Publishing::kReal;
    layered_->Send("SUB t#ephemeral c\nRDY 1\n");
    EXPECT_EQ(Next(), "response OK");
    for (size_t size = 1; size < 400'000; size *= 7) {
      const std::string body(size, 'x');
      layered_->Send(Pub("t#ephemeral", body));
      std::vector<std::string> frames;
      for (int i = 0; i < 2; ++i) {
        frames.push_back(Next());
        if (frames.back().starts_with("message ")) {
          layered_->Send("FIN " + layered_->last_message_id() + "\n");
        }
      }
      EXPECT_THAT(frames, testing::UnorderedElementsAre("response OK", "message " + body));
    }
  }

  TestAuthority authority_;
  std::unique_ptr<LayeredClient> layered_;
};

TEST_F(SessionUpgradeTest, TlsAlone) {
  OfferTls();
  EXPECT_THAT(IdentifyWith(R"("tls_v1":true)"), HasSubstr(R"("tls_v1":true,"deflate":false)"));
  ShakeHands();
  EXPECT_EQ(Next(), "response OK");
  layered_->Send(Pub("t", "hello"));
  EXPECT_EQ(Next(), "response OK");
  ASSERT_EQ(broker.published.size(), 1u);
  EXPECT_EQ(broker.published[0].bodies[0], "hello");
  const ClientStats stats = session->Describe();
  EXPECT_TRUE(stats.tls);
  EXPECT_EQ(stats.tls_version, "TLS1.3");
  EXPECT_THAT(stats.tls_cipher_suite, StartsWith("Unknown 48"));
  EXPECT_FALSE(stats.snappy || stats.deflate);
}

TEST_F(SessionUpgradeTest, CompressionAlone) {
  EXPECT_THAT(IdentifyWith(R"("snappy":true)"), HasSubstr(R"("snappy":true)"));
  layered_->Push(std::make_unique<SnappyFilter>());
  EXPECT_EQ(Next(), "response OK");
  layered_->Send(Pub("t", "hello"));
  EXPECT_EQ(Next(), "response OK");
  EXPECT_TRUE(session->Describe().snappy);

  Again();
  EXPECT_THAT(IdentifyWith(R"("deflate":true,"deflate_level":9)"),
              HasSubstr(R"("deflate":true,"deflate_level":6,"max_deflate_level":6)"));
  layered_->Push(std::make_unique<DeflateFilter>(6));
  EXPECT_EQ(Next(), "response OK");
  layered_->Send(Pub("t", "hello"));
  EXPECT_EQ(Next(), "response OK");
  EXPECT_TRUE(session->Describe().deflate);
  EXPECT_EQ(broker.published.size(), 2u);
}

TEST_F(SessionUpgradeTest, TheOkIsSaidInTheNewLayerToTheByte) {
  (void)IdentifyWith(R"("snappy":true)");
  RunALittle();
  layered_->Pump();
  EXPECT_EQ(*layered_->raw(),
            std::string("\xff\x06\0\0sNaPpY\x01\x0e\0\0\x26\x98\x2b\xcf\0\0\0\x06\0\0\0\0OK", 28));
}

TEST_F(SessionUpgradeTest, CompressionInsideTls) {
  OfferTls();
  for (const bool snappy : {true, false}) {
    SCOPED_TRACE(snappy);
    Again();
    (void)IdentifyWith(snappy ? R"("tls_v1":true,"snappy":true)"
                              : R"("tls_v1":true,"deflate":true)");
    ShakeHands();
    EXPECT_EQ(Next(), "response OK") << "of TLS";
    if (snappy) {
      layered_->Push(std::make_unique<SnappyFilter>());
    } else {
      layered_->Push(std::make_unique<DeflateFilter>(6));
    }
    EXPECT_EQ(Next(), "response OK") << "of the compression";
    ExpectConsumes();
    client->Drop();
    RunUntil([this] { return broker.sessions().size() == 1; }, "only the first is left");
  }
}

TEST_F(SessionUpgradeTest, WhatIsSwitchedOffOrNotNegotiatedIsNotThere) {
  EXPECT_THAT(IdentifyWith(R"("tls_v1":true)"), HasSubstr(R"("tls_v1":false)"));
  layered_->Send("BAD\n");
  EXPECT_EQ(Next(), "error E_INVALID invalid command BAD");

  OfferTls();
  broker.mutable_options().snappy = false;
  broker.mutable_options().deflate = false;
  Again();
  EXPECT_THAT(IdentifyWith(R"("snappy":true,"deflate":true)"),
              testing::AllOf(HasSubstr(R"("snappy":false)"), HasSubstr(R"("deflate":false)")));
  layered_->Send(Pub("t", "plain"));
  EXPECT_EQ(Next(), "response OK");

  Again();
  layered_->Send("  V2" + Identify(R"({"tls_v1":true,"snappy":true})") + Pub("t", "plain"));
  EXPECT_EQ(Next(), "response OK");
  EXPECT_EQ(Next(), "response OK");
}

TEST_F(SessionUpgradeTest, BothCompressionsAreRefused) {
  EXPECT_EQ(IdentifyWith(R"("snappy":true,"deflate":true)"),
            "error E_IDENTIFY_FAILED cannot enable both deflate and snappy compression");
  ExpectEnd();
  broker.mutable_options().snappy = false;
  Again();
  EXPECT_THAT(IdentifyWith(R"("snappy":true,"deflate":true)"), HasSubstr(R"("deflate":true)"));
}

TEST_F(SessionUpgradeTest, TheSameLayerTwiceIsRefused) {
  (void)IdentifyWith(R"("snappy":true)");
  layered_->Push(std::make_unique<SnappyFilter>());
  EXPECT_EQ(Next(), "response OK");
  layered_->Send(Identify(R"({"feature_negotiation":true})"));
  EXPECT_THAT(Next(), StartsWith("response {"));
  layered_->Send(Identify(R"({"feature_negotiation":true,"snappy":true})"));
  EXPECT_EQ(Next(), "error E_IDENTIFY_FAILED IDENTIFY failed connection already upgraded");
  ExpectEnd();
}

TEST_F(SessionUpgradeTest, WhatWasAskedBeforeIsAnsweredBeforeAndOutside) {
  broker.publishing = TestBroker::Publishing::kHeld;
  layered_->Send("  V2" + Pub("t", "1") + Pub("t", "2") +
                 Identify(R"({"feature_negotiation":true,"snappy":true})"));
  RunUntil([&] { return broker.published.size() == 2; });
  RunALittle();
  layered_->Pump();
  EXPECT_EQ(layered_->Take(), "");
  broker.Answer(0);
  broker.Answer(1);
  EXPECT_EQ(Next(), "response OK");
  EXPECT_EQ(Next(), "response OK");
  EXPECT_THAT(Next(), StartsWith("response {"));
  layered_->Push(std::make_unique<SnappyFilter>());
  EXPECT_EQ(Next(), "response OK");
  layered_->Send(Pub("t", "3"));
  RunUntil([&] { return broker.published.size() == 3; });
  broker.Answer(2);
  EXPECT_EQ(Next(), "response OK");
}

// A client that does not wait for the answer, as it should.
TEST_F(SessionUpgradeTest, CommandsPipelinedBehindTheIdentifyAreInTheNewLayer) {
  SnappyFilter filter;
  Buffer outer;
  ASSERT_TRUE(filter.Encode(Pub("t", "pipelined"), &outer).ok());
  const std::string script = "  V2" + Identify(R"({"feature_negotiation":true,"snappy":true})") +
                             std::string(outer.view());
  for (size_t cut = 0; cut <= script.size(); ++cut) {
    SCOPED_TRACE(cut);
    Again();
    broker.ForgetPublished();
    layered_->Send(script.substr(0, cut));
    RunALittle();
    layered_->Send(script.substr(cut));
    EXPECT_THAT(Next(), StartsWith("response {"));
    layered_->Push(std::make_unique<SnappyFilter>());
    EXPECT_EQ(Next(), "response OK");
    EXPECT_EQ(Next(), "response OK");
    ASSERT_EQ(broker.published.size(), 1u);
    EXPECT_EQ(broker.published[0].bodies[0], "pipelined");
    if (HasFailure()) break;
  }
}

TEST_F(SessionUpgradeTest, TlsRequiredRefusesEverythingButIdentify) {
  OfferTls();
  broker.mutable_options().tls_required = TlsRequired::kTcp;
  const std::pair<std::string, std::string> kRows[] = {
      {"NOP\n", "NOP"},     {"\n", ""},         {"bogus x\n", "bogus"},
      {"SUB t c\n", "SUB"}, {"PUB t\n", "PUB"}, {"AUTH\n", "AUTH"},
  };
  for (const bool identified : {false, true}) {
    for (const auto& [line, name] : kRows) {
      Again();
      if (identified) {
        EXPECT_THAT(IdentifyWith(R"("snappy":false)"), StartsWith("response {"));
      }
      layered_->Send((identified ? "" : "  V2") + line);
      EXPECT_EQ(Next(), "error E_INVALID cannot " + name + " in current state (TLS required)");
      ExpectEnd();
    }
  }
  Again();
  (void)IdentifyWith(R"("tls_v1":true)");
  ShakeHands();
  EXPECT_EQ(Next(), "response OK");
  layered_->Send(Pub("t", "secret"));
  EXPECT_EQ(Next(), "response OK");
}

TEST_F(SessionUpgradeTest, ClientCertificatesByPolicy) {
  OfferTls(TlsClientAuth::kRequireVerify);
  (void)IdentifyWith(R"("tls_v1":true)");
  // With TLS 1.3 the client believes in it until it hears the alert; then comes a plain frame.
  const std::string failure =
      "error E_IDENTIFY_FAILED IDENTIFY failed tls: client didn't provide a certificate";
  layered_->Push(Tls());
  RunUntil([&] {
    layered_->Pump();
    return client->eof();
  });
  const std::string& bytes = layered_->received();
  EXPECT_THAT(bytes, testing::EndsWith(failure.substr(6)));
  EXPECT_EQ(bytes.substr(bytes.size() - failure.size() + 6 - 8, 8),
            Int(static_cast<int64_t>(failure.size()) - 6 + 4) + Int(1));

  Again();
  const auto pair = authority_.Issue("client", {.common_name = "worker", .also_for = "DNS:w"});
  TlsClientOptions options;
  options.cert_file = pair.cert_file;
  options.key_file = pair.key_file;
  (void)IdentifyWith(R"("tls_v1":true)");
  ShakeHands(options);
  EXPECT_EQ(Next(), "response OK");
  broker.mutable_options().auth_http_addresses = {"auth:4181"};
  layered_->Send("AUTH\n" + Sized("s"));
  RunUntil([&] { return !broker.questions.empty(); });
  EXPECT_TRUE(broker.questions.front().question.tls);
  EXPECT_EQ(broker.questions.front().question.common_name, "worker");
  broker.questions.clear();
}

TEST_F(SessionUpgradeTest, SomebodyWhoDoesNotSpeakTlsIsToldSoInPlain) {
  OfferTls();
  (void)IdentifyWith(R"("tls_v1":true)");
  layered_->Send("NOP\n");
  EXPECT_EQ(Next(),
            "error E_IDENTIFY_FAILED IDENTIFY failed tls: first record does not look like a "
            "TLS handshake");
  ExpectEnd();
}

TEST_F(SessionUpgradeTest, AHandshakeThatIsNotFinishedEnds) {
  OfferTls();
  (void)IdentifyWith(R"("tls_v1":true)");
  layered_->Send("\x16\x03\x01");
  client->EndSending();
  EXPECT_EQ(Next(), "error E_IDENTIFY_FAILED IDENTIFY failed EOF");
  ExpectEnd();

  Again();
  const auto start = std::chrono::steady_clock::now();
  (void)IdentifyWith(R"("tls_v1":true)");
  layered_->Send("\x16\x03\x01");
  EXPECT_THAT(Next(), testing::AllOf(StartsWith("error E_IDENTIFY_FAILED IDENTIFY failed read "),
                                     testing::EndsWith(": i/o timeout")));
  const auto time = std::chrono::steady_clock::now() - start;
  EXPECT_GE(time, milliseconds(4990));
  EXPECT_LT(time, seconds(15));
  ExpectEnd();
}

TEST_F(SessionUpgradeTest, NoHeartbeatComesBetweenTheAnswerAndTheLastOk) {
  OfferTls();
  (void)IdentifyWith(R"("tls_v1":true,"snappy":true,"heartbeat_interval":1000)");
  const auto start = std::chrono::steady_clock::now();
  RunUntil([&] { return std::chrono::steady_clock::now() - start > milliseconds(1300); });
  EXPECT_EQ(client->bytes(), "");
  ShakeHands();
  EXPECT_EQ(Next(), "response OK");
  layered_->Push(std::make_unique<SnappyFilter>());
  EXPECT_EQ(Next(), "response OK");
  EXPECT_EQ(Next(), "response _heartbeat_");
}

TEST_F(SessionUpgradeTest, HeartbeatsGoThroughTheLayers) {
  (void)IdentifyWith(R"("deflate":true,"heartbeat_interval":1000)");
  layered_->Push(std::make_unique<DeflateFilter>(6));
  EXPECT_EQ(Next(), "response OK");
  EXPECT_EQ(Next(), "response _heartbeat_");
  layered_->Send("NOP\n");
  EXPECT_EQ(Next(), "response _heartbeat_");
}

// Damage is an end: silent between commands, as the body's error inside one.
TEST_F(SessionUpgradeTest, WhatCannotBeDecodedEndsTheConnection) {
  const struct {
    std::string before;
    std::vector<std::string> hears;
  } kRows[] = {
      {"", {}},
      {"NO", {}},
      {Pub("t", "whole"), {"response OK"}},
      {Pub("t", "half").substr(0, 12), {"error E_BAD_MESSAGE PUB failed to read message body"}},
  };
  for (const bool snappy : {true, false}) {
    for (const auto& row : kRows) {
      SCOPED_TRACE(row.before);
      Again();
      (void)IdentifyWith(snappy ? R"("snappy":true)" : R"("deflate":true)");
      if (snappy) {
        layered_->Push(std::make_unique<SnappyFilter>());
      } else {
        layered_->Push(std::make_unique<DeflateFilter>(6));
      }
      EXPECT_EQ(Next(), "response OK");
      layered_->Send(row.before);
      client->Send(std::string("\x07\x07 garbage"));
      for (const std::string& frame : row.hears) EXPECT_EQ(Next(), frame);
      ExpectEnd();
    }
  }
}

TEST_F(SessionUpgradeTest, AFinishedDeflateStreamIsAnEnd) {
  (void)IdentifyWith(R"("deflate":true)");
  layered_->Push(std::make_unique<DeflateFilter>(6));
  EXPECT_EQ(Next(), "response OK");
  layered_->Send(Pub("t", "last"));
  client->Send(std::string("\x03\x00", 2));  // an empty last block
  EXPECT_EQ(Next(), "response OK");
  ExpectEnd();
}

// A few kilobytes that mean megabytes: turns stay short, memory stays small, nothing is lost.
TEST_F(SessionUpgradeTest, ABombIsWorkedOffInPieces) {
  (void)IdentifyWith(R"("deflate":true)");
  layered_->Push(std::make_unique<DeflateFilter>(6));
  EXPECT_EQ(Next(), "response OK");
  std::string nops;
  for (int i = 0; i < 2'000'000; ++i) nops += "NOP\n";
  layered_->Send(nops + Pub("t", "behind"));
  EXPECT_EQ(Next(), "response OK");
  ASSERT_EQ(broker.published.size(), 1u);
  EXPECT_EQ(broker.published[0].bodies[0], "behind");
}

TEST_F(SessionUpgradeTest, ABombWithoutALineEndIsRefusedLikeAnyLine) {
  (void)IdentifyWith(R"("deflate":true)");
  layered_->Push(std::make_unique<DeflateFilter>(6));
  EXPECT_EQ(Next(), "response OK");
  layered_->Send(std::string(20'000'000, 'x'));
  ExpectEnd();
}

TEST_F(SessionUpgradeTest, ASessionMovesWithItsLayersInMidStream) {
  OfferTls();
  TestBroker other;
  other.publishing = TestBroker::Publishing::kReal;
  broker.elsewhere = {"t#ephemeral"};
  broker.on_move = [&other](MovingSession moving, const std::string& topic,
                            const std::string& channel) {
    Session* const moved = other.Adopt(std::move(moving));
    moved->CompleteSubscribe(other.LocalTopic(topic), channel);
  };
  for (const bool snappy : {true, false}) {
    SCOPED_TRACE(snappy);
    Again();
    (void)IdentifyWith(snappy ? R"("tls_v1":true,"snappy":true)"
                              : R"("tls_v1":true,"deflate":true)");
    ShakeHands();
    EXPECT_EQ(Next(), "response OK");
    if (snappy) {
      layered_->Push(std::make_unique<SnappyFilter>());
    } else {
      layered_->Push(std::make_unique<DeflateFilter>(6));
    }
    EXPECT_EQ(Next(), "response OK");
    const auto next = [&] {
      std::string frame;
      RunUntil([&] {
        other.loop().RunOnce(false);
        layered_->Pump();
        frame = layered_->Take();
        return !frame.empty();
      });
      return frame;
    };
    layered_->Send(Pub("a", "here") + "SUB t#ephemeral c\nRDY 5\nNO");
    EXPECT_EQ(next(), "response OK");
    EXPECT_EQ(next(), "response OK");
    layered_->Send("P\n" + Pub("t#ephemeral", std::string(100'000, 'y')));
    std::string one = next();
    if (one == "response OK") one = next();
    EXPECT_EQ(one, "message " + std::string(100'000, 'y'));
    ASSERT_EQ(other.sessions().size(), 1u);
    const ClientStats stats = other.sessions().begin()->first->Describe();
    EXPECT_TRUE(stats.tls);
    EXPECT_EQ(stats.snappy, snappy);
    client->Drop();
    RunUntil([&] {
      other.loop().RunOnce(false);
      return other.sessions().empty();
    });
  }
}

TEST_F(SessionUpgradeTest, AStopDuringAHandshakeDoesNotWait) {
  OfferTls();
  (void)IdentifyWith(R"("tls_v1":true)");
  session->Stop();
  RunUntil([&] { return broker.ended == 1; });
}

}  // namespace
}  // namespace nsq::nsqd
