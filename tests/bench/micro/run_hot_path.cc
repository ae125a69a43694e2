// run_hot_path NAME TURNS: for counting instructions; see instructions_test.sh.

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "tests/bench/micro/hot_path.h"

int main(int argc, char** argv) {
  const std::unique_ptr<nsq::bench::HotPath> path =
      argc == 3 ? nsq::bench::MakeHotPath(argv[1]) : nullptr;
  if (path == nullptr) {
    std::fprintf(stderr, "usage: run_hot_path parse|append|deliver TURNS\n");
    return 2;
  }
  for (long turn = std::strtol(argv[2], nullptr, 10); turn > 0; --turn) path->Turn();
  return 0;
}
