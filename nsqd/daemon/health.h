#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "common/status.h"

namespace nsq::nsqd {

// Whether the disk takes what it is given: what /ping and /stats say. Unlike the original, where
// one good write anywhere hides a bad one elsewhere, it is NOK while any topic fails, or the
// creation of new ones, which is noted under a name that no topic can have.
//
// Home: any thread; a lock, taken when a topic begins or ceases to fail.
class Health {
 public:
  void Note(std::string_view topic, const Status& status);
  void Forget(std::string_view topic) { Note(topic, Status()); }

  // "OK" or "NOK - <reason>"
  std::string Text() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> failing_;  // topic -> reason
};

}  // namespace nsq::nsqd
