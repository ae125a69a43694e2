#include "nsqd/daemon/daemon.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <optional>
#include <utility>

#include "common/event/address.h"
#include "common/event/listener.h"
#include "common/event/refused_connections.h"
#include "common/event/signal_watch.h"
#include "common/http/router.h"
#include "common/http/server.h"
#include "common/log.h"
#include "common/open_files.h"
#include "common/strings.h"
#include "common/version.h"
#include "common/wire/frame.h"
#include "nsqd/daemon/auth/auth_desk.h"
#include "nsqd/daemon/drain.h"
#include "nsqd/daemon/lookup/lookup_peers.h"
#include "nsqd/daemon/loop_backend.h"
#include "nsqd/daemon/memory_trimmer.h"
#include "nsqd/daemon/statsd/statsd_pusher.h"
#include "nsqd/http/api.h"
#include "nsqd/storage/go_import.h"

namespace nsq::nsqd {
namespace {

// A message of another nsqd's queue that says it is longer had better be followed by one.
constexpr size_t kDoubtfulBytes = size_t{32} << 20;

// For fdatasync, cold reads and unlinking: few, because they wait for one disk.
constexpr size_t kDiskThreads = 4;
constexpr size_t kLookupThreads = 2;
// Of a stop, for name servers and nsqlookupds: nothing of theirs has to be waited for.
constexpr Duration kLookupPatience = milliseconds(200);

void BlockSignals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

std::string Hostname() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

// What all requests over plain HTTP hear if TLS is required; NSQ's tools go to that port then.
http::Route TlsFirst(int https_port) {
  http::Route route;
  route.access = http::Access::kQuiet;
  route.handler = [https_port](std::unique_ptr<http::Exchange> exchange) {
    exchange->Answer({403, http::Exchange::kJson,
                      StrCat("{\"message\": \"TLS_REQUIRED\", \"https_port\": ", https_port, "}"),
                      true});
  };
  return route;
}

}  // namespace

struct Daemon::Worker {
  Worker(Daemon& daemon, ShardWorld& world, size_t index)
      : loop("loop " + std::to_string(index)), shard(std::make_unique<Shard>(loop, world, index)) {
    backend = std::make_unique<LoopBackend>(daemon, *shard);
    api = std::make_unique<Api>(*backend);
  }

