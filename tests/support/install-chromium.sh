#!/usr/bin/env bash
# Install the browser of tests/report/test_browser.py, on Debian and its relatives, as root; nothing if it is there.
set -euo pipefail
if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then exit 1; fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq -o Acquire::http::Timeout=10 -o Acquire::Retries=1
apt-get install -qq -y --no-install-recommends chromium chromium-driver
