#include "nsqd/storage/topic_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/check.h"
#include "common/event/event_loop.h"
#include "common/log.h"
#include "common/strings.h"
#include "nsqd/storage/segment.h"
#include "nsqd/storage/synced_file.h"

namespace nsq::nsqd {
namespace {

constexpr std::string_view kDirSuffix = ".topic";
constexpr std::string_view kRemovedSuffix = ".removed";  // follows kDirSuffix
constexpr std::string_view kJournalName = "journal";
constexpr std::string_view kOldJournalName = "journal.old";

// A jump when the clock does not help: more than a power cut can have taken of what a topic gave
// out, since what is unsynced is synced every few seconds.
constexpr uint64_t kLeastJump = uint64_t{1} << 24;

Sequence SequenceAt(WallTime now) {
  return {static_cast<uint64_t>(UnixNanos(now) / 1000) & kSequenceMask};
}

std::string Join(std::string_view dir, std::string_view name) {
  return dir.empty() ? std::string(name) : std::string(dir) + "/" + std::string(name);
}

Status RemoveAll(Files& files, const std::string& dir) {
  const Result<std::vector<std::string>> names = files.List(dir);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const Status status = files.Remove(Join(dir, name));
    if (!status.ok() && status.code() != Code::kNotFound) return status;
  }
  return files.RemoveDir(dir);
}

// The highest sequence that a state names: the log begins behind it if its files are gone.
Sequence EndOf(const TopicState& state) {
  Sequence end = std::max({state.first, state.fanout, state.next});
  for (const SequenceRange& gap : state.gaps) end = std::max(end, gap.end);
  for (const Unfinished& held : state.held) end = std::max(end, held.sequence + 1);
  for (const ChannelState& channel : state.channels) {
    end = std::max(end, channel.cursor);
    if (!channel.unfinished.empty()) {
      end = std::max(end, channel.unfinished.back().sequence + 1);
    }
  }
  return end;
}

void EraseFrom(std::vector<Unfinished>* list, Sequence end) {
  std::erase_if(*list, [end](const Unfinished& u) { return u.sequence >= end; });
}

// Messages that a state names and that are not in the log are not unfinished: they are gone.
void ForgetFrom(Sequence end, TopicState* state) {
  EraseFrom(&state->held, end);
  for (ChannelState& channel : state->channels) EraseFrom(&channel.unfinished, end);
}

// Makes a journal and a log that were recovered agree.
void Reconcile(WallTime now, OpenedTopic* topic) {
  TopicState& state = topic->state;
  SegmentedLog& log = *topic->log;
  for (const SequenceRange& gap : state.gaps) log.AddGap(gap);
  const Sequence end = log.appended();
  if (!state.clean || state.next != end) {
    state.clean = false;
    ForgetFrom(end, &state);
    const Sequence known = std::max(end, EndOf(state));
    const Sequence next = std::max({SequenceAt(now), known + kLeastJump});
    log.JumpTo(next);
    topic->journal->Gap({end, next});
    if (const Status status = topic->journal->Write(); !status.ok()) {
      // It is kept for the next Write.
      NSQ_LOG(kWarn, "TOPIC: ", status.detail());
    }
  }
  state.gaps = log.gaps();
  if (state.flowing) state.fanout = log.appended();
}

// "orders.topic.removed", "orders.topic.removed.3"
bool IsRemoved(std::string_view name) {
  const size_t digits = name.find_last_not_of("0123456789") + 1;
  if (digits < name.size() && digits > 0 && name[digits - 1] == '.') {
    name = name.substr(0, digits - 1);
  }
  return name.ends_with(StrCat(kDirSuffix, kRemovedSuffix));
}

// The first sequence of the oldest segment in a directory.
std::optional<Sequence> OldestSegment(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (const std::optional<Sequence> first = ParseSegmentName(name)) return first;
  }
  return std::nullopt;
}

}  // namespace

std::string TopicDir(std::string_view data_path, std::string_view topic) {
  return Join(data_path, std::string(topic) + std::string(kDirSuffix));
}

