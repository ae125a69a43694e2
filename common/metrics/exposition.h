#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/time.h"

// Prometheus' text format 0.0.4: what GET /metrics answers.

namespace nsq::metrics {

class Histogram;

inline constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

// A summary is quantiles over some time, each a sample with the label `quantile`.
enum class Type { kCounter, kGauge, kHistogram, kSummary };

// What all samples of one name have in common. Names end in their unit (_seconds, _bytes), those of
// counters in _total.
struct Family {
  std::string_view name;
  Type type;
  std::string_view help;
};

// The labels of a sample: `topic="a",channel="b"`. Made once, used for each family.
class Labels {
 public:
  Labels() = default;
  Labels(std::string_view name, std::string_view value) { Add(name, value); }

  Labels& Add(std::string_view name, std::string_view value);

  std::string_view text() const { return text_; }

 private:
  std::string text_;
};

// Samples of one family, a line each; whoever puts the page together adds the family's header.
//
// A page must have all samples of a family in one piece, but a loop knows its topics only: each
// loop writes the samples of every family into one of these, and the asker puts those of the same
// family one behind the other.
//
// Home: its owner's; a value.
class Samples {
 public:
  explicit Samples(const Family& family) : name_(family.name) {}

  template <std::integral T>
  void Add(const Labels& labels, T value) {
    if constexpr (std::signed_integral<T>) {
      AddSigned(labels, value);
    } else {
      AddUnsigned(labels, value);
    }
  }
  void Add(const Labels& labels, bool value) { AddUnsigned(labels, value ? 1 : 0); }
  void Add(const Labels& labels, double value);
  void Add(const Labels& labels, Duration value);  // in seconds
  void Add(const Labels& labels, const Histogram& histogram);

  void Reserve(size_t bytes) { text_.reserve(bytes); }
  const std::string& text() const { return text_; }

 private:
  void AddSigned(const Labels& labels, int64_t value);
  void AddUnsigned(const Labels& labels, uint64_t value);
  void Line(std::string_view suffix, std::string_view labels, std::string_view value);

  std::string_view name_;
  std::string text_;
};

// A whole answer, family by family.
class Page {
 public:
  // The header of a family; its samples follow, then no more of it.
  void Begin(const Family& family);
  void Append(const Samples& samples) { text_ += samples.text(); }

  // A family with one sample, or with those given.
  template <typename T>
  void Add(const Family& family, const T& value) {
    Samples samples(family);
    samples.Add(Labels(), value);
    Add(family, samples);
  }
  void Add(const Family& family, const Samples& samples) {
    Begin(family);
    Append(samples);
  }

  void Reserve(size_t bytes) { text_.reserve(bytes); }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace nsq::metrics
