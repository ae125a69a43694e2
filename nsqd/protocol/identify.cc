#include "nsqd/protocol/identify.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/strings.h"
#include "common/version.h"
#include "common/wire/json.h"
#include "nsqd/protocol/go_json.h"

namespace nsq::nsqd {
namespace {

// What Go calls the default level, and shows when deflate is not in use.
constexpr int kDefaultDeflateLevel = 6;

// Where a value goes; at most one is set. (A std::variant here is "maybe uninitialized" to GCC 12.)
struct Field {
  Field() = default;
  Field(std::string* to) : text(to) {}      // NOLINT(google-explicit-constructor)
  Field(bool* to) : truth(to) {}            // NOLINT(google-explicit-constructor)
  Field(int64_t* to) : number(to) {}        // NOLINT(google-explicit-constructor)
  Field(int32_t* to) : small_number(to) {}  // NOLINT(google-explicit-constructor)

  bool none() const {
    return text == nullptr && truth == nullptr && number == nullptr && small_number == nullptr;
  }

  std::string* text = nullptr;
  bool* truth = nullptr;
  int64_t* number = nullptr;
  int32_t* small_number = nullptr;
};

Field FieldOf(std::string_view key, IdentifyRequest* request) {
  std::string name(key);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  if (name == "client_id") return &request->client_id;
  if (name == "hostname") return &request->hostname;
  if (name == "user_agent") return &request->user_agent;
  if (name == "feature_negotiation") return &request->feature_negotiation;
  if (name == "heartbeat_interval") return &request->heartbeat_interval;
  if (name == "output_buffer_size") return &request->output_buffer_size;
  if (name == "output_buffer_timeout") return &request->output_buffer_timeout;
  if (name == "tls_v1") return &request->tls_v1;
  if (name == "deflate") return &request->deflate;
  if (name == "deflate_level") return &request->deflate_level;
  if (name == "snappy") return &request->snappy;
  if (name == "sample_rate") return &request->sample_rate;
  if (name == "msg_timeout") return &request->msg_timeout;
  if (name == "topology_region") return &request->topology_region;
  if (name == "topology_zone") return &request->topology_zone;
  return {};
}

// Fills a request while the text is read, since only the order of keys tells which is the last.
class Reader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Reader(IdentifyRequest* request) : request_(request) {}

  bool null() override { return true; }
  bool boolean(bool value) override { return Set(field_.truth, value); }
  bool number_integer(number_integer_t value) override { return SetNumber(value); }
  bool number_unsigned(number_unsigned_t value) override {
    return value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())
               ? SetNumber(static_cast<int64_t>(value))
               : Skip();
  }
  bool number_float(number_float_t, const string_t&) override { return Skip(); }
  bool string(string_t& value) override { return Set(field_.text, value); }
  bool binary(binary_t&) override { return Skip(); }
  bool start_object(size_t) override { return depth_++ == 0 || Skip(); }
  bool start_array(size_t) override { return std::exchange(depth_, depth_ + 1) > 0 && Skip(); }
  bool end_object() override { return Leave(); }
  bool end_array() override { return Leave(); }
  bool key(string_t& name) override {
    if (depth_ == 1) field_ = FieldOf(name, request_);
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  // A value that nobody asked for is fine, one of another type than its field's is not.
  bool Skip() const { return depth_ > 0 && field_.none(); }

  template <typename T>
  bool Set(T* to, const T& value) {
    if (to == nullptr || depth_ != 1) return Skip();
    *to = value;
    return true;
  }
  bool SetNumber(int64_t value) {
    if (field_.small_number != nullptr && depth_ == 1) {
      if (value != static_cast<int32_t>(value)) return false;
      return Set(field_.small_number, static_cast<int32_t>(value));
    }
    return Set(field_.number, value);
  }
  bool Leave() {
    if (--depth_ == 1) field_ = Field();
    return true;
  }

  IdentifyRequest* const request_;
  size_t depth_ = 0;
  Field field_;  // that the next value at depth 1 is for, and all that is inside it
};

int64_t Ms(Duration duration) { return std::chrono::duration_cast<milliseconds>(duration).count(); }

bool Within(int64_t value, int64_t least, int64_t most) { return value >= least && value <= most; }

}  // namespace

std::optional<IdentifyRequest> DecodeIdentify(std::string_view json) {
  const std::optional<std::string> text = AsGoReadsJson(json);
  IdentifyRequest request;
  Reader reader(&request);
  if (!text || !nlohmann::json::sax_parse(*text, &reader)) return std::nullopt;
  return request;
}

