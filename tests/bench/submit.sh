#!/bin/sh
# Whether tg-sendd takes submissions as fast while Telegram is away as while it is there, and how a
# synced commit for many clients compares with one for each; beside them what the bare libraries do.
#   sh tests/bench/submit.sh [BUILD] [REQUESTS]
set -eu
cd "$(dirname "$0")/../.."
bin=${1:-build}/bin
requests=${2:-20000}
. tests/bench/bench.sh

# shellcheck disable=SC2119 # no options
start_sim
write_config 'parallel: 16'
start_sendd
make_chats 1

body='{"method":"sendMessage","chat_id":1,"text":"a line of some sixty characters, as a report has them"}'
# run NAME SOCKET CLIENTS REQUESTS
run()
{
	printf '%-42s' "$1, $3 clients:"
	"$bin/../tests/bench/bench_submit" "$2" /calls "$body" "$3" "$4"
}
mkdir "$dir/bare"
"$bin/../tests/bench/bench_bare" "$dir/bare.sock" "$dir/bare" &
pids="$pids $!"
while [ ! -S "$dir/bare.sock" ]; do sleep 0.05; done
run "the bare libraries" "$dir/bare.sock" 1 $((requests / 10))
run "the bare libraries" "$dir/bare.sock" 32 "$requests"
run "Telegram there" "$dir/sock" 1 $((requests / 10))
run "Telegram there" "$dir/sock" 32 "$requests"
curl -s "http://127.0.0.1:$port/sim/fault" -d '{"method":"*","count":-1,"kind":"refuse","ms":600000}' >/dev/null
run "Telegram away" "$dir/sock" 1 $((requests / 10))
run "Telegram away" "$dir/sock" 32 "$requests"
