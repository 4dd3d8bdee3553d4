#!/usr/bin/env bats
# What the account of the services may do to people, and people to each other, tried with real accounts, the real
# sudo and the file for it that is installed. All of it in a mount namespace with an /etc, a /home and a /usr/local of
# its own, so that nothing of the machine is touched.

load helper

setup_file() {
	[[ $(id -u) == 0 ]] || return 0
	command -v sudo >/dev/null && unshare -m true 2>/dev/null || return 0
	ROOT=$(mktemp -d /tmp/tga.XXXXXX)
	export ROOT
	make_accounts >"$ROOT/log" 2>&1 || { cat "$ROOT/log"; return 1; }
}

teardown_file() {
	[[ -z ${ROOT-} ]] || {
		[[ ! -s $ROOT/holder ]] || kill "$(<"$ROOT/holder")"
		rm -rf "$ROOT"
	}
}

setup() {
	[[ $(id -u) == 0 ]] || skip "only root can make accounts"
	[[ -n ${ROOT-} ]] || skip "there is no sudo, or there are no mount namespaces"
	HOLDER=$(<"$ROOT/holder")
	make_dir
	chmod 755 "$DIR"
	cd /
}

teardown() {
	stop_all
}

make_accounts() {
	local build=${TGTOOLS_BUILD:-$BATS_TEST_DIRNAME/../../build} san='' uid=$((70000 + RANDOM)) name
	[[ $build != */san ]] || san=1
	chmod 755 "$ROOT"
	mkdir "$ROOT/home"
	cp -a /etc "$ROOT/etc"
	make -s -C "$BATS_TEST_DIRNAME/../.." B="$build" SAN=$san DESTDIR="$ROOT/tree" install
	unshare -m sleep 600 3>&- &
	echo $! >"$ROOT/holder"
	HOLDER=$!
	until [[ $(readlink "/proc/$HOLDER/ns/mnt") != "$(readlink /proc/self/ns/mnt)" ]]; do sleep 0.02; done
	within mount --bind "$ROOT/etc" /etc
	within mount --bind "$ROOT/home" /home
	within mount --bind "$ROOT/tree/usr/local" /usr/local
	# root is a member to see that it is left out nevertheless.
	within groupadd -g "$uid" tgtools-users
	within usermod -a -G tgtools-users root
	for name in tgtools alice bob carol; do
		within userdel "$name" 2>/dev/null || true
		uid=$((uid + 1))
		within useradd -l -m -k /dev/null -s /bin/bash -u "$uid" "$name"
		[[ $name == carol ]] || within usermod -a -G tgtools-users "$name"
		chmod 755 "$ROOT/home/$name"
	done
	printf 'Defaults !syslog, logfile=%s, !mail_badpass, !mail_no_user\n' "$ROOT/sudo.log" >>"$ROOT/etc/sudoers"
	within install -m 440 /usr/local/share/doc/tgtools/sudoers /etc/sudoers.d/tgtools
	within visudo -c
	mkdir -p "$ROOT/etc/tgtools"
	install -m 644 /dev/stdin "$ROOT/etc/tgtools/tgtools.yaml" <<-YAML
		scripts: {timeout: 1s}
		server_scripts: [{name: server, path: /usr/bin/id, run_as: alice}]
	YAML
	scripts_of_all
}

# Each says whose it is, and who runs it; none of them may run as anybody else, or be reached from another account.
scripts_of_all() {
	local name
	for name in tgtools alice bob carol root; do
		printf '#!/bin/sh\nprintf \x27{"notify":false,"data":"%s ran as %%s: %%s"}\\n\x27 "$(id -un)" "$*"\n' "$name" |
			put "$name" "$name.sh"
	done
	printf '#!/bin/sh\nsleep 0.1; echo alice\n' | put alice text.sh
	mkdir "$ROOT/home/alice/user/notifications/directory"
	mkfifo -m 755 "$ROOT/home/alice/user/notifications/fifo"
	mknod -m 755 "$ROOT/home/alice/user/notifications/device" c 1 5
	ln -s /home/bob/user/notifications/bob.sh "$ROOT/home/alice/user/notifications/link.sh"
	ln -s /home/bob/user/notifications "$ROOT/home/alice/user/notifications/linked"
}

