/* /link, /status, and what /start does with a deep link. */
#include "link.h"

#include <json-c/json_visit.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "accounts.h"
#include "json.h"
#include "linking.h"
#include "log.h"
#include "reply.h"
#include "script.h"
#include "scripts.h"

enum {
	OWN_KEY_LENGTH = STORE_APIKEY_BYTES - 1,
	TOKEN_LENGTH = STORE_START_BYTES - 1,
	SECOND_MS = 1000,
	MINUTE_MS = 60000,
	GROUPS_SHOWN = 20,
	NAMES_MAX_BYTES = 4096,
	COUNT_BYTES = 24,
};

static const char white_space[] = " \t\r\n\v\f", own_prefix[] = "tgk_";

/* ---- finding keys ---- */

static const char *content(const struct update *update)
{
	return update->text != NULL ? update->text : update->caption;
}

/* What stands behind /link, to be looked at by people who are in a hurry; NULL: it is something else. */
static const char *behind_link(const char *text, struct command_line *line)
{
	static const char command[] = "/link",
			  name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

	*line = (struct command_line){.bot = NULL};
	if (strncasecmp(text, command, sizeof command - 1) != 0)
		return NULL;
	text += sizeof command - 1;
	if (*text == '@') {
		line->bot = text + 1;
		line->bot_len = strspn(line->bot, name);
		return line->bot + line->bot_len;
	}
	return strspn(text, name) == 0 ? text : NULL;
}

/* How many characters at the start of text may be those of a key of ours; 0: it begins with none. */
static size_t own_key_length(const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t len = strncmp(text, own_prefix, sizeof own_prefix - 1) == 0 ? strspn(text, allowed) : 0;

	return len >= OWN_KEY_LENGTH ? len : 0;
}

/* Telegram takes "/link" at once when it is tapped in the menu, and the key comes in the next message. */
static bool is_own_key(const char *text)
{
	return own_key_length(text) == OWN_KEY_LENGTH && text[OWN_KEY_LENGTH] == '\0';
}

/* Also where it cannot be used for what stands around it. */
static bool has_own_key(const char *text)
{
	const char *at = strstr(text, own_prefix);

	while (at != NULL && own_key_length(at) == 0)
		at = strstr(at + 1, own_prefix);
	return at != NULL;
}

struct search {
	bool (*is_wanted)(const char *text);
	bool found;
};

static int look_at(struct json_object *object, int flags, struct json_object *parent, const char *key,
    size_t *index, void *context)
{
	struct search *search = context;

	(void)flags;
	(void)parent;
	(void)key;
	(void)index;
	if (json_object_is_type(object, json_type_string))
		search->found = search->is_wanted(json_object_get_string(object));
	return search->found ? JSON_C_VISIT_RETURN_STOP : JSON_C_VISIT_RETURN_CONTINUE;
}

/* Whether any text in it is wanted. */
static bool has_text(struct json_object *object, bool (*is_wanted)(const char *text))
{
	struct search search = {.is_wanted = is_wanted};

	return json_c_visit(object, 0, look_at, &search) != 0 || search.found;
}

bool link_carries_key(const struct update *update, const char *bot_name)
{
	const char *text = content(update), *rest;
	struct command_line line;

	if ((update->kind != UPDATE_MESSAGE && update->kind != UPDATE_EDITED) ||
	    update->chat_type == CHAT_OTHER)
		return false;
	if (text == NULL)
		return update->rich != NULL && has_text(update->rich, has_own_key);
	rest = behind_link(text, &line);
	if (rest == NULL)
		return has_own_key(text);
	if (rest[strspn(rest, white_space)] == '\0')
		return false;
	return update->chat_type == CHAT_PRIVATE || line.bot == NULL || command_is_for(&line, bot_name);
}

bool link_find_key(const char *text, char key[LINK_KEY_BYTES])
{
	struct command_line line;
	const char *rest;
	size_t len;

	if (text == NULL)
		return false;
	rest = is_own_key(text) ? text : behind_link(text, &line);
	if (rest == NULL)
		return false;
	rest += strspn(rest, white_space);
	len = strcspn(rest, white_space);
	if (len >= LINK_KEY_BYTES || rest[len + strspn(rest + len, white_space)] != '\0')
		return false;
	memcpy(key, rest, len);
	key[len] = '\0';
	return store_apikey_has_form(key);
}

