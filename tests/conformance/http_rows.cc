#include "tests/conformance/http_rows.h"

#include <gtest/gtest.h>

#include <cctype>
#include <charconv>
#include <map>
#include <utility>

#include "common/strings.h"
#include "tests/conformance/conformance_fixture.h"

namespace nsq::conformance {
namespace {

constexpr std::string_view kProbe =
    "GET /conformance HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
constexpr std::string_view kProbed = "404 v1 json close | {\"message\":\"NOT_FOUND\"}";

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<uint8_t>(c)));
  return lower;
}

// Takes what stands before `mark` from the front of `bytes`, and `mark`.
std::string_view Take(std::string_view* bytes, std::string_view mark) {
  const size_t at = bytes->find(mark);
  const std::string_view taken = bytes->substr(0, at);
  bytes->remove_prefix(at == std::string_view::npos ? bytes->size() : at + mark.size());
  return taken;
}

std::string TakeChunks(std::string_view* bytes) {
  std::string body;
  while (true) {
    const std::string_view line = Take(bytes, "\r\n");
    size_t size = 0;
    std::from_chars(line.data(), line.data() + line.size(), size, 16);
    body += bytes->substr(0, size);
    bytes->remove_prefix(std::min(bytes->size(), size + 2));
    if (size == 0) return body;
  }
}

std::string TypeName(const std::string& type) {
  if (type == "text/plain; charset=utf-8") return " text";
  if (type == "application/json; charset=utf-8") return " json";
  if (type == "text/html; charset=utf-8") return " html";
  return type.empty() ? "" : " " + type;
}

// Takes one answer.
std::string TakeAnswer(std::string_view* bytes, bool head) {
  std::string_view lines = Take(bytes, "\r\n\r\n");
  const std::string_view first = Take(&lines, "\r\n");
  std::map<std::string, std::string> headers;
  while (!lines.empty()) {
    std::string_view line = Take(&lines, "\r\n");
    std::string name = Lower(Take(&line, ": "));
    headers[std::move(name)] = std::string(line);
  }
  std::string text(first.substr(std::min<size_t>(first.size(), 9), 3));
  if (first.starts_with("HTTP/1.0 ")) text += " 1.0";
  if (headers["x-nsq-content-type"] == "nsq; version=1.0") text += " v1";
  text += TypeName(headers["content-type"]);
  if (!headers["connection"].empty()) text += " " + headers["connection"];
  if (!headers["allow"].empty()) text += " allow=" + headers["allow"];
  if (!headers["location"].empty()) text += " to=" + headers["location"];

  std::string body;
  size_t length = 0;
  if (head || text.starts_with("1")) {
    // nothing follows
  } else if (headers["transfer-encoding"] == "chunked") {
    body = TakeChunks(bytes);
  } else if (ParseInt(headers["content-length"], &length)) {
    body = bytes->substr(0, length);
    if (body.size() < length) body += " (cut short)";
    bytes->remove_prefix(std::min(bytes->size(), length));
  } else {
    body = std::exchange(*bytes, {});
  }
  return body.empty() ? text : StrCat(text, " | ", body);
}

void CheckHttpRow(uint16_t port, const HttpRow& row, Pieces pieces) {
  const std::vector<std::string>& expected =
      IsOriginal() ? row.original.value_or(row.expected) : row.expected;
  const End end = IsOriginal() ? row.original_end.value_or(row.end) : row.end;
  std::string say = row.say;
  if (end == End::kStays) say += kProbe;
  std::vector<std::string> heard =
      Answers(Exchange(port, say, end == End::kCut, pieces), row.say.starts_with("HEAD "));
  SCOPED_TRACE(
      StrCat("said", pieces == Pieces::kBytes ? " byte by byte: " : ": ", Printable(row.say)));
  if (end == End::kStays) {
    EXPECT_TRUE(!heard.empty() && heard.back() == kProbed) << "the connection does not go on";
    if (!heard.empty() && heard.back() == kProbed) heard.pop_back();
  }
  EXPECT_EQ(heard, expected);
}

}  // namespace

std::string Request(std::string_view method_and_target, std::string_view body) {
  return StrCat(method_and_target, " HTTP/1.1\r\nHost: x\r\nContent-Length: ", body.size(),
                "\r\n\r\n", body);
}

std::vector<std::string> Answers(std::string_view bytes, bool head) {
  std::vector<std::string> answers;
  while (!bytes.empty()) {
    answers.push_back(TakeAnswer(&bytes, head));
    if (!answers.back().starts_with("1")) head = false;
  }
  return answers;
}

void CheckHttpRows(uint16_t port, const std::vector<HttpRow>& rows) {
  for (const HttpRow& row : rows) CheckHttpRow(port, row, Pieces::kWhole);
}

void CheckHttpRowsByteByByte(uint16_t port, const std::vector<HttpRow>& rows) {
  for (const HttpRow& row : rows) {
    if (IsShort(row.say)) CheckHttpRow(port, row, Pieces::kBytes);
  }
}

std::string HttpBody(uint16_t port, std::string_view method_and_target, std::string_view body) {
  std::string request = Request(method_and_target, body);
  request.insert(request.find("\r\n") + 2, "Connection: close\r\n");
  const auto answers = Answers(Exchange(port, request, false), false);
  if (answers.empty()) return "no answer";
  const size_t at = answers.back().find(" | ");
  return at == std::string::npos ? "" : answers.back().substr(at + 3);
}

}  // namespace nsq::conformance
