/* What the methods that send share, and those that edit what was sent. */
#ifndef SIM_SEND_H
#define SIM_SEND_H

#include "api.h"
#include "image.h"

/* A message that is checked, about to be sent. */
struct draft {
	struct chat *chat;
	char *markup;
	int32_t reply_to;
	int64_t group; /* the album it is part of; 0: none */
};

/* Where the bytes of a file come from: one of the three. */
struct source_file {
	const struct arg *upload;
	struct file *known;
	struct slice url;
	struct image image;
};

/* Those that return int: 0, or -1 with the call failed. */
struct chat *send_chat(struct call *c); /* NULL: the call has failed */
bool send_prepare(struct call *c, struct draft *d);
int send_find_file(struct call *c, struct slice text, bool photo, struct source_file *s);
int send_check_file(struct call *c, bool photo, struct source_file *s);
struct file *send_keep_file(struct call *c, bool photo, const struct source_file *s);
int send_deliver(struct call *c, struct draft *d, const struct formatted *f, struct file *file);

/* An InputMedia. */
struct media {
	bool photo;
	struct source_file source;
};

/* Its caption is in sim->formatted then. */
int media_read(struct call *c, struct json_object *item, struct media *media);

#endif
