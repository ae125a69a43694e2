#include "admin/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "common/config/config.h"

namespace nsq::admin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Options OptionsOf(std::vector<std::string> arguments) {
  Config config("nsqadmin", Flags());
  std::string out;
  std::string err;
  EXPECT_EQ(config.Load(arguments, &out, &err), std::nullopt) << err;
  return OptionsFrom(config);
}

TEST(FlagsTest, DefaultsAreNsqadmins) {
  const Options options = OptionsOf({});
  EXPECT_EQ(options.http_address, "0.0.0.0:4171");
  EXPECT_EQ(options.base_path, "/");
  EXPECT_EQ(options.connect_timeout, seconds(2));
  EXPECT_EQ(options.request_timeout, seconds(5));
  EXPECT_EQ(options.acl_http_header, "X-Forwarded-User");
}

TEST(FlagsTest, EveryFlagOfNsqadminIsAccepted) {
  OptionsOf({"-allow-config-from-cidr=10.0.0.0/8", "-graphite-url=http://g", "-proxy-graphite",
             "-statsd-prefix=x", "-statsd-counter-format=%s", "-statsd-gauge-format=%s",
             "-statsd-interval=10s", "-notification-http-endpoint=http://n", "-log-level=WARN",
             "-log-prefix=x", "-verbose", "-dev-static-dir=/x",
             "-http-client-tls-insecure-skip-verify", "-http-client-tls-root-ca-file=f"});
}

TEST(FlagsTest, ConfigFileHasItsOwnNames) {
  std::string folder = testing::TempDir() + "nsqadmin-flags-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/nsqadmin.cfg";
  std::ofstream(path) << "nsqlookupd_http_addresses = [\"a:1\", \"b:2\"]\n"
                         "admin_users = \"x,y\"\n"
                         "base_path = \"ops/\"\n"
                         "http_client_request_timeout = 1500\n";
  const Options options = OptionsOf({"-config", path});
  EXPECT_THAT(options.lookupd_http_addresses, ElementsAre("a:1", "b:2"));
  EXPECT_THAT(options.admin_users, ElementsAre("x", "y"));
  EXPECT_EQ(options.base_path, "/ops");
  EXPECT_EQ(options.request_timeout, milliseconds(1500));
}

TEST(FlagsTest, WhatCannotWorkIsSaidBeforeTheStart) {
  struct Case {
    std::vector<std::string> arguments;
    const char* reason;
  };
  const std::string nsqd = "-nsqd-http-address=127.0.0.1:4151";
  for (const Case& c : std::vector<Case>{
           {{}, "--nsqd-http-address or --lookupd-http-address required"},
           {{nsqd, "-lookupd-http-address=127.0.0.1:4161"},
            "use --nsqd-http-address or --lookupd-http-address not both"},
           {{nsqd, "-http-client-tls-cert=c"},
            "--http-client-tls-key must be specified with --http-client-tls-cert"},
           {{nsqd, "-http-client-tls-key=k"},
            "--http-client-tls-cert must be specified with --http-client-tls-key"},
           {{nsqd, "-http-client-tls-cert=/no/cert", "-http-client-tls-key=/no/key"},
            "failed to LoadX509KeyPair /no/cert, /no/key - open /no/cert: no such file"},
           {{nsqd, "-http-client-tls-root-ca-file=/no/ca"},
            "failed to read TLS root CA file /no/ca - open /no/ca: no such file or directory"},
           {{nsqd, "-http-client-tls-root-ca-file=/dev/null"},
            "failed to AppendCertsFromPEM /dev/null"},
           {{nsqd, "-proxy-graphite", "-graphite-url=graphite"},
            "failed to parse --graphite-url (graphite) - "},
           {{nsqd, "-allow-config-from-cidr=10.0.0.0/33"},
            "failed to parse --allow-config-from-cidr (10.0.0.0/33) - invalid CIDR address: "},
           {{"-lookupd-http-address=127.0.0.1"},
            "failed to resolve --lookupd-http-address (127.0.0.1) - "},
           {{"-nsqd-http-address=http://127.0.0.1:4151"},
            "failed to resolve --nsqd-http-address (http://127.0.0.1:4151) - "},
           {{"-nsqd-http-address=127.0.0.1:port"},
            "failed to resolve --nsqd-http-address (127.0.0.1:port) - "},
       }) {
    const Status status = CheckOptions(OptionsOf(c.arguments));
    EXPECT_EQ(status.code(), Code::kInvalid) << c.reason;
    EXPECT_THAT(status.detail(), HasSubstr(c.reason));
  }
  EXPECT_TRUE(CheckOptions(OptionsOf({nsqd, "-nsqd-http-address=[::1]:4151"})).ok());
}

}  // namespace
}  // namespace nsq::admin
