#include "tests/bench/http_call.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>

#include "common/strings.h"
#include "tests/bench/connect.h"

namespace nsq::bench {

Result<std::string> HttpCall(const Address& address, std::string_view method,
                             std::string_view target) {
  const Result<UniqueFd> socket = Connect(address);
  if (!socket.ok()) return socket.status();
  const int fd = (*socket).get();
  const timeval limit{5, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);

  // 1.0, so that the answer ends with the connection and is never chunked.
  const std::string request =
      StrCat(method, " ", target, " HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  const std::string what = StrCat(method, " ", target);
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) return ErrnoStatus(errno, what);

  std::string answer;
  std::array<char, 65536> piece;
  while (true) {
    const ssize_t got = recv(fd, piece.data(), piece.size(), 0);
    if (got < 0) return ErrnoStatus(errno, what);
    if (got == 0) break;
    answer.append(piece.data(), static_cast<size_t>(got));
  }

  const size_t head_bytes = answer.find("\r\n\r\n");
  if (head_bytes == std::string::npos || !answer.starts_with("HTTP/1.")) {
    return Status(Code::kCorrupt, StrCat(what, ": not an HTTP answer"));
  }
  if (answer.substr(8, 5) != " 200 ") {
    return Status(Code::kInvalid, StrCat(what, ": ", answer.substr(0, answer.find("\r\n"))));
  }
  return answer.substr(head_bytes + 4);
}

}  // namespace nsq::bench
