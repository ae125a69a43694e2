// Any bytes as the files that the original nsqd left in a data path. The input is a list of them,
// each a line "=== NAME" and its contents.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/check.h"
#include "common/log.h"
#include "nsqd/storage/go_import.h"
#include "tests/nsqd/storage/memory_files.h"

namespace nsq::nsqd {
namespace {

constexpr std::string_view kMark = "=== ";

// Where the next file begins; the end if none does.
size_t NextMark(std::string_view text) {
  if (text.starts_with(kMark)) return 0;
  const size_t at = text.find("\n=== ");
  return at == std::string_view::npos ? text.size() : at + 1;
}

uint64_t PutFiles(std::string_view text, MemoryFiles* files) {
  uint64_t bytes = 0;
  text.remove_prefix(NextMark(text));
  while (!text.empty()) {
    text.remove_prefix(kMark.size());
    const size_t name_end = text.find('\n');
    if (name_end == std::string_view::npos) break;
    const std::string name(text.substr(0, name_end));
    text.remove_prefix(name_end + 1);
    const size_t end = NextMark(text);
    // The line end before a mark is the list's, not the file's.
    const std::string_view contents =
        text.substr(0, end == text.size() || end == 0 ? end : end - 1);
    text.remove_prefix(end);
    if (name.empty() || name.find('/') != std::string::npos) continue;
    const auto as_bytes = std::as_bytes(std::span(contents));
    files->SetContents("d/" + name, {as_bytes.begin(), as_bytes.end()});
    bytes += contents.size();
  }
  return bytes;
}

void Import(std::string_view text) {
  const WallTime now = WallFromUnixNanos(1'800'000'000'000'000'000);
  MemoryFiles files;
  (void)files.MakeDir("d");
  const uint64_t bytes = PutFiles(text, &files);
  const auto imported = ImportGoDataPath(files, "d", now, 4096, 1 << 16);
  if (!imported.ok()) return;
  // No message out of nothing, and a second start finds nothing more to do.
  NSQ_CHECK(imported->messages * 30 + imported->damaged_bytes <= bytes);
  const auto again = ImportGoDataPath(files, "d", now, 4096, 1 << 16);
  NSQ_CHECK(!again.ok() || again->messages == 0);
}

}  // namespace
}  // namespace nsq::nsqd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nsq::SetLogLevel(nsq::LogLevel::kFatal);
  nsq::nsqd::Import({reinterpret_cast<const char*>(data), size});
  return 0;
}
