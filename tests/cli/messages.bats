#!/usr/bin/env bats
# What a person's message becomes on the phone: in parts or as a file, formatted, in the place of the one
# before, later, or not at all; and that all of it holds over a restart.

load helper

teardown() {
	stop_all
}

NO_PACE='overall_per_second: 0, chat_per_second: 0, group_per_minute: 0'

# begin [DELIVERY [YAML]]: chat 1 is linked with the caller.
begin() {
	start_sim
	write_config "delivery: {$NO_PACE${1:+, $1}}
${2-}"
	start_sendd
	start_bot
	link_account 1 >/dev/null
	wait_chat 1 linked
	stop_bot
	ME=$(id -un)
	FIRST=$(sim GET '/sim/chat?id=1' | jq '[.messages[].message_id] | max')
}

# send JSON [curl options]: prints the id, or the answer where there is none.
send() {
	local body=$1
	shift
	api POST /send "$body" "$@" | jq -r '.id // .'
}

# What the chat shows of the bot's since it was linked, one object a line.
shown() {
	sim GET "/sim/chat?id=${1:-1}&after=${FIRST:-0}" | jq -c '.messages[] | select(.from == "bot" and .deleted != true)'
}

texts() {
	shown "$@" | jq -r '(.text // .caption // "") + (if .document then " document " + .document.file_name else "" end)
		+ (if .photo then " photo " + .photo.file_name else "" end)'
}

# state ID: of a message, wherever it is; "" where nobody knows it.
state() {
	api GET "/queue/$1" | jq -r '.state // ""'
}

state_is() {
	[[ $(state "$1") == "$2" ]]
}

wait_state() {
	wait_until 15 state_is "$1" "$2" || { api GET "/queue/$1" >&2; return 1; }
}

# Nothing is queued any more.
settled() {
	api GET '/queue?user=*' | jq -e 'all(.messages[]; .state == "dead" or .state == "uncertain" or .state == "scheduled")' >/dev/null
}

wait_settled() {
	wait_until "${1:-15}" settled || { api GET '/queue?user=*' >&2; return 1; }
}

fault() {
	sim POST /sim/fault "$1" >/dev/null
}

# Telegram is away until `back`.
away() {
	fault '{"method":"*","count":-1,"kind":"http","status":502}'
}

back() {
	sim DELETE /sim/fault >/dev/null
}

restart() {
	stop sendd "${1:-TERM}" || [[ $? == 137 ]]
	start_sendd
}

# hold, resume [JSON]: an operator's.
hold() {
	api POST /queue/hold "${1-}" | jq -e .ok >/dev/null
}

resume() {
	api POST /queue/resume "${1-}" | jq -e .ok >/dev/null
}

# picture FILE [SHADE]: a PNG of one pixel.
picture() {
	python3 - "$1" "${2:-0}" <<-'PY'
		import struct, sys, zlib
		def chunk(kind, data):
		    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
		with open(sys.argv[1], "wb") as file:
		    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
		               + chunk(b"IDAT", zlib.compress(bytes([0, int(sys.argv[2])]))) + chunk(b"IEND", b""))
	PY
}

# stage FILE [NAME [curl options]]: prints what it is called now.
stage() {
	api POST "/files?name=${2:-${1##*/}}" '' -H 'Content-Type: application/octet-stream' --data-binary "@$1" "${@:3}" | jq -r '.file // .'
}

# Another account, with chat 2.
link_daemon() {
	start_bot
	say 2 /start
	wait_chat 2 code
	tg-link -q -u daemon verify "$(sim GET '/sim/chat?id=2' | grep -oE '\b[0-9]{6}\b' | tail -n 1)"
	stop_bot
}

# ---- text ----

@test "a long text comes in numbered parts, a longer one as a document with its first lines" {
	begin
	seq -f 'line %05g of the text, which goes on for a while' 200 | jq -Rsc '{text: .}' >"$DIR/body"
	api POST /send '' -H 'Content-Type: application/json' --data-binary "@$DIR/body" >"$DIR/answer"
	jq -e '.ok and (.ids | length) == 3 and .id == .ids[0]' "$DIR/answer"
	wait_state "$(jq '.ids[2]' "$DIR/answer")" delivered
	shown | jq -r .text >"$DIR/shown"
	[[ $(grep -c '^(./3)$' "$DIR/shown") == 3 || $(grep -c '(./3)' "$DIR/shown") == 3 ]]
	# Nothing is lost at a seam.
	diff <(grep -o 'line [0-9]* of the text, which goes on for a while' "$DIR/shown") \
		<(seq -f 'line %05g of the text, which goes on for a while' 200)
	shown | jq -e '.text | length <= 4096' >/dev/null

	FIRST=$(shown | jq .message_id | tail -n 1)
	seq -f 'line %05g of the text, which goes on for a while' 1000 | jq -Rsc '{text: .}' >"$DIR/body"
	wait_state "$(api POST /send '' -H 'Content-Type: application/json' --data-binary "@$DIR/body" | jq .id)" delivered
	shown >"$DIR/shown"
	jq -e '.document.file_name == "message.txt" and (.caption | startswith("line 00001 of")) and (.caption | length) <= 1024' "$DIR/shown"
	[[ $(jq -r .document.sha256 "$DIR/shown") == $(seq -f 'line %05g of the text, which goes on for a while' 1000 | sha256sum | cut -d' ' -f1) ]]
}

