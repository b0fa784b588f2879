#!/usr/bin/env bash
# All tests in the order of their cost, each part with its time; the exit code is honest, and the cluster goes away afterwards.
# The cluster is built in the background while the quick parts run: on a fresh machine its binaries take minutes to compile.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
bin=.venv/bin
ours=build/cluster-made-by-tests  # a cluster that somebody else brought up is used, and left alone
begin=$SECONDS
failed=()

say() { printf '\n=== %s\n' "$*"; }

part() {  # part NAME COMMAND…
  local name=$1 start=$SECONDS; shift
  say "$name"
  if "$@"; then say "$name: held ($((SECONDS - start)) s)"; else failed+=("$name"); say "$name: FAILED ($((SECONDS - start)) s)"; fi
}

cleanup() {
  [ -n "${stand:-}" ] && kill -0 "$stand" 2>/dev/null && { kill "$stand"; wait "$stand"; } 2>/dev/null
  if [ -z "${KEEP:-}" ] && [ -e $ours ]; then
    say "removing the cluster (KEEP=1 keeps it)"
    $bin/python -m ops.cluster down && rm -f $ours
  fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM

make --no-print-directory setup PYTHON="$python" || exit 2
mkdir -p build

$bin/python -m ops.cluster status >/dev/null 2>&1 || touch $ours
say "the cluster comes up in the background; its progress is in build/cluster-up.log"
$bin/python -m ops.cluster up >build/cluster-up.log 2>&1 &
stand=$!

part "lint and types" make --no-print-directory lint type
part "unit and property tests" $bin/python -m pytest tests/unit tests/property tests/contract
part "the simulation: its tests" $bin/python -m pytest tests/simulation
part "the simulation: 5,000 short schedules, 40 market hours" $bin/python -m ops.simulating many --short 5000 --hours 40 --coverage
part "component tests" $bin/python -m pytest tests/component

say "waiting for the cluster"
tail -n 3 build/cluster-up.log
if wait "$stand"; then
  stand=
  part "the stand: images and chart" $bin/python -m ops.deploying
  part "cluster tests" $bin/python -m pytest tests/cluster
else
  stand=
  tail -n 40 build/cluster-up.log
  failed+=("cluster")
fi

if [ ${#failed[@]} -gt 0 ]; then
  say "FAILED after $((SECONDS - begin)) s: ${failed[*]}"
  exit 1
fi
say "everything held ($((SECONDS - begin)) s)"
