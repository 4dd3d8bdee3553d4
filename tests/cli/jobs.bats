#!/usr/bin/env bats
# Why: people run their scripts with a thumb and rely on what they see: that it is started once, that nothing of what
# it prints is lost, that Stop stops it. The whole chain is at work here, from the simulator's chat to the script and
# back; all of it as the account of the test, in a home of the test's own in a mount namespace of its own.

load helper

setup() {
	[[ $(id -u) == 0 ]] || skip "only root can put a home of the test's own in the place of the account's"
	unset SUDO_UID
	start_sim
	configure
	make_home
	start_sendd
	start_jobs_bot
	link_account 1
}

teardown() {
	stop_all
}

configure() {
	write_config "scripts: {timeout: 60s}
delivery: {overall_per_second: 0, chat_per_second: 0}
${1-}"
}

make_home() {
	local home
	home=$(getent passwd root | cut -d : -f 6)
	NOTIFICATIONS=$DIR/home/user/notifications
	mkdir -p "$NOTIFICATIONS" "$DIR/within"
	start holder unshare -m sleep 300
	wait_until 5 in_its_own_namespace
	nsenter -t "${PIDS[holder]}" -m --wd=/ -- mount --bind "$DIR/home" "$home"
	printf '#!/bin/sh\nexec nsenter -t %s -m --wd=/ -- %s "$@"\n' "${PIDS[holder]}" "$BIN/tg-dispatch" \
		>"$DIR/within/tg-dispatch"
	chmod 755 "$DIR/within/tg-dispatch"
}

in_its_own_namespace() {
	[[ $(readlink "/proc/${PIDS[holder]}/ns/mnt") != "$(readlink /proc/self/ns/mnt)" ]]
}

start_jobs_bot() {
	PATH=$DIR/within:$PATH start_bot
}

# script NAME [BODY]: a shell script of the account; the body is standard input without one.
script() {
	{ echo '#!/bin/sh'; if (($# > 1)); then echo "$2"; else cat; fi; } >"$NOTIFICATIONS/$1"
	chmod 755 "$NOTIFICATIONS/$1"
}

chat() {
	sim GET "/sim/chat?id=${1:-1}"
}

# shown JQ [CHAT]: what the bot has said, for jq.
shown() {
	chat "${2-}" | jq -r "[.messages[] | select(.from == \"bot\" and (.deleted | not))] | $1"
}

# tap BUTTON [CHAT] [FROM]: the newest button with that text.
tap() {
	local chat=${2:-1} message
	message=$(chat "$chat" | jq --arg text "$1" '[.messages[] | select([.reply_markup.inline_keyboard[]?[]?.text] |
		index($text))] | last.message_id')
	sim POST /sim/tap "$(jq -nc --argjson chat "$chat" --argjson message "$message" --arg text "$1" \
		--argjson from "${3:-$chat}" '{chat_id: $chat, message_id: $message, button: $text, from_id: $from}')"
}

# toast TEXT: the last tap was answered with it.
toast() {
	wait_until 10 toasted "$1"
}

toasted() {
	chat "${2-1}" | jq -e --arg text "$1" '.pressed | last | .answered and (.answer_text // "" | contains($text))' >/dev/null
}

has_messages() {
	(($(shown length) >= $1))
}

says_last() {
	[[ $(shown 'last.text') == *"$1"* ]]
}

@test "/run shows what a script prints, and how it ended, in one message" {
	script disk.sh 'echo "/ 91%"; echo "$NOTIFY_MANUAL $NOTIFY_ARGS $1" >&2; exit 3'
	say 1 "/run disk.sh a b"
	wait_chat 1 "exit status 3"
	shown 'last' | tee "$DIR/out"
	jq -e '.text | startswith("/ 91%\n1 a b a\ndisk.sh: exit status 3, ")' "$DIR/out"
	jq -e '.entities == [{type: "pre", offset: 0, length: 13}] and .edits == 0 and .reply_markup == null' "$DIR/out"
	# Without the extension, too; and no text of it stands in the log, but that it ran does.
	say 1 "/run disk"
	wait_until 10 has_messages 4
	[[ $(grep -c 'tg-dispatch: .*job started .*script="disk.sh"' "$DIR/dispatch.log") == 2 ]]
	[[ $(grep -c 'tg-dispatch: .*job ended .*script="disk.sh" outcome="failed"' "$DIR/dispatch.log") == 2 ]]
	never grep -q '91%' "$DIR/dispatch.log"
}

@test "/scripts lists them with a button each; a tap runs one, and somebody else's tap does not" {
	script disk.sh 'echo tapped'
	script load.sh 'echo load'
	say 1 /scripts
	wait_chat 1 "disk.sh - last run: never, last sent: never"
	shown 'last' | jq -e '[.reply_markup.inline_keyboard[][].text] == ["disk.sh", "load.sh"]'
	shown 'last.reply_markup.inline_keyboard[0][0].callback_data' | grep -qE '^run:[A-Za-z0-9_-]{16}$'
	tap disk.sh
	toast "disk.sh starts."
	wait_chat 1 "tapped"
	# The same data from a chat that belongs to nobody, and from one of another account.
	sim POST /sim/message '{"chat_id":2,"text":"/start","username":"bob"}' >/dev/null
	wait_chat 2 code
	local data
	data=$(shown '[.[] | select(.reply_markup)] | last.reply_markup.inline_keyboard[0][0].callback_data')
	sim POST /sim/update "$(jq -nc --arg data "$data" '{callback_query: {id: "q1", chat_instance: "1", data: $data,
		from: {id: 2, is_bot: false, first_name: "Bob"},
		message: {message_id: 1, date: 1, chat: {id: 2, type: "private"}}}}')" >/dev/null
	wait_until 10 grep -q 'chat=2 user=2 route="run" outcome="not linked"' "$DIR/dispatch.log"
	[[ $(grep -c 'tg-dispatch: .*job started' "$DIR/dispatch.log") == 1 ]]
}

