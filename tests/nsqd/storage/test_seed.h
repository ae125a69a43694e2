#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace nsq::nsqd {

// The seed of a random test: always the same, unless NSQ_TEST_SEED says another. Recorded, so that
// a failure shows it.
inline uint64_t TestSeed() {
  const char* const given = std::getenv("NSQ_TEST_SEED");
  const uint64_t seed = given == nullptr ? 20261121 : std::strtoull(given, nullptr, 10);
  testing::Test::RecordProperty("seed", std::to_string(seed));
  return seed;
}

}  // namespace nsq::nsqd
