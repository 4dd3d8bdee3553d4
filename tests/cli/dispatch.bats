#!/usr/bin/env bats
# Why: what a person writes to the bot is answered by this program alone. It stands in a pipe between others, so
# what it prints, when it prints it, and how it ends is what they rely on.

load helper

setup() {
	write_config
}

teardown() {
	stop_all
}

# message ID CHAT TYPE TEXT: a line as tg-poll prints it.
message() {
	jq -nc --argjson id "$1" --argjson chat "$2" --arg type "$3" --arg text "$4" '{update_id: $id, message:
		{message_id: 1, date: 1, chat: {id: $chat, type: $type}, from: {id: 9, is_bot: false, username: "alice"},
		 text: $text}}'
}

# Calls for the updates on stdin; the log is kept.
dispatch() {
	tg-dispatch -c "$CONFIG" 2>>"$DIR/dispatch.log"
}

texts() {
	jq -r '.calls[].text'
}

code_of() {
	grep -oE '^Your code is [0-9]{6}$' | grep -oE '[0-9]{6}'
}

# The program with descriptor 4 as its input, where no file is given, and 5 as its output.
start_between() {
	rm -f "$DIR/in" "$DIR/out"
	mkfifo "$DIR/in" "$DIR/out"
	exec 4<>"$DIR/in" 6<>"$DIR/out"
	tg-dispatch -c "$CONFIG" <"${1:-$DIR/in}" >"$DIR/out" 2>>"$DIR/dispatch.log" 3>&- 4>&- 6>&- &
	PIDS[dispatch]=$!
	exec 5<"$DIR/out" 6>&-
}

@test "/start gives a code of six digits, and another one the next time" {
	local first second
	first=$(message 1 7 private /start | dispatch | texts)
	second=$(message 2 7 private /start | dispatch | texts)
	echo "$first"
	[[ $(code_of <<<"$first") != "$(code_of <<<"$second")" ]]
	grep -qx "  tg-link verify $(code_of <<<"$first")" <<<"$first"
	grep -q 'valid for 10 minutes and can be used once' <<<"$first"
}

@test "the code and the command are marked as code, at the right place" {
	message 1 7 private /start | dispatch | jq -e '.calls[0] | . as {$text} |
		[.entities[] | select(.type == "code") | $text[.offset:.offset + .length]] |
		.[1] == "tg-link verify " + .[0] and (.[0] | test("^[0-9]{6}$"))'
}

@test "a code is valid as long as the configuration says" {
	write_config 'codes: {lifetime: 90s}'
	message 1 7 private /start | dispatch | texts | grep -q 'valid for 90 seconds'
}

@test "one line an update, in their order, also for those that cause nothing" {
	local i
	for i in {1..300}; do
		printf '{"update_id":%d,"message":{"chat":{"id":%d,"type":"private"},"text":"%s"}}\n' "$i" $((i % 7 + 1)) \
			"$([[ $((i % 50)) == 0 ]] && echo /start || echo /help)"
		printf '{"update_id":%d,"edited_message":{"chat":{"id":7,"type":"private"},"text":"/start"}}\n' $((i + 1000))
	done >"$DIR/in"
	dispatch <"$DIR/in" >"$DIR/out"
	diff <(jq .update_id "$DIR/in") <(jq .update_id "$DIR/out")
	[[ $(jq 'select(.update_id > 1000) | .calls | length' "$DIR/out" | sort -u) == 0 ]]
	[[ $(jq 'select(.update_id <= 1000) | .calls | length' "$DIR/out" | sort -u) == 1 ]]
}

@test "what is no update is named in the log and the rest goes on" {
	{
		message 1 7 private /help
		printf '{\n[]\n"text"\n\n{"update_id":"2"}\n\xff\xfe\n{"update_id":2}{"update_id":3}\n'
		head -c 1000000 /dev/zero | tr '\0' '['
		echo
		head -c 3000000 /dev/zero | tr '\0' 'a'
		echo
		message 4 7 private /help
	} | dispatch >"$DIR/out"
	cat "$DIR/dispatch.log"
	[[ $(jq -c .update_id "$DIR/out" | xargs) == "1 4" ]]
	[[ $(grep -c 'warning: line ignored' "$DIR/dispatch.log") == 8 ]]
	[[ $(grep -oE 'ignored line=[0-9]+' "$DIR/dispatch.log" | grep -oE '[0-9]+' | xargs) == "2 3 4 6 7 8 9 10" ]]
	grep -q 'line=10 reason="it is too long"' "$DIR/dispatch.log"
}

@test "a megabyte of noise changes nothing" {
	head -c 1000000 /dev/urandom >"$DIR/noise"
	{ cat "$DIR/noise"; echo; message 4 7 private /help; } | dispatch >"$DIR/out"
	[[ $(wc -l <"$DIR/out") == 1 && $(jq .update_id "$DIR/out") == 4 ]]
	LC_ALL=C grep -qvP '^[\x20-\x7e]*$' "$DIR/dispatch.log" && return 1
	true
}

