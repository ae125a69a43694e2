#pragma once

#include <memory>

#include "admin/fetcher.h"

namespace nsq::admin {

class CallStats;
struct Options;

// Asks real daemons, with the time limits and TLS files of the flags. `stats` outlives it.
std::unique_ptr<Fetcher> MakeHttpFetcher(const Options& options, CallStats* stats);

}  // namespace nsq::admin
