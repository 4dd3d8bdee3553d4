/*
 * Who gets how far: whether the row that an update leads to may be used here and by this person, and what
 * those are told who may not. What a handler does itself is not decided here.
 */
#ifndef TG_DISPATCH_RULES_H
#define TG_DISPATCH_RULES_H

#include "commands.h"
#include "error.h"
#include "limits.h"

/* Runs the row of the route, or says why not. */
int rules_answer(struct request *request, const struct route *route, struct error *error);

/* Too much at once: it is not looked at, and only now and then said so. */
int rules_refuse_flood(struct request *request, enum limits_verdict verdict, struct error *error);

#endif
