#include "nsqd/storage/disk_probe.h"

#include <array>
#include <cstddef>
#include <memory>

namespace nsq::nsqd {

void DiskProbe::Run() noexcept {
  if (status.ok() && !path.empty()) status = Try();
}

Status DiskProbe::Try() {
  const Result<std::unique_ptr<AppendFile>> file = files->OpenAppend(path);
  if (!file.ok()) return file.status();
  const std::array<std::byte, 4096> bytes{};
  Status found = (*file)->Append(bytes).status();
  if (found.ok()) found = (*file)->Sync();
  const Status removed = files->Remove(path);
  return found.ok() ? removed : found;
}

}  // namespace nsq::nsqd
