#include "common/event/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include "common/strings.h"

namespace nsq {
namespace {

constexpr int kBacklog = 4096;

struct FreeAddrInfo {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

// strerror as Go prints it: "address already in use".
std::string Reason(int error) {
  const Status status = ErrnoStatus(error, "");
  std::string text = status.detail().substr(2);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

Result<std::unique_ptr<addrinfo, FreeAddrInfo>> Resolve(const Address& address, bool passive) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = passive ? AI_PASSIVE : 0;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(address.port);
  const char* const host = address.host.empty() ? nullptr : address.host.c_str();
  const int error = ::getaddrinfo(host, port.c_str(), &hints, &list);
  if (error != 0) {
    const char* const why = error == EAI_NONAME ? "no such host" : ::gai_strerror(error);
    return Status(Code::kInvalid, StrCat("lookup ", address.host, ": ", why));
  }
  return std::unique_ptr<addrinfo, FreeAddrInfo>(list);
}

// The first of a family, or the first of all if there is none.
const addrinfo* FirstOf(int family, const addrinfo* list) {
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
    if (a->ai_family == family) return a;
  }
  return list;
}

// Returns the length of the name: a leading '@' stands for a name that is in no file system, and
// '@' alone for one that the kernel chooses.
Result<socklen_t> FillUnix(const std::string& path, sockaddr_un* to) {
  to->sun_family = AF_UNIX;
  if (path.size() >= sizeof to->sun_path) {
    return Status(Code::kInvalid, StrCat("unix socket path too long: ", path));
  }
  std::memcpy(to->sun_path, path.c_str(), path.size() + 1);
  if (path[0] != '@') return static_cast<socklen_t>(sizeof *to);
  to->sun_path[0] = '\0';
  const size_t name_bytes = path == "@" ? 0 : path.size();
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_bytes);
}

// Whether `name` is a socket's file that a process which is gone has left.
bool IsStale(const std::string& path, const sockaddr_un& name, socklen_t size) {
  struct stat info {};
  if (path[0] == '@' || ::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return fd.valid() && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), size) != 0 &&
         errno == ECONNREFUSED;
}

Result<UniqueFd> ListenUnix(const std::string& path) {
  sockaddr_un name{};
  const Result<socklen_t> size = FillUnix(path, &name);
  if (!size.ok()) return size.status();
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoStatus(errno, "socket");
  const auto bind = [&] {
    return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), *size) == 0;
  };
  bool bound = bind();
  if (!bound && errno == EADDRINUSE) {
    const int in_use = errno;
    bound = IsStale(path, name, *size) && ::unlink(path.c_str()) == 0 && bind();
    if (!bound) errno = in_use;
  }
  if (!bound || ::listen(fd.get(), kBacklog) != 0) {
    return Status(Code::kIo, StrCat("listen unix ", path, ": bind: ", Reason(errno)));
  }
  return fd;
}

std::string FormatAddress(const sockaddr_storage& name, socklen_t size) {
  if (name.ss_family == AF_UNIX) {
    const auto& local = reinterpret_cast<const sockaddr_un&>(name);
    constexpr size_t kPathAt = offsetof(sockaddr_un, sun_path);
    if (size <= kPathAt) return "@";
    std::string path(local.sun_path, size - kPathAt);
    if (path[0] == '\0') return "@" + path.substr(1);
    return path.substr(0, path.find('\0'));
  }
  char host[INET6_ADDRSTRLEN] = "";
  if (name.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(name);
    ::inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
    return JoinHostPort(host, ntohs(v4.sin_port));
  }
  if (name.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(name);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], host, sizeof host);
    } else {
      ::inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
    }
    return JoinHostPort(host, ntohs(v6.sin6_port));
  }
  return "@";
}

}  // namespace

Result<Address> ParseAddress(std::string_view text) {
  Address address;
  const size_t colon = text.rfind(':');
  const std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (colon == std::string_view::npos || text.find('/') != std::string_view::npos ||
      (!bracketed && host.find(':') != std::string_view::npos)) {
    address.unix_path = text.empty() ? "@" : std::string(text);
    return address;
  }
  address.host = std::string(bracketed ? host.substr(1, host.size() - 2) : host);
  const std::string_view port = text.substr(colon + 1);
  if (port.empty() || ParseInt(port, &address.port)) return address;
  int64_t number = 0;
  if (!ParseInt(port, &number)) {
    return Status(Code::kInvalid, StrCat("address tcp/", port, ": unknown port"));
  }
  return Status(Code::kInvalid, StrCat("address ", port, ": invalid port"));
}

