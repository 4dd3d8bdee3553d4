#!/usr/bin/env bats
# Why: a broadcast reaches everybody and cannot be taken back, so each chat must get it once, as it was shown, over
# crashes of all parts; and an update that kills the bot must not silence it for everybody else.

load helper

teardown() {
	stop_all
}

# linked CHAT ACCOUNT: by a code, on behalf of the account.
linked() {
	local code
	say "$1" /start "person$1"
	wait_chat "$1" code
	code=$(sim GET "/sim/chat?id=$1" | grep -oE '\b[0-9]{6}\b' | tail -n 1)
	api POST /api/telegram/verify "{\"user\":\"$2\",\"code\":\"$code\"}" | jq -e .ok
	wait_chat "$1" 'now linked'
}

# said CHAT JQ: what the bot has said, for jq.
said() {
	sim GET "/sim/chat?id=$1" | jq -c "[.messages[] | select(.from == \"bot\" and (.deleted | not))] | $2"
}

# tap TEXT: the newest button of chat 1 with that text.
tap() {
	local message
	message=$(said 1 "[.[] | select([.reply_markup.inline_keyboard[]?[]?.text] | index(\"$1\"))] | last.message_id")
	sim POST /sim/tap "{\"chat_id\":1,\"message_id\":$message,\"button\":\"$1\",\"from_id\":1}" >/dev/null
}

# With the last of what the taps caused nothing is left to be taken.
both_taps_are_taken() {
	api GET /health | jq -e '.updates_waiting == 0 and .queued >= 3' >/dev/null &&
		(($(grep -c 'route="broadcast"\|route="tap"' "$DIR/dispatch.log") >= 2))
}

@test "a broadcast is shown, goes once to each chat as it was written, over crashes, and is reported" {
	local chat name
	start_sim
	write_config 'delivery: {overall_per_second: 0, chat_per_second: 0}'
	start_sendd
	start_bot
	linked 1 "$(id -un)"
	for chat in 2 3 4; do linked "$chat" daemon; done
	sim POST /sim/block '{"chat_id":4,"blocked":true}' >/dev/null
	wait_until 10 grep -q 'route="member" outcome="paused"' "$DIR/dispatch.log"
	sim POST /sim/update "$(jq -nc '{message: {message_id: 1000, date: 1, chat: {id: 1, type: "private"},
		from: {id: 1, is_bot: false, first_name: "A"}, text: "/broadcast 😀 Down\nat 18:00", entities:
		[{type: "bot_command", offset: 0, length: 10}, {type: "bold", offset: 14, length: 4}]}}')" >/dev/null
	wait_chat 1 'Chats that will get this message: 3'
	wait_chat 1 '18:00'
	said 1 'last' | jq -e '.text == "😀 Down\nat 18:00" and .entities == [{type: "bold", offset: 3, length: 4}] and
		[.reply_markup.inline_keyboard[][].text] == ["Send", "Cancel"]'
	# Two taps, and everything is killed while nothing has left yet.
	api POST /queue/hold '{}' >/dev/null
	tap Send
	tap Send
	wait_until 10 both_taps_are_taken
	for name in sendd poll dispatch send; do stop "$name" KILL || true; done
	sim POST /sim/fault '{"method":"sendMessage","chat_id":3,"kind":"error","status":400,
		"description":"Bad Request: not this"}' >/dev/null
	start_sendd
	start_bot
	api POST /queue/resume '{}' >/dev/null
	wait_chat 1 'Broadcast: 2 delivered, 1 failed'
	for chat in 1 2; do
		said "$chat" '[.[] | select(.text == "😀 Down\nat 18:00" and .reply_markup == null)]' | tee "$DIR/copies"
		# The operator sees the preview, too, whose buttons are gone.
		jq -e "length == $((chat == 1 ? 2 : 1)) and all(.entities == [{type: \"bold\", offset: 3, length: 4}])" \
			"$DIR/copies"
	done
	said 4 '[.[].text | select(. != null and contains("18:00"))] | length' | grep -qx 0
	said 1 '[.[].text | select(. != null and startswith("Broadcast:"))] | length' | grep -qx 1
	sim GET '/sim/chat?id=1' | jq -e '[.pressed[].answer_text] | sort ==
		["It is being sent. Chats: 3", "This was sent or cancelled before, or is too old."]'
	grep -q 'broadcast ended .*delivered=2 failed=1 cancelled=0' "$DIR/sendd.log"
	never grep -q '18:00' "$DIR/sendd.log" "$DIR/dispatch.log"
	# What is taken back is told apart, and so is what waits.
	api POST /queue/hold '{}' >/dev/null
	api POST /calls '{"method":"sendMessage","text":"x","tgtools":{"broadcast":{"user":"root","chat_id":1}}}' |
		jq -e '.results == [{ok: true, ids: []}]'
	api DELETE "/queue/$(api GET '/queue?user=*' | jq '[.messages[] | select(.state == "queued" and .chat_id == 2)][0].id')" |
		jq -e .ok
	api POST /queue/resume '{}' >/dev/null
	wait_chat 1 'Broadcast: 2 delivered, 0 failed, 1 cancelled'
	stop_bot
	stop sendd
	[[ -z $(tg-sendd -c "$CONFIG" --check-store) ]]
}

