#!/usr/bin/env bats
# tg-sendd alone against the simulator: what it accepted arrives, once and in order, whatever dies or
# refuses on the way, and no caller gets further than the kernel says it may.

load helper

setup() {
	start_sim
	write_config 'delivery: {overall_per_second: 0, chat_per_second: 0, group_per_minute: 0, user_quota: 50}'
}

teardown() {
	local dir=$DIR
	for name in "${!PIDS[@]}"; do stop "$name" || true; done
	mountpoint -q "$dir/store" && umount "$dir/store"
	stop_all
}

make_chat() {
	sim POST /sim/chat "{\"chat_id\":$1,\"type\":\"${2:-private}\",\"first_name\":\"A\"}" >/dev/null
}

# calls CHAT FROM TO: one POST /calls with so many numbered messages.
calls() {
	seq -f "{\"method\":\"sendMessage\",\"chat_id\":$1,\"text\":\"message %g\"}" "$2" "$3" >"$DIR/calls.in"
	api POST /calls '' --data-binary "@$DIR/calls.in"
}

# What a chat shows, the bot's texts alone, one a line.
shown() {
	sim GET "/sim/chat?id=$1" | jq -r '.messages[] | select(.from == "bot") | .text // .caption // .photo.file_name'
}

wait_delivered() {
	sim GET "/sim/wait?delivered=$1&timeout_ms=20000" >/dev/null
}

queue_has() {
	api GET '/queue?user=*' | jq -e "[.messages[] | select($1)] | length == $2" >/dev/null
}

# request BYTES: sends raw bytes to the socket and prints what comes back until the service closes, or 5 s.
request() {
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode().decode("unicode_escape").encode("latin1"))
try:
    while (data := s.recv(65536)):
        sys.stdout.write(data.decode("latin1"))
except TimeoutError:
    pass' "$SOCKET" "$1"
}

@test "messages accepted while Telegram is away arrive afterwards, all, in order, also after kill -9" {
	make_chat 1
	make_chat 2
	start_sendd
	sim POST /sim/fault '{"method":"*","count":-1,"kind":"http","status":502}' >/dev/null
	for i in $(seq 1 20); do
		calls 1 $((i * 10 - 9)) $((i * 10)) >/dev/null
		calls 2 $((i * 10 - 9)) $((i * 10)) >/dev/null
	done
	stop sendd KILL || true
	start_sendd
	queue_has true 400
	sim DELETE /sim/fault >/dev/null
	wait_delivered 400
	diff <(shown 1) <(seq -f 'message %g' 200)
	diff <(shown 2) <(seq -f 'message %g' 200)
	wait_until 10 queue_has true 0
}

@test "a chat that waits holds up no other, and goes on in order" {
	make_chat 1
	make_chat 2
	start_sendd
	sim POST /sim/fault '{"method":"sendMessage","chat_id":1,"count":1,"kind":"retry_after","seconds":2}' >/dev/null
	calls 1 1 3 >/dev/null
	calls 2 1 3 >/dev/null
	sim GET '/sim/wait?chat=2&count=3&timeout_ms=1500' >/dev/null
	[[ -z $(shown 1) ]]
	wait_delivered 6
	diff <(shown 1) <(seq -f 'message %g' 3)
}

@test "a wait that Telegram asked for survives a restart" {
	make_chat 1
	start_sendd
	sim POST /sim/fault '{"method":"sendMessage","chat_id":1,"count":1,"kind":"retry_after","seconds":30}' >/dev/null
	calls 1 1 1 >/dev/null
	wait_until 5 queue_has '.attempts == 1 and .state == "queued"' 1
	stop sendd
	start_sendd
	queue_has '.attempts == 1 and .next_attempt_at > .accepted_at' 1
	[[ -z $(shown 1) ]]
}

@test "an update counts once, and is out of the inbox with its calls" {
	make_chat 1
	say 1 hello
	tg-poll -c "$CONFIG" --once >"$DIR/updates.out"
	id=$(jq .update_id "$DIR/updates.out")
	start_sendd
	[[ $(api GET /health | jq .updates_waiting) == 1 ]]
	line="{\"update_id\":$id,\"calls\":[{\"method\":\"sendMessage\",\"chat_id\":1,\"text\":\"yes\"}]}"
	[[ $(api POST /calls "$line" | jq -c '.results[0] | [.ok, .duplicate]') == '[true,null]' ]]
	[[ $(api POST /calls "$line" | jq -c '.results[0] | [.ok, .duplicate]') == '[true,true]' ]]
	wait_chat 1 yes
	[[ $(shown 1) == yes ]]
	[[ $(api GET /health | jq .updates_waiting) == 0 ]]
}