  EventLoop loop;
  std::unique_ptr<Shard> shard;
  std::unique_ptr<LoopBackend> backend;
  std::unique_ptr<Api> api;
  std::unique_ptr<http::Server> http;
  std::thread thread;  // none for loop 0, which runs on the daemon's own
};

struct Daemon::AdoptSocket : Letter {
  AdoptSocket(Shard* s, UniqueFd f, ConnectionPlace p)
      : to(s), fd(std::move(f)), place(std::move(p)) {}
  void Open() noexcept override { to->Adopt(std::move(fd), std::move(place)); }
  Shard* const to;
  UniqueFd fd;
  ConnectionPlace place;
};

struct Daemon::UseTls : Letter {
  UseTls(Worker* w, TlsContexts c) : worker(w), contexts(std::move(c)) {}
  void Open() noexcept override {
    worker->shard->UseTls(std::move(contexts.tcp));
    if (worker->http != nullptr) worker->http->UseTls(std::move(contexts.https));
  }
  Worker* const worker;
  TlsContexts contexts;
};

struct Daemon::DrainOrder : Letter {
  DrainOrder(Daemon* d, std::optional<Duration> t) : daemon(d), timeout(t) {}
  void Open() noexcept override {
    if (daemon->stopping_) return;
    LookupPeers* const peers = daemon->lookup_->peers();
    if (peers != nullptr) peers->SetDraining(timeout.has_value());
    if (timeout) {
      daemon->drain_->Begin(*timeout);
    } else {
      daemon->drain_->Cancel();
    }
  }
  Daemon* const daemon;
  const std::optional<Duration> timeout;  // nothing: cancel
};

struct Daemon::NewAddresses : Letter {
  NewAddresses(LookupDesk* d, std::vector<std::string> a) : desk(d), addresses(std::move(a)) {}
  void Open() noexcept override {
    if (desk->peers() != nullptr) desk->peers()->SetAddresses(addresses);
  }
  LookupDesk* const desk;
  std::vector<std::string> addresses;
};

// One step of a stop, on one loop: first everybody's clients go, then everybody's topics, so that
// no publish comes to a loop that has closed its logs.
struct Daemon::PhaseDone : Letter {
  explicit PhaseDone(Daemon* d) : daemon(d) {}
  void Open() noexcept override { daemon->OnPhaseDone(); }
  Daemon* const daemon;
};

struct Daemon::Phase : Letter {
  Phase(Daemon* d, Worker* w, int n) : daemon(d), worker(w), number(n) {}
  void Open() noexcept override {
    if (number == 1) {
      worker->http.reset();
      worker->shard->CloseClients();
    } else {
      worker->shard->CloseTopics();
    }
    daemon->workers_[0]->loop.Post(std::make_unique<PhaseDone>(daemon));
  }
  Daemon* const daemon;
  Worker* const worker;
  const int number;
};

Daemon::Daemon(const Options& options, ConfigReader config)
    : options_(options),
      config_(std::move(config)),
      start_time_(WallNow()),
      placement_(static_cast<size_t>(options.loops)),
      tcp_limit_(static_cast<size_t>(options.max_connections)),
      http_limit_(static_cast<size_t>(options.max_connections)),
      pool_(std::make_unique<HelperPool>(kDiskThreads)),
      lookup_pool_(std::make_unique<HelperPool>(kLookupThreads, kLookupPatience)),
      addresses_(options.lookupd_tcp_addresses) {
  world_ = std::make_unique<ShardWorld>(ShardWorld{
      options_, *pool_, PosixFiles(), placement_, health_, {}, nullptr, nullptr, nullptr});
  for (size_t i = 0; i < static_cast<size_t>(options.loops); ++i) {
    workers_.push_back(std::make_unique<Worker>(*this, *world_, i));
    world_->shards.push_back(workers_.back()->shard.get());
  }
  world_->connections = {{"tcp", &tcp_limit_}, {"http", &http_limit_}};
  lookup_ = std::make_unique<LookupDesk>(workers_[0]->loop);
  world_->lookup = lookup_.get();
  drain_ = std::make_unique<Drain>(workers_[0]->loop, *workers_[0]->shard, [this] { BeginStop(); });
  world_->drain = drain_.get();
  sigterm_drains_ = options_.drain_on_sigterm;
  if (!options_.auth_http_addresses.empty()) {
    AuthConfig auth;
    auth.addresses = options_.auth_http_addresses;
    auth.post = options_.auth_http_post;
    auth.connect_timeout = options_.http_client_connect_timeout;
    auth.request_timeout = options_.http_client_request_timeout;
    auth.ca_file = options_.tls_root_ca_file;
    auth.tls_min_version = options_.tls_min_version;
    auth_ = std::make_unique<AuthDesk>(std::move(auth));
    world_->auth = auth_.get();
  }
}

Daemon::~Daemon() {
  for (const auto& worker : workers_) {
    if (!worker->thread.joinable()) continue;
    worker->loop.Stop();
    worker->thread.join();
  }
  // What lives on the loops goes first, then who writes to them, then they.
  listener_.reset();
  refused_.reset();
  signals_.reset();
  drain_.reset();
  lookup_->Stop();
  statsd_.reset();
  trimmer_.reset();
  for (const auto& worker : workers_) {
    worker->loop.Adopt();
    worker->http.reset();
    worker->api.reset();
    worker->backend.reset();
    worker->shard.reset();
  }
  auth_.reset();
  pool_.reset();
  lookup_pool_.reset();
}

Status Daemon::Start() {
  RaiseOpenFileLimit();
  Result<std::unique_ptr<DataPathLock>> lock = DataPathLock::Take(options_.data_path);
  if (!lock.ok()) return lock.status();
  lock_ = std::move(*lock);
  NSQ_LOG(kInfo, VersionLine("nsqd"));
  NSQ_LOG(kInfo, "ID: ", options_.node_id);
  if (const Status status = StartTls(); !status.ok()) return status;
  if (const Status status = Bind(); !status.ok()) return status;
  return LoadTopics();
}

Status Daemon::StartTls() {
  Result<TlsContexts> contexts = LoadTls(options_);
  if (!contexts.ok()) {
    return Status(contexts.status().code(),
                  "failed to build TLS config - " + contexts.status().detail());
  }
  tls_ = std::move(*contexts);
  // Before the loops run: nobody has to wait for a letter.
  for (const auto& worker : workers_) worker->shard->UseTls(tls_.tcp);
  return Status();
}

// Connections keep the certificates they began with. Bad files change nothing.
void Daemon::ReloadTls() {
  if (!tls_.any()) NSQ_LOG(kInfo, "SIGHUP: nothing to read again without --tls-cert");
  if (!tls_.any() || stopping_) return;
  nsqd::ReloadTls(options_, *pool_, &workers_[0]->loop, [this](Result<TlsContexts> loaded) {
    if (!loaded.ok()) {
      NSQ_LOG(kError, "TLS: certificates not reloaded, the old ones stay - ",
              loaded.status().detail(), " (cert ", options_.tls_cert, ", key ", options_.tls_key,
              options_.tls_root_ca_file.empty() ? "" : ", authorities ", options_.tls_root_ca_file,
              ")");
      return;
    }
    tls_ = *loaded;
    for (const auto& worker : workers_) {
      worker->loop.Post(std::make_unique<UseTls>(worker.get(), tls_));
    }
    NSQ_LOG(kInfo, "TLS: certificates reloaded");
  });
}

Status Daemon::Bind() {
  const auto bind = [this](const std::string& text, UniqueFd* fd, int* port) {
    const Result<Address> address = ParseAddress(text);
    const auto fail = [&text](const Status& status) {
      return Status(status.code(), "listen (" + text + ") failed - " + status.detail());
    };
    if (!address.ok())
      return fail(Status(Code::kInvalid, "listen tcp: " + address.status().detail()));
    Result<UniqueFd> listening = Listen(*address);
    if (!listening.ok()) return fail(listening.status());
    *fd = std::move(*listening);
    *port = address->is_unix() ? -1 : BoundPort(fd->get());
    if (address->is_unix()) socket_files_.emplace_back(address->unix_path);
    return Status();
  };
  if (const Status status = bind(options_.tcp_address, &tcp_socket_, &ports_.tcp); !status.ok()) {
    return status;
  }
  if (!options_.http_address.empty()) {
    const Status status = bind(options_.http_address, &http_socket_, &ports_.http);
    if (!status.ok()) return status;
  }
  if (options_.https_address.empty() || !tls_.any()) return Status();
  if (const Result<Address> address = ParseAddress(options_.https_address);
      address.ok() && address->is_unix()) {
    return Status(Code::kInvalid,
                  StrCat("listen (", options_.https_address, ") failed - listen tcp: address ",
                         options_.https_address, ": missing port in address"));
  }
  return bind(options_.https_address, &https_socket_, &ports_.https);
}

Status Daemon::LoadTopics() {
  const auto fail = [](const Status& status) {
    return Status(status.code(), "failed to load metadata - " + status.detail());
  };
  if (const Status status = CheckDataPathWritable(options_.data_path); !status.ok()) {
    return Status(status.code(), "failed to persist metadata - " + status.detail());
  }
  const Result<GoImport> imported =
      ImportGoDataPath(PosixFiles(), options_.data_path, WallNow(),
                       static_cast<uint64_t>(options_.max_bytes_per_file), kDoubtfulBytes);
  if (!imported.ok()) {
    return Status(imported.status().code(),
                  "failed to import another nsqd's data - " + imported.status().detail());
  }
  const Result<std::vector<std::string>> names = ListTopics(PosixFiles(), options_.data_path);
  if (!names.ok()) return fail(names.status());
  std::vector<std::vector<std::string>> shares(workers_.size());
  for (const std::string& name : *names) shares[placement_.HomeOf(name)].push_back(name);

  struct LoadLetter : Letter {
    LoadLetter(Shard* s, std::vector<std::string> n) : shard(s), share(std::move(n)) {}
    void Open() noexcept override { loaded.set_value(shard->Load(share)); }
    Shard* const shard;
    const std::vector<std::string> share;
    std::promise<Status> loaded;
  };
  std::vector<std::future<Status>> others;
  for (size_t i = 1; i < workers_.size(); ++i) {
    Worker& worker = *workers_[i];
    auto letter = std::make_unique<LoadLetter>(worker.shard.get(), std::move(shares[i]));
    others.push_back(letter->loaded.get_future());
    worker.loop.Post(std::move(letter));
    worker.thread = std::thread([&worker] {
      BlockSignals();
      pthread_setname_np(pthread_self(), worker.loop.name().substr(0, 15).c_str());
      worker.loop.Run();
    });
  }
  Status status = workers_[0]->shard->Load(shares[0]);
  for (std::future<Status>& other : others) {
    if (Status theirs = other.get(); status.ok()) status = std::move(theirs);
  }
  return status.ok() ? status : fail(status);
}

void Daemon::Serve() {
  EventLoop& loop = workers_[0]->loop;
  LookupIdentity identity;
  identity.broadcast_address = options_.broadcast_address;
  identity.hostname = Hostname();
  identity.tcp_port =
      options_.broadcast_tcp_port != 0 ? options_.broadcast_tcp_port : std::max(ports_.tcp, 0);
  identity.http_port =
      options_.broadcast_http_port != 0 ? options_.broadcast_http_port : std::max(ports_.http, 0);
  identity.topology_region = options_.topology_region;
  identity.topology_zone = options_.topology_zone;
  LookupLimits limits;
  limits.max_reply_bytes = static_cast<size_t>(options_.max_body_size);
  limits.connect_timeout = options_.http_client_connect_timeout;
  limits.request_timeout = options_.http_client_request_timeout;
  auto peers = std::make_unique<LookupPeers>(loop, *lookup_pool_, identity, limits);
  peers->SetAddresses(lookupd_addresses());
  lookup_->Start(std::move(peers));
  StartStatsd();
  trimmer_ = std::make_unique<MemoryTrimmer>(loop, *pool_);

  ServeHttp();
  NSQ_LOG(kInfo, "TCP: listening on ", LocalAddress(tcp_socket_.get()));
  refused_ = std::make_unique<RefusedConnections>(loop, "TCP");
  listener_ =
      std::make_unique<Listener>(loop, UniqueFd(::fcntl(tcp_socket_.get(), F_DUPFD_CLOEXEC, 0)),
                                 [this](UniqueFd fd) { OnAccept(std::move(fd)); });
}

void Daemon::StartStatsd() {
  if (options_.statsd_address.empty()) return;
  StatsdFormat format;
  // As GET /config shows it: with the ports that are bound.
  if (const Result<Backend::ConfigValue> prefix = config_("statsd_prefix"); prefix.ok()) {
    format.prefix = prefix->body;
  }
  // As the original: what is no size is a page.
  format.packet_bytes = options_.statsd_udp_packet_size > 0
                            ? static_cast<size_t>(options_.statsd_udp_packet_size)
                            : 4096;
  format.exclude_ephemeral = options_.statsd_exclude_ephemeral;
  const auto gather = [shard = workers_[0]->shard.get()](std::function<void(DaemonStats)> done) {
    StatsFilter filter;
    filter.include_clients = false;
    shard->GatherStats(filter, std::move(done));
  };
  statsd_ = std::make_unique<StatsdPusher>(
      workers_[0]->loop, *lookup_pool_,
      StatsdTarget{options_.statsd_address, options_.statsd_interval, options_.statsd_mem_stats},
      std::move(format), gather);
}

void Daemon::ServeHttp() {
  // A server for each loop; all of them listen to the same two sockets.
  struct ServeLetter : Letter {
    ServeLetter(Worker* w, ConnectionLimit* l) : worker(w), limit(l) {}
    void Open() noexcept override {
      auto server = std::make_unique<http::Server>(worker->loop, worker->api->router(), limit);
      if (refusal) server->DivertPlain(std::move(*refusal));
      if (http.valid()) server->Listen(std::move(http));
      if (contexts.any()) server->UseTls(std::move(contexts.https));
      if (https.valid()) server->ListenTls(std::move(https));
      worker->http = std::move(server);
      worker->shard->CountHttp(
          [w = worker] { return w->http == nullptr ? 0 : w->http->connections(); });
    }
    Worker* const worker;
    ConnectionLimit* const limit;
    UniqueFd http;
    UniqueFd https;
    TlsContexts contexts;
    std::optional<http::Route> refusal;
  };
  const auto share = [](const UniqueFd& socket) {
    return socket.valid() ? UniqueFd(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0)) : UniqueFd();
  };
  for (const auto& worker : workers_) {
    auto letter = std::make_unique<ServeLetter>(worker.get(), &http_limit_);
    letter->http = share(http_socket_);
    letter->https = share(https_socket_);
    letter->contexts = tls_;
    if (options_.tls_required == TlsRequired::kEverywhere) letter->refusal = TlsFirst(ports_.https);
    worker->loop.Post(std::move(letter));
  }
  if (http_socket_.valid()) NSQ_LOG(kInfo, "HTTP: listening on ", LocalAddress(http_socket_.get()));
  if (https_socket_.valid()) {
    NSQ_LOG(kInfo, "HTTPS: listening on ", LocalAddress(https_socket_.get()));
  }
}

