/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __DMA_BUF_MMAP_H
#define __DMA_BUF_MMAP_H

#include <linux/mm_types.h>

struct dma_buf;

/*
 * How many ranges a fault asks an exporter for at a time. They are on the stack: a
 * kilobyte, or half of that where it is smaller.
 */
#define DMA_BUF_LOOK_UP_RANGES	(IS_ENABLED(CONFIG_64BIT) ? 64 : 32)

int dma_buf_mmap_check_size(const struct dma_buf *dmabuf, pgoff_t pgoff,
			    unsigned long nr_pages);
int dma_buf_mmap_desc(struct dma_buf *dmabuf, struct vm_area_desc *desc);
unsigned long dma_buf_phys_get_unmapped_area(struct file *file,
					     unsigned long addr,
					     unsigned long len,
					     unsigned long pgoff,
					     unsigned long flags);
int dma_buf_mmap_vma(struct dma_buf *dmabuf, struct vm_area_struct *vma);

#endif /* __DMA_BUF_MMAP_H */
