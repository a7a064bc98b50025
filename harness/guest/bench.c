// SPDX-License-Identifier: GPL-2.0
/*
 * What a mapping costs, counted in guest instructions.
 *
 * QEMU's "-icount shift=0" makes one instruction one nanosecond of the guest.
 * The time stamp counter of x86 counts those, elsewhere the processor's counter
 * of instructions does. So two runs of one binary on one kernel give the same
 * figures, whatever the host does meanwhile.
 *
 * bench [--short | --long] [CASE...]
 *
 * Prints "BENCH <case> <bytes> <metric> <value>", or "BENCHFAIL <case> <bytes>
 * <reason>" for what could not be measured; then the exit status is 1.
 *
 * Metrics (instructions, unless said otherwise):
 *   alloc, release   the heap's ioctl; close() of the dma-buf
 *   mmap, munmap     the system calls
 *   first            the first write, to the first page
 *   touch            one write to each page, the first one included
 *   read             the same, but reading
 *   total, page      mmap + touch + munmap; the same a page
 *   sparse           mmap + one access in the middle + munmap
 *   pt               bytes of page tables of the touched mapping
 *   populate         as page, but with MAP_POPULATE
 *   after            faults that touching all of it takes after MAP_POPULATE
 *   fork             fork() with the touched mapping, and the end of the child
 *   frame            mmap + sync + copy of all of it + sync + munmap
 *   copy             the copy alone, from a mapping that is touched
 *   touch_N          N threads or processes touch disjoint parts; the sum of
 *                    what all of them execute, there being one processor
 *   host_N           the same on several processors: time of the host, in ticks
 *                    of its clock, so no two runs agree. Only by its name.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/perf_event.h>

#include "dmabuf-exporters.h"

#define KiB		1024UL
#define MiB		(1024UL * KiB)
#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define REPEATS		3
#define MAX_SIZES	12
#define NOT_BROKEN	-1
#define SHMEM_ENABLED	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"
/* Nothing else is there; a huge entry can begin at the first, not at the second. */
#define EVEN_ADDRESS	((char *)0x200000000000)
#define ODD_ADDRESS	((char *)0x200000010000)

enum length { SHORT, NORMAL, LONG, BY_NAME };

/* Memory that is no dma-buf, for what the series costs all others */
#define MEMFD		"memfd"
#define ANONYMOUS	"anonymous"

/**
 * struct bench - one case
 * @name:      first word of its lines
 * @exporter:  where buffers come from, or MEMFD or ANONYMOUS
 * @heap:      whose allocation is measured as well
 * @before:    bytes of a buffer that is allocated first, from the same exporter
 * @broken_to: memory is in blocks of this order, or NOT_BROKEN
 * @scale:     measures only how touching scales
 * @frame:     measures only what a program does for a frame
 * @hint:      address to map at, or NULL for where the kernel likes
 * @held:      somebody else has touched all of it and keeps the pages
 * @thp_shmem: drivers get their shmem in huge pages
 * @from:      shortest run that has it
 * @sizes:     buffers, in bytes
 * @brief:     those that a short run has
 */
struct bench {
	const char *name;
	const char *exporter;
	const char *heap;
	size_t before;
	int broken_to;
	uint64_t (*scale)(char *addr, size_t size, unsigned int nr);
	char *hint;
	bool frame;
	bool held;
	bool thp_shmem;
	enum length from;
	size_t sizes[MAX_SIZES];
	size_t brief[MAX_SIZES];
};

static enum length length = NORMAL;
static bool failed;
static size_t page;	/* bytes */
static size_t huge;	/* bytes of a hugetlb page */

#if defined(__x86_64__)
static void start_counting(void)
{
}

static uint64_t ticks(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high) : : "memory");
	return (uint64_t)high << 32 | low;
}
#else
/* The processor's counter of instructions; without it the clock is all there is */
static int counter = -1;
/* Of which so many are those that read it, once for each call of ticks() */
static uint64_t cost_of_reading;
static uint64_t reads;

static uint64_t read_counter(void)
{
	struct timespec now;
	uint64_t value;

	if (counter >= 0 && read(counter, &value, sizeof(value)) == sizeof(value))
		return value;
	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static uint64_t ticks(void)
{
	return read_counter() - cost_of_reading * reads++;
}

/* On the one processor there is, whoever runs */
static void start_counting(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
	};
	uint64_t start;

	counter = syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
	/* once for the caches */
	read_counter();
	start = read_counter();
	cost_of_reading = read_counter() - start;
}
#endif

