/* /api/telegram/keys, /api/telegram/start, and links by chat: who may ask what, and what is well-formed. */
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "clock.h"
#include "json.h"
#include "num.h"
#include "utf8.h"

/* A larger number is none of Telegram's (core.telegram.org/bots/api#chat), and could be a lane of the
 * schedule. */
#define CHAT_MAX ((INT64_C(1) << 52) - 1)

enum { TELEGRAM_NAME_BYTES = 33 }; /* 32 letters, digits and underscores, with the '\0' */

static void stage(struct sendd *sendd, struct op *op, op_apply_fn *apply)
{
	op->apply = apply;
	batch_stage(sendd, op);
}

static int refuse(struct op *op, int status, const char *text)
{
	answer_error(op->request, status, text);
	return -1;
}

/* One line that can be shown as it is. */
static bool is_label(const char *text)
{
	char line[STORE_APIKEY_LABEL_BYTES];

	if (snprintf(line, sizeof line, "%s", text) >= (int)sizeof line)
		return false;
	utf8_make_line(line);
	return strcmp(line, text) == 0;
}

static int check_key_new(struct op *op)
{
	const char *label = NULL, *expires = NULL;
	int64_t expires_ms;

	if (read_text(op, "label", &label) != 0 || read_text(op, "expires", &expires) != 0)
		return -1;
	if (label != NULL && !is_label(label))
		return refuse(op, 400, "\"label\" must be one line of at most 64 bytes");
	if (expires != NULL && (num_duration_ms(expires, &expires_ms) != 0 || expires_ms <= 0 ||
				   expires_ms > KEY_EXPIRES_MAX_MS))
		return refuse(op, 400, "\"expires\" must be a duration such as 30d, of at most ten years");
	return 0;
}

void handle_key_new(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	static const char *const known[] = {"user", "label", "expires", NULL};
	struct op *op = op_of(request);
	const char *user = NULL;

	(void)route;
	/* Nobody would ask for them. */
	if (sendd->config->keys.http.url != NULL) {
		answer_error(request, 409, "keys are those of another service here (keys.http)");
		return;
	}
	if (read_object(op, known) == 0 && read_text(op, "user", &user) == 0 && check_key_new(op) == 0 &&
	    settle_user(sendd, op, user) == 0 && settle_may_link(sendd, op) == 0)
		stage(sendd, op, op_key_new);
}

void handle_keys(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);

	(void)route;
	if (settle_user(sendd, op, httpd_query(request, "user")) == 0)
		view_keys(sendd, request, op->user);
}

void handle_key_revoke(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);

	(void)route;
	if (settle_user(sendd, op, httpd_query(request, "user")) == 0)
		stage(sendd, op, op_key_revoke);
}

void handle_start(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	static const char *const known[] = {"user", NULL};
	struct op *op = op_of(request);
	const char *user = NULL;

	(void)route;
	if (read_object(op, known) == 0 && read_text(op, "user", &user) == 0 &&
	    settle_user(sendd, op, user) == 0 && settle_may_link(sendd, op) == 0)
		stage(sendd, op, op_start);
}

/* ---- links by chat ---- */

/* Who looks after the chats of others: the service, its operators, and front ends. */
static bool may_manage_chats(const struct sendd *sendd, const struct op *op)
{
	return op->caller.uid == sendd->service_uid || may_act_for_others(sendd, &op->caller);
}

/* Telegram's user names; empty is none. */
static bool is_telegram_name(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

	name += name[0] == '@';
	return strlen(name) < TELEGRAM_NAME_BYTES && name[strspn(name, allowed)] == '\0';
}

static int check_link(struct op *op)
{
	const char *name = NULL, *key = NULL;
	struct error error;
	int found = json_get_int64(op->body, "telegram_chat_id", &op->number, &error);

	if (found < 0)
		return refuse(op, 400, error.text);
	/* That of a person; groups have negative ones, and belong to nobody. */
	if (found == 0 || op->number <= 0 || op->number > CHAT_MAX)
		return refuse(op, 400, "\"telegram_chat_id\" must be the id of a private chat");
	if (read_text(op, "telegram_username", &name) != 0 || read_text(op, "api_key", &key) != 0)
		return -1;
	if (name != NULL && !is_telegram_name(name))
		return refuse(op, 400, "\"telegram_username\" is not a name of Telegram's");
	if (key == NULL)
		return refuse(op, 400, "\"api_key\" is missing");
	/* What has not the form of a key is refused without counting as a try. */
	return store_apikey_has_form(key) ? 0 : refuse(op, 401, invalid_key);
}

/* 1 with whose key it is in op->user, 0, -1. */
static int find_owner(struct sendd *sendd, struct op *op, struct error *error)
{
	struct store_txn *txn;
	int found;

	if (store_begin_read(sendd->store, &txn, error) != 0)
		return -1;
	found = store_apikey_owner(txn, json_text(op->body, "api_key"), op->user, error);
	store_abort(txn);
	return found;
}

/*
 * Asks the system, which may take its time, about the account of the key, before the transaction that tries
 * the key. What is wrong with it is told only where the key is found to be good.
 */
static int settle_owner_of_key(struct sendd *sendd, struct op *op)
{
	struct account owner;
	struct error error;
	int found = find_owner(sendd, op, &error);

	if (found < 0)
		return refuse(op, 503, error.text);
	if (found == 0)
		return 0;
	if (account_by_name(op->user, &owner, &error) != 0) {
		op->key_status = error_is_temporary(error.kind) ? 503 : 404;
		op->key_trouble = error_is_temporary(error.kind)
				      ? "the system cannot look up the account of this key now"
				      : "the account of this key does not exist any more";
	} else if (owner.no_shell || account_is_shut(owner.name, clock_wall_ms())) {
		op->key_status = 404;
		op->key_trouble = "the account of this key is locked";
	} else if (!may_link(sendd, &owner)) {
		op->key_status = 403;
		op->key_trouble = "the account of this key is not in a group that may use Telegram";
	} else {
		op->key_uid = owner.uid;
	}
	return 0;
}

void handle_link(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	static const char *const known[] = {"telegram_chat_id", "telegram_username", "api_key", NULL};
	struct op *op = op_of(request);

	(void)route;
	if (!may_manage_chats(sendd, op)) {
		answer_error(
		    request, 403, "only the service, a front end or an operator may link a chat by key");
		return;
	}
	if (sendd->config->keys.http.url != NULL) {
		answer_error(request, 501,
		    "keys are those of another service here (keys.http): send /link and the key to the bot");
		return;
	}
	if (read_object(op, known) == 0 && check_link(op) == 0 && settle_owner_of_key(sendd, op) == 0)
		stage(sendd, op, op_link);
}

void handle_link_remove(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);

	(void)route;
	op->may_manage_all = may_manage_chats(sendd, op);
	stage(sendd, op, op_link_remove);
}

void handle_chat(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);

	(void)route;
	view_chat(sendd, request, op->number, may_manage_chats(sendd, op) ? NULL : op->caller.name);
}
