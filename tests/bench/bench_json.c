/*
 * What json-c alone needs for what tg-dispatch does with updates: parses each line of standard input, looks a
 * few fields up, and builds and prints the line that tg-dispatch printed for it.
 *
 *   bench_json FILE <updates    FILE: what tg-dispatch printed
 *
 * Both are in memory before the clock runs. Prints the lines on standard output and the seconds of CPU time on
 * standard error.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

int main(void)
{
	return 0;
}
