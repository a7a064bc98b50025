// SPDX-License-Identifier: GPL-2.0
/*
 * How to get a dma-buf of each exporter. It is a table, so that a test and a
 * benchmark mean the same things by the same names.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <linux/vfio.h>
#include <linux/videodev2.h>

#include "kselftest.h"
#include "../../../../drivers/dma-buf/dma-buf-test.h"
#include "dmabuf-exporters.h"

#define NR_NODES		64

size_t dmabuf_page_size(void)
{
	static size_t size;

	if (!size)
		size = sysconf(_SC_PAGESIZE);
	return size;
}

static size_t round_up_to(size_t n, size_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* Without huge pages, what they would be on most machines: still a border. */
size_t dmabuf_pmd_size(void)
{
	static size_t size;
	long pmd;

	if (size)
		return size;
	pmd = dmabuf_read_number("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size",
				 "%ld%n");
	/* larger ones are more than a test can fill */
	size = pmd > 0 && pmd <= (long)DMABUF_PMD_MAX ? pmd : 2L << 20;
	return size;
}

size_t dmabuf_least_size(const struct dmabuf_exporter *exp)
{
	const size_t ps = dmabuf_page_size();

	return exp->huge ? dmabuf_pmd_size() + 16 * ps : DMABUF_FEW_PAGES * ps;
}

/* What memfd_create() takes if it is not told a size, or 0 */
static size_t hugetlb_size(void)
{
	int fd = memfd_create("size", MFD_CLOEXEC | MFD_HUGETLB);
	struct stat st;
	size_t size = 0;

	if (fd >= 0 && !fstat(fd, &st))
		size = st.st_blksize;
	close(fd);
	return size;
}

static int read_line(const char *path, char *line, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	n = read(fd, line, len - 1);
	err = errno;
	close(fd);
	if (n < 0)
		return -err;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

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
	long number = -1;
	char line[512];
	int end = 0;

	if (!f)
		return -1;
	while (!end && fgets(line, sizeof(line), f))
		sscanf(line, format, &number, &end);
	fclose(f);
	return end ? number : -1;
}

#define fail(buf, err, ...)						\
({									\
	snprintf((buf)->why, sizeof((buf)->why), __VA_ARGS__);		\
	(err);								\
})

/* A step that failed in a device that is there. */
static int step_failed(struct dmabuf *buf, const char *step)
{
	int err = errno ? -errno : -EIO;

	return fail(buf, err, "%.100s: %s", step, strerror(-err));
}

/* Whether what open() has left in errno means that there is no such device for us */
static bool is_not_there(void)
{
	return errno == ENOENT || errno == ENXIO || errno == ENODEV ||
	       errno == EACCES || errno == EPERM;
}

/*
 * One of several nodes, any of which may belong to somebody else: the descriptor of one
 * that answers @request, -ENODEV if it is not such a device, or another error, which
 * says nothing of the device and ends the search.
 */
static int open_if_answers(const char *path, unsigned long request, void *answer)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int err = -ENODEV;

	if (fd >= 0 && !ioctl(fd, request, answer))
		return fd;
	if (errno == ENOMEM || errno == EMFILE || errno == ENFILE)
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

static int open_node(const char *path, int flags, struct dmabuf *buf)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (!is_not_there())
		return step_failed(buf, path);
	return fail(buf, -ENODEV, "%.100s: %s", path, strerror(errno));
}

/*
 * What pages hold
 */

/* The compiler is not to know what is behind @addr. */
static void hide(void *addr)
{
	asm volatile("" : : "r" (addr) : "memory");
}

static __u64 page_word(unsigned long page)
{
	return 0x9e3779b97f4a7c15ULL * (page + 1);
}

void dmabuf_fill(void *addr, size_t len, unsigned long first)
{
	size_t ps = dmabuf_page_size();
	size_t off;

	for (off = 0; off < len; off += ps) {
		__u64 *page = addr + off;
		__u64 word = page_word(first + off / ps);

		page[0] = word;
		page[ps / sizeof(*page) - 1] = ~word;
	}
	hide(addr);
}

