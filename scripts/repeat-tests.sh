#!/usr/bin/env bash
# Runs all fast tests over and over, to find those that fail now and then: scripts/repeat-tests.sh [runs] [busy cores].
# Prints the last line of each run, its time and its failures; the whole output of a run that failed stays in a folder.
set -uo pipefail
cd "$(dirname "$0")/.."
runs=${1:-30}
busy=${2:-0}

npm run --silent build || exit 1
folder=$(mktemp -d)
spinners=()
trap '[ ${#spinners[@]} -eq 0 ] || kill "${spinners[@]}"' EXIT
for ((n = 0; n < busy; n++)); do
  node -e 'for (;;);' &
  spinners+=($!)
done

failed=0
for ((n = 1; n <= runs; n++)); do
  SECONDS=0
  output=$folder/run-$n.log
  if node packages/test-harness/dist/src/run.js >"$output" 2>&1; then
    result=ok
  else
    result=FAILED
    failed=$((failed + 1))
  fi
  echo "run $n of $runs: $result, $(tail -n 1 "$output"), $SECONDS s"
  grep '^✘ .*: [^0-9]' "$output" || true
  [ "$result" = FAILED ] || rm "$output"
done
echo "$failed of $runs runs failed"
if [ "$failed" -eq 0 ]; then rmdir "$folder"; else echo "their output: $folder"; fi
[ "$failed" -eq 0 ]