static void touch(char *addr, size_t len)
{
	char *end = addr + len;

	for (; addr < end; addr += page)
		*(volatile char *)addr = 1;
}

static void look(char *addr, size_t len)
{
	char *end = addr + len;

	for (; addr < end; addr += page)
		(void)*(volatile char *)addr;
}

static void report(const char *name, size_t size, const char *metric, uint64_t value)
{
	printf("BENCH %s %zu %s %llu\n", name, size, metric,
	       (unsigned long long)value);
}

/* Cost a page, to two places */
static void report_page(const char *name, size_t size, const char *metric, uint64_t total)
{
	uint64_t cents = total * 100 * page / size;

	printf("BENCH %s %zu %s %llu.%02llu\n", name, size, metric,
	       (unsigned long long)cents / 100, (unsigned long long)cents % 100);
}

static void report_failure(const char *name, size_t size, const char *why)
{
	printf("BENCHFAIL %s %zu %s\n", name, size, why);
	failed = true;
}

static void keep_min(uint64_t *min, uint64_t value)
{
	if (!*min || value < *min)
		*min = value;
}

static long read_number(const char *path, const char *key)
{
	char line[256];
	long value = -1;
	FILE *f = fopen(path, "r");

	if (!f)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			value = atol(line + strlen(key));
	fclose(f);
	return value;
}

