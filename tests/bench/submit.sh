#!/bin/sh
# Whether tg-sendd takes submissions as fast while Telegram is away as while it is there, and how a
# synced commit for many clients compares with one for each.
#   sh tests/bench/submit.sh [BUILD] [REQUESTS]
set -eu
cd "$(dirname "$0")/../.."
bin=${1:-build}/bin
requests=${2:-20000}
dir=$(mktemp -d /tmp/tgt.XXXXXX)
pids=
trap 'kill $pids 2>/dev/null; wait; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP

"$bin/tg-sim" --port-file "$dir/port" >/dev/null &
pids=$!
while [ ! -s "$dir/port" ]; do sleep 0.05; done
port=$(cat "$dir/port")
(umask 077 && echo 123456:TEST-TOKEN-for-the-simulator-0000000 >"$dir/token")
cat >"$dir/tgtools.yaml" <<YAML
telegram: {token_file: $dir/token, api_url: "http://127.0.0.1:$port"}
store: {path: $dir/store, map_size: 2G}
socket: {path: $dir/sock, group: "", mode: "0600"}
log: {level: warning}
YAML
"$bin/tg-sendd" -c "$dir/tgtools.yaml" 2>"$dir/log" &
pids="$pids $!"
while ! curl -s --unix-socket "$dir/sock" http://x/health >/dev/null; do sleep 0.05; done
curl -s "http://127.0.0.1:$port/sim/chat" -d '{"chat_id":1,"type":"private"}' >/dev/null

body='{"method":"sendMessage","chat_id":1,"text":"a line of some sixty characters, as a report has them"}'
run()
{
	printf '%-42s' "$1, $2 clients:"
	"$bin/../tests/bench/bench_submit" "$dir/sock" /calls "$body" "$2" "$3"
}
run "Telegram there" 1 $((requests / 10))
run "Telegram there" 32 "$requests"
curl -s "http://127.0.0.1:$port/sim/fault" -d '{"method":"*","count":-1,"kind":"refuse","ms":600000}' >/dev/null
run "Telegram away" 1 $((requests / 10))
run "Telegram away" 32 "$requests"
