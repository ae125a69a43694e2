// The client library against real daemons.

#include <nsq/nsq.h>

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tests/clients/apps/tool_test.h"
#include "tests/common/filters/test_certificates.h"
#include "tests/nsqd/daemon/auth/fake_auth_server.h"

namespace nsq {
namespace {

using cluster::Eventually;
using cluster::kPatience;
using nsqd::FakeAuthServer;

// What a consumer has been given.
class Bodies {
 public:
  Outcome Take(const Message& message) {
    const std::lock_guard<std::mutex> lock(mutex_);
    all_.insert(std::string(message.body()));
    return Outcome::Finish();
  }
  size_t count() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return all_.size();
  }
  std::multiset<std::string> all() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return all_;
  }
  Consumer::Handler Handler() {
    return [this](Message& message, const std::stop_token&) { return Take(message); };
  }

 private:
  mutable std::mutex mutex_;
  std::multiset<std::string> all_;
};

class ClientLibraryTest : public apps::ToolTest {
 protected:
  static RuntimeOptions Quiet() {
    RuntimeOptions options;
    options.log = nullptr;
    options.io_threads = 2;
    return options;
  }

  Producer MakeProducer(const std::string& nsqd, const ClientOptions& client = {}) {
    ProducerOptions options;
    options.nsqd = nsqd;
    options.client = client;
    auto producer = Producer::Open(runtime_, std::move(options));
    EXPECT_TRUE(producer) << producer.error().detail;
    return std::move(*producer);
  }

  static ConsumerOptions From(std::vector<std::string> nsqds, const ClientOptions& client = {}) {
    ConsumerOptions options;
    options.topic = "t";
    options.channel = "c";
    options.nsqds = std::move(nsqds);
    options.client = client;
    options.client.max_in_flight = 100;
    options.concurrency = 3;
    return options;
  }
  Consumer MakeConsumer(ConsumerOptions options) {
    auto consumer = Consumer::Open(runtime_, std::move(options));
    EXPECT_TRUE(consumer) << consumer.error().detail;
    return std::move(*consumer);
  }

  // Publishes and consumes through these options; everything arrives, once.
  void RoundTrip(cluster::Nsqd& nsqd, const std::string& address, const ClientOptions& client) {
    Producer producer = MakeProducer(address, client);
    std::multiset<std::string> sent;
    for (int i = 0; i < 300; ++i) {
      // Short and long ones, which compress well and not at all.
      std::string body = StrCat(i, " ", std::string(static_cast<size_t>(i * 37 % 5000), 'x'));
      if (i % 10 == 0) {
        for (size_t k = 0; k < body.size(); ++k) body[k] = static_cast<char>(i * 31 + k * k % 251);
        body += std::to_string(i);
      }
      const auto published = producer.Publish("t", body);
      ASSERT_TRUE(published) << published.error().detail;
      sent.insert(std::move(body));
    }
    Bodies bodies;
    Consumer consumer = MakeConsumer(From({address}, client));
    ASSERT_TRUE(consumer.Start(bodies.Handler()));
    EXPECT_TRUE(Eventually([&] { return bodies.count() >= sent.size(); }));
    EXPECT_TRUE(consumer.Stop(kPatience).drained);
    EXPECT_EQ(bodies.all(), sent);
    EXPECT_TRUE(AllDone(nsqd, "t", "c", 300));
  }

  cluster::Nsqd& AddTlsNsqd(const TestAuthority::Pair& server) {
    return AddNsqd({"-tls-cert=" + server.cert_file, "-tls-key=" + server.key_file,
                    "-https-address=127.0.0.1:0"});
  }

  Runtime runtime_{Quiet()};
};

TEST_F(ClientLibraryTest, InTheClear) {
  auto& nsqd = AddNsqd();
  RoundTrip(nsqd, nsqd.tcp_address(), {});
}

TEST_F(ClientLibraryTest, ByName) {
  auto& nsqd = AddNsqd();
  RoundTrip(nsqd, StrCat("localhost:", nsqd.tcp_port()), {});
}

TEST_F(ClientLibraryTest, CompressedAndEncrypted) {
  TestAuthority authority;
  const TestAuthority::Pair server = authority.Issue("server");
  for (const bool tls : {false, true}) {
    for (const int compression : {0, 1, 2}) {
      if (!tls && compression == 0) continue;
      SCOPED_TRACE(testing::Message() << "tls " << tls << " compression " << compression);
      auto& nsqd = AddTlsNsqd(server);
      ClientOptions client;
      client.tls_v1 = tls;
      client.tls_root_ca_file = authority.ca_file();
      client.snappy = compression == 1;
      client.deflate = compression == 2;
      client.require_compression = true;
      RoundTrip(nsqd, nsqd.tcp_address(), client);
    }
  }
}

