#!/bin/sh
# Failed services: tells which units of systemd have failed, with their last words, at most once an hour.
#
# A notification script, see notify-script(7). Copy it to ~/user/notifications and try it:
# notify-runner --dry-run --only units.sh, or from the chat: /run units.sh

MOST=10  # how many units are named at most
LINES=3  # how many lines of the log of each are shown, where one may read it

# Makes a JSON string of what it reads; see disk.sh for the reason.
json_string()
{
	iconv -c -f UTF-8 -t UTF-8 | tr -d '\000-\010\013-\037\177' | sed 's/[\\"]/\\&/g; s/	/\\t/g' |
		awk 'BEGIN { printf "\"" } { printf "%s%s", line_end, $0; line_end = "\\n" } END { printf "\"" }'
}

# report TITLE MESSAGE
report()
{
	printf '{"notify": true, "title": %s, "message": %s, "cooldown": "1h"}\n' \
		"$(printf '%s\n' "$1" | json_string)" "$(printf '%s\n' "$2" | json_string)"
	exit 0
}

# report_if_asked TEXT: NOTIFY_MANUAL is 1 where somebody asked for it, who wants an answer also if all is well.
report_if_asked()
{
	[ "${NOTIFY_MANUAL:-0}" != 1 ] || report "Services on $(uname -n)" "$1"
	echo '{"notify": false}'
	exit 0
}

# A container or another init system: there is nothing to watch, and that is no failure.
state=$(systemctl is-system-running 2>/dev/null)
case $state in
'' | offline | unknown) report_if_asked "This system does not run systemd." ;;
esac

# What is printed on standard error, and an exit code other than 0, say that the script itself has failed.
if ! failed=$(systemctl list-units --failed --plain --no-legend --full --no-pager); then
	echo "systemctl cannot list the units" >&2
	exit 1
fi
count=$(printf '%s' "$failed" | grep -c .)
[ "$count" -gt 0 ] || report_if_asked "No unit has failed; the state of the system is: $state."

# Each line is: UNIT LOAD ACTIVE SUB DESCRIPTION. Words in backquotes are shown as they are, so that a name like
# a_b_c does not turn into italics; the log goes between two lines of them.
# shellcheck disable=SC2016 # these backquotes are for Markdown
text=$(printf '%s\n' "$failed" | head -n "$MOST" | while read -r unit _ _ _ description; do
	printf -- '- `%s` %s\n' "$unit" "$(printf '%s' "$description" | tr -d '`*_[]<>')"
	log=$(journalctl --quiet --no-pager --output=cat --lines="$LINES" --unit="$unit" 2>/dev/null | tr -d '`' | cut -c 1-200)
	[ -z "$log" ] || printf '\n```\n%s\n```\n' "$log"
done)
[ "$count" -le "$MOST" ] || text=$(printf '%s\n\nand %s more' "$text" "$((count - MOST))")
if [ "$count" = 1 ]; then
	report "A service has failed on $(uname -n)" "$text"
else
	report "$count services have failed on $(uname -n)" "$text"
fi
