#!/usr/bin/env bats
# What a person sees of the answers of services, and what the buttons in them do: also after a restart, also for
# what does not fit into a button, and whatever people are called.

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

# says JSON [KEYS]: a service that answers so.
says() {
	echo "access: anyone, http: {url: \"$SERVICE/raw/$(jq -rn --arg body "$1" '$body | @uri')\"${2:+, $2}}"
}

shown() {
	sim GET '/sim/chat?id=1' | jq -r "[.messages[] | select(.from == \"bot\")] | $1"
}

# The newest button with that text.
tap() {
	local message
	message=$(sim GET '/sim/chat?id=1' | jq --arg text "$1" '[.messages[] |
		select([.reply_markup.inline_keyboard[]?[]?.text] | index($text))] | last.message_id')
	sim POST /sim/tap "$(jq -nc --argjson message "$message" --arg text "$1" \
		'{chat_id: 1, message_id: $message, button: $text, from_id: 1}')" >/dev/null
}

pressed() {
	sim GET '/sim/chat?id=1' | jq -e ".pressed | last | $1" >/dev/null
}

last_body() {
	curl -sS "$SERVICE/seen" | jq -e --arg text "${2-}" ".requests | last | .body | $1" >/dev/null
}

@test "answers are shown as what they are, and their buttons work after a restart" {
	local long name picture
	long=$(printf 'käse %.0s' {1..60})
	name=$'<b>*Bob*</b> `x` {count} {{a}} \U1f600 "\\'
	picture=iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==
	start_sim
	start_service
	write_config "delivery: {overall_per_second: 0, chat_per_second: 0, group_per_minute: 0}
commands:
  - {command: ask, description: x, $(says "$(jq -nc --arg name "$name" --arg long "$long" '{type: "text", content: $name,
	buttons: [[{text: "Long", action: "GO", target: $long}], [{text: "Site", url: "https://example.org/"}]]}')")}
  - {command: list, description: x, $(says "$(jq -nc '{type: "list", title: "Projects", items: [range(1; 8) |
	{title: "P\(.)", text: "t\(.)", buttons: [{text: "Open", action: "GO", target: .}]}]}')")}
  - {command: sure, description: x, $(says '[{"type":"confirmation","content":"Sure?","target":"17"}]')}
  - {command: picture, description: x, $(says '{"type":"photo","data":"'$picture'","caption":"a dot"}')}
  - {command: chart, description: x, $(says '{"type":"photo","url":"https://example.org/chart.png","caption":"Today"}')}
  - {command: projects, description: x, $(says '{"projects":[{"name":"A"},{"name":"B"}]}' 'method: GET,
	template: "Projects: {{projects.length}}\n{{#projects}}\n{{@number}}. {{name}}\n{{/projects}}\n"')}
callbacks:
  - {action: GO, $(says '[{"type":"toast","content":"Done","alert":true},{"content":"It *was* done"}]')}"
	start_sendd
	start_bot
	say 1 /ask
	wait_until 10 eval '[[ $(shown length) == 1 ]]'
	[[ $(shown '.[0].text') == "$name" && $(shown '.[0].entities // [] | length') == 0 ]]
	[[ $(shown '.[0].reply_markup.inline_keyboard[0][0].callback_data') =~ ^:[A-Za-z0-9_-]{16}$ ]]
	stop_bot || true
	stop sendd || true
	start_sendd
	start_bot
	tap Long
	wait_chat 1 'It *was* done'
	last_body '.action == "GO" and .target == $text' "$long"
	wait_until 10 pressed '.answered and .answer_text == "Done" and .show_alert'
	[[ $(shown length) == 1 && $(shown '.[0].edits') == 1 && $(shown '.[0].reply_markup') == null ]]

	say 1 /list
	wait_chat 1 $'5. P5\nt5'
	tap »
	wait_chat 1 $'6. P6\nt6\n\n7. P7\nt7'
	[[ $(shown length) == 2 ]]
	tap '7. Open'
	wait_until 10 pressed '.answered and .answer_text == "Done"'
	last_body '.target == "7"'

	say 1 /sure
	wait_chat 1 'Sure?'
	tap Cancel
	wait_chat 1 Cancelled.
	wait_until 10 pressed .answered

	say 1 /picture
	wait_chat 1 'a dot'
	[[ $(shown 'last | has("photo") or has("file")') == true ]]
	# A picture that Telegram does not get is still one that a person can open.
	sim POST /sim/fault '{"method":"sendPhoto","kind":"error","description":"Bad Request: failed to get HTTP URL content"}' >/dev/null
	say 1 /chart
	wait_chat 1 $'Today\nhttps://example.org/chart.png'
	say 1 /projects
	wait_chat 1 $'Projects: 2\n1. A\n2. B'
	never grep -qE 'Bob|käse|Projects' "$DIR/dispatch.log"
}
