#pragma once

// NSQ_CHECK ends the process when going on would harm data; NSQ_DCHECK does so in debug builds
// only and stands for all other bugs of ours. Never for what a network, a disk or a user sends.

namespace nsq {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace nsq

#define NSQ_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::nsq::CheckFailed(__FILE__, __LINE__, #condition))

#ifdef NDEBUG
#define NSQ_DCHECK(condition) static_cast<void>(sizeof(condition))
#else
#define NSQ_DCHECK(condition) NSQ_CHECK(condition)
#endif
