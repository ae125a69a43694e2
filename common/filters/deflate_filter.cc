#include "common/filters/deflate_filter.h"

#include <zlib.h>

#include <algorithm>

#include "common/check.h"
#include "common/strings.h"

namespace nsq {
namespace {

constexpr int kRawWindow = -15;  // 32 KiB, no header
constexpr int kMemoryLevel = 8;  // zlib's own choice
// Answers and heartbeats are shorter than this: not worth 260 KiB of an encoder.
constexpr size_t kSmallBytes = 64;
// Room asked for at a time.
constexpr size_t kLeastRoom = 512;
constexpr size_t kInflateRoom = size_t{16} * 1024;

Bytef* In(std::string_view bytes) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
}

// A stored block: where a byte begins, as after every flush, and again where it ends.
//
//   | 0: stored, not the last | u16 length | u16 ~length | bytes |     little-endian
//
// and an empty one: Go's decoder keeps to itself what no flush has followed.
void AppendStored(std::string_view bytes, Buffer* outer) {
  const auto length = static_cast<uint8_t>(bytes.size());
  const char header[] = {0, static_cast<char>(length), 0, static_cast<char>(~length), '\xFF'};
  outer->Append({header, sizeof header});
  outer->Append(bytes);
  outer->Append(std::string_view("\0\0\0\xFF\xFF", 5));
}

}  // namespace

struct DeflateFilter::Inflater {
  Inflater() { NSQ_CHECK(inflateInit2(&stream, kRawWindow) == Z_OK); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream); }
  z_stream stream{};
};

struct DeflateFilter::Deflater {
  explicit Deflater(int level) {
    NSQ_CHECK(deflateInit2(&stream, level, Z_DEFLATED, kRawWindow, kMemoryLevel,
                           Z_DEFAULT_STRATEGY) == Z_OK);
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() { deflateEnd(&stream); }
  z_stream stream{};
};

DeflateFilter::DeflateFilter(int level) : level_(level) { NSQ_DCHECK(level >= 1 && level <= 9); }

DeflateFilter::~DeflateFilter() = default;

Status DeflateFilter::Decode(std::string_view outer, Buffer* inner, Buffer* /*reply*/) {
  if (!ended_.ok()) return ended_;
  std::string_view rest = outer;
  if (!pending_.empty()) {
    pending_.Append(outer);
    rest = pending_.view();
  }
  const size_t offered = rest.size();
  ended_ = Inflate(&rest, inner);
  if (!ended_.ok()) {
    has_more_ = false;
    rest = {};
    inflater_.reset();
  }
  if (pending_.empty()) {
    pending_.Append(rest);
  } else {
    pending_.Consume(offered - rest.size());
  }
  pending_.Shrink(0);
  return ended_;
}

Status DeflateFilter::Inflate(std::string_view* outer, Buffer* inner) {
  if (inflater_ == nullptr) inflater_ = std::make_unique<Inflater>();
  z_stream& stream = inflater_->stream;
  stream.next_in = In(*outer);
  stream.avail_in = static_cast<uInt>(outer->size());
  size_t left = kDecodeBytes;
  int code = Z_OK;
  bool full = true;  // the room was not enough: there may be more without a byte of input
  while (code == Z_OK && full && left > 0) {
    const size_t room = std::min(left, kInflateRoom);
    stream.next_out = reinterpret_cast<Bytef*>(inner->Reserve(room));
    stream.avail_out = static_cast<uInt>(room);
    code = inflate(&stream, Z_SYNC_FLUSH);
    const size_t got = room - stream.avail_out;
    inner->Commit(got);
    left -= got;
    full = stream.avail_out == 0;
  }
  *outer = outer->substr(outer->size() - stream.avail_in);
  has_more_ = full && code == Z_OK;
  switch (code) {
    case Z_OK:
    case Z_BUF_ERROR:  // there was nothing to do
      return Status();
    case Z_STREAM_END:
      return Status(Code::kUnavailable, "deflate: the stream has ended");
    default:
      return Status(Code::kCorrupt, StrCat("deflate: corrupt input: ",
                                           stream.msg == nullptr ? "no message" : stream.msg));
  }
}

Status DeflateFilter::Encode(std::string_view inner, Buffer* outer) {
  if (inner.empty()) return Status();
  encoded_since_trim_ += inner.size();
  if (deflater_ == nullptr && inner.size() <= kSmallBytes) {
    AppendStored(inner, outer);
    return Status();
  }
  if (deflater_ == nullptr) deflater_ = std::make_unique<Deflater>(level_);
  z_stream& stream = deflater_->stream;
  stream.next_in = In(inner);
  stream.avail_in = static_cast<uInt>(inner.size());
  // Done when a flush leaves room: only then is it whole.
  do {
    const size_t room = std::max(kLeastRoom, size_t{stream.avail_in} / 2);
    stream.next_out = reinterpret_cast<Bytef*>(outer->Reserve(room));
    stream.avail_out = static_cast<uInt>(room);
    NSQ_CHECK(deflate(&stream, Z_SYNC_FLUSH) != Z_STREAM_ERROR);
    outer->Commit(room - stream.avail_out);
  } while (stream.avail_out == 0);
  return Status();
}

void DeflateFilter::Trim() {
  if (encoded_since_trim_ <= kSmallBytes) deflater_.reset();
  encoded_since_trim_ = 0;
}

}  // namespace nsq
