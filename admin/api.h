#pragma once

#include "admin/router.h"
#include "common/status.h"

namespace nsq::admin {

class ClusterView;
class Sampler;

// The routes under /api: NSQ's, and /api/cluster for the page.
//
// Home: any thread; it outlives the router it fills.
class Api {
 public:
  Api(ClusterView* view, Sampler* sampler) : view_(view), sampler_(sampler) {}

  void AddRoutes(Router* router);

 private:
  Response Topics(const Call& call);
  Response Topic(const Call& call);
  Response Channel(const Call& call);
  Response Nodes();
  Response OneNode(const Call& call);
  Response Counter();
  Response Cluster(const Call& call);

  ClusterView* const view_;
  Sampler* const sampler_;
};

}  // namespace nsq::admin
