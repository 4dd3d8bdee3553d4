/* The methods of the Bot API: one function each, in methods_*.c; their table with the parameters is in
 * table.c. */
#ifndef SIM_METHODS_H
#define SIM_METHODS_H

#include "schema.h"

struct call;

struct method {
	const char *name;
	const struct field *fields;
	int (*run)(struct call *c); /* 0, or -1 with the call failed */
};

extern const struct method methods[];
extern const size_t method_count;

int method_index(const char *name, size_t len); /* without regard to case; -1: there is none */

int method_get_me(struct call *c);
int method_get_updates(struct call *c);
int method_send_message(struct call *c);
int method_send_photo(struct call *c);
int method_send_document(struct call *c);
int method_edit_message_text(struct call *c);
int method_edit_message_reply_markup(struct call *c);
int method_delete_message(struct call *c);
int method_answer_callback_query(struct call *c);
int method_send_media_group(struct call *c);
int method_edit_message_media(struct call *c);
int method_send_chat_action(struct call *c);
int method_set_my_commands(struct call *c);
int method_get_my_commands(struct call *c);
int method_delete_my_commands(struct call *c);
int method_set_webhook(struct call *c);
int method_delete_webhook(struct call *c);
int method_get_webhook_info(struct call *c);
int method_get_chat(struct call *c);

#endif
