#include "lookupd/identify_body.h"

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "common/strings.h"

namespace nsq::lookupd {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";

// The parser refuses what is not UTF-8; nsqds of old hosts send such hostnames.
std::string ValidUtf8(std::string_view raw) {
  std::string valid;
  valid.reserve(raw.size());
  while (!raw.empty()) {
    uint32_t rune = 0;
    const size_t length = DecodeUtf8(raw, &rune);
    valid += length == 0 ? kReplacement : raw.substr(0, length);
    raw.remove_prefix(length == 0 ? 1 : length);
  }
  return valid;
}

// ASCII letters without case, and the two other runes whose lower case is an ASCII letter.
std::string Folded(std::string_view key) {
  std::string folded;
  for (size_t i = 0; i < key.size(); ++i) {
    if (key.substr(i, 2) == "\u017F") {  // long s
      folded += 's';
      i += 1;
    } else if (key.substr(i, 3) == "\u212A") {  // Kelvin sign
      folded += 'k';
      i += 2;
    } else {
      const char c = key[i];
      folded += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return folded;
}

// Takes the parser's events as they come: no tree is built, so nesting costs nothing and the order
// of equal keys is known. A wrong type is remembered, not acted upon: wrong syntax later on is the
// same error.
class Reader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Reader(Peer* peer) : peer_(peer) {}

  Status status() const { return error_.empty() ? Status() : Status(Code::kInvalid, error_); }

  bool null() override { return true; }
  bool boolean(bool value) override {
    // Ours: other nsqds do not say it.
    if (depth_ == 1 && key_ == "draining") {
      peer_->draining = value;
      return true;
    }
    return WrongUnlessUnknown("bool");
  }
  bool number_integer(number_integer_t value) override { return Integer(value); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return Float();
    return Integer(static_cast<int64_t>(value));
  }
  bool number_float(number_float_t, const string_t&) override { return Float(); }
  bool string(string_t& value) override {
    if (depth_ == 0) return Wrong("string");
    if (depth_ != 1) return true;
    if (number_ != nullptr) return Wrong("string");
    if (text_ != nullptr) *text_ = std::move(value);
    return true;
  }
  bool binary(binary_t&) override { return Wrong("binary"); }

  bool start_object(size_t) override {
    if (depth_ == 1) WrongUnlessUnknown("object");
    ++depth_;
    return true;
  }
  bool start_array(size_t) override {
    if (depth_ <= 1) WrongUnlessUnknown("array");
    ++depth_;
    return true;
  }
  bool end_object() override { return --depth_, true; }
  bool end_array() override { return --depth_, true; }

  bool key(string_t& name) override {
    if (depth_ != 1) return true;
    key_ = Folded(name);
    number_ = nullptr;
    text_ = nullptr;
    if (key_ == "tcp_port") number_ = &peer_->tcp_port;
    if (key_ == "http_port") number_ = &peer_->http_port;
    if (key_ == "remote_address") text_ = &peer_->remote_address;
    if (key_ == "hostname") text_ = &peer_->hostname;
    if (key_ == "broadcast_address") text_ = &peer_->broadcast_address;
    if (key_ == "version") text_ = &peer_->version;
    if (key_ == "topology_zone") text_ = &peer_->topology_zone;
    if (key_ == "topology_region") text_ = &peer_->topology_region;
    return true;
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    error_ = "JSON syntax error at byte " + std::to_string(position);
    return false;
  }

 private:
  bool Integer(int64_t value) {
    if (depth_ == 1 && number_ != nullptr) {
      *number_ = value;
      return true;
    }
    return WrongUnlessUnknown("number");
  }
  bool Float() { return WrongUnlessUnknown("number that is no 64-bit integer"); }

  // Inside a value of a key that we do not know, or of one whose type is wrong already, anything
  // goes.
  bool WrongUnlessUnknown(const char* type) {
    if (depth_ == 0) return Wrong(type);
    if (depth_ == 1 && (number_ != nullptr || text_ != nullptr)) return Wrong(type);
    return true;
  }
  bool Wrong(const char* type) {
    error_ = std::string("JSON ") + type + (depth_ == 0 ? " instead of an object" : " for " + key_);
    return true;
  }

  Peer* const peer_;
  int depth_ = 0;
  std::string key_;
  int64_t* number_ = nullptr;    // where the value of the present key goes,
  std::string* text_ = nullptr;  // if it is one that we know
  std::string error_;
};

}  // namespace

Result<Peer> ParseIdentifyBody(std::string_view body) {
  // The parser would skip a byte order mark; encoding/json, and so every nsqlookupd, refuses it.
  if (body.starts_with("\uFEFF")) return Status(Code::kInvalid, "JSON syntax error at byte 1");
  // It would also take a NUL for the end of the text.
  if (const size_t at = body.find('\0'); at != std::string_view::npos) {
    return Status(Code::kInvalid, StrCat("JSON syntax error at byte ", at + 1));
  }
  Peer peer;
  Reader reader(&peer);
  const std::string text = ValidUtf8(body);
  try {
    nlohmann::json::sax_parse(text, &reader);
  } catch (const std::exception& error) {
    return Status(Code::kInvalid, error.what());
  }
  if (const Status status = reader.status(); !status.ok()) return status;
  return peer;
}

bool HasRequiredFields(const Peer& peer) {
  return !peer.broadcast_address.empty() && peer.tcp_port != 0 && peer.http_port != 0 &&
         !peer.version.empty();
}

}  // namespace nsq::lookupd