bool link_find_token(const char *text, char token[STORE_START_BYTES])
{
	struct command_line line;
	const char *rest;
	size_t len;

	if (text == NULL || !command_parse(text, &line) || strcmp(line.name, "start") != 0)
		return false;
	rest = line.args + strspn(line.args, white_space);
	len = strcspn(rest, white_space);
	if (len != TOKEN_LENGTH || rest[len + strspn(rest + len, white_space)] != '\0')
		return false;
	memcpy(token, rest, len);
	token[len] = '\0';
	return store_apikey_has_form(token);
}

static bool is_secret(const char *text)
{
	static const char deep_link[] = "?start=";
	char token[STORE_START_BYTES];
	struct command_line line;
	const char *rest = behind_link(text, &line), *link = strstr(text, deep_link);

	if (rest != NULL && rest[strspn(rest, white_space)] != '\0')
		return true;
	if (link != NULL && strlen(link) >= sizeof deep_link - 1 + TOKEN_LENGTH)
		return true;
	return has_own_key(text) || link_find_token(text, token);
}

bool link_holds_secret(struct json_object *update)
{
	return has_text(update, is_secret);
}

/* ---- deleting them ---- */

/* Where Telegram does not let it go, its writer is told. */
int link_delete(
    struct json_object *calls, const struct update *update, const struct config *config, struct error *error)
{
	struct json_object *call = json_object_new_object(), *instead = json_object_new_array(), *own;
	int result = reply_message(instead, update, text_get(config, TEXT_LINK_UNDELETED), NULL, error);

	json_put_text(call, "method", "deleteMessage");
	json_put_int64(call, "chat_id", update->chat);
	json_put_int64(call, "message_id", update->message_id);
	if (json_object_array_length(instead) > 0) {
		own = json_object_new_object();
		json_object_object_add(
		    own, "otherwise", json_object_get(json_object_array_get_idx(instead, 0)));
		json_object_object_add(call, "tgtools", own);
	}
	json_object_array_add(calls, call);
	json_object_put(instead);
	return result;
}

/* ---- linking ---- */

static int say(struct request *request, enum text_id text, const char *outcome, struct error *error)
{
	request->outcome = outcome;
	return request_say(request, text, NULL, error);
}

int link_may(const struct caller *caller, const struct config *config, const char *user)
{
	const struct config_list *groups = &config->access.groups;
	struct account account;
	struct error error;
	bool unsure = false;

	if (accounts_find(caller->accounts, user, caller->at_ms, &account, &error) != 0)
		return error.kind == ERROR_TEMPORARY ? -1 : 0;
	for (size_t i = 0; i < groups->count; i++) {
		int is_in = accounts_in_group(caller->accounts, user, groups->items[i], caller->at_ms);

		if (is_in == 1)
			return 1;
		unsure |= is_in < 0;
	}
	return groups->count == 0 ? 1 : unsure ? -1 : 0;
}

/* What the chat is told where it belongs to the account already. 1 told; 0: it does not; -1. */
static int say_same(struct request *request, const char *user, struct error *error)
{
	const struct update *update = request->update;
	const struct text_value values[] = {{"user", user}, {NULL, NULL}};
	struct store_link link;
	int found = store_link_of_chat(request->txn, update->chat, &link, error);

	if (found != 1 || strcmp(link.user, user) != 0)
		return found < 0 ? -1 : 0;
	request->outcome = link.paused ? "resumed" : "linked before";
	if (store_link_move(
		request->txn, update->chat, update->username, user, request->now_ms, &link, error) < 0 ||
	    request_say(request, link.paused ? TEXT_START_RESUMED : TEXT_START_LINKED, values, error) != 0)
		return -1;
	return 1;
}

/* The key, or the token, was right. */
static int link_with(struct request *request, const char *user, struct error *error)
{
	const struct update *update = request->update;
	int may = link_may(request->caller, request->config, user), done;

	if (may < 0)
		return say(request, TEXT_TRY_LATER, "try later", error);
	if (may == 0) {
		log_warning(
		    "account may not be linked", LOG_INT("chat", update->chat), LOG_STR("user", user));
		return say(request, TEXT_NOT_PERMITTED, "not permitted", error);
	}
	request->changed = true;
	done = say_same(request, user, error);
	if (done != 0)
		return done < 0 ? -1 : 0;
	done = linking_move(request->txn, request->config, update->chat, update->username, user,
	    request->now_ms, request->calls, error);
	request->outcome = done == 1 ? "moved" : "linked";
	return done < 0 ? -1 : 0;
}

