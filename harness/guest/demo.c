// SPDX-License-Identifier: GPL-2.0
/*
 * One table: who exports a mapping, and by which ways the kernel takes pages
 * out of it. Exit status 0 only when there is no hole in it.
 *
 * demo [-c] [EXPORTER...]	-c (or COLOR=1 in the environment): in colour
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dmabuf-exporters.h"

#define BUF_SIZE	(4UL << 20)
#define ROW_SECONDS	60
#define MAX_ROUTES	4
#define LABEL_WIDTH	14
#define CELL_WIDTH	8
#define NR_COLUMNS	(sizeof(columns) / sizeof(columns[0]))

enum cell {
	CELL_NONE,	/* the route is not in this kernel */
	CELL_OK,
	CELL_REFUSED,
	CELL_TAKEN,	/* of ordinary memory: as it should be */
	CELL_OPEN,
	CELL_WRONG,
	CELL_FAILED,
};

static const struct {
	const char *text;
	const char *colour;
	bool hole;
} cells[] = {
	[CELL_NONE] = { "-", "2", false },
	[CELL_OK] = { "ok", "32", false },
	[CELL_REFUSED] = { "refused", "32", false },
	[CELL_TAKEN] = { "taken", "", false },
	[CELL_OPEN] = { "OPEN!", "1;31", true },
	[CELL_WRONG] = { "WRONG", "1;31", true },
	[CELL_FAILED] = { "FAILED", "1;31", true },
};

enum row_state { ROW_DIED, ROW_MISSING, ROW_FAILED, ROW_REFUSED, ROW_MAPPED };

/* What a child found out; in memory that it shares with the parent */
struct row {
	enum row_state state;
	char why[160];
	int map_error;
	enum cell cell[16];
};

/* A mapping to try things on */
struct subject {
	int fd;
	size_t len;
	size_t ps;
	char *map;
	char *private;	/* a written private mapping, where one was let through */
};

static enum cell try_shared(const struct subject *s);
static enum cell try_private(const struct subject *s);
static enum cell try_cpu(const struct subject *s);
static enum cell try_offset(const struct subject *s);
static enum cell try_split(const struct subject *s);

/* A column is a check of its own or the worst of some routes. */
static const struct {
	const char *head[2];
	enum cell (*check)(const struct subject *s);
	const char *routes[MAX_ROUTES];
} columns[] = {
	{ { "mapped", "shared" }, try_shared, { NULL } },
	{ { "mapped", "private" }, try_private, { NULL } },
	{ { "gup", "slow" }, NULL,
	  { "gup_slow", "gup_slow_write", "pin_slow", "pin_slow_write" } },
	{ { "gup", "fast" }, NULL,
	  { "gup_fast", "gup_fast_write", "pin_fast", "pin_fast_write" } },
	{ { "pin", "longtrm" }, NULL,
	  { "longterm_slow", "longterm_slow_write", "longterm_fast",
	    "longterm_fast_write" } },
	{ { "vm-", "splice" }, NULL, { "vmsplice", "vmsplice_gift" } },
	{ { "process", "vm_read" }, NULL,
	  { "process_vm_readv", "process_vm_writev" } },
	{ { "O_", "DIRECT" }, NULL, { "o_direct_read", "o_direct_write" } },
	{ { "io_", "uring" }, NULL, { "io_uring_fixed" } },
	{ { "MSG_", "ZEROCPY" }, NULL, { "msg_zerocopy" } },
	{ { "CPU", "access" }, try_cpu, { NULL } },
	{ { "at an", "offset" }, try_offset, { NULL } },
	{ { "after a", "split" }, try_split, { NULL } },
};

static bool colour;

static char *map_part(const struct subject *s, size_t offset, size_t len, int flags)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, flags, s->fd, offset);
}

static enum cell right_if(bool right)
{
	return right ? CELL_OK : CELL_WRONG;
}

static enum cell try_shared(const struct subject *s)
{
	return CELL_OK;
}

static enum cell try_private(const struct subject *s)
{
	return s->private == MAP_FAILED ? CELL_REFUSED : CELL_OPEN;
}

static enum cell try_cpu(const struct subject *s)
{
	char *map = map_part(s, 0, s->len, MAP_SHARED);
	bool right;

	if (map == MAP_FAILED)
		return CELL_FAILED;
	right = !dmabuf_check(map, s->len, 0);
	munmap(map, s->len);
	return right_if(right);
}

static enum cell try_offset(const struct subject *s)
{
	const size_t at[] = { s->ps, 2 * s->ps, 7 * s->ps, s->len - s->ps };
	bool right = true;
	size_t i;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		char *map = map_part(s, at[i], s->len - at[i], MAP_SHARED);