# put ACCOUNT NAME: standard input becomes a script of theirs. That of root stands where nothing of the machine is.
put() {
	local home=/home/$1
	[[ $1 != root ]] || home=/home/root
	within mkdir -p "$home/user/notifications"
	within install -m 755 /dev/stdin "$home/user/notifications/$2"
	within chown -R "$1": "$home/user"
}

within() {
	nsenter -t "$HOLDER" -m --wd=/ -- "$@" 3>&-
}

# as ACCOUNT COMMAND...
as() {
	local account=$1
	shift
	within setpriv --reuid "$account" --regid "$account" --init-groups --inh-caps=-all env -i \
		PATH=/usr/local/bin:/usr/bin:/bin HOME=/home/"$account" USER="$account" LANG=C.UTF-8 "$@"
}

# service ACCOUNT ARGS...: notify-scripts as the bot runs it.
service() {
	local account=$1
	shift
	as tgtools sudo -n -u "$account" /usr/local/bin/notify-scripts "$@"
}

# refused CODE TEXT COMMAND...: fails within seconds, says TEXT, and has run no script and no shell.
refused() {
	local code=$1 text=$2
	shift 2
	run -"$code" timeout 5 bash -c 'exec 3>&-; "$@"' bash "${@}"
	echo "$status: $output"
	[[ $output == *"$text"* && $output != *' ran as '* && $output != *uid=* ]]
}

export -f within as service

@test "the service runs a person's script as that person, and lists them" {
	[[ $(service alice run alice.sh 'a b' c) == '{"notify":false,"data":"alice ran as alice: a b c"}' ]]
	[[ $(service bob run --stream --deliver --until-eof bob.sh < <(sleep 1) | jq -r '.report // empty') == nothing ]]
	[[ $(service alice list 2>/dev/null | jq -c '[.[].name]') == '["alice.sh","text.sh"]' ]]
	[[ $(service alice run --stream text.sh | jq -r '.text // empty') == alice ]]
	[[ $(as alice notify-scripts run alice.sh) == '{"notify":false,"data":"alice ran as alice: "}' ]]
}

@test "neither the service nor alice reaches another's script by any name" {
	local name
	export HOLDER
	for name in bob.sh ../../../bob/user/notifications/bob.sh /home/bob/user/notifications/bob.sh ../../../../bin/sh \
		../../../../../bin/id /bin/sh link.sh linked/bob.sh directory fifo device . .. '' -- \
		$'alice.sh\n' $'\nalice.sh' $'alice.sh\nrun' "$(printf 'a%.0s' {1..300})" 'alice.sh;id' '$(id)' '*' ' alice.sh' \
		"alice.sh 'x" ./alice.sh; do
		echo "as alice: '$name'"
		run timeout 5 bash -c 'as alice notify-scripts run -- "$1"' bash "$name"
		[[ $status == 66 && $output != *' ran as '* && $output != *uid=* ]]
		jq -e .error <<<"$output" >/dev/null
		echo "as the service: '$name'"
		run timeout 5 bash -c 'service alice run "$1"' bash "$name"
		[[ $status != 0 && $status != 124 && $output != *' ran as '* && $output != *uid=* ]]
	done
	# A directory that is a link, and one that others may write to.
	within mv /home/alice/user/notifications /home/alice/user/mine
	within ln -s /home/bob/user/notifications /home/alice/user/notifications
	refused 78 'no directory' service alice run bob.sh
	refused 78 'no directory' as alice notify-scripts run bob.sh
	within rm /home/alice/user/notifications
	within cp -a /home/bob/user/notifications /home/alice/user/notifications
	refused 78 'belongs to another account' service alice run bob.sh
	within rm -r /home/alice/user/notifications
	within mv /home/alice/user/mine /home/alice/user/notifications
	within chmod o+w /home/alice/user/notifications
	refused 78 'others may write to' service alice run alice.sh
	within chmod o-w /home/alice/user/notifications
	within cp /home/bob/user/notifications/bob.sh /home/alice/user/notifications/stolen.sh
	within chown bob /home/alice/user/notifications/stolen.sh
	refused 66 'another account' service alice run stolen.sh
	within rm /home/alice/user/notifications/stolen.sh
}

