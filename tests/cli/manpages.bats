#!/usr/bin/env bats
# Why: a page that promises an option which is not there, or keeps one to itself, is worse than none.

load helper

setup() {
	make_dir
	cd "$TREE"
}

teardown() {
	stop_all
}

programs() {
	local file name
	for file in cmd/*.c cmd/*/main.c; do
		[[ -e $file ]] || continue
		name=${file#cmd/}
		name=${name%.c}
		echo "${name%/main}"
	done
}

page_of() {
	ls "man/man1/$1.1" "man/man8/$1.8" 2>/dev/null || true
}

# Options as words, from the lines of a list of options.
options() {
	grep -E '^ +-' | grep -oE '(^|[][ ,|(=])--?[A-Za-z0-9][A-Za-z0-9-]*' | tr -d '][ ,|(=' | sort -u
}

# The options that a page describes: the items of its lists, as mandoc shows them.
page_options() {
	{
		printf '.Dd November 21, 2026\n.Dt X 1\n.Os\n.Sh NAME\n.Nm x\n.Nd x\n.Sh DESCRIPTION\n.Bl -tag -width Ds\n'
		grep -E '^\.It Fl ' "$1"
		echo '.El'
	} | mandoc -T ascii | col -bx | options
}

@test "every option of --help stands in the page, and the other way round" {
	local program page code=0
	for program in $(programs); do
		page=$(page_of "$program")
		"$program" --help >"$DIR/help"
		diff --label "$program --help" --label "$page" -u <(options <"$DIR/help") <(page_options "$page") || code=1
	done
	[[ $code == 0 ]]
}

@test "every program has -c, -V and -h, and their long forms" {
	local program option
	for program in $(programs); do
		for option in -c --config -V --version -h --help; do
			"$program" --help | options | grep -qx -- "$option" || { echo "$program: no $option"; return 1; }
		done
		[[ $("$program" -V) == "$("$program" --version)" && $("$program" -h) == "$("$program" --help)" ]]
	done
}

@test "a wrong option is one line on stderr and exit code 64" {
	local program
	for program in $(programs); do
		run --separate-stderr "$program" --no-such-option
		echo "$program: $status: $stderr"
		[[ $status == 64 && -z $output && ${#stderr_lines[@]} == 1 && $stderr == "$program: "* ]]
	done
}

@test "every page has the sections that a reader looks for" {
	local page section
	for page in man/man[18]/*.[18]; do
		for section in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
			grep -qx ".Sh $section" "$page" || { echo "$page: no $section"; return 1; }
		done
	done
}

@test "every reference to a page of this project leads somewhere" {
	local name section code=0
	while read -r _ name section _; do
		case $name in
		tg-* | tgtools* | notify-*) [[ -e man/man$section/$name.$section ]] || { echo "no $name($section)"; code=1; } ;;
		esac
	done < <(grep -hE '^\.(It )?Xr' man/man*/* | sed 's/^\.It /./')
	[[ $code == 0 ]]
}

# Examples that follow the line `.\" tested` are run, with everything running and the account linked.
@test "the examples that are marked do what they show" {
	local page count=0
	cp man/man*/* "$DIR/"
	mkdir "$DIR/work"
	start_sim
	write_config
	start_sendd
	start_bot
	link_account 1
	cd "$DIR/work"
	printf '\x89PNG' >chart.png
	for page in "$DIR"/*.[1-8]; do
		awk '
		/^\.\\" tested/ { mark = 1; next }
		mark && /^\.Bd/ { body = 1; next }
		/^\.Ed/ { mark = body = 0 }
		body && (more || sub(/^\$ /, "")) { more = /\|$/; printf "%s%s", $0, more ? " " : "\n" }' "$page" >"$DIR/examples"
		while read -r example; do
			count=$((count + 1))
			example=${example//\\e/\\}
			echo "${page##*/}: $example"
			bash -c "set -o pipefail; $example" </dev/null
		done <"$DIR/examples"
	done
	((count > 0))
}

@test "every example of tgtools-socket is answered as the page says, and each request has one" {
	local count method path
	mkdir "$DIR/work"
	start_sim
	write_config 'delivery: {overall_per_second: 0, chat_per_second: 0}'
	start_sendd
	start_bot
	link_account 1
	wait_chat 1 linked
	cd "$DIR/work"
	printf '\x89PNG' >chart.png
	count=$(python3 "$TREE/tests/cli/examples.py" "$TREE/man/man7/tgtools-socket.7" "$SOCKET" "$(id -un)")
	((count > 30))
	# The table of routes is what there is to be described.
	grep -oE '^ +\{"(GET|POST|DELETE)", "[^"]+"' "$TREE/cmd/tg-sendd/api.c" | sed 's/.*{"//; s/", "/ /; s/"//' >"$DIR/routes"
	(($(wc -l <"$DIR/routes") > 15))
	while read -r method path; do
		grep -E '^\.Ss ' "$TREE/man/man7/tgtools-socket.7" | grep -qE "(Ss|,) $method ${path//\*/N}(,|$)" ||
			{ echo "$method $path is not described"; return 1; }
	done <"$DIR/routes"
}
