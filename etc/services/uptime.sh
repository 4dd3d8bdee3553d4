#!/bin/sh
# Answers /uptime and its button: a request on standard input,
# its answer on standard output, as a socket of systemd with
# Accept=yes starts it. See tgtools-service(7).

length=0
while IFS= read -r line && line=${line%?} && [ -n "$line" ]; do
	case $line in
	[Cc]ontent-[Ll]ength:*) length=${line##*[!0-9]} ;;
	esac
done
answer=$(head -c "$length" | jq -c --arg up "$(uptime -p)" '{
	type: "text",
	content: "\(.user // "Stranger"), this server is \($up).",
	buttons: [[{text: "Look again", action: "UPTIME"}]]
}')
printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
printf 'Connection: close\r\n\r\n%s\n' "$answer"
