#!/usr/bin/env bash
# Installs what a test needs from Debian's packages, when it is not there yet: install.sh chromium|sipp|qemu|rtpengine|kamailio|perf
set -euo pipefail

# have COMMAND... : is one of them on the PATH?
have() { for c in "$@"; do command -v "$c" >/dev/null 2>&1 && return 0; done; return 1; }

# get PACKAGE : installs it where we may, says how otherwise.
get() {
  if ! have apt-get || [ "$(id -u)" != 0 ]; then
    echo "please install $1 (Debian: sudo apt-get install $1)" >&2
    exit 1
  fi
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null
}

case "${1:-}" in
chromium) [ -n "${CHROMIUM:-}" ] || have chromium chromium-browser google-chrome || get chromium ;;
sipp) have sipp || get sip-tester ;;
qemu) have qemu-aarch64-static || get qemu-user-static ;;
rtpengine) have rtpengine || get rtpengine-daemon ;;
kamailio) have kamailio || get kamailio ;;
perf) have perf || get linux-perf ;;
*) echo "usage: $0 chromium|sipp|qemu|rtpengine|kamailio|perf" >&2; exit 2 ;;
esac
