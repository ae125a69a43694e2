#include "tests/bench/read_buffer.h"

#include <endian.h>
#include <strings.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/strings.h"

namespace nsq::bench {
namespace {

constexpr size_t kInitialBytes = 512 * 1024;
constexpr size_t kFrameHeaderBytes = 8;  // size and type

uint32_t ReadU32(const char* from) {
  uint32_t big_endian = 0;
  std::memcpy(&big_endian, from, sizeof big_endian);
  return be32toh(big_endian);
}

// The value of Content-Length in `head`, or nothing.
std::optional<size_t> ContentLength(std::string_view head) {
  constexpr std::string_view kName = "\r\nContent-Length:";
  for (size_t at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at + 2)) {
    std::string_view line = head.substr(at);
    if (line.size() < kName.size() || strncasecmp(line.data(), kName.data(), kName.size()) != 0) {
      continue;
    }
    line.remove_prefix(kName.size());
    line = line.substr(0, line.find("\r\n"));
    while (line.starts_with(' ')) line.remove_prefix(1);
    size_t length = 0;
    if (!ParseInt(line, &length)) return std::nullopt;
    return length;
  }
  return std::nullopt;
}

}  // namespace

ReadBuffer::ReadBuffer() : bytes_(kInitialBytes) {}

void ReadBuffer::MakeRoom(size_t size_bytes) {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (begin_ >= bytes_.size() / 2) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  // One frame larger than the rest.
  while (bytes_.size() - end_ < size_bytes) bytes_.resize(bytes_.size() * 2);
}

void ReadBuffer::Append(std::string_view bytes) {
  if (bytes.empty()) return;
  MakeRoom(bytes.size());
  std::memcpy(bytes_.data() + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

Status ReadBuffer::Fill(int fd) {
  MakeRoom(1);
  const ssize_t got = read(fd, bytes_.data() + end_, bytes_.size() - end_);
  if (got > 0) {
    end_ += static_cast<size_t>(got);
    return Status();
  }
  if (got == 0) return Status(Code::kUnavailable, "the server closed the connection");
  if (errno == EAGAIN || errno == EINTR) return Status(Code::kTimeout, "nothing to read");
  return ErrnoStatus(errno, "read from the server");
}

std::optional<Frame> NextFrame(ReadBuffer* buffer) {
  const std::string_view unread = buffer->unread();
  if (unread.size() < kFrameHeaderBytes) return std::nullopt;
  const size_t size_bytes = ReadU32(unread.data());
  if (unread.size() < 4 + size_bytes) return std::nullopt;
  buffer->Consume(4 + size_bytes);
  return Frame{static_cast<FrameType>(ReadU32(unread.data() + 4)),
               unread.substr(kFrameHeaderBytes, size_bytes - 4)};
}

std::optional<int> NextHttpAnswer(ReadBuffer* buffer) {
  const std::string_view unread = buffer->unread();
  const size_t head_bytes = unread.find("\r\n\r\n");
  if (head_bytes == std::string_view::npos) return std::nullopt;
  const std::string_view head = unread.substr(0, head_bytes);
  const std::optional<size_t> body_bytes = ContentLength(head);
  int status = 0;
  if (!body_bytes || !head.starts_with("HTTP/1.1 ") || !ParseInt(head.substr(9, 3), &status)) {
    return 0;
  }
  const size_t whole = head_bytes + 4 + *body_bytes;
  if (unread.size() < whole) return std::nullopt;
  buffer->Consume(whole);
  return status;
}

}  // namespace nsq::bench
