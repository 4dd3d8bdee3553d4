/* The times that people give to --at. Pure but for the time zone, which is that of localtime(3). */
#ifndef TG_SEND_WHEN_H
#define TG_SEND_WHEN_H

#include <stdint.h>

#include "error.h"

/*
 * Reads one of
 *   18:00                     today, or tomorrow where it has passed
 *   today 18:00, tomorrow 08:00
 *   2026-01-31 18:00          or with a T between
 *   2026-01-31T18:00:00Z      or +01:00, +0100 at its end: the zone it is meant in
 * each with seconds or without, in local time but for the last. Sets *at_ms, which is after now_ms; wall
 * times in milliseconds. A time that the clocks leave out or show twice is what mktime(3) makes of it.
 * ERROR_USAGE where it is none of these, no date of the calendar, or has passed.
 */
int when_parse(const char *text, int64_t now_ms, int64_t *at_ms, struct error *error);

/* As people write it, in local time: "2026-01-31 18:00". Returns text. */
enum { WHEN_TEXT_BYTES = 32 };
char *when_format(int64_t at_ms, char text[WHEN_TEXT_BYTES]);

#endif
