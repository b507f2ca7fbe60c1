#!/usr/bin/env bash
# Chromium for the browser tests, from Debian's packages. Does nothing where one is found.
set -euo pipefail
for name in chromium google-chrome; do
  if command -v "$name" > /dev/null; then exit 0; fi
done
echo "Chromium is missing (about 100 MB)"
"$(dirname "${BASH_SOURCE[0]}")/apt_install.sh" chromium fonts-liberation
command -v chromium > /dev/null
