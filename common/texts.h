/*
 * What the bot says to people: one table of names and defaults, each of which texts: in the configuration
 * can replace. A text may contain
 *
 *	{name}	   a value, where this text has one of that name; otherwise it stays as it is
 *	`text`	   monospace, which a tap copies on a phone; values may stand inside
 *
 * Values are put in as they are and never read as markup.
 */
#ifndef TGTOOLS_TEXTS_H
#define TGTOOLS_TEXTS_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "config.h"
#include "error.h"

enum text_id {
	TEXT_START_CODE,      /* {code} {lifetime} */
	TEXT_START_LINKED,    /* {user} */
	TEXT_START_RESUMED,   /* {user} */
	TEXT_UNKNOWN_COMMAND, /* anything else from a linked chat */
	TEXT_HELP,	      /* {commands}: one help_line each */
	TEXT_HELP_LINE,	      /* {command} {description} */
	TEXT_WHOAMI_LINKED,   /* {user} {since} {chat} */
	TEXT_WHOAMI_PAUSED,   /* {user} {since} {chat} */
	TEXT_WHOAMI_UNLINKED, /* {chat} */
	TEXT_WHOAMI_GROUP,    /* {chat} */
	TEXT_LINKED,	      /* {user}: after tg-link verify, /link and /start with a deep link */
	TEXT_UNLINKED,	      /* {user}: after /unlink or tg-link unlink */
	TEXT_PRIVATE_ONLY,    /* {command} {bot} */
	TEXT_GROUP_ONLY,      /* {command} */
	TEXT_THE_BOT,	      /* {bot} while its name is not known */
	TEXT_ACCESS_DENIED,   /* {id}: to those whom nobody knows, once an hour */
	TEXT_NOT_PERMITTED,   /* to those who are known, but may not */
	TEXT_SLOW_DOWN,
	TEXT_SERVICE_FAILED, /* the service behind a route gave no answer, or one that cannot be used */
	TEXT_BUTTON_GONE,
	TEXT_TRY_LATER,
	TEXT_FAILED,
	TEXT_BROADCAST_USAGE,
	TEXT_BROADCAST_PREVIEW, /* {count}: before the message as it will be sent */
	TEXT_BROADCAST_NOBODY,
	TEXT_BUTTON_SEND,
	TEXT_BROADCAST_SENDING,		 /* {count}: the answer to a tap on Send */
	TEXT_BROADCAST_OVER,		 /* a button of one that was sent or cancelled */
	TEXT_BROADCAST_FULL,		 /* from tg-sendd: the store has no room */
	TEXT_BROADCAST_REPORT,		 /* {delivered} {failed}: from tg-sendd */
	TEXT_BROADCAST_REPORT_CANCELLED, /* {delivered} {failed} {cancelled} */
	TEXT_USERS,			 /* {count} {users}: one line each */
	TEXT_USERS_LINE,		 /* {user} {name} {since} */
	TEXT_USERS_LINE_PAUSED,		 /* {user} {name} {since} */
	TEXT_USERS_NONE,
	TEXT_QUEUE,	 /* {waiting} {scheduled} {dead} {uncertain} {updates} {more}: further lines */
	TEXT_QUEUE_AGE,	 /* {duration}: how long the oldest has waited */
	TEXT_QUEUE_HELD, /* {users} */
	TEXT_QUEUE_HELD_ALL,
	TEXT_QUEUE_QUIET,	  /* {duration}: Telegram has asked to wait */
	TEXT_QUEUE_BROADCAST,	  /* {user} {delivered} {failed} {left} */
	TEXT_QUEUE_BROKEN,	  /* {count} */
	TEXT_SCRIPTS,		  /* {scripts}: one line each */
	TEXT_SCRIPTS_LINE,	  /* {script} {run} {sent} */
	TEXT_SCRIPTS_LINE_SERVER, /* {script} */
	TEXT_SCRIPTS_NONE,	  /* {directory} */
	TEXT_SCRIPTS_AWAY,	  /* scripts cannot be listed or run now */
	TEXT_SCRIPTS_NEVER,	  /* in place of {run} and {sent} */
	TEXT_SCRIPTS_AGO,	  /* {duration}: {sent} */
	TEXT_RUN_WHICH,		  /* {scripts}: their names */
	TEXT_RUN_UNKNOWN,	  /* {script} {scripts} */
	TEXT_RUN_STARTED,	  /* {script}: the answer to a tap */
	TEXT_RUN_BUSY,		  /* {script} */
	TEXT_RUN_MANY,		  /* {count} */
	TEXT_JOBS,		  /* {jobs}: one line each */
	TEXT_JOBS_LINE,		  /* {script} {duration} */
	TEXT_JOBS_NONE,
	TEXT_STOP_WHICH,
	TEXT_STOP_STOPPING,   /* {script} */
	TEXT_STOP_UNKNOWN,    /* {script} */
	TEXT_STOP_OVER,	      /* the job of a button has ended */
	TEXT_BUTTON_STOP,     /* {script}: on the button */
	TEXT_JOB_RUNNING,     /* {script}: no output yet */
	TEXT_JOB_ENDED,	      /* {script}: its output came in another message */
	TEXT_JOB_MORE,	      /* the rest is a document */
	TEXT_JOB_EXIT,	      /* {script} {status} {duration}: the last line */
	TEXT_JOB_SIGNAL,      /* {script} {signal} {duration} */
	TEXT_JOB_TIMED_OUT,   /* {script} {duration} */
	TEXT_JOB_STOPPED,     /* {script} {duration} */
	TEXT_JOB_CUT,	      /* what stands before the last line where output is missing */
	TEXT_JOB_NOTHING,     /* {script} */
	TEXT_JOB_UNSENT,      /* {script} {error}: its report was refused */
	TEXT_JOB_FAILED,      /* {script} {error}: it was not started */
	TEXT_JOB_INTERRUPTED, /* {script} */
	TEXT_SCRIPT_FAILING,  /* {script} {count} {error}: from notify-runner */
	TEXT_SCRIPT_WELL,     /* {script} */
	TEXT_LINK_ADDED,      /* {chat} {user}: to the other chats of an account that got one */
	TEXT_LINK_LEFT,	      /* {chat} {user}: to those of an account that a chat was taken from */
	TEXT_BUTTON_CONFIRM,  /* on the buttons of a confirmation */
	TEXT_BUTTON_CANCEL,
	TEXT_CANCELLED,	     /* in the place of what was cancelled */
	TEXT_BUTTON_CONNECT, /* on the buttons of each item of a match_list */
	TEXT_BUTTON_SKIP,
	TEXT_LIST_EMPTY,	  /* where the list of a service has no items */
	TEXT_TEMPLATE_MORE,	  /* {count}: the items of a template that are not shown */
	TEXT_PROGRAM_INTERRUPTED, /* {script}: job_interrupted of a program of the configuration */
	TEXT_PROGRAMS_AWAY,	  /* programs cannot be run now */
	TEXT_LINK_HOW,		  /* /link without a key */
	TEXT_LINK_HOW_OTHER,	  /* the same where an outside service checks keys */
	TEXT_LINK_UNDELETED,	  /* a message with a key could not be deleted */
	TEXT_LINK_GROUP,	  /* {bot}: a key in a group */
	TEXT_LINK_EDITED,	  /* a key in a message that was edited */
	TEXT_LINK_FORM,		  /* what stands behind /link is no key */
	TEXT_LINK_INVALID,	  /* wrong, revoked or expired */
	TEXT_LINK_BAD_WAIT,	  /* {duration}: the same, and one time too often */
	TEXT_LINK_WAIT,		  /* {duration}: keys are not looked at */
	TEXT_LINK_AWAY,		  /* the key service does not say */
	TEXT_START_STALE,	  /* a deep link that was used, or is too old */
	TEXT_STATUS,		  /* {user} {groups} {since} {counts} */
	TEXT_STATUS_PAUSED,	  /* the same */
	TEXT_STATUS_KEYS,	  /* {count}: a line of {counts} */
	TEXT_STATUS_SCRIPTS,	  /* {count}: a line of {counts} */
	TEXT_COUNT
};

/* The names, for checks and manuals. */
const char *text_name(enum text_id id);

/* The text as the configuration has it, or its default. */
const char *text_get(const struct config *config, enum text_id id);

struct text_value {
	const char *name; /* NULL ends a list */
	const char *value;
};

enum { TEXT_MAX_BYTES = 65536 };

/*
 * Appends source with its values filled in, and to entities (an array; NULL: none are wanted) one
 * MessageEntity of type code for each monospace part, in UTF-16 units. ERROR_BUG where text takes no more.
 */
int text_format(const char *source, const struct text_value *values, struct buf *text,
    struct json_object *entities, struct error *error);

enum { TEXT_DURATION_BYTES = 48 };

/* "10 minutes", "1 hour", "90 seconds": in the largest unit that divides it; returns text. */
char *text_duration(int64_t duration_ms, char text[TEXT_DURATION_BYTES]);

#endif
