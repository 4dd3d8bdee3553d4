/*
 * Why: whoever finds the bot may write anything to it. What is read of an update, and where it is routed,
 * must be the same for a person and for a mischief maker: bounded, and never the wrong kind of chat.
 */
#include "fuzz.h"

#include <string.h>

#include "json.h"
#include "tg-dispatch/commands.h"
#include "tg-dispatch/link.h"
#include "tg-dispatch/update.h"

const char *const fuzz_words[] = {"{\"update_id\":7,", "\"message\":{", "\"callback_query\":{\"id\":\"1\",",
    "\"from\":{\"id\":1}", "\"chat\":{\"id\":-5,\"type\":\"group\"}",
    "\"chat\":{\"id\":5,\"type\":\"private\"}", "\"text\":\"/start", "/help@sim_bot", "@", "\"data\":\"A:B\"",
    "\"is_bot\":true", "\"sender_chat\":{}", "\"message_thread_id\":3", "\"username\":\"", "\\u0000",
    "\xf0\x9f\x98\x80", "9223372036854775807", "-1", "null", "\"edited_message\":{", "\"caption\":\"",
    "/link ABCDEFGHIJKLMNOPQRST", "tgk_", "/start ", NULL};

static void check_key(const struct update *update, const struct route *route)
{
	const char *text = update->text != NULL ? update->text : update->caption;
	char key[LINK_KEY_BYTES], token[STORE_START_BYTES];

	FUZZ_MUST(link_carries_key(update, "sim_bot") == (route->command == &link_key_row));
	if (text != NULL && link_find_key(text, key))
		FUZZ_MUST(strlen(key) < sizeof key && strstr(text, key) != NULL);
	if (link_find_token(text, token))
		FUZZ_MUST(strlen(token) == sizeof token - 1 && strstr(text, token) != NULL);
}

static void check_update(const struct update *update)
{
	struct command_table table = commands_builtin();
	struct command_line line;
	struct route route = route_update(&table, update, "sim_bot");

	FUZZ_MUST(update->kind <= UPDATE_OTHER && route_name(&route) != NULL);
	FUZZ_MUST(strnlen(update->username, sizeof update->username) < sizeof update->username);
	FUZZ_MUST((route.kind == ROUTE_COMMAND) == (route.command != NULL));
	FUZZ_MUST(update->kind != UPDATE_OTHER || route.kind == ROUTE_NOTHING);
	if (update->text != NULL && command_parse(update->text, &line))
		FUZZ_MUST(line.name[0] != '\0' && strlen(line.name) < sizeof line.name);
	check_key(update, &route);
	if (route.command != NULL)
		FUZZ_MUST(route.command->where & update->chat_type || update->chat_type == CHAT_GROUP);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *object = NULL;
	struct update update;
	struct error error = {0};
	int64_t id = 0;

	if (json_parse_object((const char *)data, size, "it", &object, &error) != 0)
		return 0;
	if (update_read_id(object, &id, &error) != 0)
		FUZZ_MUST(error.kind == ERROR_INPUT);
	if (update_read(object, &update, &error) == 0)
		FUZZ_MUST(update.update_id == id);
	else
		FUZZ_MUST(update.kind == UPDATE_OTHER && error.kind == ERROR_INPUT);
	check_update(&update);
	json_object_put(object);
	return 0;
}