TEST_F(ClientLibraryTest, ACertificateOfAStrangerIsRefused) {
  TestAuthority authority;
  TestAuthority stranger;
  const TestAuthority::Pair server = stranger.Issue("server");
  auto& nsqd = AddTlsNsqd(server);
  ClientOptions client;
  client.tls_v1 = true;
  client.tls_root_ca_file = authority.ca_file();
  const auto refused = MakeProducer(nsqd.tcp_address(), client).Publish("t", "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTlsFailed) << refused.error().detail;
  EXPECT_FALSE(nsqd.Stats("t").exists);

  client.tls_insecure_skip_verify = true;
  EXPECT_TRUE(MakeProducer(nsqd.tcp_address(), client).Publish("t", "x"));
}

TEST_F(ClientLibraryTest, TlsThatTheServerLacksAndFilesThatAreNotThere) {
  auto& nsqd = AddNsqd();
  ClientOptions client;
  client.tls_v1 = true;
  const auto refused = MakeProducer(nsqd.tcp_address(), client).Publish("t", "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTlsUnavailable);
  client.tls_root_ca_file = "/nowhere.pem";
  const auto opened = Producer::Open(runtime_, {.nsqd = nsqd.tcp_address(), .client = client});
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().detail.find("/nowhere.pem"), std::string::npos);
}

TEST_F(ClientLibraryTest, AuthGoodBadAndNone) {
  FakeAuthServer server(FakeAuthServer::Saying(
      R"({"ttl":3600,"identity":"me","identity_url":"","authorizations":[{"topic":"^t$",)"
      R"("channels":[".*"],"permissions":["subscribe","publish"]}]})"));
  auto& nsqd = AddNsqd({"-auth-http-address=" + server.address()});
  ClientOptions client;
  const auto without = MakeProducer(nsqd.tcp_address(), client).Publish("t", "x");
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().code, ErrorCode::kAuthRequired);
  client.auth_secret = "secret";
  RoundTrip(nsqd, nsqd.tcp_address(), client);
  const auto denied = MakeProducer(nsqd.tcp_address(), client).Publish("denied", "x");
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().detail, "E_UNAUTHORIZED AUTH failed for PUB on \"denied\" \"\"");
  server.Become(FakeAuthServer::Saying("{}", 403));
  const auto refused = MakeProducer(nsqd.tcp_address(), client).Publish("t", "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kAuthFailed) << refused.error().detail;
}

TEST_F(ClientLibraryTest, FindsAllNsqdThroughLookupAlsoLater) {
  auto& lookupd = AddLookupd();
  auto& first = AddNsqd();
  EXPECT_EQ(first.Publish("t", "one"), "OK");
  ConsumerOptions options = From({});
  // One of them never answers: what the other says is enough.
  options.lookupds = {"127.0.0.1:1", StrCat("127.0.0.1:", lookupd.http_port())};
  options.client.lookupd_poll_interval = std::chrono::milliseconds(100);
  Bodies bodies;
  Consumer consumer = MakeConsumer(std::move(options));
  ASSERT_TRUE(consumer.Start(bodies.Handler()));
  EXPECT_TRUE(Eventually([&] { return bodies.count() == 1; }));
  auto& second = AddNsqd();
  EXPECT_EQ(second.Publish("t", "two"), "OK");
  EXPECT_TRUE(Eventually([&] { return bodies.count() == 2; }));
  EXPECT_EQ(consumer.status().nsqds.size(), 2u);
  EXPECT_GT(consumer.status().lookup_failures, 0u);
}

TEST_F(ClientLibraryTest, ComesBackAfterARestart) {
  auto& lookupd = AddLookupd();
  auto& nsqd = AddNsqd();
  for (const char* channel : {"/topic/create?topic=t", "/channel/create?topic=t&channel=c",
                              "/channel/create?topic=t&channel=direct"}) {
    ASSERT_EQ(nsqd.Post(channel).status, 200);
  }
  Producer producer = MakeProducer(nsqd.tcp_address());
  ASSERT_TRUE(producer.Publish("t", "before"));
  ConsumerOptions by_lookup = From({});
  by_lookup.lookupds = {StrCat("127.0.0.1:", lookupd.http_port())};
  ConsumerOptions direct = From({nsqd.tcp_address()});
  direct.channel = "direct";
  Bodies found;
  Bodies given;
  Consumer consumers[] = {MakeConsumer(std::move(by_lookup)), MakeConsumer(std::move(direct))};
  ASSERT_TRUE(Eventually([&] { return lookupd.Lookup("t").tcp_ports.size() == 1; }));
  ASSERT_TRUE(consumers[0].Start(found.Handler()));
  ASSERT_TRUE(consumers[1].Start(given.Handler()));
  EXPECT_TRUE(Eventually([&] { return found.count() == 1 && given.count() == 1; }));
  nsqd.Kill();
  nsqd.Start();
  const bool again = Eventually([&] { return producer.Publish("t", "after").has_value(); });
  EXPECT_TRUE(again);
  const auto got = [](const Bodies& bodies) { return bodies.all().contains("after"); };
  EXPECT_TRUE(Eventually([&] { return got(given); }));
  EXPECT_TRUE(Eventually([&] { return got(found); })) << "looked for again at once";
}

