// SPDX-License-Identifier: GPL-2.0
/*
 * What userspace can do with a mapping of a dma-buf, and what it cannot.
 *
 * A mapping of a dma-buf is never ordinary memory: the CPU reads and writes it,
 * and nothing in the kernel gets at its pages through the mapping. Whoever
 * wants the memory takes the file descriptor.
 *
 * The same tests run for every exporter that this machine has. An exporter
 * whose device is missing is skipped; one that cannot be mapped fails.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/mman.h>
#include <linux/userfaultfd.h>

#include "kselftest_harness.h"
#include "dmabuf-exporters.h"

#define RW		(PROT_READ | PROT_WRITE)
#define BIG_SIZE	(2 * DMABUF_PMD_MAX)
#define NR_THREADS	4

/* Room for one huge entry and some more pages */
static size_t buf_size(void)
{
	return dmabuf_pmd_size() + 16 * dmabuf_page_size();
}

/* Without one the test ends here. */
static const struct dmabuf_exporter *
get_buffer(struct __test_metadata *_metadata, const char *name, struct dmabuf *buf)
{
	const struct dmabuf_exporter *exp = dmabuf_exporter_find(name);
	int err;

	ASSERT_NE(NULL, exp);
	err = dmabuf_get(exp, buf_size(), O_RDWR, buf);
	if (err == -ENODEV)
		SKIP(_exit(0), "%s (needs %s)", buf->why, exp->needs);
	ASSERT_EQ(0, err)
		TH_LOG("%s", buf->why);
	return exp;
}

/* All of it, shared, filled by dmabuf_fill() */
static char *map_buffer(struct __test_metadata *_metadata,
			const struct dmabuf *buf, size_t *len)
{
	char *map = dmabuf_map(buf, RW, MAP_SHARED);

	ASSERT_NE(MAP_FAILED, map)
		TH_LOG("mmap refused by the kernel: %s", strerror(errno));
	*len = buf->size & ~(dmabuf_page_size() - 1);
	dmabuf_fill(map, *len, 0);
	return map;
}

FIXTURE(dmabuf_mmap)
{
	const struct dmabuf_exporter *exp;
	struct dmabuf buf;
	size_t ps;		/* bytes a page */
	size_t len;		/* bytes that can be mapped */
	char *map;		/* by map_buffer() */
	int mem;		/* /proc/self/mem */
};

#define dmabuf_self FIXTURE_DATA(dmabuf_mmap)

FIXTURE_VARIANT(dmabuf_mmap)
{
	const char *exporter;
};

#define VARIANT(_fixture, _name)					\
FIXTURE_VARIANT_ADD(_fixture, _name)					\
{									\
	.exporter = #_name,						\
}

#define EXPORTER(_name)	VARIANT(dmabuf_mmap, _name)

EXPORTER(system);
EXPORTER(cma_default);
EXPORTER(cma_area);
EXPORTER(udmabuf);
EXPORTER(udmabuf_huge);
EXPORTER(udmabuf_thp);
EXPORTER(vgem);
EXPORTER(vkms);
EXPORTER(virtio_gpu);
EXPORTER(bochs);
EXPORTER(cirrus);
EXPORTER(qxl);
EXPORTER(vim2m);
EXPORTER(vivid_vmalloc);
EXPORTER(vivid_contig);
EXPORTER(vimc);
EXPORTER(vicodec);
EXPORTER(visl);
EXPORTER(mbochs);
EXPORTER(iommu_coherent);
EXPORTER(iommu_contiguous);
EXPORTER(iommu_scattered);
EXPORTER(iommu_pages);
EXPORTER(direct_coherent);
EXPORTER(direct_scattered);
EXPORTER(direct_pages);
EXPORTER(moving);
EXPORTER(fd);

FIXTURE_SETUP(dmabuf_mmap)
{
	self->ps = dmabuf_page_size();
	self->exp = get_buffer(_metadata, variant->exporter, &self->buf);
	if (self->buf.size < 16 * self->ps && !strcmp(self->exp->name, "fd"))
		SKIP(return, "DMABUF_FD has fewer than 16 pages");
	ASSERT_LE(16 * self->ps, self->buf.size);
	self->map = map_buffer(_metadata, &self->buf, &self->len);
	self->mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
}

/* A test is a process: what else it has mapped or open goes when it ends. */
FIXTURE_TEARDOWN(dmabuf_mmap)
{
	munmap(self->map, self->len);
	dmabuf_put(&self->buf);
}

/* Map again, without touching anything */
static char *map_part(struct __test_metadata *_metadata, dmabuf_self *self,
		      size_t offset, size_t len, int prot, int flags)
{
	char *map = mmap(NULL, len, prot, flags, self->buf.fd, offset);

	ASSERT_NE(MAP_FAILED, map)
		TH_LOG("%zu bytes at %zu, prot %d, flags %#x: %s", len, offset,
		       prot, flags, strerror(errno));
	return map;
}

static char *map_again(struct __test_metadata *_metadata, dmabuf_self *self)
{
	return map_part(_metadata, self, 0, self->len, RW, MAP_SHARED);
}

static void refuse_map(struct __test_metadata *_metadata, dmabuf_self *self,
		       size_t offset, size_t len, int prot, int flags, int err)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, len, prot, flags, self->buf.fd, offset))
		TH_LOG("mapped %zu bytes at %zu, prot %d, flags %#x", len, offset,
		       prot, flags);
	EXPECT_EQ(err, errno);
}

/* Pages that do not hold what page @offset of the buffer and onwards hold */
static unsigned long wrong_pages(dmabuf_self *self, char *map, size_t len,
				 size_t offset)
{
	return dmabuf_check(map, len, offset / self->ps);
}

/* A place in the buffer, in pages: 1, MIDDLE + 1, END, or, from the end, -1 */
#define MIDDLE		0x100000
#define END		0x200000

static size_t place(dmabuf_self *self, int page)
{
	if (page == END)
		return self->len;
	if (page >= MIDDLE)
		return (self->len / self->ps / 2 + page - MIDDLE) * self->ps;
	return page * self->ps + (page < 0 ? self->len : 0);
}

struct area {
	int from;
	int to;
	int prot;
};

/* A test that is the same for each of several areas */
#define TEST_AREAS(_name, _run, ...)					\
TEST_F_TIMEOUT(dmabuf_mmap, _name, 120)					\
{									\
	static const struct area areas[] = { __VA_ARGS__ };		\
	unsigned int i;							\
									\
	for (i = 0; i < ARRAY_SIZE(areas); i++)				\
		_run(_metadata, self, place(self, areas[i].from),	\
		     place(self, areas[i].to), areas[i].prot);		\
}

/* Where a mapping of @len bytes can be put with MAP_FIXED or mremap() */
static char *reserve(struct __test_metadata *_metadata, size_t len)
{
	char *to = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, to);
	return to;
}

