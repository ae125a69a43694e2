#!/usr/bin/env bash
# Installs the Debian 12 packages that building needs; with --tests, also what the tests need.
# Says what it does, does nothing when everything is there. As root, or through sudo.
set -euo pipefail

build=(g++ cmake ninja-build ccache pkg-config libevent-dev nlohmann-json3-dev libcpp-httplib-dev
  libgflags-dev libgoogle-glog-dev libtomlplusplus-dev libxxhash-dev libre2-dev libssl-dev zlib1g-dev
  libsnappy-dev libgtest-dev libgmock-dev curl)
tests=(git clang clang-format clang-tidy libclang-rt-14-dev nodejs npm chromium openssl)

wanted=("${build[@]}")
case "${1:-}" in
  "") ;;
  --tests) wanted+=("${tests[@]}") ;;
  *) echo "usage: $0 [--tests]" >&2; exit 2 ;;
esac

# A program from elsewhere on the PATH does as well as its package.
have() {
  case "$1" in
    nodejs) command -v node >/dev/null && return ;;
    npm) command -v npm >/dev/null && return ;;
  esac
  dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

missing=()
for package in "${wanted[@]}"; do have "$package" || missing+=("$package"); done
if [ "${#missing[@]}" -eq 0 ]; then
  echo "bootstrap: all ${#wanted[@]} packages are installed"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "bootstrap: need root or sudo to install: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "bootstrap: installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
