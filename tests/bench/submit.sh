#!/bin/sh
# Whether tg-sendd takes submissions as fast while Telegram is away as while it is there, and how a
# synced commit for many clients compares with one for each.
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
