/*
 * A list: so many items at a time, and buttons that turn its pages. The list of which a page is shown is kept
 * in the store as the service sent it, and read again at each tap.
 */
#include "answer_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "button.h"
#include "json.h"
#include "log.h"
#include "num.h"
#include "reply.h"
#include "text.h"
#include "utf8.h"

/* Characters. A page of the longest is within a message. */
enum { TITLE_MAX = 200, CONTENT_MAX = 700, ITEM_TITLE_MAX = 128, ITEM_TEXT_MAX = 450 };
enum {
	ITEM_BUTTONS_MAX = 16,
	PAGE_BUTTONS_MAX = 3, /* that turn pages */
	NUMBER_BYTES = 24,
	OWNER_BYTES = 32,
};

static const char *const items_keys[] = {"items", "matches", "content", NULL};
static const char *const title_keys[] = {"title", NULL};
static const char *const item_title_keys[] = {"title", "name", NULL};
static const char *const item_text_keys[] = {"text", "reason", "content", "message", NULL};
static const char *const match_keys[] = {"target", "user_id", "target_user_id", "id", NULL};

struct list {
	const char *title, *content; /* NULL: none */
	struct json_object *items;
	bool is_match;
	size_t buttons; /* of the items of a page, the most */
	struct payload payload;
};

/* ---- reading ---- */

/* Some systems have the items where others have a text. */
static int read_items(struct json_object *object, struct list *list, struct error *error)
{
	static const char *const text_keys[] = {"content", "text", "message", NULL};
	struct json_object *value;

	for (const char *const *key = items_keys; *key != NULL && list->items == NULL; key++) {
		if (json_object_object_get_ex(object, *key, &value) &&
		    json_object_is_type(value, json_type_array))
			list->items = value;
	}
	if (list->items == NULL)
		return error_set(error, ERROR_INPUT, "\"items\" is no array");
	if (json_object_array_length(list->items) > ANSWER_ITEMS_MAX)
		return error_set(error, ERROR_INPUT, "a list has more than %d items", (int)ANSWER_ITEMS_MAX);
	if (json_object_object_get_ex(object, "content", &value) && value == list->items)
		return payload_text(object, text_keys + 1, &list->content, error);
	return payload_text(object, text_keys, &list->content, error);
}

/* What matches are answered with stands in no field of theirs. */
static int add_match_buttons(struct answer *answer, struct json_object *item, const char *prefix,
    struct payload *payload, struct error *error)
{
	static const char *const actions[] = {"CONNECT", "SKIP"};
	static const enum text_id labels[] = {TEXT_BUTTON_CONNECT, TEXT_BUTTON_SKIP};
	struct json_object *row, *value = NULL;
	int result = 0;

	for (const char *const *key = match_keys; *key != NULL && value == NULL; key++)
		(void)json_object_object_get_ex(item, *key, &value);
	if (!json_object_is_type(value, json_type_string) && !json_object_is_type(value, json_type_int))
		return error_set(error, ERROR_INPUT, "it has no \"target\"");
	row = keyboard_add_row(payload->keyboard);
	for (size_t i = 0; result == 0 && i < sizeof actions / sizeof actions[0]; i++) {
		struct buf label = BUF_INIT(SIZE_MAX / 4);

		(void)buf_add_format(&label, "%s%s", prefix, text_get(answer->request->config, labels[i]));
		result = payload_add_tap(
		    answer, payload, row, buf_text(&label), actions[i], json_object_get_string(value), error);
		buf_free(&label);
	}
	return result;
}

static int add_item_buttons(
    struct answer *answer, struct list *list, size_t index, struct payload *payload, struct error *error)
{
	struct json_object *item = json_object_array_get_idx(list->items, index);
	size_t before = payload->buttons;
	char prefix[NUMBER_BYTES];

	snprintf(prefix, sizeof prefix, "%zu. ", index + 1);
	if (payload_add_buttons(answer, item, prefix, payload, error) != 0)
		return -1;
	if (payload->buttons - before > ITEM_BUTTONS_MAX)
		return error_set(error, ERROR_INPUT, "it has more than %d buttons", (int)ITEM_BUTTONS_MAX);
	if (list->is_match && payload->buttons == before)
		return add_match_buttons(answer, item, prefix, payload, error);
	return 0;
}

