/*
 * Starting a program that ends by itself: one of ours, or one that starts ours (sudo). Programs that have to
 * be ended, with all that they start, are for child.h.
 */
#ifndef TGTOOLS_LAUNCH_H
#define TGTOOLS_LAUNCH_H

#include <sys/types.h>

enum launch_place {
	LAUNCH_HERE,	/* in the caller's process group */
	LAUNCH_GROUP,	/* in one of its own: what a terminal sends is for the caller */
	LAUNCH_SESSION, /* without a terminal */
};

struct launch_options {
	char *const *argv; /* argv[0] is a path */
	char *const *environment;
	int input, output, errors; /* become 0, 1 and 2; -1: the caller's own */
	const char *directory;	   /* NULL: the caller's own */
	enum launch_place place;
};

/*
 * Its signals do what they do by default, and none is blocked. Returns 0, or what errno says. The caller
 * waits for it.
 */
int launch(const struct launch_options *options, pid_t *pid);

#endif
