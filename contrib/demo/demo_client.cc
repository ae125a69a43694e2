#include "contrib/demo/demo_client.h"

#include <utility>

#include "common/event/address.h"
#include "common/event/buffer.h"
#include "common/strings.h"

namespace nsq::demo {
namespace {
constexpr Duration kRetryDelay = seconds(1);
}

DemoClient::DemoClient(EventLoop& loop, std::string address)
    : loop_(loop), address_(std::move(address)), retry_(loop, [this] { Connect(); }) {}

DemoClient::~DemoClient() = default;

void DemoClient::Connect() {
  const Result<Address> address = ParseAddress(address_);
  if (!address.ok()) return;  // was checked at start
  Result<UniqueFd> fd = StartConnect(*address);
  if (!fd.ok()) {
    retry_.ArmAfter(kRetryDelay);
    return;
  }
  Connection::Handler* const handler = this;
  connection_ = std::make_unique<Connection>(loop_, std::move(*fd), handler);
  Send(kMagicV2);
  OnConnected();
}

void DemoClient::Send(std::string_view bytes) {
  if (!connected()) return;
  connection_->out().Append(bytes);
  connection_->FlushAtTurnEnd();
}

size_t DemoClient::OnData(std::string_view data) {
  size_t used = 0;
  while (data.size() - used >= kFrameHeaderBytes) {
    const char* const frame = data.data() + used;
    const size_t size = LoadBig32(frame);
    if (data.size() - used < 4 + size) break;
    const std::string_view payload(frame + kFrameHeaderBytes, size - 4);
    used += 4 + size;
    if (payload == kHeartbeat) {
      Send("NOP\n");
    } else {
      OnFrame(static_cast<FrameType>(LoadBig32(frame + 4)), payload);
    }
  }
  return used;
}

void DemoClient::OnEof(std::string_view /*rest*/) { Lose(); }
void DemoClient::OnClosed(const Status& /*why*/) { Lose(); }

void DemoClient::Lose() {
  connection_->Close();
  loop_.DeferDelete(std::make_unique<Grave>(std::move(connection_)));
  retry_.ArmAfter(kRetryDelay);
}

TcpPublisher::TcpPublisher(EventLoop& loop, std::string address, std::string topic)
    : DemoClient(loop, std::move(address)), topic_(std::move(topic)) {
  Connect();
}

bool TcpPublisher::Publish(std::string_view line) {
  if (!connected()) return false;
  char size[4];
  StoreBig32(size, static_cast<uint32_t>(line.size()));
  Send(StrCat("PUB ", topic_, "\n", std::string_view(size, sizeof size), line));
  return true;
}

void TcpPublisher::OnFrame(FrameType type, std::string_view payload) {
  if (type == FrameType::kResponse && payload == kOkAnswer) ++accepted_;
}

Consumer::Consumer(EventLoop& loop, std::string address, std::string topic, std::string channel,
                   uint64_t* finished)
    : DemoClient(loop, std::move(address)),
      topic_(std::move(topic)),
      channel_(std::move(channel)),
      finished_(finished) {
  Connect();
}

void Consumer::OnConnected() {
  const std::string who = R"({"client_id":"nsq_demo","hostname":"localhost",)"
                          R"("user_agent":"nsq_demo/1.0"})";
  char size[4];
  StoreBig32(size, static_cast<uint32_t>(who.size()));
  Send(StrCat("IDENTIFY\n", std::string_view(size, sizeof size), who));
  Send(StrCat("SUB ", topic_, " ", channel_, "\nRDY 10\n"));
}

void Consumer::OnFrame(FrameType type, std::string_view payload) {
  if (type != FrameType::kMessage || payload.size() < kMessageHeaderBytes) return;
  Send(StrCat("FIN ", payload.substr(10, kMessageIdBytes), "\n"));
  ++*finished_;
}

}  // namespace nsq::demo
