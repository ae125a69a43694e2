#pragma once

#include <string>
#include <string_view>

namespace nsq {

// For text and for attribute values in either kind of quotes, as Go's html/template writes it.
std::string EscapeHtml(std::string_view text);

}  // namespace nsq
