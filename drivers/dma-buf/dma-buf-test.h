/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Interface of the test exporters, for the selftests only.
 * It is no ABI: kernel and selftests are from the same tree.
 */
#ifndef __DMA_BUF_TEST_H
#define __DMA_BUF_TEST_H

#include <linux/types.h>

#define DMA_BUF_TEST_DEV	"dma_buf_test"

/* dma_alloc_attrs(): an array of pages behind an IOMMU */
#define DMA_BUF_TEST_COHERENT		0
/* dma_alloc_attrs() with DMA_ATTR_FORCE_CONTIGUOUS */
#define DMA_BUF_TEST_CONTIGUOUS		1
/* dma_alloc_noncontiguous(): an array of pages behind an IOMMU */
#define DMA_BUF_TEST_NONCONTIGUOUS	2
/* dma_alloc_pages() */
#define DMA_BUF_TEST_PAGES		3
#define DMA_BUF_TEST_NR_KINDS		4

/* The memory was mapped for the device by the IOMMU's DMA API backend. */
#define DMA_BUF_TEST_F_IOMMU		0x1

/**
 * struct dma_buf_test_export - argument of DMA_BUF_TEST_EXPORT
 * @size: size of the buffer in bytes, becomes a multiple of the page size
 * @kind: how to allocate it, DMA_BUF_TEST_COHERENT and so on
 * @flags: returns DMA_BUF_TEST_F_IOMMU, has to be zero in the call
 * @fd: returns the dma-buf
 * @pad: has to be zero
 */
struct dma_buf_test_export {
	__u64 size;
	__u32 kind;
	__u32 flags;
	__s32 fd;
	__u32 pad;
};

#define DMA_BUF_TEST_EXPORT	_IOWR('b', 0x74, struct dma_buf_test_export)

/* Has buffers of one kind, 0, and moves them: the argument is the dma-buf. */
#define DMA_BUF_TEST_MOVE_DEV	"dma_buf_test_move"
#define DMA_BUF_TEST_MOVE	_IOW('b', 0x75, __s32)

/* All bytes of memory that a buffer was moved away from */
#define DMA_BUF_TEST_FREED	0xdb

#ifdef __KERNEL__
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/uaccess.h>

/* What is tested is mmap. Importers that use the CPU get along with vmap. */
static inline struct sg_table *dma_buf_test_map(struct dma_buf_attachment *attach,
						enum dma_data_direction dir)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void dma_buf_test_unmap(struct dma_buf_attachment *attach,
				      struct sg_table *sgt,
				      enum dma_data_direction dir)
{
}

/* The end of DMA_BUF_TEST_EXPORT: @argp gets @exp and a descriptor of @dmabuf. */
static inline int dma_buf_test_answer(struct dma_buf *dmabuf,
				      struct dma_buf_test_export *exp,
				      struct dma_buf_test_export __user *argp)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		goto err_put;

	exp->fd = fd;
	if (copy_to_user(argp, exp, sizeof(*exp))) {
		put_unused_fd(fd);
		fd = -EFAULT;
		goto err_put;
	}

	dma_buf_fd_install(dmabuf, fd);

	return 0;

err_put:
	dma_buf_put(dmabuf);
	return fd;
}
#endif /* __KERNEL__ */

#endif
