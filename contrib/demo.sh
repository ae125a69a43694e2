#!/usr/bin/env bash
# From a clone to a running cluster with something to see: installs packages, builds in release
# mode, starts nsqlookupd, two nsqd and nsqadmin on the usual ports (the second nsqd beside the
# first), publishes the lines of a file and consumes them. Ctrl-C stops everything.
#
#   contrib/demo.sh [FILE]     FILE: lines to publish; default: a log of the system
set -euo pipefail
here="$(cd "$(dirname "$0")/.." && pwd)"

file="${1:-}"
if [ -z "$file" ]; then
  for candidate in /var/log/dpkg.log /var/log/syslog /var/log/alternatives.log "$here/LICENSE"; do
    if [ -s "$candidate" ] && [ -r "$candidate" ]; then file="$candidate"; break; fi
  done
fi
[ -r "$file" ] && [ -s "$file" ] || { echo "demo: cannot read any lines from '$file'" >&2; exit 1; }
file="$(cd "$(dirname "$file")" && pwd)/$(basename "$file")"

cd "$here"
contrib/bootstrap.sh
cmake --preset release >/dev/null
cmake --build build -j "$(nproc)" --target nsqd nsqlookupd nsqadmin nsq_demo

for port in 4150 4151 4152 4153 4160 4161 4171; do
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    echo "demo: port $port is in use; stop what listens there (another nsqd?) and try again" >&2
    exit 1
  fi
done

data="$(mktemp -d "${TMPDIR:-/tmp}/nsq-demo.XXXXXX")"
mkdir "$data/nsqd-1" "$data/nsqd-2"
pids=()
stop() {
  trap - INT TERM EXIT
  printf '\ndemo: stopping\n'
  # The publisher and the consumers first, then the daemons; each ends by itself on SIGTERM.
  for ((i = ${#pids[@]} - 1; i >= 0; --i)); do
    kill -TERM "${pids[i]}" 2>/dev/null || true
    wait "${pids[i]}" 2>/dev/null || true
  done
  rm -rf "$data"
  echo "demo: stopped; the logs and the data were in $data and are removed"
}
trap 'stop; exit 0' INT TERM
trap stop EXIT

start() {
  local name="$1"
  shift
  # A session of its own: Ctrl-C reaches this script alone, which then stops all in order.
  setsid "$@" >"$data/$name.log" 2>&1 &
  pids+=("$!")
}
await() {
  local name="$1" url="$2"
  for _ in $(seq 200); do
    curl -fsS -o /dev/null "$url" 2>/dev/null && return
    sleep 0.05
  done
  echo "demo: $name does not answer at $url; its log:" >&2
  tail -n 20 "$data/$name.log" >&2
  exit 1
}

start nsqlookupd build/bin/nsqlookupd -broadcast-address=127.0.0.1
await nsqlookupd http://127.0.0.1:4161/ping
start nsqd-1 build/bin/nsqd -data-path="$data/nsqd-1" -broadcast-address=127.0.0.1 \
  -lookupd-tcp-address=127.0.0.1:4160
start nsqd-2 build/bin/nsqd -data-path="$data/nsqd-2" -broadcast-address=127.0.0.1 \
  -tcp-address=0.0.0.0:4152 -http-address=0.0.0.0:4153 -lookupd-tcp-address=127.0.0.1:4160
await nsqd-1 http://127.0.0.1:4151/ping
await nsqd-2 http://127.0.0.1:4153/ping
# A channel gets what is published once it is there: so both get every line.
for http in 127.0.0.1:4151 127.0.0.1:4153; do
  curl -fsS -X POST "http://$http/topic/create?topic=lines"
  for channel in archive index; do
    curl -fsS -X POST "http://$http/channel/create?topic=lines&channel=$channel"
  done
done
start nsqadmin build/bin/nsqadmin -lookupd-http-address=127.0.0.1:4161
await nsqadmin http://127.0.0.1:4171/ping

cat <<TEXT

  Admin page       http://127.0.0.1:4171/
  Topic "lines"    from $file, half over HTTP, half over TCP, to both nsqd
  Channels         "archive" (one consumer), "index" (two consumers sharing the load)

  Try:
    curl 'http://127.0.0.1:4151/stats?topic=lines'
    curl -d 'hello' 'http://127.0.0.1:4151/pub?topic=greetings'
    curl 'http://127.0.0.1:4161/lookup?topic=lines'
    curl -X POST 'http://127.0.0.1:4151/channel/pause?topic=lines&channel=index'
    curl -X POST 'http://127.0.0.1:4151/channel/unpause?topic=lines&channel=index'

  Logs and data    $data
  Ctrl-C stops everything.

TEXT

# In the foreground of this script, but in its own session: see start.
setsid build/bin/nsq_demo -file="$file" -topic=lines -lookupd-http-address=127.0.0.1:4161 \
  -nsqd-tcp-address=127.0.0.1:4150 -nsqd-tcp-address=127.0.0.1:4152 \
  -nsqd-http-address=127.0.0.1:4151 -nsqd-http-address=127.0.0.1:4153 &
pids+=("$!")
wait "${pids[-1]}" || true
