#!/usr/bin/env bash
# Debian packages, installed without a question: `apt_install.sh PACKAGE...`.
set -euo pipefail
if ! command -v apt-get > /dev/null; then
  echo "No apt-get here: install $* in this system's way." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"
}
echo "Installing $* with apt-get"
apt update
apt install --no-install-recommends -y "$@" > /dev/null
