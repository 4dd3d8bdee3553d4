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

# takes_signals NAME: SIGTERM is blocked and waited for, and not only by the shell that becomes tg-send.
takes_signals() {
	awk '/^Name:/ { name = $2 } /^SigBlk:/ { blocked = $2 } END { exit name != "tg-send" || blocked !~ /4...$/ }' \
		"/proc/${PIDS[$1]}/status"
}

# ends CODE NAME: with that exit code.
ends() {
	local code=0
	stop "$2" || code=$?
	[[ $code == "$1" ]] || { echo "$2 ended with $code"; return 1; }
}

# The newest message of the bot in a chat, as JSON, and what jq says about it.
newest() {
	sim GET "/sim/chat?id=$1" | jq -r "[.messages[] | select(.from == \"bot\" and (.deleted | not))][-1] | $2"
}

# A picture of one pixel.
png() {
	base64 -d >"$1" <<<iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==
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
	tg-send -s sensor -T is at -5 degrees
	tg-send -T Title -- -x behind
	seq 3 | tg-send --title='Count <b>' --silent
	wait_until 10 shows 1 "$(printf '%s\n' 'one two three' 'with  blanks' 'from a pipe' 'two' 'lines' \
		'-5 degrees' 'sensor -T is at -5 degrees' Title '-x behind' 'Count <b>' 1 2 3)"
	[[ $(newest 1 .silent) == true ]]
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
	fails 65 'larger than 1 MB; send it as a file, with -a -' tg-send <"$DIR/zeros"
	fails 65 'nothing was sent' tg-send -T "$(printf '%0300d' 1)" text
	printf '%04096d' 1 | tg-send
	wait_until 10 shows 1 "$(printf 'ab\xef\xbf\xbdc\xc3\xa9\n%04096d' 1)"
}

@test "a long text comes in parts, a very long one as a file" {
	begin_linked
	[[ $(seq 1500 | tg-send -vw) =~ ^queued\ as\ [0-9]+,\ [0-9]+$'\n'delivered$ ]]
	[[ $(shown 1 | grep '^(') == $'(1/2)\n(2/2)' ]]
	diff <(shown 1 | grep '^[0-9]') <(seq 1500)
	seq 9999 | tg-send -w
	[[ $(newest 1 .document.sha256) == "$(seq 9999 | sha256sum | cut -c1-64)" ]]
	[[ $(newest 1 .caption) == $'1\n2\n3\n'* ]]
}

@test "a picture goes with its caption, and is looked at before it is uploaded" {
	begin_linked
	png "$DIR/chart.png"
	tg-send -i "$DIR/chart.png" a caption
	echo 'from a pipe' | tg-send -i "$DIR/chart.png"
	tg-send -i "$DIR/chart.png" </dev/null
	tg-send -i - 'on stdin' <"$DIR/chart.png"
	run -0 on_terminal "tg-send -c $CONFIG -T Title -i $DIR/chart.png"
	wait_until 10 shows 1 "$(printf '%s\n' 'a caption' 'from a pipe' picture 'on stdin' Title)"
	[[ $(sim GET '/sim/chat?id=1' | jq '[.messages[] | select(.photo)] | length') == 5 ]]

	mkfifo "$DIR/fifo"
	: >"$DIR/empty"
	truncate -s $((10 * 1048576 + 1)) "$DIR/picture"
	truncate -s $((50 * 1048576 + 1)) "$DIR/large"
	fails 65 "cannot open $DIR/none: No such file" tg-send -i "$DIR/none" x
	fails 65 'not a regular file' tg-send -i "$DIR" x
	fails 65 'not a regular file' tg-send -a "$DIR/fifo" x
	fails 65 'not a regular file' tg-send -a /dev/zero x
	fails 65 'is empty' tg-send -i "$DIR/empty" x
	fails 65 'standard input is empty' tg-send -a - x </dev/null
	fails 65 'larger than the 10 MB that a picture may have; send it as a file, with -a' tg-send -i "$DIR/picture" x
	fails 65 'standard input is larger than the 10 MB' tg-send -i - x <"$DIR/picture"
	fails 65 'larger than the 50 MB' tg-send -a "$DIR/large" x
	fails 65 'standard input is larger than the 50 MB' tg-send -a - x < <(cat "$DIR/large" 2>/dev/null)
	fails 64 'only one of text and files can come from standard input' tg-send -i - - </dev/null
	local eleven=()
	for n in {1..11}; do eleven+=(-i "$DIR/chart.png"); done
	fails 64 'a message takes 10 files' tg-send "${eleven[@]}" x
}

