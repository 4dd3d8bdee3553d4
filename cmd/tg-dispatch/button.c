#include "button.h"

#include <stdio.h>
#include <string.h>

#include "utf8.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

bool button_is_action(const char *action)
{
	size_t len = strlen(action);

	return len > 0 && len < STORE_ACTION_BYTES && action[strspn(action, letters)] == '\0';
}

static bool is_plain(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
		if (*c < 0x20 || *c == 0x7f)
			return false;
	}
	return utf8_is_valid(text, strlen(text));
}

static int keep(struct request *request, const char *action, const char *target, char data[BUTTON_DATA_BYTES],
    struct error *error)
{
	struct store_button button = {.used_ms = request->now_ms};
	char id[STORE_BUTTON_BYTES];
	int written;

	if (request->update->chat_type == CHAT_PRIVATE && request->caller->linked)
		snprintf(button.user, sizeof button.user, "%s", request->caller->link.user);
	snprintf(button.action, sizeof button.action, "%s", action);
	snprintf(button.target, sizeof button.target, "%s", target);
	written = store_button_put(request->txn, &button, id, error);
	if (written < 0)
		return -1;
	request->changed |= written > 0;
	snprintf(data, BUTTON_DATA_BYTES, ":%s", id);
	return 1;
}

bool button_may_keep(const struct request *request)
{
	return request->txn != NULL && store_used_percent(request->store) < STORE_FULL_PERCENT;
}

int button_check(const char *action, const char *target, struct error *error)
{
	if (!button_is_action(action))
		return error_set(error, ERROR_INPUT, "the action of a button has 1 to %d of A-Za-z0-9_",
		    STORE_ACTION_BYTES - 1);
	if (strlen(target) >= STORE_TARGET_BYTES)
		return error_set(error, ERROR_INPUT, "the target of a button has more than %d bytes",
		    STORE_TARGET_BYTES - 1);
	return 0;
}

int button_data(struct request *request, const char *action, const char *target, char data[BUTTON_DATA_BYTES],
    struct error *error)
{
	if (button_check(action, target, error) != 0)
		return -1;
	if (strlen(action) + 1 + strlen(target) < BUTTON_DATA_BYTES && is_plain(target)) {
		snprintf(data, BUTTON_DATA_BYTES, "%s:%s", action, target);
		return 1;
	}
	return button_may_keep(request) ? keep(request, action, target, data, error) : 0;
}
