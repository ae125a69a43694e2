#include <nsq/client_options.h>

#include <charconv>
#include <cstdlib>
#include <limits>
#include <map>
#include <string>

#include "clients/nsq/internal/http_client.h"
#include "common/config/duration.h"
#include "common/strings.h"
#include "common/wire/json.h"

namespace nsq {
namespace {

using Time = ClientOptions::Time;

constexpr Time kNoLimit = Time::max();
constexpr Time kNoLeast = Time::min();

Error Invalid(std::string text) { return Error{ErrorCode::kInvalidArgument, std::move(text), ""}; }

Error NotCoerced(std::string_view name, std::string_view text, std::string_view why) {
  return Invalid(StrCat("failed to coerce option ", name, " (", text, ") - ", why));
}

std::string ShownNumber(double number) {
  std::string text;
  AppendJsonNumber(number, &text);
  return text;
}

// An option's place, and how its text is read.
class Setter {
 public:
  Setter(std::string_view name, std::string_view text) : name_(name), text_(text) {}

  Expected<void> operator()(Time* to, Time least = kNoLeast, Time most = kNoLimit) const {
    const auto value = ParseGoDuration(text_);
    if (!value) return NotCoerced(name_, text_, WhyNoDuration());
    if (*value < least) return Refused(FormatGoDuration(*value), "<", FormatGoDuration(least));
    if (*value > most) return Refused(FormatGoDuration(*value), ">", FormatGoDuration(most));
    *to = *value;
    return Expected<void>();
  }

  Expected<void> operator()(bool* to) const {
    for (const std::string_view word : {"1", "t", "T", "true", "TRUE", "True"}) {
      if (text_ == word) return Take(to, true);
    }
    for (const std::string_view word : {"0", "f", "F", "false", "FALSE", "False"}) {
      if (text_ == word) return Take(to, false);
    }
    return NotCoerced(name_, text_, BadNumber("ParseBool"));
  }

  Expected<void> operator()(std::string* to) const {
    *to = text_;
    return Expected<void>();
  }

  template <typename T>
  requires std::is_integral_v<T> Expected<void>
  operator()(T* to, int64_t least = std::numeric_limits<T>::min(),
             int64_t most = std::numeric_limits<T>::max()) const {
    std::string_view digits = text_;
    if (digits.starts_with('+')) digits.remove_prefix(1);
    int64_t value = 0;
    if (!ParseInt(digits, &value)) return NotCoerced(name_, text_, BadNumber("ParseInt"));
    if (value < least) return Refused(std::to_string(value), "<", std::to_string(least));
    if (value > most) return Refused(std::to_string(value), ">", std::to_string(most));
    *to = static_cast<T>(value);
    return Expected<void>();
  }

  Expected<void> operator()(double* to, double least, double most) const {
    double value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc() || end != text_.data() + text_.size()) {
      return NotCoerced(name_, text_, BadNumber("ParseFloat"));
    }
    if (!(value >= least)) return Refused(ShownNumber(value), "<", ShownNumber(least));
    if (value > most) return Refused(ShownNumber(value), ">", ShownNumber(most));
    *to = value;
    return Expected<void>();
  }

  Expected<void> operator()(BackoffStrategy* to) const {
    if (text_.empty() || text_ == "exponential") {
      *to = BackoffStrategy::kExponential;
    } else if (text_ == "full_jitter") {
      *to = BackoffStrategy::kFullJitter;
    } else {
      return NotCoerced(name_, text_, "not one of exponential, full_jitter");
    }
    return Expected<void>();
  }

  Expected<void> operator()(LeastTls* to) const {
    static const std::map<std::string_view, LeastTls> kVersions = {
        {"ssl3.0", LeastTls::k10},  // which nobody speaks any more
        {"tls1.0", LeastTls::k10},
        {"tls1.1", LeastTls::k11},
        {"tls1.2", LeastTls::k12},
        {"tls1.3", LeastTls::k13}};
    const auto at = kVersions.find(text_);
    if (at == kVersions.end()) return Invalid(StrCat("ERROR: ", text_, " is not a tls version"));
    *to = at->second;
    return Expected<void>();
  }