@test "how many parts there may be is configured" {
	begin 'text_parts: 1'
	head -c 5000 /dev/zero | tr '\0' 'x' | jq -Rsc '{text: .}' >"$DIR/body"
	wait_state "$(api POST /send '' -H 'Content-Type: application/json' --data-binary "@$DIR/body" | jq .id)" delivered
	[[ $(texts) == *' document message.txt' ]]
}

@test "each format arrives as text and entities" {
	local row want body
	begin
	while IFS='|' read -r body want; do
		FIRST=$(sim GET '/sim/chat?id=1' | jq '[.messages[].message_id] | max')
		wait_state "$(send "$body")" delivered
		shown | jq -c '[.text, [.entities[]? | [.type, .offset, .length] + (if .url then [.url] else [] end)
			+ (if .language then [.language] else [] end)]]' >"$DIR/got"
		echo "$body: $(<"$DIR/got")"
		[[ $(<"$DIR/got") == "$want" ]]
	done <<-'ROWS'
		{"text":"a *b* <b>c</b> _d_"}|["a *b* <b>c</b> _d_",[]]
		{"text":"a **b** `c`","parse_mode":"markdown"}|["a b c",[["bold",2,1],["code",4,1]]]
		{"text":"snake_case_name *and 5 * 3","parse_mode":"Markdown"}|["snake_case_name *and 5 * 3",[]]
		{"text":"[t](https://example.org/)","parse_mode":"markdown"}|["t",[["text_link",0,1,"https://example.org/"]]]
		{"text":"a <b>b</b> <x>c</x> & d","parse_mode":"HTML"}|["a b <x>c</x> & d",[["bold",2,1]]]
		{"text":"a <b> b","parse_mode":"pre"}|["a <b> b",[["pre",0,7]]]
		{"text":"int a;","parse_mode":"pre","lang":"c"}|["int a;",[["pre",0,6,"c"]]]
		{"text":"a *b*\\.","parse_mode":"MarkdownV2"}|["a b.",[["bold",2,1]]]
		{"text":"😀x","title":"Disk"}|["Disk\n😀x",[["bold",0,4]]]
		{"text":"\u001b[31mred\u001b[0m\u0007 and \u001b]0;title\u0007plain"}|["red and plain",[]]
	ROWS
}

@test "a text that is empty, or of a format that nobody knows, is refused" {
	begin
	[[ $(send '{"text":""}' | jq -r .error) == *text* ]]
	[[ $(send '{"text":"\u001b[0m"}' | jq -r .error) == *'"text" is empty'* ]]
	[[ $(send '{"text":"x","parse_mode":"rtf"}' | jq -r .error) == *parse_mode* ]]
	[[ -z $(shown) ]]
}

# ---- what has the same key ----

@test "the newest under a key wins also where the one before has less urgency" {
	begin
	hold
	first=$(send '{"text":"old","key":"k","bulk":true}')
	[[ $(send '{"text":"new","key":"k"}') == "$first" ]]
	resume
	wait_settled
	[[ $(texts) == new ]]
	# The one before fails, and waits for its next try behind nobody.
	fault '{"method":"editMessageText","kind":"http","status":502,"count":1}'
	send '{"text":"older","key":"k","bulk":true}' >/dev/null
	send '{"text":"newest","key":"k"}' >/dev/null
	wait_settled
	[[ $(texts) == newest ]]
}

@test "of what waits under a key only the newest is sent" {
	local first
	begin
	hold
	first=$(send '{"text":"1 %","key":"load"}')
	[[ $(send '{"text":"2 %","key":"load"}') == "$first" ]]
	send '{"text":"other"}' >/dev/null
	[[ $(send '{"text":"3 %","key":"load"}') == "$first" ]]
	[[ $(api GET /queue | jq '.messages | length') == 2 ]]
	restart
	[[ $(api GET "/queue/$first" | jq -r .text) == '3 %' ]]
	resume
	wait_settled
	[[ $(texts) == $'3 %\nother' ]]
	tg-sendd --check-store
}

@test "what was sent under a key is edited in place, whatever it is" {
	local id
	begin
	picture "$DIR/a.png" 1
	picture "$DIR/b.png" 2
	wait_state "$(send '{"text":"1 %","key":"load"}')" delivered
	id=$(shown | jq .message_id)
	wait_state "$(send '{"text":"**2** %","key":"load","parse_mode":"markdown"}')" delivered
	[[ $(shown | jq -c '[.message_id, .text, .entities[0].type]') == "[$id,\"2 %\",\"bold\"]" ]]
	# A text becomes a picture, and that another one.
	restart
	photo() { api POST "/send_photo?key=load&caption=$2&file_name=$1" '' -H 'Content-Type: image/png' --data-binary "@$DIR/$1" | jq .id; }
	wait_state "$(photo a.png now)" delivered
	[[ $(shown | jq -c '[.message_id, .caption, .photo.sha256]') == "[$id,\"now\",\"$(sha256sum <"$DIR/a.png" | cut -d' ' -f1)\"]" ]]
	wait_state "$(photo b.png later)" delivered
	[[ $(shown | jq -c '[.message_id, .caption, .photo.sha256]') == "[$id,\"later\",\"$(sha256sum <"$DIR/b.png" | cut -d' ' -f1)\"]" ]]
	# No text can take the place of a picture: the old message goes, a new one comes.
	wait_state "$(send '{"text":"4 %","key":"load"}')" delivered
	wait_settled
	[[ $(shown | jq -c '[.message_id > '"$id"', .text]') == '[true,"4 %"]' ]]
	# The same once more is no error.
	wait_state "$(send '{"text":"4 %","key":"load"}')" delivered
	[[ $(texts) == '4 %' ]]
	[[ -z $(ls -A "$DIR/store/spool") ]]
	tg-sendd --check-store
}

