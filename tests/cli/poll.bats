#!/usr/bin/env bats
# Why: an update that tg-poll confirms and forgets is lost for ever, one that it prints twice is answered twice, and
# one that it asks for in a loop is 277,000 calls a second.

load helper

setup() {
	start_sim
	write_config
}

teardown() {
	stop_all
}

# start_poll [args]: its lines go to $DIR/out.
start_poll() {
	start poll tg-poll -c "$CONFIG" "$@" </dev/null >>"$DIR/out"
}

# count METHOD: how many calls the simulator saw.
count() {
	sim GET /sim/stats | jq ".by_method.$1 // 0"
}

called() {
	(($(count "$1") >= $2))
}

fault() {
	sim POST /sim/fault "$1" >/dev/null
}

lines_are() {
	[[ -e $DIR/out && $(wc -l <"$DIR/out") == "$1" ]]
}

logged() {
	grep -qF -- "$1" "$DIR/poll.log"
}

texts() {
	jq -r .message.text "$@" | paste -sd ' '
}

confirmed() {
	[[ $(sim GET /sim/stats | jq .updates_pending) == 0 ]]
}

polling() {
	called getUpdates "${1:-1}"
}

milliseconds() {
	date +%s%3N
}

@test "updates are printed unchanged, one a line, and confirmed" {
	start_poll
	say 1 one
	say 1 'two
lines, "quotes" and a \ with ü'
	sim POST /sim/update '{"my_chat_member":{"chat":{"id":-1001234567890},"date":4503599627370495}}'
	wait_until 10 lines_are 3
	wait_until 10 confirmed
	[[ $(head -n 1 "$DIR/out" | jq -r .message.text) == one ]]
	[[ $(sed -n 2p "$DIR/out" | jq -r .message.text) == 'two
lines, "quotes" and a \ with ü' ]]
	sed -n 3p "$DIR/out" | grep -F '"chat":{"id":-1001234567890},"date":4503599627370495'
	[[ $(jq -s 'map(.update_id) == (map(.update_id) | sort)' "$DIR/out") == true ]]
	stop poll
	[[ $(count getMe) == 1 ]]
}

@test "after kill -9 all that was not taken from the inbox comes again, in order, once" {
	start_poll
	for i in 1 2 3; do say 1 "text$i"; done
	wait_until 10 lines_are 3
	stop poll KILL || true
	for i in 4 5; do say 1 "text$i"; done
	: >"$DIR/out"
	start_poll
	wait_until 10 lines_are 5
	say 1 text6
	wait_until 10 lines_are 6
	[[ $(texts "$DIR/out") == "text1 text2 text3 text4 text5 text6" ]]
	wait_until 10 confirmed
	stop poll
	: >"$DIR/out"
	tg-poll -c "$CONFIG" --once >"$DIR/out"
	lines_are 6
}

@test "killed again and again under load nothing is lost and no run prints an update twice" {
	for round in 1 2 3 4; do
		start poll tg-poll -c "$CONFIG" </dev/null >"$DIR/out.$round"
		for i in 1 2 3 4 5; do say 1 "r$round-$i"; done
		sleep "0.0$((RANDOM % 10))"
		stop poll KILL || true
	done
	tg-poll -c "$CONFIG" --once >"$DIR/out"
	lines_are 20
	[[ $(jq -s 'map(.message.text) | unique | length' "$DIR/out") == 20 ]]
	for round in 1 2 3 4; do
		# The last line may be cut by the kill.
		[[ -z $(grep '}$' "$DIR/out.$round" | jq .update_id | uniq -d) ]]
	done
}

@test "an answer that was lost is asked for again" {
	fault '{"method":"getUpdates","kind":"close_middle","count":2}'
	say 1 one
	start_poll
	wait_until 10 lines_are 1
	fault '{"method":"getUpdates","kind":"close_before","count":1}'
	say 1 two
	wait_until 10 lines_are 2
	wait_until 10 confirmed
	logged 'polling works again'
	[[ $(texts "$DIR/out") == "one two" ]]
}

@test "a bad token: few calls, one line" {
	fault '{"method":"*","kind":"unauthorized","count":-1}'
	start_poll
	wait_until 10 called getMe 1
	sleep 2
	(($(count getMe) + $(count getUpdates) <= 2))
	[[ $(grep -c 'polling fails' "$DIR/poll.log") == 1 ]]
	logged '@BotFather'
	run -78 --separate-stderr tg-poll -c "$CONFIG" --once --no-store
	[[ -z $output && $stderr == "tg-poll: cannot poll: "*@BotFather* && ${#stderr_lines[@]} == 1 ]]
	stop poll
}

@test "the token is in no line of the log, whatever fails" {
	fault '{"method":"getMe","kind":"close_before","count":1}'
	fault '{"method":"getUpdates","kind":"close_after","count":1}'
	say 1 one
	start_poll
	wait_until 10 logged 'polling fails'
	wait_until 10 polling 2
	stop sim
	stop poll
	run -75 tg-poll -c "$CONFIG" --once --no-store
	[[ $output != *TEST-TOKEN* && $output != *bot123456* ]]
	never grep -e TEST-TOKEN -e bot123456 -e 127.0.0.1 "$DIR/poll.log"
}

@test "another poller: it says so and goes on" {
	fault '{"method":"getUpdates","kind":"error","status":409,"count":1,
		"description":"Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"}'
	start_poll
	wait_until 10 logged 'another program polls'
	say 1 one
	wait_until 10 lines_are 1
	wait_until 10 logged 'polling works again'
}

@test "a webhook that is set: it says so and goes on when it is gone" {
	api_call setWebhook '{"url":"https://example.org/"}' || skip "the simulator takes no such webhook"
	start_poll
	wait_until 10 logged 'deleteWebhook'
	api_call deleteWebhook '{}'
	say 1 one
	wait_until 10 lines_are 1
}

# A call of the bot, past tg-poll.
api_call() {
	curl -sS --fail -H 'Content-Type: application/json' -d "$2" "$SIM_URL/bot$SIM_TOKEN/$1" >/dev/null
}

@test "429 waits as long as it is told" {
	fault '{"method":"getUpdates","kind":"retry_after","seconds":2,"count":1}'
	say 1 one
	start_poll
	wait_until 10 polling 1
	sleep 1
	[[ $(count getUpdates) == 1 ]]
	wait_until 10 lines_are 1
	logged 'next_try_ms=2000'
}

@test "502 as HTML, and an answer that is not a list" {
	fault '{"method":"getUpdates","kind":"http","status":502,"count":1}'
	say 1 one
	start_poll
	wait_until 10 logged 'HTTP 502'
	never grep -i '<html' "$DIR/poll.log"
	wait_until 10 lines_are 1
}

@test "Telegram away at the start: no end, and the name is asked for later" {
	stop sim
	start_poll
	wait_until 10 logged 'polling fails'
	start_sim
	say 1 one
	wait_until 20 lines_are 1
	running poll
}

@test "SIGTERM and SIGINT end a long poll at once, SIGHUP reloads the configuration" {
	local begin polls=0
	for signal in TERM INT; do
		: >"$DIR/poll.log"
		start_poll
		wait_until 10 logged 'polling'
		sim GET "/sim/wait?method=getUpdates&count=$((++polls))&timeout_ms=5000" >/dev/null
		kill -HUP "${PIDS[poll]}"
		wait_until 5 logged 'configuration reloaded'
		running poll
		begin=$(milliseconds)
		stop poll "$signal"
		(($(milliseconds) - begin < 1000))
	done
}

@test "a reader that sleeps holds up neither the journal nor SIGTERM" {
	local begin
	mkfifo "$DIR/pipe"
	sleep 60 <"$DIR/pipe" 3>&- &
	PIDS[reader]=$!
	start poll tg-poll -c "$CONFIG" </dev/null >"$DIR/pipe"
	for i in {1..40}; do say 1 "$(printf '%03500d' "$i")"; done
	wait_until 10 confirmed
	begin=$(milliseconds)
	stop poll
	(($(milliseconds) - begin < 1000))
	stop reader || true
	tg-poll -c "$CONFIG" --once >"$DIR/out"
	lines_are 40
}

@test "a reader that goes ends it, at rest too" {
	mkfifo "$DIR/pipe"
	sleep 60 <"$DIR/pipe" 3>&- &
	PIDS[reader]=$!
	start poll tg-poll -c "$CONFIG" </dev/null >"$DIR/pipe"
	wait_until 10 polling
	stop reader || true
	wait_until 3 gone "${PIDS[poll]}"
	stop poll
	logged 'the reader of the updates is gone'
	for i in {1..40}; do say 1 "$(printf '%03500d' "$i")"; done
	tg-poll -c "$CONFIG" 2>"$DIR/poll.log" | head -n 1 >"$DIR/out"
	[[ ${PIPESTATUS[0]} == 0 ]]
}

@test "--once prints, confirms what is journaled and exits; it does not wait" {
	say 1 one
	say 1 two
	tg-poll -c "$CONFIG" --once >"$DIR/out"
	lines_are 2
	confirmed
	# Still in the inbox: nobody took them.
	tg-poll --config "$CONFIG" --once >"$DIR/out"
	lines_are 2
}

@test "--no-store: what was written is confirmed, also at the end" {
	say 1 one
	tg-poll -c "$CONFIG" --no-store --once | jq -r .message.text >"$DIR/text"
	[[ $(<"$DIR/text") == one ]]
	confirmed
	[[ $(tg-poll -c "$CONFIG" --no-store --once | wc -l) == 0 ]]
	[[ ! -e $DIR/store ]]

	start_poll --no-store
	for i in {1..150}; do say 1 "text$i"; done
	wait_until 20 lines_are 150
	wait_until 10 confirmed
	[[ $(jq -s 'map(.update_id) | unique | length' "$DIR/out") == 150 ]]
	# The call after the last update is refused, so that only the end can confirm.
	fault '{"method":"getUpdates","kind":"retry_after","seconds":60,"count":1}'
	say 1 last
	wait_until 10 lines_are 151
	wait_until 10 logged 'next_try_ms=60000'
	never confirmed
	stop poll
	confirmed
}

@test "--no-store: what a sleeping reader has not been given is not confirmed" {
	mkfifo "$DIR/pipe"
	sleep 60 <"$DIR/pipe" 3>&- &
	PIDS[reader]=$!
	for i in {1..60}; do say 1 "$(printf '%03500d' "$i")"; done
	start poll tg-poll -c "$CONFIG" --no-store </dev/null >"$DIR/pipe"
	wait_until 10 polling
	sleep 0.3
	stop poll
	pending=$(sim GET /sim/stats | jq .updates_pending)
	# 64 KiB went into the pipe, the rest did not.
	((pending > 30 && pending < 60))
	stop reader || true
	[[ $(tg-poll -c "$CONFIG" --no-store --once | wc -l) == "$pending" ]]
}

@test "two with one store: the second does not start" {
	start_poll
	wait_until 10 polling
	run -75 tg-poll -c "$CONFIG" --once
	[[ $output == "tg-poll: another tg-poll runs"* ]]
}

@test "token files that will not do" {
	rm "$DIR/token"
	run -78 tg-poll -c "$CONFIG" --once
	[[ $output == "tg-poll: there is no token file $DIR/token"* && $output == *'chmod 600'* ]]
	(umask 022 && echo "$SIM_TOKEN" >"$DIR/token")
	run -78 tg-poll -c "$CONFIG" --once
	[[ $output == *"run: chmod 600 $DIR/token" && $output != *TEST-TOKEN* ]]
	chmod 600 "$DIR/token"
	: >"$DIR/token"
	run -78 tg-poll -c "$CONFIG" --once
	[[ $output == *'is empty'* ]]
	TELEGRAM_BOT_TOKEN=$SIM_TOKEN tg-poll -c "$CONFIG" --once
}

@test "the token in the environment is gone from it, and no core is written" {
	export TELEGRAM_BOT_TOKEN=$SIM_TOKEN
	start_poll
	unset TELEGRAM_BOT_TOKEN
	wait_until 10 polling
	[[ $(tr '\0' '\n' <"/proc/${PIDS[poll]}/environ") != *TEST-TOKEN* ]]
	grep -q '^Max core file size *0 *0' "/proc/${PIDS[poll]}/limits"
}

@test "bad command lines" {
	run -64 tg-poll --twice
	run -64 tg-poll surplus
	[[ ${#lines[@]} == 1 && $output == *"unexpected argument"*usage:* ]]
	run -78 tg-poll -c "$DIR/none.yaml"
}
