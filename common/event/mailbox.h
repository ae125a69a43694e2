#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "common/event/letter.h"
#include "common/event/unique_fd.h"

namespace nsq {

// The only door between loops: many writers, one reader.
//
// A post is a lock around two pointer moves; the eventfd is written only when the box was empty,
// because only then may the reader be asleep. Letters of one writer are opened in the order in
// which it posted them.
//
// Home: Post from any thread, the rest from the loop that owns the box.
class Mailbox {
 public:
  Mailbox();

  void Post(std::unique_ptr<Letter> letter);

  // Becomes readable when a letter comes into an empty box.
  int wake_fd() const { return wake_fd_.get(); }

  // Empties the box: resets wake_fd and gives what had come.
  std::vector<std::unique_ptr<Letter>> Take();

  // Letters waiting now; for statistics.
  size_t size() const;

 private:
  const UniqueFd wake_fd_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Letter>> letters_;
};

}  // namespace nsq