/* ---- keys ---- */

static int say_wait(
    struct request *request, enum text_id text, int64_t wait_ms, const char *outcome, struct error *error)
{
	int64_t unit_ms = wait_ms < 2 * MINUTE_MS ? SECOND_MS : MINUTE_MS;
	char duration[TEXT_DURATION_BYTES];
	const struct text_value values[] = {
	    {"duration", text_duration((wait_ms + unit_ms - 1) / unit_ms * unit_ms, duration)}, {NULL, NULL}};

	request->outcome = outcome;
	return request_say(request, text, values, error);
}

/* Which of wrong, revoked and expired it is, the log alone is told. */
static int say_invalid(struct request *request, int64_t wait_ms, const char *outcome, struct error *error)
{
	if (wait_ms > 0)
		return say_wait(request, TEXT_LINK_BAD_WAIT, wait_ms, outcome, error);
	return say(request, TEXT_LINK_INVALID, outcome, error);
}

static int use_own(struct request *request, const char *key, struct error *error)
{
	static const char *const outcomes[] = {[STORE_APIKEY_UNKNOWN] = "wrong key",
	    [STORE_APIKEY_EXPIRED] = "expired key",
	    [STORE_APIKEY_REVOKED] = "revoked key"};
	struct store_apikey_use used;

	if (store_apikey_use(request->txn, request->update->chat, key, request->now_ms,
		request->config->codes.tries, &used, error) != 0)
		return -1;
	if (used.result == STORE_APIKEY_WAIT)
		return say_wait(request, TEXT_LINK_WAIT, used.wait_ms, "must wait", error);
	request->changed = true;
	if (used.result == STORE_APIKEY_TAKEN)
		return link_with(request, used.user, error);
	return say_invalid(request, used.wait_ms, outcomes[used.result], error);
}

/* ---- keys of an outside service ---- */

/* As useradd(8) takes it, since it goes to the store and to other programs. */
static bool is_account_name(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t len = strlen(name);

	return len > 0 && len < STORE_USER_BYTES && strspn(name, allowed) == len && name[0] != '.' &&
	       name[0] != '-';
}

enum link_word link_read_answer(struct json_object *answer, char user[STORE_USER_BYTES])
{
	int64_t status = answer != NULL ? json_int64(answer, "status") : 0;
	struct json_object *body = NULL;
	const char *name = NULL;
	struct error error;

	/* What is no JSON is not from the service, but from what stands before it. */
	if (!json_object_object_get_ex(answer, "body", &body))
		return LINK_WORD_AWAY;
	if (status == 401 || status == 403 || status == 404)
		return LINK_WORD_INVALID;
	if (status != 200 || !json_object_is_type(body, json_type_object))
		return LINK_WORD_AWAY;
	/* One with a NUL in it is none, and not what stands before that. */
	if (json_get_text(body, "username", &name, &error) == 0)
		(void)json_get_text(body, "user", &name, &error);
	if (name == NULL || !is_account_name(name))
		return LINK_WORD_AWAY;
	snprintf(user, STORE_USER_BYTES, "%s", name);
	return LINK_WORD_USER;
}

static int ask(struct request *request, const char *key, struct error *error)
{
	const struct update *update = request->update;
	struct json_object *body;
	int64_t wait_ms;

	if (store_chat_wait(request->txn, update->chat, request->now_ms, &wait_ms, error) != 0)
		return -1;
	if (wait_ms > 0)
		return say_wait(request, TEXT_LINK_WAIT, wait_ms, "must wait", error);
	body = json_object_new_object();
	json_put_int64(body, "telegram_chat_id", update->chat);
	json_object_object_add(body, "telegram_username",
	    update->username[0] != '\0' ? json_object_new_string(update->username) : NULL);
	json_put_text(body, "api_key", key);
	request->wish->kind = WISH_ASK;
	request->wish->ask = (struct ask){.http = &request->config->keys.http, .body = body};
	return 0;
}