/* Moves a mapping to another address. */
static char *move(struct __test_metadata *_metadata, char *map, size_t len)
{
	char *to = reserve(_metadata, len);

	ASSERT_EQ(to, mremap(map, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	return to;
}

/* All of the buffer, where huge entries can be */
static char *map_aligned(struct __test_metadata *_metadata, dmabuf_self *self)
{
	const size_t pmd = dmabuf_pmd_size();
	unsigned long to;

	to = (unsigned long)reserve(_metadata, self->len + pmd);
	to = (to + pmd - 1) & ~(pmd - 1);
	ASSERT_EQ((void *)to, mmap((void *)to, self->len, RW,
				   MAP_SHARED | MAP_FIXED, self->buf.fd, 0));
	return (char *)to;
}

/*
 * Another buffer in place of the fixture's, since some devices have one at a
 * time: 0 or -errno. It is not mapped.
 */
static int exchange(dmabuf_self *self, size_t size, int access)
{
	int err;

	munmap(self->map, self->len);
	dmabuf_put(&self->buf);
	err = dmabuf_get(self->exp, size, access, &self->buf);
	if (!err)
		self->len = self->buf.size & ~(self->ps - 1);
	return err;
}

/*
 * One of @size bytes, or as much less as this machine is short of memory, but of
 * @least, mapped and filled; without one the test ends here.
 */
static void get_large(struct __test_metadata *_metadata, dmabuf_self *self,
		      size_t size, size_t least)
{
	int err;

	do {
		err = exchange(self, size, O_RDWR);
		size /= 2;
	} while ((err == -ENODEV || err == -ENOMEM) && size >= least);
	if (!err && self->len < least)
		SKIP(_exit(0), "no buffer of %zu bytes, but of %zu", least,
		     self->len);
	if (err == -ENODEV || err == -ENOMEM)
		SKIP(_exit(0), "no buffer of %zu bytes: %s", least, self->buf.why);
	ASSERT_EQ(0, err)
		TH_LOG("%s", self->buf.why);
	self->map = map_aligned(_metadata, self);
	dmabuf_fill(self->map, self->len, 0);
}

/* At least two huge entries, and many where the exporter can make them */
static void get_huge(struct __test_metadata *_metadata, dmabuf_self *self)
{
	size_t least = 2 * dmabuf_pmd_size();

	get_large(_metadata, self, self->exp->huge ? BIG_SIZE : least, least);
}

/* One that is open for reading only, not mapped; without one the test ends here. */
static void get_read_only(struct __test_metadata *_metadata, dmabuf_self *self)
{
	int err = exchange(self, buf_size(), O_RDONLY);

	if (err == -EOPNOTSUPP)
		SKIP(_exit(0), "no read-only dma-buf: %s", self->buf.why);
	ASSERT_EQ(0, err)
		TH_LOG("%s", self->buf.why);
}

/*
 * Accesses that may end in a signal
 */

static sigjmp_buf fault_env;

static void fault_handler(int sig)
{
	siglongjmp(fault_env, sig);
}

static void touch(char *map, size_t len, size_t step, bool write)
{
	size_t off;
	char byte;

	for (off = 0; off < len; off += step) {
		byte = map[off];
		asm volatile("" : : "r" (byte) : "memory");
		if (write)
			map[off] = byte;
		asm volatile("" : : : "memory");
	}
}

/* The signal that the access raised, or 0 */
static int access_signal(char *addr, bool write)
{
	int sig = sigsetjmp(fault_env, 1);

	if (!sig) {
		signal(SIGSEGV, fault_handler);
		signal(SIGBUS, fault_handler);
		touch(addr, 1, 1, write);
	}
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	return sig;
}

/* What /proc says about the mapping at @addr: the line that begins with @key */
static bool find_line(const void *addr, const char *key, char *line, int len)
{
	unsigned long start, end, at = (unsigned long)addr;
	bool found = false;
	bool in = false;
	FILE *f;

	f = fopen("/proc/self/smaps", "r");
	if (!f)
		return false;
	while (!found && fgets(line, len, f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			in = start <= at && at < end;
		found = in && !strncmp(line, key, strlen(key));
	}
	fclose(f);
	return found;
}

/* -1: /proc does not tell */
static int has_flag(const void *addr, const char *flag)
{
	char line[512];

	return find_line(addr, "VmFlags:", line, sizeof(line)) ?
	       !!strstr(line + 8, flag) : -1;
}

/*
 * Routes of get_user_pages()
 */

/*
 * @want is ROUTE_OPEN, or the error by which the kernel says that it may not have
 * the pages: another one would hide that it takes them when it can. False: this
 * kernel does not have the route.
 */
static bool try_route(struct __test_metadata *_metadata,
		      const struct gup_route *route, char *addr, size_t len,
		      int want)
{
	int ret = gup_route_run(route, addr, len);

	if (ret == ROUTE_MISSING)
		return false;
	EXPECT_EQ(want, ret)
		TH_LOG("%s, %zu bytes at %p: %s", route->name, len, addr,
		       ret == ROUTE_OPEN ? "the kernel took the pages" :
		       strerror(-ret));
	return true;
}

static bool refuse(struct __test_metadata *_metadata,
		   const struct gup_route *route, char *addr, size_t len)
{
	return try_route(_metadata, route, addr, len, -route->refusal);
}

static void refuse_all(struct __test_metadata *_metadata, char *addr, size_t len,
		       bool writable)
{
	unsigned int i;

	for (i = 0; i < nr_gup_routes; i++)
		if (writable || !gup_routes[i].write)
			refuse(_metadata, &gup_routes[i], addr, len);
}

static void test_route(struct __test_metadata *_metadata, const char *name,
		       char *map, size_t len, bool open)
{
	const struct gup_route *route = gup_route_find(name);
	const size_t ps = dmabuf_page_size();
	int want;

	ASSERT_NE(NULL, route);
	want = open ? ROUTE_OPEN : -route->refusal;
	if (!try_route(_metadata, route, map, ps, want))
		SKIP(return, "needs %s", route->needs);
	/* it is there: it may not be missing any more */
	EXPECT_TRUE(try_route(_metadata, route, map, 16 * ps, want));
	EXPECT_TRUE(try_route(_metadata, route, map + len - ps, ps, want));
	EXPECT_EQ(0, dmabuf_check(map, len, 0));
}

/* Proof that a route is one: ordinary memory can be had through it. */
FIXTURE(memfd_control)
{
	int fd;
	size_t len;
	char *map;
};

FIXTURE_SETUP(memfd_control)
{
	char why[160];

	self->len = 16 * dmabuf_page_size();
	self->fd = dmabuf_memfd("shmem", self->len, why, sizeof(why));
	ASSERT_LE(0, self->fd)
		TH_LOG("%s", why);
	self->map = mmap(NULL, self->len, RW, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	dmabuf_fill(self->map, self->len, 0);
}

FIXTURE_TEARDOWN(memfd_control)
{
	munmap(self->map, self->len);
	close(self->fd);
}

#define ROUTE(_name)							\
TEST_F(memfd_control, _name)						\
{									\
	test_route(_metadata, #_name, self->map, self->len, true);	\
}									\
									\
TEST_F(dmabuf_mmap, refuses_##_name)					\
{									\
	test_route(_metadata, #_name, self->map, self->len, false);	\
}

ROUTE(gup_slow)
ROUTE(gup_slow_write)
ROUTE(gup_fast)
ROUTE(gup_fast_write)
ROUTE(pin_slow)
ROUTE(pin_slow_write)
ROUTE(pin_fast)
ROUTE(pin_fast_write)
ROUTE(longterm_slow)
ROUTE(longterm_slow_write)
ROUTE(longterm_fast)
ROUTE(longterm_fast_write)
ROUTE(vmsplice)
ROUTE(vmsplice_gift)
ROUTE(process_vm_readv)
ROUTE(process_vm_writev)
ROUTE(o_direct_write)
ROUTE(o_direct_read)
ROUTE(io_uring_fixed)
ROUTE(v4l2_userptr)
ROUTE(msg_zerocopy)
ROUTE(futex_shared)

TEST_F(dmabuf_mmap, refuses_all_untouched)
{
	char *map = map_again(_metadata, self);

	refuse_all(_metadata, map, 16 * self->ps, true);
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
}

TEST_F(dmabuf_mmap, refuses_all_read_only)
{
	char *map = map_part(_metadata, self, 0, self->len, PROT_READ, MAP_SHARED);

	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	refuse_all(_metadata, map, 16 * self->ps, false);
}

TEST_F(dmabuf_mmap, refuses_all_after_split)
{
	size_t at = place(self, MIDDLE);

	ASSERT_EQ(0, mprotect(self->map + at, self->ps, PROT_READ));
	dmabuf_fill(self->map, at, 0);
	refuse_all(_metadata, self->map, 16 * self->ps, true);
	refuse_all(_metadata, self->map + at - self->ps, self->ps, true);
	refuse_all(_metadata, self->map + at, self->ps, false);
	refuse_all(_metadata, self->map + at + self->ps, self->ps, true);
}

TEST_F(dmabuf_mmap, refuses_all_after_move)
{
	self->map = move(_metadata, self->map, self->len);
	refuse_all(_metadata, self->map, 16 * self->ps, true);
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	refuse_all(_metadata, self->map, 16 * self->ps, true);
}

/* What a child does counts in the parent: _metadata is shared. */
static void in_child(struct __test_metadata *_metadata, pid_t pid)
{
	pid_t ended = -ECHILD;
	int status;

	/* No assertion before it is gone: a failed EXPECT there would trip it. */
	if (pid > 0)
		ended = waitpid(pid, &status, 0);
	ASSERT_EQ(pid, ended);
	EXPECT_EQ(0, status);
}

TEST_F(dmabuf_mmap, refuses_all_after_fork)
{
	pid_t pid = fork();

	if (!pid) {
		refuse_all(_metadata, self->map, 16 * self->ps, true);
		dmabuf_fill(self->map, self->len, 0);
		refuse_all(_metadata, self->map, 16 * self->ps, true);
		_exit(0);
	}
	in_child(_metadata, pid);
	refuse_all(_metadata, self->map, 16 * self->ps, true);
}

/*
 * The mapping itself
 */

TEST_F(dmabuf_mmap, vm_flags)
{
	EXPECT_EQ(1, has_flag(self->map, "pf"));
	EXPECT_EQ(0, has_flag(self->map, "mm"));
	EXPECT_EQ(1, has_flag(self->map, "de"));
	EXPECT_EQ(1, has_flag(self->map, "dd"));
}

TEST_F(dmabuf_mmap, vm_file)
{
	char line[512];

	ASSERT_TRUE(find_line(self->map, "", line, sizeof(line)));
	EXPECT_NE(NULL, strstr(line, "/dmabuf:"))
		TH_LOG("%s", line);
}

TEST_F(dmabuf_mmap, cpu_access)
{
	char *map = map_again(_metadata, self);
	size_t i;

	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	for (i = 0; i < self->len; i++)
		map[i] = i * 7 + (i >> 12);
	EXPECT_EQ(0, memcmp(map, self->map, self->len));
	for (i = 0; i < self->len; i += 509)
		ASSERT_EQ((char)(i * 7 + (i >> 12)), self->map[i]);
}

TEST_F(dmabuf_mmap, sync_ioctl)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };

	ASSERT_EQ(0, ioctl(self->buf.fd, DMA_BUF_IOCTL_SYNC, &sync));
	dmabuf_fill(self->map, self->len, 5);
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	ASSERT_EQ(0, ioctl(self->buf.fd, DMA_BUF_IOCTL_SYNC, &sync));
	EXPECT_EQ(0, dmabuf_check(self->map, self->len, 5));
}

/*
 * System calls that copy are as good as the CPU: nothing keeps a page.
 */

TEST_F(dmabuf_mmap, buffered_io)
{
	int fd = memfd_create("buffered", MFD_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(self->len, pwrite(fd, self->map, self->len, 0));
	memset(self->map, 0, self->len);
	ASSERT_EQ(self->len, pread(fd, self->map, self->len, 0));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
}

/*
 * Each span, by channel @i / 2, in one piece or in three. What is written from @map
 * is what @same has as well; what is read to @map gets to @same, and nothing else
 * does.
 */
static void copy_spans(struct __test_metadata *_metadata, unsigned int i, bool out,
		       char *map, const char *same, size_t all)
{
	const struct dmabuf_channel *channel = &dmabuf_channels[i / 2];
	char *copy = malloc(all);
	size_t off, len, b;
	unsigned int k;
	int ret;

	ASSERT_NE(NULL, copy);
	memcpy(copy, same, all);
	for (k = 0; k < nr_dmabuf_spans; k++) {
		if (!dmabuf_span(k, map, all, &off, &len))
			continue;
		for (b = 0; b < len; b++)
			copy[off + b] = i + k * 31 + b * 5 + b / 241;
		ret = dmabuf_copy(channel, out, i & 1 ? 3 : 1, map + off,
				  copy + off, len);
		EXPECT_TRUE(!ret || ret == ROUTE_MISSING)
			TH_LOG("%s, %zu bytes at %zu, %s: %s", channel->name, len,
			       off, i & 1 ? "three pieces" : "one", strerror(-ret));
		if (ret)
			break;
		ASSERT_EQ(0, memcmp(copy, same, all))
			TH_LOG("%s, %zu bytes at %zu: wrong bytes",
			       channel->name, len, off);
	}
	free(copy);
}

/* Each way begins with pages that are not there yet. */
static void copy_all(struct __test_metadata *_metadata, dmabuf_self *self, bool out)
{
	unsigned int i;
	char *map;

	for (i = 0; i < self->len; i++)
		self->map[i] = i * 7 + i / 251;
	for (i = 0; i < 2 * nr_dmabuf_channels; i++) {
		map = map_again(_metadata, self);
		copy_spans(_metadata, i, out, map, self->map, self->len);
		munmap(map, self->len);
	}
}

TEST_F_TIMEOUT(dmabuf_mmap, copied_from, 120)
{
	copy_all(_metadata, self, true);
}

TEST_F_TIMEOUT(dmabuf_mmap, copied_to, 120)
{
	copy_all(_metadata, self, false);
}

/*
 * Private mappings
 */

/* A written page of one would be an ordinary anonymous page. */
static void refuse_private(struct __test_metadata *_metadata, dmabuf_self *self,
			   size_t from, size_t to, int prot)
{
	char *map = mmap(NULL, to - from, prot, MAP_PRIVATE, self->buf.fd, from);

	EXPECT_EQ(MAP_FAILED, map)
		TH_LOG("private mapping of %zu bytes, prot %d", to - from, prot);
	if (map == MAP_FAILED) {
		EXPECT_EQ(EINVAL, errno);
		return;
	}
	if (prot & PROT_WRITE && !access_signal(map, true))
		refuse_all(_metadata, map, self->ps, true);
	munmap(map, to - from);
}

TEST_AREAS(private_writable, refuse_private, { 0, 1, RW }, { 0, 16, RW },
	   { 0, END, RW }, { 0, END, PROT_WRITE })

static void refuse_write(struct __test_metadata *_metadata, char *map, size_t len)
{
	EXPECT_EQ(-1, mprotect(map, len, RW));
	EXPECT_EQ(EACCES, errno);
}

/*
 * One that was mapped for reading is none of that, and stays so: it can never
 * become writable. Programs that look at a picture map it in this way.
 */
static void check_private(struct __test_metadata *_metadata, char *map,
			  size_t len, int prot, const char *same)
{
	const size_t ps = dmabuf_page_size();

	EXPECT_EQ(1, has_flag(map, "pf"));
	EXPECT_EQ(0, has_flag(map, "mm"));
	EXPECT_EQ(0, has_flag(map, "mw"));

	if (prot == PROT_NONE) {
		EXPECT_EQ(SIGSEGV, access_signal(map, false));
		refuse_write(_metadata, map, len);
		refuse(_metadata, gup_route_find("gup_fast"), map, ps);
		refuse(_metadata, gup_route_find("gup_slow"), map, ps);
		ASSERT_EQ(0, mprotect(map, len, PROT_READ));
	}
	/* before there is an entry, and after */
	refuse_all(_metadata, map, ps, true);
	EXPECT_EQ(0, memcmp(map, same, len));
	EXPECT_EQ(SIGSEGV, access_signal(map, true));
	refuse_write(_metadata, map, len);
	refuse_write(_metadata, map + len - ps, ps);
	EXPECT_EQ(SIGSEGV, access_signal(map, true));
	refuse_all(_metadata, map, ps, true);
	refuse_all(_metadata, map + len - ps, ps, true);
	EXPECT_EQ(0, memcmp(map, same, len));
}

static void accept_private(struct __test_metadata *_metadata, dmabuf_self *self,
			   size_t from, size_t to, int prot)
{
	size_t len = to - from;
	char *map = map_part(_metadata, self, from, len, prot, MAP_PRIVATE);

	check_private(_metadata, map, len, prot, self->map + from);
	/* what it shows is the buffer, not what was there once */
	if (self->buf.access == O_RDWR) {
		dmabuf_fill(self->map, self->len, 100);
		EXPECT_EQ(0, dmabuf_check(map, len, 100 + from / self->ps));
		dmabuf_fill(self->map, self->len, 0);
		EXPECT_EQ(0, wrong_pages(self, map, len, from));
	}
	munmap(map, len);
}

TEST_AREAS(private_read_only, accept_private, { 0, 1, PROT_READ },
	   { 0, 16, PROT_READ }, { 0, END, PROT_READ })
TEST_AREAS(private_none, accept_private, { 0, 1, PROT_NONE }, { 0, END, PROT_NONE })
TEST_AREAS(private_offset, accept_private,
	   { 3, 5, PROT_READ }, { MIDDLE, END, PROT_READ },
	   { -1, END, PROT_READ }, { -1, END, PROT_NONE })

/* Not by the way of a split, of a move or of a copy either */
TEST_F_TIMEOUT(dmabuf_mmap, private_changed, 120)
{
	const size_t middle = place(self, MIDDLE);
	const size_t after = place(self, MIDDLE + 1);
	char *map = map_part(_metadata, self, 0, self->len, PROT_READ, MAP_PRIVATE);
	pid_t pid;

	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	pid = fork();
	if (!pid) {
		check_private(_metadata, map, self->len, PROT_READ, self->map);
		_exit(0);
	}
	in_child(_metadata, pid);

	map = move(_metadata, map, self->len);
	check_private(_metadata, map, self->len, PROT_READ, self->map);
	ASSERT_EQ(0, munmap(map + middle, self->ps));
	check_private(_metadata, map, middle, PROT_READ, self->map);
	check_private(_metadata, map + after, self->len - after, PROT_READ,
		      self->map + after);
	ASSERT_EQ(0, mprotect(map + self->ps, self->ps, PROT_NONE));
	check_private(_metadata, map + self->ps, self->ps, PROT_NONE,
		      self->map + self->ps);
}

/* The smallest buffer is one chunk: this is where private got through. */
TEST_F(dmabuf_mmap, private_small_buffer)
{
	int err = exchange(self, self->ps, O_RDWR);

	ASSERT_EQ(0, err)
		TH_LOG("%s", self->buf.why);
	refuse_private(_metadata, self, 0, self->ps, RW);
	self->map = map_again(_metadata, self);
	accept_private(_metadata, self, 0, self->ps, PROT_READ);
}

TEST_F_TIMEOUT(dmabuf_mmap, read_only_fd, 120)
{
	const size_t some = 2 * self->ps;

	get_read_only(_metadata, self);
	refuse_map(_metadata, self, 0, self->len, RW, MAP_SHARED, EACCES);
	refuse_private(_metadata, self, 0, self->ps, RW);

	self->map = map_part(_metadata, self, 0, self->len, PROT_READ, MAP_SHARED);
	EXPECT_EQ(0, access_signal(self->map, false));
	EXPECT_EQ(SIGSEGV, access_signal(self->map, true));
	EXPECT_EQ(0, access_signal(self->map + self->len / 2, false));
	refuse_write(_metadata, self->map, self->len);
	refuse_all(_metadata, self->map, self->ps, false);

	accept_private(_metadata, self, 0, self->len, PROT_READ);
	accept_private(_metadata, self, some, 2 * some, PROT_READ);
	accept_private(_metadata, self, 0, self->len, PROT_NONE);
	accept_private(_metadata, self, some, 2 * some, PROT_NONE);
}

TEST_F(dmabuf_mmap, beyond_end)
{
	const size_t ps = self->ps, len = self->len;

	refuse_map(_metadata, self, 0, len + ps, RW, MAP_SHARED, EINVAL);
	refuse_map(_metadata, self, len, ps, RW, MAP_SHARED, EINVAL);
	refuse_map(_metadata, self, len - ps, 2 * ps, RW, MAP_SHARED, EINVAL);
	/* the last offset that the mm lets pass to the exporter */
	refuse_map(_metadata, self, (ULONG_MAX - 2 * ps) / ps * ps, 2 * ps, RW,
		   MAP_SHARED, EINVAL);
}

/*
 * Who asks for the pages in advance has them afterwards: real-time threads cannot
 * do with a fault.
 */

static long long now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Faults that it takes to touch one byte in every @step */
static long faults_touching(char *map, size_t len, size_t step, bool write)
{
	char warm[64] = "";
	long faults = 0;
	int round;

	/* twice, so that nothing but the mapping faults when it counts */
	for (round = 0; round < 2; round++) {
		faults = dmabuf_thread_faults();
		if (round)
			touch(map, len, step, write);
		else
			touch(warm, sizeof(warm), 1, true);
		faults = dmabuf_thread_faults() - faults;
	}
	return faults;
}

/* Whether mmap() maps everything, and there is nothing left to fault in */
static bool is_eager(struct __test_metadata *_metadata, dmabuf_self *self)
{
	char *map = map_again(_metadata, self);
	long faults = faults_touching(map, self->len, self->ps, false);

	munmap(map, self->len);
	return !faults;
}

/* A way to have the pages of a mapping in advance; @name as in the name of a test */
struct populate_way {
	const char *name;
	int flags;		/* of mmap() */
	bool write;		/* no way where the mapping is not writable */
	int advice;		/* mm refuses it where there is no fault handler */
	int (*lock)(const void *map, size_t len);
};

static int lock_all(const void *map, size_t len)
{
	return mlockall(MCL_CURRENT);
}

/*
 * mlock() has a limit for those who are not root. The test is skipped, unless
 * something has failed already.
 */
static bool may_not_lock(struct __test_metadata *_metadata, int err)
{
	if (!geteuid() || (err != EPERM && err != ENOMEM && err != EAGAIN))
		return false;
	if (_metadata->exit_code == KSFT_PASS)
		SKIP(return true, "needs root or a higher limit of locked memory");
	return true;
}

/*
 * Maps, and has the pages in advance unless that is refused with error *@err. NULL:
 * we may not, and the test is skipped.
 */
static char *map_populated(struct __test_metadata *_metadata, int fd, size_t len,
			   const struct populate_way *way, int prot, int flags,
			   int *err)
{
	int ret = 0;
	char *map;

	map = mmap(NULL, len, prot, flags | way->flags, fd, 0);
	if (map == MAP_FAILED && way->flags == MAP_LOCKED &&
	    may_not_lock(_metadata, errno))
		return NULL;
	ASSERT_NE(MAP_FAILED, map)
		TH_LOG("%s, prot %d, flags %#x: %s", way->name, prot, flags,
		       strerror(errno));
	if (way->advice)
		ret = madvise(map, len, way->advice);
	else if (way->lock)
		ret = way->lock(map, len);
	*err = ret ? errno : 0;
	if (!way->advice && may_not_lock(_metadata, *err))
		return NULL;
	return map;
}

static void check_populate(struct __test_metadata *_metadata, dmabuf_self *self,
			   const struct populate_way *way, int prot, int flags)
{
	bool write = prot & PROT_WRITE;
	bool eager = is_eager(_metadata, self);
	char *map;
	int err;

	map = map_populated(_metadata, self->buf.fd, self->len, way, prot, flags,
			    &err);
	if (!map)
		return;
	if (way->write && !write) {
		EXPECT_TRUE(err == EINVAL || err == EFAULT)
			TH_LOG("%s, prot %d: %s", way->name, prot, strerror(err));
	} else {
		if (!way->advice || !eager || err != EINVAL)
			EXPECT_EQ(0, err)
				TH_LOG("%s, prot %d, flags %#x: %s", way->name,
				       prot, flags, strerror(err));
		EXPECT_EQ(0, faults_touching(map, self->len, self->ps, write))
			TH_LOG("%s, prot %d, flags %#x", way->name, prot, flags);
	}
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	refuse(_metadata, gup_route_find("gup_fast"), map, 16 * self->ps);
	refuse(_metadata, gup_route_find("gup_slow"), map, 16 * self->ps);
	munlockall();
	munmap(map, self->len);
}

/* The faults are counted right: of ordinary memory there are some, and then none. */
static void populate_ordinary(struct __test_metadata *_metadata, int fd, size_t len,
			      const struct populate_way *way)
{
	const struct populate_way none = { };
	const size_t ps = dmabuf_page_size();
	char *map;
	int err;

	map = map_populated(_metadata, fd, len, &none, RW, MAP_SHARED, &err);
	EXPECT_LT(0, faults_touching(map, len, ps, true));
	munmap(map, len);

	map = map_populated(_metadata, fd, len, way, RW, MAP_SHARED, &err);
	if (!map)
		return;
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, faults_touching(map, len, ps, way->write));
}

#define POPULATE(_name, ...)						\
static const struct populate_way way_##_name = {			\
	.name = #_name, __VA_ARGS__					\
};									\
									\
TEST_F(memfd_control, populated_by_##_name)				\
{									\
	populate_ordinary(_metadata, self->fd, self->len, &way_##_name); \
}									\
									\
TEST_F(dmabuf_mmap, populated_by_##_name)				\
{									\
	check_populate(_metadata, self, &way_##_name, RW, MAP_SHARED);	\
	check_populate(_metadata, self, &way_##_name, PROT_READ, MAP_SHARED); \
}									\
									\
TEST_F(dmabuf_mmap, populated_private_by_##_name)			\
{									\
	check_populate(_metadata, self, &way_##_name, PROT_READ, MAP_PRIVATE); \
}

POPULATE(map_populate, .flags = MAP_POPULATE)
POPULATE(map_locked, .flags = MAP_LOCKED)
POPULATE(madv_populate_read, .advice = MADV_POPULATE_READ)
POPULATE(madv_populate_write, .advice = MADV_POPULATE_WRITE, .write = true)
POPULATE(mlock, .lock = mlock)
POPULATE(mlockall, .lock = lock_all)

/* A buffer has the size that it has. */
TEST_F(dmabuf_mmap, ftruncate)
{
	const size_t sizes[] = { 0, self->ps, self->len / 2, self->len,
				 self->len + self->ps };
	char path[64];
	unsigned int i;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->buf.fd);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_EQ(-1, ftruncate(self->buf.fd, sizes[i]));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, truncate(path, sizes[i]));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, fallocate(self->buf.fd, 0, 0, self->len + self->ps));
		EXPECT_EQ(ENODEV, errno);
		EXPECT_EQ(-1, fallocate(self->buf.fd, FALLOC_FL_PUNCH_HOLE |
					FALLOC_FL_KEEP_SIZE, 0, self->ps));
		EXPECT_EQ(ENODEV, errno);
	}
	EXPECT_EQ((off_t)self->buf.size, lseek(self->buf.fd, 0, SEEK_END));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	EXPECT_EQ(0, access_signal(self->map + self->len - 1, true));
}

TEST_F(dmabuf_mmap, populate_and_lock)
{
	char *map = mmap(NULL, self->len, RW, MAP_SHARED | MAP_POPULATE | MAP_LOCKED,
			 self->buf.fd, 0);

	if (map == MAP_FAILED && may_not_lock(_metadata, errno))
		return;
	ASSERT_NE(MAP_FAILED, map)
		TH_LOG("%s", strerror(errno));
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	refuse_all(_metadata, map, self->ps, true);
}

/*
 * The right page, wherever a mapping starts and however it is cut
 */

static void check_part(struct __test_metadata *_metadata, dmabuf_self *self,
		       size_t from, size_t to, int prot)
{
	char *map = map_part(_metadata, self, from, to - from, prot, MAP_SHARED);

	EXPECT_EQ(0, wrong_pages(self, map, to - from, from))
		TH_LOG("wrong pages in a mapping at page %zu", from / self->ps);
	munmap(map, to - from);
}

TEST_AREAS(offset, check_part, { 1, END, RW }, { 2, END, RW }, { 3, END, RW },
	   { 7, END, RW }, { 15, END, RW }, { MIDDLE, END, RW }, { -2, END, RW },
	   { -1, END, RW })

TEST_F(dmabuf_mmap, offset_write)
{
	static const char text[] = "page three";
	const size_t off = 3 * self->ps;
	char *map = map_part(_metadata, self, off, self->ps, RW, MAP_SHARED);

	memcpy(map + 64, text, sizeof(text));
	EXPECT_STREQ(text, self->map + off + 64);
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
}

/* What is left where [@from, @to) was cut out of a mapping of all */
static void check_around(struct __test_metadata *_metadata, dmabuf_self *self,
			 char *map, size_t from, size_t to)
{
	EXPECT_EQ(0, wrong_pages(self, map, from, 0))
		TH_LOG("wrong pages below the cut at %zu", from);
	EXPECT_EQ(0, wrong_pages(self, map + to, self->len - to, to))
		TH_LOG("wrong pages above the cut at %zu", to);
}

static void cut(struct __test_metadata *_metadata, dmabuf_self *self, size_t from,
		size_t to, int prot)
{
	char *map = map_again(_metadata, self);

	ASSERT_EQ(0, munmap(map + from, to - from));
	EXPECT_EQ(SIGSEGV, access_signal(map + from, false));
	EXPECT_EQ(SIGSEGV, access_signal(map + to - 1, false));
	check_around(_metadata, self, map, from, to);
	munmap(map, self->len);
}

TEST_AREAS(munmap_head, cut, { 0, 1 }, { 0, 2 }, { 0, -1 })
TEST_AREAS(munmap_middle, cut, { 1, 2 }, { MIDDLE, MIDDLE + 1 }, { 1, -1 })
TEST_AREAS(munmap_tail, cut, { -1, END }, { 1, END })

TEST_F(dmabuf_mmap, munmap_touched)
{
	size_t from = place(self, MIDDLE), to = place(self, MIDDLE + 1);

	ASSERT_EQ(0, munmap(self->map + from, to - from));
	check_around(_metadata, self, self->map, from, to);
}

TEST_F(dmabuf_mmap, fixed_over_middle)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	size_t at = place(self, MIDDLE);
	char *map = map_again(_metadata, self);
	char *hole = map + at;

	ASSERT_EQ(hole, mmap(hole, self->ps, RW, flags, -1, 0));
	EXPECT_EQ(0, hole[0]);
	check_around(_metadata, self, map, at, at + self->ps);
	/* and the buffer's page back into its place */
	ASSERT_EQ(hole, mmap(hole, self->ps, RW, MAP_SHARED | MAP_FIXED,
			     self->buf.fd, at));
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
}

TEST_F(dmabuf_mmap, mprotect)
{
	ASSERT_EQ(0, mprotect(self->map, self->len, PROT_READ));
	EXPECT_EQ(SIGSEGV, access_signal(self->map, true));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	ASSERT_EQ(0, mprotect(self->map, self->len, PROT_NONE));
	EXPECT_EQ(SIGSEGV, access_signal(self->map, false));
	ASSERT_EQ(0, mprotect(self->map, self->len, RW));
	EXPECT_EQ(0, access_signal(self->map, true));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	dmabuf_fill(self->map, self->len, 9);
	EXPECT_EQ(0, dmabuf_check(self->map, self->len, 9));
}

#ifdef __aarch64__
/* Newer than the headers of the C library may be */
#ifndef PROT_MTE
#define PROT_MTE	0x20
#endif
#ifndef HWCAP2_MTE
#define HWCAP2_MTE	0x40000
#endif

/* Memory tags are for memory that the kernel hands out: a buffer may have none. */
TEST_F(dmabuf_mmap, memory_tags)
{
	const int prot = RW | PROT_MTE;

	/* without them the flag is ignored */
	if (!(getauxval(AT_HWCAP2) & HWCAP2_MTE))
		SKIP(return, "needs CONFIG_ARM64_MTE and a CPU that has it");
	refuse_map(_metadata, self, 0, self->len, prot, MAP_SHARED, EINVAL);
	EXPECT_EQ(-1, mprotect(self->map, self->len, prot));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
}
#endif

TEST_F(dmabuf_mmap, mprotect_middle)
{
	size_t at = place(self, MIDDLE);
	char *map = map_again(_metadata, self);

	ASSERT_EQ(0, mprotect(map + at, self->ps, PROT_READ));
	EXPECT_EQ(SIGSEGV, access_signal(map + at, true));
	EXPECT_EQ(0, access_signal(map + at - 1, true));
	EXPECT_EQ(0, access_signal(map + at + self->ps, true));
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	ASSERT_EQ(0, mprotect(map + at, self->ps, RW));
	EXPECT_EQ(0, access_signal(map + at, true));
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
}

/* Large enough for huge entries, and cut in the middle of them */
TEST_F_TIMEOUT(dmabuf_mmap, huge_split, 120)
{
	size_t at;
	char *map;

	get_huge(_metadata, self);
	map = self->map;
	ASSERT_EQ(0, dmabuf_check(map, self->len, 0));
	TH_LOG("%zu KiB", self->len >> 10);

	/* one page read-only in the middle of what may be one entry */
	at = place(self, MIDDLE + 5);
	ASSERT_EQ(0, mprotect(map + at, self->ps, PROT_READ));
	EXPECT_EQ(SIGSEGV, access_signal(map + at, true));
	EXPECT_EQ(0, dmabuf_check(map, self->len, 0));
	refuse_all(_metadata, map + at - self->ps, self->ps, true);
	refuse_all(_metadata, map + at, self->ps, false);
	ASSERT_EQ(0, mprotect(map + at, self->ps, RW));
	dmabuf_fill(map, self->len, 3);
	EXPECT_EQ(0, dmabuf_check(map, self->len, 3));
	dmabuf_fill(map, self->len, 0);

	/* a hole in the middle of another */
	at = (self->len / 4 & ~(self->ps - 1)) + 9 * self->ps;
	ASSERT_EQ(0, munmap(map + at, 3 * self->ps));
	check_around(_metadata, self, map, at, at + 3 * self->ps);
	refuse_all(_metadata, map + at - self->ps, self->ps, true);
	refuse_all(_metadata, map + at + 3 * self->ps, self->ps, true);
	refuse_all(_metadata, map, self->ps, true);
}

/* No entry of a mapping that starts in the middle of one may be huge. */
TEST_F_TIMEOUT(dmabuf_mmap, huge_offset, 120)
{
	size_t off;

	get_huge(_metadata, self);
	for (off = self->ps; off < self->len; off = off * 8 + self->ps)
		check_part(_metadata, self, off, self->len, RW);
}

/*
 * An entry of a writable mapping is writable, whoever touched it first. Otherwise
 * every page faults twice, and a guest of KVM on arm64 dies where it writes.
 */
TEST_F_TIMEOUT(dmabuf_mmap, read_then_write, 120)
{
	char *map;

	get_huge(_metadata, self);
	map = map_aligned(_metadata, self);
	ASSERT_EQ(0, dmabuf_check(map, self->len, 0));
	EXPECT_EQ(0, faults_touching(map, self->len, self->ps, true));
	dmabuf_fill(map, self->len, 17);
	EXPECT_EQ(0, dmabuf_check(map, self->len, 17));
	EXPECT_EQ(0, dmabuf_check(self->map, self->len, 17));
}

/* KiB of page tables that this process has */
static long page_tables(void)
{
	return dmabuf_read_number("/proc/self/status", "VmPTE: %ld%n");
}

/*
 * At most one fault for all that a page table covers; and where the exporter has
 * huge pages, no page tables.
 */
TEST_F_TIMEOUT(dmabuf_mmap, huge_entries, 120)
{
	const size_t pmd = dmabuf_pmd_size();
	long before, tables;
	size_t len;
	char *map;

	if (!self->exp->huge)
		SKIP(return, "no huge pages");
#if !defined(__x86_64__) && !defined(__aarch64__)
	SKIP(return, "not known whether this architecture has CONFIG_ARCH_SUPPORTS_PMD_PFNMAP");
#endif
	get_huge(_metadata, self);
	len = self->len & ~(pmd - 1);
	/* so that nothing but the mapping needs tables afterwards */
	page_tables();

	before = page_tables();
	ASSERT_LT(0, before);
	map = map_aligned(_metadata, self);
	EXPECT_GE((long)(len / pmd), faults_touching(map, len, self->ps, false));
	tables = (page_tables() - before) << 10;
	/* some of its memory may be in pieces */
	EXPECT_GT((long)(len / pmd * self->ps / 2 + 2 * self->ps), tables)
		TH_LOG("%ld bytes of page tables for %zu KiB", tables, len >> 10);
	EXPECT_EQ(0, faults_touching(map, len, self->ps, true));
}

TEST_F(dmabuf_mmap, mremap_move)
{
	char *map = map_again(_metadata, self);
	char *to = move(_metadata, map, self->len);

	EXPECT_EQ(0, wrong_pages(self, to, self->len, 0));
	EXPECT_EQ(SIGSEGV, access_signal(map, false));
}

TEST_F(dmabuf_mmap, mremap_move_part)
{
	size_t half = place(self, MIDDLE);
	char *map = map_again(_metadata, self);
	char *to = move(_metadata, map + half, self->len - half);

	EXPECT_EQ(0, wrong_pages(self, map, half, 0));
	EXPECT_EQ(0, wrong_pages(self, to, self->len - half, half));
}

TEST_F(dmabuf_mmap, mremap_shrink)
{
	size_t half = place(self, MIDDLE);

	ASSERT_EQ(self->map, mremap(self->map, self->len, half, 0));
	EXPECT_EQ(SIGSEGV, access_signal(self->map + half, false));
	EXPECT_EQ(0, wrong_pages(self, self->map, half, 0));
}

TEST_F(dmabuf_mmap, mremap_grow)
{
	char *map = map_part(_metadata, self, 0, self->ps, RW, MAP_SHARED);

	EXPECT_EQ(MAP_FAILED, mremap(map, self->ps, 2 * self->ps, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(MAP_FAILED, mremap(self->map, self->len, self->len + self->ps,
				     MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
}

/* Both leave two mappings where the kernel made one. */
TEST_F(memfd_control, mremap_copy)
{
	EXPECT_NE(MAP_FAILED, mremap(self->map, 0, self->len, MREMAP_MAYMOVE));
	EXPECT_NE(MAP_FAILED, mremap(self->map, self->len, self->len,
				     MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
}

TEST_F(dmabuf_mmap, mremap_copy)
{
	EXPECT_EQ(MAP_FAILED, mremap(self->map, 0, self->len, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(MAP_FAILED, mremap(self->map, self->len, self->len,
				     MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
}

/*
 * madvise() and the like
 */

#define ADVICE(_advice, _err, ...)					\
	{ .name = #_advice, .advice = _advice, .err = _err, __VA_ARGS__ }

static const struct {
	const char *name;
	int advice;
	int err;	/* 0: any */
	bool rare;	/* not every kernel takes it for the memory of a small file */
} advices[] = {
	ADVICE(MADV_DONTNEED, EINVAL),
	ADVICE(MADV_DONTNEED_LOCKED, EINVAL),
	ADVICE(MADV_REMOVE, 0),
	ADVICE(MADV_COLD, EINVAL),
	ADVICE(MADV_PAGEOUT, EINVAL),
	ADVICE(MADV_DODUMP, EINVAL),
	ADVICE(MADV_DOFORK, EINVAL),
	ADVICE(MADV_COLLAPSE, EINVAL, .rare = true),
	ADVICE(MADV_GUARD_INSTALL, EINVAL, .rare = true),
};

TEST_F(memfd_control, madvise)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		int err = madvise(self->map, self->len, advices[i].advice) ? errno : 0;

		if (err != EINVAL || !advices[i].rare)
			EXPECT_EQ(0, err)
				TH_LOG("%s: %s", advices[i].name, strerror(err));
	}
}

TEST_F(dmabuf_mmap, madvise)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		EXPECT_EQ(-1, madvise(self->map, self->len, advices[i].advice))
			TH_LOG("%s succeeded", advices[i].name);
		if (advices[i].err)
			EXPECT_EQ(advices[i].err, errno)
				TH_LOG("%s: %s", advices[i].name, strerror(errno));
	}
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	refuse_all(_metadata, self->map, self->ps, true);
}

TEST_F(dmabuf_mmap, madvise_mergeable)
{
	if (madvise(self->map, self->len, MADV_MERGEABLE) && errno == EINVAL &&
	    access("/sys/kernel/mm/ksm", F_OK))
		SKIP(return, "needs CONFIG_KSM");
	EXPECT_EQ(0, has_flag(self->map, "mg"));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
}

TEST_F(dmabuf_mmap, mlock)
{
	int err = mlock(self->map, self->len) ? errno : 0;

	if (may_not_lock(_metadata, err))
		return;
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, has_flag(self->map, "lo"));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	EXPECT_EQ(0, munlock(self->map, self->len));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
}

static int lock_on_fault(const void *map, size_t len)
{
	return mlock2(map, len, MLOCK_ONFAULT);
}

static int lock_all_on_fault(const void *map, size_t len)
{
	return mlockall(MCL_CURRENT | MCL_ONFAULT);
}

static int (*const on_fault[])(const void *map, size_t len) = {
	lock_on_fault, lock_all_on_fault,
};

/* Locking on fault makes no entry: those who ask for it map more than they touch. */
TEST_F(dmabuf_mmap, mlock_onfault)
{
	unsigned int i;

	if (is_eager(_metadata, self))
		SKIP(return, "there are no faults");
	for (i = 0; i < ARRAY_SIZE(on_fault); i++) {
		char *map = map_again(_metadata, self);
		int err = on_fault[i](map, self->len) ? errno : 0;

		if (may_not_lock(_metadata, err))
			return;
		EXPECT_EQ(0, err);
		EXPECT_FALSE(dmabuf_is_eager(map))
			TH_LOG("way %u makes entries", i);
		EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
		munlockall();
		munmap(map, self->len);
	}
}

/* 0, ROUTE_MISSING or -errno */
static int register_uffd(void *map, size_t len, __u64 mode)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range.start = (unsigned long)map,
		.range.len = len,
		.mode = mode,
	};
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	int err = 0;

	if (fd < 0)
		return ROUTE_MISSING;
	if (ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg))
		err = -errno;
	close(fd);
	return err;
}

TEST_F(memfd_control, userfaultfd)
{
	int err = register_uffd(self->map, self->len, UFFDIO_REGISTER_MODE_MISSING);

	if (err == ROUTE_MISSING)
		SKIP(return, "needs CONFIG_USERFAULTFD");
	EXPECT_EQ(0, err);
}

TEST_F(dmabuf_mmap, userfaultfd)
{
	__u64 mode;

	for (mode = UFFDIO_REGISTER_MODE_MISSING; mode <= UFFDIO_REGISTER_MODE_MINOR;
	     mode <<= 1) {
		int err = register_uffd(self->map, self->len, mode);

		if (err == ROUTE_MISSING)
			SKIP(return, "needs CONFIG_USERFAULTFD");
		EXPECT_EQ(-EINVAL, err)
			TH_LOG("mode %llu: %s", mode, strerror(-err));
	}
}

/*
 * Debuggers: vm_ops->access serves them where it is there, and nothing else
 * may, since all other ways take the page.
 */

/* All @len bytes at @at can be had, and are those of the fixture's mapping. */
static void check_peek(struct __test_metadata *_metadata, dmabuf_self *self,
		       const char *at, size_t off, size_t len)
{
	char *bytes = malloc(len);
	ssize_t n;

	ASSERT_NE(NULL, bytes);
	n = pread(self->mem, bytes, len, (unsigned long)at);
	EXPECT_EQ((ssize_t)len, n)
		TH_LOG("reading %zu bytes at %zu: %s", len, off,
		       n < 0 ? strerror(errno) : "short");
	EXPECT_EQ(0, memcmp(bytes, self->map + off, len));
	free(bytes);
}

/* They can be written, and get to the fixture's mapping. */
static void check_poke(struct __test_metadata *_metadata, dmabuf_self *self,
		       char *at, size_t off)
{
	static const char text[] = "written from behind, over the end of a page";

	EXPECT_EQ((ssize_t)sizeof(text),
		  pwrite(self->mem, text, sizeof(text), (unsigned long)at));
	EXPECT_EQ(0, memcmp(text, self->map + off, sizeof(text)));
	EXPECT_EQ(0, memcmp(text, at, sizeof(text)));
}

/* As gup: FOLL_FORCE does not write to a shared mapping that is not writable. */
static void refuse_poke(struct __test_metadata *_metadata, dmabuf_self *self,
			char *at)
{
	const char *byte;
	ssize_t n;

	for (byte = "\x5a\xa5"; *byte; byte++) {
		n = pwrite(self->mem, byte, 1, (unsigned long)at);
		EXPECT_TRUE(!n || (n < 0 && (errno == EIO || errno == EFAULT)))
			TH_LOG("writing to a read-only mapping: %s",
			       n < 0 ? strerror(errno) : "done");
	}
}

TEST_F(dmabuf_mmap, proc_mem_read)
{
	const size_t ps = self->ps, last = self->len - ps, odd = 5 * ps + 123;

	check_peek(_metadata, self, self->map, 0, 8);
	check_peek(_metadata, self, self->map + ps - 8, ps - 8, 16);
	check_peek(_metadata, self, self->map + odd, odd, 3 * ps);
	check_peek(_metadata, self, self->map + last, last, ps);
}

TEST_F(dmabuf_mmap, proc_mem_write)
{
	size_t off = 7 * self->ps - 16;

	check_poke(_metadata, self, self->map + off, off);
	dmabuf_fill(self->map, self->len, 0);
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
}

/* Who was given a buffer for reading cannot write to it by way of /proc. */
TEST_F(dmabuf_mmap, proc_mem_write_read_only)
{
	char byte, *map;

	get_read_only(_metadata, self);
	map = map_part(_metadata, self, 0, self->len, PROT_READ, MAP_SHARED);

	/* before there is an entry, and after */
	refuse_poke(_metadata, self, map);
	byte = map[0];
	refuse_poke(_metadata, self, map);
	asm volatile("" : : : "memory");
	EXPECT_EQ(byte, map[0]);
	munmap(map, self->len);

	/* TTM lets a debugger write to a mapping without any permission */
	map = map_part(_metadata, self, 0, self->len, PROT_NONE, MAP_SHARED);
	refuse_poke(_metadata, self, map);
}

/* From the start of a mapping that is not the start of the buffer */
TEST_F(dmabuf_mmap, proc_mem_offset)
{
	size_t off = 5 * self->ps, in = self->ps - 32;
	char *map = map_part(_metadata, self, off, self->len - off, RW, MAP_SHARED);

	check_peek(_metadata, self, map + in, off + in, 64);
}

static void poke_read_only(struct __test_metadata *_metadata, dmabuf_self *self,
			   int prot, int flags)
{
	char *map;

	/* Such a mapping is how debuggers get at memory of amdgpu. */
	if (prot == PROT_NONE && self->exp->ttm)
		return;

	map = map_part(_metadata, self, 0, self->len, PROT_READ, flags);
	/* before there is an entry, and after */
	refuse_poke(_metadata, self, map);
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	refuse_poke(_metadata, self, map);
	refuse_poke(_metadata, self, map + self->len - 1);
	if (prot == PROT_NONE)
		ASSERT_EQ(0, mprotect(map, self->len, PROT_NONE));
	refuse_poke(_metadata, self, map + self->ps);
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	/* reading is what debuggers may always do */
	if (prot != PROT_NONE)
		check_peek(_metadata, self, map, 0, 1);
	munmap(map, self->len);
}

TEST_F(dmabuf_mmap, proc_mem_write_shared_read_only)
{
	poke_read_only(_metadata, self, PROT_READ, MAP_SHARED);
	poke_read_only(_metadata, self, PROT_NONE, MAP_SHARED);
}

TEST_F(dmabuf_mmap, proc_mem_write_private)
{
	poke_read_only(_metadata, self, PROT_READ, MAP_PRIVATE);
	poke_read_only(_metadata, self, PROT_NONE, MAP_PRIVATE);
}

/* Pages that nobody has touched in this mapping */
TEST_F(dmabuf_mmap, proc_mem_untouched)
{
	size_t off = place(self, MIDDLE + 1) - 32;
	char *map = map_again(_metadata, self);

	check_peek(_metadata, self, map + off, off, 64);
	munmap(map, self->len);
	map = map_again(_metadata, self);
	check_poke(_metadata, self, map + off, off);
}

/* Up to the end of a mapping and not a byte further */
TEST_F(dmabuf_mmap, proc_mem_end)
{
	char *map = reserve(_metadata, self->len + self->ps);
	char *end = map + self->len;
	char *last = self->map + self->len - 8;
	unsigned long at = (unsigned long)end - 8;
	char bytes[64];
	const ssize_t all = sizeof(bytes);

	ASSERT_EQ(map, mmap(map, self->len, RW, MAP_SHARED | MAP_FIXED,
			    self->buf.fd, 0));
	ASSERT_EQ(0, munmap(end, self->ps));
	EXPECT_EQ(8, pread(self->mem, bytes, all, at));
	EXPECT_EQ(0, memcmp(bytes, last, 8));
	memset(bytes, 0x77, sizeof(bytes));
	EXPECT_EQ(8, pwrite(self->mem, bytes, all, at));
	EXPECT_EQ(0, memcmp(bytes, last, 8));

	/* other memory behind it is none of the buffer */
	ASSERT_EQ(end, mmap(end, self->ps, RW, MAP_PRIVATE | MAP_ANONYMOUS |
			    MAP_FIXED, -1, 0));
	memset(bytes, 0x66, sizeof(bytes));
	EXPECT_EQ(all, pwrite(self->mem, bytes, all, at));
	EXPECT_EQ(0, memcmp(bytes, last, 8));
	EXPECT_EQ(0, memcmp(bytes, end, all - 8));
	EXPECT_EQ(all, pread(self->mem, bytes, all, at));
}

#define PEEKS	16

/* CPU time of this thread that some peeks take, in ns: the best of several */
static long long peek_time(int mem, const char *at)
{
	long long from, best = -1;
	unsigned int i, k;
	char bytes[8];

	for (k = 0; k < 8; k++) {
		from = now(CLOCK_THREAD_CPUTIME_ID);
		for (i = 0; i < PEEKS; i++)
			if (pread(mem, bytes, sizeof(bytes), (unsigned long)at) < 0)
				return -1;
		from = now(CLOCK_THREAD_CPUTIME_ID) - from;
		if (best < 0 || from < best)
			best = from;
	}
	return best;
}

/* As long as of any other memory: the limit is for what maps 8192 pages first. */
TEST_F_TIMEOUT(dmabuf_mmap, proc_mem_cost, 120)
{
	long long one, other;
	char *map, *page;

	get_large(_metadata, self, 32UL << 20, buf_size());
	map = map_part(_metadata, self, 0, self->len, PROT_READ, MAP_SHARED);
	page = mmap(NULL, self->ps, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, page);
	page[0] = 1;
	one = peek_time(self->mem, map + self->len - self->ps);
	other = peek_time(self->mem, page);
	ASSERT_LT(0, one);
	ASSERT_LT(0, other);
	EXPECT_GT(40 * other + 1000000, one)
		TH_LOG("%d peeks into %zu KiB: %lld ns, %lld ns of ordinary memory",
		       PEEKS, self->len >> 10, one, other);
}

TEST_F(dmabuf_mmap, ptrace)
{
	unsigned long *word = (unsigned long *)(self->map + 2 * self->ps + 64);
	const unsigned long value = 0x5eed5eed;
	int status;
	pid_t pid;

	*word = 0x1234567;
	pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	ASSERT_LE(0, pid);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(0x1234567, ptrace(PTRACE_PEEKDATA, pid, word, NULL));
	EXPECT_EQ(0, ptrace(PTRACE_POKEDATA, pid, word, value));
	asm volatile("" : : : "memory");
	EXPECT_EQ(value, *word);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

/*
 * Core dumps
 */

#define CORE_PATTERN	"/proc/sys/kernel/core_pattern"

static void dump_core(dmabuf_self *self)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CORE, &unlimited);
	prctl(PR_SET_DUMPABLE, 1);
	/* everything that can be dumped at all */
	if (dmabuf_write_file("/proc/self/coredump_filter", "0x1ff"))
		_exit(1);
	touch(self->map, self->len, self->ps, true);
	signal(SIGABRT, SIG_DFL);
	abort();
}

/* Where two pages meet there are 16 bytes that no register and no stack holds. */
static bool is_in_core(const char *core, size_t len, const char *pages)
{
	return memmem(core, len, pages + dmabuf_page_size() - 8, 16);
}

static void check_core(struct __test_metadata *_metadata, const char *path,
		       const char *buffer, const char *ordinary)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *core;

	ASSERT_LE(0, fd)
		TH_LOG("no core in %s", path);
	ASSERT_EQ(0, fstat(fd, &st));
	core = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, core);
	EXPECT_TRUE(is_in_core(core, st.st_size, ordinary))
		TH_LOG("ordinary memory is not in the core either");
	EXPECT_FALSE(is_in_core(core, st.st_size, buffer))
		TH_LOG("the dma-buf is in the core");
}

TEST_F(dmabuf_mmap, core_dump)
{
	int memfd = memfd_create("ordinary", MFD_CLOEXEC);
	char pattern[256] = "";
	char path[64], *ordinary;
	int fd, status;
	pid_t pid;

	ASSERT_EQ(0, ftruncate(memfd, 2 * self->ps));
	ordinary = mmap(NULL, 2 * self->ps, RW, MAP_SHARED, memfd, 0);
	ASSERT_NE(MAP_FAILED, ordinary);
	dmabuf_fill(ordinary, 2 * self->ps, 1 << 20);

	fd = open(CORE_PATTERN, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		SKIP(return, "needs CONFIG_COREDUMP");
	ASSERT_LE(0, read(fd, pattern, sizeof(pattern) - 1));
	snprintf(path, sizeof(path), "/tmp/dmabuf-mmap-%d.core", getpid());
	if (dmabuf_write_file(CORE_PATTERN, path))
		SKIP(return, "needs root, to set " CORE_PATTERN);
	pid = fork();
	if (!pid)
		dump_core(self);
	if (pid > 0)
		EXPECT_EQ(pid, waitpid(pid, &status, 0));
	dmabuf_write_file(CORE_PATTERN, pattern);
	ASSERT_LE(0, pid);
	EXPECT_TRUE(WIFSIGNALED(status) && WCOREDUMP(status))
		TH_LOG("the child left no core");
	check_core(_metadata, path, self->map, ordinary);
	unlink(path);
}

/*
 * Processes and threads
 */

TEST_F(dmabuf_mmap, fork)
{
	char *fresh = map_again(_metadata, self);
	pid_t pid = fork();

	if (!pid) {
		EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
		EXPECT_EQ(0, wrong_pages(self, fresh, self->len, 0));
		dmabuf_fill(self->map, self->len / 2, 100);
		_exit(0);
	}
	in_child(_metadata, pid);
	EXPECT_EQ(0, dmabuf_check(self->map, self->len / 2, 100));
	EXPECT_EQ(0, dmabuf_check(fresh, self->len / 2, 100));
	dmabuf_fill(self->map, self->len, 200);
	pid = fork();
	if (!pid) {
		EXPECT_EQ(0, dmabuf_check(fresh, self->len, 200));
		EXPECT_EQ(0, dmabuf_check(self->map, self->len, 200));
		_exit(0);
	}
	in_child(_metadata, pid);
}

/* Sends @fd to the other end of a socket, or receives one if that is -1. */
static int send_or_receive(int socket, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {
		.head.cmsg_level = SOL_SOCKET,
		.head.cmsg_type = SCM_RIGHTS,
		.head.cmsg_len = CMSG_LEN(sizeof(int)),
	};
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	if (fd >= 0)
		return sendmsg(socket, &msg, 0) == 1 ? 0 : -1;
	if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) == 1)
		memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return fd;
}

/* Instead of process_vm_readv(): the other process maps the buffer. */
TEST_F(dmabuf_mmap, pass_fd)
{
	int pair[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	pid = fork();
	if (!pid) {
		munmap(self->map, self->len);
		dmabuf_put(&self->buf);
		self->buf.fd = send_or_receive(pair[1], -1);
		ASSERT_LE(0, self->buf.fd);
		self->map = map_again(_metadata, self);
		EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
		dmabuf_fill(self->map, self->len, 33);
		refuse_all(_metadata, self->map, self->ps, true);
		_exit(0);
	}
	EXPECT_EQ(0, send_or_receive(pair[0], self->buf.fd));
	in_child(_metadata, pid);
	EXPECT_EQ(0, dmabuf_check(self->map, self->len, 33));
}

/* Instead of V4L2_MEMORY_USERPTR: the device takes the buffer itself. */
TEST_F(dmabuf_mmap, v4l2_dmabuf)
{
	const size_t some = self->ps;
	char *before = malloc(some);
	int ret;

	ASSERT_NE(NULL, before);
	memset(self->map, 0xe7, some);
	memcpy(before, self->map, some);
	ret = dmabuf_capture(self->buf.fd, self->buf.size);
	if (ret == ROUTE_MISSING)
		SKIP(return, "needs CONFIG_VIDEO_VIVID, vivid.allocators=0");
	if (ret && self->exp->no_vmap)
		SKIP(return, "the exporter gives the kernel no address (%s)",
		     strerror(-ret));
	EXPECT_EQ(0, ret)
		TH_LOG("%s", strerror(-ret));
	if (!ret)
		EXPECT_NE(0, memcmp(before, self->map, some));
	refuse_all(_metadata, self->map, self->ps, true);
}

/* A child that outlives the parent's mapping and fd has the buffer still. */
TEST_F(dmabuf_mmap, fork_outlives_parent)
{
	int go[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	pid = fork();
	if (!pid) {
		close(go[1]);
		dmabuf_put(&self->buf);
		EXPECT_EQ(0, read(go[0], &byte, 1));
		EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
		_exit(0);
	}
	munmap(self->map, self->len);
	dmabuf_put(&self->buf);
	close(go[0]);
	close(go[1]);
	in_child(_metadata, pid);
}

TEST_F(dmabuf_mmap, exec)
{
	char *const argv[] = { "dmabuf-mmap", "-h", NULL };
	pid_t pid = fork();
	int status;

	if (!pid) {
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		execv("/proc/self/exe", argv);
		_exit(1);
	}
	ASSERT_LE(0, pid);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_NE(1, WEXITSTATUS(status));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	dmabuf_fill(self->map, self->len, 7);
	EXPECT_EQ(0, dmabuf_check(self->map, self->len, 7));
}

struct toucher {
	pthread_t thread;
	pthread_barrier_t *start;
	char *map;
	size_t pages;
	unsigned int nr;
	unsigned long wrong;
};

/* Every thread goes through all pages, from a place of its own. */
static void *touch_all(void *arg)
{
	const size_t ps = dmabuf_page_size();
	struct toucher *me = arg;
	size_t i, page;

	pthread_barrier_wait(me->start);
	for (i = 0; i < me->pages; i++) {
		page = (i + me->nr * me->pages / NR_THREADS) % me->pages;
		if (me->nr & 1)
			page = me->pages - 1 - page;
		me->wrong += dmabuf_check(me->map + page * ps, ps, page);
	}
	return NULL;
}

/* Threads that fault, while permissions change under them if @protect */
static void touch_by_threads(struct __test_metadata *_metadata,
			     dmabuf_self *self, bool protect)
{
	char *map = map_again(_metadata, self);
	struct toucher threads[NR_THREADS];
	pthread_barrier_t start;
	unsigned int i, round;
	size_t at;

	pthread_barrier_init(&start, NULL, NR_THREADS + 1);
	for (i = 0; i < NR_THREADS; i++) {
		threads[i] = (struct toucher){
			.start = &start, .map = map,
			.pages = self->len / self->ps, .nr = i,
		};
		ASSERT_EQ(0, pthread_create(&threads[i].thread, NULL, touch_all,
					    &threads[i]));
	}
	pthread_barrier_wait(&start);
	for (round = 0; protect && round < 64; round++) {
		at = round * self->len / 64 & ~(self->ps - 1);
		ASSERT_EQ(0, mprotect(map + at, self->len - at,
				      round & 1 ? PROT_READ : RW));
	}
	for (i = 0; i < NR_THREADS; i++) {
		pthread_join(threads[i].thread, NULL);
		EXPECT_EQ(0, threads[i].wrong);
	}
	pthread_barrier_destroy(&start);
	munmap(map, self->len);
}

TEST_F_TIMEOUT(dmabuf_mmap, threads, 120)
{
	unsigned int round;

	for (round = 0; round < 8; round++)
		touch_by_threads(_metadata, self, false);
}

TEST_F_TIMEOUT(dmabuf_mmap, threads_mprotect, 120)
{
	touch_by_threads(_metadata, self, true);
}

/*
 * Threads that race for one entry, while huge pages are switched off and on for
 * this process: one of them wants a huge entry where another one has just put a
 * page table, or the other way round. Nobody may notice, the kernel least of all.
 */

#define RACE_SECONDS	3
#define NR_RACERS	3

struct race {
	char *map;
	size_t len;
	int fd;
	bool populates;		/* the kernel does, for such a mapping */
	unsigned int round;	/* the last is 0 */
	unsigned int done;	/* racers that are through with this round */
	unsigned long wrong;
	int err;
};

static void spin(unsigned int n)
{
	while (n--)
		asm volatile("" : : : "memory");
}

static void race_once(struct race *race, unsigned int round)
{
	const size_t pmd = dmabuf_pmd_size();
	const size_t ps = dmabuf_page_size();
	size_t off;

	/* populating tells which error a fault made, touching would try again */
	if (race->populates && round % 4 == 3 &&
	    madvise(race->map, race->len, MADV_POPULATE_READ))
		race->err = errno;
	for (off = 0; off < race->len; off += pmd) {
		touch(race->map + off, 1, 1, true);
		if (dmabuf_check(race->map + off, ps, off / ps))
			race->wrong++;
	}
}

static void *run_racer(void *arg)
{
	struct race *race = arg;
	unsigned int seen = 1, round, tries = 0;

	for (;;) {
		round = __atomic_load_n(&race->round, __ATOMIC_ACQUIRE);
		if (!round)
			return NULL;
		if (round == seen) {
			if (!(++tries & 0xff))
				sched_yield();
			continue;
		}
		seen = round;
		spin(round * 7 % 61);
		race_once(race, round);
		__atomic_fetch_add(&race->done, 1, __ATOMIC_RELEASE);
	}
}

/* A round: nothing is mapped, all of them touch it, and the setting changes. */
static void lead_race(struct race *race, unsigned int racers)
{
	long long end = now(CLOCK_MONOTONIC) + RACE_SECONDS * 1000000000LL;
	unsigned int round = 1;

	do {
		if (mmap(race->map, race->len, RW,
			 MAP_SHARED | MAP_FIXED, race->fd, 0) != race->map)
			race->err = errno;
		race->done = 0;
		__atomic_store_n(&race->round, ++round, __ATOMIC_RELEASE);
		spin(round * 13 % 127);
		if (prctl(PR_SET_THP_DISABLE, round & 1, 0, 0, 0))
			race->err = errno;
		race_once(race, round);
		while (__atomic_load_n(&race->done, __ATOMIC_ACQUIRE) < racers)
			sched_yield();
	} while (now(CLOCK_MONOTONIC) < end && !race->err);
	__atomic_store_n(&race->round, 0, __ATOMIC_RELEASE);
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
}

/* What the kernel says from now on; -1 where that is not for us to read */
static int open_kernel_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/* Whether it complained; the first such line is in @line. */
static bool kernel_complained(int fd, char *line, size_t len)
{
	static const char *const complaints[] = {
		"WARNING: ", "BUG: ", "kernel BUG at", "VM_FAULT_OOM leaked",
	};
	unsigned int i;
	ssize_t n;

	while (fd >= 0) {
		n = read(fd, line, len - 1);
		if (n < 0 && errno == EPIPE)
			continue;	/* it was faster than we are */
		if (n <= 0)
			break;
		line[n] = '\0';
		line[strcspn(line, "\n")] = '\0';
		for (i = 0; i < ARRAY_SIZE(complaints); i++)
			if (strstr(line, complaints[i]))
				return true;
	}
	return false;
}

TEST_F_TIMEOUT(dmabuf_mmap, threads_thp, 120)
{
	long racers = sysconf(_SC_NPROCESSORS_ONLN) - 1;
	struct race race = { .round = 1 };
	pthread_t threads[NR_RACERS];
	char line[1024];
	int i, log;

	if (prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0))
		SKIP(return, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	if (is_eager(_metadata, self))
		SKIP(return, "there are no faults");
	get_huge(_metadata, self);
	race.fd = self->buf.fd;
	race.len = 2 * dmabuf_pmd_size();
	race.map = self->map;
	race.populates = !madvise(self->map, self->ps, MADV_POPULATE_READ);

	if (racers < 1)
		racers = 1;
	if (racers > NR_RACERS)
		racers = NR_RACERS;
	for (i = 0; i < racers; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, run_racer, &race));
	log = open_kernel_log();
	lead_race(&race, racers);
	for (i = 0; i < racers; i++)
		pthread_join(threads[i], NULL);
	EXPECT_FALSE(kernel_complained(log, line, sizeof(line)))
		TH_LOG("%s", line);
	EXPECT_EQ(0, race.wrong);
	EXPECT_EQ(0, race.err)
		TH_LOG("%s", strerror(race.err));
	EXPECT_EQ(0, dmabuf_check(race.map, race.len, 0));
}

/*
 * KVM: a virtual machine whose memory is a mapping, see dmabuf-kvm.c
 */

/* Proof that the guest does what it should */
TEST_F(memfd_control, kvm)
{
	int ret = dmabuf_run_kvm(self->map, self->map, false);

	if (ret == ROUTE_MISSING)
		SKIP(return, "no /dev/kvm, or another architecture");
	EXPECT_EQ(0, ret);
	EXPECT_EQ(0, dmabuf_run_kvm(self->map, self->map, true));
}

/* In a page that the host has never touched, in one that it has read or written */
TEST_F(dmabuf_mmap, kvm)
{
	size_t off = place(self, MIDDLE);
	char *same = self->map + off;
	char *map;
	int i, ret;

	ret = dmabuf_run_kvm(same, same, false);
	if (ret == ROUTE_MISSING)
		SKIP(return, "no /dev/kvm, or another architecture");
	if (ret == -EINVAL && !dmabuf_kvm_takes_cached_pfns())
		SKIP(return, "cached, which takes a CPU with FEAT_S2FWB and CTR_EL0.DIC");
	for (i = 0; i < 4; i++) {
		map = map_again(_metadata, self);
		if (i & 2)
			touch(map, self->len, self->ps, false);
		EXPECT_EQ(0, dmabuf_run_kvm(map + off, same, i & 1));
		munmap(map, self->len);
		EXPECT_EQ(0, dmabuf_run_kvm(same, same, i & 1));
	}
	refuse_all(_metadata, same, self->ps, true);
}

/*
 * Lifetime
 */

/* Whether the kernel knows a dma-buf of this inode; -1 if it does not tell */
static int is_listed(ino_t ino)
{
	unsigned long seen;
	char line[512];
	int found = 0;
	FILE *f;

	f = fopen(DMABUF_BUFINFO, "r");
	if (!f)
		return -1;
	while (!found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*d %*x %*x %*d %*s %lu", &seen) == 1)
			found = seen == ino;
	fclose(f);
	return found;
}

/* The inode of the buffer, which is listed as long as we use it */
static ino_t get_inode(struct __test_metadata *_metadata, dmabuf_self *self)
{
	struct stat st;

	if (self->exp->foreign)
		SKIP(_exit(0), "somebody else has the buffer as well");
	ASSERT_EQ(0, fstat(self->buf.fd, &st));
	if (is_listed(st.st_ino) < 0)
		SKIP(_exit(0), "needs " DMABUF_BUFINFO);
	return st.st_ino;
}

TEST_F(dmabuf_mmap, outlives_fd)
{
	ino_t ino = get_inode(_metadata, self);

	dmabuf_put(&self->buf);
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	dmabuf_fill(self->map, self->len, 11);
	EXPECT_EQ(0, dmabuf_check(self->map, self->len, 11));
	refuse_all(_metadata, self->map, self->ps, true);

	/* the mapping alone keeps the buffer: half of it as well as all */
	EXPECT_EQ(1, is_listed(ino));
	munmap(self->map, place(self, MIDDLE));
	EXPECT_EQ(1, is_listed(ino));
	munmap(self->map, self->len);
	EXPECT_EQ(0, is_listed(ino))
		TH_LOG("the buffer outlived its last mapping");
}

/* A mapping that was refused must not keep the buffer, or drop it twice. */
TEST_F(dmabuf_mmap, refused_mapping_leaks_nothing)
{
	ino_t ino = get_inode(_metadata, self);
	unsigned int i;

	for (i = 0; i < 16; i++) {
		mmap(NULL, self->len, RW, MAP_PRIVATE, self->buf.fd, 0);
		mmap(NULL, self->len + self->ps, PROT_READ, MAP_SHARED,
		     self->buf.fd, 0);
		/* and one that was not */
		munmap(map_part(_metadata, self, 0, self->len, PROT_READ,
				MAP_PRIVATE), self->len);
	}
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	munmap(self->map, self->len);
	EXPECT_EQ(1, is_listed(ino));
	dmabuf_put(&self->buf);
	/* where private mappings are let through they are still there */
	EXPECT_EQ(0, is_listed(ino))
		TH_LOG("the buffer outlived its last user");
}

/*
 * The node of a V4L2 device whose buffers vmalloc() gave is not a dma-buf. Its
 * mappings are ordinary memory, and applications depend on that: they have one
 * device capture into the buffer of another, or write frames to disk unbuffered.
 */

FIXTURE(v4l2_node)
{
	struct dmabuf buf;
	size_t some;		/* bytes that the routes are tried on */
	size_t len;
	char *map;		/* through the node */
};

FIXTURE_VARIANT(v4l2_node)
{
	const char *exporter;
};

VARIANT(v4l2_node, vim2m);
VARIANT(v4l2_node, vivid_vmalloc);
VARIANT(v4l2_node, vimc);
VARIANT(v4l2_node, vicodec);
VARIANT(v4l2_node, visl);

FIXTURE_SETUP(v4l2_node)
{
	get_buffer(_metadata, variant->exporter, &self->buf);
	self->map = dmabuf_map_node(&self->buf, &self->len);
	ASSERT_NE(MAP_FAILED, self->map)
		TH_LOG("mmap of the node: %s", strerror(errno));
	self->some = 16 * dmabuf_page_size();
	ASSERT_LE(self->some, self->len);
	dmabuf_fill(self->map, self->some, 0);
}

FIXTURE_TEARDOWN(v4l2_node)
{
	munmap(self->map, self->len);
	dmabuf_put(&self->buf);
}

#define NODE_ROUTE(_name)						\
TEST_F(v4l2_node, takes_##_name)					\
{									\
	test_route(_metadata, #_name, self->map, self->some, true);	\
}

NODE_ROUTE(gup_slow_write)
NODE_ROUTE(gup_fast_write)
NODE_ROUTE(longterm_slow_write)
NODE_ROUTE(longterm_fast_write)
NODE_ROUTE(vmsplice)
NODE_ROUTE(process_vm_readv)
NODE_ROUTE(o_direct_write)
NODE_ROUTE(o_direct_read)
NODE_ROUTE(io_uring_fixed)
NODE_ROUTE(v4l2_userptr)
NODE_ROUTE(msg_zerocopy)

TEST_F(v4l2_node, takes_madv_populate_write)
{
	EXPECT_EQ(0, madvise(self->map, self->some, MADV_POPULATE_WRITE));
	EXPECT_EQ(0, dmabuf_check(self->map, self->some, 0));
}

/* Both mappings show one memory, whatever they let others do to it. */
TEST_F(v4l2_node, same_memory)
{
	char *map = dmabuf_map(&self->buf, RW, MAP_SHARED);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, dmabuf_check(map, self->some, 0));
	dmabuf_fill(map, self->some, 3);
	EXPECT_EQ(0, dmabuf_check(self->map, self->some, 3));
	refuse_all(_metadata, map, self->some, true);
}

/*
 * The node of a DRM device is not a dma-buf either. Many of its mappings are pfn
 * mappings all the same, and what is said of private ones holds there too.
 */

FIXTURE(drm_node)
{
	struct dmabuf buf;
	size_t ps;
	size_t len;
	char *map;		/* the dma-buf, by map_buffer() */
	char *node;		/* the same through the node */
	bool pfns;		/* the node's is a pfn mapping */
};

FIXTURE_VARIANT(drm_node)
{
	const char *exporter;
};

VARIANT(drm_node, vgem);
VARIANT(drm_node, vkms);
VARIANT(drm_node, virtio_gpu);
VARIANT(drm_node, bochs);
VARIANT(drm_node, cirrus);
VARIANT(drm_node, qxl);

FIXTURE_SETUP(drm_node)
{
	get_buffer(_metadata, variant->exporter, &self->buf);
	self->ps = dmabuf_page_size();
	self->map = map_buffer(_metadata, &self->buf, &self->len);
	self->node = dmabuf_map_drm_node(&self->buf, RW, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, self->node)
		TH_LOG("mmap of the node: %s", strerror(errno));
	self->pfns = has_flag(self->node, "pf") == 1 &&
		     has_flag(self->node, "mm") == 0;
}

FIXTURE_TEARDOWN(drm_node)
{
	munmap(self->map, self->len);
	munmap(self->node, self->len);
	dmabuf_put(&self->buf);
}

TEST_F(drm_node, same_memory)
{
	EXPECT_EQ(0, dmabuf_check(self->node, self->len, 0));
	dmabuf_fill(self->node, self->len, 3);
	EXPECT_EQ(0, dmabuf_check(self->map, self->len, 3));
	refuse_all(_metadata, self->map, self->ps, true);
	if (self->pfns)
		refuse_all(_metadata, self->node, self->ps, true);
}

TEST_F_TIMEOUT(drm_node, private_read_only, 120)
{
	const int prots[] = { PROT_READ, PROT_NONE };
	unsigned int i;
	char *map;

	if (!self->pfns)
		SKIP(return, "the node's mappings are no pfn mappings");
	for (i = 0; i < ARRAY_SIZE(prots); i++) {
		map = dmabuf_map_drm_node(&self->buf, prots[i], MAP_PRIVATE);
		ASSERT_NE(MAP_FAILED, map);
		check_private(_metadata, map, self->len, prots[i], self->map);
		dmabuf_fill(self->map, self->len, 5);
		EXPECT_EQ(0, dmabuf_check(map, self->len, 5));
		dmabuf_fill(self->node, self->len, 0);
		EXPECT_EQ(0, dmabuf_check(map, self->len, 0));
		munmap(map, self->len);
	}
}

TEST_F(drm_node, private_writable)
{
	if (!self->pfns)
		SKIP(return, "the node's mappings are no pfn mappings");
	EXPECT_EQ(MAP_FAILED, dmabuf_map_drm_node(&self->buf, RW, MAP_PRIVATE));
	EXPECT_EQ(EINVAL, errno);
}

/* write() from a screen that was mapped for reading only */
TEST_F_TIMEOUT(drm_node, private_copied_from, 120)
{
	unsigned int i;
	char *map;

	for (i = 0; i < 2 * nr_dmabuf_channels; i++) {
		map = dmabuf_map_drm_node(&self->buf, PROT_READ, MAP_PRIVATE);
		ASSERT_NE(MAP_FAILED, map)
			TH_LOG("private mapping of the node: %s", strerror(errno));
		copy_spans(_metadata, i, true, map, self->map, self->len);
		munmap(map, self->len);
	}
}

/*
 * The memory of a udmabuf is a file, which is as it was for everybody who maps that:
 * whatever a dma-buf refuses can be had there, while both are mapped.
 */

FIXTURE(udmabuf_memfd)
{
	struct dmabuf buf;
	int memfd;
	size_t len;
	char *pages;		/* the memfd, filled by dmabuf_fill() */
	char *map;		/* the udmabuf */
};

FIXTURE_VARIANT(udmabuf_memfd)
{
	const char *kind;
};

#define MEMFD(_kind)							\
FIXTURE_VARIANT_ADD(udmabuf_memfd, _kind)				\
{									\
	.kind = #_kind,							\
}

MEMFD(shmem);
MEMFD(huge);
MEMFD(thp);

FIXTURE_SETUP(udmabuf_memfd)
{
	size_t unit = dmabuf_memfd_unit(variant->kind);
	char why[160];
	int err;

	self->len = (buf_size() + unit - 1) / unit * unit;
	self->memfd = dmabuf_memfd(variant->kind, self->len, why, sizeof(why));
	if (self->memfd == -ENODEV)
		SKIP(return, "%s", why);
	ASSERT_LE(0, self->memfd)
		TH_LOG("%s", why);
	err = dmabuf_from_memfd(self->memfd, self->len, &self->buf);
	if (err == -ENODEV)
		SKIP(return, "%s (needs CONFIG_UDMABUF)", self->buf.why);
	ASSERT_EQ(0, err)
		TH_LOG("%s", self->buf.why);
	self->pages = mmap(NULL, self->len, RW, MAP_SHARED, self->memfd, 0);
	ASSERT_NE(MAP_FAILED, self->pages);
	self->map = dmabuf_map(&self->buf, RW, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, self->map);
	dmabuf_fill(self->pages, self->len, 0);
}

FIXTURE_TEARDOWN(udmabuf_memfd)
{
	munmap(self->map, self->len);
	munmap(self->pages, self->len);
	dmabuf_put(&self->buf);
	close(self->memfd);
}

static void refuse_direct(struct __test_metadata *_metadata, int fd, char *map,
			  size_t len)
{
	EXPECT_EQ(-1, pread(fd, map, len, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, pwrite(fd, map, len, 0));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(udmabuf_memfd, direct_io)
{
	int fd = dmabuf_open_direct(self->len);
	const ssize_t len = self->len;
	char *other;

	if (fd < 0)
		SKIP(return, "needs CONFIG_BLK_DEV_LOOP, or a disk's filesystem here");
	other = mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, other);
	EXPECT_EQ(0, dmabuf_check(self->map, len, 0));

	/* from the disk into the file: the dma-buf shows it */
	dmabuf_fill(other, len, 100);
	ASSERT_EQ(len, pwrite(fd, other, len, 0));
	refuse_direct(_metadata, fd, self->map, len);
	ASSERT_EQ(len, pread(fd, self->pages, len, 0));
	EXPECT_EQ(0, dmabuf_check(self->map, len, 100));

	/* what is written to the dma-buf gets to the disk by the file */
	dmabuf_fill(self->map, len, 200);
	ASSERT_EQ(len, pwrite(fd, self->pages, len, 0));
	refuse_direct(_metadata, fd, self->map, len);
	ASSERT_EQ(len, pread(fd, other, len, 0));
	EXPECT_EQ(0, dmabuf_check(other, len, 200));
	EXPECT_EQ(0, dmabuf_check(self->map, len, 200));
}

/* Every route, in turn: open on the file, closed on the dma-buf */
TEST_F_TIMEOUT(udmabuf_memfd, routes, 120)
{
	const size_t some = 16 * dmabuf_page_size();
	unsigned int i;

	for (i = 0; i < nr_gup_routes; i++)
		if (try_route(_metadata, &gup_routes[i], self->pages, some,
			      ROUTE_OPEN))
			EXPECT_TRUE(refuse(_metadata, &gup_routes[i], self->map,
					   some));
	EXPECT_EQ(0, dmabuf_check(self->map, self->len, 0));
}

/* Who may only read the file may only read the buffer that he makes of it. */
TEST_F(udmabuf_memfd, read_only)
{
	char path[64];
	struct dmabuf buf;
	char *map;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->memfd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, dmabuf_from_memfd(fd, self->len, &buf))
		TH_LOG("%s", buf.why);
	close(fd);
	EXPECT_EQ(MAP_FAILED, dmabuf_map(&buf, RW, MAP_SHARED));
	EXPECT_EQ(EACCES, errno);
	map = dmabuf_map(&buf, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, dmabuf_check(map, self->len, 0));
	EXPECT_EQ(-1, mprotect(map, self->len, RW));
	EXPECT_EQ(EACCES, errno);
	munmap(map, self->len);
	dmabuf_put(&buf);
}

/* What was written to the buffer alone stays in the file if memory is short. */
TEST(udmabuf_written)
{
	const size_t len = 16 * dmabuf_page_size();
	int memfd = memfd_create("dmabuf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct dmabuf buf;
	char *map;
	int err;

	ASSERT_EQ(0, ftruncate(memfd, len));
	err = dmabuf_from_memfd(memfd, len, &buf);
	if (err == -ENODEV)
		SKIP(return, "%s (needs CONFIG_UDMABUF)", buf.why);
	ASSERT_EQ(0, err)
		TH_LOG("%s", buf.why);
	map = dmabuf_map(&buf, RW, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, map);
	dmabuf_fill(map, len, 0);
	munmap(map, len);
	dmabuf_put(&buf);

	map = mmap(NULL, len, RW, MAP_SHARED, memfd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, dmabuf_check(map, len, 0));
	EXPECT_EQ(0, madvise(map, len, MADV_PAGEOUT));
	EXPECT_EQ(0, dmabuf_check(map, len, 0))
		TH_LOG("the file has lost what the dma-buf wrote");
	munmap(map, len);
	close(memfd);
}

/* The file cannot shrink below the buffer, which the file's seal sees to. */
TEST_F(udmabuf_memfd, ftruncate)
{
	EXPECT_EQ(-1, ftruncate(self->memfd, 0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(0, dmabuf_check(self->map, self->len, 0));
}

/*
 * Documentation/driver-api/dma-buf-mmap.rst has a table of what does not work on a
 * mapping, and what to do instead. The latter is tested by
 *
 * O_DIRECT, io_uring fixed buffers	udmabuf_memfd.direct_io and .routes; "or
 *					copy" is copied_from and copied_to
 * MSG_ZEROCOPY				not here: device memory TCP takes a network
 *					device that splits headers
 * vmsplice()				copied_from ("write to a pipe")
 * process_vm_readv()			pass_fd
 * RDMA memory registration		not here: takes an adapter
 * V4L2 USERPTR				v4l2_dmabuf
 * VFIO, iommufd by address		not here: takes an IOMMU and CONFIG_IOMMUFD
 * futexes				memfd_control.futex_shared
 * mremap() to grow			nothing to do instead
 */

static bool has_variant(const char *name)
{
	struct __fixture_variant_metadata *v;

	for (v = _dmabuf_mmap_fixture_object.variant; v; v = v->next)
		if (!strcmp(v->name, name))
			return true;
	return false;
}

static bool has_test(const char *prefix, const char *name)
{
	struct __test_metadata *t;
	size_t n = strlen(prefix);

	for (t = _dmabuf_mmap_fixture_object.tests; t; t = t->next)
		if (!strncmp(t->name, prefix, n) && !strcmp(t->name + n, name))
			return true;
	return false;
}

/* Nothing that the tables have is left out here. */
TEST(complete)
{
	const char *name;
	unsigned int i;

	for (i = 0; i < nr_dmabuf_exporters; i++) {
		name = dmabuf_exporters[i].name;
		EXPECT_TRUE(has_variant(name))
			TH_LOG("no EXPORTER(%s)", name);
	}
	for (i = 0; i < nr_gup_routes; i++) {
		name = gup_routes[i].name;
		EXPECT_TRUE(has_test("refuses_", name))
			TH_LOG("no ROUTE(%s)", name);
	}
}

TEST_HARNESS_MAIN