@test "more than eight scripts are paged in the same message, and buttons survive a restart" {
	local i
	for i in {01..19}; do script "s$i.sh" "echo this is $i"; done
	say 1 /scripts
	wait_chat 1 s08.sh
	[[ $(shown 'last.text' | grep -c 'last run') == 8 ]]
	shown 'last' | jq -e '[.reply_markup.inline_keyboard[8][].text] == ["1/3", "»"]'
	stop_bot
	start_jobs_bot
	tap "»"
	wait_chat 1 s16.sh
	shown 'last' | jq -e '.edits == 1 and [.reply_markup.inline_keyboard[8][].text] == ["«", "2/3", "»"]'
	chat | jq -e '.pressed | last.answered'
	tap "»"
	wait_chat 1 s19.sh
	[[ $(shown 'last.text' | grep -c 'last run') == 3 ]]
	tap s18.sh
	wait_chat 1 "this is 18"
}

@test "without scripts, without a name and with a wrong one people are told what there is" {
	say 1 /scripts
	wait_chat 1 "Put one into ~/user/notifications"
	script disk.sh 'echo ran'
	script disk.py 'echo ran'
	say 1 /run
	wait_chat 1 "Which script? Use /run and one of these names:"
	shown 'last.text' | grep -qx disk.sh
	local name
	# The stem of two is the name of none.
	for name in nothing.sh disk ../../../bin/sh /bin/sh "$(printf 'x%.0s' {1..300})" '$(id)' '-x' '`id`'; do
		say 1 "/run $name"
		wait_until 10 says_last "There is no script ${name:0:50}"
	done
	never grep -q 'tg-dispatch: .*job started' "$DIR/dispatch.log"
}

# A tg-dispatch of its own, with a tg-exec that never answers, so that the time limit passes beside another test.
start_hanging() {
	mkdir "$DIR/hanging"
	cp "$BIN/tg-dispatch" "$DIR/hanging/"
	printf '#!/bin/sh\nexec cat >/dev/null\n' >"$DIR/hanging/tg-exec"
	chmod 755 "$DIR/hanging/tg-exec"
	(
		printf '{"update_id":5,"message":{"chat":{"id":1,"type":"private"},"text":"/scripts"}}\n'
		sleep 11
	) | "$DIR/hanging/tg-dispatch" -c "$CONFIG" >"$DIR/hanging/out" 2>"$DIR/hanging/log" 3>&- &
	PIDS[hanging]=$!
}

