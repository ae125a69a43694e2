#include "nsqd/daemon/lookup/lookup_peers.h"

#include <algorithm>
#include <utility>

#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "common/http/client.h"
#include "common/log.h"
#include "common/strings.h"
#include "common/version.h"
#include "common/wire/json.h"
#include "common/wire/names.h"
#include "nsqd/daemon/lookup/channels_query.h"
#include "nsqd/daemon/lookup/lookup_peer.h"

namespace nsq::nsqd {
namespace {

// The members in the order nsqd sends them (spec, nsqd-tcp 7.1).
std::string IdentifyBody(const LookupIdentity& identity) {
  std::string body = "{\"broadcast_address\":";
  AppendJsonString(identity.broadcast_address, &body);
  if (identity.draining) body += ",\"draining\":true";
  body += ",\"hostname\":";
  AppendJsonString(identity.hostname, &body);
  body += StrCat(",\"http_port\":", identity.http_port, ",\"tcp_port\":", identity.tcp_port);
  body += ",\"topology_region\":";
  AppendJsonString(identity.topology_region, &body);
  body += ",\"topology_zone\":";
  AppendJsonString(identity.topology_zone, &body);
  body += ",\"version\":";
  AppendJsonString(kVersion, &body);
  body += "}";
  return body;
}

}  // namespace

struct LookupPeers::ChannelsJob : Job {
  void Run() noexcept override {
    // The pool may be behind: an answer nobody waits for any more is not asked for.
    if (std::chrono::steady_clock::now() >= deadline) return;
    channels = FetchChannels(*client, from, topic);
  }
  void Open() noexcept override {
    if (ticket->peers != nullptr) ticket->peers->OnChannels(query_id, channels);
  }

  std::shared_ptr<Ticket> ticket;
  uint64_t query_id = 0;
  LookupHttpAddress from;
  std::string topic;
  std::shared_ptr<http::Client> client;
  SteadyTime deadline;
  Result<std::vector<std::string>> channels = Status(Code::kTimeout, "i/o timeout");
};

struct LookupPeers::NobodyToAsk : Letter {
  void Open() noexcept override {
    if (ticket->peers != nullptr) ticket->peers->EndQuery(query_id);
  }

