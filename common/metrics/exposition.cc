#include "common/metrics/exposition.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "common/metrics/histogram.h"

namespace nsq::metrics {
namespace {

std::string_view ToString(Type type) {
  switch (type) {
    case Type::kCounter:
      return "counter";
    case Type::kGauge:
      return "gauge";
    case Type::kHistogram:
      return "histogram";
    case Type::kSummary:
      return "summary";
  }
  return "untyped";
}

// The shortest text that reads back as the same number.
std::string_view FormatDouble(double value, char (&buffer)[32]) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, static_cast<size_t>(end - buffer)};
}

template <typename T>
std::string_view FormatInteger(T value, char (&buffer)[32]) {
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, static_cast<size_t>(end - buffer)};
}

double Seconds(Duration value) { return static_cast<double>(value.count()) / 1e9; }

// Help texts are ours, and one line without a backslash; label values are anybody's.
void AppendEscaped(std::string_view value, std::string* to) {
  for (const char c : value) {
    if (c == '\\') {
      *to += "\\\\";
    } else if (c == '"') {
      *to += "\\\"";
    } else if (c == '\n') {
      *to += "\\n";
    } else {
      *to += c;
    }
  }
}

}  // namespace

Labels& Labels::Add(std::string_view name, std::string_view value) {
  if (!text_.empty()) text_ += ',';
  text_ += name;
  text_ += "=\"";
  AppendEscaped(value, &text_);
  text_ += '"';
  return *this;
}

void Samples::Line(std::string_view suffix, std::string_view labels, std::string_view value) {
  text_ += name_;
  text_ += suffix;
  if (!labels.empty()) {
    text_ += '{';
    text_ += labels;
    text_ += '}';
  }
  text_ += ' ';
  text_ += value;
  text_ += '\n';
}

void Samples::AddSigned(const Labels& labels, int64_t value) {
  char buffer[32];
  Line({}, labels.text(), FormatInteger(value, buffer));
}

void Samples::AddUnsigned(const Labels& labels, uint64_t value) {
  char buffer[32];
  Line({}, labels.text(), FormatInteger(value, buffer));
}

void Samples::Add(const Labels& labels, double value) {
  char buffer[32];
  Line({}, labels.text(), FormatDouble(value, buffer));
}

void Samples::Add(const Labels& labels, Duration value) { Add(labels, Seconds(value)); }

void Samples::Add(const Labels& labels, const Histogram& histogram) {
  char buffer[32];
  uint64_t below = 0;
  for (size_t i = 0; i < Histogram::kBuckets; ++i) {
    below += histogram.bucket(i);
    Labels with_bound = labels;
    with_bound.Add("le", i < Histogram::kBounds
                             ? FormatDouble(Seconds(Histogram::Bounds()[i]), buffer)
                             : std::string_view("+Inf"));
    char count[32];
    Line("_bucket", with_bound.text(), FormatInteger(below, count));
  }
  Line("_sum", labels.text(), FormatDouble(histogram.sum_seconds(), buffer));
  Line("_count", labels.text(), FormatInteger(below, buffer));
}

void Page::Begin(const Family& family) {
  text_ += "# HELP ";
  text_ += family.name;
  text_ += ' ';
  text_ += family.help;
  text_ += "\n# TYPE ";
  text_ += family.name;
  text_ += ' ';
  text_ += ToString(family.type);
  text_ += '\n';
}

}  // namespace nsq::metrics