  Expected<void> Address(std::string* to) const {
    std::string why;
    if (!client::HasPort(text_, &why)) return NotCoerced(name_, text_, why);
    *to = text_;
    return Expected<void>();
  }

 private:
  template <typename T>
  static Expected<void> Take(T* to, T value) {
    *to = value;
    return Expected<void>();
  }
  Error Refused(std::string_view value, std::string_view how, std::string_view limit) const {
    return Invalid(StrCat("invalid ", name_, " ! ", value, " ", how, " ", limit));
  }
  std::string BadNumber(std::string_view function) const {
    return StrCat("strconv.", function, ": parsing ", GoQuoted(text_), ": invalid syntax");
  }
  std::string WhyNoDuration() const {
    const bool number =
        !text_.empty() && text_.find_first_not_of("+-.0123456789") == std::string_view::npos;
    return number ? StrCat("time: missing unit in duration ", GoQuoted(text_))
                  : StrCat("time: invalid duration ", GoQuoted(text_));
  }

  const std::string_view name_;
  const std::string_view text_;
};

}  // namespace

Expected<void> ClientOptions::Set(std::string_view given, std::string_view text) {
  using std::chrono::milliseconds;
  using std::chrono::minutes;
  using std::chrono::seconds;
  std::string name(given);
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  const Setter set(name, text);
  const Time zero{0};
  if (name == "dial_timeout") return set(&dial_timeout);
  if (name == "handshake_timeout") return set(&handshake_timeout, milliseconds(1));
  if (name == "read_timeout") return set(&read_timeout, milliseconds(100), minutes(5));
  if (name == "write_timeout") return set(&write_timeout, milliseconds(100), minutes(5));
  if (name == "local_addr") return set.Address(&local_addr);
  if (name == "max_msg_size") return set(&max_msg_size, 0);
  if (name == "client_id") return set(&client_id);
  if (name == "hostname") return set(&hostname);
  if (name == "user_agent") return set(&user_agent);
  if (name == "topology_region") return set(&topology_region);
  if (name == "topology_zone") return set(&topology_zone);
  if (name == "heartbeat_interval") return set(&heartbeat_interval);
  if (name == "sample_rate") return set(&sample_rate, 0, 99);
  if (name == "output_buffer_size") return set(&output_buffer_size);
  if (name == "output_buffer_timeout") return set(&output_buffer_timeout);
  if (name == "msg_timeout") return set(&msg_timeout, zero);
  if (name == "tls_v1") return set(&tls_v1);
  if (name == "tls_root_ca_file") return set(&tls_root_ca_file);
  if (name == "tls_cert") return set(&tls_cert);
  if (name == "tls_key") return set(&tls_key);
  if (name == "tls_insecure_skip_verify") return set(&tls_insecure_skip_verify);
  if (name == "tls_min_version") return set(&tls_min_version);
  if (name == "deflate") return set(&deflate);
  if (name == "deflate_level") return set(&deflate_level, 1, 9);
  if (name == "snappy") return set(&snappy);
  if (name == "require_compression") return set(&require_compression);
  if (name == "auth_secret") return set(&auth_secret);
  if (name == "lookupd_poll_interval") {
    return set(&lookupd_poll_interval, milliseconds(10), minutes(5));
  }
  if (name == "lookupd_poll_jitter") return set(&lookupd_poll_jitter, 0, 1);
  if (name == "lookupd_poll_timeout") return set(&lookupd_poll_timeout);
  if (name == "skip_lookupd_authorization") return set(&skip_lookupd_authorization);
  if (name == "max_in_flight") return set(&max_in_flight, 0);
  if (name == "max_attempts") return set(&max_attempts, 0, 65535);
  if (name == "default_requeue_delay") return set(&default_requeue_delay, zero, minutes(60));
  if (name == "max_requeue_delay") return set(&max_requeue_delay, zero, minutes(60));
  if (name == "backoff_strategy") return set(&backoff_strategy);
  if (name == "max_backoff_duration") return set(&max_backoff_duration, zero, minutes(60));
  if (name == "backoff_multiplier") return set(&backoff_multiplier, zero, minutes(60));
  if (name == "low_rdy_idle_timeout") return set(&low_rdy_idle_timeout, seconds(1), minutes(5));
  if (name == "low_rdy_timeout") return set(&low_rdy_timeout, seconds(1), minutes(5));
  if (name == "rdy_redistribute_interval") {
    return set(&rdy_redistribute_interval, milliseconds(1), seconds(5));
  }
  if (name == "rdy_on_demand") return set(&rdy_on_demand);
  return Invalid(StrCat("invalid option ", name));
}

