// What a client sends through snappy or deflate: whatever it is, it means the same wherever it is
// cut, no call gives more than the limit, and after an error nothing more comes. What a filter says
// itself, its other side understands. The first byte chooses the filter, the second where to cut.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/check.h"
#include "common/event/buffer.h"
#include "common/filters/deflate_filter.h"
#include "common/filters/snappy_filter.h"

namespace {

// A few bytes may mean a thousand times as many: enough is enough.
constexpr size_t kMaxInner = size_t{4} << 20;

std::unique_ptr<nsq::StreamFilter> Make(uint8_t choice) {
  if (choice % 2 == 0) return std::make_unique<nsq::SnappyFilter>();
  return std::make_unique<nsq::DeflateFilter>(1 + choice % 9);
}

struct Meaning {
  std::string inner;
  nsq::Code code = nsq::Code::kOk;
};

Meaning Decode(nsq::StreamFilter& filter, std::string_view outer, size_t piece) {
  Meaning meaning;
  while (!outer.empty() && meaning.code == nsq::Code::kOk) {
    std::string_view some = outer.substr(0, piece);
    outer.remove_prefix(some.size());
    do {
      nsq::Buffer inner;
      nsq::Buffer reply;
      meaning.code = filter.Decode(some, &inner, &reply).code();
      NSQ_CHECK(inner.size() <= nsq::StreamFilter::kDecodeBytes);
      NSQ_CHECK(reply.empty());
      meaning.inner += inner.view();
      some = {};
      if (meaning.inner.size() > kMaxInner) return meaning;
    } while (filter.has_more());
  }
  if (meaning.code != nsq::Code::kOk) {
    nsq::Buffer inner;
    nsq::Buffer reply;
    NSQ_CHECK(!filter.has_more());
    NSQ_CHECK(filter.Decode("more", &inner, &reply).code() == meaning.code);
    NSQ_CHECK(inner.empty());
  }
  return meaning;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view outer(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = Make(data[0]);
  const auto cut = Make(data[0]);
  const Meaning first = Decode(*whole, outer, outer.size());
  if (first.inner.size() <= kMaxInner) {
    const Meaning second = Decode(*cut, outer, size_t{1} + data[1]);
    NSQ_CHECK(first.code == second.code);
    NSQ_CHECK(first.inner == second.inner);
  }

  const auto from = Make(data[0]);
  const auto to = Make(data[0]);
  nsq::Buffer said;
  const size_t half = outer.size() / 2;
  NSQ_CHECK(from->Encode(outer.substr(0, half), &said).ok());
  if (data[1] % 2 == 0) from->Trim();
  if (data[1] % 3 == 0) from->Trim();
  NSQ_CHECK(from->Encode(outer.substr(half), &said).ok());
  const Meaning heard = Decode(*to, said.view(), size_t{1} + data[1] * size_t{7});
  NSQ_CHECK(heard.code == nsq::Code::kOk && heard.inner == outer);
  return 0;
}
