#include "nsqd/storage/go_import.h"

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/log.h"
#include "common/strings.h"
#include "common/wire/names.h"
#include "nsqd/storage/go_queue.h"
#include "nsqd/storage/journal.h"
#include "nsqd/storage/journal_format.h"
#include "nsqd/storage/record.h"
#include "nsqd/storage/segment.h"
#include "nsqd/storage/topic_store.h"

namespace nsq::nsqd {
namespace {

constexpr std::string_view kImportingSuffix = ".importing";
constexpr std::string_view kAside = "nsqd-original";
// In the directory with the original's files: all topics are made, whatever is left is renaming.
constexpr std::string_view kDecided = "taken-over";
constexpr size_t kWriteBytes = size_t{256} * 1024;

Status WriteAll(AppendFile& file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const Result<size_t> n = file.Append(bytes);
    if (!n.ok()) return n.status();
    bytes = bytes.subspan(*n);
  }
  return Status();
}

Status WriteFile(Files& files, const std::string& path, std::span<const std::byte> bytes) {
  const Result<std::unique_ptr<AppendFile>> file = files.OpenAppend(path);
  if (!file.ok()) return file.status();
  if (Status status = (*file)->Truncate(0); !status.ok()) return status;
  if (Status status = WriteAll(**file, bytes); !status.ok()) return status;
  return (*file)->Sync();
}

Status RemoveTree(Files& files, const std::string& dir) {
  const Result<std::vector<std::string>> names = files.List(dir);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (Status status = files.Remove(dir + "/" + name); !status.ok()) return status;
  }
  return files.RemoveDir(dir);
}

// --- what there is

struct Queue {
  std::vector<uint64_t> numbers;
};
struct GoChannel {
  bool paused = false;
  Queue queue;
};
struct GoTopic {
  bool paused = false;
  Queue queue;
  std::map<std::string, GoChannel> channels;
};
struct Found {
  std::map<std::string, GoTopic> topics;
  std::vector<std::string> files;  // to be moved aside
};

bool IsMetadataName(std::string_view name) {
  // "nsqd.dat", before 1.0 also "nsqd.<id>.dat"
  if (name == "nsqd.dat") return true;
  if (!name.starts_with("nsqd.") || !name.ends_with(".dat") || name.size() <= 9) return false;
  uint64_t id = 0;
  return ParseInt(name.substr(5, name.size() - 9), &id);
}

// `log`: say what is wrong in there; it is read twice.
void ReadMetadata(Files& files, const std::string& path, bool log, Found* found) {
  const Result<std::unique_ptr<ReadFile>> file = files.OpenRead(path);
  std::vector<std::byte> bytes;
  if (file.ok()) {
    const Result<uint64_t> size = (*file)->Size();
    bytes.resize(size.ok() ? static_cast<size_t>(*size) : 0);
    const Result<size_t> read = (*file)->ReadAt(0, bytes);
    bytes.resize(read.ok() ? *read : 0);
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) {
    if (log) {
      NSQ_LOG(kError, "IMPORT(", path, "): cannot be read, going by the names of the queues");
    }
    return;
  }
  const auto member = [](const nlohmann::json& object, const char* key) {
    const auto at = object.is_object() ? object.find(key) : object.end();
    return at == object.end() ? nlohmann::json() : *at;
  };
  const auto flag = [&](const nlohmann::json& object) {
    const nlohmann::json paused = member(object, "paused");
    return paused.is_boolean() && paused.get<bool>();
  };
  for (const nlohmann::json& topic : member(json, "topics")) {
    const nlohmann::json name = member(topic, "name");
    if (!name.is_string()) continue;
    const std::string topic_name = name.get<std::string>();
    if (!IsValidTopicName(topic_name)) {
      if (log) NSQ_LOG(kWarn, "skipping creation of invalid topic ", topic_name);
      continue;
    }
    if (IsEphemeral(topic_name)) continue;
    GoTopic& to = found->topics[topic_name];
    to.paused = flag(topic);
    for (const nlohmann::json& channel : member(topic, "channels")) {
      const nlohmann::json channel_name = member(channel, "name");
      if (!channel_name.is_string()) continue;
      const std::string text_name = channel_name.get<std::string>();
      if (!IsValidChannelName(text_name)) {
        if (log) NSQ_LOG(kWarn, "skipping creation of invalid channel ", text_name);
        continue;
      }
      if (IsEphemeral(text_name)) continue;
      to.channels[text_name].paused = flag(channel);
    }
  }
}