static int write_number(const char *path, long value)
{
	char text[32];
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	snprintf(text, sizeof(text), "%ld", value);
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* For the shmem that drivers allocate. What cannot be had shows in the figures. */
static void set_shmem_enabled(const char *value)
{
	int fd = open(SHMEM_ENABLED, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		perror(SHMEM_ENABLED);
	close(fd);
}

static size_t page_table_bytes(void)
{
	long kib = read_number("/proc/self/status", "VmPTE:");

	return kib < 0 ? 0 : kib * KiB;
}

/*
 * One mapping
 */

struct cost {
	uint64_t mmap, first, touch, read, munmap, total, sparse, pt, populate, after, fork;
};

/* Where to map, or NULL for where the kernel likes, and how */
static char *hint;
static int how = MAP_SHARED;

static char *map(const struct dmabuf *buf, size_t size)
{
	char *addr = mmap(hint, size, PROT_READ | PROT_WRITE, how, buf->fd, 0);

	if (addr == MAP_FAILED || (hint && addr != hint)) {
		perror("mmap");
		_exit(1);
	}
	return addr;
}

static void measure_whole(const struct dmabuf *buf, size_t size, struct cost *cost)
{
	uint64_t start, mapped, touched, end;
	char *addr;

	start = ticks();
	addr = map(buf, size);
	mapped = ticks();
	touch(addr, size);
	touched = ticks();
	munmap(addr, size);
	end = ticks();
	keep_min(&cost->mmap, mapped - start);
	keep_min(&cost->touch, touched - mapped);
	keep_min(&cost->munmap, end - touched);
	keep_min(&cost->total, end - start);
}

static void measure_first(const struct dmabuf *buf, size_t size, struct cost *cost)
{
	char *addr = map(buf, size);
	uint64_t start = ticks();

	touch(addr, 1);
	keep_min(&cost->first, ticks() - start);
	munmap(addr, size);
}

static void measure_read(const struct dmabuf *buf, size_t size, struct cost *cost)
{
	char *addr = map(buf, size);
	uint64_t start = ticks();

	look(addr, size);
	keep_min(&cost->read, ticks() - start);
	munmap(addr, size);
}

static void measure_sparse(const struct dmabuf *buf, size_t size, struct cost *cost)
{
	uint64_t start = ticks();
	char *addr = map(buf, size);

	touch(addr + size / 2, 1);
	munmap(addr, size);
	keep_min(&cost->sparse, ticks() - start);
}

static void measure_page_tables(const struct dmabuf *buf, size_t size, struct cost *cost)
{
	char *addr = map(buf, size);
	size_t before = page_table_bytes();

	/* what an exporter that maps in mmap() has taken counts as well */
	munmap(addr, size);
	before = page_table_bytes();
	addr = map(buf, size);
	touch(addr, size);
	cost->pt = page_table_bytes() - before;
	munmap(addr, size);
}

static uint64_t faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

static void measure_populate(const struct dmabuf *buf, size_t size, struct cost *cost)
{
	uint64_t start, before;
	char *addr;

	how |= MAP_POPULATE;
	start = ticks();
	addr = map(buf, size);
	touch(addr, size);
	munmap(addr, size);
	keep_min(&cost->populate, ticks() - start);

	addr = map(buf, size);
	how &= ~MAP_POPULATE;
	before = faults();
	touch(addr, size);
	cost->after = faults() - before;
	munmap(addr, size);
}

static void measure_fork(const struct dmabuf *buf, size_t size, struct cost *cost)
{
	char *addr = map(buf, size);
	uint64_t start;
	pid_t pid;

	touch(addr, size);
	start = ticks();
	pid = fork();
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	keep_min(&cost->fork, ticks() - start);
	munmap(addr, size);
}

static void report_cost(const char *name, size_t size, const struct cost *cost)
{
	report(name, size, "mmap", cost->mmap);
	report(name, size, "first", cost->first);
	report(name, size, "touch", cost->touch);
	report(name, size, "read", cost->read);
	report(name, size, "munmap", cost->munmap);
	report(name, size, "total", cost->total);
	report_page(name, size, "page", cost->total);
	report(name, size, "sparse", cost->sparse);
	report(name, size, "pt", cost->pt);
	report_page(name, size, "populate", cost->populate);
	report(name, size, "after", cost->after);
	if (cost->fork)
		report(name, size, "fork", cost->fork);
}

/* @pieces: memory is in pieces, of which the child's kernel stack cannot be made */
static void measure_buffer(const char *name, const struct dmabuf *buf, size_t size, bool pieces)
{
	struct cost cost = { 0 };
	unsigned int i;

	/* the first round has the caches of the kernel and of QEMU filled */
	measure_whole(buf, size, &cost);
	memset(&cost, 0, sizeof(cost));
	for (i = 0; i < REPEATS; i++) {
		measure_whole(buf, size, &cost);
		measure_first(buf, size, &cost);
		measure_read(buf, size, &cost);
		measure_sparse(buf, size, &cost);
		measure_populate(buf, size, &cost);
		if (!pieces)
			measure_fork(buf, size, &cost);
	}
	measure_page_tables(buf, size, &cost);
	report_cost(name, size, &cost);
}

/*
 * One frame
 */

static void sync_cpu(const struct dmabuf *buf, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_READ | flags };

	if (ioctl(buf->fd, DMA_BUF_IOCTL_SYNC, &sync)) {
		perror("DMA_BUF_IOCTL_SYNC");
		_exit(1);
	}
}

static void measure_frame(const char *name, const struct dmabuf *buf, size_t size)
{
	char *mapped = map(buf, size);
	uint64_t frame = 0, copy = 0;
	char *to = malloc(size);
	uint64_t start;
	unsigned int i;

	touch(mapped, size);
	touch(to, size);
	for (i = 0; i < REPEATS; i++) {
		char *addr;

		start = ticks();
		memcpy(to, mapped, size);
		keep_min(&copy, ticks() - start);

		start = ticks();
		addr = map(buf, size);
		sync_cpu(buf, DMA_BUF_SYNC_START);
		memcpy(to, addr, size);
		sync_cpu(buf, DMA_BUF_SYNC_END);
		munmap(addr, size);
		keep_min(&frame, ticks() - start);
	}
	report(name, size, "copy", copy);
	report(name, size, "frame", frame);
	free(to);
	munmap(mapped, size);
}

/*
 * Allocation and release
 */

static int heap_alloc(int heap, size_t size)
{
	struct dma_heap_allocation_data data = {
		.len = size,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};

	return ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) < 0 ? -errno : (int)data.fd;
}

static void measure_alloc(const char *name, const char *heap, size_t size)
{
	uint64_t start, allocated, alloc = 0, release = 0;
	char path[80];
	unsigned int i;
	int dev, fd;

	snprintf(path, sizeof(path), "/dev/dma_heap/%s", heap);
	dev = open(path, O_RDONLY | O_CLOEXEC);
	for (i = 0; i < REPEATS; i++) {
		start = ticks();
		fd = heap_alloc(dev, size);
		allocated = ticks();
		if (fd < 0) {
			report_failure(name, size, "cannot be allocated");
			break;
		}
		close(fd);
		keep_min(&release, ticks() - allocated);
		keep_min(&alloc, allocated - start);
	}
	close(dev);
	report(name, size, "alloc", alloc);
	report(name, size, "release", release);
}

