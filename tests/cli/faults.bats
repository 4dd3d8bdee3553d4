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
	run python3 "$BATS_TEST_DIRNAME/faults.py" "$BIN" "$DIR/runs" "$DIR/store" "${FAULTS:-$(often 200)}" "${FAULTS_SEED:-$RANDOM}"
	echo "$output"
	echo "# $output" | sed '2,$s/^/# /' >&3
	[[ $status == 0 ]]
}

# The real thing, and for longer: libmicrohttpd alone would not accept again before one of its connections closes,
# and a loop that is told again and again of a connection that it cannot take would spin.
@test "without a free descriptor who connects waits, nothing spins, and all goes on when there is one" {
	start_sim
	write_config
	start_sendd
	local free=0 before
	while [[ -e /proc/${PIDS[sendd]}/fd/$free ]]; do free=$((free + 1)); done
	mkfifo "$DIR/end"
	exec 5<>"$DIR/end"
	# A connection that stays, so that there is one which could close.
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"); s.recv(10)
print("here", flush=True); sys.stdin.read()' "$SOCKET" <&5 >"$DIR/stays" 3>&- &
	PIDS[stays]=$!
	wait_until 5 has_content "$DIR/stays"
	prlimit --pid "${PIDS[sendd]}" --nofile=$((free + 1)):
	api GET /health >"$DIR/health" 3>&- 5>&- &
	PIDS[waits]=$!
	before=$(cpu_ticks)
	sleep 1
	[[ ! -s $DIR/health ]]
	(($(cpu_ticks) - before < 20))
	prlimit --pid "${PIDS[sendd]}" --nofile=1024:
	wait_until 2 has_content "$DIR/health"
	exec 5>&-
}

# Hundredths of a second.
cpu_ticks() {
	sed 's/.*) //' "/proc/${PIDS[sendd]}/stat" | awk '{print $12 + $13}'
}
