#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/event/unique_fd.h"
#include "common/log.h"
#include "common/status.h"
#include "common/time.h"

namespace nsq::apps {

struct TopicFileOptions {
  std::string output_dir;
  std::string work_dir;     // the same, or where a file lies until it is finished
  std::string name_format;  // with <DATETIME>, and <REV> where NeedsRevision
  std::string datetime_format;
  bool gzip = false;
  int gzip_level = 6;
  int64_t rotate_size = 0;  // bytes, before compression; 0: never
  Duration rotate_interval{0};

  // Whether a name may be taken already, so that it must be able to vary.
  bool NeedsRevision() const {
    return gzip || rotate_size > 0 || rotate_interval > Duration::zero() || work_dir != output_dir;
  }
};

// The file that one topic's messages go to at present, one a line, and the change to the next.
//
// What was written is on the disk once Sync returns, and not before. A gzip file is a sequence of
// members, one for each Sync: whatever happens after a Sync, what is before it can be read. With a
// work-dir a file moves to the output-dir when it is closed, whole, and never over another one.
//
// The first Open looks for what a killed process has left, and nobody has open any more: with a
// work-dir such files are cut to what was synced and moved to the output-dir; without, the latest
// gzip file is cut.
//
// After an error nothing that was written since the last Sync counts; it is cut off again if the
// disk lets us.
//
// Home: its topic's thread.
class TopicFile {
 public:
  using Log = std::function<void(LogLevel, const std::string&)>;

  TopicFile(TopicFileOptions options, Log log);
  TopicFile(const TopicFile&) = delete;
  TopicFile& operator=(const TopicFile&) = delete;
  ~TopicFile();

  // Whether Open must come before the next Write: nothing is open, or the present file is finished.
  bool NeedsRotation(WallTime now, SteadyTime steady);
  // Closes the present file, if there is one, and opens the next.
  Status Open(WallTime now, SteadyTime steady);

  Status Write(std::string_view body);
  Status Sync();
  // Syncs first. Nothing if nothing is open.
  Status Close();

  bool open() const { return fd_.valid(); }
  const std::string& path() const { return path_; }  // of the present or last file

 private:
  struct Deflater;

  std::string NameAt(WallTime now) const;
  std::string PathOf(const std::string& folder) const;
  Status OpenNext();
  Status FlushBuffer();
  Status EndMember();
  Status MoveToOutput();
  void FinishLeftBehind();
  void FinishOne(const std::string& folder, const std::string& name);
  Status Fail(Status why);

  const TopicFileOptions options_;
  const Log log_;
  std::string name_;  // with <REV> unexpanded
  int revision_ = 0;
  std::string path_;
  UniqueFd fd_;
  SteadyTime opened_;
  int64_t size_ = 0;           // for rotation: what was there, and what was written uncompressed
  int64_t synced_bytes_ = 0;   // of the file as it is on the disk
  int64_t written_bytes_ = 0;  // and as the kernel has it
  bool folder_synced_ = false;
  bool looked_for_left_ = false;
  std::string buffer_;                  // to be written to the file
  std::unique_ptr<Deflater> deflater_;  // while a member is open
};

}  // namespace nsq::apps