@test "sudo allows the service nothing else, and others nothing at all" {
	local no='a password is required' scripts=/usr/local/bin/notify-scripts account
	export HOLDER
	for account in root '#0' carol daemon nosuchaccount; do
		run timeout 5 bash -c 'service "$1" list' bash "$account"
		[[ $status == 1 && $output != *'['* ]]
		run timeout 5 bash -c 'service "$1" run "$1.sh"' bash "$account"
		[[ $status == 1 && $output != *' ran as '* ]]
	done
	refused 1 "$no" as tgtools sudo -n "$scripts" list
	refused 1 "$no" as tgtools sudo -n -u alice -g bob "$scripts" list
	refused 1 "$no" as tgtools sudo -n -u alice /bin/sh -c id
	refused 1 "$no" as tgtools sudo -n -u alice /usr/bin/id
	refused 1 "$no" as tgtools sudo -n -u alice /usr/local/bin/notify-runner --list
	refused 1 "$no" as tgtools sudo -n -u alice /home/tgtools/notify-scripts list
	refused 1 "$no" as tgtools sudo -n -u alice -s id
	refused 1 "$no" as tgtools sudo -n -u alice -i id
	refused 1 '' as tgtools sudo -n -u alice -E "$scripts" list
	refused 1 'not allowed' as tgtools sudo -n -u alice LD_PRELOAD=/x "$scripts" list
	refused 1 '' as tgtools sudo -n -u alice -C 20 "$scripts" list
	refused 1 '' as tgtools sudo -n -u alice -R /home/tgtools "$scripts" list
	refused 1 '' as tgtools sudo -n -u alice -D /home/tgtools "$scripts" list
	for account in alice bob carol; do
		run as "$account" sudo -n -u bob "$scripts" run bob.sh
		[[ $status == 1 && $output != *' ran as '* ]]
	done
}

@test "arguments are the script's and no option of ours" {
	local args scripts=/usr/local/bin/notify-scripts
	export HOLDER
	[[ $(service alice run alice.sh -c /x --server ';' '$(id)' --stream) == '{"notify":false,"data":"alice ran as alice: -c /x --server ; $(id) --stream"}' ]]
	for args in '-c /home/tgtools/x list' 'list -c /x' 'list --stream' 'run -c /x alice.sh' 'run --server server' \
		'run --stream --server server' 'run --stream' 'run' 'run --config=/x alice.sh' '-V' '--help' '' 'run -- alice.sh' \
		'run --str alice.sh' 'LIST' 'list list'; do
		echo "'$args'"
		# shellcheck disable=SC2086 # several arguments
		run timeout 5 bash -c 'service alice "$@"' bash $args
		[[ $status == 1 && $output == *'a password is required'* ]]
	done
	refused 1 'a password' service alice run alice.sh $'a\nb'
	refused 1 'a password' service alice run $'alice.sh\n--server'
	# One argument that looks like several to sudo, which joins them.
	refused 64 'unknown' service alice 'run alice.sh'
	refused 64 'unknown' service alice run '--stream alice.sh' x
	refused 64 '' service alice 'run --stream' alice.sh
	refused 66 'not found' service alice run 'alice.sh -c' /x
	# And alice herself by sudo gets no further than without.
	run -64 within env SUDO_UID=1 notify-scripts -c /home/alice/x.yaml list
}

