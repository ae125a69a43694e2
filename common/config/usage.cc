#include "common/config/usage.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/strings.h"

namespace nsq {
namespace {

// Of a usual terminal window, a little widened: most have more than 80 columns.
constexpr size_t kWidth = 96;
constexpr size_t kHelpColumn = 34;

std::string_view ValueWord(Kind kind) {
  switch (kind) {
    case Kind::kBool:
      return "";
    case Kind::kInt:
      return " N";
    case Kind::kFloat:
      return " X";
    case Kind::kString:
      return " TEXT";
    case Kind::kDuration:
      return " TIME";
    case Kind::kStringList:
      return " TEXT ...";
    case Kind::kFloatList:
      return " X,X ...";
    case Kind::kLogLevel:
      return " LEVEL";
    case Kind::kTlsRequired:
      return "[=MODE]";
    case Kind::kTlsMinVersion:
      return " VERSION";
  }
  return "";
}

// " = 64 KiB" for a number of bytes that is round in that way.
std::string InLargerUnits(std::string_view number) {
  int64_t bytes = 0;
  if (!ParseInt(number, &bytes) || bytes < int64_t{64} << 10) return "";
  static constexpr std::string_view kUnits[] = {"", " KiB", " MiB", " GiB"};
  size_t unit = 0;
  while (bytes % 1024 == 0 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? "" : StrCat(" = ", bytes, kUnits[unit]);
}

std::string DefaultText(const Flag& flag) {
  if (flag.fallback.empty() || (flag.kind == Kind::kBool && flag.fallback == "false")) return "";
  // A blank or line break at the end would not be seen.
  if (flag.kind == Kind::kString &&
      (flag.fallback.ends_with(' ') || flag.fallback.ends_with('\n'))) {
    return StrCat(" [", GoQuoted(flag.fallback), "]");
  }
  const bool is_bytes = flag.kind == Kind::kInt && flag.help.find("byte") != std::string::npos;
  return StrCat(" [", flag.fallback, is_bytes ? InLargerUnits(flag.fallback) : "", "]");
}

// Appends `text` in lines that begin at the column of helps; the present line has come to `column`.
void AppendWrapped(std::string_view text, size_t column, std::string* to) {
  const auto begin_line = [&] {
    *to += '\n';
    to->append(kHelpColumn, ' ');
    column = kHelpColumn;
  };
  if (column + 2 > kHelpColumn) {
    begin_line();
  } else {
    to->append(kHelpColumn - column, ' ');
    column = kHelpColumn;
  }
  bool first = true;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!first && column + 1 + word.size() > kWidth) {
      begin_line();
    } else if (!first) {
      *to += ' ';
      ++column;
    }
    *to += word;
    column += word.size();
    first = false;
  }
  *to += '\n';
}

}  // namespace

std::string UsageText(std::string_view program, std::span<const Flag* const> flags) {
  std::vector<std::string_view> groups;
  for (const Flag* const flag : flags) {
    if (std::find(groups.begin(), groups.end(), flag->group) == groups.end()) {
      groups.push_back(flag->group);
    }
  }
  std::string usage = StrCat("Usage of ", program, ":\n");
  for (const std::string_view group : groups) {
    if (!group.empty()) usage += StrCat("\n", group, "\n");
    for (const Flag* const flag : flags) {
      if (flag->group != group) continue;
      const std::string name = StrCat("  --", flag->name, ValueWord(flag->kind));
      usage += name;
      AppendWrapped(flag->help + DefaultText(*flag), name.size(), &usage);
    }
  }
  usage +=
      "\n[...] is the default. TIME is 250ms, 2s, 1m30s, 12h and the like. What ends in ... may "
      "be\n"
      "given more than once. A switch is turned off by --name=false.\n";
  return usage;
}

}  // namespace nsq