@test "a last line without its newline is read, half a line is not" {
	[[ $(printf '{"update_id":1}' | dispatch) == '{"update_id":1,"calls":[]}' ]]
	[[ -z $(printf '{"update_id":1' | dispatch) ]]
	[[ -z $(dispatch </dev/null) ]]
	[[ -z $(tg-dispatch -c "$CONFIG" <&- 2>/dev/null) ]]
}

@test "an answer leaves at once while the input stays open" {
	local line
	start_between
	message 1 7 private /help >&4
	read -r -t 10 line <&5
	[[ $(jq .update_id <<<"$line") == 1 ]]
	message 2 7 private /help >&4
	read -r -t 10 line <&5
	[[ $(jq .update_id <<<"$line") == 2 ]]
	exec 4>&-
	run read -r -t 10 line <&5
	[[ $status == 1 ]]
}

@test "it ends with 0 when nobody reads its output, also while nothing comes" {
	start_between
	message 1 7 private /help >&4
	read -r -t 10 _ <&5
	exec 5<&-
	wait_until 10 gone "${PIDS[dispatch]}"
	stop dispatch
	grep -q 'info: nobody reads the calls any more' "$DIR/dispatch.log"
	exec 4>&-
	yes "$(message 1 7 private /help)" | { dispatch; echo $? >"$DIR/code"; } | head -n 1
	[[ $(<"$DIR/code") == 0 ]]
}

@test "SIGTERM ends it with 0, at rest and while nobody takes its output" {
	start_between
	message 1 7 private /help >&4
	read -r -t 10 _ <&5
	stop dispatch TERM
	exec 5<&-
	exec 4>&-
	yes "$(message 1 7 private /help)" | head -n 20000 >"$DIR/many"
	start_between "$DIR/many"
	# Far more than a pipe takes, far less than all: it reads no further.
	wait_until 20 handled 1000
	wait_until 20 settled
	handled 10000 && return 1
	stop dispatch TERM
	# What left are whole lines.
	exec 4>&-
	cat <&5 >"$DIR/left"
	[[ $(jq -c .update_id "$DIR/left" | wc -l) -gt 100 && $(tail -c 1 "$DIR/left") == '' ]]
}

settled() {
	local before
	before=$(wc -c <"$DIR/dispatch.log")
	sleep 0.3
	[[ $(wc -c <"$DIR/dispatch.log") == "$before" ]]
}

handled() {
	(($(grep -c 'info: update ' "$DIR/dispatch.log") >= $1))
}

@test "SIGHUP reloads the configuration; a bad file leaves the old one in force" {
	local line
	start_between
	message 1 7 private hello >&4
	read -r -t 10 line <&5
	[[ $(texts <<<"$line") == 'Access denied. Your Telegram id is 9.'* ]]
	echo 'texts: {access_denied: "Ask Bob."}' >>"$CONFIG"
	kill -HUP "${PIDS[dispatch]}"
	wait_until 5 grep -q 'configuration reloaded' "$DIR/dispatch.log"
	message 2 8 private hello >&4
	read -r -t 10 line <&5
	[[ $(texts <<<"$line") == 'Ask Bob.' ]]
	echo 'texts: [' >>"$CONFIG"
	kill -HUP "${PIDS[dispatch]}"
	wait_until 5 grep -q 'not reloaded' "$DIR/dispatch.log"
	message 3 10 private hello >&4
	read -r -t 10 line <&5
	[[ $(texts <<<"$line") == 'Ask Bob.' ]]
}

@test "while the store cannot be written it waits, says so once, and goes on" {
	local line
	command -v prlimit >/dev/null || skip "prlimit is not installed"
	message 1 7 private /start | dispatch >/dev/null
	# A file size limit is what a full disk looks like, and can be lifted from outside.
	trap "" XFSZ
	start_between
	prlimit --fsize=8192:unlimited --pid "${PIDS[dispatch]}"
	message 2 8 private /start >&4
	wait_until 10 grep -q 'error: waiting for the store' "$DIR/dispatch.log"
	run read -r -t 1 line <&5
	((status > 128))
	prlimit --fsize=unlimited --pid "${PIDS[dispatch]}"
	read -r -t 20 line <&5
	texts <<<"$line" | code_of
	[[ $(grep -c 'waiting for the store' "$DIR/dispatch.log") == 1 ]]
	grep -q 'info: the store works again' "$DIR/dispatch.log"
	exec 4>&-
}

@test "when the input has ended, a store that cannot be written is waited for ten seconds, not for ever" {
	command -v prlimit >/dev/null || skip "prlimit is not installed"
	message 1 7 private /start | dispatch >/dev/null
	trap "" XFSZ
	start_between
	prlimit --fsize=8192:unlimited --pid "${PIDS[dispatch]}"
	{ message 2 8 private /start; message 3 8 private /help; } >&4
	exec 4>&-
	wait_until 30 gone "${PIDS[dispatch]}"
	run stop dispatch
	[[ $status == 75 && -z $(cat <&5) ]]
	tail -n 1 "$DIR/dispatch.log" | grep -q '^tg-dispatch: store: '
	((SECONDS >= 9))
}

