#pragma once

#include <string>
#include <vector>

#include "common/status.h"
#include "nsqd/options.h"

namespace nsq {
class Config;
}

namespace nsq::nsqd {

// The options of a daemon that shall start, from flags and file.
//
// The detail of an error is what stands behind "failed to instantiate nsqd - "; of several the
// first is given, in the order of the original (spec, nsqd-config 4).
Result<Options> CheckOptions(const Config& config);

}  // namespace nsq::nsqd