@test "output is shown while it comes, at most every two seconds, in order, and nothing of it is lost" {
	script chatty.sh 'i=0; while [ $i -lt 60 ]; do echo "out $i $(date +%s.%N)"; echo "err $i" >&2; i=$((i+1)); sleep 0.1
		done; date +%s%N >'"$DIR/ended"
	python3 - "$SIM_URL" >"$DIR/seen" <<-'PY' &
		import json, sys, time, urllib.request
		seen = {}
		end = time.time() + 40
		while time.time() < end:
		    with urllib.request.urlopen(sys.argv[1] + "/sim/chat?id=1") as answer:
		        now = time.time()
		        for m in json.load(answer)["messages"]:
		            if m["from"] == "bot" and seen.get(m["message_id"]) != m["edits"]:
		                seen[m["message_id"]] = m["edits"]
		                print(m["message_id"], m["edits"], now, flush=True)
		                if "exit status" in m["text"]:
		                    print("end", now, flush=True)
		                    end = min(end, now + 2.5)
		    time.sleep(0.02)
	PY
	local watcher=$!
	start_hanging
	say 1 "/run chatty.sh"
	wait_chat 1 "exit status 0" 30000
	wait "$watcher"
	cat "$DIR/seen"
	awk '$1 != "end" { if ($1 in at && $3 - at[$1] < 1.9) { print "too soon:", $0; bad = 1 } at[$1] = $3; n++ }
		END { exit bad || n < 4 }' "$DIR/seen"
	awk -v ended="$(<"$DIR/ended")" '$1 == "end" && $2 - ended / 1e9 > 2 { print "late:", $2 - ended / 1e9; exit 1 }' "$DIR/seen"
	shown '[.[] | select(.entities // [] | any(.type == "pre"))] | .[] | . as {$text} | .entities[0] |
		$text[.offset:.offset + .length]' >"$DIR/printed"
	[[ $(grep -c . "$DIR/printed") == 120 ]]
	diff <(grep -oE '^(out|err) [0-9]+' "$DIR/printed") <(for i in {0..59}; do echo "out $i"; echo "err $i"; done)
	[[ $(shown '[.[] | select(.reply_markup)] | length') == 0 ]]
	wait_until 15 grep -q 'scripts cannot be reached' "$DIR/hanging/out"
	grep -qE 'route="scripts" outcome="away" latency_ms=1[01][0-9]{3}$' "$DIR/hanging/log"
}

@test "a script that is silent is said to run; Stop stops it, and a second tap says so" {
	script sleepy.sh 'echo $$ >'"$DIR/pid; exec sleep 60"
	say 1 "/run sleepy.sh"
	wait_chat 1 "sleepy.sh is running."
	say 1 /jobs
	wait_chat 1 "sleepy.sh - "
	say 1 "/run sleepy.sh"
	wait_chat 1 "sleepy.sh is running already."
	tap "Stop sleepy.sh"
	toast "sleepy.sh is being stopped."
	wait_chat 1 "sleepy.sh: stopped after"
	# The button of the list is still there.
	tap "Stop sleepy.sh"
	toast "It has ended already."
	say 1 /jobs
	wait_chat 1 "None of your scripts is running."
	gone "$(<"$DIR/pid")"
}

# The process that starts tg-exec, again where needed.
keeper() {
	pgrep -P "${PIDS[dispatch]}"
}

has_started() {
	[[ $(grep -c 'tg-dispatch: .*job started' "$DIR/dispatch.log") == "$1" ]]
}

@test "at most three at once; /stop asks which, or takes a name" {
	local i
	for i in 1 2 3 4; do script "s$i.sh" 'sleep 60'; done
	for i in 1 2 3; do say 1 "/run s$i.sh"; done
	wait_until 10 has_started 3
	say 1 "/run s4.sh"
	wait_chat 1 "3 of your scripts are running already."
	say 1 /stop
	wait_chat 1 "Which one?"
	shown 'last' | jq -e '[.reply_markup.inline_keyboard[][].text] == ["Stop s1.sh", "Stop s2.sh", "Stop s3.sh"]'
	say 1 "/stop s2"
	wait_chat 1 "s2.sh: stopped after"
	say 1 "/stop s9"
	wait_chat 1 "s9 is not running."
	tap "Stop s3.sh"
	wait_chat 1 "s3.sh: stopped after"
	say 1 /stop
	wait_chat 1 "s1.sh: stopped after"
}

