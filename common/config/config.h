#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/flag.h"
#include "common/log.h"
#include "common/status.h"
#include "common/time.h"

namespace nsq {

// A program's options: the command line by Go's grammar, over the TOML file named by -config, over
// the defaults (spec, nsqd-config 1 to 3). Each flag is a gflags flag too, so that whoever asks
// gflags gets the same answer; flags of other libraries are neither listed nor accepted.
//
// A program with a flag named "version" prints its version for it; one with a flag "config" reads
// that file.
//
// Home: any thread; filled by main before others look. Programs copy what they need into their own
// options once; this object stays for GET and PUT /config/:opt.
class Config {
 public:
  // `program` as it is called: "nsqd". `version_line` is what -version says; VersionLine(program)
  // if it is empty.
  Config(std::string program, std::vector<Flag> flags, std::string version_line = "");

  // Reads everything. A value is the code with which the program must exit now: what is to be said
  // has been printed. Call once.
  std::optional<int> Load(int argc, const char* const* argv);
  // The same, with what would be printed.
  std::optional<int> Load(std::span<const std::string> arguments, std::string* out,
                          std::string* err);

  // By the name of the flag ("tcp-address"), which must exist and have the fitting kind.
  bool Bool(std::string_view name) const;
  int64_t Int(std::string_view name) const;  // also the number of kTlsRequired and kTlsMinVersion
  double Float(std::string_view name) const;
  std::string String(std::string_view name) const;
  // Within kLongestTime of zero, so that programs may add it to a clock and multiply it by a few;
  // Show shows what was given.
  static constexpr Duration kLongestTime = std::chrono::hours(10 * 365 * 24);
  Duration Time(std::string_view name) const;
  std::vector<std::string> Strings(std::string_view name) const;
  std::vector<double> Floats(std::string_view name) const;
  LogLevel Level(std::string_view name) const;

  // Whether the command line or the file says something about it.
  bool Given(std::string_view name) const;

  // What stood behind the flags: all from the first argument that is none. NSQ's daemons ignore it.
  const std::vector<std::string>& rest() const { return rest_; }

  // Replaces a value while the program runs: what GET shows from now on. For options that are
  // resolved after start (ports, prefixes) and those that PUT changes.
  void SetInt(std::string_view name, int64_t number);
  void SetTime(std::string_view name, Duration duration);
  void SetString(std::string_view name, std::string text);
  void SetStrings(std::string_view name, std::vector<std::string> strings, bool is_null = false);

  struct Shown {
    std::string text;
    bool is_json;
  };
  // What GET /config/<key> answers; nothing if there is no such option.
  std::optional<Shown> Show(std::string_view key) const;

  // What -help prints.
  std::string Usage() const;

 private:
  struct Entry {
    Flag flag;
    FlagValue value;
    bool given = false;
  };

  std::optional<int> ParseArguments(std::span<const std::string> arguments, std::string* err);
  std::optional<int> ReadFile(const std::string& path, std::string* err);
  Entry* Find(std::string_view name);
  const Entry& Get(std::string_view name) const;
  Entry& Get(std::string_view name);
  std::string FatalLine(std::string_view text) const;
  void TellGflags() const;

  const std::string program_;
  const std::string version_line_;
  mutable std::mutex mutex_;  // for the values: GET and PUT come on any loop
  std::vector<Entry> entries_;
  std::vector<std::string> rest_;
};

// The body of PUT /config/nsqlookupd_tcp_addresses: a JSON array of strings, or null, for which
// `is_null` is set. kInvalid for anything else.
Result<std::vector<std::string>> ParseJsonStrings(std::string_view json, bool* is_null);

}  // namespace nsq