/*
 * Memory in small pieces
 *
 * All memory goes into hugetlb pages but for what this process takes page by
 * page. Of that it gives pieces back, so that the neighbour of each piece that
 * is free stays taken. Large blocks that are free all the same are bought by
 * a heap. What came of it is read from /proc/pagetypeinfo.
 */

#define ORDERS		11
#define NR_HUGE		"/proc/sys/vm/nr_hugepages"
#define KEEP_FREE	(40 * MiB)
#define UNCOUNTED	(1UL << 30)	/* blocks: more than any buffer takes */

/*
 * Blocks of each order outside of CMA. Where the DMA zone is one of several, it
 * lets a heap have some of its own.
 */
static bool read_free_blocks(unsigned long *blocks, bool dma)
{
	char line[512], zone[16], type[32];
	unsigned long n;
	int at, step;
	unsigned int order;
	bool any = false;
	bool many;
	FILE *f;

	memset(blocks, 0, ORDERS * sizeof(*blocks));
	f = fopen("/proc/pagetypeinfo", "r");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %*d, zone %15[^,], type %31s%n", zone, type,
			   &at) != 2 || (!dma && !strcmp(zone, "DMA")))
			continue;
		if (strcmp(type, "Unmovable") && strcmp(type, "Movable") &&
		    strcmp(type, "Reclaimable"))
			continue;
		any = true;
		for (order = 0; order < ORDERS; order++) {
			/* ">100000" where the kernel stopped counting */
			step = strspn(line + at, " >");
			many = memchr(line + at, '>', step);
			at += step;
			if (sscanf(line + at, "%lu%n", &n, &step) != 1)
				break;
			at += step;
			blocks[order] += many ? UNCOUNTED : n;
		}
	}
	fclose(f);
	return any || (!dma && read_free_blocks(blocks, true));
}

static unsigned long free_pages_above(int order, bool dma)
{
	unsigned long blocks[ORDERS], pages = 0;
	int i;

	if (!read_free_blocks(blocks, dma))
		return -1UL;
	for (i = order + 1; i < ORDERS; i++)
		pages += blocks[i] << i;
	return pages;
}

static unsigned long free_blocks_of(int order)
{
	unsigned long blocks[ORDERS];

	return read_free_blocks(blocks, false) ? blocks[order] : 0;
}

/* What is free for everybody: CMA's is not */
static size_t mem_free(void)
{
	long free = read_number("/proc/meminfo", "MemFree:");
	long cma = read_number("/proc/meminfo", "CmaFree:");

	return (free - (cma > 0 ? cma : 0)) * KiB;
}

/* All but @keep bytes into hugetlb pages: fast, nothing is cleared */
static void eat_large_blocks(size_t keep)
{
	unsigned int tries;
	size_t space;

	/* more than once, because some of the pages come from CMA */
	for (tries = 0; tries < 8; tries++) {
		space = mem_free();
		if (space < keep + huge)
			break;
		write_number(NR_HUGE, read_number(NR_HUGE, "") +
			     (space - keep) / huge);
	}
}

/* Physical page numbers of memory of our own; 0 if it cannot be known */
static uint64_t pfn_of(int pagemap, const char *addr)
{
	uint64_t entry;
	off_t at = (uintptr_t)addr / page * sizeof(entry);

	if (pread(pagemap, &entry, sizeof(entry), at) != sizeof(entry))
		return 0;
	return entry & (1ULL << 63) ? entry & ((1ULL << 55) - 1) : 0;
}

