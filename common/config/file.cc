#include "common/config/file.h"

#include <toml++/toml.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <memory>

#include "common/config/duration.h"
#include "common/config/values.h"
#include "common/strings.h"

namespace nsq {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// "no such file or directory": as Go shows the system's reasons.
std::string Reason(int error) {
  std::string text = ErrnoStatus(error, "").detail().substr(2);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string AsText(const toml::node& node) {
  std::ostringstream text;
  node.visit([&text](const auto& value) { text << value; });
  return text.str();
}

}  // namespace

Result<ConfigFile> ConfigFile::Read(const std::string& path) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) {
    return Status(Code::kInvalid, StrCat("open ", path, ": ", Reason(errno)));
  }
  std::string text;
  char bytes[4096];
  while (const size_t n = std::fread(bytes, 1, sizeof bytes, file.get())) text.append(bytes, n);
  if (std::ferror(file.get()) != 0) {
    return Status(Code::kInvalid, StrCat("read ", path, ": ", Reason(errno)));
  }
  return Parse(text);
}

Result<ConfigFile> ConfigFile::Parse(std::string_view text) {
  // Reads one value, and the items of a list.
  struct Reader {
    static Item Read(const toml::node& node) {
      Item item;
      item.text = AsText(node);
      if (const auto integer = node.value_exact<int64_t>()) {
        item.type = Item::Type::kInteger;
        item.integer = *integer;
      } else if (const auto real = node.value_exact<double>()) {
        item.type = Item::Type::kReal;
        item.real = *real;
      } else if (const auto is_true = node.value_exact<bool>()) {
        item.type = Item::Type::kBool;
        item.is_true = *is_true;
      } else if (const auto words = node.value_exact<std::string>()) {
        item.type = Item::Type::kText;
        item.text = *words;
      } else if (const toml::array* list = node.as_array()) {
        item.type = Item::Type::kList;
        item.text = "[";
        for (const toml::node& part : *list) {
          item.list.push_back(Read(part));
          item.text += StrCat(item.list.size() > 1 ? " " : "", item.list.back().text);
        }
        item.text += "]";
      } else if (node.is_table()) {
        item.type = Item::Type::kTable;
        item.text = "map";
      }
      return item;
    }
  };
  try {
    const toml::table table = toml::parse(text);
    ConfigFile file;
    for (const auto& [key, node] : table) {
      file.items_.emplace_back(std::string(key.str()), Reader::Read(node));
    }
    return file;
  } catch (const toml::parse_error& error) {
    return Status(Code::kInvalid,
                  StrCat("toml: line ", error.source().begin.line, ": ", error.description()));
  }
}

const ConfigFile::Item* ConfigFile::Find(const std::string& key) const {
  for (const auto& [name, item] : items_) {
    if (name == key) return &item;
  }
  return nullptr;
}

std::string ConfigFile::Shown(const std::string& key) const {
  const Item* const item = Find(key);
  return item == nullptr ? "" : item->text;
}

Result<bool> ConfigFile::Coerce(const Flag& flag, FlagValue* value) const {
  const Item* const item = flag.key.empty() ? nullptr : Find(flag.key);
  if (item == nullptr) return false;
  FlagValue read;
  std::string reason = CoerceItem(flag, *item, &read);
  if (!reason.empty()) return Status(Code::kInvalid, std::move(reason));
  *value = std::move(read);
  return true;
}

// "invalid int64 value type bool": in the words of the original's language.
std::string ConfigFile::WrongType(const Flag& flag, const Item& item) {
  std::string_view wanted = "string";
  switch (flag.kind) {
    case Kind::kInt:
      wanted = "int64";
      break;
    case Kind::kBool:
      wanted = "bool";
      break;
    case Kind::kFloat:
      wanted = "float64";
      break;
    case Kind::kDuration:
      wanted = "time.Duration";
      break;
    case Kind::kStringList:
      wanted = "[]string";
      break;
    case Kind::kFloatList:
      wanted = "[]float64";
      break;
    case Kind::kString:
    case Kind::kLogLevel:
    case Kind::kTlsRequired:
    case Kind::kTlsMinVersion:
      break;
  }
  static constexpr std::string_view kTypes[] = {"int64",
                                                "float64",
                                                "bool",
                                                "string",
                                                "[]interface {}",
                                                "time.Time",
                                                "map[string]interface {}"};
  return StrCat("invalid ", wanted, " value type ", kTypes[static_cast<size_t>(item.type)]);
}

