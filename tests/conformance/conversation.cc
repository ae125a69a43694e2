#include "tests/conformance/conversation.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "common/event/address.h"
#include "common/event/buffer.h"
#include "common/event/unique_fd.h"
#include "common/strings.h"
#include "common/wire/frame.h"
#include "tests/cluster/support/patience.h"

namespace nsq::conformance {
namespace {

constexpr std::string_view kProbe = "CONFORMANCE";
constexpr std::string_view kProbed = "E_INVALID invalid command CONFORMANCE";
constexpr size_t kPrinted = 120;
constexpr size_t kShort = 300;

int Left(SteadyTime deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

std::string TextOf(std::string_view payload, FrameType type) {
  if (type != FrameType::kMessage) {
    // Errors, and only they, come as such.
    const bool right = (type == FrameType::kError) == payload.starts_with("E_");
    return StrCat(right ? "" : "wrong frame type: ", payload);
  }
  if (payload.size() < kMessageHeaderBytes) return "a short message";
  return StrCat("message ", LoadBig16(payload.data() + 8), " ",
                payload.substr(kMessageHeaderBytes));
}

}  // namespace

std::vector<std::string> FramesOf(std::string_view bytes, Protocol protocol) {
  std::vector<std::string> frames;
  while (bytes.size() >= 4) {
    const size_t size = LoadBig32(bytes.data());
    if (bytes.size() - 4 < size || (protocol == Protocol::kV2 && size < 4)) break;
    const std::string_view frame = bytes.substr(4, size);
    frames.push_back(protocol == Protocol::kV1
                         ? std::string(frame)
                         : TextOf(frame.substr(4), FrameType{LoadBig32(frame.data())}));
    bytes.remove_prefix(4 + size);
  }
  if (!bytes.empty()) frames.push_back("not a frame: " + Printable(bytes));
  return frames;
}

std::string Size(int64_t size) {
  std::string bytes(4, '\0');
  StoreBig32(bytes.data(), static_cast<uint32_t>(size));
  return bytes;
}

std::string Body(std::string_view body) {
  return StrCat(Size(static_cast<int64_t>(body.size())), body);
}

void PrintTo(const Heard& heard, std::ostream* out) {
  for (const std::string& frame : heard.frames) *out << "\"" << Printable(frame) << "\" ";
  constexpr std::array<const char*, 3> kEnds = {"stays", "closes", "closes when cut"};
  *out << kEnds[static_cast<size_t>(heard.end)];
}

Heard Say(uint16_t port, Protocol protocol, std::string_view bytes, End expected_end,
          Pieces pieces) {
  std::string all(bytes);
  if (expected_end == End::kStays) all += StrCat(kProbe, "\n");
  Heard heard{FramesOf(Exchange(port, all, expected_end == End::kCut, pieces), protocol),
              expected_end};
  if (expected_end == End::kStays) {
    if (!heard.frames.empty() && heard.frames.back() == kProbed) {
      heard.frames.pop_back();
    } else {
      heard.end = End::kCloses;
    }
  }
  return heard;
}

void CheckRows(uint16_t port, Protocol protocol, const std::vector<Row>& rows) {
  const bool original = std::getenv("NSQ_CONFORMANCE_ORIGINAL") != nullptr;
  for (const Row& row : rows) {
    const Heard& expected = original && row.original.has_value() ? *row.original : row.expected;
    EXPECT_EQ(Say(port, protocol, row.say, expected.end), expected)
        << "said: " << Printable(row.say);
    if (!IsShort(row.say)) continue;
    EXPECT_EQ(Say(port, protocol, row.say, expected.end, Pieces::kBytes), expected)
        << "said byte by byte: " << Printable(row.say);
  }
}

std::string Exchange(uint16_t port, std::string_view bytes, bool cut, Pieces pieces) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + cluster::kPatience;
  auto fd = StartConnect({"127.0.0.1", port, ""});
  if (!fd.ok()) return fd.status().ToString();
  SetTcpOptions(fd->get());
  std::string heard;
  bool shut = !cut;
  while (true) {
    const bool sending = !bytes.empty();
    if (!sending && !shut) {
      ::shutdown(fd->get(), SHUT_WR);
      shut = true;
    }
    pollfd waiting = {fd->get(), static_cast<int16_t>(sending ? POLLIN | POLLOUT : POLLIN), 0};
    if (::poll(&waiting, 1, Left(deadline)) != 1) {
      ADD_FAILURE() << "neither an answer nor an end";
      return heard;
    }
    if ((waiting.revents & POLLOUT) != 0) {
      const size_t size = pieces == Pieces::kWhole ? bytes.size() : 1;
      const ssize_t n = ::send(fd->get(), bytes.data(), size, MSG_NOSIGNAL);
      if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
      if (n < 0 && errno != EAGAIN) bytes = {};  // refused: its answer is there to be read
    }
    if ((waiting.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      std::array<char, 65536> room;
      const ssize_t n = ::recv(fd->get(), room.data(), room.size(), 0);
      if (n == 0 || (n < 0 && errno != EAGAIN)) return heard;  // a reset is an end, too
      if (n > 0) heard.append(room.data(), static_cast<size_t>(n));
    }
  }
}

bool IsShort(std::string_view bytes) { return bytes.size() <= kShort; }

std::string Printable(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    if (text.size() > kPrinted) return text + "...";
    const auto byte = static_cast<uint8_t>(c);
    if (c == '\n') {
      text += "\\n";
    } else if (c == '\r') {
      text += "\\r";
    } else if (byte < 0x20 || byte >= 0x7f) {
      text += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace nsq::conformance
