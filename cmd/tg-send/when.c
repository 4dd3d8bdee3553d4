#include "when.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { SECOND_MS = 1000, MINUTE_S = 60, HOUR_S = 3600 };

/* What the text has said. */
struct when {
	struct tm tm;	   /* the time, and the date where has_date */
	bool has_date;	   /* a date, "today" or "tomorrow" */
	bool has_zone;	   /* not local time */
	int64_t zone_s;	   /* east of Greenwich */
	bool out_of_range; /* a number is no hour, or the like */
};

static bool skip(const char **at, char wanted)
{
	if (**at != wanted)
		return false;
	(*at)++;
	return true;
}

static bool skip_word(const char **at, const char *word)
{
	size_t len = strlen(word);

	if (strncasecmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

/* Exactly count digits. */
static bool read_digits(const char **at, int count, int *value)
{
	*value = 0;
	for (int i = 0; i < count; i++) {
		if ((*at)[i] < '0' || (*at)[i] > '9')
			return false;
		*value = *value * 10 + ((*at)[i] - '0');
	}
	*at += count;
	return true;
}

/* HH:MM[:SS]; a single digit for the hour will do. */
static bool read_time(const char **at, struct when *when)
{
	struct tm *tm = &when->tm;

	if (!read_digits(at, 2, &tm->tm_hour) && !read_digits(at, 1, &tm->tm_hour))
		return false;
	if (!skip(at, ':') || !read_digits(at, 2, &tm->tm_min) ||
	    (skip(at, ':') && !read_digits(at, 2, &tm->tm_sec)))
		return false;
	when->out_of_range |= tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 59;
	return true;
}

static bool read_date(const char **at, struct when *when)
{
	struct tm *tm = &when->tm, same;

	if (!read_digits(at, 4, &tm->tm_year) || !skip(at, '-') || !read_digits(at, 2, &tm->tm_mon) ||
	    !skip(at, '-') || !read_digits(at, 2, &tm->tm_mday))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon--;
	same = *tm;
	(void)timegm(&same);
	when->out_of_range |= same.tm_mon != tm->tm_mon || same.tm_mday != tm->tm_mday;
	return true;
}

/* Z, +HH:MM, +HHMM or nothing. */
static bool read_zone(const char **at, struct when *when)
{
	int sign = **at == '-' ? -1 : 1, hours, minutes;

	if (**at == '\0')
		return true;
	when->has_zone = true;
	if (skip(at, 'Z') || skip(at, 'z'))
		return true;
	if ((!skip(at, '+') && !skip(at, '-')) || !read_digits(at, 2, &hours))
		return false;
	(void)skip(at, ':');
	if (!read_digits(at, 2, &minutes))
		return false;
	when->out_of_range |= hours > 23 || minutes > 59;
	when->zone_s = sign * ((int64_t)hours * HOUR_S + (int64_t)minutes * MINUTE_S);
	return true;
}

static bool read_all(const char *at, const struct tm *today, struct when *when)
{
	bool tomorrow = skip_word(&at, "tomorrow ");

	if (tomorrow || skip_word(&at, "today ")) {
		when->has_date = true;
		when->tm.tm_year = today->tm_year;
		when->tm.tm_mon = today->tm_mon;
		when->tm.tm_mday = today->tm_mday + tomorrow;
		return read_time(&at, when) && *at == '\0';
	}
	if (strlen(at) > 4 && at[4] == '-') {
		when->has_date = true;
		return read_date(&at, when) && (skip(&at, ' ') || skip(&at, 'T') || skip(&at, 't')) &&
		       read_time(&at, when) && read_zone(&at, when) && *at == '\0';
	}
	when->tm.tm_year = today->tm_year;
	when->tm.tm_mon = today->tm_mon;
	when->tm.tm_mday = today->tm_mday;
	return read_time(&at, when) && *at == '\0';
}

static int64_t to_ms(const struct when *when, int more_days)
{
	struct tm tm = when->tm;

	tm.tm_isdst = -1;
	tm.tm_mday += more_days;
	return (when->has_zone ? (int64_t)timegm(&tm) - when->zone_s : (int64_t)mktime(&tm)) * SECOND_MS;
}

int when_parse(const char *text, int64_t now_ms, int64_t *at_ms, struct error *error)
{
	time_t now_s = (time_t)(now_ms / SECOND_MS);
	struct when when = {0};
	struct tm today;
	int64_t result;

	tzset();
	if (localtime_r(&now_s, &today) == NULL || !read_all(text, &today, &when))
		return error_set(error, ERROR_USAGE,
		    "'%.64s' is no time; write 18:00, tomorrow 08:00, 2026-01-31 18:00 or "
		    "2026-01-31T18:00:00Z",
		    text);
	if (when.out_of_range)
		return error_set(error, ERROR_USAGE, "there is no such time as '%.64s'", text);
	result = to_ms(&when, 0);
	if (result <= now_ms && !when.has_date)
		result = to_ms(&when, 1);
	if (result <= now_ms)
		return error_set(error, ERROR_USAGE, "'%.64s' has passed", text);
	*at_ms = result;
	return 0;
}

char *when_format(int64_t at_ms, char text[WHEN_TEXT_BYTES])
{
	time_t at_s = (time_t)(at_ms / SECOND_MS);
	struct tm tm;

	if (localtime_r(&at_s, &tm) == NULL || strftime(text, WHEN_TEXT_BYTES, "%Y-%m-%d %H:%M", &tm) == 0)
		text[0] = '\0';
	return text;
}
