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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/dma-buf.h>
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
#ifndef MFD_HUGE_1GB
#define MFD_HUGE_1GB		(30U << 26)
#endif

#define PMD_BYTES	(2UL << 20)
#define PUD_BYTES	(1024UL << 20)
#define BUF_SIZE	(PMD_BYTES + (64UL << 10))
#define BIG_SIZE	(64UL << 20)
#define NR_THREADS	4

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

FIXTURE_VARIANT_ADD(dmabuf_mmap, system)
{
	.exporter = "system",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, cma_default)
{
	.exporter = "cma_default",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, cma_area)
{
	.exporter = "cma_area",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, udmabuf)
{
	.exporter = "udmabuf",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, udmabuf_huge)
{
	.exporter = "udmabuf_huge",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, udmabuf_thp)
{
	.exporter = "udmabuf_thp",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, vgem)
{
	.exporter = "vgem",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, vkms)
{
	.exporter = "vkms",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, virtio_gpu)
{
	.exporter = "virtio_gpu",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, bochs)
{
	.exporter = "bochs",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, cirrus)
{
	.exporter = "cirrus",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, qxl)
{
	.exporter = "qxl",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, vim2m)
{
	.exporter = "vim2m",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, vivid_vmalloc)
{
	.exporter = "vivid_vmalloc",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, vivid_contig)
{
	.exporter = "vivid_contig",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, vimc)
{
	.exporter = "vimc",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, vicodec)
{
	.exporter = "vicodec",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, visl)
{
	.exporter = "visl",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, mbochs)
{
	.exporter = "mbochs",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, iommu_coherent)
{
	.exporter = "iommu_coherent",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, iommu_contiguous)
{
	.exporter = "iommu_contiguous",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, iommu_scattered)
{
	.exporter = "iommu_scattered",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, iommu_pages)
{
	.exporter = "iommu_pages",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, direct_coherent)
{
	.exporter = "direct_coherent",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, direct_scattered)
{
	.exporter = "direct_scattered",
};

FIXTURE_VARIANT_ADD(dmabuf_mmap, direct_pages)
{
	.exporter = "direct_pages",
};

FIXTURE_SETUP(dmabuf_mmap)
{
	int err;

	self->exp = dmabuf_exporter_find(variant->exporter);
	ASSERT_NE(NULL, self->exp);
	self->ps = dmabuf_page_size();

	err = dmabuf_get(self->exp, BUF_SIZE, O_RDWR, &self->buf);
	if (err == -ENODEV)
		SKIP(return, "%s (needs %s)", self->buf.why, self->exp->needs);
	ASSERT_EQ(0, err)
		TH_LOG("%s", self->buf.why);
	self->len = self->buf.size & ~(self->ps - 1);
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
ROUTE(madv_populate_read)
ROUTE(madv_populate_write)
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
}

/* mprotect() could make it writable at any time. */
TEST_F(dmabuf_mmap, private_read_only)
{
	refuse_private(_metadata, self, self->buf.fd, self->ps, PROT_READ);
	refuse_private(_metadata, self, self->buf.fd, 16 * self->ps, PROT_READ);
	refuse_private(_metadata, self, self->buf.fd, self->len, PROT_READ);
	refuse_private(_metadata, self, self->buf.fd, self->len, PROT_NONE);
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
	int err;

	drop_buffer(self);
	err = dmabuf_get(self->exp, self->ps, O_RDWR, &small);
	ASSERT_EQ(0, err)
		TH_LOG("%s", small.why);
	refuse_private(_metadata, self, small.fd, self->ps,
		       PROT_READ | PROT_WRITE);
	refuse_private(_metadata, self, small.fd, self->ps, PROT_READ);
	dmabuf_put(&small);
}

