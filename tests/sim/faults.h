/* Failures that a test ordered. The first that fits a call is used up by it. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "buf.h"

#include <json-c/json.h>
#include <stdbool.h>

enum fault_kind {
	FAULT_HTTP,
	FAULT_ERROR,
	FAULT_CLOSE_BEFORE,
	FAULT_CLOSE_AFTER,
	FAULT_CLOSE_MIDDLE,
	FAULT_STALL,
	FAULT_STALL_BEFORE,
	FAULT_UNAUTHORIZED,
	FAULT_RETRY_AFTER,
	FAULT_MIGRATE,
	FAULT_REFUSE,
	FAULT_KINDS
};

struct fault {
	enum fault_kind kind;
	char *method; /* NULL: all */
	bool has_chat;
	int64_t chat_id, count; /* count -1: until cleared */
	int64_t ms, seconds, to;
	int status;
	char *description, *parameters;
};

struct faults {
	struct fault *list;
	size_t count, cap;
};

/* From the JSON of the control API; NULL, or what is wrong with it. FAULT_REFUSE is only read, not kept. */
const char *faults_add(struct faults *f, struct json_object *order, struct fault *read);
void faults_clear(struct faults *f);
/* The fault for a call, counted down; NULL: none. Valid until the next call of any function here. */
const struct fault *faults_take(struct faults *f, const char *method, bool has_chat, int64_t chat_id);
/* Whether a call of this method would be cut off whatever it says: known before its body is read. */
bool faults_closes_before(struct faults *f, const char *method);

#endif
