#include "admin/daemon.h"

#include <algorithm>
#include <utility>

#include "admin/actions_api.h"
#include "admin/api.h"
#include "admin/cluster_actions.h"
#include "admin/cluster_view.h"
#include "admin/http_fetcher.h"
#include "admin/http_server.h"
#include "admin/pages.h"
#include "admin/router.h"
#include "admin/sampler.h"
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

}  // namespace

struct Daemon::Parts {
  explicit Parts(const Options& options)
      : fetcher(MakeHttpFetcher(options)),
        view(fetcher.get(), {options.lookupd_http_addresses, options.nsqd_http_addresses}),
        quick_fetcher(MakeHttpFetcher(ForOverview(options))),
        overview(quick_fetcher.get(),
                 {options.lookupd_http_addresses, options.nsqd_http_addresses}),
        sampler([this] { return overview.Sample(); },
                [] { return std::chrono::steady_clock::now(); }),
        api(&view, &sampler),
        rule(options.acl_http_header, options.admin_users),
        actions(fetcher.get(), &view),
        actions_api(&actions, &rule),
        pages(
            {.base_path = options.base_path, .by_lookupd = !options.lookupd_http_addresses.empty()},
            [this](const Request& request) { return rule.IsAdmin(request); },
            options.dev_static_dir),
        router(options.base_path),
        server([this](const Request& request) { return router.Answer(request); }) {
    api.AddRoutes(&router);
    actions_api.AddRoutes(&router);
    pages.AddRoutes(&router);
  }

  const std::unique_ptr<Fetcher> fetcher;
  ClusterView view;
  const std::unique_ptr<Fetcher> quick_fetcher;
  ClusterView overview;
  Sampler sampler;
  Api api;
  const AccessRule rule;
  ClusterActions actions;
  ActionsApi actions_api;
  Pages pages;
  Router router;
  HttpServer server;
};

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::Start(const Options& options) {
  if (Status status = CheckOptions(options); !status.ok()) return status;
  auto parts = std::make_unique<Parts>(options);
  if (Status status = parts->server.Listen(options.http_address); !status.ok()) return status;
  NSQ_LOG(kInfo, "HTTP: listening on ", parts->server.address());
  return std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
}

const std::string& Daemon::address() const { return parts_->server.address(); }

}  // namespace nsq::admin