TEST_F(dmabuf_mmap, read_only_fd)
{
	struct dmabuf ro;
	char *map;
	int err;

	drop_buffer(self);
	err = dmabuf_get(self->exp, BUF_SIZE, O_RDONLY, &ro);
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
	char *to = reserve_aligned(len, PMD_BYTES);

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

static int get_big(dmabuf_self *self, struct dmabuf *big)
{
	size_t size;
	int err = -ENOMEM;

	size = self->exp->huge ? BIG_SIZE : 2 * PMD_BYTES;
	for (; size >= 2 * PMD_BYTES; size /= 2) {
		err = dmabuf_get(self->exp, size, O_RDWR, big);
		if (!is_shortage(err))
			break;
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
		SKIP(return, "no buffer of 4 MiB: %s (%s)", big.why,
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
		SKIP(return, "no buffer of 4 MiB: %s (%s)", big.why,
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
	err = dmabuf_get(self->exp, BUF_SIZE, O_RDONLY, &ro);
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

	ASSERT_EQ(0, fstat(self->buf.fd, &st));
	if (is_listed(st.st_ino) < 0)
		SKIP(return, "needs " BUFINFO);
	for (i = 0; i < 16; i++) {
		map_part(self, 0, self->len, PROT_READ, MAP_PRIVATE);
		map_part(self, 0, self->len + self->ps, PROT_READ, MAP_SHARED);
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
 * A buffer of one page of 1 GiB. An entry could map all of it, and not everything
 * that touches a part of a mapping knows how to break such an entry up: hence the
 * right contents, and nothing for get_user_pages(), whatever was done to it.
 */

#define SIZE_LIMIT	"/sys/module/udmabuf/parameters/size_limit_mb"

/* The page in the middle that is treated unlike all others */
#define ODD_PAGE(ps)	(PUD_BYTES / 2 + (ps))

FIXTURE(gigantic)
{
	struct dmabuf buf;
	size_t ps;
	char *pages;		/* through the memfd */
	char *map;		/* through the dma-buf, never touched */
};

#define gigantic_self FIXTURE_DATA(gigantic)

/* The number in a file, or -1 */
static long get_number(const char *path)
{
	FILE *f = fopen(path, "r");
	long n;

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

static bool put_number(const char *path, long n)
{
	FILE *f = fopen(path, "w");
	bool put;

	if (!f)
		return false;
	put = fprintf(f, "%ld\n", n) > 0;
	return !fclose(f) && put;
}

/*
 * The kernel clears the page when the first test touches it, which takes longer
 * than all of these tests. So the memfd belongs to the process that starts them.
 */
static int gigantic_memfd;

static void __attribute__((constructor)) create_gigantic_memfd(void)
{
	gigantic_memfd = memfd_create("gigantic", MFD_CLOEXEC | MFD_ALLOW_SEALING |
				      MFD_HUGETLB | MFD_HUGE_1GB);
}

/*
 * To fill all pages would take long. Marked are in every 2 MiB the last page and
 * the first three: the odd one and its neighbours.
 */
#define NR_MARKS	(4 * PUD_BYTES / PMD_BYTES)

static size_t mark_at(size_t ps, unsigned int nr)
{
	size_t block = nr / 4 * PMD_BYTES;

	return nr % 4 == 3 ? block + PMD_BYTES - ps : block + nr % 4 * ps;
}

static void put_marks(gigantic_self *self, char *map, unsigned long first)
{
	unsigned int i;

	for (i = 0; i < NR_MARKS; i++) {
		size_t at = mark_at(self->ps, i);

		dmabuf_fill(map + at, self->ps, first + at / self->ps);
	}
}

/* Marks from @from up to @to that are not what put_marks() made them */
static unsigned long wrong_marks(gigantic_self *self, char *map, size_t from,
				 size_t to, unsigned long first)
{
	unsigned long wrong = 0;
	unsigned int i;

	for (i = 0; i < NR_MARKS; i++) {
		size_t at = mark_at(self->ps, i);

		if (from <= at && at < to)
			wrong += dmabuf_check(map + at, self->ps,
					      first + at / self->ps);
	}
	return wrong;
}

/*
 * What put_marks(..., @first) left is read through @map, and what is written to
 * @map reaches the memory; that is put_marks(..., @first + 1).
 */
static void check_marks(struct __test_metadata *_metadata, gigantic_self *self,
			char *map, unsigned long first)
{
	EXPECT_EQ(0, wrong_marks(self, map, 0, PUD_BYTES, first));
	put_marks(self, map, first + 1);
	EXPECT_EQ(0, wrong_marks(self, self->pages, 0, PUD_BYTES, first + 1));
}

/* -EPERM: udmabuf has a limit that is lower, and that is not ours to change. */
static int get_gigantic(struct dmabuf *buf)
{
	long limit = get_number(SIZE_LIMIT);
	bool low = limit >= 0 && limit < PUD_BYTES >> 20;
	int err;

	if (low && !put_number(SIZE_LIMIT, PUD_BYTES >> 20))
		return -EPERM;
	err = dmabuf_from_memfd(gigantic_memfd, PUD_BYTES, buf);
	if (low)
		put_number(SIZE_LIMIT, limit);
	return err;
}

static char *map_gigantic(gigantic_self *self)
{
	char *to = reserve_aligned(PUD_BYTES, PUD_BYTES);

	if (to == MAP_FAILED)
		return to;
	return mmap(to, PUD_BYTES, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, self->buf.fd, 0);
}

FIXTURE_SETUP(gigantic)
{
	int err;

	if (gigantic_memfd < 0)
		SKIP(return, "needs a CPU with pages of 1 GiB, CONFIG_HUGETLBFS");
	self->ps = dmabuf_page_size();

	ASSERT_EQ(0, ftruncate(gigantic_memfd, PUD_BYTES));
	self->pages = mmap(NULL, PUD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			   gigantic_memfd, 0);
	if (self->pages == MAP_FAILED && errno == ENOMEM)
		SKIP(return, "needs hugepagesz=1G hugepages=1 on the kernel's command line");
	ASSERT_NE(MAP_FAILED, self->pages);
	put_marks(self, self->pages, 0);

	err = get_gigantic(&self->buf);
	if (err == -ENODEV)
		SKIP(return, "%s (needs CONFIG_UDMABUF)", self->buf.why);
	if (err == -EPERM)
		SKIP(return, "needs udmabuf.size_limit_mb=1024");
	ASSERT_EQ(0, err)
		TH_LOG("%s", self->buf.why);

	self->map = map_gigantic(self);
	ASSERT_NE(MAP_FAILED, self->map);
}

FIXTURE_TEARDOWN(gigantic)
{
	munmap(self->map, PUD_BYTES);
	munmap(self->pages, PUD_BYTES);
	dmabuf_put(&self->buf);
}

/* Faults that it takes to read from every 2 MiB */
static long count_faults(const char *map)
{
	struct rusage before, after;
	size_t off;

	getrusage(RUSAGE_SELF, &before);
	for (off = 0; off < PUD_BYTES; off += PMD_BYTES)
		asm volatile("" : : "r" (map[off]) : "memory");
	getrusage(RUSAGE_SELF, &after);
	return after.ru_minflt - before.ru_minflt;
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

static void refuse_gigantic(struct __test_metadata *_metadata,
			    gigantic_self *self, char *map, bool writable)
{
	refuse_all(_metadata, map, 16 * self->ps, writable);
	refuse_all(_metadata, map + PUD_BYTES / 2 - self->ps, self->ps, writable);
	refuse_all(_metadata, map + PUD_BYTES / 2 + 2 * self->ps, self->ps,
		   writable);
	refuse_all(_metadata, map + PUD_BYTES - self->ps, self->ps, writable);
}

/*
 * One fault for each 2 MiB at the most, and no page tables for single pages.
 * Whether there is a larger entry is for the kernel to decide.
 */
TEST_F_TIMEOUT(gigantic, huge_entries, 120)
{
	long before, tables;

#if !defined(__x86_64__) && !defined(__aarch64__)
	SKIP(return, "not known whether this architecture has CONFIG_ARCH_SUPPORTS_PMD_PFNMAP");
#endif
	/* so that nothing but the mapping faults afterwards */
	count_faults(self->pages);
	page_tables();

	before = page_tables();
	ASSERT_LT(0, before);
	EXPECT_GE(PUD_BYTES / PMD_BYTES, count_faults(self->map));
	tables = page_tables() - before;
	EXPECT_GT(64, tables)
		TH_LOG("%ld KiB of page tables", tables);
	check_marks(_metadata, self, self->map, 0);
	EXPECT_EQ(0, count_faults(self->map));
}

TEST_F_TIMEOUT(gigantic, refuses_all, 120)
{
	refuse_gigantic(_metadata, self, self->map, true);
	check_marks(_metadata, self, self->map, 0);
	refuse_gigantic(_metadata, self, self->map, true);
	EXPECT_EQ(0, wrong_marks(self, self->map, 0, PUD_BYTES, 1));
}

TEST_F_TIMEOUT(gigantic, fork, 120)
{
	pid_t pid;

	check_marks(_metadata, self, self->map, 0);
	pid = fork();
	if (!pid) {
		check_marks(_metadata, self, self->map, 1);
		refuse_gigantic(_metadata, self, self->map, true);
		_exit(0);
	}
	in_child(_metadata, pid);
	check_marks(_metadata, self, self->map, 2);
	refuse_gigantic(_metadata, self, self->map, true);
}

TEST_F_TIMEOUT(gigantic, mprotect, 120)
{
	check_marks(_metadata, self, self->map, 0);
	ASSERT_EQ(0, mprotect(self->map, PUD_BYTES, PROT_READ));
	EXPECT_EQ(SIGSEGV, access_signal(self->map, true));
	EXPECT_EQ(0, wrong_marks(self, self->map, 0, PUD_BYTES, 1));
	refuse_gigantic(_metadata, self, self->map, false);
	ASSERT_EQ(0, mprotect(self->map, PUD_BYTES, PROT_NONE));
	EXPECT_EQ(SIGSEGV, access_signal(self->map, false));
	ASSERT_EQ(0, mprotect(self->map, PUD_BYTES, PROT_READ | PROT_WRITE));
	check_marks(_metadata, self, self->map, 1);
	refuse_gigantic(_metadata, self, self->map, true);
}

TEST_F_TIMEOUT(gigantic, mprotect_middle, 120)
{
	char *odd = self->map + ODD_PAGE(self->ps);

	check_marks(_metadata, self, self->map, 0);
	ASSERT_EQ(0, mprotect(odd, self->ps, PROT_READ));
	EXPECT_EQ(SIGSEGV, access_signal(odd, true));
	EXPECT_EQ(0, access_signal(odd - 1, true));
	EXPECT_EQ(0, access_signal(odd + self->ps, true));
	EXPECT_EQ(0, wrong_marks(self, self->map, 0, PUD_BYTES, 1));
	refuse_gigantic(_metadata, self, self->map, true);
	refuse_all(_metadata, odd, self->ps, false);
	ASSERT_EQ(0, mprotect(odd, self->ps, PROT_READ | PROT_WRITE));
	check_marks(_metadata, self, self->map, 1);
	refuse_gigantic(_metadata, self, self->map, true);
}

TEST_F_TIMEOUT(gigantic, munmap_middle, 120)
{
	size_t odd = ODD_PAGE(self->ps);

	check_marks(_metadata, self, self->map, 0);
	ASSERT_EQ(0, munmap(self->map + odd, self->ps));
	EXPECT_EQ(SIGSEGV, access_signal(self->map + odd, false));
	EXPECT_EQ(0, wrong_marks(self, self->map, 0, odd, 1));
	EXPECT_EQ(0, wrong_marks(self, self->map, odd + self->ps, PUD_BYTES, 1));
	refuse_gigantic(_metadata, self, self->map, true);
	put_marks(self, self->pages, 2);
	EXPECT_EQ(0, wrong_marks(self, self->map, 0, odd, 2));
	EXPECT_EQ(0, wrong_marks(self, self->map, odd + self->ps, PUD_BYTES, 2));
}

/* Moves the mapping, whose entries are there, and checks both places. */
static void move_gigantic(struct __test_metadata *_metadata,
			  gigantic_self *self, char *to)
{
	char *from = self->map;

	check_marks(_metadata, self, from, 0);
	/* so that the CPU knows where it is, the last that it did before */
	EXPECT_EQ(0, access_signal(from, true));
	ASSERT_EQ(to, mremap(from, PUD_BYTES, PUD_BYTES,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	self->map = to;
	EXPECT_EQ(SIGSEGV, access_signal(from, true))
		TH_LOG("the mapping is still where it was");
	EXPECT_EQ(SIGSEGV, access_signal(from + PUD_BYTES - 1, true))
		TH_LOG("the mapping is still where it was");
	check_marks(_metadata, self, to, 1);
	refuse_gigantic(_metadata, self, to, true);
}

TEST_F_TIMEOUT(gigantic, mremap, 120)
{
	char *to = reserve_aligned(PUD_BYTES, PUD_BYTES);

	ASSERT_NE(MAP_FAILED, to);
	move_gigantic(_metadata, self, to);
}

/* To where nothing larger than 2 MiB can be aligned */
TEST_F_TIMEOUT(gigantic, mremap_odd, 120)
{
	char *to = reserve_aligned(PUD_BYTES + PMD_BYTES, PUD_BYTES);

	ASSERT_NE(MAP_FAILED, to);
	move_gigantic(_metadata, self, to + PMD_BYTES);
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

FIXTURE_VARIANT_ADD(v4l2_node, vim2m)
{
	.exporter = "vim2m",
};

FIXTURE_VARIANT_ADD(v4l2_node, vivid_vmalloc)
{
	.exporter = "vivid_vmalloc",
};

FIXTURE_VARIANT_ADD(v4l2_node, vimc)
{
	.exporter = "vimc",
};

FIXTURE_VARIANT_ADD(v4l2_node, vicodec)
{
	.exporter = "vicodec",
};

FIXTURE_VARIANT_ADD(v4l2_node, visl)
{
	.exporter = "visl",
};

FIXTURE_SETUP(v4l2_node)
{
	const struct dmabuf_exporter *exp = dmabuf_exporter_find(variant->exporter);
	int err;

	ASSERT_NE(NULL, exp);
	err = dmabuf_get(exp, BUF_SIZE, O_RDWR, &self->buf);
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
NODE_ROUTE(madv_populate_write)

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

TEST_HARNESS_MAIN
