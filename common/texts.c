#include "texts.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "utf8.h"

static const struct {
	const char *name;
	const char *text;
} texts[TEXT_COUNT] = {
    [TEXT_START_CODE] = {"start_code", "Your code is `{code}`\n\n"
				       "On the server, run:\n  `tg-link verify {code}`\n\n"
				       "The code is valid for {lifetime} and can be used once."},
    [TEXT_START_LINKED] = {"start_linked", "This chat is linked to {user}. Notifications for {user} arrive "
					   "here.\n\nUse /help for the list of commands."},
    [TEXT_START_RESUMED] = {"start_resumed", "This chat is linked to {user}. Notifications were paused and "
					     "arrive here again.\n\nUse /help for the list of commands."},
    [TEXT_UNKNOWN_COMMAND] = {"unknown_command", "Unknown command. Use /help for the list."},
    [TEXT_HELP] = {"help", "Commands:\n{commands}"},
    [TEXT_HELP_LINE] = {"help_line", "/{command} - {description}"},
    [TEXT_WHOAMI_LINKED] = {"whoami_linked",
	"This chat is linked to {user} since {since}.\nChat id: `{chat}`"},
    [TEXT_WHOAMI_PAUSED] = {"whoami_paused",
	"This chat is linked to {user} since {since}.\nChat id: `{chat}`\n\n"
	"Notifications are paused, because Telegram refused messages to this chat. "
	"Use /start to resume them."},
    [TEXT_WHOAMI_UNLINKED] = {"whoami_unlinked",
	"This chat is not linked to an account.\nChat id: `{chat}`\n\n"
	"Use /start to link your account."},
    [TEXT_WHOAMI_GROUP] = {"whoami_group", "Chat id of this group: `{chat}`"},
    [TEXT_LINKED] = {"linked", "This chat is now linked to {user}. Notifications for {user} arrive here.\n\n"
			       "Use /help for the list of commands."},
    [TEXT_UNLINKED] = {"unlinked", "Unlinked from {user}. Notifications no longer arrive here.\n\n"
				   "Use /start to link this chat again."},
    [TEXT_PRIVATE_ONLY] = {"private_only", "/{command} works only in a private chat with {bot}. Please "
					   "write /{command} there."},
    [TEXT_GROUP_ONLY] = {"group_only", "/{command} works only in groups."},
    [TEXT_THE_BOT] = {"the_bot", "the bot"},
    [TEXT_ACCESS_DENIED] = {"access_denied", "Access denied. Your Telegram id is `{id}`.\n\n"
					     "Use /start to link your account, or ask the administrator."},
    [TEXT_NOT_PERMITTED] = {"not_permitted", "You may not use this. Please ask the administrator."},
    [TEXT_SLOW_DOWN] = {"slow_down", "You're sending messages too fast, please slow down 🙂"},
    [TEXT_SERVICE_FAILED] = {"service_failed", "Sorry, this does not work right now. "
					       "Please try again later."},
    [TEXT_BUTTON_GONE] = {"button_gone", "This button is no longer valid."},
    [TEXT_TRY_LATER] = {"try_later", "The server cannot tell right now. Please try again later."},
    [TEXT_FAILED] = {"failed", "Sorry, this failed because of an error on the server. "
			       "Please tell the administrator."},
    [TEXT_BROADCAST_USAGE] = {"broadcast_usage",
	"Write the message behind the command, as in:\n"
	"  /broadcast The server restarts at 18:00.\n\n"
	"It goes to everybody who is linked, with its formatting, after you have seen it here. "
	"Only text can be sent."},
    [TEXT_BROADCAST_PREVIEW] = {"broadcast_preview", "Chats that will get this message: {count}"},
    [TEXT_BROADCAST_NOBODY] = {"broadcast_nobody",
	"No chat would get this: none is linked, or all are paused."},
    [TEXT_BUTTON_SEND] = {"button_send", "Send"},
    [TEXT_BROADCAST_SENDING] = {"broadcast_sending", "It is being sent. Chats: {count}"},
    [TEXT_BROADCAST_OVER] = {"broadcast_over", "This was sent or cancelled before, or is too old."},
    [TEXT_BROADCAST_FULL] = {"broadcast_full",
	"The broadcast was not sent: the server has no room for so many "
	"messages. Please tell the administrator."},
    [TEXT_BROADCAST_REPORT] = {"broadcast_report", "Broadcast: {delivered} delivered, {failed} failed"},
    [TEXT_BROADCAST_REPORT_CANCELLED] = {"broadcast_report_cancelled",
	"Broadcast: {delivered} delivered, {failed} failed, {cancelled} cancelled"},
    [TEXT_USERS] = {"users", "Linked chats: {count}\n{users}"},
    [TEXT_USERS_LINE] = {"users_line", "{user} - {name}, since {since}"},
    [TEXT_USERS_LINE_PAUSED] = {"users_line_paused", "{user} - {name}, since {since}, paused"},
    [TEXT_USERS_NONE] = {"users_none", "No chat is linked."},
    [TEXT_QUEUE] = {"queue", "Waiting: {waiting}\nScheduled: {scheduled}\nDead: {dead}\n"
			     "Perhaps delivered: {uncertain}\nUpdates: {updates}{more}"},
    [TEXT_QUEUE_AGE] = {"queue_age", "The oldest waits for {duration}."},
    [TEXT_QUEUE_HELD] = {"queue_held", "Held: {users}"},
    [TEXT_QUEUE_HELD_ALL] = {"queue_held_all", "All deliveries are held."},
    [TEXT_QUEUE_QUIET] = {"queue_quiet", "Telegram has asked to wait for {duration}."},
    [TEXT_QUEUE_BROADCAST] = {"queue_broadcast",
	"Broadcast of {user}: {delivered} delivered, {failed} failed, {left} waiting"},
    [TEXT_QUEUE_BROKEN] = {"queue_broken", "Updates that could not be handled: {count}"},
    [TEXT_SCRIPTS] = {"scripts", "Your scripts:\n{scripts}"},
    [TEXT_SCRIPTS_LINE] = {"scripts_line", "{script} - last run: {run}, last sent: {sent}"},
    [TEXT_SCRIPTS_LINE_SERVER] = {"scripts_line_server", "{script} - a script of the server"},
    [TEXT_SCRIPTS_NONE] = {"scripts_none", "You have no scripts yet. Put one into `~/{directory}` on the "
					   "server and make it executable."},
    [TEXT_SCRIPTS_AWAY] = {"scripts_away", "Your scripts cannot be reached right now. "
					   "Please try again later."},
    [TEXT_SCRIPTS_NEVER] = {"scripts_never", "never"},
    [TEXT_SCRIPTS_AGO] = {"scripts_ago", "{duration} ago"},
    [TEXT_RUN_WHICH] = {"run_which", "Which script? Use /run and one of these names:\n{scripts}"},
    [TEXT_RUN_UNKNOWN] = {"run_unknown", "There is no script {script}. You can run these:\n{scripts}"},
    [TEXT_RUN_STARTED] = {"run_started", "{script} starts."},
    [TEXT_RUN_BUSY] = {"run_busy", "{script} is running already. Use /stop to end it."},
    [TEXT_RUN_MANY] = {"run_many", "{count} of your scripts are running already. Use /jobs to see them."},
    [TEXT_JOBS] = {"jobs", "Running:\n{jobs}"},
    [TEXT_JOBS_LINE] = {"jobs_line", "{script} - {duration}"},
    [TEXT_JOBS_NONE] = {"jobs_none", "None of your scripts is running."},
    [TEXT_STOP_WHICH] = {"stop_which", "Which one?"},
    [TEXT_STOP_STOPPING] = {"stop_stopping", "{script} is being stopped."},
    [TEXT_STOP_UNKNOWN] = {"stop_unknown", "{script} is not running."},
    [TEXT_STOP_OVER] = {"stop_over", "It has ended already."},
    [TEXT_BUTTON_STOP] = {"button_stop", "Stop {script}"},
    [TEXT_JOB_RUNNING] = {"job_running", "{script} is running."},
    [TEXT_JOB_ENDED] = {"job_ended", "{script} has ended."},
    [TEXT_JOB_MORE] = {"job_more", "The rest comes as a document at the end."},
    [TEXT_JOB_EXIT] = {"job_exit", "{script}: exit status {status}, {duration}"},
    [TEXT_JOB_SIGNAL] = {"job_signal", "{script}: ended by signal {signal}, {duration}"},
    [TEXT_JOB_TIMED_OUT] = {"job_timed_out", "{script}: timed out after {duration}"},
    [TEXT_JOB_STOPPED] = {"job_stopped", "{script}: stopped after {duration}"},
    [TEXT_JOB_CUT] = {"job_cut", "There was more output than can be shown."},
    [TEXT_JOB_NOTHING] = {"job_nothing", "{script} has nothing to report."},
    [TEXT_JOB_UNSENT] = {"job_unsent", "{script}: its report could not be sent: {error}"},
    [TEXT_JOB_FAILED] = {"job_failed", "{script} could not be run: {error}"},
    [TEXT_JOB_INTERRUPTED] = {"job_interrupted", "{script} was interrupted by a restart of the bot. "
						 "Use /run to start it again."},
    [TEXT_SCRIPT_FAILING] = {"script_failing", "{script} has failed {count} times in a row: {error}"},
    [TEXT_SCRIPT_WELL] = {"script_well", "{script} works again."},
    [TEXT_LINK_HOW] = {"link_how", "Send your key in one message:\n/link KEY\n\n"
				   "On the server `tg-link key new` makes one, and `tg-link start` shows a "
				   "link that needs no key."},
    [TEXT_LINK_HOW_OTHER] = {"link_how_other", "Send your key in one message:\n/link KEY"},
    [TEXT_LINK_UNDELETED] = {"link_undeleted",
	"Your message with the key could not be deleted. Please delete it yourself and revoke the key; "
	"on the server: `tg-link key revoke`"},
    [TEXT_LINK_GROUP] = {"link_group",
	"A key is for a private chat with {bot} alone. This one may have been seen and was not used. "
	"Please revoke it (on the server: `tg-link key revoke`) and send a new one there."},
    [TEXT_LINK_EDITED] = {"link_edited",
	"A key in a message that was edited is not used. Please revoke it (on the server: "
	"`tg-link key revoke`) and send a new one in a new message."},
    [TEXT_LINK_FORM] = {"link_form", "Your message was deleted. It holds no key of the right form: 20 to 100 "
				     "letters, digits, _ and -, and nothing else behind /link."},
    [TEXT_LINK_INVALID] = {"link_invalid", "This key is not valid."},
    [TEXT_LINK_BAD_WAIT] = {"link_bad_wait",
	"This key is not valid. Please wait {duration} before you try another one."},
    [TEXT_LINK_WAIT] = {"link_wait",
	"There were too many wrong keys, so this one was not looked at. Please try again in {duration}."},
    [TEXT_LINK_AWAY] = {"link_away", "Keys cannot be checked right now. Please try again later."},
    [TEXT_START_STALE] = {"start_stale", "This link is no longer valid: it works once, and only for a while. "
					 "On the server `tg-link start` makes a new one."},
    [TEXT_STATUS] = {"status", "Account: {user}\nGroups: {groups}\nLinked since: {since}{counts}"},
    [TEXT_STATUS_PAUSED] = {"status_paused",
	"Account: {user}\nGroups: {groups}\nLinked since: {since}{counts}\n\n"
	"Notifications are paused, because Telegram refused messages to this chat. "
	"Use /start to resume them."},
    [TEXT_STATUS_KEYS] = {"status_keys", "Keys: {count}"},
    [TEXT_STATUS_SCRIPTS] = {"status_scripts", "Scripts: {count}"},
    [TEXT_LINK_ADDED] = {"link_added", "Another Telegram chat, {chat}, is now linked to {user}. "
				       "If this was not you, tell the administrator."},
    [TEXT_LINK_LEFT] = {"link_left",
	"The Telegram chat {chat} is no longer linked to {user}: it was linked to "
	"another account."},
    [TEXT_BUTTON_CONFIRM] = {"button_confirm", "Confirm"},
    [TEXT_BUTTON_CANCEL] = {"button_cancel", "Cancel"},
    [TEXT_CANCELLED] = {"cancelled", "Cancelled."},
    [TEXT_BUTTON_CONNECT] = {"button_connect", "Connect"},
    [TEXT_BUTTON_SKIP] = {"button_skip", "Skip"},
    [TEXT_LIST_EMPTY] = {"list_empty", "There is nothing to show."},
    [TEXT_TEMPLATE_MORE] = {"template_more", "... and {count} more"},
    [TEXT_PROGRAM_INTERRUPTED] = {"program_interrupted", "{script} was interrupted by a restart of the bot."},
    [TEXT_PROGRAMS_AWAY] = {"programs_away", "This cannot be run right now. Please try again later."},
};

