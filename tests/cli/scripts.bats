#!/usr/bin/env bats
# notify-scripts is what a button on a phone starts: what it says is read by a program, and what it runs must be
# the script and nothing but the script. The home is that of the account, so it is one of the test's own in a
# mount namespace of its own.

load helper

setup() {
	[[ $(id -u) == 0 ]] || skip "only root can put a home of the test's own in the place of the account's"
	unshare -m true 2>/dev/null || skip "there are no mount namespaces here"
	start_sim
	write_config 'scripts: {timeout: 10s, output: 20k}
delivery: {overall_per_second: 0, chat_per_second: 0}'
	make_home
}

teardown() {
	stop_all
}

make_home() {
	local home
	home=$(getent passwd root | cut -d : -f 6)
	NOTIFICATIONS=$DIR/home/user/notifications
	mkdir -p "$NOTIFICATIONS"
	start holder unshare -m sleep 300
	wait_until 5 in_its_own_namespace
	within mount --bind "$DIR/home" "$home"
}

in_its_own_namespace() {
	[[ $(readlink "/proc/${PIDS[holder]}/ns/mnt") != "$(readlink /proc/self/ns/mnt)" ]]
}

within() {
	nsenter -t "${PIDS[holder]}" -m --wd=/ -- "$@" 3>&-
}

scripts() {
	within notify-scripts -c "$CONFIG" "$@"
}

