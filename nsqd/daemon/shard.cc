#include "nsqd/daemon/shard.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "common/log.h"
#include "common/strings.h"
#include "common/wire/names.h"
#include "nsqd/daemon/auth/auth_desk.h"
#include "nsqd/daemon/drain.h"
#include "nsqd/daemon/health.h"
#include "nsqd/daemon/lookup_desk.h"
#include "nsqd/daemon/placement.h"
#include "nsqd/daemon/shard_metrics.h"
#include "nsqd/protocol/session.h"
#include "nsqd/storage/disk_probe.h"
#include "nsqd/storage/segment.h"

namespace nsq::nsqd {

// Publishes of one turn for the topics of one other loop.
struct Shard::PublishBatch : Letter {
  struct Item {
    size_t topic;       // in `topics`
    size_t first_body;  // in `sizes`
    size_t bodies;
    Duration defer;
    Publisher* publisher;  // means something on the sender's loop only
    uint64_t ticket;
  };

  PublishBatch(Shard* f, Shard* t) : from(f), to(t) {}
  void Open() noexcept override { to->AcceptBatch(*this); }

  Shard* const from;
  Shard* const to;
  std::vector<std::string> topics;
  std::vector<Item> items;
  std::vector<size_t> sizes;
  std::string bytes;  // all bodies, one after the other
};

struct Shard::PublishAnswers : Letter {
  struct Answer {
    Publisher* publisher;
    uint64_t ticket;
    Status status;
  };
  void Open() noexcept override {
    for (const Answer& answer : answers) {
      answer.publisher->OnPublished(answer.ticket, answer.status);
    }
  }
  std::vector<Answer> answers;
};

// Stands for the publishers of a PublishBatch at its topics' home. What is answered in one turn
// leaves with its mail: one topic that waits for the disk holds up no other.
class Shard::RemoteBatch : public Publisher {
 public:
  RemoteBatch(Shard* here, Shard* from, std::vector<PublishBatch::Item> items)
      : here_(here), from_(from), items_(std::move(items)), left_(items_.size()) {}

  void OnPublished(uint64_t ticket, const Status& status) override {
    const PublishBatch::Item& item = items_[ticket];
    here_->AnswersFor(from_->index_, left_)
        .answers.push_back({item.publisher, item.ticket, status});
    if (--left_ == 0) here_->OnBatchAnswered(this);
  }

  const std::vector<PublishBatch::Item>& items() const { return items_; }

  size_t index = 0;  // in remote_batches_

