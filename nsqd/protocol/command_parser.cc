#include "nsqd/protocol/command_parser.h"

#include <algorithm>

#include "common/check.h"
#include "common/event/buffer.h"

namespace nsq::nsqd {
namespace {

constexpr size_t kIntBytes = 4;

int32_t LoadInt(std::string_view data, size_t at) {
  return static_cast<int32_t>(LoadBig32(data.data() + at));
}

// The most frequent ones first.
Command ParseName(std::string_view name) {
  if (name == "FIN") return Command::kFin;
  if (name == "PUB") return Command::kPub;
  if (name == "MPUB") return Command::kMpub;
  if (name == "RDY") return Command::kRdy;
  if (name == "REQ") return Command::kReq;
  if (name == "NOP") return Command::kNop;
  if (name == "DPUB") return Command::kDpub;
  if (name == "TOUCH") return Command::kTouch;
  if (name == "SUB") return Command::kSub;
  if (name == "IDENTIFY") return Command::kIdentify;
  if (name == "CLS") return Command::kCls;
  if (name == "AUTH") return Command::kAuth;
  return Command::kUnknown;
}

}  // namespace

std::string_view ToString(Command command) {
  switch (command) {
    case Command::kUnknown:
      return "";
    case Command::kIdentify:
      return "IDENTIFY";
    case Command::kAuth:
      return "AUTH";
    case Command::kSub:
      return "SUB";
    case Command::kRdy:
      return "RDY";
    case Command::kFin:
      return "FIN";
    case Command::kReq:
      return "REQ";
    case Command::kTouch:
      return "TOUCH";
    case Command::kCls:
      return "CLS";
    case Command::kNop:
      return "NOP";
    case Command::kPub:
      return "PUB";
    case Command::kMpub:
      return "MPUB";
    case Command::kDpub:
      return "DPUB";
  }
  return "";
}

CommandLine ParseLine(std::string_view line) {
  CommandLine parsed;
  size_t space = line.find(' ');
  parsed.name = line.substr(0, space);
  parsed.command = ParseName(parsed.name);
  while (space != std::string_view::npos && parsed.params < 2) {
    const size_t begin = space + 1;
    space = line.find(' ', begin);
    parsed.param[parsed.params++] =
        line.substr(begin, space == std::string_view::npos ? space : space - begin);
  }
  return parsed;
}

std::optional<uint64_t> ParseUnsigned(std::string_view digits) {
  uint64_t number = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<uint64_t>(c - '0');
  }
  return number;
}

CommandParser::Found CommandParser::FindLine(std::string_view data, std::string_view* line) {
  if (line_end_ == 0) {
    const size_t limit = std::min(data.size(), kMaxLineBytes);
    const size_t lf = data.substr(0, limit).find('\n', scanned_);
    if (lf == std::string_view::npos) {
      scanned_ = limit;
      return limit == kMaxLineBytes ? Found::kTooLong : Found::kNotYet;
    }
    line_end_ = lf + 1;
    end_ = line_end_;
  }
  *line = data.substr(0, line_end_ - 1);
  if (line->ends_with('\r')) line->remove_suffix(1);
  return Found::kYes;
}

bool CommandParser::FindSize(std::string_view data, int32_t* size) const {
  if (data.size() < line_end_ + kIntBytes) return false;
  *size = LoadInt(data, line_end_);
  return true;
}

bool CommandParser::FindBody(std::string_view data, size_t size, std::string_view* body) {
  const size_t begin = line_end_ + kIntBytes;
  if (data.size() - begin < size) return false;
  *body = data.substr(begin, size);
  end_ = begin + size;
  return true;
}

CommandParser::Messages CommandParser::CheckMessages(std::string_view data,
                                                     const MessageLimits& limits) {
  using What = Messages::What;
  const size_t body = line_end_ + kIntBytes;
  if (count_ == 0) {
    if (data.size() < body + kIntBytes) return {What::kNoCount};
    const int32_t count = LoadInt(data, body);
    if (count <= 0 || count > limits.max_messages) return {What::kBadCount, 0, count};
    count_ = static_cast<uint32_t>(count);
    end_ = body + kIntBytes;
  }
  for (; next_ < count_; ++next_) {
    if (data.size() - end_ < kIntBytes) return {What::kNoSize, next_};
    const int32_t size = LoadInt(data, end_);
    if (size <= 0) return {What::kBadSize, next_, size};
    if (size > limits.max_message_size) return {What::kTooBig, next_, size};
    const size_t next_end = end_ + kIntBytes + static_cast<size_t>(size);
    const auto so_far = static_cast<int64_t>(next_end - body);
    if (so_far > limits.max_bytes) return {What::kTooLarge, next_, so_far};
    if (data.size() < next_end) return {What::kNoBody, next_};
    end_ = next_end;
  }
  return {What::kWhole};
}

void CommandParser::CollectMessages(std::string_view data,
                                    std::vector<std::string_view>* bodies) const {
  NSQ_DCHECK(next_ == count_ && end_ <= data.size());
  size_t at = line_end_ + 2 * kIntBytes;
  bodies->reserve(count_);
  for (uint32_t i = 0; i < count_; ++i) {
    const auto size = static_cast<size_t>(LoadInt(data, at));
    bodies->push_back(data.substr(at + kIntBytes, size));
    at += kIntBytes + size;
  }
}

size_t CommandParser::Finish() {
  const size_t length = end_;
  *this = CommandParser();
  return length;
}

}  // namespace nsq::nsqd
