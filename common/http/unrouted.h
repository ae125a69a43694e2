#pragma once

namespace nsq::http {

class Exchange;
class Router;

// Answers a request that no route takes: redirects to another spelling of its path, OPTIONS, 405
// and 404 (spec, nsqd-http 3).
//
// Home: the exchange's loop.
void AnswerUnrouted(const Router& router, Exchange& exchange);

}  // namespace nsq::http
