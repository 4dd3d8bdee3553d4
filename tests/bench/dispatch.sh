#!/bin/bash
# How many updates a second tg-dispatch handles on one core, and how many json-c alone parses, looks into and
# answers with the same lines; in turns, because nothing else on a machine stands still. The updates are a mix as a
# bot with many users gets it (updates.py). With memory: what tg-dispatch has resident after 1 and after 10 million.
#   bash tests/bench/dispatch.sh [BUILD] [UPDATES] [ROUNDS]
#   bash tests/bench/dispatch.sh memory [BUILD]
set -eu
cd "$(dirname "$0")/../.."
mode=speed
[[ ${1-} != memory ]] || { mode=memory; shift; }
build=${1:-build}
updates=${2:-200000}
rounds=${3:-7}
core=$(taskset -cp $$ | grep -oE '[0-9]+$')
dir=$(mktemp -d "${TMPDIR:-/tmp}/tgt.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP
echo 'log: {format: json, level: info}' >"$dir/tgtools.yaml"

dispatch=(taskset -c "$core" "$build/bin/tg-dispatch" -c "$dir/tgtools.yaml" --no-store)
json=(taskset -c "$core" "$build/tests/bench/bench_json" "$dir/answers")

# seconds COMMAND...: the CPU time that it takes.
seconds()
{
	local TIMEFORMAT='%U %S'

	{ time "$@" <"$dir/updates" >/dev/null 2>/dev/null; } 2>&1 | awk '{ print $1 + $2 }'
}

speed()
{
	local round ours theirs

	python3 tests/bench/updates.py "$updates" >"$dir/updates"
	"${dispatch[@]}" <"$dir/updates" >"$dir/answers" 2>"$dir/log"
	"${json[@]}" <"$dir/updates" | cmp - "$dir/answers"
	echo "$(wc -l <"$dir/answers") updates of $(($(wc -c <"$dir/updates") / updates)) bytes," \
		"$(grep -vc '"calls":\[\]' "$dir/answers") of them answered, $(wc -l <"$dir/log") lines in the log"
	for ((round = 0; round < rounds; round++)); do
		theirs=$(seconds "${json[@]}")
		ours=$(seconds "${dispatch[@]}")
		echo "$theirs $ours"
	done | awk -v updates="$updates" '
		{ printf "json-c %.0f a second, tg-dispatch %.0f: %.2f times json-c'"'"'s time\n",
			updates / $1, updates / $2, $2 / $1
		  theirs += $1; ours += $2 }
		END { printf "all: json-c %.0f a second, tg-dispatch %.0f: %.2f times\n",
			NR * updates / theirs, NR * updates / ours, ours / theirs }'
}

# The same updates again and again, of more chats than the limits know.
memory()
{
	local million

	updates=100000
	python3 tests/bench/updates.py "$updates" >"$dir/updates"
	mkfifo "$dir/in"
	"${dispatch[@]}" <"$dir/in" >/dev/null 2>/dev/null &
	exec 3>"$dir/in"
	for ((million = 1; million <= 10; million++)); do
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			cat "$dir/updates" >&3
		done
		echo "after $million million: $(awk '/VmRSS|VmHWM/ { printf "%s %s kB ", $1, $2 }' "/proc/$!/status")"
	done
	exec 3>&-
	wait $!
}

$mode