unsigned long dmabuf_check(const void *addr, size_t len, unsigned long first)
{
	size_t ps = dmabuf_page_size();
	unsigned long wrong = 0;
	size_t off;

	hide((void *)addr);
	for (off = 0; off < len; off += ps) {
		const __u64 *page = addr + off;
		__u64 word = page_word(first + off / ps);

		if (page[0] != word || page[ps / sizeof(*page) - 1] != ~word)
			wrong++;
	}
	return wrong;
}

/*
 * Heaps
 */

static int heap_alloc(const char *name, struct dmabuf *buf)
{
	struct dma_heap_allocation_data data = {
		.len = buf->size,
		.fd_flags = buf->access | O_CLOEXEC,
	};
	char path[100];
	int err = 0;
	int heap;

	snprintf(path, sizeof(path), "/dev/dma_heap/%.64s", name);
	heap = open_node(path, O_RDONLY, buf);
	if (heap < 0)
		return heap;
	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) < 0)
		err = step_failed(buf, path);
	else
		buf->fd = data.fd;
	close(heap);
	return err;
}

static int get_heap(const struct dmabuf_exporter *exp, struct dmabuf *buf)
{
	return heap_alloc(exp->arg, buf);
}

static int is_cma_area(const struct dirent *entry)
{
	return entry->d_name[0] != '.' &&
	       strncmp(entry->d_name, "system", 6) &&
	       strncmp(entry->d_name, "protected", 9) &&
	       strcmp(entry->d_name, "default_cma_region");
}

/* Areas other than the default one have the names that the platform gave. */
static int get_cma_area(const struct dmabuf_exporter *exp, struct dmabuf *buf)
{
	struct dirent **names;
	int err = -ENODEV;
	int n, i;

	n = scandir("/dev/dma_heap", &names, is_cma_area, alphasort);
	if (n > exp->index)
		err = heap_alloc(names[exp->index]->d_name, buf);
	else
		fail(buf, err, "no CMA heap besides default_cma_region");
	for (i = 0; i < n; i++)
		free(names[i]);
	if (n >= 0)
		free(names);
	return err;
}

/*
 * udmabuf
 */

/* A page that hugetlbfs cannot have is EFAULT, where a CPU would get SIGBUS. */
static int populate(void *map, size_t size)
{
	if (!madvise(map, size, MADV_POPULATE_WRITE))
		return 0;
	return errno == EFAULT ? -ENOMEM : -errno;
}