void Daemon::Run() {
  EventLoop& loop = workers_[0]->loop;
  IgnoreSignals({SIGPIPE, SIGHUP, SIGXFSZ});
  signals_ =
      std::make_unique<SignalWatch>(loop, std::initializer_list<int>{SIGINT, SIGTERM, SIGHUP},
                                    [this](int signal) { OnSignal(signal); });
  Serve();
  loop.Run();
  NSQ_LOG(kInfo, "NSQ: bye");
}

void Daemon::OnAccept(UniqueFd fd) {
  std::optional<ConnectionPlace> place = tcp_limit_.Take();
  if (!place) {
    const std::string why =
        StrCat("E_TOO_MANY_CONNECTIONS connections exceed limit of ", tcp_limit_.max());
    Buffer frame;
    AppendFrame(FrameType::kError, why, &frame);
    refused_->Refuse(std::move(fd), frame.view());
    return;
  }
  Worker& worker = *workers_[next_worker_];
  next_worker_ = (next_worker_ + 1) % workers_.size();
  if (&worker == workers_[0].get()) {
    worker.shard->Adopt(std::move(fd), std::move(*place));
  } else {
    worker.loop.Post(
        std::make_unique<AdoptSocket>(worker.shard.get(), std::move(fd), std::move(*place)));
  }
}

