// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation on the way of a dma-buf, from its device to the last munmap(),
 * fails once.
 *
 * Each step in the life of a mapping is run with its first allocation failing, then
 * with its second one, and so on until it needs no more. A step may say so, by
 * ENOMEM, or do without the memory. After either, the next try works, the buffer
 * holds what it should, and nothing is left behind.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/mman.h>

#include "kselftest.h"
#include "dmabuf-exporters.h"

#define RW		(PROT_READ | PROT_WRITE)
#define DEBUGFS		"/sys/kernel/debug/"
#define ALLOCINFO	"/proc/allocinfo"
#define NEEDS \
	"CONFIG_FAULT_INJECTION_DEBUG_FS, CONFIG_FAILSLAB, CONFIG_FAIL_PAGE_ALLOC"
#define FAR_AWAY	((void *)(uintptr_t)(1ULL << (sizeof(long) > 4 ? 36 : 30)))
#define MAX_NTH		20000
#define MAX_SITES	32768

static int fail_nth = -1;	/* /proc/self/task/TID/fail-nth */
static int self_mem = -1;	/* /proc/self/mem */

/*
 * Which allocation fails
 */

static const struct {
	const char *file;
	const char *value;
} injection[] = {
	{ DEBUGFS "failslab/ignore-gfp-wait", "N" },
	{ DEBUGFS "failslab/cache-filter", "N" },
	{ DEBUGFS "failslab/verbose", "0" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ DEBUGFS "fail_page_alloc/min-order", "0" },
	{ DEBUGFS "fail_page_alloc/verbose", "0" },
};

static void set_up_injection(void)
{
	char path[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(injection); i++)
		if (dmabuf_write_file(injection[i].file, injection[i].value))
			ksft_exit_skip("%s: %s (needs " NEEDS ")\n",
				       injection[i].file, strerror(errno));
	if (access(ALLOCINFO, R_OK))
		ksft_exit_skip("no " ALLOCINFO " (needs CONFIG_MEM_ALLOC_PROFILING)\n");

	snprintf(path, sizeof(path), "/proc/self/task/%ld/fail-nth",
		 syscall(SYS_gettid));
	fail_nth = open(path, O_RDWR | O_CLOEXEC);
	self_mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	if (fail_nth < 0 || self_mem < 0)
		ksft_exit_fail_perror(path);
}

static void write_nth(unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(fail_nth, text, len, 0) != len)
		ksft_exit_fail_perror("fail-nth");
}

/* Whether the allocation was made, and failed */
static bool end_injection(void)
{
	char text[16] = "";

	if (pread(fail_nth, text, sizeof(text) - 1, 0) <= 0)
		ksft_exit_fail_perror("fail-nth");
	write_nth(0);
	return !atoi(text);
}

/*
 * What may be left behind
 */

struct books {
	long dmabufs;
	long vmas;
	long hugetlb;	/* free huge pages */
	long cma;	/* free pages of all CMA areas */
};

static long count_lines(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512];
	long n = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		n++;
	fclose(f);
	return n;
}

static long free_cma(void)
{
	long pages = 0;
	glob_t areas;
	size_t i;

	if (glob("/sys/kernel/mm/cma/*/available_pages", 0, NULL, &areas))
		return 0;
	for (i = 0; i < areas.gl_pathc; i++)
		pages += dmabuf_read_number(areas.gl_pathv[i], "%ld%n");
	globfree(&areas);
	return pages;
}

static void read_books(struct books *books)
{
	memset(books, 0, sizeof(*books));
	books->dmabufs = dmabuf_count();
	books->vmas = count_lines("/proc/self/maps");
	books->hugetlb = dmabuf_read_number("/proc/meminfo",
					    "HugePages_Free: %ld%n");
	books->cma = free_cma();
}

static bool balanced(const struct books *before)
{
	struct books now;

	read_books(&now);
	if (now.dmabufs == before->dmabufs && now.vmas == before->vmas &&
	    now.hugetlb == before->hugetlb && now.cma == before->cma)
		return true;
	ksft_print_msg("left behind: %ld dma-bufs, %ld vmas, %ld huge pages, %ld pages of CMA\n",
		       now.dmabufs - before->dmabufs, now.vmas - before->vmas,
		       before->hugetlb - now.hugetlb, before->cma - now.cma);
	return false;
}

/*
 * Bytes that each place in the source holds. The places are the same, in the same
 * order, each time.
 */
