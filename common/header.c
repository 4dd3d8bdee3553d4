#include "header.h"

#include <string.h>
#include <strings.h>

static const char token[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";

int header_check_name(const char *name, struct error *error)
{
	/* What libcurl writes itself, since it knows what the request needs. */
	static const char *const ours[] = {
	    "Connection", "Content-Length", "Expect", "Transfer-Encoding", "X-Request-Id"};
	size_t len = strlen(name);

	if (len == 0 || len > HEADER_NAME_MAX || strspn(name, token) != len)
		return error_set(error, ERROR_CONFIG, "\"%.64s\" is no name of a header", name);
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
		if (strcasecmp(name, ours[i]) == 0)
			return error_set(error, ERROR_CONFIG,
			    "the header %s cannot be set; it is written by itself", name);
	}
	return 0;
}

bool header_is_value(const char *value, size_t len)
{
	if (len > HEADER_VALUE_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}
