#include "nsqd/daemon/flags/node_id.h"

#include <openssl/evp.h>
#include <zlib.h>

#include "common/check.h"

namespace nsq::nsqd {

uint16_t NodeIdOf(std::string_view hostname) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  const int done =
      EVP_Digest(hostname.data(), hostname.size(), digest, &size, EVP_md5(), /*impl=*/nullptr);
  NSQ_CHECK(done == 1);
  return static_cast<uint16_t>(crc32(0, digest, size) % 1024);
}

}  // namespace nsq::nsqd
