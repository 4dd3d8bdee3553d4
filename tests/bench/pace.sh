#!/bin/sh
# Whether tg-sendd reaches the rate that Telegram allows and never exceeds it: the simulator with its real
# limits, whose clock runs 100 times as fast, and tg-sendd with limits 100 times as high.
#   sh tests/bench/pace.sh [BUILD] [MESSAGES] [CHATS]
# At 3000 a second it takes a disk that syncs in a few milliseconds.
set -eu
cd "$(dirname "$0")/../.."
bin=${1:-build}/bin
messages=${2:-100000}
chats=${3:-1000}
. tests/bench/bench.sh

start_sim --limits --speed 100
write_config 'overall_per_second: 3000, chat_per_second: 100, group_per_minute: 2000, parallel: 28'
start_sendd
make_chats "$chats"

# A hundred in a request, each for the next chat.
make_calls "$messages" "$chats" | split -a 4 -l 100 - "$dir/part."
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