std::optional<Refusal> ApplyIdentify(const IdentifyRequest& request, const Options& options,
                                     ClientInfo* client) {
  client->client_id = request.client_id;
  client->hostname = request.hostname;
  client->user_agent = request.user_agent;
  client->topology_region = request.topology_region;
  client->topology_zone = request.topology_zone;

  Terms& terms = client->terms;
  if (request.heartbeat_interval == -1) {
    terms.heartbeat_interval = Duration::zero();
  } else if (request.heartbeat_interval != 0) {
    if (!Within(request.heartbeat_interval, 1000, Ms(options.max_heartbeat_interval))) {
      return refusal::BadTerm("heartbeat interval", request.heartbeat_interval);
    }
    terms.heartbeat_interval = milliseconds(request.heartbeat_interval);
  }
  if (request.output_buffer_timeout == -1) {
    terms.output_buffer_timeout = Duration::zero();
  } else if (request.output_buffer_timeout != 0) {
    if (!Within(request.output_buffer_timeout, Ms(options.min_output_buffer_timeout),
                Ms(options.max_output_buffer_timeout))) {
      return refusal::BadTerm("output buffer timeout", request.output_buffer_timeout);
    }
    terms.output_buffer_timeout = milliseconds(request.output_buffer_timeout);
  }
  if (request.output_buffer_size == -1) {
    terms.output_buffer_size = 1;
    terms.output_buffer_timeout = Duration::zero();
  } else if (request.output_buffer_size != 0) {
    if (!Within(request.output_buffer_size, 64, options.max_output_buffer_size)) {
      return refusal::BadTerm("output buffer size", request.output_buffer_size);
    }
    terms.output_buffer_size = request.output_buffer_size;
  }
  if (!Within(request.sample_rate, 0, 99)) {
    return refusal::BadTerm("sample rate", request.sample_rate);
  }
  terms.sample_rate = request.sample_rate;
  if (request.msg_timeout != 0) {
    if (!Within(request.msg_timeout, 1000, Ms(options.max_msg_timeout))) {
      return refusal::BadTerm("msg timeout", request.msg_timeout);
    }
    terms.msg_timeout = milliseconds(request.msg_timeout);
  }
  if (!client->identified) client->first_terms = terms;
  client->identified = true;
  return std::nullopt;
}

Layers GrantLayers(const IdentifyRequest& request, const Options& options, bool tls) {
  Layers layers;
  const bool asks = request.feature_negotiation;
  layers.tls = asks && request.tls_v1 && tls;
  layers.snappy = asks && request.snappy && options.snappy;
  layers.deflate = asks && request.deflate && options.deflate;
  const int64_t level =
      layers.deflate && request.deflate_level > 0 ? request.deflate_level : kDefaultDeflateLevel;
  layers.deflate_level = static_cast<int>(std::min<int64_t>(level, options.max_deflate_level));
  return layers;
}

std::string IdentifyResponse(const ClientInfo& client, const Layers& layers,
                             const Options& options) {
  const Terms& terms = client.terms;
  const auto word = [](bool value) { return value ? "true" : "false"; };
  std::string json = StrCat(
      "{\"max_rdy_count\":", options.max_rdy_count, ",\"version\":\"", kVersion,
      "\",\"max_msg_timeout\":", Ms(options.max_msg_timeout),
      ",\"msg_timeout\":", Ms(terms.msg_timeout), ",\"tls_v1\":", word(layers.tls),
      ",\"deflate\":", word(layers.deflate), ",\"deflate_level\":", layers.deflate_level,
      ",\"max_deflate_level\":", options.max_deflate_level, ",\"snappy\":", word(layers.snappy),
      ",\"sample_rate\":", terms.sample_rate,
      ",\"auth_required\":", options.auth_http_addresses.empty() ? "false" : "true",
      ",\"output_buffer_size\":", terms.output_buffer_size,
      ",\"output_buffer_timeout\":", Ms(terms.output_buffer_timeout), ",\"topology_region\":");
  AppendJsonString(options.topology_region, &json);
  json += ",\"topology_zone\":";
  AppendJsonString(options.topology_zone, &json);
  json += '}';
  return json;
}

std::string ToString(const IdentifyRequest& request) {
  const auto word = [](bool value) { return value ? "true" : "false"; };
  return StrCat("{ClientID:", request.client_id, " Hostname:", request.hostname,
                " HeartbeatInterval:", request.heartbeat_interval,
                " OutputBufferSize:", request.output_buffer_size,
                " OutputBufferTimeout:", request.output_buffer_timeout,
                " FeatureNegotiation:", word(request.feature_negotiation),
                " TLSv1:", word(request.tls_v1), " Deflate:", word(request.deflate),
                " DeflateLevel:", request.deflate_level, " Snappy:", word(request.snappy),
                " SampleRate:", request.sample_rate, " UserAgent:", request.user_agent,
                " MsgTimeout:", request.msg_timeout, " TopologyRegion:", request.topology_region,
                " TopologyZone:", request.topology_zone, "}");
}

}  // namespace nsq::nsqd
