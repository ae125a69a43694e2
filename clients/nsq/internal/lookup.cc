#include "clients/nsq/internal/lookup.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <utility>

#include "common/event/address.h"
#include "common/strings.h"

namespace nsq::client {
namespace {

HttpOptions OptionsFor(const ClientOptions& options) {
  HttpOptions http;
  http.connect_timeout = options.lookupd_poll_timeout;
  http.request_timeout = options.lookupd_poll_timeout;
  http.user_agent = "Go-http-client/1.1";  // as the original's, for servers that look at it
  return http;
}

// The query without any `name=`.
std::string Without(std::string_view query, std::string_view name) {
  std::string kept;
  for (const std::string_view item : Split(query, '&')) {
    if (item.empty() || item.substr(0, item.find('=')) == name) continue;
    if (!kept.empty()) kept += '&';
    kept += item;
  }
  return kept;
}

// "http://host:port/path", and the query behind it.
Expected<std::pair<std::string, std::string>> BaseOf(std::string_view lookupd,
                                                     std::string_view path) {
  std::string url(lookupd);
  if (url.find("://") == std::string::npos) url.insert(0, "http://");
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    return Error{ErrorCode::kInvalidArgument, StrCat("unsupported address ", lookupd), ""};
  }
  url = url.substr(0, url.find('#'));
  std::string query;
  if (const size_t mark = url.find('?'); mark != std::string::npos) {
    query = url.substr(mark + 1);
    url.erase(mark);
  }
  const size_t host = url.find("://") + 3;
  size_t slash = url.find('/', host);
  std::string_view authority = std::string_view(url).substr(host, slash - host);
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    authority.remove_prefix(at + 1);
  }
  std::string why;
  if (!HasPort(authority, &why)) return Error{ErrorCode::kInvalidArgument, why, ""};
  if (slash == std::string::npos || slash + 1 == url.size()) {
    url = url.substr(0, slash) + std::string(path);
  }
  return std::pair(url, query);
}

}  // namespace

Expected<std::string> LookupUrl(std::string_view lookupd, std::string_view topic) {
  const auto base = BaseOf(lookupd, "/lookup");
  if (!base) return base.error();
  const std::string query = Without(base->second, "topic");
  return StrCat(base->first, "?", query, query.empty() ? "" : "&", "topic=", QueryEscape(topic));
}

Expected<std::string> NodesUrl(std::string_view lookupd) {
  const auto base = BaseOf(lookupd, "/nodes");
  if (!base) return base.error();
  return StrCat(base->first, base->second.empty() ? "" : "?", base->second);
}

bool ParseProducers(std::string_view json, std::vector<std::string>* addresses) {
  const auto answer = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object()) return false;
  const nlohmann::json* from = &answer;
  if (const auto data = answer.find("data"); data != answer.end() && data->is_object()) {
    from = &*data;  // what nsqlookupd said before version 1.0
  }
  const auto producers = from->find("producers");
  if (producers == from->end()) return false;
  if (producers->is_null()) return true;
  if (!producers->is_array()) return false;
  for (const nlohmann::json& producer : *producers) {
    if (!producer.is_object()) continue;
    const auto host = producer.find("broadcast_address");
    const auto port = producer.find("tcp_port");
    if (host == producer.end() || !host->is_string() ||
        host->get_ref<const std::string&>().empty()) {
      continue;
    }
    if (port == producer.end() || !port->is_number_integer()) continue;
    addresses->push_back(JoinHostPort(host->get<std::string>(), port->get<int>()));
  }
  return true;
}

Lookup::Lookup(EventLoop& loop, RuntimeCore& runtime, std::vector<std::string> urls,
               const ClientOptions& options, OnRound on_round)
    : loop_(loop),
      urls_(std::move(urls)),
      options_(options),
      on_round_(std::move(on_round)),
      http_(loop, runtime, OptionsFor(options)),
      timer_(loop, [this] { Ask(); }),
      hurried_delay_(milliseconds(500), options.lookupd_poll_interval) {}

Lookup::~Lookup() = default;

void Lookup::Start() { Ask(); }

void Lookup::Hurry() {
  if (!std::exchange(hurried_, true)) hurried_delay_.Reset();
  if (waiting_for_ > 0) {
    again_ = true;
    return;
  }
  timer_.ArmAfter(hurried_delay_.Next());
}

void Lookup::Calm() { hurried_ = false; }

void Lookup::Ask() {
  if (waiting_for_ > 0) return;
  round_ = Round();
  waiting_for_ = urls_.size();
  for (const std::string& url : urls_) {
    HttpRequest request;
    request.url = url;
    request.headers.emplace_back("Accept", "application/vnd.nsq; version=1.0");
    if (!options_.auth_secret.empty() && options_.skip_lookupd_authorization) {
      request.headers.emplace_back("Authorization", "Bearer " + options_.auth_secret);
    }
    http_.Ask(std::move(request),
              [this, url](Result<HttpResponse> response) { OnAnswer(url, std::move(response)); });
  }
}

void Lookup::OnAnswer(const std::string& url, Result<HttpResponse> response) {
  if (!response.ok()) {
    round_.failures.push_back(response.status().detail());
  } else if (response->status == 404) {
    ++round_.answered;  // nobody has the topic yet
  } else if (response->status != 200) {
    round_.failures.push_back(StrCat(url, ": got response ", response->status_line, " ",
                                     GoQuoted(response->body.substr(0, 200))));
  } else if (!ParseProducers(response->body, &round_.addresses)) {
    round_.failures.push_back(url + ": the answer is not nsqlookupd's");
  } else {
    ++round_.answered;
  }
  if (--waiting_for_ > 0) return;
  std::set<std::string> seen;
  std::erase_if(round_.addresses,
                [&seen](const std::string& address) { return !seen.insert(address).second; });
  // As long as nobody has answered there is nothing to rest on.
  if (round_.answered == 0 && first_) hurried_ = true;
  ArmNext();
  on_round_(std::move(round_));
}

void Lookup::ArmNext() {
  if (hurried_) {
    timer_.ArmAfter(std::exchange(again_, false) ? Duration(milliseconds(100))
                                                 : hurried_delay_.Next());
    return;
  }
  again_ = false;
  Duration delay = options_.lookupd_poll_interval;
  if (std::exchange(first_, false)) {
    // So that many consumers that were started together do not ask together for ever.
    std::minstd_rand random(std::random_device{}());
    const double share = std::uniform_real_distribution<double>(0, 1)(random);
    delay += Duration(static_cast<int64_t>(static_cast<double>(delay.count()) * share *
                                           options_.lookupd_poll_jitter));
  }
  timer_.ArmAfter(delay);
}

}  // namespace nsq::client