static char *eat_page_by_page(size_t limit, size_t spare, size_t *len)
{
	char *area;
	size_t n;

	area = mmap(NULL, limit, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (area == MAP_FAILED)
		return NULL;
	madvise(area, limit, MADV_NOHUGEPAGE);
	for (n = 0; n < limit && mem_free() > KEEP_FREE + spare; n += MiB)
		touch(area + n, MiB);
	*len = n;
	return area;
}

struct piece {
	uint64_t pfn;
	char *addr;
};

static int by_pfn(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return x->pfn < y->pfn ? -1 : x->pfn > y->pfn;
}

/* Gives back each block of @order whose number is odd and that is all ours. */
static void give_back(struct piece *pieces, size_t nr, int order)
{
	size_t block = 1UL << order;
	size_t i, j;

	for (i = 0; i + block <= nr; i++) {
		if (pieces[i].pfn % (2 * block) != block ||
		    pieces[i + block - 1].pfn != pieces[i].pfn + block - 1)
			continue;
		for (j = 0; j < block; j++)
			madvise(pieces[i + j].addr, page, MADV_DONTNEED);
	}
}

/*
 * A heap asks for 2 MiB, 1 MiB, 64 KiB and then for pages. The blocks between
 * these it neither gets as such nor touches while there are smaller ones.
 */
static int largest_harmless(int order)
{
	return order < 4 ? 3 : 7;
}

/* What is bought stays until we end. */
static void buy_blocks_above(int order)
{
	int dev = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
	unsigned long left, before = -1UL;

	/* what the heap cannot have does not get less */
	for (;; before = left) {
		left = free_pages_above(order, true);
		if (left < 32 || left >= before)
			break;
		if (heap_alloc(dev, (left >= 256 ? 256 : 16) * page) < 0)
			break;
	}
	close(dev);
}

/* What was freed may be on its way to the free lists for a while. */
static bool wait_for_blocks(int order, unsigned long blocks)
{
	unsigned int tries;

	for (tries = 0; tries < 20; tries++) {
		if (free_blocks_of(order) >= blocks)
			return true;
		usleep(100000);
	}
	return false;
}

/* For the log: what the free memory looks like */
static void show_free_blocks(void)
{
	unsigned long blocks[ORDERS];
	unsigned int i;

	if (!read_free_blocks(blocks, true))
		return;
	printf("free blocks by order:");
	for (i = 0; i < ORDERS; i++)
		printf(" %lu", blocks[i]);
	printf("\n");
}

/* Leaves blocks of @order only, enough for @size bytes if there is as much. */
static const char *break_memory(int order, size_t size)
{
	/* every other block is free, and some of them fall between others */
	size_t keep = 3 * size + 64 * MiB;
	struct piece *pieces;
	size_t limit, len = 0, nr, i;
	char *area;
	int pagemap;

	write_number("/proc/sys/vm/compaction_proactiveness", 0);
	write_number("/proc/sys/vm/watermark_boost_factor", 0);
	/* what is freed goes to the free lists, not to the processor's own */
	write_number("/proc/sys/vm/percpu_pagelist_high_fraction", 100000);
	/* huge pages have had this raised to more than we leave */
	write_number("/proc/sys/vm/min_free_kbytes", 4096);
	write_number("/proc/sys/vm/drop_caches", 3);
	eat_large_blocks(keep);
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	limit = keep + read_number("/proc/meminfo", "MemTotal:") * KiB / 4;
	pieces = malloc(limit / page * sizeof(*pieces));
	/* the list is written later, and qsort() takes as much once more */
	area = eat_page_by_page(limit, 2 * (limit / page * sizeof(*pieces)), &len);
	if (pagemap < 0 || !pieces || !area)
		return "memory-cannot-be-taken-page-by-page";
	nr = len / page;
	for (i = 0; i < nr; i++) {
		pieces[i].addr = area + i * page;
		pieces[i].pfn = pfn_of(pagemap, pieces[i].addr);
	}
	close(pagemap);
	qsort(pieces, nr, sizeof(*pieces), by_pfn);
	if (!nr || !pieces[0].pfn)
		return "no-page-numbers-in-pagemap";
	give_back(pieces, nr, order);
	free(pieces);
	wait_for_blocks(order, size / page >> order);
	buy_blocks_above(largest_harmless(order));
	show_free_blocks();
	/* at most one page in a hundred may come from a larger block */
	if (free_pages_above(largest_harmless(order), false) > size / page / 100)
		return "large-blocks-are-left";
	return NULL;
}

/*
 * Threads and processes
 */

struct worker {
	pthread_t thread;
	char *addr;
	size_t len;
};

static void *work(void *arg)
{
	struct worker *me = arg;

	touch(me->addr, me->len);
	return NULL;
}

static uint64_t touch_by_threads(char *addr, size_t size, unsigned int nr)
{
	struct worker workers[8];
	uint64_t start = ticks();
	unsigned int i;

	for (i = 0; i < nr; i++) {
		workers[i].addr = addr + i * (size / nr);
		workers[i].len = size / nr;
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	for (i = 0; i < nr; i++)
		pthread_join(workers[i].thread, NULL);
	return ticks() - start;
}

static uint64_t touch_by_processes(char *addr, size_t size, unsigned int nr)
{
	uint64_t start = ticks();
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!fork()) {
			touch(addr + i * (size / nr), size / nr);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	return ticks() - start;
}

static void measure_scaling(const struct bench *bench, const struct dmabuf *buf,
			    size_t size)
{
	char metric[16];
	unsigned int nr, i;

	for (nr = 1; nr <= 4; nr *= 2) {
		uint64_t min = 0;

		for (i = 0; i < REPEATS; i++) {
			char *addr = map(buf, size);

			keep_min(&min, bench->scale(addr, size, nr));
			munmap(addr, size);
		}
		snprintf(metric, sizeof(metric), "%s_%u",
			 bench->from == BY_NAME ? "host" : "touch", nr);
		report(bench->name, size, metric, min);
	}
}

/*
 * Cases
 */

#define ALL_SIZES	{ 4 * KiB, 64 * KiB, 1 * MiB, 16 * MiB, 64 * MiB }
#define CURVE		{ 1 * MiB, 2 * MiB, 4 * MiB, 8 * MiB, 16 * MiB, 32 * MiB, \
			  64 * MiB, 128 * MiB, 256 * MiB, 512 * MiB, 1024 * MiB }

static const struct bench benches[] = {
	{
		.name = "system", .exporter = "system", .heap = "system",
		.broken_to = NOT_BROKEN, .from = SHORT,
		.sizes = ALL_SIZES, .brief = ALL_SIZES,
	}, {
		.name = "cma", .exporter = "cma_default",
		.heap = "default_cma_region",
		.broken_to = NOT_BROKEN, .from = SHORT,
		.sizes = ALL_SIZES, .brief = ALL_SIZES,
	}, {
		/* begins half a huge page after a boundary of one */
		.name = "cma_odd", .exporter = "cma_default", .before = 1 * MiB,
		.broken_to = NOT_BROKEN, .from = SHORT,
		.sizes = { 16 * MiB, 64 * MiB }, .brief = { 64 * MiB },
	}, {
		.name = "udmabuf", .exporter = "udmabuf",
		.broken_to = NOT_BROKEN, .from = SHORT,
		.sizes = ALL_SIZES, .brief = { 4 * KiB, 64 * MiB },
	}, {
		.name = "udmabuf_huge", .exporter = "udmabuf_huge",
		.broken_to = NOT_BROKEN, .from = SHORT,
		.sizes = { 2 * MiB, 16 * MiB, 64 * MiB }, .brief = { 64 * MiB },
	}, {
		.name = "udmabuf_thp", .exporter = "udmabuf_thp",
		.broken_to = NOT_BROKEN, .from = SHORT,
		.sizes = { 2 * MiB, 16 * MiB, 64 * MiB }, .brief = { 64 * MiB },
	}, {
		.name = "vb2_vmalloc", .exporter = "vivid_vmalloc",
		.broken_to = NOT_BROKEN, .from = SHORT,
		.sizes = { 4 * MiB }, .brief = { 4 * MiB },
	}, {
		/* remap_pfn_range() in mmap(): the checks look at each entry */
		.name = "eager", .exporter = "vivid_contig",
		.broken_to = NOT_BROKEN, .from = SHORT,
		.sizes = { 4 * MiB, 64 * MiB }, .brief = { 64 * MiB },
	}, {
		/*
		 * nothing in mmap(), whether anybody has the pages or not: what
		 * the checks themselves cost, and not the search for an address
		 * that is aligned
		 */
		.name = "shmem_helper", .exporter = "vgem",
		.broken_to = NOT_BROKEN, .from = SHORT, .hint = EVEN_ADDRESS,
		.sizes = { 4 * KiB, 4 * MiB, 16 * MiB },
		.brief = { 4 * KiB, 4 * MiB, 16 * MiB },
	}, {
		.name = "gem_shmem", .exporter = "vgem", .held = true,
		.broken_to = NOT_BROKEN, .from = SHORT,
		.sizes = { 1 * MiB, 16 * MiB, 64 * MiB }, .brief = { 64 * MiB },
	}, {
		.name = "gem_shmem_thp", .exporter = "vgem", .held = true,
		.broken_to = NOT_BROKEN, .thp_shmem = true, .from = SHORT,
		.hint = EVEN_ADDRESS,
		.sizes = { 2 * MiB, 16 * MiB, 64 * MiB }, .brief = { 64 * MiB },
	}, {
		/* a dumb buffer of qxl is in system memory until it is shown */
		.name = "ttm", .exporter = "qxl",
		.broken_to = NOT_BROKEN, .from = BY_NAME,
		.sizes = { 1 * MiB, 16 * MiB, 64 * MiB }, .brief = { 64 * MiB },
	}, {
		.name = "threads", .exporter = "system",
		.broken_to = NOT_BROKEN, .from = NORMAL,
		.scale = touch_by_threads,
		.sizes = { 256 * MiB },
	}, {
		.name = "processes", .exporter = "system",
		.broken_to = NOT_BROKEN, .from = NORMAL,
		.scale = touch_by_processes,
		.sizes = { 256 * MiB },
	}, {
		.name = "many_threads", .exporter = "cma_default",
		.broken_to = NOT_BROKEN, .from = BY_NAME,
		.scale = touch_by_threads, .hint = ODD_ADDRESS,
		.sizes = { 128 * MiB },
	}, {
		.name = "many_procs", .exporter = "cma_default",
		.broken_to = NOT_BROKEN, .from = BY_NAME,
		.scale = touch_by_processes, .hint = ODD_ADDRESS,
		.sizes = { 128 * MiB },
	}, {
		.name = "frame_system", .exporter = "system", .frame = true,
		.broken_to = NOT_BROKEN, .from = NORMAL, .sizes = { 3 * MiB },
	}, {
		.name = "frame_cma", .exporter = "cma_default", .frame = true,
		.broken_to = NOT_BROKEN, .from = NORMAL, .sizes = { 3 * MiB },
	}, {
		.name = "frame_udmabuf", .exporter = "udmabuf", .frame = true,
		.broken_to = NOT_BROKEN, .from = NORMAL, .sizes = { 3 * MiB },
	}, {
		/* as will-it-scale's page_fault3: a fault for each page of a file */
		.name = "file", .exporter = MEMFD, .held = true,
		.broken_to = NOT_BROKEN, .from = SHORT,
		.sizes = { 256 * KiB, 1 * MiB, 16 * MiB }, .brief = { 256 * KiB, 16 * MiB },
	}, {
		.name = "anonymous", .exporter = ANONYMOUS,
		.broken_to = NOT_BROKEN, .from = SHORT,
		.sizes = { 256 * KiB, 1 * MiB, 16 * MiB }, .brief = { 256 * KiB, 16 * MiB },
	}, {
		.name = "curve", .exporter = "system",
		.broken_to = NOT_BROKEN, .from = LONG, .sizes = CURVE,
	}, {
		.name = "system_64k", .exporter = "system", .heap = "system",
		.broken_to = 4, .from = SHORT,
		.sizes = { 1 * MiB, 16 * MiB, 64 * MiB }, .brief = { 64 * MiB },
	}, {
		.name = "system_4k", .exporter = "system", .heap = "system",
		.broken_to = 0, .from = NORMAL,
		.sizes = { 1 * MiB, 16 * MiB, 64 * MiB },
	}, {
		.name = "udmabuf_4k", .exporter = "udmabuf",
		.broken_to = 0, .from = NORMAL,
		.sizes = { 1 * MiB, 16 * MiB, 64 * MiB },
	}, {
		.name = "curve_4k", .exporter = "system",
		.broken_to = 0, .from = LONG, .sizes = CURVE,
	},
};

/* 0, or a negative errno with a reason in buf->why */
static int get_buffer(const struct bench *bench, size_t size, struct dmabuf *buf)
{
	*buf = (struct dmabuf){ .fd = -1, .dev = -1, .aux = { -1, -1 } };
	if (!strcmp(bench->exporter, ANONYMOUS))
		return 0;
	if (strcmp(bench->exporter, MEMFD))
		return dmabuf_get(dmabuf_exporter_find(bench->exporter), size, O_RDWR, buf);
	buf->fd = memfd_create(MEMFD, MFD_CLOEXEC);
	if (buf->fd < 0 || ftruncate(buf->fd, size)) {
		snprintf(buf->why, sizeof(buf->why), "no-memfd");
		return -errno;
	}
	return 0;
}

static void run_size(const struct bench *bench, size_t size)
{
	struct dmabuf buf, before;
	char *holder = NULL;

	if (bench->broken_to != NOT_BROKEN &&
	    !wait_for_blocks(bench->broken_to, size / page >> bench->broken_to)) {
		report_failure(bench->name, size, "not-enough-blocks-of-the-size");
		return;
	}
	if (bench->before && get_buffer(bench, bench->before, &before)) {
		report_failure(bench->name, size, before.why);
		return;
	}
	if (get_buffer(bench, size, &buf)) {
		report_failure(bench->name, size, buf.why);
		return;
	}
	if (bench->held) {
		holder = map(&buf, size);
		touch(holder, size);
	}
	hint = bench->hint;
	if (buf.fd < 0)
		how = MAP_PRIVATE | MAP_ANONYMOUS;
	/* a frame may be larger than asked for */
	if (bench->scale)
		measure_scaling(bench, &buf, size);
	else if (bench->frame)
		measure_frame(bench->name, &buf, size);
	else
		measure_buffer(bench->name, &buf, size, bench->broken_to != NOT_BROKEN);
	hint = NULL;
	if (holder)
		munmap(holder, size);
	dmabuf_put(&buf);
	if (bench->before)
		dmabuf_put(&before);
	if (bench->heap)
		measure_alloc(bench->name, bench->heap, size);
}

static int run_bench(const struct bench *bench)
{
	const size_t *sizes = length == SHORT ? bench->brief : bench->sizes;
	const char *why = NULL;
	size_t largest = 0;
	unsigned int i;

	for (i = 0; i < MAX_SIZES && sizes[i]; i++)
		largest = sizes[i];
	if (bench->broken_to != NOT_BROKEN)
		why = break_memory(bench->broken_to, largest);
	for (i = 0; i < MAX_SIZES && sizes[i]; i++) {
		if (why)
			report_failure(bench->name, sizes[i], why);
		else
			run_size(bench, sizes[i]);
	}
	fflush(stdout);
	return failed;
}

/* In a process of its own, whose page tables and memory are its own */
static bool run_apart(const struct bench *bench)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		/* several processors execute what no one counter counts */
		if (bench->from != BY_NAME)
			start_counting();
		_exit(run_bench(bench));
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		report_failure(bench->name, 0, strsignal(WTERMSIG(status)));
	write_number(NR_HUGE, 0);
	return !status;
}

