#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "clock.h"

enum { PAUSE_MS = 100 };

struct progress progress_start(bool wanted)
{
	return (struct progress){.is_on = wanted && isatty(STDERR_FILENO)};
}

void progress_show(struct progress *progress, size_t done, size_t total, size_t failed, const char *name)
{
	int64_t now_ms;

	if (!progress->is_on)
		return;
	now_ms = clock_monotonic_ms();
	if (now_ms < progress->next_ms)
		return;
	fprintf(stderr, "\r\033[K%zu of %zu scripts done, %zu failed; %s", done, total, failed, name);
	progress->next_ms = now_ms + PAUSE_MS;
	progress->is_shown = true;
}

void progress_end(struct progress *progress)
{
	if (progress->is_shown)
		fputs("\r\033[K", stderr);
	progress->is_shown = false;
}
