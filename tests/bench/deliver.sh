#!/bin/sh
# How many messages a second tg-sendd delivers with limits off, the simulator on the same machine; what
# libcurl alone does there; what a message costs with a long queue and with a short one; and the memory.
#   sh tests/bench/deliver.sh [BUILD] [MESSAGES] [QUEUED]
# MESSAGES are delivered to 1,000 chats in each run, in the last one in front of QUEUED more.
set -eu
cd "$(dirname "$0")/../.."
bin=${1:-build}/bin
messages=${2:-50000}
queued=${3:-1000000}
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
store: {path: $dir/store, map_size: 8G}
socket: {path: $dir/sock, group: "", mode: "0600"}
delivery: {overall_per_second: 0, chat_per_second: 0, group_per_minute: 0, parallel: 128}
log: {level: warning}
YAML
api()
{
	curl -fsS --unix-socket "$dir/sock" "http://localhost$1" -X "$2" --data-binary "${3-@/dev/null}"
}

python3 - "$dir" <<'PY'
import sys
with open(sys.argv[1] + "/lines", "w") as out:
    for i in range(5000):
        out.write('{"method":"sendMessage","chat_id":%d,"text":"line %05d of some sixty characters, as a report has"}\n'
                  % (i % 1000 + 1, i))
PY
curl_chats='url = "http://127.0.0.1:%s/sim/chat"\ndata = "{\\"chat_id\\":%d,\\"type\\":\\"private\\"}"\n'
# shellcheck disable=SC2059 # the format is ours
for chat in $(seq 1000); do
	[ "$chat" -eq 1 ] || echo next
	printf "$curl_chats" "$port" "$chat"
done >"$dir/chats"
curl -s -K "$dir/chats" >/dev/null

start()
{
	"$bin/tg-sendd" -c "$dir/tgtools.yaml" 2>>"$dir/log" &
	sendd=$!
	pids="$pids $sendd"
	while ! curl -s --unix-socket "$dir/sock" http://x/health >/dev/null; do sleep 0.02; done
}
queue()
{
	left=$1
	while [ "$left" -gt 0 ]; do
		api /calls POST "@$dir/lines" >/dev/null
		left=$((left - 5000))
	done
}
memory()
{
	awk '/^(VmRSS|RssAnon|VmHWM)/ {printf "%s %d MB  ", $1, $2 / 1024} END {print ""}' "/proc/$sendd/status"
}
delivered()
{
	api /health GET | jq .delivered
}
# Resumes, and prints how long MESSAGES took.
measure()
{
	before=$(delivered)
	start=$(date +%s%N)
	api /queue/resume POST >/dev/null
	while [ $(($(delivered) - before)) -lt "$messages" ]; do sleep 0.02; done
	took=$((($(date +%s%N) - start) / 1000))
	done=$(($(delivered) - before))
	api /queue/hold POST >/dev/null
	printf '%-32s %d in %d ms, %d a second, %d ns each\n' "$1" "$done" $((took / 1000)) \
		$((done * 1000000 / took)) $((took * 1000 / done))
	memory
}

start
api /queue/hold POST >/dev/null
queue "$messages"
measure "short queue:"
measured=$took
[ "$queued" -eq 0 ] && exit 0
queue $((queued + messages))
echo "with $queued queued:"; memory
kill "$sendd"; wait "$sendd" || true
start
echo "after a restart:"; memory
measure "long queue:"
echo "long to short: $((took * 100 / measured)) %"