Result<std::vector<std::string>> FindTopics(Files& files, const std::string& data_path) {
  const Result<std::vector<std::string>> names = files.List(data_path.empty() ? "." : data_path);
  if (!names.ok()) return names.status();
  std::vector<std::string> topics;
  for (const std::string& name : *names) {
    if (!name.ends_with(kDirSuffix) || name.size() == kDirSuffix.size()) continue;
    const Result<std::vector<std::string>> inside = files.List(Join(data_path, name));
    if (!inside.ok()) continue;  // a file, for one
    const auto tells = [](const std::string& file) {
      return file == kJournalName || file == kOldJournalName || ParseSegmentName(file).has_value();
    };
    if (std::any_of(inside->begin(), inside->end(), tells)) {
      topics.push_back(name.substr(0, name.size() - kDirSuffix.size()));
    }
  }
  std::sort(topics.begin(), topics.end());
  return topics;
}

Result<std::vector<std::string>> ListTopics(Files& files, const std::string& data_path) {
  const Result<std::vector<std::string>> names = files.List(data_path.empty() ? "." : data_path);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (!IsRemoved(name)) continue;
    const Status status = ClearRemoved(files, Join(data_path, name));
    if (!status.ok()) NSQ_LOG(kWarn, "TOPIC: ", status.detail());
  }
  return FindTopics(files, data_path);
}

Result<OpenedTopic> OpenTopic(EventLoop& loop, HelperPool& pool, Files& files, MemoryBudget* budget,
                              const LogOptions& options, WallTime now,
                              SegmentedLog::Listener* listener) {
  OpenedTopic topic;
  if (options.dir.empty()) {
    topic.state.first = topic.state.fanout = SequenceAt(now);
    Result<std::unique_ptr<SegmentedLog>> log =
        SegmentedLog::Open(loop, pool, files, budget, options, topic.state.first, listener);
    if (!log.ok()) return log.status();
    topic.log = std::move(*log);
    return topic;
  }

  const Status made = files.MakeDir(options.dir);
  if (!made.ok() && made.code() != Code::kExists) return made;
  const Result<std::vector<std::string>> names = files.List(options.dir);
  if (!names.ok()) return names.status();
  const auto has = [&](std::string_view name) {
    return std::find(names->begin(), names->end(), name) != names->end();
  };
  // Died during a compaction that the pool did, or while the disk was tried.
  for (const std::string& name : *names) {
    if (!name.starts_with(StrCat(kJournalName, ".next")) && name != ProbeName()) continue;
    if (Status status = files.Remove(Join(options.dir, name)); !status.ok()) return status;
  }
  const bool had_journal = has(kJournalName) || has(kOldJournalName);
  const std::optional<Sequence> oldest = OldestSegment(*names);

  // Without a journal every message that is left is for the first channel to come.
  Result<std::unique_ptr<Journal>> journal =
      Journal::Open(files, Join(options.dir, kJournalName), loop.home(),
                    oldest.value_or(SequenceAt(now)), &topic.state);
  if (!journal.ok()) return journal.status();
  topic.journal = std::move(*journal);
  const std::shared_ptr<SyncedFile> file = topic.journal->synced_file();
  if (made.ok()) file->new_dir = true;

  LogOptions as_found = options;
  as_found.synced = topic.state.synced;
  as_found.durability = topic.state.durability.value_or(options.durability);
  Result<std::unique_ptr<SegmentedLog>> log =
      SegmentedLog::Open(loop, pool, files, budget, as_found, EndOf(topic.state), listener);
  if (!log.ok()) return log.status();
  topic.log = std::move(*log);
  topic.log->SyncWith(file);
  if (had_journal || oldest) Reconcile(now, &topic);
  return topic;
}

Result<std::string> RemoveTopic(Files& files, const std::string& dir) {
  // One of the same name may have gone just before and not be cleared away yet.
  std::string removed = dir + std::string(kRemovedSuffix);
  for (int n = 1; files.List(removed).status().code() != Code::kNotFound; ++n) {
    removed = StrCat(dir, kRemovedSuffix, ".", n);
  }
  const Status status = files.Rename(dir, removed);
  if (status.code() == Code::kNotFound) return std::string();
  if (!status.ok()) return status;
  return removed;
}

Status ClearRemoved(Files& files, const std::string& removed) { return RemoveAll(files, removed); }

}  // namespace nsq::nsqd
