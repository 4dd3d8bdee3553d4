#!/usr/bin/env bats
# Why: what `make install` leaves out is missed first by the person who packages it, and what `make uninstall`
# leaves behind is found by nobody. From a copy of what was built, so that nothing of it can change.

load helper

setup_file() {
	[[ ${TGTOOLS_BUILD-} != */san ]] || return 0
	BUILT=$(mktemp -d /tmp/tgb.XXXXXX)
	export BUILT
	cp -a "${TGTOOLS_BUILD:-$BATS_TEST_DIRNAME/../../build}/." "$BUILT"
	make -s -C "$BATS_TEST_DIRNAME/../.." B="$BUILT" all >"$BUILT/log" 2>&1 || { cat "$BUILT/log"; return 1; }
}

teardown_file() {
	[[ -z ${BUILT-} ]] || rm -rf "$BUILT"
}

setup() {
	[[ -n ${BUILT-} ]] || skip "the build under the sanitizers is not for installing"
	make_dir
	cd "$TREE" || return 1
}

teardown() {
	stop_all
}

make_it() {
	make -s B="$BUILT" DESTDIR="$DIR/root" "$@"
}

# What has a page in section $1 and is a program.
programs_of_section() {
	local page name
	for page in man/man"$1"/*."$1"; do
		name=$(basename "$page" ."$1")
		[[ ! -e cmd/$name && ! -e cmd/$name.c ]] || echo "$name"
	done
}

@test "programs go to bin and sbin by the section of their page, pages to man" {
	make_it install PREFIX=/usr
	[[ $(ls "$DIR/root/usr/bin") == "$(programs_of_section 1)" ]]
	[[ $(ls "$DIR/root/usr/sbin") == "$(programs_of_section 8 | grep -vx tg-exec)" ]]
	diff <(cd man && find . -type f | sort) <(cd "$DIR/root/usr/share/man" && find . -type f | sort)
	[[ ! -e $DIR/root/usr/bin/tg-sim ]]
	[[ ! -e $DIR/root/usr/local && ! -e $DIR/root/etc ]]
}

@test "an installed program runs and names its version" {
	make_it install
	local program
	for program in "$DIR"/root/usr/local/{bin,sbin}/*; do
		run --separate-stderr "$program" --version
		echo "$program: $status $output"
		[[ $status == 0 && $output =~ ^${program##*/}\ [0-9]+\.[0-9]+\.[0-9]+$ && -z $stderr ]]
	done
}

@test "units name the programs where they were installed" {
	make_it install PREFIX=/opt/tg
	local path
	for path in $(grep -ohE '/[a-z/]+/s?bin/(tg|notify)-[a-z]+' "$DIR"/root/opt/tg/lib/systemd/system/*); do
		[[ -x $DIR/root$path ]] || { echo "$path is not there"; return 1; }
	done
}

@test "the sample configuration is installed, and what an installed program makes of it is no error" {
	[[ -e etc/tgtools.yaml ]] || skip "there is no sample configuration"
	make_it install
	run "$DIR/root/usr/local/sbin/tg-dispatch" --check -c "$DIR/root/usr/local/share/doc/tgtools/tgtools.yaml"
	echo "$output"
	[[ $status == 0 ]]
}

@test "completions are where the shells look for them" {
	make_it install PREFIX=/usr
	local program
	for program in "$DIR"/root/usr/bin/*; do
		grep -q "^complete .* ${program##*/}\b" "$DIR/root/usr/share/bash-completion/completions/${program##*/}"
		head -n 1 "$DIR/root/usr/share/zsh/site-functions/_tgtools" | grep -w -- "${program##*/}"
	done
}

@test "nothing that is installed can be written by others" {
	(umask 000 && make_it install)
	[[ -z $(find "$DIR/root/usr" ! -type d -perm /022) ]]
	(umask 077 && make_it install)
	[[ -z $(find "$DIR/root/usr" -type f ! -perm -444) ]]
}

@test "uninstall removes all of it" {
	make_it install
	make_it uninstall
	[[ -z $(find "$DIR/root" ! -type d) ]]
	[[ ! -e $DIR/root/usr/local/share/doc/tgtools && ! -e $DIR/root/usr/local/libexec/tgtools ]]
}

@test "systemd finds nothing wrong with the units" {
	command -v systemd-analyze >/dev/null || skip "there is no systemd-analyze"
	make -s B="$BUILT" install PREFIX="$DIR/prefix"
	run systemd-analyze verify --man=no "$DIR"/prefix/lib/systemd/system/*.service
	echo "$output"
	[[ $status == 0 && -z $output ]]
}

@test "the unit of the bot leaves sudo to it, and to scripts the system as they see it from cron" {
	# Each of these implies NoNewPrivileges for a service that is not root's, or is inherited by the scripts.
	never grep -nE '^(Capability|SystemCall|Restrict[A-Z]|Lock|MemoryDeny|Private|Protect|Secure)' \
		<(grep -v '^RestartPrevent' etc/systemd/tg-bot.service)
	grep -qx NoNewPrivileges=no etc/systemd/tg-bot.service
}

# The shell's line of the bot's unit with programs of ours, the third of which exits as $1 says.
bot_line() {
	mkdir -p "$DIR/fake"
	cat >"$DIR/fake/part" <<-'SH'
		#!/bin/bash
		here=$(dirname "$0")
		trap 'echo "$0" >>"$here/hup"' HUP
		# What a part starts in a session of its own.
		if [[ $0 == */tg-dispatch ]]; then
			setsid bash -c 'trap "echo script >>$0/hup" HUP; until [[ -e $0/end || ! -d $0 ]]; do sleep 0.02; echo >>$0/turns; done' \
				"$here" 3>&- &
		fi
		echo $$ >>"$here/pids"
		until [[ -e $here/end || ! -d $here ]]; do sleep 0.02; done
		[[ $0 != */tg-send ]] || exit "$(<"$here/end")"
	SH
	chmod +x "$DIR/fake/part"
	ln -sf part "$DIR/fake/tg-poll"
	ln -sf part "$DIR/fake/tg-dispatch"
	ln -sf part "$DIR/fake/tg-send"
	sed -n 's/^ExecStart=//p' etc/systemd/tg-bot.service | sed -E "s|/usr/local/s?bin|$DIR/fake|g; s/%%/%/g; s/[$][$]/$/g"
}

@test "the bot's line hands SIGHUP to its parts alone, and exits as they do" {
	local code got line turns
	for code in 0 78; do
		rm -rf "$DIR/fake"
		line=$(bot_line)
		bash -c "exec $line" 3>&- &
		PIDS[line]=$!
		wait_until 5 has_lines pids 3
		wait_until 5 has_lines turns 1
		for _ in 1 2; do
			: >"$DIR/fake/hup"
			kill -HUP "${PIDS[line]}"
			wait_until 5 has_lines hup 3
			# By then it would have said so.
			turns=$(wc -l <"$DIR/fake/turns")
			wait_until 5 has_lines turns $((turns + 2))
			never grep script "$DIR/fake/hup"
		done
		# At once, since who finds it reads it.
		echo $code >"$DIR/fake/end.new"
		mv "$DIR/fake/end.new" "$DIR/fake/end"
		wait_until 5 gone "${PIDS[line]}"
		got=0
		stop line || got=$?
		echo "$code: $got"
		[[ $got == "$code" ]]
	done
}

# has_lines FILE COUNT
has_lines() {
	[[ -e $DIR/fake/$1 ]] && (($(wc -l <"$DIR/fake/$1") >= $2))
}
