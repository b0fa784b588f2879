#!/usr/bin/env bash
# Makes the virtual environment from the lock file. Works on a fresh Debian with Python 3.11 or newer; says what is missing elsewhere.
set -euo pipefail
python=${PYTHON:-python3} venv=${VENV:-.venv}

say() { printf 'setup: %s\n' "$*" >&2; }

command -v "$python" >/dev/null || { say "no '$python' found; install Python 3.11 or newer, or name it: make setup PYTHON=…"; exit 2; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  { say "Python 3.11 or newer is needed, '$python' is $("$python" -V 2>&1)"; exit 2; }

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing python3-venv"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
  else
    say "the venv module is missing; install it (on Debian: apt-get install python3-venv)"; exit 2
  fi
fi

# An environment that a crash left half made is made anew.
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  say "making $venv with $("$python" -V 2>&1)"
  "$python" -m venv --clear "$venv"
fi
if [ ! -x "$venv/bin/uv" ]; then
  say "installing the installer (uv), by hash"
  awk '/^uv==/ {on = 1} on {print} on && !/\\$/ {exit}' requirements.lock >"$venv/uv.lock"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$venv/uv.lock"
fi
say "installing the locked dependencies"
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --require-hashes -r requirements.lock
say "installing the three distributions"
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e operator -e trader -e kitesim
say "ready: $venv/bin/{trader,kitesim,kubectl-tsn}"
