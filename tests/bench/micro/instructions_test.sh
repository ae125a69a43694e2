#!/bin/sh
# instructions_test.sh RUN_HOT_PATH FIGURES: the instructions that a message takes in user space, by
# callgrind, against the stored figures. A machine under load counts the same. A tenth more is a
# failure; where it is less, the figure is to be stored anew.
set -eu
program=$1
figures=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

instructions() {  # NAME TURNS
  valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$dir/log" "$program" "$1" "$2"
  sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$dir/log"
}

failed=0
while read -r name stored; do
  case $name in ''|'#'*) continue ;; esac
  short=$(instructions "$name" 100)
  long=$(instructions "$name" 400)
  each=$(( (long - short) / (300 * 200) ))
  echo "$name: $each instructions a message, stored $stored"
  if [ $((each * 10)) -gt $((stored * 11)) ]; then failed=1; fi
done < "$figures"
exit $failed
