#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/status.h"

namespace nsq::admin {

// A network of IP addresses: "10.0.0.0/8", "fd00::/8".
//
// Home: any thread; a value.
class Cidr {
 public:
  // kInvalid as Go words it: "invalid CIDR address: 10.0.0.0".
  static Result<Cidr> Parse(std::string_view text);

  // `peer` is "10.0.0.1:50123" or "[::1]:50123". An IPv4 address inside IPv6 is the IPv4 address;
  // else the two families have nothing in common: ::1 is not in 127.0.0.1/8.
  bool Contains(std::string_view peer) const;

 private:
  std::array<uint8_t, 16> bytes_{};
  size_t size_ = 0;  // 4 or 16
  int bits_ = 0;
};

}  // namespace nsq::admin
