#!/usr/bin/env bats
# Why: people write their scripts by the table in notify-script(7). Each of its rows names cases, files in
# tests/data/fuzz/script, and what comes of them; here they are run as scripts beside each other, so that a row
# that is not true, or a script that takes another one with it, is found.
#	.\" case NAME sent TEXT       something is sent, and TEXT is in it
#	.\" case NAME nothing         nothing is sent
#	.\" case NAME warning TEXT    the log begins so
#	.\" case NAME error TEXT

load helper

setup() {
	make_dir
	NOTES=$DIR/home/user/notifications
	mkdir -p "$NOTES"
	write_config
	PAGE=$TREE/man/man7/notify-script.7
}

teardown() {
	stop_all
}

# put NAME < TEXT: an executable script.
put() {
	cat >"$NOTES/$1"
	chmod 755 "$NOTES/$1"
}

# What was said of each script, on stdout and on stderr.
dry_run() {
	declare -gA SHOWN=() SAID=()
	local line
	run --separate-stderr -0 notify-runner --home "$DIR/home" --dry-run
	for line in "${lines[@]}"; do
		SHOWN[${line%%: *}]+=$line$'\n'
	done
	for line in "${stderr_lines[@]}"; do
		line=${line#notify-runner: }
		SAID[${line%%: *}]+=$line$'\n'
	done
}

cases() {
	sed -n 's/^\.\\" case //p' "$PAGE"
}

# holds NAME OUTCOME TEXT
holds() {
	local shown=${SHOWN[$1]-} said=${SAID[$1]-}
	case $2 in
	sent) [[ $shown == "$1: POST "*"$3"* && $said != "$1: failed: "* ]] ;;
	nothing) [[ $shown == "$1: nothing to send"$'\n' && $said != "$1: failed: "* ]] ;;
	warning) [[ $said == "$1: warning: "*"$3"* ]] ;;
	error) [[ $said == "$1: failed: $3"* && -z $shown ]] ;;
	*) false ;;
	esac || { printf '%s: not %s %s: %s%s\n' "$1" "$2" "$3" "$shown" "$said"; return 1; }
}

@test "each row of the table in notify-script(7) is true, with all scripts in one run" {
	local name outcome text file bad=0 count=0
	local -A rows=()
	printf '\x89PNG' >"$DIR/home/chart.png"
	for file in "$TREE"/tests/data/fuzz/script/*; do
		printf '#!/bin/sh\nexec cat %q\n' "$file" | put "${file##*/}"
	done
	dry_run
	while read -r name outcome text; do
		count=$((count + 1))
		rows[$name]+="$outcome "
		holds "$name" "$outcome" "$text" || bad=1
	done < <(cases)
	((count > 100))
	for name in "${!SHOWN[@]}" "${!SAID[@]}"; do
		[[ ${rows[$name]-} ]] || { echo "$name is in no row"; bad=1; }
		[[ ${SAID[$name]-} != *": warning: "* || ${rows[$name]-} == *warning* ]] || { echo "$name warns"; bad=1; }
	done
	((bad == 0))
}

@test "how a script ends counts before what it prints, and neither it nor a flood touches another one" {
	local good='{"notify":true,"message":"x"}'
	printf '#!/bin/sh\necho %q\nexit 1\n' "$good" | put exit.sh
	printf '#!/bin/sh\necho %q\nkill -TERM $$\n' "$good" | put signal.sh
	printf '#!/bin/sh\necho %q\nsleep 60\n' "$good" | put slow.sh
	printf '#!/bin/sh\nhead -c 2000000 /dev/zero | tr "\\0" " "\necho %q\n' "$good" | put flood.sh
	printf '#!/bin/sh\nwhile echo %q; do :; done\n' "$good" | put endless.sh
	printf '#!/bin/sh\nhead -c 2000000 /dev/zero >&2\necho %q\n' "$good" | put noise.sh
	printf '#!/bin/sh\necho %q\n' '{"notify":true,"message":"x","image_path":"missing.png"}' | put picture.sh
	printf '#!/bin/sh\necho %q\n' "$good" | put good.sh
	echo 'scripts: {timeout: 1s, jobs: 8}' >>"$CONFIG"
	dry_run
	holds exit.sh error "exit code 1"
	holds signal.sh error "it was ended by signal 15"
	holds slow.sh error "it did not end within 1s and was ended"
	holds flood.sh error "it printed more than 1048576 bytes"
	holds endless.sh error "it did not end within 1s and was ended"
	holds noise.sh sent x
	holds picture.sh error "cannot open $DIR/home/missing.png"
	holds good.sh sent x
}
