#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "buf.h"
#include "config.h"
#include "path.h"
#include "program.h"
#include "sendd.h"

enum { REPORT_MAX_BYTES = 64 << 20 };

struct report {
	struct buf text;
	int64_t findings;
};

static void add_finding(void *context, const char *line)
{
	struct report *report = context;

	/* What does not fit is counted all the same. */
	report->findings++;
	(void)buf_add_format(&report->text, "%s\n", line);
}

/* Opening it would make one. */
static int must_exist(const char *directory, struct error *error)
{
	char *path = path_join(directory, "data.mdb");
	struct stat status;
	int result = 0;

	if (stat(path, &status) != 0)
		result = errno == ENOENT
			     ? error_set(error, ERROR_CONFIG, "there is no store in %s", directory)
			     : error_errno(error, ERROR_CONFIG, "cannot look at %s", path);
	free(path);
	return result;
}

static int examine(const struct config *config, struct report *report, struct error *error)
{
	struct store_totals totals = {0};
	struct store_txn *txn;
	struct store *store;
	int result = -1;

	if (must_exist(config->store.path, error) != 0 ||
	    store_open(config->store.path, config->store.map_size_bytes, &store, error) != 0)
		return -1;
	if (store_check(store, add_finding, report, error) < 0 || store_begin_read(store, &txn, error) != 0)
		goto out;
	result = store_totals(txn, &totals, error);
	store_abort(txn);
	if (result == 0 && isatty(STDOUT_FILENO))
		(void)buf_add_format(&report->text,
		    "%lld waiting, %lld scheduled, %lld dead, %lld delivered, %lld linked, %lld updates: "
		    "%lld wrong\n",
		    (long long)totals.queued, (long long)totals.scheduled, (long long)totals.dead,
		    (long long)totals.history, (long long)totals.links, (long long)totals.inbox,
		    (long long)report->findings);
out:
	store_close(store);
	return result;
}

int inspect_store(const char *program, const char *config_path)
{
	struct report report = {.text = BUF_INIT(REPORT_MAX_BYTES)};
	struct config *config = NULL;
	struct error error;
	int result = config_load(config_path, &config, &error), code;

	if (result == 0)
		result = examine(config, &report, &error);
	code = program_print(program, buf_text(&report.text), report.text.len);
	if (code == EX_OK && result != 0)
		code = program_fail(program, &error);
	else if (code == EX_OK && report.findings > 0)
		code = EX_SOFTWARE;
	config_free(config);
	buf_free(&report.text);
	return code;
}
