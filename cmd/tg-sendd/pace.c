#include "pace.h"

#include <math.h>

#include "xalloc.h"

enum { MINUTE_MS = 60000, MS = 1000000 };

/* Keeps a million intervals within int64. */
static const double interval_max_ns = 1e12;

int64_t pace_interval_ns(double per_second)
{
	return (int64_t)fmin(ceil(1e9 / per_second), interval_max_ns);
}

void pace_take(int64_t *full_ns, int64_t interval_ns, int64_t at_ms)
{
	int64_t at_ns = at_ms * MS;

	*full_ns = (*full_ns > at_ns ? *full_ns : at_ns) + interval_ns;
}

int64_t pace_due_ms(int64_t full_ns, int64_t interval_ns, int64_t size, int64_t tokens)
{
	int64_t due_ns = full_ns - (size - tokens) * interval_ns;

	return due_ns / MS + (due_ns % MS > 0);
}

struct pace_window *pace_window_new(void)
{
	struct pace_window *window = xmalloc(sizeof *window);

	window->next = 0;
	for (int i = 0; i < PACE_WINDOW; i++)
		window->at_ms[i] = INT64_MIN / 4;
	return window;
}

void pace_window_note(struct pace_window *window, int64_t at_ms)
{
	window->at_ms[window->next] = at_ms;
	window->next = (window->next + 1) % PACE_WINDOW;
}

int64_t pace_window_due_ms(const struct pace_window *window, int64_t per_minute)
{
	int64_t count = per_minute < PACE_WINDOW ? per_minute : PACE_WINDOW;
	int64_t span_ms = (count * MINUTE_MS + per_minute - 1) / per_minute;
	int64_t oldest = (window->next + PACE_WINDOW - count) % PACE_WINDOW;

	return window->at_ms[oldest] + span_ms;
}