/* Adds its buttons to those of its page. */
static int check_item(
    struct answer *answer, struct list *list, size_t index, size_t *buttons, struct error *error)
{
	struct json_object *item = json_object_array_get_idx(list->items, index);
	struct payload payload = {.keyboard = NULL};
	const char *title, *text;
	int result;

	if (!json_object_is_type(item, json_type_object))
		return error_set(error, ERROR_INPUT, "it is no object");
	if (payload_text(item, item_title_keys, &title, error) != 0 ||
	    payload_text(item, item_text_keys, &text, error) != 0)
		return -1;
	if (title == NULL && text == NULL)
		return error_set(error, ERROR_INPUT, "it has neither \"title\" nor \"text\"");
	payload.keyboard = keyboard_new();
	result = add_item_buttons(answer, list, index, &payload, error);
	*buttons += payload.buttons;
	payload_free(&payload);
	return result;
}

static int check_items(struct answer *answer, struct list *list, struct error *error)
{
	struct error reason;
	size_t buttons = 0;

	for (size_t i = 0; i < json_object_array_length(list->items); i++) {
		if (i % ANSWER_PAGE_ITEMS == 0)
			buttons = 0;
		if (check_item(answer, list, i, &buttons, &reason) != 0)
			return error_set(error, reason.kind, "item %zu: %s", i + 1, reason.text);
		if (buttons > list->buttons)
			list->buttons = buttons;
	}
	return 0;
}

static int check_buttons(const struct list *list, struct error *error)
{
	if (list->payload.buttons + list->buttons + PAGE_BUTTONS_MAX > ANSWER_BUTTONS_MAX)
		return error_set(error, ERROR_INPUT, "a page has more than %d buttons",
		    ANSWER_BUTTONS_MAX - PAGE_BUTTONS_MAX);
	return 0;
}

/* Everything is read before anything is shown, since a page that is wrong would be found out too late. */
static int list_read(
    struct answer *answer, struct json_object *object, struct list *list, struct error *error)
{
	const char *type = json_text(object, "type");

	*list = (struct list){.is_match = type != NULL && strcmp(type, "match_list") == 0};
	if (payload_text(object, title_keys, &list->title, error) != 0 ||
	    read_items(object, list, error) != 0)
		return -1;
	answer->is_trial = true;
	if (check_items(answer, list, error) != 0)
		return -1;
	answer->is_trial = false;
	if (payload_read(answer, object, &list->payload, error) != 0)
		return -1;
	if (check_buttons(list, error) == 0)
		return 0;
	payload_free(&list->payload);
	return -1;
}

/* ---- showing ---- */

/* At most so many characters of text, clean. */
static void add_cut(struct rich *rich, const char *text, size_t characters, bool is_line)
{
	struct buf clean = BUF_INIT(SIZE_MAX / 4);
	size_t len = 0;

	(void)text_add_clean(&clean, text, strlen(text));
	for (size_t i = 0; is_line && i < clean.len; i++) {
		if (clean.data[i] == '\n')
			clean.data[i] = ' ';
	}
	for (size_t count = 0; len < clean.len && count < characters; count++)
		len += utf8_decode(clean.data + len, clean.len - len, NULL);
	(void)rich_add(rich, buf_text(&clean), len, false);
	if (len < clean.len)
		(void)rich_add(rich, "...", 3, false);
	buf_free(&clean);
}

static void add_bold(struct rich *rich, const char *text, size_t characters)
{
	size_t entity = rich_open(rich, RICH_BOLD, NULL);

	add_cut(rich, text, characters, true);
	rich_close(rich, entity);
}

static void add_newlines(struct rich *rich, size_t count)
{
	if (rich->text.len > 0)
		(void)rich_add(rich, "\n\n", count, false);
}

