#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace nsq::conformance {

// Bytes as NSQ's commands want them: an i32, and a body behind its length.
std::string Size(int64_t size);
std::string Body(std::string_view body);

// What becomes of the connection behind the last answer.
enum class End {
  kStays,   // it goes on
  kCloses,  // the daemon closes it by itself
  kCut,     // our side is shut down behind what we say, and the daemon closes then
};

// What a daemon said: its frames as text, and how it ended.
//
//   "OK"  "E_INVALID ..."  "_heartbeat_"  "message 1 body", 1 being its attempts
struct Heard {
  std::vector<std::string> frames;
  End end = End::kStays;

  bool operator==(const Heard&) const = default;
};
void PrintTo(const Heard& heard, std::ostream* out);

// One line of a table: what is said on a connection of its own, and what must be heard.
struct Row {
  std::string say;
  Heard expected;
  // Of NSQ's own daemon, where we differ on purpose.
  std::optional<Heard> original = std::nullopt;
};

enum class Protocol { kV2, kV1 };  // nsqd's frames have a type, nsqlookupd's do not

// The frames in `bytes` as text; what is none is the last.
std::vector<std::string> FramesOf(std::string_view bytes, Protocol protocol);

// How the bytes of one side come: as few reads as can be, or one for each.
enum class Pieces { kWhole, kBytes };

// Says `bytes` on a new connection and hears all there is. kStays is found out by a command that
// does not exist, whose error is left out.
Heard Say(uint16_t port, Protocol protocol, std::string_view bytes, End expected_end,
          Pieces pieces = Pieces::kWhole);

// Each row on a connection of its own, and short ones again byte by byte; one failure for each that
// is not as expected.
void CheckRows(uint16_t port, Protocol protocol, const std::vector<Row>& rows);

// Sends `bytes` on a new connection, shuts our side down if `cut`, and gives what comes until the
// peer closes.
std::string Exchange(uint16_t port, std::string_view bytes, bool cut,
                     Pieces pieces = Pieces::kWhole);

// Whether it is worth saying `bytes` byte by byte.
bool IsShort(std::string_view bytes);

// The text with what cannot be printed as \xNN, cut to a line.
std::string Printable(std::string_view bytes);

}  // namespace nsq::conformance