@test "the log has a line an update, with neither text nor code" {
	local code
	write_config 'log: {format: json, level: info}'
	code=$({ message 1 7 private "/start hunter2"; message 2 7 private 'my secret'; } | dispatch | texts | code_of)
	[[ $code =~ ^[0-9]{6}$ ]]
	cat "$DIR/dispatch.log"
	never grep -E "hunter2|secret|$code" "$DIR/dispatch.log"
	jq -se 'map(select(.event == "update")) | map(.request_id) == ["u1", "u2"] and map(.route) == ["start", "text"] and
		map(.chat) == [7, 7] and map(.user) == [9, 9] and all(.latency_ms >= 0) and .[0].outcome == "code"' \
		"$DIR/dispatch.log"
}

@test "texts can be replaced" {
	write_config 'texts: {access_denied: "Hallo! /start"}'
	[[ $(message 1 7 private hi | dispatch | texts) == 'Hallo! /start' ]]
}

@test "a wrong configuration and a store that is not ours are one line and 78" {
	echo 'nonsense: 1' >>"$CONFIG"
	run --separate-stderr tg-dispatch -c "$CONFIG" </dev/null
	[[ $status == 78 && $stderr == "tg-dispatch: $CONFIG:"* && ${#stderr_lines[@]} == 1 ]]
	write_config
	mkdir -m 755 "$DIR/store"
	run --separate-stderr tg-dispatch -c "$CONFIG" </dev/null
	[[ $status == 78 && $stderr == *"chmod 700"* && ${#stderr_lines[@]} == 1 && -z $output ]]
}

# poll_once COUNT: so many updates into the inbox and into $DIR/updates, unanswered.
poll_once() {
	start poll tg-poll -c "$CONFIG" >"$DIR/updates"
	wait_until 20 has_lines "$1" "$DIR/updates"
	stop poll
}

has_lines() {
	(($(wc -l <"$2") >= $1))
}

@test "an update that comes again is answered with the same code, until its answer is delivered" {
	start_sim
	write_config
	say 1 /start
	say 2 /start
	poll_once 2
	dispatch <"$DIR/updates" >"$DIR/first"
	[[ $(texts <"$DIR/first" | code_of | sort -u | wc -l) == 2 ]]
	dispatch <"$DIR/updates" | cmp "$DIR/first"
	# Again from the inbox, as after a crash of all.
	poll_once 2
	dispatch <"$DIR/updates" | cmp "$DIR/first"
	[[ $(grep -c 'outcome="answered before"' "$DIR/dispatch.log") == 4 ]]
	start_sendd
	start_bot
	wait_chat 1 "$(sed -n 1p "$DIR/first" | texts | code_of)"
	wait_chat 2 "$(sed -n 2p "$DIR/first" | texts | code_of)"
	stop_bot
}

@test "from /start to /unlink, with everything running" {
	start_sim
	write_config
	start_sendd
	start_bot
	say 1 hello
	wait_chat 1 'Access denied. Your Telegram id is 1.'
	link_account 1
	say 1 /whoami
	wait_chat 1 "This chat is linked to $(id -un) since"
	say 1 /start
	wait_chat 1 "Notifications for $(id -un) arrive here."
	say 1 /nonsense
	wait_chat 1 'Unknown command. Use /help for the list.'
	say 1 /unlink
	wait_chat 1 "Unlinked from $(id -un)."
	run tg-send -c "$CONFIG" hi
	[[ $status == 77 ]]
	stop_bot
}

@test "a group is answered by the name that Telegram gave the bot" {
	local name
	start_sim
	write_config
	start_sendd
	start_bot
	name=$(curl -sS "$SIM_URL/bot$SIM_TOKEN/getMe" | jq -r .result.username)
	sim POST /sim/message '{"chat_id":-5,"text":"/whoami@SomeOtherBot","username":"alice"}'
	sim POST /sim/message "$(jq -nc --arg text "/whoami@${name^^}" '{chat_id: -5, text: $text, username: "alice"}')"
	wait_chat -5 'Chat id of this group: -5'
	sim POST /sim/message '{"chat_id":-5,"text":"/start@'"$name"'","username":"alice"}'
	wait_chat -5 "private chat with @$name"
	[[ $(sim GET '/sim/chat?id=-5' | jq '[.. | objects | select(.text? // "" | startswith("Chat id"))] | length') == 1 ]]
	stop_bot
}

@test "a tap on a button of an earlier time is answered" {
	start_sim
	write_config
	start_sendd
	start_bot
	say 1 /help
	wait_chat 1 Commands
	curl -sS --fail-with-body "$SIM_URL/bot$SIM_TOKEN/sendMessage" -H 'Content-Type: application/json' -d '{"chat_id": 1,
		"text": "old", "reply_markup": {"inline_keyboard": [[{"text": "Run", "callback_data": "RUN:1"}]]}}' >/dev/null
	sim POST /sim/tap '{"chat_id":1,"message_id":3,"button":"Run"}'
	wait_until 20 tap_is_answered
	stop_bot
}

tap_is_answered() {
	sim GET '/sim/chat?id=1' | jq -e '.pressed[0].answer_text == "This button is no longer valid."' >/dev/null
}
