#pragma once

#include "admin/router.h"
#include "common/status.h"

namespace nsq::admin {

class ClusterView;
class History;
class Sampler;

// The routes under /api: NSQ's, and /api/cluster and /api/history for the page.
//
// Home: any thread; it outlives the router it fills.
class Api {
 public:
  // All outlive it.
  Api(ClusterView* view, Sampler* sampler, const History* history)
      : view_(view), sampler_(sampler), history_(history) {}

  void AddRoutes(Router* router);

 private:
  Response Topics(const Call& call);
  Response Topic(const Call& call);
  Response Channel(const Call& call);
  Response Nodes();
  Response OneNode(const Call& call);
  Response Counter();
  Response Cluster(const Call& call);
  Response Past(const Call& call);

  ClusterView* const view_;
  Sampler* const sampler_;
  const History* const history_;
};

}  // namespace nsq::admin