static void add_item(struct rich *rich, struct json_object *item, size_t number)
{
	const char *title = NULL, *text = NULL;
	char prefix[NUMBER_BYTES];
	struct error ignored;

	(void)payload_text(item, item_title_keys, &title, &ignored);
	(void)payload_text(item, item_text_keys, &text, &ignored);
	add_newlines(rich, 2);
	snprintf(prefix, sizeof prefix, "%zu. ", number);
	(void)rich_add(rich, prefix, strlen(prefix), false);
	if (title != NULL)
		add_bold(rich, title, ITEM_TITLE_MAX);
	if (title != NULL && text != NULL)
		(void)rich_add(rich, "\n", 1, false);
	if (text != NULL)
		add_cut(rich, text, ITEM_TEXT_MAX, false);
}

static size_t pages_of(const struct list *list)
{
	size_t count = json_object_array_length(list->items);

	return count > 0 ? (count + ANSWER_PAGE_ITEMS - 1) / ANSWER_PAGE_ITEMS : 1;
}

static int add_page_button(struct answer *answer, struct payload *payload, struct json_object *row,
    const char *label, const char *draft, size_t page, struct error *error)
{
	char target[STORE_BUTTON_BYTES + NUMBER_BYTES];

	snprintf(target, sizeof target, "%s.%zu", draft, page);
	return payload_add_tap(answer, payload, row, label, answer_page_action, target, error);
}

/* « 2/4 », page from 0. */
static int add_page_row(
    struct answer *answer, struct list *list, const char *draft, size_t page, struct error *error)
{
	struct payload *payload = &list->payload;
	struct json_object *row = keyboard_add_row(payload->keyboard);
	char label[2 * NUMBER_BYTES + 1];

	snprintf(label, sizeof label, "%zu/%zu", page + 1, pages_of(list));
	if (page > 0 && add_page_button(answer, payload, row, "«", draft, page, error) != 0)
		return -1;
	if (add_page_button(answer, payload, row, label, draft, page + 1, error) != 0)
		return -1;
	if (page + 1 < pages_of(list))
		return add_page_button(answer, payload, row, "»", draft, page + 2, error);
	return 0;
}

/* The list's own buttons stay below those of the items. */
static int add_keyboard(
    struct answer *answer, struct list *list, const char *draft, size_t page, struct error *error)
{
	struct json_object *own = list->payload.keyboard;
	size_t count = json_object_array_length(list->items), first = page * ANSWER_PAGE_ITEMS;
	int result = 0;

	list->payload.keyboard = keyboard_new();
	for (size_t i = first; result == 0 && i < count && i < first + ANSWER_PAGE_ITEMS; i++)
		result = add_item_buttons(answer, list, i, &list->payload, error);
	for (size_t i = 0; i < json_object_array_length(own); i++)
		json_object_array_add(
		    list->payload.keyboard, json_object_get(json_object_array_get_idx(own, i)));
	json_object_put(own);
	if (result == 0 && draft != NULL)
		result = add_page_row(answer, list, draft, page, error);
	return result;
}

static int show_page(
    struct answer *answer, struct list *list, const char *draft, size_t page, struct error *error)
{
	struct rich rich = RICH_INIT(SIZE_MAX / 4);
	size_t count = json_object_array_length(list->items), first = page * ANSWER_PAGE_ITEMS;
	int result;

	if (list->title != NULL)
		add_bold(&rich, list->title, TITLE_MAX);
	if (list->content != NULL) {
		add_newlines(&rich, 1);
		add_cut(&rich, list->content, CONTENT_MAX, false);
	}
	for (size_t i = first; i < count && i < first + ANSWER_PAGE_ITEMS; i++)
		add_item(&rich, json_object_array_get_idx(list->items, i), i + 1);
	if (count == 0) {
		add_newlines(&rich, 2);
		add_cut(&rich, text_get(answer->request->config, TEXT_LIST_EMPTY), CONTENT_MAX, false);
	}
	rich_finish(&rich);
	result = add_keyboard(answer, list, draft, page, error);
	if (result == 0)
		result = answer_send(answer, &list->payload, &rich, error);
	rich_free(&rich);
	return result;
}

/* ---- pages ---- */

/* Whose the list is: the chat's, in which a list may be for several people. */
static void owner_of(const struct request *request, char owner[OWNER_BYTES])
{
	snprintf(owner, OWNER_BYTES, "chat:%lld", (long long)request->update->chat);
}

static bool is_private(const struct request *request)
{
	return request->update->chat_type == CHAT_PRIVATE;
}

