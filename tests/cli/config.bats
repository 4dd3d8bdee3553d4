# Why: a mistake in the configuration must read the same from every program, and stop each of them before
# it does anything.

load helper

setup() {
	make_dir
}

teardown() {
	stop_all
}

# Every program that is there, with what it needs to get as far as its configuration.
programs() {
	local path name
	for path in "$BIN"/*; do
		name=${path##*/}
		case $name in
		tg-sim | tg-exec) ;;
		tg-send) echo "$name hi" ;;
		tg-link) echo "$name status" ;;
		notify-scripts) echo "$name list" ;;
		*) echo "$name" ;;
		esac
	done
}

# refuses "PROGRAM ARGS" OPTIONS...: exit 78 and one line on stderr, "PROGRAM: " and $expected; notify-scripts says it
# as JSON, too.
refuses() {
	local words
	read -ra words <<<"$1"
	shift
	run --separate-stderr "${words[0]}" "$@" "${words[@]:1}" </dev/null
	echo "${words[0]}: exit $status: $stderr"
	[[ ${words[0]} != notify-scripts || $(jq -r .error <<<"$output") == "$expected" ]]
	[[ ${words[0]} == notify-scripts || -z $output ]]
	[[ $status == 78 && $stderr == "${words[0]}: $expected" ]]
}

@test "every program names the file, the line and the key, and exits 78" {
	printf 'log: {}\n\ndelivery:\n  kepe: 1h\n' >"$CONFIG"
	expected="$CONFIG:4: unknown key \"kepe\" in delivery"
	while read -r program; do
		refuses "$program" -c "$CONFIG"
		refuses "$program" --config="$CONFIG"
	done < <(programs)
}

# Who mistyped one of ten options wants to know which.
@test "every program names the option that it does not know, or that lacks its value, and exits 64" {
	local program problem
	for program in $(programs | cut -d ' ' -f 1); do
		for problem in '--no-such-option' '-?' $'--\e[31m' --config; do
			run --separate-stderr "$program" "$problem" </dev/null
			echo "$program $problem: exit $status: $stderr"
			[[ $status == 64 && ${#stderr_lines[@]} == 1 && $stderr == "$program: "*"${problem/$'\e'/?}"*"; usage: $program"* ]]
		done
	done
}

@test "every program takes the file from the environment, and -c before it" {
	printf 'log: {level: loud}\n' >"$CONFIG"
	export TGTOOLS_CONFIG=$CONFIG
	while read -r program; do
		expected="$CONFIG:1: log.level must be debug, info, warning or error"
		refuses "$program"
		expected="cannot open $DIR/none: No such file or directory"
		refuses "$program" -c "$DIR/none"
	done < <(programs)
}

@test "without a file every program says where it is looked for" {
	[[ ! -e /etc/tgtools/tgtools.yaml ]] || skip "this machine has a configuration"
	expected="/etc/tgtools/tgtools.yaml does not exist; create it (see tgtools.conf(5)), or name another file with -c or \$TGTOOLS_CONFIG"
	while read -r program; do
		refuses "$program"
	done < <(programs)
}

@test "a file name cannot forge a second line" {
	expected="cannot open $DIR/a?b?[31m: No such file or directory"
	while read -r program; do
		refuses "$program" -c "$DIR/"$'a\nb\e[31m'
	done < <(programs)
}

@test "tg-dispatch --check tells a right file from a wrong one, and touches nothing" {
	run tg-dispatch --check -c "$TREE/etc/tgtools.yaml"
	[[ $status == 0 && $output == 'ROUTE '* ]]
	printf 'store: {path: %s/store}\n' "$DIR" >"$CONFIG"
	run tg-dispatch --check -c "$CONFIG"
	[[ $status == 0 && ! -e $DIR/store ]]
	printf 'text: {session: none}\n' >>"$CONFIG"
	expected="$CONFIG:2: text: there is no session \"none\" in sessions"
	refuses "tg-dispatch --check" -c "$CONFIG"
}
