#!/usr/bin/env bats
# What a script has to say reaches the phone once, whenever notify-runner is killed and whether tg-sendd is
# there or not.

load helper

teardown() {
	stop_all
}

@test "100 kills of notify-runner at random moments lose nothing and double nothing" {
	start_sim
	write_config 'delivery: {overall_per_second: 0, chat_per_second: 0, group_per_minute: 0, user_quota: 100000}'
	start_sendd
	start_bot
	link_account 1
	stop_bot
	stop sendd
	run python3 "$BATS_TEST_DIRNAME/killed.py" "$BIN" "$DIR" "$CONFIG" "$SIM_URL" "${CHAOS_KILLS:-$(often 100)}" "${CHAOS_SEED:-$RANDOM}"
	echo "$output"
	echo "# $output" | sed '2,$s/^/# /' >&3
	[[ $status == 0 ]]
}
