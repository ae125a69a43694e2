#include "common/wire/names.h"

#include <gtest/gtest.h>

#include <string>

namespace nsq {
namespace {

TEST(NamesTest, TakesOneTo64OfTheAllowedBytes) {
  for (const std::string& name :
       {std::string("a"), std::string("A-z_0.9"), std::string("."), std::string(64, 'x'),
        std::string("t#ephemeral"), std::string(54, 'x') + "#ephemeral"}) {
    EXPECT_TRUE(IsValidTopicName(name)) << name;
    EXPECT_TRUE(IsValidChannelName(name)) << name;
  }
}

TEST(NamesTest, RefusesEverythingElse) {
  for (const std::string& name :
       {std::string(), std::string(65, 'x'), std::string("#ephemeral"),
        std::string(55, 'x') + "#ephemeral", std::string("a b"), std::string("a\n"),
        std::string("a#"), std::string("a#Ephemeral"), std::string("a#ephemeral "),
        std::string("a#ephemeral#ephemeral"), std::string("t\xC3\xA9"), std::string("a\0b", 3),
        std::string("*"), std::string("a/b")}) {
    EXPECT_FALSE(IsValidTopicName(name)) << name;
    EXPECT_FALSE(IsValidChannelName(name)) << name;
  }
}

TEST(NamesTest, EphemeralIsASuffix) {
  EXPECT_TRUE(IsEphemeral("a#ephemeral"));
  EXPECT_FALSE(IsEphemeral("a#ephemeralx"));
  EXPECT_FALSE(IsEphemeral("ephemeral"));
}

}  // namespace
}  // namespace nsq
