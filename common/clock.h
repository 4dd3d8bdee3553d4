/*
 * The two clocks. Wall time is for what outlives the process (stored records, logs); monotonic time for
 * everything that waits. Both are int64 milliseconds.
 */
#ifndef TGTOOLS_CLOCK_H
#define TGTOOLS_CLOCK_H

#include <stddef.h>
#include <stdint.h>

enum { CLOCK_TEXT_BYTES = 32 };

int64_t clock_wall_ms(void);	  /* since 1970-01-01T00:00:00Z */
int64_t clock_monotonic_ms(void); /* since an arbitrary point; never goes back */

/* Formats a wall time as UTC, "2026-01-31T08:00:00Z"; returns text. */
char *clock_format(int64_t wall_ms, char text[CLOCK_TEXT_BYTES]);

/* Reads what clock_format writes. 0, or -1 where text is no such time. */
int clock_parse(const char *text, int64_t *wall_ms);

#endif
