#include "menus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts.h"
#include "clock.h"
#include "json.h"
#include "log.h"
#include "menu.h"
#include "store.h"
#include "xalloc.h"

/* A menu, or a chat that may need one. */
struct item {
	int64_t chat;
	char user[STORE_USER_BYTES]; /* whose link it is; "": nobody's any more, or it is no chat */
	int64_t hash;		     /* of what Telegram was told; 0: nothing */
	bool is_told;		     /* it was told hash just now, which is not remembered yet */
};

struct menus {
	struct item *items;
	size_t count, next; /* next == count: nothing is being looked at */
	size_t saved;	    /* before that all is remembered */
	int64_t version;    /* of the links that were looked at */
	int64_t links_at_ms, all_at_ms;
	int64_t base_hash;		 /* of the menu of all private chats */
	char bot_name[STORE_USER_BYTES]; /* whose menus they are: another bot has none yet */
};

struct menus *menus_new(void)
{
	struct menus *menus = xcalloc(1, sizeof *menus);

	menus->version = -1;
	return menus;
}

void menus_free(struct menus *menus)
{
	if (menus != NULL)
		free(menus->items);
	free(menus);
}

void menus_restart(struct menus *menus)
{
	menus->all_at_ms = menus->links_at_ms = 0;
}

void menus_note_update(struct menus *menus, int64_t now_ms)
{
	if (menus->links_at_ms > now_ms + MENUS_UPDATE_MS)
		menus->links_at_ms = now_ms + MENUS_UPDATE_MS;
}

/* ---- what there is ---- */

static struct item *add_item(struct menus *menus, int64_t chat, const char *user)
{
	struct item *item;

	menus->items = xreallocarray(menus->items, menus->count + 1, sizeof *menus->items);
	item = &menus->items[menus->count++];
	*item = (struct item){.chat = chat};
	snprintf(item->user, sizeof item->user, "%s", user);
	return item;
}

/* Groups have no links of their own. */
static bool add_link(void *context, const struct store_link *link)
{
	if (link->chat > 0)
		(void)add_item(context, link->chat, link->user);
	return true;
}

static int by_chat(const void *left, const void *right)
{
	int64_t a = ((const struct item *)left)->chat, b = ((const struct item *)right)->chat;

	return a < b ? -1 : a > b;
}

/* Those of links were added in the order of their chats, the two that are no chat behind them. */
static void add_menu(void *context, int64_t chat, int64_t hash)
{
	struct menus *menus = context;
	const struct item wanted = {.chat = chat};
	struct item *item = bsearch(&wanted, menus->items, menus->saved, sizeof *menus->items, by_chat);

	if (item == NULL)
		item = add_item(menus, chat, "");
	item->hash = hash;
}

static int find_items(struct menus *menus, struct store_txn *txn, struct error *error)
{
	free(menus->items);
	*menus = (struct menus){
	    .version = menus->version, .links_at_ms = menus->links_at_ms, .all_at_ms = menus->all_at_ms};
	if (store_links_each(txn, NULL, add_link, menus, error) != 0)
		return -1;
	(void)add_item(menus, STORE_MENU_PRIVATE, "");
	(void)add_item(menus, STORE_MENU_GROUPS, "");
	menus->saved = menus->count; /* for add_menu */
	if (store_menus_each(txn, add_menu, menus, error) != 0)
		return -1;
	menus->saved = menus->next = 0;
	return 0;
}

static struct json_object *base_commands(const struct dispatch *dispatch, unsigned where)
{
	return menu_commands(dispatch->table, dispatch->config, where, NULL);
}

/* What waits to be looked at is not known any more where this fails. */
static int begin(struct menus *menus, struct store_txn *txn, const struct dispatch *dispatch, int64_t now_ms,
    struct error *error)
{
	char bot_name[STORE_USER_BYTES] = "";
	struct json_object *base;
	bool is_same;
	int64_t version;

	/* Before it is known, nobody has reached Telegram. */
	if (store_bot_name_get(txn, bot_name, error) < 0 || store_links_version(txn, &version, error) != 0)
		return -1;
	menus->links_at_ms = now_ms + (bot_name[0] != '\0' ? MENUS_LINKS_MS : MENUS_UPDATE_MS);
	is_same = version == menus->version && strcmp(bot_name, menus->bot_name) == 0;
	if (bot_name[0] == '\0' || (is_same && now_ms < menus->all_at_ms))
		return 0;
	if (find_items(menus, txn, error) != 0) {
		menus->count = menus->next = 0;
		return -1;
	}
	memcpy(menus->bot_name, bot_name, sizeof menus->bot_name);
	base = base_commands(dispatch, CHAT_PRIVATE);
	menus->base_hash = menu_hash(base, bot_name);
	json_object_put(base);
	menus->version = version;
	menus->all_at_ms = now_ms + MENUS_ALL_MS;
	return 0;
}