		if (map == MAP_FAILED)
			return CELL_FAILED;
		right &= !dmabuf_check(map, s->len - at[i], at[i] / s->ps);
		munmap(map, s->len - at[i]);
	}
	return right_if(right);
}

/* Cut at the head and in the middle, before anything was touched */
static enum cell try_split(const struct subject *s)
{
	size_t cut = 2 * s->ps;
	size_t middle = s->len / 2 & ~(s->ps - 1);
	char *map = map_part(s, 0, s->len, MAP_SHARED);
	bool right;

	if (map == MAP_FAILED || munmap(map, cut) || munmap(map + middle, cut))
		return CELL_FAILED;
	right = !dmabuf_check(map + cut, middle - cut, 2) &&
		!dmabuf_check(map + middle + cut, s->len - middle - cut,
			      middle / s->ps + 2);
	munmap(map, s->len);
	return right_if(right);
}

static enum cell try_route(const struct subject *s, const char *name)
{
	const struct gup_route *route = gup_route_find(name);
	int ret = gup_route_run(route, s->map, s->ps);

	if (ret < 0)
		ret = gup_route_run(route, s->map + s->len / 2, 4 * s->ps);
	if (ret < 0 && s->private != MAP_FAILED)
		ret = gup_route_run(route, s->private, s->ps);
	if (ret == ROUTE_MISSING)
		return CELL_NONE;
	return ret < 0 ? CELL_REFUSED : CELL_OPEN;
}

static enum cell try_column(const struct subject *s, unsigned int column)
{
	enum cell worst = CELL_NONE;
	unsigned int i;

	if (columns[column].check)
		return columns[column].check(s);
	for (i = 0; i < MAX_ROUTES && columns[column].routes[i]; i++) {
		enum cell cell = try_route(s, columns[column].routes[i]);

		if (cell > worst)
			worst = cell;
	}
	return worst;
}

/* What is written to a private mapping is ordinary memory from then on. */
static char *map_private(const struct subject *s)
{
	char *map = map_part(s, 0, s->ps, MAP_PRIVATE);

	if (map == MAP_FAILED)
		map = map_part(s, 0, s->len, MAP_PRIVATE);
	if (map != MAP_FAILED)
		dmabuf_fill(map, s->ps, 0);
	return map;
}

static void fill_row(struct row *row, struct subject *s)
{
	unsigned int i;

	s->ps = dmabuf_page_size();
	s->len &= ~(s->ps - 1);
	s->map = map_part(s, 0, s->len, MAP_SHARED);
	if (s->map == MAP_FAILED) {
		row->map_error = errno;
		row->state = ROW_REFUSED;
		return;
	}
	dmabuf_fill(s->map, s->len, 0);
	s->private = map_private(s);
	for (i = 0; i < NR_COLUMNS; i++)
		row->cell[i] = try_column(s, i);
	row->state = ROW_MAPPED;
}

static void exporter_row(struct row *row, const void *arg)
{
	const struct dmabuf_exporter *exp = arg;
	struct subject s;
	struct dmabuf buf;
	int err;

	err = dmabuf_get(exp, BUF_SIZE, O_RDWR, &buf);
	if (err) {
		snprintf(row->why, sizeof(row->why), "%s", buf.why);
		row->state = err == -ENODEV ? ROW_MISSING : ROW_FAILED;
		return;
	}
	s.fd = buf.fd;
	s.len = buf.size;
	fill_row(row, &s);
}

/* Proof that the routes are real: all of them take ordinary memory. */
static void control_row(struct row *row, const void *arg)
{
	struct subject s = { .len = BUF_SIZE };
	unsigned int i;

	s.fd = dmabuf_memfd("shmem", s.len, row->why, sizeof(row->why));
	if (s.fd < 0) {
		row->state = ROW_FAILED;
		return;
	}
	fill_row(row, &s);
	for (i = 0; i < NR_COLUMNS; i++) {
		if (columns[i].check == try_private)
			row->cell[i] = row->cell[i] == CELL_OPEN ? CELL_OK :
								   CELL_FAILED;
		else if (!columns[i].check)
			row->cell[i] = row->cell[i] == CELL_OPEN ? CELL_TAKEN :
								   CELL_FAILED;
	}
}

/* In a process of its own: what a driver does to it ends one row only. */
static void run_row(struct row *row, void (*fn)(struct row *row, const void *arg),
		    const void *arg)
{
	int status;
	pid_t pid;

	memset(row, 0, sizeof(*row));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(ROW_SECONDS);
		fn(row, arg);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status)) {
		row->state = ROW_DIED;
		snprintf(row->why, sizeof(row->why), "%s",
			 strsignal(WTERMSIG(status)));
	}
}

