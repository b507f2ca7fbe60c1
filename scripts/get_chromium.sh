#!/usr/bin/env bash
# Chromium for the browser tests, from Debian's packages. Does nothing where one is found.
set -euo pipefail
for name in chromium google-chrome; do
  if command -v "$name" > /dev/null; then exit 0; fi
done
if ! command -v apt-get > /dev/null; then
  echo "No Chromium and no apt-get: install Chromium to run the browser tests." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"
}
echo "Chromium is missing: installing it with apt-get (about 100 MB)"
apt update
apt install --no-install-recommends -y chromium fonts-liberation > /dev/null
command -v chromium > /dev/null
