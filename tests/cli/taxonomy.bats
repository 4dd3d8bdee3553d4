#!/usr/bin/env bats
# What becomes of a message after each thing that Telegram, or the way to it, may answer. A row is a fault, a
# message and what must come of it; each has a chat of its own, so that all rows run at once.

load helper

setup() {
	start_sim
}

teardown() {
	stop_all
}

# config [POLICY] [API_URL]: no pace; what has no answer after 2 s has none.
config() {
	local url=${2:-$SIM_URL}
	write_config "delivery: {overall_per_second: 0, chat_per_second: 0, group_per_minute: 0, policy: ${1:-at-least-once}, parallel: 100}"
	sed -i "s|^telegram: .*|telegram: {token_file: $DIR/token, api_url: \"$url\", timeout: 2s}|" "$CONFIG"
}

fault() {
	sim POST /sim/fault "$1" >/dev/null
}

# row WANT FAULT MESSAGE [TYPE]: the next chat gets the message, which meets the fault; {} is no fault.
# WANT: shown TEXT | twice TEXT | document NAME | text-file | gone | dead WORDS | uncertain WORDS
row() {
	local type=${4:-supergroup} chat=$((-1000 - ${#WANT[@]}))
	[[ $type == supergroup ]] || chat=$((-chat))
	sim POST /sim/chat "{\"chat_id\":$chat,\"type\":\"$type\"}" >/dev/null
	[[ $2 == '{}' ]] || fault "$(jq -c --argjson chat "$chat" '{method: "*", chat_id: $chat} + .' <<<"$2")"
	jq -c --argjson chat "$chat" '{method: "sendMessage", chat_id: $chat} + .' <<<"$3" >>"$DIR/rows"
	WANT+=("$1")
	CHATS+=("$chat")
}

send_rows() {
	[[ $(api POST /calls '' --data-binary "@$DIR/rows" | jq -c '[.results[].ok] | unique') == '[true]' ]]
	rm "$DIR/rows"
}

# Nothing waits any more.
settled() {
	api GET '/queue?user=*&limit=1000' >"$DIR/queue" &&
		jq -e 'all(.messages[]; .state == "dead" or .state == "uncertain")' "$DIR/queue" >/dev/null
}

# What a chat got from the bot: its texts, captions and documents, one a line.
got() {
	sim GET "/sim/chat?id=$1" | jq -r '.messages[] | select(.from == "bot" and .deleted != true) | (.text // empty), (.caption // empty),
		(if .document then "document " + .document.file_name else empty end), (if .photo then "photo" else empty end)'
}

# state CHAT: of its message in the queue and why it is there, or nothing.
state() {
	jq -r --argjson chat "$1" '.messages[] | select(.chat_id == $chat) | .state + " " + (.error // "")' "$DIR/queue"
}

# arrived WANT CHAT: whether it came about.
arrived() {
	local want=${1#* }
	case $1 in
	"shown "*) [[ $(got "$2") == "$want" && -z $(state "$2") ]] ;;
	"twice "*) [[ $(got "$2") == "$want"$'\n'"$want" && -z $(state "$2") ]] ;;
	"document "*) [[ $(got "$2") == *"document $want" && -z $(state "$2") ]] ;;
	text-file) [[ $(got "$2") == *document\ *.txt* && -z $(state "$2") ]] ;;
	gone) [[ -z $(state "$2") ]] ;;
	"dead "*) [[ $(state "$2") == "dead "*"$want"* && -z $(got "$2") ]] ;;
	"uncertain "*) [[ $(state "$2") == "uncertain "*"$want"* ]] ;;
	*) false ;;
	esac
}

check_rows() {
	local i failed=0
	wait_until "${1:-20}" settled || { jq -c '.messages[] | select(.state != "dead")' "$DIR/queue"; return 1; }
	for i in "${!WANT[@]}"; do
		arrived "${WANT[i]}" "${CHATS[i]}" && continue
		echo "wanted '${WANT[i]}', chat ${CHATS[i]} got '$(got "${CHATS[i]}")', queue '$(state "${CHATS[i]}")'"
		failed=1
	done
	return $failed
}

# error WORDS: an answer of Telegram with them.
error() {
	jq -nc --arg words "$2" --argjson status "$1" '{kind: "error", status: $status, description: $words}'
}

