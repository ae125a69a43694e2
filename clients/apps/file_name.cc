#include "clients/apps/file_name.h"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace nsq::apps {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};

void AppendNumber(int number, int digits, std::string* to) {
  char text[16];
  std::snprintf(text, sizeof text, "%0*d", digits, number);
  to->append(text);
}

// False if NSQ knows no such letter.
bool AppendItem(char letter, const tm& time, std::string* to) {
  const std::string_view month = kMonths[static_cast<size_t>(time.tm_mon)];
  const std::string_view day = kDays[static_cast<size_t>(time.tm_wday)];
  switch (letter) {
    case 'Y':
      AppendNumber(time.tm_year + 1900, 4, to);
      return true;
    case 'y':
      AppendNumber(time.tm_year % 100, 2, to);
      return true;
    case 'm':
      AppendNumber(time.tm_mon + 1, 2, to);
      return true;
    case 'd':
      AppendNumber(time.tm_mday, 2, to);
      return true;
    case 'H':
      AppendNumber(time.tm_hour, 2, to);
      return true;
    case 'I':
      AppendNumber((time.tm_hour + 11) % 12 + 1, 2, to);
      return true;
    case 'M':
      AppendNumber(time.tm_min, 2, to);
      return true;
    case 'S':
      AppendNumber(time.tm_sec, 2, to);
      return true;
    case 'p':
      to->append(time.tm_hour < 12 ? "AM" : "PM");
      return true;
    case 'B':
      to->append(month);
      return true;
    case 'b':
      to->append(month.substr(0, 3));
      return true;
    case 'A':
      to->append(day);
      return true;
    case 'a':
      to->append(day.substr(0, 3));
      return true;
    case 'Z':
      to->append(time.tm_zone == nullptr ? "" : time.tm_zone);
      return true;
    case 'z': {
      const long minutes = std::labs(time.tm_gmtoff) / 60;
      to->push_back(time.tm_gmtoff < 0 ? '-' : '+');
      AppendNumber(static_cast<int>(minutes / 60), 2, to);
      AppendNumber(static_cast<int>(minutes % 60), 2, to);
      return true;
    }
    case '%':
      to->push_back('%');
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string FormatDatetime(std::string_view format, const tm& time) {
  std::string text;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] == '%' && i + 1 < format.size() && AppendItem(format[i + 1], time, &text)) {
      ++i;
    } else {
      text += format[i];
    }
  }
  return text;
}

std::string Replaced(std::string text, std::string_view token, std::string_view by) {
  for (size_t at = 0; (at = text.find(token, at)) != std::string::npos; at += by.size()) {
    text.replace(at, token.size(), by);
  }
  return text;
}

}  // namespace nsq::apps