Found Look(Files& files, const std::string& data_path, const std::vector<std::string>& names,
           bool log) {
  Found found;
  for (const std::string& name : names) {
    if (IsMetadataName(name)) {
      found.files.push_back(name);
      ReadMetadata(files, data_path + "/" + name, log, &found);
    }
  }
  for (const std::string& name : names) {
    const std::optional<GoQueueFile> file = ParseGoQueueFile(name);
    if (!file) continue;
    const size_t colon = file->queue.find_last_of(":;");  // ";" where ":" is no name of a file
    const std::string topic = file->queue.substr(0, colon);
    const std::string channel = colon == std::string::npos ? "" : file->queue.substr(colon + 1);
    if (!IsValidTopicName(topic) || (colon != std::string::npos && !IsValidChannelName(channel))) {
      continue;
    }
    found.files.push_back(name);
    if (IsEphemeral(topic) || IsEphemeral(channel)) continue;
    if (file->kind == GoQueueFile::Kind::kBad) continue;  // the original gave it up
    GoTopic& to = found.topics[topic];
    Queue& queue = channel.empty() ? to.queue : to.channels[channel].queue;
    if (file->kind == GoQueueFile::Kind::kMessages) queue.numbers.push_back(file->number);
  }
  return found;
}

// --- one topic

// Writes a topic's segments and its journal, offline.
class TopicWriter {
 public:
  TopicWriter(Files& files, std::string dir, Sequence first, WallTime now, uint64_t segment_bytes)
      : files_(files),
        dir_(std::move(dir)),
        next_(first),
        now_(now),
        segment_bytes_(segment_bytes) {}

  Sequence next() const { return next_; }

  Status Append(const GoMessage& message) {
    if (!file_ || size_bytes_ >= segment_bytes_) {
      if (Status status = Roll(); !status.ok()) return status;
    }
    const Record record{next_, message.timestamp, WallTime(), message.body};
    const size_t at = buffer_.size();
    buffer_.resize(at + EncodedSize(record));
    EncodeRecord(record, buffer_.data() + at);
    size_bytes_ += buffer_.size() - at;
    ++next_;
    return buffer_.size() < kWriteBytes ? Status() : Flush();
  }

  // Everything is on the disk, but for the directory's own name.
  Status Finish(const TopicState& state) {
    if (Status status = Close(); !status.ok()) return status;
    const std::vector<std::byte> journal = EncodeSnapshot(state);
    if (Status status = WriteFile(files_, dir_ + "/journal", journal); !status.ok()) return status;
    return files_.SyncDir(dir_);
  }

  LogPlace place() const { return file_ ? LogPlace{segment_, next_, size_bytes_} : LogPlace(); }

 private:
  Status Flush() {
    Status status = WriteAll(*file_, buffer_);
    buffer_.clear();
    return status;
  }
  Status Close() {
    if (!file_) return Status();
    if (Status status = Flush(); !status.ok()) return status;
    return file_->Sync();
  }
  Status Roll() {
    if (Status status = Close(); !status.ok()) return status;
    Result<std::unique_ptr<AppendFile>> file = files_.OpenAppend(dir_ + "/" + SegmentName(next_));
    if (!file.ok()) return file.status();
    file_ = std::move(*file);
    segment_ = next_;
    SegmentHeader header;
    header.first = next_;
    header.created = now_;
    buffer_.resize(kSegmentHeaderBytes);
    EncodeSegmentHeader(header, buffer_.data());
    size_bytes_ = buffer_.size();
    return Status();
  }

  Files& files_;
  const std::string dir_;
  Sequence next_;
  const WallTime now_;
  const uint64_t segment_bytes_;
  std::unique_ptr<AppendFile> file_;
  Sequence segment_;
  uint64_t size_bytes_ = 0;
  std::vector<std::byte> buffer_;
};

struct Import {
  Files& files;
  const std::string& data_path;
  WallTime now;
  uint64_t segment_bytes;
  size_t doubtful_bytes;
  GoImport* report;

