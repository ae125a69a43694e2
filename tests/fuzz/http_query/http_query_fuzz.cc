// Any bytes as a query string, as a path to be routed and corrected, and as JSON text.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/check.h"
#include "common/http/client.h"
#include "common/http/params.h"
#include "common/http/router.h"
#include "common/wire/json.h"

namespace nsq::http {
namespace {

const Router& Routes() {
  static const Router* const router = [] {
    auto* const made = new Router;
    const Handler nothing = [](std::unique_ptr<Exchange>) {};
    made->Add(Method::kGet, "/ping", nothing);
    made->Add(Method::kGet, "/topic/create", nothing);
    made->Add(Method::kGet, "/config/:opt", nothing);
    made->Add(Method::kGet, "/debug/pprof/", nothing);
    return made;
  }();
  return *router;
}

void TryQuery(std::string_view text) {
  const Params params(text);
  params.Find("topic");
  // What we write we read back.
  const std::string written = "k=" + EscapeQuery(text);
  const Params again(written);
  NSQ_CHECK(again.valid() && again.Find("k") != nullptr && *again.Find("k") == text);
}

void TryPath(std::string_view text) {
  std::string param;
  if (Routes().Find(Method::kGet, text, &param) != nullptr) {
    NSQ_CHECK(!Routes().Allowed(text).empty());
    return;
  }
  // A correction leads to a route, at once: nobody is sent in circles.
  const auto corrected = Routes().Corrected(Method::kGet, text);
  if (corrected) NSQ_CHECK(Routes().Find(Method::kGet, *corrected, &param) != nullptr);
}

void TryJson(std::string_view text) {
  std::string json;
  AppendJsonString(text, &json);
  NSQ_CHECK(json.size() >= 2 && json.front() == '"' && json.back() == '"');
  for (const char c : json) NSQ_CHECK(static_cast<unsigned char>(c) >= 0x20);
}

}  // namespace
}  // namespace nsq::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  nsq::http::TryQuery(input);
  nsq::http::TryPath(input);
  nsq::http::TryJson(input);
  return 0;
}
