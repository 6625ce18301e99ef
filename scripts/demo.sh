#!/bin/sh
# Starts Outrigger with config/quickstart.yaml, sends the first request, shows the answer, and serves until Ctrl-C.
#
#   scripts/demo.sh          the demo; with DEMO_ONCE=1 it ends after the answer; with OUTRIGGER=FILE it runs that program
#   scripts/demo.sh ports    only tells whether the ports are free, with exit code 1 if not
set -u
cd "$(dirname "$0")/.." || exit 1

outrigger=${OUTRIGGER:-${CARGO_TARGET_DIR:-target}/debug/outrigger}
config=config/quickstart.yaml
url='localhost:2045/?name=book1'
expected='There are 100 inventories for book1.'
patience=30 # seconds from start to ready, for a slow machine

fail() {
    echo "demo: $*" >&2
    exit 1
}

ask() {
    curl --silent --noproxy '*' --max-time 10 "$@"
}

# 7 is curl's exit code for a refused connection.
needs_free_port() {
    ask --max-time 2 --output /dev/null "http://127.0.0.1:$1/"
    [ $? = 7 ] || fail "port $1 is taken; stop the program that listens there (ss -ltnp shows it), then run this again"
}

needs_free_port 2045
needs_free_port 34998
[ "${1:-}" != ports ] || exit 0

[ -x "$outrigger" ] || fail "$outrigger is not there; run: make demo"
echo "demo: $outrigger run -c $config"
"$outrigger" run -c "$config" &
pid=$!

stop() {
    trap - EXIT INT TERM
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}
trap 'stop' EXIT
trap 'stop; exit 0' INT TERM

running() {
    kill -0 "$pid" 2>/dev/null
}

ready() {
    [ "$(ask --output /dev/null --write-out '%{http_code}' http://127.0.0.1:34998/ready)" = 200 ]
}

tries=$((patience * 5))
until ready; do
    running || fail "outrigger ended before it was ready; its own words are above"
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "outrigger was not ready within $patience s"
    sleep 0.2
done
# Ready is the answer of whoever has the port; ours must be the one.
running || fail "outrigger ended before it was ready; its own words are above"

answer=$(ask --header 'id: id_1' "$url")
printf '\n  $ curl -H '\''id: id_1'\'' '\''%s'\''\n  %s\n\n' "$url" "$answer"
[ "$answer" = "$expected" ] || fail "this is not the answer it should be: $expected"
[ "${DEMO_ONCE:-}" != 1 ] || exit 0

cat <<'END'
Function id_1 asked function id_2, which read the store. Also try, in another terminal:
  curl -H 'id: id_2' -d book1 localhost:2045
  curl localhost:34998/functions
Ctrl-C stops it.
END
wait "$pid"
trap - EXIT
fail "outrigger ended by itself"
