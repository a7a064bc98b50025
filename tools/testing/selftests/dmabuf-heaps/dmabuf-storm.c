// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever threads and processes do at once to mappings of dma-bufs, a page shows
 * what belongs there, and nothing in the kernel gets at it through a mapping.
 *
 * Some processes of some threads each do operations in random order. All exporters
 * of this machine take part. The order depends on nothing but the seed, which is
 * printed; who is faster, of course, is not the same twice. Kernels with KASAN,
 * KCSAN, lock and page table checks see more in this than it sees itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/mman.h>

#include "kselftest.h"
#include "dmabuf-exporters.h"

#define RW		(PROT_READ | PROT_WRITE)

#define MAX_EXPORTERS	40
#define MAX_ROUTES	40
#define MAX_WORKERS	64
/* A buffer may be larger, nobody looks at the rest then. */
#define MAX_PAGES	8192
/* For so long all threads of a process are mostly at one exporter. */
#define PHASE		1024
#define STAMP_SIZE	8	/* of the one that dmabuf_fill() puts first */
#define RACES		128	/* at the begin of each phase */
#define PROGRESS	10	/* seconds from one word of it to the next */
#define STUCK		600	/* seconds without any */

enum kind {
	READ, WRITE, PEEK, MAP, UNMAP, REMAP, PROTECT, ADVISE, POPULATE, LOCK, THP,
	SYNC, ASIDE, FORK, ALLOC, MOVE, ATTACK, RACE, NR_KINDS
};

/* A buffer, and the first of the stamps that its pages have */
struct slot {
	pthread_mutex_t lock;		/* of all that follows */
	struct dmabuf buf;
	unsigned long stamp;
	unsigned long nr;		/* pages */
};

#define COMMON		0	/* the buffer that all processes have */
#define OWN		1	/* one of this process, which comes and goes */
#define NR_SLOTS	2

struct source {
	const struct dmabuf_exporter *exp;
	struct slot slots[NR_SLOTS];
	unsigned long max_nr;
	bool there;
	bool eager;		/* mmap() makes all entries, there are no faults */
};

/*
 * Where part of a buffer is mapped. Who changes that has the lock. Everybody else
 * reads without it: what he sees counts if @seq was even and is still the same.
 * Each is at the begin of a page, so that a child of fork() has all of it or
 * nothing.
 */
struct window {
	pthread_mutex_t lock;
	unsigned int seq;
	int prot;
	bool shared;
	struct source *source;
	char *area;		/* reserved for it, with nothing else in there */
	size_t area_len;
	char *map;
	unsigned long nr;	/* pages */
	unsigned long stamp;	/* of the first one */
};

#define NR_WINDOWS	2	/* for each exporter */

/* What all processes see */
static struct {
	unsigned int stop;
	unsigned int failed;
	int failed_source;
	char why[400];
	unsigned long ops[MAX_WORKERS];
	unsigned long done[MAX_WORKERS][MAX_EXPORTERS][NR_KINDS];
	unsigned long tried[MAX_ROUTES];
	unsigned long refused[MAX_ROUTES];
	/* additions to the pages of the common buffers */
	unsigned int added[MAX_EXPORTERS][MAX_PAGES];
} *all;

static unsigned long long seed;
static unsigned long operations;
static unsigned int seconds;
static unsigned int nr_processes = 2;
static unsigned int nr_threads = 4;
static bool pressure;

static struct source sources[MAX_EXPORTERS];
static unsigned int nr_sources;
static struct source *present[MAX_EXPORTERS];
static unsigned int nr_present;

/* Of one process */
static unsigned int process;
static char *windows;		/* a page each */
static int mem_fd;		/* /proc/self/mem */
static unsigned long next_stamp;
static unsigned int stop_here;
static pthread_barrier_t barrier;
static struct {
	unsigned int round;	/* 0: there is none */
	unsigned int here;	/* rounds that the second thread came to, */
	unsigned int done;	/* and is through with */
} race;

struct worker {
	unsigned int thread;
	unsigned int index;	/* among those of all processes */
	unsigned long long state;
	unsigned long n;
	enum kind kind;
	struct window *w;
	unsigned long long r;	/* for whatever the operation has to choose */
	char *page;		/* room for one */
};

/*
 * Chance
 */