@test "a key is one account's own, and its chat's" {
	begin
	wait_state "$(send '{"text":"a","key":"load"}')" delivered
	wait_state "$(send '{"text":"b","key":"load2"}')" delivered
	wait_state "$(send '{"text":"c","key":"loa"}')" delivered
	[[ $(texts) == $'a\nb\nc' ]]
}

@test "fewer parts than before leave nothing of the longer text behind" {
	begin
	seq -f 'line %05g of the text, which goes on for a while' 200 | jq -Rsc '{text: ., key: "report"}' >"$DIR/body"
	wait_state "$(api POST /send '' -H 'Content-Type: application/json' --data-binary "@$DIR/body" | jq '.ids[2]')" delivered
	[[ $(shown | wc -l) == 3 ]]
	wait_state "$(send '{"text":"short","key":"report"}')" delivered
	wait_settled
	[[ $(texts) == short ]]
	# And more again.
	wait_state "$(api POST /send '' -H 'Content-Type: application/json' --data-binary "@$DIR/body" | jq '.ids[2]')" delivered
	[[ $(shown | wc -l) == 3 ]]
	tg-sendd --check-store
}

@test "what cannot be edited any more is sent anew" {
	local words
	begin
	for words in 'message to edit not found' "message can't be edited" 'MESSAGE_ID_INVALID'; do
		FIRST=$(sim GET '/sim/chat?id=1' | jq '[.messages[].message_id] | max')
		wait_state "$(send "{\"text\":\"old\",\"key\":\"$words\"}")" delivered
		fault "{\"method\":\"editMessageText\",\"kind\":\"error\",\"status\":400,\"description\":\"Bad Request: $words\"}"
		wait_state "$(send "{\"text\":\"new\",\"key\":\"$words\"}")" delivered
		[[ $(texts) == $'old\nnew' ]]
		# The new one is what is edited from now on.
		wait_state "$(send "{\"text\":\"newer\",\"key\":\"$words\"}")" delivered
		[[ $(texts) == $'old\nnewer' ]]
	done
}

@test "reply_to answers what was sent under that key, and nothing where there is none" {
	local id
	begin
	wait_state "$(send '{"text":"alarm","key":"disk"}')" delivered
	id=$(shown | jq .message_id)
	wait_state "$(send '{"text":"cleared","reply_to":"disk"}')" delivered
	[[ $(shown | tail -n 1 | jq -c '[.text, .reply_to]') == "[\"cleared\",$id]" ]]
	wait_state "$(send '{"text":"alone","reply_to":"nothing"}')" delivered
	[[ $(shown | tail -n 1 | jq -c '[.text, .reply_to]') == '["alone",null]' ]]
	# Both were waiting when the second came.
	hold
	send '{"text":"a","key":"k"}' >/dev/null
	id=$(send '{"text":"b","reply_to":"k"}')
	resume
	wait_state "$id" delivered
	shown | tail -n 2 | jq -se '.[1].reply_to == .[0].message_id'
}

@test "delete takes back what is delivered, what waits and what is scheduled" {
	local id
	begin
	taken() { api POST /delete "{\"key\":\"$1\"}" | jq -c .; }
	[[ $(taken k) == '{"error":"nothing is known under the key '"'k'"'"}' ]]
	wait_state "$(send '{"text":"delivered","key":"k"}')" delivered
	[[ $(taken k) == '{"ok":true,"deleted":1}' ]]
	wait_settled
	[[ -z $(texts) ]]
	hold
	id=$(send '{"text":"waits","key":"k"}')
	[[ $(taken k) == '{"ok":true,"deleted":1}' && -z $(state "$id") ]]
	id=$(send '{"text":"scheduled","key":"k","in":"1h"}')
	[[ $(taken k) == '{"ok":true,"deleted":1}' && -z $(state "$id") ]]
	resume
	wait_settled
	[[ -z $(texts) && $(api GET /queue) == '{"messages":[]}' ]]
	# What comes afterwards under the key is new.
	wait_state "$(send '{"text":"again","key":"k"}')" delivered
	[[ $(texts) == again ]]
	# At once behind it, before the deletion is carried out.
	hold
	[[ $(taken k) == '{"ok":true,"deleted":1}' ]]
	id=$(send '{"text":"after it","key":"k"}')
	resume
	wait_state "$id" delivered
	[[ $(texts) == 'after it' ]]
	# It was deleted by hand meanwhile.
	fault '{"method":"deleteMessage","kind":"error","status":400,"description":"Bad Request: message to delete not found"}'
	[[ $(taken k) == '{"ok":true,"deleted":1}' ]]
	wait_settled
	[[ $(api GET /queue) == '{"messages":[]}' ]]
	tg-sendd --check-store
}

@test "what was sent to a target is taken back there and nowhere else" {
	begin '' 'targets: [{name: ops, chat: -7, senders: ["*"]}]'
	sed -i "s/\"\\*\"/$ME/" "$CONFIG"
	restart
	sim POST /sim/chat '{"chat_id":-7,"type":"supergroup"}' >/dev/null
	hold
	send '{"text":"here","key":"k","in":"1h"}' >"$DIR/here"
	send '{"text":"there","key":"k","in":"1h","to":"@ops"}' >"$DIR/there"
	[[ $(api POST /delete '{"key":"k","to":"@ops"}' | jq .deleted) == 1 ]]
	state_is "$(<"$DIR/here")" scheduled
	[[ -z $(state "$(<"$DIR/there")") ]]
	resume
	wait_state "$(send '{"text":"to all","key":"k","to":"@ops"}')" delivered
	wait_state "$(send '{"text":"to me","key":"k"}')" delivered
	# Without a target it is the caller's own chats.
	[[ $(api POST /delete '{"key":"k"}' | jq .deleted) == 2 ]]
	wait_settled
	[[ $(FIRST=0 texts -7) == 'to all' && -z $(texts) ]]
	[[ $(api POST /delete '{"key":"k","to":"ops"}' | jq .deleted) == 1 ]]
	wait_settled
	[[ -z $(FIRST=0 texts -7) && $(api GET /queue) == '{"messages":[]}' ]]
}

