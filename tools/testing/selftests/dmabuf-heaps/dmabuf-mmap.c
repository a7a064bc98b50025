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
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#ifdef __x86_64__
#include <linux/kvm.h>
#endif
#include <linux/userfaultfd.h>

#include "../kselftest_harness.h"
#include "dmabuf-exporters.h"

#ifndef MADV_COLD
#define MADV_COLD		20
#define MADV_PAGEOUT		21
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED	24
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP	4
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif

#define BIG_SIZE	(2 * DMABUF_PMD_MAX)
#define NR_THREADS	4

/* Room for one huge entry and some more pages */
static size_t buf_size(void)
{
	return dmabuf_pmd_size() + 16 * dmabuf_page_size();
}

FIXTURE(dmabuf_mmap)
{
	const struct dmabuf_exporter *exp;
	struct dmabuf buf;
	size_t ps;		/* bytes a page */
	size_t len;		/* bytes that can be mapped */
	char *map;		/* all of it, shared, filled by dmabuf_fill() */
};

#define dmabuf_self FIXTURE_DATA(dmabuf_mmap)

FIXTURE_VARIANT(dmabuf_mmap)
{
	const char *exporter;
};

#define EXPORTER(_name)							\
FIXTURE_VARIANT_ADD(dmabuf_mmap, _name)					\
{									\
	.exporter = #_name,						\
}

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
EXPORTER(fd);

FIXTURE_SETUP(dmabuf_mmap)
{
	int err;

	self->exp = dmabuf_exporter_find(variant->exporter);
	ASSERT_NE(NULL, self->exp);
	self->ps = dmabuf_page_size();

	err = dmabuf_get(self->exp, buf_size(), O_RDWR, &self->buf);
	if (err == -ENODEV)
		SKIP(return, "%s (needs %s)", self->buf.why, self->exp->needs);
	ASSERT_EQ(0, err)
		TH_LOG("%s", self->buf.why);
	self->len = self->buf.size & ~(self->ps - 1);
	if (self->len < 16 * self->ps && !strcmp(self->exp->name, "fd"))
		SKIP(return, "DMABUF_FD has fewer than 16 pages");
	ASSERT_LE(16 * self->ps, self->len);

	self->map = dmabuf_map(&self->buf, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, self->map)
		TH_LOG("mmap refused by the kernel: %s", strerror(errno));
	dmabuf_fill(self->map, self->len, 0);
}

FIXTURE_TEARDOWN(dmabuf_mmap)
{
	munmap(self->map, self->len);
	dmabuf_put(&self->buf);
}

/* Map again, without touching anything */
static char *map_part(dmabuf_self *self, size_t offset, size_t len,
		      int prot, int flags)
{
	return mmap(NULL, len, prot, flags, self->buf.fd, offset);
}

static char *map_again(dmabuf_self *self)
{
	return map_part(self, 0, self->len, PROT_READ | PROT_WRITE, MAP_SHARED);
}

/* Pages that do not hold what page @first of the buffer and onwards hold */
static unsigned long wrong_pages(dmabuf_self *self, char *addr,
				 size_t len, size_t offset)
{
	return dmabuf_check(addr, len, offset / self->ps);
}

static size_t middle_of(dmabuf_self *self)
{
	return self->len / 2 & ~(self->ps - 1);
}

/* Where a mapping of @len bytes can be put with MAP_FIXED or mremap() */
static char *reserve(size_t len)
{
	return mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static char *reserve_aligned(size_t len, size_t align)
{
	char *to = reserve(len + align);

	if (to == MAP_FAILED)
		return to;
	return (char *)(((unsigned long)to + align - 1) & ~(align - 1));
}

/*
 * Accesses that may end in a signal
 */

static sigjmp_buf fault_env;

static void fault_handler(int sig)
{
	siglongjmp(fault_env, sig);
}

/* The signal that the access raised, or 0 */
static int access_signal(char *addr, bool write)
{
	int sig = sigsetjmp(fault_env, 1);
	char byte;

	if (sig)
		return sig;
	signal(SIGSEGV, fault_handler);
	signal(SIGBUS, fault_handler);
	byte = *addr;
	asm volatile("" : : "r" (byte) : "memory");
	if (write)
		*addr = byte;
	asm volatile("" : : : "memory");
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	return 0;
}

/*
 * What /proc says about a mapping
 */

struct vma_info {
	char name[256];
	char flags[256];
};

static bool get_vma_info(const void *addr, struct vma_info *info)
{
	unsigned long at = (unsigned long)addr;
	unsigned long start, end;
	char line[512], perms[8];
	bool in = false;
	bool found = false;
	FILE *f;

	memset(info, 0, sizeof(*info));
	f = fopen("/proc/self/smaps", "r");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, perms) == 3) {
			in = start <= at && at < end;
			if (in)
				sscanf(line, "%*s %*s %*s %*s %*s %255[^\n]",
				       info->name);
		} else if (in && !strncmp(line, "VmFlags:", 8)) {
			snprintf(info->flags, sizeof(info->flags), " %.253s",
				 line + 9);
			found = true;
		}
	}
	fclose(f);
	return found;
}

static bool has_flag(const struct vma_info *info, const char *flag)
{
	char word[8];

	snprintf(word, sizeof(word), " %s ", flag);
	return strstr(info->flags, word);
}

/*
 * Routes of get_user_pages()
 */

/* Some other error would hide that the kernel takes pages when it can. */
static void expect_refusal(struct __test_metadata *_metadata,
			   const struct gup_route *route, char *addr, size_t len,
			   int ret)
{
	EXPECT_EQ(-route->refusal, ret)
		TH_LOG("%s, %zu bytes at %p: %s", route->name, len, addr,
		       ret == ROUTE_OPEN ? "took pages of a dma-buf" :
		       ret == ROUTE_MISSING ? "could not be tried" :
		       strerror(-ret));
}

static void refuse(struct __test_metadata *_metadata, const struct gup_route *route,
		   char *addr, size_t len)
{
	int ret = gup_route_run(route, addr, len);

	if (ret != ROUTE_MISSING)
		expect_refusal(_metadata, route, addr, len, ret);
}

static void refuse_all(struct __test_metadata *_metadata, char *addr, size_t len,
		       bool writable)
{
	unsigned int i;

	for (i = 0; i < nr_gup_routes; i++)
		if (writable || !gup_routes[i].write)
			refuse(_metadata, &gup_routes[i], addr, len);
}