 private:
  Shard* const here_;
  Shard* const from_;
  const std::vector<PublishBatch::Item> items_;
  size_t left_;
};

struct Shard::AdoptSession : Letter {
  AdoptSession(Shard* s, MovingSession m, std::string t, std::string c)
      : to(s), moving(std::move(m)), topic(std::move(t)), channel(std::move(c)) {}
  void Open() noexcept override { to->AcceptSession(std::move(moving), topic, channel); }
  Shard* const to;
  MovingSession moving;
  const std::string topic;
  const std::string channel;
};

struct Shard::CreateTopic : Letter {
  CreateTopic(Shard* s, std::string_view t) : to(s), topic(t) {}
  void Open() noexcept override {
    to->home_.Assert();
    (void)to->HomeNow(topic);
    to->EnsureTopic(topic);
  }
  Shard* const to;
  const std::string topic;
};

struct Shard::ChannelsKnown : Letter {
  ChannelsKnown(Shard* s, std::string t, uint64_t n, std::vector<std::string> c)
      : to(s), topic(std::move(t)), question(n), channels(std::move(c)) {}
  void Open() noexcept override { to->StartTopic(topic, question, channels); }
  Shard* const to;
  const std::string topic;
  const uint64_t question;
  const std::vector<std::string> channels;
};

struct Shard::ActReply : Letter {
  ActReply(Shard* s, uint64_t n) : to(s), number(n) {}
  void Open() noexcept override { to->OnActed(number, result); }
  Shard* const to;
  const uint64_t number;
  Backend::ActionResult result;
};

struct Shard::ActRequest : Letter {
  ActRequest(Shard* f, Shard* t, uint64_t n, TopicAction a, std::string topic_name,
             std::string channel_name)
      : from(f),
        to(t),
        number(n),
        action(a),
        topic(std::move(topic_name)),
        channel(std::move(channel_name)) {}
  void Open() noexcept override {
    to->home_.Assert();
    if (action == TopicAction::kCreateTopic) {
      Shard* const home = to->world_.shards[to->HomeNow(topic)];
      if (home != to) {
        home->loop_.Post(std::make_unique<ActRequest>(from, home, number, action, topic, channel));
        return;
      }
    }
    auto reply = std::make_unique<ActReply>(from, number);
    reply->result = to->ActHere(action, topic, channel);
    // Leaves with the turn's mail: what was done is in the journal by then.
    to->acted_.push_back(std::move(reply));
    to->loop_.AtTurnEnd(TurnPhase::kMail, &to->mail_task_);
  }
  Shard* const from;
  Shard* const to;
  const uint64_t number;
  const TopicAction action;
  const std::string topic;
  const std::string channel;
};

struct Shard::BackupReply : Letter {
  BackupReply(Shard* s, uint64_t n) : to(s), number(n) {}
  void Open() noexcept override { to->OnBackedUp(number, part); }
  Shard* const to;
  const uint64_t number;
  Backend::BackupResult part;
};

struct Shard::ProbeJob : DiskProbe {
  explicit ProbeJob(Shard* s) : shard(s) {}
  void Open() noexcept override {
    shard->home_.Assert();
    shard->NoteCreation(status);
  }
  Shard* const shard;
};

// The topics of one shard, linked already.
struct Shard::BackupJob : Job {
  void Run() noexcept override {
    for (const auto& topic : topics) {
      if (reply->part.status.ok()) reply->part.status = topic->Finish();
      reply->part.size_bytes += topic->size_bytes;
      ++reply->part.topics;
    }
  }
  void Open() noexcept override {
    Shard* const to = reply->to;
    to->loop_.Post(std::move(reply));
  }
  std::vector<std::unique_ptr<TopicBackup>> topics;
  std::unique_ptr<BackupReply> reply;
};

// A backup of one shard, some topics a turn: each costs a directory and a link for each segment.
struct Shard::BackupRequest : Letter {
  struct Work {
    Shard* from;
    Shard* here;
    uint64_t number;
    std::string path;
    std::unique_ptr<BackupJob> job = nullptr;  // null: not begun
    std::vector<std::string> names = {};       // topics still to come
  };
  explicit BackupRequest(std::unique_ptr<Work> w) : work(std::move(w)) {}
  void Open() noexcept override {
    Shard& here = *work->here;
    here.home_.Assert();
    if (work->job == nullptr) {
      work->job = std::make_unique<BackupJob>();
      work->job->reply = std::make_unique<BackupReply>(work->from, work->number);
      work->names.reserve(here.topics_.size());
      for (const auto& [name, topic] : here.topics_) work->names.push_back(name);
    }
    if (here.BackupSome(&work->names, work->path, work->job.get())) {
      here.loop_.Post(std::make_unique<BackupRequest>(std::move(work)));
    } else {
      here.world_.pool.Submit(std::move(work->job), &here.loop_, Lane::kBackground);
    }
  }
  std::unique_ptr<Work> work;
};

struct Shard::GatheredBackup {
  size_t left = 0;
  Backend::BackupResult merged;
  std::string part_path;  // its name until it is whole
  std::function<void(const Backend::BackupResult&)> done;
};

struct Shard::StatsReply : Letter {
  StatsReply(Shard* s, uint64_t n) : to(s), number(n) {}
  void Open() noexcept override { to->OnStats(number, std::move(part)); }
  Shard* const to;
  const uint64_t number;
  DaemonStats part;
};

struct Shard::StatsRequest : Letter {
  StatsRequest(Shard* f, Shard* t, uint64_t n, StatsFilter wanted)
      : from(f), to(t), number(n), filter(std::move(wanted)) {}
  void Open() noexcept override {
    to->home_.Assert();
    auto reply = std::make_unique<StatsReply>(from, number);
    reply->part = to->StatsHere(filter);
    from->loop_.Post(std::move(reply));
  }
  Shard* const from;
  Shard* const to;
  const uint64_t number;
  const StatsFilter filter;
};

struct Shard::Gather {
  size_t left = 0;
  DaemonStats merged;
  std::function<void(DaemonStats)> done;
};

namespace {

// They wait for the disk, not for the processor.
constexpr size_t kClosingThreads = 32;

constexpr size_t kMaxCachedHomes = 65536;

// How often the disk is tried while it takes no new topic, if nobody else does.
constexpr Duration kProbeAfter = seconds(1);

// Some milliseconds, also where the disk is slow.
constexpr size_t kBackupsPerTurn = 32;
constexpr Duration kBackupTurn = milliseconds(5);

// Keeps what may still be on the stack until the turn ends.
template <typename T>
struct Dying : Deferrable {
  explicit Dying(std::unique_ptr<T> o) : object(std::move(o)) {}
  std::unique_ptr<T> object;
};

}  // namespace

Shard::Shard(EventLoop& loop, ShardWorld& world, size_t index)
    : loop_(loop),
      home_(loop.home()),
      world_(world),
      index_(index),
      room_(world.files, world.options.data_path,
            static_cast<uint64_t>(world.options.disk_reserve_bytes)),
      probe_timer_(loop, [this] { ProbeDisk(); }) {
  home_.Assert();
  budget_.limit_bytes = static_cast<size_t>(world.options.memory_budget_bytes) /
                        static_cast<size_t>(std::max(world.options.loops, 1));
  client_memory_.limit_bytes = budget_.limit_bytes / 4;
}

Shard::~Shard() = default;

Topic::World Shard::TopicWorld() {
  Topic::World world{loop_, world_.pool, world_.files, budget_, world_.options, *this};
  world.room = &room_;
  world.metrics = &metrics_;
  return world;
}

Status Shard::Load(const std::vector<std::string>& topics) {
  home_.Assert();
  for (const std::string& name : topics) {
    Result<std::unique_ptr<Topic>> opened = Topic::Open(TopicWorld(), name);
    if (!opened.ok()) {
      return Status(opened.status().code(), "topic " + name + ": " + opened.status().detail());
    }
    Topic& topic = **opened;
    topics_.emplace(name, std::move(*opened));
    world_.lookup->Tell(LookupDesk::Event::kTopicCreated, name, {});
    for (const std::string& channel : topic.ChannelNames()) {
      world_.lookup->Tell(LookupDesk::Event::kChannelCreated, name, channel);
    }
    topic.Start();
  }
  return Status();
}

// --- topics

Topic* Shard::FindTopic(std::string_view name) {
  if (last_topic_ != nullptr && last_topic_->name() == name) return last_topic_;
  const auto it = topics_.find(name);
  if (it == topics_.end()) return nullptr;
  last_topic_ = it->second.get();
  return last_topic_;
}

Result<Topic*> Shard::GetOrCreateTopic(std::string_view name) {
  if (Topic* const topic = FindTopic(name)) return topic;
  if (closing_) return Status(Code::kUnavailable, "exiting");
  Result<std::unique_ptr<Topic>> opened = Topic::Open(TopicWorld(), std::string(name));
  // One that needs no disk says nothing about it.
  if (!IsEphemeral(name)) NoteCreation(opened.status());
  if (!opened.ok()) {
    NSQ_LOG(kError, "TOPIC(", name, ") ERROR: failed to create - ", opened.status().detail());
    return opened.status();
  }
  NSQ_LOG(kInfo, "TOPIC(", name, "): created");
  Topic* const topic = opened->get();
  topics_.emplace(std::string(name), std::move(*opened));
  world_.lookup->Tell(LookupDesk::Event::kTopicCreated, name, {});
  // Nothing flows until the channels that lookupd knows of are there.
  const uint64_t question = next_question_++;
  asking_.insert_or_assign(std::string(name), question);
  world_.lookup->AskChannels(name, question, this);
  return topic;
}

void Shard::NoteCreation(const Status& status) {
  if (!status.ok()) probe_timer_.ArmAfter(kProbeAfter);
  if (status.ok() == !creation_fails_) return;
  creation_fails_ = !status.ok();
  world_.health.Note(StrCat("new topics ", index_), status);  // the name of no topic
  if (status.ok()) NSQ_LOG(kInfo, "TOPIC: new ones can be created again");
}

void Shard::ProbeDisk() {
  home_.Assert();
  if (!creation_fails_ || closing_) return;
  auto job = std::make_unique<ProbeJob>(this);
  job->files = &world_.files;
  const std::string& data_path = world_.options.data_path;
  job->path = StrCat(data_path.empty() ? "." : data_path, "/", ProbeName(), ".", index_);
  world_.pool.Submit(std::move(job), &loop_, Lane::kBackground);
}

void Shard::PostChannels(const std::string& topic, uint64_t question,
                         std::vector<std::string> channels) {
  loop_.Post(std::make_unique<ChannelsKnown>(this, topic, question, std::move(channels)));
}

void Shard::StartTopic(const std::string& name, uint64_t question,
                       const std::vector<std::string>& channels) {
  home_.Assert();
  const auto asked = asking_.find(name);
  if (asked == asking_.end() || asked->second != question || closing_) return;
  asking_.erase(asked);
  if (Topic* const topic = FindTopic(name)) topic->Start(channels);
}

size_t Shard::HomeOf(std::string_view topic) {
  if (world_.shards.size() == 1) return 0;
  if (const auto it = elsewhere_.find(topic); it != elsewhere_.end()) return it->second;
  const size_t home = world_.placement.HomeOf(topic, index_);
  if (home != index_) {
    // Names of topics long gone must not pile up; what is forgotten is asked for again.
    if (elsewhere_.size() >= kMaxCachedHomes) elsewhere_.clear();
    elsewhere_.emplace(std::string(topic), home);
  }
  return home;
}

size_t Shard::HomeNow(std::string_view topic) {
  if (FindTopic(topic) != nullptr) return index_;
  if (const auto it = elsewhere_.find(topic); it != elsewhere_.end()) elsewhere_.erase(it);
  return HomeOf(topic);
}

Result<Topic*> Shard::LocalTopic(std::string_view topic) {
  home_.Assert();
  if (Topic* const here = FindTopic(topic)) return here;
  if (HomeOf(topic) != index_) return static_cast<Topic*>(nullptr);
  return GetOrCreateTopic(topic);
}

void Shard::EnsureTopic(std::string_view topic) {
  home_.Assert();
  if (FindTopic(topic) != nullptr || draining()) return;
  const size_t home = HomeOf(topic);
  if (home == index_) {
    (void)GetOrCreateTopic(topic);  // whoever publishes to it hears why it cannot be made
  } else {
    Shard* const there = world_.shards[home];
    there->loop_.Post(std::make_unique<CreateTopic>(there, topic));
  }
}

Status Shard::DeleteTopic(const std::string& name) {
  const auto it = topics_.find(name);
  if (it == topics_.end()) return Status();
  if (Status status = it->second->RemoveFiles(); !status.ok()) return status;
  std::unique_ptr<Topic> topic = std::move(it->second);
  topics_.erase(it);
  last_topic_ = nullptr;
  asking_.erase(name);
  world_.lookup->Tell(LookupDesk::Event::kTopicDeleted, name, {});
  topic->Delete();
  world_.placement.Forget(name);
  world_.health.Forget(name);
  loop_.DeferDelete(std::make_unique<Dying<Topic>>(std::move(topic)));
  return Status();
}

void Shard::OnChannelCreated(const Topic& topic, const std::string& channel) {
  world_.lookup->Tell(LookupDesk::Event::kChannelCreated, topic.name(), channel);
}

void Shard::OnChannelDeleted(const Topic& topic, const std::string& channel) {
  world_.lookup->Tell(LookupDesk::Event::kChannelDeleted, topic.name(), channel);
}

void Shard::OnTopicForsaken(Topic& topic) {
  home_.Assert();
  (void)DeleteTopic(std::string(topic.name()));  // an ephemeral one: there are no files
}

void Shard::OnDiskStatus(const Topic& topic, const Status& status) {
  world_.health.Note(topic.name(), status);
}

// --- publishing

void Shard::Publish(std::string_view topic, std::span<const std::string_view> bodies,
                    Duration defer, Publisher* publisher, uint64_t ticket) {
  home_.Assert();
  if (draining()) {
    Refuse(publisher, ticket, Status(Code::kUnavailable, "draining"));
  } else {
    Accept(topic, bodies, defer, publisher, ticket);
  }
}

bool Shard::draining() const { return world_.drain != nullptr && world_.drain->draining(); }

void Shard::Refuse(Publisher* publisher, uint64_t ticket, const Status& why) {
  auto refusal = std::make_unique<PublishAnswers>();
  refusal->answers.push_back({publisher, ticket, why});
  loop_.Post(std::move(refusal));
}

void Shard::Accept(std::string_view topic, std::span<const std::string_view> bodies, Duration defer,
                   Publisher* publisher, uint64_t ticket) {
  if (Topic* const here = FindTopic(topic)) {
    here->Publish(bodies, defer, publisher, ticket);
    return;
  }
  const size_t home = HomeOf(topic);
  if (home == index_) {
    PublishHere(topic, bodies, defer, publisher, ticket);
    return;
  }
  PublishBatch& batch = BatchFor(home);
  if (batch.topics.empty() || batch.topics.back() != topic) batch.topics.emplace_back(topic);
  batch.items.push_back(
      {batch.topics.size() - 1, batch.sizes.size(), bodies.size(), defer, publisher, ticket});
  for (const std::string_view body : bodies) {
    batch.sizes.push_back(body.size());
    batch.bytes += body;
  }
}

void Shard::PublishHere(std::string_view topic, std::span<const std::string_view> bodies,
                        Duration defer, Publisher* publisher, uint64_t ticket) {
  const Result<Topic*> here = GetOrCreateTopic(topic);
  if (here.ok()) {
    (*here)->Publish(bodies, defer, publisher, ticket);
    return;
  }
  Refuse(publisher, ticket, here.status());
}

Shard::PublishBatch& Shard::BatchFor(size_t shard) {
  outgoing_.resize(world_.shards.size());
  if (outgoing_[shard] == nullptr) {
    outgoing_[shard] = std::make_unique<PublishBatch>(this, world_.shards[shard]);
    loop_.AtTurnEnd(TurnPhase::kMail, &mail_task_);
  }
  return *outgoing_[shard];
}

Shard::PublishAnswers& Shard::AnswersFor(size_t shard, size_t expected) {
  home_.Assert();
  answering_.resize(world_.shards.size());
  if (answering_[shard] == nullptr) {
    answering_[shard] = std::make_unique<PublishAnswers>();
    answering_[shard]->answers.reserve(expected);
    loop_.AtTurnEnd(TurnPhase::kMail, &mail_task_);
  }
  return *answering_[shard];
}

void Shard::SendMail() {
  home_.Assert();
  for (auto& batch : outgoing_) {
    if (batch == nullptr) continue;
    EventLoop& there = batch->to->loop_;
    there.Post(std::move(batch));
  }
  for (size_t shard = 0; shard < answering_.size(); ++shard) {
    if (answering_[shard] == nullptr) continue;
    world_.shards[shard]->loop_.Post(std::move(answering_[shard]));
  }
  for (auto& reply : acted_) {
    EventLoop& there = reply->to->loop_;
    there.Post(std::move(reply));
  }
  acted_.clear();
}

void Shard::AcceptBatch(PublishBatch& batch) {
  home_.Assert();
  remote_batches_.push_back(
      std::make_unique<RemoteBatch>(this, batch.from, std::move(batch.items)));
  RemoteBatch* const publisher = remote_batches_.back().get();
  publisher->index = remote_batches_.size() - 1;
  std::string_view rest = batch.bytes;
  std::vector<std::string_view> bodies;
  // Nothing is answered from inside Accept: the batch stays.
  for (size_t i = 0; i < publisher->items().size(); ++i) {
    const PublishBatch::Item& item = publisher->items()[i];
    bodies.clear();
    for (size_t k = 0; k < item.bodies; ++k) {
      const size_t size = batch.sizes[item.first_body + k];
      bodies.push_back(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    const std::string& topic = batch.topics[item.topic];
    (void)HomeNow(topic);
    Accept(topic, bodies, item.defer, publisher, i);
  }
}

void Shard::OnBatchAnswered(RemoteBatch* batch) {
  home_.Assert();
  const size_t index = batch->index;
  std::unique_ptr<RemoteBatch> done = std::move(remote_batches_[index]);
  if (index + 1 < remote_batches_.size()) {
    remote_batches_[index] = std::move(remote_batches_.back());
    remote_batches_[index]->index = index;
  }
  remote_batches_.pop_back();
  loop_.DeferDelete(std::make_unique<Dying<RemoteBatch>>(std::move(done)));
}

// --- clients

void Shard::UseTls(std::shared_ptr<const TlsContext> context) {
  home_.Assert();
  tls_ = std::move(context);
}

const TlsContext* Shard::tls() const {
  home_.Assert();
  return tls_.get();
}

void Shard::Adopt(UniqueFd fd, ConnectionPlace place) {
  home_.Assert();
  if (closing_) return;
  // Unique over loops: a connection keeps its number when it moves.
  const ConnectionId id{next_connection_++ * world_.shards.size() + index_};
  auto session = std::make_unique<Session>(*this, id, std::move(fd), std::move(place));
  Session* const adopted = session.get();
  sessions_.emplace(adopted, std::move(session));
}

void Shard::CountHttp(std::function<size_t()> count) {
  home_.Assert();
  http_count_ = std::move(count);
}

void Shard::Move(Session* session, std::string topic, std::string channel) {
  home_.Assert();
  Shard* const there = world_.shards[HomeOf(topic)];
  auto letter = std::make_unique<AdoptSession>(there, session->Detach(), std::move(topic),
                                               std::move(channel));
  there->loop_.Post(std::move(letter));
  OnSessionEnded(session);
}

void Shard::AcceptSession(MovingSession moving, const std::string& topic,
                          const std::string& channel) {
  home_.Assert();
  if (closing_) return;
  if (Shard* const there = world_.shards[HomeNow(topic)]; there != this) {
    there->loop_.Post(std::make_unique<AdoptSession>(there, std::move(moving), topic, channel));
    return;
  }
  const Result<Topic*> here = LocalTopic(topic);
  auto session = std::make_unique<Session>(*this, std::move(moving));
  Session* const adopted = session.get();
  sessions_.emplace(adopted, std::move(session));
  adopted->CompleteSubscribe(here, channel);
}

void Shard::AskAuth(AuthQuestion question, std::shared_ptr<AuthTicket> ticket) {
  home_.Assert();
  world_.auth->Ask(std::move(question), std::move(ticket), &loop_);
}

void Shard::OnSessionEnded(Session* session) {
  home_.Assert();
  const auto it = sessions_.find(session);
  if (it == sessions_.end()) return;
  loop_.DeferDelete(std::move(it->second));
  sessions_.erase(it);
}

void Shard::CloseClients() {
  home_.Assert();
  closing_ = true;
  // The objects stay: publishes of theirs may still be answered.
  for (const auto& [key, session] : sessions_) session->Stop();
}

void Shard::CloseTopics() {
  home_.Assert();
  std::vector<Topic*> topics;
  for (const auto& [name, topic] : topics_) {
    topic->PrepareClose();
    topics.push_back(topic.get());
  }
  // One after the other a thousand topics would wait for the disk for half a minute; together they
  // share its commits.
  std::atomic<size_t> next{0};
  const auto sync = [&] {
    for (size_t i = next++; i < topics.size(); i = next++) topics[i]->SyncForClose();
  };
  std::vector<std::thread> helpers;
  for (size_t i = 0; i + 1 < std::min(topics.size(), kClosingThreads); ++i) {
    helpers.emplace_back(sync);
  }
  sync();
  for (std::thread& helper : helpers) helper.join();
  for (Topic* const topic : topics) topic->FinishClose();
  SendMail();  // what was answered by that: there may be no turn's end any more
}

// --- questions from the HTTP API

void Shard::Act(TopicAction action, std::string topic, std::string channel,
                std::function<void(const Backend::ActionResult&)> done) {
  home_.Assert();
  const uint64_t number = next_question_++;
  acting_.emplace(number, std::move(done));
  // A single loop keeps no table: HomeOf.
  const bool anywhere = action == TopicAction::kCreateTopic || world_.shards.size() == 1;
  const std::optional<size_t> home = anywhere ? HomeOf(topic) : world_.placement.Find(topic);
  if (!home) {
    auto reply = std::make_unique<ActReply>(this, number);
    reply->result = {Status(Code::kNotFound, "topic does not exist"), Backend::Missing::kTopic};
    loop_.Post(std::move(reply));
    return;
  }
  Shard* const there = world_.shards[*home];
  there->loop_.Post(std::make_unique<ActRequest>(this, there, number, action, std::move(topic),
                                                 std::move(channel)));
}

void Shard::OnActed(uint64_t number, const Backend::ActionResult& result) {
  home_.Assert();
  const auto it = acting_.find(number);
  if (it == acting_.end()) return;
  const auto done = std::move(it->second);
  acting_.erase(it);
  done(result);
}

Backend::ActionResult Shard::ActHere(TopicAction action, const std::string& topic_name,
                                     const std::string& channel) {
  if (action == TopicAction::kCreateTopic) return {GetOrCreateTopic(topic_name).status()};
  Topic* const topic = FindTopic(topic_name);
  if (topic == nullptr) {
    return {Status(Code::kNotFound, "topic does not exist"), Backend::Missing::kTopic};
  }
  Status status;
  switch (action) {
    case TopicAction::kCreateTopic:
      break;
    case TopicAction::kDeleteTopic:
      status = DeleteTopic(topic_name);
      break;
    case TopicAction::kEmptyTopic:
      topic->Empty();
      break;
    case TopicAction::kPauseTopic:
      topic->Pause();
      break;
    case TopicAction::kUnpauseTopic:
      topic->Unpause();
      break;
    case TopicAction::kTopicDurabilityDefault:
      topic->SetDurability(std::nullopt);
      break;
    case TopicAction::kTopicDurabilityMemory:
      topic->SetDurability(Durability::kMemory);
      break;
    case TopicAction::kTopicDurabilityOs:
      topic->SetDurability(Durability::kOs);
      break;
    case TopicAction::kTopicDurabilityFsync:
      topic->SetDurability(Durability::kFsync);
      break;
    case TopicAction::kCreateChannel:
      status = topic->GetOrCreateChannel(channel).status();
      break;
    case TopicAction::kDeleteChannel:
      status = topic->DeleteChannel(channel);
      break;
    case TopicAction::kEmptyChannel:
      status = topic->EmptyChannel(channel);
      break;
    case TopicAction::kPauseChannel:
      status = topic->PauseChannel(channel, true);
      break;
    case TopicAction::kUnpauseChannel:
      status = topic->PauseChannel(channel, false);
      break;
  }
  return {status, status.code() == Code::kNotFound ? Backend::Missing::kChannel
                                                   : Backend::Missing::kNothing};
}

void Shard::GatherStats(const StatsFilter& filter, std::function<void(DaemonStats)> done) {
  home_.Assert();
  const uint64_t number = next_question_++;
  auto gather = std::make_unique<Gather>();
  gather->left = world_.shards.size();
  gather->done = std::move(done);
  gathering_.emplace(number, std::move(gather));
  for (Shard* const shard : world_.shards) {
    shard->loop_.Post(std::make_unique<StatsRequest>(this, shard, number, filter));
  }
}

void Shard::Backup(const std::string& name,
                   std::function<void(const Backend::BackupResult&)> done) {
  home_.Assert();
  const std::string& data_path = world_.options.data_path;
  const std::string in = (data_path.empty() ? "." : data_path) + "/backups";
  const uint64_t number = next_question_++;
  auto gather = std::make_unique<GatheredBackup>();
  gather->merged.path = in + "/" + name;
  gather->part_path = gather->merged.path + ".part";
  gather->done = std::move(done);
  Status status = world_.files.MakeDir(in);
  if (status.code() == Code::kExists) status = Status();
  if (status.ok() && world_.files.List(gather->merged.path).ok()) {
    status = Status(Code::kExists, gather->merged.path + " is there already");
  }
  if (status.ok()) status = world_.files.MakeDir(gather->part_path);
  if (!status.ok()) {
    auto reply = std::make_unique<BackupReply>(this, number);
    reply->part.status = std::move(status);
    gather->left = 1;
    backing_up_.emplace(number, std::move(gather));
    loop_.Post(std::move(reply));
    return;
  }
  gather->left = world_.shards.size();
  const std::string path = gather->part_path;
  backing_up_.emplace(number, std::move(gather));
  for (Shard* const shard : world_.shards) {
    shard->loop_.Post(std::make_unique<BackupRequest>(
        std::unique_ptr<BackupRequest::Work>(new BackupRequest::Work{this, shard, number, path})));
  }
}

bool Shard::BackupSome(std::vector<std::string>* names, const std::string& path, BackupJob* job) {
  Status& status = job->reply->part.status;
  if (closing_) status = Status(Code::kUnavailable, "exiting");
  const SteadyTime enough = std::chrono::steady_clock::now() + kBackupTurn;
  for (size_t i = 0; i < kBackupsPerTurn && !names->empty() && status.ok(); ++i) {
    if (i > 0 && std::chrono::steady_clock::now() >= enough) break;
    Topic* const topic = FindTopic(names->back());
    names->pop_back();
    if (topic == nullptr) continue;  // deleted meanwhile
    Result<std::unique_ptr<TopicBackup>> backup = topic->Backup(path);
    if (!backup.ok()) {
      status = backup.status();
    } else if (*backup != nullptr) {
      job->topics.push_back(std::move(*backup));
    }
  }
  return status.ok() && !names->empty();
}

void Shard::OnBackedUp(uint64_t number, const Backend::BackupResult& part) {
  home_.Assert();
  const auto it = backing_up_.find(number);
  if (it == backing_up_.end()) return;
  Backend::BackupResult& merged = it->second->merged;
  if (merged.status.ok()) merged.status = part.status;
  merged.topics += part.topics;
  merged.size_bytes += part.size_bytes;
  if (--it->second->left > 0) return;
  const std::unique_ptr<GatheredBackup> gather = std::move(it->second);
  backing_up_.erase(it);
  if (merged.status.ok()) merged.status = world_.files.Rename(gather->part_path, merged.path);
  if (merged.status.ok()) {
    NSQ_LOG(kInfo, "BACKUP(", merged.path, "): ", merged.topics, " topics, ", merged.size_bytes,
            " bytes");
  } else {
    NSQ_LOG(kError, "BACKUP(", merged.path, "): ", merged.status.detail());
  }
  gather->done(merged);
}

DaemonStats Shard::StatsHere(const StatsFilter& filter) const {
  DaemonStats stats;
  stats.held_objects = sessions_.size();
  for (const auto& [name, topic] : topics_) stats.held_objects += topic->held_objects();
  for (const auto& [name, topic] : topics_) {
    if (!filter.topic.empty() && filter.topic != name) continue;
    TopicStats one = topic->Stats(filter);
    // Asked for one channel: topics that lack it are left out.
    if (!filter.channel.empty() && one.channels.empty()) continue;
    stats.topics.push_back(std::move(one));
  }
  if (filter.include_clients) {
    for (const auto& [key, session] : sessions_) {
      if (session->has_published()) stats.producers.push_back(session->Describe());
    }
  }
  return stats;
}

void Shard::OnStats(uint64_t number, DaemonStats part) {
  home_.Assert();
  const auto it = gathering_.find(number);
  if (it == gathering_.end()) return;
  DaemonStats& merged = it->second->merged;
  merged.held_objects += part.held_objects;
  std::move(part.topics.begin(), part.topics.end(), std::back_inserter(merged.topics));
  std::move(part.producers.begin(), part.producers.end(), std::back_inserter(merged.producers));
  if (--it->second->left > 0) return;
  std::sort(merged.topics.begin(), merged.topics.end(),
            [](const TopicStats& a, const TopicStats& b) { return a.name < b.name; });
  const std::unique_ptr<Gather> gather = std::move(it->second);
  gathering_.erase(it);
  gather->done(std::move(gather->merged));
}

}  // namespace nsq::nsqd