# ---- later ----

@test "in and at are kept over a restart and leave in the order of their times" {
	local third second first
	begin
	third=$(send "{\"text\":\"third\",\"at\":\"$(date -u -d '+4 seconds' +%FT%TZ)\"}")
	second=$(send '{"text":"second","in":"2s"}')
	first=$(send '{"text":"first"}')
	gone=$(send '{"text":"never","in":"2s"}')
	state_is "$third" scheduled
	[[ $(api GET "/queue/$second" | jq -r '.next_attempt_at') == 20*Z ]]
	[[ $(api GET /health | jq .scheduled) == 3 ]]
	[[ $(api DELETE "/queue/$gone" | jq .ok) == true ]]
	restart KILL
	wait_state "$first" delivered
	wait_state "$third" delivered
	[[ $(texts) == $'first\nsecond\nthird' ]]
	[[ $(api GET /queue) == '{"messages":[]}' ]]
}

@test "a time that is past is now; both times, or one that is none, are refused" {
	begin
	wait_state "$(send '{"text":"past","at":"2020-01-31T18:00:00Z"}')" delivered
	[[ $(send '{"text":"x","at":"2030-01-31T18:00:00Z","in":"1h"}' | jq -r .error) == *exclude* ]]
	[[ $(send '{"text":"x","at":"18:00"}' | jq -r .error) == *'2026-01-31T18:00:00Z'* ]]
	[[ $(send '{"text":"x","in":"2 weeks"}' | jq -r .error) == *duration* ]]
	[[ $(send '{"text":"x","in":"1000d"}' | jq -r .error) == *'too long'* ]]
}

@test "a scheduled message is sent at once where somebody asks for it" {
	local id
	begin
	id=$(send '{"text":"now, please","in":"1h"}')
	[[ $(api POST "/queue/$id/retry" | jq .ok) == true ]]
	wait_state "$id" delivered
}

# ---- waiting for what becomes of it ----

@test "wait answers with what became of the message" {
	local id
	begin
	send() { api POST /send "$1" | jq -c 'del(.id, .ids)'; }
	[[ $(send '{"text":"x","wait":"10s"}') == '{"ok":true,"state":"delivered"}' ]]
	[[ $(send '{"text":"x","wait":"1s","in":"1h"}') == '{"ok":true,"state":"scheduled"}' ]]
	fault '{"method":"sendMessage","kind":"error","status":400,"description":"Bad Request: not this"}'
	[[ $(send '{"text":"x","wait":"10s"}') == '{"ok":true,"state":"dead","error":"Bad Request: not this"}' ]]
	away
	[[ $(send '{"text":"x","wait":"1s"}') == '{"ok":true,"state":"'@(queued|started)'","error":"HTTP 502"}' ]]
	id=$(api GET /queue | jq '.messages[-1].id')
	# It may just be tried again.
	[[ $(api GET "/queue/$id?wait=0s" | jq -r .state) == @(queued|started) ]]
	[[ $(api GET "/queue/$id?wait=1s" | jq -r .state) == @(queued|started) ]]
	api GET "/queue/$id?wait=1m" >"$DIR/waited" &
	back
	wait $!
	jq -e '.state == "delivered" and .message_id > 0 and (.delivered_at | endswith("Z"))' "$DIR/waited"
	[[ $(send '{"text":"x","wait":"6m"}') == *'"error"'* ]]
	[[ $(api GET "/queue/$id?wait=1h" | jq -r .error) == *'at most 5m'* ]]
	[[ $(api GET '/queue/999999?wait=1m' | jq -r .error) == *'no such message'* ]]
}

@test "who waits is told when the message is taken back" {
	local id
	begin
	hold
	id=$(send '{"text":"x"}')
	api GET "/queue/$id?wait=1m" >"$DIR/one" &
	one=$!
	api POST /send '{"text":"y","wait":"1m"}' >"$DIR/two" &
	two=$!
	queued() { [[ $(api GET /queue | jq '.messages | length') == 2 ]]; }
	wait_until 10 queued
	[[ $(api DELETE /queue | jq .cancelled) == 2 ]]
	wait $one $two
	cat "$DIR/one" "$DIR/two"
	jq -e .error "$DIR/one"
	jq -e '.state == "cancelled"' "$DIR/two"
}

@test "a client that leaves while it waits is forgotten; one that waits at a restart is told, and may ask again" {
	local id
	begin
	away
	for _ in 1 2 3; do
		run -28 api POST /send '{"text":"leaves","wait":"1m"}' --max-time 0.3
	done
	id=$(api GET /queue | jq '.messages[0].id')
	run -28 api GET "/queue/$id?wait=1m" '' --max-time 0.3
	api POST /send '{"text":"stays","wait":"1m"}' -H 'Idempotency-Key: once' >"$DIR/waited" &
	waiting() { [[ $(api GET /queue | jq '.messages | length') == 4 ]]; }
	wait_until 10 waiting
	stop sendd
	wait $!
	jq -e '.ok and .state == "queued"' "$DIR/waited"
	start_sendd
	back
	[[ $(api POST /send '{"text":"stays","wait":"30s"}' -H 'Idempotency-Key: once' | jq -c '[.id, .state]') == "[$(jq .id "$DIR/waited"),\"delivered\"]" ]]
	wait_settled
	[[ $(texts | grep -c stays) == 1 ]]
}

