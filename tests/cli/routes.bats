#!/usr/bin/env bats
# Why: a row of the configuration is all that an operator writes. What it leads to has to be what people see: a
# program's output in the chat and nothing of theirs in its arguments, a menu of what each of them may use, and one
# line for each mistake before the bot runs with it.

load helper

teardown() {
	stop_all
}

# shown JQ [CHAT]: what the bot has said, for jq.
shown() {
	sim GET "/sim/chat?id=${2:-1}" | jq -r "[.messages[] | select(.from == \"bot\")] | $1"
}

wait_shown() {
	wait_until 15 has_shown "$@" || { sim GET "/sim/chat?id=${2:-1}" >&2; return 1; }
}

has_shown() {
	[[ $(shown "$@") == true ]]
}

@test "a row runs its program for who may, with what was asked on standard input alone" {
	start_sim
	printf '#!/bin/sh\necho "$#:$*"; cat; echo bad >&2; exit 3\n' >"$DIR/all"
	chmod +x "$DIR/all"
	write_config "access: {groups: [], operators: [$(id -un)]}
delivery: {overall_per_second: 0, chat_per_second: 0}
commands:
  - {command: up, description: Up, access: anyone, where: [private, group], exec: [/bin/echo, up 6 days]}
  - {command: all, description: All, access: operator, exec: [$DIR/all, 'a b']}
  - {command: gone, description: Gone, access: operator, exec: [$DIR/gone]}
  - {command: long, description: Long, access: anyone, exec: [/bin/sh, -c, 'echo begun; exec sleep 600']}
callbacks:
  - {action: STATE, access: operator, exec: [/bin/cat]}"
	start_sendd
	start_bot
	# Somebody whom nobody knows: what is for anyone, as one message without a word of ours, and nothing else.
	say 5 /up
	wait_chat 5 'up 6 days'
	[[ $(shown '.[0].text' 5) == 'up 6 days' && $(shown '.[0].entities[0].type' 5) == pre ]]
	say 5 '/all x'
	wait_chat 5 'Access denied'
	link_account 1
	say 1 '/all $(id) "x"
two'
	wait_chat 1 'exit status 3'
	[[ $(shown '.[-1].text') == '1:a b
{"request_id":"u'*'"chat_id":1,"user":"'$(id -un)'","command":"all","args":"$(id) \"x\"\ntwo"}
bad
all: exit status 3,'* ]]
	say 1 /gone
	wait_chat 1 "gone could not be run: cannot execute $DIR/gone: No such file"
	# In a group, and by a button.
	sim POST /sim/chat '{"chat_id":-9,"type":"group","title":"G"}' >/dev/null
	sim POST /sim/message '{"chat_id":-9,"from_id":1,"username":"alice","text":"/up"}' >/dev/null
	wait_chat -9 'up 6 days'
	# One for a chat without a link, stopped by its button, and by nobody else.
	say 5 /long
	wait_chat 5 begun
	wait_shown 'any(.[]; .text == "begun" and (.reply_markup | tostring | contains("Stop long")))' 5
	say 5 /long
	wait_chat 5 'long is running already'
	sim POST /sim/tap "{\"chat_id\":5,\"button\":\"Stop long\",\"message_id\":$(
		shown '[.[] | select(.text == "begun")][0].message_id' 5)}" >/dev/null
	wait_chat 5 'long: stopped after'
}

all_answered() {
	local chat
	for chat in "$@"; do
		[[ $(sim GET "/sim/chat?id=$chat" | jq '.pressed[0].answered') == true ]] || return 1
	done
}

# Telegram takes its time with one of them, and refuses the menu for half a minute.
@test "the answer to a tap waits for no other call that goes to no chat" {
	local chats=(101 102 103 104 105 106 107 108 109 110) chat started
	start_sim
	write_config 'delivery: {overall_per_second: 0, chat_per_second: 0}'
	start_sendd
	start_bot
	for chat in "${chats[@]}"; do
		sim POST /sim/chat "{\"chat_id\":$chat,\"type\":\"private\"}" >/dev/null
		echo "{\"method\":\"sendMessage\",\"chat_id\":$chat,\"text\":\"x\",\"reply_markup\":{\"inline_keyboard\":[[{\"text\":\"b\",\"callback_data\":\"OLD:1\"}]]}}"
	done >"$DIR/lines"
	curl -sS --fail-with-body --unix-socket "$SOCKET" --data-binary "@$DIR/lines" http://localhost/calls >/dev/null
	sim POST /sim/fault '{"method":"setMyCommands","kind":"retry_after","seconds":30,"count":-1}' >/dev/null
	sim POST /sim/fault '{"method":"answerCallbackQuery","kind":"stall","ms":4000,"count":1}' >/dev/null
	api POST /calls '{"method":"setMyCommands","commands":[{"command":"a","description":"A"}],"tgtools":{"class":"bulk"}}' >/dev/null
	sim GET "/sim/wait?method=setMyCommands&count=1" >/dev/null
	for chat in "${chats[@]}"; do
		wait_chat "$chat" x
	done
	started=$SECONDS
	for chat in "${chats[@]}"; do
		sim POST /sim/tap "{\"chat_id\":$chat,\"message_id\":$(shown '.[0].message_id' "$chat"),\"button\":\"b\"}" >/dev/null
	done
	wait_until 2 all_answered "${chats[@]}"
	((SECONDS - started < 4))
	# The answer that is late is not waited for.
	stop sim KILL || true
}

commands_of() {
	sim GET /sim/commands | jq -r --arg scope "$1" '[.[] | select(.scope == $scope) | .commands[].command] | join(" ")'
}

