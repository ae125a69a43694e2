#!/usr/bin/env bash
# Installs the client library into a folder of its own and builds the examples against it, by
# find_package and by pkg-config: install_test.sh BUILD SOURCE WORK
set -euo pipefail
build=$1 source=$2 work=$3
rm -rf "$work"
cmake --install "$build" --component client --prefix "$work/prefix" >/dev/null
cmake -S "$source/clients/nsq/examples" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/build"
# Runs, and says how it is used.
("$work/build/nsq_example_publish" 2>&1 || true) | grep -q usage:

cd "$work"
pc=$(find "$work/prefix" -name nsq.pc)
sed -i "s|^prefix=.*|prefix=$work/prefix|" "$pc"
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$pc")
c++ -std=c++20 "$source/clients/nsq/examples/publish.cc" -o publish $(pkg-config --cflags --libs nsq)
(./publish 2>&1 || true) | grep -q usage:
# No header of ours that is not installed, none of another library.
strange=$(grep -rhoE '#include [<"][^>"]+' "$work/prefix/include" | sort -u |
  grep -vE '#include <(nsq/[a-z_]+\.h|[a-z_]+)$' || true)
if [ -n "$strange" ]; then
  echo "the installed headers include: $strange" >&2
  exit 1
fi
