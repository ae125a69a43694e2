#pragma once

#include "common/status.h"
#include "tests/bench/report.h"
#include "tests/bench/server.h"
#include "tests/bench/workload.h"

namespace nsq::bench {

// Puts the workload on the server, with fresh topics, and checks afterwards that every message is
// where it should be; what is missing is in Report::failures. An error if the run could not be
// carried through (connection lost, command refused, no progress).
Result<Report> Run(const Workload& workload, const Server& server);

}  // namespace nsq::bench