@test "nothing of the service's environment, descriptors, limits or signals reaches the script" {
	local soft=
	# Not every root may raise a hard limit again; then neither may sudo.
	(ulimit -Hf 1000000 && ulimit -Hf 2000000) 2>/dev/null || soft=:
	mkdir "$DIR/evil"
	echo secret >"$DIR/secret"
	chmod 600 "$DIR/secret"
	echo 'void __attribute__((constructor)) mark(void); int creat(const char *, unsigned); void mark(void) { creat("/tmp/'"${DIR##*/}"'/evil/preload", 0644); }' |
		cc -w -shared -fPIC -o "$DIR/evil/lib.so" -x c -
	echo 'open("'"$DIR"'/evil/python", "w")' >"$DIR/evil/sitecustomize.py"
	echo "touch $DIR/evil/bash" >"$DIR/evil/rc"
	chmod 777 "$DIR/evil"
	{
		echo '#!/bin/bash'
		echo 'env | sort; echo "umask $(umask) cwd $PWD nice $(nice)"; ulimit -a; ls -l /proc/$$/fd | grep -c secret'
		echo 'grep -E "^Sig(Blk|Ign)|^Groups|^Uid|^CapEff|^NoNewPrivs" /proc/self/status; tty; python3 -c "print(1)"'
	} | put alice look.sh
	service alice run --stream look.sh | jq -j '.text // ""' >"$DIR/plain"
	within setpriv --reuid tgtools --regid tgtools --init-groups --inh-caps=-all \
		env --ignore-signal=TERM --ignore-signal=INT --ignore-signal=PIPE --block-signal=USR1 \
		LD_PRELOAD="$DIR/evil/lib.so" PYTHONPATH="$DIR/evil" BASH_ENV="$DIR/evil/rc" ENV="$DIR/evil/rc" HOME="$DIR/evil" \
		USER=bob LOGNAME=bob TGTOOLS_CONFIG="$DIR/evil/x.yaml" PATH="$DIR/evil:$PATH" IFS=x LC_ALL=xx TZ=/etc/shadow \
		prlimit "--fsize=1000000$soft" "--nofile=40$soft" "--cpu=1$soft" "--stack=2000000$soft" "--as=400000000$soft" \
		"--data=300000000$soft" \
		bash -c 'rm -f "$1"/evil/{preload,bash,python}; umask 0; ulimit -c unlimited; exec sudo -n -u alice /usr/local/bin/notify-scripts run --stream look.sh' bash "$DIR" \
		9<"$DIR/secret" | jq -j '.text // ""' >"$DIR/hostile"
	diff "$DIR/plain" "$DIR/hostile"
	[[ ! -e $DIR/evil/preload && ! -e $DIR/evil/bash && ! -e $DIR/evil/python ]]
	grep -qx 'SigIgn:	0000000000000000' "$DIR/hostile"
	grep -qx 'umask 0022 cwd /home/alice nice 0' "$DIR/hostile"
	[[ $(grep -E '^[A-Z_]+=' "$DIR/hostile" | cut -d = -f 1 | tr '\n' ' ') == 'HOME LANG LOGNAME NOTIFY_MANUAL NOTIFY_SCRIPT PATH PWD SHELL SHLVL USER _ ' ]]
}

# Whatever alice swaps meanwhile, it is she who runs it.
@test "a race for the name runs nothing as anybody else" {
	local i count
	count=$(often 200)
	export HOLDER
	as alice python3 -c 'import os, time
os.chdir("/home/alice/user/notifications")
while True:
	os.symlink("/home/bob/user/notifications/bob.sh", "race.new")
	os.rename("race.new", "race.sh")
	time.sleep(0.0003)
	os.link("alice.sh", "race.new")
	os.rename("race.new", "race.sh")
	time.sleep(0.0003)' &
	PIDS[race]=$!
	as alice bash -c 'for ((i = 0; i < $1; i++)); do notify-scripts run race.sh x; done; true' bash "$count" >"$DIR/out" 2>/dev/null
	for ((i = 0; i < 10; i++)); do
		service alice run race.sh x || true
	done >>"$DIR/out" 2>/dev/null
	kill "${PIDS[race]}"
	pkill_account alice
	(($(wc -l <"$DIR/out") == count + 10))
	sort "$DIR/out" | uniq -c
	never grep -q 'ran as [^a]' "$DIR/out"
	grep -q 'alice ran as alice' "$DIR/out"
	within rm -rf /home/alice/user/notifications/race.sh /home/alice/user/notifications/race.new
}