@test "a broadcast for which there is no room is refused, and the bot goes on" {
	start_sim
	write_config
	sed -i 's/map_size: 64M/map_size: 1M/' "$CONFIG"
	start_sendd
	start_bot
	linked 1 "$(id -un)"
	printf '{"method":"sendMessage","tgtools":{"broadcast":{"user":"root","chat_id":1}},"text":"%900000s"}\n' x >"$DIR/call"
	api POST /calls '' --data-binary "@$DIR/call" | jq -e '.results[0].ok'
	wait_chat 1 'The broadcast was not sent: the server has no room'
	api POST /calls '{"method":"sendMessage","text":"x","tgtools":{"broadcast":{}}}' | jq -e '.results[0].ok == false'
}

# at_hand ID DEATHS: the file that outlives the process says that it is, and how often it was when one died.
at_hand() {
	[[ $(od -An -v -w8 -t d8 -j 16 "$DIR/store/at-hand" 2>/dev/null | tr -s ' \n' ' ') == " $1 1 "?" $(($2 > 0 ? $1 : 0)) $2 "* ]]
}

message() {
	jq -nc --argjson id "$1" --argjson chat "$2" --arg text "$3" '{update_id: $id, message: {message_id: 1, date: 1,
		chat: {id: $chat, type: "private"}, from: {id: $chat, is_bot: false}, text: $text}}'
}

# What is wrong with an update is logged at once, and where nobody reads the log the process waits there: in the
# middle of the update, and that is where it is killed.
@test "an update at which the bot dies twice is given up and kept, and those behind it are handled" {
	local signal deaths=0
	write_config
	{ message 5 7 /whoami | jq -c '.message.date = "x"'; message 6 8 /whoami; message 7 7 /help; } >"$DIR/in"
	mkfifo "$DIR/full"
	exec 7<>"$DIR/full"
	python3 -c 'import os
os.set_blocking(7, False)
try:
    while os.write(7, b"x"): pass
except BlockingIOError: pass
os.set_blocking(7, True)'
	for signal in KILL ABRT; do
		tg-dispatch -c "$CONFIG" <"$DIR/in" >"$DIR/out" 2>"$DIR/full" 3>&- 7>&- &
		PIDS[dispatch]=$!
		wait_until 10 at_hand 5 $((deaths++))
		stop dispatch "$signal" || true
		[[ ! -s $DIR/out ]]
	done
	exec 7>&-
	tg-dispatch -c "$CONFIG" <"$DIR/in" >"$DIR/out" 2>"$DIR/dispatch.log"
	cat "$DIR/out"
	jq -se 'map(.update_id) == [5, 6, 7] and .[0].calls == [] and (.[1].calls[0].text | contains("not linked")) and (.[2].calls[0].text | contains("/whoami"))' "$DIR/out"
	# As often as it comes again, until somebody takes the answer.
	tg-dispatch -c "$CONFIG" <"$DIR/in" 2>>"$DIR/dispatch.log" >"$DIR/again"
	cmp "$DIR/out" "$DIR/again"
	(($(grep -c 'update failed update_id=5 .*2 times' "$DIR/dispatch.log") == 2))
	start_sendd
	tg-queue updates | grep -E '^5  [0-9]+s  7  none  tg-dispatch ended while it was handled, 2 times$'
	tg-queue updates show 5 | grep -E '^reason: +tg-dispatch ended'
	never grep -q /whoami <(tg-queue updates show 5)
	tg-queue -j updates show 5 | jq -e '.update.message.text == "/whoami"'
	if [[ $(id -u) == 0 ]]; then
		chmod 755 "$DIR"
		run -77 setpriv --reuid=daemon --clear-groups tg-queue updates
		run -77 setpriv --reuid=daemon --clear-groups tg-queue updates delete 5
	fi
	[[ $(tg-queue updates delete 5) == "update 5 forgotten" ]]
	run -77 tg-queue updates delete 5
	[[ -z $(tg-queue updates) ]]
}
