#!/usr/bin/env bats
# Why: this program is asked from outside to start programs as other people, and what it starts may say anything.
# Each test is a thing that somebody will try. What sudo does is tested with real accounts elsewhere; here all
# runs as the account of the test.

load helper

# A notify-scripts that does what the name of the script asks for, beside a tg-exec of its own.
setup() {
	make_dir
	mkdir "$DIR/bin"
	cp "$BIN/tg-exec" "$DIR/bin/"
	fake_notify_scripts >"$DIR/bin/notify-scripts"
	chmod +x "$DIR/bin/notify-scripts"
	ME=$(id -un)
	write_config "server_scripts:
  - {name: backup, path: /bin/true, run_as: $ME}
  - {name: mine, path: /bin/true, run_as: user}
  - {name: theirs, path: /bin/true, run_as: nobody-of-that-name}
commands:
  - {command: show, description: Shows, exec: [/bin/cat]}
  - {command: all, description: All, exec: [$DIR/all, a b, '\$(id)']}
  - {command: deep, description: Deep, timeout: 1s, exec: [$DIR/deep]}
  - {command: long, description: Long, exec: [/usr/bin/sleep, '600']}
  - {command: own, description: Own, script: hello}
callbacks:
  - {action: GONE, exec: [$DIR/gone]}"
}

teardown() {
	exec 4>&- 5<&- || true
	stop_all
}

fake_notify_scripts() {
	cat <<-'SH'
		#!/bin/bash
		say() { printf '%s\n' "$1"; }
		finished='{"event":"finished","status":0,"signal":0,"timed_out":false,"stopped":false,"cut":false,"duration_ms":5,"report":"none"}'
		here=$(dirname "$0")/..
		if [[ $1 == list ]]; then
			[[ ! -e $here/slow ]] || exec sleep 60
			cat "$here/list"
			exit
		fi
		words=$* environment=$(env | sort | paste -sd ' ')
		while [[ $1 == run || $1 == --* ]]; do shift; done
		name=$1
		case $name in
		hello)
			say '{"event":"started","script":"another"}'
			say '{"event":"output","stream":"stderr","text":"a \"b\"\n","more":1}'
			say "$finished"
			;;
		words)
			files=(/proc/$$/fd/*)
			say "{\"event\":\"output\",\"stream\":\"stdout\",\"text\":\"$words\"}"
			say "{\"event\":\"output\",\"stream\":\"stdout\",\"text\":\"$environment\"}"
			say "{\"event\":\"output\",\"stream\":\"stdout\",\"text\":\"${files[*]##*/} $(umask) $PWD\"}"
			say "{\"event\":\"output\",\"stream\":\"stdout\",\"text\":\"$(ps -o pgid= -o sid= $$)\"}"
			say "$finished"
			;;
		wait)
			say '{"event":"started","script":"wait"}'
			read -r line
			say "${finished/stopped\":false/stopped\":true}"
			;;
		stays)
			say '{"event":"started","script":"stays"}'
			exec sleep 30
			;;
		silent) echo 'first word' >&2; printf 'sudo: a \033[1mpassword is required\n\n' >&2; exit 3 ;;
		mute) kill -9 $$ ;;
		nonsense) say '{"event":"started","script":"nonsense"}'; say 'no JSON'; say "$finished"; sleep 0.1; say "$finished" ;;
		long) head -c 300000 /dev/zero | tr '\0' x; say; say "$finished" ;;
		talks) say "$finished"; say "$finished"; say '{"event":"output","stream":"stdout","text":"late"}'; read -r line ;;
		hello.sh)
			say '{"event":"started"}'
			say '{"event":"output","stream":"stdout","text":"hello\n"}'
			say "$finished"
			;;
		long.sh)
			say '{"event":"started"}'
			read -r line
			say '{"event":"finished","status":null,"signal":15,"stopped":true,"duration_ms":1003}'
			;;
		refuses) say '{"error":"Script not found"}' ;;
		floods)
			yes '{"event":"output","stream":"stdout","text":"'"$(printf 'x%.0s' {1..4000})"'"}' &
			read -r line
			kill $!
			;;
		backup | mine) say "{\"event\":\"output\",\"stream\":\"stdout\",\"text\":\"$words\"}"; say "$finished" ;;
		esac
	SH
}

