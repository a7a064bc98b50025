/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __DMA_BUF_MMAP_H
#define __DMA_BUF_MMAP_H

struct dma_buf;
struct vm_area_struct;

int dma_buf_mmap_check_size(const struct dma_buf *dmabuf,
			    const struct vm_area_struct *vma,
			    unsigned long pgoff);
int dma_buf_mmap_vma(struct dma_buf *dmabuf, struct vm_area_struct *vma);

#endif /* __DMA_BUF_MMAP_H */
