#include "clients/nsq/internal/dial.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cctype>
#include <cerrno>
#include <memory>

#include "common/strings.h"

namespace nsq::client {
namespace {

struct FreeAddrInfo {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

Result<std::unique_ptr<addrinfo, FreeAddrInfo>> Numeric(const Address& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(address.port);
  const char* const host = address.host.empty() ? nullptr : address.host.c_str();
  const int error = ::getaddrinfo(host, port.c_str(), &hints, &list);
  if (error != 0) {
    return Status(Code::kInvalid, StrCat("lookup ", address.host, ": ", ::gai_strerror(error)));
  }
  return std::unique_ptr<addrinfo, FreeAddrInfo>(list);
}

Result<UniqueFd> DialFrom(const Address& to, const std::string& local_addr) {
  const Result<Address> local = ParseAddress(local_addr);
  if (!local.ok()) return local.status();
  const auto here = Numeric(*local);
  if (!here.ok()) return here.status();
  const auto there = Numeric(to);
  if (!there.ok()) return there.status();
  const addrinfo& a = **there;
  UniqueFd fd(::socket(a.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoStatus(errno, "socket");
  if (::bind(fd.get(), (*here)->ai_addr, (*here)->ai_addrlen) != 0) {
    return ErrnoStatus(errno, "bind " + local_addr);
  }
  if (::connect(fd.get(), a.ai_addr, a.ai_addrlen) != 0 && errno != EINPROGRESS) {
    return ErrnoStatus(errno, "connect");
  }
  return fd;
}

}  // namespace

Result<Address> ParseNsqdAddress(const std::string& text) {
  const bool path = text.find('/') != std::string::npos || text.starts_with('@');
  if (!path && text.find(':') == std::string::npos) {
    return Status(Code::kInvalid, StrCat("dial tcp: address ", text, ": missing port in address"));
  }
  Result<Address> address = ParseAddress(text);
  if (address.ok()) return address;
  return Status(Code::kInvalid, "dial tcp: " + address.status().detail());
}

Result<UniqueFd> Dial(const Address& to, const std::string& local_addr) {
  Result<UniqueFd> fd =
      local_addr.empty() || to.is_unix() ? StartConnect(to) : DialFrom(to, local_addr);
  if (fd.ok() && !to.is_unix()) SetTcpOptions(fd->get());
  return fd;
}

std::string ReasonOf(const Status& status) {
  std::string text = status.detail();
  const size_t colon = text.rfind(": ");
  if (colon != std::string::npos) text.erase(0, colon + 2);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

}  // namespace nsq::client