# script NAME [BODY]: a shell script of the account; the body is standard input without one.
script() {
	local path=$NOTIFICATIONS/$1
	{ echo '#!/bin/sh'; if (($# > 1)); then echo "$2"; else cat; fi; } >"$path"
	chmod 755 "$path"
}

# says NAME TEXT: a script that prints TEXT.
says() {
	script "$1" "printf '%s\n' '$2'"
}

# fails CODE TEXT ARGS...: notify-scripts exits so, and says TEXT as an error on stdout.
fails() {
	local code=$1 text=$2
	shift 2
	run --separate-stderr scripts "$@"
	echo "$status: $output $stderr"
	[[ $status == "$code" && ${#lines[@]} == 1 && $(jq -r .error <<<"$output") == *"$text"* ]]
}

# events ARGS...: runs a script with --stream, into $DIR/events, whatever its exit code.
events() {
	scripts run --stream "$@" >"$DIR/events" || true
	jq -se 'all(.[]; type == "object" and (.event | type == "string"))' "$DIR/events" >/dev/null
}

# of FILTER: what jq makes of all events as an array.
of() {
	jq -scr "$1" "$DIR/events"
}

@test "list shows the scripts that would run, and what is not known is null" {
	says disk.sh '{"notify":false}'
	says archive.tar.sh '{"notify":false}'
	says load '{"notify":false}'
	echo no >"$NOTIFICATIONS/readme.txt"
	ln -s disk.sh "$NOTIFICATIONS/link.sh"
	run --separate-stderr scripts list
	[[ $status == 0 && $stderr == *'link.sh is not taken'*'they sent something last is not known: tg-sendd does not answer'* ]]
	[[ $output == '[{"name":"archive.tar.sh","stem":"archive.tar","last_run":null,"last_sent":null,"cooldown_until":null},{"name":"disk.sh","stem":"disk",'*'{"name":"load","stem":"load",'* ]]
	start_sendd
	start_bot
	link_account 1 >/dev/null
	api POST /send '{"text":"x","script":"disk.sh","cooldown":"1h"}' >/dev/null
	run --separate-stderr scripts list
	[[ $stderr != *sendd* ]]
	jq -e '.[1] | (.last_sent | fromdate) > 0 and (.cooldown_until | fromdate) - (.last_sent | fromdate) - 3600 < 2' <<<"$output"
	jq -e '.[0] | .last_sent == null and .cooldown_until == null' <<<"$output"
	rm -r "$NOTIFICATIONS"
	[[ $(scripts list) == '[]' ]]
}

@test "run prints what the script reports as one line, and its standard error where that belongs" {
	script a.sh <<-'SH'
		echo "checking $1" >&2
		printf '\357\273\277 {\n "notify": true,\n "message": "%s|%s|%s|%s"\n}\n\n' "$NOTIFY_ARGS" "$NOTIFY_MANUAL" "$NOTIFY_SCRIPT" "$#"
	SH
	run --separate-stderr scripts run a.sh -x --stream 'b c'
	[[ $status == 0 && $output == '{"notify":true,"message":"-x --stream b c|1|a.sh|3"}' && $stderr == 'checking -x' ]]
	script log.sh 'echo starting; echo "{\"notify\":false,\"data\":{\"n\":1}}"'
	[[ $(scripts run log.sh) == '{"notify":false,"data":{"n":1}}' ]]
	echo 'import sys; print("{\"notify\": false, \"data\": \"%s\"}" % sys.argv[1])' >"$NOTIFICATIONS/p.py"
	[[ $(scripts run p.py ä) == '{"notify":false,"data":"ä"}' ]]
}

@test "every end has its words and its exit code" {
	write_config 'scripts: {timeout: 1s, output: 20k}'
	says text.sh 'all is well'
	says bad.sh '{"notify":true}}'
	script failing.sh 'exit 3'
	script dying.sh 'kill -9 $$'
	script slow.sh 'echo x; exec sleep 50'
	script flood.sh 'head -c 30000 /dev/zero'
	printf 'no program' >"$NOTIFICATIONS/noexec"
	printf '#!/nowhere\n' >"$NOTIFICATIONS/nointerpreter"
	chmod 755 "$NOTIFICATIONS"/no*
	fails 65 'Script printed no report' run text.sh
	fails 65 'Script printed no report' run bad.sh
	fails 65 'more than 20480 bytes' run flood.sh
	fails 1 'Script failed with exit code 3' run failing.sh
	fails 1 'Script was ended by signal 9' run dying.sh
	fails 124 'Script timed out after 1s' run slow.sh
	fails 66 'Script not found' run nothing.sh
	fails 69 'has no first line such as' run noexec
	fails 69 'interpreter' run nointerpreter
	# Told to end before there is anything to be ended.
	run -69 scripts run --stream --until-eof noexec </dev/null
	[[ $(jq -r .event <<<"$output") == failed ]]
	fails 64 'argument' run text.sh $'a\nb'
	fails 64 'argument' run text.sh {1..17}
	fails 66 'Script not found' run --server text.sh
	chmod g+w "$NOTIFICATIONS"
	fails 78 'others may write to' run text.sh
	fails 78 'others may write to' list
	echo 'nonsense: 1' >>"$CONFIG"
	fails 78 'nonsense' list
	fails 78 'nonsense' run text.sh
}

@test "a wrong command line is told in words" {
	local args
	for args in '' 'walk' 'list x' 'list --stream' 'run' 'run --stream' '--server list' 'run --nothing x' '--deliver'; do
		run --separate-stderr scripts $args
		[[ $status == 64 && -z $output && ${#stderr_lines[@]} == 1 && $stderr == notify-scripts:*usage:* ]]
	done
}

@test "no name leads out of the directory" {
	local name
	says a.sh '{"notify":false}'
	mkdir "$NOTIFICATIONS/dir" "$DIR/other"
	cp "$NOTIFICATIONS/a.sh" "$NOTIFICATIONS/.hidden"
	cp "$NOTIFICATIONS/a.sh" "$DIR/other/b.sh"
	ln -s ../../../other/b.sh "$NOTIFICATIONS/link.sh"
	ln "$NOTIFICATIONS/a.sh" "$NOTIFICATIONS/twice.sh"
	mkfifo "$NOTIFICATIONS/fifo"
	mknod "$NOTIFICATIONS/device" c 1 5
	chmod 755 "$NOTIFICATIONS"/{fifo,device}
	for name in ../../../bin/sh ../a.sh ./a.sh /bin/sh "$NOTIFICATIONS/a.sh" dir dir/../a.sh '' . .. .hidden -- a.sh/ \
		'a.sh ' $'a.sh\n' $'a\n.sh' 'a;sh' '*' "$(printf 'a%.0s' {1..300})" ä.sh 'a.sh -x' link.sh fifo device; do
		timeout 5 nsenter -t "${PIDS[holder]}" -m notify-scripts -c "$CONFIG" run -- "$name" >"$DIR/out" 2>&1 3>&- && return 1
		echo "$name: $? $(<"$DIR/out")"
		jq -e '.error | length > 0' "$DIR/out" >/dev/null
	done
	# Two names of one file of one's own are no way out.
	[[ $(scripts run twice.sh) == '{"notify":false}' ]]
	rm -r "$DIR/other"
	mv "$NOTIFICATIONS" "$DIR/other"
	ln -s "$DIR/other" "$NOTIFICATIONS"
	fails 78 'no directory' run a.sh
}

@test "what a script writes is told in order, at once, as UTF-8, and cut where it is too much" {
	script order.sh 'for i in 1 2 3; do echo "out $i"; echo "err $i" >&2; done; printf "\303"; sleep 0.1; printf "\244\377\n"'
	events order.sh
	[[ $(of '[.[] | select(.event == "output") | .stream[3:] + ":" + .text] | join("")') == $'out:out 1\nerr:err 1\nout:out 2\nerr:err 2\nout:out 3\nerr:err 3\nout:ä\xef\xbf\xbd' ]]
	[[ $(of '.[0]') == '{"event":"started","script":"order.sh"}' ]]
	[[ $(of '.[-1] | del(.duration_ms)') == '{"event":"finished","status":0,"signal":0,"timed_out":false,"stopped":false,"cut":false,"report":"none"}' ]]
	of '.[-1].duration_ms' | grep -qxE '[0-9]{2,4}'
	script flood.sh 'yes | head -c 30000; exit 4'
	events flood.sh
	[[ $(of '[.[].text // "" | length] | add') == 20480 ]]
	[[ $(of '.[-1] | [.status, .cut]') == '[4,true]' ]]
	script dying.sh 'printf no-newline; kill -11 $$'
	events dying.sh
	[[ $(of '.[1].text') == no-newline && $(of '.[-1] | [.status, .signal]') == '[null,11]' ]]
	events nothing.sh
	[[ $(<"$DIR/events") == '{"event":"failed","error":"Script not found"}' ]]
	# A prompt arrives while the script waits.
	script prompt.sh 'printf "name? "; sleep 100'
	start prompt nsenter -t "${PIDS[holder]}" -m notify-scripts -c "$CONFIG" run --stream prompt.sh >"$DIR/live"
	wait_until 5 grep -q '"text":"name? "' "$DIR/live"
}

runs() {
	grep -qsza "NOTIFY_SCRIPT=$1" /proc/[0-9]*/environ
}

runs_no_more() {
	if runs "$1"; then return 1; fi
}

# ended NAME: nothing of that script runs any more.
ended() {
	wait_until 5 runs_no_more "$1"
}

@test "the end of standard input, a signal, and a reader that goes away end the script and all it started" {
	script long-eof.sh 'trap "" TERM HUP; (setsid sleep 1000 &); echo up; sleep 1000'
	cp "$NOTIFICATIONS/long-eof.sh" "$NOTIFICATIONS/long-term.sh"
	script long-pipe.sh '(setsid sleep 1000 &); echo up; exec sleep 1000'
	start term nsenter -t "${PIDS[holder]}" -m notify-scripts -c "$CONFIG" run --stream long-term.sh >"$DIR/term"
	wait_until 5 grep -q up "$DIR/term"
	kill "${PIDS[term]}"
	sleep 0.3 | scripts run --stream --until-eof long-eof.sh >"$DIR/events" || [[ $? == 1 ]]
	[[ $(of '.[-1] | [.status, .signal, .timed_out, .stopped]') == '[null,9,false,true]' ]]
	of '.[-1].duration_ms' | grep -qxE '2[0-9]{3}'
	ended long-eof.sh
	wait_until 5 gone "${PIDS[term]}"
	tail -n 1 "$DIR/term" | jq -e '.stopped and .signal == 9'
	ended long-term.sh
	# Without the option its end means nothing.
	says quick.sh '{"notify":false}'
	[[ $(scripts run quick.sh </dev/null) == '{"notify":false}' ]]
	before=$SECONDS
	scripts run --stream long-pipe.sh | head -n 2 >"$DIR/events"
	ended long-pipe.sh
	# Long before its deadline.
	((SECONDS - before < 6))
}

@test "what it reports is delivered as asked for: whatever cooldown runs, and none begins" {
	start_sendd
	start_bot
	link_account 1 >/dev/null
	wait_chat 1 linked
	script r.sh 'echo "looking"; echo "{\"notify\":true,\"title\":\"Disk\",\"message\":\"full of $NOTIFY_ARGS\",\"cooldown\":\"1h\"}"'
	events --deliver r.sh one
	wait_chat 1 'full of one'
	[[ $(of '[.[] | .text // .report // empty]') == '["looking\n","sent"]' ]]
	events --deliver r.sh two
	wait_chat 1 'full of two'
	[[ $(api POST /send '{"text":"x","script":"r.sh","cooldown":"1h"}' | jq .suppressed) == null ]]
	[[ $(scripts run --deliver r.sh three) == '{"notify":true,"title":"Disk","message":"full of three","cooldown":"1h"}' ]]
	wait_chat 1 'full of three'
	scripts list | jq -e '.[0] | (.last_run | test("^[0-9]+s ago$")) and .last_sent != null and .cooldown_until != null'
	script picture.sh 'cd "$(mktemp -d)" && umask 077 && printf "\211PNG" >chart.png && echo "{\"notify\":true,\"message\":\"m\",\"image_path\":\"$PWD/chart.png\"}"'
	events --deliver picture.sh
	[[ $(of '.[-1].report') == sent ]]
	wait_until 10 has_picture chart.png
}

has_picture() {
	sim GET '/sim/chat?id=1' | jq -e --arg name "$1" 'any(.messages[]; (.photo // .document).file_name? == $name)' >/dev/null
}

@test "what is no report is shown, and what could not be sent is said" {
	start_sendd
	start_bot
	says quiet.sh '{"notify":false}'
	says r.sh '{"notify":true,"message":"m"}'
	says broken.sh '{"notify":[],"message":"m"}'
	script more.sh 'echo "{\"notify\":false}"; echo more; echo "{\"level\":\"info\"}"'
	script fails.sh 'echo "{\"notify\":true,\"message\":\"m\"}"; exit 3'
	events --deliver quiet.sh
	[[ $(of '[.[] | .text // .report // empty]') == '["nothing"]' ]]
	events --deliver more.sh
	[[ $(of 'map(.text // "") | add') == $'{"notify":false}\nmore\n{"level":"info"}' && $(of '.[-1].report') == none ]]
	events --deliver fails.sh
	[[ $(of '.[1].text') == '{"notify":true,"message":"m"}' && $(of '.[-1] | [.status, .report, .error]') == '[3,"none",null]' ]]
	events --deliver broken.sh
	[[ $(of '.[1].text') == '{"notify":[],"message":"m"}' && $(of '.[-1] | .report + ": " + .error') == 'none: Its report is not valid: "notify"'* ]]
	# Not linked, and then nobody to take it.
	run -77 scripts run --stream --deliver r.sh
	[[ $(jq -r '.error // empty' <<<"$output") == *' has no linked Telegram'* && $output != *'was not sent'* ]]
	[[ $(jq -r '.text // empty' <<<"$output") == '{"notify":true,"message":"m"}' ]]
	fails 77 'The report was not sent: root has no linked Telegram' run --deliver r.sh
	stop_bot
	stop sendd
	run -75 scripts run --stream --deliver r.sh
	[[ $(tail -n 1 <<<"$output" | jq -r '.report + " " + .error') == 'failed tg-sendd does not answer'* ]]
	scripts run --stream --deliver quiet.sh | tail -n 1 | jq -e '.report == "nothing"'
}

# A reader that takes nothing must not keep the script alive either.
@test "a script is ended also while nobody takes what it writes" {
	script flood-on.sh 'while :; do head -c 4000 /dev/zero | tr "\0" "x"; echo; done'
	write_config 'scripts: {timeout: 60s, output: 60M}'
	mkfifo "$DIR/in" "$DIR/out"
	exec 7<>"$DIR/out"
	nsenter -t "${PIDS[holder]}" -m notify-scripts -c "$CONFIG" run --stream --until-eof flood-on.sh <"$DIR/in" >"$DIR/out" 3>&- &
	PIDS[runner]=$!
	exec 8>"$DIR/in"
	wait_until 5 runs flood-on.sh
	sleep 0.5
	exec 8>&-
	ended flood-on.sh
	exec 7>&-
}

# By sudo, too, see accounts.bats; here all that a caller can hand on without it.
@test "nothing of the caller reaches the script" {
	script look.sh <<-'SH'
		exec 2>&1
		env | sort
		echo "umask $(umask)"
		echo "cwd $PWD"
		grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status
		ls /proc/$$/fd
		echo "tty $(ps -o tty= -p $$ 2>/dev/null || cut -d " " -f 7 /proc/$$/stat)"
		head -c 10 | wc -c
	SH
	scripts run --stream look.sh >"$DIR/plain"
	echo secret >"$DIR/secret"
	(
		umask 0
		trap '' TERM INT USR1 PIPE CHLD
		cd "$DIR"
		HOME=$DIR USER=bob LOGNAME=bob LD_PRELOAD='' BASH_ENV=$DIR/x ENV=$DIR/x PYTHONPATH=$DIR IFS=x \
			nsenter -t "${PIDS[holder]}" -m env -C / notify-scripts -c "$CONFIG" run --stream look.sh 9<"$DIR/secret" 3>&- <"$DIR/secret" >"$DIR/hostile"
	)
	diff <(jq -j '.text // ""' "$DIR/plain" | sed '/^Sig/s/\t.*//') <(jq -j '.text // ""' "$DIR/hostile" | sed '/^Sig/s/\t.*//')
	jq -j '.text // ""' "$DIR/hostile" >"$DIR/text"
	grep -qx 'SigIgn:	0000000000000000' "$DIR/text"
	grep -qx 'SigBlk:	0000000000000000' "$DIR/text"
	grep -qx 'umask 0022' "$DIR/text"
	grep -qx "cwd $(getent passwd root | cut -d : -f 6)" "$DIR/text"
	[[ $(grep -cxE '[0-9]+' "$DIR/text") -le 5 ]]
	tail -n 1 "$DIR/text" | grep -qx 0
	[[ $(grep -E '^[A-Z_]+=' "$DIR/text" | cut -d = -f 1 | tr '\n' ' ') == 'HOME LANG LOGNAME NOTIFY_MANUAL NOTIFY_SCRIPT PATH PWD SHELL USER ' ]]
	never grep -q bob "$DIR/text"
}

@test "by sudo no configuration but that of the system counts" {
	says a.sh '{"notify":false}'
	run -64 within env SUDO_UID=1 notify-scripts -c "$CONFIG" list
	[[ $(within env TGTOOLS_CONFIG="$CONFIG" notify-scripts run a.sh) == '{"notify":false}' ]]
	run -78 within env SUDO_UID=1 TGTOOLS_CONFIG="$CONFIG.not" notify-scripts list
	[[ $output == *'/etc/tgtools/tgtools.yaml'* ]]
	mkdir "$DIR/etc" "$DIR/etc/tgtools"
	cp "$CONFIG" "$DIR/etc/tgtools/tgtools.yaml"
	within sh -c "cp /etc/passwd /etc/nsswitch.conf $DIR/etc && mount --bind $DIR/etc /etc"
	[[ $(within env SUDO_UID=1 TGTOOLS_CONFIG="$CONFIG.not" notify-scripts run a.sh) == '{"notify":false}' ]]
}

@test "server scripts run as the account that the configuration names, from files that nobody else may write" {
	printf '#!/bin/sh\necho "{\\"notify\\":false,\\"data\\":\\"$NOTIFY_SCRIPT $*\\"}"\n' >"$DIR/backup"
	chmod 755 "$DIR/backup"
	write_config "scripts: {timeout: 1s}
server_scripts:
  - {name: backup, path: $DIR/backup, run_as: root}
  - {name: other, path: $DIR/backup, run_as: daemon}
  - {name: mine, path: $DIR/backup, run_as: user}
  - {name: long, path: /bin/sleep, run_as: root, long_running: true}"
	[[ $(scripts run --server backup now) == '{"notify":false,"data":"backup now"}' ]]
	[[ $(scripts run --server mine) == '{"notify":false,"data":"mine "}' ]]
	fails 66 'Script not found' run --server other
	fails 66 'Script not found' run --server "$DIR/backup"
	fails 66 'Script not found' run backup
	events --server long 1.5
	[[ $(of '.[-1] | [.status, .timed_out]') == '[0,false]' ]]
	chmod o+w "$DIR/backup"
	fails 78 'others may write to' run --server backup
	chmod 755 "$DIR/backup"
	chown daemon "$DIR/backup"
	fails 78 'belongs neither to root nor to this account' run --server backup
	chown root "$DIR/backup"
	chmod g+w "$CONFIG"
	fails 78 'others may write to' run --server backup
}