@test "a restart in the middle is told once, and the script is started once" {
	script once.sh 'echo run >>'"$DIR/runs"'; echo $$ >'"$DIR/pid"'; echo started; sleep 60'
	say 1 "/run once.sh"
	wait_chat 1 started
	local name keeper
	keeper=$(keeper)
	for name in poll dispatch send; do stop "$name" KILL || true; done
	wait_until 10 gone "$keeper"
	wait_until 10 gone "$(<"$DIR/pid")"
	start_jobs_bot
	wait_chat 1 "once.sh was interrupted by a restart of the bot."
	for name in poll dispatch send; do stop "$name" KILL || true; done
	start_jobs_bot
	say 1 /jobs
	wait_chat 1 "None of your scripts is running."
	[[ $(shown '[.[] | select(.text | contains("interrupted"))] | length') == 1 ]]
	[[ $(wc -l <"$DIR/runs") == 1 ]]
}

@test "a tg-dispatch that is tried by hand beside the service leaves its jobs alone" {
	script long.sh 'echo started; sleep 2; echo done'
	say 1 "/run long.sh"
	wait_chat 1 started
	echo '{"update_id":1,"message":{"chat":{"id":7,"type":"private"},"text":"/help"}}' |
		tg-dispatch -c "$CONFIG" 2>>"$DIR/other.log" >"$DIR/other"
	[[ $(wc -l <"$DIR/other") == 1 ]]
	never grep -q interrupted "$DIR/other" "$DIR/other.log"
	wait_chat 1 "long.sh: exit status 0"
}

@test "when tg-exec dies its jobs are told as interrupted, and the next one runs" {
	script long.sh 'echo started; sleep 60'
	script disk.sh 'echo again'
	say 1 "/run long.sh"
	wait_chat 1 started
	kill -KILL "$(pgrep -P "$(keeper)" -x tg-exec)"
	wait_chat 1 "long.sh was interrupted"
	wait_until 10 runs_again
}

runs_again() {
	say 1 "/run disk.sh"
	sleep 0.2
	wait_chat 1 "again" 2000
}

@test "what is too much for messages comes as a document, to the last line" {
	script much.sh 'seq 1 20000'
	say 1 "/run much.sh"
	wait_until 20 has_document
	local file name
	shown 'last' | tee "$DIR/out" | jq -e '.caption | startswith("much.sh: exit status 0")'
	shown 'map(select(.entities // [] | any(.type == "pre"))) | map(.text | sub("\n[^0-9].*$"; "")) | join("\n")' >"$DIR/lines"
	name=$(jq -r '.document.file_name' "$DIR/out")
	[[ $name == much.sh-*.txt ]]
	file=$(echo "$DIR"/store/output/much.sh-*.txt)
	diff <(seq 1 20000) <(cat "$DIR/lines" "$file")
}

has_document() {
	[[ $(shown 'last.document.file_name') == much* ]]
}

@test "what other bots break on is shown as it is" {
	script hard.sh <<-'SH'
		printf '```\n_*[a](b) <b>&amp;\n\033[31mred\033[0m\n'
		printf 'half %s\r' 10% 50%; printf 'all done\n'
		printf '\377\376 \360\237\230\200 nul:\000.\n   \n'
		head -c 5000 /dev/zero | tr '\0' x
	SH
	say 1 "/run hard.sh"
	wait_chat 1 "exit status 0"
	shown '.[-3:][].text' >"$DIR/out"
	head -n 5 "$DIR/out" >"$DIR/start"
	printf '```\n_*[a](b) <b>&amp;\nred\nall done\n\xef\xbf\xbd\xef\xbf\xbd \xf0\x9f\x98\x80 nul:\xef\xbf\xbd.\n' >"$DIR/expected"
	diff "$DIR/expected" "$DIR/start"
	[[ $(grep -v exit "$DIR/out" | tr -cd x | wc -c) == 5000 ]]
}

@test "a script that prints the contract is delivered, or said to have nothing to report" {
	script news.sh "echo '{\"notify\": true, \"title\": \"News\", \"message\": \"it happened\"}'"
	script calm.sh "echo '{\"notify\": false}'"
	script broken.sh 'echo "{\"notify\": tru"; exit 1'
	say 1 "/run news.sh"
	wait_chat 1 "it happened"
	say 1 "/run calm.sh"
	wait_chat 1 "calm.sh has nothing to report."
	say 1 "/run broken.sh"
	wait_chat 1 "broken.sh: exit status 1"
	[[ $(shown '[.[] | select(.text | contains("news.sh"))] | length') == 0 ]]
	# What is wrong with a report is said under what was printed.
	script wrong.sh "echo '{\"notify\": 5, \"message\": \"five\"}'"
	say 1 "/run wrong.sh"
	wait_chat 1 "wrong.sh: exit status 0"
	says_last "Its report is not valid: "
	says_last '"five"}'
	script unsent.sh "echo '{\"notify\": true, \"message\": \"it broke\", \"image_path\": \"/nowhere.png\"}'"
	say 1 "/run unsent.sh"
	wait_chat 1 "unsent.sh: its report could not be sent: cannot open"
	says_last "it broke"
}

