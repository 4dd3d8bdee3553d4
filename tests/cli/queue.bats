#!/usr/bin/env bats
# tg-queue shows what is stuck and why, to people and to programs, and nothing of what others sent.

load helper

teardown() {
	stop_all
}

begin() {
	start_sim
	write_config "$@"
	start_sendd
	start_bot
	link_account 1
	wait_chat 1 linked
	stop_bot
	ME=$(id -un)
}

# fails CODE WORDS COMMAND...: exit code, and one line on stderr that starts with the program and has WORDS.
fails() {
	local code=$1 words=$2
	shift 2
	run --separate-stderr "$@"
	echo "$status: $output$stderr"
	[[ $status == "$code" && -z $output && ${#stderr_lines[@]} == 1 ]]
	[[ $stderr == "tg-queue: "*"$words"* ]]
}

on_terminal() {
	script -qec "$1" /dev/null </dev/null | tr -d '\r'
}

fault() {
	sim POST /sim/fault "$1" >/dev/null
}

queue_has() {
	[[ $(tg-queue) == *"$1"* ]]
}

@test "an empty queue is told to people only" {
	begin
	run --separate-stderr -0 tg-queue
	[[ -z $output && -z $stderr ]]
	[[ $(on_terminal tg-queue) == 'queue is empty' ]]
	[[ $(tg-queue --json) == '{"messages":[]}' ]]
}

@test "what waits and what is dead, as a table and as JSON" {
	begin
	fault '{"method":"sendMessage","count":1,"kind":"error","status":400,"description":"Bad Request: not this one"}'
	tg-send dead
	wait_until 10 queue_has ' dead '
	fault '{"method":"*","count":-1,"kind":"http","status":502}'
	tg-send -v waits >"$DIR/number"
	api POST /send '{"text":"of a script","script":"disk"}' >/dev/null
	wait_until 10 queue_has ' 502'
	run -0 tg-queue list
	echo "$output"
	[[ ${#lines[@]} == 3 ]]
	[[ ${lines[0]} =~ ^[0-9]+\ +dead\ +$ME\ +[0-9]+s\ +1\ +-\ +1\ +sendMessage\ +.*not\ this\ one$ ]]
	[[ ${lines[1]} =~ ^$(sed 's/.* //' "$DIR/number")\ +queued\ +$ME\ +[0-9]+s\ +[0-9]+\ +[0-9]+s\ +1\ +sendMessage\ +.*502 ]]
	[[ ${lines[2]} =~ ^[0-9]+\ +queued\ +$ME\ +[0-9]+s\ +0\ +.*\ 1\ +disk\ +-$ ]]
	on_terminal tg-queue >"$DIR/shown"
	[[ $(head -n 1 "$DIR/shown") =~ ^ID\ +STATE\ +USER\ +AGE\ +TRIES\ +NEXT\ +CHAT\ +WHAT\ +ERROR$ ]]
	[[ $(wc -l <"$DIR/shown") == 4 ]]
	tg-queue -j | jq -e '[.messages[].state] == ["dead", "queued", "queued"]' >/dev/null
}

@test "Telegram's words cannot drive the terminal" {
	begin
	fault '{"method":"sendMessage","count":1,"kind":"error","status":400,"description":"Bad \u001b[2J\u0007\nRequest\u202e"}'
	tg-send dead
	wait_until 10 queue_has ' dead '
	on_terminal tg-queue >"$DIR/shown"
	run -1 grep -P '[\x00-\x09\x0b-\x1f\x7f]|\xe2\x80\xae' "$DIR/shown"
	[[ $(wc -l <"$DIR/shown") == 2 ]]
}

@test "operators see everybody's, nobody else does" {
	begin
	[[ $ME == root ]] || skip "needs to be an operator"
	start_bot
	say 2 /start
	wait_chat 2 code
	code=$(sim GET '/sim/chat?id=2' | grep -oE '\b[0-9]{6}\b' | tail -n 1)
	tg-link -q -u daemon verify "$code"
	wait_chat 2 linked
	fault '{"method":"*","count":-1,"kind":"http","status":502}'
	tg-send mine
	tg-send -u daemon 'of another'
	[[ $(tg-queue | wc -l) == 1 ]]
	[[ $(tg-queue -a | wc -l) == 2 && $(tg-queue -u '*' | wc -l) == 2 ]]
	[[ $(tg-queue --user daemon) =~ \ daemon\  && $(tg-queue -u daemon | wc -l) == 1 ]]
	[[ -z $(tg-queue -u nobody) ]]

	sed -i 's/operators: \[[^]]*\]/operators: []/' "$CONFIG"
	stop sendd
	start_sendd
	fails 77 'only an operator' tg-queue --all
	fails 77 'only an operator' tg-queue -u daemon
	[[ $(tg-queue | wc -l) == 1 ]]
}

@test "without tg-sendd it says so at once" {
	write_config
	fails 75 "tg-sendd does not answer on $SOCKET; try again later" tg-queue
}

@test "a wrong command line is one line and exit code 64" {
	write_config
	fails 64 'unknown subcommand' tg-queue frobnicate
	fails 64 'too many arguments' tg-queue list 7
	fails 64 'lacks its value' tg-queue -u
	fails 78 '/no/such/file' tg-queue -c /no/such/file
}

@test "standard output that is full is an error, one that is closed is not" {
	begin
	fault '{"method":"*","count":-1,"kind":"http","status":502}'
	tg-send waits
	run bash -c 'tg-queue >/dev/full'
	[[ $status == 75 && $output == "tg-queue: cannot write to standard output: "* ]]
	run bash -c 'tg-queue | :'
	[[ -z $output ]]
	run -0 bash -c 'tg-queue >&-'
	[[ -z $output ]]
}
