# What the tests of programs share: a directory of their own, the simulator, the services, and an end.
#
#	load helper
#	teardown() { stop_all; }
#	@test "..." {
#		start_sim
#		write_config 'delivery: {keep: 1m}'
#		start_sendd
#		start_bot
#		sim POST /sim/message '{"chat_id":1,"text":"/start","username":"alice"}'
#		wait_chat 1 "code"
#	}
#
# Everything that was started is known by name: ${PIDS[sendd]}, its stderr is in $DIR/sendd.log.

bats_require_minimum_version 1.5.0

TREE=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BUILD=${TGTOOLS_BUILD:-$TREE/build}
BIN=$BUILD/bin
PATH=$BIN:$PATH
unset TGTOOLS_CONFIG TELEGRAM_BOT_TOKEN CREDENTIALS_DIRECTORY SUDO_UID

SIM_TOKEN=123456:TEST-TOKEN-for-the-simulator-0000000
# Global: bats reads this file inside a function.
declare -gA PIDS=()
DIR=

# A short path, since that of a socket may have 107 bytes.
make_dir() {
	[[ -n $DIR ]] || DIR=$(mktemp -d /tmp/tgt.XXXXXX)
	CONFIG=$DIR/tgtools.yaml
	SOCKET=$DIR/sock
}

# wait_until SECONDS COMMAND...: until it succeeds, or fails after that time.
wait_until() {
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.02
	done
}

running() {
	[[ -n ${PIDS[$1]-} ]] && kill -0 "${PIDS[$1]}" 2>/dev/null
}

# start NAME PROGRAM [ARGS]: in the background, stderr into $DIR/NAME.log; stdin and stdout are the caller's.
start() {
	local name=$1
	shift
	"$@" 2>>"$DIR/$name.log" 3>&- &
	PIDS[$name]=$!
}

# stop NAME [SIGNAL]: ends it and returns its exit code; kills it where it does not end within 10 s.
stop() {
	local pid=${PIDS[$1]-} code=0
	[[ -n $pid ]] || return 0
	unset "PIDS[$1]"
	kill "-${2:-TERM}" "$pid" 2>/dev/null || true
	# Only one that a test stopped: LeakSanitizer, busy at the end, hangs on a SIGCONT that comes meanwhile.
	! grep -q '^State:	T' "/proc/$pid/status" 2>/dev/null || kill -CONT "$pid" 2>/dev/null || true
	if ! wait_until 10 gone "$pid"; then
		echo "$1 did not end within 10 s of SIG${2:-TERM}" >&2
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		return 124
	fi
	wait "$pid" 2>/dev/null || code=$?
	return $code
}

# Ended, or waiting to be waited for.
gone() {
	[[ ! -e /proc/$1/stat ]] || [[ $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) =~ ^(Z|$) ]]
}

# start_sim [args]: sets SIM_URL and SIM_PID. Again after `stop sim`: the same port, a new memory.
start_sim() {
	make_dir
	rm -f "$DIR/port"
	start sim tg-sim -p "${SIM_PORT:-0}" --port-file "$DIR/port" "$@" >"$DIR/sim.out"
	wait_until 10 has_content "$DIR/port" || { cat "$DIR/sim.log" >&2; return 1; }
	SIM_PORT=$(<"$DIR/port")
	SIM_URL=http://127.0.0.1:$SIM_PORT
	export SIM_PID=${PIDS[sim]}
}

# often N: how often something random is done; under the sanitizers, where each time takes longer, less often.
often() {
	[[ $BUILD == */san ]] && echo $(($1 / 5)) || echo "$1"
}

# never COMMAND...: fails where it succeeds. A plain ! would not: in the middle of a test it never fails one.
never() {
	if "$@"; then
		echo "this should have failed: $*" >&2
		return 1
	fi
}

has_content() {
	[[ -s $1 ]]
}

# write_config [YAML]: $CONFIG, with further top-level keys.
write_config() {
	make_dir
	(umask 077 && echo "$SIM_TOKEN" >"$DIR/token")
	cat >"$CONFIG" <<-YAML
		telegram: {token_file: $DIR/token, api_url: "${SIM_URL:-http://127.0.0.1:1}"}
		store: {path: $DIR/store, map_size: 64M}
		socket: {path: $SOCKET, group: "", mode: "0666"}
	YAML
	[[ ${1-} == *access:* ]] || echo "access: {groups: [], operators: [$(id -un)]}" >>"$CONFIG"
	# Tests write faster than people.
	[[ ${1-} == *limits:* ]] || echo 'limits: {chat_per_minute: 0, chat_per_second: 0}' >>"$CONFIG"
	[[ ${1-} == *log:* ]] || echo 'log: {format: text, level: debug}' >>"$CONFIG"
	[[ -z ${1-} ]] || printf '%s\n' "$1" >>"$CONFIG"
	export TGTOOLS_CONFIG=$CONFIG
}

