/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the KUnit suites for mappings of dma-bufs share: a buffer whose exporter
 * is a parameter, ways to map it, and test cases that any good exporter passes.
 */
#ifndef __ST_DMA_BUF_COMMON_H__
#define __ST_DMA_BUF_COMMON_H__

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf/test-probe.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/mutex.h>

/* Enough for an offset, a split in the middle, and both of them. */
#define TEST_PAGES	8
#define PMD_PAGES	(PMD_SIZE >> PAGE_SHIFT)

/* A vm_pgoff for page 0 as GEM objects have it, far behind any buffer's end. */
#define TEST_START	0x100000

#define TEST_TIMEOUT	(20 * HZ)

/* What is wrong with a mapping, as the probes tell it. */
#define EXPECT_RIGHT(test, wrong)					\
	KUNIT_EXPECT_STREQ(test, (wrong) ?: "nothing", "nothing")

#define ASSERT_MAPPED(test, addr)					\
	KUNIT_ASSERT_EQ(test, test_mmap_error(addr), 0)

struct test_buf;

/* What a buffer is made of. */
enum test_memory {
	MEM_RANGES,		/* pages in ranges, no two of them adjacent */
	MEM_VMALLOC,		/* vmalloc_user() */
	MEM_CACHE,		/* single pages, in the file's page cache */
	MEM_FOLIO,		/* folios of PMD order */
};

/* What an exporter needs of the architecture, and of the configuration. */
#define NEEDS_SPECIAL		BIT(0)
#define NEEDS_PMD		BIT(1)
#define NEEDS_FIND_NORMAL	BIT(2)

/* One way to export a buffer. */
struct test_exporter {
	const char *name;		/* of the test case too */
	enum test_memory memory;
	const unsigned int *ranges;	/* pages of each, ends with 0, */
	pgoff_t nr;			/* or number of single pages */
	unsigned int needs;		/* NEEDS_* */
	bool readonly;			/* export it O_RDONLY, not O_RDWR */

	/* for dma_buf_ops.get_phys; what follows is for mmap only */
	int (*get_phys)(struct test_buf *buf, pgoff_t pgoff,
			struct phys_vec *vec, unsigned int nr);
	bool decrypted;

	/* What dma_buf_ops.mmap does, in this order. */
	vm_flags_t set;			/* set and clear flags of the vma, */
	vm_flags_t clear;
	bool null_ops;			/* take away the vm_ops, */
	int (*map)(struct test_buf *buf, struct vm_area_struct *vma,
		   pgoff_t first, pgoff_t nr);
	bool half;			/* map pages, but half of them, */
	vm_flags_t set_after;		/* set and clear flags again, */
	vm_flags_t clear_after;
	const struct vm_operations_struct *vm_ops;
	bool start;			/* install vm_ops at TEST_START, */
	int ret;			/* and return this. */
};

/* A buffer, and a record of what was done with it. */
struct test_buf {
	struct kref ref;		/* one the test's, one the dma_buf's */
	const struct test_exporter *exp;
	struct dma_buf *dmabuf;		/* until test_buf_close() */
	struct address_space *mapping;	/* of the dma_buf's file */
	/*
	 * Held by a fault around look-up and insertion, and by whoever moves
	 * the buffer from the first zap until the new pages are in @pages.
	 */
	struct mutex lock;
	struct page **pages;
	pgoff_t nr;
	pgoff_t start;			/* vm_pgoff of page 0 */
	void *vaddr;			/* MEM_VMALLOC only */
	struct dma_buf_phys_table *table;
	struct page **next;		/* to move to in a fault */
	int err;			/* what get_phys returns, if not 0 */

	/* dma_buf_ops.mmap: */
	int mmaps;			/* calls */
	vm_flags_t flags;		/* of the vma at the begin */
	bool set_up;			/* vm_ops and private data */
	int ret;			/* what it returned */

