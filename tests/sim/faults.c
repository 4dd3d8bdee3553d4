#include "faults.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const kinds[FAULT_KINDS] = {"http", "error", "close_before", "close_after", "close_middle",
    "stall", "stall_before", "unauthorized", "retry_after", "migrate", "refuse"};

static void fault_free(struct fault *f)
{
	free(f->method);
	free(f->description);
	free(f->parameters);
}

static void prune(struct faults *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->count; i++) {
		if (f->list[i].count == 0)
			fault_free(&f->list[i]);
		else
			f->list[kept++] = f->list[i];
	}
	f->count = kept;
}

void faults_clear(struct faults *f)
{
	for (size_t i = 0; i < f->count; i++)
		fault_free(&f->list[i]);
	free(f->list);
	memset(f, 0, sizeof(*f));
}

static const char *read_numbers(struct json_object *order, struct fault *out)
{
	struct {
		const char *key;
		int64_t *to;
	} numbers[] = {{"count", &out->count}, {"ms", &out->ms}, {"seconds", &out->seconds}, {"to", &out->to},
	    {"chat_id", &out->chat_id}};
	struct json_object *value;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		if (!json_object_object_get_ex(order, numbers[i].key, &value))
			continue;
		if (!json_object_is_type(value, json_type_int))
			return "a number is expected";
		*numbers[i].to = json_object_get_int64(value);
	}
	out->has_chat = json_object_object_get_ex(order, "chat_id", NULL);
	if (json_object_object_get_ex(order, "status", &value))
		out->status = json_object_get_int(value);
	if (out->status < 200 || out->status > 599 || out->ms < 0 || out->ms > 3600000)
		return "status or ms is out of range";
	return NULL;
}

static int kind_of(struct json_object *order)
{
	struct json_object *value = NULL;

	if (json_object_object_get_ex(order, "kind", &value))
		for (int i = 0; i < FAULT_KINDS; i++)
			if (strcmp(json_object_get_string(value), kinds[i]) == 0)
				return i;
	return -1;
}

static char *string_member(struct json_object *order, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(order, key, &value) || !value)
		return NULL;
	return xstrdup(json_object_get_string(value));
}

const char *faults_add(struct faults *f, struct json_object *order, struct fault *read)
{
	int kind = kind_of(order);
	const char *wrong;

	if (kind < 0)
		return "unknown kind";
	*read = (struct fault){.kind = (enum fault_kind)kind, .count = 1, .seconds = 1, .ms = 1000};
	read->status = kind == FAULT_HTTP ? 502 : 400;
	wrong = read_numbers(order, read);
	if (wrong || kind == FAULT_REFUSE)
		return wrong;
	read->method = string_member(order, "method");
	if (read->method && strcmp(read->method, "*") == 0) {
		free(read->method);
		read->method = NULL;
	}
	read->description = string_member(order, "description");
	read->parameters = string_member(order, "parameters");
	prune(f);
	f->list = grow(f->list, &f->cap, f->count + 1, sizeof(*f->list));
	f->list[f->count++] = *read;
	return NULL;
}

static bool fits(const struct fault *f, const char *method)
{
	return f->count != 0 && (!f->method || strcasecmp(f->method, method) == 0);
}

const struct fault *faults_take(struct faults *f, const char *method, bool has_chat, int64_t chat_id)
{
	if (f->count > 0)
		prune(f);
	for (size_t i = 0; i < f->count; i++) {
		struct fault *fault = &f->list[i];

		if (!fits(fault, method) || (fault->has_chat && (!has_chat || fault->chat_id != chat_id)))
			continue;
		if (fault->count > 0)
			fault->count--;
		return fault;
	}
	return NULL;
}

bool faults_closes_before(struct faults *f, const char *method)
{
	for (size_t i = 0; i < f->count; i++) {
		if (!fits(&f->list[i], method))
			continue;
		if (f->list[i].kind != FAULT_CLOSE_BEFORE || f->list[i].has_chat)
			return false;
		if (f->list[i].count > 0)
			f->list[i].count--;
		return true;
	}
	return false;
}