@test "each answer of Telegram to a message has its consequence" {
	local -a WANT=() CHATS=()
	local i words pictures
	head -c 5000 /dev/urandom >"$DIR/x.png"
	config
	start_sendd
	# It is Telegram's trouble, or the way's: again, until it arrives, once.
	row "shown a" '{"kind":"retry_after","seconds":1}' '{"text":"a"}'
	row "shown a" '{"kind":"retry_after","seconds":1}' '{"text":"a"}' private
	row "shown b" '{"kind":"http","status":502}' '{"text":"b"}'
	row "shown b" '{"kind":"http","status":503,"count":2}' '{"text":"b"}'
	row "shown b" "$(error 500 'Internal Server Error: restart')" '{"text":"b"}'
	row "shown b" "$(error 409 'Conflict: terminated by setWebhook request')" '{"text":"b"}'
	row "shown c" '{"kind":"close_before"}' '{"text":"c"}'
	row "shown c" '{"kind":"stall_before","ms":4000}' '{"text":"c"}'
	# An answer that was lost: it may come twice.
	row "twice d" '{"kind":"close_after"}' '{"text":"d"}'
	row "twice d" '{"kind":"close_middle"}' '{"text":"d"}'
	row "twice d" '{"kind":"stall","ms":4000}' '{"text":"d"}'
	row "shown d" '{"kind":"http","status":200}' '{"text":"d"}'
	# It is the message's form: again in another one.
	row "shown *e" '{}' '{"text":"*e","parse_mode":"MarkdownV2"}'
	row "shown e" "$(error 400 'Bad Request: ENTITY_BOUNDS_INVALID')" '{"text":"e","entities":[{"type":"bold","offset":0,"length":1}]}'
	row "text-file" "$(error 400 'Bad Request: message is too long')" '{"text":"f"}'
	row "text-file" '{}' "{\"text\":\"$(printf 'f%.0s' {1..5000})\"}"
	row "text-file" '{}' "{\"method\":\"sendDocument\",\"document\":\"file://$DIR/x.png\",\"caption\":\"$(printf 'f%.0s' {1..1100})\"}"
	row "document x.png" "$(error 400 'Bad Request: PHOTO_INVALID_DIMENSIONS')" "{\"method\":\"sendPhoto\",\"photo\":\"file://$DIR/x.png\"}"
	row "document x.png" '{}' "{\"method\":\"sendPhoto\",\"photo\":\"file://$DIR/x.png\"}"
	row "document x.png" "$(error 400 'Bad Request: file of size 13160455 bytes is too big for a photo; the maximum size is 10485760 bytes')" \
		"{\"method\":\"sendPhoto\",\"photo\":\"file://$DIR/x.png\"}"
	row "document x.png" "$(error 413 'Request Entity Too Large')" "{\"method\":\"sendPhoto\",\"photo\":\"file://$DIR/x.png\"}"
	row "shown g" "$(error 400 'Bad Request: message thread not found')" '{"text":"g","message_thread_id":7}'
	row "shown h" '{}' '{"text":"h","reply_parameters":{"message_id":999}}'
	row "shown h" '{}' '{"text":"h","reply_parameters":{"message_id":999,"allow_sending_without_reply":true}}'
	row "shown i" '{}' '{"method":"editMessageText","message_id":999,"text":"i"}'
	row "shown i" "$(error 400 "Bad Request: message can't be edited")" '{"method":"editMessageText","message_id":1,"text":"i"}'
	# It is so already.
	row "gone" "$(error 400 'Bad Request: message is not modified: specified new message content is the same')" \
		'{"method":"editMessageText","message_id":1,"text":"j"}'
	row "gone" '{}' '{"method":"deleteMessage","message_id":999}'
	# It will never succeed: kept with Telegram's words.
	row "dead larger than the Bot API server takes" "$(error 413 'Request Entity Too Large')" \
		"{\"method\":\"sendDocument\",\"document\":\"file://$DIR/x.png\"}"
	row "dead larger than the Bot API server takes" '{"kind":"http","status":413}' "{\"method\":\"sendDocument\",\"document\":\"file://$DIR/x.png\"}"
	for words in 'Bad Request: message text is empty' 'Bad Request: words of next year' 'Bad Request: chat not found' \
		'Bad Request: group chat was upgraded to a supergroup chat'; do
		row "dead $words" "$(error 400 "$words")" '{"text":"k"}'
	done
	for words in 'bot was blocked by the user' 'user is deactivated' 'bot was kicked from the group chat' \
		"bot can't initiate conversation with a user"; do
		row "dead Forbidden: $words" "$(error 403 "Forbidden: $words")" '{"text":"k"}'
	done
	send_rows
	check_rows
}