static void print_head(void)
{
	unsigned int line, i;

	for (line = 0; line < 2; line++) {
		printf("%-*s", LABEL_WIDTH, line ? "exporter" : "");
		for (i = 0; i < NR_COLUMNS; i++)
			printf("%-*.*s", i + 1 < NR_COLUMNS ? CELL_WIDTH : 0,
			       CELL_WIDTH - 1, columns[i].head[line]);
		printf("\n");
	}
	for (i = 0; i < LABEL_WIDTH + NR_COLUMNS * CELL_WIDTH - 1; i++)
		putchar('-');
	printf("\n");
}

static void print_cell(enum cell cell, bool last)
{
	if (colour && *cells[cell].colour)
		printf("\033[%sm%s\033[0m", cells[cell].colour, cells[cell].text);
	else
		printf("%s", cells[cell].text);
	if (!last)
		printf("%*s", (int)(CELL_WIDTH - strlen(cells[cell].text)), "");
}

static void print_row(const char *label, const struct row *row)
{
	unsigned int i;

	printf("%-*s", LABEL_WIDTH, label);
	switch (row->state) {
	case ROW_MISSING:
		printf("not here: %s", row->why);
		break;
	case ROW_FAILED:
		printf("FAILED: %s", row->why);
		break;
	case ROW_DIED:
		printf("DIED: %s", row->why);
		break;
	case ROW_REFUSED:
		printf("refused by the kernel: %s", strerrorname_np(row->map_error));
		break;
	case ROW_MAPPED:
		for (i = 0; i < NR_COLUMNS; i++)
			print_cell(row->cell[i], i + 1 == NR_COLUMNS);
		break;
	}
	printf("\n");
}

struct count {
	unsigned int rows, mapped, refused, missing, failed, open, wrong;
};

static void count_row(struct count *count, const struct row *row)
{
	unsigned int i;

	count->rows++;
	count->mapped += row->state == ROW_MAPPED;
	count->refused += row->state == ROW_REFUSED;
	count->missing += row->state == ROW_MISSING;
	count->failed += row->state == ROW_FAILED || row->state == ROW_DIED;
	if (row->state != ROW_MAPPED)
		return;
	for (i = 0; i < NR_COLUMNS; i++) {
		count->open += row->cell[i] == CELL_OPEN;
		count->wrong += cells[row->cell[i]].hole &&
				row->cell[i] != CELL_OPEN;
	}
}

static bool is_wanted(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

static int print_summary(const struct count *count, bool control)
{
	printf("\n%u exporters: %u mapped, %u refused by the kernel, %u not here, %u failed; ",
	       count->rows, count->mapped, count->refused, count->missing,
	       count->failed);
	printf("%u holes, %u wrong\n", count->open, count->wrong);
	if (!control)
		printf("A route does not even take ordinary memory: this table proves nothing.\n");
	return count->open || count->wrong || count->failed || !control;
}

static bool control_is_good(const struct row *row)
{
	unsigned int i;

	if (row->state != ROW_MAPPED)
		return false;
	for (i = 0; i < NR_COLUMNS; i++)
		if (row->cell[i] != CELL_OK && row->cell[i] != CELL_TAKEN)
			return false;
	return true;
}

int main(int argc, char **argv)
{
	struct count count = { 0 };
	struct row *rows;
	unsigned int i;
	char *env;

	env = getenv("COLOR");
	colour = env && *env == '1';
	argv++;
	if (*argv && !strcmp(*argv, "-c")) {
		colour = true;
		argv++;
	}
	rows = mmap(NULL, (nr_dmabuf_exporters + 1) * sizeof(*rows),
		    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (rows == MAP_FAILED) {
		perror("demo");
		return 2;
	}

	/* all of it first: what the kernel says must not come between rows */
	run_row(&rows[nr_dmabuf_exporters], control_row, NULL);
	for (i = 0; i < nr_dmabuf_exporters; i++)
		if (is_wanted(dmabuf_exporters[i].name, argv))
			run_row(&rows[i], exporter_row, &dmabuf_exporters[i]);

	printf("\n");
	print_head();
	print_row("(ordinary)", &rows[nr_dmabuf_exporters]);
	for (i = 0; i < nr_dmabuf_exporters; i++) {
		if (!is_wanted(dmabuf_exporters[i].name, argv))
			continue;
		print_row(dmabuf_exporters[i].label, &rows[i]);
		count_row(&count, &rows[i]);
	}
	return print_summary(&count, control_is_good(&rows[nr_dmabuf_exporters]));
}