struct sites {
	unsigned int nr;
	long long watched;	/* sum of those that are looked at */
	long long bytes[MAX_SITES];
};

/*
 * All that exporters have in the kernel; elsewhere others come and go. Some pages of
 * shmem may be on their way to an LRU list.
 */
static const struct {
	const char *place;
	unsigned int slack;	/* pages */
} watched[] = {
	{ "drivers/dma-buf/" }, { "drivers/gpu/" }, { "drivers/media/" },
	{ "drivers/vfio/" }, { "samples/" }, { "kernel/dma/" },
	{ "lib/scatterlist.c" }, { "mm/memfd.c" }, { "mm/vma.c" },
	{ "mm/vma_init.c" }, { "mm/shmem.c", .slack = 64 },
};

/* How many bytes more @place may hold, or -1 if nobody minds */
static long long slack(const char *place)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(watched); i++)
		if (!strncmp(place, watched[i].place, strlen(watched[i].place)))
			return watched[i].slack * (long long)dmabuf_page_size();
	return -1;
}

/* The number of places that hold more than @before, which may be NULL */
static unsigned int read_sites(struct sites *now, const struct sites *before,
			       bool say)
{
	FILE *f = fopen(ALLOCINFO, "r");
	char line[512], place[256];
	unsigned int more = 0;
	long long bytes, room;

	if (!f)
		ksft_exit_fail_perror(ALLOCINFO);
	/* drains what each CPU holds for the LRU lists */
	dmabuf_write_file("/proc/sys/vm/drop_caches", "5");
	now->nr = 0;
	now->watched = 0;
	while (fgets(line, sizeof(line), f)) {
		unsigned int i = now->nr;

		if (sscanf(line, "%lld %*u %255s", &bytes, place) != 2)
			continue;
		if (i == MAX_SITES)
			ksft_exit_fail_msg("more places in " ALLOCINFO " than room\n");
		now->bytes[i] = bytes;
		now->nr++;
		room = slack(place);
		if (room < 0)
			continue;
		now->watched += bytes;
		if (!before || bytes - before->bytes[i] <= room)
			continue;
		more++;
		if (say)
			ksft_print_msg("left behind: %lld bytes of %s\n",
				       bytes - before->bytes[i], place);
	}
	fclose(f);
	return more;
}

/* kfree_rcu() keeps objects until a CPU has enough of them, maybe for ever. */
static void flush_rcu(void)
{
	glob_t caches;
	size_t i;

	if (glob("/sys/kernel/slab/*kmalloc-*/shrink", 0, NULL, &caches))
		return;
	for (i = 0; i < caches.gl_pathc; i++)
		dmabuf_write_file(caches.gl_pathv[i], "1");
	globfree(&caches);
}

/* What work items and RCU are about to free would hide as much that leaks. */
static void read_settled_sites(struct sites *now)
{
	long long before;
	int tries = 0;

	flush_rcu();
	read_sites(now, NULL, false);
	do {
		before = now->watched;
		usleep(200000);
		read_sites(now, NULL, false);
	} while (now->watched != before && ++tries < 20);
}

/* Some memory is freed by a work item. */
static bool no_more_than(const struct sites *before)
{
	static struct sites now;
	int tries;

	for (tries = 0; tries < 100; tries++) {
		if (!read_sites(&now, before, false))
			return true;
		if (tries % 20 == 0)
			flush_rcu();
		usleep(100000);
	}
	return !read_sites(&now, before, true);
}

/*
 * The steps
 */

struct scene {
	const struct dmabuf_exporter *exp;
	struct dmabuf buf;
	char *map;		/* all of it, shared, or NULL */
};

/* Something that userspace does */
struct step {
	const char *name;
	int (*run)(struct scene *scene);	/* 0 or -errno; can run again after that */
	bool bare;	/* there is no buffer before */
	bool last;	/* there is no buffer after */
	bool mapped;	/* there is a mapping before, which nobody has touched */
	bool touches;	/* has faults of pages that the buffer may not have yet */
};

static sigjmp_buf signal_env;
static sig_atomic_t may_fault;
static sig_atomic_t kernel_signals;

static void set(sig_atomic_t *flag, int to)
{
	__atomic_store_n(flag, to, __ATOMIC_SEQ_CST);
}

/*
 * After fork() the kernel may be the first to write to the page that rseq is in. If
 * it gets no memory for a copy it sends SIGSEGV, and tries again afterwards. Who
 * gets there too often, or without a place to go to, ends here.
 */
