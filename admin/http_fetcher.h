#pragma once

#include <memory>

#include "admin/fetcher.h"

namespace nsq::admin {

struct Options;

// Asks real daemons, with the time limits and TLS files of the flags.
std::unique_ptr<Fetcher> MakeHttpFetcher(const Options& options);

}  // namespace nsq::admin