# Descriptor 4 is its input; what it says is in $DIR/out.
start_exec() {
	mkfifo "$DIR/in"
	: >"$DIR/out"
	"$DIR/bin/tg-exec" -c "$CONFIG" <"$DIR/in" >"$DIR/out" 2>>"$DIR/exec.log" 3>&- &
	PIDS[exec]=$!
	exec 4>"$DIR/in"
}

# ask LINE: a request as it is; run JOB SCRIPT [FIELDS]: one in JSON.
ask() {
	printf '%s\n' "$1" >&4
}

run_job() {
	ask "{\"op\":\"run\",\"job\":$1,\"user\":\"$ME\",\"script\":\"$2\"${3:+,$3}}"
}

# said FILTER: whether an event for which it holds was printed.
said() {
	jq -s -e "any(.[]; $1)" "$DIR/out" >/dev/null 2>&1
}

wait_said() {
	wait_until "${2:-10}" said "$1" || { cat "$DIR/out" "$DIR/exec.log" >&2; return 1; }
}

ended() {
	wait_said ".job == $1 and (.event | IN(\"finished\", \"failed\", \"list\"))"
}

# What was printed for a job, without the number.
of() {
	jq -c "select(.job == $1) | del(.job)" "$DIR/out"
}

logged() {
	grep -qF -- "$1" "$DIR/exec.log"
}

# Nothing that was started is left, not even as a zombie.
no_children() {
	[[ -z $(cat "/proc/${PIDS[exec]}/task/${PIDS[exec]}/children") ]]
}

