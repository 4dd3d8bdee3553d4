#!/usr/bin/env bats
# Keys and deep links: whoever has one links a chat with its account, so who makes them, what is told of them
# and how they end is tried here from the shell and over the socket, against the real tg-sendd.

load helper

teardown() {
	stop_all
}

begin() {
	start_sim
	write_config "$(printf '%s\n' 'delivery: {overall_per_second: 0, chat_per_second: 0}' "$@")"
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

# rest STATUS METHOD PATH [JSON] [COMMAND PREFIX...]: the answer is on stdout, its status must be that.
rest() {
	local status=$1 method=$2 path=$3 body=${4-} answer
	shift $(($# < 4 ? $# : 4))
	answer=$("$@" curl -sS --max-time 30 --unix-socket "$SOCKET" -X "$method" -w '%{http_code}' \
		${body:+-d "$body"} "http://localhost$path")
	echo "${answer%???}"
	[[ ${answer: -3} == "$status" ]] || { echo "$method $path: ${answer: -3}" >&2; return 1; }
}

# link STATUS CHAT KEY [COMMAND PREFIX...]: POST /api/telegram/link.
link() {
	local status=$1 body
	body=$(jq -nc --argjson chat "$2" --arg key "$3" \
		'{telegram_chat_id: $chat, telegram_username: "@carol", api_key: $key}')
	shift 3
	rest "$status" POST /api/telegram/link "$body" "$@"
}

as_nobody() {
	setpriv --reuid nobody --regid nogroup --clear-groups "$@"
}

# Chats that Telegram knows, so that they can be told something.
meet() {
	local chat
	for chat; do
		say "$chat" hello "u$chat"
	done
}

@test "a key is made, listed, used and revoked, and nothing but the key is on stdout" {
	begin
	meet 7
	run --separate-stderr -0 tg-link key new --label 'my phone' --expires 30d
	[[ $output =~ ^tgk_[A-Za-z0-9_-]{43}$ && -z $stderr ]]
	key=$output
	# On a terminal it says what to do with it; that is not for a pipe.
	run -0 script -qec "tg-link key new -q" /dev/null </dev/null
	[[ ${#lines[@]} == 1 ]]
	run -0 script -qec "tg-link key new >$DIR/key" /dev/null </dev/null
	[[ $output == *'shown only now'* && $(wc -l <"$DIR/key") == 1 ]]
	run -0 tg-link key list
	[[ ${#lines[@]} == 3 && ${lines[0]} =~ ^1\ \ valid\ \ 20.*UTC\ \ 20.*UTC\ \ never\ \ my\ phone$ ]]
	[[ ${lines[1]} =~ ^2\ \ valid\ .*UTC\ \ never\ +never ]]
	run -0 script -qec "tg-link key list" /dev/null </dev/null
	[[ ${lines[0]} =~ ^ID\ +STATE\ +MADE\ +EXPIRES\ +USED\ +LABEL ]]

	link 200 7 "$key" | jq -e --arg me "$ME" --argjson uid "$(id -u)" '.telegram_chat_id == 7 and
		.telegram_username == "carol" and .user_id == $uid and .username == $me and .is_active and
		(.linked_at | test("^20..-..-..T..:..:..Z$"))' >/dev/null
	wait_chat 7 "linked to $ME"
	tg-link key list -j | jq -e '.keys[0] | .last_used_at != null and .label == "my phone" and (.expired | not)' >/dev/null

	run -0 tg-link key revoke 1
	[[ $output == 'Key revoked.' ]]
	never grep -q '^1 ' <(tg-link key list)
	fails 77 'has no key 1' tg-link key revoke 1
	[[ $(link 401 7 "$key") == '{"error":"Invalid API key"}' ]]
	# The chat stays linked, and the log says why the key did not work, but not what it is.
	tg-link -q status
	grep -q 'key tried.*chat=7.*outcome="revoked"' "$DIR/sendd.log"
	never grep -F "${key:4:20}" "$DIR"/*.log <(mdb_dump -a -p "$DIR/store")
}

@test "a wrong command line for keys and links is one line and exit code 64 or 65" {
	begin
	fails 64 'key goes on with new, list or revoke' tg-link key
	fails 64 'key goes on with new, list or revoke' tg-link key frobnicate
	fails 64 'too many arguments' tg-link key new phone
	fails 64 'the number of the key is missing' tg-link key revoke
	fails 64 'takes the number of a key' tg-link key revoke tgk_that_I_made_and_want_to_be_rid_of
	fails 64 'too many arguments' tg-link key revoke 1 2
	fails 64 'belong to key new' tg-link key list --label x
	fails 64 'belong to key new' tg-link start -e 1d
	fails 64 '--qr belongs to start' tg-link key new --qr
	fails 64 'takes a duration such as 30d' tg-link key new --expires soon
	fails 65 '"expires" must be a duration' tg-link key new --expires 9999d
	fails 65 '"expires" must be a duration' tg-link key new --expires 0s
	fails 65 '"label" must be one line' tg-link key new --label "$(printf 'a%.0s' {1..65})"
	fails 65 '"label" must be one line' tg-link key new --label $'two\nlines'
	[[ -z $(tg-link key list) ]]
	tg-link key new --label "$(printf 'ä%.0s' {1..32})" >/dev/null
	for _ in {2..20}; do
		api POST /api/telegram/keys '{}' >/dev/null
	done
	fails 69 'has 20 keys already; revoke one first' tg-link key new
}

@test "an expired key says no more than a wrong one, and guessing makes the chat wait" {
	begin 'codes: {tries: 3}'
	meet 7 8
	key=$(tg-link key new --expires 1s)
	valid=$(tg-link key new)
	wait_until 5 bash -c 'tg-link key list | grep -q "^1  expired"'
	# What cannot be a key is not counted as a try.
	for wrong in short "$(printf 'a%.0s' {1..101})" 'with spaces in it, and much else'; do
		[[ $(link 401 7 "$wrong") == '{"error":"Invalid API key"}' ]]
	done
	[[ $(link 401 7 "$key") == '{"error":"Invalid API key"}' ]]
	[[ $(link 401 7 "$key") == "$(link 401 7 tgk_that_somebody_made_up)" ]]
	link 429 7 "$valid" | jq -e '.error == "Too many wrong keys" and .retry_after > 55 and .retry_after <= 60' >/dev/null
	link 200 8 "$valid" >/dev/null
	grep -oE 'outcome="(expired|unknown|wait|taken)"' "$DIR/sendd.log" | sort -u | wc -l | grep -qx 4
}

@test "requests that are not well-formed change nothing" {
	local body
	begin
	key=$(tg-link key new)
	for body in '{"api_key":"'"$key"'"}' '{"telegram_chat_id":0,"api_key":"'"$key"'"}' \
		'{"telegram_chat_id":4503599627370496,"api_key":"'"$key"'"}' \
		'{"telegram_chat_id":-100123,"api_key":"'"$key"'"}' '{"telegram_chat_id":"7","api_key":"'"$key"'"}' \
		'{"telegram_chat_id":7}' '{"telegram_chat_id":7,"api_key":"'"$key"'","role":"admin"}' \
		'{"telegram_chat_id":7,"telegram_username":"a b","api_key":"'"$key"'"}' '[]' '{' ''; do
		rest 400 POST /api/telegram/link "$body" | jq -e '.error | length > 0'
	done
	rest 400 POST /api/telegram/keys '{"label":7}'
	rest 400 POST /api/telegram/keys '{"key":"mine"}'
	rest 400 POST /api/telegram/start '{"label":"x"}'
	rest 404 DELETE /api/telegram/keys/0
	rest 404 DELETE /api/telegram/keys/99999999999999999999
	rest 404 GET /api/telegram/status/-7
	rest 405 GET /api/telegram/link
	[[ $(tg-link list --json) == '{"links":[]}' ]]
}

@test "a chat has one account, and both are told when it moves" {
	begin
	[[ $ME == root ]] || skip "needs to be an operator"
	meet 1 2 3 4
	mine=$(tg-link key new)
	theirs=$(tg-link -u sync key new)
	link 200 1 "$mine" >/dev/null
	link 200 2 "$mine" >/dev/null
	wait_chat 1 'Another Telegram chat, @carol, is now linked to root'
	link 200 3 "$theirs" >/dev/null
	link 200 2 "$theirs" | jq -e '.username == "sync"' >/dev/null
	wait_chat 2 'linked to sync'
	wait_chat 1 'The Telegram chat @carol is no longer linked to root'
	wait_chat 3 'Another Telegram chat, @carol, is now linked to sync'
	never grep -F sync <(sim GET '/sim/chat?id=1')
	[[ $(tg-link status --json | jq -c '[.chats[].chat_id]') == '[1]' ]]
	# Codes and deep links move it as well.
	say 2 /start
	rest 200 GET /api/telegram/status/2 | jq -e '.linked and .username == "sync"' >/dev/null
	rest 200 DELETE /api/telegram/link/2 | jq -e .ok >/dev/null
	wait_chat 2 'Unlinked from sync'
	[[ $(rest 200 GET /api/telegram/status/2) == '{"linked":false}' ]]
	rest 404 DELETE /api/telegram/link/2
}

@test "who may do what: own keys, own chats, and those of others for front ends and operators" {
	begin 'access: {groups: [], front_ends: [nobody], operators: []}'
	[[ $ME == root ]] || skip "needs to be two accounts"
	chmod 711 "$DIR"
	meet 1 2
	key=$(tg-link key new)
	link 200 1 "$key" >/dev/null # the account of the service
	fails 77 'may not act for another user' tg-link -u daemon key new
	fails 77 'may not act for another user' tg-link -u daemon key list
	fails 77 'may not act for another user' tg-link -u daemon key revoke 1
	fails 77 'may not act for another user' tg-link -u daemon start
	# A front end acts for others.
	id=$(rest 200 POST /api/telegram/keys '{"user":"daemon"}' as_nobody | jq .id)
	rest 200 GET '/api/telegram/keys?user=daemon' '' as_nobody | jq -e '.keys | length == 1' >/dev/null
	rest 404 DELETE "/api/telegram/keys/$id" '' as_nobody
	rest 200 DELETE "/api/telegram/keys/$id?user=daemon" '' as_nobody
	link 200 1 "$key" as_nobody >/dev/null
	rest 200 GET /api/telegram/status/1 '' as_nobody | jq -e '.username == "root"' >/dev/null
	rest 200 GET /api/telegram/status/2 '' as_nobody | jq -e '.linked == false' >/dev/null

	# Anybody else has the own account alone, and learns nothing of other chats.
	sed -i 's/front_ends: \[nobody\]/front_ends: []/' "$CONFIG"
	kill -HUP "${PIDS[sendd]}"
	wait_until 5 rest 403 POST /api/telegram/keys '{"user":"daemon"}' as_nobody
	link 403 1 "$key" as_nobody
	for chat in 1 2; do
		[[ $(rest 403 GET /api/telegram/status/$chat '' as_nobody) == "$(rest 403 DELETE /api/telegram/link/$chat '' as_nobody)" ]]
	done
	own=$(rest 200 POST /api/telegram/keys '{"label":"mine"}' as_nobody | jq -r .key)
	rest 200 GET /api/telegram/keys '' as_nobody | jq -e '.keys[0].label == "mine"' >/dev/null
	# Its shell is nologin: the key is good, the account is not.
	[[ $(link 404 2 "$own") == *'account of this key is locked'* ]]
	rest 200 GET /api/telegram/status/1 | jq -e '.username == "root"' >/dev/null
	grep -q "^nobody:.*nologin" /etc/passwd

	sed -i 's/groups: \[\]/groups: [no-such-group]/' "$CONFIG"
	kill -HUP "${PIDS[sendd]}"
	wait_until 5 rest 403 POST /api/telegram/start '{}'
	rest 403 POST /api/telegram/keys '{}'
	[[ $(link 403 1 "$key") == *'not in a group'* ]]

	# Where another service has the keys, one of ours would open nothing.
	sed -i 's/groups: \[no-such-group\]/groups: []/' "$CONFIG"
	echo 'keys: {http: "http://127.0.0.1:1/"}' >>"$CONFIG"
	kill -HUP "${PIDS[sendd]}"
	wait_until 5 fails 69 'those of another service' tg-link key new
	link 501 1 "$key"
	tg-link key revoke 1
}

@test "tg-link start: a link that works once, drawn where there is a terminal" {
	local url
	start_sim
	write_config 'codes: {lifetime: 90s}'
	start_sendd
	fails 75 'the name of the bot is not known yet' tg-link start
	start_bot
	wait_until 10 tg-link start
	run --separate-stderr -0 tg-link start
	[[ $output =~ ^https://t\.me/tgtools_sim_bot\?start=[A-Za-z0-9_-]{32}$ && -z $stderr ]]
	tg-link start -j | jq -e '.ok and .expires_in == 90 and (.url | startswith("https://t.me/"))' >/dev/null
	# Half blocks, with colours on a terminal and without them in a pipe.
	run -0 tg-link start --qr
	[[ ${#lines[@]} -gt 18 && ${lines[1]} =~ ^█+$ && ${lines[4]} == *'▀'* && $output != *$'\e'* ]]
	run -0 script -qec "stty cols 80; tg-link start" /dev/null </dev/null
	[[ $output == *$'\e[38;5;231;48;5;16m█'* && $output == *'press Start'*'for 90 seconds.'* ]]
	run -0 script -qec "stty cols 30; tg-link start" /dev/null </dev/null
	[[ $output == *'too narrow for a QR code'* && $output != *'█'* ]]
	[[ $(tg-link -q start | wc -l) == 1 ]]
}
