#pragma once

#include <memory>

#include "nsqd/storage/files.h"

namespace nsq::nsqd {

// A topic's journal as its log sees it: a sync of the log makes the journal's file last too.
//
// Home: the topic's loop; shared by the journal and the log.
struct SyncedFile {
  std::shared_ptr<AppendFile> file;  // null: not open
  bool unsynced = false;             // something was appended since the last sync began
  bool wanted = false;               // and it is worth a sync of its own
  bool new_name = false;             // the directory must be synced too
  bool new_dir = false;              // and the one above it
  bool whole = false;                // what the file began with has been synced
  bool failed = false;               // a sync failed: the file is to be written anew
  bool lost = false;                 // what the sync under way is of is in no file any more
  bool used = false;                 // since the log last looked whether it is idle
};

}  // namespace nsq::nsqd
