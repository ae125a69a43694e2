#include "common/wire/names.h"

#include <algorithm>
#include <cstddef>

namespace nsq {
namespace {

constexpr size_t kLongest = 64;

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

bool IsValidName(std::string_view name) {
  if (name.size() > kLongest) return false;
  if (IsEphemeral(name)) name.remove_suffix(kEphemeralSuffix.size());
  return !name.empty() && std::all_of(name.begin(), name.end(), IsNameByte);
}

}  // namespace

bool IsValidTopicName(std::string_view name) { return IsValidName(name); }
bool IsValidChannelName(std::string_view name) { return IsValidName(name); }

}  // namespace nsq
