#!/usr/bin/env bats
# Linking a chat from the chat, by key and by deep link: no message with a key stays where others read it, no key
# opens what it should not, and none can be found in a log or in the store afterwards.

load helper

teardown() {
	stop_all
}

# The other account must be one that could log in; Debian gives sync a shell.
OTHER=sync

begin() {
	start_sim
	write_config 'delivery: {overall_per_second: 0, chat_per_second: 0, group_per_minute: 0}
limits: {chat_per_minute: 0, chat_per_second: 0}'${1:+$'\n'"$1"}
	start_sendd
	start_bot
	ME=$(id -un)
}

# message_id CHAT TEXT [USERNAME]: says it and prints the number of the message.
message() {
	sim POST /sim/message "$(jq -nc --argjson chat "$1" --arg text "$2" --arg name "${3:-alice}" \
		'{chat_id: $chat, text: $text, username: $name, from_id: ($chat | if . < 0 then 4242 else . end)}')" |
		jq .message_id
}

deleted() {
	sim GET "/sim/chat?id=$1" | jq -e ".messages[] | select(.message_id == $2) | .deleted" >/dev/null
}

# answered CHAT MESSAGE_ID WORDS: whether the bot has said them after that message.
answered() {
	sim GET "/sim/chat?id=$1&after=$2" | jq -e --arg words "$3" \
		'[.messages[] | select(.from == "bot" and (.text // "" | contains($words)))] | length > 0' >/dev/null
}

# ask CHAT TEXT WORDS: the answer to TEXT has WORDS.
ask() {
	local id
	id=$(message "$1" "$2")
	wait_until 10 answered "$1" "$id" "$3" || { said "$1" >&2; return 1; }
}

# try CHAT KEY WORDS: sends it; the message goes, and the answer has WORDS.
try() {
	local id
	id=$(message "$1" "/link $2")
	wait_until 10 answered "$1" "$id" "$3" || { said "$1" >&2; return 1; }
	deleted "$1" "$id"
}

# said CHAT: the bot's texts, one a line.
said() {
	sim GET "/sim/chat?id=$1" | jq -r '.messages[] | select(.from == "bot" and (.deleted | not)) | .text'
}

