#!/usr/bin/env bats
# The store outlives the programs: what an older version left in it is delivered and shown by this one, what
# is damaged is found, and what another owns is not touched.

load helper

setup() {
	start_sim
	write_config 'delivery: {overall_per_second: 0, chat_per_second: 0, group_per_minute: 0}'
	# The store of the old version is as old as this test.
	sed -i 's|^store: {|store: {history: 3650d, dead: 3650d, |' "$CONFIG"
}

teardown() {
	stop_all
}

# The store that tgtools 0.1 left, as mdb_dump -a printed it: chat 1 is linked with root; delivered, dead and
# waiting messages, one of them with a picture; an update that nobody has handled.
PICTURE=c03a18d5a6a3585305a433c861bff1ec

load_store() {
	mkdir -m 700 "$DIR/store" "$DIR/store/spool"
	mdb_load -f "$1" "$DIR/store"
	chmod 600 "$DIR"/store/*.mdb
	printf '\x89PNG picture' >"$DIR/store/spool/$PICTURE"
	sim POST /sim/chat '{"chat_id":1,"type":"private"}' >/dev/null
	sim POST /sim/chat '{"chat_id":-5,"type":"supergroup"}' >/dev/null
}

@test "what version 0.1 left is delivered, shown and whole" {
	load_store "$TREE/tests/data/store-1.dump"
	run --separate-stderr -0 tg-sendd --check-store
	[[ -z $output && -z $stderr ]]
	start_sendd
	sim GET '/sim/wait?chat=-5&contains=a%20reply' >/dev/null
	sim GET '/sim/wait?chat=1&count=2' >/dev/null
	sim GET '/sim/chat?id=1' | jq -r '.messages[] | .text // (.caption + " " + (.photo // .document).file_name)' >"$DIR/shown"
	diff "$DIR/shown" - <<<$'queued\npicture chart.png'
	delivered() { [[ $(api GET '/history?user=root' | jq '.messages | length') == 3 ]]; }
	wait_until 10 delivered
	[[ -z $(ls -A "$DIR/store/spool") ]]
	api GET '/history?user=root' | jq -e '.messages[2] | .id == 4 and .script == "disk" and .message_id == 6 and .state == "delivered"' >/dev/null
	[[ $(api GET '/history?user=*' | jq '.messages | length') == 7 ]]
	[[ $(api GET '/queue?user=root' | jq -c '[.messages[] | [.id, .state, .error, .attempts]]') == '[[5,"dead","Bad Request: not this",1]]' ]]
	[[ $(api GET '/api/telegram/status?user=root' | jq -c '[.linked, .chats[0].chat_id]') == '[true,1]' ]]
	[[ $(api POST /queue/5/retry | jq .ok) == true ]]
	wait_chat 1 dead
	tg-sendd --check-store
	start_bot
	wait_chat 1 root
}

@test "a store of a newer version is refused, with what to do" {
	sed '/^database=meta/,/^DATA=END/s/^ 8000000000000001$/ 8000000000000099/' "$TREE/tests/data/store-1.dump" >"$DIR/newer"
	load_store "$DIR/newer"
	for option in '' --check-store; do
		run --separate-stderr -78 tg-sendd $option
		echo "$stderr"
		[[ $stderr == "tg-sendd: store $DIR/store has schema 153, this program knows "*"; install the tgtools that wrote it" ]]
	done
}

@test "--check-store finds what is wrong, beside a running tg-sendd or without one, and changes nothing" {
	start_sendd
	sim POST /sim/chat '{"chat_id":-5,"type":"supergroup"}' >/dev/null
	sim POST /sim/fault '{"method":"*","count":-1,"kind":"http","status":502}' >/dev/null
	printf '\x89PNG' >"$DIR/chart.png"
	[[ $(api POST /calls "{\"method\":\"sendPhoto\",\"chat_id\":-5,\"photo\":\"file://$DIR/chart.png\"}" | jq .results[0].ok) == true ]]
	run --separate-stderr -0 tg-sendd --check-store
	[[ -z $output && -z $stderr ]]
	script -qec 'tg-sendd --check-store' /dev/null </dev/null | tr -d '\r' >"$DIR/shown"
	[[ $(<"$DIR/shown") == '1 waiting, 0 scheduled, 0 dead, 0 delivered, 0 linked, 0 updates: 0 wrong' ]]
	rm "$DIR"/store/spool/*
	for _ in with without; do
		run --separate-stderr -70 tg-sendd --check-store
		[[ $output == 'message 1: its file is not in the spool' && -z $stderr ]]
		stop sendd
	done
	run -70 bash -c 'tg-sendd --check-store >/dev/null'
	run -75 bash -c 'tg-sendd --check-store >/dev/full'
}

@test "--check-store makes no store where there is none" {
	run --separate-stderr -78 tg-sendd --check-store
	[[ -z $output && $stderr == "tg-sendd: there is no store in $DIR/store" ]]
	[[ ! -e $DIR/store ]]
	run --separate-stderr -64 tg-sendd --check-store now
}
