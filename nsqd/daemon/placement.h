#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nsq::nsqd {

// Which loop is a topic's home: the only thing that knows. A topic goes to the loop that has the
// fewest when its name is first heard of, and stays until it is deleted.
//
// (Not a hash of the name: that puts two busy topics on one core and never repairs it.)
//
// Home: any thread; a lock, taken when a loop meets a name that it has not cached.
class Placement {
 public:
  explicit Placement(size_t loops) : topics_(loops, 0) {}

  // The index of the topic's loop, chosen now if it has none. Among loops with equally few topics
  // `asker` comes first: who names a topic first mostly goes on publishing to it, and what does not
  // cross loops wakes nobody.
  size_t HomeOf(std::string_view topic, size_t asker = 0);

  // The same, but chooses none: nothing if there is no such topic.
  std::optional<size_t> Find(std::string_view topic);

  // The topic was deleted. A loop that still has the old answer in its cache sends its letter
  // there, where it is passed on by a new HomeOf.
  void Forget(std::string_view topic);

 private:
  std::mutex mutex_;
  std::map<std::string, size_t, std::less<>> homes_;
  std::vector<size_t> topics_;  // by loop
};

}  // namespace nsq::nsqd
