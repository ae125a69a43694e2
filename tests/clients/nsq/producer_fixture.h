#pragma once

#include <gtest/gtest.h>
#include <nsq/producer.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tests/clients/nsq/fake_nsqd.h"

namespace nsq::client {

// Where a callback leaves what it was given.
class Outcomes {
 public:
  Producer::Callback Callback() {
    return [this](Expected<void> result) {
      const std::lock_guard<std::mutex> lock(mutex_);
      all_.push_back(result ? "ok" : std::string(ToString(result.error().code)));
      changed_.notify_all();
    };
  }
  std::vector<std::string> Await(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return all_.size() >= count; });
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> all_;
};

class ProducerTest : public testing::Test {
 protected:
  static RuntimeOptions Quiet() {
    RuntimeOptions options;
    options.log = nullptr;
    return options;
  }

  Producer Open(const std::string& nsqd, Duration timeout = seconds(10)) {
    ProducerOptions options;
    options.nsqd = nsqd;
    options.publish_timeout = timeout;
    return Open(std::move(options));
  }
  Producer Open(ProducerOptions options) {
    auto producer = Producer::Open(runtime_, std::move(options));
    EXPECT_TRUE(producer) << producer.error().detail;
    return std::move(*producer);
  }

  static std::string CodeOf(const Expected<void>& result) {
    return result ? "ok" : std::string(ToString(result.error().code));
  }

  Runtime runtime_{Quiet()};
};

}  // namespace nsq::client
