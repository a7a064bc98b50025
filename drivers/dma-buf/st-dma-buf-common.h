/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the KUnit suites for mappings of dma-bufs share: a buffer whose exporter
 * is a parameter, ways to map it, and test cases that any good exporter passes.
 */
#ifndef __ST_DMA_BUF_COMMON_H__
#define __ST_DMA_BUF_COMMON_H__

#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf/test-probe.h>
#include <linux/err.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mutex.h>

/* Enough for an offset, a split in the middle, and both of them. */
#define TEST_PAGES	8
#define PMD_PAGES	(PMD_SIZE >> PAGE_SHIFT)

/* A vm_pgoff for page 0 as GEM objects have it, far behind any buffer's end. */
#define TEST_START	0x100000

#define RW		(PROT_READ | PROT_WRITE)
#define TEST_TIMEOUT	(20 * HZ)

/* What is wrong with a mapping, as the probes tell it. */
#define EXPECT_RIGHT(test, wrong)					\
	KUNIT_EXPECT_STREQ(test, (wrong) ?: "nothing", "nothing")

/* The pages from @index on are mapped at @addr, */
#define EXPECT_CONTENT(test, addr, index, nr)				\
	EXPECT_RIGHT(test, dma_buf_probe_content(addr, index, nr))

/* and as the contract says. */
#define EXPECT_CONTRACT(test, buf, addr, index, nr)			\
	EXPECT_RIGHT(test, dma_buf_probe(addr, (buf)->dmabuf, index, nr))

#define MMAP_ERROR(addr)	PTR_ERR_OR_ZERO((void *)(addr))
#define ASSERT_MAPPED(test, addr)					\
	KUNIT_ASSERT_EQ(test, MMAP_ERROR(addr), 0)

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
	int (*insert)(struct vm_area_struct *vma, unsigned long addr,
		      struct page *page);	/* insert pages, one by one, */
	bool half;			/* but half of them, or map them all, */
	int (*map)(struct test_buf *buf, struct vm_area_struct *vma);
	vm_flags_t set_after;		/* set and clear flags again, */
	vm_flags_t clear_after;
	const struct vm_operations_struct *vm_ops;
	bool start;			/* install vm_ops at TEST_START, */
	int ret;			/* and return this. */

	/* What vm_ops do at a fault, with the page that it is for. */
	vm_fault_t (*fault)(struct vm_fault *vmf, struct page *page);
	vm_fault_t (*huge_fault)(struct vm_fault *vmf, struct page *page);
};

/* How a mapping comes about. */
enum test_path {
	PATH_FD,		/* mmap() of the dma_buf itself */
	PATH_IMPORTER,		/* of an importer's file, by dma_buf_mmap() */
	PATH_IMPORTER_RESET,	/* as GEM: no vm_ops, no private data before */
	PATH_IMPORTER_KEEPS,	/* the importer's vm_ops are in the vma */
	NR_PATHS,
};

/* A buffer, and a record of what was done with it. */
struct test_buf {
	struct kref ref;		/* one the test's, one the dma_buf's */
	const struct test_exporter *exp;
	struct dma_buf *dmabuf;		/* until test_buf_close() */
	struct file *file;		/* to map: the dma_buf's or an importer's */
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

	/* If @file is an importer's: */
	enum test_path path;
	bool fake;			/* mapped at a fake offset, */
	pgoff_t pgoff;			/* that stands for this one */
	atomic_t refs;			/* to the importer's object */

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

struct test_buf *test_buf_create(struct kunit *test,
				 const struct test_exporter *exp);
struct test_buf *test_buf_import(struct kunit *test,
				 const struct test_exporter *exp,
				 enum test_path path);
void test_buf_close(struct test_buf *buf);
void test_buf_expect_released(struct kunit *test, struct test_buf *buf);
struct page **test_buf_alloc_ranges(const unsigned int *ranges, pgoff_t nr);
void test_buf_free_pages(struct page **pages, pgoff_t nr);
/* dma_buf_ops.mmap, as the columns of struct test_exporter describe it */
int test_dma_buf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma);

unsigned long test_mmap(struct file *file, pgoff_t nr, unsigned long prot,
			unsigned long flags, pgoff_t pgoff);
unsigned long test_mmap_all(struct test_buf *buf);
unsigned long test_buf_mmap_at(struct kunit *test, struct test_buf *buf,
			       unsigned long prot, pgoff_t pgoff,
			       unsigned long offset);
void test_munmap(struct kunit *test, unsigned long addr, pgoff_t nr);
void test_buf_done(struct kunit *test, struct test_buf *buf,
		   unsigned long addr);
struct dma_buf_probe_entry
test_buf_expect_entry(struct kunit *test, struct test_buf *buf,
		      unsigned long addr, pgoff_t index, unsigned long size);

bool test_wait_for(atomic_t *v, int want);

/* Test cases; the parameter is a struct test_exporter that has to work. */
void test_buf_contract(struct kunit *test);
void test_buf_offset(struct kunit *test);
void test_buf_split(struct kunit *test);
void test_buf_private(struct kunit *test);
void test_buf_lifetime(struct kunit *test);
void test_buf_populate(struct kunit *test);

#endif /* __ST_DMA_BUF_COMMON_H__ */
