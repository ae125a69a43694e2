#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/config/flag.h"

namespace nsq {

// Go's grammars for what stands on a command line. Each gives "" when `text` is fine, else the
// reason as Go's flag package words it: "parse error", "value out of range".
std::string ParseGoInt(std::string_view text, int64_t* value);
std::string ParseGoBool(std::string_view text, bool* value);
std::string ParseGoFloat(std::string_view text, double* value);

// Reads one occurrence of a flag into `value`: scalars are replaced, lists grow. "" or the reason.
std::string ParseFlagText(const Flag& flag, std::string_view text, FlagValue* value);

// How GET /config/:opt shows a value; strings are raw and not JSON.
std::string ShowFlagValue(const Flag& flag, const FlagValue& value);
inline bool ShownAsJson(Kind kind) { return kind != Kind::kString; }

}  // namespace nsq
