// The stretches of hot_path.h, timed: `items_per_second` counts messages.

#include <benchmark/benchmark.h>

#include <memory>

#include "tests/bench/micro/hot_path.h"

namespace nsq::bench {
namespace {

void Time(benchmark::State& state, const char* name) {
  const std::unique_ptr<HotPath> path = MakeHotPath(name);
  for (auto _ : state) path->Turn();
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(HotPath::kMessages));
}

BENCHMARK_CAPTURE(Time, parse, "parse");
BENCHMARK_CAPTURE(Time, append, "append");
BENCHMARK_CAPTURE(Time, deliver, "deliver");

}  // namespace
}  // namespace nsq::bench

BENCHMARK_MAIN();