	/* While a mmap() is about to be refused: */
	bool watched;
	bool mapped;			/* there were entries, once mapped */
	bool late_zap;			/* and there still were at close */
	const char *rule;		/* that the exporter is said to break */

	atomic_t opens;			/* vmas the exporter knows, ever, */
	atomic_t closes;		/* and those that it has to forget */
	atomic_t lookups;		/* calls of get_phys */
	atomic_t releases;
};

/* How a mapping comes about. */
enum test_path {
	PATH_FD,		/* mmap() of the dma_buf itself */
	PATH_IMPORTER,		/* of an importer's file, by dma_buf_mmap() */
	PATH_IMPORTER_RESET,	/* as GEM: no vm_ops, no private data before */
	PATH_IMPORTER_KEEPS,	/* the importer's vm_ops are in the vma */
	NR_PATHS,
};

/* The file of a driver that imported a buffer. */
struct test_importer {
	struct test_buf *buf;
	struct file *file;
	enum test_path path;
	bool fake;		/* mapped at a fake offset */
	pgoff_t pgoff;		/* what that stands for */
	atomic_t refs;		/* to the importer's object */
};

struct test_thread {
	struct task_struct *task;
	struct mm_struct *mm;		/* NULL if it has one of its own */
	int (*fn)(struct test_thread *t);
	void *data;
	struct completion ready;	/* it is as far as the test wants it */
};

struct test_buf *test_buf_create(struct kunit *test,
				 const struct test_exporter *exp);
bool test_buf_is(const struct dma_buf *dmabuf);
void test_buf_close(struct test_buf *buf);
void test_buf_expect_released(struct kunit *test, struct test_buf *buf);
struct page **test_buf_alloc_ranges(const unsigned int *ranges, pgoff_t nr);
void test_buf_free_pages(struct page **pages, pgoff_t nr);
void test_vm_open(struct vm_area_struct *vma);
void test_vm_close(struct vm_area_struct *vma);

static inline int test_mmap_error(unsigned long addr)
{
	return IS_ERR_VALUE(addr) ? (int)addr : 0;
}

unsigned long test_mmap_file(struct file *file, pgoff_t nr, unsigned long prot,
			     unsigned long flags, pgoff_t pgoff);
unsigned long test_mmap_all(struct test_buf *buf, struct file *file);
unsigned long test_buf_mmap(struct test_buf *buf, pgoff_t nr,
			    unsigned long prot, unsigned long flags,
			    pgoff_t pgoff);
unsigned long test_buf_mmap_at(struct kunit *test, struct test_buf *buf,
			       unsigned long prot, pgoff_t pgoff,
			       unsigned long offset);
unsigned long test_buf_mmap_all(struct kunit *test, struct test_buf *buf);
void test_buf_munmap(struct kunit *test, unsigned long addr, pgoff_t nr);
void test_buf_done(struct kunit *test, struct test_buf *buf,
		   unsigned long addr);
struct dma_buf_probe_entry
test_buf_expect_entry(struct kunit *test, struct test_buf *buf,
		      unsigned long addr, pgoff_t index, unsigned long size);

struct test_importer *test_importer(struct kunit *test, struct test_buf *buf,
				    enum test_path path);
void test_importer_expect_balanced(struct kunit *test,
				   struct test_importer *imp);

struct test_thread *test_thread_start(struct kunit *test, struct mm_struct *mm,
				      int (*fn)(struct test_thread *t),
				      void *data);
int test_thread_stop(struct test_thread *t);
bool test_wait_for(atomic_t *v, int want);

/* Test cases; the parameter is a struct test_exporter that has to work. */
void test_buf_contract(struct kunit *test);
void test_buf_offset(struct kunit *test);
void test_buf_split(struct kunit *test);
void test_buf_private(struct kunit *test);
void test_buf_lifetime(struct kunit *test);
void test_buf_populate(struct kunit *test);

#endif /* __ST_DMA_BUF_COMMON_H__ */