# waits_for CHAT WORDS: its message waits, for this reason.
waits_for() {
	api GET '/queue?user=*' | jq -e --argjson chat "$1" --arg words "$2" \
		'any(.messages[]; .chat_id == $chat and .state == "queued" and (.error // "" | contains($words)))' >/dev/null
}

# upload FILE: for a message that is yet to come; prints its handle.
upload() {
	api POST "/files?name=${1##*/}" '' --data-binary "@$1" | jq -er .file
}

@test "an album with one picture that Telegram refuses goes as documents, all of it" {
	local a b
	printf '\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0\x08\2\0\0\0\0\0\0\0' >"$DIR/a.png"
	head -c 5000 /dev/urandom >"$DIR/b.png"
	config
	start_sendd
	start_bot
	link_account 1
	wait_chat 1 'now linked'
	a=$(upload "$DIR/a.png")
	b=$(upload "$DIR/b.png")
	api POST /send "$(jq -nc --arg a "$a" --arg b "$b" '{text: "an album", files: [{file: $a, name: "a.png", kind: "photo"}, {file: $b, name: "b.png", kind: "photo"}]}')" |
		jq -e .ok
	wait_chat 1 'an album'
	[[ $(got 1 | grep -E '^(document|photo)') == "document a.png"$'\n'"document b.png" ]]
}

@test "a group that moved: what waits for it and what goes to its target arrive in the new one, after a restart too" {
	sim POST /sim/chat '{"chat_id":-5,"type":"group"}' >/dev/null
	sim POST /sim/chat '{"chat_id":-1005,"type":"supergroup"}' >/dev/null
	config
	echo "targets: [{name: ops, chat: -5, senders: [$(id -un)]}]" >>"$CONFIG"
	start_sendd
	to_ops() { api POST /send "{\"to\":\"@ops\",\"text\":\"$1\"}" | jq -e .ok >/dev/null; }
	fault '{"method":"*","chat_id":-5,"count":1,"kind":"retry_after","seconds":1}'
	to_ops one
	wait_until 5 waits_for -5 'Too Many'
	to_ops two
	api POST /calls '{"method":"sendMessage","chat_id":-5,"text":"three"}' >/dev/null
	fault '{"method":"*","chat_id":-5,"count":-1,"kind":"migrate","to":-1005}'
	sim GET '/sim/wait?chat=-1005&count=3&timeout_ms=10000' >/dev/null
	stop sendd
	start_sendd
	to_ops four
	sim GET '/sim/wait?chat=-1005&count=4&timeout_ms=10000' >/dev/null
	# A reply of the bot goes before notifications.
	[[ $(got -1005 | sort | paste -sd ' ') == "four one three two" && -z $(got -5) ]]
	[[ $(sim GET '/sim/chat?id=-5' | jq .requests) == 2 ]]
}

# send_as ACCOUNT TEXT: to the group that both may write to.
send_as() {
	setpriv --reuid "$1" --clear-groups --inh-caps=-all curl -sS --max-time 30 --unix-socket "$SOCKET" \
		-d "{\"to\":\"@ops\",\"text\":\"$2\"}" http://localhost/send | jq -e .ok >/dev/null
}

@test "a user who is held waits, behind another's message too" {
	[[ $EUID == 0 ]] || skip "needs root to send as somebody else"
	sim POST /sim/chat '{"chat_id":-5,"type":"supergroup"}' >/dev/null
	sim POST /sim/chat '{"chat_id":-6,"type":"supergroup"}' >/dev/null
	config
	echo "targets: [{name: ops, chat: -5, senders: [root, nobody]}]" >>"$CONFIG"
	chmod 711 "$DIR"
	start_sendd
	fault '{"method":"*","chat_id":-5,"kind":"retry_after","seconds":1}'
	send_as root one
	wait_until 5 waits_for -5 'Too Many'
	send_as nobody two
	send_as root three
	api POST /queue/hold '{"user":"nobody"}' | jq -e .ok
	wait_chat -5 one
	api POST /calls '{"method":"sendMessage","chat_id":-6,"text":"later"}' >/dev/null
	wait_chat -6 later
	[[ $(got -5) == one ]]
	api POST /queue/resume '{"user":"nobody"}' | jq -e .ok
	wait_chat -5 three
	[[ $(got -5) == one$'\n'two$'\n'three ]]
}

