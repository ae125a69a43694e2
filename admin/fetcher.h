#pragma once

#include <string>

#include "common/status.h"

namespace nsq::admin {

// One HTTP call to an nsqd or nsqlookupd; blocks, within the time limits of the flags.
//
// Home: any thread; many calls at once.
class Fetcher {
 public:
  virtual ~Fetcher() = default;

  // The body of a 200 answer. Errors carry the text that nsqadmin shows, for instance
  // `got response 404 Not Found "{...}"`, which has code kNotFound.
  virtual Result<std::string> Get(const std::string& url) = 0;

  // A command without a body; what a 200 says does not matter.
  virtual Status Post(const std::string& url) = 0;

  // Calls under way end soon, later ones at once, with errors: for a program that stops.
  virtual void Abort() {}
};

}  // namespace nsq::admin
