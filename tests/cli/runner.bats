# notify-runner stands alone in people's crontabs, and nobody watches it: it must survive every script, lose
# no message, send none twice, and leave no process behind.

load helper

setup() {
	[[ $(type -t make_dir) == function ]]
	make_dir
	chmod 711 "$DIR"
	NOTES=$DIR/home/user/notifications
	STATE=$DIR/home/.notifications
	mkdir -p "$NOTES"
	write_config
}

teardown() {
	[[ -z ${ACCOUNT-} ]] || wait_until 10 userdel "$ACCOUNT" 2>/dev/null
	stop_all
}

# put NAME < TEXT: an executable script.
put() {
	cat >"$NOTES/$1"
	chmod 755 "$NOTES/$1"
}

# says NAME JSON: a script that prints it.
says() {
	printf "#!/bin/sh\ncat <<'EOF'\n%s\nEOF\n" "$2" >"$NOTES/$1"
	chmod 755 "$NOTES/$1"
}

runner() {
	notify-runner --home "$DIR/home" "$@"
}

# picture FILE: the smallest one.
picture() {
	python3 - "$1" <<-'PY'
		import struct, sys, zlib
		def chunk(kind, data):
		    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
		with open(sys.argv[1], "wb") as f:
		    f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 20, 10, 8, 0, 0, 0, 0))
		            + chunk(b"IDAT", zlib.compress(b"\0" * 210)) + chunk(b"IEND", b""))
	PY
}

FAST='delivery: {overall_per_second: 0, chat_per_second: 0, group_per_minute: 0}'

# With everything running and this account linked with chat 1.
everything() {
	start_sim
	write_config "$@"
	start_sendd
	start_bot
	link_account 1
}

# logged NAME TEXT: a line of the log about NAME with TEXT in it.
logged() {
	grep -F -- " $1: " "$STATE/logs/runner.log" | grep -qF -- "$2" ||
		{ echo "no '$1: $2' in:" && cat "$STATE/logs/runner.log" && return 1; } >&2
}

# How many messages of chat 1 have that text.
count() {
	sim GET '/sim/chat?id=1' | grep -oF -- "$1" | wc -l
}

spool_is_empty() {
	[[ -z $(ls -A "$STATE/spool") ]]
}

# Names of files are not in what wait_chat looks at.
chat_has() {
	sim GET '/sim/chat?id=1' | grep -qF -- "$1"
}

# Waits for a file with a process id, and prints it.
pid_in() {
	wait_until 20 grep -qs . "$1"
	cat "$1"
}

