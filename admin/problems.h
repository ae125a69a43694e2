#pragma once

#include <vector>

#include "admin/report.h"

namespace nsq::admin {

// What an operator should look at, worst first: daemons that fail, lookupds that disagree, messages
// that nobody takes, queues that grow, what is paused. Pure.
std::vector<Problem> FindProblems(const ClusterReport& report);

}  // namespace nsq::admin
