#include "fixed.h"

#include <stdlib.h>
#include <sysexits.h>

#include "child.h"
#include "stream.h"
#include "watch.h"
#include "xalloc.h"

struct fixed {
	struct stream stream;
	struct watch watch;
	struct child *child;
	char *input;
};

static void on_piece(void *context, enum child_stream from, const char *data, size_t len)
{
	struct fixed *fixed = context;

	stream_output(&fixed->stream, from, data, len);
}

static void on_end(void *context)
{
	struct fixed *fixed = context;

	child_stop(fixed->child);
}

static int start(struct fixed *fixed, struct children *children, const struct command *command,
    const struct config *config, const struct request *request, struct error *error)
{
	struct child_options options = {.argv = command->fixed,
	    .environment = (char *const *)command->environment,
	    .directory = "/",
	    .timeout_ms = command->timeout_ms,
	    .output_max_bytes = (size_t)config->scripts.output_bytes,
	    .limits = {config->scripts.memory_bytes, config->scripts.file_size_bytes,
		config->scripts.open_files},
	    .on_piece = on_piece,
	    .context = fixed};

	fixed->input = xasprintf("%s\n", json_line(request->input));
	options.input = fixed->input;
	if (watch_open(&fixed->watch, true, error) != 0)
		return -1;
	return child_start(children, &options, &fixed->child, error);
}

static void finish(struct fixed *fixed)
{
	struct child_result result;

	while (child_wait_any(&fixed->child, 1, fixed->watch.fd, -1) < 0) {
		if (watch_asks_end(&fixed->watch))
			child_stop(fixed->child);
	}
	child_result(fixed->child, &result);
	fixed->stream.watch = NULL;
	stream_finished(&fixed->stream, &result, "none", NULL);
	buf_free(&result.output);
	buf_free(&result.errors);
}

int fixed_run(const struct command *command, const struct config *config, const struct request *request)
{
	struct fixed fixed = {.watch = WATCH_INIT};
	struct children *children = children_new();
	struct error error;
	int code = EX_OK;

	fixed.stream = (struct stream){.watch = &fixed.watch, .on_end = on_end, .context = &fixed};
	if (start(&fixed, children, command, config, request, &error) == 0) {
		stream_started(&fixed.stream, request->name);
		finish(&fixed);
	} else {
		stream_failed(&fixed.stream, error.text);
		code = error_exit_code(error.kind);
	}
	child_free(fixed.child);
	children_free(children);
	watch_close(&fixed.watch);
	free(fixed.input);
	return code;
}
