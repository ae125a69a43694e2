#include "clients/apps/json_filter.h"

#include <charconv>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/strings.h"
#include "common/wire/json.h"

namespace nsq::apps {
namespace {

using nlohmann::json;

// A value that keeps the text of its numbers: 12345678901234567890 and 1.0 come out as they came
// in.
struct Value {
  enum class Kind { kNull, kBool, kNumber, kText, kArray, kObject };
  Kind kind = Kind::kNull;
  bool truth = false;
  std::string text;  // kNumber: as it was written; kText
  std::vector<Value> items;
  std::map<std::string, Value> fields;  // sorted; the last of equal names counts
};

// Builds a Value from what the parser meets.
class Builder {
 public:
  Value Take() { return std::move(root_); }

  bool null() { return Put({}); }
  bool boolean(bool truth) {
    Value value;
    value.kind = Value::Kind::kBool;
    value.truth = truth;
    return Put(std::move(value));
  }
  // The parser's number, where it does not show the text: exact for 64 bits.
  bool number_integer(int64_t number) { return Number(std::to_string(number)); }
  bool number_unsigned(uint64_t number) { return Number(std::to_string(number)); }
  bool number_float(double /*number*/, const std::string& text) { return Number(text); }
  bool string(std::string& text) {
    Value value;
    value.kind = Value::Kind::kText;
    value.text = std::move(text);
    return Put(std::move(value));
  }
  bool binary(json::binary_t& /*bytes*/) { return false; }
  bool start_object(size_t /*size*/) { return Open(Value::Kind::kObject); }
  bool key(std::string& name) {
    key_ = std::move(name);
    return true;
  }
  bool end_object() { return Close(); }
  bool start_array(size_t /*size*/) { return Open(Value::Kind::kArray); }
  bool end_array() { return Close(); }
  bool parse_error(size_t /*at*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*why*/) {
    return false;
  }

 private:
  bool Number(std::string text) {
    Value value;
    value.kind = Value::Kind::kNumber;
    value.text = std::move(text);
    return Put(std::move(value));
  }
  Value* Place(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Value& parent = *open_.back();
    if (parent.kind == Value::Kind::kArray) return &parent.items.emplace_back(std::move(value));
    Value& field = parent.fields[key_];
    field = std::move(value);
    return &field;
  }
  bool Put(Value value) {
    Place(std::move(value));
    return true;
  }
  bool Open(Value::Kind kind) {
    Value value;
    value.kind = kind;
    open_.push_back(Place(std::move(value)));
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  Value root_;
  std::vector<Value*> open_;  // of a chain of parents, each the last child: none of them moves
  std::string key_;
};

void Append(const Value& value, std::string* to) {
  switch (value.kind) {
    case Value::Kind::kNull:
      to->append("null");
      return;
    case Value::Kind::kBool:
      to->append(value.truth ? "true" : "false");
      return;
    case Value::Kind::kNumber:
      to->append(value.text);
      return;
    case Value::Kind::kText:
      AppendJsonString(value.text, to);
      return;
    case Value::Kind::kArray: {
      to->push_back('[');
      for (size_t i = 0; i < value.items.size(); ++i) {
        if (i > 0) to->push_back(',');
        Append(value.items[i], to);
      }
      to->push_back(']');
      return;
    }
    case Value::Kind::kObject: {
      to->push_back('{');
      bool first = true;
      for (const auto& [name, field] : value.fields) {
        if (!std::exchange(first, false)) to->push_back(',');
        AppendJsonString(name, to);
        to->push_back(':');
        Append(field, to);
      }
      to->push_back('}');
      return;
    }
  }
}

// With U+FFFD for bytes that are no UTF-8, as Go's decoder reads them; the parser would refuse.
std::string Repaired(std::string_view text) {
  std::string repaired;
  repaired.reserve(text.size());
  while (!text.empty()) {
    uint32_t rune = 0;
    const size_t length = DecodeUtf8(text, &rune);
    repaired += length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return repaired;
}

bool ParseDouble(std::string_view text, double* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

bool Matches(const Value& field, const std::string& wanted) {
  if (field.kind == Value::Kind::kText) return field.text == wanted;
  double a = 0;
  double b = 0;
  return field.kind == Value::Kind::kNumber && ParseDouble(field.text, &a) &&
         ParseDouble(wanted, &b) && a == b;
}

}  // namespace

JsonFilter::JsonFilter(std::string required_field, std::string required_value,
                       std::vector<std::string> whitelist)
    : required_field_(std::move(required_field)),
      required_value_(std::move(required_value)),
      whitelist_(std::move(whitelist)) {}

JsonFilter::Verdict JsonFilter::Judge(std::string_view body,
                                      std::optional<std::string>* out) const {
  out->reset();
  if (!active()) return Verdict::kPass;
  Builder builder;
  if (!json::sax_parse(Repaired(body), &builder)) return Verdict::kBad;
  const Value message = builder.Take();
  // null is an object without fields, as to the original.
  if (message.kind != Value::Kind::kObject && message.kind != Value::Kind::kNull) {
    return Verdict::kBad;
  }
  if (!required_field_.empty()) {
    const auto field = message.fields.find(required_field_);
    if (field == message.fields.end()) {
      return required_value_.empty() ? Verdict::kDrop : Verdict::kFail;
    }
    if (!required_value_.empty() && !Matches(field->second, required_value_)) {
      return Verdict::kDrop;
    }
  }
  if (whitelist_.empty()) return Verdict::kPass;
  Value kept;
  kept.kind = Value::Kind::kObject;
  for (const std::string& name : whitelist_) {
    const auto field = message.fields.find(name);
    if (field != message.fields.end()) kept.fields[name] = field->second;
  }
  Append(kept, &out->emplace());
  return Verdict::kPass;
}

}  // namespace nsq::apps