/* Keeps the list, with who may see it. */
static int keep(
    struct request *request, struct json_object *object, char draft[STORE_BUTTON_BYTES], struct error *error)
{
	struct json_object *kept = json_object_new_object();
	char owner[OWNER_BYTES];
	const char *line;
	int result;

	owner_of(request, owner);
	if (request->command != NULL)
		json_put_text(kept, "access", request->command->access);
	if (is_private(request))
		json_put_text(kept, "user", request_user(request));
	json_object_object_add(kept, "list", json_object_get(object));
	line = json_line(kept);
	if (strlen(line) > STORE_DRAFT_MAX_BYTES)
		result = error_set(error, ERROR_INPUT, "a list of several pages has more than %d bytes",
		    (int)STORE_DRAFT_MAX_BYTES);
	else if (json_check(line, strlen(line), "the list", error) != 0)
		result = -1; /* nested too deeply to be read again */
	else
		result =
		    store_draft_put(request->txn, owner, line, strlen(line), request->now_ms, draft, error);
	request->changed |= result == 0;
	json_object_put(kept);
	return result;
}

int answer_add_list(struct answer *answer, struct json_object *object, struct error *error)
{
	char draft[STORE_BUTTON_BYTES];
	bool is_kept = false;
	struct list list;
	int result = 0;

	if (list_read(answer, object, &list, error) != 0)
		return -1;
	if (pages_of(&list) > 1) {
		is_kept = button_may_keep(answer->request);
		if (is_kept)
			result = keep(answer->request, object, draft, error);
		else
			log_warning("only the first page of a list is shown, since the store has no room");
	}
	if (result == 0)
		result = show_page(answer, &list, is_kept ? draft : NULL, 0, error);
	payload_free(&list.payload);
	return result;
}

/* "ID.PAGE". */
static bool read_place(const char *target, char draft[STORE_BUTTON_BYTES], int64_t *page)
{
	const char *dot = strchr(target, '.');

	if (dot == NULL || dot - target != STORE_BUTTON_BYTES - 1)
		return false;
	memcpy(draft, target, STORE_BUTTON_BYTES - 1);
	draft[STORE_BUTTON_BYTES - 1] = '\0';
	return num_int64(dot + 1, 1, ANSWER_ITEMS_MAX, page) == 0;
}

static bool may_see(const struct request *request, struct json_object *kept)
{
	const char *user = json_text(kept, "user"), *access = json_text(kept, "access");

	if (user != NULL && strcmp(user, request_user(request)) != 0)
		return false;
	return access == NULL || access_check(access, request->caller, request->config) == ACCESS_ALLOWED;
}

static int turn(
    struct request *request, struct json_object *object, const char *draft, size_t page, struct error *error)
{
	struct answer answer = answer_begin(request);
	struct list list;
	int result = list_read(&answer, object, &list, error);

	if (result == 0) {
		size_t last = pages_of(&list) - 1;

		list.payload.is_edit = true;
		result = show_page(&answer, &list, draft, page < last ? page : last, error);
		payload_free(&list.payload);
	}
	return answer_end(&answer, result, error);
}

int answer_page(struct request *request, struct error *error)
{
	struct buf text = BUF_INIT(STORE_DRAFT_MAX_BYTES);
	char draft[STORE_BUTTON_BYTES], owner[OWNER_BYTES];
	struct json_object *kept = NULL, *list = NULL;
	int64_t page = 1;
	int found = 0;

	owner_of(request, owner);
	if (request->txn != NULL && read_place(request->target, draft, &page))
		found = store_draft_get(request->txn, owner, draft, request->now_ms, &text, error);
	if (found == 1 && json_parse_object(buf_text(&text), text.len, "draft", &kept, error) != 0)
		found = -1;
	buf_free(&text);
	if (found == 1 && may_see(request, kept) && json_get_object(kept, "list", &list, error) == 1) {
		found = turn(request, list, draft, (size_t)page - 1, error);
	} else if (found >= 0) {
		request->outcome = "gone";
		found = request_answer(request, TEXT_BUTTON_GONE, NULL, error);
	}
	json_object_put(kept);
	return found;
}
