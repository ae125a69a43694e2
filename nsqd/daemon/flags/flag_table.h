#pragma once

#include <string>
#include <vector>

#include "common/config/flag.h"

namespace nsq::nsqd {

// Every flag of nsqd, with its key in the config file, its default and its help: the only place
// that defines one (spec, nsqd-config 2). `hostname` is what some defaults come from.
std::vector<Flag> FlagTable(const std::string& hostname);

}  // namespace nsq::nsqd
