#!/usr/bin/env bats
# The bot with HTTP services behind its routes, whatever these do: each person gets what the service says, once,
# or one apology, and nobody waits for the service of somebody else.

load helper

teardown() {
	stop_all
}

start_service() {
	make_dir
	start service python3 "$BATS_TEST_DIRNAME/service.py" "$DIR/service.port"
	wait_until 10 has_content "$DIR/service.port"
	SERVICE=http://127.0.0.1:$(<"$DIR/service.port")
}

# row NAME PATH [HTTP KEYS] [ROW KEYS]: a command that anyone may use.
row() {
	echo "  - {command: $1, description: x, access: anyone, ${4:+$4,} http: {url: \"$SERVICE$2\"${3:+, $3}}}"
}

seen() {
	curl -sS "$SERVICE/seen" | jq "$@"
}

# How often a path was asked for.
asked() {
	seen -r --arg path "$1" '[.requests[] | select(.path == $path)] | length'
}

asked_is() {
	[[ $(asked "$1") == "$2" ]]
}

requests_are() {
	[[ $(sim GET /sim/stats | jq ".by_method.$1 // 0") == "$2" ]]
}

texts() {
	sim GET "/sim/chat?id=$1" | jq -r '.messages[] | select(.from == "bot") | .text'
}

pace='delivery: {overall_per_second: 0, chat_per_second: 0, group_per_minute: 0}
limits: {chat_per_minute: 0, chat_per_second: 0}
access: {groups: []}'

