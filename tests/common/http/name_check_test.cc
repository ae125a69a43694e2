#include "common/http/name_check.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>

namespace nsq::http {
namespace {

constexpr Duration kLong = std::chrono::hours(1);

TEST(NameCheckTest, ANumberIsNotAskedFor) {
  NameCheck check([](const std::string& host) { ADD_FAILURE() << host; });
  EXPECT_TRUE(check.Answered("127.0.0.1", milliseconds(0)));
  EXPECT_TRUE(check.Answered("::1", milliseconds(0)));
}

TEST(NameCheckTest, WhoAsksOftenAsksOnce) {
  const auto asked = std::make_shared<std::atomic<int>>(0);
  NameCheck check([asked](const std::string&) { ++*asked; });
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(check.Answered("host", kLong));
  EXPECT_TRUE(check.Answered("other", kLong));
  EXPECT_EQ(*asked, 2);
}

TEST(NameCheckTest, ANameServerThatHangsHoldsNobodyAndIsAskedOnce) {
  const auto asked = std::make_shared<std::atomic<int>>(0);
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
  NameCheck check([asked, ended](const std::string&) {
    ++*asked;
    ended.wait();
  });
  EXPECT_FALSE(check.Answered("host", milliseconds(1)));
  EXPECT_FALSE(check.Answered("host", milliseconds(1)));
  end.set_value();
  EXPECT_TRUE(check.Answered("host", kLong));
  EXPECT_EQ(*asked, 1);
}

TEST(NameCheckTest, ALookupMayOutliveWhoAsked) {
  std::promise<void> end;
  const auto done = std::make_shared<std::promise<void>>();
  {
    NameCheck check([ended = end.get_future().share(), done](const std::string&) {
      ended.wait();
      done->set_value();
    });
    EXPECT_FALSE(check.Answered("host", milliseconds(1)));
  }
  end.set_value();
  done->get_future().wait();
}

}  // namespace
}  // namespace nsq::http
