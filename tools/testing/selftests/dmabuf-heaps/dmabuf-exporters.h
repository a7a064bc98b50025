/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Dma-bufs of every exporter in reach of userspace, every way in which userspace
 * can make the kernel call get_user_pages() on a mapping, and what copies instead.
 */
#ifndef DMABUF_EXPORTERS_H
#define DMABUF_EXPORTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

/* Newer than the headers of the C library may be */
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED	24
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#endif

struct dmabuf;

/* A source of dma-bufs */
struct dmabuf_exporter {
	const char *name;	/* also that of the variant in the selftest */
	const char *needs;	/* for the message of a skipped test */
	bool huge;		/* a large buffer has blocks as large as a huge page */
	bool no_vmap;		/* not, or maybe not, for importers that use the CPU */
	bool sigbus;		/* rather than OOM, where a fault allocates memory */
	bool ttm;		/* debuggers may write to a PROT_NONE mapping */
	bool foreign;		/* somebody else holds the buffer, it never goes away */
	bool moves;		/* dmabuf_move() moves the buffer */
	/* Fills @buf; 0 or -errno, with a reason in buf->why */
	int (*get)(const struct dmabuf_exporter *exp, struct dmabuf *buf);
	const char *arg;	/* name of heap, driver or device, whatever @get wants */
	int index;		/* which one of several with the same @arg */
};

/* One buffer */
struct dmabuf {
	int fd;			/* the dma-buf */
	int dev;		/* the device node that it came from, or -1 */
	uint32_t handle;	/* of the GEM object behind it, if @dev is a DRM node */
	int aux[2];		/* whatever else must stay open as long as @dev, or -1 */
	int access;		/* O_RDWR or O_RDONLY, as asked for */
	size_t size;		/* bytes; before dmabuf_get(): as asked for */
	char why[160];		/* why dmabuf_get() failed */
};

extern const struct dmabuf_exporter dmabuf_exporters[];
extern const unsigned int nr_dmabuf_exporters;

const struct dmabuf_exporter *dmabuf_exporter_find(const char *name);
/* Whether it is an argument of the program, or there are none */
bool dmabuf_is_wanted(const char *name, int argc, char **argv);

/*
 * Get a buffer of at least @size bytes, or of whatever size the exporter has
 * (buf->size tells). A device that is not there is -ENODEV. Any other error is
 * a failure of an exporter that is there.
 */
int dmabuf_get(const struct dmabuf_exporter *exp, size_t size, int access,
	       struct dmabuf *buf);
/* Let go of the device; the dma-buf stays. */
void dmabuf_close_device(struct dmabuf *buf);
void dmabuf_put(struct dmabuf *buf);
/* Have the exporter move the buffer to other memory: 0 or -errno. */
int dmabuf_move(const struct dmabuf *buf);
void *dmabuf_map(const struct dmabuf *buf, int prot, int flags);
/* Page faults that this thread has had */
long dmabuf_thread_faults(void);
/* Whether mmap() has made all entries: reading the first page of @map takes no fault. */
bool dmabuf_is_eager(const void *map);
/* The V4L2 buffer behind @buf, mapped through its device node instead. */
void *dmabuf_map_node(const struct dmabuf *buf, size_t *len);
/* The GEM object behind @buf, through its device node */
void *dmabuf_map_drm_node(const struct dmabuf *buf, int prot, int flags);

/* The udmabuf of a memfd whose pages are there already; -errno, as above. */
int dmabuf_from_memfd(int memfd, size_t size, struct dmabuf *buf);

/* A memfd of kind "shmem", "huge" (hugetlb) or "thp", populated; -errno. */
int dmabuf_memfd(const char *kind, size_t size, char *why, size_t why_len);
/* The size of such a memfd is a multiple of this. */
size_t dmabuf_memfd_unit(const char *kind);

/* A V4L2 device that captures metadata to memory of userspace or to dma-bufs */
int dmabuf_open_capture(void);

/*
 * Every page gets words that no other page has, at both of its ends. Check
 * returns the number of pages that are not what page @first onwards should be.
 */
