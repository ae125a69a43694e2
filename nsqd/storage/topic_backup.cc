#include "nsqd/storage/topic_backup.h"

#include <algorithm>
#include <span>

#include "nsqd/storage/journal_format.h"

namespace nsq::nsqd {

Status TopicBackup::Finish() {
  state.clean = false;
  for (ChannelState& channel : state.channels) {
    std::sort(channel.unfinished.begin(), channel.unfinished.end(),
              [](const Unfinished& a, const Unfinished& b) { return a.sequence < b.sequence; });
  }
  const std::vector<std::byte> journal = EncodeSnapshot(state);
  const Result<std::unique_ptr<AppendFile>> file = files->OpenAppend(dir + "/journal");
  if (!file.ok()) return file.status();
  std::span<const std::byte> rest = journal;
  while (!rest.empty()) {
    const Result<size_t> n = (*file)->Append(rest);
    if (!n.ok()) return n.status();
    rest = rest.subspan(*n);
  }
  size_bytes += journal.size();
  if (Status status = (*file)->Sync(); !status.ok()) return status;
  for (const std::string& path : segments) {
    const Result<std::unique_ptr<AppendFile>> segment = files->OpenAppend(path);
    if (!segment.ok()) return segment.status();
    if (Status status = (*segment)->Sync(); !status.ok()) return status;
  }
  return files->SyncDir(dir);
}

}  // namespace nsq::nsqd