static bool is_wanted(const struct bench *bench, char **names)
{
	/* what breaks memory up wants a machine of its own: by its name */
	if (!*names)
		return bench->from <= length && bench->broken_to == NOT_BROKEN;
	for (; *names; names++)
		if (!strcmp(*names, bench->name))
			return true;
	return false;
}

/* Addresses that are chosen at random change the number of page tables. */
static void fix_addresses(char **argv)
{
	int persona = personality(0xffffffff);

	if (persona < 0 || persona & ADDR_NO_RANDOMIZE)
		return;
	personality(persona | ADDR_NO_RANDOMIZE);
	execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
	unsigned int i;
	bool good = true;

	fix_addresses(argv);
	page = sysconf(_SC_PAGESIZE);
	huge = read_number("/proc/meminfo", "Hugepagesize:") * KiB;
	argv++;
	if (*argv && !strcmp(*argv, "--short")) {
		length = SHORT;
		argv++;
	} else if (*argv && !strcmp(*argv, "--long")) {
		length = LONG;
		argv++;
	}
	for (i = 0; i < ARRAY_LEN(benches); i++) {
		if (!is_wanted(&benches[i], argv))
			continue;
		if (!strcmp(benches[i].exporter, "udmabuf_huge"))
			write_number(NR_HUGE, 64 * MiB / huge);
		set_shmem_enabled(benches[i].thp_shmem ? "always" : "never");
		good &= run_apart(&benches[i]);
	}
	return !good;
}
