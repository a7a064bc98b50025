// SPDX-License-Identifier: GPL-2.0
/*
 * System calls that copy to and from a mapping
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kselftest.h"
#include "dmabuf-exporters.h"

/* A way to open an end to read from, and one to write to */

static int open_pipe(int fds[2])
{
	return pipe2(fds, O_CLOEXEC);
}

static int open_unix(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
}

static int open_tcp(int fds[2])
{
	return dmabuf_connect_loopback(&fds[1], &fds[0]);
}

/* Each of them has a position of its own. */
static int open_file(int fds[2])
{
	char path[64];

	fds[1] = memfd_create("file", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[1]);
	fds[0] = open(path, O_RDONLY | O_CLOEXEC);
	return fds[0] < 0 ? -1 : 0;
}

const struct dmabuf_channel dmabuf_channels[] = {
	{ "pipe", open_pipe },
	{ "unix socket", open_unix },
	{ "TCP socket", open_tcp },
	{ "file", open_file, .file = true },
};

const unsigned int nr_dmabuf_channels = ARRAY_SIZE(dmabuf_channels);

/* From a border or from near to it: @pages pages and @bytes bytes, or all */
static const struct span {
	enum { AT_START, AT_PAGE, AT_HUGE, AT_END, ALL } border;
	int delta;
	unsigned int pages;
	int bytes;
} spans[] = {
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

const unsigned int nr_dmabuf_spans = ARRAY_SIZE(spans);

bool dmabuf_span(unsigned int i, const char *map, size_t all, size_t *off,
		 size_t *len)
{
	const size_t pmd = dmabuf_pmd_size();
	const size_t borders[] = {
		[AT_START] = 0,
		[AT_PAGE] = 3 * dmabuf_page_size(),
		[AT_HUGE] = pmd - ((unsigned long)map & (pmd - 1)),
		[AT_END] = all,
		[ALL] = 0,
	};
	const struct span *span = &spans[i];

	*len = span->pages * dmabuf_page_size() + span->bytes;
	if (span->border == ALL)
		*len += all;
	*off = borders[span->border] + span->delta;
	if (span->border == AT_END)
		*off -= *len;
	return *off <= all && *len <= all - *off;
}

struct end {
	bool out;
	int fd;
	int pieces;
	char *at;
	size_t left;
	bool once;
	int err;
};

/* In one piece or in three, of which the first is one byte */
static ssize_t copy_once(struct end *end)
{
	size_t half = end->left / 2;
	struct iovec iov[3] = {
		{ end->at, 1 },
		{ end->at + 1, half },
		{ end->at + 1 + half, end->left - 1 - half },
	};

	if (end->pieces == 1)
		return end->out ? write(end->fd, end->at, end->left) :
				  read(end->fd, end->at, end->left);
	return end->out ? writev(end->fd, iov, end->pieces) :
			  readv(end->fd, iov, end->pieces);
}

/* Pipes and sockets give what they have, but take all in one call. */
static void *copy_all(void *arg)
{
	struct end *end = arg;
	ssize_t n;

	do {
		n = copy_once(end);
		if (n < 0)
			end->err = -errno;
		if (n <= 0)
			break;
		end->at += n;
		end->left -= n;
	} while (end->left && !end->once);
	return NULL;
}

int dmabuf_copy(const struct dmabuf_channel *channel, bool out, int pieces,
		void *map, void *bytes, size_t len)
{
	struct end near = {
		.out = out, .pieces = pieces, .once = out,
		.at = map, .left = len,
	};
	struct end far = {
		.out = !out, .pieces = 1,
		.at = bytes, .left = len,
	};
	pthread_t thread;
	int fds[2];

	if (channel->open(fds))
		return ROUTE_MISSING;
	near.fd = fds[out];
	far.fd = fds[!out];
	signal(SIGPIPE, SIG_IGN);

	/* the far end works in a thread of its own where it may have to wait */
	if (!channel->file) {
		if (pthread_create(&thread, NULL, copy_all, &far)) {
			close(fds[0]);
			close(fds[1]);
			return -EAGAIN;
		}
	} else if (!out) {
		copy_all(&far);
	}
	copy_all(&near);
	/* it does not wait for what does not come */
	close(near.fd);
	if (!channel->file)
		pthread_join(thread, NULL);
	else if (out)
		copy_all(&far);
	close(far.fd);
	if (near.err)
		return near.err;
	return near.left || far.left ? -EIO : 0;
}
