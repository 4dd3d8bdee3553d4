#!/usr/bin/env bats
# A disk that is full or fails, and a process that has no descriptors left, at any moment: tg-sendd loses nothing
# that it accepted, does not crash and does not spin. Each system call that it makes from its configuration to the
# last delivery is made to fail in turn; by default a sample of them, with FAULTS=all each one.

load helper

teardown() {
	stop_all
}

@test "whichever system call fails, nothing accepted is lost and nothing crashes" {
	strace -D -f --seccomp-bpf -qqq -o /dev/null -e trace=socket -e inject=socket:error=EMFILE true ||
		skip "strace may not inject failures here"
	start_sim
	write_config 'codes: {lifetime: 1h}'
	start_sendd
	start_bot
	link_account 1
	stop_bot
	stop sendd
	stop sim
	mkdir "$DIR/runs"
	run python3 "$BATS_TEST_DIRNAME/faults.py" "$BIN" "$DIR/runs" "$DIR/store" "${FAULTS:-200}" "${FAULTS_SEED:-$RANDOM}"
	echo "$output"
	echo "# $output" | sed '2,$s/^/# /' >&3
	[[ $status == 0 ]]
}
