// What an nsqd, or anybody, may send to nsqlookupd's TCP port.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/check.h"
#include "common/event/buffer.h"
#include "common/log.h"
#include "lookupd/json_text.h"
#include "lookupd/registration_db.h"
#include "lookupd/session_v1.h"

namespace nsq::lookupd {
namespace {

struct Outcome {
  std::string answers;
  std::string nodes;
  bool ended = false;

  bool operator==(const Outcome&) const = default;
};

// Says `input` in pieces of `piece` bytes, then hangs up.
Outcome Run(std::string_view input, size_t piece) {
  const Home home;
  const Identity identity{"lookup", "h", 4160, 4161};
  RegistrationDb db(home, {});
  SessionV1 session(home, &db, identity, PeerId{1}, "10.0.0.1:5000");
  Buffer out;
  std::string rest;
  while (!input.empty() && !session.ended()) {
    rest += input.substr(0, piece);
    input.remove_prefix(std::min(piece, input.size()));
    SessionV1::Progress progress{0, true};
    while (progress.more) {
      progress = session.OnData(rest, Moment{}, &out);
      NSQ_CHECK(progress.consumed <= rest.size());
      rest.erase(0, progress.consumed);
    }
    // Whatever comes, little is kept.
    NSQ_CHECK(session.ended() ||
              rest.size() <= std::max(SessionV1::kMaxLineBytes, SessionV1::kMaxBodyBytes));
  }
  Outcome outcome;
  outcome.ended = session.ended();
  outcome.nodes = NodesJson(db.Nodes(Moment{})) + DebugJson(db.DumpAll());
  if (!session.ended()) session.OnEof(rest, &out);
  NSQ_CHECK(session.ended());
  NSQ_CHECK(db.Nodes(Moment{}).empty());
  outcome.answers = out.view();
  return outcome;
}

}  // namespace
}  // namespace nsq::lookupd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using nsq::lookupd::Run;
  nsq::SetLogLevel(nsq::LogLevel::kFatal);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = Run(input, std::string_view::npos);
  NSQ_CHECK(whole == Run(input, 1));
  NSQ_CHECK(whole == Run(input, 7));
  return 0;
}