TEST_F(ClientLibraryTest, DeferredAndBatched) {
  auto& nsqd = AddNsqd();
  Producer producer = MakeProducer(nsqd.tcp_address());
  const std::vector<std::string_view> batch = {"a", "b", "c"};
  ASSERT_TRUE(producer.PublishBatch("t", batch));
  ASSERT_TRUE(producer.PublishDeferred("t", std::chrono::milliseconds(200), "later"));
  Bodies bodies;
  Consumer consumer = MakeConsumer(From({nsqd.tcp_address()}));
  ASSERT_TRUE(consumer.Start(bodies.Handler()));
  EXPECT_TRUE(Eventually([&] { return bodies.count() == 4; }));
  const auto too_late = producer.PublishDeferred("t", std::chrono::hours(1000), "x");
  ASSERT_FALSE(too_late);
  EXPECT_EQ(too_late.error().code, ErrorCode::kServerError);
}

TEST_F(ClientLibraryTest, RequeuedMessagesComeAgain) {
  auto& nsqd = AddNsqd();
  EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
  std::atomic<int> attempts{0};
  Consumer consumer = MakeConsumer(From({nsqd.tcp_address()}));
  ASSERT_TRUE(consumer.Start([&attempts](Message& message, const std::stop_token&) {
    attempts = message.attempts();
    return attempts < 3 ? Outcome::Requeue(std::chrono::milliseconds(10), Penalty::kNone)
                        : Outcome::Finish();
  }));
  EXPECT_TRUE(Eventually([&] { return attempts == 3; }));
  EXPECT_TRUE(consumer.Stop(kPatience).drained);
  EXPECT_TRUE(AllDone(nsqd, "t", "c", 1));
}

TEST_F(ClientLibraryTest, APoolFindsNsqdAtLookup) {
  auto& lookupd = AddLookupd();
  auto& a = AddNsqd();
  auto& b = AddNsqd();
  ProducerPoolOptions options;
  options.lookupds = {StrCat("127.0.0.1:", lookupd.http_port())};
  options.producer.client.lookupd_poll_interval = std::chrono::milliseconds(100);
  options.retry_unknown_outcome = true;  // of what was under way when one was killed
  auto pool = ProducerPool::Open(runtime_, std::move(options));
  ASSERT_TRUE(pool);
  ASSERT_TRUE(Eventually([&] { return pool->nsqds().size() == 2; }));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(pool->Publish("new", "x"));
  EXPECT_EQ(a.Stats("new").messages, 5);
  EXPECT_EQ(b.Stats("new").messages, 5);
  b.Kill();
  for (int i = 0; i < 10; ++i) {
    const auto published = pool->Publish("new", "x");
    EXPECT_TRUE(published) << ToString(published.error().code) << ": " << published.error().detail;
  }
}

TEST_F(ClientLibraryTest, OverAUnixSocket) {
  const std::string path = (folder_ / "nsqd.sock").string();
  auto& relay = AddNsqd();
  // nsqd's own listener stays TCP for the fixture; the socket is another daemon's.
  std::filesystem::create_directory(folder_ / "unix");
  cluster::ChildProcess nsqd("nsqd",
                             {"-tcp-address=" + path, "-http-address=127.0.0.1:0",
                              "-data-path=" + (folder_ / "unix").string()},
                             folder_ / "unix.log");
  ASSERT_NE(nsqd.AwaitLogged("TCP: listening on "), "");
  Producer producer = MakeProducer(path);
  const auto published = producer.Publish("t", "x");
  ASSERT_TRUE(published) << published.error().detail;
  Bodies bodies;
  Consumer consumer = MakeConsumer(From({path, relay.tcp_address()}));
  ASSERT_TRUE(consumer.Start(bodies.Handler()));
  EXPECT_TRUE(Eventually([&] { return bodies.count() == 1; }));
}

}  // namespace
}  // namespace nsq