  // Copies a queue; what it had delivered before is unfinished in `state`, or all of it.
  Status Copy(const std::string& name, const Queue& queue, bool all, TopicWriter* to,
              ChannelState* state) const {
    GoQueueReader reader(files, data_path, name, queue.numbers, doubtful_bytes);
    GoMessage message;
    while (reader.Next(&message)) {
      if (state != nullptr && (all || message.attempts > 0)) {
        state->unfinished.push_back({to->next(), message.attempts, WallTime()});
      }
      if (Status status = to->Append(message); !status.ok()) return status;
      ++report->messages;
    }
    report->damaged_stretches += reader.damaged_stretches();
    report->damaged_bytes += reader.damaged_bytes();
    return Status();
  }

  Status MakeTopic(const std::string& name, const GoTopic& topic, const std::string& dir) const {
    if (Status status = files.MakeDir(dir); !status.ok()) return status;
    const Sequence first{static_cast<uint64_t>(UnixNanos(now) / 1000) & kSequenceMask};
    TopicWriter writer(files, dir, first, now, segment_bytes);
    TopicState state;
    state.first = first;
    state.paused = topic.paused;

    std::vector<std::pair<uint64_t, std::string>> by_size;
    for (const auto& [channel, from] : topic.channels) {
      const GoQueueReader reader(files, data_path, name + ":" + channel, from.queue.numbers,
                                 doubtful_bytes);
      by_size.emplace_back(reader.bytes_left(), channel);
    }
    std::sort(by_size.begin(), by_size.end());
    ChannelNumber number = 1;
    for (size_t i = 0; i < by_size.size(); ++i) {
      const std::string& channel = by_size[i].second;
      const GoChannel& from = topic.channels.at(channel);
      ChannelState& to = state.channels.emplace_back();
      to.number = number++;
      to.name = channel;
      to.paused = from.paused;
      const bool longest = i + 1 == by_size.size();
      to.cursor = writer.next();
      if (Status status = Copy(name + ":" + channel, from.queue, !longest, &writer, &to);
          !status.ok()) {
        return status;
      }
      ++report->channels;
    }
    for (size_t i = 0; i + 1 < state.channels.size(); ++i) state.channels[i].cursor = writer.next();
    state.fanout = writer.next();
    if (Status status = Copy(name, topic.queue, false, &writer, nullptr); !status.ok()) {
      return status;
    }
    state.next = writer.next();
    state.clean = true;
    state.synced = writer.place();
    ++report->topics;
    return writer.Finish(state);
  }

  Status MakeTopics(const Found& found) const {
    for (const auto& [name, topic] : found.topics) {
      if (std::find(report->left.begin(), report->left.end(), name) != report->left.end()) continue;
      const std::string dir = TopicDir(data_path, name) + std::string(kImportingSuffix);
      if (Status status = MakeTopic(name, topic, dir); !status.ok()) return status;
    }
    return files.SyncDir(data_path);
  }
};

// A name for the directory that is free, or is that of one that never came to hold anything.
std::string AsideName(Files& files, const std::string& data_path,
                      const std::vector<std::string>& names) {
  const auto in_use = [&](const std::string& name) {
    if (!std::binary_search(names.begin(), names.end(), name)) return false;
    const Result<std::vector<std::string>> inside = files.List(data_path + "/" + name);
    return !inside.ok() || std::any_of(inside->begin(), inside->end(), [](const std::string& file) {
      return !file.starts_with(kDecided);
    });
  };
  std::string name(kAside);
  for (int i = 2; in_use(name); ++i) name = StrCat(kAside, ".", i);
  return name;
}

// What a decided import has to do yet, whole or after a crash. `keep`: queues that stay.
Status FinishImport(Files& files, const std::string& data_path, const std::string& aside,
                    const std::vector<std::string>& keep) {
  const Result<std::vector<std::string>> names = files.List(data_path);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (!name.ends_with(std::string(".topic") + std::string(kImportingSuffix))) continue;
    const std::string topic = name.substr(0, name.size() - kImportingSuffix.size());
    if (Status status = files.Rename(data_path + "/" + name, data_path + "/" + topic);
        !status.ok()) {
      return status;
    }
  }
  for (const std::string& name : Look(files, data_path, *names, false).files) {
    const std::optional<GoQueueFile> file = ParseGoQueueFile(name);
    const std::string topic = file ? file->queue.substr(0, file->queue.find_first_of(":;")) : "";
    if (std::find(keep.begin(), keep.end(), topic) != keep.end()) continue;
    if (Status status = files.Rename(data_path + "/" + name, data_path + "/" + aside + "/" + name);
        !status.ok()) {
      return status;
    }
  }
  if (Status status = files.SyncDir(data_path); !status.ok()) return status;
  if (Status status = files.SyncDir(data_path + "/" + aside); !status.ok()) return status;
  return files.Remove(data_path + "/" + aside + "/" + std::string(kDecided));
}