@test "the events of a script are passed on, rebuilt from the fields that are known" {
	start_exec
	run_job 17 hello
	ended 17
	[[ $(of 17) == '{"event":"started","script":"hello"}
{"event":"output","stream":"stderr","text":"a \"b\"\n"}
{"event":"finished","status":0,"signal":0,"timed_out":false,"stopped":false,"cut":false,"duration_ms":5,"report":"none"}' ]]
	wait_until 5 no_children
}

@test "a script gets fixed words, its arguments as they are, and nothing else of ours" {
	export SECRET=x
	exec 7</dev/null
	start_exec
	exec 7<&-
	run_job 1 words '"args":["a b","-c","$(id);","*",""]'
	ended 1
	of 1 | jq -r 'select(.event == "output").text' >"$DIR/texts"
	[[ $(sed -n 1p "$DIR/texts") == 'run --stream --deliver --until-eof words a b -c $(id); * ' ]]
	# What bash itself adds goes.
	[[ $(sed -n 2p "$DIR/texts" | tr ' ' '\n' | grep -vE '^(PWD|SHLVL|_|OLDPWD)=' | paste -sd ' ') == \
		"LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TGTOOLS_CONFIG=$CONFIG" ]]
	# bash lists them with 3, and reads its file with 255.
	[[ $(sed -n 3p "$DIR/texts") == "0 1 2 255 3 0022 /" ]]
	read -r group session <<<"$(sed -n 4p "$DIR/texts")"
	[[ $group == "$session" && $group != "$(ps -o pgid= "${PIDS[exec]}" | tr -d ' ')" ]]
}

@test "a job is stopped by the end of its input, and says itself how it ended" {
	start_exec
	run_job 1 wait
	wait_said '.event == "started"'
	never said '.event == "finished"'
	ask '{"op":"stop","job":2}'
	ask '{"op":"stop","job":1}'
	ended 1
	said '.event == "finished" and .stopped'
	ask '{"op":"stop","job":1}'
	# Its number is free again.
	run_job 1 hello
	wait_until 5 said '.event == "started" and .script == "hello"'
}

@test "the list of an account's scripts is one event" {
	echo '[{"name":"disk.sh","stem":"disk","last_run":"5m ago","last_sent":"2026-01-31T08:00:00Z","cooldown_until":5,"x":1},{"name":"b"}]' >"$DIR/list"
	start_exec
	ask "{\"op\":\"list\",\"job\":3,\"user\":\"$ME\"}"
	ended 3
	[[ $(of 3) == '{"event":"list","scripts":[{"name":"disk.sh","stem":"disk","last_run":"5m ago","last_sent":"2026-01-31T08:00:00Z","cooldown_until":5},{"name":"b","stem":"b","last_run":null,"last_sent":null,"cooldown_until":null}]}' ]]
	local bad job=100
	for bad in '[{"name":"../x"}]' '[1]' '{"event":"output","stream":"stdout","text":"x"}' '[{"name":"a","last_run":true}]'; do
		job=$((job + 1))
		echo "$bad" >"$DIR/list"
		ask "{\"op\":\"list\",\"job\":$job,\"user\":\"$ME\"}"
		ended $job
		[[ $(of $job | jq -r .event) == failed ]]
	done
	echo '{"error":"The directory is not safe"}' >"$DIR/list"
	ask "{\"op\":\"list\",\"job\":5,\"user\":\"$ME\"}"
	ended 5
	[[ $(of 5) == '{"event":"failed","error":"The directory is not safe"}' ]]
}

@test "what is no proper request is refused where it has a number, and else named in the log" {
	start_exec
	local long count=100 line
	long=$(printf 'x%.0s' {1..1025})
	while read -r line; do
		count=$((count + 1))
		ask "{\"job\":$count,$line"
	done <<-LINES
		"op":"run","user":"$ME","script":"../hello"}
		"op":"run","user":"$ME","script":"/bin/sh"}
		"op":"run","user":"$ME","script":"a\\nb"}
		"op":"run","user":"$ME","script":"-c"}
		"op":"run","user":"$ME","script":"hello\\u0000"}
		"op":"run","user":"$ME","script":7}
		"op":"run","user":"$ME"}
		"op":"run","user":"$ME","script":"hello","args":"a"}
		"op":"run","user":"$ME","script":"hello","args":[1]}
		"op":"run","user":"$ME","script":"hello","args":["a\\nb"]}
		"op":"run","user":"$ME","script":"hello","args":["\\u0085"]}
		"op":"run","user":"$ME","script":"hello","args":["$long"]}
		"op":"run","user":"$ME","script":"hello","args":[$(printf '"",%.0s' {1..16})""]}
		"op":"run","user":"$ME","script":"hello","more":1}
		"op":"run","user":"$ME","script":"backup","server":true,"args":["a"]}
		"op":"run","user":"$ME","script":"nothing","server":true}
		"op":"run","user":"$ME","script":"theirs","server":true}
		"op":"run","user":"-u","script":"hello"}
		"op":"run","user":"#0","script":"hello"}
		"op":"run","user":"a b","script":"hello"}
		"op":"run","user":"nobody-of-that-name","script":"hello"}
		"op":"run","script":"hello"}
		"op":"list"}
		"op":"exec","user":"$ME","script":"hello"}
	LINES
	ended $count
	[[ $(jq -s '[.[] | select(.event == "failed" and .job > 100 and (.error | length) > 5)] | length' "$DIR/out") == $((count - 100)) ]]
	[[ $(wc -l <"$DIR/out") == $((count - 100)) ]]
	for line in 'no JSON' '[]' '{"op":"run","job":0}' '{"op":"run","job":"1"}' '{"op":"run","job":-1}' '{}' ''; do
		ask "$line"
	done
	head -c 70000 /dev/zero | tr '\0' ' ' >&4
	ask ''
	run_job 9 hello
	ended 9
	[[ $(grep -c 'request ignored' "$DIR/exec.log") == 8 ]]
	[[ $(jq .job "$DIR/out" | tail -n 1) == 9 ]]
}

@test "a number that is in use starts nothing, and does not end the job that has it" {
	start_exec
	run_job 1 wait
	wait_said '.event == "started"'
	run_job 1 hello
	wait_until 5 logged 'this job runs'
	ask '{"op":"stop","job":1}'
	ended 1
	[[ $(of 1 | jq -r .event | paste -sd ' ') == "started finished" ]]
}

