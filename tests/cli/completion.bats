#!/usr/bin/env bats
# Why: a completion that offers what the program does not know, or breaks the line that is being typed, is
# worse than none. Typed into real shells.

load helper

setup() {
	make_dir
}

teardown() {
	stop_all
}

# typed LINE: the words that an interactive bash makes of it, each as <word>; \t is the tab key.
typed() {
	cat >"$DIR/rc" <<-BASH
		PS1=
		. $TREE/etc/completions/tgtools.bash
		show() {
			local program=\$1
			shift
			if [[ \$1 == --help ]]; then
				command \$program --help
			else
				printf '<%s>' "\$@"
			fi
		}
		tg-send() { show tg-send "\$@"; }
		tg-link() { show tg-link "\$@"; }
	BASH
	printf "$1\nexit\n" | timeout 20 script -qefc "bash --noprofile --rcfile $DIR/rc -i" /dev/null | tr -d '\r'
}

# offers LINE WORD...: bash completes the last word of LINE to exactly these.
offers() {
	local line=$1
	shift
	bash -c '. "$1"
		line=$2
		COMP_WORDS=()
		for word in $line; do
			case $word in
			*=*) COMP_WORDS+=("${word%%=*}" = ${word#*=}) ;;
			*) COMP_WORDS+=("$word") ;;
			esac
		done
		[[ $line != *" " ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_tgtools "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
		printf "%s\n" "${COMPREPLY[@]}"' bash "$TREE/etc/completions/tgtools.bash" "$line" >"$DIR/offered"
	diff "$DIR/offered" <(printf '%s\n' "$@") || { echo "after '$line'"; return 1; }
}

@test "the tab key in bash completes options, values and files" {
	touch "$DIR/picture one.png"
	typed 'tg-send --silent --no-p\t-f mark\ttext' | grep -F '<--silent><--no-preview><-f><markdown><text>'
	typed "tg-send -i $DIR/pic\ttext" | grep -F "<-i><$DIR/picture one.png><text>"
	typed 'tg-link unl\t' | grep -F '<unlink>'
}

@test "bash is offered what --help shows" {
	local program
	for program in tg-send tg-link tg-queue notify-runner notify-scripts; do
		offers "$program -" $("$program" --help | sed -nE 's/^ +(-.*)/\1/; T; s/  .*//; p' |
			grep -oE -- '--?[A-Za-z][a-z-]*')
	done
	offers 'tg-send --no' --no-preview
	offers 'tg-send -sv --dr' --dry-run
	offers 'tg-link v' verify
	offers 'tg-link --quiet stat' status
	offers 'tg-link ke' key
	offers 'tg-link key ' new list revoke
}

@test "bash is offered the values of an option, and nothing where only the writer knows" {
	offers 'tg-send -f ' text markdown html pre
	offers 'tg-send --format m' markdown
	offers 'tg-send --wait=3' 30s
	offers 'tg-send --wait=' 10s 30s 1m 5m
	offers 'tg-send -T ' ''
	offers 'tg-send --wait ' ''
	offers 'tg-link verify ' ''
	offers 'tg-queue updates ' show delete
	offers 'tg-send -u roo' root
	offers 'tg-link key new --expires 3' 30d 365d
}

@test "in bash there are no options behind the text" {
	offers 'tg-send text --si' ''
	offers 'tg-send -T --si' ''
	offers 'tg-send -T title --si' --silent
	offers 'tg-send --wait=5s --si' --silent
	offers 'tg-send -f html text -' ''
}

@test "bash is offered the commands of notify-scripts, and what can be run" {
	mkdir "$DIR/bin"
	printf '#!/bin/sh\n[ "$1" = list ] && echo %s || exec "%s" "$@"\n' \
		"'[{\"name\":\"disk.sh\",\"stem\":\"disk\"},{\"name\":\"load\",\"stem\":\"load\"}]'" "$BIN/notify-scripts" \
		>"$DIR/bin/notify-scripts"
	chmod +x "$DIR/bin/notify-scripts"
	PATH=$DIR/bin:$PATH offers 'notify-scripts ' list run
	PATH=$DIR/bin:$PATH offers 'notify-scripts run ' disk.sh load
	PATH=$DIR/bin:$PATH offers 'notify-scripts run --del' --deliver
}

@test "bash is offered the scripts that notify-runner has" {
	mkdir "$DIR/bin"
	printf '#!/bin/sh\n[ "$1" = -l ] && echo disks || exec "%s" "$@"\n' "$BIN/notify-runner" >"$DIR/bin/notify-runner"
	chmod +x "$DIR/bin/notify-runner"
	PATH=$DIR/bin:$PATH offers 'notify-runner --only ' disks
}

@test "zsh reads the completion, and what it is told fits --help" {
	command -v zsh >/dev/null || skip "there is no zsh"
	zsh -n "$TREE/etc/completions/_tgtools"
	zsh -fc '_call_program() { shift; "$@"; }
		setopt extendedglob
		words=(:)
		typeset -a specs verbs
		. '"$TREE/etc/completions/_tgtools"'
		specs=()
		_tgtools_read_help tg-send
		print -l -- $specs' >"$DIR/specs" || true
	cat "$DIR/specs"
	grep -Fx '(-T --title)-T[a title above the text]:TITLE: ' "$DIR/specs"
	grep -Fx '(-T --title)--title=[a title above the text]:TITLE: ' "$DIR/specs"
	grep -Fx '*-i[a picture, "-" for standard input; again for an album]:FILE:_files' "$DIR/specs"
	grep -Fx '(-w --wait)--wait=-[wait until it is delivered, at most 30s, and say so]::TIME:(10s 30s 1m 5m)' "$DIR/specs"
	grep -Fx '(--no-preview)--no-preview[without a preview of its links]' "$DIR/specs"
}

@test "the tab key in zsh completes options and values" {
	command -v zsh >/dev/null || skip "there is no zsh"
	cp "$TREE/etc/completions/_tgtools" "$DIR/"
	cat >"$DIR/type" <<-'ZSH'
		zmodload zsh/zpty
		# Types $1 and prints what comes until $2 is in it.
		until_seen() {
			local all= part
			zpty -w -n shell $1
			zpty -r -m shell all "*$2*" || return 1
		}
		zpty shell "PS1='> ' zsh -f -i"
		until_seen "fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; echo rea''dy"$'\n' ready || exit 1
		until_seen $'tg-send -f mark\t' 'markdown' || exit 2
		until_seen $'--no-p\t' 'no-preview' || exit 3
		zpty -d shell
	ZSH
	timeout 30 zsh -f "$DIR/type" "$DIR"
}
