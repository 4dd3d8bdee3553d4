#include "num.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int num_int64(const char *text, int64_t low, int64_t high, int64_t *result)
{
	char *end;
	long long value;

	if (!is_digit(text[0]) && !(text[0] == '-' && is_digit(text[1])))
		return -1;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || value < low || value > high)
		return -1;
	*result = value;
	return 0;
}

int num_decimal(const char *text, double *result)
{
	size_t whole = strspn(text, "0123456789"), end = whole;
	double value;

	if (text[whole] == '.')
		end += 1 + strspn(text + whole + 1, "0123456789");
	if (whole == 0 || end == whole + 1 || text[end] != '\0')
		return -1;
	value = strtod(text, NULL);
	if (!isfinite(value))
		return -1;
	*result = value;
	return 0;
}

/* Digits followed by at most one unit; unit is '\0' where there is none. */
static int split_unit(const char *text, int64_t *value, char *unit)
{
	size_t digits = strspn(text, "0123456789");
	char number[20];

	if (digits == 0 || digits >= sizeof number || (text[digits] != '\0' && text[digits + 1] != '\0'))
		return -1;
	memcpy(number, text, digits);
	number[digits] = '\0';
	*unit = text[digits];
	return num_int64(number, 0, INT64_MAX, value);
}

static int scale(int64_t value, int64_t factor, int64_t *result)
{
	return __builtin_mul_overflow(value, factor, result) ? -1 : 0;
}

int num_duration_ms(const char *text, int64_t *result_ms)
{
	static const int64_t factors[] = {['s'] = 1000, ['m'] = 60000, ['h'] = 3600000, ['d'] = 86400000};
	int64_t value, scaled;
	char unit;

	if (split_unit(text, &value, &unit) != 0 || unit < 'd' || unit > 's' || factors[(int)unit] == 0)
		return -1;
	if (scale(value, factors[(int)unit], &scaled) != 0)
		return -1;
	*result_ms = scaled;
	return 0;
}

int num_size_bytes(const char *text, int64_t *result_bytes)
{
	static const char units[] = "kMGT";
	int64_t value, factor = 1, scaled;
	const char *place;
	char unit;

	if (split_unit(text, &value, &unit) != 0)
		return -1;
	if (unit != '\0') {
		place = strchr(units, unit);
		if (place == NULL)
			return -1;
		factor <<= 10 * (place - units + 1);
	}
	if (scale(value, factor, &scaled) != 0)
		return -1;
	*result_bytes = scaled;
	return 0;
}

char *num_format_duration(int64_t duration_ms, char *text, size_t size_bytes)
{
	int64_t seconds = duration_ms < 0 ? 0 : duration_ms / 1000;

	if (seconds < 60)
		snprintf(text, size_bytes, "%llds", (long long)seconds);
	else if (seconds < 3600)
		snprintf(text, size_bytes, "%lldm %llds", (long long)seconds / 60, (long long)seconds % 60);
	else if (seconds < 86400)
		snprintf(
		    text, size_bytes, "%lldh %lldm", (long long)seconds / 3600, (long long)seconds / 60 % 60);
	else
		snprintf(text, size_bytes, "%lldd %lldh", (long long)seconds / 86400,
		    (long long)seconds / 3600 % 24);
	return text;
}