const char *text_name(enum text_id id)
{
	return texts[id].name;
}

const char *text_get(const struct config *config, enum text_id id)
{
	return config_text(config, texts[id].name, texts[id].text);
}

static const char *value_of(const struct text_value *values, const char *name, size_t len)
{
	for (; values != NULL && values->name != NULL; values++) {
		if (strlen(values->name) == len && memcmp(values->name, name, len) == 0)
			return values->value;
	}
	return NULL;
}

static void add_code(struct json_object *entities, int64_t offset, int64_t length)
{
	struct json_object *entity;

	if (entities == NULL || length == 0)
		return;
	entity = json_object_new_object();
	json_put_text(entity, "type", "code");
	json_put_int64(entity, "offset", offset);
	json_put_int64(entity, "length", length);
	json_object_array_add(entities, entity);
}

/* Appends the value or what needs no look; returns how many bytes of source that was. */
static size_t add_piece(const char *source, const struct text_value *values, struct buf *text, bool *full)
{
	const char *end = source[0] == '{' ? strchr(source, '}') : NULL;
	const char *value = end != NULL ? value_of(values, source + 1, (size_t)(end - source - 1)) : NULL;
	size_t len;

	if (value != NULL) {
		*full = buf_add_text(text, value) != 0;
		return (size_t)(end - source) + 1;
	}
	len = 1 + strcspn(source + 1, "`{");
	*full = buf_add(text, source, len) != 0;
	return len;
}

