// nsq_to_http: delivers a channel's messages over HTTP.

#include <nsq/consumer.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "clients/apps/app.h"
#include "clients/apps/http_delivery.h"
#include "common/strings.h"
#include "common/version.h"

namespace nsq::apps {
namespace {

constexpr std::string_view kTool = "nsq_to_http";

std::vector<Flag> Flags() {
  return {
      {"channel", "", Kind::kString, "nsq_to_http", "", "nsq channel"},
      OptionFlag("consumer-opt", "consumer"),
      {"content-type", "", Kind::kString, "application/octet-stream", "",
       "the Content-Type used for POST requests"},
      {"get", "", Kind::kStringList, "", "",
       "HTTP address to make a GET request to. '%s' will be printf replaced with data (may be "
       "given multiple times)"},
      {"header", "", Kind::kStringList, "", "",
       "Custom header for HTTP requests, as 'Name: value' (may be given multiple times)"},
      {"http-client-connect-timeout", "", Kind::kDuration, "2s", "", "timeout for HTTP connect"},
      {"http-client-request-timeout", "", Kind::kDuration, "20s", "", "timeout for HTTP request"},
      LookupdFlag(),
      {"max-in-flight", "", Kind::kInt, "200", "", "max number of messages to allow in flight"},
      {"mode", "", Kind::kString, "hostpool", "",
       "the upstream request mode options: round-robin, hostpool, epsilon-greedy, or all (every "
       "message to every address)"},
      {"n", "", Kind::kInt, "100", "", "number of concurrent publishers"},
      NsqdFlag(),
      {"post", "", Kind::kStringList, "", "",
       "HTTP address to make a POST request to.  data will be in the body (may be given multiple "
       "times)"},
      {"post-redirect-as-get", "", Kind::kBool, "false", "",
       "follow a 301, 302 or 303 that answers a POST by a GET without the data, as NSQ's own tool "
       "does; otherwise it is a failure"},
      {"sample", "", Kind::kFloat, "1", "", "% of messages to publish (float b/w 0.0 -> 1.0)"},
      {"status-every", "", Kind::kInt, "250", "",
       "the # of requests between logging status (per handler), 0 disables"},
      {"topic", "", Kind::kString, "", "", "nsq topic"},
      VersionFlag(),
  };
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// "" or what is wrong.
std::string ReadOptions(const Config& config, HttpDeliveryOptions* options) {
  for (const std::string& header : config.Strings("header")) {
    const size_t colon = header.find(':');
    if (colon == std::string::npos) return "--header value format should be 'key=value'";
    options->headers.emplace_back(Trimmed(std::string_view(header).substr(0, colon)),
                                  Trimmed(std::string_view(header).substr(colon + 1)));
  }
  if (config.String("topic").empty() || config.String("channel").empty()) {
    return "--topic and --channel are required";
  }
  const std::vector<std::string> get = config.Strings("get");
  const std::vector<std::string> post = config.Strings("post");
  const std::string content_type = config.String("content-type");
  if (content_type != "application/octet-stream") {
    if (post.empty()) return "--content-type only used with --post";
    if (content_type.empty()) return "--content-type requires a value when used";
  }
  if (std::string wrong = CheckSources(config); !wrong.empty()) return wrong;
  if (get.empty() && post.empty()) return "--get or --post required";
  if (!get.empty() && !post.empty()) return "use --get or --post not both";
  for (const std::string& url : get) {
    if (!UrlTemplate::Parse(url)) return "invalid GET address - must be a printf string";
  }
  for (const std::string& url : get.empty() ? post : get) {
    if (!url.starts_with("http://") && !url.starts_with("https://")) {
      return StrCat("invalid address ", GoQuoted(url), " - must begin with http:// or https://");
    }
  }
  options->sample = config.Float("sample");
  if (!(options->sample >= 0 && options->sample <= 1)) {
    return "ERROR: --sample must be between 0.0 and 1.0";
  }
  const auto mode = ParseMode(config.String("mode"));
  if (!mode) return StrCat("--mode ", GoQuoted(config.String("mode")), " is not known");
  if (config.Int("n") <= 0) return "no handlers";
  options->mode = *mode;
  options->requests = static_cast<size_t>(config.Int("n"));
  options->is_post = get.empty();
  options->addresses = get.empty() ? post : get;
  options->status_every = static_cast<size_t>(std::max<int64_t>(config.Int("status-every"), 0));
  // In front: a -header of this name counts more. What is answered is not looked at.
  options->headers.insert(options->headers.begin(), {"Accept-Encoding", "gzip"});
  if (options->is_post) {
    options->headers.insert(options->headers.begin(), {"Content-Type", content_type});
  }
  options->http.connect_timeout = config.Time("http-client-connect-timeout");
  options->http.request_timeout = config.Time("http-client-request-timeout");
  options->http.user_agent = StrCat(kTool, " v", kVersion);
  options->http.follow_post_as_get = config.Bool("post-redirect-as-get");
  options->http.keep_bodies = false;
  options->http.idle_connections = options->requests;
  return "";
}

int Run(const Config& config, Quit* quit) {
  HttpDeliveryOptions delivery_options;
  if (const std::string wrong = ReadOptions(config, &delivery_options); !wrong.empty()) {
    return Failed(wrong);
  }
  // Goes after the runtime, which takes it off its loop.
  std::shared_ptr<HttpDelivery> delivery;
  Runtime runtime;
  delivery = std::make_shared<HttpDelivery>(*runtime.core(), std::move(delivery_options));
  delivery->Register();
  ConsumerOptions options =
      ConsumerFrom(config, kTool, config.String("topic"), config.String("channel"),
                   static_cast<int>(config.Int("max-in-flight")));
  options.concurrency = 0;  // requests are what runs at the same time, not threads
  auto consumer = Consumer::Open(runtime, std::move(options));
  if (!consumer) return Failed(consumer.error().detail);
  const auto started = consumer->Start(
      [delivery](Message& message, const std::stop_token&) { return delivery->Take(message); });
  if (!started) return Failed(started.error().detail);
  quit->Wait();
  consumer->Stop(kStopTime);
  return quit->code();
}

}  // namespace
}  // namespace nsq::apps

int main(int argc, char** argv) {
  nsq::Config config("nsq_to_http", nsq::apps::Flags(), nsq::apps::ToolVersion("nsq_to_http"));
  if (const auto code = nsq::apps::LoadFlags(&config, argc, argv)) return *code;
  nsq::apps::Quit quit({SIGINT, SIGTERM});
  return nsq::apps::Run(config, &quit);
}