void Daemon::Stop() {
  struct StopLetter : Letter {
    explicit StopLetter(Daemon* d) : daemon(d) {}
    void Open() noexcept override { daemon->BeginStop(); }
    Daemon* const daemon;
  };
  workers_[0]->loop.Post(std::make_unique<StopLetter>(this));
}

// The first SIGTERM may ask for a drain; any other signal means at once.
void Daemon::OnSignal(int signal) {
  if (signal == SIGHUP) {
    ReloadTls();
  } else if (signal != SIGTERM || !std::exchange(sigterm_drains_, false)) {
    BeginStop();
  } else if (!drain_->draining()) {
    StartDrain(std::nullopt);
  }
}

void Daemon::StartDrain(std::optional<Duration> timeout) {
  drain_->Announce(true);
  workers_[0]->loop.Post(
      std::make_unique<DrainOrder>(this, timeout.value_or(options_.drain_timeout)));
}

void Daemon::CancelDrain() {
  drain_->Announce(false);
  workers_[0]->loop.Post(std::make_unique<DrainOrder>(this, std::nullopt));
}

DrainState Daemon::drain_state() const { return drain_->state(); }

std::vector<EventLoop*> Daemon::loops() const {
  std::vector<EventLoop*> loops;
  for (const auto& worker : workers_) loops.push_back(&worker->loop);
  return loops;
}