static int take_answer(struct request *request, struct error *error)
{
	char user[STORE_USER_BYTES];
	enum link_word word = link_read_answer(request->awaited->answer, user);
	int64_t wait_ms;

	if (word == LINK_WORD_AWAY)
		return say(request, TEXT_LINK_AWAY, "key service away", error);
	request->changed = true;
	if (word == LINK_WORD_USER)
		return link_with(request, user, error);
	if (store_chat_wrong(request->txn, request->update->chat, request->now_ms,
		request->config->codes.tries, &wait_ms, error) != 0)
		return -1;
	return say_invalid(request, wait_ms, "wrong key", error);
}

/* ---- /link ---- */

static bool has_answer(const struct request *request)
{
	return request->awaited != NULL && request->awaited->kind == WISH_ASK;
}

static int say_in_group(struct request *request, struct error *error)
{
	char name[STORE_USER_BYTES + 1];
	struct text_value values[] = {{"bot", name}, {NULL, NULL}};

	snprintf(name, sizeof name, "@%s", request->bot_name);
	if (request->bot_name[0] == '\0')
		values[0].value = text_get(request->config, TEXT_THE_BOT);
	request->outcome = "key in a group";
	return request_say(request, TEXT_LINK_GROUP, values, error);
}

static int try_key(struct request *request, struct error *error)
{
	char key[LINK_KEY_BYTES];
	int result;

	if (has_answer(request))
		return take_answer(request, error);
	if (!link_find_key(content(request->update), key))
		return say(request, TEXT_LINK_FORM, "no key", error);
	if (request->config->keys.http.url != NULL)
		result = ask(request, key, error);
	else
		result = use_own(request, key, error);
	sodium_memzero(key, sizeof key);
	return result;
}

int link_key(struct request *request, struct error *error)
{
	const struct update *update = request->update;

	/* Before the service was asked it has left. */
	if (!has_answer(request) && link_delete(request->calls, update, request->config, error) != 0)
		return -1;
	if (update->chat_type != CHAT_PRIVATE)
		return say_in_group(request, error);
	if (update->kind == UPDATE_EDITED || update->from_bot)
		return say(request, TEXT_LINK_EDITED, "key in an edit", error);
	if (request->txn == NULL)
		return say(request, TEXT_TRY_LATER, "no store", error);
	return try_key(request, error);
}

const struct command link_key_row = {.name = "link",
    .access = "anyone",
    .where = CHAT_PRIVATE | CHAT_GROUP,
    .store = COMMAND_WRITES,
    .run = link_key};

int link_explain(struct request *request, struct error *error)
{
	bool is_own = request->config->keys.http.url == NULL;

	return say(request, is_own ? TEXT_LINK_HOW : TEXT_LINK_HOW_OTHER, "explained", error);
}

/* ---- deep links ---- */

static int name_of_key(struct store_txn *txn, const struct config *config, const char *text,
    char user[STORE_USER_BYTES], struct error *error)
{
	char key[LINK_KEY_BYTES];
	int found = 0;

	if (config->keys.http.url == NULL && link_find_key(text, key))
		found = store_apikey_owner(txn, key, user, error);
	sodium_memzero(key, sizeof key);
	return found;
}

int link_named(struct store_txn *txn, const struct config *config, const struct update *update,
    const struct awaited *awaited, char user[STORE_USER_BYTES], struct error *error)
{
	const char *text = content(update);
	char token[STORE_START_BYTES];

	if (update->chat_type != CHAT_PRIVATE || update->kind != UPDATE_MESSAGE)
		return 0;
	if (link_find_token(text, token))
		return store_start_owner(txn, token, user, error);
	if (!link_carries_key(update, ""))
		return 0;
	if (awaited != NULL && awaited->kind == WISH_ASK)
		return link_read_answer(awaited->answer, user) == LINK_WORD_USER;
	return name_of_key(txn, config, text, user, error);
}

int link_start(struct request *request, struct error *error)
{
	char token[STORE_START_BYTES], user[STORE_USER_BYTES];
	int found;

	if (request->txn == NULL || !link_find_token(request->update->text, token))
		return 0;
	found = store_start_owner(request->txn, token, user, error);
	/* It is not spent before the system can say what it is good for. */
	if (found == 1 && link_may(request->caller, request->config, user) < 0)
		return say(request, TEXT_TRY_LATER, "try later", error) == 0 ? 1 : -1;
	if (found == 1)
		found = store_start_take(request->txn, token, request->now_ms, user, error);
	if (found < 0)
		return -1;
	if (found == 0)
		return request_say(request, TEXT_START_STALE, NULL, error) == 0 ? 0 : -1;
	request->changed = true;
	return link_with(request, user, error) == 0 ? 1 : -1;
}

