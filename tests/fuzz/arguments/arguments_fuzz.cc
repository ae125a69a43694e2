// Command lines, one argument a line; each argument also as a duration, a number and a TOML file.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/check.h"
#include "common/config/config.h"
#include "common/config/duration.h"
#include "common/config/file.h"
#include "common/config/values.h"
#include "common/strings.h"

namespace nsq {
namespace {

std::vector<Flag> Flags() {
  return {
      {"version", "", Kind::kBool, "false", "", ""},
      {"id", "id", Kind::kInt, "1", "", ""},
      {"sample", "sample", Kind::kFloat, "1", "", ""},
      {"name", "name", Kind::kString, "", "", ""},
      {"wait", "wait", Kind::kDuration, "1m0s", "", ""},
      {"list", "list", Kind::kStringList, "", "", ""},
      {"percentile", "percentile", Kind::kFloatList, "", "", ""},
      {"log-level", "log_level", Kind::kLogLevel, "info", "", ""},
      {"tls-required", "tls_required", Kind::kTlsRequired, "false", "", ""},
      {"tls-min-version", "tls_min_version", Kind::kTlsMinVersion, "tls1.0", "", ""},
  };
}

void TryArguments(const std::vector<std::string>& arguments) {
  Config config("fuzz", Flags());
  std::string out;
  std::string err;
  const auto code = config.Load(arguments, &out, &err);
  // Whoever is sent away is told why.
  NSQ_CHECK(!code || (*code >= 0 && *code <= 2 && !(out + err).empty()));
  NSQ_CHECK(code || (out + err).empty());
}

void TryText(std::string_view text) {
  if (const auto duration = ParseGoDuration(text)) {
    const auto again = ParseGoDuration(FormatGoDuration(*duration));
    NSQ_CHECK(again && *again == *duration);
  }
  int64_t number = 0;
  if (ParseGoInt(text, &number).empty()) {
    int64_t again = 0;
    NSQ_CHECK(ParseGoInt(std::to_string(number), &again).empty() && again == number);
  }
}

void TryFile(std::string_view text) {
  const auto file = ConfigFile::Parse(text);
  if (!file.ok()) return;
  for (const Flag& flag : Flags()) {
    FlagValue value;
    if (const auto found = file->Coerce(flag, &value); found.ok() && *found) {
      NSQ_CHECK(!ShownAsJson(flag.kind) || !ShowFlagValue(flag, value).empty());
    }
  }
}

}  // namespace
}  // namespace nsq

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> arguments;
  for (const std::string_view line : nsq::Split(input, '\n')) {
    arguments.emplace_back(line);
    nsq::TryText(line);
  }
  nsq::TryArguments(arguments);
  nsq::TryFile(input);
  return 0;
}
