#!/bin/sh
# Whether tg-sendd reaches the rate that Telegram allows and never exceeds it: the simulator with its real
# limits, whose clock runs 100 times as fast, and tg-sendd with limits 100 times as high.
#   sh tests/bench/pace.sh [BUILD] [MESSAGES] [CHATS]
# At 3000 a second it takes a disk that syncs in a few milliseconds; TMPDIR says where the store is.
set -eu
cd "$(dirname "$0")/../.."
bin=${1:-build}/bin
messages=${2:-100000}
chats=${3:-1000}
dir=$(mktemp -d "${TMPDIR:-/tmp}/tgt.XXXXXX")
pids=
trap 'kill $pids 2>/dev/null; wait; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP

"$bin/tg-sim" --port-file "$dir/port" --limits --speed 100 >/dev/null &
pids=$!
while [ ! -s "$dir/port" ]; do sleep 0.05; done
port=$(cat "$dir/port")
(umask 077 && echo 123456:TEST-TOKEN-for-the-simulator-0000000 >"$dir/token")
cat >"$dir/tgtools.yaml" <<YAML
telegram: {token_file: $dir/token, api_url: "http://127.0.0.1:$port"}
store: {path: $dir/store, map_size: 1G}
socket: {path: $dir/sock, group: "", mode: "0600"}
delivery: {overall_per_second: 3000, chat_per_second: 100, group_per_minute: 2000, parallel: 28}
log: {level: warning}
YAML
"$bin/tg-sendd" -c "$dir/tgtools.yaml" &
sendd=$!
pids="$pids $sendd"
while ! curl -s --unix-socket "$dir/sock" http://x/health >/dev/null; do sleep 0.05; done

# Requests over one connection: curl reads them from a file.
awk -v url="http://127.0.0.1:$port/sim/chat" -v chats="$chats" 'BEGIN {
	for (i = 1; i <= chats; i++)
		printf "%surl = \"%s\"\ndata = \"{\\\"chat_id\\\":%d,\\\"type\\\":\\\"private\\\"}\"\noutput = /dev/null\n",
			(i > 1 ? "next\n" : ""), url, i }' >"$dir/chats"
curl -sS -K "$dir/chats"

# A hundred in a request, each for the next chat.
awk -v messages="$messages" -v chats="$chats" 'BEGIN {
	for (i = 0; i < messages; i++)
		printf "{\"method\":\"sendMessage\",\"chat_id\":%d,\"text\":\"message %d\"}\n", i % chats + 1, i }' >"$dir/lines"
split -a 4 -l 100 "$dir/lines" "$dir/part."
for part in "$dir"/part.*; do
	printf 'next\nurl = "http://x/calls"\nunix-socket = "%s"\ndata-binary = "@%s"\noutput = /dev/null\n' "$dir/sock" "$part"
done | sed 1d >"$dir/calls"

now()
{
	date +%s.%N
}
start=$(now)
curl -sS --fail-early -f -K "$dir/calls"
accepted=$(now)
curl -sS "http://127.0.0.1:$port/sim/wait?delivered=$messages&timeout_ms=300000" >/dev/null
end=$(now)
rejected=$(curl -sS "http://127.0.0.1:$port/sim/stats" | sed 's/.*"rejected_429":\([0-9]*\).*/\1/')
awk -v messages="$messages" -v chats="$chats" -v start="$start" -v accepted="$accepted" -v end="$end" \
	-v rejected="$rejected" 'BEGIN {
	took = end - start
	# Telegram gives 30 at once and then 30 a second, here 3000.
	allowed = (messages - 30) / 3000
	printf "%d messages to %d chats: accepted in %.2f s, delivered in %.2f s; the limits allow %.2f s: %+.2f %%; 429: %d\n",
		messages, chats, accepted - start, took, allowed, (took / allowed - 1) * 100, rejected }'