# Whether tg-sendd answers.
sendd_answers() {
	running sendd || return 0
	api GET /health >/dev/null 2>&1
}

start_sendd() {
	start sendd tg-sendd -c "$CONFIG" "$@" </dev/null
	if ! wait_until 20 sendd_answers || ! running sendd; then
		cat "$DIR/sendd.log" >&2
		return 1
	fi
}

# The bot pipeline, tg-poll | tg-dispatch | tg-send --json, each part of it known by name.
start_bot() {
	rm -f "$DIR/updates" "$DIR/calls"
	mkfifo "$DIR/updates" "$DIR/calls"
	# Not by start: the shell itself would wait for the other end of a pipe.
	tg-poll -c "$CONFIG" </dev/null >"$DIR/updates" 2>>"$DIR/poll.log" 3>&- &
	PIDS[poll]=$!
	tg-dispatch -c "$CONFIG" <"$DIR/updates" >"$DIR/calls" 2>>"$DIR/dispatch.log" 3>&- &
	PIDS[dispatch]=$!
	tg-send -c "$CONFIG" --json <"$DIR/calls" >"$DIR/send.out" 2>>"$DIR/send.log" 3>&- &
	PIDS[send]=$!
}

# The end of the pipeline: the source goes, the others follow by themselves.
stop_bot() {
	local name code=0
	kill -TERM "${PIDS[poll]}" 2>/dev/null || true
	for name in poll dispatch send; do
		wait_until 10 gone "${PIDS[$name]:-0}" || true
		stop "$name" || code=$?
	done
	return $code
}

# api METHOD PATH [JSON] [curl options]: a request to tg-sendd; prints the answer.
api() {
	local method=$1 path=$2 body=${3-}
	shift $(($# < 3 ? $# : 3))
	curl -sS --max-time 30 --unix-socket "$SOCKET" -X "$method" ${body:+-H 'Content-Type: application/json' -d "$body"} \
		"$@" "http://localhost$path"
}

# sim METHOD PATH [JSON]: a request to the simulator's control interface; prints the answer.
sim() {
	curl -sS --fail-with-body --max-time 60 -X "$1" ${3:+-H 'Content-Type: application/json' -d "$3"} "$SIM_URL$2"
}

# say CHAT TEXT [USERNAME]: a person writes to the bot.
say() {
	sim POST /sim/message "$(jq -nc --argjson chat "$1" --arg text "$2" --arg name "${3:-alice}" \
		'{chat_id: $chat, text: $text, username: $name}')" >/dev/null
}

# wait_chat CHAT TEXT [MS]: until the bot has said something with TEXT in it.
wait_chat() {
	if ! curl -sS --fail-with-body --max-time 90 -G "$SIM_URL/sim/wait" -d "chat=$1" -d "timeout_ms=${3:-15000}" \
		--data-urlencode "contains=$2" >"$DIR/wait.out" || ! grep -qF -- "$2" "$DIR/wait.out"; then
		echo "chat $1 never had '$2':" >&2
		sim GET "/sim/chat?id=$1" >&2
		return 1
	fi
}

# link_account CHAT [COMMAND PREFIX...]: links the calling account (or whom the prefix makes it) with a chat.
link_account() {
	local chat=$1 code
	shift
	say "$chat" /start
	wait_chat "$chat" code
	code=$(sim GET "/sim/chat?id=$chat" | grep -oE '\b[0-9]{6}\b' | tail -n 1)
	"$@" tg-link -c "$CONFIG" verify "$code"
}

# Everything ends, in an order in which nobody complains; a leak or an error that a sanitizer saw fails the test.
stop_all() {
	local name code=0
	for name in poll dispatch send sendd "${!PIDS[@]}"; do
		[[ -z ${PIDS[$name]-} ]] || stop "$name" || [[ $? != 124 ]] || code=1
	done
	if [[ -n $DIR ]]; then
		if grep -lE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$DIR"/*.log 2>/dev/null; then
			code=1
		fi
		if [[ $code != 0 || ${BATS_TEST_COMPLETED-} != 1 ]]; then
			tail -n 50 "$DIR"/*.log >&2 2>/dev/null
		fi
		rm -rf "$DIR"
		DIR=
	fi
	return $code
}
