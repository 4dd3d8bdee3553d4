/* tg-send --wait: what became of a message that tg-sendd has taken. */
#ifndef TG_SEND_WAIT_H
#define TG_SEND_WAIT_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

/*
 * Waits until all of the messages are delivered and returns 0. -1 with ERROR_PERMANENT as soon as one never
 * will be: dead, with Telegram's words, or cancelled; with ERROR_TEMPORARY where one is still queued when
 * limit_ms are over. While tg-sendd is away it goes on asking.
 */
int wait_for_delivery(
    const char *socket_path, const int64_t *ids, size_t count, int64_t limit_ms, struct error *error);

#endif
