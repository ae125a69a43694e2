#pragma once

#include <string>

namespace nsq::nsqd {

struct StatsPage;

// GET /stats?format=json, to the byte: the order of the fields, `null` against `[]`, and which
// counters are left out while they are zero (spec, nsqd-http 6).
//
// Appended by hand instead of through a tree of JSON values: dashboards ask every few seconds, of
// daemons with thousands of topics, on a loop that has messages to deliver.
std::string StatsJson(const StatsPage& page);

}  // namespace nsq::nsqd
