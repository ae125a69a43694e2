#pragma once

#include <string>

#include "common/debug/loop_report.h"
#include "lookupd/registration_db.h"

namespace nsq::lookupd {

// What GET /metrics answers; README.md lists the names.
std::string MetricsText(const RegistrationDb::Figures& figures, const LoopReport& loop);

}  // namespace nsq::lookupd
