#pragma once

#include <string>
#include <string_view>

namespace nsq {

// Appends `text` as a JSON string by the rules of Go's encoder, which clients see in every answer
// (spec, nsqd-http 2): '<', '>', '&', U+2028 and U+2029 escaped, other control characters but \t \n
// \r as \u00XX, invalid UTF-8 replaced by \ufffd, the rest as it is.
void AppendJsonString(std::string_view text, std::string* to);

// Appends the shortest text that reads back as `number`, as Go prints floats in JSON: "1", "0.99",
// "3801229", "1e+21".
void AppendJsonNumber(double number, std::string* to);

}  // namespace nsq
