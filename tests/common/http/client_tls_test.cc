// The client's way from a 403 on http to the same question on https, against a server that really
// speaks TLS, with a certificate made for the test.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/event/address.h"
#include "common/event/unique_fd.h"
#include "common/http/client.h"
#include "common/strings.h"

namespace nsq::http {
namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;

// Signed by itself, good for `seconds` from an hour ago.
Certificate SelfSigned(EVP_PKEY* key, const char* subject = "IP:127.0.0.1", long seconds = 7200) {
  Certificate made(X509_new());
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), seconds - 3600);
  X509_set_pubkey(made.get(), key);
  X509_NAME* const name = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(made.get(), name);
  X509_EXTENSION* const address =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, subject);
  X509_add_ext(made.get(), address, -1);
  X509_EXTENSION_free(address);
  X509_sign(made.get(), key, EVP_sha256());
  return made;
}

// Takes one connection after the other on a port of its own.
class Acceptor {
 public:
  explicit Acceptor(std::function<void(int fd)> serve) : serve_(std::move(serve)) {
    Address address;
    address.host = "127.0.0.1";
    auto fd = Listen(address);
    EXPECT_TRUE(fd.ok());
    fd_ = std::move(*fd);
    port_ = BoundPort(fd_.get());
    thread_ = std::thread([this] { Run(); });
  }
  ~Acceptor() {
    stopping_ = true;
    thread_.join();
  }
  uint16_t port() const { return port_; }

 private:
  void Run() {
    while (!stopping_) {
      pollfd waiting = {fd_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 10) <= 0) continue;
      const UniqueFd client(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      serve_(client.get());
    }
  }

  const std::function<void(int fd)> serve_;
  UniqueFd fd_;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

class ClientTlsTest : public testing::Test {
 protected:
  ClientTlsTest() {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    ca_file_ = StrCat(testing::TempDir(), "client_tls_test.", test->name(), ".", ::getpid());
    const Key key(EVP_EC_gen("P-256"));
    Serve(key.get(), SelfSigned(key.get()));

    https_ = std::make_unique<Acceptor>([this](int fd) { ServeTls(fd); });
    http_ = std::make_unique<Acceptor>([this](int fd) {
      const std::string body =
          StrCat("{\"message\": \"TLS_REQUIRED\", \"https_port\": ", https_->port(), "}");
      char request[4096];
      std::ignore = ::recv(fd, request, sizeof request, 0);
      const std::string answer = StrCat("HTTP/1.1 403 Forbidden\r\nContent-Length: ", body.size(),
                                        "\r\nConnection: close\r\n\r\n", body);
      std::ignore = ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    });
  }
  void TearDown() override { std::filesystem::remove(ca_file_); }

  // The certificate is the server's, and the authority's too.
  void Serve(EVP_PKEY* key, const Certificate& certificate) {
    const std::lock_guard<std::mutex> lock(mutex_);
    SSL_CTX_use_certificate(context_.get(), certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), key);
    FILE* const file = std::fopen(ca_file_.c_str(), "w");
    PEM_write_X509(file, certificate.get());
    std::fclose(file);
  }

  // Why a GET fails for a client that trusts the server's authority.
  std::string FailureOf(const std::string& url) const {
    ClientOptions options;
    options.tls.ca_file = ca_file_;
    const std::string detail = Client(options).Get(url).status().detail();
    const size_t why = detail.find("\": ");
    return why == std::string::npos ? detail : detail.substr(why + 3);
  }

  void ServeTls(int fd) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::unique_ptr<SSL, Freer<SSL_free>> tls(SSL_new(context_.get()));
    SSL_set_fd(tls.get(), fd);
    if (SSL_accept(tls.get()) != 1) return;
    char request[4096];
    const int n = SSL_read(tls.get(), request, sizeof request);
    if (n <= 0) return;
    const std::string_view line(request, static_cast<size_t>(n));
    const std::string body(line.substr(0, line.find(" HTTP")));
    const std::string answer =
        StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
    SSL_write(tls.get(), answer.data(), static_cast<int>(answer.size()));
    SSL_shutdown(tls.get());
  }

  std::string Url() const { return StrCat("http://127.0.0.1:", http_->port(), "/stats?x=1"); }

  std::mutex mutex_;  // of context_
  const Context context_{SSL_CTX_new(TLS_server_method())};
  std::string ca_file_;
  std::unique_ptr<Acceptor> https_;
  std::unique_ptr<Acceptor> http_;
};

TEST_F(ClientTlsTest, A403WithAnHttpsPortIsAnsweredThereIfTheAuthorityIsKnown) {
  ClientOptions options;
  options.tls.ca_file = ca_file_;
  Client client(options);
  const auto got = client.Query(Url());
  ASSERT_TRUE(got.ok()) << got.status().ToString();
  EXPECT_EQ(*got, "GET /stats?x=1");
  const auto posted = client.Command(Url());
  ASSERT_TRUE(posted.ok()) << posted.status().ToString();
  EXPECT_EQ(*posted, "POST /stats?x=1");
}

TEST_F(ClientTlsTest, OrIfNobodyCares) {
  ClientOptions options;
  options.tls.skip_verify = true;
  Client client(options);
  const auto got = client.Query(Url());
  ASSERT_TRUE(got.ok()) << got.status().ToString();
  EXPECT_EQ(*got, "GET /stats?x=1");
}

TEST_F(ClientTlsTest, AnUnknownAuthorityIsRefused) {
  Client client({});
  const auto got = client.Query(Url());
  EXPECT_EQ(got.status().code(), Code::kUnavailable);
  EXPECT_THAT(got.status().detail(),
              testing::EndsWith("x509: certificate signed by unknown authority"));
}

TEST_F(ClientTlsTest, WhatIsWrongWithACertificateIsSaid) {
  const std::string url = StrCat("https://127.0.0.1:", https_->port(), "/");
  const Key key(EVP_EC_gen("P-256"));
  Serve(key.get(), SelfSigned(key.get(), "IP:127.0.0.1", 1800));
  EXPECT_EQ(FailureOf(url), "x509: certificate has expired or is not yet valid");
  Serve(key.get(), SelfSigned(key.get(), "DNS:elsewhere.example"));
  EXPECT_EQ(FailureOf(url), "x509: certificate is not valid for 127.0.0.1");
}

TEST_F(ClientTlsTest, WhoSpeaksTheWrongProtocolIsNamed) {
  const Acceptor echo([](int fd) {
    char request[4096];
    const ssize_t n = ::recv(fd, request, sizeof request, 0);
    if (n > 0) std::ignore = ::send(fd, "SSH-2.0-x\r\n", 11, MSG_NOSIGNAL);
  });
  EXPECT_EQ(FailureOf(StrCat("https://127.0.0.1:", echo.port(), "/")),
            "tls: first record does not look like a TLS handshake");
  EXPECT_EQ(FailureOf(StrCat("http://127.0.0.1:", echo.port(), "/")),
            "EOF, or an answer that is not HTTP");
}

}  // namespace
}  // namespace nsq::http