// A list of names, one a line.
std::vector<std::string> ReadLines(Files& files, const std::string& path) {
  std::vector<std::string> lines;
  const Result<std::unique_ptr<ReadFile>> file = files.OpenRead(path);
  if (!file.ok()) return lines;
  const Result<uint64_t> size = (*file)->Size();
  std::vector<std::byte> bytes(size.ok() ? static_cast<size_t>(*size) : 0);
  const Result<size_t> read = (*file)->ReadAt(0, bytes);
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), read.ok() ? *read : 0);
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return lines;
}

}  // namespace

Result<GoImport> ImportGoDataPath(Files& files, const std::string& data_path, WallTime now,
                                  uint64_t segment_bytes, size_t doubtful_bytes) {
  const std::string path = data_path.empty() ? "." : data_path;
  GoImport report;
  Result<std::vector<std::string>> names = files.List(path);
  if (!names.ok()) return names.status();

  // One that was decided, but not finished.
  for (const std::string& name : *names) {
    if (!name.starts_with(kAside)) continue;
    const std::string decided = path + "/" + name + "/" + std::string(kDecided);
    if (!files.OpenRead(decided).ok()) continue;
    NSQ_LOG(kInfo, "IMPORT(", path, "): finishing what was begun");
    if (Status status = FinishImport(files, path, name, ReadLines(files, decided)); !status.ok()) {
      return status;
    }
    return report;
  }
  // One that was not.
  for (const std::string& name : *names) {
    if (!name.ends_with(std::string(".topic") + std::string(kImportingSuffix))) continue;
    if (Status status = RemoveTree(files, path + "/" + name); !status.ok()) return status;
  }

  const Found found = Look(files, path, *names, true);
  if (found.files.empty()) return report;
  for (const auto& [name, topic] : found.topics) {
    if (!std::binary_search(names->begin(), names->end(), name + ".topic")) continue;
    NSQ_LOG(kWarn, "IMPORT(", name, "): there is such a topic here already; what another nsqd ",
            "left for it stays where it is");
    report.left.push_back(name);
  }
  if (report.left.size() == found.topics.size() && !found.topics.empty()) return report;

  NSQ_LOG(kInfo, "IMPORT(", path, "): taking over ", found.topics.size() - report.left.size(),
          " topics of another nsqd");
  report.any = true;
  const Import import{files, path, now, segment_bytes, doubtful_bytes, &report};
  if (Status status = import.MakeTopics(found); !status.ok()) return status;

  report.kept_in = AsideName(files, path, *names);
  const std::string aside = path + "/" + report.kept_in;
  if (Status status = files.MakeDir(aside); !status.ok() && status.code() != Code::kExists) {
    return status;
  }
  std::string left;
  for (const std::string& name : report.left) left += name + "\n";
  if (Status status = WriteFile(files, aside + "/" + std::string(kDecided) + ".tmp",
                                std::as_bytes(std::span(left)));
      !status.ok()) {
    return status;
  }
  if (Status status = files.SyncDir(path); !status.ok()) return status;
  if (Status status = files.Rename(aside + "/" + std::string(kDecided) + ".tmp",
                                   aside + "/" + std::string(kDecided));
      !status.ok()) {
    return status;
  }
  if (Status status = files.SyncDir(aside); !status.ok()) return status;
  if (Status status = FinishImport(files, path, report.kept_in, report.left); !status.ok()) {
    return status;
  }
  NSQ_LOG(kInfo, "IMPORT(", path, "): ", report.messages, " messages in ", report.topics,
          " topics and ", report.channels, " channels taken over, ", report.damaged_bytes,
          " bytes were no message; the other nsqd's files are in ", report.kept_in);
  return report;
}

}  // namespace nsq::nsqd
