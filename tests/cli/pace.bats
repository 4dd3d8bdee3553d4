#!/usr/bin/env bats
# The pace: Telegram's limits are never exceeded, and what one chat or one person has does not hold up others.
# The simulator enforces the real limits; its clock runs 20 times as fast, and tg-sendd's limits are 20
# times as high. tests/bench/pace.sh measures the rate.

load helper

teardown() {
	stop_all
}

# chats TYPE ID...
chats() {
	local type=$1
	shift
	printf "url = \"$SIM_URL/sim/chat\"\ndata = \"{\\\\\"chat_id\\\\\":%d,\\\\\"type\\\\\":\\\\\"$type\\\\\"}\"\noutput = /dev/null\nnext\n" \
		"$@" | sed '$d' | curl -sS -K -
}

# calls CHAT COUNT: numbered messages, one call a line.
calls() {
	seq -f "{\"method\":\"sendMessage\",\"chat_id\":$1,\"text\":\"message %g\"}" "$2"
}

texts() {
	sim GET "/sim/chat?id=$1" | jq -r '.messages[].text'
}

# The simulator, chats 1 to 100 and -1 to -4, the service.
begin() {
	start_sim --limits --speed 20
	write_config 'delivery: {overall_per_second: 600, chat_per_second: 20, group_per_minute: 400, user_quota: 100000}
log: {format: text, level: warning}'
	chats private $(seq 100)
	chats supergroup $(seq -4 -1)
	start_sendd
}

rejected() {
	sim GET /sim/stats | jq .rejected_429
}

@test "people, groups and one who gets more than the others: no 429, all in order" {
	local total=0 chat
	begin
	for chat in -1 -2 -3 -4; do calls $chat 50; done >"$DIR/in"
	calls 1 100 >>"$DIR/in"
	for chat in $(seq 2 100); do calls "$chat" 20; done >>"$DIR/in"
	total=$(wc -l <"$DIR/in")
	api POST /calls '' --data-binary "@$DIR/in" -o /dev/null
	sim GET "/sim/wait?delivered=$total&timeout_ms=60000" >/dev/null
	[[ $(rejected) == 0 ]]
	for chat in -1 -4 1 2 100; do
		diff <(texts "$chat") <(seq -f 'message %g' "$(grep -c "\"chat_id\":$chat," "$DIR/in")")
	done
}

@test "a restart does not lift the limits" {
	begin
	for chat in 1 2 3 -1 -2; do calls $chat 40; done >"$DIR/in"
	api POST /calls '' --data-binary "@$DIR/in" -o /dev/null
	for delivered in 45 60 90 120; do
		sim GET "/sim/wait?delivered=$delivered&timeout_ms=20000" >/dev/null
		stop sendd
		start_sendd
	done
	sim GET "/sim/wait?delivered=200&timeout_ms=30000" >/dev/null
	[[ $(rejected) == 0 ]]
	diff <(texts -1) <(seq -f 'message %g' 40)
}
