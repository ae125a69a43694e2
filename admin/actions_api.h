#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
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

// The routes under /api that change the cluster: NSQ's, and the action "durability" of a topic.
//
// Home: any thread; it outlives the router it fills.
class ActionsApi {
 public:
  // Told of each change that was made, at least in part: NSQ's word for it ("pause_channel"), what
  // it concerns, and who asked. Returns at once.
  using Notify = std::function<void(std::string_view action, const std::string& topic,
                                    const std::string& channel, const std::string& node,
                                    const Request& request)>;

  ActionsApi(ClusterActions* actions, const AccessRule* rule, Notify notify)
      : actions_(actions), rule_(rule), notify_(std::move(notify)) {}

  void AddRoutes(Router* router);

 private:
  Response Create(const Call& call);
  Response Apply(const Call& call, const std::string& topic, const std::string& channel);
  Response Delete(const Call& call, const std::string& topic, const std::string& channel);
  Response Tombstone(const Call& call);
  void AddGuarded(std::string_view method, std::string_view pattern, Handler handler,
                  Router* router);

  ClusterActions* const actions_;
  const AccessRule* const rule_;
  const Notify notify_;
};

}  // namespace nsq::admin