# ---- files ----

@test "several pictures are one album, other files another, and all leave the disk" {
	local files='' n
	begin
	for n in 1 2 3; do
		picture "$DIR/$n.png" $n
		files+="{\"file\":\"$(stage "$DIR/$n.png")\",\"kind\":\"photo\"},"
	done
	echo one >"$DIR/a.log"
	echo two >"$DIR/b.log"
	files+="{\"file\":\"$(stage "$DIR/a.log")\"},{\"file\":\"$(stage "$DIR/b.log")\",\"name\":\"other.log\"}"
	restart
	api POST /send "{\"text\":\"the **week**\",\"parse_mode\":\"markdown\",\"files\":[$files]}" >"$DIR/answer"
	[[ $(jq '.ids | length' "$DIR/answer") == 2 ]]
	wait_state "$(jq '.ids[1]' "$DIR/answer")" delivered
	shown | jq -sc '[.[] | [.photo.file_name // .document.file_name, .caption, .entities[0].type, .media_group_id != null]]' >"$DIR/got"
	cat "$DIR/got"
	[[ $(<"$DIR/got") == '[["1.png","the week","bold",true],["2.png",null,null,true],["3.png",null,null,true],["a.log",null,null,true],["other.log",null,null,true]]' ]]
	[[ -z $(ls -A "$DIR/store/spool") ]]
	tg-sendd --check-store
}

@test "a file that is staged serves once, and only who staged it" {
	local file
	begin
	echo x >"$DIR/a.log"
	file=$(stage "$DIR/a.log")
	if [[ $ME == root ]]; then
		chmod 711 "$DIR"
		run -0 setpriv --reuid=daemon --clear-groups curl -sS --unix-socket "$SOCKET" -d "{\"files\":[{\"file\":\"$file\"}]}" http://localhost/send
		[[ $output == *'no linked Telegram'* ]]
		link_daemon
		run -0 setpriv --reuid=daemon --clear-groups curl -sS --unix-socket "$SOCKET" -d "{\"files\":[{\"file\":\"$file\"}]}" http://localhost/send
		[[ $output == *'there is no file'* ]]
	fi
	[[ $(send "{\"files\":[{\"file\":\"../$file\"}]}" | jq -r .error) == *'"file"'* ]]
	[[ $(send "{\"files\":[{\"file\":\"$file\"},{\"file\":\"$file\",\"kind\":\"photo\"}]}" | jq -r .error) == *twice* ]]
	wait_state "$(send "{\"files\":[{\"file\":\"$file\"}]}")" delivered
	[[ $(texts) == ' document a.log' ]]
	[[ $(send "{\"files\":[{\"file\":\"$file\"}]}" | jq -r .error) == *'there is no file'* ]]
	[[ $(api POST /files '' -H 'Content-Type: text/plain' --data-binary '' | jq -r .error) == *empty* ]]
	[[ $(api POST '/files?name=a/b' '' --data-binary x | jq -r .error) == *slash* ]]
}

# A script with a picture reports again and again while its cooldown runs.
@test "the files of a message that is not queued do not wait" {
	local body file i
	begin
	echo x >"$DIR/a.log"
	for i in $(seq 3); do
		file=$(stage "$DIR/a.log")
		body="{\"text\":\"t\",\"cooldown\":\"1h\",\"script\":\"s\",\"files\":[{\"file\":\"$file\"}]}"
		[[ $(api POST /send "$body" -H "Idempotency-Key: $((i / 2))" | jq .ok) == true ]]
	done
	file=$(stage "$DIR/a.log")
	# Who is to mend the request finds the file still there.
	[[ $(send "{\"cooldown\":1,\"files\":[{\"file\":\"$file\"}]}" | jq -r .error) == *cooldown* ]]
	wait_until 5 eval '[[ $(ls "$DIR/store/spool" | wc -l) == 1 ]]'
	tg-link unlink
	[[ $(send "{\"files\":[{\"file\":\"$file\"}]}" | jq -r .error) == *'no linked Telegram' ]]
	[[ $(ls "$DIR/store/spool" | wc -l) == 0 ]]
	tg-sendd --check-store
}

@test "at most 20 files wait for their message" {
	begin
	echo x >"$DIR/a.log"
	for _ in $(seq 20); do
		[[ $(stage "$DIR/a.log") =~ ^[0-9a-f]{32}$ ]]
	done
	[[ $(stage "$DIR/a.log" | jq -r .error) == *'20 files'* ]]
	[[ $(ls "$DIR/store/spool" | wc -l) == 20 ]]
	# They are known over a restart, other things in the directory are not.
	touch "$DIR/store/spool/0123456789abcdef0123456789abcdef"
	restart
	[[ $(ls "$DIR/store/spool" | wc -l) == 20 ]]
}