# pkill_account NAME: ends what runs as that account, by its processes' numbers.
pkill_account() {
	local uid pid
	uid=$(within id -u "$1")
	for pid in $(processes_of "$uid"); do
		kill -KILL "$pid" 2>/dev/null || true
	done
}

processes_of() {
	grep -lsE "^Uid:	$1	" /proc/[0-9]*/status | cut -d / -f 3
}

none_of() {
	[[ -z $(processes_of "$1") ]]
}

@test "a script that forks, ignores SIGTERM and makes a session of its own is gone 3 s after its deadline" {
	local uid start
	uid=$(within id -u alice)
	put alice stay.sh <<-'SH'
		#!/bin/bash
		trap '' TERM HUP INT
		(setsid bash -c 'trap "" TERM; (setsid sleep 3600 &); sleep 3600' &)
		for i in 1 2 3; do setsid nohup sleep 3600 & done
		echo up
		while :; do sleep 3600; done
	SH
	# Told to end at its deadline, and by the end of its standard input, which is all that the service can do.
	cp "$ROOT/home/alice/user/notifications/stay.sh" "$DIR/stay.sh"
	put alice stay-eof.sh <"$DIR/stay.sh"
	(sleep 0.4 | service alice run --stream --until-eof stay-eof.sh >"$DIR/out" 3>&-) &
	PIDS[eof]=$!
	start=${EPOCHREALTIME/./}
	run -124 service alice run --stream stay.sh
	((${EPOCHREALTIME/./} - start < 4500000))
	[[ $output == *'"text":"up\n"'* && $output == *'"signal":9,"timed_out":true'* ]]
	wait_until 5 gone "${PIDS[eof]}"
	grep -q '"timed_out":false,"stopped":true' "$DIR/out"
	none_of "$uid"
}

# The services as they run for real: as the account of the services, with a socket for the members of the group.
start_services() {
	local run=(nsenter -t "$HOLDER" -m --wd=/ setpriv --reuid tgtools --regid tgtools --init-groups)
	start_sim
	mkdir "$DIR/state"
	SOCKET=$DIR/state/sock
	(umask 077 && echo "$SIM_TOKEN" >"$DIR/token")
	within chown tgtools: "$DIR/state" "$DIR/token"
	cat >"$ROOT/etc/tgtools/tgtools.yaml" <<-YAML
		telegram: {token_file: $DIR/token, api_url: "$SIM_URL"}
		store: {path: $DIR/state/store, map_size: 64M}
		socket: {path: $SOCKET}
		delivery: {overall_per_second: 0, chat_per_second: 0}
		limits: {chat_per_minute: 0, chat_per_second: 0}
		scripts: {timeout: 1s}
		server_scripts: [{name: server, path: /usr/bin/id, run_as: alice}]
	YAML
	start sendd "${run[@]}" /usr/local/sbin/tg-sendd </dev/null
	wait_until 20 sendd_answers
	mkfifo "$DIR/updates" "$DIR/calls"
	"${run[@]}" /usr/local/sbin/tg-poll </dev/null >"$DIR/updates" 2>>"$DIR/poll.log" 3>&- &
	PIDS[poll]=$!
	"${run[@]}" /usr/local/sbin/tg-dispatch <"$DIR/updates" >"$DIR/calls" 2>>"$DIR/dispatch.log" 3>&- &
	PIDS[dispatch]=$!
	"${run[@]}" /usr/local/bin/tg-send --json <"$DIR/calls" >"$DIR/send.out" 2>>"$DIR/send.log" 3>&- &
	PIDS[send]=$!
}

