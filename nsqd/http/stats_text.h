#pragma once

#include <string>

namespace nsq::nsqd {

struct StatsPage;

// GET /stats for people: the columns of the original's page (spec, nsqd-http 7).
std::string StatsText(const StatsPage& page);

}  // namespace nsq::nsqd
