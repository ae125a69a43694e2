#include "nsqd/storage/log_jobs.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "common/log.h"
#include "nsqd/storage/bytes.h"
#include "nsqd/storage/segmented_log.h"

namespace nsq::nsqd {
namespace {

// In front of what is set aside: "NSQD", flags (0), offset in the segment, size.
constexpr uint32_t kAsideMagic = 0x4451534E;
constexpr size_t kAsideHeaderBytes = 24;

bool AlreadyAside(Files& files, const std::string& path, uint64_t offset) {
  const auto file = files.OpenRead(path);
  if (!file.ok()) return false;
  std::byte header[kAsideHeaderBytes];
  uint64_t at = 0;
  while (true) {
    const Result<size_t> read = (*file)->ReadAt(at, header);
    if (!read.ok() || *read < sizeof header || LoadLittle<uint32_t>(header) != kAsideMagic) {
      return false;
    }
    if (LoadLittle<uint64_t>(header + 8) == offset) return true;
    at += kAsideHeaderBytes + LoadLittle<uint64_t>(header + 16);
  }
}

Status AppendAll(AppendFile& file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const Result<size_t> n = file.Append(bytes);
    if (!n.ok()) return n.status();
    bytes = bytes.subspan(*n);
  }
  return Status();
}

}  // namespace

void SetAside(Files& files, const std::string& dir, Sequence segment, const ReadFile& file,
              const DamagedStretch& damage) {
  const std::string path = dir + "/" + DamagedName(segment);
  if (AlreadyAside(files, path, damage.offset)) return;
  Result<std::unique_ptr<AppendFile>> aside = files.OpenAppend(path);
  Status status = aside.status();
  if (status.ok()) {
    std::vector<std::byte> piece(kAsideHeaderBytes);
    StoreLittle(piece.data(), kAsideMagic);
    StoreLittle(piece.data() + 8, damage.offset);
    StoreLittle(piece.data() + 16, damage.size_bytes);
    status = AppendAll(**aside, piece);
    piece.resize(SegmentScanner::kBlockBytes);
    for (uint64_t done = 0; status.ok() && done < damage.size_bytes;) {
      const size_t want =
          static_cast<size_t>(std::min<uint64_t>(piece.size(), damage.size_bytes - done));
      const Result<size_t> read = file.ReadAt(damage.offset + done, {piece.data(), want});
      // What cannot be read is kept as zeros, so that the sizes stay true.
      const size_t good = read.ok() ? *read : 0;
      std::memset(piece.data() + good, 0, want - good);
      status = AppendAll(**aside, {piece.data(), want});
      done += want;
    }
  }
  if (!status.ok()) NSQ_LOG(kWarn, "LOG(", dir, "): damage not set aside - ", status.detail());
}

void ColdRead::Run() noexcept {
  const std::string path = dir + "/" + SegmentName(segment);
  const Result<std::unique_ptr<ReadFile>> file = files->OpenRead(path);
  status = file.status();
  if (!status.ok()) return;
  SegmentScanner scanner(**file, from.offset, from.sequence, limits);
  Sequence reached = from.sequence;
  ScannedBlock block;
  while (reached <= target && scanner.Next(&block)) {
    if (block.damage) {
      SetAside(*files, dir, segment, **file, *block.damage);
      damage.push_back(*block.damage);
    }
    const Sequence found = block.chunk ? block.chunk->first() : limits.end;
    if (reached < found) gaps.push_back({reached, found});
    reached = found;
    if (block.chunk) {
      reached = block.chunk->end();
      if (target < reached) chunk = std::move(block.chunk);
    }
    if (reached < limits.end) index.push_back({reached, scanner.offset()});
  }
  if (reached <= target) gaps.push_back({reached, limits.end});
}

void ColdRead::Open() noexcept {
  if (handle->log != nullptr) handle->log->OnColdRead(*this);
}

void SyncFiles::Run() noexcept {
  if (journal_file) journal_status = journal_file->Sync();
  status = journal_status;
  for (const auto& segment : segments) {
    if (status.ok()) status = segment->Sync();
  }
  for (const std::string& dir : dirs) {
    if (status.ok()) status = files->SyncDir(dir);
  }
}

void SyncFiles::Open() noexcept {
  if (handle->log != nullptr) handle->log->OnSynced(*this);
}

void RemoveSegments::Run() noexcept {
  for (const std::string& path : paths) {
    const Status status = files->Remove(path);
    if (!status.ok() && status.code() != Code::kNotFound) {
      NSQ_LOG(kWarn, "LOG: ", status.detail());
    }
  }
}

}  // namespace nsq::nsqd