# tg-exec has to know them, too.
both_reloaded() {
	grep -q 'tg-dispatch: .*configuration' "$DIR/dispatch.log" && grep -q 'tg-exec: .*configuration' "$DIR/dispatch.log"
}

@test "scripts of the server run for those who may, by name before one's own" {
	printf '#!/bin/sh\necho of the server\n' >"$DIR/backup"
	chmod 755 "$DIR/backup"
	configure "server_scripts:
  - {name: backup, path: $DIR/backup, run_as: $(id -un), access: operator}
  - {name: secret, path: $DIR/backup, run_as: $(id -un), access: '%no-such-group'}"
	kill -HUP "${PIDS[dispatch]}"
	wait_until 10 both_reloaded
	script backup 'echo my own'
	say 1 /scripts
	wait_chat 1 "backup - a script of the server"
	[[ $(shown 'last.text') != *secret* ]]
	say 1 "/run backup"
	wait_chat 1 "of the server
backup: exit status 0"
	say 1 "/run secret"
	wait_chat 1 "There is no script secret."
}

# another_exec <PROGRAM: the pipeline starts with a tg-dispatch beside which that program is tg-exec.
another_exec() {
	stop_bot
	mkdir "$DIR/bin"
	cp "$BIN/tg-dispatch" "$DIR/bin/"
	cat >"$DIR/bin/tg-exec"
	chmod 755 "$DIR/bin/tg-exec"
	PATH=$DIR/bin:$PATH start_bot
}

@test "a list that takes its time delays no other chat, and the order within a chat holds" {
	another_exec <<-'SH'
		#!/bin/bash
		read -r line
		until [[ -e $0.go ]]; do sleep 0.05; done
		echo "{\"job\":$(jq .job <<<"$line"),\"event\":\"list\",\"scripts\":[]}"
		cat >/dev/null
	SH
	say 1 /scripts
	say 1 /whoami
	say 3 /start
	wait_chat 3 code
	[[ $(shown 'last.text') == *"is now linked"* ]]
	touch "$DIR/bin/tg-exec.go"
	wait_chat 1 "This chat is linked to root since"
	shown '[.[-2:][].text | .[0:8]] | join("|")' | grep -qx 'You have|This cha'
}

@test "what tg-exec says is not believed" {
	another_exec <<-'SH'
		#!/bin/bash
		read -r line
		job=$(jq .job <<<"$line")
		head -c 2000000 /dev/zero | tr '\0' x
		printf '\n[]\n{"event":"list"}\n\377\n{"job":"1","event":"list","scripts":[]}\n{"job":7,"event":"finished"}\n'
		printf '{"job":%s,"event":"list","scripts":[1,{"name":"../x"},{"name":5},{"name":"ok.sh","last_run":[]},{}]}\n' "$job"
		cat >/dev/null
	SH
	say 1 /scripts
	wait_chat 1 "ok.sh - last run: never"
	[[ $(shown 'last.text' | wc -l) == 2 ]]
}

@test "without tg-exec everything but scripts works, and says so" {
	stop_bot
	mkdir "$DIR/bin"
	cp "$BIN/tg-dispatch" "$DIR/bin/"
	PATH=$DIR/bin:$PATH start_bot
	say 1 "/run disk.sh"
	wait_chat 1 "Your scripts cannot be reached right now."
	say 1 /whoami
	wait_chat 1 "This chat is linked to"
	grep -q 'scripts cannot be run' "$DIR/dispatch.log"
}

@test "who unlinks the chat sees no more of what runs, and it is stopped" {
	script chatty.sh 'trap "echo over >'"$DIR/over"'; exit" TERM; while :; do date +%N; sleep 0.1; done'
	say 1 "/run chatty.sh"
	wait_until 10 has_stop_button
	say 1 /unlink
	wait_chat 1 "Unlinked from"
	wait_until 10 test -e "$DIR/over"
	wait_until 5 grep -q 'job ended .*outcome="stopped"' "$DIR/dispatch.log"
	[[ $(shown 'last.text') == Unlinked* ]]
}

has_stop_button() {
	[[ $(shown '[.[] | select(.reply_markup)] | length') == 1 ]]
}