static void on_signal(int sig, siginfo_t *info, void *context)
{
	if (info->si_code == SI_KERNEL && kernel_signals++ < 10)
		return;
	if (may_fault)
		siglongjmp(signal_env, sig);
	signal(sig, SIG_DFL);
}

static size_t map_size(const struct scene *scene)
{
	return scene->buf.size & ~(dmabuf_page_size() - 1);
}

/* Far from all else, so that each level of the page tables is to be allocated */
static int map_with(const struct scene *scene, int prot, int flags, char **map)
{
	*map = mmap(FAR_AWAY, map_size(scene), prot, flags, scene->buf.fd, 0);
	return *map == MAP_FAILED ? -errno : 0;
}

/*
 * -EFAULT if the CPU gets SIGBUS, -ENOTRECOVERABLE with another signal, -EBADMSG if it
 * is the wrong memory
 */
static int use_contents(const struct scene *scene, char *map, bool fill)
{
	int sig, err;

	set(&may_fault, 1);
	sig = sigsetjmp(signal_env, 1);
	if (sig) {
		err = sig == SIGBUS ? -EFAULT : -ENOTRECOVERABLE;
	} else {
		if (fill)
			dmabuf_fill(map, map_size(scene), 0);
		err = dmabuf_check(map, map_size(scene), 0) ? -EBADMSG : 0;
	}
	set(&may_fault, 0);
	return err;
}

static int step_create(struct scene *scene)
{
	return dmabuf_get(scene->exp, dmabuf_least_size(scene->exp), O_RDWR,
			  &scene->buf);
}

static int step_map(struct scene *scene)
{
	char *map;
	int err = map_with(scene, RW, MAP_SHARED, &map);

	if (!err)
		scene->map = map;
	return err;
}

static int step_private(struct scene *scene)
{
	char *map;
	int err = map_with(scene, PROT_READ, MAP_PRIVATE, &map);

	if (err)
		return err;
	err = use_contents(scene, map, false);
	if (munmap(map, map_size(scene)) && !err)
		err = -errno;
	return err;
}

static int step_map_populate(struct scene *scene)
{
	char *map;
	int err = map_with(scene, RW, MAP_SHARED | MAP_POPULATE, &map);

	if (!err)
		scene->map = map;
	return err;
}

static int step_touch(struct scene *scene)
{
	return use_contents(scene, scene->map, true);
}

/* EINVAL is the answer where mmap() has made all entries, and only there. */
static int step_populate(struct scene *scene)
{
	if (!madvise(scene->map, map_size(scene), MADV_POPULATE_WRITE))
		return 0;
	if (errno == EINVAL && dmabuf_is_eager(scene->map))
		return 0;
	return -errno;
}