/* Maps @fd at a multiple of a huge page and has it filled by huge pages. */
static int populate_huge(int fd, size_t size)
{
	size_t pmd = dmabuf_pmd_size();
	void *area, *map;
	int err;

	area = mmap(NULL, size + pmd, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		return -errno;
	map = (void *)round_up_to((uintptr_t)area, pmd);
	if (mmap(map, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 fd, 0) == MAP_FAILED) {
		err = -errno;
	} else {
		madvise(map, size, MADV_HUGEPAGE);
		err = populate(map, size);
		/* nothing to do, and no error, if they are huge already */
		if (!err && madvise(map, size, MADV_COLLAPSE))
			err = errno == EINVAL ? -ENODEV : -errno;
	}
	munmap(area, size + pmd);
	return err;
}

static int populate_plain(int fd, size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int err;

	if (map == MAP_FAILED)
		return -errno;
	err = populate(map, size);
	munmap(map, size);
	return err;
}

int dmabuf_memfd(const char *kind, size_t size, char *why, size_t why_len)
{
	bool hugetlb = !strcmp(kind, "huge");
	bool thp = !strcmp(kind, "thp");
	int fd, err;

	fd = memfd_create("dmabuf", MFD_CLOEXEC | MFD_ALLOW_SEALING |
			  (hugetlb ? MFD_HUGETLB : 0));
	if (fd < 0) {
		err = hugetlb && errno != ENOMEM ? -ENODEV : -errno;
		snprintf(why, why_len, "memfd_create: %s", strerror(errno));
		return err;
	}
	if (ftruncate(fd, size) < 0)
		err = -errno;
	else if (thp)
		err = populate_huge(fd, size);
	else
		err = populate_plain(fd, size);
	if (!err)
		return fd;
	close(fd);
	if (hugetlb && err == -ENOMEM) {
		snprintf(why, why_len, "%zu KiB of hugetlb pages (vm.nr_hugepages)",
			 size >> 10);
		return -ENODEV;
	}
	if (thp && err == -ENODEV)
		snprintf(why, why_len, "shmem gives no huge pages (shmem_enabled)");
	else
		snprintf(why, why_len, "memfd: %s", strerror(-err));
	return err;
}

static int udmabuf_create(struct dmabuf *buf, int memfd, size_t size)
{
	struct udmabuf_create create = {
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.memfd = memfd,
		.size = size,
	};

	if (!(fcntl(memfd, F_GET_SEALS) & F_SEAL_SHRINK) &&
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return step_failed(buf, "F_SEAL_SHRINK");
	buf->fd = ioctl(buf->dev, UDMABUF_CREATE, &create);
	return buf->fd < 0 ? step_failed(buf, "UDMABUF_CREATE") : 0;
}

static int open_udmabuf(struct dmabuf *buf)
{
	buf->dev = open_node("/dev/udmabuf", O_RDWR, buf);
	return buf->dev < 0 ? buf->dev : 0;
}

/* The size of a page of a memfd of @kind, at least */
size_t dmabuf_memfd_unit(const char *kind)
{
	if (!strcmp(kind, "huge"))
		return hugetlb_size() ?: dmabuf_pmd_size();
	if (!strcmp(kind, "thp"))
		return dmabuf_pmd_size();
	return dmabuf_page_size();
}

static int get_udmabuf(const struct dmabuf_exporter *exp, struct dmabuf *buf)
{
	int memfd, err;
	size_t size;

	err = open_udmabuf(buf);
	if (err)
		return err;
	if (buf->access != O_RDWR)
		return fail(buf, -EOPNOTSUPP, "udmabuf is always read-write");
	size = round_up_to(buf->size, dmabuf_memfd_unit(exp->arg));
	memfd = dmabuf_memfd(exp->arg, size, buf->why, sizeof(buf->why));
	if (memfd < 0)
		return memfd;
	err = udmabuf_create(buf, memfd, size);
	close(memfd);
	return err;
}

/*
 * DRM: a dumb buffer, exported through PRIME
 */

static int open_drm(const char *driver)
{
	char path[32], name[32];
	int i, fd;

	for (i = 0; i < NR_NODES; i++) {
		struct drm_version version = {
			.name = name,
			.name_len = sizeof(name) - 1,
		};

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		memset(name, 0, sizeof(name));
		fd = open_if_answers(path, DRM_IOCTL_VERSION, &version);
		if (fd == -ENODEV)
			continue;
		if (fd < 0 || !strcmp(name, driver))
			return fd;
		close(fd);
	}
	return -ENODEV;
}

static int get_drm(const struct dmabuf_exporter *exp, struct dmabuf *buf)
{
	struct drm_mode_create_dumb dumb = { .bpp = 32, .width = 1024 };
	struct drm_prime_handle prime = {
		.flags = DRM_CLOEXEC | (buf->access == O_RDWR ? DRM_RDWR : 0),
	};

	buf->dev = open_drm(exp->arg);
	if (buf->dev < 0)
		return fail(buf, buf->dev, "no DRM device of driver %s", exp->arg);
	dumb.height = round_up_to(buf->size, 4 * dumb.width) / (4 * dumb.width);
	if (ioctl(buf->dev, DRM_IOCTL_MODE_CREATE_DUMB, &dumb) < 0)
		return step_failed(buf, "DRM_IOCTL_MODE_CREATE_DUMB");
	buf->handle = dumb.handle;
	prime.handle = dumb.handle;
	if (ioctl(buf->dev, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime) < 0)
		return step_failed(buf, "DRM_IOCTL_PRIME_HANDLE_TO_FD");
	buf->fd = prime.fd;
	return 0;
}

void *dmabuf_map_drm_node(const struct dmabuf *buf, int prot, int flags)
{
	struct drm_mode_map_dumb map = { .handle = buf->handle };

	if (ioctl(buf->dev, DRM_IOCTL_MODE_MAP_DUMB, &map) < 0)
		return MAP_FAILED;
	return mmap(NULL, buf->size, prot, flags, buf->dev, map.offset);
}

/*
 * V4L2: one MMAP buffer of a capture queue, exported
 */

#define V4L2_CAPS_CAPTURE	(V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_M2M)
#define V4L2_CAPS_CAPTURE_MPLANE					\
	(V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_VIDEO_M2M_MPLANE)
#define V4L2_CAPS_ANY_CAPTURE	(V4L2_CAPS_CAPTURE | V4L2_CAPS_CAPTURE_MPLANE)

static __u32 v4l2_capture_type(__u32 caps)
{
	return caps & V4L2_CAPS_CAPTURE_MPLANE ?
	       V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
}

/*
 * @bus: end of bus_info, or NULL for the first device of the driver
 * @wanted: capabilities, one of which it has to have
 */
static int open_v4l2(const char *driver, const char *bus, __u32 wanted,
		     __u32 *caps)
{
	struct v4l2_capability cap;
	char path[32];
	size_t len;
	int i, fd;

	for (i = 0; i < NR_NODES; i++) {
		snprintf(path, sizeof(path), "/dev/video%d", i);
		fd = open_if_answers(path, VIDIOC_QUERYCAP, &cap);
		if (fd == -ENODEV)
			continue;
		if (fd < 0)
			return fd;
		if (strcmp((char *)cap.driver, driver) ||
		    !(cap.device_caps & wanted) ||
		    !(cap.device_caps & V4L2_CAP_STREAMING))
			goto next;
		len = strlen((char *)cap.bus_info);
		if (bus && (len < strlen(bus) ||
			    strcmp((char *)cap.bus_info + len - strlen(bus), bus)))
			goto next;
		*caps = cap.device_caps;
		return fd;
next:
		close(fd);
	}
	return -ENODEV;
}

/* A buffer of the size that is wanted, or else of the format's size. */
static int v4l2_alloc(struct dmabuf *buf, __u32 type)
{
	struct v4l2_create_buffers create = {
		.count = 1,
		.memory = V4L2_MEMORY_MMAP,
		.format.type = type,
	};
	struct v4l2_requestbuffers req = {
		.count = 1,
		.type = type,
		.memory = V4L2_MEMORY_MMAP,
	};

	if (ioctl(buf->dev, VIDIOC_G_FMT, &create.format) < 0)
		return step_failed(buf, "VIDIOC_G_FMT");
	if (V4L2_TYPE_IS_MULTIPLANAR(type))
		create.format.fmt.pix_mp.plane_fmt[0].sizeimage = buf->size;
	else
		create.format.fmt.pix.sizeimage = buf->size;
	if (!ioctl(buf->dev, VIDIOC_CREATE_BUFS, &create) && create.count)
		return 0;
	if (ioctl(buf->dev, VIDIOC_REQBUFS, &req) < 0)
		return step_failed(buf, "VIDIOC_REQBUFS");
	return 0;
}

static int v4l2_export(struct dmabuf *buf, __u32 caps)
{
	struct v4l2_exportbuffer expbuf = {
		.type = v4l2_capture_type(caps),
		.flags = O_CLOEXEC | buf->access,
	};
	int err;

	err = v4l2_alloc(buf, expbuf.type);
	if (err)
		return err;
	if (ioctl(buf->dev, VIDIOC_EXPBUF, &expbuf) < 0)
		return step_failed(buf, "VIDIOC_EXPBUF");
	buf->fd = expbuf.fd;
	return 0;
}

static int get_v4l2(const struct dmabuf_exporter *exp, struct dmabuf *buf)
{
	__u32 caps;

	buf->dev = open_v4l2(exp->name, NULL, V4L2_CAPS_ANY_CAPTURE, &caps);
	if (buf->dev < 0)
		return fail(buf, buf->dev, "no V4L2 device of driver %s", exp->name);
	return v4l2_export(buf, caps);
}

/* vivid: the first instance that has the allocator @allocator */
static int open_vivid(int allocator, __u32 wanted, __u32 *caps)
{
	char line[512], bus[16];
	unsigned int instance = 0;
	char *word, *next;
	int fd, err;

	err = read_line("/sys/module/vivid/parameters/allocators", line, sizeof(line));
	if (err)
		return err == -ENOMEM ? err : -ENODEV;
	for (word = line; word; word = next, instance++) {
		next = strchr(word, ',');
		if (next)
			next++;
		if (atoi(word) != allocator)
			continue;
		snprintf(bus, sizeof(bus), "vivid-%03u", instance);
		fd = open_v4l2("vivid", bus, wanted, caps);
		if (fd != -ENODEV)
			return fd;
	}
	return -ENODEV;
}

static int get_vivid(const struct dmabuf_exporter *exp, struct dmabuf *buf)
{
	__u32 caps;

	buf->dev = open_vivid(exp->index, V4L2_CAPS_ANY_CAPTURE, &caps);
	if (buf->dev < 0)
		return fail(buf, buf->dev, "no vivid with allocator %d", exp->index);
	return v4l2_export(buf, caps);
}

int dmabuf_open_capture(void)
{
	__u32 caps;

	return open_vivid(0, V4L2_CAP_META_CAPTURE, &caps);
}

void *dmabuf_map_node(const struct dmabuf *buf, size_t *len)
{
	struct v4l2_plane plane = { };
	struct v4l2_buffer query = { .memory = V4L2_MEMORY_MMAP };
	struct v4l2_capability cap;
	off_t offset;

	if (ioctl(buf->dev, VIDIOC_QUERYCAP, &cap) < 0)
		return MAP_FAILED;
	query.type = v4l2_capture_type(cap.device_caps);
	if (V4L2_TYPE_IS_MULTIPLANAR(query.type)) {
		query.m.planes = &plane;
		query.length = 1;
	}
	if (ioctl(buf->dev, VIDIOC_QUERYBUF, &query) < 0)
		return MAP_FAILED;
	if (V4L2_TYPE_IS_MULTIPLANAR(query.type)) {
		offset = plane.m.mem_offset;
		*len = plane.length;
	} else {
		offset = query.m.offset;
		*len = query.length;
	}
	return mmap(NULL, *len, PROT_READ | PROT_WRITE, MAP_SHARED, buf->dev,
		    offset);
}

/*
 * mbochs: the sample mediated device exports its frame buffer through VFIO
 */

#define VFIO_CONTAINER	"/dev/vfio/vfio"
#define MBOCHS_PARENT	"/sys/class/mdev_bus/mbochs"
#define MBOCHS_CREATE	MBOCHS_PARENT "/mdev_supported_types/mbochs-medium/create"
#define MBOCHS_UUID	"8f0b2c1e-5b8e-4c3a-9d55-6d6275660001"
#define MBOCHS_WIDTH	1024
#define MBOCHS_VBE	0x500
#define MBOCHS_PRIMARY	1	/* DRM_PLANE_TYPE_PRIMARY */

static const struct {
	unsigned int reg;
	__u16 value;
} mbochs_mode[] = {
	{ 1, MBOCHS_WIDTH },	/* width */
	{ 3, 32 },		/* bits a pixel */
	{ 8, 0 },		/* x offset */
	{ 9, 0 },		/* y offset */
};

static int mbochs_reg(int device, off_t bar, unsigned int reg, __u16 value)
{
	off_t at = bar + MBOCHS_VBE + reg * sizeof(value);

	return pwrite(device, &value, sizeof(value), at) == sizeof(value) ? 0 : -1;
}

static int mbochs_set_mode(int device, size_t size)
{
	struct vfio_region_info bar = {
		.argsz = sizeof(bar),
		.index = VFIO_PCI_BAR2_REGION_INDEX,
	};
	size_t line = MBOCHS_WIDTH * 4;
	size_t height = round_up_to(size, line) / line;
	unsigned int i;

	/* the device wants 64 lines at least; medium ones have 16 MiB */
	if (height < 64)
		height = 64;
	if (height > 4096)
		height = 4096;
	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar) < 0)
		return -1;
	for (i = 0; i < ARRAY_SIZE(mbochs_mode); i++)
		if (mbochs_reg(device, bar.offset, mbochs_mode[i].reg,
			       mbochs_mode[i].value))
			return -1;
	if (mbochs_reg(device, bar.offset, 2, height))
		return -1;
	return mbochs_reg(device, bar.offset, 4, 1);
}

