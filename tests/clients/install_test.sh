#!/usr/bin/env bash
# Installs into folders of its own, component by component; builds the examples against the client
# library, by find_package and by pkg-config: install_test.sh BUILD SOURCE WORK
set -euo pipefail
build=$1 source=$2 work=$3
rm -rf "$work"
cmake --install "$build" --component client --prefix "$work/prefix" >/dev/null
cmake -G Ninja -S "$source/clients/nsq/examples" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/build"
# Runs, and says how it is used.
("$work/build/nsq_example_publish" 2>&1 || true) | grep -q usage:

cd "$work"
pc=$(find "$work/prefix" -name nsq.pc)
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

# The programs, by component; nothing else comes with them.
installed() {
  cmake --install "$build" --component "$1" --prefix "$work/$1" >/dev/null
  (cd "$work/$1" && find . -type f | sort | xargs)
}
expect() {
  if [ "$1" != "$2" ]; then
    echo "installed: $1; expected: $2" >&2
    exit 1
  fi
}
expect "$(installed daemons)" "./bin/nsqadmin ./bin/nsqd ./bin/nsqlookupd"
expect "$(installed utilities)" \
  "./bin/nsq_stat ./bin/nsq_tail ./bin/nsq_to_file ./bin/nsq_to_http ./bin/nsq_to_nsq ./bin/to_nsq"
# They run from there.
"$work/daemons/bin/nsqd" -version | grep -q "^nsqd v"
"$work/utilities/bin/nsq_tail" -version | grep -q "^nsq_tail v"
