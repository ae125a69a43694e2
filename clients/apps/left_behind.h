#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"

// What nsq_to_file finds of one that was killed.

namespace nsq::apps {

// A file's name taken apart: "t.vm" "-000002" ".2026-11-20_22.log".
struct RevisedName {
  std::string before;
  int revision = 0;
  std::string after;

  std::string WithRevision(int other) const;
};

// The name if it can have come from `format`: <DATETIME> is anything, <REV> a revision, which must
// be there.
std::optional<RevisedName> MatchName(std::string_view format, std::string_view name);

// The files in `folder` whose names can have come from `format`, the least recently written first.
std::vector<std::string> FilesLike(const std::string& folder, std::string_view format);

// How many bytes of a file are whole: gzip members, or lines. The rest was never synced, so none of
// its messages was finished.
Result<int64_t> WholeBytes(int fd, bool gzip);

}  // namespace nsq::apps
