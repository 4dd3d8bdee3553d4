#include "help.h"

#include <stdio.h>

void print_help(void)
{
	/* NOLINTBEGIN(bugprone-suspicious-missing-comma): a line of help may need two of the source */
	static const char *const lines[] = {
	    "usage: tg-sim [-p PORT] [-t TOKEN] [--chat] [--port-file FILE] [--limits] [--speed N]",
	    "              [--user ID:USERNAME:FIRSTNAME]",
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
	    "It is as strict as Telegram, and on purpose stricter in these: an unknown parameter is 400",
	    "`unknown parameter \"x\"` (the real server ignores it), and in a JSON body a number must be a",
	    "number, not a string of digits. What a bot sends is not searched for links, mentions and so on:",
	    "its messages carry the entities it gave them and no others.",
	    "",
	    "The control API: JSON in and out, no token, never subject to faults. Errors are",
	    "{\"ok\":false,\"description\":\"...\"}.",
	    "",
	    "POST /sim/chat "
	    "{\"chat_id\":N,\"type\":\"private|group|supergroup\",\"title\"?,\"username\"?,\"first_name\"?}",
	    "  creates or changes a chat. One that was never created and never wrote is \"chat not found\" "
	    "to the bot.",
	    "POST /sim/message "
	    "{\"chat_id\":N,\"text\":\"...\",\"from_id\"?,\"username\"?,\"first_name\"?,\"type\"?,\"reply_"
	    "to\"?}",
	    "  a user writes; chat and user are made if need be. -> "
	    "{\"ok\":true,\"update_id\":N,\"message_id\":M}",
	    "  An array of such objects -> an array of such answers. update_id is null if allowed_updates "
	    "excludes",
	    "  messages.",
	    "POST /sim/tap {\"chat_id\":N,\"message_id\":M,\"button\":\"text\"|\"data\":\"callback "
	    "data\",\"from_id\"?}",
	    "  a user presses a button -> {\"ok\":true,\"update_id\":N,\"callback_query_id\":\"...\"}; a "
	    "button of a reply",
	    "  keyboard sends its text instead -> as /sim/message. 400 if that button is not there.",
	    "POST /sim/update {\"my_chat_member\":{...}}",
	    "  any Update without its update_id -> {\"ok\":true,\"update_id\":N}",
	    "GET /sim/chat?id=N[&after=MESSAGE_ID]",
	    "  all that the chat shows (newer than MESSAGE_ID):",
	    "  "
	    "{\"chat_id\",\"type\",\"blocked\",\"requests\",\"messages\":[{\"message_id\",\"from\":\"bot\"|"
	    "\"user\",\"from_id\"?,",
	    "  "
	    "\"date\",\"text\"?,\"caption\"?,\"entities\"?,\"photo\"?,\"document\"?,\"reply_markup\"?,"
	    "\"reply_to\"?,",
	    "  "
	    "\"message_thread_id\"?,\"options\"?,\"edits\",\"history\"?,\"edit_date\"?,\"media_group_id\"?,"
	    "\"deleted\",",
	    "  \"method\"?,\"silent\",\"protected\"}],\"actions\":[...],",
	    "  "
	    "\"pressed\":[{\"message_id\",\"from_id\",\"data\",\"answered\",\"answer_text\"?,\"show_alert\"?}"
	    "]}",
	    "  photo and document: "
	    "{\"file_id\",\"file_name\"?,\"mime_type\"?,\"file_size\",\"sha256\"?,\"width\"?,\"height\"?,",
	    "  \"url\"?}",
	    "GET /sim/chats -> [{\"chat_id\",\"type\",\"messages\",\"shown\"}]",
	    "  shown: the bot's messages that are not deleted",
	    "GET /sim/stats",
	    "  -> "
	    "{\"requests\",\"by_method\":{},\"delivered\",\"rejected_429\",\"requests_per_chat\":{},"
	    "\"connections\"",
	    "  (accepted so far),\"open_connections\",\"updates_pending\",\"updates_confirmed_through\"}",
	    "GET /sim/commands -> [{\"scope\",\"language_code\",\"commands\"}]",
	    "GET /sim/wait?timeout_ms=T& one of",
	    "  chat=N&count=K        until the chat shows at least K messages of the bot",
	    "  chat=N&contains=TEXT  until a message of the bot contains TEXT (text or caption as it is now)",
	    "  method=NAME&count=K   until K calls of that method have arrived in all",
	    "  delivered=K           until K messages were delivered to chats in all",
	    "  confirmed=UPDATE_ID   until the bot confirmed that update",
	    "  -> 200, or 408 at the timeout (default 10000), with /sim/chat where a chat is named, else "
	    "/sim/stats",
	    "POST /sim/fault {\"method\":\"sendMessage\"|\"*\",\"kind\":\"...\",\"chat_id\"?,\"count\"?,...}",
	    "  count: for so many calls, 1 if it is left out, -1 until cleared. The kinds:",
	    "  http \"status\" (502): HTML as a proxy sends it",
	    "  error \"status\",\"description\",\"parameters\"?: JSON",
	    "  close_before: cut off, not carried out",
	    "  close_middle: carried out, half an answer",
	    "  close_after: carried out, no answer",
	    "  stall \"ms\": carried out, the answer comes late",
	    "  stall_before \"ms\": not carried out, cut off late",
	    "  unauthorized: 401",
	    "  retry_after \"seconds\": 429",
	    "  migrate \"to\": 400 with migrate_to_chat_id",
	    "  refuse \"ms\": the server is away for so long, at once, the control API too",
	    "DELETE /sim/fault",
	    "  clears all.",
	    "POST /sim/block {\"chat_id\":N,\"blocked\":true|false}",
	    "  the user blocks the bot (403) or comes back (my_chat_member)",
	    "POST /sim/limits {\"enabled\"?:bool,\"speed\"?:N}",
	    "  the pace limits of limits.h, and how fast their clock runs",
	    "POST /sim/reset",
	    "  forgets everything but the token.",
	};
	/* NOLINTEND(bugprone-suspicious-missing-comma) */

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		puts(lines[i]);
}
