#include "nsqd/daemon/verify_command.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "common/http/client.h"
#include "common/strings.h"
#include "nsqd/storage/topic_store.h"
#include "nsqd/storage/verify.h"

namespace nsq::nsqd {
namespace {

constexpr size_t kBatchBytes = size_t{1} << 20;
constexpr size_t kBatchMessages = 1000;

std::string Base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j) {
      bits = bits << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      text += i + j > bytes.size() ? '=' : kDigits[bits >> (18 - 6 * j) & 63];
    }
  }
  return text;
}

void AppendBig(size_t number, std::string* to) {
  for (int shift = 24; shift >= 0; shift -= 8) *to += static_cast<char>(number >> shift & 255);
}

// Publishes to another nsqd.
class Sender {
 public:
  Sender(std::string address, std::string topic)
      : client_(MakeOptions()), address_(std::move(address)), topic_(std::move(topic)) {}

  Status Add(const Record& record, WallTime due) {
    const WallTime now = WallNow();
    if (due > now) {
      const auto left = std::chrono::ceil<milliseconds>(due - now);
      return client_
          .Command(StrCat(address_, "/pub?topic=", topic_, "&defer=", left.count()), record.body)
          .status();
    }
    AppendBig(record.body.size(), &bodies_);
    bodies_ += record.body;
    ++count_;
    return count_ >= kBatchMessages || bodies_.size() >= kBatchBytes ? Flush() : Status();
  }

  Status Flush() {
    if (count_ == 0) return Status();
    std::string body;
    AppendBig(count_, &body);
    body += bodies_;
    bodies_.clear();
    count_ = 0;
    return client_.Command(StrCat(address_, "/mpub?binary=true&topic=", topic_), body).status();
  }

 private:
  static http::ClientOptions MakeOptions() {
    http::ClientOptions options;
    options.request_timeout = seconds(60);
    return options;
  }

  http::Client client_;
  const std::string address_;
  const std::string topic_;
  std::string bodies_;
  size_t count_ = 0;
};

void Print(const TopicReport& report, std::FILE* to) {
  const auto line = [to](const std::string& text) { std::fprintf(to, "%s\n", text.c_str()); };
  line(StrCat("topic ", report.name, report.damage.empty() ? ": ok" : ": DAMAGED"));
  line(StrCat("  journal   ", report.journal_bytes, " bytes"));
  line(StrCat("  segments  ", report.segments, " files, ", report.size_bytes, " bytes, ",
              report.messages, " messages, ", report.wanted, " of them wanted"));
  for (const TopicReport::Channel& channel : report.channels) {
    line(StrCat(
        "  channel   ", channel.name, channel.paused ? " (paused)" : "", ": ", channel.unfinished,
        " unfinished, ", channel.not_delivered, " not delivered yet",
        channel.not_found == 0 ? std::string() : StrCat(", ", channel.not_found, " in no file")));
  }
  for (const std::string& note : report.notes) line("  note      " + note);
  for (const std::string& damage : report.damage) line("  DAMAGE    " + damage);
}

}  // namespace

int VerifyDataPath(const Options& options, const std::string& salvage) {
  const auto fail = [](const Status& status) {
    std::fprintf(stderr, "nsqd --verify: %s\n", status.detail().c_str());
    return 2;
  };
  const bool to_stdout = salvage == "-";
  std::FILE* const out = to_stdout ? stderr : stdout;
  const Result<std::unique_ptr<DataPathLock>> lock = DataPathLock::Take(options.data_path);
  if (!lock.ok()) return fail(lock.status());
  const Result<std::vector<std::string>> names = FindTopics(PosixFiles(), options.data_path);
  if (!names.ok()) return fail(names.status());

  uint64_t damaged = 0;
  uint64_t salvaged = 0;
  for (const std::string& name : *names) {
    Sender sender(salvage, name);
    Salvage keep;
    if (to_stdout) {
      keep = [&](const Record& record, WallTime due) {
        ++salvaged;
        const std::string text = StrCat(
            R"({"topic":")", name, R"(","timestamp":)", UnixNanos(record.timestamp), R"(,"due":)",
            due == WallTime() ? 0 : UnixNanos(due), R"(,"body":")", Base64(record.body), "\"}\n");
        const size_t written = std::fwrite(text.data(), 1, text.size(), stdout);
        return written == text.size() ? Status() : Status(Code::kIo, "cannot write to stdout");
      };
    } else if (!salvage.empty()) {
      keep = [&](const Record& record, WallTime due) {
        ++salvaged;
        return sender.Add(record, due);
      };
    }
    const Result<TopicReport> report =
        VerifyTopic(PosixFiles(), TopicDir(options.data_path, name), keep);
    if (!report.ok()) return fail(report.status());
    if (Status status = sender.Flush(); !status.ok()) return fail(status);
    TopicReport named = *report;
    named.name = name;
    Print(named, out);
    damaged += report->damage.size();
  }
  std::fprintf(out, "%zu topics, %llu damaged places\n", names->size(),
               static_cast<unsigned long long>(damaged));
  if (!salvage.empty()) {
    std::fprintf(out, "%llu messages salvaged\n", static_cast<unsigned long long>(salvaged));
  }
  return damaged == 0 ? 0 : 1;
}

}  // namespace nsq::nsqd
