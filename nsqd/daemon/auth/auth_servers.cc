#include "nsqd/daemon/auth/auth_servers.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "common/strings.h"
#include "common/wire/json.h"

namespace nsq::nsqd {
namespace {

http::ClientOptions ClientOptionsOf(const AuthConfig& config) {
  http::ClientOptions options;
  options.connect_timeout = config.connect_timeout;
  options.request_timeout = config.request_timeout;
  options.max_response_bytes = AuthServers::kMaxAnswerBytes;
  options.tls.ca_file = config.ca_file;
  options.tls.min_version = config.tls_min_version;
  return options;
}

std::string UrlOf(const std::string& address) {
  if (address.find("://") != std::string::npos) return address;
  return StrCat("http://", address, "/auth");
}

// The parameters, in the order of their names, as the original encodes them.
std::string QueryOf(const AuthQuestion& question) {
  return StrCat("common_name=", http::EscapeQuery(question.common_name),
                "&remote_ip=", http::EscapeQuery(question.remote_ip),
                "&secret=", http::EscapeQuery(question.secret),
                "&tls=", question.tls ? "true" : "false");
}

// Each value is a list of one.
std::string BodyOf(const AuthQuestion& question) {
  std::string body = R"({"common_name":[)";
  AppendJsonString(question.common_name, &body);
  body += R"(],"remote_ip":[)";
  AppendJsonString(question.remote_ip, &body);
  body += R"(],"secret":[)";
  AppendJsonString(question.secret, &body);
  body += question.tls ? R"(],"tls":["true"]})" : R"(],"tls":["false"]})";
  return body;
}

// A secret as short as a word of the log is found out by where it is missing.
constexpr size_t kLeastBlanked = 8;

void ReplaceAll(std::string_view what, std::string_view with, std::string* text) {
  for (size_t at = 0; !what.empty() && (at = text->find(what, at)) != std::string::npos;) {
    text->replace(at, what.size(), with);
    at += with.size();
  }
}

// The reason of a failed call without what the call sent: logs are read by many.
std::string Hushed(std::string detail, const AuthQuestion& question) {
  const std::string escaped = http::EscapeQuery(question.secret);
  ReplaceAll("?" + QueryOf(question), "", &detail);
  // Where a redirect leads may repeat it.
  ReplaceAll("secret=" + escaped, "secret=***", &detail);
  if (question.secret.size() >= kLeastBlanked) {
    ReplaceAll(escaped, "***", &detail);
    ReplaceAll(question.secret, "***", &detail);
  }
  return detail;
}

}  // namespace

AuthServers::AuthServers(AuthConfig config)
    : config_(std::move(config)),
      client_(ClientOptionsOf(config_)),
      next_(std::random_device()() % std::max<size_t>(config_.addresses.size(), 1)) {}

Result<std::shared_ptr<const Authorizations>> AuthServers::Ask(const AuthQuestion& question) {
  const size_t first = next_.fetch_add(1, std::memory_order_relaxed);
  std::string failures;
  for (size_t i = 0; i < config_.addresses.size(); ++i) {
    const std::string& address = config_.addresses[(first + i) % config_.addresses.size()];
    auto answer = AskOne(address, question);
    if (answer.ok()) return answer;
    if (!failures.empty()) failures += "; ";
    failures += StrCat("failed to auth against ", address, " - ",
                       Hushed(answer.status().detail(), question));
  }
  return Status(Code::kUnavailable, failures);
}

Result<std::shared_ptr<const Authorizations>> AuthServers::AskOne(const std::string& address,
                                                                  const AuthQuestion& question) {
  const std::string url = UrlOf(address);
  // As the original: behind a URL that has a query already stands a second '?'.
  Result<http::Response> response =
      config_.post ? client_.Post(url, BodyOf(question), {{"Content-Type", "application/json"}})
                   : client_.Get(StrCat(url, "?", QueryOf(question)));
  if (!response.ok()) return response.status();
  if (response->status != 200) {
    return Status(Code::kInvalid, StrCat("got response ", response->status));
  }
  return Authorizations::Parse(response->body);
}

void AuthServers::Abort() { client_.Abort(); }

}  // namespace nsq::nsqd
