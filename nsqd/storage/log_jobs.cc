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
  const SteadyTime began = std::chrono::steady_clock::now();
  if (journal_file) journal_status = journal_file->Sync();
  status = journal_status;
  for (const auto& segment : segments) {
    if (status.ok()) status = segment->Sync();
  }
  for (const std::string& dir : dirs) {
    if (status.ok()) status = files->SyncDir(dir);
  }
  took = std::chrono::steady_clock::now() - began;
}

void SyncFiles::Open() noexcept {
  if (handle->log != nullptr) handle->log->OnSynced(*this);
}

void LogProbe::Open() noexcept {
  if (handle->log != nullptr) handle->log->OnProbed(status);
}

void RemoveSegments::Run() noexcept {
  if (!sync_first.empty()) {
    if (const Status status = files->SyncDir(sync_first); !status.ok()) {
      // They are found again at the next start, and nothing in them counts twice.
      NSQ_LOG(kWarn, "LOG: ", status.detail());
      return;
    }
  }
  for (const std::string& path : paths) {
    const Status status = files->Remove(path);
    if (!status.ok() && status.code() != Code::kNotFound) {
      NSQ_LOG(kWarn, "LOG: ", status.detail());
    }
  }
}

void SegmentCopy::Make() {
  const std::string path = dir + "/" + CopyName(sources.front().first);
  Result<std::unique_ptr<AppendFile>> file = files->OpenAppend(path);
  status = file.status();
  if (!status.ok()) return;
  status = CopyAll(**file);
  if (status.ok()) status = (*file)->Sync();
  if (status.ok()) return;
  const Status removed = files->Remove(path);
  if (!removed.ok()) NSQ_LOG(kWarn, "LOG: ", removed.detail());
}

Status SegmentCopy::CopyAll(AppendFile& to) {
  if (Status cut = to.Truncate(0); !cut.ok()) return cut;
  SegmentHeader header;
  header.first = sources.front().first;
  header.created = created;
  if (!everything) {
    header.sparse = true;
    header.end = sources.back().end;
    header.messages = wanted.size();
  }
  buffer_.resize(kSegmentHeaderBytes);
  EncodeSegmentHeader(header, buffer_.data());
  size_bytes = kSegmentHeaderBytes;
  index.push_back({header.first, size_bytes});
  damage.resize(sources.size());
  for (size_t i = 0; i < sources.size(); ++i) {
    if (Status copied = CopyFrom(sources[i], &damage[i], to); !copied.ok()) return copied;
  }
  return Flush(to);
}

Status SegmentCopy::CopyFrom(const Source& source, std::vector<DamagedStretch>* found,
                             AppendFile& to) {
  const std::string path = dir + "/" + SegmentName(source.first);
  const auto more = [&] {
    return everything || (next_wanted_ < wanted.size() && wanted[next_wanted_] < source.end);
  };
  while (next_wanted_ < wanted.size() && wanted[next_wanted_] < source.first) ++next_wanted_;
  if (!more()) return Status();
  const Result<std::unique_ptr<ReadFile>> file = files->OpenRead(path);
  if (!file.ok()) return file.status();

  const auto floor = [&](Sequence s) {
    const auto after = std::upper_bound(
        source.index.begin(), source.index.end(), s,
        [](Sequence value, const Segment::IndexEntry& e) { return value < e.sequence; });
    return *std::prev(after);
  };
  const auto start = [&] {
    return everything ? source.index.front() : floor(wanted[next_wanted_]);
  };
  auto scanner =
      std::make_unique<SegmentScanner>(**file, start().offset, start().sequence, source.limits);
  ScannedBlock block;
  while (more() && scanner->Next(&block)) {
    if (block.damage) {
      // It may be readable again one day: then it is not to be thrown away today.
      if (block.damage->unreadable) return Status(Code::kIo, path + ": cannot be read");
      if (everything) return Status(Code::kCorrupt, path + ": damaged");
      SetAside(*files, dir, source.first, **file, *block.damage);
      found->push_back(*block.damage);
    }
    if (!block.chunk) break;
    const Chunk& chunk = *block.chunk;
    const auto copy = [&](Sequence s) {
      const std::span<const std::byte> bytes = chunk.Bytes(s);
      buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
      size_bytes += bytes.size();
      ++messages;
    };
    index.push_back({chunk.first(), size_bytes});
    if (everything) {
      for (size_t i = 0; i < chunk.count(); ++i) copy(chunk.At(i));
    } else {
      for (; more() && wanted[next_wanted_] < chunk.end(); ++next_wanted_) {
        if (chunk.Contains(wanted[next_wanted_])) copy(wanted[next_wanted_]);
      }
    }
    if (index.back().offset == size_bytes) index.pop_back();
    if (buffer_.size() >= SegmentScanner::kBlockBytes) {
      if (Status flushed = Flush(to); !flushed.ok()) return flushed;
    }
    // Far ahead is the next one that is wanted: what lies between is not read.
    if (!everything && more() && start().offset > scanner->offset()) {
      scanner =
          std::make_unique<SegmentScanner>(**file, start().offset, start().sequence, source.limits);
    }
  }
  // What is left of the wanted ones was damaged.
  while (!everything && more()) ++next_wanted_;
  return Status();
}

Status SegmentCopy::Flush(AppendFile& to) {
  Status appended = AppendAll(to, buffer_);
  buffer_.clear();
  return appended;
}

void CopySegments::Open() noexcept {
  if (handle->log != nullptr) {
    handle->log->OnCopied(std::move(copy));
  } else if (copy->status.ok()) {
    const Status removed =
        copy->files->Remove(copy->dir + "/" + CopyName(copy->sources.front().first));
    if (!removed.ok() && removed.code() != Code::kNotFound) NSQ_LOG(kWarn, removed.detail());
  }
}

}  // namespace nsq::nsqd