static int mbochs_container(struct dmabuf *buf)
{
	buf->aux[0] = open_node(VFIO_CONTAINER, O_RDWR, buf);
	return buf->aux[0] < 0 ? buf->aux[0] : 0;
}

static int mbochs_group(struct dmabuf *buf)
{
	char link[128], target[256], path[64];
	ssize_t n;
	int err;

	snprintf(link, sizeof(link), "/sys/bus/mdev/devices/%s/iommu_group",
		 MBOCHS_UUID);
	if (access(link, F_OK)) {
		err = dmabuf_write_file(MBOCHS_CREATE, MBOCHS_UUID);
		if (err)
			return fail(buf, err, MBOCHS_CREATE ": %s",
				    strerror(-err));
	}
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return step_failed(buf, link);
	target[n] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%.32s", strrchr(target, '/') + 1);
	buf->aux[1] = open(path, O_RDWR | O_CLOEXEC);
	return buf->aux[1] < 0 ? step_failed(buf, path) : 0;
}

static int mbochs_dmabuf(struct dmabuf *buf)
{
	struct vfio_device_gfx_plane_info plane = {
		.argsz = sizeof(plane),
		.flags = VFIO_GFX_PLANE_TYPE_DMABUF,
		.drm_plane_type = MBOCHS_PRIMARY,
	};

	/* some kernels make the buffer at the first call and find it at the second */
	if (ioctl(buf->dev, VFIO_DEVICE_QUERY_GFX_PLANE, &plane) < 0 &&
	    ioctl(buf->dev, VFIO_DEVICE_QUERY_GFX_PLANE, &plane) < 0)
		return step_failed(buf, "VFIO_DEVICE_QUERY_GFX_PLANE");
	buf->fd = ioctl(buf->dev, VFIO_DEVICE_GET_GFX_DMABUF, &plane.dmabuf_id);
	if (buf->fd < 0)
		return step_failed(buf, "VFIO_DEVICE_GET_GFX_DMABUF");
	return 0;
}

