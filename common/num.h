/*
 * Strict numbers: the whole text must be the number, without white space or a sign that does not belong.
 * Each returns 0, or -1 and leaves the result alone; the caller knows what the text was for and says so.
 */
#ifndef TGTOOLS_NUM_H
#define TGTOOLS_NUM_H

#include <stddef.h>
#include <stdint.h>

/* A decimal integer within [low, high]. */
int num_int64(const char *text, int64_t low, int64_t high, int64_t *result);

/* A decimal number such as "0.5" or "30", finite and not negative. */
int num_decimal(const char *text, double *result);

/* A duration: digits and one of s m h d, such as "30s" or "6h"; the result is in milliseconds. */
int num_duration_ms(const char *text, int64_t *result_ms);

/* A size: digits and optionally one of k M G T (powers of 1024); the result is in bytes. */
int num_size_bytes(const char *text, int64_t *result_bytes);

/* Writes a duration in its two largest units ("45s", "2m 5s", "3h 20m", "4d 2h"); returns text. */
char *num_format_duration(int64_t duration_ms, char *text, size_t size_bytes);

#endif