@test "what is wrong with one call is told and stops no other" {
	make_chat 1
	start_sendd
	printf '%s\n' '{"update_id":5' '[]' '{"method":"send message","chat_id":1}' \
		'{"method":"sendMessage","chat_id":"one","text":"x"}' \
		'{"method":"sendMessage","chat_id":1,"text":"good"}' >"$DIR/in"
	api POST /calls '' --data-binary "@$DIR/in" >"$DIR/out"
	[[ $(jq -c '[.results[].ok]' "$DIR/out") == '[false,false,false,false,true]' ]]
	wait_chat 1 good
}

# The output of a job that runs: one message that changes, at a pace that Telegram and people can bear, and never at
# the cost of an answer that somebody waits for.
@test "calls under a key edit one message, not more often than they say, and the newest one wins" {
	local i own
	make_chat 1
	start_sendd
	for ((i = 1; i <= 15; i++)); do
		own='{"key":"job-1","interval_ms":700,"class":"notification"}'
		api POST /calls "{\"method\":\"sendMessage\",\"chat_id\":1,\"text\":\"state $i\",\"tgtools\":$own}" >/dev/null
		[[ $i != 1 ]] || wait_chat 1 'state 1'
		[[ $i != 8 ]] || { calls 1 1 1 >/dev/null && wait_chat 1 'message 1'; }
	done
	[[ $(shown 1) == $'state 1\nmessage 1' ]]
	wait_chat 1 'state 15'
	# 15 states, but it was sent once and edited at most when the interval had passed.
	[[ $(shown 1) == $'state 15\nmessage 1' ]]
	[[ $(sim GET /sim/stats | jq '.by_method.editMessageText') -le 2 ]]
	stop sendd
	start_sendd
	api POST /calls '{"method":"sendMessage","chat_id":1,"text":"the end","tgtools":{"key":"job-1","interval_ms":100}}' >/dev/null
	wait_chat 1 'the end'
	[[ $(shown 1) == $'the end\nmessage 1' ]]
	for i in '{"key":""}' '{"interval_ms":-1}' '{"interval_ms":3600001}' '{"class":"none"}' '[]' "{\"key\":\"$(printf 'x%.0s' {1..65})\"}"; do
		[[ $(api POST /calls "{\"method\":\"sendMessage\",\"chat_id\":1,\"text\":\"x\",\"tgtools\":$i}" |
			jq '.results[0].ok') == false ]]
	done
	stop sendd
	tg-sendd -c "$CONFIG" --check-store
}

