#include "confine.h"

#include <sys/prctl.h>

int confine_no_new_privileges(struct error *error)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot give up new privileges");
	return 0;
}
