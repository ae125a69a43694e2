#include "admin/json_writer.h"

#include <cmath>

#include "common/wire/json.h"

namespace nsq::admin {

void JsonWriter::Comma() {
  if (comma_) out_.push_back(',');
  comma_ = true;
}

void JsonWriter::Open(char bracket) {
  Comma();
  out_.push_back(bracket);
  comma_ = false;
}

void JsonWriter::Close(char bracket) {
  out_.push_back(bracket);
  comma_ = true;
}

void JsonWriter::Key(std::string_view key) {
  String(key);
  out_.push_back(':');
  comma_ = false;
}

void JsonWriter::String(std::string_view text) {
  Comma();
  AppendJsonString(text, &out_);
}

void JsonWriter::Int(int64_t number) {
  Comma();
  out_.append(std::to_string(number));
}

void JsonWriter::Double(double number) {
  Comma();
  AppendJsonNumber(std::isfinite(number) ? number : 0, &out_);
}

void JsonWriter::Bool(bool value) {
  Comma();
  out_.append(value ? "true" : "false");
}

void JsonWriter::Null() {
  Comma();
  out_.append("null");
}

}  // namespace nsq::admin