int text_format(const char *source, const struct text_value *values, struct buf *text,
    struct json_object *entities, struct error *error)
{
	size_t first = text->len, open_at = 0;
	bool is_open = false, full = false;

	while (*source != '\0' && !full) {
		if (*source == '`' && (is_open || strchr(source + 1, '`') != NULL)) {
			if (is_open)
				add_code(entities,
				    (int64_t)utf8_utf16_units(buf_text(text) + first, open_at - first),
				    (int64_t)utf8_utf16_units(buf_text(text) + open_at, text->len - open_at));
			is_open = !is_open;
			open_at = text->len;
			source++;
		} else {
			source += add_piece(source, values, text, &full);
		}
	}
	return full ? error_set(error, ERROR_BUG, "a text for a person is too long") : 0;
}

char *text_duration(int64_t duration_ms, char text[TEXT_DURATION_BYTES])
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
	int64_t seconds = duration_ms / 1000, count;
	size_t i = 0;

	while (i < sizeof units / sizeof units[0] - 1 && (seconds == 0 || seconds % units[i].seconds != 0))
		i++;
	count = seconds / units[i].seconds;
	snprintf(
	    text, TEXT_DURATION_BYTES, "%lld %s%s", (long long)count, units[i].name, count == 1 ? "" : "s");
	return text;
}