@test "options: version, help, mistakes" {
	run -0 notify-runner -V
	[[ $output == "notify-runner "[0-9]* ]]
	run -0 --separate-stderr notify-runner --help
	[[ $output == "usage: notify-runner"* && -z $stderr ]]
	local wrong
	for wrong in "-j 0" "-j 65" "-j x" "-x" "extra" "--only ../a" "--only -a" "--only a/b" \
		"--force --skip-cooling" "--list --remove-cron" "--install-cron --plain" "--remove-cron -j 2" "--install-cron=nonsense"; do
		# shellcheck disable=SC2086
		run -64 --separate-stderr notify-runner $wrong
		[[ ${#stderr_lines[@]} == 1 && $stderr == "notify-runner: "*usage:* ]]
	done
	run -64 --separate-stderr runner --only missing
	[[ $stderr == "notify-runner: there is no script missing in $NOTES" ]]
	echo 'nonsense: 1' >>"$CONFIG"
	run -78 --separate-stderr runner
	[[ $stderr == "notify-runner: $CONFIG:"* ]]
}

@test "files that may not grow are told as an error, also to those who run scripts" {
	says a.sh '{"notify":false}'
	runner
	head -c 200000 /dev/zero | tr '\0' '\n' >>"$STATE/logs/runner.log"
	run -0 --separate-stderr bash -c 'ulimit -f 100; notify-runner --home "$1"' bash "$DIR/home"
	[[ $stderr == *"cannot write $STATE/logs/runner.log"* ]]
}

@test "no scripts: quiet, and nothing to do" {
	run -0 runner
	[[ -z $output ]]
	rmdir "$NOTES"
	run -0 runner
	[[ -z $output ]]
	run -0 --separate-stderr runner --list
	[[ -z $output && $stderr == "notify-runner: there is no script in $NOTES, see notify-script(7)" ]]
}

@test "the list names what would run, and says why another file would not" {
	says b.sh '{"notify":false}'
	says a '{"notify":false}'
	echo 'print()' >"$NOTES/c.py"
	echo text >"$NOTES/README"
	says .hidden x
	says "with space" x
	says others x
	chmod o+w "$NOTES/others"
	ln -s a "$NOTES/link"
	run -0 --separate-stderr runner --list
	[[ $output == $'a\nb.sh\nc.py' ]]
	[[ ${#stderr_lines[@]} == 3 ]]
	[[ $stderr == *"notify-runner: others: skipped: others may write to it; run chmod go-w on it"* ]]
	[[ $stderr == *"notify-runner: link: skipped: it is a symbolic link"* ]]
	[[ $stderr == *"notify-runner: with space: skipped: its name may have"* ]]
	[[ ! -e $STATE ]]
}

@test "a dry run shows what would be sent, sends and keeps nothing" {
	says a.sh '{"notify":true,"title":"T","message":"hi \"you\"","cooldown":"2h"}'
	says b.sh '{"notify":false}'
	says c.sh '{"notify":true,"message":"m","image_path":"x.png","silent":true}'
	says d.sh '{"notify":true}'
	echo data >"$DIR/home/x.png"
	run -0 --separate-stderr runner --dry-run -j 1
	[[ ${lines[0]} == 'a.sh: POST /send {"text":"hi \"you\"","parse_mode":"markdown","title":"T","script":"a.sh","cooldown":"7200s"}' ]]
	[[ ${lines[1]} == 'b.sh: nothing to send' ]]
	[[ ${lines[2]} == 'c.sh: POST /send {"text":"m",'*'"silent":true'*" with $DIR/home/x.png" ]]
	[[ $stderr == 'notify-runner: d.sh: warning: nothing to send'* ]]
	spool_is_empty
	[[ ! -e $STATE/logs/runner.log ]]
}

@test "title, text, picture and file arrive; all is quiet, and what is kept is private" {
	everything
	says text.sh '{"notify":true,"title":"Revenue dropped","message":"Today: $45k"}'
	says silent.sh '{"notify":true,"message":"psst","silent":true}'
	cat >"$NOTES/picture.py" <<-'PY'
		import json, struct, zlib
		def chunk(kind, data):
		    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
		with open("chart.png", "wb") as f:
		    f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 20, 10, 8, 0, 0, 0, 0))
		            + chunk(b"IDAT", zlib.compress(b"\0" * 210)) + chunk(b"IEND", b""))
		open("table.csv", "w").write("a,b\n")
		print(json.dumps({"notify": True, "message": "a chart & 50% more", "image_path": "chart.png",
		                  "document_path": "table.csv"}))
	PY
	umask 000
	run -0 runner
	[[ -z $output ]]
	wait_chat 1 'Today: $45k'
	wait_chat 1 psst
	wait_chat 1 'a chart & 50% more'
	wait_until 15 chat_has table.csv
	chat_has 'Revenue dropped'
	chat_has chart.png
	logged text.sh "sent, message"
	logged run "3 scripts, 0 failed, 3 messages sent, 0 kept"
	[[ $(find "$STATE" -type d -printf '%m\n' | sort -u) == 700 ]]
	[[ $(find "$STATE" -type f -printf '%m\n' | sort -u) == 600 ]]
}

@test "no broken script touches another one" {
	local name expected
	everything 'scripts: {timeout: 5s}'
	says a-good.sh '{"notify":true,"message":"first good"}'
	says array.sh '[{"notify":true,"message":"x"}]'
	says number.sh '{"notify":true,"message":"number cooldown","cooldown":3600}'
	says nan.sh '{"notify":true,"message":"bad","cooldown":NaN}'
	says two.sh $'{"notify":true,"message":"bad"}\n{"notify":true,"message":"bad"}'
	says empty.sh ''
	says silent.sh '{"notify":true}'
	says string.sh '{"notify":"true","message":"bad"}'
	printf '#!/bin/sh\nprintf "{\\"notify\\":true,\\"message\\":\\"bad\\\\377\\"}"\n' | put utf8.sh
	printf '#!/bin/sh\nhead -c 2000000 /dev/zero | tr "\\0" x\n' | put large.sh
	printf '#!/bin/sh\necho "{\\"notify\\":true,\\"message\\":\\"bad\\"}"\necho why >&2\nexit 3\n' | put exit.sh
	printf '#!/bin/sh\necho "{\\"notify\\":true,\\"message\\":\\"bad\\"}"\nkill -SEGV $$\n' | put signal.sh
	printf '#!/bin/sh\ntrap "" TERM\nsetsid sleep 300 &\nsleep 300 &\nwhile :; do sleep 300; done\n' | put hang.sh
	printf '#!/no/such/interpreter\n' | put lost.sh
	printf 'echo hello\n' | put words.sh
	printf '#!/bin/sh\nkill -KILL $PPID\nwhile :; do :; done\n' | put parent.sh
	printf '#!/bin/sh\nrm -f "$HOME/user/notifications/gone.sh" "$0"\necho "{\\"notify\\":false}"\n' | put delete.sh
	printf 'import sys; sys.exit("no module")\n' >"$NOTES/trace.py"
	says gone.sh '{"notify":true,"message":"bad"}'
	says z-good.sh '{"notify":true,"message":"last good"}'
	# One at a time, so that delete.sh is over when it is the turn of gone.sh.
	run -0 runner -j 1
	[[ -z $output ]]
	wait_chat 1 "first good"
	wait_chat 1 "number cooldown"
	wait_chat 1 "last good"
	[[ $(count '"bad') == 0 ]]
	while read -r name expected; do
		logged "$name" "$expected"
	done <<-EOF
		array.sh failed: its output is not a JSON object
		number.sh warning: a cooldown is a number and s, m, h or d; 1h is taken instead of 3600
		nan.sh failed: its output is not JSON
		two.sh failed: it printed 2 reports
		empty.sh failed: it printed nothing
		silent.sh warning: nothing to send
		string.sh failed: "notify" must be true or false
		utf8.sh failed: its output is not JSON
		large.sh failed: it printed more than 1048576 bytes
		exit.sh failed: exit code 3; stderr: why\\n
		signal.sh failed: it was ended by signal 11
		hang.sh failed: it did not end within 5s
		lost.sh failed: cannot execute $NOTES/lost.sh: the interpreter
		words.sh failed: cannot execute $NOTES/words.sh: it is no program
		parent.sh failed: it was ended by signal 9
		delete.sh nothing to send
		gone.sh failed: cannot execute $NOTES/gone.sh: No such file
		trace.py failed: exit code 1; stderr: no module
		run 20 scripts, 15 failed, 3 messages sent
	EOF
}

@test "files that cannot be sent are the script's error" {
	everything
	mkfifo "$DIR/home/fifo"
	: >"$DIR/home/empty.png"
	head -c 10485761 /dev/zero >"$DIR/home/large.png"
	says 1.sh '{"notify":true,"message":"x","image_path":"missing.png"}'
	says 2.sh '{"notify":true,"message":"x","image_path":"fifo"}'
	says 3.sh '{"notify":true,"message":"x","image_path":"empty.png"}'
	says 4.sh '{"notify":true,"message":"x","image_path":"large.png"}'
	says 5.sh '{"notify":true,"message":"x","image_path":"/etc"}'
	says 6.sh '{"notify":true,"message":"fine"}'
	run -0 runner
	[[ -z $output ]]
	wait_chat 1 fine
	logged 1.sh "failed: cannot open $DIR/home/missing.png: No such file"
	logged 2.sh "failed: $DIR/home/fifo is not a regular file"
	logged 3.sh "failed: $DIR/home/empty.png is empty"
	logged 4.sh "failed: $DIR/home/large.png is larger than the 10 MB that a picture may have"
	logged 5.sh "failed: /etc is not a regular file"
}

@test "what tg-sendd refuses is the script's error, and a message too long for a picture goes below it" {
	everything
	says long.sh "{\"notify\":true,\"title\":\"$(printf 'x%.0s' {1..300})\",\"message\":\"m\"}"
	head -c 100 /dev/urandom >"$DIR/home/table.csv"
	says part.sh "{\"notify\":true,\"message\":\"$(printf 'y%.0s' {1..1500})\",\"document_path\":\"table.csv\"}"
	run -0 runner
	logged long.sh 'failed: tg-sendd refuses it: "title" is longer'
	wait_chat 1 "$(printf 'y%.0s' {1..1500})"
	wait_until 15 chat_has table.csv
}

@test "a picture and a file under a key take the place of those before, and a long text comes last" {
	local text
	everything "$FAST"
	text=$(printf 'y%.0s' {1..1500})
	picture "$DIR/home/a.png"
	echo 1,2 >"$DIR/home/b.csv"
	says a.sh '{"notify":true,"message":"first","key":"k","cooldown":"0s","image_path":"a.png","document_path":"b.csv"}'
	runner
	wait_chat 1 first
	wait_until 15 chat_has b.csv
	sed -i 's/first/second/' "$NOTES/a.sh"
	says b.sh "{\"notify\":true,\"title\":\"T\",\"message\":\"$text\",\"image_path\":\"a.png\",\"document_path\":\"b.csv\"}"
	runner -j 1
	wait_chat 1 second
	wait_chat 1 "$text"
	sim GET '/sim/chat?id=1' | jq -c '.messages[2:][] | select(.from == "bot" and ((.text // "") | test("code|linked") | not)) |
		[.caption // .text, (.photo.file_name // .document.file_name)]' >"$DIR/got"
	diff "$DIR/got" - <<-EOF
		["second","a.png"]
		[null,"b.csv"]
		["T","a.png"]
		[null,"b.csv"]
		["$text",null]
	EOF
}

@test "within its cooldown a script sends once" {
	everything
	says cool.sh '{"notify":true,"message":"cool","cooldown":"1h"}'
	says hot.sh '{"notify":true,"message":"hot","cooldown":"0s"}'
	runner
	runner
	runner
	says end.sh '{"notify":true,"message":"end"}'
	runner -j 1 --only end.sh
	wait_chat 1 end
	[[ $(count '"cool"') == 1 && $(count '"hot"') == 3 ]]
	logged cool.sh "not sent: its cooldown runs until 20"
}

@test "--force sends whatever runs, and begins no cooldown; --skip-cooling does not even run those" {
	everything "$FAST"
	says a.sh '{"notify":true,"message":"hot","cooldown":"1h"}'
	printf '#!/bin/sh\necho x >>ran\necho "{\\"notify\\":false}"\n' | put b.sh
	run -0 runner --force
	run -0 runner --skip-cooling
	run -0 runner --force
	wait_until 15 eval '[[ $(count "\"hot\"") == 3 ]]'
	run -0 runner --skip-cooling
	[[ -z $output && $(count '"hot"') == 3 && $(wc -l <"$DIR/home/ran") == 4 ]]
	logged a.sh "not run: its cooldown runs until 20"
	logged run "1 script, 0 failed, 0 messages sent"
	# Whose cooldown runs cannot be told: all run, and what they say waits.
	stop sendd
	run -75 runner --skip-cooling
	logged run "no script is left out for its cooldown: tg-sendd does not answer"
	[[ $(wc -l <"$DIR/home/ran") == 5 && $(ls "$STATE/spool" | wc -l) == 1 ]]
}

@test "--plain: what a script prints is the message, as it is" {
	everything "$FAST"
	printf '#!/bin/sh\necho "*no* {\\"markup\\":1}"; printf "two\\033[31m\\377 lines\\n"\n' | put a.sh
	printf '#!/bin/sh\necho; echo "  "\n' | put b.sh
	printf '#!/bin/sh\necho text; echo why >&2; exit 2\n' | put c.sh
	run -0 runner --plain -j 1
	wait_chat 1 two
	sim GET '/sim/chat?id=1' | jq -e '[.messages[] | select(.text // "" | startswith("*no*"))][0] | .text == "*no* {\"markup\":1}\ntwo� lines" and .entities == null'
	logged b.sh "nothing to send"
	logged c.sh "failed: exit code 2; stderr: why"
	run -0 --separate-stderr runner --plain --dry-run
	[[ ${lines[0]} == 'a.sh: POST /send {"text":"*no* {\"markup\":1}\ntwo'* && ${lines[1]} == 'b.sh: nothing to send' ]]
}

@test "it holds no HTTP client in memory, and starts none where there is nothing to send" {
	never grep -q libcurl <(ldd "$BIN/notify-runner")
	mkdir "$DIR/alone"
	cp "$BIN/notify-runner" "$DIR/alone/"
	says a.sh '{"notify":false}'
	run -0 "$DIR/alone/notify-runner" --home "$DIR/home"
	says a.sh '{"notify":true,"message":"m"}'
	run -75 --separate-stderr "$DIR/alone/notify-runner" --home "$DIR/home"
	[[ $stderr == "notify-runner: 1 message is kept in "*"cannot find tg-send beside the running program"* ]]
}

@test "--strict ends with 1 where a script failed, after all have run" {
	says a.sh 'nonsense'
	printf '#!/bin/sh\n: >ran\necho "{\\"notify\\":false}"\n' | put b.sh
	run -0 runner
	run -1 --separate-stderr runner --strict
	[[ $stderr == "notify-runner: 1 script failed, see $STATE/logs/runner.log" && -e $DIR/home/ran ]]
	rm "$NOTES/a.sh"
	run -0 --separate-stderr runner --strict
	[[ -z $stderr ]]
}

@test "a script that fails three times in a row is told of once, and once more when it is well" {
	local i
	everything "$FAST"
	printf '#!/bin/sh\necho trace >&2; echo "KeyError: disk" >&2; exit 4\n' | put bad.sh
	says good.sh '{"notify":false}'
	run -0 runner
	run -0 runner
	[[ $(count "in a row") == 0 ]]
	# Told while tg-sendd is away: it waits, and is not told again.
	stop sendd
	run -75 runner
	run -75 runner
	start_sendd
	run -0 runner
	wait_chat 1 'bad.sh has failed 3 times in a row: exit code 4'
	says bad.sh '{"notify":true,"message":"the disk is fine"}'
	run -0 runner
	run -0 runner
	wait_chat 1 'bad.sh works again.'
	wait_chat 1 'the disk is fine'
	[[ $(count "in a row") == 1 && $(count "works again") == 1 ]]
	sim GET '/sim/chat?id=1' | grep -qF 'exit code 4\nKeyError: disk"'
	jq -e '.scripts["bad.sh"].failures == 0 and .scripts["good.sh"].last_run_ms > 0' "$STATE/state.json"
	[[ $(stat -c %a "$STATE/state.json") == 600 ]]
	# Switched off, and in words of one's own.
	echo 'scripts: {warn_failures: 0}' >>"$CONFIG"
	rm "$NOTES/bad.sh"
	says c.sh nonsense
	for i in 1 2 3; do run -0 runner; done
	sed -i 's/warn_failures: 0/warn_failures: 1/' "$CONFIG"
	echo 'texts: {script_failing: "Oh, {script}!"}' >>"$CONFIG"
	run -0 runner
	wait_chat 1 'Oh, c.sh!'
	[[ $(count "in a row") == 1 ]]
	# What is remembered is damaged: told in the log, and all goes on.
	echo '{' >"$STATE/state.json"
	run -0 runner
	logged run "warning: state.json is put aside as .bad"
	[[ $(<"$STATE/state.json.bad") == '{' ]]
}

@test "a terminal shows how far it is, and is clean afterwards" {
	printf '#!/bin/sh\nwhile [ ! -e go ]; do sleep 0.05; done\necho "{\\"notify\\":false}"\n' | put a.sh
	says b.sh nonsense
	start typed script -qefc "notify-runner --home '$DIR/home' -j 1" /dev/null >"$DIR/typed" </dev/null
	wait_until 10 grep -qF '0 of 2 scripts done, 0 failed; a.sh' "$DIR/typed"
	: >"$DIR/home/go"
	wait "${PIDS[typed]}"
	unset "PIDS[typed]"
	[[ $(tail -c 5 "$DIR/typed") == *$'\r\e[K' ]]
}

# A crontab of its own in $DIR/crontab, by a program that is as Debian's.
fake_crontab() {
	mkdir "$DIR/fake"
	cat >"$DIR/fake/crontab" <<-EOF
		#!/bin/sh
		case \$1 in
		-l)
			[ ! -e "$DIR/denied" ] || { echo 'crontabs/x/: fopen: Permission denied' >&2; exit 1; }
			[ -e "$DIR/crontab" ] || { echo 'no crontab for x' >&2; exit 1; }
			cat "$DIR/crontab"
			;;
		*)
			[ ! -e "$DIR/full" ] || { echo 'errors in crontab file, cannot install' >&2; exit 1; }
			cat "\$1" >"$DIR/crontab"
			;;
		esac
	EOF
	chmod 755 "$DIR/fake/crontab"
	PATH=$DIR/fake:$PATH
}

@test "its line goes into the crontab once, and out again, and nothing else there changes" {
	fake_crontab
	unset TGTOOLS_CONFIG
	run -0 notify-runner --install-cron -c "$CONFIG"
	[[ $output == installed ]]
	diff "$DIR/crontab" - <<<"*/5 * * * * $BIN/notify-runner -c $CONFIG"
	run -0 notify-runner --install-cron -c "$CONFIG"
	[[ $output == "already there" && $(wc -l <"$DIR/crontab") == 1 ]]
	run -0 notify-runner --remove-cron -c "$CONFIG"
	[[ $output == removed && ! -s $DIR/crontab ]]
	# Somebody's work of years, with no newline at its end.
	printf '# my %%\nMAILTO=""\n\n\t5 4 * * *  /x/notify-runner-old %% a\\%%\377\n@reboot x' >"$DIR/crontab"
	cp "$DIR/crontab" "$DIR/before"
	ln -s "$CONFIG" "$DIR/the conf"
	export TGTOOLS_CONFIG=$CONFIG
	cd "$DIR"
	run -0 notify-runner --install-cron='0 8-18 * * mon-fri' -c "the conf"
	(cat "$DIR/before"; printf '\n0 8-18 * * mon-fri %s\n' "$BIN/notify-runner -c $CONFIG") | cmp - "$DIR/crontab"
	run -64 --separate-stderr notify-runner --install-cron '0 8 * * *'
	[[ $stderr == *"given as in --install-cron='0 8 * * *';"* ]]
	run -0 notify-runner --install-cron=@hourly
	(cat "$DIR/before"; printf '\n@hourly %s\n' "$BIN/notify-runner") | cmp - "$DIR/crontab"
	run -0 notify-runner --remove-cron
	(cat "$DIR/before"; echo) | cmp - "$DIR/crontab"
	run -0 notify-runner --remove-cron
	[[ $output == "there was no such line" ]]
	# What cannot be read is not written, and what cannot be written is said.
	cp "$DIR/crontab" "$DIR/before"
	: >"$DIR/denied"
	run -78 --separate-stderr notify-runner --install-cron
	[[ $stderr == "notify-runner: cannot read the crontab: crontabs/x/: fopen: Permission denied" ]]
	rm "$DIR/denied"
	: >"$DIR/full"
	run -78 --separate-stderr notify-runner --install-cron
	[[ $stderr == "notify-runner: cannot change the crontab: errors in crontab file, cannot install" ]]
	cmp "$DIR/before" "$DIR/crontab"
	run -78 --separate-stderr env PATH=/nowhere "$BIN/notify-runner" --install-cron
	[[ $stderr == "notify-runner: there is no crontab(1) here"* ]]
}

@test "so many at a time: all meet, or one after the other in name order" {
	local name
	for name in d c b a; do
		put "$name" <<-'EOF'
			#!/bin/sh
			echo "$NOTIFY_SCRIPT" >>order
			: >"at-$NOTIFY_SCRIPT"
			while [ "$#" = 0 ] && [ ! -e alone ]; do
				set -- at-*
				[ "$#" = 4 ] || set --
			done
			echo '{"notify":false}'
		EOF
	done
	run -0 runner -j 4
	[[ $(wc -l <"$DIR/home/order") == 4 ]]
	logged run "4 scripts, 0 failed"
	rm "$DIR"/home/{order,at-*}
	: >"$DIR/home/alone"
	run -0 runner -j 1
	[[ $(<"$DIR/home/order") == $'a\nb\nc\nd' ]]
	run -0 runner --only c
	[[ $(tail -n 1 "$DIR/home/order") == c && $(wc -l <"$DIR/home/order") == 5 ]]
}

@test "never twice at once for one person" {
	put wait.sh <<-'EOF'
		#!/bin/sh
		echo $$ >started
		while [ ! -e go ]; do sleep 0.05; done
		echo '{"notify":false}'
	EOF
	start first notify-runner --home "$DIR/home"
	pid_in "$DIR/home/started"
	run -75 --separate-stderr runner
	[[ $stderr == "notify-runner: already running for $(id -un) (lock $STATE/lock)" ]]
	run -75 runner --dry-run
	: >"$DIR/home/go"
	wait "${PIDS[first]}"
	unset "PIDS[first]"
	run -0 runner
}

@test "an account that is not linked is told so once, after all scripts have run" {
	start_sim
	write_config
	start_sendd
	says a.sh '{"notify":true,"message":"x"}'
	says b.sh '{"notify":true,"message":"x"}'
	printf '#!/bin/sh\n: >ran\necho "{\\"notify\\":false}"\n' | put c.sh
	run -77 --separate-stderr runner
	[[ $stderr == "notify-runner: $(id -un) has no linked Telegram; send /start to the bot, then run: tg-link verify CODE" ]]
	[[ -e $DIR/home/ran ]]
	spool_is_empty
	logged a.sh "not sent: $(id -un) has no linked Telegram"
	logged b.sh "not sent: $(id -un) has no linked Telegram"
	rm "$NOTES"/[ab].sh
	run -0 runner
}

@test "what tg-sendd cannot take is kept, and goes out once, in order, before anything new" {
	everything
	stop_bot
	stop sendd
	says a.sh '{"notify":true,"message":"number one","cooldown":"1h"}'
	says b.py '{"notify":true,"message":"number two","image_path":"a.bin","document_path":"b.bin"}'
	printf '\x89PNG\r\n\x1a\nfirst' >"$DIR/home/a.bin"
	echo second >"$DIR/home/b.bin"
	run -75 --separate-stderr runner -j 1
	[[ ${#stderr_lines[@]} == 1 ]]
	[[ $stderr == "notify-runner: 2 messages are kept in $STATE/spool for the next run: tg-sendd does not answer"* ]]
	[[ $(ls "$STATE/spool" | wc -l) == 4 ]]
	rm "$DIR"/home/*.bin "$NOTES/b.py"
	# The same script once more: its second message waits, too, and its cooldown then suppresses it.
	run -75 runner
	says a.sh '{"notify":true,"message":"number three","cooldown":"0s"}'
	says b.sh '{"notify":true,"message":"number four"}'
	start_sendd
	run -0 runner
	[[ -z $output ]]
	spool_is_empty
	wait_chat 1 "number one"
	wait_chat 1 "number two"
	wait_until 15 chat_has b.bin
	wait_chat 1 "number four"
	[[ $(count "number one") == 1 && $(count '"number two"') == 1 ]]
	[[ $(sim GET '/sim/chat?id=1' | grep -oE 'number (one|two|three|four)' | uniq | tr '\n' ' ') == "number one number two number "* ]]
	run -0 runner
	[[ $(count "number one") == 1 ]]
}

@test "a message whose answer was lost is not sent twice" {
	everything
	says a.sh '{"notify":true,"message":"only once","cooldown":"0s"}'
	# Takes each request to tg-sendd, and keeps the answer for itself.
	cat >"$DIR/thief.py" <<-'PY'
		import socket, sys, threading
		def serve(client):
		    server = socket.socket(socket.AF_UNIX)
		    server.connect(sys.argv[2])
		    data = b""
		    while b"only once" not in data:
		        data += client.recv(65536)
		    server.sendall(data)
		    server.recv(65536)
		    client.close()
		listener = socket.socket(socket.AF_UNIX)
		listener.bind(sys.argv[1])
		listener.listen(16)
		while True:
		    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
	PY
	start thief python3 "$DIR/thief.py" "$DIR/thief" "$SOCKET" </dev/null >/dev/null
	wait_until 10 test -S "$DIR/thief"
	sed "s|$SOCKET|$DIR/thief|" "$CONFIG" >"$DIR/thief.yaml"
	run -75 runner -c "$DIR/thief.yaml"
	wait_chat 1 "only once"
	says a.sh '{"notify":false}'
	run -0 runner
	spool_is_empty
	says b.sh '{"notify":true,"message":"the end"}'
	runner
	wait_chat 1 "the end"
	[[ $(count "only once") == 1 ]]
}

@test "over quota: kept for later, and told" {
	everything 'delivery: {user_quota: 1}'
	stop_bot
	sim POST /sim/fault '{"method":"sendMessage","count":1000,"kind":"http","status":502}'
	says a.sh '{"notify":true,"message":"one"}'
	says b.sh '{"notify":true,"message":"two"}'
	run -75 --separate-stderr runner -j 1
	[[ $stderr == "notify-runner: 1 message is kept in $STATE/spool for the next run: "*"try again later" ]]
}

@test "what is kept for too long, or damaged, is put aside and told in the log" {
	everything
	mkdir -p -m 700 "$STATE/spool"
	chmod 700 "$STATE"
	echo '{' >"$STATE/spool/001700000000001.json"
	echo '{"version":2,"script":"old.sh","made_ms":1600000000000,"idempotency_key":"k","fields":{"text":"old"}}' \
		>"$STATE/spool/001700000000002.json"
	printf '{"version":2,"script":"new.sh","made_ms":%s000,"idempotency_key":"k","fields":{"text":"new"}}' \
		"$(date +%s)" >"$STATE/spool/001700000000003.json"
	run -0 runner
	wait_chat 1 new
	[[ $(ls "$STATE/spool") == 001700000000001.bad && $(count '"old"') == 0 ]]
	logged spool "001700000000001.json is put aside as .bad"
	logged old.sh "a kept message is dropped: it is over 7 days old"
}

@test "told to end, or killed, it leaves no process behind" {
	local signal near far code
	put hang.sh <<-'EOF'
		#!/bin/sh
		trap "" TERM
		(setsid sleep 300 & echo $! >far)
		echo $$ >near
		while :; do sleep 300; done
	EOF
	for signal in TERM INT HUP KILL; do
		rm -f "$DIR"/home/{near,far}
		# In the background of a script, SIGINT would be ignored.
		start runner env --default-signal=INT notify-runner --home "$DIR/home"
		near=$(pid_in "$DIR/home/near")
		far=$(pid_in "$DIR/home/far")
		never gone "$near"
		never gone "$far"
		code=0
		stop runner "$signal" || code=$?
		[[ $code == 75 || $signal == KILL ]]
		wait_until 10 gone "$near"
		wait_until 10 gone "$far"
	done
	logged hang.sh "ended, because the runner was told to end"
	# The lock is free again.
	says hang.sh '{"notify":false}'
	run -0 runner
}

# The tg-send of our configuration.
courier() {
	pgrep -f "tg-send --messages -c $CONFIG\$"
}

@test "told to end, or killed, while tg-sendd hangs: the message is not lost, and nobody hangs with it" {
	local code=0
	everything "$FAST"
	says a.sh '{"notify":true,"message":"in time","cooldown":"1h"}'
	kill -STOP "${PIDS[sendd]}"
	start runner notify-runner --home "$DIR/home"
	wait_until 10 courier
	stop runner KILL || true
	wait_until 20 never courier
	start runner notify-runner --home "$DIR/home"
	wait_until 10 courier
	stop runner || code=$?
	[[ $code == 75 && $(ls "$STATE/spool" | wc -l) == 1 ]]
	never courier
	kill -CONT "${PIDS[sendd]}"
	run -0 runner
	wait_chat 1 "in time"
	[[ $(count '"in time"') == 1 ]]
}

@test "the log is rotated, and what scripts say cannot forge a line of it" {
	mkdir -p -m 700 "$STATE/logs"
	chmod 700 "$STATE"
	head -c 1048576 /dev/zero | tr '\0' x >"$STATE/logs/runner.log"
	printf '#!/bin/sh\nprintf "a\\n2026-01-01T00:00:00Z run: forged\\033[31m\\304\\244\\377" >&2\nexit 1\n' | put a.sh
	runner
	[[ $(stat -c %s "$STATE/logs/runner.log.1") == 1048576 ]]
	grep -qE '^20[-0-9]+T[:0-9]+Z a.sh: failed: exit code 1; stderr: a\\n2026-01-01T00:00:00Z run: forged\\x1b\[31mĤ\\xff$' \
		"$STATE/logs/runner.log"
	[[ $(wc -l <"$STATE/logs/runner.log") == 2 ]]
	run -0 --separate-stderr runner --verbose
	[[ ${stderr_lines[0]} == "notify-runner: a.sh: failed: "* && -z $output ]]
}

@test "places that others could change are refused" {
	local expected="run: chmod go-w"
	says a.sh '{"notify":false}'
	chmod g+w "$NOTES"
	run -78 --separate-stderr runner
	[[ ${#stderr_lines[@]} == 1 && $stderr == "notify-runner: others may write to $NOTES,"*"$expected $NOTES" ]]
	chmod g-w "$NOTES"
	chmod o+w "$DIR/home"
	run -78 --separate-stderr runner
	[[ $stderr == *"$expected $DIR/home" ]]
	chmod o-w "$DIR/home"
	rm -rf "$STATE"
	ln -s "$DIR/elsewhere" "$STATE"
	mkdir "$DIR/elsewhere"
	run -78 --separate-stderr runner
	[[ $stderr == "notify-runner: $STATE is not a directory" && -z $(ls -A "$DIR/elsewhere") ]]
	rm "$STATE"
	mkdir -m 777 "$STATE"
	chmod 777 "$STATE"
	run -78 --separate-stderr runner
	[[ $stderr == *"$expected $STATE" ]]
	chmod 700 "$STATE"
	mkdir -m 700 "$STATE/logs"
	ln -s "$DIR/elsewhere/log" "$STATE/logs/runner.log"
	run -78 runner
	[[ -z $(ls -A "$DIR/elsewhere") ]]
	run -78 notify-runner --home "$DIR/missing"
	run -78 notify-runner --home "$CONFIG"
}

# An account of its own; $AS makes a command its.
make_account() {
	[[ $(id -u) == 0 ]] || skip "only root can make accounts"
	ACCOUNT=tgr$BASHPID
	wait_until 20 useradd -M -d "$DIR/alice" -s /bin/sh "$ACCOUNT" 2>/dev/null
	mkdir "$DIR/alice"
	NOTES=$DIR/alice/user/notifications
	STATE=$DIR/alice/.notifications
	mkdir -p "$NOTES"
	chown -R "$ACCOUNT:" "$DIR/alice"
	# The tree may be where only its owner gets.
	mkdir "$DIR/bin"
	cp "$BIN/notify-runner" "$BIN/tg-send" "$BIN/tg-link" "$DIR/bin/"
	AS="setpriv --reuid=$ACCOUNT --regid=$ACCOUNT --clear-groups env PATH=$DIR/bin:$PATH"
}

@test "who it is comes from the kernel, where its home is from the accounts; the environment has no say" {
	make_account
	put env.sh <<-'EOF'
		#!/bin/sh
		{ id -un; pwd; env | grep -v '^PWD=' | sort; } >seen
		echo '{"notify":false}'
	EOF
	chown "$ACCOUNT:" "$NOTES/env.sh"
	mkdir "$DIR/fake"
	run -0 $AS env HOME="$DIR/fake" USER=root LOGNAME=root XDG_CONFIG_HOME="$DIR/fake" SECRET=1 notify-runner -c "$CONFIG"
	[[ -z $output && -z $(ls -A "$DIR/fake") ]]
	diff "$DIR/alice/seen" - <<-EOF
		$ACCOUNT
		$DIR/alice
		HOME=$DIR/alice
		LANG=C.UTF-8
		LOGNAME=$ACCOUNT
		NOTIFY_SCRIPT=env.sh
		PATH=/usr/local/bin:/usr/bin:/bin
		SHELL=/bin/sh
		USER=$ACCOUNT
	EOF
	[[ $(stat -c %U "$STATE/logs/runner.log") == "$ACCOUNT" ]]
}

@test "files and homes of another account are not run and not used" {
	make_account
	says theirs.sh '{"notify":false}'
	run -0 --separate-stderr $AS notify-runner -c "$CONFIG" --list
	[[ -z $output && $stderr == "notify-runner: theirs.sh: skipped: it belongs to another account"* ]]
	run -78 --separate-stderr $AS notify-runner -c "$CONFIG" --home "$DIR/home"
	[[ $stderr == "notify-runner: $DIR/home belongs to another account" ]]
	chown root "$NOTES"
	run -78 --separate-stderr $AS notify-runner -c "$CONFIG"
	[[ $stderr == "notify-runner: $NOTES belongs to another account"* ]]
}

@test "an account sends in its own name, and one that may not use the socket is told so and loses nothing" {
	make_account
	says a.sh '{"notify":true,"message":"from alice"}'
	chown "$ACCOUNT:" "$NOTES/a.sh"
	start_sim
	write_config
	start_sendd
	start_bot
	run -77 --separate-stderr $AS notify-runner -c "$CONFIG"
	[[ $stderr == "notify-runner: $ACCOUNT has no linked Telegram"* ]]
	link_account 1 $AS
	chmod 600 "$SOCKET"
	run -75 --separate-stderr $AS notify-runner -c "$CONFIG"
	[[ $stderr == "notify-runner: 1 message is kept in "*"no permission for $SOCKET"* ]]
	chmod 666 "$SOCKET"
	run -0 $AS notify-runner -c "$CONFIG"
	[[ -z $output ]]
	wait_chat 1 "from alice"
	[[ $(count '"from alice"') == 1 ]]
}
