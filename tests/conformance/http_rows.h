#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/conformance/conversation.h"

namespace nsq::conformance {

// One line of a table: a request on a connection of its own, and the answers as text:
//
//   "200 v1 text | OK"
//   "405 v1 json allow=GET, OPTIONS | {...}"
//
// status; "1.0" if the answer is HTTP/1.0's; "v1" for X-NSQ-Content-Type; text, json or html, or
// the type as it is; close or keep-alive, as said in Connection; allow=, to= (Location); the body.
// Two answers to one request (100 Continue) are two strings.
struct HttpRow {
  std::string say;
  std::vector<std::string> expected;
  End end = End::kStays;
  std::optional<std::vector<std::string>> original = std::nullopt;
  std::optional<End> original_end = std::nullopt;
};

// "GET /ping" -> a request of HTTP/1.1; "POST /pub?topic=t" with a body.
std::string Request(std::string_view method_and_target, std::string_view body = {});

// The answers in `bytes`, up to where the connection ended. `head`: the first is one to HEAD.
std::vector<std::string> Answers(std::string_view bytes, bool head);

void CheckHttpRows(uint16_t port, const std::vector<HttpRow>& rows);
// The short ones, each byte in a packet of its own.
void CheckHttpRowsByteByByte(uint16_t port, const std::vector<HttpRow>& rows);

// The body of the answer, whatever its status.
std::string HttpBody(uint16_t port, std::string_view method_and_target, std::string_view body = {});

}  // namespace nsq::conformance
