#include "common/http/router.h"

#include <algorithm>
#include <utility>

#include "common/strings.h"

namespace nsq::http {
namespace {

// The shortest spelling of a path: without "//", "." and "..", but with its trailing slash.
std::string Cleaned(std::string_view path) {
  std::vector<std::string_view> kept;
  bool slash_at_end = false;
  while (!path.empty()) {
    const size_t end = path.find('/');
    const std::string_view segment = path.substr(0, end);
    slash_at_end = end != std::string_view::npos;
    path.remove_prefix(slash_at_end ? end + 1 : path.size());
    if (segment.empty()) continue;
    if (segment == "." || segment == "..") {
      if (segment == ".." && !kept.empty()) kept.pop_back();
      slash_at_end = true;
      continue;
    }
    kept.push_back(segment);
  }
  std::string clean;
  for (const std::string_view segment : kept) clean.append("/").append(segment);
  if (clean.empty() || slash_at_end) clean += '/';
  return clean;
}

std::string WithOtherEnd(std::string_view path) {
  if (path.ends_with('/')) return std::string(path.substr(0, path.size() - 1));
  return std::string(path) + "/";
}

// What stands for ":name": one segment, not empty.
bool IsSegment(std::string_view text) {
  return !text.empty() && text.find('/') == std::string_view::npos;
}

}  // namespace

void Router::Add(Method method, std::string_view pattern, Handler handler, Access access,
                 BodyUse body) {
  auto route = std::make_unique<Route>(Route{std::move(handler), access, body});
  const auto index = static_cast<size_t>(method);
  const size_t colon = pattern.find(':');
  if (colon == std::string_view::npos) {
    exact_[std::string(pattern)][index] = std::move(route);
    return;
  }
  const std::string_view prefix = pattern.substr(0, colon);
  auto at = std::find_if(prefixes_.begin(), prefixes_.end(),
                         [prefix](const auto& entry) { return entry.first == prefix; });
  if (at == prefixes_.end()) {
    prefixes_.emplace_back(prefix, Methods());
    at = prefixes_.end() - 1;
  }
  at->second[index] = std::move(route);
}

const Route* Router::Find(Method method, std::string_view path, std::string* param) const {
  const auto index = static_cast<size_t>(method);
  if (const auto at = exact_.find(path); at != exact_.end()) {
    if (at->second[index] != nullptr) return at->second[index].get();
  }
  for (const auto& [prefix, methods] : prefixes_) {
    if (methods[index] == nullptr || !path.starts_with(prefix)) continue;
    const std::string_view rest = path.substr(prefix.size());
    if (!IsSegment(rest)) continue;
    *param = rest;
    return methods[index].get();
  }
  return nullptr;
}

std::string Router::Allowed(std::string_view path) const {
  std::array<bool, kMethods> allowed{};
  bool any = false;
  const auto add = [&](const Methods& methods) {
    for (size_t i = 0; i < kMethods; ++i) {
      allowed[i] = allowed[i] || methods[i] != nullptr;
      any = any || methods[i] != nullptr;
    }
  };
  if (const auto at = exact_.find(path); at != exact_.end()) add(at->second);
  for (const auto& [prefix, methods] : prefixes_) {
    if (path.starts_with(prefix) && IsSegment(path.substr(prefix.size()))) {
      add(methods);
    }
  }
  if (!any) return "";
  allowed[static_cast<size_t>(Method::kOptions)] = true;
  std::vector<std::string_view> names;
  for (size_t i = 0; i < kMethods; ++i) {
    if (allowed[i]) names.push_back(ToString(static_cast<Method>(i)));
  }
  std::sort(names.begin(), names.end());
  std::string list;
  for (const std::string_view name : names) {
    if (!list.empty()) list += ", ";
    list += name;
  }
  return list;
}

std::optional<std::string> Router::Corrected(Method method, std::string_view path) const {
  std::string param;
  const std::string other_end = WithOtherEnd(path);
  if (path.size() > 1 && Find(method, other_end, &param) != nullptr) return other_end;
  const std::string clean = Cleaned(path);
  if (auto found = FindAnyCase(method, clean)) return found;
  if (clean.size() > 1) return FindAnyCase(method, WithOtherEnd(clean));
  return std::nullopt;
}

std::optional<std::string> Router::FindAnyCase(Method method, std::string_view path) const {
  const auto index = static_cast<size_t>(method);
  for (const auto& [known, methods] : exact_) {
    if (methods[index] != nullptr && EqualsIgnoreCase(known, path)) return known;
  }
  for (const auto& [prefix, methods] : prefixes_) {
    if (methods[index] == nullptr || !EqualsIgnoreCase(prefix, path.substr(0, prefix.size())))
      continue;
    const std::string_view rest = path.substr(prefix.size());
    if (IsSegment(rest)) return prefix + std::string(rest);
  }
  return std::nullopt;
}

}  // namespace nsq::http