# A client whose connection breaks between a file and its message begins with the file again.
@test "a file that comes again for the same message takes the place of the one before" {
	local body file other i
	begin
	other=$(stage <(echo other) 'b.log&part=1' -H 'Idempotency-Key: k')
	for i in $(seq 25); do
		file=$(stage <(echo "$i") a.log -H 'Idempotency-Key: k')
		[[ $file =~ ^[0-9a-f]{32}$ ]]
	done
	[[ $(ls "$DIR/store/spool" | wc -l) == 2 ]]
	# Nor do they count where nothing more has room.
	for i in $(seq 18); do
		[[ $(stage <(echo x) x) =~ ^[0-9a-f]{32}$ ]]
	done
	restart
	file=$(stage <(echo last) 'a.log&part=0' -H 'Idempotency-Key: k')
	[[ $(api POST '/files?part=2' '' --data-binary x -H 'Idempotency-Key: k' -w '%{http_code}') == *'20 files'*429 ]]
	[[ $(ls "$DIR/store/spool" | wc -l) == 20 ]]
	body="{\"files\":[{\"file\":\"$file\"},{\"file\":\"$other\"}]}"
	wait_state "$(send "$body" -H 'Idempotency-Key: k')" delivered
	wait_settled
	[[ $(texts) == $' document a.log\n document b.log' ]]
	[[ $(shown | jq -r .document.sha256 | head -n 1) == $(echo last | sha256sum | cut -d' ' -f1) ]]
	for i in -1 100 x ''; do
		[[ $(api POST "/files?part=$i" '' --data-binary x | jq -r .error) == '"part" must be a number from 0 to 99' ]]
	done
	tg-sendd --check-store
}

# Each client that was killed before it named its file leaves one behind.
@test "files of messages that never came do not keep others from being sent" {
	local file i
	begin
	echo x >"$DIR/a.log"
	for i in $(seq 25); do
		file=$(stage "$DIR/a.log" '' -H "Idempotency-Key: $i")
		[[ $file =~ ^[0-9a-f]{32}$ ]]
	done
	[[ $(ls "$DIR/store/spool" | wc -l) == 20 ]]
	tg-send -a "$DIR/a.log" again
	wait_state "$(send "{\"files\":[{\"file\":\"$file\"}]}" -H 'Idempotency-Key: 25')" delivered
	wait_settled
	[[ $(texts) == $'again document a.log\n document a.log' ]]
	[[ $(ls "$DIR/store/spool" | wc -l) == 18 ]]
	tg-sendd --check-store
}

# Who has killed a client and begins again may meet it, still at work on the same message.
@test "a file for a message that was taken does not wait, and one that was replaced is to come again" {
	local first second id
	begin
	echo x >"$DIR/a.log"
	first=$(stage "$DIR/a.log" '' -H 'Idempotency-Key: k')
	second=$(stage "$DIR/a.log" '' -H 'Idempotency-Key: k')
	[[ $(api POST /send "{\"files\":[{\"file\":\"$first\"}]}" -H 'Idempotency-Key: k' -w '%{http_code}') == *'there is no file'*409 ]]
	id=$(send "{\"files\":[{\"file\":\"$second\"}]}" -H 'Idempotency-Key: k')
	wait_state "$id" delivered
	wait_settled
	second=$(stage "$DIR/a.log" '' -H 'Idempotency-Key: k')
	[[ $second =~ ^[0-9a-f]{32}$ ]]
	[[ -z $(ls -A "$DIR/store/spool") ]]
	[[ $(send "{\"files\":[{\"file\":\"$second\"}]}" -H 'Idempotency-Key: k') == "$id" ]]
	wait_settled
	[[ $(texts) == ' document a.log' ]]
	tg-sendd --check-store
}

@test "the sizes of files are configured, and told before the body is read" {
	begin 'picture_max: 1k, file_max: 2k'
	head -c 1025 /dev/zero >"$DIR/1025"
	head -c 2049 /dev/zero >"$DIR/2049"
	code() { api POST "$1" '' -H 'Content-Type: image/png' --data-binary "@$2" -o "$DIR/answer" -w '%{http_code}'; }
	[[ $(code '/send_photo' "$DIR/1025") == 413 ]]
	[[ $(code '/send_document' "$DIR/2049") == 413 ]]
	[[ $(code '/files' "$DIR/2049") == 413 ]]
	[[ $(code '/send_document' "$DIR/1025") == 200 ]]
	file=$(stage "$DIR/1025")
	[[ $(api POST /send "{\"files\":[{\"file\":\"$file\",\"kind\":\"photo\"}]}" -w '%{http_code}') == *'larger than'*413 ]]
	wait_state "$(send "{\"files\":[{\"file\":\"$file\"}]}")" delivered
	chmod 644 "$DIR/2049"
	[[ $(api POST /send_document "{\"document_path\":\"$DIR/2049\"}" | jq -r .error) == *'larger than'* ]]
	wait_settled
	[[ -z $(ls -A "$DIR/store/spool") ]]
}

# ---- who may have how much, and what goes first ----

@test "the quota counts parts, and is free again when they are delivered" {
	begin 'user_quota: 3'
	hold
	send '{"text":"1"}' >/dev/null
	seq -f 'line %05g of the text, which goes on for a while' 200 | jq -Rsc '{text: .}' >"$DIR/body"
	[[ $(api POST /send '' -H 'Content-Type: application/json' --data-binary "@$DIR/body" -w '%{http_code}') == *'has 1 messages waiting'*429 ]]
	send '{"text":"2","key":"k"}' >/dev/null
	send '{"text":"3","in":"1h"}' >/dev/null
	[[ $(api POST /send '{"text":"4"}' -w '%{http_code}') == *429 ]]
	# What takes the place of another does not need more room.
	[[ $(send '{"text":"2b","key":"k"}') =~ ^[0-9]+$ ]]
	resume
	wait_settled
	[[ $(texts) == $'1\n2b' ]]
	[[ $(send '{"text":"5"}') =~ ^[0-9]+$ ]]
}

