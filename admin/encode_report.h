#pragma once

#include <string>
#include <string_view>

namespace nsq::admin {
struct ClusterReport;

// GET /api/cluster, what the page shows (../README.md, "API"). The share of each node is told only
// for `topic` and for what is on `node`; either may be empty.
std::string EncodeReport(const ClusterReport& report, std::string_view topic,
                         std::string_view node);

}  // namespace nsq::admin
