#!/usr/bin/env bats
# tg-link from the first code to the unlinking: what a person reads, what a script can rely on.

load helper

teardown() {
	stop_all
}

begin() {
	start_sim
	write_config "$@"
	start_sendd
	start_bot
	ME=$(id -un)
}

# fails CODE WORDS COMMAND...: exit code, and one line on stderr that starts with the program and has WORDS.
fails() {
	local code=$1 words=$2
	shift 2
	run --separate-stderr "$@"
	echo "$status: $output$stderr"
	[[ $status == "$code" && -z $output && ${#stderr_lines[@]} == 1 ]]
	[[ $stderr == "tg-link: "*"$words"* ]]
}

# new_code CHAT: sends /start and prints the code of the answer.
new_code() {
	say "$1" /start
	wait_chat "$1" code
	sim GET "/sim/chat?id=$1" | grep -oE '\b[0-9]{6}\b' | tail -n 1
}

@test "linking and unlinking, as people read it" {
	begin
	run --separate-stderr -77 tg-link status
	[[ $output == "$ME has no linked Telegram; send /start to the bot, then run: tg-link verify CODE" ]]
	[[ -z $stderr ]]
	code=$(new_code 4242)
	run -0 tg-link verify "${code:0:3} ${code:3}"
	[[ $output == 'Telegram linked successfully.' ]]
	run -0 tg-link status
	[[ $output =~ ^$ME\ is\ linked\ since\ [0-9]{4}-[0-9]{2}-[0-9]{2}\ [0-9]{2}:[0-9]{2}\ UTC\ \(chat\ 4242,\ @alice\)$ ]]
	run -0 tg-link unlink
	[[ $output == 'Telegram unlinked.' ]]
	fails 77 "$ME has no linked Telegram" tg-link unlink
	run -77 tg-link status
}

@test "the answers as JSON, or no answer at all" {
	begin
	[[ $(tg-link --json status | jq -c '[.linked, .user]') == "[false,\"$ME\"]" ]]
	run -77 tg-link -q status
	[[ -z $output ]]
	code=$(new_code 1)
	[[ $(tg-link -j verify "$code" | jq .ok) == true ]]
	tg-link status -j | jq -e '.linked and .chats[0].chat_id == 1 and .chats[0].paused == false' >/dev/null
	run -0 tg-link -q status
	[[ -z $output ]]
}

@test "several chats are one line each, a paused one says how to resume" {
	begin
	link_account 1
	tg-link verify "$(new_code 2)"
	[[ $(tg-link status | grep -c '(chat [12], @alice)$') == 2 ]]
	wait_chat 2 linked
	sim POST /sim/block '{"chat_id":2}' >/dev/null
	tg-send x
	wait_until 10 bash -c '[[ $(tg-link status) == *"(chat 2, @alice), paused: "*"send /start to the bot"* ]]'
}

@test "who blocks the bot is told so at the next message, and unblocking is enough" {
	paused() { tg-link status --json | jq -e ".chats[0].paused == $1" >/dev/null; }
	begin
	link_account 1
	sim POST /sim/block '{"chat_id":1}' >/dev/null
	wait_until 10 paused true
	run --separate-stderr -77 tg-send x
	[[ $stderr == "tg-send: "*"unblock the bot"* ]]
	sim POST /sim/block '{"chat_id":1,"blocked":false}' >/dev/null
	wait_until 10 paused false
	tg-send 'here again'
	wait_chat 1 'here again'
}

@test "codes: the form is checked here, wrong ones there, too many make wait" {
	local wrong
	begin
	for wrong in 12345 1234567 12345a '' ' ' '１２３４５６' "123456 7"; do
		fails 65 'a code has 6 digits' tg-link verify "$wrong"
	done
	fails 64 'the code is missing' tg-link verify
	code=$(new_code 1)
	wrong=$(printf '%06d' $(((10#$code + 1) % 1000000)))
	for _ in 1 2 3 4; do
		fails 65 'Invalid or expired verification code.' tg-link verify "$wrong"
	done
	run -65 tg-link verify "$wrong"
	run --separate-stderr tg-link verify "$wrong"
	echo "$stderr"
	[[ $status == 75 && $stderr =~ "; try again in "[0-9]+[ms]( [0-9]+s)?$ ]]
	run -75 tg-link verify "$code"
}

@test "a code may come in several words" {
	begin
	code=$(new_code 1)
	tg-link verify "${code:0:2}" "${code:2:2}-" "${code:4}"
	fails 65 'Invalid or expired' tg-link verify "$code"
}

@test "operators see all links and act for others, nobody else does" {
	begin
	[[ $ME == root ]] || skip "needs to be an operator"
	[[ -z $(tg-link list) ]]
	code=$(new_code 1)
	tg-link -u daemon verify "$code"
	[[ $(tg-link -u daemon status) == "daemon is linked since "* ]]
	run -0 tg-link list
	[[ $output =~ ^daemon\ \ 1\ \ alice\ \ linked\ \ 20..-..-..\ ..:..\ UTC$ ]]
	[[ $(tg-link --json list | jq -r '.links[0].user') == daemon ]]
	run -0 script -qec "tg-link list" /dev/null </dev/null
	[[ ${lines[0]} =~ ^USER\ +CHAT\ +USERNAME\ +STATE\ +SINCE ]]
	fails 64 'list shows all links' tg-link -u daemon list
	tg-link -u daemon unlink

	sed -i 's/operators: \[[^]]*\]/operators: []/' "$CONFIG"
	stop sendd
	start_sendd
	fails 77 'only an operator' tg-link list
	fails 77 'you may not act for another user' tg-link -u daemon status
	fails 77 'you may not act for another user' tg-link -u daemon unlink
	fails 77 'you may not act for another user' tg-link -u daemon verify 123456
}

@test "an account that is in no permitted group cannot link" {
	begin 'access: {groups: [no-such-group], operators: []}'
	fails 77 'not in a group' tg-link verify 123456
}

@test "without tg-sendd it says so at once" {
	write_config
	local start=$EPOCHREALTIME
	fails 75 "tg-sendd does not answer on $SOCKET; try again later" tg-link status
	fails 75 'nothing was sent' tg-link verify 123456
	(((${EPOCHREALTIME/./} - ${start/./}) < 3000000))
}

@test "a wrong command line is one line and exit code 64" {
	write_config
	fails 64 'usage: tg-link' tg-link
	fails 64 'unknown subcommand' tg-link frobnicate
	fails 64 'too many arguments' tg-link status now
	fails 64 'lacks its value' tg-link -u
	fails 78 '/no/such/file' tg-link -c /no/such/file status
}

@test "standard output that is full is an error, one that is closed is not" {
	begin
	run bash -c 'tg-link status >/dev/full'
	[[ $status == 75 && $output == "tg-link: cannot write to standard output: "* ]]
	run bash -c 'tg-link status | :'
	[[ -z $output ]]
	run bash -c 'tg-link status >&-'
	[[ $status == 77 && -z $output ]]
}
