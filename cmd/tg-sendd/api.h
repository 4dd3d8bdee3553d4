/* What the handlers of the socket API share. One that cannot go on has answered its request. */
#ifndef TGTOOLS_SENDD_API_H
#define TGTOOLS_SENDD_API_H

#include "sendd.h"

struct route;
typedef void handle_fn(struct sendd *sendd, const struct route *route, struct httpd_request *request);

struct op *op_of(struct httpd_request *request);

bool is_operator(const struct sendd *sendd, const struct account *account);
/* Who may act for another: an operator, or the account of a front end with a sign-on of its own. */
bool may_act_for_others(const struct sendd *sendd, const struct account *account);
/* Whether an account may be linked with a chat at all. */
bool may_link(const struct sendd *sendd, const struct account *account);

/* Each returns 0, or -1 with the request answered. */

/* Settles on whose behalf the op is: the caller's, or that of user where it may act for others. */
int settle_user(struct sendd *sendd, struct op *op, const char *user);
int settle_may_link(struct sendd *sendd, struct op *op);
/* Reads the body, an object with some of these fields; an empty one is {}. */
int read_object(struct op *op, const char *const *known);
/* A text of that object; it is left alone where there is none. */
int read_text(struct op *op, const char *name, const char **text);

/* api_keys.c */
handle_fn handle_key_new, handle_keys, handle_key_revoke, handle_start;
handle_fn handle_link, handle_link_remove, handle_chat;

#endif
