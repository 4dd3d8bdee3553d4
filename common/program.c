#include "program.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "fd.h"
#include "utf8.h"

int program_fail(const char *name, const struct error *error)
{
	fprintf(stderr, "%s: %s\n", name, error->text);
	return error_exit_code(error->kind);
}

int program_bad_usage(const char *name, const char *what, const char *usage)
{
	fprintf(stderr, "%s: %s; %s\n", name, what, usage);
	return EX_USAGE;
}

int program_option(const char *name, int option, char *const *argv, const char *help, const char *usage)
{
	const char *problem = option == ':' ? "lacks its value" : "is unknown";
	char what[128];

	if (option == 'V')
		return program_version(name);
	if (option == 'h')
		return program_help(name, help);
	/* Of several short options in one word getopt tells which one it is. */
	if (optopt > ' ' && optopt < 0x7f && strncmp(argv[optind - 1], "--", 2) != 0)
		snprintf(what, sizeof what, "option -%c %s", optopt, problem);
	else
		snprintf(what, sizeof what, "option %.64s %s", argv[optind - 1], problem);
	utf8_make_line(what);
	return program_bad_usage(name, what, usage);
}

int program_print(const char *name, const char *text, size_t len)
{
	struct error error;

	if (fd_write_all(STDOUT_FILENO, text, len) == 0 || errno == EPIPE)
		return EX_OK;
	error_errno(&error, ERROR_TEMPORARY, "cannot write to standard output");
	return program_fail(name, &error);
}

int program_version(const char *name)
{
	char line[64];
	int len = snprintf(line, sizeof line, "%s %s\n", name, TGTOOLS_VERSION);

	return program_print(name, line, (size_t)len);
}

int program_help(const char *name, const char *help)
{
	return program_print(name, help, strlen(help));
}