void Daemon::BeginStop() {
  if (std::exchange(stopping_, true)) return;
  drain_->Stop();
  NSQ_LOG(kInfo, "TCP: closing ", LocalAddress(tcp_socket_.get()));
  listener_.reset();
  refused_.reset();
  tcp_socket_.Reset();
  if (http_socket_.valid()) NSQ_LOG(kInfo, "HTTP: closing ", LocalAddress(http_socket_.get()));
  if (https_socket_.valid()) NSQ_LOG(kInfo, "HTTPS: closing ", LocalAddress(https_socket_.get()));
  http_socket_.Reset();
  https_socket_.Reset();
  socket_files_.clear();
  PostPhase(1);
}

void Daemon::PostPhase(int phase) {
  phase_ = phase;
  phase_left_ = workers_.size();
  for (const auto& worker : workers_) {
    worker->loop.Post(std::make_unique<Phase>(this, worker.get(), phase));
  }
}

void Daemon::OnPhaseDone() {
  if (--phase_left_ > 0) return;
  if (phase_ == 1) {
    NSQ_LOG(kInfo, "NSQ: closing topics");
    PostPhase(2);
    return;
  }
  NSQ_LOG(kInfo, "NSQ: stopping subsystems");
  lookup_->Stop();
  statsd_.reset();
  trimmer_.reset();
  for (const auto& worker : workers_) worker->loop.Stop();
}

std::vector<std::string> Daemon::lookupd_addresses() const {
  const std::lock_guard<std::mutex> lock(addresses_mutex_);
  return addresses_;
}

void Daemon::SetLookupdAddresses(std::vector<std::string> addresses) {
  {
    const std::lock_guard<std::mutex> lock(addresses_mutex_);
    addresses_ = addresses;
  }
  workers_[0]->loop.Post(std::make_unique<NewAddresses>(lookup_.get(), std::move(addresses)));
}

}  // namespace nsq::nsqd