static unsigned long long mix(unsigned long long x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static unsigned long long draw(struct worker *me)
{
	me->state += 0x9e3779b97f4a7c15ULL;
	return mix(me->state);
}

/* One of @n, from the number that the operation has */
static unsigned long choose(struct worker *me, unsigned long n)
{
	unsigned long long r = me->r;

	me->r = mix(r);
	return r % n;
}

static int verdict(bool good)
{
	return good ? KSFT_PASS : KSFT_FAIL;
}

static void count_up(unsigned long *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
}

/*
 * Failure: the first one is told, and ends it all
 */

static const char *kind_name(enum kind kind);

static void __printf(2, 3)
failure(struct worker *me, const char *fmt, ...)
{
	char what[240];
	va_list args;

	if (__atomic_exchange_n(&all->failed, 1, __ATOMIC_SEQ_CST))
		return;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	all->failed_source = me->w->source - sources;
	snprintf(all->why, sizeof(all->why),
		 "seed %llu, process %u, thread %u, operation %lu, %s: %s",
		 seed, process, me->thread, me->n, kind_name(me->kind), what);
	__atomic_store_n(&all->stop, 1, __ATOMIC_SEQ_CST);
}

static bool stopped(void)
{
	return __atomic_load_n(&all->stop, __ATOMIC_RELAXED);
}

/*
 * Accesses that may end in a signal
 */

static __thread sigjmp_buf fault_env;
static __thread sig_atomic_t may_fault;

static void expect_fault(bool expect)
{
	__atomic_store_n(&may_fault, expect, __ATOMIC_SEQ_CST);
}

static void fault_handler(int sig)
{
	if (may_fault)
		siglongjmp(fault_env, sig);
	signal(sig, SIG_DFL);
}

static void catch_faults(void)
{
	struct sigaction action = {
		.sa_handler = fault_handler,
		.sa_flags = SA_NODEFER,
	};

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

/* What a page was found to hold */
struct seen {
	bool right;
	unsigned long word;	/* the first one */
};

/* The signal that the access raised, or 0 */
static int touch(char *page, bool write, unsigned long stamp, struct seen *seen)
{
	unsigned int nothing = 0;
	int sig;

	/* the compiler is not to know that it changes nothing */
	asm volatile("" : "+r" (nothing));
	sig = sigsetjmp(fault_env, 0);
	if (!sig) {
		expect_fault(true);
		/* whoever maps something else here meanwhile must not lose it */
		if (write)
			__atomic_fetch_or((unsigned int *)page, nothing,
					  __ATOMIC_RELAXED);
		seen->right = !dmabuf_check(page, dmabuf_page_size(), stamp);
		seen->word = __atomic_load_n((unsigned long *)page, __ATOMIC_RELAXED);
	}
	expect_fault(false);
	return sig;
}

/*
 * Windows
 */

static struct window *window(unsigned int i)
{
	return (struct window *)(windows + i * dmabuf_page_size());
}

static unsigned int window_seq(const struct window *w)
{
	return __atomic_load_n(&w->seq, __ATOMIC_SEQ_CST);
}

static bool unchanged(const struct window *w, unsigned int seq)
{
	return !(seq & 1) && window_seq(w) == seq;
}

static void begin_change(struct window *w)
{
	pthread_mutex_lock(&w->lock);
	__atomic_add_fetch(&w->seq, 1, __ATOMIC_SEQ_CST);
}

static void end_change(struct window *w)
{
	__atomic_add_fetch(&w->seq, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&w->lock);
}

static size_t window_len(const struct window *w)
{
	return w->nr * dmabuf_page_size();
}

static bool reserve(struct window *w)
{
	w->area_len = w->source->max_nr * dmabuf_page_size() +
		      3 * dmabuf_pmd_size();
	w->area = mmap(NULL, w->area_len, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return w->area != MAP_FAILED;
}

/*
 * Where page @pgoff of a buffer can be in a huge entry; @off pages beside that. A
 * buffer without huge entries lies across two page tables.
 */
static char *place(const struct window *w, unsigned long pgoff, unsigned long off)
{
	const size_t pmd = dmabuf_pmd_size();
	const size_t ps = dmabuf_page_size();
	unsigned long base = ((unsigned long)w->area + pmd - 1) & ~(pmd - 1);

	if (!w->source->exp->huge)
		base += pmd - DMABUF_FEW_PAGES / 2 * ps;
	return (char *)base + ((pgoff + off) * ps & (pmd - 1));
}

/* Which part of @nr pages, all of them in a quarter of the cases */
static void choose_part(struct worker *me, unsigned long nr, unsigned long *first,
			unsigned long *len)
{
	*first = 0;
	*len = nr;
	if (!choose(me, 4))
		return;
	*first = choose(me, nr);
	*len = 1 + choose(me, nr - *first);
}

/* Maps part of a buffer in the window, which is being changed. */
static void map_part(struct worker *me, struct window *w, struct slot *slot,
		     unsigned long first, char *at, int flags)
{
	mmap(w->area, w->area_len, PROT_NONE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	w->stamp = slot->stamp + first;
	w->map = mmap(at, window_len(w), w->prot,
		      (w->shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED | flags,
		      slot->buf.fd, first * dmabuf_page_size());
	if (w->map == MAP_FAILED)
		failure(me, "mmap of %lu pages at %lu of %lu, prot %d: %s", w->nr,
			first, slot->nr, w->prot, strerror(errno));
}

/* The same, with something else */
static void map_window(struct worker *me, struct window *w)
{
	struct slot *slot = &w->source->slots[choose(me, NR_SLOTS)];
	int how = choose(me, 8);
	bool beside = !choose(me, 8);
	bool populate = !choose(me, 16);
	unsigned long first;

	pthread_mutex_lock(&slot->lock);
	choose_part(me, slot->nr, &first, &w->nr);
	w->prot = how < 5 ? RW : PROT_READ;
	w->shared = how < 6;
	map_part(me, w, slot, first, place(w, first, beside),
		 populate ? MAP_POPULATE : 0);
	pthread_mutex_unlock(&slot->lock);
}

/*
 * Operations
 */

/* False: the window was changed meanwhile, so that nobody knows what it was. */
static bool check_page(struct worker *me, bool write)
{
	const size_t ps = dmabuf_page_size();
	struct window *w = me->w;
	unsigned int seq = window_seq(w);
	unsigned long page = choose(me, w->nr ?: 1);
	unsigned long stamp = w->stamp + page;
	int prot = w->prot;
	struct seen seen = { };
	int sig;

	sig = touch(w->map + page * ps, write, stamp, &seen);
	if (!unchanged(w, seq))
		return false;
	if (write && !(prot & PROT_WRITE)) {
		if (sig != SIGSEGV)
			failure(me, "page %lu is read-only: signal %d", page, sig);
	} else if (sig) {
		failure(me, "page %lu: signal %d", page, sig);
	} else if (!seen.right) {
		failure(me, "page %lu is not the one with stamp %#lx, it begins with %#lx",
			page, stamp, seen.word);
	}
	return true;
}

static bool do_read(struct worker *me)
{
	return check_page(me, false);
}

static bool do_write(struct worker *me)
{
	return check_page(me, true);
}

/* As a debugger does. It writes no more than the first of the stamps. */
static bool do_peek(struct worker *me)
{
	const size_t ps = dmabuf_page_size();
	struct window *w = me->w;
	unsigned long page;
	char *at;

	pthread_mutex_lock(&w->lock);
	page = choose(me, w->nr);
	at = w->map + page * ps;
	if (pread(mem_fd, me->page, ps, (off_t)(unsigned long)at) != (ssize_t)ps)
		failure(me, "page %lu: %s", page, strerror(errno));
	else if (dmabuf_check(me->page, ps, w->stamp + page))
		failure(me, "page %lu is not the one with stamp %#lx", page,
			w->stamp + page);
	else if ((w->prot & PROT_WRITE) && choose(me, 2) &&
		 pwrite(mem_fd, me->page, STAMP_SIZE, (off_t)(unsigned long)at) !=
		 STAMP_SIZE)
		failure(me, "page %lu, writing: %s", page, strerror(errno));
	pthread_mutex_unlock(&w->lock);
	return true;
}

static bool do_map(struct worker *me)
{
	begin_change(me->w);
	map_window(me, me->w);
	end_change(me->w);
	return true;
}

static bool do_unmap(struct worker *me)
{
	struct window *w = me->w;

	begin_change(w);
	munmap(w->area, w->area_len);
	if (reserve(w))
		map_window(me, w);
	else
		failure(me, "no place: %s", strerror(errno));
	end_change(w);
	return true;
}

/*
 * Moves a mapping, with the entries that are there. It has to be a new one: a
 * vma that was split cannot be moved at once.
 */
static bool do_remap(struct worker *me)
{
	const size_t pmd = dmabuf_pmd_size();
	const size_t ps = dmabuf_page_size();
	struct window *w = me->w;
	struct window old;
	struct seen seen;
	char *to, *end;

	begin_change(w);
	map_window(me, w);
	touch(w->map, choose(me, 2), w->stamp, &seen);
	touch(w->map + choose(me, w->nr) * ps, choose(me, 2), w->stamp, &seen);
	old = *w;
	end = old.map + window_len(&old);
	if (!reserve(w)) {
		failure(me, "no place: %s", strerror(errno));
	} else {
		to = place(w, 0, 0) + ((unsigned long)old.map & (pmd - 1));
		w->map = mremap(old.map, window_len(&old), window_len(&old),
				MREMAP_MAYMOVE | MREMAP_FIXED, to);
		if (w->map == MAP_FAILED)
			failure(me, "mremap: %s", strerror(errno));
		/* what lies between the two may be somebody else's by now */
		munmap(old.area, old.map - old.area);
		munmap(end, old.area + old.area_len - end);
	}
	if (mremap(w->map, window_len(w), window_len(w) + ps, 0) != MAP_FAILED)
		failure(me, "mremap makes it longer than it was mapped");
	end_change(w);
	return true;
}

static bool do_protect(struct worker *me)
{
	struct window *w = me->w;
	unsigned long first, nr;
	const size_t ps = dmabuf_page_size();
	int prot = choose(me, 2) ? PROT_NONE : PROT_READ;
	struct seen seen;

	begin_change(w);
	choose_part(me, w->nr, &first, &nr);
	if (!w->shared && !mprotect(w->map, window_len(w), RW))
		failure(me, "a private mapping becomes writable");
	if (mprotect(w->map + first * ps, nr * ps, prot))
		failure(me, "mprotect: %s", strerror(errno));
	if (prot == PROT_READ && !touch(w->map + first * ps, true, 0, &seen))
		failure(me, "page %lu is read-only and can be written to", first);
	if (w->shared && choose(me, 2))
		w->prot = RW;
	if (mprotect(w->map, window_len(w), w->prot))
		failure(me, "mprotect to %d: %s", w->prot, strerror(errno));
	end_change(w);
	return true;
}

/* None of it may change what is mapped. Most is refused, and counts as well. */
static bool do_advise(struct worker *me)
{
	static const int advice[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
		MADV_DONTNEED, MADV_DONTNEED_LOCKED, MADV_FREE, MADV_COLD,
		MADV_PAGEOUT, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLLAPSE,
		MADV_MERGEABLE, MADV_GUARD_INSTALL,
	};
	const size_t ps = dmabuf_page_size();
	struct window *w = me->w;
	unsigned long first, nr;

	pthread_mutex_lock(&w->lock);
	choose_part(me, w->nr, &first, &nr);
	madvise(w->map + first * ps, nr * ps, advice[choose(me, ARRAY_SIZE(advice))]);
	pthread_mutex_unlock(&w->lock);
	return true;
}

static bool do_populate(struct worker *me)
{
	const size_t ps = dmabuf_page_size();
	struct window *w = me->w;
	unsigned long first, nr;
	bool write = choose(me, 2);
	int err;

	pthread_mutex_lock(&w->lock);
	choose_part(me, w->nr, &first, &nr);
	write = write && (w->prot & PROT_WRITE);
	err = madvise(w->map + first * ps, nr * ps,
		      write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) ? errno : 0;
	/* all has been there since mmap(), and there is no fault handler */
	if (err == EINVAL && w->source->eager)
		err = 0;
	if (err && err != EINTR && err != EAGAIN)
		failure(me, "%lu pages at %lu, write %d: %s", nr, first, write,
			strerror(err));
	pthread_mutex_unlock(&w->lock);
	return !err;
}

static bool do_lock(struct worker *me)
{
	const size_t ps = dmabuf_page_size();
	struct window *w = me->w;
	unsigned long first, nr;
	int how = choose(me, 3);
	int err;

	pthread_mutex_lock(&w->lock);
	choose_part(me, w->nr, &first, &nr);
	if (!how)
		err = munlock(w->map, window_len(w));
	else
		err = mlock2(w->map + first * ps, nr * ps,
			     how == 1 ? MLOCK_ONFAULT : 0);
	if (err && errno != ENOMEM && errno != EPERM && errno != EAGAIN)
		failure(me, "%lu pages at %lu: %s", nr, first, strerror(errno));
	pthread_mutex_unlock(&w->lock);
	return !err;
}

static bool do_thp(struct worker *me)
{
	return !prctl(PR_SET_THP_DISABLE, choose(me, 2), 0, 0, 0);
}

static bool do_sync(struct worker *me)
{
	static const unsigned long ways[] = {
		DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW,
	};
	struct slot *slot = &me->w->source->slots[choose(me, NR_SLOTS)];
	struct dma_buf_sync sync = {
		.flags = ways[choose(me, ARRAY_SIZE(ways))],
	};
	int err = 0;

	pthread_mutex_lock(&slot->lock);
	if (ioctl(slot->buf.fd, DMA_BUF_IOCTL_SYNC, &sync) < 0)
		err = errno;
	sync.flags |= DMA_BUF_SYNC_END;
	if (!err && ioctl(slot->buf.fd, DMA_BUF_IOCTL_SYNC, &sync) < 0)
		err = errno;
	pthread_mutex_unlock(&slot->lock);
	if (err && err != EINTR && err != EAGAIN)
		failure(me, "%s", strerror(err));
	return !err;
}

/* Where a page has a number to which many threads and processes add, see wrong_sums() */
static unsigned int *number_of(char *page)
{
	return (unsigned int *)(page + STAMP_SIZE);
}

/* A write that would be missed: nobody else can map something else here. */
static void add_one(struct source *s, char *at, unsigned long page)
{
	__atomic_fetch_add(number_of(at), 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&all->added[s - sources][page], 1, __ATOMIC_RELAXED);
}

/* A mapping of one thread, which nobody else knows, and two that must fail */
static bool do_aside(struct worker *me)
{
	struct source *s = me->w->source;
	struct slot *slot = &s->slots[choose(me, NR_SLOTS)];
	const size_t ps = dmabuf_page_size();
	unsigned long first, nr, stamp, page;
	int populate = choose(me, 2) ? MAP_POPULATE : 0;
	struct seen seen = { };
	char *map;
	int sig;

	pthread_mutex_lock(&slot->lock);
	choose_part(me, slot->nr, &first, &nr);
	stamp = slot->stamp + first;
	map = mmap(NULL, nr * ps, RW, MAP_PRIVATE, slot->buf.fd, first * ps);
	if (map != MAP_FAILED)
		failure(me, "a private writable mapping is there");
	map = mmap(NULL, slot->buf.size + ps, RW, MAP_SHARED, slot->buf.fd, first * ps);
	if (map != MAP_FAILED)
		failure(me, "a mapping beyond the end is there");
	map = mmap(NULL, nr * ps, RW, MAP_SHARED | populate, slot->buf.fd, first * ps);
	pthread_mutex_unlock(&slot->lock);
	if (map == MAP_FAILED) {
		failure(me, "%lu pages at %lu: %s", nr, first, strerror(errno));
		return true;
	}
	page = choose(me, nr);
	sig = touch(map + page * ps, choose(me, 2), stamp + page, &seen);
	if (sig || !seen.right)
		failure(me, "page %lu: signal %d, it begins with %#lx", page, sig,
			seen.word);
	else if (stamp == s->slots[COMMON].stamp + first)
		add_one(s, map + page * ps, first + page);
	munmap(map, nr * ps);
	return true;
}

/* Has all windows that its parent did not change right then. */
static int child(struct worker *me)
{
	const size_t ps = dmabuf_page_size();
	int tries;

	for (tries = 0; tries < 16 && !stopped(); tries++) {
		struct window *w = me->w;

		me->w = window(choose(me, nr_present * NR_WINDOWS));
		if (!tries)
			me->w = w;
		if (me->w->seq & 1)
			continue;
		check_page(me, choose(me, 2));
		if (choose(me, 4))
			continue;
		me->w->seq++;
		munmap(me->w->map + ps, window_len(me->w) - ps);
	}
	return 0;
}

static bool do_fork(struct worker *me)
{
	struct worker copy = *me;
	int status;
	pid_t pid;

	pid = fork();
	if (!pid)
		_exit(child(&copy));
	if (pid < 0) {
		if (errno != ENOMEM && errno != EAGAIN)
			failure(me, "fork: %s", strerror(errno));
		return false;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		failure(me, "the child ended with status %#x", status);
	return true;
}

static unsigned long slot_pages(const struct dmabuf *buf)
{
	unsigned long nr = buf->size / dmabuf_page_size();

	return nr < MAX_PAGES ? nr : MAX_PAGES;
}

/* No second buffer: the device is in use, or all of its memory, or of huge pages, is. */
static bool is_taken(int err)
{
	return err == -EBUSY || err == -ENOMEM || err == -ENODEV || err == -EINTR;
}

/* A buffer whose pages have stamps that no other buffer has; 0 or -errno */
static int get_buffer(struct source *s, struct slot *slot)
{
	void *map;
	int err;

	err = dmabuf_get(s->exp, dmabuf_least_size(s->exp), O_RDWR, &slot->buf);
	if (err)
		return err;
	/* some devices have one user at a time */
	dmabuf_close_device(&slot->buf);
	slot->nr = slot_pages(&slot->buf);
	slot->stamp = __atomic_fetch_add(&next_stamp, MAX_PAGES, __ATOMIC_SEQ_CST);
	map = dmabuf_map(&slot->buf, RW, MAP_SHARED);
	if (map == MAP_FAILED) {
		err = -errno;
		snprintf(slot->buf.why, sizeof(slot->buf.why), "mmap: %s",
			 strerror(-err));
		dmabuf_put(&slot->buf);
		return err;
	}
	dmabuf_fill(map, slot->nr * dmabuf_page_size(), slot->stamp);
	munmap(map, slot->buf.size);
	return 0;
}

/* Mappings of the old buffer stay. */
static bool do_alloc(struct worker *me)
{
	struct source *s = me->w->source;
	struct slot *slot = &s->slots[OWN];
	struct slot new = { };
	struct dmabuf old;
	int err;

	err = get_buffer(s, &new);
	if (err) {
		if (!is_taken(err))
			failure(me, "%s", new.buf.why);
		return false;
	}
	pthread_mutex_lock(&slot->lock);
	if (new.nr > s->max_nr) {
		failure(me, "%lu pages instead of %lu", new.nr, s->max_nr);
		old = new.buf;
	} else {
		old = slot->buf;
		slot->buf = new.buf;
		slot->nr = new.nr;
		slot->stamp = new.stamp;
	}
	pthread_mutex_unlock(&slot->lock);
	dmabuf_put(&old);
	return true;
}

static bool do_move(struct worker *me)
{
	struct slot *slot = &me->w->source->slots[choose(me, NR_SLOTS)];
	int err;

	pthread_mutex_lock(&slot->lock);
	err = dmabuf_move(&slot->buf);
	pthread_mutex_unlock(&slot->lock);
	if (err && err != -ENOMEM)
		failure(me, "%s", strerror(-err));
	return !err;
}

/* Whatever the error is: what counts is that the kernel does not have the pages. */
static bool do_attack(struct worker *me)
{
	const struct gup_route *route = &gup_routes[choose(me, nr_gup_routes)];
	const size_t ps = dmabuf_page_size();
	bool hold = choose(me, 2) || route->touches;
	struct window *w = me->w;
	unsigned long page, nr;
	unsigned int seq;
	bool known, refused;
	int ret;

	if (hold)
		pthread_mutex_lock(&w->lock);
	seq = window_seq(w);
	page = choose(me, w->nr ?: 1);
	nr = w->nr - page;
	if (nr > 16)
		nr = 16;
	ret = gup_route_run(route, w->map + page * ps, (1 + choose(me, nr ?: 1)) * ps);
	/* of what the thread has mapped where nothing else is, EFAULT says nothing */
	known = unchanged(w, seq);
	if (ret == ROUTE_OPEN && known)
		failure(me, "%s took pages at %lu, prot %d", route->name, page, w->prot);
	refused = known && ret == -route->refusal;
	if (known)
		count_up(&all->tried[route - gup_routes]);
	if (refused)
		count_up(&all->refused[route - gup_routes]);
	if (hold)
		pthread_mutex_unlock(&w->lock);
	return refused;
}

/* How many there are of each kind, in about a thousand operations */
static const struct {
	const char *name;
	unsigned int weight;
	bool (*run)(struct worker *me);	/* false: nothing was done */
} kinds[NR_KINDS] = {
	[READ]		= { "read", 420, do_read },
	[WRITE]		= { "write", 300, do_write },
	[PEEK]		= { "peek", 30, do_peek },
	[MAP]		= { "map", 50, do_map },
	[UNMAP]		= { "unmap", 20, do_unmap },
	[REMAP]		= { "mremap", 10, do_remap },
	[PROTECT]	= { "mprotect", 20, do_protect },
	[ADVISE]	= { "madvise", 30, do_advise },
	[POPULATE]	= { "populate", 5, do_populate },
	[LOCK]		= { "mlock", 5, do_lock },
	[THP]		= { "thp", 40, do_thp },
	[SYNC]		= { "sync", 20, do_sync },
	[ASIDE]		= { "aside", 5, do_aside },
	[FORK]		= { "fork", 2, do_fork },
	[ALLOC]		= { "alloc", 1, do_alloc },
	[MOVE]		= { "move", 5, do_move },
	[ATTACK]	= { "attack", 20, do_attack },
	[RACE]		= { "race", 0, NULL },	/* see run_race() */
};

static const char *kind_name(enum kind kind)
{
	return kinds[kind].name;
}

static enum kind choose_kind(unsigned long long r)
{
	unsigned int sum = 0;
	enum kind kind;

	for (kind = 0; kind < NR_KINDS; kind++)
		sum += kinds[kind].weight;
	r %= sum;
	for (kind = 0; r >= kinds[kind].weight; kind++)
		r -= kinds[kind].weight;
	return kind;
}

static void count_operation(struct worker *me)
{
	all->done[me->index][me->w->source - sources][me->kind]++;
	all->ops[me->index]++;
}

static void operation(struct worker *me, unsigned int hot)
{
	unsigned long long r = draw(me);
	unsigned int source = r % 4 ? hot : (r >> 2) % nr_present;

	me->w = window(source * NR_WINDOWS + (r >> 32) % NR_WINDOWS);
	me->kind = choose_kind(draw(me));
	me->r = draw(me);
	if (me->kind == MOVE && !me->w->source->exp->moves)
		me->kind = READ;
	if (kinds[me->kind].run(me))
		count_operation(me);
}

/*
 * Two threads at the same time
 */

static void race_page(struct worker *me, unsigned long page, bool write)
{
	struct window *w = me->w;
	struct seen seen = { };
	int sig;

	sig = touch(w->map + page * dmabuf_page_size(), write, w->stamp + page, &seen);
	if (sig || !seen.right)
		failure(me, "page %lu: signal %d, it begins with %#lx", page, sig,
			seen.word);
}

/* Both touch what has no page table yet. One switches huge pages off or on. */
static void race_thp(struct worker *me, unsigned int round)
{
	if (!me->thread)
		prctl(PR_SET_THP_DISABLE, round & 1, 0, 0, 0);
	race_page(me, round * (me->thread + 1) % me->w->nr, round & 2);
}

/* One forks, and the other moves the buffer. */
static bool race_fork(struct worker *me)
{
	unsigned long page;
	int status = 0;
	pid_t pid;

	if (me->thread)
		return !dmabuf_move(&me->w->source->slots[COMMON].buf);
	pid = fork();
	if (!pid) {
		for (page = 0; page < me->w->nr; page += 8)
			race_page(me, page, false);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		failure(me, "the child ended with status %#x", status);
	return pid > 0;
}

static bool forks(const struct window *w, unsigned int round)
{
	return w->source->exp->moves && round % 8 == 0;
}

/* Which of the two comes first, and by how much, is left to chance. */
static void dawdle(struct worker *me)
{
	unsigned long n = choose(me, 1 << choose(me, 16));

	while (n--)
		asm volatile("" : : : "memory");
}

static void race_once(struct worker *me, unsigned int round)
{
	bool done = true;

	dawdle(me);
	if (forks(me->w, round))
		done = race_fork(me);
	else
		race_thp(me, round);
	if (done)
		count_operation(me);
}

/* The other thread may have to get a processor first. */
static void wait_for_round(const unsigned int *what, unsigned int round)
{
	unsigned int tries = 0;

	while (__atomic_load_n(what, __ATOMIC_ACQUIRE) != round)
		if (!(++tries & 0xff))
			sched_yield();
}

static void lead_race(struct worker *me)
{
	struct slot *slot = &me->w->source->slots[COMMON];
	struct window *w = me->w;
	unsigned int round;

	begin_change(w);
	w->nr = slot->nr;
	w->prot = RW;
	w->shared = true;
	for (round = 1; round <= RACES; round++) {
		map_part(me, w, slot, 0, place(w, 0, 0), 0);
		if (forks(w, round)) {
			prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
			race_page(me, 0, true);
		}
		__atomic_store_n(&race.round, round, __ATOMIC_RELEASE);
		wait_for_round(&race.here, round);
		race_once(me, round);
		wait_for_round(&race.done, round);
	}
	end_change(w);
}

static void follow_race(struct worker *me)
{
	unsigned int round;

	for (round = 1; round <= RACES; round++) {
		wait_for_round(&race.round, round);
		__atomic_store_n(&race.here, round, __ATOMIC_RELEASE);
		race_once(me, round);
		__atomic_store_n(&race.done, round, __ATOMIC_RELEASE);
	}
}

/* The others wait, so that there are processors for the two. */
static void run_race(struct worker *me, unsigned int hot)
{
	me->w = window(hot * NR_WINDOWS);
	me->kind = RACE;
	me->r = draw(me);
	if (!me->thread)
		lead_race(me);
	else if (me->thread == 1)
		follow_race(me);
	pthread_barrier_wait(&barrier);
}

/* Whether there is another phase: all threads get the same answer. */
static bool go_on(void)
{
	if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
		stop_here = stopped();
	pthread_barrier_wait(&barrier);
	return !stop_here;
}

static void *work(void *arg)
{
	struct worker *me = arg;
	unsigned long limit = operations / (nr_processes * nr_threads) ?: 1;
	unsigned int hot, phase;

	for (phase = 0; (!operations || me->n < limit) && go_on(); phase++) {
		hot = mix(seed ^ mix((unsigned long long)process << 32 | phase)) %
		      nr_present;
		if (nr_threads > 1)
			run_race(me, hot);
		do {
			if (!stopped())
				operation(me, hot);
		} while (++me->n % PHASE);
	}
	return NULL;
}

static void set_up_process(void)
{
	struct worker me = { .state = seed };
	unsigned int i, j;
	int err;

	catch_faults();
	mem_fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	next_stamp = (unsigned long)(process + 1) << (sizeof(long) > 4 ? 40 : 27);
	windows = mmap(NULL, nr_present * NR_WINDOWS * dmabuf_page_size(), RW,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem_fd < 0 || windows == MAP_FAILED)
		_exit(KSFT_FAIL);

	for (i = 0; i < nr_present; i++) {
		struct source *s = present[i];

		/* if there is no second one, then both are the first */
		err = get_buffer(s, &s->slots[OWN]);
		if (err && !is_taken(err)) {
			ksft_print_msg("%s: a second buffer: %s\n", s->exp->name,
				       s->slots[OWN].buf.why);
			_exit(KSFT_FAIL);
		}
		if (err) {
			s->slots[OWN] = s->slots[COMMON];
			s->slots[OWN].buf.fd = dup(s->slots[COMMON].buf.fd);
		}
		for (j = 0; j < NR_SLOTS; j++)
			pthread_mutex_init(&s->slots[j].lock, NULL);
		for (j = 0; j < NR_WINDOWS; j++) {
			struct window *w = window(i * NR_WINDOWS + j);

			pthread_mutex_init(&w->lock, NULL);
			w->source = s;
			me.w = w;
			me.kind = MAP;
			if (!reserve(w))
				_exit(KSFT_FAIL);
			me.r = draw(&me);
			do_map(&me);
		}
	}
}

static int run_process(void)
{
	struct worker workers[nr_threads];
	pthread_t threads[nr_threads];
	unsigned int i;

	set_up_process();
	pthread_barrier_init(&barrier, NULL, nr_threads);
	memset(workers, 0, sizeof(workers));
	for (i = 0; i < nr_threads; i++) {
		struct worker *me = &workers[i];

		me->thread = i;
		me->index = process * nr_threads + i;
		me->state = mix(seed ^ mix(me->index));
		me->page = malloc(dmabuf_page_size());
		if (!me->page || pthread_create(&threads[i], NULL, work, me))
			_exit(KSFT_FAIL);
	}
	for (i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	return KSFT_PASS;
}

/*
 * All of it
 */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static unsigned long ops_done(void)
{
	unsigned long sum = 0;
	unsigned int i;

	for (i = 0; i < nr_processes * nr_threads; i++)
		sum += all->ops[i];
	return sum;
}

static void print_progress(double since)
{
	unsigned long sum = ops_done();

	ksft_print_msg("%lu operations, %.0f s, %.0f/s\n", sum, now() - since,
		       sum / (now() - since));
	fflush(stdout);
}

/* Until all processes have ended; false if one did not end well, or at all */
static bool wait_for_processes(double begin)
{
	double told = begin, moved = begin;
	unsigned int left = nr_processes;
	unsigned long ops = 0;
	bool good = true;
	int status;
	pid_t pid;

	while (left) {
		pid = waitpid(-1, &status, WNOHANG);
		if (pid > 0) {
			left--;
			if (status) {
				ksft_print_msg("a process ended with status %#x\n",
					       status);
				__atomic_store_n(&all->stop, 1, __ATOMIC_SEQ_CST);
				good = false;
			}
			continue;
		}
		usleep(100000);
		if (seconds && now() - begin >= seconds)
			__atomic_store_n(&all->stop, 1, __ATOMIC_SEQ_CST);
		if (now() - told < PROGRESS)
			continue;
		told = now();
		print_progress(begin);
		if (ops != ops_done())
			moved = told;
		ops = ops_done();
		if (told - moved > STUCK) {
			ksft_print_msg("nothing has happened for %d s\n", STUCK);
			return false;
		}
	}
	return good;
}

static bool storm(void)
{
	double begin = now();
	bool good;

	for (process = 0; process < nr_processes; process++) {
		pid_t pid = fork();

		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(run_process());
		}
		if (pid < 0)
			ksft_exit_fail_perror("fork");
	}
	good = wait_for_processes(begin);
	print_progress(begin);
	return good && !all->failed;
}

static unsigned long count(unsigned int source, enum kind kind)
{
	unsigned long sum = 0;
	unsigned int i;

	for (i = 0; i < nr_processes * nr_threads; i++)
		sum += all->done[i][source][kind];
	return sum;
}

static void print_counts(void)
{
	enum kind kind;
	unsigned int i;

	printf("# %-16s", "operations");
	for (kind = 0; kind < NR_KINDS; kind++)
		printf(" %8s", kind_name(kind));
	printf("\n");
	for (i = 0; i < nr_sources; i++) {
		if (!sources[i].there)
			continue;
		printf("# %-16s", sources[i].exp->name);
		for (kind = 0; kind < NR_KINDS; kind++)
			printf(" %8lu", count(i, kind));
		printf("\n");
	}
	for (i = 0; i < nr_gup_routes; i++)
		ksft_print_msg("%s tried %lu times, refused %lu times\n",
			       gup_routes[i].name, all->tried[i], all->refused[i]);
}

/*
 * Every route that takes ordinary memory has to have been refused: otherwise it
 * came to an end before it asked for the pages.
 */
static void test_attacks(const bool *takes)
{
	unsigned int i, bad = 0, tried = 0;

	for (i = 0; i < nr_gup_routes; i++) {
		if (!takes[i] || !all->tried[i])
			continue;
		tried++;
		bad += !all->refused[i];
	}
	if (!tried)
		ksft_test_result_code(KSFT_SKIP, "attacks", "none was made");
	else
		ksft_test_result_code(verdict(!bad), "attacks",
				      "%u of %u routes were refused", tried - bad,
				      nr_gup_routes);
}

/* Which routes there are: they take the pages of a file. */
static void find_routes(bool *takes)
{
	size_t len = 16 * dmabuf_page_size();
	char why[160];
	unsigned int i;
	int fd = dmabuf_memfd("shmem", len, why, sizeof(why));
	char *map = mmap(NULL, len, RW, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		ksft_exit_fail_perror("mmap of a memfd");
	for (i = 0; i < nr_gup_routes; i++)
		takes[i] = gup_route_run(&gup_routes[i], map, len) == ROUTE_OPEN;
	munmap(map, len);
	close(fd);
}

/* Pages of @s whose number is not the sum of all that was added */
static unsigned long wrong_sums(struct source *s)
{
	struct slot *slot = &s->slots[COMMON];
	unsigned long page, wrong = 0;
	char *map = dmabuf_map(&slot->buf, PROT_READ, MAP_SHARED);

	if (map == MAP_FAILED)
		return slot->nr;
	for (page = 0; page < slot->nr; page++)
		wrong += *number_of(map + page * dmabuf_page_size()) !=
			 all->added[s - sources][page];
	munmap(map, slot->buf.size);
	return wrong;
}

static void test_sums(void)
{
	unsigned long wrong = 0;
	unsigned int i;

	for (i = 0; i < nr_present; i++)
		wrong += wrong_sums(present[i]);
	ksft_test_result_code(verdict(!wrong), "sums", "%lu pages lost a write", wrong);
}

/*
 * What is left
 */

struct left {
	long buffers;	/* -1: nobody counts them */
	long huge;
};

static struct left count_left(void)
{
	return (struct left) {
		.buffers = dmabuf_count(),
		.huge = dmabuf_read_number("/proc/meminfo",
					   "HugePages_Free: %ld%n"),
	};
}

/* The last reference to a file is not put before its last user is through. */
static bool all_released(struct left before)
{
	struct left after;
	int tries;

	for (tries = 0; tries < 100; tries++) {
		after = count_left();
		if (after.buffers == before.buffers && after.huge == before.huge)
			return true;
		usleep(100000);
	}
	ksft_print_msg("%ld buffers, %ld before; %ld huge pages free, %ld before\n",
		       after.buffers, before.buffers, after.huge, before.huge);
	return false;
}

/* @counted: how many more there were, with all that are in the table */
static void test_released(struct left before, long counted)
{
	unsigned int i;

	for (i = 0; i < nr_present; i++)
		counted -= !present[i]->exp->foreign;
	if (before.buffers < 0)
		ksft_test_result_code(KSFT_SKIP, "released", "needs root, CONFIG_DEBUG_FS");
	else if (counted < 0)
		ksft_test_result_code(KSFT_FAIL, "released",
				      "%ld buffers are not counted", -counted);
	else
		ksft_test_result_code(verdict(all_released(before)), "released", NULL);
}

static void test_kmemleak(bool there)
{
	long leaks;

	if (!there) {
		ksft_test_result_code(KSFT_SKIP, "kmemleak",
				      "needs root, CONFIG_DEBUG_KMEMLEAK, kmemleak=on");
		return;
	}
	leaks = dmabuf_leaks();
	if (leaks < 0)
		ksft_test_result_code(KSFT_FAIL, "kmemleak", "has switched itself off");
	else
		ksft_test_result_code(verdict(!leaks), "kmemleak", "%ld leaks",
				      leaks);
}

/* Before anybody has added something: that starts from nothing. */
static void look_at(struct source *s)
{
	struct slot *slot = &s->slots[COMMON];
	char *map = dmabuf_map(&slot->buf, RW, MAP_SHARED);
	unsigned long page;

	if (map == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	s->eager = dmabuf_is_eager(map);
	for (page = 0; page < slot->nr; page++)
		*number_of(map + page * dmabuf_page_size()) = 0;
	munmap(map, slot->buf.size);
}

static void get_common(void)
{
	unsigned int i;

	nr_present = 0;
	for (i = 0; i < nr_sources; i++) {
		struct source *s = &sources[i];
		struct slot *slot = &s->slots[COMMON];
		int err = get_buffer(s, slot);

		if (err == -ENODEV)
			continue;
		if (err)
			ksft_exit_fail_msg("%s: %s\n", s->exp->name, slot->buf.why);
		s->there = true;
		look_at(s);
		/* a second one may be larger, if it is not what was asked for */
		s->max_nr = slot->nr;
		present[nr_present++] = s;
	}
}

static void put_common(void)
{
	unsigned int i;

	for (i = 0; i < nr_present; i++)
		dmabuf_put(&present[i]->slots[COMMON].buf);
}

/*
 * Memory pressure: the process that takes all the memory is the one that has to
 * go, with its mappings of all buffers.
 */

static void eat(void)
{
	const size_t bite = 8 << 20;
	char *p;

	for (;;) {
		p = mmap(NULL, bite, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			_exit(KSFT_FAIL);
		memset(p, 1, bite);
	}
}

static unsigned long wrong_pages(char **maps)
{
	unsigned long wrong = 0;
	unsigned int i;

	for (i = 0; i < nr_present; i++) {
		struct slot *slot = &present[i]->slots[COMMON];

		wrong += dmabuf_check(maps[i], slot->nr * dmabuf_page_size(),
				      slot->stamp);
	}
	return wrong;
}

static void map_all(char **maps)
{
	unsigned int i;

	for (i = 0; i < nr_present; i++) {
		maps[i] = dmabuf_map(&present[i]->slots[COMMON].buf, RW, MAP_SHARED);
		if (maps[i] == MAP_FAILED)
			ksft_exit_fail_perror("mmap");
	}
}

static void unmap_all(char **maps)
{
	unsigned int i;

	for (i = 0; i < nr_present; i++)
		munmap(maps[i], present[i]->slots[COMMON].buf.size);
}

static void test_pressure(struct left before)
{
	long kills = dmabuf_read_number("/proc/vmstat", "oom_kill %ld%n");
	unsigned long wrong = 0, rounds = 0;
	char *maps[MAX_EXPORTERS];
	double begin = now();
	int status = 0;
	pid_t pid;

	get_common();
	map_all(maps);
	wrong += wrong_pages(maps);
	fflush(stdout);
	pid = fork();
	if (!pid)
		eat();
	/* the kernel has to find page tables for this meanwhile */
	while (pid > 0 && !waitpid(pid, &status, WNOHANG)) {
		unmap_all(maps);
		map_all(maps);
		wrong += wrong_pages(maps);
		rounds++;
	}
	wrong += wrong_pages(maps);
	unmap_all(maps);
	put_common();
	kills = dmabuf_read_number("/proc/vmstat", "oom_kill %ld%n") - kills;
	ksft_print_msg("out of memory after %.0f s, %ld killed, mapped %lu times meanwhile\n",
		       now() - begin, kills, rounds);
	ksft_test_result_code(verdict(pid > 0 && WIFSIGNALED(status) &&
				      WTERMSIG(status) == SIGKILL && kills == 1 &&
				      !wrong && all_released(before)),
			      "out_of_memory", "status %#x, %lu pages wrong", status,
			      wrong);
}

static void report(bool good)
{
	unsigned int i;

	for (i = 0; i < nr_sources; i++) {
		struct source *s = &sources[i];

		if (!s->there)
			ksft_test_result_code(KSFT_SKIP, s->exp->name, "%s (needs %s)",
					      s->slots[COMMON].buf.why, s->exp->needs);
		else if (all->failed && all->failed_source == (int)i)
			ksft_test_result_code(KSFT_FAIL, s->exp->name, "%s", all->why);
		else
			ksft_test_result_code(KSFT_PASS, s->exp->name, NULL);
	}
	ksft_test_result_code(verdict(good), "storm", "seed %llu, %lu operations", seed,
			      ops_done());
}

static void explain(const char *name)
{
	fprintf(stderr,
		"usage: %s [OPTION...]\n"
		"  -n OPERATIONS   stop after so many\n"
		"  -t SECONDS      stop after so long (default: 60, without -n)\n"
		"  -s SEED         what the order of the operations depends on\n"
		"  -p PROCESSES    how many of them (default: %u)\n"
		"  -j THREADS      how many in each (default: %u)\n"
		"  -v EXPORTER     only this one, and others named so\n"
		"  -V EXPORTER     not this one\n"
		"  -m              use up all memory as well: not for a machine in use\n",
		name, nr_processes, nr_threads);
	exit(KSFT_FAIL);
}

static const struct dmabuf_exporter *find(const char *name)
{
	const struct dmabuf_exporter *exp = dmabuf_exporter_find(name);

	if (!exp)
		ksft_exit_fail_msg("%s: no such exporter\n", name);
	return exp;
}

static void parse(int argc, char **argv)
{
	bool only[MAX_EXPORTERS] = { }, without[MAX_EXPORTERS] = { };
	bool any = false;
	unsigned int i;
	int opt;

	seed = mix(time(NULL) ^ getpid()) >> 32;
	while ((opt = getopt(argc, argv, "n:t:s:p:j:v:V:m")) != -1) {
		switch (opt) {
		case 'n':
			operations = strtoul(optarg, NULL, 0);
			break;
		case 't':
			seconds = strtoul(optarg, NULL, 0);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'p':
			nr_processes = strtoul(optarg, NULL, 0);
			break;
		case 'j':
			nr_threads = strtoul(optarg, NULL, 0);
			break;
		case 'v':
			only[find(optarg) - dmabuf_exporters] = true;
			any = true;
			break;
		case 'V':
			without[find(optarg) - dmabuf_exporters] = true;
			break;
		case 'm':
			pressure = true;
			break;
		default:
			explain(argv[0]);
		}
	}
	if (optind < argc || !nr_threads || !nr_processes ||
	    nr_processes * nr_threads > MAX_WORKERS)
		explain(argv[0]);
	if (!operations && !seconds)
		seconds = 60;
	for (i = 0; i < nr_dmabuf_exporters; i++)
		if ((only[i] || !any) && !without[i])
			sources[nr_sources++].exp = &dmabuf_exporters[i];
}

int main(int argc, char **argv)
{
	bool takes[MAX_ROUTES] = { };
	struct left before;
	bool good, kmemleak;
	long counted;

	parse(argc, argv);
	ksft_print_header();
	ksft_print_msg("seed %llu, %u processes of %u threads\n", seed, nr_processes,
		       nr_threads);
	fflush(stdout);

	all = mmap(NULL, sizeof(*all), RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	kmemleak = !dmabuf_forget_leaks();
	before = count_left();
	get_common();
	counted = dmabuf_count() - before.buffers;
	if (!nr_present)
		ksft_exit_skip("no exporter here\n");
	find_routes(takes);
	ksft_set_plan(nr_sources + 5 + pressure);
	good = storm();
	print_counts();
	report(good);
	test_attacks(takes);
	test_sums();
	put_common();
	test_released(before, counted);
	test_kmemleak(kmemleak);
	if (pressure)
		test_pressure(before);
	ksft_finished();
}
