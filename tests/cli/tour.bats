#!/usr/bin/env bats
# Why: scripts/run is the first thing that anybody sees, and the only test in which all programs work together
# as they do for a person. It has to show what it says, and to leave nothing behind.

load helper

setup() {
	make_dir
	mkdir "$DIR/tree" "$DIR/home"
	cp -R "$TREE/scripts" "$TREE/etc" "$TREE/man" "$DIR/tree/"
	export TGTOOLS_BUILD=$BUILD HOME=$DIR/home
	cd "$DIR/tree" || return 1
	find . | sort >"$DIR/before"
	list_real_home >"$DIR/home.before"
}

teardown() {
	stop_all
}

# What notify-runner would write to, did it not run in another home.
list_real_home() {
	find "$(getent passwd "$(id -u)" | cut -d: -f6)/.notifications" -printf '%p %T@\n' 2>/dev/null | sort
}

# Processes that have the configuration of this tree.
left_running() {
	grep -lz "^TGTOOLS_CONFIG=$DIR/tree/" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3
}

leaves_nothing() {
	local left
	left=$(left_running)
	[[ -z $left ]] || { ps -fp "${left//$'\n'/,}"; return 1; }
	rmdir build
	find . | sort | diff "$DIR/before" -
	[[ -z $(ls -A "$DIR/home") ]]
	list_real_home | diff "$DIR/home.before" -
}

check_transcript() {
	local code
	code=$(grep -oE '\b[0-9]{6}\b' <<<"$output" | head -n 1)
	[[ $output == *"alice:  /start"* ]]
	[[ $output == *"\$ tg-link verify $code"* && $output == *"Telegram linked successfully."* ]]
	[[ $output == *"\$ notify-runner -v"* && $output == *"[photo "*.png" "*x*"]"* ]]
	[[ $output == *"bot:    "*"The backup is done."* ]]
	[[ $output == *'$ notify-scripts run'*'{"event":"output","stream":"stdout","text":"copying mail\n"}'* ]]
	[[ $output == *"alice:  /run backup"*"bot:    copying mail"*"backup: exit status 0"* ]]
	[[ $output == *"DISK: "*"alice:  /disk"*"GB are free on the temporary disk."*"[ system ] [ temporary ]"* ]]
	# Only scripts are among the scripts.
	[[ $output == *"notify-runner: run: "*" scripts, 0 failed, "* ]]
}

@test "without a terminal it plays the tour: code, link, text, picture, a script from the chat; and nothing is left" {
	run sh scripts/run </dev/null
	echo "$output"
	[[ $status == 0 ]]
	check_transcript
	leaves_nothing
}

@test "the tour is the same the second time, and with stdin closed" {
	sh scripts/run </dev/null >/dev/null
	run sh scripts/run <&-
	echo "$output"
	[[ $status == 0 ]]
	check_transcript
	leaves_nothing
}

@test "a path that is too long for a socket is no obstacle" {
	local long=$DIR/$(printf 'x%.0s' {1..100})
	mv "$DIR/tree" "$long"
	cd "$long"
	TMPDIR=$DIR run sh scripts/run </dev/null
	echo "$output"
	[[ $status == 0 ]]
	check_transcript
	[[ -z $(ls -A build) && -z $(ls -d "$DIR"/tmp.* 2>/dev/null) ]]
}

@test "a second run beside one that runs is refused; after one that was killed it is not" {
	mkdir -p build/run
	echo $$ >build/run/pid
	run sh scripts/run </dev/null
	echo "$output"
	[[ $status == 1 && $output == *"it is running already, as process $$"* && -e build/run/pid ]]
	sh -c 'echo $$' >build/run/pid
	touch build/run/left
	run sh scripts/run </dev/null
	[[ $status == 0 ]]
	leaves_nothing
}