std::string JoinHostPort(std::string_view host, int port) {
  if (host.find(':') != std::string_view::npos) return StrCat("[", host, "]:", port);
  return StrCat(host, ":", port);
}

Result<UniqueFd> Listen(const Address& address) {
  if (address.is_unix()) return ListenUnix(address.unix_path);
  const std::string what = "listen tcp " + JoinHostPort(address.host, address.port) + ": ";
  // All interfaces means both families, as in Go, whose flags have the default 0.0.0.0: prefer the
  // socket that serves both.
  const bool everywhere = address.host.empty() || address.host == "0.0.0.0" || address.host == "::";
  auto resolved = Resolve(everywhere ? Address{"", address.port, ""} : address, true);
  if (!resolved.ok()) {
    return Status(resolved.status().code(), "listen tcp: " + resolved.status().detail());
  }
  // As Go: of a name's addresses the first of IPv4 is listened on, whatever the system puts first
  // ("::1 localhost" in /etc/hosts).
  const addrinfo* const first = resolved->get();
  const addrinfo* const chosen = FirstOf(everywhere ? AF_INET6 : AF_INET, first);
  for (const addrinfo* a : {chosen, everywhere ? first : chosen}) {
    UniqueFd fd(::socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) continue;  // no IPv6 on this machine, perhaps
    const int yes = 1;
    const int no = 0;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (a->ai_family == AF_INET6 && everywhere) {
      ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    }
    if (::bind(fd.get(), a->ai_addr, a->ai_addrlen) != 0) {
      if (a != first && everywhere && errno != EADDRINUSE) continue;
      return Status(Code::kIo, what + "bind: " + Reason(errno));
    }
    if (::listen(fd.get(), kBacklog) != 0) return Status(Code::kIo, what + Reason(errno));
    return fd;
  }
  return Status(Code::kIo, what + "socket: " + Reason(errno));
}

Result<UniqueFd> StartConnect(const Address& address) {
  if (address.is_unix()) {
    sockaddr_un name{};
    const Result<socklen_t> length = FillUnix(address.unix_path, &name);
    if (!length.ok()) return length.status();
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return ErrnoStatus(errno, "socket");
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), *length) != 0 &&
        errno != EINPROGRESS) {
      return ErrnoStatus(errno, "dial unix " + address.unix_path + ": connect");
    }
    return fd;
  }
  auto resolved = Resolve(address, false);
  if (!resolved.ok())
    return Status(resolved.status().code(), "dial tcp: " + resolved.status().detail());
  const addrinfo* const a = resolved->get();
  UniqueFd fd(::socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoStatus(errno, "socket");
  if (::connect(fd.get(), a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS) {
    return Status(Code::kIo, StrCat("dial tcp ", JoinHostPort(address.host, address.port),
                                    ": connect: ", Reason(errno)));
  }
  return fd;
}

bool NeedsResolving(const Address& address) {
  if (address.is_unix() || address.host.empty()) return false;
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* list = nullptr;
  if (::getaddrinfo(address.host.c_str(), nullptr, &hints, &list) != 0) return true;
  ::freeaddrinfo(list);
  return false;
}

Result<std::vector<Address>> ResolveHost(const Address& address) {
  std::vector<Address> numeric;
  if (!NeedsResolving(address)) {
    numeric.push_back(address);
    return numeric;
  }
  auto resolved = Resolve(address, false);
  if (!resolved.ok()) {
    return Status(resolved.status().code(), "dial tcp: " + resolved.status().detail());
  }
  for (const addrinfo* a = resolved->get(); a != nullptr; a = a->ai_next) {
    char host[NI_MAXHOST];
    if (::getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof host, nullptr, 0, NI_NUMERICHOST) ==
        0) {
      numeric.push_back({host, address.port, ""});
    }
  }
  if (numeric.empty()) {
    return Status(Code::kNotFound, StrCat("dial tcp: lookup ", address.host, ": no address"));
  }
  return numeric;
}

Status SocketError(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error == 0) return Status();
  return Status(Code::kIo, "connect: " + Reason(error));
}

uint16_t BoundPort(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return 0;
  if (name.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in&>(name).sin_port);
  if (name.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6&>(name).sin6_port);
  return 0;
}

std::string LocalAddress(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return "@";
  return FormatAddress(name, size);
}

std::string PeerAddress(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return "@";
  // A client's path, should it have bound one, says nothing.
  return name.ss_family == AF_UNIX ? "@" : FormatAddress(name, size);
}

void SetTcpOptions(int fd) {
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
}

}  // namespace nsq
