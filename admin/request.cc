#include "admin/request.h"

#include <algorithm>

#include "admin/json_writer.h"

namespace nsq::admin {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string_view Request::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (std::equal(key.begin(), key.end(), name.begin(), name.end(),
                   [](char a, char b) { return Lower(a) == Lower(b); })) {
      return value;
    }
  }
  return {};
}

Response Response::Json(std::string body) {
  return {.content_type = "application/json; charset=utf-8",
          .body = std::move(body),
          .headers = {{"X-NSQ-Content-Type", "nsq; version=1.0"}}};
}

Response Response::Error(int status, std::string_view text) {
  JsonWriter json;
  json.BeginObject();
  json.String("message", text);
  json.EndObject();
  Response response = Json(json.Take());
  response.status = status;
  return response;
}

Response Response::Text(int status, std::string_view text) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::string(text)};
}

}  // namespace nsq::admin
