// SPDX-License-Identifier: GPL-2.0
/*
 * How to have the kernel take pages of a mapping
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <linux/videodev2.h>

#include "kselftest.h"
#include "../../../../mm/gup_test.h"
#include "dmabuf-exporters.h"

#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY		0x4000000
#endif
#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY		60
#endif

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

#define GUP_TEST_FILE	"/sys/kernel/debug/gup_test"
#define FOLL_WRITE	0x01

static int gup_ioctl(unsigned long cmd, void *arg)
{
	int fd = open(GUP_TEST_FILE, O_RDWR | O_CLOEXEC);
	int err;

	if (fd < 0)
		return ROUTE_MISSING;
	err = ioctl(fd, cmd, arg) < 0 ? -errno : ROUTE_OPEN;
	close(fd);
	return err;
}

static int run_gup_test(const struct gup_route *route, void *addr, size_t len)
{
	struct gup_test gup = {
		.addr = (uintptr_t)addr,
		.size = len,
		.nr_pages_per_call = len / dmabuf_page_size(),
		.gup_flags = route->flags,
	};
	int err = gup_ioctl(route->arg, &gup);

	/* the ioctl does not say why it took nothing, only that it did not */
	return err == ROUTE_OPEN && !gup.size ? -EFAULT : err;
}

static int run_pin_longterm(const struct gup_route *route, void *addr, size_t len)
{
	struct pin_longterm_test pin = {
		.addr = (uintptr_t)addr,
		.size = len,
		.flags = route->flags,
	};

	return gup_ioctl(PIN_LONGTERM_TEST_START, &pin);
}

static int run_vmsplice(const struct gup_route *route, void *addr, size_t len)
{
	struct iovec iov = { .iov_base = addr, .iov_len = len };
	int pipefd[2];
	ssize_t n;
	int err;

	if (pipe2(pipefd, O_CLOEXEC))
		return ROUTE_MISSING;
	n = vmsplice(pipefd[1], &iov, 1, route->flags | SPLICE_F_NONBLOCK);
	err = n < 0 ? -errno : ROUTE_OPEN;
	close(pipefd[0]);
	close(pipefd[1]);
	return err;
}

static int run_process_vm(const struct gup_route *route, void *addr, size_t len)
{
	struct iovec local = { .iov_len = len };
	struct iovec remote = { .iov_base = addr, .iov_len = len };
	ssize_t n;
	int err;

	local.iov_base = malloc(len);
	if (!local.iov_base)
		return ROUTE_MISSING;
	if (route->write) {
		/* what is there already: a hole must not spoil later tests */
		memcpy(local.iov_base, addr, len);
		n = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	} else {
		n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	}
	err = n < 0 ? -errno : ROUTE_OPEN;
	free(local.iov_base);
	return err;
}

/* A block device of our own: what is written there hurts nobody. */
static int open_loop(size_t size)
{
	struct loop_config config = {
		.info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	char path[32];
	int control, loop, n, tries;

	config.fd = memfd_create("o_direct", MFD_CLOEXEC);
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	loop = -1;
	for (tries = 0; tries < 8 && loop < 0; tries++) {
		n = ioctl(control, LOOP_CTL_GET_FREE);
		if (n < 0 || ftruncate(config.fd, size) < 0)
			break;
		snprintf(path, sizeof(path), "/dev/loop%d", n);
		loop = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
		if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) < 0)
			close_fd(&loop);
	}
	close_fd(&control);
	close_fd((int *)&config.fd);
	return loop;
}

