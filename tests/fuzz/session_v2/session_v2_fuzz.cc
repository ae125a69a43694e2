// Any bytes a client may send, twice: in one piece, then in pieces cut by the input's first byte.
// Both times the session must end when the client does, have said whole frames only, and have said
// and published the same.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/log.h"
#include "tests/nsqd/protocol/fixture.h"

namespace nsq::nsqd {
namespace {

constexpr char kTopic[] = "t#ephemeral";
// More than any input needs: a session that is not done then hangs.
constexpr int kMaxTurns = 10000;

// Whatever topic is subscribed to, it is one in memory.
struct FuzzBroker : TestBroker {
  Result<Topic*> LocalTopic(std::string_view) override { return &MakeTopic(kTopic); }
};

struct Outcome {
  std::vector<std::string> heard;
  std::vector<std::vector<std::string>> published;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome Run(FuzzBroker* broker, const std::vector<std::string_view>& pieces) {
  auto [ours, theirs] = SocketPair();
  Client client(std::move(theirs));
  broker->Adopt(std::move(ours));
  for (const std::string_view piece : pieces) {
    client.Send(piece);
    client.Pump();
    broker->loop().RunOnce(false);
  }
  client.EndSending();
  int turns = 0;
  while (!broker->sessions().empty()) {
    client.Pump();
    if (client.eof() || client.broken()) client.Drop();
    broker->loop().RunOnce(false);
    NSQ_CHECK(++turns < kMaxTurns);
  }
  client.Pump();
  Outcome outcome;
  for (std::string& frame : client.Heard()) {
    NSQ_CHECK(frame != "partial");
    outcome.heard.push_back(std::move(frame));
  }
  for (auto& published : broker->published) {
    NSQ_CHECK(!published.bodies.empty());
    outcome.published.push_back(std::move(published.bodies));
  }
  broker->ForgetPublished();
  broker->MakeTopic(kTopic);
  broker->DeleteTopic(kTopic);
  broker->loop().RunOnce(false);
  return outcome;
}

}  // namespace
}  // namespace nsq::nsqd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nsq::nsqd;
  static FuzzBroker* const broker = [] {
    nsq::SetLogLevel(nsq::LogLevel::kFatal);
    return new FuzzBroker;
  }();
  if (size == 0) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<std::string_view> pieces;
  uint32_t random = data[0];
  for (std::string_view rest = all; !rest.empty(); rest.remove_prefix(pieces.back().size())) {
    random = random * 1103515245 + 12345;
    pieces.push_back(rest.substr(0, 1 + (random >> 16) % 16));
  }
  NSQ_CHECK(Run(broker, {all}) == Run(broker, pieces));
  return 0;
}