@test "what a hostile notify-scripts says ends the job and says no more" {
	start_exec
	local job=0 name
	for name in nonsense long talks silent mute refuses; do
		job=$((job + 1))
		run_job $job $name
		ended $job
	done
	wait_until 10 no_children
	cat "$DIR/out"
	[[ $(of 1 | jq -r .event | paste -sd ' ') == "started failed" ]]
	of 1 | grep -q 'said what is no event'
	[[ $(of 2) == '{"event":"failed","error":"notify-scripts said a line that is too long"}' ]]
	[[ $(of 3 | jq -r .event) == finished ]]
	[[ $(of 4) == '{"event":"failed","error":"notify-scripts ended without a word (exit status 3): sudo: a ?[1mpassword is required"}' ]]
	[[ $(of 5) == '{"event":"failed","error":"notify-scripts ended without a word (signal 9)"}' ]]
	[[ $(of 6) == '{"event":"failed","error":"Script not found"}' ]]
}

# A script can write to the pipe of its notify-scripts, which keeps scripts.output only for what goes through it.
@test "more output than a script may have ends the job, however it comes" {
	echo 'scripts: {output: 100k}' >>"$CONFIG"
	start_exec
	run_job 1 floods
	wait_said '.job == 1 and .event == "failed" and (.error | test("no event"))'
	logged 'more output than scripts.output allows'
	(($(jq -s '[.[] | select(.event == "output").text | length] | add' "$DIR/out") <= 409600))
	run_job 2 hello
	ended 2
}

@test "what floods delays nobody, and a slow reader costs no memory" {
	mkfifo "$DIR/in" "$DIR/pipe"
	"$DIR/bin/tg-exec" -c "$CONFIG" <"$DIR/in" >"$DIR/pipe" 2>>"$DIR/exec.log" 3>&- &
	PIDS[exec]=$!
	exec 4>"$DIR/in" 5<"$DIR/pipe"
	local job size offset
	for job in 1 2 3 4; do run_job $job floods; done
	# Nobody reads until all is full.
	wait_until 10 all_blocked
	size=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/${PIDS[exec]}/status")
	echo "$size kB"
	[[ ${TGTOOLS_BUILD-} == */san ]] || ((size < 8000))
	# It says all that it has to say, and ends.
	run_job 9 hello
	wait_until 10 logged 'job=9'
	wait_until 10 all_blocked
	offset=$(timeout 20 grep -b -m 1 '"job":9,"event":"finished"' <&5)
	offset=${offset%%:*}
	echo "after $offset bytes"
	# The pipe, what was ready before, and one piece of each of those that flood.
	((offset < 64 * 1024 + 256 * 1024 + 5 * (64 * 1024 + 8192)))
}

# What floods, a child of each job, waits until somebody reads, and nothing else runs.
all_blocked() {
	local pid child
	local -a jobs
	read -ra jobs <"/proc/${PIDS[exec]}/task/${PIDS[exec]}/children"
	((${#jobs[@]} == 4)) || return 1
	for pid in "${jobs[@]}"; do
		child=$(<"/proc/$pid/task/$pid/children")
		[[ -n $child && $(<"/proc/${child% }/wchan") == *pipe_write* ]] || return 1
	done
}

@test "what does not end is reported and left alone, and a list that takes too long is ended" {
	start_exec
	touch "$DIR/slow"
	local start=$SECONDS
	ask "{\"op\":\"list\",\"job\":2,\"user\":\"$ME\"}"
	run_job 1 stays
	wait_said '.event == "started"'
	ask '{"op":"stop","job":1}'
	wait_said '.job == 1 and .event == "failed"' 10
	((SECONDS - start >= 4))
	of 1 | grep -q 'cannot be ended'
	wait_said '.job == 2 and .event == "failed"' 15
	((SECONDS - start >= 9))
	of 2 | grep -q 'took too long'
	wait_until 10 no_children
}

@test "all ends with the input, with SIGTERM and with the reader, and tg-exec with it" {
	local how
	for how in input signal reader; do
		mkfifo "$DIR/in" "$DIR/pipe"
		"$DIR/bin/tg-exec" -c "$CONFIG" <"$DIR/in" >"$DIR/pipe" 2>>"$DIR/exec.log" 3>&- &
		PIDS[exec]=$!
		exec 4>"$DIR/in" 5<"$DIR/pipe"
		local job line pid
		for job in 1 2 3; do
			run_job $job wait
			read -r line <&5
			[[ $line == *started* ]]
		done
		local children
		children=$(cat "/proc/${PIDS[exec]}/task/${PIDS[exec]}/children")
		case $how in
		input) exec 4>&- ;;
		signal) kill -TERM "${PIDS[exec]}" ;;
		reader) exec 5<&- ;;
		esac
		if [[ $how != reader ]]; then
			[[ $(jq -r .event <&5 | sort | uniq -c | tr -s ' ') == " 3 finished" ]]
		fi
		wait_until 5 gone "${PIDS[exec]}"
		stop exec
		for pid in $children; do wait_until 5 gone "$pid"; done
		exec 4>&- 5<&-
		rm "$DIR/in" "$DIR/pipe"
	done
}

