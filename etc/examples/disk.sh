#!/bin/sh
# Disk space: tells when a file system is nearly full, at most every six hours.
#
# This is a notification script. notify-runner(1) runs it every few minutes, and it prints, as JSON, whether its
# owner is to be told something. All the details are in notify-script(7), but this is what it comes to:
#
#	{"notify": false}                                       nothing to tell
#	{"notify": true, "message": "...", "cooldown": "6h"}    tell it, then be quiet for six hours
#
# To use it, copy it to ~/user/notifications, and see what it would send: notify-runner --dry-run --only disk.sh
# From the chat: /run disk.sh, or with another limit: /run disk.sh 75

LIMIT=90 # percent

# What is typed behind the name in the chat arrives as arguments. They may be anything: take only what fits.
case ${1-} in
'') ;;
*[!0-9]* | ????*)
	echo "the limit is a number of percent, such as 75" >&2
	exit 1
	;;
*) LIMIT=$1 ;;
esac

# Makes a JSON string of what it reads. Text from elsewhere, such as a path, must never be put between quotes as
# it is: a quote in it would end the string, and what follows would count as part of the report.
json_string()
{
	iconv -c -f UTF-8 -t UTF-8 | tr -d '\000-\010\013-\037\177' | sed 's/[\\"]/\\&/g; s/	/\\t/g' |
		awk 'BEGIN { printf "\"" } { printf "%s%s", line_end, $0; line_end = "\\n" } END { printf "\"" }'
}

# An exit code other than 0 says that the script itself has failed, and standard error why. (df also fails where
# only one of many cannot be read, so what counts is whether it printed something.)
table=$(df -h -l -x tmpfs -x devtmpfs -x squashfs --output=pcent,avail,target)
[ -n "$table" ] || exit 1

# One line for each file system that is too full. When somebody asks, NOTIFY_MANUAL is 1: then all of them, since
# who asks wants an answer. A backquote would end the code in the text, which is Markdown.
list=$(printf '%s\n' "$table" |
	awk -v limit="$LIMIT" -v all="${NOTIFY_MANUAL:-0}" '
	NR > 1 {
		used = int($1)
		free = $2
		sub(/^ *[^ ]+ +[^ ]+ +/, "") # the rest of the line is the path, which may have blanks in it
		gsub(/`/, "?")
		if (used >= limit)
			printf "- ⚠️ `%s` is %d %% full, %s left\n", $0, used, free
		else if (all == 1)
			printf "- `%s` is %d %% full, %s left\n", $0, used, free
	}')

if [ -n "$list" ]; then
	printf '{"notify": true, "title": %s, "message": %s, "cooldown": "6h"}\n' \
		"$(uname -n | sed 's/^/Disk space on /' | json_string)" "$(printf '%s\n' "$list" | json_string)"
else
	echo '{"notify": false}'
fi
