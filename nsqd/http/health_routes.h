#pragma once

namespace nsq::http {
class Router;
}

namespace nsq::nsqd {

class Backend;

// Adds GET /livez and GET /readyz, for those who start, stop and route to daemons: 200 "OK", or 503
// and a line for each reason. `backend` outlives the router.
void AddHealthRoutes(Backend& backend, http::Router* router);

}  // namespace nsq::nsqd
