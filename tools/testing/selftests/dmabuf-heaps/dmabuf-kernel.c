// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel tells of itself, in proc, sysfs and debugfs
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dmabuf-exporters.h"

#define KMEMLEAK	"/sys/kernel/debug/kmemleak"

int dmabuf_write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len = strlen(value);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, len) != len)
		err = -errno;
	close(fd);
	return err;
}

long dmabuf_read_number(const char *path, const char *format)
{
	FILE *f = fopen(path, "r");
	long number = 0;
	char line[512];

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, format, &number) == 1)
			break;
	fclose(f);
	return number;
}

long dmabuf_count(void)
{
	return dmabuf_read_number(DMABUF_BUFINFO, "Total %ld objects");
}

void dmabuf_forget_leaks(void)
{
	dmabuf_write_file(KMEMLEAK, "scan");
	dmabuf_write_file(KMEMLEAK, "clear");
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
