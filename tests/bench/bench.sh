# What the benches of tg-sendd share; sourced from the root of the tree with $bin set. TMPDIR says on which
# disk the store is.
# shellcheck shell=sh disable=SC2034,SC2154 # $bin comes from, $port goes to who sources this

dir=$(mktemp -d "${TMPDIR:-/tmp}/tgt.XXXXXX")
pids=
trap 'kill $pids 2>/dev/null; wait; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP

# start_sim OPTIONS
start_sim()
{
	"$bin/tg-sim" --port-file "$dir/port" "$@" >/dev/null &
	pids="$pids $!"
	while [ ! -s "$dir/port" ]; do sleep 0.05; done
	port=$(cat "$dir/port")
}

# write_config DELIVERY: the keys of that section.
write_config()
{
	(umask 077 && echo 123456:TEST-TOKEN-for-the-simulator-0000000 >"$dir/token")
	cat >"$dir/tgtools.yaml" <<YAML
telegram: {token_file: $dir/token, api_url: "http://127.0.0.1:$port"}
store: {path: $dir/store, map_size: 8G}
socket: {path: $dir/sock, group: "", mode: "0600"}
delivery: {$1}
log: {level: warning}
YAML
}

start_sendd()
{
	"$bin/tg-sendd" -c "$dir/tgtools.yaml" 2>>"$dir/log" &
	sendd=$!
	pids="$pids $sendd"
	while ! curl -s --unix-socket "$dir/sock" http://x/health >/dev/null; do sleep 0.05; done
}

# make_chats COUNT: over one connection, since curl reads the requests from a file.
make_chats()
{
	awk -v url="http://127.0.0.1:$port/sim/chat" -v chats="$1" 'BEGIN {
		for (i = 1; i <= chats; i++)
			printf "%surl = \"%s\"\ndata = \"{\\\"chat_id\\\":%d,\\\"type\\\":\\\"private\\\"}\"\noutput = /dev/null\n",
				(i > 1 ? "next\n" : ""), url, i }' >"$dir/chats"
	curl -sS -K "$dir/chats"
}

# make_calls COUNT CHATS: one line each, to the chats in turn.
make_calls()
{
	awk -v messages="$1" -v chats="$2" 'BEGIN {
		for (i = 0; i < messages; i++)
			printf "{\"method\":\"sendMessage\",\"chat_id\":%d,\"text\":\"line %07d of some sixty characters, as a report has\"}\n",
				i % chats + 1, i }'
}
