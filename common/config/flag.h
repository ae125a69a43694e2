#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.h"

namespace nsq {

// What a flag holds, and so how it is written on the command line, in the file and in GET /config
// (spec, nsqd-config 1.1 and 3.1, nsqd-http 5.7).
enum class Kind {
  kBool,           // "-snappy", "-snappy=false"
  kInt,            // 64 bits; 0x10, 010 (octal) and 1_000 on the command line
  kFloat,          //
  kString,         //
  kDuration,       // "1m30s"; an integer in the file is milliseconds; nanoseconds in GET
  kStringList,     // repeated on the command line; an array, or one text with commas, in the file
  kFloatList,      // "1.0,0.99" or repeated, sorted downwards; the file's order is kept
  kLogLevel,       // debug info warn error fatal; 1 to 5 in GET
  kTlsRequired,    // a bool, or tcp-https; 0, 1 (tcp-https), 2 in GET
  kTlsMinVersion,  // tls1.0 to tls1.3; 769 to 772 in GET
};

// One option of a program; a program's table of these is the only place that defines its flags.
struct Flag {
  std::string name;  // on the command line: "lookupd-tcp-address"
  std::string key;   // in the file and in GET /config: "nsqlookupd_tcp_addresses"; "" in neither
  Kind kind;
  std::string fallback;  // the default, as on the command line; "" for empty lists
  std::string group;     // its heading in -help
  std::string help;
  // Refuses a text that the kind alone would take: "" or the reason. Command line only.
  std::function<std::string(std::string_view)> check = {};
};

// A flag's value, in the member its kind names.
struct FlagValue {
  bool is_true = false;              // kBool
  int64_t number = 0;                // kInt; what GET shows of kLogLevel, kTlsRequired, kTlsMin...
  double real = 0;                   // kFloat
  std::string text;                  // kString
  Duration duration{0};              // kDuration
  std::vector<std::string> strings;  // kStringList
  std::vector<double> reals;         // kFloatList
  bool is_null = false;              // an empty list that GET shows as null
};

}  // namespace nsq
