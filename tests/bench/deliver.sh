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
. tests/bench/bench.sh

api()
{
	curl -fsS --unix-socket "$dir/sock" "http://localhost$1" -X "$2" --data-binary "${3-@/dev/null}"
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

# shellcheck disable=SC2119 # no options
start_sim
write_config 'overall_per_second: 0, chat_per_second: 0, group_per_minute: 0, parallel: 128'
start_sendd
make_chats 1000
make_calls 5000 1000 >"$dir/lines"
printf '%-32s ' "libcurl alone, 8 in parallel:"
"$bin/../tests/bench/bench_curl" "http://127.0.0.1:$port/bot$(cat "$dir/token")/sendMessage" 8 "$messages"
api /queue/hold POST >/dev/null
queue "$messages"
measure "short queue:"
measured=$took
[ "$queued" -eq 0 ] && exit 0
queue $((queued + messages))
echo "with $queued queued:"; memory
kill "$sendd"; wait "$sendd" || true
start_sendd
echo "after a restart:"; memory
measure "long queue:"
echo "long to short: $((took * 100 / measured)) %"
