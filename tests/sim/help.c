#include "help.h"

#include <stdio.h>

void print_help(void)
{
	static const char *const lines[] = {
	    "usage: tg-sim [-p PORT] [-t TOKEN] [--chat] [--port-file FILE] [--limits] [--speed N] [--user "
	    "ID:USERNAME:FIRSTNAME]",
	    "",
	    "Simulates the Telegram Bot API on 127.0.0.1.",
	    "",
	    "  -p PORT           listen there; 0 (the default): any free port, told on standard output",
	    "  -t TOKEN          the bot's token (default 123456:TEST-TOKEN-for-the-simulator-0000000)",
	    "  --chat            a chat in the terminal: lines are messages, !1 presses button 1, /quit ends",
	    "  --user ID:USERNAME:FIRSTNAME",
	    "                    who chats (default 4242:alice:Alice)",
	    "  --port-file FILE  writes the port there once it listens",
	    "  --limits          enforces the pace limits (429)",
	    "  --speed N         their clock runs N times as fast",
	    "",
	    "It is as strict as Telegram, and on purpose stricter in these: an unknown parameter is 400 "
	    "`unknown parameter \"x\"`",
	    "(the real server ignores it), and in a JSON body a number must be a number, not a string of "
	    "digits. What a bot sends",
	    "is not searched for links, mentions and so on: its messages carry the entities it gave them and "
	    "no others.",
	    "",
	    "The control API: JSON in and out, no token, never subject to faults. Errors are "
	    "{\"ok\":false,\"description\":\"...\"}.",
	    "",
	    "POST /sim/chat "
	    "{\"chat_id\":N,\"type\":\"private|group|supergroup\",\"title\"?,\"username\"?,\"first_name\"?}",
	    "",
	    "POST /sim/message "
	    "{\"chat_id\":N,\"text\":\"...\",\"from_id\"?,\"username\"?,\"first_name\"?,\"type\"?,\"reply_"
	    "to\"?}",
	    "",
	    "",
	    "POST /sim/tap {\"chat_id\":N,\"message_id\":M,\"button\":\"visible text\"|\"data\":\"callback "
	    "data\",\"from_id\"?}",
	    "",
	    "",
	    "POST /sim/update {\"my_chat_member\":{...}} any Update without its update_id -> "
	    "{\"ok\":true,\"update_id\":N}",
	    "GET /sim/chat?id=N[&after=MESSAGE_ID] all that the chat shows (newer than MESSAGE_ID):",
	    "",
	    "",
	    "",
	    "",
	    "",
	    "GET /sim/chats -> [{\"chat_id\",\"type\",\"messages\",\"shown\"}] (shown: the bot's messages "
	    "that are not deleted)",
	    "GET /sim/stats -> "
	    "{\"requests\",\"by_method\":{},\"delivered\",\"rejected_429\",\"requests_per_chat\":{},"
	    "\"connections\"",
	    "",
	    "GET /sim/commands -> [{\"scope\",\"language_code\",\"commands\"}]",
	    "GET /sim/wait?timeout_ms=T& one of",
	    "",
	    "",
	    "",
	    "",
	    "",
	    "",
	    "POST /sim/fault {\"method\":\"sendMessage\"|\"*\",\"kind\":\"...\",\"chat_id\"?,\"count\"? "
	    "(default 1; -1: until cleared),...}",
	    "",
	    "",
	    "",
	    "",
	    "",
	    "",
	    "DELETE /sim/fault clears all.",
	    "POST /sim/block {\"chat_id\":N,\"blocked\":true|false} the user blocks the bot (403) or comes "
	    "back (my_chat_member)",
	    "POST /sim/limits {\"enabled\"?:bool,\"speed\"?:N} the pace limits of limits.h, and how fast "
	    "their clock runs",
	    "POST /sim/reset forgets everything but the token.",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		puts(lines[i]);
}
