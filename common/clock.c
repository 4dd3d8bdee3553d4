#include "clock.h"

#include <string.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t clock_monotonic_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

char *clock_format(int64_t wall_ms, char text[CLOCK_TEXT_BYTES])
{
	time_t seconds = (time_t)(wall_ms / 1000 - (wall_ms % 1000 < 0));
	struct tm parts;

	gmtime_r(&seconds, &parts);
	strftime(text, CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts);
	return text;
}

int clock_parse(const char *text, int64_t *wall_ms)
{
	struct tm parts = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);

	if (end == NULL || strcmp(end, "Z") != 0)
		return -1;
	*wall_ms = (int64_t)timegm(&parts) * 1000;
	return 0;
}