# Ends everything and looks for these words where nobody should find them: in the logs, and in what the store
# holds once the updates are handled.
spotless() {
	local word
	stop_bot
	[[ $(api GET /health | jq .updates_waiting) == 0 ]]
	stop sendd
	mdb_dump -a -p "$DIR/store" >"$DIR/records"
	grep -q linked_ms "$DIR/records"
	for word; do
		[[ ${#word} -ge 20 ]]
		never grep -aqF -e "$word" "$DIR"/{poll,dispatch,send,sendd}.log "$DIR/records"
	done
	tg-sendd -c "$CONFIG" --check-store
}

@test "a key is deleted before all else, wherever it stands, whoever sends it, and however fast" {
	local key=abcdefghijklmnopqrstuvwx id=0 user type text
	write_config 'limits: {chat_per_minute: 2, chat_per_second: 0}'
	# update KIND CHAT FIELD TEXT
	update() {
		type=private
		(($2 > 0)) || type=group
		user='{"id":9,"is_bot":false,"first_name":"A"}'
		jq -nc --arg kind "$1" --argjson chat "$2" --arg type "$type" --arg field "$3" --arg text "$4" \
			--argjson user "$user" --argjson id $((++id)) '{update_id: $id, ($kind): {message_id: 7, date: 1, edit_date: 1,
			chat: {id: $chat, type: $type}, from: $user, document: {file_id: "f"}, ($field): $text}}'
	}
	{
		update message 1 text "/link $key"
		update message 2 text $'/LINK@SomeBot\n'"$key and so on"
		update message 3 caption "/link $key"
		update edited_message 4 text "/link $key"
		update edited_message 5 caption "/link $key"
		update message -6 text "/link $key"
		update message -7 caption "/link $key"
		update edited_message -8 text "/link no-key"
		for _ in 1 2 3 4; do update message 9 text "/link $key"; done
		update edited_message 9 text "/link $key"
	} >"$DIR/in"
	tg-dispatch <"$DIR/in" >"$DIR/out" 2>"$DIR/dispatch.log"
	[[ $(jq -c '.calls[0] | [.method, .message_id, (.tgtools.otherwise.text | test("revoke"))]' "$DIR/out" | sort | uniq -c |
		awk '{$1 = $1; print}') == '13 ["deleteMessage",7,true]' ]]
	# The answer follows; who is too fast is told so once.
	[[ $(jq -s '[.[] | .calls | length] | join(" ")' -r "$DIR/out") == '2 2 2 2 2 2 2 2 2 2 2 1 1' ]]
	[[ $(grep -o 'outcome="[a-z ]*"' "$DIR/dispatch.log" | sort | uniq -c | awk '{$1 = $1; print}') == \
'3 outcome="key in a group"
2 outcome="key in an edit"
1 outcome="no key"
3 outcome="too fast"
4 outcome="wrong key"' ]]
	# Without a store nothing can be looked up, but a key goes all the same.
	tg-dispatch --no-store <"$DIR/in" 2>/dev/null | head -n 1 | jq -e '.calls[0].method == "deleteMessage"' >/dev/null
	never grep -aF "$key" "$DIR/dispatch.log"
}

@test "keys: one's own, another's, revoked, expired, wrong ones; in a group, in an edit, and one that cannot be deleted" {
	local mine other old revoked id wrong=0123456789abcdefghij
	begin 'codes: {tries: 3}'
	[[ $ME == root ]] || skip "needs to be an operator"
	old=$(tg-link key new -q -e 1s)
	mine=$(tg-link key new -q)
	other=$(tg-link -u $OTHER key new -q)
	revoked=$(tg-link key new -q)
	tg-link key revoke "$(tg-link key list | awk '$2 == "valid" {id = $1} END {print id}')"

	ask 1 /link 'tg-link key new'
	try 1 "$mine" "now linked to $ME"
	try 1 "$mine" "This chat is linked to $ME"
	# A further chat of the account is told to the others; so is one that another account takes.
	try 2 "$mine" "now linked to $ME"
	wait_chat 1 "@alice, is now linked to $ME"
	try 3 "$other" "now linked to $OTHER"
	try 2 "$other" "now linked to $OTHER"
	wait_chat 1 "@alice is no longer linked to $ME"
	wait_chat 3 "@alice, is now linked to $OTHER"
	[[ $(tg-link status | grep -c chat) == 1 ]]

	# A group: gone, not used, and to be revoked. Another bot's is not touched.
	id=$(message -5 "/link $mine")
	wait_chat -5 'revoke it'
	deleted -5 "$id"
	id=$(message -5 "/link@OtherBot $mine")
	try -5 "$mine" 'revoke it'
	never deleted -5 "$id"
	never grep 'now linked' <<<"$(said -5)"
	# An edit.
	id=$(message 4 hello)
	sim POST /sim/update "{\"edited_message\":{\"message_id\":$id,\"date\":1,\"edit_date\":2,\"text\":\"/link $mine\",
		\"chat\":{\"id\":4,\"type\":\"private\"},\"from\":{\"id\":4,\"is_bot\":false,\"first_name\":\"A\"}}}" >/dev/null
	wait_chat 4 'was edited is not used'
	deleted 4 "$id"
	# One that stays.
	sim POST /sim/fault '{"method":"deleteMessage","chat_id":5,"kind":"error","description":"Bad Request: message can'"'"'t be deleted"}' >/dev/null
	id=$(message 5 "/link $mine")
	wait_chat 5 'could not be deleted'
	never deleted 5 "$id"
	[[ $(api GET '/queue?user=*' | jq '.messages | length') == 0 ]]

	# Which of them it is nobody learns.
	try 6 "$revoked" 'This key is not valid.'
	expired() { tg-link key list | grep -q expired; }
	wait_until 5 expired
	try 7 "$old" 'This key is not valid.'
	try 6 $wrong 'This key is not valid.'
	try 6 $wrong 'Please wait 1 minute'
	try 6 "$mine" 'not looked at'
	try 6 too-short 'no key of the right form'
	try 7 "$mine" "now linked to $ME"
	spotless "$mine" "$other" "$old" "$revoked" $wrong
}

@test "a deep link links at once, once, and only for a while" {
	local token first other stale
	begin 'codes: {lifetime: 10m}'
	[[ $ME == root ]] || skip "needs to be an operator"
	# token [-u USER]: of a new link
	token() {
		tg-link "$@" start -q | grep -o 'start=.*' | cut -d= -f2
	}
	wait_until 10 token >/dev/null
	stale=$(token)
	first=$(token)
	# The one before is no longer valid; a person gets a code instead.
	ask 1 "/start $stale" 'no longer valid'
	wait_chat 1 'Your code is'
	ask 1 "/start $first" "now linked to $ME"
	ask 2 "/start $first" 'no longer valid'
	token=$(token)
	ask 1 "/start $token" "This chat is linked to $ME"
	ask 2 "/start $token" 'no longer valid'
	other=$(token -u $OTHER)
	ask 1 "/start $other" "now linked to $OTHER"
	ask 3 '/start ref=7' 'Your code is'
	never grep 'no longer' <<<"$(said 3)"
	spotless "$first" "$stale" "$token" "$other"
}

@test "/status tells what an account is and has" {
	begin
	link_account 1
	tg-link key new -q >/dev/null
	tg-link key new -q >/dev/null
	ask 1 /status 'Keys: 2'
	[[ $(said 1) == *"Account: $ME"$'\n'"Groups: $(id -gn)"*$'\n'"Linked since: 20"*" UTC"$'\n'"Keys: 2"* ]]
	ask 2 /status 'Access denied'
}

# A key service: it says who a key is of by how the key begins, and keeps what it was asked.
start_key_service() {
	cat >"$DIR/service.py" <<-'PY'
		import http.server, json, sys, threading, time
		directory, user = sys.argv[1:]
		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_POST(self):
		        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
		        with open(directory + "/asked", "a") as asked:
		            asked.write(json.dumps([body["telegram_chat_id"], body["telegram_username"],
		                                    body["api_key"], self.headers["Authorization"]]) + "\n")
		        kind = body["api_key"].split("-")[0]
		        if kind == "hang":
		            time.sleep(30)
		        status = {"wrong": 401, "gone": 404, "proxy": 404, "broken": 500}.get(kind, 200)
		        answer = {"good": {"username": user, "role": "x"}, "nobody": {"user": "no-such-account"},
		                  "wrong": {"error": "no"}, "gone": {},
		                  "empty": {}}.get(kind, "rubbish")
		        data = json.dumps(answer).encode() if kind not in ("text", "proxy") else b"hello"
		        self.send_response(status)
		        self.send_header("Content-Length", str(len(data)))
		        self.end_headers()
		        self.wfile.write(data)
		    def log_message(self, *args):
		        pass
		server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		server.daemon_threads = True
		with open(directory + "/service.port", "w") as port:
		    port.write(str(server.server_address[1]))
		server.serve_forever()
	PY
	make_dir
	start service python3 "$DIR/service.py" "$DIR" "$(id -un)"
	wait_until 10 has_content "$DIR/service.port"
}

@test "a key service that is away is never taken for one that says no" {
	local id end=-0123456789abcdefghij kind
	make_dir
	start_key_service
	(umask 077 && echo 'Bearer token' >"$DIR/secret")
	begin "codes: {tries: 2}
keys: {http: \"http://127.0.0.1:$(<"$DIR/service.port")/check\", timeout: 1s,
  headers: [{name: Authorization, value_file: $DIR/secret}]}"
	# The message goes while the service is still thinking.
	id=$(message 1 "/link hang$end")
	wait_until 5 deleted 1 "$id"
	[[ -z $(said 1) ]]
	wait_chat 1 'cannot be checked right now'
	for kind in broken text empty list proxy; do
		try 2 "$kind$end" 'cannot be checked right now'
	done
	try 2 "nobody$end" 'may not use this'
	# Nor does it wait for the one before it.
	for kind in hang broken; do
		jq -nc --arg text "/link $kind$end" --arg kind $kind '(if $kind == "hang" then 1 else 2 end) as $id |
			{update_id: $id, message: {message_id: $id, text: $text, chat: {id: 9, type: "private"}}}'
	done | tg-dispatch >"$DIR/out" 2>>"$DIR/dispatch.log"
	[[ $(jq -r '.message_id // .update_id' "$DIR/out" | xargs) == '1 2 1 2 2' ]]
	# None of these counts; two wrong ones do, and then it is not asked any more.
	try 2 "wrong$end" 'This key is not valid.'
	try 2 "gone$end" 'Please wait 1 minute'
	try 2 "good$end" 'not looked at'
	try 3 "good$end" "now linked to $ME"
	[[ $(tail -n 1 "$DIR/asked") == "[3, \"alice\", \"good$end\", \"Bearer token\"]" ]]
	[[ $(grep -c good "$DIR/asked") == 1 ]]
	stop service || true
	try 4 "good$end" 'cannot be checked right now'
	ask 4 /link 'Send your key'
	spotless "good$end" "wrong$end" "hang$end"
}
