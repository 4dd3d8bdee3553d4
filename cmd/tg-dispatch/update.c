#include "update.h"

#include <stdio.h>
#include <string.h>

#include "json.h"

/* Far beyond any date, so that milliseconds cannot overflow. */
#define DATE_MAX_S (INT64_C(1) << 40)

/* Fields of Message (Bot API 10.1) that hold what a person sent; all others tell of an event in the chat. */
static const char *const content_fields[] = {"text", "rich_message", "animation", "audio", "document",
    "live_photo", "paid_media", "photo", "sticker", "story", "video", "video_note", "voice", "checklist",
    "contact", "dice", "game", "poll", "venue", "location", "invoice", "giveaway"};

static int missing(struct error *error, const char *key)
{
	return error_set(error, ERROR_INPUT, "\"%s\" is missing", key);
}

static int need_int64(struct json_object *object, const char *key, int64_t *result, struct error *error)
{
	int found = json_get_int64(object, key, result, error);

	if (found != 1)
		return found < 0 ? -1 : missing(error, key);
	return 0;
}

static int need_object(
    struct json_object *object, const char *key, struct json_object **result, struct error *error)
{
	int found = json_get_object(object, key, result, error);

	if (found != 1)
		return found < 0 ? -1 : missing(error, key);
	return 0;
}

int update_read_id(struct json_object *object, int64_t *update_id, struct error *error)
{
	int64_t number = 0;

	if (need_int64(object, "update_id", &number, error) != 0)
		return -1;
	if (number < 0)
		return error_set(error, ERROR_INPUT, "\"update_id\" is out of range");
	*update_id = number;
	return 0;
}

/* A username goes to the store and to people, so what does not look like one is left out. */
static void copy_username(const char *name, char target[UPDATE_USERNAME_BYTES])
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	if (name != NULL && strlen(name) < UPDATE_USERNAME_BYTES && name[strspn(name, allowed)] == '\0')
		snprintf(target, UPDATE_USERNAME_BYTES, "%s", name);
}

static int read_sender(struct json_object *from, struct update *update, struct error *error)
{
	const char *username = NULL;

	if (need_int64(from, "id", &update->user, error) != 0 ||
	    json_get_bool(from, "is_bot", &update->from_bot, error) < 0 ||
	    json_get_text(from, "username", &username, error) < 0)
		return -1;
	copy_username(username, update->username);
	return 0;
}

static enum update_chat_type chat_type_of(const char *type, bool is_direct_messages)
{
	if (is_direct_messages)
		return CHAT_OTHER;
	if (strcmp(type, "private") == 0)
		return CHAT_PRIVATE;
	if (strcmp(type, "group") == 0 || strcmp(type, "supergroup") == 0)
		return CHAT_GROUP;
	return CHAT_OTHER;
}

static int read_chat(struct json_object *message, struct update *update, struct error *error)
{
	struct json_object *chat;
	const char *type = "";
	bool is_direct_messages = false;

	if (need_object(message, "chat", &chat, error) != 0 ||
	    need_int64(chat, "id", &update->chat, error) != 0 ||
	    json_get_text(chat, "type", &type, error) < 0 ||
	    json_get_bool(chat, "is_direct_messages", &is_direct_messages, error) < 0)
		return -1;
	update->chat_type = chat_type_of(type, is_direct_messages);
	return json_get_int64(message, "message_id", &update->message_id, error) < 0 ? -1 : 0;
}

static int read_thread(struct json_object *message, struct update *update, struct error *error)
{
	bool is_topic_message = false;

	if (json_get_bool(message, "is_topic_message", &is_topic_message, error) < 0)
		return -1;
	if (!is_topic_message)
		return 0;
	return json_get_int64(message, "message_thread_id", &update->thread, error) < 0 ? -1 : 0;
}

/* An administrator who hides behind the group is shown as a bot, with the group itself as sender_chat. */
static int see_anonymous(struct json_object *message, struct update *update, struct error *error)
{
	struct json_object *sender;
	int64_t id = 0;
	int found = json_get_object(message, "sender_chat", &sender, error);

	if (found != 1)
		return found;
	if (need_int64(sender, "id", &id, error) != 0)
		return -1;
	if (id == update->chat)
		update->from_bot = false;
	return 0;
}

static bool has_content(struct json_object *message)
{
	for (size_t i = 0; i < sizeof content_fields / sizeof content_fields[0]; i++) {
		if (json_object_object_get_ex(message, content_fields[i], NULL))
			return true;
	}
	return false;
}

/* Of a photo there are several sizes; the last is the largest. */
static struct json_object *file_of(struct json_object *message, const char *kind)
{
	struct json_object *file = NULL;

	if (!json_object_object_get_ex(message, kind, &file))
		return NULL;
	if (json_object_is_type(file, json_type_array) && json_object_array_length(file) > 0)
		file = json_object_array_get_idx(file, json_object_array_length(file) - 1);
	return json_object_is_type(file, json_type_object) ? file : NULL;
}

