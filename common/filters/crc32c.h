#pragma once

#include <cstdint>
#include <string_view>

namespace nsq {

// CRC-32C (Castagnoli), with the processor's instruction where it has one. Any thread.
uint32_t Crc32c(std::string_view bytes);

}  // namespace nsq
