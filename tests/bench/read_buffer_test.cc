#include "tests/bench/read_buffer.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "common/event/unique_fd.h"

namespace nsq::bench {
namespace {

// A buffer at one end of a socket pair; the test writes into the other.
class ReadBufferTest : public testing::Test {
 protected:
  ReadBufferTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    ours_ = UniqueFd(ends[0]);
    theirs_ = UniqueFd(ends[1]);
  }

  void Arrive(std::string_view bytes) {
    ASSERT_EQ(write(theirs_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    ASSERT_TRUE(buffer_.Fill(ours_.get()).ok());
  }

  UniqueFd ours_;
  UniqueFd theirs_;
  ReadBuffer buffer_;
};

TEST_F(ReadBufferTest, FramesComeWholeHoweverTheyAreCut) {
  const std::string ok("\0\0\0\6\0\0\0\0OK", 10);
  const std::string error("\0\0\0\7\0\0\0\1E_X", 11);
  const std::string stream = ok + error;
  for (size_t i = 0; i < stream.size(); ++i) {
    Arrive(stream.substr(i, 1));
    const std::optional<Frame> frame = NextFrame(&buffer_);
    ASSERT_EQ(frame.has_value(), i + 1 == ok.size() || i + 1 == stream.size()) << i;
    if (i + 1 == ok.size()) {
      EXPECT_EQ(frame->payload, "OK");
    }
    if (i + 1 == stream.size()) {
      EXPECT_EQ(frame->type, FrameType::kError);
      EXPECT_EQ(frame->payload, "E_X");
    }
  }
}

TEST_F(ReadBufferTest, AFrameMayBeLargerThanTheBuffer) {
  const size_t body_bytes = 3 * 1024 * 1024;
  std::string frame("\0\x30\0\4\0\0\0\2", 8);
  frame.resize(8 + body_bytes, 'x');
  for (size_t at = 0; at < frame.size(); at += 65'536) {
    EXPECT_FALSE(NextFrame(&buffer_).has_value());
    Arrive(std::string_view(frame).substr(at, 65'536));
  }
  const std::optional<Frame> got = NextFrame(&buffer_);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->payload.size(), body_bytes);
}

TEST_F(ReadBufferTest, HttpAnswersAreTakenOneByOne) {
  Arrive(
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: 2\r\n\r\nOK"
      "HTTP/1.1 413 Too Large\r\nContent-Length:3\r\n\r\nab");
  EXPECT_EQ(NextHttpAnswer(&buffer_), 200);
  EXPECT_EQ(NextHttpAnswer(&buffer_), std::nullopt) << "a byte of the body is missing";
  Arrive("c");
  EXPECT_EQ(NextHttpAnswer(&buffer_), 413);
}

TEST_F(ReadBufferTest, AnHttpAnswerWithoutALengthIsNotUnderstood) {
  Arrive("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nOK");
  EXPECT_EQ(NextHttpAnswer(&buffer_), 0);
}

TEST_F(ReadBufferTest, TheEndIsTold) {
  EXPECT_EQ(buffer_.Fill(ours_.get()).code(), Code::kTimeout);
  theirs_.Reset();
  EXPECT_EQ(buffer_.Fill(ours_.get()).code(), Code::kUnavailable);
}

}  // namespace
}  // namespace nsq::bench
