#pragma once

#include <cstddef>

namespace nsq::nsqd {

// What the clients of one loop make the daemon hold, together. Each client has limits of its own;
// thousands of them at their limits would take gigabytes. So beyond a budget lower limits hold.
//
// Home: the loop.
struct ClientMemory {
  size_t limit_bytes = size_t{16} << 20;  // for each of the sums below
  size_t promised_bytes = 0;              // published and not answered yet
  size_t unsent_bytes = 0;                // said and not sent, but for the first few of each client

  bool unsent_over() const { return unsent_bytes > limit_bytes; }
  bool promised_over() const { return promised_bytes > limit_bytes; }
};

}  // namespace nsq::nsqd