/* The child has the entries of the parent, if there are any, and a vma of its own. */
static int step_fork(struct scene *scene)
{
	int status, err;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		err = use_contents(scene, scene->map, false);
		_exit(err ? 1 : use_contents(scene, scene->map, true) ? 2 : 0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return status ? -ECHILD : 0;
}

static int step_fork_touched(struct scene *scene)
{
	int err = use_contents(scene, scene->map, true);

	return err ?: step_fork(scene);
}

static int step_access(struct scene *scene)
{
	off_t at = (uintptr_t)scene->map;
	uint64_t word;

	if (pread(self_mem, &word, sizeof(word), at) != sizeof(word))
		return -errno;
	if (pwrite(self_mem, &word, sizeof(word), at) != sizeof(word))
		return -errno;
	return 0;
}

static int step_sync(struct scene *scene)
{
	struct dma_buf_sync sync = {
		.flags = DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START,
	};

	if (ioctl(scene->buf.fd, DMA_BUF_IOCTL_SYNC, &sync))
		return -errno;
	sync.flags = DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END;
	return ioctl(scene->buf.fd, DMA_BUF_IOCTL_SYNC, &sync) ? -errno : 0;
}

/* Splits the vma, and a huge entry, and puts the vma together again */
static int step_protect(struct scene *scene)
{
	size_t ps = dmabuf_page_size();
	int err = use_contents(scene, scene->map, true);

	if (err)
		return err;
	if (mprotect(scene->map + ps, ps, PROT_READ) ||
	    mprotect(scene->map + ps, ps, RW))
		return -errno;
	return 0;
}

static int step_unmap(struct scene *scene)
{
	if (munmap(scene->map, map_size(scene)))
		return -errno;
	scene->map = NULL;
	return 0;
}

static int step_close(struct scene *scene)
{
	dmabuf_put(&scene->buf);
	return 0;
}

/* The mapping is the last that has the buffer. */
static int step_unmap_last(struct scene *scene)
{
	dmabuf_put(&scene->buf);
	return step_unmap(scene);
}

static const struct step steps[] = {
	{ "create", step_create, .bare = true },
	{ "map", step_map },
	{ "map-private", step_private, .touches = true },
	{ "map-populate", step_map_populate },
	{ "touch", step_touch, .mapped = true, .touches = true },
	{ "populate", step_populate, .mapped = true, .touches = true },
	{ "fork", step_fork, .mapped = true },
	{ "fork-touched", step_fork_touched, .mapped = true, .touches = true },
	{ "access", step_access, .mapped = true },
	{ "sync", step_sync },
	{ "protect", step_protect, .mapped = true, .touches = true },
	{ "unmap", step_unmap, .mapped = true },
	{ "close", step_close, .last = true },
	{ "unmap-last", step_unmap_last, .last = true, .mapped = true },
};

/*
 * What comes before a step: nothing fails here. The buffer may be that of the last
 * try.
 */
static int begin_scene(struct scene *scene, const struct step *step)
{
	int err = 0;

	if (step->bare)
		return 0;
	if (scene->buf.fd < 0)
		err = step_create(scene);
	if (!err)
		err = step_map(scene);
	if (!err)
		err = use_contents(scene, scene->map, true);
	if (!err)
		err = step_unmap(scene);
	if (!err && step->mapped)
		err = step_map(scene);
	return err;
}

/* What is in the buffer, if there still is one. Only the next try of a step uses it. */
static int end_scene(struct scene *scene, const struct step *step)
{
	int err = 0;

	if (scene->buf.fd >= 0) {
		if (!scene->map)
			err = step_map(scene);
		if (!err && step->bare)
			err = use_contents(scene, scene->map, true);
		if (!err)
			err = use_contents(scene, scene->map, false);
	}
	if (scene->map)
		munmap(scene->map, map_size(scene));
	scene->map = NULL;
	if (step->bare || step->last)
		dmabuf_put(&scene->buf);
	return err;
}

/* Besides ENOMEM, what the failure of an allocation may look like */
static const struct {
	const char *exporter;	/* as its name begins */
	const char *step;
	int err;
} excuses[] = {
	/* access_process_vm() has no errno, only a count */
	{ "", "access", -EIO },
	/* a device that access() cannot find is made once more */
	{ "mbochs", "create", -EEXIST },
	/* for shmem, which is behind many, a file that cannot be made is a lack of space */
	{ "", "create", -ENOSPC },
};

/*
 * Whether @err is what the failure of an allocation in that step may look like. Some
 * drivers send SIGBUS for memory that comes with the first fault.
 */
static bool is_excused(const struct dmabuf_exporter *exp, const struct step *step,
		       int err)
{
	unsigned int i;

	if (err == -EFAULT)
		return exp->sigbus && step->touches;
	for (i = 0; i < ARRAY_SIZE(excuses); i++)
		if (err == excuses[i].err && !strcmp(step->name, excuses[i].step) &&
		    !strncmp(exp->name, excuses[i].exporter,
			     strlen(excuses[i].exporter)))
			return true;
	return err == -ENOMEM;
}

/*
 * What became of a step whose allocation number @nth fails: 0 if it made no such
 * one, 1 if it did without, 2 if it failed, or a negative errno with a message.
 */
static int try_step(struct scene *scene, const struct step *step, unsigned int nth)
{
	const struct dmabuf_exporter *exp = scene->exp;
	const char *when = "before";
	bool injected = false;
	int ret = 0, err;

	set(&kernel_signals, 0);
	err = begin_scene(scene, step);
	if (err)
		goto out;

	when = "with the failure";
	write_nth(nth);
	ret = step->run(scene);
	injected = end_injection() && nth;
	if (ret && (!injected || !is_excused(exp, step, ret))) {
		err = ret;
		goto out;
	}
	if (ret) {
		when = "at the next try";
		err = step->run(scene);
		if (err)
			goto out;
	}
	when = "in the end";
out:
	/* the first error counts */
	ret = injected ? ret ? 2 : 1 : 0;
	if (err)
		end_scene(scene, step);
	else
		err = end_scene(scene, step);
	if (err)
		ksft_print_msg("%s, %s, allocation %u: %s: %s %s\n", exp->name,
			       step->name, nth, when, strerror(-err), scene->buf.why);
	return err ?: ret;
}

struct points {
	unsigned int failed;	/* allocations */
	unsigned int errors;	/* steps that failed for it */
};

static bool fail_tries(struct scene *scene, const struct step *step,
		       struct points *points)
{
	const char *name = scene->exp->name;
	static struct sites sites;
	struct books books;
	bool ok = true;
	int ret;

	/* what is only made once is not left behind */
	if (try_step(scene, step, 0) < 0)
		return false;
	read_settled_sites(&sites);
	read_books(&books);

	for (unsigned int nth = 1; ; nth++) {
		if (nth == MAX_NTH) {
			ksft_print_msg("%s, %s: no end\n", name, step->name);
			return false;
		}
		ret = try_step(scene, step, nth);
		if (!balanced(&books)) {
			ksft_print_msg("%s, %s, allocation %u\n", name,
				       step->name, nth);
			read_books(&books);
			ok = false;
		}
		if (!ret)
			break;
		if (ret < 0)
			ok = false;
		points->failed++;
		if (ret == 2)
			points->errors++;
	}
	if (!no_more_than(&sites)) {
		ksft_print_msg("%s, %s\n", name, step->name);
		ok = false;
	}
	return ok;
}

static bool fail_step(const struct dmabuf_exporter *exp, const struct step *step,
		      struct points *points)
{
	struct scene scene = {
		.exp = exp,
		.buf = { .fd = -1, .dev = -1, .aux = { -1, -1 } },
	};
	bool ok = fail_tries(&scene, step, points);

	dmabuf_put(&scene.buf);
	return ok;
}

static void fail_exporter(const struct dmabuf_exporter *exp)
{
	struct points all = { 0 };
	time_t start = time(NULL);
	long before = dmabuf_count();
	struct dmabuf buf;
	bool ok = true;
	unsigned int i;
	int err;

	err = dmabuf_get(exp, dmabuf_least_size(exp), O_RDWR, &buf);
	if (err == -ENODEV) {
		ksft_test_result_skip("%s: %s (needs %s)\n", exp->name, buf.why,
				      exp->needs);
		return;
	}
	if (!err) {
		/* whether a leak would be seen */
		ok = exp->foreign || dmabuf_count() == before + 1;
		if (!ok)
			ksft_print_msg("%s: the dma-buf is not counted\n", exp->name);
		dmabuf_put(&buf);
	}

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		struct points points = { 0 };

		if (!fail_step(exp, &steps[i], &points))
			ok = false;
		ksft_print_msg("%s: %s: %u allocations failed, %u errors\n",
			       exp->name, steps[i].name, points.failed,
			       points.errors);
		all.failed += points.failed;
		all.errors += points.errors;
	}
	ksft_print_msg("%s: %u allocations failed, %u errors, %ld s\n", exp->name,
		       all.failed, all.errors, (long)(time(NULL) - start));
	ksft_test_result(ok && all.failed, "%s\n", exp->name);
}

