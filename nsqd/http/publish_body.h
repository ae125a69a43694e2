#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "common/time.h"

namespace nsq::nsqd {

struct Options;

// What the body of a publish holds, or the word with which it is refused (413 for all of them).
struct Bodies {
  std::vector<std::string_view> messages;  // views into the body; may be empty
  std::string_view error;                  // "BODY_TOO_BIG"; then `messages` is void
};

// One message a line, split at LF only; empty lines are none.
Bodies SplitText(std::string_view body, const Options& options);

// As MPUB on the wire: a big-endian count, then for each message its size and its bytes. What
// follows the last one is ignored.
Bodies SplitBinary(std::string_view body, const Options& options);

// The delay of "defer=MS". Nothing unless it is a number between 0 and max-req-timeout.
std::optional<Duration> ParseDefer(std::string_view text, const Options& options);

}  // namespace nsq::nsqd