/* Filesystems in memory accept O_DIRECT, and copy all the same. */
static int open_direct_file(size_t size)
{
	struct statfs fs;
	int fd;

	if (statfs(".", &fs) < 0 || fs.f_type == TMPFS_MAGIC ||
	    fs.f_type == RAMFS_MAGIC || fs.f_type == OVERLAYFS_SUPER_MAGIC)
		return -1;
	fd = open(".", O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	if (fd >= 0 && ftruncate(fd, size) < 0)
		close_fd(&fd);
	return fd;
}

int dmabuf_open_direct(size_t size)
{
	int fd = open_loop(size);

	return fd < 0 ? open_direct_file(size) : fd;
}

static int run_o_direct(const struct gup_route *route, void *addr, size_t len)
{
	void *same;
	ssize_t n;
	int fd, err;

	fd = dmabuf_open_direct(len);
	if (fd < 0)
		return ROUTE_MISSING;
	if (posix_memalign(&same, dmabuf_page_size(), len)) {
		close(fd);
		return ROUTE_MISSING;
	}
	memcpy(same, addr, len);
	if (pwrite(fd, same, len, 0) != (ssize_t)len) {
		err = ROUTE_MISSING;
	} else {
		n = route->write ? pread(fd, addr, len, 0) :
				   pwrite(fd, addr, len, 0);
		err = n < 0 ? -errno : ROUTE_OPEN;
	}
	free(same);
	close(fd);
	return err;
}

/*
 * A device that captures one frame of metadata, which fits into any page. Memory
 * of userspace is pinned as soon as the device has the buffer, a dma-buf is only
 * mapped when it starts.
 */
static int capture(struct v4l2_buffer *buffer, bool start)
{
	struct v4l2_requestbuffers req = {
		.count = 1,
		.type = V4L2_BUF_TYPE_META_CAPTURE,
		.memory = buffer->memory,
	};
	struct pollfd poll_fd = { .events = POLLIN };
	int fd = dmabuf_open_capture();
	int err = 0;

	buffer->type = req.type;
	poll_fd.fd = fd;
	if (fd < 0 || ioctl(fd, VIDIOC_REQBUFS, &req) < 0)
		err = ROUTE_MISSING;
	else if (ioctl(fd, VIDIOC_QBUF, buffer) < 0)
		err = -errno;
	else if (start && ioctl(fd, VIDIOC_STREAMON, &buffer->type) < 0)
		err = -errno;
	else if (start && poll(&poll_fd, 1, 20000) != 1)
		err = -ETIMEDOUT;
	else if (start && ioctl(fd, VIDIOC_DQBUF, buffer) < 0)
		err = -errno;
	close_fd(&fd);
	return err;
}

static int run_v4l2_userptr(const struct gup_route *route, void *addr, size_t len)
{
	struct v4l2_buffer buffer = {
		.memory = V4L2_MEMORY_USERPTR,
		.m.userptr = (uintptr_t)addr,
		.length = len,
	};

	return capture(&buffer, false);
}

int dmabuf_capture(int dmabuf, size_t len)
{
	struct v4l2_buffer buffer = {
		.memory = V4L2_MEMORY_DMABUF,
		.m.fd = dmabuf,
		.length = len,
	};

	return capture(&buffer, true);
}

static int run_io_uring(const struct gup_route *route, void *addr, size_t len)
{
	struct iovec iov = { .iov_base = addr, .iov_len = len };
	struct io_uring_params params = { };
	int ring, err;

	ring = syscall(__NR_io_uring_setup, 1, &params);
	if (ring < 0)
		return ROUTE_MISSING;
	err = syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS,
		      &iov, 1) < 0 ? -errno : ROUTE_OPEN;
	close(ring);
	return err;
}

int dmabuf_connect_loopback(int *from, int *to)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int one = 1;
	int listener;

	*to = -1;
	*from = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*from >= 0 && listener >= 0 &&
	    !bind(listener, (struct sockaddr *)&addr, len) &&
	    !getsockname(listener, (struct sockaddr *)&addr, &len) &&
	    !listen(listener, 1) &&
	    !setsockopt(*from, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) &&
	    !connect(*from, (struct sockaddr *)&addr, len))
		*to = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close_fd(&listener);
	if (*to < 0)
		close_fd(from);
	return *to < 0 ? -1 : 0;
}

static int run_msg_zerocopy(const struct gup_route *route, void *addr, size_t len)
{
	int from, to, err;

	if (dmabuf_connect_loopback(&from, &to))
		return ROUTE_MISSING;
	err = send(from, addr, len, MSG_ZEROCOPY | MSG_DONTWAIT) < 0 ?
	      -errno : ROUTE_OPEN;
	close(from);
	close(to);
	return err;
}

