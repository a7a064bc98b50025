/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dma-buf: map a buffer into userspace as raw pfns
 *
 * See Documentation/driver-api/dma-buf-mmap.rst for the contract that these
 * functions keep on behalf of an exporter.
 */

#ifndef __DMA_BUF_PFNMAP_H
#define __DMA_BUF_PFNMAP_H

#include <linux/errno.h>
#include <linux/mm_types.h>
#include <linux/types.h>

struct dma_buf;
struct page;
struct vm_area_struct;
struct vm_fault;

/**
 * struct dma_buf_pfn_run - a physically contiguous part of a buffer
 * @index: page of the buffer at which the run begins
 * @pfn: page frame number of that page
 * @nr: length of the run, in pages
 * @slot: for the use of whoever fills the run. Zero at first, then left alone
 *	  between two look-ups of one fault, so that a look-up can go on where
 *	  the one before ended.
 */
struct dma_buf_pfn_run {
	pgoff_t index;
	unsigned long pfn;
	unsigned long nr;
	unsigned long slot;
};

/**
 * typedef dma_buf_find_run_t - find the run that holds a page of a buffer
 * @priv: what the exporter gave along with this function
 * @index: page of the buffer, counted from 0
 * @run: filled so that @run->index <= @index < @run->index + @run->nr. A run
 *	 need not be as long as possible. If it is not, no huge entry may come
 *	 of it where one could.
 *
 * A fault calls this once for each run that it maps, so it has to be O(log n)
 * or better in the number of runs.
 *
 * Context: Process context, with the mmap lock or the lock of a vma held. Must
 *	    not touch user memory nor take the mmap lock. May sleep.
 * Return: 0, or a negative errno if there is no such page now. The fault ends
 *	   with VM_FAULT_OOM for -ENOMEM and with VM_FAULT_SIGBUS for all else.
 */
typedef int (*dma_buf_find_run_t)(void *priv, pgoff_t index,
				  struct dma_buf_pfn_run *run);

/**
 * struct dma_buf_pfnmap_ops - what dma_buf_pfnmap_mmap() asks of an exporter
 * @find_run: see &dma_buf_find_run_t; called with &dma_buf.priv
 * @decrypted: the pages of all buffers with these operations are shared with
 *	       the hypervisor, see pgprot_decrypted()
 */
struct dma_buf_pfnmap_ops {
	dma_buf_find_run_t find_run;
	bool decrypted;
};

struct dma_buf_pfn_table;

struct dma_buf_pfn_table *dma_buf_pfn_table_alloc(unsigned long max_runs);
void dma_buf_pfn_table_free(struct dma_buf_pfn_table *table);
int dma_buf_pfn_table_add(struct dma_buf_pfn_table *table, unsigned long pfn,
			  unsigned long nr);
int dma_buf_pfn_table_find(const struct dma_buf_pfn_table *table, pgoff_t index,
			   struct dma_buf_pfn_run *run);
int dma_buf_pfn_run_pages(struct page **pages, pgoff_t nr_pages, pgoff_t index,
			  struct dma_buf_pfn_run *run);

#ifdef CONFIG_MMU
int dma_buf_pfnmap_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma,
			const struct dma_buf_pfnmap_ops *ops);
vm_fault_t dma_buf_pfnmap_fault(struct vm_fault *vmf, unsigned int order,
				pgoff_t start, dma_buf_find_run_t find_run,
				void *priv);
int dma_buf_pfnmap_access(struct vm_area_struct *vma, unsigned long addr,
			  void *buf, int len, int write, pgoff_t start,
			  dma_buf_find_run_t find_run, void *priv);
#else
static inline int dma_buf_pfnmap_mmap(struct dma_buf *dmabuf,
				      struct vm_area_struct *vma,
				      const struct dma_buf_pfnmap_ops *ops)
{
	return -ENODEV;
}
#endif

#endif /* __DMA_BUF_PFNMAP_H */
