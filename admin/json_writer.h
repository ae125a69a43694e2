#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nsq::admin {

// Writes JSON as NSQ's programs do: keys in the order given, no white space, `<`, `>` and `&`
// escaped, bytes that are no UTF-8 replaced, floats in their shortest form. Commas come by
// themselves; that braces match and that a value follows each key is up to the caller.
//
// Home: any thread; a value.
class JsonWriter {
 public:
  void BeginObject() { Open('{'); }
  void EndObject() { Close('}'); }
  void BeginArray() { Open('['); }
  void EndArray() { Close(']'); }
  void Key(std::string_view key);

  void String(std::string_view text);
  void Int(int64_t number);
  void Double(double number);  // a number JSON cannot say is written as 0
  void Bool(bool value);
  void Null();

  // Key and value in one.
  void String(std::string_view key, std::string_view text) { Key(key), String(text); }
  void Int(std::string_view key, int64_t number) { Key(key), Int(number); }
  void Double(std::string_view key, double number) { Key(key), Double(number); }
  void Bool(std::string_view key, bool value) { Key(key), Bool(value); }
  void Null(std::string_view key) { Key(key), Null(); }

  std::string Take() { return std::move(out_); }

 private:
  void Open(char bracket);
  void Close(char bracket);
  void Comma();

  std::string out_;
  bool comma_ = false;  // a value stands before the next one
};

}  // namespace nsq::admin
