#include "nsqd/protocol/auth.h"

#include <re2/re2.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/strings.h"
#include "nsqd/protocol/go_json.h"

namespace nsq::nsqd {
namespace {

// Keys keep their order: of two that are the same but for the case of letters the last one counts.
using Json = nlohmann::ordered_json;

// What a server that means "for ever" may say without making the clock wrap around.
constexpr int64_t kLongestTtlSeconds = int64_t{10} * 365 * 24 * 3600;

Status Invalid(std::string detail) { return Status(Code::kInvalid, std::move(detail)); }

// As Go's decoder: any case of letters, and null is as good as nothing.
const Json* Find(const Json& object, std::string_view name) {
  const Json* found = nullptr;
  for (const auto& [key, value] : object.items()) {
    const bool same = key.size() == name.size() &&
                      std::equal(key.begin(), key.end(), name.begin(), [](char a, char b) {
                        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a | 0x20) : a) == b;
                      });
    if (same && !value.is_null()) found = &value;
  }
  return found;
}

Status ReadText(const Json& object, std::string_view name, std::string* to) {
  const Json* const value = Find(object, name);
  if (value == nullptr) return Status();
  if (!value->is_string()) return Invalid(StrCat(name, " is not a string"));
  *to = value->get<std::string>();
  return Status();
}

Status ReadTexts(const Json& object, std::string_view name, std::vector<std::string>* to) {
  const Json* const list = Find(object, name);
  if (list == nullptr) return Status();
  if (!list->is_array()) return Invalid(StrCat(name, " is not a list"));
  for (const Json& item : *list) {
    if (!item.is_string() && !item.is_null()) {
      return Invalid(StrCat("one of ", name, " is not a string"));
    }
    to->push_back(item.is_null() ? std::string() : item.get<std::string>());
  }
  return Status();
}

// Whether \C is in it: the one thing that RE2 knows and Go does not.
bool HasAnyByte(std::string_view expression) {
  for (size_t i = 0; i + 1 < expression.size(); ++i) {
    if (expression[i] != '\\') continue;
    if (expression[++i] == 'C') return true;
  }
  return false;
}

}  // namespace

// Fills an Authorizations from JSON.
struct Authorizations::Reader {
  explicit Reader(Authorizations* authorizations) : to(authorizations) {}

  Status Read(const Json& answer) {
    if (!answer.is_object()) return Invalid("not a JSON object");
    if (const Json* const ttl = Find(answer, "ttl")) {
      const bool fits =
          ttl->is_number_integer() && (!ttl->is_number_unsigned() ||
                                       ttl->get<uint64_t>() <= std::numeric_limits<int64_t>::max());
      if (!fits) return Invalid("ttl is not an integer");
      to->ttl_ = seconds(std::clamp<int64_t>(ttl->get<int64_t>(), 0, kLongestTtlSeconds));
    }
    if (to->ttl_ <= Duration::zero()) return Invalid("ttl must be > 0");
    if (Status status = ReadText(answer, "identity", &to->identity_); !status.ok()) return status;
    if (Status status = ReadText(answer, "identity_url", &to->identity_url_); !status.ok()) {
      return status;
    }
    const Json* const list = Find(answer, "authorizations");
    if (list == nullptr) return Status();
    if (!list->is_array()) return Invalid("authorizations is not a list");
    for (const Json& item : *list) {
      if (Status status = ReadEntry(item); !status.ok()) return status;
    }
    return Status();
  }

  Status ReadEntry(const Json& item) {
    if (item.is_null()) {
      to->entries_.emplace_back();  // as Go: an empty one, which allows nothing
      return Status();
    }
    if (!item.is_object()) return Invalid("an authorization is not an object");
    std::string topic;
    std::vector<std::string> channels;
    std::vector<std::string> permissions;
    if (Status status = ReadText(item, "topic", &topic); !status.ok()) return status;
    if (Status status = ReadTexts(item, "channels", &channels); !status.ok()) return status;
    if (Status status = ReadTexts(item, "permissions", &permissions); !status.ok()) return status;
    Entry entry;
    for (const std::string& permission : permissions) {
      if (permission == "subscribe") {
        entry.subscribe = true;
      } else if (permission == "publish") {
        entry.publish = true;
      } else {
        return Invalid(StrCat("unknown permission ", GoQuoted(permission)));
      }
    }
    if (Status status = Compile(topic, &entry.topic); !status.ok()) return status;
    for (const std::string& channel : channels) {
      entry.channels.emplace_back();
      if (Status status = Compile(channel, &entry.channels.back()); !status.ok()) return status;
    }
    to->entries_.push_back(std::move(entry));
    return Status();
  }

  Status Compile(const std::string& expression, const re2::RE2** compiled) {
    const re2::RE2*& known = seen[expression];
    if (known == nullptr) {
      auto fresh = std::make_unique<re2::RE2>(expression, re2::RE2::Quiet);
      if (!fresh->ok() || HasAnyByte(expression)) {
        return Invalid(StrCat("cannot compile ", GoQuoted(expression), ": ", fresh->error()));
      }
      known = fresh.get();
      to->expressions_.push_back(std::move(fresh));
    }
    *compiled = known;
    return Status();
  }

  Authorizations* const to;
  std::map<std::string, const re2::RE2*> seen;
};

Authorizations::Authorizations() = default;

Authorizations::~Authorizations() = default;

Result<std::shared_ptr<const Authorizations>> Authorizations::Parse(std::string_view json) {
  const std::optional<std::string> text = AsGoReadsJson(json);
  if (!text) return Invalid("not JSON");
  const Json answer = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (answer.is_discarded()) return Invalid("not JSON");
  std::shared_ptr<Authorizations> authorizations(new Authorizations);
  if (const Status status = Reader(authorizations.get()).Read(answer); !status.ok()) return status;
  return std::shared_ptr<const Authorizations>(std::move(authorizations));
}

bool Authorizations::Allows(Permission permission, std::string_view topic,
                            std::string_view channel) const {
  const auto matches = [](std::string_view text, const re2::RE2* expression) {
    return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *expression);
  };
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return (permission == Permission::kSubscribe ? entry.subscribe : entry.publish) &&
           matches(topic, entry.topic) &&
           std::any_of(entry.channels.begin(), entry.channels.end(),
                       [&](const re2::RE2* expression) { return matches(channel, expression); });
  });
}

}  // namespace nsq::nsqd
