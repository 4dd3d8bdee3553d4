#!/bin/sh
# A notification script: warns of file systems that are nearly full, at most every six hours.
# What it has to print is described in notify-script(7).
LIMIT=90

# \n in the message stands for a new line; anything odd in a name becomes "?", so that it stays valid JSON.
full=$(df -P -l -x tmpfs -x devtmpfs -x squashfs | awk -v limit="$LIMIT" '
	NR > 1 && int($5) >= limit {
		gsub(/[^A-Za-z0-9\/._-]/, "?", $6)
		printf "%s is %s full\\n", $6, $5
	}')

if [ -n "$full" ]; then
	printf '{"notify": true, "title": "Disk space on %s", "message": "%s", "cooldown": "6h"}\n' "$(uname -n)" "$full"
else
	echo '{"notify": false}'
fi
