#pragma once

#include <vector>

#include "common/config/flag.h"
#include "lookupd/daemon.h"

namespace nsq {
class Config;
}

namespace nsq::lookupd {

// nsqlookupd's flags: the only place that names them.
std::vector<Flag> Flags();

// What a loaded Config of these flags means.
DaemonOptions OptionsFrom(const Config& config);

}  // namespace nsq::lookupd