@test "files keep their names, several pictures are one album" {
	begin_linked
	local kind before
	for kind in a b c; do png "$DIR/$kind.png"; done
	tg-send -w -a "$DIR/a.png" 'as a file'
	[[ $(newest 1 '.document.file_name + .caption') == 'a.pngas a file' ]]
	tg-send -w -a "$DIR/a.png" --name b.png </dev/null
	[[ $(newest 1 .document.file_name) == b.png ]]
	echo a log | tg-send -w -a - --name 'the log.txt' from a pipe
	[[ $(newest 1 '.document | "\(.file_name) \(.file_size)"') == 'the log.txt 6' ]]
	before=$(sim GET /sim/stats | jq '.by_method.sendMediaGroup // 0')
	tg-send -w -i "$DIR/a.png" -i "$DIR/b.png" -i "$DIR/c.png" 'an album'
	[[ $(sim GET /sim/stats | jq .by_method.sendMediaGroup) == $((before + 1)) ]]
	[[ $(sim GET '/sim/chat?id=1' | jq '[.messages[] | select(.photo)] | length') == 3 ]]
	shown 1 | grep -x 'an album'
}

@test "fifty megabytes arrive byte by byte, and are never in memory" {
	begin_linked
	head -c 52428800 /dev/urandom >"$DIR/large.bin"
	local sum
	sum=$(sha256sum <"$DIR/large.bin" | cut -c1-64)
	tg-send -w1m -a "$DIR/large.bin" from a file
	[[ $(newest 1 .document.sha256) == "$sum" ]]
	# A pipe, and a limit on memory that the file alone would exceed.
	if [[ $BUILD == */san ]]; then
		cat "$DIR/large.bin" | tg-send -w1m -a - from a pipe
	else
		cat "$DIR/large.bin" | (ulimit -d 40960 && tg-send -w1m -a - from a pipe)
	fi
	[[ $(newest 1 .caption) == 'from a pipe' && $(newest 1 .document.sha256) == "$sum" ]]
}

@test "an upload that takes its time says how far it is, on a terminal" {
	begin_linked
	head -c 20000000 /dev/urandom >"$DIR/large.bin"
	upload() {
		kill -STOP "${PIDS[sendd]}"
		start upload "$@"
		sleep 1.3
		kill -CONT "${PIDS[sendd]}"
		wait_until 10 gone "${PIDS[upload]}"
		stop upload
	}
	upload script -qefc "tg-send -a $DIR/large.bin large" "$DIR/terminal" </dev/null >/dev/null
	grep -aE $'\r\e\\[Klarge.bin: [0-9.]+ of 19.1 MB, [0-9]+ %' "$DIR/terminal"
	upload tg-send -a "$DIR/large.bin" large </dev/null
	[[ ! -s $DIR/upload.log ]]
}

@test "what the text is: plain, Markdown, HTML, preformatted" {
	begin_linked
	entities() {
		newest 1 '[.text, (.entities // [] | map(.type + (.language // "")) | join(" "))] | join("|")'
	}
	tg-send -w '*a* <b>b</b>'
	[[ $(entities) == '*a* <b>b</b>|' ]]
	tg-send -w -f markdown '*a* <b>b</b>'
	[[ $(entities) == 'a <b>b</b>|italic' ]]
	tg-send -w -f HTML '*a* <b>b</b>'
	[[ $(entities) == '*a* b|bold' ]]
	tg-send -w --pre --lang c 'int  a;'
	[[ $(entities) == 'int  a;|prec' ]]
	printf 'a  b\n   c\n' | tg-send -w --pre
	[[ $(entities) == $'a  b\n   c|pre' ]]
	tg-send -w -T '<i>title</i>' -f markdown 'snake_case_name and 2 * 3 * 4'
	[[ $(entities) == $'<i>title</i>\nsnake_case_name and 2 * 3 * 4|bold' ]]
}

@test "what comes under a key replaces, is replied to, and is taken back" {
	begin_linked
	local id
	tg-send -w --key deploy copying
	id=$(newest 1 .message_id)
	tg-send -w --key deploy restarting
	[[ $(newest 1 '"\(.message_id) \(.text)"') == "$id restarting" ]]
	tg-send -w --reply-to deploy 'how long?'
	[[ $(newest 1 .reply_to) == "$id" ]]
	[[ $(tg-send -v --delete deploy) == 'took back 1' ]]
	wait_until 10 bash -c "sim() { curl -sS '$SIM_URL'\"\$1\"; }
		sim '/sim/chat?id=1' | jq -e '.messages[] | select(.message_id == $id).deleted'"
	run --separate-stderr tg-send --delete never-sent
	[[ $status == 0 && -z $output$stderr ]]
	fails 64 '--delete sends nothing' tg-send --delete deploy text
}

@test "a cooldown sends nothing for so long" {
	begin_linked
	[[ $(tg-send -v --cooldown 1h --key load 'load is 5') == 'queued as '* ]]
	[[ $(tg-send -v --cooldown 1h --key load 'load is 6') == 'suppressed: the cooldown runs for another '* ]]
	[[ $(tg-send -w --cooldown 1h --key load 'load is 7') == '' ]]
	wait_until 10 shows 1 'load is 5'
	fails 64 '--cooldown takes a duration' tg-send --cooldown soon x
}

