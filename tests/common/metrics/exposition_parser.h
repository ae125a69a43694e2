#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nsq::metrics {

// A page of Prometheus' text format 0.0.4, read as strictly as its description allows and a little
// more: what a lenient reader would forgive is an error here.
struct ParsedPage {
  struct Sample {
    std::string name;
    std::map<std::string, std::string> labels;
    double value = 0;
  };
  struct Family {
    std::string type;
    std::string help;
    std::vector<Sample> samples;
  };

  std::map<std::string, Family> families;

  // The one sample with exactly these labels; nothing if there is none.
  std::optional<double> Find(std::string_view name,
                             const std::map<std::string, std::string>& labels = {}) const;
};

// Errors, besides plain syntax: a family without HELP and TYPE in front of it, or in two pieces;
// the same sample twice; a name or label that is none; a counter without _total or another one with
// it; a histogram whose buckets fall, lack +Inf or disagree with _count.
struct ParseResult {
  ParsedPage page;
  std::string error;  // empty: none
};
ParseResult ParseExposition(std::string_view text);

}  // namespace nsq::metrics