/* ---- what should be ---- */

/* NULL: none of its own. *unsure: the system cannot say who may what. */
static struct json_object *commands_of_chat(
    const struct menus *menus, const struct dispatch *dispatch, const struct item *item, bool *unsure)
{
	struct caller caller = {.linked = true, .accounts = dispatch->accounts, .at_ms = clock_wall_ms()};
	struct json_object *commands;
	struct error error;

	if (item->user[0] == '\0')
		return NULL;
	if (accounts_find(caller.accounts, item->user, caller.at_ms, &caller.account, &error) != 0) {
		*unsure = error.kind == ERROR_TEMPORARY;
		return NULL;
	}
	commands = menu_commands(dispatch->table, dispatch->config, CHAT_PRIVATE, &caller);
	*unsure = commands == NULL;
	if (commands != NULL && menu_hash(commands, menus->bot_name) == menus->base_hash) {
		json_object_put(commands);
		return NULL;
	}
	return commands;
}

static struct json_object *commands_of(
    const struct menus *menus, const struct dispatch *dispatch, const struct item *item, bool *unsure)
{
	*unsure = false;
	if (item->chat == STORE_MENU_PRIVATE)
		return base_commands(dispatch, CHAT_PRIVATE);
	if (item->chat == STORE_MENU_GROUPS)
		return base_commands(dispatch, CHAT_GROUP);
	return commands_of_chat(menus, dispatch, item, unsure);
}

static void tell(struct item *item, struct json_object *commands, struct buf *out)
{
	struct json_object *call = menu_call(item->chat, commands);

	if (buf_add_format(out, "%s\n", json_line(call)) == 0)
		item->is_told = true;
	json_object_put(call);
}

static void look_at(
    const struct menus *menus, const struct dispatch *dispatch, struct item *item, struct buf *out)
{
	bool unsure;
	struct json_object *commands = commands_of(menus, dispatch, item, &unsure);
	int64_t hash = commands != NULL ? menu_hash(commands, menus->bot_name) : 0;

	if (!unsure && hash != item->hash) {
		tell(item, commands, out);
		if (item->is_told)
			item->hash = hash;
	}
	json_object_put(commands);
}

/* ---- what is remembered ---- */

static int save_in(const struct menus *menus, struct store_txn *txn, struct error *error)
{
	for (size_t i = menus->saved; i < menus->next; i++) {
		const struct item *item = &menus->items[i];

		if (!item->is_told)
			continue;
		if (item->hash != 0 ? store_menu_put(txn, item->chat, item->hash, error) != 0
				    : store_menu_remove(txn, item->chat, error) < 0)
			return -1;
	}
	return 0;
}

static bool has_unsaved(const struct menus *menus)
{
	for (size_t i = menus->saved; i < menus->next; i++) {
		if (menus->items[i].is_told)
			return true;
	}
	return false;
}

static int save(struct menus *menus, struct store *store, struct error *error)
{
	struct store_txn *txn;

	if (!has_unsaved(menus)) {
		menus->saved = menus->next;
		return 0;
	}
	if (store_begin(store, &txn, error) != 0)
		return -1;
	if (save_in(menus, txn, error) != 0) {
		store_abort(txn);
		return -1;
	}
	if (store_commit(txn, error) != 0)
		return -1;
	menus->saved = menus->next;
	return 0;
}

/* ---- turns ---- */

static int look_for_work(
    struct menus *menus, const struct dispatch *dispatch, int64_t now_ms, struct error *error)
{
	struct store_txn *txn;
	int result;

	if (store_begin_read(dispatch->store, &txn, error) != 0)
		return -1;
	result = begin(menus, txn, dispatch, now_ms, error);
	store_abort(txn);
	return result;
}

int menus_work(struct menus *menus, const struct dispatch *dispatch, bool is_out, int64_t now_ms,
    struct buf *out, struct error *error)
{
	if (menus->saved < menus->next) {
		if (!is_out)
			return 0;
		return save(menus, dispatch->store, error);
	}
	if (menus->next == menus->count) {
		if (now_ms < menus->links_at_ms)
			return 0;
		if (look_for_work(menus, dispatch, now_ms, error) != 0)
			return -1;
	}
	for (int i = 0; i < MENUS_AT_ONCE && menus->next < menus->count; i++)
		look_at(menus, dispatch, &menus->items[menus->next++], out);
	return 0;
}

int64_t menus_due_ms(const struct menus *menus, bool is_out)
{
	if (menus->saved < menus->next && !is_out)
		return INT64_MAX;
	return menus->saved < menus->count ? 0 : menus->links_at_ms;
}
