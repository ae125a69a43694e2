#pragma once

#include "admin/router.h"

namespace nsq::admin {

class CallStats;
class Sampler;

// GET /metrics in Prometheus' text format: nsqadmin itself, and what it last saw of the cluster,
// added up (each nsqd says the rest about itself). GET /livez and /readyz: whether it runs, and
// whether it has looked at the cluster. A sick cluster does not make it unready: that is when its
// page is needed.
//
// Home: any thread; it outlives the router it fills.
class MetricsApi {
 public:
  // `requests`: those to nsqadmin; `calls`: those to daemons.
  MetricsApi(Sampler* sampler, const CallStats* requests, const CallStats* calls)
      : sampler_(sampler), requests_(requests), calls_(calls) {}

  void AddRoutes(Router* router);

 private:
  Response Metrics() const;
  Response Ready() const;

  Sampler* const sampler_;
  const CallStats* const requests_;
  const CallStats* const calls_;
};

}  // namespace nsq::admin
