#!/usr/bin/env bats
# The promise of the whole: whatever dies, every update is answered, every accepted message arrives, and
# nothing comes twice but what was on the wire when tg-sendd died (state M2), which is counted.

load helper

teardown() {
	stop_all
}

@test "200 kills of random programs lose nothing and double only what was on the wire" {
	start_sim
	write_config 'delivery: {overall_per_second: 0, chat_per_second: 0, group_per_minute: 0, user_quota: 100000}
codes: {lifetime: 1h}'
	start_sendd
	start_bot
	link_account 1
	stop_bot
	stop sendd
	run python3 "$BATS_TEST_DIRNAME/chaos.py" "$BIN" "$DIR" "$CONFIG" "$SIM_URL" "${CHAOS_KILLS:-$(often 200)}" "${CHAOS_SEED:-$RANDOM}"
	echo "$output"
	echo "# $output" | sed '2,$s/^/# /' >&3
	[[ $status == 0 ]]
}
