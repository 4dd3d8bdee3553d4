#!/bin/sh
# What people see of scripts that print for a minute: each of USERS accounts runs one from its chat that prints
# 10 lines a second, all at once, through the whole chain (sudo included) and with Telegram's limits, while others
# write /start.
#   sh tests/bench/live.sh [BUILD] [USERS] [SECONDS]
# Only as root: the accounts are made in a mount namespace with an /etc, a /home and a /usr/local of its own.
set -eu
cd "$(dirname "$0")/../.."
build=${1:-build}
# shellcheck disable=SC2034 # for bench.sh
bin=$build/bin
users=${2:-50}
seconds=${3:-60}
if [ "$(id -u)" != 0 ]; then
	echo "live.sh: run as root" >&2
	exit 1
fi
[ -n "${LIVE_NAMESPACE-}" ] || LIVE_NAMESPACE=1 exec unshare -m sh "$0" "$@"
# shellcheck source=tests/bench/bench.sh
. tests/bench/bench.sh
chmod 755 "$dir"
etc=$dir/etc

make_system()
{
	mkdir "$dir/home"
	cp -a /etc "$etc"
	make -s B="$build" DESTDIR="$dir/tree" install
	mount --bind "$etc" /etc
	mount --bind "$dir/home" /home
	mount --bind "$dir/tree/usr/local" /usr/local
	groupadd -g 70000 tgtools-users
	make_account 70001 tgtools
	for number in $(seq "$users"); do
		make_account $((70001 + number)) "live$number"
		usermod -a -G tgtools-users "live$number"
		make_script "/home/live$number" "live$number"
	done
	echo 'Defaults !syslog' >>"$etc/sudoers"
	install -m 440 /usr/local/share/doc/tgtools/sudoers /etc/sudoers.d/tgtools
}

make_account()
{
	userdel "$2" 2>/dev/null || true
	useradd -K UID_MAX=99999 -l -m -k /dev/null -s /bin/bash -u "$1" "$2"
	chmod 755 "/home/$2"
}

# The last line says when it was printed. Nothing is started for the pauses.
make_script()
{
	mkdir -p "$1/user/notifications"
	cat >"$1/user/notifications/live.sh" <<-SH
		#!/bin/bash
		exec 3<> <(:)
		for ((i = 1; i <= 10 * $seconds; i++)); do
			echo "line \$i of some thirty characters"
			read -rt 0.1 -u 3
		done
		echo "end \$EPOCHREALTIME"
	SH
	chmod 755 "$1/user/notifications/live.sh"
	chown -R "$2": "$1/user"
}

write_system_config()
{
	mkdir -p "$etc/tgtools" "$dir/run"
	echo 123456:TEST-TOKEN-for-the-simulator-0000000 >"$etc/tgtools/token"
	chmod 600 "$etc/tgtools/token"
	chown tgtools "$etc/tgtools/token" "$dir/run"
	cat >"$etc/tgtools/tgtools.yaml" <<-YAML
		telegram: {api_url: "http://127.0.0.1:$(cat "$dir/proxy")"}
		store: {path: $dir/run/store, map_size: 256M}
		socket: {path: $dir/run/sock, group: "", mode: "0666"}
		scripts: {timeout: $((seconds + 30))s}
		log: {level: warning}
	YAML
}

# as_service PROGRAM...: takes the place of the shell, so to be called in the background.
as_service()
{
	exec setpriv --reuid tgtools --regid tgtools --init-groups --inh-caps=-all \
		env -i PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/bin LANG=C.UTF-8 "$@"
}

make_system
start_sim --limits
mkfifo "$dir/go" "$dir/updates" "$dir/calls"
python3 tests/bench/live.py "$port" "$dir/proxy" "$users" "$seconds" <"$dir/go" &
driver=$!
exec 4>"$dir/go"
while [ ! -s "$dir/proxy" ]; do sleep 0.05; done
write_system_config
as_service tg-sendd 2>>"$dir/log" &
pids="$pids $!"
while ! curl -s --unix-socket "$dir/run/sock" http://x/health >/dev/null; do sleep 0.05; done
as_service tg-poll >"$dir/updates" 2>>"$dir/log" 4>&- &
pids="$pids $!"
as_service tg-dispatch <"$dir/updates" >"$dir/calls" 2>>"$dir/log" 4>&- &
pids="$pids $!"
as_service tg-send --json <"$dir/calls" >/dev/null 2>>"$dir/log" 4>&- &
pids="$pids $!"
echo go >&4
code=0
wait "$driver" || code=$?
[ "$code" = 0 ] || cat "$dir/log"
exit "$code"
