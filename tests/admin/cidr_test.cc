#include "admin/cidr.h"

#include <gtest/gtest.h>

namespace nsq::admin {
namespace {

TEST(CidrTest, SaysWhoIsInside) {
  struct Case {
    const char* network;
    const char* peer;
    bool inside;
  };
  for (const Case& c : {
           Case{"127.0.0.1/8", "127.9.9.9:50123", true},
           Case{"127.0.0.1/8", "128.0.0.1:1", false},
           Case{"127.0.0.1/8", "[::1]:1", false},
           Case{"127.0.0.1/8", "[::ffff:127.0.0.1]:1", true},
           Case{"10.1.2.128/25", "10.1.2.129:1", true},
           Case{"10.1.2.128/25", "10.1.2.127:1", false},
           Case{"10.1.2.3/32", "10.1.2.3:1", true},
           Case{"10.1.2.3/32", "10.1.2.2:1", false},
           Case{"0.0.0.0/0", "8.8.8.8:1", true},
           Case{"0.0.0.0/0", "[2001:db8::1]:1", false},
           Case{"2001:db8::/33", "[2001:db8:7fff::1]:1", true},
           Case{"2001:db8::/33", "[2001:db8:8000::1]:1", false},
           Case{"fe80::/10", "[fe80::1%eth0]:1", true},
           Case{"127.0.0.1/8", "@", false},
           Case{"127.0.0.1/8", "", false},
       }) {
    const auto cidr = Cidr::Parse(c.network);
    ASSERT_TRUE(cidr.ok()) << c.network;
    EXPECT_EQ(cidr->Contains(c.peer), c.inside) << c.peer << " in " << c.network;
  }
}

TEST(CidrTest, RefusesWhatIsNoNetwork) {
  for (const char* text : {"", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
                           "10.0.0/8", "::1/129", "host/8"}) {
    EXPECT_EQ(Cidr::Parse(text).status().detail(), std::string("invalid CIDR address: ") + text);
  }
}

}  // namespace
}  // namespace nsq::admin
