// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel tells of itself, in proc, sysfs and debugfs
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dmabuf-exporters.h"

#define KMEMLEAK	"/sys/kernel/debug/kmemleak"

long dmabuf_count(void)
{
	return dmabuf_read_number(DMABUF_BUFINFO, "Total %ld objects%n");
}

int dmabuf_forget_leaks(void)
{
	int err = dmabuf_write_file(KMEMLEAK, "scan");

	return err ?: dmabuf_write_file(KMEMLEAK, "clear");
}

long dmabuf_leaks(void)
{
	char line[256];
	long leaks = 0;
	FILE *f;
	int err;

	err = dmabuf_write_file(KMEMLEAK, "scan");
	if (err)
		return err;
	/* An object counts once it is some seconds old and two scans found it. */
	sleep(10);
	err = dmabuf_write_file(KMEMLEAK, "scan");
	if (err)
		return err;
	f = fopen(KMEMLEAK, "r");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		leaks += !strncmp(line, "unreferenced", 12);
		printf("# %s", line);
	}
	fclose(f);
	return leaks;
}
