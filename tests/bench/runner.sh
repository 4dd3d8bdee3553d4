#!/bin/sh
# What notify-runner costs beside xargs over the same scripts, which do nothing: in pairs, one after the other,
# so that both meet the same machine. And how much memory it takes.
#   sh tests/bench/runner.sh [BUILD] [SCRIPTS] [PAIRS]
set -eu
cd "$(dirname "$0")/../.."
bin=$(cd "${1:-build}/bin" && pwd)
scripts=${2:-1000}
pairs=${3:-7}
dir=$(mktemp -d "${TMPDIR:-/tmp}/tgt.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP

notes=$dir/home/user/notifications
(umask 022 && mkdir -p "$notes")
echo "socket: {path: $dir/sock, group: \"\"}" >"$dir/tgtools.yaml"
i=0
while [ "$i" -lt "$scripts" ]; do
	i=$((i + 1))
	# shellcheck disable=SC2016 # for the script
	printf '#!/bin/sh\necho %s\n' "'{\"notify\":false}'" >"$notes/s$i.sh"
done
chmod 755 "$notes"/*

by_xargs()
{
	find "$notes" -type f | xargs -P4 -n1 sh >"$dir/out"
}

by_runner()
{
	"$bin/notify-runner" -c "$dir/tgtools.yaml" --home "$dir/home" -j 4
}

# seconds COMMAND
seconds()
{
	from=$(date +%s%N)
	"$@"
	echo $((($(date +%s%N) - from) / 1000))
}

by_xargs
by_runner
: >"$dir/pairs"
i=0
while [ "$i" -lt "$pairs" ]; do
	i=$((i + 1))
	echo "$(seconds by_xargs) $(seconds by_runner)" >>"$dir/pairs"
done
tail -n 1 "$dir/home/.notifications/logs/runner.log" | grep -q " $scripts scripts, 0 failed"
awk -v scripts="$scripts" '
	{ xargs[NR] = $1; runner[NR] = $2; ratio[NR] = $2 / $1 }
	function middle(list, n,    i, j, t) {
		for (i = 1; i <= n; i++)
			for (j = i + 1; j <= n; j++)
				if (list[j] < list[i]) { t = list[i]; list[i] = list[j]; list[j] = t }
		return list[int((n + 1) / 2)]
	}
	END {
		best = ratio[1]
		worst = ratio[1]
		for (i = 2; i <= NR; i++) {
			best = ratio[i] < best ? ratio[i] : best
			worst = ratio[i] > worst ? ratio[i] : worst
		}
		printf "%d scripts, %d pairs: xargs -P4 -n1 sh %.2f s, notify-runner -j 4 %.2f s; ratio %.2f (%.2f to %.2f)\n",
			scripts, NR, middle(xargs, NR) / 1e6, middle(runner, NR) / 1e6, middle(ratio, NR), best, worst
	}' "$dir/pairs"
# The most of its own and of any process that it has waited for.
/usr/bin/time -f '%M' -o "$dir/memory" "$bin/notify-runner" -c "$dir/tgtools.yaml" --home "$dir/home" -j 4
awk '{ printf "memory of notify-runner at its most: %.1f MB\n", $1 / 1024 }' "$dir/memory"