static int get_mbochs(const struct dmabuf_exporter *exp, struct dmabuf *buf)
{
	int err;

	if (access(MBOCHS_PARENT, F_OK)) {
		if (!is_not_there())
			return step_failed(buf, MBOCHS_PARENT);
		return fail(buf, -ENODEV, "no %s", MBOCHS_PARENT);
	}
	if (buf->access != O_RDWR)
		return fail(buf, -EOPNOTSUPP, "mbochs is always read-write");
	err = mbochs_container(buf);
	if (!err)
		err = mbochs_group(buf);
	if (err)
		return err;
	if (ioctl(buf->aux[1], VFIO_GROUP_SET_CONTAINER, &buf->aux[0]) < 0)
		return step_failed(buf, "VFIO_GROUP_SET_CONTAINER");
	if (ioctl(buf->aux[0], VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU) < 0)
		return step_failed(buf, "VFIO_SET_IOMMU");
	buf->dev = ioctl(buf->aux[1], VFIO_GROUP_GET_DEVICE_FD, MBOCHS_UUID);
	if (buf->dev < 0)
		return step_failed(buf, "VFIO_GROUP_GET_DEVICE_FD");
	if (mbochs_set_mode(buf->dev, buf->size))
		return step_failed(buf, "setting a mode");
	return mbochs_dmabuf(buf);
}

