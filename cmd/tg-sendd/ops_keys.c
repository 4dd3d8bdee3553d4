/* Keys, deep links, and links by chat. */
#include <string.h>

#include "clock.h"
#include "json.h"
#include "linking.h"
#include "log.h"
#include "num.h"
#include "sendd.h"

const char invalid_key[] = "Invalid API key";

int op_key_new(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	const char *label = json_text(op->body, "label"), *expires = json_text(op->body, "expires");
	int64_t now_ms = clock_wall_ms(), lifetime_ms = 0, id = 0;
	char key[STORE_APIKEY_BYTES];
	int made;

	(void)sendd;
	if (expires != NULL)
		(void)num_duration_ms(expires, &lifetime_ms);
	made = store_apikey_new(txn, op->user, label != NULL ? label : "", now_ms,
	    lifetime_ms > 0 ? now_ms + lifetime_ms : 0, key, &id, error);
	if (made < 0)
		return -1;
	if (made == 0)
		return op_fail(
		    op, 409, "User '%s' has %d keys already; revoke one first", op->user, STORE_APIKEYS_MAX);
	log_info("key made", LOG_STR("user", op->user), LOG_INT("key", id), LOG_STR("by", op->caller.name));
	op_ok(op);
	json_put_int64(op->answer, "id", id);
	json_put_text(op->answer, "key", key);
	explicit_bzero(key, sizeof key);
	return 0;
}

int op_key_revoke(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	int revoked = store_apikey_revoke(txn, op->user, op->number, clock_wall_ms(), error);

	(void)sendd;
	if (revoked < 0)
		return -1;
	if (revoked == 0)
		return op_fail(op, 404, "User '%s' has no key %lld", op->user, (long long)op->number);
	log_info("key revoked", LOG_STR("user", op->user), LOG_INT("key", op->number),
	    LOG_STR("by", op->caller.name));
	op_ok(op);
	json_put_text(op->answer, "message", "Key revoked.");
	return 0;
}

int op_start(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	char bot[STORE_USER_BYTES], token[STORE_START_BYTES];
	struct buf url = BUF_INIT(STORE_USER_BYTES + STORE_START_BYTES + 32);
	int64_t lifetime_ms = sendd->config->codes.lifetime_ms;
	int known = store_bot_name_get(txn, bot, error);

	if (known < 0)
		return -1;
	if (known == 0)
		return op_fail(op, 503, "the name of the bot is not known yet; is tg-poll running?");
	if (store_start_new(txn, op->user, clock_wall_ms(), lifetime_ms, token, error) != 0)
		return -1;
	buf_add_format(&url, "https://t.me/%s?start=%s", bot, token);
	op_ok(op);
	json_put_text(op->answer, "url", buf_text(&url));
	json_put_int64(op->answer, "expires_in", lifetime_ms / 1000);
	buf_free(&url);
	return 0;
}

/* ---- links by chat ---- */

static const char *const outcomes[] = {
    [STORE_APIKEY_TAKEN] = "taken",
    [STORE_APIKEY_UNKNOWN] = "unknown",
    [STORE_APIKEY_EXPIRED] = "expired",
    [STORE_APIKEY_REVOKED] = "revoked",
    [STORE_APIKEY_WAIT] = "wait",
};

void link_details(struct json_object *body, const struct store_link *link, uid_t uid)
{
	char time[CLOCK_TEXT_BYTES];

	json_put_int64(body, "telegram_chat_id", link->chat);
	if (link->chat_name[0] != '\0')
		json_put_text(body, "telegram_username", link->chat_name);
	else
		json_object_object_add(body, "telegram_username", NULL);
	json_put_int64(body, "user_id", uid);
	json_put_text(body, "username", link->user);
	json_put_text(body, "linked_at", clock_format(link->linked_ms, time));
	json_put_bool(body, "is_active", !link->paused);
}

static int link_account(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	const char *name = json_text(op->body, "telegram_username");
	struct store_link link;

	if (op->key_trouble != NULL)
		return op_fail(op, op->key_status, "%s", op->key_trouble);
	if (name != NULL && name[0] == '@')
		name++;
	if (op_move_link(sendd, txn, op, op->number, name != NULL ? name : "", error) != 0 ||
	    store_link_of_chat(txn, op->number, &link, error) < 0)
		return -1;
	op->answer = json_object_new_object();
	link_details(op->answer, &link, op->key_uid);
	return 0;
}

int op_link(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	struct store_apikey_use used;

	if (store_apikey_use(txn, op->number, json_text(op->body, "api_key"), clock_wall_ms(),
		sendd->config->codes.tries, &used, error) != 0)
		return -1;
	log_info("key tried", LOG_INT("chat", op->number), LOG_STR("user", used.user),
	    LOG_INT("key", used.id), LOG_STR("outcome", outcomes[used.result]),
	    LOG_STR("by", op->caller.name));
	if (used.result == STORE_APIKEY_TAKEN)
		return link_account(sendd, txn, op, error);
	if (used.result != STORE_APIKEY_WAIT)
		return op_fail(op, 401, "%s", invalid_key);
	op_fail(op, 429, "Too many wrong keys");
	json_put_int64(op->answer, "retry_after", (used.wait_ms + 999) / 1000);
	return 0;
}

int op_link_remove(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	struct store_link link;
	int found = store_link_of_chat(txn, op->number, &link, error);

	if (found < 0)
		return -1;
	if (!op->may_manage_all && (found == 0 || strcmp(link.user, op->caller.name) != 0))
		return op_fail(op, 403, "this chat is not linked to your account");
	if (found == 0)
		return op_fail(op, 404, "chat %lld is not linked", (long long)op->number);
	return op_remove_link(sendd, txn, op, &link, error) == 0 ? op_say_unlinked(op) : -1;
}
