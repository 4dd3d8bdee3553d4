#!/usr/bin/env bats
# Why: whoever finds the bot can send it whatever Telegram lets through, and an update that ends tg-dispatch comes again
# after each start. So it is given all that the description of the Bot API allows for, and some that it does not; and
# what people call themselves must appear as what it is, and change nothing else.

load helper

setup() {
	make_dir
	UPDATES=$BATS_TEST_DIRNAME/updates.py
	SEED=${SEED:-$RANDOM}
	echo "# seed $SEED" >&3
}

teardown() {
	stop_all
}

@test "updates of every kind, however strange: none ends it, and each is acknowledged" {
	local count mode
	count=$(often 20000)
	write_config "$(cat <<-YAML
		log: {format: json, level: info}
		commands: [{command: service, description: S, access: anyone, http: {url: "http://x/", socket: $DIR/none, retries: 0}}]
		text: {access: linked, http: {url: "http://x/", socket: $DIR/none, retries: 0}}
	YAML
	)"
	"$UPDATES" make "$count" "$SEED" >"$DIR/in"
	# As strangers, and as an operator.
	for mode in '' "--as $(id -un)"; do
		# shellcheck disable=SC2086 # two words
		tg-dispatch -c "$CONFIG" --no-store $mode <"$DIR/in" >"$DIR/out" 2>"$DIR/log"
		"$UPDATES" check "$count" "$DIR/out" "$DIR/log"
	done
}

# What the others make of it: tg-poll and the store of what Telegram says, tg-send and tg-sendd of what is answered.
@test "the same through the whole pipeline, with a store and a chat that is linked" {
	local count name
	count=$(often 2000)
	start_sim
	write_config "$(cat <<-YAML
		log: {format: json, level: info}
		delivery: {overall_per_second: 0, chat_per_second: 0, group_per_minute: 0}
	YAML
	)"
	start_sendd
	start_bot
	link_account 1
	"$UPDATES" inject "$count" "$SEED" "$SIM_URL"
	# All that came before is handled when this is answered.
	say 77 /whoami
	wait_chat 77 'Chat id' 60000
	nothing_waits() { api GET /metrics | grep -qx 'tgtools_updates_waiting 0'; }
	wait_until 30 nothing_waits
	for name in poll dispatch send sendd; do
		running "$name"
		never grep -a zQ7mark "$DIR/$name.log"
	done
	never grep -a 'update failed' "$DIR/dispatch.log"
	api GET /updates | jq -e '.updates == []'
}

@test "HTML, Markdown, quotes, line ends, RTL, emoji and 10 KB of a name are what they are and change nothing else" {
	local log='log: {format: json, level: info}'
	write_config "$log"
	sed "s|$DIR/store|$DIR/other|" "$CONFIG" >"$DIR/other.yaml"
	{
		cat "$CONFIG"
		echo "text: {access: linked, http: {url: \"http://echo/\", socket: $DIR/echo}}"
	} >"$DIR/echo.yaml"
	"$BATS_TEST_DIRNAME/names.py" "$CONFIG" "$DIR/other.yaml" "$DIR/echo.yaml" "$DIR/echo" "$(id -un)"
}