/*
 * Memory of the DMA API: what a mapping of it is depends on whether the device
 * is behind an IOMMU, so each way counts as an exporter of its own.
 */

static int test_export(struct dmabuf *buf, const char *path,
		       struct dma_buf_test_export *export)
{
	buf->dev = open_node(path, O_RDWR, buf);
	if (buf->dev < 0)
		return buf->dev;
	if (buf->access != O_RDWR)
		return fail(buf, -EOPNOTSUPP, "always read-write");
	export->size = buf->size;
	if (ioctl(buf->dev, DMA_BUF_TEST_EXPORT, export) < 0)
		return step_failed(buf, "DMA_BUF_TEST_EXPORT");
	buf->fd = export->fd;
	return 0;
}

static int get_dma(const struct dmabuf_exporter *exp, struct dmabuf *buf)
{
	struct dma_buf_test_export export = { .kind = exp->index };
	bool iommu = !strcmp(exp->arg, "iommu");
	int err;

	err = test_export(buf, "/dev/" DMA_BUF_TEST_DEV, &export);
	if (!err && iommu != !!(export.flags & DMA_BUF_TEST_F_IOMMU))
		return fail(buf, -ENODEV, "the edu device is %sbehind an IOMMU",
			    iommu ? "not " : "");
	return err;
}

