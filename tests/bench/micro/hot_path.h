#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace nsq::bench {

// One stretch of a message's way through nsqd, without sockets: for micro-benchmarks, and for
// counting its instructions.
class HotPath {
 public:
  // Of 200 bytes each, in one turn.
  static constexpr size_t kMessages = 200;

  virtual ~HotPath() = default;
  virtual void Turn() = 0;
};

// "parse"    PUB commands cut out of what was read
// "append"   into the log, and written
// "deliver"  the same, then handed to a consumer as frames, finished in order, and journaled
// Null: there is no such stretch.
std::unique_ptr<HotPath> MakeHotPath(std::string_view name);

}  // namespace nsq::bench
