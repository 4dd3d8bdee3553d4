#include "sim.h"
#include "api.h"
#include "control.h"

#include <stdlib.h>
#include <string.h>

static void wake(struct timer *t)
{
	struct sim *sim = container_of(t, struct sim, wake);

	api_answer_poll(sim);
	webhook_run(&sim->webhook);
	control_look_after_waiters(sim);
}

static void request(void *context, struct conn *conn, struct http_request *r)
{
	struct sim *sim = context;

	if (slice_starts(r->path, "/sim/"))
		control_request(sim, conn, r);
	else
		api_request(sim, conn, r);
}

static bool head(void *context, const struct http_request *r)
{
	return api_head(context, r);
}

const struct http_events sim_events = {request, head};

void sim_init(struct sim *sim, const char *token, bool limits, double speed)
{
	memset(sim, 0, sizeof(*sim));
	sim->token = token;
	sim->wake.fire = wake;
	loop_init(&sim->loop);
	updates_init(&sim->updates);
	limits_init(&sim->limits, limits, speed);
	webhook_init(&sim->webhook, sim);
}

void sim_reset(struct sim *sim)
{
	api_end_poll(sim, 409, "Conflict: terminated by a reset of the simulator");
	webhook_clear(&sim->webhook);
	store_free(&sim->store);
	updates_free(&sim->updates);
	updates_init(&sim->updates);
	faults_clear(&sim->faults);
	limits_init(&sim->limits, sim->limits.enabled, sim->limits.speed);
	sim->poller = (struct poller){0};
	sim->requests = sim->rejected = 0;
	memset(sim->by_method, 0, sizeof(sim->by_method));
	sim_changed(sim);
}

void sim_free(struct sim *sim)
{
	server_close(&sim->server);
	webhook_clear(&sim->webhook);
	store_free(&sim->store);
	updates_free(&sim->updates);
	faults_clear(&sim->faults);
	formatted_free(&sim->formatted);
	buf_free(&sim->answer);
	buf_free(&sim->why);
	buf_free(&sim->scratch);
	loop_clear_timer(&sim->loop, &sim->wake);
	loop_free(&sim->loop);
}

void sim_changed(struct sim *sim)
{
	if (sim->wake.slot == 0 && (sim->waiters || sim->poller.conn || sim->webhook.url))
		loop_set_timer(&sim->loop, &sim->wake, 0);
}

int64_t sim_update(struct sim *sim, int type, const struct buf *object)
{
	int64_t id = updates_add(&sim->updates, type, object->data, object->len);

	sim_changed(sim);
	return id;
}
