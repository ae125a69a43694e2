#pragma once

namespace nsq::http {
class Router;
}

namespace nsq::nsqd {

class Backend;

// /debug/* (spec, nsqd-http 9): common/debug's, and what nsqd alone has, freememory and
// setblockrate. `backend` outlives the router.
void AddDebugRoutes(Backend& backend, http::Router* router);

}  // namespace nsq::nsqd