@test "more than 256 at once are refused, and all of these end" {
	[[ ${TGTOOLS_BUILD-} != */san ]] || skip "slow under the sanitizers"
	# A lighter one than bash.
	printf '#!/bin/sh\nread -r line\necho %s\n' "'{\"event\":\"finished\"}'" >"$DIR/bin/notify-scripts"
	start_exec
	local job
	for job in {1..256}; do echo "{\"op\":\"run\",\"job\":$job,\"user\":\"$ME\",\"script\":\"a\"}"; done >&4
	run_job 257 a
	ended 257
	of 257 | grep -q 'busy'
	[[ $(wc -l <"$DIR/out") == 1 ]]
	for job in {1..256}; do echo "{\"op\":\"stop\",\"job\":$job}"; done >&4
	wait_until 10 eval '(($(wc -l <"$DIR/out") == 257))'
	wait_until 10 no_children
	run_job 258 a
	ask '{"op":"stop","job":258}'
	ended 258
	of 258 | grep -q finished
}

@test "scripts of the server are those of the configuration, read again at SIGHUP" {
	start_exec
	run_job 1 backup '"server":true'
	run_job 2 mine '"server":true'
	ended 1
	ended 2
	of 1 | grep -qF 'run --stream --until-eof --server backup"'
	of 2 | grep -qF 'run --stream --until-eof --server mine"'
	sed -i 's/name: backup/name: restore/' "$CONFIG"
	kill -HUP "${PIDS[exec]}"
	wait_until 5 logged configuration
	run_job 3 backup '"server":true'
	ended 3
	[[ $(of 3) == '{"event":"failed","error":"Script not found"}' ]]
}

@test "another account is reached with sudo alone, and root never" {
	[[ $(id -u) == 0 ]] || skip "needs root to become another account"
	chmod 755 "$DIR" "$DIR/bin"
	chmod -R a+r "$DIR"
	local out
	out=$(echo '{"op":"run","job":1,"user":"root","script":"hello"}' |
		setpriv --reuid 65534 --regid 65534 --clear-groups "$DIR/bin/tg-exec" -c "$CONFIG" 2>"$DIR/exec.log")
	echo "$out"
	[[ $out == '{"job":1,"event":"failed","error":"Nothing is run as root from here"}' ]]
	# sudo, which permits it to nobody, has the last word.
	mkfifo "$DIR/in"
	setpriv --reuid 65534 --regid 65534 --clear-groups "$DIR/bin/tg-exec" -c "$CONFIG" <"$DIR/in" >"$DIR/out" \
		2>>"$DIR/exec.log" 3>&- &
	PIDS[exec]=$!
	exec 4>"$DIR/in"
	ask '{"op":"run","job":2,"user":"daemon","script":"hello"}'
	ended 2
	of 2 | grep -q 'The server does not allow it (sudo: a password is required)'
}

program() {
	ask "{\"op\":\"exec\",\"job\":$1,\"section\":\"$2\",\"name\":\"$3\",\"request\":${4-{\}}}"
}