@test "bulk goes after notifications" {
	begin
	hold
	send '{"text":"bulk 1","bulk":true}' >/dev/null
	send '{"text":"bulk 2","bulk":true}' >/dev/null
	send '{"text":"notification"}' >/dev/null
	resume
	wait_settled
	[[ $(texts) == $'notification\nbulk 1\nbulk 2' ]]
}

@test "cooldowns are of a script, a key, or what is said" {
	begin
	suppressed() { [[ $(api POST /send "$1" | jq -r '.suppressed // false') == "$2" ]]; }
	suppressed '{"text":"a","script":"s","cooldown":"1h"}' false
	suppressed '{"text":"b","script":"s","cooldown":"1h"}' true
	suppressed '{"text":"b","key":"s","cooldown":"1h"}' false
	suppressed '{"text":"c","key":"s","cooldown":"1h"}' true
	suppressed '{"text":"a","cooldown":"1h"}' false
	suppressed '{"text":"a","cooldown":"1h"}' true
	suppressed '{"text":"a","title":"t","cooldown":"1h"}' false
	suppressed '{"text":"d","cooldown":"1h"}' false
	suppressed '{"text":"a"}' false
	restart KILL
	suppressed '{"text":"d","cooldown":"1h"}' true
}

# What /scripts in a chat and notify-scripts list show: of a suppressed message nothing is remembered, and what
# is sent without a cooldown counts as well.
@test "when each script sent something is known, and until when its cooldown runs" {
	begin
	[[ $(api GET /scripts) == '{"scripts":[]}' ]]
	before=$(date +%s)
	send '{"text":"a","script":"b.sh"}' >/dev/null
	send '{"text":"b","script":"a.sh","cooldown":"1h"}' >/dev/null
	send '{"text":"c","script":"a.sh","cooldown":"3h"}' >/dev/null
	send '{"text":"d","key":"k","cooldown":"1h"}' >/dev/null
	send '{"text":"e","script":"../x"}' >/dev/null
	restart KILL
	api GET /scripts >"$DIR/scripts"
	jq -e '[.scripts[].script] == ["a.sh", "b.sh"]' "$DIR/scripts"
	jq -e --argjson before "$before" '.scripts[0] | (.last_sent | fromdate) as $sent |
		$sent >= $before and $sent < $before + 30 and ((.cooldown_until | fromdate) - $sent | . >= 3599 and . <= 3601)' "$DIR/scripts"
	jq -e '.scripts[1] | .cooldown_until == null and .last_sent != null and (keys | length) == 3' "$DIR/scripts"
	[[ $(api GET "/scripts?user=$ME") == "$(<"$DIR/scripts")" ]]
	[[ $(api GET '/scripts?user=nobody') == '{"scripts":[]}' ]]
	[[ $(api GET '/scripts?user=' '' -o /dev/null -w '%{http_code}') == 400 ]]
	[[ $(api POST /scripts '{}' -o /dev/null -w '%{http_code}') == 405 ]]
	if [[ $(id -u) == 0 ]]; then
		chmod 711 "$DIR"
		[[ $(setpriv --reuid=daemon --clear-groups curl -sS --unix-socket "$SOCKET" "http://localhost/scripts?user=$ME") == *'may not act for another'* ]]
	fi
}

# ---- what an operator and an owner do with a queue ----

@test "a hold of everything or of one account outlives a restart, and is an operator's" {
	begin
	hold "{\"user\":\"$ME\"}"
	mine=$(send '{"text":"mine"}')
	api POST /calls '{"method":"sendMessage","chat_id":1,"text":"a reply"}' >/dev/null
	wait_chat 1 'a reply'
	restart KILL
	api POST /calls '{"method":"sendMessage","chat_id":1,"text":"another reply"}' >/dev/null
	wait_chat 1 'another reply'
	state_is "$mine" queued
	resume "{\"user\":\"$ME\"}"
	wait_state "$mine" delivered
	hold
	mine=$(send '{"text":"all hold"}')
	restart
	api POST /calls '{"method":"sendMessage","chat_id":1,"text":"not now"}' >/dev/null
	state_is "$mine" queued
	resume
	wait_state "$mine" delivered
	wait_chat 1 'not now'
	sed -i 's/operators: \[[^]]*\]/operators: []/' "$CONFIG"
	restart
	[[ $(api POST /queue/hold '' -w '%{http_code}') == *operator*403 ]]
	[[ $(api POST /queue/resume '' -w '%{http_code}') == *operator*403 ]]
}

@test "a dead message can be retried, seen and deleted; a delivered one cannot be cancelled" {
	local id
	begin
	fault '{"method":"sendMessage","kind":"error","status":400,"description":"Bad Request: not this"}'
	id=$(send '{"text":"again","key":"k"}')
	wait_state "$id" dead
	restart
	[[ $(api GET "/queue/$id" | jq -c '[.state, .text, .key, .error]') == '["dead","again","k","Bad Request: not this"]' ]]
	[[ $(api POST "/queue/$id/retry" | jq .ok) == true ]]
	wait_state "$id" delivered
	[[ $(api DELETE "/queue/$id" '' -w '%{http_code}') == *delivered*410 ]]
	[[ $(api POST "/queue/$id/retry" '' -w '%{http_code}') == *delivered*410 ]]
	[[ $(api GET '/history?limit=1' | jq -c '.messages[0] | [.id, .state, .key, .user]') == "[$id,\"delivered\",\"k\",\"$ME\"]" ]]
	fault '{"method":"sendMessage","kind":"error","status":400,"description":"Bad Request: not this"}'
	id=$(send '{"text":"dead"}')
	wait_state "$id" dead
	[[ $(api DELETE "/queue/$id" | jq .ok) == true && -z $(state "$id") ]]
	tg-sendd --check-store
}

