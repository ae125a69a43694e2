#pragma once

namespace nsq::http {
class Router;
}

namespace nsq::nsqd {

// /debug/*, as far as it means something in a program without a garbage collector.
void AddDebugRoutes(http::Router* router);

}  // namespace nsq::nsqd
