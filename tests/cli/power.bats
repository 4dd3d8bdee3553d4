#!/usr/bin/env bats
# Never a 200 before it is on the disk: what tg-sendd has answered survives a loss of power and SIGKILL at any
# moment, pictures included, and what is on its way is marked on the disk before its first byte leaves.

load helper

setup() {
	make_dir
	mkdir "$DIR/runs"
}

teardown() {
	stop_all
}

power() {
	run python3 "$BATS_TEST_DIRNAME/power.py" "$@" "${POWER_SEED:-$RANDOM}"
	echo "$output"
}

# power_holds ARGS: and shows what was tried.
power_holds() {
	power "$@"
	echo "# $output" | sed '2,$s/^/# /' >&3
	[[ $status == 0 ]]
}

needs_strace() {
	strace -D -f --seccomp-bpf -qqq -xx -o "$DIR/trace" -e trace=write sh -c 'echo x' >/dev/null &&
		[[ $EUID == 0 ]] || skip "needs root and a strace that may look at what others write"
}

# A store with a link of this account to chat 1, in $DIR/store.
make_linked_store() {
	start_sim
	write_config 'codes: {lifetime: 1h}'
	start_sendd
	start_bot
	link_account 1
	stop_bot
	stop sendd
	stop sim
}

@test "whenever the power fails, what was answered 200 is on the disk" {
	needs_strace
	make_linked_store
	power_holds cut "$BIN" "$DIR/runs" "$DIR/store" "${POWER_IMAGES:-$(often 100)}"
}

@test "nor is the first message in a new store lost with the power" {
	needs_strace
	power_holds cut "$BIN" "$DIR/runs" "" 20
}

# So that this is known to see it: a record without one kind of sync is that of a program that lacks it.
@test "a missing sync of the store, of a picture or of the directory is noticed" {
	needs_strace
	make_linked_store
	for blind in fdatasync fsync; do
		rm -r "$DIR/runs"
		mkdir "$DIR/runs"
		POWER_BLIND=$blind power cut "$BIN" "$DIR/runs" "$DIR/store" 60
		[[ $status == 1 && $output == *"PROBLEM: the power fails"* ]]
	done
}

@test "nothing answered 200 is lost by SIGKILL while many clients submit" {
	power_holds kill "$BIN" "$DIR/runs" "${POWER_KILLS:-$(often 20)}"
}