# paused CHAT: whether the link with it is.
paused() {
	api GET /api/telegram/status | jq -e --argjson chat "$1" 'any(.chats[]; .chat_id == $chat and .paused)' >/dev/null
}

@test "a chat that cannot be written to pauses its link, another refusal does not; /start resumes it" {
	local chat=0 words
	config
	start_sendd
	start_bot
	while read -r status words; do
		chat=$((chat + 1))
		link_account $chat >/dev/null
		wait_chat $chat 'now linked'
		fault "$(error "$status" "$words" | jq -c --argjson chat $chat '. + {chat_id: $chat, count: -1, method: "*"}')"
	done <<-ROWS
		403 Forbidden: bot was blocked by the user
		403 Forbidden: user is deactivated
		403 Forbidden: bot was kicked from the group chat
		403 Forbidden: bot can't initiate conversation with a user
		400 Bad Request: chat not found
		400 Bad Request: words of next year
	ROWS
	tg-send "to all of them"
	for chat in 1 2 3 4 5; do
		wait_until 5 paused $chat
	done
	wait_until 5 settled
	never paused 6
	[[ $(jq '.messages | length' "$DIR/queue") == 6 ]]
	sim DELETE /sim/fault >/dev/null
	say 1 /start
	wait_chat 1 'arrive here again'
	never paused 1
	tg-send "to two of them"
	wait_chat 1 'to two of them'
	wait_chat 6 'to two of them'
	for chat in 1 6; do
		say $chat /unlink
		wait_chat $chat Unlinked
	done
	run -77 --separate-stderr tg-send "to nobody"
}

@test "a token that is refused, 401 or 404, stops everything, keeps it and says so" {
	local status words requests
	config
	sim POST /sim/chat '{"chat_id":1,"type":"private"}' >/dev/null
	sim POST /sim/chat '{"chat_id":2,"type":"private"}' >/dev/null
	while read -r status words; do
		start_sendd
		fault "$(error "$status" "$words" | jq -c '. + {count: -1, method: "*"}')"
		api POST /calls '{"method":"sendMessage","chat_id":1,"text":"kept"}' >/dev/null
		refused() { api GET /health | jq -e '.status == "Telegram refuses the token"' >/dev/null; }
		wait_until 5 refused
		requests=$(sim GET /sim/stats | jq .requests)
		api POST /calls '{"method":"sendMessage","chat_id":2,"text":"kept"}' >/dev/null
		wait_until 5 grep -q 'refuses the token; everything waits, next try in 60 s' "$DIR/sendd.log"
		[[ $(sim GET /sim/stats | jq .requests) == "$requests" ]]
		sim DELETE /sim/fault >/dev/null
		stop sendd
		: >"$DIR/sendd.log"
	done <<-ROWS
		401 Unauthorized
		404 Not Found
	ROWS
	start_sendd
	wait_until 5 settled
	[[ $(got 1) == kept$'\n'kept && $(got 2) == kept$'\n'kept ]]
}

@test "at-most-once: what may have been delivered is not sent again, what was not is" {
	local -a WANT=() CHATS=()
	config at-most-once
	start_sendd
	row "uncertain closed" '{"kind":"close_after"}' '{"text":"a"}'
	row "uncertain closed" '{"kind":"close_before"}' '{"text":"a"}'
	row "uncertain no answer in time" '{"kind":"stall","ms":4000}' '{"text":"a"}'
	row "uncertain HTTP 200" '{"kind":"http","status":200}' '{"text":"a"}'
	row "shown b" '{"kind":"http","status":502}' '{"text":"b"}'
	row "shown b" '{"kind":"retry_after","seconds":1}' '{"text":"b"}'
	send_rows
	check_rows
}

# Two ports: one that takes no connection any more, one that knows no TLS. Prints their numbers.
start_bad_ports() {
	start ports python3 -c '
import socket
full = socket.socket(); full.bind(("127.0.0.1", 0)); full.listen(0)
held = []
for i in range(3):
    s = socket.socket(); s.setblocking(False); s.connect_ex(full.getsockname()); held.append(s)
plain = socket.socket(); plain.bind(("127.0.0.1", 0)); plain.listen(10)
print(full.getsockname()[1], plain.getsockname()[1], flush=True)
while True:
    s, _ = plain.accept(); s.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"); s.close()' >"$DIR/ports"
	wait_until 5 has_content "$DIR/ports"
	read -r FULL PLAIN <"$DIR/ports"
}

