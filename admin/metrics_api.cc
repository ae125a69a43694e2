#include "admin/metrics_api.h"

#include <array>
#include <memory>
#include <string>

#include "admin/call_stats.h"
#include "admin/sampler.h"
#include "common/metrics/exposition.h"
#include "common/metrics/process.h"

namespace nsq::admin {
namespace {

using metrics::Family;
using metrics::Labels;
using metrics::Samples;
using enum metrics::Type;

void AppendCluster(const ClusterReport& report, metrics::Page* page) {
  uint64_t up = 0;
  uint64_t down = 0;
  uint64_t gone = 0;
  for (const NodeReport& node : report.nodes) {
    ++(node.gone ? gone : node.state.status.ok() ? up : down);
  }
  const Family nodes{"nsqadmin_cluster_nodes", kGauge, "nsqd by state; gone: has left lately."};
  Samples by_state(nodes);
  by_state.Add(Labels("state", "up"), up);
  by_state.Add(Labels("state", "down"), down);
  by_state.Add(Labels("state", "gone"), gone);
  page->Add(nodes, by_state);

  const Family lookupds{"nsqadmin_cluster_nsqlookupd_up", kGauge, "Whether it answered."};
  Samples each(lookupds);
  for (const LookupdState& lookupd : report.lookupds) {
    each.Add(Labels("address", lookupd.address), lookupd.status.ok());
  }
  page->Add(lookupds, each);

  uint64_t channels = 0;
  for (const TopicReport& topic : report.topics) channels += topic.channels.size();
  page->Add({"nsqadmin_cluster_topics", kGauge, "Topics."}, report.topics.size());
  page->Add({"nsqadmin_cluster_channels", kGauge, "Channels."}, channels);
  page->Add({"nsqadmin_cluster_depth", kGauge, "Messages waiting, over all topics and channels."},
            report.total.depth);
  page->Add({"nsqadmin_cluster_in_flight", kGauge, "Messages in flight."}, report.total.in_flight);
  page->Add({"nsqadmin_cluster_deferred", kGauge, "Messages deferred."}, report.total.deferred);
  page->Add({"nsqadmin_cluster_consumers", kGauge, "Consumers' connections."},
            report.total.clients);

  std::array<uint64_t, 3> by_severity{};
  for (const Problem& problem : report.problems) {
    ++by_severity[static_cast<size_t>(problem.severity)];
  }
  const Family problems{"nsqadmin_cluster_problems", kGauge, "What the page shows as wrong."};
  Samples counted(problems);
  counted.Add(Labels("severity", "error"), by_severity[0]);
  counted.Add(Labels("severity", "warning"), by_severity[1]);
  counted.Add(Labels("severity", "notice"), by_severity[2]);
  page->Add(problems, counted);

  page->Add({"nsqadmin_sample_timestamp_seconds", kGauge, "When the cluster was last asked."},
            static_cast<double>(report.unix_ms) / 1000);
  page->Add({"nsqadmin_sample_duration_seconds", kGauge, "How long that took."},
            static_cast<double>(report.took_ms) / 1000);
}

}  // namespace

void MetricsApi::AddRoutes(Router* router) {
  router->Add("GET", "/metrics", [this](const Call&) { return Metrics(); });
  router->Add("GET", "/livez", [](const Call&) {
    Response response = Response::Text(200, "OK");
    response.routine = true;
    return response;
  });
  router->Add("GET", "/readyz", [this](const Call&) { return Ready(); });
}

Response MetricsApi::Metrics() const {
  metrics::Page page;
  if (const auto report = sampler_->Last()) AppendCluster(*report, &page);
  requests_->AppendTo("nsqadmin_http_requests", "code", "Requests answered", &page);
  calls_->AppendTo("nsqadmin_upstream_calls", "outcome", "Calls to nsqd and nsqlookupd", &page);
  metrics::AppendProcess(&page);
  Response response;
  response.content_type = metrics::kContentType;
  response.body = page.Take();
  response.routine = true;
  return response;
}

Response MetricsApi::Ready() const {
  if (sampler_->Last() == nullptr) sampler_->Report();
  Response response = Response::Text(200, "OK");
  response.routine = true;
  return response;
}

}  // namespace nsq::admin