@test "one account's queue is cancelled, or everybody's" {
	begin
	fault '{"method":"sendMessage","kind":"error","status":400,"description":"Bad Request: not this"}'
	wait_state "$(send '{"text":"dead"}')" dead
	hold
	send '{"text":"waits"}' >/dev/null
	send '{"text":"later","in":"1h"}' >/dev/null
	api POST /calls '{"method":"sendMessage","chat_id":1,"text":"a reply"}' >/dev/null
	[[ $(api DELETE '/queue?user=nobody' | jq .cancelled) == 0 ]]
	[[ $(api DELETE /queue | jq .cancelled) == 3 ]]
	[[ $(api GET '/queue?user=*' | jq '.messages | length') == 1 ]]
	send '{"text":"waits"}' >/dev/null
	[[ $(api DELETE '/queue?user=*' | jq .cancelled) == 2 ]]
	resume
	wait_state "$(send '{"text":"the first"}')" delivered
	[[ $(texts) == 'the first' ]]
	tg-sendd --check-store
}

# ---- Telegram's limits over a restart ----

@test "a wait of the whole bot outlives a restart" {
	local start
	begin
	fault '{"method":"answerCallbackQuery","kind":"retry_after","seconds":4}'
	start=$EPOCHREALTIME
	api POST /calls '{"method":"answerCallbackQuery","callback_query_id":"1"}' >/dev/null
	sim GET '/sim/wait?method=answerCallbackQuery&count=1' >/dev/null
	held() { [[ $(api GET '/queue?user=*' | jq -r '.messages[0].error') == *'retry after'* ]]; }
	wait_until 10 held
	restart KILL
	wait_state "$(send '{"text":"x"}')" delivered
	((${EPOCHREALTIME/./} - ${start/./} > 3500000))
}

@test "a group has its 20 a minute also where tg-sendd dies in the middle" {
	start_sim --limits --speed 4
	write_config 'delivery: {overall_per_second: 120, chat_per_second: 4, chat_burst: 3, group_per_minute: 20}'
	sim POST /sim/chat '{"chat_id":-5,"type":"supergroup"}' >/dev/null
	start_sendd
	seq -f '{"method":"sendMessage","chat_id":-5,"text":"message %g"}' 30 >"$DIR/in"
	api POST /calls '' --data-binary "@$DIR/in" -o /dev/null
	for n in 3 6 9 12 15 18; do
		sim GET "/sim/wait?delivered=$n&timeout_ms=30000" >/dev/null
		restart KILL
	done
	sim GET '/sim/wait?delivered=20&timeout_ms=30000' >/dev/null
	restart KILL
	[[ $(sim GET /sim/stats | jq .rejected_429) == 0 ]]
}

# ---- chats that change ----

@test "all that waits for a group goes where the group went, a target as well" {
	begin '' 'targets: [{name: ops, chat: -7, senders: [root]}]'
	sed -i "s/senders: \\[root\\]/senders: [$ME]/" "$CONFIG"
	restart
	sim POST /sim/chat '{"chat_id":-7,"type":"group"}' >/dev/null
	sim POST /sim/chat '{"chat_id":-1007,"type":"supergroup"}' >/dev/null
	hold
	for n in $(seq 20); do send "{\"text\":\"message $n\",\"to\":\"@ops\"}" >/dev/null; done
	send '{"text":"with a key","to":"@ops","key":"k"}' >/dev/null
	send '{"text":"later","to":"@ops","in":"3s"}' >"$DIR/later"
	fault '{"method":"*","chat_id":-7,"count":-1,"kind":"migrate","to":-1007}'
	resume
	wait_state "$(<"$DIR/later")" delivered
	diff <(FIRST=0 texts -1007) <(seq -f 'message %g' 20; echo 'with a key'; echo later)
	[[ $(sim GET '/sim/chat?id=-7' | jq .requests) == 1 ]]
	restart
	wait_state "$(send '{"text":"edited","to":"ops","key":"k"}')" delivered
	[[ $(FIRST=0 texts -1007 | sed -n 21p) == edited ]]
	[[ $(sim GET '/sim/chat?id=-7' | jq .requests) == 1 ]]
	tg-sendd --check-store
}

@test "what waits for a person does not reach who has the chat now" {
	local id
	begin
	[[ $ME == root ]] || skip "needs to link another account"
	hold
	id=$(send '{"text":"secret","key":"k"}')
	start_bot
	say 1 /unlink
	say 1 /start
	resume
	wait_chat 1 code
	code() { sim GET '/sim/chat?id=1' | grep -oE '\b[0-9]{6}\b' | tail -n 1; }
	wait_state "$id" dead
	[[ $(api GET "/queue/$id" | jq -r .error) == *'no longer linked'* ]]
	tg-link -q -u daemon verify "$(code)"
	wait_state "$(send '{"user":"daemon","text":"yours"}')" delivered
	[[ $(texts) != *secret* && $(texts) == *yours* ]]
	# Nor can the key be used to change what the chat shows.
	[[ $(api POST /delete '{"key":"k"}' -w '%{http_code}') == *404 ]]
}
