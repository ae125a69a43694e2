#!/usr/bin/env bash
# Installs what is missing, builds and runs all tests: the units under sanitizers, then everything
# in release mode. Ends non-zero on the first failure. Some 25 minutes on two cores from nothing.
#
#   contrib/test.sh            everything
#   contrib/test.sh --quick    release mode only
set -euo pipefail
cd "$(dirname "$0")/.."

contrib/bootstrap.sh --tests
jobs=$(nproc)

step() { printf '\n=== %s\n' "$*"; }

step "clang-format"
git ls-files '*.h' '*.cc' | xargs clang-format --dry-run --Werror

if [ "${1:-}" != "--quick" ]; then
  step "units under the address and undefined-behaviour sanitizers"
  cmake --preset asan
  cmake --build build-asan -j "$jobs" --target nsq_units
  ctest --test-dir build-asan -L 'unit|fuzz' -j "$jobs" --output-on-failure

  step "what crosses threads, under the thread sanitizer"
  cmake --preset tsan
  cmake --build build-tsan -j "$jobs" --target nsq_tsan
  ctest --test-dir build-tsan -L unit-threads -j "$jobs" --output-on-failure
fi

step "everything, in release mode"
cmake --preset release
cmake --build build -j "$jobs"
ctest --test-dir build -j "$jobs" --output-on-failure
