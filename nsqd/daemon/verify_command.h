#pragma once

#include <string>

#include "nsqd/options.h"

namespace nsq::nsqd {

// nsqd --verify: reads the whole data path, with no daemon running on it, and says on stdout what
// is there and what is damaged. With --salvage every message that somebody still wants goes to
// stdout (as a line of JSON, the report to stderr) or, over HTTP, to another nsqd, its delay kept.
// Returns the exit code: 0 all is well, 1 something is damaged, 2 it could not be read or salvaged.
int VerifyDataPath(const Options& options, const std::string& salvage);

}  // namespace nsq::nsqd
