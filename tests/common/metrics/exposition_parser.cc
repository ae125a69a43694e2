#include "tests/common/metrics/exposition_parser.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "common/strings.h"

namespace nsq::metrics {
namespace {

bool IsName(std::string_view name, bool colon_allowed) {
  const auto good = [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
           (colon_allowed && c == ':');
  };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(), good);
}

std::optional<double> ParseValue(std::string_view text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

class Parser {
 public:
  ParseResult Parse(std::string_view text) {
    if (!text.empty() && text.back() != '\n') Fail("the last line has no end");
    while (!text.empty() && result_.error.empty()) {
      const size_t end = text.find('\n');
      line_ = text.substr(0, end);
      text.remove_prefix(std::min(text.size(), end + 1));
      if (line_.starts_with("# HELP ")) {
        Help(line_.substr(7));
      } else if (line_.starts_with("# TYPE ")) {
        TypeLine(line_.substr(7));
      } else if (line_.starts_with("#") || line_.empty()) {
        Fail("neither header nor sample");
      } else {
        SampleLine(line_);
      }
    }
    FinishFamily();
    return std::move(result_);
  }

 private:
  void Fail(std::string_view why) {
    if (result_.error.empty()) result_.error = StrCat(why, ": ", line_);
  }

  void Help(std::string_view rest) {
    FinishFamily();
    const size_t space = rest.find(' ');
    if (space == std::string_view::npos) return Fail("no help text");
    name_ = rest.substr(0, space);
    if (!IsName(name_, true)) return Fail("not a metric's name");
    if (rest.find('\\') != std::string_view::npos) return Fail("a backslash in a help text");
    if (!result_.page.families.try_emplace(name_).second) return Fail("a family in two pieces");
    result_.page.families[name_].help = rest.substr(space + 1);
  }

  void TypeLine(std::string_view rest) {
    const size_t space = rest.find(' ');
    if (space == std::string_view::npos || rest.substr(0, space) != name_ || name_.empty()) {
      return Fail("TYPE does not follow its HELP");
    }
    ParsedPage::Family& family = result_.page.families[name_];
    if (!family.type.empty() || !family.samples.empty()) return Fail("TYPE at a wrong place");
    family.type = rest.substr(space + 1);
    if (family.type != "counter" && family.type != "gauge" && family.type != "histogram" &&
        family.type != "summary") {
      return Fail("not a type");
    }
    const bool total = name_.ends_with("_total");
    if (total != (family.type == "counter")) return Fail("_total and counter do not agree");
  }

  void SampleLine(std::string_view line) {
    if (name_.empty() || result_.page.families[name_].type.empty()) return Fail("no header");
    ParsedPage::Family& family = result_.page.families[name_];
    ParsedPage::Sample sample;
    const size_t name_end = line.find_first_of("{ ");
    if (name_end == std::string_view::npos) return Fail("no value");
    sample.name = line.substr(0, name_end);
    const std::string_view suffix =
        std::string_view(sample.name).substr(std::min(sample.name.size(), name_.size()));
    const bool histogram = family.type == "histogram";
    const bool good =
        histogram ? suffix == "_bucket" || suffix == "_sum" || suffix == "_count" : suffix.empty();
    if (!sample.name.starts_with(name_) || !good) return Fail("a sample of another family");
    line.remove_prefix(name_end);
    if (line.starts_with('{') && !TakeLabels(&line, &sample)) return Fail("bad labels");
    if (!line.starts_with(' ')) return Fail("no blank in front of the value");
    const std::optional<double> value = ParseValue(line.substr(1));
    if (!value) return Fail("not a value");
    sample.value = *value;
    if (sample.labels.contains("quantile") != (family.type == "summary")) {
      return Fail("quantile and summary do not agree");
    }
    if (!seen_.insert({sample.name, sample.labels}).second) return Fail("twice");
    if (family.type != "gauge" && !(sample.value >= 0)) return Fail("a negative count");
    family.samples.push_back(std::move(sample));
  }

  static bool TakeLabels(std::string_view* line, ParsedPage::Sample* sample) {
    line->remove_prefix(1);
    while (true) {
      const size_t equals = line->find("=\"");
      if (equals == std::string_view::npos) return false;
      const std::string name(line->substr(0, equals));
      if (!IsName(name, false) || name.starts_with("__")) return false;
      line->remove_prefix(equals + 2);
      std::string value;
      while (true) {
        if (line->empty()) return false;
        const char c = line->front();
        line->remove_prefix(1);
        if (c == '"') break;
        if (c != '\\') {
          value += c;
          continue;
        }
        if (line->empty()) return false;
        const char escaped = line->front();
        line->remove_prefix(1);
        if (escaped != '\\' && escaped != '"' && escaped != 'n') return false;
        value += escaped == 'n' ? '\n' : escaped;
      }
      if (!sample->labels.emplace(name, value).second) return false;
      if (line->starts_with('}')) {
        line->remove_prefix(1);
        return true;
      }
      if (!line->starts_with(',')) return false;
      line->remove_prefix(1);
    }
  }

  void FinishFamily() {
    if (name_.empty() || !result_.error.empty()) return;
    const ParsedPage::Family& family = result_.page.families[name_];
    line_ = name_;
    if (family.type.empty()) return Fail("no TYPE");
    if (family.type == "histogram") CheckHistograms(family);
  }

  // The buckets of one histogram stand together, in order, `_sum` and `_count` behind them.
  void CheckHistograms(const ParsedPage::Family& family) {
    double last_bound = -std::numeric_limits<double>::infinity();
    double last_count = 0;
    bool has_all = false;
    for (const ParsedPage::Sample& sample : family.samples) {
      if (sample.name.ends_with("_bucket")) {
        const auto bound = sample.labels.find("le");
        const auto value = bound == sample.labels.end() ? std::nullopt : ParseValue(bound->second);
        if (!value) return Fail("a bucket without bound");
        if (has_all || *value <= last_bound || sample.value < last_count) {
          return Fail("buckets out of order");
        }
        last_bound = *value;
        last_count = sample.value;
        has_all = std::isinf(*value);
      } else if (sample.name.ends_with("_count")) {
        if (!has_all || sample.value != last_count) return Fail("the buckets and _count differ");
        last_bound = -std::numeric_limits<double>::infinity();
        last_count = 0;
        has_all = false;
      }
    }
    if (has_all || last_count != 0) Fail("a histogram without _count");
  }

  ParseResult result_;
  std::string_view line_;
  std::string name_;  // of the present family
  std::set<std::pair<std::string, std::map<std::string, std::string>>> seen_;
};

}  // namespace

std::optional<double> ParsedPage::Find(std::string_view name,
                                       const std::map<std::string, std::string>& labels) const {
  for (const auto& [family_name, family] : families) {
    if (!name.starts_with(family_name)) continue;
    for (const Sample& sample : family.samples) {
      if (sample.name == name && sample.labels == labels) return sample.value;
    }
  }
  return std::nullopt;
}

ParseResult ParseExposition(std::string_view text) { return Parser().Parse(text); }

}  // namespace nsq::metrics
