#include "common/http/request_head.h"

#include <algorithm>
#include <array>

#include "common/strings.h"

namespace nsq::http {
namespace {

constexpr std::array<std::string_view, kMethods> kMethodNames = {
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "OTHER"};

constexpr HeadError kMalformed = {400, ""};

// RFC 9110, 5.6.2.
constexpr std::array<bool, 256> kIsToken = [] {
  std::array<bool, 256> is{};
  for (int c = '0'; c <= '9'; ++c) is[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) is[static_cast<size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) is[static_cast<size_t>(c)] = true;
  for (const char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'})
    is[static_cast<size_t>(c)] = true;
  return is;
}();

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return kIsToken[static_cast<unsigned char>(c)];
  });
}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool IsFieldValue(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return IsControl(c) && c != '\t'; });
}

// What may stand in a Host header: no blanks, no controls, nothing of a path (Go's table).
bool IsHost(std::string_view text) {
  static constexpr std::string_view kMarks = "!$%&'()*+,-.:;=@[]_~";
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

// A path, an absolute URL, "*", or what CONNECT names.
bool IsTarget(std::string_view target, Method method) {
  if (target.empty() || std::any_of(target.begin(), target.end(), IsControl)) return false;
  if (target[0] == '/' || target == "*") return true;
  const size_t colon = target.find(':');
  const size_t path = target.find_first_of("/?");
  if (method == Method::kConnect) return true;
  return colon != std::string_view::npos && colon > 0 && colon < path;
}

Method MethodOf(std::string_view text) {
  const auto at = std::find(kMethodNames.begin(), kMethodNames.end() - 1, text);
  return static_cast<Method>(at - kMethodNames.begin());
}

std::string_view Trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// Takes one line off the front, without its LF or CR LF.
std::string_view TakeLine(std::string_view* text) {
  const size_t end = text->find('\n');
  std::string_view line = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Whether a comma-separated list holds a word, in any case.
bool Lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (EqualsIgnoreCase(Trim(list.substr(0, comma)), word)) return true;
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

// A line that begins with a blank goes on with the field before it: its line end becomes blanks.
void Unfold(std::string* text) {
  for (size_t at = 0; (at = text->find('\n', at)) != std::string::npos; ++at) {
    if (at + 1 == text->size() || ((*text)[at + 1] != ' ' && (*text)[at + 1] != '\t')) continue;
    (*text)[at] = ' ';
    if (at > 0 && (*text)[at - 1] == '\r') (*text)[at - 1] = ' ';
  }
}

std::optional<HeadError> ParseFields(std::string_view text, RequestHead* head) {
  for (;;) {
    const std::string_view line = TakeLine(&text);
    if (line.empty()) return std::nullopt;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return kMalformed;
    if (colon == 0) continue;  // as Go's: a field without a name is nothing
    const RequestHead::Field field = {line.substr(0, colon), Trim(line.substr(colon + 1))};
    if (!IsToken(field.name)) return HeadError{400, "invalid header name"};
    if (!IsFieldValue(field.value)) return HeadError{400, "invalid header value"};
    head->fields.push_back(field);
  }
}

std::optional<HeadError> FindFraming(RequestHead* head) {
  const std::string_view* coding = nullptr;
  const std::string_view* length = nullptr;
  for (const RequestHead::Field& field : head->fields) {
    // HTTP/1.0 knows no codings.
    if (head->minor_version > 0 && EqualsIgnoreCase(field.name, "Transfer-Encoding")) {
      if (coding != nullptr || !EqualsIgnoreCase(field.value, "chunked")) {
        return HeadError{501, "Unsupported transfer encoding"};
      }
      coding = &field.value;
    } else if (EqualsIgnoreCase(field.name, "Content-Length")) {
      if (length != nullptr && *length != field.value) return kMalformed;
      length = &field.value;
    }
  }
  if (coding != nullptr) {
    head->framing = Framing::kChunked;
  } else if (length != nullptr && !length->empty()) {
    int64_t bytes = 0;
    const bool digits =
        std::all_of(length->begin(), length->end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || !ParseInt(*length, &bytes)) return kMalformed;
    head->content_length = static_cast<uint64_t>(bytes);
    head->framing = bytes > 0 ? Framing::kLength : Framing::kNone;
  }
  return std::nullopt;
}

std::optional<HeadError> CheckHost(const RequestHead& head) {
  const std::string_view* host = nullptr;
  for (const RequestHead::Field& field : head.fields) {
    if (!EqualsIgnoreCase(field.name, "Host")) continue;
    if (host != nullptr) return kMalformed;
    host = &field.value;
  }
  if (host == nullptr) {
    if (head.minor_version == 0) return std::nullopt;
    return HeadError{400, "missing required Host header"};
  }
  if (!IsHost(*host)) return HeadError{400, "malformed Host header"};
  return std::nullopt;
}

}  // namespace

std::string_view ToString(Method method) { return kMethodNames[static_cast<size_t>(method)]; }

const std::string_view* RequestHead::Find(std::string_view name) const {
  for (const Field& field : fields) {
    if (EqualsIgnoreCase(field.name, name)) return &field.value;
  }
  return nullptr;
}

std::optional<HeadError> ParseRequestLine(std::string_view line, RequestHead* head) {
  const size_t first = line.find(' ');
  if (first == std::string_view::npos) return kMalformed;
  const size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos) return kMalformed;
  head->method_text = line.substr(0, first);
  head->target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);

  if (!IsToken(head->method_text)) return kMalformed;
  head->method = MethodOf(head->method_text);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7])) {
    return kMalformed;
  }
  if (!IsTarget(head->target, head->method)) return kMalformed;
  if (version[5] != '1') return HeadError{505, "unsupported protocol version"};
  head->minor_version = version[7] - '0';
  return std::nullopt;
}

std::optional<HeadError> ParseHead(std::string* text, RequestHead* head) {
  std::string_view rest = *text;
  const std::string_view line = TakeLine(&rest);
  if (auto error = ParseRequestLine(line, head)) return error;
  if (rest.starts_with(' ') || rest.starts_with('\t')) return kMalformed;
  Unfold(text);
  if (auto error = ParseFields(rest, head)) return error;
  if (auto error = FindFraming(head)) return error;
  if (auto error = CheckHost(*head)) return error;

  bool close = false;
  bool keep = false;
  for (const RequestHead::Field& field : head->fields) {
    if (EqualsIgnoreCase(field.name, "Connection")) {
      close = close || Lists(field.value, "close");
      keep = keep || Lists(field.value, "keep-alive");
    } else if (EqualsIgnoreCase(field.name, "Expect") && head->expect == RequestHead::Expect()) {
      head->expect = Lists(field.value, "100-continue") ? RequestHead::Expect::kContinue
                     : field.value.empty()              ? RequestHead::Expect::kNothing
                                                        : RequestHead::Expect::kUnknown;
    }
  }
  head->keep_alive = head->minor_version == 0 ? keep : !close;
  return std::nullopt;
}

std::optional<size_t> FindHeadEnd(std::string_view data, size_t scanned) {
  // An end may have begun in the last three of the scanned bytes.
  size_t at = scanned < 3 ? 0 : scanned - 3;
  while ((at = data.find('\n', at)) != std::string_view::npos) {
    ++at;
    if (at < data.size() && data[at] == '\n') return at + 1;
    if (at + 1 < data.size() && data[at] == '\r' && data[at + 1] == '\n') return at + 2;
  }
  return std::nullopt;
}

}  // namespace nsq::http
