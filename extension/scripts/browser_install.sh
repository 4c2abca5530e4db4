#!/usr/bin/env bash
# Installs Chromium where there is no such browser, from the packages of Debian or Ubuntu, which stay in the user's cache.
set -euo pipefail

for browser in "${CHROMIUM:-chromium}" chromium-browser google-chrome; do
  command -v "$browser" && exit
done
fail() { echo "The tests in the editor need Chromium. $1, or set CHROMIUM to its path." >&2; exit 1; }
command -v apt-get >/dev/null || fail "Install it"
root=""
[ "$(id -u)" = 0 ] || root="sudo"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/olivine/apt"
mkdir -p "$cache/partial"
apt() { DEBIAN_FRONTEND=noninteractive $root apt-get -qq -o Acquire::Retries=3 -o APT::Sandbox::User=root "$@"; }
apt update || echo "The list of packages cannot be fetched; trying the one that is there." >&2
apt install -y --no-install-recommends -o Dir::Cache::archives="$cache" -o APT::Keep-Downloaded-Packages=true \
  chromium >&2 || fail "apt-get install chromium does not do: the lines above say why. Install it"
command -v chromium
