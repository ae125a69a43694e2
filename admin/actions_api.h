#pragma once

#include <string>
#include <vector>

#include "admin/router.h"

namespace nsq::admin {

class ClusterActions;

// Who may change things: everybody if no user is listed; else those whom the proxy in front names
// in a header. The header is believed: the proxy must strip it from what clients send.
//
// Home: any thread; immutable.
class AccessRule {
 public:
  AccessRule(std::string header, std::vector<std::string> users)
      : header_(std::move(header)), users_(std::move(users)) {}

  bool IsAdmin(const Request& request) const;

 private:
  const std::string header_;
  const std::vector<std::string> users_;
};

// Whether a browser sent this on behalf of another site. Programs that are no browsers send none of
// the headers that would say so and are let through.
bool FromAnotherSite(const Request& request);

// The routes under /api that change the cluster, NSQ's.
//
// Home: any thread; it outlives the router it fills.
class ActionsApi {
 public:
  ActionsApi(ClusterActions* actions, const AccessRule* rule) : actions_(actions), rule_(rule) {}

  void AddRoutes(Router* router);

 private:
  Response Create(const Call& call);
  Response Apply(const Call& call, const std::string& topic, const std::string& channel);
  Response Delete(const std::string& topic, const std::string& channel);
  Response Tombstone(const Call& call);
  void AddGuarded(std::string_view method, std::string_view pattern, Handler handler,
                  Router* router);

  ClusterActions* const actions_;
  const AccessRule* const rule_;
};

}  // namespace nsq::admin
