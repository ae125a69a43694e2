#include "admin/cidr.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>

#include "common/strings.h"

namespace nsq::admin {
namespace {

struct Ip {
  std::array<uint8_t, 16> bytes{};
  size_t size = 0;  // 0: none
};

Ip ParseIp(std::string_view text) {
  Ip ip;
  const std::string host(text);
  if (inet_pton(AF_INET, host.c_str(), ip.bytes.data()) == 1) {
    ip.size = 4;
  } else if (inet_pton(AF_INET6, host.c_str(), ip.bytes.data()) == 1) {
    ip.size = 16;
  }
  return ip;
}

// "::ffff:10.0.0.1" as a socket that listens for both families shows it.
Ip Unmapped(const Ip& ip) {
  constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (ip.size != 16 || !std::equal(kMapped.begin(), kMapped.end(), ip.bytes.begin())) return ip;
  Ip inner;
  std::copy(ip.bytes.begin() + 12, ip.bytes.end(), inner.bytes.begin());
  inner.size = 4;
  return inner;
}

}  // namespace

Result<Cidr> Cidr::Parse(std::string_view text) {
  const Status invalid(Code::kInvalid, StrCat("invalid CIDR address: ", text));
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return invalid;
  const Ip ip = ParseIp(text.substr(0, slash));
  Cidr cidr;
  if (ip.size == 0 || !ParseInt(text.substr(slash + 1), &cidr.bits_) || cidr.bits_ < 0 ||
      static_cast<size_t>(cidr.bits_) > 8 * ip.size) {
    return invalid;
  }
  cidr.bytes_ = ip.bytes;
  cidr.size_ = ip.size;
  return cidr;
}

bool Cidr::Contains(std::string_view peer) const {
  std::string_view host = peer.substr(0, peer.rfind(':'));
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  host = host.substr(0, host.find('%'));  // a zone is no part of the address
  const Ip ip = Unmapped(ParseIp(host));
  if (ip.size != size_) return false;
  const size_t whole = static_cast<size_t>(bits_) / 8;
  if (!std::equal(bytes_.begin(), bytes_.begin() + whole, ip.bytes.begin())) return false;
  const int rest = bits_ % 8;
  return rest == 0 || (bytes_[whole] ^ ip.bytes[whole]) >> (8 - rest) == 0;
}

}  // namespace nsq::admin
