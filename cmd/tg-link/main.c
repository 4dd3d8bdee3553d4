/* tg-link: joins one's Unix account with a Telegram chat, and shows what is joined. See tg-link(1). */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sysexits.h>

#include "config.h"
#include "fd.h"
#include "program.h"

#include "commands.h"

#define PROGRAM "tg-link"
#define USAGE                                                                                                \
	"usage: tg-link [-jq] [-u user] [-c file] verify code | unlink | status | list | "                   \
	"key new [-l label] [-e duration] | key list | key revoke id | start [--qr]"

static const char help[] =
    USAGE "\n"
	  "Links your Unix account with a Telegram chat.\n"
	  "  verify CODE         link it with the chat that got CODE from the bot\n"
	  "  unlink              undo the link\n"
	  "  status              show the link; exit code 77 where there is none\n"
	  "  list                show everybody's links (operators)\n"
	  "  key new             make a key, which links a chat by /link KEY, and print it\n"
	  "  key list            show your keys, but not what they are\n"
	  "  key revoke ID       make a key invalid\n"
	  "  start               print a link that opens the bot and links the chat\n"
	  "  -l, --label LABEL   a name for the new key\n"
	  "  -e, --expires TIME  the new key is valid so long, such as 30d\n"
	  "      --qr            draw the link as a QR code also where it is no terminal\n"
	  "  -j, --json          print what tg-sendd answers, as JSON\n"
	  "  -q, --quiet         print nothing but errors\n"
	  "  -u, --user USER     for USER instead (front ends and operators)\n"
	  "  -c, --config FILE   configuration instead of " CONFIG_DEFAULT_PATH "\n"
	  "  -V, --version       print the version\n"
	  "  -h, --help          print this\n"
	  "To get a code, send /start to the bot in Telegram. See tg-link(1).\n";

enum { OPTION_QR = 256 };

static const struct option long_options[] = {
    {"json", no_argument, NULL, 'j'},
    {"quiet", no_argument, NULL, 'q'},
    {"label", required_argument, NULL, 'l'},
    {"expires", required_argument, NULL, 'e'},
    {"qr", no_argument, NULL, OPTION_QR},
    {"user", required_argument, NULL, 'u'},
    {"config", required_argument, NULL, 'c'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

struct command {
	const char *name, *verb; /* verb NULL: the name says it all */
	command_fn *run;
	size_t arguments_max;
	bool takes_label; /* and --expires */
	bool takes_qr;
	bool speaks; /* prints what it was called for, also with --quiet */
};

static const struct command commands[] = {
    {.name = "verify", .run = command_verify, .arguments_max = SIZE_MAX},
    {.name = "unlink", .run = command_unlink},
    {.name = "status", .run = command_status},
    {.name = "list", .run = command_list},
    {.name = "key", .verb = "new", .run = command_key_new, .takes_label = true, .speaks = true},
    {.name = "key", .verb = "list", .run = command_key_list},
    {.name = "key", .verb = "revoke", .run = command_key_revoke, .arguments_max = 1},
    {.name = "start", .run = command_start, .takes_qr = true, .speaks = true},
};

/* The row of the words in argv; NULL where there is none. */
static const struct command *find_row(int argc, char **argv, bool *name_known)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		const struct command *row = &commands[i];

		if (strcmp(row->name, argv[optind]) != 0)
			continue;
		*name_known = true;
		if (row->verb == NULL || (optind + 1 < argc && strcmp(row->verb, argv[optind + 1]) == 0))
			return row;
	}
	return NULL;
}

/* What is wrong with the command line, or NULL. */
static const char *check_row(const struct command *row, const struct options *options)
{
	if (options->arguments_count > row->arguments_max)
		return "too many arguments";
	if (!row->takes_label && (options->label != NULL || options->expires != NULL))
		return "--label and --expires belong to key new";
	return !row->takes_qr && options->qr ? "--qr belongs to start" : NULL;
}

static const struct command *find_command(int argc, char **argv, struct options *options, int *code)
{
	const struct command *row;
	const char *wrong = NULL;
	bool name_known = false;
	int first;

	if (optind >= argc) {
		*code = program_bad_usage(PROGRAM, "say what to do", USAGE);
		return NULL;
	}
	row = find_row(argc, argv, &name_known);
	if (row == NULL) {
		*code = program_bad_usage(PROGRAM,
		    name_known ? "key goes on with new, list or revoke" : "unknown subcommand", USAGE);
		return NULL;
	}
	first = optind + (row->verb != NULL ? 2 : 1);
	options->arguments = argv + first;
	options->arguments_count = (size_t)(argc - first);
	wrong = check_row(row, options);
	if (wrong == NULL)
		return row;
	*code = program_bad_usage(PROGRAM, wrong, USAGE);
	return NULL;
}

/* Returns -1 to go on, else the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":jql:e:u:c:Vh", long_options, NULL)) != -1) {
		switch (option) {
		case 'j':
			options->json = true;
			break;
		case 'q':
			options->quiet = true;
			break;
		case 'l':
			options->label = optarg;
			break;
		case 'e':
			options->expires = optarg;
			break;
		case OPTION_QR:
			options->qr = true;
			break;
		case 'u':
			options->user = optarg;
			break;
		case 'c':
			options->config_path = optarg;
			break;
		default:
			return program_option(PROGRAM, option, argv, help, USAGE);
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct buf out = BUF_INIT(OUTPUT_MAX_BYTES);
	struct options options = {0};
	struct config *config = NULL;
	const struct command *command;
	struct error error;
	int code;

	if (fd_sanitise(&error) != 0)
		return program_fail(PROGRAM, &error);
	signal(SIGPIPE, SIG_IGN);
	code = read_options(argc, argv, &options);
	if (code >= 0)
		return code;
	command = find_command(argc, argv, &options, &code);
	if (command == NULL)
		return code;
	if (config_load(options.config_path, &config, &error) != 0)
		return program_fail(PROGRAM, &error);
	code = command->run(config->socket.path, &options, &out, &error);
	if (code < 0) {
		code = program_fail(PROGRAM, &error);
	} else if ((!options.quiet || command->speaks) && out.len > 0) {
		int printed = program_print(PROGRAM, out.data, out.len);

		code = printed != EX_OK ? printed : code;
	}
	buf_free(&out);
	config_free(config);
	return code;
}