@test "whatever is wrong on the way, messages wait and say why, and arrive when the way is free" {
	local url words FULL PLAIN chat=0
	start_bad_ports
	config at-most-once http://127.0.0.1:1
	start_sendd
	while read -r url words; do
		chat=$((chat + 1))
		sim POST /sim/chat "{\"chat_id\":$chat,\"type\":\"private\"}" >/dev/null
		config at-most-once "$url"
		: >"$DIR/sendd.log"
		kill -HUP "${PIDS[sendd]}"
		wait_until 5 grep -q 'configuration reloaded' "$DIR/sendd.log"
		api POST /calls "{\"method\":\"sendMessage\",\"chat_id\":$chat,\"text\":\"at last\"}" >/dev/null
		wait_until 10 waits_for $chat "$words"
	done <<-ROWS
		http://127.0.0.1:1 the server cannot be connected
		http://nothing.invalid the server's name cannot be resolved
		https://127.0.0.1:$PLAIN the TLS handshake failed
		http://127.0.0.1:$FULL the server cannot be connected
	ROWS
	config at-most-once
	kill -HUP "${PIDS[sendd]}"
	wait_until 20 settled
	for chat in 1 2 3 4; do
		[[ $(got $chat) == 'at last' ]]
	done
}

@test "when Telegram answers again, all that waited for it goes at once" {
	local chat start
	config
	start_sendd
	for chat in $(seq 20); do
		sim POST /sim/chat "{\"chat_id\":$chat,\"type\":\"private\"}" >/dev/null
	done
	fault '{"method":"*","count":-1,"kind":"http","status":502}'
	for chat in $(seq 20); do
		echo "{\"method\":\"sendMessage\",\"chat_id\":$chat,\"text\":\"x\"}"
	done >"$DIR/calls.in"
	api POST /calls '' --data-binary "@$DIR/calls.in" >/dev/null
	tried() { api GET '/queue?user=*' | jq -e 'all(.messages[]; .attempts >= 3)' >/dev/null; }
	wait_until 20 tried
	sim DELETE /sim/fault >/dev/null
	# Each waits 2 to 4 s on its own; the first to arrive ends that for all.
	sim GET '/sim/wait?delivered=1&timeout_ms=9000' >/dev/null
	start=$EPOCHREALTIME
	sim GET '/sim/wait?delivered=20&timeout_ms=9000' >/dev/null
	((${EPOCHREALTIME/./} - ${start/./} < 1000000))
}

@test "a 429 of one chat holds up that chat, of three or of no chat the whole bot" {
	local chat start
	config
	start_sendd
	for chat in 1 2 3 4 5; do
		sim POST /sim/chat "{\"chat_id\":$chat,\"type\":\"private\"}" >/dev/null
	done
	message() { api POST /calls "{\"method\":\"sendMessage\",\"chat_id\":$1,\"text\":\"x\"}" >/dev/null; }
	waits() { api GET '/queue?user=*' | jq -e --argjson chat "$1" 'any(.messages[]; .chat_id == $chat and .attempts == 1 and .state == "queued")' >/dev/null; }
	for chat in 1 2; do
		fault "{\"method\":\"*\",\"chat_id\":$chat,\"kind\":\"retry_after\",\"seconds\":3}"
		message $chat
		wait_until 5 waits $chat
	done
	message 4
	wait_chat 4 x 1500
	fault '{"method":"*","chat_id":3,"kind":"retry_after","seconds":4}'
	message 3
	wait_until 5 waits 3
	start=$EPOCHREALTIME
	message 5
	wait_chat 5 x
	((${EPOCHREALTIME/./} - ${start/./} > 2000000))
	# No chat is to blame for this one.
	fault '{"method":"answerCallbackQuery","kind":"retry_after","seconds":2}'
	api POST /calls '{"method":"answerCallbackQuery","callback_query_id":"1"}' >/dev/null
	sim GET '/sim/wait?method=answerCallbackQuery&count=1&timeout_ms=5000' >/dev/null
	wait_until 5 waits 0
	start=$EPOCHREALTIME
	message 5
	sim GET '/sim/wait?chat=5&count=2&timeout_ms=15000' >/dev/null
	((${EPOCHREALTIME/./} - ${start/./} > 1000000))
	wait_until 10 settled
}
