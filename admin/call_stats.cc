#include "admin/call_stats.h"

#include "common/strings.h"

namespace nsq::admin {

void CallStats::AppendTo(std::string_view name, std::string_view label, std::string_view what,
                         metrics::Page* page) const {
  const std::lock_guard lock(mutex_);
  const std::string total = StrCat(name, "_total");
  const metrics::Family counted{total, metrics::Type::kCounter, what};
  metrics::Samples samples(counted);
  for (const auto& [outcome, count] : counts_) samples.Add(metrics::Labels(label, outcome), count);
  page->Add(counted, samples);
  const std::string duration = StrCat(name, "_duration_seconds");
  const std::string help = StrCat(what, ": how long they took.");
  page->Add({duration, metrics::Type::kHistogram, help}, times_);
}

}  // namespace nsq::admin