# link ACCOUNT CHAT
link() {
	local code
	say "$2" /start "$1"
	wait_chat "$2" code
	code=$(sim GET "/sim/chat?id=$2" | grep -oE '\b[0-9]{6}\b' | tail -n 1)
	as "$1" tg-link verify "$code"
	wait_chat "$2" 'now linked'
}

@test "a picture that only its owner can read is delivered by its owner" {
	start_services
	link alice 1
	put alice chart.sh <<-'SH'
		#!/bin/sh
		umask 077
		mkdir -p ~/private
		printf '\211PNG' >~/private/chart.png
		echo '{"notify":true,"message":"a chart","image_path":"private/chart.png"}'
	SH
	[[ $(service alice run --stream --deliver chart.sh | jq -r '.report // empty') == sent ]]
	wait_chat 1 'a chart'
	sim GET '/sim/chat?id=1' | grep -q '"file_name":"chart.png"'
	never as tgtools cat /home/alice/private/chart.png
	[[ $(service alice list | jq -r '.[] | select(.name == "chart.sh") | (.last_run + " " + .last_sent)') =~ ^[0-9]+s\ ago\ 20 ]]
	# Nobody is told of others, and who has no chat is told so.
	put bob chart.sh <"$ROOT/home/alice/user/notifications/chart.sh"
	run -77 service bob run --stream --deliver chart.sh
	[[ $output == *'bob has no linked Telegram'* ]]
}

# button CHAT TEXT: the data of the newest button with that text.
button() {
	sim GET "/sim/chat?id=$1" | jq -r --arg text "$2" \
		'[.messages[].reply_markup.inline_keyboard[]?[]? | select(.text == $text)] | last.callback_data'
}

# press CHAT DATA: somebody taps a button with that data, wherever they have it from.
press() {
	sim POST /sim/update "$(jq -nc --argjson chat "$1" --arg data "$2" '{callback_query: {id: "q1", chat_instance: "1",
		data: $data, from: {id: $chat, is_bot: false, first_name: "x"},
		message: {message_id: 1, date: 1, chat: {id: $chat, type: "private"}}}}')" >/dev/null
}

@test "from the chat alice runs hers, and reaches nobody else's by a name or a button" {
	local name data
	start_services
	link alice 1
	link bob 2
	say 1 '/run alice.sh now'
	wait_chat 1 'nothing to report'
	say 2 '/run bob.sh'
	wait_chat 2 'nothing to report'
	say 1 '/run text.sh'
	wait_chat 1 'text.sh: exit status 0'
	for name in bob.sh ../../../bob/user/notifications/bob.sh /bin/sh ../../../../bin/id link.sh linked/bob.sh fifo device \
		directory root.sh "$(printf 'a%.0s' {1..300})" '-c' '--server server'; do
		say 1 "/run $name"
	done
	say 2 /scripts
	wait_chat 2 'bob.sh - last run'
	data=$(button 2 bob.sh)
	[[ $data == run:* ]]
	press 1 "$data"
	wait_until 10 grep -q '"chat":1,"user":1,"route":"run","outcome":"gone"' "$DIR/dispatch.log"
	say 1 '/run text.sh the end'
	wait_until 10 ended_twice
	grep '"program":"tg-dispatch","event":"job started"' "$DIR/dispatch.log" >"$DIR/started"
	[[ $(jq -c '[.chat, .user, .script]' "$DIR/started" | sort | uniq -c | xargs) == '1 [1,alice,alice.sh] 2 [1,alice,text.sh] 1 [2,bob,bob.sh]' ]]
	sim GET '/sim/chat?id=1' >"$DIR/chat"
	never grep -qE 'uid=|ran as|bob by' "$DIR/chat"
}