@test "what fails is told with the logs, exit code 1, and nothing is left" {
	mkdir -p "$DIR/broken/bin"
	ln -s "$BIN"/* "$DIR/broken/bin/"
	rm "$DIR/broken/bin/tg-dispatch"
	printf '#!/bin/sh\necho "tg-dispatch: cannot go on" >&2\nexit 70\n' >"$DIR/broken/bin/tg-dispatch"
	chmod +x "$DIR/broken/bin/tg-dispatch"
	TGTOOLS_BUILD=$DIR/broken run sh scripts/run </dev/null
	echo "$output"
	[[ $status == 1 && $output == *"tg-dispatch: cannot go on"* ]]
	leaves_nothing
}

@test "killed by a signal it cleans up all the same" {
	local signal
	start_sim
	export TELEGRAM_BOT_TOKEN=$SIM_TOKEN TELEGRAM_API_URL=$SIM_URL
	for signal in TERM HUP; do
		start run sh scripts/run </dev/null >"$DIR/run.out"
		wait_until 20 grep -q 'Ctrl-C' "$DIR/run.out"
		stop run "$signal" || [[ $? -gt 128 ]]
		leaves_nothing
	done
}

@test "with a token it talks to the server of that bot, and the token is in no environment and no arguments" {
	start_sim
	TELEGRAM_BOT_TOKEN=$SIM_TOKEN TELEGRAM_API_URL=$SIM_URL start run sh scripts/run </dev/null >"$DIR/run.out"
	wait_until 20 grep -q 'Ctrl-C' "$DIR/run.out"
	say 1 /start
	wait_chat 1 code
	local pid
	for pid in $(left_running); do
		[[ $(ps -o comm= -p "$pid") != sh ]] || continue
		never grep -q "$SIM_TOKEN" "/proc/$pid/environ" "/proc/$pid/cmdline"
	done
	[[ $(wc -l <"$DIR/run.out") == 3 ]]
	(
		. build/run/env
		tg-link verify "$(sim GET '/sim/chat?id=1' | grep -oE '\b[0-9]{6}\b' | tail -n 1)"
		echo "hello from another terminal" | tg-send
	)
	wait_chat 1 "hello from another terminal"
	stop run || [[ $? == 143 ]]
	leaves_nothing
}

@test "in a terminal it opens the chat of the simulator" {
	mkfifo "$DIR/keys"
	exec 4<>"$DIR/keys"
	script -qec "sh scripts/run" /dev/null <"$DIR/keys" >"$DIR/screen" 2>"$DIR/script.log" 3>&- 4>&- &
	PIDS[script]=$!
	wait_until 20 grep -q 'tg-link verify CODE' "$DIR/screen"
	echo /start >&4
	wait_until 20 grep -qE '\b[0-9]{6}\b' "$DIR/screen"
	echo /quit >&4
	exec 4>&-
	wait_until 20 gone "${PIDS[script]}"
	cat "$DIR/screen"
	stop script
	leaves_nothing
}

@test "the whole tour under valgrind has no error and no leak" {
	[[ $BUILD != */san ]] || skip "the sanitizers look after that in this build"
	command -v valgrind || skip "there is no valgrind"
	mkdir -p "$DIR/vg/bin"
	local program
	for program in "$BIN"/*; do
		printf '#!/bin/sh\nexec valgrind -q --log-file=%s/vg/%s.%%p --error-exitcode=99 --leak-check=full %s %s %s "$@"\n' \
			"$DIR" "${program##*/}" '--errors-for-leak-kinds=definite,possible --trace-children=yes' \
			"--trace-children-skip='/usr/*,/bin/*,*/notifications/*'" "$program" >"$DIR/vg/bin/${program##*/}"
	done
	chmod +x "$DIR/vg/bin/"*
	# valgrind keeps a process from lowering this limit.
	sed -i 's/^\t\tlog: {format: text}$/&\n\t\tscripts: {open_files: 0}/' scripts/run
	TGTOOLS_BUILD=$DIR/vg run sh scripts/run </dev/null
	echo "$output"
	find "$DIR/vg" -maxdepth 1 -type f -size +0 -exec tail -n 50 {} +
	[[ $status == 0 && -z $(find "$DIR/vg" -maxdepth 1 -type f -size +0) ]]
	[[ -n $(find "$DIR/vg" -maxdepth 1 -name 'tg-sendd.*') ]]
	check_transcript
}