/* Nobody waits: a wake tells only whether the kernel can name the page. */
static int run_futex(const struct gup_route *route, void *addr, size_t len)
{
	return syscall(__NR_futex, addr, route->arg, 1, NULL, NULL, 0) < 0 ?
	       -errno : ROUTE_OPEN;
}

#define ROUTE(_name, _run, _needs, ...)					\
	{								\
		.name = _name, .run = _run, .needs = _needs,		\
		.refusal = EFAULT, __VA_ARGS__				\
	}
#define WRITE		.write = true
#define TOUCHES		.touches = true
#define NEEDS_GUP_TEST	"CONFIG_GUP_TEST, debugfs"
#define GUP(_name, _ioctl, ...)						\
	ROUTE(_name, run_gup_test, NEEDS_GUP_TEST, .arg = _ioctl, __VA_ARGS__)
#define GUP_WRITE(_name, _ioctl)					\
	GUP(_name, _ioctl, WRITE, .flags = FOLL_WRITE)
#define LONGTERM(_name, _flags, ...)					\
	ROUTE(_name, run_pin_longterm, NEEDS_GUP_TEST, .flags = _flags,	\
	      __VA_ARGS__)
#define NEEDS_DISK	"CONFIG_BLK_DEV_LOOP, or a disk's filesystem here"

const struct gup_route gup_routes[] = {
	GUP("gup_slow", GUP_BASIC_TEST),
	GUP_WRITE("gup_slow_write", GUP_BASIC_TEST),
	GUP("gup_fast", GUP_FAST_BENCHMARK),
	GUP_WRITE("gup_fast_write", GUP_FAST_BENCHMARK),
	GUP("pin_slow", PIN_BASIC_TEST),
	GUP_WRITE("pin_slow_write", PIN_BASIC_TEST),
	GUP("pin_fast", PIN_FAST_BENCHMARK),
	GUP_WRITE("pin_fast_write", PIN_FAST_BENCHMARK),
	LONGTERM("longterm_slow", 0),
	LONGTERM("longterm_slow_write", PIN_LONGTERM_TEST_FLAG_USE_WRITE, WRITE),
	LONGTERM("longterm_fast", PIN_LONGTERM_TEST_FLAG_USE_FAST),
	LONGTERM("longterm_fast_write", PIN_LONGTERM_TEST_FLAG_USE_FAST |
					PIN_LONGTERM_TEST_FLAG_USE_WRITE, WRITE),
	ROUTE("vmsplice", run_vmsplice, "vmsplice(2)"),
	ROUTE("vmsplice_gift", run_vmsplice, "vmsplice(2)",
	      .flags = SPLICE_F_GIFT),
	ROUTE("process_vm_readv", run_process_vm, "CONFIG_CROSS_MEMORY_ATTACH"),
	ROUTE("process_vm_writev", run_process_vm, "CONFIG_CROSS_MEMORY_ATTACH",
	      WRITE, TOUCHES),
	ROUTE("o_direct_write", run_o_direct, NEEDS_DISK, TOUCHES),
	ROUTE("o_direct_read", run_o_direct, NEEDS_DISK, WRITE, TOUCHES),
	ROUTE("io_uring_fixed", run_io_uring,
	      "CONFIG_IO_URING, kernel.io_uring_disabled=0", WRITE),
	ROUTE("v4l2_userptr", run_v4l2_userptr,
	      "CONFIG_VIDEO_VIVID, vivid.allocators=0", WRITE),
	ROUTE("msg_zerocopy", run_msg_zerocopy, "CONFIG_INET, loopback up"),
	ROUTE("futex_shared", run_futex, "CONFIG_FUTEX", WRITE,
	      .arg = FUTEX_WAKE),
};

const unsigned int nr_gup_routes = ARRAY_SIZE(gup_routes);

const struct gup_route *gup_route_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_gup_routes; i++)
		if (!strcmp(gup_routes[i].name, name))
			return &gup_routes[i];
	return NULL;
}

int gup_route_run(const struct gup_route *route, void *addr, size_t len)
{
	return route->run(route, addr, len);
}