menu_has() {
	[[ " $(commands_of "$1") " == *" $2 "* ]]
}

menu_gone() {
	[[ -z $(commands_of "$1") ]]
}

set_calls() {
	sim GET /sim/stats | jq '(.by_method.setMyCommands // 0) + (.by_method.deleteMyCommands // 0)'
}

@test "each chat has the menu of what it may use, told when it changes and not again" {
	local calls
	start_sim
	write_config "access: {groups: [], operators: [$(id -un)]}
commands:
  - {command: up, description: Up, access: anyone, where: [private, group], exec: [/bin/true]}
  - {command: secret, description: Secret, access: operator, exec: [/bin/true]}
texts: {help_up: Since when}"
	start_sendd
	start_bot
	wait_until 10 menu_has all_private_chats up
	wait_until 10 menu_has all_group_chats up
	never menu_has all_private_chats secret
	never menu_has all_group_chats start
	[[ $(sim GET /sim/commands | jq -r '.[0].commands[] | select(.command == "up").description') == 'Since when' ]]
	link_account 1
	wait_chat 1 linked
	say 1 /whoami
	wait_until 10 menu_has chat:1 secret
	menu_has chat:1 up
	calls=$(set_calls)
	# A restart says nothing again; the configuration that is read again, what it changes.
	stop_bot
	start_bot
	say 1 /help
	wait_chat 1 '/secret - Secret'
	[[ $(set_calls) == "$calls" ]]
	sed -i 's/command: secret/command: hidden/; s/access: operator, exec/access: "%daemon", exec/' "$CONFIG"
	kill -HUP "${PIDS[dispatch]}"
	say 1 /unlink
	wait_until 10 menu_gone chat:1
	never menu_has all_private_chats hidden
}

@test "--check prints the table as it is understood, and every mistake in its line" {
	make_dir
	mkdir "$DIR/there"
	printf 'x\n' >"$DIR/secret"
	chmod 644 "$DIR/secret"
	cat >"$DIR/t.yaml" <<-YAML
		access: {operators: []}
		commands:
		  - {command: up, description: Up, access: anyone, where: [private, group], exec: [/usr/bin/env, echo, up]}
		  - {command: gone, description: Gone, exec: [$DIR/gone]}
		  - {command: there, description: There, exec: [$DIR/there]}
		  - {command: plain, description: Plain, exec: [$DIR/secret]}
		  - {command: op, description: Op, access: operator, exec: [/usr/bin/env]}
		  - {command: team, description: Team, access: "%no-such-group", exec: [/usr/bin/env]}
		  - command: web
		    description: Web
		    http: {url: "http://127.0.0.1:1/", headers: [{name: X-Key, value_file: $DIR/secret}]}
	YAML
	run --separate-stderr -78 tg-dispatch --check -c "$DIR/t.yaml"
	[[ $stderr == "tg-dispatch: $DIR/t.yaml:4: commands: gone: $DIR/gone cannot be run: No such file or directory
tg-dispatch: $DIR/t.yaml:5: commands: there: $DIR/there cannot be run: it is no file
tg-dispatch: $DIR/t.yaml:6: commands: plain: $DIR/secret cannot be run: it is not executable
tg-dispatch: $DIR/t.yaml:7: commands: op: nobody can use it: access.operators is empty
tg-dispatch: $DIR/t.yaml:8: commands: team: nobody can use it: there is no group no-such-group
tg-dispatch: $DIR/t.yaml:11: commands: web: header X-Key: $DIR/secret: others can read or write it; run chmod 600 on it" ]]
	grep -qE '^/up +private,group +anyone +1m +exec /usr/bin/env echo up$' <<<"$output"
	[[ $(grep -c '^ROUTE ' <<<"$output") == 1 && ! -e $DIR/store ]]
	# Rows that contradict each other, in all sections at once; then there is no table.
	printf 'commands:\n  - {command: start, description: S, exec: [/bin/true]}\n  - {command: a, description: A, script: a}
  - {command: a, description: A, script: b}\n  - {command: b, description: B, http: {url: nonsense}}
callbacks:\n  - {action: run, exec: [/bin/true]}\n' >"$DIR/t.yaml"
	run --separate-stderr -78 tg-dispatch --check -c "$DIR/t.yaml"
	[[ -z $output && $(sed "s|.*$DIR/t.yaml:||; s/:.*//" <<<"$stderr" | paste -sd ' ') == '4 5 2 7' ]]
	# The examples of the sample are rows, all of them.
	sed -E 's/^#(  .*)$/\1/; s/^([a-z_]+): (\[\]|\{\})( *#.*)?$/\1:/' "$TREE/etc/tgtools.yaml" >"$DIR/t.yaml"
	run --separate-stderr -78 tg-dispatch --check -c "$DIR/t.yaml"
	grep -qE '^/uptime .* operator +1m +exec /usr/bin/uptime -p' <<<"$output"
	grep -qE '^/report .* linked +1m +script report.py' <<<"$output"
	grep -qE '^/disks +private,group +%staff +3s +POST http://disks/ at /run/disks.sock$' <<<"$output"
	never grep -v 'runs no sessions$' <<<"$stderr"
	# The service starts with a row that does not work, and says so.
	start_sim
	write_config "commands: [{command: gone, description: Gone, exec: [$DIR/gone]}]"
	start_sendd
	start_bot
	wait_until 10 grep -q "commands: gone: $DIR/gone cannot be run" "$DIR/dispatch.log"
	say 1 /start
	wait_chat 1 code
}
