#!/usr/bin/env bats
# tg-queue shows what is stuck and why, to people and to programs, and lets its owner do something about it;
# of what others sent it shows and changes nothing.

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

# link_daemon: a second account, in chat 2.
link_daemon() {
	[[ $ME == root ]] || skip "needs to be an operator, and to act as another account"
	start_bot
	say 2 /start
	wait_chat 2 code
	code=$(sim GET '/sim/chat?id=2' | grep -oE '\b[0-9]{6}\b' | tail -n 1)
	tg-link -q -u daemon verify "$code"
	wait_chat 2 linked
	stop_bot
}

# as_daemon ARGUMENTS: tg-queue by that account, which is no operator and may not see into the tree.
as_daemon() {
	chmod 755 "$DIR"
	[[ -e $DIR/tg-queue ]] || cp "$BIN/tg-queue" "$DIR/"
	setpriv --reuid daemon --regid daemon --clear-groups --inh-caps=-all "$DIR/tg-queue" "$@"
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

# From now on nothing is delivered, and all waits.
away() {
	fault '{"method":"*","count":-1,"kind":"http","status":502}'
}

queue_has() {
	[[ $(tg-queue) == *"$1"* ]]
}

queue_is() {
	[[ $(tg-queue -j | jq -c "[.messages[] | $1]") == "$2" ]]
}

# send TEXT: prints the number of the message.
send() {
	api POST /send "$(jq -nc --arg text "$1" '{text: $text}')" | jq .id
}

# What a chat shows of what matches, one a line.
shown() {
	sim GET "/sim/chat?id=$1" | jq -r '.messages[] | select(.from == "bot") | .text // empty' | grep -x -- "${2:-.*}"
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
	away
	tg-send -v waits >"$DIR/number"
	api POST /send '{"text":"of a script","script":"disk"}' >/dev/null
	wait_until 10 queue_has ' 502'
	run -0 tg-queue list
	echo "$output"
	[[ ${#lines[@]} == 3 ]]
	[[ ${lines[0]} =~ ^[0-9]+\ +dead\ +$ME\ +[0-9]+s\ +1\ +-\ +1\ +sendMessage\ +-\ +-\ +.*not\ this\ one$ ]]
	[[ ${lines[1]} =~ ^$(sed 's/.* //' "$DIR/number")\ +queued\ +$ME\ +[0-9]+s\ +[0-9]+\ +[0-9]+s\ +1\ +sendMessage\ +-\ +-\ +.*502 ]]
	[[ ${lines[2]} =~ ^[0-9]+\ +queued\ +$ME\ +[0-9]+s\ +0\ +.*\ 1\ +disk\ +-\ +-\ +-$ ]]
	on_terminal tg-queue >"$DIR/shown"
	[[ $(head -n 1 "$DIR/shown") =~ ^ID\ +STATE\ +USER\ +AGE\ +TRIES\ +NEXT\ +CHAT\ +WHAT\ +ERROR$ ]]
	[[ $(wc -l <"$DIR/shown") == 4 ]]
	tg-queue -j | jq -e '[.messages[].state] == ["dead", "queued", "queued"]' >/dev/null
	[[ $(tg-queue -n 2 | wc -l) == 2 ]]
}

@test "keys and files are shown; a line fits the terminal, and in a pipe it is whole" {
	begin
	words=$(printf 'Bad Request: %0200d the end' 0)
	fault "{\"method\":\"sendDocument\",\"count\":1,\"kind\":\"error\",\"status\":400,\"description\":\"$words\"}"
	echo hello >"$DIR/my report.txt"
	file=$(api POST '/files?name=my%20report.txt' '' --data-binary "@$DIR/my report.txt" | jq -r .file)
	api POST /send "{\"text\":\"x\",\"key\":\"of the day\",\"files\":[{\"file\":\"$file\",\"name\":\"my report.txt\",\"kind\":\"document\"}]}" >"$DIR/sent"
	wait_until 10 queue_has ' dead '
	run -0 tg-queue
	echo "$output"
	[[ $output == *" of_the_day  my_report.txt  $words" ]]
	on_terminal 'stty cols 100; tg-queue' >"$DIR/shown"
	cat "$DIR/shown"
	[[ $(head -n 1 "$DIR/shown") =~ \ KEY\ +FILES\ +ERROR$ ]]
	[[ $(awk '{ print length }' "$DIR/shown" | tail -n 1) == 100 && $(tail -n 1 "$DIR/shown") == *... ]]
	run -0 tg-queue show "$(jq .id "$DIR/sent")"
	echo "$output"
	[[ $output == *$'\nkey:           of the day\n'* && $output == *$'\nfile:          my report.txt\n'* ]]
	[[ $output == *$'\nlast error:    '"$words"$'\n'* ]]
}

@test "Telegram's words cannot drive the terminal" {
	begin
	fault '{"method":"sendMessage","count":1,"kind":"error","status":400,"description":"Bad \u001b[2J\u0007\nRequest\u202e"}'
	id=$(send $'dead\tone\nstate: queued')
	wait_until 10 queue_has ' dead '
	on_terminal "tg-queue; tg-queue show $id" >"$DIR/shown"
	cat "$DIR/shown"
	run -1 grep -P '[\x00-\x09\x0b-\x1f\x7f]|\xe2\x80\xae' "$DIR/shown"
	[[ $(grep -c '^state:' "$DIR/shown") == 1 ]]
	[[ $(tail -n 3 "$DIR/shown") == $'text:\n  dead one\n  state: queued' ]]
}

@test "one message with all its fields, waiting and delivered" {
	begin
	away
	id=$(send waits)
	wait_until 10 queue_has ' 502'
	run -0 tg-queue show "$id"
	echo "$output"
	[[ ${lines[0]} == "id:            $id" && ${lines[1]} == "state:         queued" && ${lines[2]} == "user:          $ME" ]]
	[[ $output =~ accepted:\ +20[0-9-]+T[0-9:]+Z\ \([0-9]+s\ ago\) ]]
	[[ $output =~ next\ attempt:\ +20[0-9-]+T[0-9:]+Z\ \( ]]
	[[ ${lines[-3]} == "last error:    HTTP 502"* && ${lines[-1]} == "  waits" ]]
	sim DELETE /sim/fault >/dev/null
	tg-queue -q retry "$id"
	wait_chat 1 waits
	delivered() { tg-queue show -j "$id" | jq -e '.state == "delivered" and .message_id > 0' >/dev/null; }
	wait_until 10 delivered
	[[ $(tg-queue show "$id") =~ delivered:\ +20[0-9-]+T[0-9:]+Z\ \([0-9]+s\ ago\) ]]
}

@test "a scheduled message is shown with its time, is sent at once with retry, and can be taken back" {
	begin
	id=$(api POST /send '{"text":"later","in":"5h"}' | jq .id)
	run -0 tg-queue
	echo "$output"
	[[ $output =~ ^$id\ +scheduled\ +$ME\ +[0-9]+s\ +0\ +(5h0m|4h59m)\  ]]
	[[ $(tg-queue show "$id") =~ next\ attempt:\ +20[0-9-]+T[0-9:]+Z\ \(in\ (5h0m|4h59m) ]]
	[[ $(tg-queue retry "$id") == "message $id queued again" ]]
	wait_chat 1 later
	id=$(api POST /send '{"text":"never","in":"5h"}' | jq .id)
	[[ $(tg-queue cancel "$id") == "message $id cancelled" ]]
	[[ -z $(tg-queue) ]]
	fails 77 "there is no " tg-queue show "$id"
}

@test "what is cancelled is never sent; all others are" {
	begin
	away
	for i in 1 2 3 4 5; do
		ids[i]=$(send "text $i")
	done
	wait_until 10 queue_has ' 502'
	# The one that is tried at this moment cannot be taken back.
	[[ $(tg-queue cancel "${ids[2]}" "${ids[4]}") == "message ${ids[2]} cancelled"$'\n'"message ${ids[4]} cancelled" ]]
	run --separate-stderr tg-queue cancel "${ids[2]}" "${ids[5]}"
	[[ $status == 77 && $output == "message ${ids[5]} cancelled" && $stderr == "tg-queue: there is no message ${ids[2]}" ]]
	sim DELETE /sim/fault >/dev/null
	wait_until 20 queue_is .id '[]'
	diff <(shown 1 'text .*') <(printf 'text %d\n' 1 3)
}

@test "a message on its way cannot be taken back, a delivered one not any more" {
	begin
	fault '{"method":"sendMessage","count":1,"kind":"stall","ms":3000}'
	id=$(send stalls)
	wait_until 10 queue_has ' started '
	fails 75 "message $id is on its way; try again" tg-queue cancel "$id"
	[[ $(tg-queue cancel --all) == '0 messages cancelled' ]]
	wait_chat 1 stalls
	wait_until 10 queue_is .id '[]'
	fails 69 "message $id is delivered" tg-queue cancel "$id"
	fails 69 "message $id is delivered" tg-queue retry "$id"
}

resumed() {
	[[ $(api GET /api/telegram/status | jq '.chats[0].paused') == false ]]
}

@test "a dead message is tried again, after the block has ended" {
	begin
	sim POST /sim/block '{"chat_id":1,"blocked":true}' >/dev/null
	id=$(send one)
	wait_until 10 queue_is .state '["dead"]'
	[[ $(tg-queue) == *blocked* ]]
	sim POST /sim/block '{"chat_id":1,"blocked":false}' >/dev/null
	start_bot
	wait_until 10 resumed
	stop_bot
	[[ $(tg-queue) == *blocked* ]]
	fault '{"method":"sendMessage","count":1,"kind":"error","status":400,"description":"Bad Request: no"}'
	[[ $(tg-queue retry "$id") == "message $id queued again" ]]
	wait_until 10 queue_has ': no'
	[[ $(tg-queue retry --all) == '1 message queued again' ]]
	wait_chat 1 one
	wait_until 10 queue_is .id '[]'
	[[ $(tg-queue retry --all) == '0 messages queued again' ]]
}

@test "a hold survives a restart and is shown; of one account it holds up no other" {
	begin
	link_daemon
	[[ $(tg-queue hold -u daemon) == 'deliveries of daemon are held until: tg-queue resume -u daemon' ]]
	tg-send -u daemon 'of daemon'
	tg-send mine
	wait_chat 1 mine
	stop sendd
	start_sendd
	tg-send mine again
	wait_chat 1 'mine again'
	[[ $(tg-queue -u daemon) =~ \ held\ +daemon\  ]]
	[[ $(tg-queue show "$(tg-queue -u daemon -j | jq '.messages[0].id')") == *$'\nstate:         held\n'* ]]
	[[ $(tg-queue hold) == 'all deliveries are held until: tg-queue resume' ]]
	tg-queue -q resume -u daemon
	tg-send held
	stop sendd
	start_sendd
	[[ $(tg-queue -a | grep -c ' held ') == 2 ]]
	[[ -z $(shown 2 'of daemon') ]]
	[[ $(tg-queue resume) == 'all deliveries go on' ]]
	wait_chat 1 held
	wait_chat 2 'of daemon'
}

@test "the history has what was delivered, newest first" {
	begin
	[[ $(on_terminal 'tg-queue -u nobody history') == 'nothing was delivered' ]]
	for text in one two three; do
		ids+=("$(send $text)")
	done
	wait_chat 1 three
	wait_until 10 queue_is .id '[]'
	[[ $(tg-queue history | awk '{ print $1 }' | paste -sd ' ') == "${ids[2]} ${ids[1]} ${ids[0]}" ]]
	run -0 tg-queue history -n 1
	echo "$output"
	[[ $output =~ ^${ids[2]}\ +$ME\ +[0-9]+s\ +[0-9]+s\ +1\ +1\ +[0-9]+\ +sendMessage\ +-\ +-$ ]]
	on_terminal 'tg-queue history' >"$DIR/shown"
	[[ $(head -n 1 "$DIR/shown") =~ ^ID\ +USER\ +AGO\ +TOOK\ +TRIES\ +CHAT\ +MESSAGE\ +WHAT$ ]]
	tg-queue --json history | jq -e '[.messages[].state] == ["delivered", "delivered", "delivered"]' >/dev/null
}

@test "operators see everybody's, nobody else does" {
	begin
	link_daemon
	away
	tg-send mine
	tg-send -u daemon 'of another'
	[[ $(tg-queue | wc -l) == 1 ]]
	[[ $(tg-queue -a | wc -l) == 2 && $(tg-queue -u '*' | wc -l) == 2 && $(tg-queue --all | wc -l) == 2 ]]
	[[ $(tg-queue --user daemon) =~ \ daemon\  && $(tg-queue -u daemon | wc -l) == 1 ]]
	[[ -z $(tg-queue -u nobody) ]]

	sed -i 's/operators: \[[^]]*\]/operators: []/' "$CONFIG"
	stop sendd
	start_sendd
	fails 77 'only an operator' tg-queue --all
	fails 77 'only an operator' tg-queue -u daemon
	fails 77 'only an operator' tg-queue -a history
	fails 77 'only an operator' tg-queue hold
	fails 77 'only an operator' tg-queue resume -u daemon
	[[ $(tg-queue | wc -l) == 1 ]]
}

@test "nobody touches another's messages; an operator says whose" {
	begin
	link_daemon
	away
	mine=$(send mine)
	tg-send mine too
	tg-send -u daemon 'of another'
	theirs=$(tg-queue -u daemon -j | jq '.messages[0].id')
	fails 77 'there is no' as_daemon show "$mine"
	fails 77 "there is no message $mine" as_daemon cancel "$mine"
	fails 77 "there is no message $mine" as_daemon retry "$mine"
	fails 77 'only an operator' as_daemon cancel --all -u root
	fails 77 'only an operator' as_daemon cancel --all -a
	[[ $(as_daemon -j | jq -c '[.messages[].id]') == "[$theirs]" ]]
	# An operator's --all is the operator's own.
	wait_until 10 bash -c '[[ $(tg-queue cancel --all) && -z $(tg-queue) ]]'
	[[ $(tg-queue -a | wc -l) == 1 ]]
	tg-send mine again
	# What is tried at that moment stays.
	wait_until 10 bash -c '[[ $(tg-queue cancel --all -a) && -z $(tg-queue -a) ]]'
	fails 64 'empty' tg-queue -u '' cancel --all
	[[ $(api DELETE '/queue?user=' | jq -r .error) == *'not the name of an account' ]]
	[[ $(api POST /queue/hold '{"user":""}' | jq -r .error) == *'not the name of an account' ]]
}

@test "without tg-sendd it says so at once, and once" {
	write_config
	fails 75 "tg-sendd does not answer on $SOCKET; try again later" tg-queue
	fails 75 "tg-sendd does not answer on $SOCKET" tg-queue cancel 1 2 3
	fails 75 "tg-sendd does not answer on $SOCKET" tg-queue retry --all
}

@test "a wrong command line is one line, and nothing is done" {
	write_config
	fails 64 'unknown subcommand' tg-queue frobnicate
	fails 64 'too many arguments' tg-queue list 7
	fails 64 'too many arguments' tg-queue cancel --all 7
	fails 64 'numbers of messages, or --all' tg-queue cancel
	fails 64 'numbers of messages, or --all' tg-queue cancel -a
	fails 64 'number of a message' tg-queue show
	fails 64 'do not go with numbers' tg-queue cancel -u daemon 7
	fails 64 'exclude each other' tg-queue -a -u daemon
	fails 64 'from 1 to 10000' tg-queue -n 0
	fails 64 'goes with list and history' tg-queue -n 5 cancel 7
	fails 64 'lacks its value' tg-queue -u
	fails 65 'seven is not the number' tg-queue cancel 7 seven
	fails 65 '0 is not the number' tg-queue show 0
	fails 78 '/no/such/file' tg-queue -c /no/such/file
}

@test "standard output that is full is an error, one that is closed is not" {
	begin
	away
	tg-send waits
	run bash -c 'tg-queue >/dev/full'
	[[ $status == 75 && $output == "tg-queue: cannot write to standard output: "* ]]
	run bash -c 'tg-queue | :'
	[[ -z $output ]]
	run -0 bash -c 'tg-queue >&-'
	[[ -z $output ]]
}