@test "a service is told what it needs to know, and what it answers is said" {
	local body
	start_sim
	start_service
	(umask 077 && echo 'a secret' >"$DIR/key")
	write_config "$pace
commands:
$(row ask '/text/well+{chat_id}' "headers: [{name: X-Key, value_file: $DIR/key}]")
$(row count '/raw/%7B%22n%22:[1,2]%7D' 'method: GET, template: "There are {{n.length}}: {{#n}}{{.}} {{/n}}"')
callbacks:
  - {action: pick, access: anyone, http: {url: \"$SERVICE/text/picked\"}}
text: {access: anyone, where: [private], http: {url: \"$SERVICE/text/heard\"}}
files: {access: linked, http: {url: \"$SERVICE/text/taken\"}}"
	start_sendd
	start_bot
	say 1 $'/ask  two "words"\nand\t🙂' alice
	wait_chat 1 'well 1'
	body=$(seen -c '.requests[0].body')
	jq -e '(.request_id | test("^u[0-9]+$")) and del(.request_id) == {telegram_user_id: 1, telegram_username: "alice", chat_id: 1, user: null,
		command: "ask", args: "two \"words\"\nand\t🙂"}' <<<"$body"
	seen -e '.requests[0] | .id == .body.request_id and .headers["X-Key"] == "a secret" and
		.headers["Content-Type"] == "application/json" and (.headers["User-Agent"] | startswith("tgtools/"))'
	say 1 hello
	wait_chat 1 heard
	seen -e '.requests[1].body | .message == "hello" and has("command") == false'
	link_account 1
	sim POST /sim/update '{"message":{"message_id":900,"date":1,"chat":{"id":1,"type":"private","first_name":"A"},
		"from":{"id":1,"is_bot":false,"first_name":"A"},"caption":"mine","document":
		{"file_id":"F","file_unique_id":"U","file_name":"a.pdf","mime_type":"application/pdf","file_size":7}}}' >/dev/null
	wait_chat 1 taken
	seen -e --arg user "$(id -un)" '.requests[2].body | .user == $user and .message == "mine" and .file ==
		{kind: "document", file_id: "F", file_name: "a.pdf", mime_type: "application/pdf", file_size: 7}'
	sim POST /sim/update '{"callback_query":{"id":"7","chat_instance":"1","data":"pick:a:b",
		"from":{"id":1,"is_bot":false,"first_name":"A"},
		"message":{"message_id":2,"date":1,"chat":{"id":1,"type":"private","first_name":"A"},"text":"x"}}}' >/dev/null
	wait_chat 1 picked
	seen -e '.requests[3].body | .action == "pick" and .target == "a:b"'
	say 1 /count
	wait_chat 1 'There are 2: 1 2'
	seen -e '.requests[4] | .body == null and (.headers | has("Content-Type") | not)'
	seen -e '(.requests | length) == 5 and .connections == 1'
	never grep -qE 'a secret|hello|well' "$DIR/dispatch.log"
}

# What goes wrong with a service is the operator's to know; the person hears that it does not work, once.
@test "a service that fails is asked again where that is safe, and apologised for once" {
	local name i=0
	start_sim
	start_service
	write_config "$pace
commands:
$(SERVICE=http://127.0.0.1:1 row refused /)
$(row failing /fail/500)
$(row busy /fail/503)
$(row closing /close)
$(row once /once/502)
$(row page /html)
$(row strange '/raw/%7B%22type%22%3A%22dance%22%7D')
$(row huge /huge)
$(row hanging /hang 'timeout: 9s' 'timeout: 1s')
$(row notfound /fail/404)
$(row plain /html 'template: "{{n}}"')"
	start_sendd
	start_bot
	for name in refused failing busy page plain strange huge hanging notfound; do
		say $((++i)) "/$name"
	done
	say 101 /once
	say 102 /closing
	for i in {1..9}; do
		wait_chat "$i" Sorry
	done
	wait_chat 101 'at last'
	wait_chat 102 'at last'
	for i in {1..9}; do
		[[ $(texts "$i" | wc -l) == 1 ]]
	done
	# Each path so often, a second time under the same id.
	seen -c '[.requests[] | .path] | group_by(.) | map({(.[0]): length}) | add' >"$DIR/asked"
	jq -e '. == {"/fail/500": 1, "/fail/503": 2, "/fail/404": 1, "/once/502": 2, "/close": 2, "/html": 2, "/huge": 1,
		"/hang": 1, "/raw/%7B%22type%22%3A%22dance%22%7D": 1}' "$DIR/asked"
	seen -e '[.requests[] | [.path, .id]] | unique | length == 10'
	grep -q 'service asked.*route="refused".*failure="the server cannot be connected" tries=2' "$DIR/dispatch.log"
	grep -qE 'service asked.*route="hanging".*failure="no answer in time" tries=1 latency_ms=(99.|1...)$' "$DIR/dispatch.log"
	grep -q 'service asked.*route="page".*failure="the answer is no JSON"' "$DIR/dispatch.log"
	grep -q 'answer of a service cannot be used.*route="strange".*dance' "$DIR/dispatch.log"
	[[ $(grep -c 'service asked' "$DIR/dispatch.log") == 11 ]]
}

@test "a service that hangs in one chat delays no other chat, and its own chat keeps its order" {
	start_sim
	start_service
	write_config "$pace
commands:
$(row hanging /hang 'timeout: 2s')
$(row quick /text/quick)"
	start_sendd
	start_bot
	say 1 /hanging
	say 1 /quick
	wait_until 5 asked_is /hang 1
	say 2 /quick
	wait_chat 2 quick 1000
	[[ -z $(texts 1) ]]
	wait_chat 1 quick
	[[ $(texts 1) == Sorry*$'\n'quick ]]
	# A second of waiting was shown in this chat, and the quick one none.
	[[ $(sim GET /sim/stats | jq '.by_method.sendChatAction') == 1 ]]
	[[ $(sim GET '/sim/chat?id=1' | jq -c .actions) == '["typing"]' ]]
}

@test "two hundred slow calls at once are one slow call" {
	local start end
	start_service
	write_config "$pace
commands:
$(row slow /slow/700)"
	jq -nc 'range(1; 201) | {update_id: ., message: {message_id: 1, date: 1, text: "/slow",
		chat: {id: ., type: "private"}, from: {id: ., is_bot: false, first_name: "A"}}}' >"$DIR/updates"
	start=${EPOCHREALTIME/./}
	# Nor are there fewer because a system allows few open files.
	(ulimit -Sn 100 && exec tg-dispatch -c "$CONFIG" --no-store <"$DIR/updates" >"$DIR/calls" 2>"$DIR/dispatch.log")
	end=${EPOCHREALTIME/./}
	[[ $(jq -s '[.[] | select(.calls[0].text == "slow") | .update_id] | unique | length' "$DIR/calls") == 200 ]]
	seen -e '(.requests | length) == 200'
	((end - start < 4000000))
}

