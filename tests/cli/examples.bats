#!/usr/bin/env bats
# Why: the sample scripts are the first that people copy, and what they get wrong is copied with them. Each is run as
# notify-runner runs it, with what it looks at in a state that matters, and has to print a report that counts.

load helper

setup() {
	make_dir
	HOME_DIR=$DIR/home
	NOTES=$HOME_DIR/user/notifications
	# What stands here comes first in the path of a script.
	FAKE=$HOME_DIR/.venv/bin
	mkdir -p "$NOTES" "$FAKE" "$HOME_DIR/examples"
	cp "$TREE"/etc/examples/* "$HOME_DIR/examples/"
	chmod 755 "$HOME_DIR"/examples/*
	write_config
}

teardown() {
	stop_all
}

# fake NAME < TEXT: the program NAME prints it.
fake() {
	{ printf "#!/bin/sh\ncat <<'END'\n"; cat; echo END; } >"$FAKE/$1"
	chmod 755 "$FAKE/$1"
}

# run_example NAME [ARGS]: in cron's way; ask NAME [ARGS]: as from the chat. What it reports, as JSON, is in
# $output; $stderr has what the log would have.
run_example() {
	local name=$1 variables=${ASKED:+NOTIFY_MANUAL=1 }
	shift
	printf '#!/bin/sh\n%sexec "$HOME/examples/%s" %s\n' "$variables" "$name" "${*@Q}" >"$NOTES/$name"
	chmod 755 "$NOTES/$name"
	run -0 --separate-stderr notify-runner --home "$HOME_DIR" --dry-run --only "$name"
	rm "$NOTES/$name"
	[[ $output != *": nothing to send" ]] || { output=nothing && return; }
	output=$(grep -o '{.*}' <<<"$output" || true)
	[[ -z $output ]] || jq -e . <<<"$output" >/dev/null
}

ask() {
	ASKED=1 run_example "$@"
}

text() {
	jq -r '.text // .caption' <<<"$output"
}

@test "disk.sh: tells what is too full, whatever a path is called, and everything when asked" {
	fake df <<-'EOT'
		Use% Avail Mounted on
		 12%   80G /
		 95%  512M /home
		100%     0 /mnt/a "}, {\n `b` ä *x*
		  -      - /odd
	EOT
	run_example disk.sh
	[[ -z $stderr && $(jq -r .title <<<"$output") == "Disk space on $(uname -n)" ]]
	[[ $(jq -r .cooldown <<<"$output") =~ ^(6h|21600s)$ ]]
	[[ $(text) == '- ⚠️ `/home` is 95 % full, 512M left
- ⚠️ `/mnt/a "}, {\n ?b? ä *x*` is 100 % full, 0 left' ]]
	run_example disk.sh 96
	[[ $(text | wc -l) == 1 && $(text) == *"100 % full"* ]]
	ask disk.sh
	[[ $(text | wc -l) == 4 && $(text) == *'- `/` is 12 % full, 80G left'* ]]
	run_example disk.sh 'x"; reboot'
	[[ -z $output && $stderr == *"disk.sh: failed: exit code 1"* ]]
	fake df <<<$'Use% Avail Mounted on\n 12%   80G /'
	run_example disk.sh
	[[ $output == nothing && -z $stderr ]]
	printf '#!/bin/sh\necho "no file systems" >&2\nexit 1\n' >"$FAKE/df"
	run_example disk.sh
	[[ -z $output && $stderr == *"disk.sh: failed: exit code 1; stderr: no file systems"* ]]
	rm "$FAKE/df"
	ask disk.sh
	[[ $(text) == *" % full, "*" left"* ]]
}

# systemctl LISTED STATE [CODE]
fake_systemctl() {
	cat >"$FAKE/systemctl" <<-EOT
		#!/bin/sh
		case \$1 in
		is-system-running) echo $2; [ $2 = running ] ;;
		*) cat "\$HOME/listed"; exit ${3:-0} ;;
		esac
	EOT
	chmod 755 "$FAKE/systemctl"
	printf '%s' "$1" >"$HOME_DIR/listed"
}

@test "units.sh: names failed units with their last words; is quiet where all is well or there is no systemd" {
	fake journalctl <<-'EOT'
		cannot open "/x\y": ```No such file
		second line
	EOT
	fake_systemctl $'backup.service loaded failed failed Nightly `backup` of *all*\nweb_a_b.service loaded failed failed Web\n' degraded
	run_example units.sh
	[[ -z $stderr && $(jq -r .title <<<"$output") == "2 services have failed on $(uname -n)" ]]
	[[ $(text) == '- `backup.service` Nightly backup of all

```
cannot open "/x\y": No such file
second line
```
- `web_a_b.service` Web'* ]]
	fake_systemctl $'one.service loaded failed failed\n' degraded
	run_example units.sh
	[[ $(jq -r .title <<<"$output") == "A service has failed on "* && $(text) == '- `one.service`'* ]]
	fake_systemctl "$(printf 'u%s.service loaded failed failed Unit\n' {1..13})" degraded
	run_example units.sh
	[[ $(text | grep -c '^- ') == 10 && $(text) == *$'\nand 3 more' ]]
	fake_systemctl '' running
	run_example units.sh
	[[ $output == nothing && -z $stderr ]]
	ask units.sh
	[[ $(text) == "No unit has failed; the state of the system is: running." ]]
	fake_systemctl '' degraded 1
	run_example units.sh
	[[ -z $output && $stderr == *"units.sh: failed: exit code 1; stderr: systemctl cannot list"* ]]
	fake_systemctl '' offline
	run_example units.sh
	[[ $output == nothing && -z $stderr ]]
	ask units.sh
	[[ $(text) == "This system does not run systemd." ]]
	# As where there is no such program.
	printf '#!/no/such/interpreter\n' >"$FAKE/systemctl"
	run_example units.sh
	[[ $output == nothing && -z $stderr ]]
}

@test "log.py: each line is told once, also across rotation and truncation, and asking changes nothing" {
	local log=$HOME_DIR/app.log
	run_example log.py
	[[ $output == nothing && -z $stderr ]]
	ask log.py
	[[ $(text) == "There is no such file." ]]
	printf 'error: old\nall is well\n' >"$log"
	run_example log.py
	[[ $output == nothing ]]
	printf 'ERROR one "quoted" \\ ```\nfine\nfatal two \xff\nerror not yet whole' >>"$log"
	ask log.py
	[[ $(text) == '3 of its lines match:'* && $(text) == *'error: old'* ]]
	run_example log.py
	[[ -z $stderr && $(text) == '2 new lines match:
```
ERROR one "quoted" \ '"'''"'
fatal two �
```' ]]
	run_example log.py
	[[ $output == nothing ]]
	# Rotated, with the rest of a line and another one in the old file.
	printf ', now\nerror last of the old\n' >>"$log"
	mv "$log" "$log.1"
	run_example log.py
	[[ $output == nothing ]]
	printf 'error first of the new\n' >"$log"
	run_example log.py
	[[ $(text) == '3 new lines match:
```
error not yet whole, now
error last of the old
error first of the new
```' ]]
	# Emptied in place, and more lines than are shown.
	printf 'error %s\n' {1..7} >"$log.new"
	: >"$log"
	run_example log.py
	[[ $output == nothing ]]
	cat "$log.new" >>"$log"
	run_example log.py
	[[ $(text) == '7 new lines match, the last 5:
```
error 3'* ]]
	# What it remembered is damaged: as at the first time.
	echo '[1]' >"$HOME_DIR/.cache/notify-log.json"
	run_example log.py
	[[ $output == nothing && -z $stderr ]]
	echo 'error again' >>"$log"
	run_example log.py
	[[ $(text) == *"error again"* ]]
}

@test "memory.py: a chart of the day, in a picture that is whole" {
	local now
	now=$(date +%s)
	mkdir "$HOME_DIR/.cache"
	run_example memory.py
	[[ $output == nothing && -z $stderr && $(wc -l <"$HOME_DIR/.cache/notify-memory.csv") == 1 ]]
	printf '%s,99.50\nnonsense\n%s,55.00\n%s,61.00\n1,1\n%s,7\n' $((now - 90000)) $((now - 40000)) $((now - 600)) \
		$((now + 9000)) >"$HOME_DIR/.cache/notify-memory.csv"
	ask memory.py
	[[ -z $stderr && $(text) == *" GB are in use; the most within a day was "[0-9]*" % at "*'- `'*" MB"* ]]
	# Two points of the day and the new one are left.
	[[ $(wc -l <"$HOME_DIR/.cache/notify-memory.csv") == 3 ]]
	python3 - "$HOME_DIR/.cache/notify-memory.png" <<-'PY'
		import struct, sys, zlib
		data, at, pixels = open(sys.argv[1], "rb").read(), 8, b""
		assert data[:8] == b"\x89PNG\r\n\x1a\n"
		while at < len(data):
		    size, kind = struct.unpack(">I4s", data[at:at + 8])
		    body = data[at + 8:at + 8 + size]
		    assert struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0] == zlib.crc32(kind + body)
		    if kind == b"IHDR":
		        width, height = struct.unpack(">II", body[:8])
		    pixels += zlib.decompress(body) if kind == b"IDAT" else b""
		    at += 12 + size
		assert (width, height, kind) == (900, 450, b"IEND") and len(pixels) == (3 * width + 1) * height
		# The line of the limit, the area, the labels.
		for colour in ((204, 51, 51), (90, 98, 110), (33, 102, 172)):
		    assert pixels.count(bytes(colour)) > 100, colour
	PY
	sed -i 's/^LIMIT = .*/LIMIT = 0/' "$HOME_DIR/examples/memory.py"
	run_example memory.py
	[[ $(jq -r .title <<<"$output") == "Memory on "*" %" ]]
}
