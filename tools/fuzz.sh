#!/bin/sh
# Runs fuzz targets that are built, as many at a time as there are cores, and says what became of each.
#
#     tools/fuzz.sh BINARIES LOGS SECONDS TARGET...
#
# With FUZZ_SEED, a number, each begins as it did with that number before, as long as nothing was learnt since.
#
# For `./dev fuzz`, which builds them. What a target learns stays in fuzz/corpus/, what it fails with in fuzz/artifacts/.
# Fails where a target does.
set -eu

binaries=$1 logs=$2 seconds=$3
shift 3

one() {
    name=$1
    mkdir -p "fuzz/corpus/$name" "fuzz/artifacts/$name"
    log=$logs/fuzz-$name.txt
    if ASAN_OPTIONS=detect_odr_violation=0 "$binaries/$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
        ${FUZZ_SEED:+-seed="$FUZZ_SEED"} -artifact_prefix="fuzz/artifacts/$name/" -print_final_stats=1 \
        "fuzz/corpus/$name" "fuzz/seeds/$name" >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "$name: $runs inputs in $seconds s, nothing found"
        return
    fi
    file=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    # In one piece, so that targets that fail at the same time stay apart.
    printf '%s\n\n%s: FAILED\n    the input:    %s\n    run it again: ./dev fuzz %s %s\n\n' \
        "$(tail -n 60 "$log")" "$name" "${file:-none was written}" "$name" "${file:-}"
    return 1
}

if [ "${FUZZ_ONE:-}" ]; then
    one "$1"
else
    export FUZZ_ONE=1
    printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 "$0" "$binaries" "$logs" "$seconds"
fi
