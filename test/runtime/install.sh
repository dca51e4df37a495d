#!/usr/bin/env bash
# Builds AWS's own Node.js runtime client into test/runtime/node_modules, after `npm ci` at the root. Its package carries
# the sources of all that it is made of and compiles them when it is installed. On Debian, what that takes is installed
# where it is missing, which needs root. What is built already, from the same lock file, is left as it is.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(cd ../.. && pwd)
# The Node that runs the function runs the build, too.
export PATH="$root/node_modules/.bin:$PATH"

built=node_modules/.built
state="$(node -p process.version) $(sha256sum package-lock.json)"
if [[ -f $built && $(<"$built") == "$state" ]]; then
  echo "AWS's runtime is built already."
  exit 0
fi

# By command, the Debian package that has it.
declare -A packages=([cmake]=cmake [g++]=g++ [make]=make [python3]=python3 [xz]=xz-utils [setpriv]=util-linux)
missing=()
for command in "${!packages[@]}"; do
  command -v "$command" >/dev/null || missing+=("${packages[$command]}")
done
if ((${#missing[@]} > 0)); then
  echo "Installing: ${missing[*]}"
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
fi

# Node's headers are beside its binary in the npm package; without them, npm gets them as this machine has been told to.
headers=$(echo "$root"/node_modules/node/node_modules/node-linux-*)
if [[ -d $headers/include/node ]]; then export npm_config_nodedir=$headers; fi

npm ci --no-audit --no-fund --foreground-scripts
echo "$state" >"$built"