static void refuse_route(struct __test_metadata *_metadata, dmabuf_self *self,
			 const struct gup_route *route)
{
	size_t some = 16 * self->ps;
	char *last = self->map + self->len - self->ps;
	int ret;

	ASSERT_NE(NULL, route);
	ret = gup_route_run(route, self->map, self->ps);
	if (ret == ROUTE_MISSING)
		SKIP(return, "needs %s", route->needs);
	expect_refusal(_metadata, route, self->map, self->ps, ret);
	/* it is there: it may not be missing any more */
	expect_refusal(_metadata, route, self->map, some,
		       gup_route_run(route, self->map, some));
	expect_refusal(_metadata, route, last, self->ps,
		       gup_route_run(route, last, self->ps));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
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
	self->map = mmap(NULL, self->len, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	dmabuf_fill(self->map, self->len, 0);
}

FIXTURE_TEARDOWN(memfd_control)
{
	munmap(self->map, self->len);
	close(self->fd);
}

static void expect_taken(struct __test_metadata *_metadata,
			 const struct gup_route *route, size_t len, int ret)
{
	EXPECT_EQ(ROUTE_OPEN, ret)
		TH_LOG("%s, %zu bytes: %s", route->name, len,
		       ret == ROUTE_MISSING ? "could not be tried" :
		       strerror(-ret));
}

/* In the sizes that dma-bufs are tried in */
static void take_by_route(struct __test_metadata *_metadata, char *map, size_t len,
			  const struct gup_route *route)
{
	size_t ps = dmabuf_page_size();
	int ret;

	ASSERT_NE(NULL, route);
	ret = gup_route_run(route, map, ps);
	if (ret == ROUTE_MISSING)
		SKIP(return, "needs %s", route->needs);
	expect_taken(_metadata, route, ps, ret);
	expect_taken(_metadata, route, len, gup_route_run(route, map, len));
	EXPECT_EQ(0, dmabuf_check(map, len, 0));
}

#define ROUTE(_name)							\
static const char route_##_name[] = #_name;				\
									\
TEST_F(memfd_control, _name)						\
{									\
	take_by_route(_metadata, self->map, self->len,			\
		      gup_route_find(route_##_name));			\
}									\
									\
TEST_F(dmabuf_mmap, refuses_##_name)					\
{									\
	refuse_route(_metadata, self, gup_route_find(route_##_name));	\
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
	char *map = map_again(self);

	ASSERT_NE(MAP_FAILED, map);
	refuse_all(_metadata, map, 16 * self->ps, true);
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	munmap(map, self->len);
}

TEST_F(dmabuf_mmap, refuses_all_read_only)
{
	char *map = map_part(self, 0, self->len, PROT_READ, MAP_SHARED);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	refuse_all(_metadata, map, 16 * self->ps, false);
	munmap(map, self->len);
}

TEST_F(dmabuf_mmap, refuses_all_after_split)
{
	size_t at = middle_of(self);

	ASSERT_EQ(0, mprotect(self->map + at, self->ps, PROT_READ));
	dmabuf_fill(self->map, at, 0);
	refuse_all(_metadata, self->map, 16 * self->ps, true);
	refuse_all(_metadata, self->map + at - self->ps, self->ps, true);
	refuse_all(_metadata, self->map + at, self->ps, false);
	refuse_all(_metadata, self->map + at + self->ps, self->ps, true);
}

TEST_F(dmabuf_mmap, refuses_all_after_move)
{
	char *to = reserve(self->len);

	ASSERT_NE(MAP_FAILED, to);
	to = mremap(self->map, self->len, self->len,
		    MREMAP_MAYMOVE | MREMAP_FIXED, to);
	ASSERT_NE(MAP_FAILED, to);
	self->map = to;
	refuse_all(_metadata, to, 16 * self->ps, true);
	EXPECT_EQ(0, wrong_pages(self, to, self->len, 0));
	refuse_all(_metadata, to, 16 * self->ps, true);
}

/* What a child does counts in the parent: _metadata is shared. */
static void in_child(struct __test_metadata *_metadata, pid_t pid)
{
	int status;

	ASSERT_LE(0, pid);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
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
	struct vma_info info;

	ASSERT_TRUE(get_vma_info(self->map, &info));
	EXPECT_TRUE(has_flag(&info, "pf"))
		TH_LOG("not VM_PFNMAP:%s", info.flags);
	EXPECT_FALSE(has_flag(&info, "mm"))
		TH_LOG("VM_MIXEDMAP:%s", info.flags);
	EXPECT_TRUE(has_flag(&info, "de"))
		TH_LOG("not VM_DONTEXPAND:%s", info.flags);
	EXPECT_TRUE(has_flag(&info, "dd"))
		TH_LOG("not VM_DONTDUMP:%s", info.flags);
}

TEST_F(dmabuf_mmap, vm_file)
{
	struct vma_info info;

	ASSERT_TRUE(get_vma_info(self->map, &info));
	EXPECT_NE(NULL, strstr(info.name, "/dmabuf:"))
		TH_LOG("mapped file is %s", info.name);
}

TEST_F(dmabuf_mmap, cpu_access)
{
	char *map = map_again(self);
	size_t i;

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	for (i = 0; i < self->len; i++)
		map[i] = i * 7 + (i >> 12);
	EXPECT_EQ(0, memcmp(map, self->map, self->len));
	for (i = 0; i < self->len; i += 509)
		ASSERT_EQ((char)(i * 7 + (i >> 12)), self->map[i]);
	munmap(map, self->len);
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

/* A system call that copies is as good as the CPU: nothing keeps a page. */
TEST_F(dmabuf_mmap, buffered_io)
{
	int fd = memfd_create("buffered", MFD_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(self->len, pwrite(fd, self->map, self->len, 0));
	memset(self->map, 0, self->len);
	ASSERT_EQ(self->len, pread(fd, self->map, self->len, 0));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	close(fd);
}

/*
 * System calls that copy to and from a mapping: any number of bytes, from anywhere
 */

struct io_ends {
	int near;		/* what the mapping is copied to or from */
	int far;
	bool file;		/* nobody waits at the far end */
};

/**
 * struct io_way - a system call that copies
 * @name: for messages
 * @open: 0, -1, or 1 if there is no such thing
 * @out:  copies from the mapping
 * @in:   copies into the mapping
 */
struct io_way {
	const char *name;
	int (*open)(struct io_ends *ends);
	ssize_t (*out)(int fd, const char *from, size_t len);
	ssize_t (*in)(int fd, char *to, size_t len);
};

static int open_pipe_to(struct io_ends *ends)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	ends->far = fds[0];
	ends->near = fds[1];
	return 0;
}

static int open_pipe_from(struct io_ends *ends)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	ends->near = fds[0];
	ends->far = fds[1];
	return 0;
}

static int open_unix(struct io_ends *ends)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -1;
	ends->near = fds[0];
	ends->far = fds[1];
	return 0;
}

static int open_tcp(struct io_ends *ends)
{
	return dmabuf_connect_loopback(&ends->near, &ends->far) ? 1 : 0;
}

static int open_file(struct io_ends *ends)
{
	ends->near = memfd_create("file", MFD_CLOEXEC);
	ends->far = dup(ends->near);
	ends->file = true;
	return ends->near < 0 ? -1 : 0;
}

static ssize_t out_write(int fd, const char *from, size_t len)
{
	return write(fd, from, len);
}

static ssize_t out_send(int fd, const char *from, size_t len)
{
	return send(fd, from, len, MSG_NOSIGNAL);
}

static ssize_t in_read(int fd, char *to, size_t len)
{
	return read(fd, to, len);
}

static ssize_t in_recv(int fd, char *to, size_t len)
{
	return recv(fd, to, len, 0);
}

/* In three pieces, of which the first is one byte */
static int cut_iov(struct iovec iov[3], const char *at, size_t len)
{
	size_t half = len / 2;

	iov[0] = (struct iovec){ (char *)at, 1 };
	iov[1] = (struct iovec){ (char *)at + 1, half };
	iov[2] = (struct iovec){ (char *)at + 1 + half, len - 1 - half };
	return 3;
}

static ssize_t out_writev(int fd, const char *from, size_t len)
{
	struct iovec iov[3];

	return writev(fd, iov, cut_iov(iov, from, len));
}

static ssize_t in_readv(int fd, char *to, size_t len)
{
	struct iovec iov[3];

	return readv(fd, iov, cut_iov(iov, to, len));
}

static const struct io_way ways_out[] = {
	{ "write to a pipe", open_pipe_to, .out = out_write },
	{ "writev to a pipe", open_pipe_to, .out = out_writev },
	{ "send to a unix socket", open_unix, .out = out_send },
	{ "writev to a unix socket", open_unix, .out = out_writev },
	{ "send to a TCP socket", open_tcp, .out = out_send },
	{ "write to a file", open_file, .out = out_write },
	{ "writev to a file", open_file, .out = out_writev },
};

static const struct io_way ways_in[] = {
	{ "read from a pipe", open_pipe_from, .in = in_read },
	{ "readv from a pipe", open_pipe_from, .in = in_readv },
	{ "recv from a unix socket", open_unix, .in = in_recv },
	{ "recv from a TCP socket", open_tcp, .in = in_recv },
	{ "read from a file", open_file, .in = in_read },
	{ "readv from a file", open_file, .in = in_readv },
};

/* From a border or from near to it: @pages pages and @bytes bytes, or all */
static const struct io_span {
	enum { AT_START, AT_PAGE, AT_HUGE, AT_END, ALL } border;
	int delta;
	unsigned int pages;
	int bytes;
} io_spans[] = {
	{ AT_START, 0, 0, 1 },
	{ AT_START, 1, 0, 7 },
	{ AT_START, 0, 1, 0 },
	{ AT_START, 5, 1, 0 },
	{ AT_START, 63, 3, -1 },
	{ AT_PAGE, -1, 0, 1 },
	{ AT_PAGE, -1, 0, 2 },
	{ AT_PAGE, -1, 1, 2 },
	{ AT_PAGE, 0, 2, 0 },
	{ AT_PAGE, -3, 12, 5 },
	{ AT_HUGE, -1, 0, 1 },
	{ AT_HUGE, -1, 0, 2 },
	{ AT_HUGE, 0, 1, 0 },
	{ AT_HUGE, -2001, 1, 100 },
	{ AT_HUGE, -9, 8, 18 },
	{ AT_END, 0, 0, 1 },
	{ AT_END, 0, 1, 1 },
	{ AT_END, 0, 4, -3 },
	{ ALL, 0, 0, 0 },
	{ ALL, 1, 0, -2 },
};

/* False: there is no such place in this mapping. */
static bool find_span(const struct io_span *span, const char *map, size_t all,
		      size_t *off, size_t *len)
{
	const size_t ps = dmabuf_page_size();
	const size_t pmd = dmabuf_pmd_size();
	size_t border = 0;

	*len = span->pages * ps + span->bytes;
	switch (span->border) {
	case AT_START:
		break;
	case AT_PAGE:
		border = 3 * ps;
		break;
	case AT_HUGE:
		border = -(unsigned long)map & (pmd - 1);
		if (!border)
			border = pmd;
		break;
	case AT_END:
		border = all - *len;
		break;
	case ALL:
		*len += all;
		break;
	}
	if (span->delta < 0 && border < (size_t)-span->delta)
		return false;
	*off = border + span->delta;
	return *off + *len <= all;
}

/* The far end works in a thread of its own, since it may have to wait. */
struct far_end {
	pthread_t thread;
	int fd;
	char *bytes;
	size_t len;
	size_t done;
};

static void *drain(void *arg)
{
	struct far_end *end = arg;
	ssize_t n;

	while (end->done < end->len) {
		n = read(end->fd, end->bytes + end->done, end->len - end->done);
		if (n <= 0)
			break;
		end->done += n;
	}
	return NULL;
}

static void *feed(void *arg)
{
	struct far_end *end = arg;
	ssize_t n;

	while (end->done < end->len) {
		n = write(end->fd, end->bytes + end->done, end->len - end->done);
		if (n <= 0)
			break;
		end->done += n;
	}
	return NULL;
}

static void copy_out(struct __test_metadata *_metadata, const struct io_way *way,
		     const char *map, const char *expected, size_t len)
{
	struct io_ends ends = { };
	struct far_end end = { .len = len };
	ssize_t n;
	int ret;

	ret = way->open(&ends);
	if (ret > 0)
		return;
	ASSERT_EQ(0, ret);
	end.fd = ends.far;
	end.bytes = calloc(1, len);
	ASSERT_NE(NULL, end.bytes);
	if (!ends.file)
		ASSERT_EQ(0, pthread_create(&end.thread, NULL, drain, &end));
	n = way->out(ends.near, map, len);
	EXPECT_EQ((ssize_t)len, n)
		TH_LOG("%s, %zu bytes at %p: %s", way->name, len, map,
		       n < 0 ? strerror(errno) : "short");
	if (ends.file)
		lseek(ends.near, 0, SEEK_SET);
	else
		close(ends.near);
	if (ends.file)
		drain(&end);
	else
		pthread_join(end.thread, NULL);
	EXPECT_EQ(len, end.done);
	EXPECT_EQ(0, memcmp(expected, end.bytes, len))
		TH_LOG("%s, %zu bytes at %p: wrong bytes", way->name, len, map);
	if (ends.file)
		close(ends.near);
	close(ends.far);
	free(end.bytes);
}

static void copy_in(struct __test_metadata *_metadata, const struct io_way *way,
		    char *map, const char *bytes, size_t len)
{
	struct io_ends ends = { };
	struct far_end end = { .len = len, .bytes = (char *)bytes };
	size_t done = 0;
	ssize_t n;
	int ret;

	ret = way->open(&ends);
	if (ret > 0) {
		memcpy(map, bytes, len);
		return;
	}
	ASSERT_EQ(0, ret);
	end.fd = ends.far;
	if (ends.file) {
		feed(&end);
		lseek(ends.near, 0, SEEK_SET);
	} else {
		ASSERT_EQ(0, pthread_create(&end.thread, NULL, feed, &end));
	}
	/* pipes and sockets give what they have */
	do {
		n = way->in(ends.near, map + done, len - done);
		if (n > 0)
			done += n;
	} while (n > 0 && done < len);
	EXPECT_EQ(len, done)
		TH_LOG("%s, %zu bytes at %p: %s", way->name, len, map,
		       n < 0 ? strerror(errno) : "short");
	close(ends.near);
	if (!ends.file)
		pthread_join(end.thread, NULL);
	close(ends.far);
}

TEST_F_TIMEOUT(dmabuf_mmap, copied_from, 120)
{
	char *fresh = map_again(self);
	char *copy = malloc(self->len);
	unsigned int i, w;
	size_t off, len;

	ASSERT_NE(MAP_FAILED, fresh);
	ASSERT_NE(NULL, copy);
	for (i = 0; i < self->len; i++)
		copy[i] = i * 7 + i / 251;
	memcpy(self->map, copy, self->len);
	for (w = 0; w < ARRAY_SIZE(ways_out); w++) {
		for (i = 0; i < ARRAY_SIZE(io_spans); i++)
			if (find_span(&io_spans[i], fresh, self->len, &off, &len))
				copy_out(_metadata, &ways_out[w], fresh + off,
					 copy + off, len);
		/* from pages that are not there yet, once more */
		munmap(fresh, self->len);
		fresh = map_again(self);
		ASSERT_NE(MAP_FAILED, fresh);
	}
	munmap(fresh, self->len);
	free(copy);
}

TEST_F_TIMEOUT(dmabuf_mmap, copied_to, 120)
{
	char *fresh = map_again(self);
	char *copy = malloc(self->len);
	unsigned int i, w;
	size_t off, len, b;

	ASSERT_NE(MAP_FAILED, fresh);
	ASSERT_NE(NULL, copy);
	signal(SIGPIPE, SIG_IGN);
	memset(copy, 0, self->len);
	memset(self->map, 0, self->len);
	for (w = 0; w < ARRAY_SIZE(ways_in); w++) {
		for (i = 0; i < ARRAY_SIZE(io_spans); i++) {
			if (!find_span(&io_spans[i], fresh, self->len, &off, &len))
				continue;
			for (b = 0; b < len; b++)
				copy[off + b] = w + i * 31 + b * 5 + b / 241;
			copy_in(_metadata, &ways_in[w], fresh + off, copy + off,
				len);
			/* all of it: its neighbours are as they were */
			ASSERT_EQ(0, memcmp(copy, self->map, self->len))
				TH_LOG("%s, %zu bytes at %zu: wrong bytes",
				       ways_in[w].name, len, off);
		}
		munmap(fresh, self->len);
		fresh = map_again(self);
		ASSERT_NE(MAP_FAILED, fresh);
	}
	munmap(fresh, self->len);
	free(copy);
}

/* A written page of a private mapping would be an ordinary anonymous page. */
static void refuse_private(struct __test_metadata *_metadata,
			   dmabuf_self *self, int fd, size_t len,
			   int prot)
{
	char *map = mmap(NULL, len, prot, MAP_PRIVATE, fd, 0);

	EXPECT_EQ(MAP_FAILED, map)
		TH_LOG("private mapping of %zu bytes, prot %d", len, prot);
	if (map == MAP_FAILED) {
		EXPECT_EQ(EINVAL, errno);
		return;
	}
	if (prot & PROT_WRITE && !access_signal(map, true))
		refuse_all(_metadata, map, self->ps, true);
	munmap(map, len);
}

TEST_F(dmabuf_mmap, private_writable)
{
	const int prot = PROT_READ | PROT_WRITE;

	refuse_private(_metadata, self, self->buf.fd, self->ps, prot);
	refuse_private(_metadata, self, self->buf.fd, 16 * self->ps, prot);
	refuse_private(_metadata, self, self->buf.fd, self->len, prot);
	refuse_private(_metadata, self, self->buf.fd, self->len, PROT_WRITE);
}

/*
 * One that was mapped for reading is none of that, and stays so: it can never
 * become writable. Programs that look at a picture map it in this way.
 */
static void check_private(struct __test_metadata *_metadata, char *map,
			  size_t len, int prot, const char *same)
{
	const size_t ps = dmabuf_page_size();
	struct vma_info info;

	ASSERT_NE(MAP_FAILED, map)
		TH_LOG("private mapping of %zu bytes, prot %d: %s", len, prot,
		       strerror(errno));
	ASSERT_TRUE(get_vma_info(map, &info));
	EXPECT_TRUE(has_flag(&info, "pf"))
		TH_LOG("not VM_PFNMAP:%s", info.flags);
	EXPECT_FALSE(has_flag(&info, "mm"))
		TH_LOG("VM_MIXEDMAP:%s", info.flags);
	EXPECT_FALSE(has_flag(&info, "mw"))
		TH_LOG("VM_MAYWRITE:%s", info.flags);

	if (prot == PROT_NONE) {
		EXPECT_EQ(SIGSEGV, access_signal(map, false));
		EXPECT_EQ(-1, mprotect(map, len, PROT_READ | PROT_WRITE));
		EXPECT_EQ(EACCES, errno);
		refuse(_metadata, gup_route_find("gup_fast"), map, ps);
		refuse(_metadata, gup_route_find("gup_slow"), map, ps);
		ASSERT_EQ(0, mprotect(map, len, PROT_READ));
	}
	/* before there is an entry, and after */
	refuse_all(_metadata, map, ps, true);
	EXPECT_EQ(0, memcmp(map, same, len));
	EXPECT_EQ(SIGSEGV, access_signal(map, true));
	EXPECT_EQ(-1, mprotect(map, len, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect(map + len - ps, ps, PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(SIGSEGV, access_signal(map, true));
	refuse_all(_metadata, map, ps, true);
	refuse_all(_metadata, map + len - ps, ps, true);
	EXPECT_EQ(0, memcmp(map, same, len));
}

static void accept_private(struct __test_metadata *_metadata, dmabuf_self *self,
			   size_t off, size_t len, int prot)
{
	char *map = map_part(self, off, len, prot, MAP_PRIVATE);

	check_private(_metadata, map, len, prot, self->map + off);
	if (map == MAP_FAILED)
		return;
	/* what it shows is the buffer, not what was there once */
	dmabuf_fill(self->map, self->len, 100);
	EXPECT_EQ(0, dmabuf_check(map, len, 100 + off / self->ps));
	dmabuf_fill(self->map, self->len, 0);
	EXPECT_EQ(0, dmabuf_check(map, len, off / self->ps));
	munmap(map, len);
}

TEST_F_TIMEOUT(dmabuf_mmap, private_read_only, 120)
{
	accept_private(_metadata, self, 0, self->ps, PROT_READ);
	accept_private(_metadata, self, 0, 16 * self->ps, PROT_READ);
	accept_private(_metadata, self, 0, self->len, PROT_READ);
}

TEST_F_TIMEOUT(dmabuf_mmap, private_none, 120)
{
	accept_private(_metadata, self, 0, self->ps, PROT_NONE);
	accept_private(_metadata, self, 0, self->len, PROT_NONE);
}

TEST_F_TIMEOUT(dmabuf_mmap, private_offset, 120)
{
	const size_t last = self->len - self->ps;
	const size_t middle = middle_of(self);

	accept_private(_metadata, self, 3 * self->ps, 2 * self->ps, PROT_READ);
	accept_private(_metadata, self, middle, self->len - middle, PROT_READ);
	accept_private(_metadata, self, last, self->ps, PROT_READ);
	accept_private(_metadata, self, last, self->ps, PROT_NONE);
}

/* Not by the way of a split, of a move or of a copy either */
TEST_F_TIMEOUT(dmabuf_mmap, private_changed, 120)
{
	const size_t middle = middle_of(self);
	char *map = map_part(self, 0, self->len, PROT_READ, MAP_PRIVATE);
	char *to = reserve(self->len);
	pid_t pid;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_NE(MAP_FAILED, to);
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	pid = fork();
	if (!pid) {
		check_private(_metadata, map, self->len, PROT_READ, self->map);
		_exit(0);
	}
	in_child(_metadata, pid);

	ASSERT_EQ(to, mremap(map, self->len, self->len,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	check_private(_metadata, to, self->len, PROT_READ, self->map);
	ASSERT_EQ(0, munmap(to + middle, self->ps));
	check_private(_metadata, to, middle, PROT_READ, self->map);
	check_private(_metadata, to + middle + self->ps,
		      self->len - middle - self->ps, PROT_READ,
		      self->map + middle + self->ps);
	ASSERT_EQ(0, mprotect(to + self->ps, self->ps, PROT_NONE));
	check_private(_metadata, to + self->ps, self->ps, PROT_NONE,
		      self->map + self->ps);
	munmap(to, self->len);
}

/* Some devices have one buffer at a time. */
static void drop_buffer(dmabuf_self *self)
{
	munmap(self->map, self->len);
	dmabuf_put(&self->buf);
}

/* The smallest buffer is one chunk: this is where private got through. */
TEST_F(dmabuf_mmap, private_small_buffer)
{
	struct dmabuf small;
	char *map, *same;
	int err;

	drop_buffer(self);
	err = dmabuf_get(self->exp, self->ps, O_RDWR, &small);
	ASSERT_EQ(0, err)
		TH_LOG("%s", small.why);
	refuse_private(_metadata, self, small.fd, self->ps,
		       PROT_READ | PROT_WRITE);
	same = mmap(NULL, self->ps, PROT_READ, MAP_SHARED, small.fd, 0);
	ASSERT_NE(MAP_FAILED, same);
	map = mmap(NULL, self->ps, PROT_READ, MAP_PRIVATE, small.fd, 0);
	check_private(_metadata, map, self->ps, PROT_READ, same);
	munmap(map, self->ps);
	munmap(same, self->ps);
	dmabuf_put(&small);
}

TEST_F_TIMEOUT(dmabuf_mmap, read_only_fd, 120)
{
	const int prots[] = { PROT_READ, PROT_NONE };
	const size_t some = 2 * self->ps;
	char *map, *private;
	struct dmabuf ro;
	unsigned int i;
	int err;

	drop_buffer(self);
	err = dmabuf_get(self->exp, buf_size(), O_RDONLY, &ro);
	if (err == -EOPNOTSUPP)
		SKIP(return, "no read-only dma-buf: %s", ro.why);
	ASSERT_EQ(0, err)
		TH_LOG("%s", ro.why);
	EXPECT_EQ(MAP_FAILED, dmabuf_map(&ro, PROT_READ | PROT_WRITE, MAP_SHARED));
	EXPECT_EQ(EACCES, errno);
	refuse_private(_metadata, self, ro.fd, self->ps, PROT_READ | PROT_WRITE);

	map = dmabuf_map(&ro, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, access_signal(map, false));
	EXPECT_EQ(SIGSEGV, access_signal(map, true));
	EXPECT_EQ(0, access_signal(map + self->len / 2, false));
	EXPECT_EQ(-1, mprotect(map, self->len, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	refuse_all(_metadata, map, self->ps, false);

	for (i = 0; i < ARRAY_SIZE(prots); i++) {
		private = mmap(NULL, self->len, prots[i], MAP_PRIVATE, ro.fd, 0);
		check_private(_metadata, private, self->len, prots[i], map);
		munmap(private, self->len);
		private = mmap(NULL, some, prots[i], MAP_PRIVATE, ro.fd, some);
		check_private(_metadata, private, some, prots[i], map + some);
		munmap(private, some);
	}
	munmap(map, self->len);
	dmabuf_put(&ro);
}

TEST_F(dmabuf_mmap, beyond_end)
{
	const int prot = PROT_READ | PROT_WRITE;

	EXPECT_EQ(MAP_FAILED, map_part(self, 0, self->len + self->ps, prot,
				       MAP_SHARED));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, map_part(self, self->len, self->ps, prot,
				       MAP_SHARED));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, map_part(self, self->len - self->ps, 2 * self->ps,
				       prot, MAP_SHARED));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, map_part(self, -self->ps, 2 * self->ps, prot,
				       MAP_SHARED));
}

/*
 * Who asks for the pages in advance has them afterwards: real-time threads cannot
 * do with a fault.
 */

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

static long thread_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

/* Faults that it takes to touch one byte in every @step */
static long faults_touching(char *map, size_t len, size_t step, bool write)
{
	char warm[64] = "";
	long faults = 0;
	int round;

	/* twice, so that nothing but the mapping faults when it counts */
	for (round = 0; round < 2; round++) {
		faults = thread_faults();
		if (round)
			touch(map, len, step, write);
		else
			touch(warm, sizeof(warm), 1, true);
		faults = thread_faults() - faults;
	}
	return faults;
}

/* Whether mmap() maps everything, and there is nothing left to fault in */
static bool is_eager(dmabuf_self *self)
{
	char *map = map_again(self);
	long faults;

	if (map == MAP_FAILED)
		return false;
	faults = faults_touching(map, self->len, self->ps, false);
	munmap(map, self->len);
	return !faults;
}

/**
 * struct populate_way - a way to have the pages of a mapping in advance
 * @name:   identifier, as in the name of a test
 * @flags:  of mmap()
 * @write:  no way where the mapping is not writable
 * @advice: of madvise(); mm refuses it where there is no fault handler
 * @run:    0 or -errno
 */
struct populate_way {
	const char *name;
	int flags;
	bool write;
	int advice;
	int (*run)(const struct populate_way *way, char *map, size_t len);
};

static int run_madvise(const struct populate_way *way, char *map, size_t len)
{
	return madvise(map, len, way->advice) ? -errno : 0;
}

static int run_mlock(const struct populate_way *way, char *map, size_t len)
{
	return mlock(map, len) ? -errno : 0;
}

static int run_mlockall(const struct populate_way *way, char *map, size_t len)
{
	return mlockall(MCL_CURRENT) ? -errno : 0;
}

static const struct populate_way populate_ways[] = {
	{ .name = "map_populate", .flags = MAP_POPULATE },
	{ .name = "map_locked", .flags = MAP_LOCKED },
	{
		.name = "madv_populate_read", .run = run_madvise,
		.advice = MADV_POPULATE_READ,
	}, {
		.name = "madv_populate_write", .run = run_madvise, .write = true,
		.advice = MADV_POPULATE_WRITE,
	},
	{ .name = "mlock", .run = run_mlock },
	{ .name = "mlockall", .run = run_mlockall },
};

static const struct populate_way *find_populate_way(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(populate_ways); i++)
		if (!strcmp(populate_ways[i].name, name))
			return &populate_ways[i];
	return NULL;
}

/* mlock() has a limit for those who are not root. */
static bool may_not_lock(int err)
{
	return (err == EPERM || err == ENOMEM || err == EAGAIN) && geteuid();
}

static void check_populate(struct __test_metadata *_metadata, dmabuf_self *self,
			   const struct populate_way *way, int prot, int flags)
{
	bool write = prot & PROT_WRITE;
	bool eager = is_eager(self);
	int ret = 0;
	char *map;

	ASSERT_NE(NULL, way);
	map = map_part(self, 0, self->len, prot, flags | way->flags);
	if (map == MAP_FAILED && way->flags == MAP_LOCKED && may_not_lock(errno))
		SKIP(return, "needs root or a higher limit, for %s", way->name);
	ASSERT_NE(MAP_FAILED, map)
		TH_LOG("%s, prot %d, flags %#x: %s", way->name, prot, flags,
		       strerror(errno));
	if (way->run)
		ret = way->run(way, map, self->len);
	if (!way->advice && may_not_lock(-ret))
		SKIP(return, "needs root or a higher limit, for %s", way->name);

	if (way->write && !write) {
		EXPECT_TRUE(ret == -EINVAL || ret == -EFAULT)
			TH_LOG("%s, prot %d: %d", way->name, prot, ret);
	} else {
		if (!way->advice || !eager || ret != -EINVAL)
			EXPECT_EQ(0, ret)
				TH_LOG("%s, prot %d, flags %#x: %s", way->name,
				       prot, flags, strerror(-ret));
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
	const size_t ps = dmabuf_page_size();
	char *map;
	int ret;

	ASSERT_NE(NULL, way);
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_LT(0, faults_touching(map, len, ps, true));
	munmap(map, len);

	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | way->flags, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	ret = way->run ? way->run(way, map, len) : 0;
	if (may_not_lock(-ret))
		SKIP(return, "needs root or a higher limit, for %s", way->name);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(0, faults_touching(map, len, ps, way->write));
	munlockall();
	munmap(map, len);
}

#define POPULATE(_name)							\
static const char populate_##_name[] = #_name;				\
									\
TEST_F(memfd_control, populated_by_##_name)				\
{									\
	populate_ordinary(_metadata, self->fd, self->len,		\
			  find_populate_way(populate_##_name));		\
}									\
									\
TEST_F(dmabuf_mmap, populated_by_##_name)				\
{									\
	const struct populate_way *way;					\
									\
	way = find_populate_way(populate_##_name);			\
	check_populate(_metadata, self, way, PROT_READ | PROT_WRITE,	\
		       MAP_SHARED);					\
	check_populate(_metadata, self, way, PROT_READ, MAP_SHARED);	\
}

POPULATE(map_populate)
POPULATE(map_locked)
POPULATE(madv_populate_read)
POPULATE(madv_populate_write)
POPULATE(mlock)
POPULATE(mlockall)

TEST_F_TIMEOUT(dmabuf_mmap, populated_private, 120)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(populate_ways); i++)
		check_populate(_metadata, self, &populate_ways[i], PROT_READ,
			       MAP_PRIVATE);
}

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
		EXPECT_EQ(-1, fallocate(self->buf.fd, 0, 0, self->len + self->ps));
		EXPECT_EQ(-1, fallocate(self->buf.fd, FALLOC_FL_PUNCH_HOLE |
					FALLOC_FL_KEEP_SIZE, 0, self->ps));
	}
	EXPECT_EQ((off_t)self->buf.size, lseek(self->buf.fd, 0, SEEK_END));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	EXPECT_EQ(0, access_signal(self->map + self->len - 1, true));
}

TEST_F(dmabuf_mmap, populate_and_lock)
{
	char *map = map_part(self, 0, self->len, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_POPULATE | MAP_LOCKED);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	refuse_all(_metadata, map, self->ps, true);
	munmap(map, self->len);
}

/*
 * The right page, wherever a mapping starts and however it is cut
 */

TEST_F(dmabuf_mmap, offset)
{
	const size_t pages = self->len / self->ps;
	const size_t at[] = { 1, 2, 3, 7, 15, pages / 2, pages - 2, pages - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		size_t off = at[i] * self->ps;
		size_t len = self->len - off;
		char *map = map_part(self, off, len, PROT_READ | PROT_WRITE,
				     MAP_SHARED);

		ASSERT_NE(MAP_FAILED, map);
		EXPECT_EQ(0, wrong_pages(self, map, len, off))
			TH_LOG("wrong pages in a mapping at page %zu", at[i]);
		munmap(map, len);
	}
}

TEST_F(dmabuf_mmap, offset_write)
{
	static const char text[] = "page three";
	const size_t off = 3 * self->ps;
	char *map = map_part(self, off, self->ps, PROT_READ | PROT_WRITE,
			     MAP_SHARED);

	ASSERT_NE(MAP_FAILED, map);
	memcpy(map + 64, text, sizeof(text));
	EXPECT_STREQ(text, self->map + off + 64);
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	munmap(map, self->ps);
}

/* Cuts [@from, @to) out of a mapping and checks what is left. */
static void cut_and_check(struct __test_metadata *_metadata,
			  dmabuf_self *self, size_t from, size_t to)
{
	char *map = map_again(self);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + from, to - from));
	EXPECT_EQ(SIGSEGV, access_signal(map + from, false));
	EXPECT_EQ(SIGSEGV, access_signal(map + to - 1, false));
	EXPECT_EQ(0, wrong_pages(self, map, from, 0))
		TH_LOG("wrong pages below the cut at %zu", from);
	EXPECT_EQ(0, wrong_pages(self, map + to, self->len - to, to))
		TH_LOG("wrong pages above the cut at %zu", to);
	munmap(map, self->len);
}

TEST_F(dmabuf_mmap, munmap_head)
{
	cut_and_check(_metadata, self, 0, self->ps);
	cut_and_check(_metadata, self, 0, 2 * self->ps);
	cut_and_check(_metadata, self, 0, self->len - self->ps);
}

TEST_F(dmabuf_mmap, munmap_middle)
{
	size_t middle = middle_of(self);

	cut_and_check(_metadata, self, self->ps, 2 * self->ps);
	cut_and_check(_metadata, self, middle, middle + self->ps);
	cut_and_check(_metadata, self, self->ps, self->len - self->ps);
}

TEST_F(dmabuf_mmap, munmap_tail)
{
	cut_and_check(_metadata, self, self->len - self->ps, self->len);
	cut_and_check(_metadata, self, self->ps, self->len);
}

TEST_F(dmabuf_mmap, munmap_touched)
{
	size_t middle = middle_of(self);

	ASSERT_EQ(0, munmap(self->map + middle, self->ps));
	EXPECT_EQ(0, wrong_pages(self, self->map, middle, 0));
	middle += self->ps;
	EXPECT_EQ(0, wrong_pages(self, self->map + middle, self->len - middle,
				 middle));
}

TEST_F(dmabuf_mmap, fixed_over_middle)
{
	size_t at = middle_of(self);
	char *map = map_again(self);
	char *hole;

	ASSERT_NE(MAP_FAILED, map);
	hole = mmap(map + at, self->ps, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ASSERT_EQ(map + at, hole);
	EXPECT_EQ(0, hole[0]);
	EXPECT_EQ(0, wrong_pages(self, map, at, 0));
	EXPECT_EQ(0, wrong_pages(self, map + at + self->ps,
				 self->len - at - self->ps, at + self->ps));
	/* and the buffer's page back into its place */
	hole = mmap(map + at, self->ps, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, self->buf.fd, at);
	ASSERT_EQ(map + at, hole);
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	munmap(map, self->len);
}

TEST_F(dmabuf_mmap, mprotect)
{
	EXPECT_EQ(SIGSEGV, mprotect(self->map, self->len, PROT_READ) ? 0 :
		  access_signal(self->map, true));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	ASSERT_EQ(0, mprotect(self->map, self->len, PROT_NONE));
	EXPECT_EQ(SIGSEGV, access_signal(self->map, false));
	ASSERT_EQ(0, mprotect(self->map, self->len, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, access_signal(self->map, true));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	dmabuf_fill(self->map, self->len, 9);
	EXPECT_EQ(0, dmabuf_check(self->map, self->len, 9));
}

TEST_F(dmabuf_mmap, mprotect_middle)
{
	size_t at = middle_of(self);
	char *map = map_again(self);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + at, self->ps, PROT_READ));
	EXPECT_EQ(SIGSEGV, access_signal(map + at, true));
	EXPECT_EQ(0, access_signal(map + at - 1, true));
	EXPECT_EQ(0, access_signal(map + at + self->ps, true));
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	ASSERT_EQ(0, mprotect(map + at, self->ps, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, access_signal(map + at, true));
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	munmap(map, self->len);
}

/* Large enough for huge entries, and cut in the middle of them. */
static char *map_aligned(dmabuf_self *self, struct dmabuf *big,
			 size_t len)
{
	char *to = reserve_aligned(len, dmabuf_pmd_size());

	if (to == MAP_FAILED)
		return to;
	return mmap(to, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		    big->fd, 0);
}

/* What a machine may be short of */
static bool is_shortage(int err)
{
	return err == -ENODEV || err == -ENOMEM;
}

/* At least two huge entries, and many where the exporter can make them */
static int get_big(dmabuf_self *self, struct dmabuf *big)
{
	size_t least = 2 * dmabuf_pmd_size();
	size_t size = self->exp->huge ? BIG_SIZE : least;
	int err = -ENOMEM;

	for (; size >= least; size /= 2) {
		err = dmabuf_get(self->exp, size, O_RDWR, big);
		if (!is_shortage(err))
			break;
	}
	if (!err && big->size < least) {
		snprintf(big->why, sizeof(big->why), "%zu bytes", big->size);
		dmabuf_put(big);
		return -ENODEV;
	}
	return err;
}

TEST_F_TIMEOUT(dmabuf_mmap, huge_split, 120)
{
	struct dmabuf big;
	size_t at, len;
	char *map;
	int err;

	drop_buffer(self);
	err = get_big(self, &big);
	if (is_shortage(err))
		SKIP(return, "no buffer of two huge pages: %s (%s)", big.why,
		     strerror(-err));
	ASSERT_EQ(0, err)
		TH_LOG("%s", big.why);
	len = big.size & ~(self->ps - 1);
	map = map_aligned(self, &big, len);
	ASSERT_NE(MAP_FAILED, map);
	dmabuf_fill(map, len, 0);
	ASSERT_EQ(0, dmabuf_check(map, len, 0));
	TH_LOG("%zu KiB", len >> 10);

	/* one page read-only in the middle of what may be one entry */
	at = (len / 2 & ~(self->ps - 1)) + 5 * self->ps;
	ASSERT_EQ(0, mprotect(map + at, self->ps, PROT_READ));
	EXPECT_EQ(SIGSEGV, access_signal(map + at, true));
	EXPECT_EQ(0, dmabuf_check(map, len, 0));
	refuse_all(_metadata, map + at - self->ps, self->ps, true);
	refuse_all(_metadata, map + at, self->ps, false);
	ASSERT_EQ(0, mprotect(map + at, self->ps, PROT_READ | PROT_WRITE));
	dmabuf_fill(map, len, 3);
	EXPECT_EQ(0, dmabuf_check(map, len, 3));

	/* a hole in the middle of another */
	at = (len / 4 & ~(self->ps - 1)) + 9 * self->ps;
	ASSERT_EQ(0, munmap(map + at, 3 * self->ps));
	EXPECT_EQ(0, dmabuf_check(map, at, 3));
	refuse_all(_metadata, map + at - self->ps, self->ps, true);
	at += 3 * self->ps;
	EXPECT_EQ(0, dmabuf_check(map + at, len - at, 3 + at / self->ps));
	refuse_all(_metadata, map + at, self->ps, true);
	refuse_all(_metadata, map, self->ps, true);

	munmap(map, len);
	dmabuf_put(&big);
}

/* No entry of a mapping that starts in the middle of one may be huge. */
TEST_F_TIMEOUT(dmabuf_mmap, huge_offset, 120)
{
	struct dmabuf big;
	char *map, *odd;
	size_t off, len;
	int err;

	drop_buffer(self);
	err = get_big(self, &big);
	if (is_shortage(err))
		SKIP(return, "no buffer of two huge pages: %s (%s)", big.why,
		     strerror(-err));
	ASSERT_EQ(0, err)
		TH_LOG("%s", big.why);
	len = big.size & ~(self->ps - 1);
	map = map_aligned(self, &big, len);
	ASSERT_NE(MAP_FAILED, map);
	dmabuf_fill(map, len, 0);
	for (off = self->ps; off < len; off = off * 8 + self->ps) {
		odd = mmap(NULL, len - off, PROT_READ | PROT_WRITE, MAP_SHARED,
			   big.fd, off);
		ASSERT_NE(MAP_FAILED, odd);
		EXPECT_EQ(0, dmabuf_check(odd, len - off, off / self->ps))
			TH_LOG("mapping at page %zu", off / self->ps);
		munmap(odd, len - off);
	}
	munmap(map, len);
	dmabuf_put(&big);
}

/*
 * An entry of a writable mapping is writable, whoever touched it first. Otherwise
 * every page faults twice, and a guest of KVM on arm64 dies where it writes.
 */
TEST_F_TIMEOUT(dmabuf_mmap, read_then_write, 120)
{
	struct dmabuf big;
	char *map, *same;
	size_t len;
	int err;

	drop_buffer(self);
	err = get_big(self, &big);
	if (is_shortage(err))
		SKIP(return, "no buffer of two huge pages: %s (%s)", big.why,
		     strerror(-err));
	ASSERT_EQ(0, err)
		TH_LOG("%s", big.why);
	len = big.size & ~(self->ps - 1);
	same = map_aligned(self, &big, len);
	ASSERT_NE(MAP_FAILED, same);
	dmabuf_fill(same, len, 0);
	map = map_aligned(self, &big, len);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, dmabuf_check(map, len, 0));
	EXPECT_EQ(0, faults_touching(map, len, self->ps, true));
	dmabuf_fill(map, len, 17);
	EXPECT_EQ(0, dmabuf_check(map, len, 17));
	EXPECT_EQ(0, dmabuf_check(same, len, 17));
	munmap(map, len);
	munmap(same, len);
	dmabuf_put(&big);
}

/* KiB of page tables that this process has, or -1 */
static long page_tables(void)
{
	char line[128];
	long kib = -1;
	FILE *f;

	f = fopen("/proc/self/status", "r");
	if (!f)
		return -1;
	while (kib < 0 && fgets(line, sizeof(line), f))
		sscanf(line, "VmPTE: %ld kB", &kib);
	fclose(f);
	return kib;
}

/*
 * At most one fault for all that a page table covers; and where the exporter has
 * huge pages, no page tables.
 */
TEST_F_TIMEOUT(dmabuf_mmap, huge_entries, 120)
{
	const size_t pmd = dmabuf_pmd_size();
	struct dmabuf big;
	long before, tables;
	size_t len;
	char *map;
	int err;

	if (!self->exp->huge)
		SKIP(return, "no huge pages");
#if !defined(__x86_64__) && !defined(__aarch64__)
	SKIP(return, "not known whether this architecture has CONFIG_ARCH_SUPPORTS_PMD_PFNMAP");
#endif
	drop_buffer(self);
	err = get_big(self, &big);
	if (is_shortage(err))
		SKIP(return, "no buffer of two huge pages: %s (%s)", big.why,
		     strerror(-err));
	ASSERT_EQ(0, err)
		TH_LOG("%s", big.why);
	len = big.size & ~(pmd - 1);
	/* so that nothing but the mapping needs tables afterwards */
	page_tables();

	before = page_tables();
	ASSERT_LT(0, before);
	map = map_aligned(self, &big, len);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_GE((long)(len / pmd), faults_touching(map, len, self->ps, false));
	tables = (page_tables() - before) << 10;
	/* some of its memory may be in pieces */
	EXPECT_GT((long)(len / pmd * self->ps / 2 + 2 * self->ps), tables)
		TH_LOG("%ld bytes of page tables for %zu KiB", tables, len >> 10);
	EXPECT_EQ(0, faults_touching(map, len, self->ps, true));
	munmap(map, len);
	dmabuf_put(&big);
}

TEST_F(dmabuf_mmap, mremap_move)
{
	char *map = map_again(self);
	char *to = reserve(self->len);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_NE(MAP_FAILED, to);
	ASSERT_EQ(to, mremap(map, self->len, self->len,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(0, wrong_pages(self, to, self->len, 0));
	EXPECT_EQ(SIGSEGV, access_signal(map, false));
	munmap(to, self->len);
}

TEST_F(dmabuf_mmap, mremap_move_part)
{
	size_t half = middle_of(self);
	size_t len = self->len - half;
	char *map = map_again(self);
	char *to = reserve(len);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_NE(MAP_FAILED, to);
	ASSERT_EQ(to, mremap(map + half, len, len,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(0, wrong_pages(self, map, half, 0));
	EXPECT_EQ(0, wrong_pages(self, to, len, half));
	munmap(to, len);
	munmap(map, half);
}

TEST_F(dmabuf_mmap, mremap_shrink)
{
	size_t half = middle_of(self);

	ASSERT_EQ(self->map, mremap(self->map, self->len, half, 0));
	EXPECT_EQ(SIGSEGV, access_signal(self->map + half, false));
	EXPECT_EQ(0, wrong_pages(self, self->map, half, 0));
}

TEST_F(dmabuf_mmap, mremap_grow)
{
	char *map = map_part(self, 0, self->ps, PROT_READ | PROT_WRITE, MAP_SHARED);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(MAP_FAILED, mremap(map, self->ps, 2 * self->ps, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(MAP_FAILED, mremap(self->map, self->len, self->len + self->ps,
				     MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	munmap(map, self->ps);
}

/* Both would leave two mappings where the kernel made one. */
TEST_F(dmabuf_mmap, mremap_copy)
{
	EXPECT_EQ(MAP_FAILED, mremap(self->map, 0, self->len, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(self->map, self->len, self->len,
				     MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
}

/*
 * madvise() and the like
 */

static const struct {
	const char *name;
	int advice;
	int err;	/* 0: must do nothing and say so; -1: any error */
} advices[] = {
	{ "MADV_DONTNEED", MADV_DONTNEED, EINVAL },
	{ "MADV_DONTNEED_LOCKED", MADV_DONTNEED_LOCKED, EINVAL },
	{ "MADV_FREE", MADV_FREE, EINVAL },
	{ "MADV_REMOVE", MADV_REMOVE, -1 },
	{ "MADV_COLD", MADV_COLD, EINVAL },
	{ "MADV_PAGEOUT", MADV_PAGEOUT, EINVAL },
	{ "MADV_GUARD_INSTALL", MADV_GUARD_INSTALL, EINVAL },
	{ "MADV_DODUMP", MADV_DODUMP, EINVAL },
	{ "MADV_DOFORK", MADV_DOFORK, EINVAL },
	{ "MADV_WIPEONFORK", MADV_WIPEONFORK, EINVAL },
	{ "MADV_COLLAPSE", MADV_COLLAPSE, EINVAL },
};

TEST_F(dmabuf_mmap, madvise)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		errno = 0;
		ret = madvise(self->map, self->len, advices[i].advice);
		EXPECT_EQ(-1, ret)
			TH_LOG("%s succeeded", advices[i].name);
		if (ret && advices[i].err > 0) {
			EXPECT_EQ(advices[i].err, errno)
				TH_LOG("%s: %s", advices[i].name, strerror(errno));
		}
	}
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	refuse_all(_metadata, self->map, self->ps, true);
}

TEST_F(dmabuf_mmap, madvise_mergeable)
{
	struct vma_info info;

	if (madvise(self->map, self->len, MADV_MERGEABLE) && errno == EINVAL &&
	    access("/sys/kernel/mm/ksm", F_OK))
		SKIP(return, "needs CONFIG_KSM");
	ASSERT_TRUE(get_vma_info(self->map, &info));
	EXPECT_FALSE(has_flag(&info, "mg"));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
}

TEST_F(dmabuf_mmap, mlock)
{
	struct vma_info info;

	EXPECT_EQ(0, mlock(self->map, self->len));
	ASSERT_TRUE(get_vma_info(self->map, &info));
	EXPECT_FALSE(has_flag(&info, "lo"));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	EXPECT_EQ(0, munlock(self->map, self->len));
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
}

TEST_F(dmabuf_mmap, userfaultfd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range.start = (unsigned long)self->map,
		.range.len = self->len,
	};
	const __u64 modes[] = {
		UFFDIO_REGISTER_MODE_MISSING, UFFDIO_REGISTER_MODE_WP,
		UFFDIO_REGISTER_MODE_MINOR,
	};
	unsigned int i;
	int fd;

	fd = syscall(__NR_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (fd < 0)
		SKIP(return, "needs CONFIG_USERFAULTFD");
	ASSERT_EQ(0, ioctl(fd, UFFDIO_API, &api));
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		reg.mode = modes[i];
		EXPECT_EQ(-1, ioctl(fd, UFFDIO_REGISTER, &reg))
			TH_LOG("userfaultfd took mode %llu", modes[i]);
	}
	close(fd);
}

/*
 * Debuggers: vm_ops->access serves them where it is there, and nothing else
 * may, since all other ways take the page.
 */

static void check_peek(struct __test_metadata *_metadata,
		       dmabuf_self *self, int mem, size_t off, size_t len)
{
	char *bytes = malloc(len);
	ssize_t n;

	ASSERT_NE(NULL, bytes);
	n = pread(mem, bytes, len, (unsigned long)self->map + off);
	EXPECT_EQ((ssize_t)len, n)
		TH_LOG("reading %zu bytes at %zu: %s", len, off,
		       n < 0 ? strerror(errno) : "short");
	if (n > 0)
		EXPECT_EQ(0, memcmp(bytes, self->map + off, n));
	free(bytes);
}

TEST_F(dmabuf_mmap, proc_mem_read)
{
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, mem);
	check_peek(_metadata, self, mem, 0, 8);
	check_peek(_metadata, self, mem, self->ps - 8, 16);
	check_peek(_metadata, self, mem, 5 * self->ps + 123, 3 * self->ps);
	check_peek(_metadata, self, mem, self->len - self->ps, self->ps);
	close(mem);
}

TEST_F(dmabuf_mmap, proc_mem_write)
{
	static const char text[] = "written from behind, over the end of a page";
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	size_t off = 7 * self->ps - 16;
	ssize_t n;

	ASSERT_LE(0, mem);
	n = pwrite(mem, text, sizeof(text), (unsigned long)self->map + off);
	EXPECT_EQ((ssize_t)sizeof(text), n);
	if (n > 0)
		EXPECT_EQ(0, memcmp(text, self->map + off, n));
	dmabuf_fill(self->map, self->len, 0);
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	close(mem);
}

/* Who was given a buffer for reading cannot write to it by way of /proc. */
TEST_F(dmabuf_mmap, proc_mem_write_read_only)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	struct dmabuf ro;
	char byte, *map;
	int err;

	ASSERT_LE(0, mem);
	drop_buffer(self);
	err = dmabuf_get(self->exp, buf_size(), O_RDONLY, &ro);
	if (err == -EOPNOTSUPP)
		SKIP(return, "no read-only dma-buf: %s", ro.why);
	ASSERT_EQ(0, err)
		TH_LOG("%s", ro.why);
	map = dmabuf_map(&ro, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, map);

	/* before there is an entry, and after */
	EXPECT_GT(1, pwrite(mem, "\x5a", 1, (unsigned long)map));
	byte = map[0];
	EXPECT_GT(1, pwrite(mem, "\x5a", 1, (unsigned long)map));
	EXPECT_GT(1, pwrite(mem, "\xa5", 1, (unsigned long)map));
	asm volatile("" : : : "memory");
	EXPECT_EQ(byte, map[0]);
	munmap(map, self->len);
	dmabuf_put(&ro);
	close(mem);
}

/* From the start of a mapping that is not the start of the buffer */
TEST_F(dmabuf_mmap, proc_mem_offset)
{
	size_t off = 5 * self->ps;
	char *map = map_part(self, off, self->len - off, PROT_READ | PROT_WRITE,
			     MAP_SHARED);
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	char bytes[64];
	ssize_t n;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_LE(0, mem);
	n = pread(mem, bytes, sizeof(bytes), (unsigned long)map + self->ps - 32);
	EXPECT_EQ((ssize_t)sizeof(bytes), n);
	if (n > 0)
		EXPECT_EQ(0, memcmp(bytes, self->map + off + self->ps - 32, n));
	close(mem);
	munmap(map, self->len - off);
}

/* As gup: FOLL_FORCE does not write to a shared mapping that is not writable. */
static void refuse_poke(struct __test_metadata *_metadata, int mem, char *at)
{
	ssize_t n = pwrite(mem, "\x5a", 1, (unsigned long)at);

	EXPECT_GT(1, n)
		TH_LOG("a debugger wrote to a read-only mapping");
	if (n < 0)
		EXPECT_TRUE(errno == EIO || errno == EFAULT)
			TH_LOG("%s", strerror(errno));
}

static void poke_read_only(struct __test_metadata *_metadata, dmabuf_self *self,
			   int prot, int flags)
{
	char *map, byte = 0;
	int mem;

	/* Such a mapping is how debuggers get at memory of amdgpu. */
	if (prot == PROT_NONE && self->exp->ttm)
		return;

	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	map = map_part(self, 0, self->len, PROT_READ, flags);

	ASSERT_LE(0, mem);
	ASSERT_NE(MAP_FAILED, map);
	/* before there is an entry, and after */
	refuse_poke(_metadata, mem, map);
	EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
	refuse_poke(_metadata, mem, map);
	refuse_poke(_metadata, mem, map + self->len - 1);
	if (prot == PROT_NONE)
		ASSERT_EQ(0, mprotect(map, self->len, PROT_NONE));
	refuse_poke(_metadata, mem, map + self->ps);
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	/* reading is what debuggers may always do */
	if (prot != PROT_NONE) {
		EXPECT_EQ(1, pread(mem, &byte, 1, (unsigned long)map));
		EXPECT_EQ(self->map[0], byte);
	}
	munmap(map, self->len);
	close(mem);
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
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	size_t off = middle_of(self) + self->ps - 32;
	char *map = map_again(self);
	char bytes[64];
	unsigned int i;

	ASSERT_LE(0, mem);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ((ssize_t)sizeof(bytes),
		  pread(mem, bytes, sizeof(bytes), (unsigned long)map + off));
	EXPECT_EQ(0, memcmp(bytes, self->map + off, sizeof(bytes)));
	munmap(map, self->len);

	map = map_again(self);
	ASSERT_NE(MAP_FAILED, map);
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = i + 3;
	EXPECT_EQ((ssize_t)sizeof(bytes),
		  pwrite(mem, bytes, sizeof(bytes), (unsigned long)map + off));
	EXPECT_EQ(0, memcmp(bytes, self->map + off, sizeof(bytes)));
	EXPECT_EQ(0, memcmp(bytes, map + off, sizeof(bytes)));
	munmap(map, self->len);
	close(mem);
}

/* Up to the end of a mapping and not a byte further */
TEST_F(dmabuf_mmap, proc_mem_end)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	const int prot = PROT_READ | PROT_WRITE;
	char *map = reserve(self->len + self->ps);
	char bytes[64];
	unsigned long at;
	char *end;

	ASSERT_LE(0, mem);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(map, mmap(map, self->len, prot, MAP_SHARED | MAP_FIXED,
			    self->buf.fd, 0));
	end = map + self->len;
	ASSERT_EQ(0, munmap(end, self->ps));
	at = (unsigned long)end - 8;
	EXPECT_EQ(8, pread(mem, bytes, sizeof(bytes), at));
	EXPECT_EQ(0, memcmp(bytes, self->map + self->len - 8, 8));
	memset(bytes, 0x77, sizeof(bytes));
	EXPECT_EQ(8, pwrite(mem, bytes, sizeof(bytes), at));
	EXPECT_EQ(0, memcmp(bytes, self->map + self->len - 8, 8));

	/* other memory behind it is none of the buffer */
	ASSERT_EQ(end, mmap(end, self->ps, prot, MAP_PRIVATE | MAP_ANONYMOUS |
			    MAP_FIXED, -1, 0));
	memset(bytes, 0x66, sizeof(bytes));
	EXPECT_EQ((ssize_t)sizeof(bytes), pwrite(mem, bytes, sizeof(bytes), at));
	EXPECT_EQ(0, memcmp(bytes, self->map + self->len - 8, 8));
	EXPECT_EQ(0, memcmp(bytes, end, sizeof(bytes) - 8));
	EXPECT_EQ((ssize_t)sizeof(bytes), pread(mem, bytes, sizeof(bytes), at));
	munmap(map, self->len + self->ps);
	close(mem);
}

#define PEEKS	16

/* CPU time of this thread that some peeks take, in ns: the best of several */
static long long peek_time(int mem, const char *at)
{
	struct timespec from, to;
	long long best = -1;
	unsigned int i, k;
	long long ns;
	char bytes[8];

	for (k = 0; k < 8; k++) {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
		for (i = 0; i < PEEKS; i++)
			if (pread(mem, bytes, sizeof(bytes), (unsigned long)at) < 0)
				return -1;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
		ns = (to.tv_sec - from.tv_sec) * 1000000000LL +
		     to.tv_nsec - from.tv_nsec;
		if (best < 0 || ns < best)
			best = ns;
	}
	return best;
}

/* As long as of any other memory: the limit is for what maps 8192 pages first. */
TEST_F_TIMEOUT(dmabuf_mmap, proc_mem_cost, 120)
{
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	size_t size = 32UL << 20;
	struct dmabuf big;
	long long one, other;
	char *map, *page;
	size_t len;
	int err;

	ASSERT_LE(0, mem);
	drop_buffer(self);
	do {
		err = dmabuf_get(self->exp, size, O_RDWR, &big);
		size /= 2;
	} while (is_shortage(err) && size >= buf_size());
	if (is_shortage(err))
		SKIP(return, "no large buffer: %s", big.why);
	ASSERT_EQ(0, err)
		TH_LOG("%s", big.why);
	len = big.size & ~(self->ps - 1);
	map = mmap(NULL, len, PROT_READ, MAP_SHARED, big.fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	page = mmap(NULL, self->ps, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, page);
	page[0] = 1;
	one = peek_time(mem, map + len - self->ps);
	other = peek_time(mem, page);
	ASSERT_LT(0, one);
	ASSERT_LT(0, other);
	EXPECT_GT(40 * other + 1000000, one)
		TH_LOG("%d peeks into %zu KiB: %lld ns, %lld ns of ordinary memory",
		       PEEKS, len >> 10, one, other);
	munmap(page, self->ps);
	munmap(map, len);
	dmabuf_put(&big);
	close(mem);
}

static void poke_and_peek(struct __test_metadata *_metadata,
			  dmabuf_self *self, pid_t pid)
{
	unsigned long *word = (unsigned long *)(self->map + 2 * self->ps + 64);
	const unsigned long value = 0x5eed5eed5eedUL;
	long peeked;
	long poked;

	*word = 0x1234567;
	errno = 0;
	peeked = ptrace(PTRACE_PEEKDATA, pid, word, NULL);
	EXPECT_EQ(0, errno);
	if (!errno)
		EXPECT_EQ(0x1234567, peeked);
	poked = ptrace(PTRACE_POKEDATA, pid, word, value);
	EXPECT_EQ(0, poked);
	EXPECT_EQ(poked ? 0x1234567 : value, *word);
}

TEST_F(dmabuf_mmap, ptrace)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	poke_and_peek(_metadata, self, pid);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

/*
 * Core dumps
 */

#define CORE_PATTERN	"/proc/sys/kernel/core_pattern"
#define NR_WORDS	8

static bool put_line(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = write(fd, text, strlen(text));
	close(fd);
	return n >= 0;
}

/* Words that stand in a row nowhere but where this function put them */
static unsigned long secret(unsigned int seed, unsigned int i)
{
	return (seed + i * 0x10001UL) * 0x9e3779b97f4a7c15UL;
}

static void put_secret(char *at, unsigned int seed)
{
	unsigned long *word = (unsigned long *)at;
	unsigned int i;

	for (i = 0; i < NR_WORDS; i++)
		word[i] = secret(seed, i);
}

static bool find_secret(const char *from, size_t len, unsigned int seed)
{
	const unsigned long *word = (const unsigned long *)from;
	size_t words = len / sizeof(*word);
	size_t i;
	unsigned int n = 0;

	for (i = 0; i < words; i++) {
		n = word[i] == secret(seed, n) ? n + 1 : 0;
		if (n == NR_WORDS)
			return true;
	}
	return false;
}

static void dump_core(dmabuf_self *self, unsigned int seed)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	int fd = memfd_create("control", MFD_CLOEXEC);
	char *control;

	if (ftruncate(fd, self->ps))
		_exit(1);
	control = mmap(NULL, self->ps, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (control == MAP_FAILED)
		_exit(1);
	setrlimit(RLIMIT_CORE, &unlimited);
	prctl(PR_SET_DUMPABLE, 1);
	/* everything that can be dumped at all */
	if (!put_line("/proc/self/coredump_filter", "0x1ff"))
		_exit(1);
	put_secret(self->map + self->ps, seed);
	put_secret(control, seed + 1);
	signal(SIGABRT, SIG_DFL);
	abort();
}

static void check_core(struct __test_metadata *_metadata, const char *path,
		       unsigned int seed)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *core;

	ASSERT_LE(0, fd)
		TH_LOG("no core in %s", path);
	ASSERT_EQ(0, fstat(fd, &st));
	core = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, core);
	EXPECT_TRUE(find_secret(core, st.st_size, seed + 1))
		TH_LOG("ordinary memory is not in the core either");
	EXPECT_FALSE(find_secret(core, st.st_size, seed))
		TH_LOG("the dma-buf is in the core");
	munmap(core, st.st_size);
	close(fd);
}

TEST_F(dmabuf_mmap, core_dump)
{
	const unsigned int seed = getpid() * 2;
	char pattern[256] = "";
	char path[64];
	int fd, status;
	pid_t pid;

	fd = open(CORE_PATTERN, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		SKIP(return, "needs CONFIG_COREDUMP");
	ASSERT_LE(0, read(fd, pattern, sizeof(pattern) - 1));
	close(fd);
	snprintf(path, sizeof(path), "/tmp/dmabuf-mmap-%d.core", getpid());
	if (!put_line(CORE_PATTERN, path))
		SKIP(return, "needs root, to set " CORE_PATTERN);
	pid = fork();
	if (!pid)
		dump_core(self, seed);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	put_line(CORE_PATTERN, pattern);
	EXPECT_TRUE(WIFSIGNALED(status) && WCOREDUMP(status))
		TH_LOG("the child left no core");
	check_core(_metadata, path, seed);
	unlink(path);
}

/*
 * Processes and threads
 */

TEST_F(dmabuf_mmap, fork)
{
	char *fresh = map_again(self);
	pid_t pid;

	ASSERT_NE(MAP_FAILED, fresh);
	pid = fork();
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
	munmap(fresh, self->len);
}

static int send_fd(int to, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
	return sendmsg(to, &msg, 0) == 1 ? 0 : -1;
}

static int receive_fd(int from)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { };
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) != 1 ||
	    msg.msg_controllen < CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(int));
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
		char *map;
		int fd;

		munmap(self->map, self->len);
		dmabuf_put(&self->buf);
		fd = receive_fd(pair[1]);
		EXPECT_LE(0, fd);
		map = mmap(NULL, self->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		EXPECT_NE(MAP_FAILED, map);
		if (map == MAP_FAILED)
			_exit(1);
		EXPECT_EQ(0, wrong_pages(self, map, self->len, 0));
		dmabuf_fill(map, self->len, 33);
		refuse_all(_metadata, map, self->ps, true);
		_exit(0);
	}
	EXPECT_EQ(0, send_fd(pair[0], self->buf.fd));
	in_child(_metadata, pid);
	EXPECT_EQ(0, dmabuf_check(self->map, self->len, 33));
	close(pair[0]);
	close(pair[1]);
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
	free(before);
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
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		if (null >= 0) {
			dup2(null, STDOUT_FILENO);
			dup2(null, STDERR_FILENO);
		}
		execv("/proc/self/exe", argv);
		_exit(1);
	}
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
	size_t len;
	size_t ps;
	unsigned int nr;
	unsigned long wrong;
};

/* Every thread goes through all pages, from a place of its own. */
static void *touch_all(void *arg)
{
	struct toucher *me = arg;
	size_t pages = me->len / me->ps;
	size_t i, page;

	pthread_barrier_wait(me->start);
	for (i = 0; i < pages; i++) {
		page = (i + me->nr * pages / NR_THREADS) % pages;
		if (me->nr & 1)
			page = pages - 1 - page;
		me->wrong += dmabuf_check(me->map + page * me->ps, me->ps, page);
	}
	return NULL;
}

TEST_F_TIMEOUT(dmabuf_mmap, threads, 120)
{
	struct toucher threads[NR_THREADS];
	pthread_barrier_t start;
	unsigned int i, round;

	pthread_barrier_init(&start, NULL, NR_THREADS);
	for (round = 0; round < 8; round++) {
		char *map = map_again(self);

		ASSERT_NE(MAP_FAILED, map);
		for (i = 0; i < NR_THREADS; i++) {
			threads[i] = (struct toucher){
				.start = &start, .map = map, .len = self->len,
				.ps = self->ps, .nr = i,
			};
			ASSERT_EQ(0, pthread_create(&threads[i].thread, NULL,
						    touch_all, &threads[i]));
		}
		for (i = 0; i < NR_THREADS; i++) {
			pthread_join(threads[i].thread, NULL);
			EXPECT_EQ(0, threads[i].wrong);
		}
		munmap(map, self->len);
	}
	pthread_barrier_destroy(&start);
}

/* Threads that fault while permissions change under them */
TEST_F_TIMEOUT(dmabuf_mmap, threads_mprotect, 120)
{
	struct toucher threads[NR_THREADS];
	pthread_barrier_t start;
	char *map = map_again(self);
	unsigned int i, round;

	ASSERT_NE(MAP_FAILED, map);
	pthread_barrier_init(&start, NULL, NR_THREADS + 1);
	for (i = 0; i < NR_THREADS; i++) {
		threads[i] = (struct toucher){
			.start = &start, .map = map, .len = self->len,
			.ps = self->ps, .nr = i,
		};
		ASSERT_EQ(0, pthread_create(&threads[i].thread, NULL, touch_all,
					    &threads[i]));
	}
	pthread_barrier_wait(&start);
	for (round = 0; round < 64; round++) {
		size_t at = round * self->len / 64 & ~(self->ps - 1);
		int prot = round & 1 ? PROT_READ : PROT_READ | PROT_WRITE;

		ASSERT_EQ(0, mprotect(map + at, self->len - at, prot));
	}
	for (i = 0; i < NR_THREADS; i++) {
		pthread_join(threads[i].thread, NULL);
		EXPECT_EQ(0, threads[i].wrong);
	}
	pthread_barrier_destroy(&start);
	munmap(map, self->len);
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
	if (round % 4 == 3 && madvise(race->map, race->len, MADV_POPULATE_READ) &&
	    errno != EINVAL)
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
	struct timespec from, now;
	unsigned int round = 1;

	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		if (mmap(race->map, race->len, PROT_READ | PROT_WRITE,
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
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < from.tv_sec + RACE_SECONDS && !race->err);
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
	pthread_t threads[NR_RACERS];
	struct race race = { .round = 1 };
	struct dmabuf big;
	int err, i, log;
	char line[1024];

	if (prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0))
		SKIP(return, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	if (is_eager(self))
		SKIP(return, "there are no faults");
	drop_buffer(self);
	err = get_big(self, &big);
	if (is_shortage(err))
		SKIP(return, "no buffer of two huge pages: %s (%s)", big.why,
		     strerror(-err));
	ASSERT_EQ(0, err)
		TH_LOG("%s", big.why);
	race.fd = big.fd;
	race.len = 2 * dmabuf_pmd_size();
	race.map = map_aligned(self, &big, race.len);
	ASSERT_NE(MAP_FAILED, race.map);
	dmabuf_fill(race.map, race.len, 0);

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
	munmap(race.map, race.len);
	dmabuf_put(&big);
	close(log);
}

/*
 * KVM: a virtual machine whose memory is a mapping. KVM does not take the pages, it
 * reads the entries, and has a fault make them that are not there. It is not told of
 * a write to an entry that is there and read-only, except where it emulates the
 * instruction.
 */

#ifdef __x86_64__
#define GUEST_CODE	0x1000
#define GUEST_MEMORY	0x10000
#define GUEST_MARK	0x5a
#define WRITE_FIRST	0x00
#define READ_FIRST	0x80

/* Real mode, ds is at GUEST_MEMORY. Leaves the mark in byte 2, and byte 0 in 1. */
static const unsigned char write_first[] = {
	0xc6, 0x06, 0x02, 0x00, GUEST_MARK,	/* movb $GUEST_MARK, 2 */
	0xa0, 0x00, 0x00,			/* movb 0, %al */
	0xa2, 0x01, 0x00,			/* movb %al, 1 */
	0xf4,					/* hlt */
};

static const unsigned char read_first[] = {
	0xa0, 0x00, 0x00,
	0xa2, 0x01, 0x00,
	0xc6, 0x06, 0x02, 0x00, GUEST_MARK,
	0xf4,
};

static int add_memory(int vm, unsigned int slot, unsigned long at, void *map,
		      size_t len)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = at,
		.memory_size = len,
		.userspace_addr = (unsigned long)map,
	};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static int set_registers(int cpu, unsigned int ip)
{
	struct kvm_regs regs = { .rip = GUEST_CODE + ip, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(cpu, KVM_GET_SREGS, &sregs) < 0)
		return -1;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	sregs.ds.base = GUEST_MEMORY;
	sregs.ds.selector = GUEST_MEMORY >> 4;
	if (ioctl(cpu, KVM_SET_SREGS, &sregs) < 0)
		return -1;
	return ioctl(cpu, KVM_SET_REGS, &regs);
}

static int run_cpu(int kvm, int vm, unsigned int ip)
{
	int len = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	int cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	struct kvm_run *run = MAP_FAILED;
	int ret;

	if (cpu >= 0 && len > 0)
		run = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	if (run == MAP_FAILED || set_registers(cpu, ip)) {
		ret = -errno;
	} else {
		do {
			ret = ioctl(cpu, KVM_RUN, 0);
		} while (ret < 0 && errno == EINTR);
		ret = ret < 0 ? -errno : (int)run->exit_reason;
	}
	if (run != MAP_FAILED)
		munmap(run, len);
	close(cpu);
	return ret;
}

/* Why the virtual CPU stopped, or -errno. The guest's memory is one page. */
static int run_guest(int kvm, char *page, unsigned int ip)
{
	const size_t ps = dmabuf_page_size();
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	int ret = -EIO;
	char *code;

	if (vm < 0)
		return -errno;
	code = mmap(NULL, ps, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	if (code != MAP_FAILED) {
		memcpy(code + WRITE_FIRST, write_first, sizeof(write_first));
		memcpy(code + READ_FIRST, read_first, sizeof(read_first));
		/* for CPUs that cannot do real mode otherwise */
		ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000);
		if (add_memory(vm, 0, GUEST_CODE, code, ps) ||
		    add_memory(vm, 1, GUEST_MEMORY, page, ps))
			ret = -errno;
		else
			ret = run_cpu(kvm, vm, ip);
		munmap(code, ps);
	}
	close(vm);
	return ret;
}

/* @same is the page where the guest's writes have to arrive. */
static void run_and_check(struct __test_metadata *_metadata, int kvm, char *page,
			  char *same, unsigned int ip)
{
	int ret;

	same[0] = 0x21;
	same[1] = 0;
	same[2] = 0;
	asm volatile("" : : : "memory");
	ret = run_guest(kvm, page, ip);
	asm volatile("" : : : "memory");
	EXPECT_EQ(KVM_EXIT_HLT, ret)
		TH_LOG("%s first: %s", ip == READ_FIRST ? "read" : "write",
		       ret < 0 ? strerror(-ret) : "exit for another reason");
	EXPECT_EQ(0x21, same[1]);
	EXPECT_EQ(GUEST_MARK, same[2]);
}

static int open_kvm(void)
{
	return open("/dev/kvm", O_RDWR | O_CLOEXEC);
}

/* Proof that the guest does what it should */
TEST_F(memfd_control, kvm)
{
	int kvm = open_kvm();

	if (kvm < 0)
		SKIP(return, "no /dev/kvm (%s)", strerror(errno));
	run_and_check(_metadata, kvm, self->map, self->map, WRITE_FIRST);
	run_and_check(_metadata, kvm, self->map, self->map, READ_FIRST);
	close(kvm);
}

TEST_F(dmabuf_mmap, kvm)
{
	const unsigned int first[] = { WRITE_FIRST, READ_FIRST };
	size_t off = middle_of(self);
	int kvm = open_kvm();
	unsigned int i;
	char *map;

	if (kvm < 0)
		SKIP(return, "no /dev/kvm (%s)", strerror(errno));
	for (i = 0; i < ARRAY_SIZE(first); i++) {
		/* a page that the host has never touched */
		map = map_again(self);
		ASSERT_NE(MAP_FAILED, map);
		run_and_check(_metadata, kvm, map + off, self->map + off, first[i]);
		munmap(map, self->len);

		/* one that it has read */
		map = map_again(self);
		ASSERT_NE(MAP_FAILED, map);
		touch(map, self->len, self->ps, false);
		run_and_check(_metadata, kvm, map + off, self->map + off, first[i]);
		munmap(map, self->len);

		/* and one that it has written */
		run_and_check(_metadata, kvm, self->map + off, self->map + off,
			      first[i]);
	}
	refuse_all(_metadata, self->map + off, self->ps, true);
	close(kvm);
}
#endif /* __x86_64__ */

/*
 * Lifetime
 */

#define BUFINFO		"/sys/kernel/debug/dma_buf/bufinfo"

/* Whether the kernel knows a dma-buf of this inode; -1 if it does not tell */
static int is_listed(ino_t ino)
{
	unsigned long seen;
	char line[512];
	int found = 0;
	FILE *f;

	f = fopen(BUFINFO, "r");
	if (!f)
		return -1;
	while (!found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*d %*x %*x %*d %*s %lu", &seen) == 1)
			found = seen == ino;
	fclose(f);
	return found;
}

TEST_F(dmabuf_mmap, outlives_fd)
{
	struct stat st;

	if (self->exp->foreign)
		SKIP(return, "somebody else has the buffer as well");
	ASSERT_EQ(0, fstat(self->buf.fd, &st));
	if (is_listed(st.st_ino) < 0)
		SKIP(return, "needs " BUFINFO);
	dmabuf_put(&self->buf);
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	dmabuf_fill(self->map, self->len, 11);
	EXPECT_EQ(0, dmabuf_check(self->map, self->len, 11));
	refuse_all(_metadata, self->map, self->ps, true);

	/* the mapping alone keeps the buffer: half of it as well as all */
	EXPECT_EQ(1, is_listed(st.st_ino));
	munmap(self->map, middle_of(self));
	EXPECT_EQ(1, is_listed(st.st_ino));
	munmap(self->map, self->len);
	EXPECT_EQ(0, is_listed(st.st_ino))
		TH_LOG("the buffer outlived its last mapping");
}

/* A mapping that was refused must not keep the buffer, or drop it twice. */
TEST_F(dmabuf_mmap, refused_mapping_leaks_nothing)
{
	struct stat st;
	unsigned int i;
	char *map;

	if (self->exp->foreign)
		SKIP(return, "somebody else has the buffer as well");
	ASSERT_EQ(0, fstat(self->buf.fd, &st));
	if (is_listed(st.st_ino) < 0)
		SKIP(return, "needs " BUFINFO);
	for (i = 0; i < 16; i++) {
		map_part(self, 0, self->len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
		map_part(self, 0, self->len + self->ps, PROT_READ, MAP_SHARED);
		/* and one that was not */
		map = map_part(self, 0, self->len, PROT_READ, MAP_PRIVATE);
		ASSERT_NE(MAP_FAILED, map);
		munmap(map, self->len);
	}
	EXPECT_EQ(0, wrong_pages(self, self->map, self->len, 0));
	munmap(self->map, self->len);
	EXPECT_EQ(1, is_listed(st.st_ino));
	dmabuf_put(&self->buf);
	/* where private mappings are let through they are still there */
	EXPECT_EQ(0, is_listed(st.st_ino))
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

#define V4L2_NODE(_name)						\
FIXTURE_VARIANT_ADD(v4l2_node, _name)					\
{									\
	.exporter = #_name,						\
}

V4L2_NODE(vim2m);
V4L2_NODE(vivid_vmalloc);
V4L2_NODE(vimc);
V4L2_NODE(vicodec);
V4L2_NODE(visl);

FIXTURE_SETUP(v4l2_node)
{
	const struct dmabuf_exporter *exp = dmabuf_exporter_find(variant->exporter);
	int err;

	ASSERT_NE(NULL, exp);
	err = dmabuf_get(exp, buf_size(), O_RDWR, &self->buf);
	if (err == -ENODEV)
		SKIP(return, "%s (needs %s)", self->buf.why, exp->needs);
	ASSERT_EQ(0, err)
		TH_LOG("%s", self->buf.why);

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
	take_by_route(_metadata, self->map, self->some,			\
		      gup_route_find(route_##_name));			\
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
	char *map = dmabuf_map(&self->buf, PROT_READ | PROT_WRITE, MAP_SHARED);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, dmabuf_check(map, self->some, 0));
	dmabuf_fill(map, self->some, 3);
	EXPECT_EQ(0, dmabuf_check(self->map, self->some, 3));
	refuse_all(_metadata, map, self->some, true);
	munmap(map, self->buf.size);
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
	char *map;		/* the dma-buf, filled by dmabuf_fill() */
	char *node;		/* the same through the node */
	bool pfns;		/* the node's is a pfn mapping */
};

FIXTURE_VARIANT(drm_node)
{
	const char *exporter;
};

#define DRM_NODE(_name)							\
FIXTURE_VARIANT_ADD(drm_node, _name)					\
{									\
	.exporter = #_name,						\
}

DRM_NODE(vgem);
DRM_NODE(vkms);
DRM_NODE(virtio_gpu);
DRM_NODE(bochs);
DRM_NODE(cirrus);
DRM_NODE(qxl);

FIXTURE_SETUP(drm_node)
{
	const struct dmabuf_exporter *exp = dmabuf_exporter_find(variant->exporter);
	struct vma_info info;
	int err;

	ASSERT_NE(NULL, exp);
	err = dmabuf_get(exp, buf_size(), O_RDWR, &self->buf);
	if (err == -ENODEV)
		SKIP(return, "%s (needs %s)", self->buf.why, exp->needs);
	ASSERT_EQ(0, err)
		TH_LOG("%s", self->buf.why);
	self->ps = dmabuf_page_size();
	self->len = self->buf.size & ~(self->ps - 1);
	self->map = dmabuf_map(&self->buf, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, self->map)
		TH_LOG("mmap of the dma-buf: %s", strerror(errno));
	dmabuf_fill(self->map, self->len, 0);

	self->node = dmabuf_map_drm_node(&self->buf, PROT_READ | PROT_WRITE,
					 MAP_SHARED);
	ASSERT_NE(MAP_FAILED, self->node)
		TH_LOG("mmap of the node: %s", strerror(errno));
	ASSERT_TRUE(get_vma_info(self->node, &info));
	self->pfns = has_flag(&info, "pf") && !has_flag(&info, "mm");
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
	char *map;

	if (!self->pfns)
		SKIP(return, "the node's mappings are no pfn mappings");
	map = dmabuf_map_drm_node(&self->buf, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	EXPECT_EQ(MAP_FAILED, map);
	EXPECT_EQ(EINVAL, errno);
}

/* write() from a screen that was mapped for reading only */
TEST_F_TIMEOUT(drm_node, private_copied_from, 120)
{
	char *copy = malloc(self->len);
	size_t off, len;
	unsigned int i, w;
	char *map;

	ASSERT_NE(NULL, copy);
	memcpy(copy, self->map, self->len);
	for (w = 0; w < ARRAY_SIZE(ways_out); w++) {
		map = dmabuf_map_drm_node(&self->buf, PROT_READ, MAP_PRIVATE);
		ASSERT_NE(MAP_FAILED, map)
			TH_LOG("private mapping of the node: %s", strerror(errno));
		for (i = 0; i < ARRAY_SIZE(io_spans); i++)
			if (find_span(&io_spans[i], map, self->len, &off, &len))
				copy_out(_metadata, &ways_out[w], map + off,
					 copy + off, len);
		munmap(map, self->len);
	}
	free(copy);
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

FIXTURE_VARIANT_ADD(udmabuf_memfd, shmem)
{
	.kind = "shmem",
};

FIXTURE_VARIANT_ADD(udmabuf_memfd, huge)
{
	.kind = "huge",
};

FIXTURE_VARIANT_ADD(udmabuf_memfd, thp)
{
	.kind = "thp",
};

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
	self->pages = mmap(NULL, self->len, PROT_READ | PROT_WRITE, MAP_SHARED,
			   self->memfd, 0);
	ASSERT_NE(MAP_FAILED, self->pages);
	self->map = dmabuf_map(&self->buf, PROT_READ | PROT_WRITE, MAP_SHARED);
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
	other = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
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
	munmap(other, len);
	close(fd);
}

/* Every route, in turn: open on the file, closed on the dma-buf */
TEST_F_TIMEOUT(udmabuf_memfd, routes, 120)
{
	const size_t some = 16 * dmabuf_page_size();
	unsigned int i;
	int ret;

	for (i = 0; i < nr_gup_routes; i++) {
		ret = gup_route_run(&gup_routes[i], self->pages, some);
		if (ret == ROUTE_MISSING)
			continue;
		expect_taken(_metadata, &gup_routes[i], some, ret);
		refuse(_metadata, &gup_routes[i], self->map, some);
	}
	EXPECT_EQ(0, dmabuf_check(self->map, self->len, 0));
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
 * MAP_PRIVATE and PROT_WRITE		all that map with MAP_SHARED;
 *					private_read_only
 * mremap() to grow, userfaultfd	nothing to do instead
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
	unsigned int i;

	for (i = 0; i < nr_dmabuf_exporters; i++)
		EXPECT_TRUE(has_variant(dmabuf_exporters[i].name))
			TH_LOG("no EXPORTER(%s)", dmabuf_exporters[i].name);
	for (i = 0; i < nr_gup_routes; i++)
		EXPECT_TRUE(has_test("refuses_", gup_routes[i].name))
			TH_LOG("no ROUTE(%s)", gup_routes[i].name);
	for (i = 0; i < ARRAY_SIZE(populate_ways); i++)
		EXPECT_TRUE(has_test("populated_by_", populate_ways[i].name))
			TH_LOG("no POPULATE() of way %u", i);
}

TEST_HARNESS_MAIN
