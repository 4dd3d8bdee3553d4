#!/usr/bin/env bats
# Why: what Telegram does with a text is written down nowhere completely but in its own code. TDLib is that code,
# and what it says of our parts and entities offline is what its servers will say.

load helper

setup() {
	make_dir
	library=$(sh "$TREE/scripts/setup" tdlib)
	[[ -e $library ]] || skip "libtdjson is not installed; sh scripts/setup test fetches it from npm"
}

teardown() {
	stop_all
}

@test "Telegram's own parser takes 10,000 random texts as we send them" {
	# JUDGE_SEED=N tries others; without a seed the judge takes a new one each time.
	timeout 250 python3 "$TREE/tests/tdlib/judge.py" "$library" "$BUILD/tests/tdlib/parts" "$(often 10000)" "${JUDGE_SEED:-1}"
}

# notices WORDS SED_SCRIPT: the judge says so of parts that were changed.
notices() {
	printf '#!/bin/sh\n"%s" | sed -u '\''%s'\''\n' "$BUILD/tests/tdlib/parts" "$2" >"$DIR/parts"
	chmod +x "$DIR/parts"
	run timeout 100 python3 "$TREE/tests/tdlib/judge.py" "$library" "$DIR/parts" 300 1
	[[ $status == 1 && $output == *"is wrong: "*"$1"* ]] || { echo "$output"; return 1; }
}

@test "the judge notices what is wrong" {
	notices "formatting of" 's/"type":"bold"/"type":"italic"/'
	notices "formatting of" 's/{"type":"italic","offset":[0-9]*,"length":[0-9]*},//g'
	notices "formatting of" 's/"offset":1,/"offset":0,/'
	notices "outside of the text" 's/"length":1/"length":9/'
	notices "refuses it" 's/example.com/example/'
	notices "changes the text" 's/"text":"/&\\u0001/'
	notices "would trim" 's/"text":"\([^"]*\)"/"text":"\1 "/'
	notices "does not end in" 's/(1\/\([1-9]\))"/(2\/\1)"/'
	notices "characters of" "s/\"text\":\"/&$(printf '%05000d' 0)/"
	notices "not what went in" 's/server/sevrer/'
}
