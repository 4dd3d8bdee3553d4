/* tg-sim --chat: one user's private chat with the bot, in the terminal. */
#ifndef SIM_CHAT_H
#define SIM_CHAT_H

#include "sim.h"

struct terminal {
	struct watcher watcher;
	struct source input;
	struct timer timer; /* reads what cannot be polled, a file; after the end of input: waits for the last
			       answers */
	struct sim *sim;
	int64_t user_id;
	const char *username, *first_name;
	bool is_tty, ended;
	int64_t last_heard_us, ended_us;
	struct buf line;
};

/* `user` is ID:USERNAME:FIRSTNAME and is cut apart; false if it is not. */
bool terminal_start(struct terminal *t, struct sim *sim, char *user);
void terminal_stop(struct terminal *t);

#endif
