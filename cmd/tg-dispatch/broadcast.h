/*
 * What a broadcast says: the message of an operator without its command, its formatting as it was. Pure.
 */
#ifndef TG_DISPATCH_BROADCAST_H
#define TG_DISPATCH_BROADCAST_H

#include <json-c/json.h>

/*
 * The part of text that stands behind its first word (a command) and the white space after that, borrowed
 * from text; "" where there is nothing. *entities becomes what is left of the entities of the message (an
 * array of MessageEntity; NULL: none), moved to that part; the caller puts it. Of those that stand before it
 * nothing is left, and of those that make no sense neither.
 */
const char *broadcast_text(const char *text, struct json_object *of_message, struct json_object **entities);

#endif