void dmabuf_fill(void *addr, size_t len, unsigned long first);
unsigned long dmabuf_check(const void *addr, size_t len, unsigned long first);
size_t dmabuf_page_size(void);
/* Bytes that one huge entry maps; at most DMABUF_PMD_MAX */
size_t dmabuf_pmd_size(void);
#define DMABUF_PMD_MAX	(32UL << 20)
/*
 * Room for a huge entry and some more pages where the exporter can have one, and
 * DMABUF_FEW_PAGES elsewhere: each page more is one more to map and to check.
 */
size_t dmabuf_least_size(const struct dmabuf_exporter *exp);
#define DMABUF_FEW_PAGES	32

/* What a route found. Negative: the kernel refused with that error. */
#define ROUTE_OPEN	0	/* the kernel took the pages */
#define ROUTE_MISSING	1	/* this kernel does not have the route */

/* A way to have the kernel take pages of a mapping */
struct gup_route {
	const char *name;	/* as in the name of a selftest */
	const char *needs;	/* what has to be there */
	bool write;		/* to the pages: no way for a read-only mapping */
	bool touches;		/* @run reads the memory by the CPU first */
	/*
	 * The error by which the kernel says that it may not have the pages. Any
	 * other comes from something else, and proves nothing.
	 */
	int refusal;
	/* ROUTE_OPEN, ROUTE_MISSING or -errno */
	int (*run)(const struct gup_route *route, void *addr, size_t len);
	unsigned long arg;	/* for @run: the request of an ioctl, if it makes one */
	unsigned int flags;	/* of that request or of the system call */
};

extern const struct gup_route gup_routes[];
extern const unsigned int nr_gup_routes;

const struct gup_route *gup_route_find(const char *name);
int gup_route_run(const struct gup_route *route, void *addr, size_t len);

/* A file of @size bytes that is open for direct I/O, or -1 */
int dmabuf_open_direct(size_t size);
/* A TCP connection over loopback: 0, or -1 where there is none */
int dmabuf_connect_loopback(int *from, int *to);
/*
 * Has a V4L2 device that takes dma-bufs write one frame of metadata to this one:
 * 0, ROUTE_MISSING, or -errno.
 */
int dmabuf_capture(int dmabuf, size_t len);

/* What bytes can be copied through */
struct dmabuf_channel {
	const char *name;	/* for messages */
	int (*open)(int fds[2]);	/* the end to read from, and to write to; 0 or -1 */
	bool file;		/* nobody waits at the other end */
};

extern const struct dmabuf_channel dmabuf_channels[];
extern const unsigned int nr_dmabuf_channels;
extern const unsigned int nr_dmabuf_spans;

/*
 * Span @i, somewhere near to a border, of a mapping of @all bytes at @map. False:
 * there is no such place.
 */
bool dmabuf_span(unsigned int i, const char *map, size_t all, size_t *off,
		 size_t *len);

/*
 * Copies from @map to @bytes, or the other way round if not @out, by one system
 * call for @map with 1 or 3 pieces: 0, ROUTE_MISSING, or -errno; -EIO if not all is
 * copied.
 */
int dmabuf_copy(const struct dmabuf_channel *channel, bool out, int pieces,
		void *map, void *bytes, size_t len);

/*
 * Runs a virtual machine whose memory is @page, which it reads or writes first.
 * @same is where its writes have to arrive, another mapping of that page. 0,
 * ROUTE_MISSING, or -errno; -EIO if they do not arrive.
 */
int dmabuf_run_kvm(void *page, char *same, bool reads_first);
/* Whether KVM takes cached memory of a pfn mapping on this machine */
bool dmabuf_kvm_takes_cached_pfns(void);

/* 0 or -errno */
int dmabuf_write_file(const char *path, const char *value);
/*
 * The number in the first line that all of scanf(@format) takes, up to the %n that it
 * ends with. -1: there is no such line, or no such file.
 */
long dmabuf_read_number(const char *path, const char *format);

#define DMABUF_BUFINFO	"/sys/kernel/debug/dma_buf/bufinfo"
/* Number of dma-bufs that there are; -1 if the kernel does not tell */
long dmabuf_count(void);

/* Do not count what leaked so far: 0, or -errno if there is no kmemleak. */
int dmabuf_forget_leaks(void);
/*
 * Print what kmemleak has found since then, and count it: -errno if it has
 * switched itself off, as it does where it runs out of memory.
 */
long dmabuf_leaks(void);

#endif /* DMABUF_EXPORTERS_H */
