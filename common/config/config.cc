#include "common/config/config.h"

#include <gflags/gflags.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/check.h"
#include "common/config/duration.h"
#include "common/config/file.h"
#include "common/config/usage.h"
#include "common/config/values.h"
#include "common/strings.h"
#include "common/version.h"

namespace nsq {
namespace {

bool IsBoolFlag(Kind kind) { return kind == Kind::kBool || kind == Kind::kTlsRequired; }

// These three are checked in the file even where the command line decides.
bool IsAlwaysChecked(Kind kind) {
  return kind == Kind::kLogLevel || kind == Kind::kTlsRequired || kind == Kind::kTlsMinVersion;
}

// A list's default is written as it would be on the command line, comma separated.
FlagValue Fallback(const Flag& flag) {
  FlagValue value;
  const bool is_list = flag.kind == Kind::kStringList || flag.kind == Kind::kFloatList;
  if (flag.fallback.empty() && (is_list || flag.kind == Kind::kString)) return value;
  const std::string reason = ParseFlagText(flag, flag.fallback, &value);
  NSQ_CHECK(reason.empty());
  return value;
}

// Registers the flag with gflags, once a process; the storage is gflags' for good.
void Register(const Flag& flag) {
  gflags::CommandLineFlagInfo known;
  // gflags takes '-' for '_' when it finds nothing better: glog's log_prefix is not our log-prefix.
  if (gflags::GetCommandLineFlagInfo(flag.name.c_str(), &known) && known.name == flag.name) return;
  // Reachable for good, or leak checkers would complain: gflags keeps pointers into the texts only.
  static auto* const all = new std::deque<Flag>;
  const Flag* const lasting = &all->emplace_back(flag);
  const char* const name = lasting->name.c_str();
  const char* const help = lasting->help.c_str();
  const FlagValue value = Fallback(flag);
  if (flag.kind == Kind::kBool) {
    gflags::FlagRegisterer(name, help, "nsq", new bool(value.is_true), new bool(value.is_true));
  } else if (flag.kind == Kind::kInt) {
    gflags::FlagRegisterer(name, help, "nsq", new gflags::int64(value.number),
                           new gflags::int64(value.number));
  } else {
    gflags::FlagRegisterer(name, help, "nsq", new std::string(flag.fallback),
                           new std::string(flag.fallback));
  }
}

// A value as gflags keeps it.
std::string GflagsText(const Flag& flag, const FlagValue& value) {
  switch (flag.kind) {
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kFloat:
    case Kind::kString:
    case Kind::kLogLevel:
    case Kind::kTlsRequired:
    case Kind::kTlsMinVersion:
      return ShowFlagValue(flag, value);
    case Kind::kDuration:
      return FormatGoDuration(value.duration);
    case Kind::kStringList:
    case Kind::kFloatList:
      return ShowFlagValue(flag, value);
  }
  return "";
}

std::string BadValue(const Flag& flag, std::string_view text, std::string_view reason) {
  if (IsBoolFlag(flag.kind)) {
    return StrCat("invalid boolean value ", GoQuoted(text), " for -", flag.name, ": ", reason);
  }
  return StrCat("invalid value ", GoQuoted(text), " for flag -", flag.name, ": ", reason);
}

}  // namespace

Config::Config(std::string program, std::vector<Flag> flags, std::string version_line)
    : program_(std::move(program)),
      version_line_(version_line.empty() ? VersionLine(program_) : std::move(version_line)) {
  for (Flag& flag : flags) {
    Register(flag);
    Entry entry;
    entry.value = Fallback(flag);
    entry.flag = std::move(flag);
    entries_.push_back(std::move(entry));
  }
}

std::optional<int> Config::Load(int argc, const char* const* argv) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  std::string out;
  std::string err;
  const std::optional<int> code = Load(arguments, &out, &err);
  std::fputs(out.c_str(), stdout);
  std::fputs(err.c_str(), stderr);
  std::fflush(stdout);
  return code;
}

std::optional<int> Config::Load(std::span<const std::string> arguments, std::string* out,
                                std::string* err) {
  if (const auto code = ParseArguments(arguments, err)) return code;
  if (const Entry* version = Find("version"); version != nullptr && version->value.is_true) {
    *out = version_line_ + "\n";
    return 0;
  }
  if (const Entry* file = Find("config"); file != nullptr && !file->value.text.empty()) {
    if (const auto code = ReadFile(file->value.text, err)) return code;
  }
  TellGflags();
  return std::nullopt;
}

