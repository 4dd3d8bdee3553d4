#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static void extra_free(struct extra *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->history_count; i++)
		free(e->history[i]);
	free(e->history);
	free(e->entities);
	free(e->markup);
	free(e->options);
	free(e);
}

static void chat_free(struct chat *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->messages[i].text);
		extra_free(c->messages[i].extra);
	}
	free(c->messages);
	free(c->title);
	free(c->username);
	free(c->actions);
	free(c->presses);
	free(c);
}

static void file_free(struct file *f)
{
	free(f->name);
	free(f->mime);
	free(f->url);
	free(f);
}

static void press_free(struct press *p)
{
	free(p->data);
	free(p->answer);
	free(p);
}

static void user_free(struct user *u)
{
	free(u->username);
	free(u->first_name);
	free(u);
}

void store_free(struct store *s)
{
	for (size_t i = 0; i < s->chat_count; i++)
		chat_free(s->chats[i]);
	for (size_t i = 0; i < s->user_count; i++)
		user_free(s->users[i]);
	for (size_t i = 0; i < s->file_count; i++)
		file_free(s->files[i]);
	for (size_t i = 0; i < s->press_count; i++)
		press_free(s->presses[i]);
	for (size_t i = 0; i < s->command_count; i++) {
		free(s->commands[i].scope);
		free(s->commands[i].language);
		free(s->commands[i].list);
	}
	free(s->chats);
	free(s->users);
	free(s->files);
	free(s->presses);
	free(s->commands);
	map_free(&s->chat_by_id);
	map_free(&s->user_by_id);
	memset(s, 0, sizeof(*s));
}

struct user *store_user(struct store *s, int64_t id)
{
	struct user *u = map_get(&s->user_by_id, id);
	char name[32];

	if (u)
		return u;
	u = xcalloc(1, sizeof(*u));
	u->id = id;
	(void)snprintf(name, sizeof(name), "User%lld", (long long)id);
	u->first_name = xstrdup(name);
	s->users = grow(s->users, &s->user_cap, s->user_count + 1, sizeof(struct user *));
	s->users[s->user_count++] = u;
	map_put(&s->user_by_id, id, u);
	return u;
}

static void replace(char **old, const char *text)
{
	if (!text)
		return;
	free(*old);
	*old = xstrdup(text);
}

void user_rename(struct user *u, const char *username, const char *first_name)
{
	replace(&u->username, username);
	replace(&u->first_name, first_name);
}

struct chat *store_chat(const struct store *s, int64_t id)
{
	return map_get(&s->chat_by_id, id);
}

/* As with Telegram: a bot can name a public group, but not a person, by its @username. */
struct chat *store_chat_by_name(const struct store *s, const char *name, size_t len)
{
	for (size_t i = 0; i < s->chat_count; i++) {
		const char *own = s->chats[i]->username;

		if (own && s->chats[i]->type != CHAT_PRIVATE && strlen(own) == len &&
		    strncasecmp(own, name, len) == 0)
			return s->chats[i];
	}
	return NULL;
}

struct chat *store_new_chat(struct store *s, int64_t id, enum chat_type type)
{
	struct chat *c = xcalloc(1, sizeof(*c));
	char title[40];

	c->id = id;
	c->type = type;
	if (type == CHAT_PRIVATE) {
		c->user = store_user(s, id);
	} else {
		(void)snprintf(title, sizeof(title), "Group%lld", (long long)id);
		c->title = xstrdup(title);
	}
	s->chats = grow(s->chats, &s->chat_cap, s->chat_count + 1, sizeof(struct chat *));
	s->chats[s->chat_count++] = c;
	map_put(&s->chat_by_id, id, c);
	return c;
}

const char *chat_type_name(enum chat_type type)
{
	static const char *const names[] = {"private", "group", "supergroup"};

	return names[type];
}

struct message *chat_new_message(struct store *s, struct chat *c, const char *text, size_t len)
{
	struct message *m;

	c->messages = grow(c->messages, &c->cap, c->count + 1, sizeof(*c->messages));
	m = &c->messages[c->count++];
	memset(m, 0, sizeof(*m));
	m->id = c->type == CHAT_SUPERGROUP ? ++c->last_id : ++s->last_id;
	m->date = (int64_t)time(NULL);
	m->text = text ? xstrndup(text, len) : NULL;
	c->version++;
	return m;
}

struct message *chat_message(const struct chat *c, int32_t id)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->messages[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < c->count && c->messages[low].id == id ? &c->messages[low] : NULL;
}

struct extra *message_extra(struct message *m)
{
	if (!m->extra)
		m->extra = xcalloc(1, sizeof(*m->extra));
	return m->extra;
}

void message_set_text(struct message *m, const char *text, size_t len)
{
	struct extra *e = message_extra(m);

	if (m->text) {
		e->history = grow(e->history, &e->history_cap, e->history_count + 1, sizeof(*e->history));
		e->history[e->history_count++] = m->text;
	}
	m->text = xstrndup(text, len);
}

void chat_delete_message(struct chat *c, struct message *m)
{
	if (m->deleted)
		return;
	m->deleted = true;
	c->version++;
	if (!m->from)
		c->shown--;
}

struct file *store_new_file(struct store *s, bool photo)
{
	struct file *f = xcalloc(1, sizeof(*f));

	s->files = grow(s->files, &s->file_cap, s->file_count + 1, sizeof(struct file *));
	s->files[s->file_count++] = f;
	f->number = s->file_count;
	f->photo = photo;
	return f;
}

static const char *file_prefix(bool photo)
{
	return photo ? "AgACAgIAAxkBAAIB" : "BQACAgIAAxkBAAIB";
}

void file_id(const struct file *f, char id[48])
{
	(void)snprintf(id, 48, "%s%016zxAQADAgADdwADNgQ", file_prefix(f->photo), f->number);
}

struct file *store_file(const struct store *s, const char *id, size_t len)
{
	char digits[17] = "", expected[48], *end;
	unsigned long long number;

	if (len < 32 || len >= sizeof(expected))
		return NULL;
	memcpy(digits, id + 16, 16);
	number = strtoull(digits, &end, 16);
	if (*end != '\0' || number == 0 || number > s->file_count)
		return NULL;
	file_id(s->files[number - 1], expected);
	return strlen(expected) == len && memcmp(expected, id, len) == 0 ? s->files[number - 1] : NULL;
}

struct press *store_new_press(
    struct store *s, struct chat *c, struct user *by, int32_t message_id, const char *data)
{
	struct press *p = xcalloc(1, sizeof(*p));

	p->chat = c;
	p->by = by;
	p->message_id = message_id;
	p->data = xstrdup(data);
	s->presses = grow(s->presses, &s->press_cap, s->press_count + 1, sizeof(struct press *));
	s->presses[s->press_count++] = p;
	c->presses = grow(c->presses, &c->press_cap, c->press_count + 1, sizeof(struct press *));
	c->presses[c->press_count++] = p;
	c->version++;
	return p;
}

struct press *store_press(const struct store *s, int64_t query_id)
{
	uint64_t place = (uint64_t)query_id - (uint64_t)PRESS_FIRST;

	return place < s->press_count ? s->presses[place] : NULL;
}
