#ifndef SIM_HELP_H
#define SIM_HELP_H

void print_help(void);

#endif
