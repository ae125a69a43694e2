#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nsq::nsqd {

// JSON of somebody else, for a parser that is stricter than Go's: that one puts U+FFFD for bytes
// that are no UTF-8 and for half a surrogate pair, where ours would refuse the text. (A host whose
// name is in Latin-1 must not be shut out.) Nothing if it holds what means something to our parser
// and not to JSON: a NUL, a byte order mark.
std::optional<std::string> AsGoReadsJson(std::string_view json);

}  // namespace nsq::nsqd
