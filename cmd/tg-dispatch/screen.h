/*
 * What a chat is shown of a running script: pieces of its output and times go in, messages to be sent or
 * edited come out. Pure; times are monotonic and handed in.
 *
 * A script that ends before anything was shown is one message. Else there is a live one, which follows the
 * output by edits; when SCREEN_PART_CHARACTERS are full, the next message begins, at a line where there is
 * one. What is shown is what a terminal would show (text_add_clean). Everything that was printed is at the
 * end in exactly one message or, above SCREEN_TOTAL_CHARACTERS, in the rest, which is for a document; only
 * white space at the end of a message is left away.
 */
#ifndef TG_DISPATCH_SCREEN_H
#define TG_DISPATCH_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum {
	SCREEN_PART_CHARACTERS = 3000,
	SCREEN_TOTAL_CHARACTERS = 50000,
	SCREEN_WORDS_CHARACTERS = 1000, /* a longer last line is cut */
	SCREEN_EDIT_MS = 2050,		/* between two edits of a message, at least */
	SCREEN_FIRST_MS = 1000,		/* from the first output until it is shown */
	SCREEN_SILENT_MS = 3000,	/* from the start until it is said that the script runs */
	SCREEN_SETTLE_MS = 300,		/* what follows a line at once is shown together with it */
	SCREEN_PATIENCE_MS = 500, /* the end waits so long for an edit; else it is a message of its own */
};

/* What is said beside the output. Copied. */
struct screen_words {
	const char *running; /* while there is no output */
	const char *ended;   /* in its place, where the output came in another message */
	const char *more;    /* that the rest is a document */
};

struct screen;

struct screen *screen_new(const struct screen_words *words, int64_t now_ms);
void screen_free(struct screen *screen);

/* A piece of output as it came; of stdout and stderr alike, in their order. */
void screen_output(struct screen *screen, const char *data, size_t len, int64_t now_ms);

/* When the last line is said. */
enum screen_line {
	SCREEN_LINE_ALWAYS,
	SCREEN_LINE_WITH_OUTPUT,  /* without any output nothing need be said */
	SCREEN_LINE_UNLESS_PLAIN, /* output that comes at once, at the end, speaks for itself */
};

/*
 * The script has ended; last_line says how. It is the last line of the last message, or, where there is a
 * rest, for the caption of the document.
 */
void screen_end(struct screen *screen, const char *last_line, enum screen_line when, int64_t now_ms);

struct screen_message {
	int64_t part;	   /* from 1; one that came before is edited */
	const char *text;  /* borrowed until the next call */
	size_t pre_length; /* so much of its start, in UTF-16 units, is output; 0: none is */
	bool is_live;	   /* it carries the button that stops the script */
	bool is_late;	   /* an edit behind the end, which is in another message: nobody waits for it */
};

/* What is to be sent now; to be called until it returns false. */
bool screen_next(struct screen *screen, int64_t now_ms, struct screen_message *message);

/* What was sent may not have arrived: all of it is said again. An edit that changes nothing does no harm. */
void screen_repeat(struct screen *screen);

/* When screen_next has something to say next if nothing happens; INT64_MAX: never. */
int64_t screen_due_ms(struct screen *screen);

/* Whether there is something to see in the rest. Else it is not worth a document, and stays where it is. */
bool screen_has_rest(const struct screen *screen);
/* The rest that came since it was taken last; taking it is to clear the buffer. */
struct buf *screen_rest(struct screen *screen);
/* The last line, cut, for the caption; "" before the end. */
const char *screen_last_line(const struct screen *screen);

/* The end is out: all that is left are edits of messages that were sent before it. */
bool screen_is_told(struct screen *screen);
/* Nothing is left to be said. */
bool screen_is_done(struct screen *screen);

#endif
