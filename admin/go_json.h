#pragma once

#include <string>
#include <string_view>

namespace nsq::admin {

// What Go's JSON decoder says of the first value in `text`: empty if it is whole, whatever follows
// it; else "EOF" (nothing there), "unexpected EOF", or
// "invalid character 'x' looking for beginning of value". Scripts show these to people.
std::string GoJsonError(std::string_view text);

// The length of the first value with the white space before it; only if it is whole.
size_t GoJsonLength(std::string_view text);

}  // namespace nsq::admin