ended_twice() {
	(($(sim GET '/sim/chat?id=1' | grep -o 'text.sh: exit status 0' | wc -l) >= 2))
}

@test "the sudoers file is one that visudo takes, also with its examples, and names where the programs are" {
	visudo -cf "$TREE/etc/sudoers.d/tgtools"
	sed -E 's/^#(Cmnd_Alias|TGTOOLS|	\^)/\1/' "$TREE/etc/sudoers.d/tgtools" >"$DIR/all"
	(($(diff "$DIR/all" "$TREE/etc/sudoers.d/tgtools" | grep -c '^<') == 9))
	visudo -cf "$DIR/all"
	make -s -C "$TREE" -n B="$BUILD" PREFIX=/opt/tg DESTDIR="$DIR/opt" install | grep -q '/opt/tg/share/doc/tgtools/sudoers'
	# That of root, with the example in force.
	sed 's/backup|upgrade/server/' "$DIR/all" | within install -m 440 /dev/stdin /etc/sudoers.d/tgtools
	within useradd -l -M deploy
	within sed -i 's/run_as: alice/run_as: root/' /etc/tgtools/tgtools.yaml
	[[ $(service root run --stream --server server | jq -r '.text // empty') == 'uid=0(root)'* ]]
	export HOLDER
	run timeout 5 bash -c 'service root run server'
	[[ $status == 1 && $output != *uid=* ]]
	run timeout 5 bash -c 'service root run --server other'
	[[ $status == 1 && $output == *'a password is required'* ]]
	# Nobody in a chat can give it arguments, so neither can who has taken over the service.
	run timeout 5 bash -c 'service root run --server server --version'
	[[ $status == 1 && $output == *'a password is required'* ]]
}

# What somebody may do from the chat ends with what the system says of the account, whoever forgot to unlink it.
@test "an account that leaves its group, expires or is locked has no access from the chat" {
	local update='{"update_id":1,"message":{"message_id":1,"date":1,"chat":{"id":7,"type":"private"},"from":{"id":7,"is_bot":false,"first_name":"C"},"text":"/help"}}'
	cat >"$DIR/table.yaml" <<-'YAML'
		commands: [{command: secret, description: Secret, access: "%ops", exec: [/bin/true]}]
	YAML
	chmod 644 "$DIR/table.yaml"
	# help: what tg-dispatch, run as $1, tells carol.
	help() {
		as "$1" /usr/local/sbin/tg-dispatch -c "$DIR/table.yaml" --no-store --as carol <<<"$update" 2>>"$DIR/log" |
			jq -r '.calls[].text'
	}
	within groupadd -f ops
	within usermod -a -G ops carol
	[[ $(help tgtools) == */secret*/unlink* || $(help tgtools) == */unlink*/secret* ]]
	within gpasswd -d carol ops
	[[ $(help tgtools) == */unlink* ]]
	never grep /secret <<<"$(help tgtools)"
	within usermod -g ops carol
	[[ $(help tgtools) == */secret* ]]
	within usermod -s /usr/sbin/nologin carol
	never grep -E '/unlink|/secret' <<<"$(help tgtools)"
	grep -q 'the account carol is locked' "$DIR/log"
	within usermod -s /bin/bash carol
	[[ $(help tgtools) == */unlink* ]]
	# The rest stands in shadow(5), which the service sees as a member of that group.
	within usermod -p '$6$salt$hash' carol
	within usermod -L carol
	[[ $(help tgtools) == */unlink* ]]
	within usermod -a -G shadow tgtools
	never grep /unlink <<<"$(help tgtools)"
	within usermod -U carol
	[[ $(help tgtools) == */unlink* ]]
	within usermod -e 2020-01-31 carol
	never grep /unlink <<<"$(help tgtools)"
	within usermod -e '' carol
	[[ $(help tgtools) == */unlink* ]]
	within userdel carol
	never grep /unlink <<<"$(help tgtools)"
	grep -q 'no account carol' "$DIR/log"
}