/*
 * Memory that moves when it is told to
 */

#define MOVE_DEV	"/dev/" DMA_BUF_TEST_MOVE_DEV

static int get_moving(const struct dmabuf_exporter *exp, struct dmabuf *buf)
{
	struct dma_buf_test_export export = { };

	return test_export(buf, MOVE_DEV, &export);
}

int dmabuf_move(const struct dmabuf *buf)
{
	int dev = open(MOVE_DEV, O_RDWR | O_CLOEXEC);
	int err;

	if (dev < 0)
		return -errno;
	err = ioctl(dev, DMA_BUF_TEST_MOVE, &buf->fd) < 0 ? -errno : 0;
	close(dev);
	return err;
}

/*
 * A buffer that somebody hands in, as descriptor number $DMABUF_FD. There is one
 * of it, of the size that it has.
 */
static int get_fd(const struct dmabuf_exporter *exp, struct dmabuf *buf)
{
	const char *number = getenv("DMABUF_FD");
	int mode;

	if (!number)
		return fail(buf, -ENODEV, "DMABUF_FD is not set");
	mode = fcntl(atoi(number), F_GETFL);
	if (mode < 0)
		return fail(buf, -EBADF, "DMABUF_FD=%.20s is not open", number);
	if (buf->access == O_RDWR && (mode & O_ACCMODE) != O_RDWR)
		return fail(buf, -EACCES, "DMABUF_FD=%.20s is not read-write (3<>file)",
			    number);
	if (buf->access != O_RDWR && (mode & O_ACCMODE) != O_RDONLY)
		return fail(buf, -EOPNOTSUPP, "DMABUF_FD is read-write");
	buf->fd = fcntl(atoi(number), F_DUPFD_CLOEXEC, 0);
	return buf->fd < 0 ? step_failed(buf, "dup of DMABUF_FD") : 0;
}

#define EXPORTER(_name, _get, _needs, ...)				\
	{								\
		.name = _name, .get = _get, .needs = _needs,		\
		__VA_ARGS__						\
	}
#define DRM(_name, _driver, _needs, ...)				\
	EXPORTER(_name, get_drm, _needs, .arg = _driver, .sigbus = true, __VA_ARGS__)
#define V4L2(_driver, _needs)	EXPORTER(_driver, get_v4l2, _needs)
#define VIVID(_name, _allocator)					\
	EXPORTER(_name, get_vivid,					\
		 "CONFIG_VIDEO_VIVID, vivid.n_devs=2 vivid.allocators=0,1", \
		 .index = _allocator)
