#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/unique_fd.h"
#include "common/status.h"

namespace nsq {

// What NSQ accepts as an address: "host:port", "[v6]:port", ":port"; anything that does not split
// so is the path of a Unix socket (spec, nsqd-tcp 1.1). A path that begins with '@' is a name in no
// file system; nothing at all is such a name, chosen by the kernel.
struct Address {
  std::string host;  // empty: all interfaces
  uint16_t port = 0;
  std::string unix_path;  // not empty: host and port mean nothing

  bool is_unix() const { return !unix_path.empty(); }
};

// No port is port 0. kInvalid with Go's words ("address 99999: invalid port", "address tcp/x:
// unknown port") when what stands there is none.
Result<Address> ParseAddress(std::string_view text);

// "host:port", with brackets around an IPv6 host.
std::string JoinHostPort(std::string_view host, int port);

// A listening, non-blocking socket. A Unix socket's file that nobody listens on any more is
// replaced; see SocketFile for removing it. If `host` is a name it blocks, and takes the first of
// its IPv4 addresses, as Go does, or the first of all if there is none. The detail of an error
// reads as the original's: "listen tcp 127.0.0.1:4150: bind: address already in use".
Result<UniqueFd> Listen(const Address& address);

// Starts a non-blocking connect; writable means done, then look at SocketError. Numeric hosts only
// unless the caller may block.
Result<UniqueFd> StartConnect(const Address& address);
Status SocketError(int fd);

// Whether StartConnect would have to look a name up.
bool NeedsResolving(const Address& address);
// The same address by each of its host's numbers, in the system's order. Blocks: for the helper
// pool.
Result<std::vector<Address>> ResolveHost(const Address& address);

// The port a socket is bound to; 0 for Unix sockets.
uint16_t BoundPort(int fd);
// "127.0.0.1:4150", "[::1]:4150"; a Unix socket's path, or "@name".
std::string LocalAddress(int fd);
// The same, but "@" for the peer of any Unix socket.
std::string PeerAddress(int fd);

// TCP_NODELAY and keep-alive; nothing for Unix sockets.
void SetTcpOptions(int fd);

}  // namespace nsq
