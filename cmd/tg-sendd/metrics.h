/* Counters of tg-sendd since its start, for /metrics. Pure. */
#ifndef TGTOOLS_SENDD_METRICS_H
#define TGTOOLS_SENDD_METRICS_H

#include <stdint.h>

#include "buf.h"
#include "outcome.h"
#include "store.h"

enum { METRICS_BUCKETS = 12, METRICS_CAUSES = 32, METRICS_CAUSE_BYTES = 16 };

struct metrics {
	int64_t accepted[STORE_CLASSES];
	int64_t suppressed, refused, repeated;
	int64_t delivered, dead, uncertain;
	struct metrics_cause {
		char name[METRICS_CAUSE_BYTES];
		int64_t count;
	} causes[METRICS_CAUSES]; /* of attempts that did not deliver; as many as have a name */
	int64_t delay_count[METRICS_BUCKETS + 1];
	double delay_sum_s;			    /* from accepted to delivered */
	int64_t commits, commits_failed, committed; /* committed: requests and ends of attempts */
};

void metrics_attempt(
    struct metrics *metrics, enum outcome_action action, const char *cause, int64_t delay_ms);

/* What is true now and not counted. */
struct metrics_state {
	struct store_totals totals;
	int64_t now_ms, in_flight, store_used_percent;
	bool healthy;
};

/* The text format of Prometheus, version 0.0.4. */
void metrics_print(const struct metrics *metrics, const struct metrics_state *state, struct buf *out);

#endif
