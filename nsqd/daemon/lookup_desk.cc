#include "nsqd/daemon/lookup_desk.h"

#include <utility>

#include "nsqd/daemon/lookup/lookup_peers.h"
#include "nsqd/daemon/shard.h"

namespace nsq::nsqd {

struct LookupDesk::News : Letter {
  News(LookupDesk* d, Event e, std::string_view t, std::string_view c)
      : desk(d), event(e), topic(t), channel(c) {}
  void Open() noexcept override {
    LookupPeers* const peers = desk->peers_.get();
    if (peers == nullptr) return;
    switch (event) {
      case Event::kTopicCreated:
        peers->TopicCreated(topic);
        break;
      case Event::kTopicDeleted:
        peers->TopicDeleted(topic);
        break;
      case Event::kChannelCreated:
        peers->ChannelCreated(topic, channel);
        break;
      case Event::kChannelDeleted:
        peers->ChannelDeleted(topic, channel);
        break;
    }
  }
  LookupDesk* const desk;
  const Event event;
  const std::string topic;
  const std::string channel;
};

struct LookupDesk::Question : Letter {
  Question(LookupDesk* d, std::string_view t, uint64_t n, Shard* a)
      : desk(d), topic(t), number(n), asker(a) {}
  void Open() noexcept override {
    const auto answer = [asker = asker, topic = topic,
                         number = number](std::vector<std::string> channels) {
      asker->PostChannels(topic, number, std::move(channels));
    };
    LookupPeers* const peers = desk->peers_.get();
    if (peers == nullptr || !peers->HasIdentifiedPeer()) {
      answer({});
    } else {
      peers->QueryChannels(topic, answer);
    }
  }
  LookupDesk* const desk;
  const std::string topic;
  const uint64_t number;
  Shard* const asker;
};

LookupDesk::LookupDesk(EventLoop& loop) : loop_(loop) {}

LookupDesk::~LookupDesk() = default;

void LookupDesk::Start(std::unique_ptr<LookupPeers> peers) { peers_ = std::move(peers); }

void LookupDesk::Stop() { peers_.reset(); }

void LookupDesk::Tell(Event event, std::string_view topic, std::string_view channel) {
  loop_.Post(std::make_unique<News>(this, event, topic, channel));
}

void LookupDesk::AskChannels(std::string_view topic, uint64_t question, Shard* asker) {
  loop_.Post(std::make_unique<Question>(this, topic, question, asker));
}

}  // namespace nsq::nsqd