std::string ConfigFile::CoerceItem(const Flag& flag, const Item& item, FlagValue* value) {
  using Type = Item::Type;
  switch (flag.kind) {
    case Kind::kStringList:
    case Kind::kFloatList:
      return CoerceList(flag, item, value);
    case Kind::kInt:
      if (item.type == Type::kInteger) {
        value->number = item.integer;
        return "";
      }
      if (item.type != Type::kText) return WrongType(flag, item);
      if (item.text.starts_with('+')
              ? ParseInt(std::string_view(item.text).substr(1), &value->number)
              : ParseInt(item.text, &value->number)) {
        return "";
      }
      return StrCat("strconv.ParseInt: parsing ", GoQuoted(item.text), ": invalid syntax");
    case Kind::kFloat:
      if (item.type == Type::kReal || item.type == Type::kInteger) {
        value->real = item.type == Type::kReal ? item.real : static_cast<double>(item.integer);
        return "";
      }
      return item.type == Type::kText ? ParseGoFloat(item.text, &value->real)
                                      : WrongType(flag, item);
    case Kind::kBool:
      if (item.type == Type::kBool || item.type == Type::kInteger) {
        value->is_true = item.type == Type::kBool ? item.is_true : item.integer != 0;
        return "";
      }
      if (item.type != Type::kText) return WrongType(flag, item);
      if (ParseGoBool(item.text, &value->is_true).empty()) return "";
      return StrCat("strconv.ParseBool: parsing ", GoQuoted(item.text), ": invalid syntax");
    case Kind::kDuration:
      if (item.type == Type::kInteger) {
        constexpr int64_t kMost = INT64_MAX / 1'000'000;
        if (item.integer > kMost || item.integer < -kMost) return "value out of range";
        value->duration = milliseconds(item.integer);
        return "";
      }
      if (item.type != Type::kText) return WrongType(flag, item);
      if (const auto duration = ParseGoDuration(item.text)) {
        value->duration = *duration;
        return "";
      }
      if (double number = 0; ParseGoFloat(item.text, &number).empty()) {
        return StrCat("time: missing unit in duration ", GoQuoted(item.text));
      }
      return StrCat("time: invalid duration ", GoQuoted(item.text));
    case Kind::kString:
      // A port or a number without quotes is meant as it stands.
      if (item.type == Type::kList || item.type == Type::kOther) return WrongType(flag, item);
      value->text = item.text;
      return "";
    case Kind::kTlsRequired:
      if (item.type == Type::kBool || item.type == Type::kInteger) {
        if (item.type == Type::kInteger && item.integer != 0 && item.integer != 1) {
          return WrongType(flag, item);
        }
        value->number = (item.type == Type::kBool ? item.is_true : item.integer == 1) ? 2 : 0;
        return "";
      }
      return item.type == Type::kText ? ParseFlagText(flag, item.text, value)
                                      : WrongType(flag, item);
    case Kind::kLogLevel:
    case Kind::kTlsMinVersion:
      return item.type == Type::kText ? ParseFlagText(flag, item.text, value)
                                      : WrongType(flag, item);
  }
  return WrongType(flag, item);
}

std::string ConfigFile::CoerceList(const Flag& flag, const Item& item, FlagValue* value) {
  using Type = Item::Type;
  if (flag.kind == Kind::kStringList) {
    if (item.type == Type::kText) {
      for (const std::string_view part : Split(item.text, ',')) value->strings.emplace_back(part);
      return "";
    }
    if (item.type != Type::kList) return WrongType(flag, item);
    for (const Item& part : item.list) {
      if (part.type != Type::kText) return WrongType(flag, item);
      value->strings.push_back(part.text);
    }
    value->is_null = item.list.empty();
    return "";
  }
  std::vector<Item> parts = item.list;
  if (item.type == Type::kText) {
    for (const std::string_view part : Split(item.text, ',')) {
      Item& text = parts.emplace_back();
      text.type = Type::kText;
      text.text = Trimmed(part);
    }
  } else if (item.type == Type::kReal || item.type == Type::kInteger) {
    parts.push_back(item);
  } else if (item.type != Type::kList) {
    return WrongType(flag, item);
  }
  for (const Item& part : parts) {
    double real = part.type == Type::kInteger ? static_cast<double>(part.integer) : part.real;
    if (part.type == Type::kText && item.type == Type::kText) {
      if (!ParseGoFloat(part.text, &real).empty()) {
        return StrCat("strconv.ParseFloat: parsing ", GoQuoted(part.text), ": invalid syntax");
      }
    } else if (part.type != Type::kInteger && part.type != Type::kReal) {
      return WrongType(flag, item);
    }
    value->reals.push_back(real);
  }
  value->is_null = parts.empty();
  return "";
}

}  // namespace nsq
