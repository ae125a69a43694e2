#include "admin/daemon.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "admin/actions_api.h"
#include "admin/api.h"
#include "admin/call_stats.h"
#include "admin/cidr.h"
#include "admin/cluster_actions.h"
#include "admin/cluster_view.h"
#include "admin/config_api.h"
#include "admin/graphite.h"
#include "admin/history.h"
#include "admin/http_fetcher.h"
#include "admin/http_server.h"
#include "admin/metrics_api.h"
#include "admin/notifier.h"
#include "admin/pages.h"
#include "admin/router.h"
#include "admin/sampler.h"
#include "admin/watcher.h"
#include "common/log.h"
#include "common/time.h"

namespace nsq::admin {
namespace {

// A daemon that hangs delays everybody's next figures by no more than this.
constexpr Duration kLongestOverviewWait = seconds(3);

Options ForOverview(Options options) {
  options.request_timeout = std::min(options.request_timeout, kLongestOverviewWait);
  return options;
}

std::optional<Cidr> CidrOf(const Options& options) {
  if (options.allow_config_from_cidr.empty()) return std::nullopt;
  return *Cidr::Parse(options.allow_config_from_cidr);  // CheckOptions has tried it
}

PageConfig PageConfigFrom(const Options& options) {
  return {.base_path = options.base_path,
          .graphite_url = options.proxy_graphite ? std::string() : options.graphite_url,
          .graphs = !options.graphite_url.empty(),
          .statsd_prefix = options.statsd_prefix,
          .statsd_counter_format = options.statsd_counter_format,
          .statsd_gauge_format = options.statsd_gauge_format,
          .statsd_interval_seconds =
              std::chrono::duration_cast<seconds>(options.statsd_interval).count()};
}

}  // namespace

struct Daemon::Parts {
  Parts(Config* config, const Options& options)
      : fetcher(MakeHttpFetcher(options, &calls)),
        view(fetcher.get(), {options.lookupd_http_addresses, options.nsqd_http_addresses}),
        quick_fetcher(MakeHttpFetcher(ForOverview(options), &calls)),
        overview(quick_fetcher.get(),
                 {options.lookupd_http_addresses, options.nsqd_http_addresses}),
        sampler([this] { return overview.Sample(); },
                [] { return std::chrono::steady_clock::now(); },
                [this](const ClusterReport& report) { history.Add(report); }),
        api(&view, &sampler, &history),
        rule(options.acl_http_header, options.admin_users),
        notifier(options.notification_http_endpoint, options.connect_timeout,
                 options.request_timeout),
        actions(&view),
        actions_api(
            &actions, &rule,
            [this](std::string_view action, const std::string& topic, const std::string& channel,
                   const std::string& node, const Request& request) {
              notifier.Notify(action, topic, channel, node, request);
            }),
        config_api(config, CidrOf(options),
                   [this](const std::vector<std::string>& lookupds) {
                     view.SetLookupds(lookupds);
                     overview.SetLookupds(lookupds);
                   }),
        graphite(options),
        metrics(&sampler, &requests, &calls),
        pages(
            PageConfigFrom(options), [this] { return view.addresses().lookupds; },
            [this](const Request& request) { return rule.IsAdmin(request); },
            options.dev_static_dir),
        router(options.base_path),
        server([this](const Request& request) { return router.Answer(request); }, &requests),
        watcher(&sampler, options.sample_interval) {
    api.AddRoutes(&router);
    actions_api.AddRoutes(&router);
    config_api.AddRoutes(&router);
    graphite.AddRoutes(&router);
    metrics.AddRoutes(&router);
    pages.AddRoutes(&router);
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;
  // A daemon that hangs does not hold up the end.
  ~Parts() {
    fetcher->Abort();
    quick_fetcher->Abort();
    graphite.Abort();
  }

  CallStats calls;
  CallStats requests;
  const std::unique_ptr<Fetcher> fetcher;
  ClusterView view;
  const std::unique_ptr<Fetcher> quick_fetcher;
  ClusterView overview;
  History history;
  Sampler sampler;
  Api api;
  const AccessRule rule;
  Notifier notifier;
  ClusterActions actions;
  ActionsApi actions_api;
  ConfigApi config_api;
  Graphite graphite;
  MetricsApi metrics;
  Pages pages;
  Router router;
  HttpServer server;
  Watcher watcher;
};

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::Start(Config* config, const Options& options) {
  if (Status status = CheckOptions(options); !status.ok()) return status;
  auto parts = std::make_unique<Parts>(config, options);
  if (Status status = parts->server.Listen(options.http_address); !status.ok()) return status;
  NSQ_LOG(kInfo, "HTTP: listening on ", parts->server.address());
  return std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
}

const std::string& Daemon::address() const { return parts_->server.address(); }

}  // namespace nsq::admin
