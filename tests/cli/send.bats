#!/usr/bin/env bats
# tg-send as people and as the bot use it: what goes in comes out in the chat, what cannot be sent is one
# line and the right exit code, and no restart of tg-sendd loses, doubles or reorders anything.

load helper

declare -gA AFTER=()
PACE='delivery: {overall_per_second: 0, chat_per_second: 0, group_per_minute: 0, user_quota: 2000}'

# Two accounts and a group, where root may make them.
setup_file() {
	export ALICE="" BOB="" CLUB=""
	[[ $(id -u) == 0 ]] || return 0
	local mark=$$
	CLUB=tgc$mark
	wait_until 20 groupadd "$CLUB" 2>/dev/null
	wait_until 20 useradd -M -N -g nogroup -d /nonexistent "tga$mark" 2>/dev/null
	wait_until 20 useradd -M -N -g nogroup -d /nonexistent "tgb$mark" 2>/dev/null
	ALICE=tga$mark BOB=tgb$mark
}

teardown_file() {
	local name
	for name in $ALICE $BOB; do wait_until 20 userdel "$name" 2>/dev/null; done
	[[ -z $CLUB ]] || wait_until 20 groupdel "$CLUB" 2>/dev/null
}

teardown() {
	stop_all
}

begin() {
	start_sim
	write_config "${1:-$PACE}"
	start_sendd
}

begin_linked() {
	begin "$@"
	start_bot
	link 1
	stop_bot
}

# As link_account; what the bot has said so far does not count for the test.
link() {
	link_account "$@"
	wait_chat "$1" linked
	AFTER[$1]=$(sim GET "/sim/chat?id=$1" | jq '.messages[-1].message_id')
}

# What the bot has said in a chat since the link, one a line, a picture by its caption.
shown() {
	sim GET "/sim/chat?id=$1&after=${AFTER[$1]:-0}" |
		jq -r '.messages[] | select(.from == "bot") | .text // .caption // "picture"'
}

shows() {
	[[ $(shown "$1") == "$2" ]]
}