Expected<void> ClientOptions::SetPair(std::string_view pair) {
  const size_t comma = pair.find(',');
  if (comma != std::string_view::npos) return Set(pair.substr(0, comma), pair.substr(comma + 1));
  // A name alone is a truth, which is nothing for the other kinds.
  ClientOptions trial;
  const Expected<void> known = trial.Set(pair, "");
  if (!known && known.error().detail.starts_with("invalid option")) return known.error();
  for (const std::string_view truth :
       {"tls_v1", "tls_insecure_skip_verify", "deflate", "snappy", "require_compression",
        "skip_lookupd_authorization", "rdy_on_demand"}) {
    std::string name(pair);
    for (char& c : name) {
      if (c == '-') c = '_';
    }
    if (name == truth) return Set(pair, "true");
  }
  return NotCoerced(pair, "true", "invalid value type");
}

Expected<void> ClientOptions::Validate() const {
  const auto within = [](std::string_view name, int64_t value, int64_t least,
                         int64_t most) -> Expected<void> {
    if (value < least) return Invalid(StrCat("invalid ", name, " ! ", value, " < ", least));
    if (value > most) return Invalid(StrCat("invalid ", name, " ! ", value, " > ", most));
    return Expected<void>();
  };
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  for (const Expected<void>& checked :
       {within("MaxInFlight", max_in_flight, 0, kMost), within("SampleRate", sample_rate, 0, 99),
        within("DeflateLevel", deflate_level, 1, 9),
        within("MaxMsgSize", max_msg_size, 1, kMost)}) {
    if (!checked) return checked;
  }
  for (const auto& [name, time] :
       {std::pair("DialTimeout", dial_timeout), std::pair("HandshakeTimeout", handshake_timeout),
        std::pair("ReadTimeout", read_timeout), std::pair("WriteTimeout", write_timeout),
        std::pair("LookupdPollInterval", lookupd_poll_interval),
        std::pair("LookupdPollTimeout", lookupd_poll_timeout),
        std::pair("RDYRedistributeInterval", rdy_redistribute_interval)}) {
    if (time <= Time::zero()) {
      return Invalid(StrCat("invalid ", name, " ! ", FormatGoDuration(time), " is not positive"));
    }
  }
  if (heartbeat_interval > read_timeout) {
    return Invalid(StrCat("HeartbeatInterval ", FormatGoDuration(heartbeat_interval),
                          " must be less than ReadTimeout ", FormatGoDuration(read_timeout)));
  }
  if (deflate && snappy) return Invalid("cannot enable both deflate and snappy compression");
  if (tls_cert.empty() != tls_key.empty()) {
    return Invalid("tls_cert and tls_key must be given together");
  }
  if (max_backoff_duration > Time::zero() && backoff_multiplier <= Time::zero()) {
    return Invalid(
        "invalid BackoffMultiplier ! 0s: to never back off, set max_backoff_duration to 0");
  }
  return Expected<void>();
}

}  // namespace nsq
