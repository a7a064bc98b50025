/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the KUnit suites for userspace mappings of dma-bufs share: a buffer
 * whose exporter is a parameter, and probes for what such a mapping gives away.
 */
#ifndef __ST_DMA_BUF_MMAP_H__
#define __ST_DMA_BUF_MMAP_H__

#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/dma-buf.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/mutex.h>

/* Seconds until a wait for another thread counts as a failure. */
#define STM_TIMEOUT	(20 * HZ)

struct stm_buf;

/**
 * enum stm_memory - what a buffer is made of
 * @STM_RUNS: pages in physically contiguous runs, no two runs adjacent
 * @STM_VMALLOC: vmalloc_user() memory
 * @STM_CACHE: single pages that are in the page cache of the dma-buf's file
 * @STM_FOLIO: one folio of PMD order
 */
enum stm_memory {
	STM_RUNS,
	STM_VMALLOC,
	STM_CACHE,
	STM_FOLIO,
};

/**
 * struct stm_exporter - one way to write dma_buf_ops.mmap
 * @name: name of the exporter, of the test case, and of the row in reports
 * @mmap: called for dma_buf_ops.mmap
 * @memory: what the buffer is made of
 * @runs: length of each run in pages, ends with 0; NULL for single pages
 * @nr: size of the buffer in pages; unused when @runs is set
 * @readonly: export the file O_RDONLY, not O_RDWR
 * @needs: STM_NEEDS_*
 */
struct stm_exporter {
	const char *name;
	int (*mmap)(struct stm_buf *buf, struct vm_area_struct *vma);
	enum stm_memory memory;
	const unsigned int *runs;
	pgoff_t nr;
	bool readonly;
	unsigned int needs;
};

/**
 * struct stm_buf - a buffer, and a record of what was done with it
 * @ref: one reference is the test's, one the dma_buf's
 * @exp: how it is mapped
 * @dmabuf: the dma_buf; the test's reference to it goes with stm_buf_close()
 * @mapping: address space of the dma_buf's file
 * @lock: held by a fault around lookup and insertion, and by whoever moves
 *	  the buffer from the first zap until the new pages are in @pages
 * @pages: the pages of the buffer, by index
 * @nr: their number
 * @vaddr: kernel address, STM_VMALLOC only
 * @start: vm_pgoff that stands for page 0, if the exporter uses one
 * @table: a dma_buf_pfn_table, if the exporter uses one
 * @next: pages that the buffer moves to in the middle of a fault
 * @err: what find_run answers, if not 0
 * @ret: what the exporter's own mmap returned last
 * @rule: the rule that the core said the exporter breaks, NULL if none
 * @watched: look at the entries of the vma when it is installed and closed;
 *	     only while an mmap() is expected to be refused
 * @blind: the entries that the exporter made in mmap were not seen
 * @late_zap: there were entries left when the vma was closed
 * @mmaps: calls of dma_buf_ops.mmap
 * @opens: vmas that the exporter knows, ever
 * @closes: vmas that the exporter was told to forget
 * @lookups: calls of find_run
 * @releases: calls of dma_buf_ops.release
 */
struct stm_buf {
	struct kref ref;
	const struct stm_exporter *exp;
	struct dma_buf *dmabuf;
	struct address_space *mapping;
	struct mutex lock;	/* fault and move */
	struct page **pages;
	pgoff_t nr;
	void *vaddr;
	pgoff_t start;
	void *table;
	struct page **next;
	int err;
	int ret;
	const char *rule;
	bool watched;
	bool blind;
	bool late_zap;
	atomic_t mmaps;
	atomic_t opens;
	atomic_t closes;
	atomic_t lookups;
	atomic_t releases;
};

/**
 * struct stm_entry - a present page table entry
 * @pfn: pfn of the page at the address asked for
 * @size: bytes that the entry maps
 * @special: not a normal page
 * @writable: can be written without a fault
 */
struct stm_entry {
	unsigned long pfn;
	unsigned long size;
	bool special;
	bool writable;
};

/* What an exporter needs of the architecture, and of the configuration. */
#define STM_NEEDS_SPECIAL	BIT(0)
#define STM_NEEDS_PMD		BIT(1)
#define STM_NEEDS_DEBUG		BIT(2)

/**
 * struct stm_thread - a thread that uses an address space
 * @task: the thread
 * @mm: the test's address space; NULL if the thread has one of its own
 * @fn: what it does; what it returns is the result of stm_thread_stop()
 * @data: for @fn
 * @started: it runs
 * @ready: it is as far as the test wants it to be
 */
struct stm_thread {
	struct task_struct *task;
	struct mm_struct *mm;
	int (*fn)(struct stm_thread *t);
	void *data;
	struct completion started;
	struct completion ready;
};

struct stm_buf *stm_buf_create(struct kunit *test,
			       const struct stm_exporter *exp);
void stm_buf_close(struct stm_buf *buf);
struct page **stm_alloc_runs(const unsigned int *runs, pgoff_t nr);
void stm_free_pages(struct page **pages, pgoff_t nr);

u32 stm_pattern(pgoff_t index, unsigned int word);
void stm_fill(struct page *page, pgoff_t index);
int stm_check(unsigned long addr, pgoff_t index);
void stm_expect_content(struct kunit *test, unsigned long addr, pgoff_t index,
			pgoff_t nr);
int stm_touch(unsigned long addr, bool write);

unsigned long stm_map(struct file *file, pgoff_t nr, unsigned long prot,
		      unsigned long flags, pgoff_t pgoff);
unsigned long stm_map_aligned(struct file *file, pgoff_t nr,
			      unsigned long prot, pgoff_t pgoff,
			      unsigned long align, unsigned long offset);
unsigned long stm_map_all(struct stm_buf *buf, struct file *file);
unsigned long stm_map_good(struct kunit *test, struct stm_buf *buf);
void stm_unmap(struct kunit *test, unsigned long addr, pgoff_t nr);
struct page **stm_move(struct stm_buf *buf, struct page **new);
int stm_peek(unsigned long addr, struct stm_entry *entry);

unsigned int stm_gup(unsigned long addr, bool fast, const char **route);
void stm_expect_no_gup(struct kunit *test, unsigned long addr, pgoff_t nr);
void stm_expect_no_refs(struct kunit *test, struct stm_buf *buf);
void stm_expect_released(struct kunit *test, struct stm_buf *buf);
void stm_expect_alive(struct kunit *test, struct stm_buf *buf);

struct stm_thread *stm_thread_start(struct kunit *test, bool own_mm,
				    int (*fn)(struct stm_thread *t), void *data);
void stm_thread_wait_ready(struct kunit *test, struct stm_thread *t);
void stm_thread_idle(struct stm_thread *t);
int stm_thread_stop(struct kunit *test, struct stm_thread *t);

/* Test cases; the parameter is a struct stm_exporter that keeps the contract. */
void stm_test_gup(struct kunit *test);
void stm_test_gup_fast(struct kunit *test);
void stm_test_vma(struct kunit *test);
void stm_test_offset(struct kunit *test);
void stm_test_split(struct kunit *test);
void stm_test_write(struct kunit *test);
void stm_test_lifetime(struct kunit *test);
void stm_test_private(struct kunit *test);
void stm_test_move(struct kunit *test);

/* true where an entry, not only a vma, tells that a page is not normal */
static inline bool stm_has_special(void)
{
	return IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL);
}

/* vm_ops of an exporter that counts; vma->vm_private_data is the buffer. */
void stm_vm_open(struct vm_area_struct *vma);
void stm_vm_close(struct vm_area_struct *vma);

#endif /* __ST_DMA_BUF_MMAP_H__ */