# What waits in one chat must not take the room in which others wait.
@test "a chat that floods a service that is slow is told so, and delays no other chat" {
	start_service
	write_config "$pace
commands:
$(row slow /slow/300)
$(row quick /text/quick)"
	jq -nc 'def update($id; $chat; $text): {update_id: $id, message: {message_id: 1, date: 1, text: $text,
			chat: {id: $chat, type: "private"}, from: {id: $chat, is_bot: false, first_name: "A"}}};
		update(1; 1; "/slow"), update(range(2; 1500); 1; "/quick"), update(1500; 2; "/quick")' >"$DIR/updates"
	tg-dispatch -c "$CONFIG" --no-store <"$DIR/updates" >"$DIR/calls" 2>"$DIR/dispatch.log"
	# Each is acknowledged; the other chat before anything of the first one is answered.
	[[ $(jq -s 'map(select(.update_id)) | length' "$DIR/calls") == 1500 ]]
	jq -c 'select(.calls[0]) | [.update_id, .calls[0].text[:8]]' "$DIR/calls" >"$DIR/said"
	[[ $(jq -sc '.[0][1], .[1], .[2][0]' "$DIR/said") == $'"You\'re s"\n[1500,"quick"]\n1' ]]
	[[ $(jq -sc 'map(.[0])[2:]' "$DIR/said") == "$(jq -nc '[range(1; 31)]')" ]]
}

# Whether it was asked before only the service can tell, and only where it is asked under the same name.
@test "after a restart a service is asked again with the same request id, and the answer is said once" {
	start_sim
	start_service
	write_config "$pace
commands:
$(row slow /slow/400)"
	start_sendd
	start_bot
	say 1 /slow
	wait_until 5 asked_is /slow/400 1
	stop dispatch KILL || true
	stop_bot || true
	start_bot
	wait_chat 1 slow
	asked_is /slow/400 2
	seen -e '[.requests[].id] | unique | length == 1'
	[[ $(texts 1) == slow ]]
}

# example FILE: what the page shows of it.
example() {
	awk -v file="$1" '
	$0 == ".\\\" " file { mark = 1; next }
	mark && /^\.Bd/ { body = 1; next }
	body && /^\.Ed/ { exit }
	body' "$TREE/man/man7/tgtools-service.7" | sed 's/\\e/\\/g'
}

# serve_stdio SOCKET PROGRAM: starts it for each connection, as systemd does for a socket with Accept=yes.
serve_stdio() {
	start stdio python3 -c '
import socket, subprocess, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1]); server.listen()
while True:
    connection, _ = server.accept()
    subprocess.run(sys.argv[2:], stdin=connection, stdout=connection)
    connection.close()' "$@"
	wait_until 10 test -S "$1"
}

tap() {
	sim POST /sim/tap "$(jq -nc --argjson chat "$1" --argjson message "$2" --arg button "$3" \
		'{chat_id: $chat, message_id: $message, button: $button}')" >/dev/null
}

# Whoever writes a service begins with one of these.
@test "the services of the page do what it says" {
	local file port message
	for file in etc/services/disk.py etc/services/uptime.sh; do
		diff -u "$TREE/$file" <(example "$file")
	done
	start_sim
	make_dir
	serve_stdio "$DIR/uptime" "$TREE/etc/services/uptime.sh"
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	start service python3 "$TREE/etc/services/disk.py" "$port" 2>/dev/null
	wait_until 10 curl -sS -o "$DIR/curl.out" "http://127.0.0.1:$port/" -d '{"command":"disk","args":""}' 2>/dev/null
	jq -e '.content | test("^[0-9.]+ GB are free on the system disk[.]$")' "$DIR/curl.out"
	write_config "$pace
commands:
  - {command: disk, description: x, access: anyone, http: {url: \"http://127.0.0.1:$port/\"}}
  - {command: uptime, description: x, access: anyone, http: {url: \"http://uptime/\", socket: $DIR/uptime}}
callbacks:
  - {action: DISK, access: anyone, http: {url: \"http://127.0.0.1:$port/\"}}
  - {action: UPTIME, access: anyone, http: {url: \"http://uptime/\", socket: $DIR/uptime}}"
	start_sendd
	start_bot
	say 1 '/disk "x"'
	say 2 /uptime
	wait_chat 1 'There is no disk called '
	wait_chat 2 'Stranger, this server is up'
	message=$(sim GET '/sim/chat?id=1' | jq '.messages[-1].message_id')
	tap 1 "$message" temporary
	wait_chat 1 'on the temporary disk'
	[[ $(texts 1 | wc -l) == 1 ]]
	message=$(sim GET '/sim/chat?id=2' | jq '.messages[-1].message_id')
	tap 2 "$message" 'Look again'
	wait_until 10 requests_are answerCallbackQuery 2
	[[ $(grep -c 'service asked.*status=200 tries=1' "$DIR/dispatch.log") == 4 ]]
}
