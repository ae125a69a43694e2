#pragma once

#include <string>
#include <string_view>

namespace nsq {

// The version of the NSQ protocol family these programs stand in for. Clients and nsqadmin parse
// it as a semantic version and compare nodes by it, so it is NSQ's number, not this project's.
inline constexpr std::string_view kVersion = "1.3.0";

// "nsqd v1.3.0 (built w/g++12.2.0)", what `-version` and the first log line say.
std::string VersionLine(std::string_view program);

// "g++12.2.0": what stands behind "built w/".
std::string Toolchain();

}  // namespace nsq