# fails CODE WORDS COMMAND...: exit code, and one line on stderr that starts with the program and has WORDS.
fails() {
	local code=$1 words=$2
	shift 2
	run --separate-stderr "$@"
	echo "$status: $output$stderr"
	[[ $status == "$code" && -z $output && ${#stderr_lines[@]} == 1 ]]
	[[ $stderr == "tg-send: "*"$words"* ]]
}

# A copy of the programs and of the configuration where every account can reach them.
for_everybody() {
	[[ -n $ALICE ]] || skip "needs root for accounts of its own"
	chmod 711 "$DIR"
	chmod 644 "$CONFIG"
	mkdir "$DIR/bin"
	install -m 755 "$BIN/tg-send" "$BIN/tg-link" "$DIR/bin"
}

# as USER PROGRAM [ARGS]
as() {
	local user=$1 program=$2
	shift 2
	setpriv --reuid "$user" --regid nogroup --clear-groups --inh-caps=-all "$DIR/bin/$program" -c "$CONFIG" "$@"
}

# tg-send --json reads what is written to descriptor 5, until that is closed.
start_json() {
	[[ -p $DIR/calls ]] || mkfifo "$DIR/calls"
	exec 5<>"$DIR/calls"
	tg-send --json <"$DIR/calls" 2>>"$DIR/json.log" 3>&- 5>&- &
	PIDS[json]=$!
}

# ends CODE NAME: with that exit code.
ends() {
	local code=0
	stop "$2" || code=$?
	[[ $code == "$1" ]] || { echo "$2 ended with $code"; return 1; }
}

on_terminal() {
	script -qec "$1" /dev/null </dev/null
}

@test "the text is the arguments, or what is on standard input" {
	begin_linked
	tg-send one two  three
	tg-send 'with  blanks' </dev/null
	echo 'from a pipe' | tg-send
	printf 'two\nlines\n\n' | tg-send -
	tg-send -- -5 degrees
	tg-send behind -T Title
	seq 3 | tg-send --title='Count <b>' --silent
	wait_until 10 shows 1 "$(printf '%s\n' 'one two three' 'with  blanks' 'from a pipe' 'two' 'lines' \
		'-5 degrees' Title behind 'Count <b>' 1 2 3)"
	[[ $(sim GET '/sim/chat?id=1' | jq -r '.messages[-1].silent') == true ]]
}

@test "nothing to say is no error, no text at all is one" {
	begin_linked
	run -0 tg-send </dev/null
	[[ -z $output ]]
	run -0 tg-send -T Title < <(printf ' \n\t\n')
	[[ -z $output ]]
	run -0 tg-send - < <(printf '\0\0')
	fails 65 'the text is empty' tg-send ""
	run -64 on_terminal "tg-send -c $CONFIG"
	[[ $output == "tg-send: no text"* ]]
	[[ $(tg-queue) == "" && $(shown 1) == "" ]]
}

@test "-v says the number" {
	begin_linked
	[[ $(tg-send -v hi) =~ ^queued\ as\ [0-9]+$ ]]
	[[ $(tg-send hi) == "" ]]
	tg-send -v hi | :
	run --separate-stderr bash -c 'tg-send -v hi >/dev/full'
	[[ $status == 75 && $stderr == "tg-send: cannot write to standard output: "* ]]
}

@test "any bytes are sent as text, or refused with one line" {
	begin_linked
	printf 'a\0b\xff\x1b[31mc\xc3\xa9\n' | tg-send
	wait_until 10 shows 1 $'ab\xef\xbf\xbdc\xc3\xa9'
	head -c 1048576 /dev/zero | tr '\0' '\377' >"$DIR/garbage"
	fails 65 'nothing was sent' tg-send <"$DIR/garbage"
	head -c 1048577 /dev/zero >"$DIR/zeros"
	fails 65 'larger than 1 MB; nothing was sent' tg-send <"$DIR/zeros"
	fails 65 'nothing was sent' tg-send -T "$(printf '%0300d' 1)" text
	printf '%04096d' 1 | tg-send
	wait_until 10 shows 1 "$(printf 'ab\xef\xbf\xbdc\xc3\xa9\n%04096d' 1)"
}

@test "a picture goes with its caption, and is looked at before it is uploaded" {
	begin_linked
	printf '\x89PNG\r\n\x1a\n' >"$DIR/chart.png"
	tg-send -i "$DIR/chart.png" a caption
	echo 'from a pipe' | tg-send -i "$DIR/chart.png"
	tg-send -i "$DIR/chart.png" </dev/null
	tg-send -i - 'on stdin' <"$DIR/chart.png"
	run -0 on_terminal "tg-send -c $CONFIG -T Title -i $DIR/chart.png"
	wait_until 10 shows 1 "$(printf '%s\n' 'a caption' 'from a pipe' picture 'on stdin' Title)"

	mkfifo "$DIR/fifo"
	: >"$DIR/empty"
	truncate -s $((10 * 1048576 + 1)) "$DIR/large"
	fails 65 "$DIR/none" tg-send -i "$DIR/none" x
	fails 65 'not a regular file' tg-send -i "$DIR" x
	fails 65 'not a regular file' tg-send -i "$DIR/fifo" x
	fails 65 'not a regular file' tg-send -i /dev/zero x
	fails 65 'is empty' tg-send -i "$DIR/empty" x
	fails 65 'larger than the 10 MB' tg-send -i "$DIR/large" x
	fails 65 'larger than the 10 MB' tg-send -i - x <"$DIR/large"
	fails 65 'the caption has 1025 characters' tg-send -i "$DIR/chart.png" "$(printf '%01025d' 1)"
	fails 64 'both come from standard input' tg-send -i - - </dev/null
}

@test "ten megabytes arrive byte by byte" {
	begin_linked
	head -c 10485760 /dev/urandom >"$DIR/large.png"
	tg-send -i "$DIR/large.png" large
	wait_chat 1 large
	sim GET '/sim/chat?id=1' | jq -c '.messages[-1]' >"$DIR/last"
	grep -q "$(sha256sum <"$DIR/large.png" | cut -c1-64)" "$DIR/last" || grep -q 10485760 "$DIR/last"
}

@test "no link is said with what to do about it" {
	begin
	fails 77 "$(id -un) has no linked Telegram; send /start to the bot, then run: tg-link verify CODE" tg-send hi
}

@test "a chat that refuses messages is the sender's business" {
	begin_linked
	sim POST /sim/block '{"chat_id":1}' >/dev/null
	tg-send first
	wait_until 10 bash -c '[[ $(tg-queue) == *" dead "* ]]'
	fails 77 'unblock the bot' tg-send second
}

@test "over quota nothing is sent, and that is said" {
	begin_linked 'delivery: {user_quota: 2}'
	sim POST /sim/fault '{"method":"*","count":-1,"kind":"http","status":502}' >/dev/null
	tg-send 1
	tg-send 2
	fails 75 '; nothing was sent' tg-send 3
}

@test "an account speaks for itself alone" {
	begin "$PACE"
	for_everybody
	start_bot
	link 1 setpriv --reuid "$ALICE" --regid nogroup --clear-groups env "PATH=$DIR/bin:$PATH"
	link 2 setpriv --reuid "$BOB" --regid nogroup --clear-groups env "PATH=$DIR/bin:$PATH"
	as "$ALICE" tg-send 'by alice'
	wait_until 10 shows 1 'by alice'
	fails 77 'you may not act for another user; nothing was sent' as "$ALICE" tg-send -u "$BOB" 'as bob'
	fails 77 'you may not act for another user' as "$ALICE" tg-send -u root 'as root'
	as "$ALICE" tg-send -u "$ALICE" 'for herself'
	tg-send -u "$BOB" 'the operator to bob'
	wait_until 10 shows 2 'the operator to bob'
	wait_until 10 shows 1 $'by alice\nfor herself'
	fails 77 'tg-sendd takes no calls from here' as "$ALICE" tg-send --json \
		<<<'{"method":"sendMessage","chat_id":2,"text":"x"}'
	[[ $(as "$ALICE" tg-link status) == "$ALICE is linked since "*" UTC (chat 1, @alice)" ]]
}

@test "a socket that is not for everybody" {
	start_sim
	write_config "$PACE"
	for_everybody
	sed -i "s/group: \"\", mode: \"0666\"/group: $CLUB, mode: \"0660\"/" "$CONFIG"
	start_sendd
	fails 77 "no permission for $SOCKET; your account is not in the group that may use it" as "$ALICE" tg-send hi
	fails 77 "$BOB has no linked Telegram" setpriv --reuid "$BOB" --regid "$CLUB" --clear-groups \
		"$DIR/bin/tg-send" -c "$CONFIG" hi
}

@test "without tg-sendd nothing is sent; one that starts again is waited for" {
	begin_linked
	stop sendd
	fails 75 "tg-sendd does not answer on $SOCKET; nothing was sent, try again later" tg-send hi
	start early tg-send 'after the start'
	start_sendd
	wait_until 10 gone "${PIDS[early]}"
	stop early
	wait_until 10 shows 1 'after the start'
}

@test "what is wrong with the configuration is exit code 78" {
	write_config 'nonsense: 1'
	fails 78 "$CONFIG:" tg-send hi
	fails 78 '/no/such/file' tg-send -c /no/such/file hi
	write_config
	sed -i "s|path: $SOCKET|path: /$(printf '%0120d' 1)|" "$CONFIG"
	fails 78 '' tg-send hi
}

@test "--json: a call leaves at once, one that is refused stops no other" {
	begin
	sim POST /sim/chat '{"chat_id":1,"type":"private","first_name":"A"}' >/dev/null
	start_json
	echo '{"method":"sendMessage","chat_id":1,"text":"first"}' >&5
	wait_until 5 shows 1 first
	printf '%s\n' '' 'nonsense' '{"method":"sendMessage","chat_id":1,"text":"second"}' >&5
	wait_until 5 shows 1 $'first\nsecond'
	head -c 2000000 /dev/zero | tr '\0' x >&5
	printf '\n{"method":"sendMessage","chat_id":1,"text":"third"}' >&5
	exec 5>&-
	wait_until 5 shows 1 $'first\nsecond\nthird'
	wait_until 5 gone "${PIDS[json]}"
	ends 65 json
	grep -q 'call refused.*line=3 ' "$DIR/json.log"
	grep -q 'call refused.*line=5 .*longer than 1 MB' "$DIR/json.log"
	[[ $(grep -c refused "$DIR/json.log") == 2 ]]
}

@test "--json: kill -9 of tg-sendd loses, doubles and reorders nothing" {
	local chat round
	begin
	for chat in 1 2; do
		sim POST /sim/chat "{\"chat_id\":$chat,\"type\":\"private\",\"first_name\":\"A\"}" >/dev/null
	done
	start_json
	for ((round = 0; round < 5; round++)); do
		for ((n = 1; n <= 200; n += 1)); do
			echo "{\"method\":\"sendMessage\",\"chat_id\":$((n % 2 + 1)),\"text\":\"$((round * 200 + n))\"}" >&5
			((n % 40 != 0)) || sleep 0.05
			if ((n == 120)); then
				stop sendd KILL || true
			elif ((n == 160)); then
				start_sendd 5>&-
			fi
		done
	done
	exec 5>&-
	wait_until 20 gone "${PIDS[json]}"
	ends 0 json
	sim GET '/sim/wait?delivered=1000&timeout_ms=20000' >/dev/null
	wait_until 20 bash -c '[[ -z $(tg-queue -a) ]]'
	diff <(shown 1 | uniq) <(seq 2 2 1000)
	diff <(shown 2 | uniq) <(seq 1 2 1000)
	# What was on its way when tg-sendd died is sent again: at most one a chat and kill.
	(($(shown 1 | wc -l) <= 505 && $(shown 2 | wc -l) <= 505))
}

@test "--json: a signal ends it, and it says where calls are left" {
	write_config
	start_json
	# From here on it takes signals: SIGTERM is blocked and waited for.
	wait_until 5 grep -q '^SigBlk:.*4...$' "/proc/${PIDS[json]}/status"
	ends 0 json
	exec 5>&-
	start_json
	echo '{"method":"sendMessage","chat_id":1,"text":"x"}' >&5
	wait_until 5 grep -q 'takes nothing now' "$DIR/json.log"
	ends 75 json
	exec 5>&-
	fails 64 'goes with -c alone' tg-send --json -T x
}
