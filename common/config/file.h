#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/config/flag.h"
#include "common/status.h"

namespace nsq {

// A TOML file's top-level keys.
//
// Home: any thread; immutable.
class ConfigFile {
 public:
  // The detail of an error reads as the original's: "open x.toml: no such file or directory",
  // "toml: line 3: ...".
  static Result<ConfigFile> Read(const std::string& path);
  static Result<ConfigFile> Parse(std::string_view text);

  // Reads `flag`'s key into `value` by the table of spec, nsqd-config 3.1; false if the file does
  // not have it. kInvalid if what it has does not fit the flag: the detail is the reason.
  // Where the original turns a mistake into nonsense (0 for true, a number for a list) this takes
  // the sensible meaning or refuses.
  Result<bool> Coerce(const Flag& flag, FlagValue* value) const;

  // The key's value as a person would write it, for messages.
  std::string Shown(const std::string& key) const;

 private:
  struct Item {
    enum class Type { kInteger, kReal, kBool, kText, kList, kOther, kTable };
    Type type = Type::kOther;
    int64_t integer = 0;
    double real = 0;
    bool is_true = false;
    std::string text;  // kText; else as shown
    std::vector<Item> list;
  };

  const Item* Find(const std::string& key) const;
  static std::string WrongType(const Flag& flag, const Item& item);
  static std::string CoerceItem(const Flag& flag, const Item& item, FlagValue* value);
  static std::string CoerceList(const Flag& flag, const Item& item, FlagValue* value);

  std::vector<std::pair<std::string, Item>> items_;
};

}  // namespace nsq