/* What is odd about a file makes it none; the message is still one. */
static void read_file(struct json_object *message, struct update_file *file)
{
	static const char *const kinds[] = {
	    "document", "photo", "video", "audio", "voice", "animation", "video_note", "sticker", NULL};

	for (const char *const *kind = kinds; *kind != NULL && file->kind == NULL; kind++) {
		struct json_object *object = file_of(message, *kind);

		if (object == NULL || json_text(object, "file_id") == NULL)
			continue;
		*file = (struct update_file){.kind = *kind,
		    .file_id = json_text(object, "file_id"),
		    .file_name = json_text(object, "file_name"),
		    .mime_type = json_text(object, "mime_type"),
		    .size_bytes = json_int64(object, "file_size")};
	}
}

static int read_date(struct json_object *message, const char *key, struct update *update, struct error *error)
{
	int64_t date_s = 0;

	if (json_get_int64(message, key, &date_s, error) < 0)
		return -1;
	update->date_ms = date_s > 0 && date_s < DATE_MAX_S ? date_s * 1000 : 0;
	return 0;
}

static int read_message(struct json_object *message, struct update *update, struct error *error)
{
	struct json_object *from, *entities;
	int found;

	if (read_chat(message, update, error) != 0)
		return -1;
	found = json_get_object(message, "from", &from, error);
	if (found < 0 || (found == 1 && read_sender(from, update, error) != 0))
		return -1;
	if (see_anonymous(message, update, error) < 0 || read_thread(message, update, error) != 0 ||
	    json_get_text(message, "text", &update->text, error) < 0 ||
	    json_get_text(message, "caption", &update->caption, error) < 0 ||
	    read_date(message, "date", update, error) != 0)
		return -1;
	(void)json_object_object_get_ex(message, "rich_message", &update->rich);
	update->is_content = has_content(message);
	if (update->text == NULL)
		read_file(message, &update->file);
	else if (json_object_object_get_ex(message, "entities", &entities) &&
		 json_object_is_type(entities, json_type_array))
		update->entities = entities;
	update->kind = UPDATE_MESSAGE;
	return 0;
}

/* A message that the bot can no longer reach (InaccessibleMessage) has the date 0: it cannot be edited. */
static int read_tapped(struct json_object *message, struct update *update, struct error *error)
{
	int64_t date = 1;

	if (read_chat(message, update, error) != 0 || read_thread(message, update, error) != 0 ||
	    json_get_int64(message, "date", &date, error) < 0)
		return -1;
	if (date == 0)
		update->message_id = 0;
	return 0;
}

static int read_tap(struct json_object *query, struct update *update, struct error *error)
{
	struct json_object *from, *message;
	int found = json_get_text(query, "id", &update->tap_id, error);

	if (found != 1)
		return found < 0 ? -1 : missing(error, "id");
	if (update->tap_id[0] == '\0' || strlen(update->tap_id) > UPDATE_TAP_ID_MAX)
		return error_set(error, ERROR_INPUT, "\"id\" is empty or too long");
	if (need_object(query, "from", &from, error) != 0 || read_sender(from, update, error) != 0)
		return -1;
	found = json_get_object(query, "message", &message, error);
	if (found < 0 || (found == 1 && read_tapped(message, update, error) != 0) ||
	    json_get_text(query, "data", &update->tap_data, error) < 0)
		return -1;
	update->kind = UPDATE_TAP;
	return 0;
}

/* 1: the bot is in that state; 0: in the other one; -1: the word is new. */
static int is_shut_out(const char *status)
{
	static const char *const out[] = {"kicked", "left", NULL};
	static const char *const in[] = {"member", "administrator", "creator", NULL};

	for (const char *const *word = out; *word != NULL; word++) {
		if (strcmp(status, *word) == 0)
			return 1;
	}
	for (const char *const *word = in; *word != NULL; word++) {
		if (strcmp(status, *word) == 0)
			return 0;
	}
	return -1;
}

static int read_member(struct json_object *change, struct update *update, struct error *error)
{
	struct json_object *from, *member;
	const char *status = "";
	int found, out;

	if (read_chat(change, update, error) != 0)
		return -1;
	found = json_get_object(change, "from", &from, error);
	if (found < 0 || (found == 1 && read_sender(from, update, error) != 0))
		return -1;
	if (need_object(change, "new_chat_member", &member, error) != 0 ||
	    json_get_text(member, "status", &status, error) < 0)
		return -1;
	out = is_shut_out(status);
	update->is_shut_out = out == 1;
	if (out >= 0)
		update->kind = UPDATE_MEMBER;
	return 0;
}

int update_read(struct json_object *object, struct update *update, struct error *error)
{
	struct json_object *part;
	int found;

	*update = (struct update){.kind = UPDATE_OTHER, .chat_type = CHAT_OTHER};
	if (update_read_id(object, &update->update_id, error) != 0)
		return -1;
	found = json_get_object(object, "message", &part, error);
	if (found != 0)
		return found < 0 ? -1 : read_message(part, update, error);
	found = json_get_object(object, "edited_message", &part, error);
	if (found != 0) {
		if (found < 0 || read_message(part, update, error) != 0)
			return -1;
		update->kind = UPDATE_OTHER;
		/* "date" stays that of the message, which may be of any age. */
		if (read_date(part, "edit_date", update, error) != 0)
			return -1;
		update->kind = UPDATE_EDITED;
		return 0;
	}
	found = json_get_object(object, "callback_query", &part, error);
	if (found != 0)
		return found < 0 ? -1 : read_tap(part, update, error);
	found = json_get_object(object, "my_chat_member", &part, error);
	if (found != 0)
		return found < 0 ? -1 : read_member(part, update, error);
	return 0;
}
