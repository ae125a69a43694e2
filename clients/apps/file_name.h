#pragma once

#include <ctime>
#include <string>
#include <string_view>

namespace nsq::apps {

// %Y %y %m %d %H %I %M %S %p %B %b %A %a %Z %z %%, in English; everything else stays as it is.
std::string FormatDatetime(std::string_view format, const tm& time);

// `text` with every `token` replaced.
std::string Replaced(std::string text, std::string_view token, std::string_view by);

}  // namespace nsq::apps
