#!/usr/bin/env bash
# Make .venv with the locked packages, or with the argument “tests” or “page” install the npm packages of the tests or
# of the upload page. What is missing on the system is installed through apt where we are root, and named where we are
# not.
set -euo pipefail
cd "$(dirname "$0")/.."

need() { # need COMMAND PACKAGE…: have the command, by installing the Debian packages if it is missing
  local command=$1
  shift
  command -v "$command" >/dev/null 2>&1 && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing $* …"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends "$@" >/dev/null
  fi
  command -v "$command" >/dev/null 2>&1 && return
  echo "Linefeed needs the command “$command”. Install it, on Debian with: sudo apt-get install $*" >&2
  exit 1
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 && new_enough "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  echo "Linefeed needs Python 3.11 or newer; name one with PYTHON=…" >&2
  exit 1
}

install_packages() { # install_packages FOLDER: its locked npm packages, none of which runs a script of its own
  need node nodejs
  need npm npm
  echo "Setting up $1 …"
  npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
}

case ${1:-} in
  tests)
    need clamd clamav-daemon
    need chromium chromium fonts-liberation
    install_packages tests/nextauth
    exit
    ;;
  page)
    need node nodejs
    if ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'; then
      echo "The upload page is built with Node 20.19 or newer, and this is $(node --version)." >&2
      exit 1
    fi
    install_packages web
    exit
    ;;
esac

need python3 python3 python3-venv
need node nodejs
python=$(find_python)
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 \
    && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes python3-venv >/dev/null \
    || { echo "Python's venv module is missing; on Debian: sudo apt-get install python3-venv" >&2; exit 1; }
fi

echo "Setting up .venv …"
[ -x .venv/bin/python ] && new_enough .venv/bin/python || "$python" -m venv --clear .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements/dev.txt
touch .venv/.ready
