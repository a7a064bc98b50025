/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of dma-buf exporters need to tell whether a mapping of a
 * dma-buf keeps the contract. Nothing in here fails a test: a function returns
 * what is wrong as text, or NULL, so that any test framework can use it. They
 * all look at the address space of the caller.
 */
#ifndef __DMA_BUF_TEST_PROBE_H__
#define __DMA_BUF_TEST_PROBE_H__

#include <linux/pgtable.h>
#include <linux/types.h>

struct dma_buf;

/**
 * struct dma_buf_probe_entry - a present page table entry of a pfn mapping
 * @pfn: pfn of the page at the address that was asked for
 * @size: number of bytes that the entry maps
 * @pte: the entry; only if @size is PAGE_SIZE
 * @special: no normal page
 * @writable: can be written to without a fault
 * @dirty: the first write has no need to mark it, which some CPUs do by a fault
 */
struct dma_buf_probe_entry {
	unsigned long pfn;
	unsigned long size;
	pte_t pte;
	bool special;
	bool writable;
	bool dirty;
};

void dma_buf_probe_fill(void *vaddr, pgoff_t index);
const char *dma_buf_probe_content(unsigned long addr, pgoff_t index,
				  unsigned long nr);
int dma_buf_probe_touch(unsigned long addr, bool write);
int dma_buf_probe_entry(unsigned long addr, struct dma_buf_probe_entry *entry);
const char *dma_buf_probe_gup(unsigned long addr, bool fast, bool works);
const char *dma_buf_probe(unsigned long addr, const struct dma_buf *dmabuf,
			  pgoff_t index, unsigned long nr);

#endif /* __DMA_BUF_TEST_PROBE_H__ */