std::optional<int> Config::ParseArguments(std::span<const std::string> arguments,
                                          std::string* err) {
  const auto refuse = [&](const std::string& why) {
    *err = why + "\n" + Usage();
    return 2;
  };
  size_t next = 0;
  for (; next < arguments.size(); ++next) {
    const std::string& argument = arguments[next];
    if (argument.size() < 2 || argument[0] != '-') break;
    if (argument == "--") {
      ++next;
      break;
    }
    std::string_view name = argument;
    name.remove_prefix(argument[1] == '-' ? 2 : 1);
    if (name.empty() || name[0] == '-' || name[0] == '=') {
      return refuse("bad flag syntax: " + argument);
    }
    const size_t equals = name.find('=');
    const bool has_text = equals != std::string_view::npos;
    std::string text = has_text ? std::string(name.substr(equals + 1)) : "";
    name = name.substr(0, equals);

    Entry* const entry = Find(name);
    if (entry == nullptr) {
      if (name == "help" || name == "h") {
        *err = Usage();
        return 0;
      }
      return refuse(StrCat("flag provided but not defined: -", name));
    }
    const Flag& flag = entry->flag;
    if (!has_text && IsBoolFlag(flag.kind)) {
      text = "true";
    } else if (!has_text) {
      if (next + 1 == arguments.size()) return refuse(StrCat("flag needs an argument: -", name));
      text = arguments[++next];
    }
    // What stands on the command line replaces a default list, and adds to itself.
    if (!entry->given) entry->value = FlagValue();
    std::string reason = ParseFlagText(flag, text, &entry->value);
    if (reason.empty() && flag.check) reason = flag.check(text);
    if (!reason.empty() && flag.kind == Kind::kFloatList) {
      // As the original, which says this without usage: spec, nsqd-config 1.1.
      *err = StrCat(FormatLogTime(false), " ", reason, "\n");
      return 1;
    }
    if (!reason.empty()) return refuse(BadValue(flag, text, reason));
    entry->given = true;
  }
  rest_.assign(arguments.begin() + static_cast<std::ptrdiff_t>(next), arguments.end());
  return std::nullopt;
}

std::optional<int> Config::ReadFile(const std::string& path, std::string* err) {
  const Result<ConfigFile> file = ConfigFile::Read(path);
  if (!file.ok()) {
    *err = FatalLine(StrCat("failed to load config file ", path, " - ", file.status().detail()));
    return 1;
  }
  for (const Entry& entry : entries_) {
    if (!IsAlwaysChecked(entry.flag.kind)) continue;
    FlagValue ignored;
    if (!file->Coerce(entry.flag, &ignored).ok()) {
      *err = FatalLine(StrCat("failed parsing ", entry.flag.key, " ", file->Shown(entry.flag.key)));
      return 1;
    }
  }
  for (Entry& entry : entries_) {
    if (entry.given) continue;
    const Result<bool> found = file->Coerce(entry.flag, &entry.value);
    if (!found.ok()) {
      *err = StrCat(FormatLogTime(false), " ERROR: Resolve failed to coerce value ",
                    file->Shown(entry.flag.key), " (", entry.flag.fallback, ") for field ",
                    entry.flag.key, " - ", found.status().detail(), "\n");
      return 1;
    }
    entry.given = *found;
  }
  return std::nullopt;
}

std::string Config::FatalLine(std::string_view text) const {
  return StrCat("[", program_, "] ", FormatLogTime(true), " FATAL: ", text, "\n");
}

void Config::TellGflags() const {
  for (const Entry& entry : entries_) {
    gflags::SetCommandLineOption(entry.flag.name.c_str(),
                                 GflagsText(entry.flag, entry.value).c_str());
  }
}

Config::Entry* Config::Find(std::string_view name) {
  const auto at = std::find_if(entries_.begin(), entries_.end(),
                               [name](const Entry& entry) { return entry.flag.name == name; });
  return at == entries_.end() ? nullptr : &*at;
}

const Config::Entry& Config::Get(std::string_view name) const {
  return const_cast<Config*>(this)->Get(name);
}

Config::Entry& Config::Get(std::string_view name) {
  Entry* const entry = Find(name);
  NSQ_CHECK(entry != nullptr);  // no such flag in the program's table
  return *entry;
}

bool Config::Bool(std::string_view name) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return Get(name).value.is_true;
}

int64_t Config::Int(std::string_view name) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return Get(name).value.number;
}

double Config::Float(std::string_view name) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return Get(name).value.real;
}

std::string Config::String(std::string_view name) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return Get(name).value.text;
}

Duration Config::Time(std::string_view name) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::clamp(Get(name).value.duration, -kLongestTime, kLongestTime);
}

std::vector<std::string> Config::Strings(std::string_view name) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return Get(name).value.strings;
}

std::vector<double> Config::Floats(std::string_view name) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return Get(name).value.reals;
}

LogLevel Config::Level(std::string_view name) const { return static_cast<LogLevel>(Int(name)); }

bool Config::Given(std::string_view name) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return Get(name).given;
}

void Config::SetInt(std::string_view name, int64_t number) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Get(name).value.number = number;
}

void Config::SetTime(std::string_view name, Duration duration) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Get(name).value.duration = duration;
}

void Config::SetString(std::string_view name, std::string text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Get(name).value.text = std::move(text);
}

void Config::SetStrings(std::string_view name, std::vector<std::string> strings, bool is_null) {
  const std::lock_guard<std::mutex> lock(mutex_);
  FlagValue& value = Get(name).value;
  value.strings = std::move(strings);
  value.is_null = is_null;
}

std::optional<Config::Shown> Config::Show(std::string_view key) const {
  if (key.empty()) return std::nullopt;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const Entry& entry : entries_) {
    if (entry.flag.key != key) continue;
    return Shown{ShowFlagValue(entry.flag, entry.value), ShownAsJson(entry.flag.kind)};
  }
  return std::nullopt;
}

std::string Config::Usage() const {
  std::vector<const Flag*> flags;
  for (const Entry& entry : entries_) flags.push_back(&entry.flag);
  return UsageText(program_, flags);
}

Result<std::vector<std::string>> ParseJsonStrings(std::string_view json, bool* is_null) {
  const nlohmann::json value = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  *is_null = value.is_null();
  if (value.is_null()) return std::vector<std::string>();
  const Status refused(Code::kInvalid, "not a JSON array of strings");
  if (!value.is_array()) return refused;
  std::vector<std::string> strings;
  for (const nlohmann::json& item : value) {
    if (!item.is_string()) return refused;
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

}  // namespace nsq