@test "what is for later is kept until then, also over a restart" {
	begin_linked
	local line
	tg-send --in 3s later
	line=$(TZ=UTC tg-send -v --at '2999-01-31 18:00' 'much later')
	[[ $line =~ ^queued\ as\ [0-9]+\ for\ 2999-01-31\ 18:00$ ]]
	[[ $(TZ=UTC tg-send -v --in 1h x) == *" for $(date -ud '+1 hour' '+%F %H:')"* ]]
	[[ $(shown 1) == '' ]]
	stop sendd KILL || true
	start_sendd
	wait_until 10 shows 1 later
	fails 75 'scheduled as ' tg-send -w1s --in 1h x
	fails 64 'has passed' tg-send --at '1999-01-31 18:00' x
	fails 64 'is no time' tg-send --at noon x
	fails 64 '--in and --at' tg-send --at 18:00 --in 5m x
}

@test "--wait tells what became of it" {
	begin_linked
	[[ $(tg-send -w hi) == delivered ]]
	[[ $(tg-send -qw hi) == '' ]]
	[[ $(tg-send -v --wait=10s hi) =~ ^queued\ as\ [0-9]+$'\n'delivered$ ]]
	sim POST /sim/fault '{"method":"*","count":-1,"kind":"http","status":502}' >/dev/null
	fails 75 'it will be sent later' tg-send --wait=1s hi
	sim DELETE /sim/fault >/dev/null
	start waiting tg-send -w1m over a restart >"$DIR/outcome"
	stop sendd KILL || true
	start_sendd
	wait_until 20 gone "${PIDS[waiting]}"
	stop waiting
	[[ $(<"$DIR/outcome") == delivered ]]
	sim POST /sim/block '{"chat_id":1}' >/dev/null
	fails 69 'dead: Forbidden: bot was blocked by the user' tg-send -w hi
	fails 64 '--wait= takes a duration' tg-send --wait=long hi
}

@test "--dry-run shows what would be sent, without tg-sendd, and sends nothing" {
	write_config
	printf '\x89PNG' >"$DIR/chart.png"
	run -0 tg-send -n -i "$DIR/chart.png" -T Load -f markdown 'is **high**, see [here](https://example.com)'
	[[ $output == 'picture chart.png, caption of 22 characters
| Load
| is high, see here
  0-4 bold: Load
  8-12 bold: high
  18-22 text_link https://example.com: here' ]]
	run -0 tg-send -n < <(seq 2000)
	[[ ${lines[0]} == 'message 1 of 3, '* && $output == *$'\n| (3/3)' ]]
	run -0 tg-send -n < <(seq 9999)
	[[ ${lines[0]} == 'the whole text as a file, caption of '* ]]
	[[ $(TZ=UTC tg-send -n --at '2999-01-31 18:00' x) == $'at 2999-01-31 18:00\n'* ]]
	run -0 tg-send -n </dev/null
	[[ -z $output ]]
	fails 65 'not a regular file' tg-send -n -i "$DIR" x
}

@test "a target, its topic, and links without a preview" {
	begin_linked "$PACE
targets: [{name: ops, chat: -1001234567890, senders: [$(id -un)]}]"
	sim POST /sim/chat '{"chat_id":-1001234567890,"type":"supergroup","title":"Ops"}' >/dev/null
	tg-send -w --to @ops --no-preview 'https://example.com/'
	[[ $(newest -1001234567890 '.options.link_preview_options.is_disabled // .options') == *true* ]]
	fails 77 'no such target' tg-send --to @nobody x
	fails 64 '--thread takes the number of a topic' tg-send --thread general x
}

@test "what cannot be meant is said, and nothing is sent" {
	write_config
	fails 64 'option -5 is unknown; usage: tg-send [options] [text ...] (a text that starts with - comes after --)' tg-send -5 degrees
	fails 64 'option --file is unknown' tg-send --file report.pdf
	fails 64 'option -T lacks its value' tg-send -T
	fails 64 'a file is sent with -a' tg-send -f report.pdf
	fails 64 '--lang goes with --pre' tg-send --lang c x
	fails 64 '--name goes with' tg-send --name n x
	fails 64 '-u and --to' tg-send --to @ops -u root x
	fails 64 '--key goes with a single file' tg-send -k key -i a -i b x
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
	wait_until 5 takes_signals json
	ends 0 json
	exec 5>&-
	start_json
	echo '{"method":"sendMessage","chat_id":1,"text":"x"}' >&5
	wait_until 5 grep -q 'takes nothing now' "$DIR/json.log"
	ends 75 json
	exec 5>&-
	fails 64 'goes with -c alone' tg-send --json -T x
}