/* ---- /status ---- */

struct numbers {
	int64_t now_ms;
	int64_t keys;	 /* -1: somebody else knows */
	int64_t scripts; /* -1: not to be had now */
};

static void count_key(void *context, const struct store_apikey *key)
{
	struct numbers *numbers = context;

	if (key->expires_ms == 0 || key->expires_ms > numbers->now_ms)
		numbers->keys++;
}

static int count_keys(const struct request *request, struct numbers *numbers, struct error *error)
{
	struct store_txn *txn;
	int result;

	numbers->keys = -1;
	if (request->config->keys.http.url != NULL || request->store == NULL)
		return 0;
	if (store_begin_read(request->store, &txn, error) != 0)
		return -1;
	numbers->keys = 0;
	result =
	    store_apikeys_each(txn, request->caller->link.user, request->now_ms, count_key, numbers, error);
	store_abort(txn);
	return result;
}

/* Those that /scripts lists as one's own. */
static void count_scripts(const struct request *request, struct numbers *numbers)
{
	struct json_object *scripts = request->awaited != NULL ? request->awaited->answer : NULL;

	numbers->scripts = scripts != NULL ? 0 : -1;
	for (size_t i = 0; scripts != NULL && i < json_object_array_length(scripts); i++) {
		struct json_object *script = json_object_array_get_idx(scripts, i);
		const char *name =
		    json_object_is_type(script, json_type_object) ? json_text(script, "name") : NULL;

		numbers->scripts += name != NULL && script_name_is_valid(name);
	}
}

/* The primary group first. */
static void add_groups(const struct account *account, struct buf *names)
{
	gid_t *groups;
	size_t count, shown = 0;
	char *name = group_name(account->gid);

	(void)buf_add_text(names, name);
	free(name);
	account_groups(account, &groups, &count);
	for (size_t i = 0; i < count && shown < GROUPS_SHOWN; i++) {
		if (groups[i] == account->gid)
			continue;
		name = group_name(groups[i]);
		(void)buf_add_format(names, ", %s", name);
		free(name);
		shown++;
	}
	if (count > GROUPS_SHOWN + 1)
		(void)buf_add_text(names, ", ...");
	free(groups);
}

static int add_count(
    const struct request *request, enum text_id id, int64_t count, struct buf *text, struct error *error)
{
	char number[COUNT_BYTES];
	const struct text_value values[] = {{"count", number}, {NULL, NULL}};

	if (count < 0)
		return 0;
	snprintf(number, sizeof number, "%lld", (long long)count);
	if (buf_add_text(text, "\n") != 0)
		return error_set(error, ERROR_BUG, "a text is too long");
	return text_format(text_get(request->config, id), values, text, NULL, error);
}

static int say_status(struct request *request, const struct numbers *numbers, struct error *error)
{
	const struct store_link *link = &request->caller->link;
	struct buf groups = BUF_INIT(NAMES_MAX_BYTES), counts = BUF_INIT(NAMES_MAX_BYTES);
	char since[DATE_TEXT_BYTES];
	struct text_value values[] = {{"user", link->user}, {"since", format_date(link->linked_ms, since)},
	    {"groups", NULL}, {"counts", NULL}, {NULL, NULL}};
	int result;

	add_groups(&request->caller->account, &groups);
	result = add_count(request, TEXT_STATUS_KEYS, numbers->keys, &counts, error);
	if (result == 0)
		result = add_count(request, TEXT_STATUS_SCRIPTS, numbers->scripts, &counts, error);
	values[2].value = buf_text(&groups);
	values[3].value = buf_text(&counts);
	if (result == 0)
		result = request_say(request, link->paused ? TEXT_STATUS_PAUSED : TEXT_STATUS, values, error);
	buf_free(&groups);
	buf_free(&counts);
	return result;
}

int link_status(struct request *request, struct error *error)
{
	struct numbers numbers = {.now_ms = request->now_ms};

	if (request->running != NULL && scripts_must_wait(request))
		return 0;
	count_scripts(request, &numbers);
	if (count_keys(request, &numbers, error) != 0)
		return -1;
	return say_status(request, &numbers, error);
}