# A key that stays in a chat because it cannot be deleted must be told of, whatever happens meanwhile.
@test "what is to be done otherwise takes the place of a call that dies, also after a restart, and then alone" {
	local own='"tgtools":{"otherwise":{"method":"sendMessage","text":"I cannot"}}' i
	make_chat 1
	sim POST /sim/fault '{"method":"*","kind":"http","count":-1}' >/dev/null
	start_sendd
	say 1 secret
	api POST /calls "{\"method\":\"deleteMessage\",\"chat_id\":1,\"message_id\":1,$own}" >/dev/null
	wait_until 5 queue_has '.attempts > 0' 1
	stop sendd KILL || true
	sim DELETE /sim/fault >/dev/null
	sim POST /sim/fault '{"method":"deleteMessage","kind":"error","description":"Bad Request: message can'"'"'t be deleted"}' >/dev/null
	start_sendd
	wait_chat 1 'I cannot'
	queue_has true 0
	# A message that is gone already is as good as deleted.
	api POST /calls "{\"method\":\"deleteMessage\",\"chat_id\":1,\"message_id\":1,$own}
		{\"method\":\"deleteMessage\",\"chat_id\":1,\"message_id\":1,$own}" >/dev/null
	calls 1 1 1 >/dev/null
	wait_chat 1 'message 1'
	[[ $(shown 1) == $'I cannot\nmessage 1' ]]
	for i in '7' '{}' '{"method":"send message"}' '{"method":"sendMessage","chat_id":2}' \
		'{"method":"sendPhoto","photo":"file:///x"}' '{"method":"getMe","tgtools":{}}'; do
		[[ $(api POST /calls "{\"method\":\"getMe\",\"chat_id\":1,\"tgtools\":{\"otherwise\":$i}}" |
			jq '.results[0].ok') == false ]]
	done
	stop sendd
	tg-sendd -c "$CONFIG" --check-store
}

typing() {
	api POST /calls "{\"method\":\"sendChatAction\",\"chat_id\":$1,\"action\":\"typing\"}"
}

# How often the simulator was asked for something.
requests() {
	sim GET /sim/stats | jq ".by_method.$1 // 0"
}

requests_are() {
	[[ $(requests "$1") == "$2" ]]
}

# "is typing" that came late, or in place of an answer, would be worse than none.
@test "a chat action goes at once beside the queue, and is never kept or made again" {
	write_config 'delivery: {chat_per_second: 0.01, chat_burst: 1}'
	make_chat 1
	make_chat 2
	start_sendd
	[[ $(typing 1) == '{"results":[{"ok":true,"ids":[]}]}' ]]
	wait_until 5 requests_are sendChatAction 1
	calls 1 1 1 >/dev/null
	wait_delivered 1
	# The pace of the chat is used up, and not by it; nor does it wait for that.
	typing 1 >/dev/null
	wait_until 5 requests_are sendChatAction 2
	# Where a message of the chat waits nobody has to be told that one is to come.
	calls 1 2 2 >/dev/null
	typing 1 >/dev/null
	sim POST /sim/fault '{"method":"sendChatAction","kind":"retry_after","seconds":60}' >/dev/null
	typing 2 >/dev/null
	wait_until 5 requests_are sendChatAction 3
	wait_until 5 grep -q 'passing call made.*code=429' "$DIR/sendd.log"
	typing 2 >/dev/null
	calls 2 1 1 >/dev/null
	wait_chat 2 'message 1'
	requests_are sendChatAction 3
	queue_has true 1
	[[ $(api GET '/history?user=*' | jq '[.messages[] | select(.method == "sendChatAction")] | length') == 0 ]]
	[[ $(api POST /calls '{"method":"sendChatAction","action":"typing"}' | jq '.results[0].ok') == false ]]
	stop sendd
	tg-sendd -c "$CONFIG" --check-store
}

@test "what comes twice under one key is taken once" {
	make_chat 1
	start_sendd
	once() { api POST /calls '{"method":"sendMessage","chat_id":1,"text":"once"}' -H 'Idempotency-Key: abc' | jq -c '.results'; }
	[[ $(once) == '[{"ok":true,"ids":[1]}]' ]]
	[[ $(once) == '[{"ok":true,"duplicate":true}]' ]]
	stop sendd
	start_sendd
	[[ $(once) == '[{"ok":true,"duplicate":true}]' ]]
	api POST /calls '{"method":"sendMessage","chat_id":1,"text":"last"}' -H 'Idempotency-Key: abd' >/dev/null
	wait_chat 1 last
	[[ $(shown 1 | grep -c once) == 1 ]]
	[[ $(api POST /calls '{}' -H 'Idempotency-Key: a b' | jq -r .error) == Idempotency-Key* ]]
}

@test "a message on the wire when tg-sendd dies: at-least-once sends it again, at-most-once keeps it as uncertain" {
	for policy in at-least-once at-most-once; do
		write_config "delivery: {policy: $policy}"
		rm -rf "$DIR/store"
		sim POST /sim/reset >/dev/null
		make_chat 1
		start_sendd
		sim POST /sim/fault '{"method":"sendMessage","count":1,"kind":"stall","ms":5000}' >/dev/null
		calls 1 1 2 >/dev/null
		wait_until 5 queue_has '.state == "started"' 1
		sim GET '/sim/wait?method=sendMessage&count=1&timeout_ms=5000' >/dev/null
		stop sendd KILL || true
		sim DELETE /sim/fault >/dev/null
		start_sendd
		wait_chat 1 'message 2'
		if [[ $policy == at-least-once ]]; then
			diff <(shown 1) <(printf 'message %d\n' 1 1 2)
		else
			diff <(shown 1) <(seq -f 'message %g' 2)
			queue_has '.state == "uncertain"' 1
		fi
		stop sendd
	done
}

@test "a bad token stops sending, loses nothing, and shows in /health" {
	make_chat 1
	start_sendd
	sim POST /sim/fault '{"method":"*","count":-1,"kind":"unauthorized"}' >/dev/null
	calls 1 1 5 >/dev/null
	unhealthy() { api GET /health | jq -e '.status == "Telegram refuses the token"' >/dev/null; }
	wait_until 5 unhealthy
	[[ $(api GET /health '' -o /dev/null -w '%{http_code}') == 503 ]]
	calls 1 6 10 >/dev/null
	[[ $(sim GET /sim/stats | jq .requests) -le 10 ]]
	sim DELETE /sim/fault >/dev/null
	stop sendd
	start_sendd
	wait_delivered 10
	diff <(shown 1) <(seq -f 'message %g' 10)
}

@test "a text whose markup is refused goes without it; a picture that is no picture goes as a document" {
	make_chat 1
	start_sendd
	api POST /calls '{"method":"sendMessage","chat_id":1,"text":"a *b","parse_mode":"MarkdownV2"}' >/dev/null
	wait_chat 1 'a *b'
	head -c 20000 /dev/urandom >"$DIR/x.png"
	sim POST /sim/fault '{"method":"sendPhoto","count":1,"kind":"error","status":400,"description":"Bad Request: PHOTO_INVALID_DIMENSIONS"}' >/dev/null
	api POST /calls "{\"method\":\"sendPhoto\",\"chat_id\":1,\"photo\":\"file://$DIR/x.png\",\"caption\":\"big\"}" >/dev/null
	wait_chat 1 big
	[[ $(sim GET '/sim/chat?id=1' | jq -r '.messages[-1].document.file_name') == x.png ]]
	wait_until 5 is_empty "$DIR/store/spool"
}

is_empty() {
	[[ -z $(ls -A "$1") ]]
}

@test "a group that became a supergroup gets its messages there" {
	make_chat -5 group
	make_chat -1005 supergroup
	start_sendd
	sim POST /sim/fault '{"method":"*","chat_id":-5,"count":-1,"kind":"migrate","to":-1005}' >/dev/null
	calls -5 1 5 >/dev/null
	wait_delivered 5
	diff <(shown -1005) <(seq -f 'message %g' 5)
}

@test "a refused message is kept with Telegram's words" {
	start_sendd
	calls 77 1 1 >/dev/null
	wait_until 5 queue_has '.state == "dead" and .error == "Bad Request: chat not found"' 1
	stop sendd
	start_sendd
	queue_has '.state == "dead"' 1
}

@test "a second tg-sendd ends with 75 and a line; a stale socket is replaced; a file in its place is not" {
	start_sendd
	run -75 --separate-stderr tg-sendd -c "$CONFIG"
	[[ $stderr == "tg-sendd: another tg-sendd uses store $DIR/store; stop it first" ]]
	sed "s|path: $DIR/store|path: $DIR/store2|" "$CONFIG" >"$DIR/other.yaml"
	run -75 --separate-stderr tg-sendd -c "$DIR/other.yaml"
	[[ $stderr == *"listens on $SOCKET"* ]]
	stop sendd KILL || true
	[[ -S $SOCKET ]]
	start_sendd
	stop sendd
	[[ ! -e $SOCKET ]]
	echo precious >"$SOCKET"
	run -78 --separate-stderr tg-sendd -c "$CONFIG"
	[[ $stderr == *"is not a socket"* && $(cat "$SOCKET") == precious ]]
}

@test "each thing that is wrong at the start is one line and 78" {
	local bad
	check() {
		run -78 --separate-stderr tg-sendd -c "$CONFIG"
		[[ ${#stderr_lines[@]} == 1 && $stderr == "tg-sendd: "*"$1"* && $stderr != *TEST-TOKEN* ]]
	}
	mkdir -m 755 "$DIR/store"
	check "chmod 700"
	rmdir "$DIR/store"
	: >"$DIR/store"
	check "$DIR/store"
	rm "$DIR/store"
	chmod 644 "$DIR/token"
	check "$DIR/token"
	chmod 600 "$DIR/token"
	echo rubbish >"$DIR/token"
	check "$DIR/token"
	: >"$DIR/token"
	check "$DIR/token"
	rm "$DIR/token"
	check "$DIR/token"
	echo 'socket: [' >"$CONFIG"
	check "$CONFIG:"
	echo 'unknown: 1' >"$CONFIG"
	check "$CONFIG:1: "
	write_config
	sed -i 's/group: ""/group: "nosuchgroup"/' "$CONFIG"
	check "nosuchgroup"
	write_config
	sed -i "s|path: $SOCKET|path: $DIR/$(printf '%0120d' 0)|" "$CONFIG"
	check "longer than"
}

@test "half a request, rubbish and ambiguous framing harm nobody else" {
	start_sendd
	python3 - "$SOCKET" <<-'PY' &
		import socket, sys, time
		held = []
		for text in (b"", b"POST /send HT", b"POST /send HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"):
		    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(text); held.append(s)
		print("held", flush=True)
		sys.stdin.readline()
	PY
	PIDS[holder]=$!
	[[ $(api GET /health | jq -r .status) == ok ]]
	stop holder || true
	[[ $(request 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n') == *'"status":"ok"'* ]]
	[[ $(request 'POST /send HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}') == "HTTP/1.1 400"* ]]
	[[ $(request 'POST /send HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n') == "HTTP/1.1 400"* ]]
	[[ $(request 'POST /send HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n') == "HTTP/1.1 413"* ]]
	head -c 1000000 /dev/urandom >"$DIR/rubbish"
	[[ $(api POST /send '' --data-binary "@$DIR/rubbish" | jq -r .error) == *"not JSON"* ]]
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(5)
try: s.sendall(open(sys.argv[2], "rb").read()); s.recv(100)
except OSError: pass' "$SOCKET" "$DIR/rubbish"
	[[ $(api GET /health | jq -r .status) == ok ]]
}

@test "one account has a bounded number of connections" {
	start_sendd
	run -0 python3 -c '
import socket, sys
held = []
for i in range(70):
    s = socket.socket(socket.AF_UNIX); s.settimeout(3); s.connect(sys.argv[1])
    try:
        s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        if not s.recv(10): break
    except ConnectionError: break
    held.append(s)
print(len(held))' "$SOCKET"
	# The connection that found the service ready may not be gone yet.
	[[ $output == 6[34] ]]
	wait_until 5 sendd_answers
}

@test "SIGHUP reloads; a bad file leaves the running configuration in force" {
	start_sendd
	echo 'delivery: {keep: never}' >>"$CONFIG"
	kill -HUP "${PIDS[sendd]}"
	wait_until 5 grep -q 'not reloaded' "$DIR/sendd.log"
	[[ $(api GET /health | jq -r .status) == ok ]]
	write_config
	kill -HUP "${PIDS[sendd]}"
	wait_until 5 grep -q 'configuration reloaded' "$DIR/sendd.log"
}

@test "a full disk refuses what is new, keeps what is there, and gets over it" {
	[[ $EUID == 0 ]] || skip "needs root to mount a small disk"
	mkdir -m 700 "$DIR/store"
	mount -t tmpfs -o size=4m,mode=700 tmpfs "$DIR/store" || skip "cannot mount a tmpfs"
	make_chat 1
	start_sendd
	calls 1 1 3 >/dev/null
	wait_delivered 3
	dd if=/dev/zero of="$DIR/store/filler" bs=64k 2>/dev/null || true
	full() { calls 1 4 60 | jq -e '.error | contains("full")' >/dev/null; }
	wait_until 10 full
	rm "$DIR/store/filler"
	works() { calls 1 100 100 | jq -e '.results[0].ok' >/dev/null; }
	wait_until 10 works
	wait_chat 1 'message 100'
}

@test "no token in the process list, in /proc or in the log" {
	make_chat 1
	TELEGRAM_BOT_TOKEN=$SIM_TOKEN start_sendd
	calls 1 1 2 >/dev/null
	sim POST /sim/fault '{"method":"*","count":2,"kind":"close_before"}' >/dev/null
	calls 1 3 4 >/dev/null
	wait_delivered 4
	never grep -aF TEST-TOKEN-for "/proc/${PIDS[sendd]}/cmdline" "/proc/${PIDS[sendd]}/environ"
	never grep -F TEST-TOKEN "$DIR/sendd.log"
	[[ $(grep 'Max core file size' "/proc/${PIDS[sendd]}/limits" | awk '{print $5}') == 0 ]]
}

@test "what waits for a person does not reach a chat that is no longer that person's" {
	start_sendd
	start_bot
	link_account 1
	wait_chat 1 'now linked'
	sim POST /sim/fault '{"method":"sendMessage","chat_id":1,"count":1,"kind":"retry_after","seconds":1}' >/dev/null
	tg-send secret one
	tg-send secret two
	say 1 /unlink
	wait_until 10 queue_has '.state == "dead" and .error == "the chat is no longer linked to this account"' 2
	wait_chat 1 Unlinked
	[[ $(shown 1) != *secret* ]]
}

@test "a chat that refuses pauses its link, its owner is told, and /start resumes it" {
	start_sendd
	start_bot
	link_account 1
	wait_chat 1 'now linked'
	# Only the refusal tells, not the update that Telegram sends as well.
	stop_bot
	sim POST /sim/block '{"chat_id":1,"blocked":true}' >/dev/null
	tg-send first
	wait_until 10 queue_has '.state == "dead" and (.error | contains("blocked"))' 1
	run -77 --separate-stderr tg-send second
	[[ ${#stderr_lines[@]} == 1 && $stderr == *"send it /start"* ]]
	[[ $(api GET /api/telegram/status | jq -r '.chats[0].paused') == true ]]
	sim POST /sim/block '{"chat_id":1,"blocked":false}' >/dev/null
	start_bot
	say 1 /start
	wait_chat 1 'Notifications for'
	tg-send third
	wait_chat 1 third
}

@test "a picture by path is taken only from a regular file of the caller, without following links" {
	start_sendd
	start_bot
	link_account 1
	wait_chat 1 'now linked'
	head -c 100 /dev/zero >"$DIR/own.bin"
	ln -s own.bin "$DIR/link.bin"
	mkfifo "$DIR/fifo"
	mkdir "$DIR/dir"
	ln -s dir "$DIR/linked"
	cp "$DIR/own.bin" "$DIR/dir/x"
	: >"$DIR/empty"
	document() { api POST /send_document "{\"document_path\":\"$1\"}" | jq -r '.error // "taken"'; }
	[[ $(document "$DIR/own.bin") == taken ]]
	[[ $(document "$DIR/link.bin") == "Document file not found: $DIR/link.bin" ]]
	[[ $(document "$DIR/linked/x") == "Document file not found: $DIR/linked/x" ]]
	[[ $(document "$DIR/none") == "Document file not found: $DIR/none" ]]
	[[ $(api POST /send_photo '{"photo_path":"/none"}' | jq -r .error) == 'Photo file not found: /none' ]]
	[[ $(document own.bin) == "Document file not found: own.bin" ]]
	[[ $(document "$DIR/fifo") == *"is not a regular file" ]]
	[[ $(document "$DIR/dir") == *"is not a regular file" ]]
	[[ $(document "$DIR/empty") == *"is empty" ]]
	if [[ $EUID == 0 ]]; then
		chown nobody "$DIR/dir/x"
		[[ $(document "$DIR/dir/x") == *"is not your file" ]]
	fi
	wait_until 10 chat_has_document own.bin
}

chat_has_document() {
	sim GET '/sim/chat?id=1' | jq -e --arg name "$1" 'any(.messages[]; .document.file_name == $name)' >/dev/null
}

@test "a target takes messages from its senders and from operators alone" {
	write_config "targets:
  - {name: ops, chat: -5, thread: 7, senders: [$(id -un)]}
  - {name: closed, chat: -5}
access: {groups: [], operators: []}"
	make_chat -5 supergroup
	start_sendd
	to() { api POST /send "{\"to\":\"$1\",\"text\":\"to $1\"}" | jq -r '.error // "taken"'; }
	[[ $(to @ops) == taken ]]
	wait_chat -5 'to @ops'
	[[ $(sim GET '/sim/chat?id=-5' | jq '[.messages[] | select(.from == "bot")] | length') == 1 ]]
	[[ $(to @closed) == "you may not send to this target" ]]
	[[ $(to @none) == "there is no such target" ]]
}