@test "a program of the configuration runs as the service, is ended with all of its own, and named by nobody" {
	local tokens
	cat >"$DIR/all" <<-'SH'
		#!/bin/sh
		echo "$# $1 $2"
		env | sort | paste -sd ' '
		cat
		echo "files: $(ls /proc/self/fd | paste -sd ' ') $PWD $(umask)" >&2
		exit 3
	SH
	printf '#!/bin/sh\nsetsid sh -c "echo \\$\\$ >%s; exec sleep 600" &\nwait\n' "$DIR/deep.pid" >"$DIR/deep"
	chmod +x "$DIR/all" "$DIR/deep"
	start_exec
	program 1 commands all '{"args":"; \"x\" `id` $(id)","user":null}'
	program 2 commands deep
	program 3 commands long
	program 4 callbacks GONE
	program 5 commands own
	program 6 server_scripts backup
	# Another one than the configuration has is no request at all.
	ask '{"op":"exec","job":7,"section":"commands","name":"show","request":{},"exec":["/bin/id"]}'
	ended 1
	tokens=$(of 1 | jq -rs 'map(.text // empty) | add')
	[[ $tokens == "2 a b \$(id)
LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PWD=/ TGTOOLS_CONFIG=$CONFIG
"'{"args":"; \"x\" `id` $(id)","user":null}
files: 0 1 2 3 / 0022' ]]
	of 1 | tail -1 | grep -q '"finished","status":3,'
	ended 4 && of 4 | grep -q "failed.*cannot execute $DIR/gone"
	ended 5 && of 5 | grep -q 'failed.*knows no such program'
	ended 6 && of 6 | grep -q 'failed.*knows no such program'
	ended 7 && of 7 | grep -q 'failed.*"exec' # names the key that nobody knows
	ended 2
	of 2 | tail -1 | grep -q '"status":null,"signal":15,"timed_out":true'
	gone "$(<"$DIR/deep.pid")"
	ask '{"op":"stop","job":3}'
	ended 3
	of 3 | tail -1 | grep -q '"status":null,"signal":15,"timed_out":false,"stopped":true'
}

# The page's examples, with this account in place of alice; times, ids and white space are not compared.
@test "the examples of the page are answered as it says" {
	local page=$TREE/man/man8/tg-exec.8 command expected got count=0
	PATH=$DIR/bin:$PATH
	echo '[{"name":"hello.sh","stem":"hello"},{"name":"long.sh","stem":"long"}]' >"$DIR/list"
	while IFS=$'\t' read -r command expected; do
		count=$((count + 1))
		got=$(bash -c "${command//alice/$ME}" 2>"$DIR/exec.log")
		echo "$command: $got"
		[[ $(plain <<<"$got") == "$(plain <<<"$expected")" ]]
	done < <(awk '
		/^\.Ed/ { if (command) print command "\t" answer; command = answer = body = 0 }
		body && /^\$ / { command = substr($0, 3); answer = ""; next }
		body { answer = answer $0 }
		/^\.Bd -literal/ { body = 1 }' "$page" | sed 's/\\e/\\/g')
	((count == 5))
}

plain() {
	sed -E 's/[[:space:]]//g; s/"duration_ms":[0-9]+/"duration_ms":N/g' | tr -d '\n'
}

@test "the parts of the bot around it give up what only it needs" {
	local part
	start_sim
	write_config
	start_sendd
	start_bot
	for part in poll dispatch send; do
		wait_until 10 grep -q '^NoNewPrivs:	1' "/proc/${PIDS[$part]}/status"
	done
	# Between the two stands the one that starts it again.
	part=$(<"/proc/${PIDS[dispatch]}/task/${PIDS[dispatch]}/children")
	part=$(<"/proc/${part% }/task/${part% }/children")
	grep -q '^Name:	tg-exec' "/proc/${part% }/status"
	grep -q '^NoNewPrivs:	0' "/proc/${part% }/status"
}

@test "it is small: no HTTP, no store, no key" {
	run ldd "$BIN/tg-exec"
	never grep -E 'curl|lmdb|sodium|microhttpd|ssl' <<<"$output"
}
