#include "metrics.h"

#include <stdio.h>
#include <string.h>

/* Upper bounds in seconds. */
static const double bounds[METRICS_BUCKETS] = {0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86400};
static const char *const class_names[STORE_CLASSES] = {"reply", "notification", "bulk"};

static void count_cause(struct metrics *metrics, const char *name)
{
	for (size_t i = 0; i < METRICS_CAUSES; i++) {
		struct metrics_cause *cause = &metrics->causes[i];

		if (cause->name[0] == '\0')
			snprintf(cause->name, sizeof cause->name, "%s", name);
		if (strncmp(cause->name, name, sizeof cause->name - 1) == 0) {
			cause->count++;
			return;
		}
	}
}

static void count_delay(struct metrics *metrics, int64_t delay_ms)
{
	double seconds = (double)(delay_ms > 0 ? delay_ms : 0) / 1000;
	size_t bucket = 0;

	while (bucket < METRICS_BUCKETS && seconds > bounds[bucket])
		bucket++;
	metrics->delay_count[bucket]++;
	metrics->delay_sum_s += seconds;
}

void metrics_attempt(struct metrics *metrics, enum outcome_action action, const char *cause, int64_t delay_ms)
{
	switch (action) {
	case OUTCOME_DELIVERED:
		metrics->delivered++;
		count_delay(metrics, delay_ms);
		return;
	case OUTCOME_DEAD:
		metrics->dead++;
		return;
	case OUTCOME_UNCERTAIN:
		metrics->uncertain++;
		return;
	default:
		count_cause(metrics, cause);
	}
}

static void print(struct buf *out, const char *name, const char *type, const char *help, int64_t value)
{
	buf_add_format(out, "# HELP tgtools_%s %s\n# TYPE tgtools_%s %s\ntgtools_%s %lld\n", name, help, name,
	    type, name, (long long)value);
}

static void print_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_add_format(out, "# HELP tgtools_%s %s\n# TYPE tgtools_%s %s\n", name, help, name, type);
}

static void print_delays(const struct metrics *metrics, struct buf *out)
{
	static const char name[] = "delivery_delay_seconds";
	int64_t count = 0;

	print_head(out, name, "histogram", "Time from accepted to delivered.");
	for (size_t i = 0; i < METRICS_BUCKETS; i++) {
		count += metrics->delay_count[i];
		buf_add_format(out, "tgtools_%s_bucket{le=\"%g\"} %lld\n", name, bounds[i], (long long)count);
	}
	count += metrics->delay_count[METRICS_BUCKETS];
	buf_add_format(out,
	    "tgtools_%s_bucket{le=\"+Inf\"} %lld\ntgtools_%s_sum %.3f\ntgtools_%s_count %lld\n", name,
	    (long long)count, name, metrics->delay_sum_s, name, (long long)count);
}

static void print_counters(const struct metrics *metrics, struct buf *out)
{
	print_head(out, "accepted_total", "counter", "Messages accepted, by class.");
	for (size_t i = 0; i < STORE_CLASSES; i++)
		buf_add_format(out, "tgtools_accepted_total{class=\"%s\"} %lld\n", class_names[i],
		    (long long)metrics->accepted[i]);
	print(out, "suppressed_total", "counter", "Submissions within their cooldown.", metrics->suppressed);
	print(out, "repeated_total", "counter", "Submissions that were taken before, under the same key.",
	    metrics->repeated);
	print(out, "refused_total", "counter", "Submissions that were refused.", metrics->refused);
	print(out, "delivered_total", "counter", "Messages delivered.", metrics->delivered);
	print(out, "dead_total", "counter", "Messages that could not be delivered.", metrics->dead);
	print(
	    out, "uncertain_total", "counter", "Messages that may have been delivered.", metrics->uncertain);
	print_head(out, "retries_total", "counter", "Attempts that are made again, by cause.");
	for (size_t i = 0; i < METRICS_CAUSES && metrics->causes[i].name[0] != '\0'; i++)
		buf_add_format(out, "tgtools_retries_total{cause=\"%s\"} %lld\n", metrics->causes[i].name,
		    (long long)metrics->causes[i].count);
	print(out, "commits_total", "counter", "Transactions committed.", metrics->commits);
	print(out, "commits_failed_total", "counter", "Transactions that failed.", metrics->commits_failed);
	print(out, "committed_total", "counter", "Requests and ends of attempts that were committed.",
	    metrics->committed);
}

static void print_state(const struct metrics_state *state, struct buf *out)
{
	const struct store_totals *totals = &state->totals;
	int64_t age_s = totals->oldest_ms > 0 ? (state->now_ms - totals->oldest_ms) / 1000 : 0;

	print(out, "up", "gauge", "1 where /health says ok.", state->healthy);
	print(out, "queued", "gauge", "Messages that wait.", totals->queued);
	print(out, "scheduled", "gauge", "Messages that wait for their time.", totals->scheduled);
	print(out, "dead", "gauge", "Dead letters that are kept.", totals->dead);
	print(out, "history", "gauge", "Deliveries that are remembered.", totals->history);
	print(out, "links", "gauge", "Linked chats.", totals->links);
	print(out, "updates_waiting", "gauge", "Updates that are not handled yet.", totals->inbox);
	print(out, "oldest_age_seconds", "gauge", "Age of the oldest message that waits.", age_s);
	print(out, "in_flight", "gauge", "Messages on their way to Telegram.", state->in_flight);
	print(out, "store_used_percent", "gauge", "How full the store is.", state->store_used_percent);
}

void metrics_print(const struct metrics *metrics, const struct metrics_state *state, struct buf *out)
{
	print_counters(metrics, out);
	print_delays(metrics, out);
	print_state(state, out);
}