  std::shared_ptr<Ticket> ticket;
  uint64_t query_id = 0;
};

LookupPeers::LookupPeers(EventLoop& loop, HelperPool& pool, const LookupIdentity& identity,
                         const LookupLimits& limits)
    : loop_(loop),
      home_(loop.home()),
      pool_(pool),
      limits_(limits),
      identity_(identity),
      identify_(IdentifyBody(identity)),
      ticket_(std::make_shared<Ticket>(Ticket{this})),
      client_(std::make_shared<http::Client>(
          ChannelsClientOptions(limits_.connect_timeout, limits_.request_timeout))),
      query_deadline_(loop, [this] { OnQueryDeadline(); }) {}

LookupPeers::~LookupPeers() {
  home_.Assert();
  ticket_->peers = nullptr;
  client_->Abort();
}

void LookupPeers::SetAddresses(const std::vector<std::string>& addresses) {
  home_.Assert();
  if (stopped_) return;
  const std::set<std::string> wanted(addresses.begin(), addresses.end());
  for (auto peer = peers_.begin(); peer != peers_.end();) {
    if (wanted.contains(peer->first)) {
      ++peer;
    } else {
      NSQ_LOG(kInfo, "LOOKUP(", peer->first, "): removing peer");
      peer = peers_.erase(peer);
    }
  }
  addresses_.clear();
  for (const std::string& address : addresses) {
    if (std::find(addresses_.begin(), addresses_.end(), address) != addresses_.end()) continue;
    addresses_.push_back(address);
    if (peers_.contains(address)) continue;
    NSQ_LOG(kInfo, "LOOKUP(", address, "): adding peer");
    peers_.emplace(address, std::make_unique<LookupPeer>(loop_, pool_, address, identify_,
                                                         registry_, limits_));
  }
}

const std::vector<std::string>& LookupPeers::addresses() const {
  home_.Assert();
  return addresses_;
}

void LookupPeers::TopicCreated(std::string_view topic) {
  home_.Assert();
  if (registry_.contains(topic)) return;
  registry_.emplace(topic, LookupRegistry::mapped_type());
  Tell(topic, "");
}

void LookupPeers::TopicDeleted(std::string_view topic) {
  home_.Assert();
  const auto found = registry_.find(topic);
  if (found == registry_.end()) return;
  const auto gone = registry_.extract(found);
  // Channels first: of a topic that is gone nsqlookupd would keep ephemeral ones for ever.
  for (const std::string& channel : gone.mapped()) Tell(gone.key(), channel);
  Tell(gone.key(), "");
}

void LookupPeers::ChannelCreated(std::string_view topic, std::string_view channel) {
  home_.Assert();
  auto found = registry_.find(topic);
  if (found == registry_.end()) {
    found = registry_.emplace(topic, LookupRegistry::mapped_type()).first;
  }
  if (found->second.emplace(channel).second) Tell(topic, channel);
}

void LookupPeers::ChannelDeleted(std::string_view topic, std::string_view channel) {
  home_.Assert();
  const auto found = registry_.find(topic);
  if (found == registry_.end()) return;
  const auto gone = found->second.find(channel);
  if (gone == found->second.end()) return;
  found->second.erase(gone);
  Tell(topic, channel);
}

void LookupPeers::Tell(std::string_view topic, std::string_view channel) {
  for (const auto& [address, peer] : peers_) peer->Changed(topic, channel);
}

void LookupPeers::SetDraining(bool draining) {
  home_.Assert();
  if (identity_.draining == draining) return;
  identity_.draining = draining;
  identify_ = IdentifyBody(identity_);
  for (const auto& [address, peer] : peers_) peer->IdentifyAgain();
}

std::vector<std::pair<std::string, bool>> LookupPeers::Connected() const {
  home_.Assert();
  std::vector<std::pair<std::string, bool>> connected;
  for (const auto& [address, peer] : peers_) connected.emplace_back(address, peer->identified());
  return connected;
}

bool LookupPeers::HasIdentifiedPeer() const {
  home_.Assert();
  return std::any_of(peers_.begin(), peers_.end(),
                     [](const auto& entry) { return entry.second->http().has_value(); });
}

void LookupPeers::QueryChannels(std::string_view topic, ChannelsDone done) {
  home_.Assert();
  const uint64_t id = next_query_id_++;
  Query& query = queries_[id];
  query.topic = topic;
  query.done = std::move(done);
  query.deadline = loop_.Now() + limits_.request_timeout;
  for (const auto& [address, peer] : peers_) {
    if (!peer->http().has_value()) continue;
    auto job = std::make_unique<ChannelsJob>();
    job->ticket = ticket_;
    job->query_id = id;
    job->from = *peer->http();
    job->topic = query.topic;
    job->client = client_;
    job->deadline = query.deadline;
    pool_.Submit(std::move(job), &loop_);
    ++query.answers_missing;
  }
  if (query.answers_missing == 0) {
    if (!addresses_.empty()) {
      NSQ_LOG(kError, "no available nsqlookupd to query for channels to pre-create for topic ",
              topic);
    }
    auto letter = std::make_unique<NobodyToAsk>();
    letter->ticket = ticket_;
    letter->query_id = id;
    loop_.Post(std::move(letter));
  } else if (!query_deadline_.armed()) {
    query_deadline_.ArmAt(query.deadline);
  }
}

void LookupPeers::OnChannels(uint64_t query_id, const Result<std::vector<std::string>>& channels) {
  home_.Assert();
  const auto found = queries_.find(query_id);
  if (found == queries_.end()) return;
  Query& query = found->second;
  if (channels.ok()) {
    for (const std::string& channel : *channels) {
      if (IsValidChannelName(channel) && !IsEphemeral(channel)) query.channels.insert(channel);
    }
  } else {
    NSQ_LOG(kWarn, "failed to query nsqlookupd for channels to pre-create for topic ", query.topic,
            " - ", channels.status().detail());
  }
  if (--query.answers_missing == 0) EndQuery(query_id);
}

void LookupPeers::EndQuery(uint64_t query_id) {
  home_.Assert();
  const auto query = queries_.extract(query_id);
  if (query.empty()) return;
  const auto& channels = query.mapped().channels;
  query.mapped().done(std::vector<std::string>(channels.begin(), channels.end()));
}

void LookupPeers::OnQueryDeadline() {
  home_.Assert();
  while (!queries_.empty() && queries_.begin()->second.deadline <= loop_.Now()) {
    const auto& [id, query] = *queries_.begin();
    NSQ_LOG(kWarn, "failed to query nsqlookupd for channels to pre-create for topic ", query.topic,
            " - ", query.answers_missing, " did not answer in time");
    EndQuery(id);
  }
  if (!queries_.empty()) query_deadline_.ArmAt(queries_.begin()->second.deadline);
}

void LookupPeers::Stop() {
  home_.Assert();
  stopped_ = true;
  client_->Abort();
  peers_.clear();
  addresses_.clear();
  while (!queries_.empty()) EndQuery(queries_.begin()->first);
}

}  // namespace nsq::nsqd