/* Memory that nobody refers to, whoever allocated it */
static void test_kmemleak(bool there)
{
	long leaks;

	if (!there) {
		ksft_test_result_skip("kmemleak (needs CONFIG_DEBUG_KMEMLEAK, kmemleak=on)\n");
		return;
	}
	leaks = dmabuf_leaks();
	if (leaks < 0)
		ksft_test_result_fail("kmemleak (has switched itself off)\n");
	else
		ksft_test_result(!leaks, "kmemleak (%ld)\n", leaks);
}

/* Takes the names of exporters, all without. */
int main(int argc, char **argv)
{
	struct sigaction action = {
		.sa_sigaction = on_signal,
		.sa_flags = SA_SIGINFO,
	};
	unsigned int i, nr = 0;
	bool kmemleak;

	ksft_print_header();
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int arg = 1; arg < argc; arg++)
		if (!dmabuf_exporter_find(argv[arg]))
			ksft_exit_fail_msg("%s: no such exporter\n", argv[arg]);
	set_up_injection();
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);

	for (i = 0; i < nr_dmabuf_exporters; i++)
		nr += dmabuf_is_wanted(dmabuf_exporters[i].name, argc, argv);
	ksft_set_plan(nr + 1);
	kmemleak = !dmabuf_forget_leaks();

	for (i = 0; i < nr_dmabuf_exporters; i++)
		if (dmabuf_is_wanted(dmabuf_exporters[i].name, argc, argv))
			fail_exporter(&dmabuf_exporters[i]);
	test_kmemleak(kmemleak);
	ksft_finished();
}