#define DMA(_name, _arg, _kind, _needs)					\
	EXPORTER(_name, get_dma,					\
		 "CONFIG_DMABUF_TEST_EXPORTER, QEMU's edu, " _needs,	\
		 .arg = _arg, .index = DMA_BUF_TEST_##_kind)
#define DMA_IOMMU(_name, _kind)	DMA("iommu_" _name, "iommu", _kind, "an IOMMU")
#define DMA_DIRECT(_name, _kind) DMA("direct_" _name, "direct", _kind, "no IOMMU")
#define HUGE	.huge = true

const struct dmabuf_exporter dmabuf_exporters[] = {
	EXPORTER("system", get_heap, "CONFIG_DMABUF_HEAPS_SYSTEM",
		 .arg = "system", HUGE),
	EXPORTER("cma_default", get_heap,
		 "CONFIG_DMABUF_HEAPS_CMA, CONFIG_DMABUF_HEAPS_CMA_LEGACY, cma=64M",
		 .arg = "default_cma_region", HUGE),
	EXPORTER("cma_area", get_cma_area, "CONFIG_DMABUF_HEAPS_CMA, cma=64M", HUGE),
	EXPORTER("udmabuf", get_udmabuf, "CONFIG_UDMABUF", .arg = "shmem"),
	EXPORTER("udmabuf_huge", get_udmabuf,
		 "CONFIG_UDMABUF, CONFIG_HUGETLBFS, hugepages=40", .arg = "huge", HUGE),
	EXPORTER("udmabuf_thp", get_udmabuf,
		 "CONFIG_UDMABUF, CONFIG_TRANSPARENT_HUGEPAGE", .arg = "thp", HUGE),
	DRM("vgem", "vgem", "CONFIG_DRM_VGEM"),
	DRM("vkms", "vkms", "CONFIG_DRM_VKMS"),
	DRM("virtio_gpu", "virtio_gpu", "CONFIG_DRM_VIRTIO_GPU"),
	DRM("bochs", "bochs-drm", "CONFIG_DRM_BOCHS"),
	DRM("cirrus", "cirrus-qemu", "CONFIG_DRM_CIRRUS_QEMU"),
	DRM("qxl", "qxl", "CONFIG_DRM_QXL", .ttm = true),
	V4L2("vim2m", "CONFIG_VIDEO_VIM2M"),
	VIVID("vivid_vmalloc", 0),
	VIVID("vivid_contig", 1),
	V4L2("vimc", "CONFIG_VIDEO_VIMC"),
	V4L2("vicodec", "CONFIG_VIDEO_VICODEC"),
	V4L2("visl", "CONFIG_VIDEO_VISL"),
	EXPORTER("mbochs", get_mbochs,
		 "CONFIG_SAMPLE_VFIO_MDEV_MBOCHS, CONFIG_VFIO_CONTAINER", .no_vmap = true),
	DMA_IOMMU("coherent", COHERENT),
	DMA_IOMMU("contiguous", CONTIGUOUS),
	DMA_IOMMU("scattered", NONCONTIGUOUS),
	DMA_IOMMU("pages", PAGES),
	DMA_DIRECT("coherent", COHERENT),
	DMA_DIRECT("scattered", NONCONTIGUOUS),
	DMA_DIRECT("pages", PAGES),
	EXPORTER("moving", get_moving, "CONFIG_DMABUF_TEST_MOVE",
		 HUGE, .no_vmap = true, .moves = true),
	EXPORTER("fd", get_fd, "DMABUF_FD=3 ./dmabuf-mmap -v fd 3<>file",
		 .no_vmap = true, .foreign = true),
};

const unsigned int nr_dmabuf_exporters = ARRAY_SIZE(dmabuf_exporters);

const struct dmabuf_exporter *dmabuf_exporter_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_dmabuf_exporters; i++)
		if (!strcmp(dmabuf_exporters[i].name, name))
			return &dmabuf_exporters[i];
	return NULL;
}

bool dmabuf_is_wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc < 2;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void dmabuf_init(struct dmabuf *buf, size_t size, int access)
{
	memset(buf, 0, sizeof(*buf));
	buf->fd = -1;
	buf->dev = -1;
	buf->aux[0] = -1;
	buf->aux[1] = -1;
	buf->access = access;
	buf->size = size;
}

int dmabuf_get(const struct dmabuf_exporter *exp, size_t size, int access,
	       struct dmabuf *buf)
{
	off_t end;
	int err;

	dmabuf_init(buf, size, access);
	err = exp->get(exp, buf);
	if (err) {
		dmabuf_put(buf);
		return err;
	}
	end = lseek(buf->fd, 0, SEEK_END);
	if (end <= 0) {
		err = step_failed(buf, "size of the dma-buf");
		dmabuf_put(buf);
		return err;
	}
	buf->size = end;
	return 0;
}

int dmabuf_from_memfd(int memfd, size_t size, struct dmabuf *buf)
{
	int err;

	dmabuf_init(buf, size, O_RDWR);
	err = open_udmabuf(buf);
	if (!err)
		err = udmabuf_create(buf, memfd, size);
	if (err)
		dmabuf_put(buf);
	return err;
}

void dmabuf_close_device(struct dmabuf *buf)
{
	close_fd(&buf->dev);
	close_fd(&buf->aux[1]);
	close_fd(&buf->aux[0]);
}

void dmabuf_put(struct dmabuf *buf)
{
	close_fd(&buf->fd);
	dmabuf_close_device(buf);
}

void *dmabuf_map(const struct dmabuf *buf, int prot, int flags)
{
	return mmap(NULL, buf->size, prot, flags, buf->fd, 0);
}

long dmabuf_thread_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

bool dmabuf_is_eager(const void *map)
{
	long before = dmabuf_thread_faults();

	__atomic_load_n((const char *)map, __ATOMIC_RELAXED);
	return dmabuf_thread_faults() == before;
}
