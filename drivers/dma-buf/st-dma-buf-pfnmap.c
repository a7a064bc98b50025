// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for dma_buf_pfnmap_mmap() and what belongs to it
 *
 * Which run a look-up finds, what a fault makes of it, what a debugger gets to
 * see. The exporters below also go through the tests of the contract in
 * st-dma-buf-mmap.c.
 */

#include <linux/anon_inodes.h>
#include <linux/cleanup.h>
#include <linux/dma-buf-pfnmap.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "st-dma-buf-mmap.h"

/* A vm_pgoff for page 0 as GEM objects have it, far from that of any page. */
#define STP_START	0x100000

/*
 * Layouts of a buffer
 */

static const unsigned int stp_one[] = { 1, 0 };
static const unsigned int stp_single[] = { 1, 1, 1, 1, 1, 1, 1, 1, 0 };
static const unsigned int stp_block[] = { 8, 0 };
static const unsigned int stp_mixed[] = { 1, 3, 2, 1, 4, 1, 0 };
static const unsigned int stp_long[] = { 3, 64, 5, 128, 1, 55, 0 };
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
static const unsigned int stp_pmds[] = { HPAGE_PMD_NR, HPAGE_PMD_NR, 0 };
static const unsigned int stp_big[] = { 2 * HPAGE_PMD_NR, 0 };
static const unsigned int stp_odd[] = { 1, 2 * HPAGE_PMD_NR - 1, 0 };
#else
#define stp_pmds	NULL
#define stp_big		NULL
#define stp_odd		NULL
#endif

static const struct stp_layout {
	const char *name;
	const unsigned int *runs;
} stp_layouts[] = {
	{ "one page", stp_one },
	{ "single pages", stp_single },
	{ "one run", stp_block },
	{ "mixed runs", stp_mixed },
	{ "long runs", stp_long },
};

KUNIT_ARRAY_PARAM_DESC(stp_layouts, stp_layouts, name);

static pgoff_t stp_nr_pages(const unsigned int *runs)
{
	pgoff_t nr = 0;

	while (*runs)
		nr += *runs++;
	return nr;
}

/* The run that holds page @index, in full. */
static void stp_whole_run(const unsigned int *runs, struct page **pages,
			  pgoff_t index, struct dma_buf_pfn_run *run)
{
	run->index = 0;
	while (run->index + *runs <= index)
		run->index += *runs++;
	run->nr = *runs;
	run->pfn = page_to_pfn(pages[run->index]);
}

/*
 * Look-ups, all of them with the buffer as @priv
 */

static struct stm_buf *stp_lookup(void *priv)
{
	struct stm_buf *buf = priv;

	atomic_inc(&buf->lookups);
	return buf;
}

static int stp_find_pages(void *priv, pgoff_t index,
			  struct dma_buf_pfn_run *run)
{
	struct stm_buf *buf = stp_lookup(priv);

	return buf->err ?: dma_buf_pfn_run_pages(buf->pages, buf->nr, index,
						 run);
}

/* The run begins before the page that is asked for. */
static int stp_find_whole(void *priv, pgoff_t index,
			  struct dma_buf_pfn_run *run)
{
	struct stm_buf *buf = stp_lookup(priv);

	if (index >= buf->nr)
		return -EINVAL;
	stp_whole_run(buf->exp->runs, buf->pages, index, run);
	return buf->err;
}

/* An answer that is shorter than it could be is no error. */
static int stp_find_single(void *priv, pgoff_t index,
			   struct dma_buf_pfn_run *run)
{
	struct stm_buf *buf = stp_lookup(priv);

	if (index >= buf->nr)
		return -EINVAL;
	run->index = index;
	run->pfn = page_to_pfn(buf->pages[index]);
	run->nr = 1;
	return buf->err;
}

static int stp_find_table(void *priv, pgoff_t index,
			  struct dma_buf_pfn_run *run)
{
	struct stm_buf *buf = stp_lookup(priv);

	return buf->err ?: dma_buf_pfn_table_find(buf->table, index, run);
}

/* Only the first half of the buffer is there. */
static int stp_find_half(void *priv, pgoff_t index, struct dma_buf_pfn_run *run)
{
	struct stm_buf *buf = priv;

	if (index >= buf->nr / 2)
		return -ENXIO;
	return stp_find_single(priv, index, run);
}

/* wrong: an empty run */
static int stp_find_empty(void *priv, pgoff_t index,
			  struct dma_buf_pfn_run *run)
{
	int ret = stp_find_single(priv, index, run);

	run->nr = 0;
	return ret;
}

/* wrong: the run begins after the page */
static int stp_find_next(void *priv, pgoff_t index, struct dma_buf_pfn_run *run)
{
	int ret = stp_find_single(priv, index, run);

	run->index++;
	return ret;
}

/* wrong: the run ends before the page */
static int stp_find_previous(void *priv, pgoff_t index,
			     struct dma_buf_pfn_run *run)
{
	int ret = stp_find_single(priv, index, run);

	run->index--;
	return ret;
}

/*
 * Exporters
 */

#define STP_MMAP(find)							\
static const struct dma_buf_pfnmap_ops stp_##find##_ops = {		\
	.find_run = stp_find_##find,					\
};									\
									\
static int stp_mmap_##find(struct stm_buf *buf,				\
			   struct vm_area_struct *vma)			\
{									\
	return dma_buf_pfnmap_mmap(buf->dmabuf, vma,			\
				   &stp_##find##_ops);			\
}

STP_MMAP(pages)
STP_MMAP(whole)
STP_MMAP(single)
STP_MMAP(table)
STP_MMAP(half)
STP_MMAP(empty)
STP_MMAP(next)
STP_MMAP(previous)

/* A driver with vm_ops of its own that moves its buffers. */
static vm_fault_t stp_vm_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct stm_buf *buf = vmf->vma->vm_private_data;

	guard(mutex)(&buf->lock);
	return dma_buf_pfnmap_fault(vmf, order, buf->start, stp_find_pages,
				    buf);
}

static vm_fault_t stp_vm_fault(struct vm_fault *vmf)
{
	return stp_vm_huge_fault(vmf, 0);
}

static int stp_vm_access(struct vm_area_struct *vma, unsigned long addr,
			 void *data, int len, int write)
{
	struct stm_buf *buf = vma->vm_private_data;

	guard(mutex)(&buf->lock);
	return dma_buf_pfnmap_access(vma, addr, data, len, write, buf->start,
				     stp_find_pages, buf);
}

static const struct vm_operations_struct stp_vm_ops = {
	.open = stm_vm_open,
	.close = stm_vm_close,
	.fault = stp_vm_fault,
	.huge_fault = stp_vm_huge_fault,
	.access = stp_vm_access,
};

static int stp_install(struct stm_buf *buf, struct vm_area_struct *vma,
		       const struct vm_operations_struct *vm_ops)
{
	vm_flags_set(vma, VM_PFNMAP | VM_IO);
	vma->vm_private_data = buf;
	vma->vm_ops = vm_ops;
	stm_vm_open(vma);
	return 0;
}

static int stp_mmap_own(struct stm_buf *buf, struct vm_area_struct *vma)
{
	return stp_install(buf, vma, &stp_vm_ops);
}

static int stp_mmap_start(struct stm_buf *buf, struct vm_area_struct *vma)
{
	buf->start = STP_START;
	vma->vm_pgoff += buf->start;
	return stp_mmap_own(buf, vma);
}

/* These go through the tests of the contract as well. */
static const struct stm_exporter stp_exporters[] = {
	{ "array of pages", stp_mmap_pages, .runs = stp_mixed },
	{ "array of pages, single", stp_mmap_pages, .runs = stp_single },
	{ "whole runs", stp_mmap_whole, .runs = stp_mixed },
	{ "whole runs, long", stp_mmap_whole, .runs = stp_long },
	{ "runs of one page", stp_mmap_single, .runs = stp_block },
	{ "vm_ops of the driver", stp_mmap_own, .runs = stp_mixed },
	{ "vm_ops of the driver, fake offset", stp_mmap_start,
	  .runs = stp_mixed },
	{ "whole runs, huge", stp_mmap_whole, .runs = stp_pmds,
	  .needs = STM_NEEDS_PMD },
	{ "array of pages, huge", stp_mmap_pages, .runs = stp_big,
	  .needs = STM_NEEDS_PMD },
	{ "fake offset, huge", stp_mmap_start, .runs = stp_pmds,
	  .needs = STM_NEEDS_PMD },
};

KUNIT_ARRAY_PARAM_DESC(stp_exporters, stp_exporters, name);

static const struct stm_exporter stp_movable[] = {
	{ "single pages", stp_mmap_own, .runs = stp_single },
	{ "mixed runs", stp_mmap_own, .runs = stp_mixed },
	{ "mixed runs, fake offset", stp_mmap_start, .runs = stp_mixed },
	{ "long runs", stp_mmap_own, .runs = stp_long },
	{ "huge", stp_mmap_own, .runs = stp_pmds, .needs = STM_NEEDS_PMD },
	{ "huge, fake offset", stp_mmap_start, .runs = stp_pmds,
	  .needs = STM_NEEDS_PMD },
};

KUNIT_ARRAY_PARAM_DESC(stp_movable, stp_movable, name);

/*
 * Look-ups without a mapping
 */

struct stp_pages {
	struct page **pages;
	pgoff_t nr;
};

static void stp_pages_free(void *data)
{
	struct stp_pages *p = data;

	stm_free_pages(p->pages, p->nr);
}

static struct stp_pages *stp_pages_alloc(struct kunit *test,
					 const unsigned int *runs)
{
	struct stp_pages *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, p);
	p->nr = stp_nr_pages(runs);
	p->pages = stm_alloc_runs(runs, p->nr);
	KUNIT_ASSERT_NOT_NULL(test, p->pages);
	ret = kunit_add_action_or_reset(test, stp_pages_free, p);
	KUNIT_ASSERT_EQ(test, ret, 0);
	return p;
}

/* @run holds page @index and is a part of the run @whole. */
static void stp_expect_run(struct kunit *test, pgoff_t index,
			   const struct dma_buf_pfn_run *run,
			   const struct dma_buf_pfn_run *whole)
{
	KUNIT_EXPECT_LE(test, run->index, index);
	KUNIT_EXPECT_GT(test, run->index + run->nr, index);
	KUNIT_EXPECT_GE(test, run->index, whole->index);
	KUNIT_EXPECT_LE(test, run->index + run->nr, whole->index + whole->nr);
	KUNIT_EXPECT_EQ(test, run->pfn - run->index, whole->pfn - whole->index);
}

/* dma_buf_pfn_run_pages(): from the page to the end of its run. */
static void stp_test_run_pages(struct kunit *test)
{
	const struct stp_layout *layout = test->param_value;
	struct stp_pages *p = stp_pages_alloc(test, layout->runs);
	struct dma_buf_pfn_run run, whole;
	pgoff_t i;

	for (i = 0; i < p->nr; i++) {
		memset(&run, 0, sizeof(run));
		KUNIT_ASSERT_EQ(test, dma_buf_pfn_run_pages(p->pages, p->nr, i,
							    &run), 0);
		stp_whole_run(layout->runs, p->pages, i, &whole);
		stp_expect_run(test, i, &run, &whole);
		KUNIT_EXPECT_EQ(test, run.index + run.nr,
				whole.index + whole.nr);
	}
	KUNIT_EXPECT_EQ(test, dma_buf_pfn_run_pages(p->pages, p->nr, p->nr,
						    &run), -EINVAL);
	KUNIT_EXPECT_EQ(test, dma_buf_pfn_run_pages(p->pages, p->nr, -1UL,
						    &run), -EINVAL);
	KUNIT_EXPECT_EQ(test, dma_buf_pfn_run_pages(p->pages, 0, 0, &run),
			-EINVAL);
}

static void stp_table_free(void *table)
{
	dma_buf_pfn_table_free(table);
}

static struct dma_buf_pfn_table *stp_table_alloc(struct kunit *test,
						 unsigned long max_runs)
{
	struct dma_buf_pfn_table *table = dma_buf_pfn_table_alloc(max_runs);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, table);
	ret = kunit_add_action_or_reset(test, stp_table_free, table);
	KUNIT_ASSERT_EQ(test, ret, 0);
	return table;
}

static int stp_table_add(struct dma_buf_pfn_table *table,
			 const unsigned int *runs, struct page **pages)
{
	pgoff_t index = 0;
	int ret = 0;

	for (; !ret && *runs; index += *runs++)
		ret = dma_buf_pfn_table_add(table, page_to_pfn(pages[index]),
					    *runs);
	return ret;
}

static unsigned long stp_nr_runs(const unsigned int *runs)
{
	unsigned long n = 0;

	while (runs[n])
		n++;
	return n;
}

/*
 * dma_buf_pfn_table_find(): the whole run, whatever was looked up before, of
 * which the run that is passed in keeps a hint.
 */
static void stp_test_table(struct kunit *test)
{
	const struct stp_layout *layout = test->param_value;
	unsigned long nr_runs = stp_nr_runs(layout->runs);
	struct stp_pages *p = stp_pages_alloc(test, layout->runs);
	struct dma_buf_pfn_table *table = stp_table_alloc(test, nr_runs);
	struct dma_buf_pfn_run run, hint = {}, whole;
	pgoff_t i, j;

	KUNIT_EXPECT_EQ(test, dma_buf_pfn_table_find(table, 0, &hint), -EINVAL);
	KUNIT_ASSERT_EQ(test, stp_table_add(table, layout->runs, p->pages), 0);

	for (i = 0; i < p->nr; i++) {
		for (j = 0; j < 2; j++) {
			/* Forward with a hint, and back and forth with it. */
			pgoff_t at = j ? p->nr - 1 - i : i;

			memset(&run, 0, sizeof(run));
			KUNIT_ASSERT_EQ(test, dma_buf_pfn_table_find(table, i,
								     &run), 0);
			stp_whole_run(layout->runs, p->pages, i, &whole);
			stp_expect_run(test, i, &run, &whole);
			KUNIT_EXPECT_EQ(test, run.index, whole.index);
			KUNIT_EXPECT_EQ(test, run.nr, whole.nr);

			KUNIT_ASSERT_EQ(test, dma_buf_pfn_table_find(table, at,
								     &hint), 0);
			stp_whole_run(layout->runs, p->pages, at, &whole);
			stp_expect_run(test, at, &hint, &whole);
			KUNIT_EXPECT_EQ(test, hint.nr, whole.nr);
		}
	}

	/* From run to run, as a fault does it. */
	memset(&run, 0, sizeof(run));
	for (i = 0, j = 0; i < p->nr; i = run.index + run.nr, j++) {
		KUNIT_ASSERT_EQ(test, dma_buf_pfn_table_find(table, i, &run),
				0);
		KUNIT_EXPECT_EQ(test, run.index, i);
	}
	KUNIT_EXPECT_EQ(test, j, nr_runs);
	KUNIT_EXPECT_EQ(test, dma_buf_pfn_table_find(table, p->nr, &run),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, dma_buf_pfn_table_find(table, -1UL, &run),
			-EINVAL);
}

/* A table has room for so many runs; pages that continue one need none. */
static void stp_test_table_add(struct kunit *test)
{
	struct dma_buf_pfn_table *table = stp_table_alloc(test, 2);
	struct dma_buf_pfn_run run = {};

	KUNIT_EXPECT_EQ(test, dma_buf_pfn_table_add(table, 100, 4), 0);
	KUNIT_EXPECT_EQ(test, dma_buf_pfn_table_add(table, 104, 4), 0);
	KUNIT_EXPECT_EQ(test, dma_buf_pfn_table_add(table, 100, 4), 0);
	KUNIT_EXPECT_EQ(test, dma_buf_pfn_table_add(table, 104, 1), 0);
	KUNIT_EXPECT_EQ(test, dma_buf_pfn_table_add(table, 500, 1), -ENOSPC);
	KUNIT_EXPECT_EQ(test, dma_buf_pfn_table_add(table, 105, 1), 0);

	KUNIT_ASSERT_EQ(test, dma_buf_pfn_table_find(table, 7, &run), 0);
	KUNIT_EXPECT_EQ(test, run.index, 0);
	KUNIT_EXPECT_EQ(test, run.nr, 8);
	KUNIT_EXPECT_EQ(test, run.pfn, 100);
	KUNIT_ASSERT_EQ(test, dma_buf_pfn_table_find(table, 13, &run), 0);
	KUNIT_EXPECT_EQ(test, run.index, 8);
	KUNIT_EXPECT_EQ(test, run.nr, 6);
	KUNIT_EXPECT_EQ(test, run.pfn, 100);
	KUNIT_EXPECT_EQ(test, dma_buf_pfn_table_find(table, 14, &run), -EINVAL);
	dma_buf_pfn_table_free(NULL);
}

/*
 * Faults
 */

static struct stm_buf *stp_create(struct kunit *test,
				  const struct stm_exporter *exp)
{
	struct stm_buf *buf = stm_buf_create(test, exp);
	struct dma_buf_pfn_table *table;

	if (exp->mmap == stp_mmap_table) {
		table = stp_table_alloc(test, stp_nr_runs(exp->runs));
		KUNIT_ASSERT_EQ(test, stp_table_add(table, exp->runs,
						    buf->pages), 0);
		buf->table = table;
	}
	return buf;
}

/* Every entry in the vma is right, and the run of @touched is in. */
static void stp_expect_entries(struct kunit *test, struct stm_buf *buf,
			       unsigned long addr, pgoff_t first, pgoff_t nr,
			       pgoff_t touched, bool writable)
{
	struct dma_buf_pfn_run run;
	struct stm_entry entry;
	pgoff_t i;

	stp_whole_run(buf->exp->runs, buf->pages, touched, &run);
	for (i = first; i < first + nr; i++) {
		if (stm_peek(addr + (i - first) * PAGE_SIZE, &entry)) {
			KUNIT_EXPECT_FALSE_MSG(test, i >= run.index &&
					       i < run.index + run.nr,
					       "%lu, page %lu touched", i,
					       touched);
			continue;
		}
		KUNIT_EXPECT_EQ(test, entry.pfn, page_to_pfn(buf->pages[i]));
		KUNIT_EXPECT_EQ(test, entry.writable, writable);
		if (stm_has_special())
			KUNIT_EXPECT_TRUE(test, entry.special);
		KUNIT_EXPECT_EQ(test, page_count(buf->pages[i]), 1);
		KUNIT_EXPECT_FALSE(test,
				   folio_mapped(page_folio(buf->pages[i])));
	}
}

static const struct stm_exporter stp_faulting[] = {
	{ "array, one page", stp_mmap_pages, .runs = stp_one },
	{ "array, single pages", stp_mmap_pages, .runs = stp_single },
	{ "array, mixed runs", stp_mmap_pages, .runs = stp_mixed },
	{ "whole, one run", stp_mmap_whole, .runs = stp_block },
	{ "whole, mixed runs", stp_mmap_whole, .runs = stp_mixed },
	{ "table, single pages", stp_mmap_table, .runs = stp_single },
	{ "table, mixed runs", stp_mmap_table, .runs = stp_mixed },
	{ "driver, mixed runs", stp_mmap_own, .runs = stp_mixed },
	{ "driver, fake offset", stp_mmap_start, .runs = stp_mixed },
};

KUNIT_ARRAY_PARAM_DESC(stp_faulting, stp_faulting, name);

/*
 * Nothing is mapped before the first access. One access, to whatever page of
 * whatever part of the buffer, maps all that the vma has of the page's run, and
 * maps nothing wrong. A read of a writable vma maps it writable.
 */
static void stp_test_fault(struct kunit *test)
{
	struct stm_buf *buf = stp_create(test, test->param_value);
	pgoff_t first, nr, i;
	unsigned long addr;
	int write;

	for (first = 0; first < buf->nr; first++) {
		nr = buf->nr - first - (first & 1 && first + 1 < buf->nr);
		for (i = first; i < first + nr; i++) {
			write = i & 1;
			addr = stm_map(buf->dmabuf->file, nr,
				       PROT_READ | (write ? PROT_WRITE : 0),
				       MAP_SHARED, first);
			KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
			atomic_set(&buf->lookups, 0);
			KUNIT_EXPECT_EQ(test, stm_touch(addr + (i - first) *
							PAGE_SIZE, false), 0);
			KUNIT_EXPECT_GT(test, atomic_read(&buf->lookups), 0);
			KUNIT_EXPECT_LE(test, atomic_read(&buf->lookups),
					(int)stp_nr_runs(buf->exp->runs) + 1);
			stp_expect_entries(test, buf, addr, first, nr, i,
					   write);
			stm_unmap(test, addr, nr);
		}
	}
	stm_expect_released(test, buf);
}

/* mmap() inserts nothing and looks nothing up, so that a mover sees it all. */
static void stp_test_lazy(struct kunit *test)
{
	struct stm_buf *buf = stp_create(test, test->param_value);
	unsigned long addr = stm_map_good(test, buf);
	struct stm_entry entry;
	pgoff_t i;

	KUNIT_EXPECT_EQ(test, atomic_read(&buf->lookups), 0);
	for (i = 0; i < buf->nr; i++)
		KUNIT_EXPECT_EQ(test, stm_peek(addr + i * PAGE_SIZE, &entry),
				-ENOENT);
	stm_unmap(test, addr, buf->nr);
	stm_expect_released(test, buf);
}

/* Zapped behind the vma's back, the pages come back by themselves. */
static void stp_test_zap(struct kunit *test)
{
	struct stm_buf *buf = stp_create(test, test->param_value);
	unsigned long addr = stm_map_good(test, buf);
	struct stm_entry entry;
	int i;

	for (i = 0; i < 3; i++) {
		stm_expect_content(test, addr, 0, buf->nr);
		KUNIT_EXPECT_EQ(test, stm_peek(addr, &entry), 0);
		unmap_mapping_range(buf->mapping,
				    (loff_t)buf->start << PAGE_SHIFT,
				    (loff_t)buf->nr << PAGE_SHIFT, 1);
		KUNIT_EXPECT_EQ(test, stm_peek(addr, &entry), -ENOENT);
	}
	stm_unmap(test, addr, buf->nr);
	stm_expect_released(test, buf);
}

static int stp_fixup(unsigned long addr)
{
	int ret;

	mmap_read_lock(current->mm);
	ret = fixup_user_fault(current->mm, addr, 0, NULL);
	mmap_read_unlock(current->mm);
	return ret;
}

/* What find_run answers is what the fault ends with. */
static void stp_test_find_fails(struct kunit *test)
{
	struct stm_buf *buf = stp_create(test, test->param_value);
	unsigned long addr = stm_map_good(test, buf);

	buf->err = -EIO;
	KUNIT_EXPECT_EQ(test, stp_fixup(addr), -EFAULT);
	KUNIT_EXPECT_EQ(test, stm_touch(addr, false), -EFAULT);
	KUNIT_EXPECT_EQ(test, stm_touch(addr, true), -EFAULT);
	buf->err = -ENOMEM;
	KUNIT_EXPECT_EQ(test, stp_fixup(addr), -ENOMEM);
	buf->err = 0;
	KUNIT_EXPECT_EQ(test, stp_fixup(addr), 0);
	stm_expect_content(test, addr, 0, buf->nr);
	stm_unmap(test, addr, buf->nr);
	stm_expect_released(test, buf);
}

/* Pages nearby that are not there do not spoil the fault of one that is. */
static void stp_test_half(struct kunit *test)
{
	static const struct stm_exporter exp = {
		"half", stp_mmap_half, .runs = stp_single,
	};
	struct stm_buf *buf = stp_create(test, &exp);
	unsigned long addr = stm_map_good(test, buf);
	pgoff_t half = buf->nr / 2;

	KUNIT_EXPECT_EQ(test, stm_touch(addr + half * PAGE_SIZE, false),
			-EFAULT);
	stm_expect_content(test, addr, 0, half);
	KUNIT_EXPECT_EQ(test, stm_touch(addr + half * PAGE_SIZE, false),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, stm_touch(addr + (buf->nr - 1) * PAGE_SIZE, true),
			-EFAULT);
	stm_unmap(test, addr, buf->nr);
	stm_expect_released(test, buf);
}

static const struct stm_exporter stp_liars[] = {
	{ "empty run", stp_mmap_empty, .runs = stp_block },
	{ "run after the page", stp_mmap_next, .runs = stp_block },
	{ "run before the page", stp_mmap_previous, .runs = stp_block },
};

KUNIT_ARRAY_PARAM_DESC(stp_liars, stp_liars, name);

/* A run that does not hold the page maps nothing at all. */
static void stp_test_liar(struct kunit *test)
{
	struct stm_buf *buf = stp_create(test, test->param_value);
	unsigned long addr = stm_map_good(test, buf);
	struct stm_entry entry;
	pgoff_t i;

	kunit_warning_suppress(test) {
		for (i = 0; i < buf->nr; i++) {
			KUNIT_EXPECT_EQ(test, stm_touch(addr + i * PAGE_SIZE,
							i & 1), -EFAULT);
		}
	}
	for (i = 0; i < buf->nr; i++)
		KUNIT_EXPECT_EQ(test, stm_peek(addr + i * PAGE_SIZE, &entry),
				-ENOENT);
	stm_unmap(test, addr, buf->nr);
	stm_expect_released(test, buf);
}

/*
 * Huge entries
 */

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
static unsigned long stp_entry_size(unsigned long addr)
{
	struct stm_entry entry;

	return stm_peek(addr, &entry) ? 0 : entry.size;
}

static unsigned long stp_map_pmd(struct kunit *test, struct stm_buf *buf,
				 pgoff_t first, unsigned long offset)
{
	unsigned long addr;

	addr = stm_map_aligned(buf->dmabuf->file, buf->nr - first,
			       PROT_READ | PROT_WRITE, first, PMD_SIZE, offset);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	return addr;
}

static const struct stm_exporter stp_huge[] = {
	{ "array of pages", stp_mmap_pages, .runs = stp_pmds },
	{ "array of pages, one run", stp_mmap_pages, .runs = stp_big },
	{ "whole runs", stp_mmap_whole, .runs = stp_pmds },
	{ "whole runs, one run", stp_mmap_whole, .runs = stp_big },
	{ "table", stp_mmap_table, .runs = stp_pmds },
	{ "table, one run", stp_mmap_table, .runs = stp_big },
	{ "driver", stp_mmap_own, .runs = stp_pmds },
	{ "driver, fake offset", stp_mmap_start, .runs = stp_pmds },
};
#else
static const struct stm_exporter stp_huge[] = {
	{ "none" },
};
#endif

KUNIT_ARRAY_PARAM_DESC(stp_huge, stp_huge, name);

/* Where run and address allow it, one fault, one entry; and no reference. */
static void stp_test_huge(struct kunit *test)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	struct stm_buf *buf = stp_create(test, test->param_value);
	unsigned long addr = stp_map_pmd(test, buf, 0, 0);
	struct stm_entry entry;

	KUNIT_EXPECT_EQ(test, stm_touch(addr + 5 * PAGE_SIZE, false), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&buf->lookups), 1);
	KUNIT_ASSERT_EQ(test, stm_peek(addr, &entry), 0);
	KUNIT_EXPECT_EQ(test, entry.size, PMD_SIZE);
	KUNIT_EXPECT_EQ(test, entry.pfn, page_to_pfn(buf->pages[0]));
	KUNIT_EXPECT_TRUE(test, entry.special);
	KUNIT_EXPECT_TRUE(test, entry.writable);
	KUNIT_EXPECT_EQ(test, stp_entry_size(addr + PMD_SIZE), 0);

	stm_expect_content(test, addr, 0, buf->nr);
	KUNIT_EXPECT_EQ(test, stp_entry_size(addr + PMD_SIZE), PMD_SIZE);
	KUNIT_EXPECT_EQ(test, atomic_read(&buf->lookups), 2);
	stm_expect_no_gup(test, addr, 3);
	stm_expect_no_gup(test, addr + PMD_SIZE - PAGE_SIZE, 2);
	stm_unmap(test, addr, buf->nr);
	stm_expect_released(test, buf);
#else
	kunit_skip(test, "no CONFIG_ARCH_SUPPORTS_PMD_PFNMAP");
#endif
}

/* A huge entry that is cut goes, and what is left of it comes back as ptes. */
static void stp_test_huge_split(struct kunit *test)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	struct stm_buf *buf = stp_create(test, test->param_value);
	unsigned long addr = stp_map_pmd(test, buf, 0, 0);
	unsigned long cut = addr + 7 * PAGE_SIZE;

	stm_expect_content(test, addr, 0, buf->nr);
	KUNIT_EXPECT_EQ(test, stp_entry_size(addr), PMD_SIZE);
	stm_unmap(test, cut, 1);
	KUNIT_EXPECT_EQ(test, stm_touch(cut, false), -EFAULT);
	KUNIT_EXPECT_EQ(test, stp_entry_size(addr + PMD_SIZE), PMD_SIZE);
	stm_expect_content(test, addr, 0, 7);
	stm_expect_content(test, cut + PAGE_SIZE, 8, buf->nr - 8);
	KUNIT_EXPECT_EQ(test, stp_entry_size(addr), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, stp_entry_size(cut + PAGE_SIZE), PAGE_SIZE);
	stm_expect_no_gup(test, addr, 7);
	stm_expect_no_gup(test, cut + PAGE_SIZE, 7);
	stm_unmap(test, addr, buf->nr);
	stm_expect_released(test, buf);
#else
	kunit_skip(test, "no CONFIG_ARCH_SUPPORTS_PMD_PFNMAP");
#endif
}

/*
 * A mapping that begins within a run, or at an address that does not go with
 * it, gets huge entries where they fit, and the right pages everywhere.
 */
static void stp_test_huge_offset(struct kunit *test)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	struct stm_buf *buf = stp_create(test, test->param_value);
	unsigned long addr;

	/* The second half alone. */
	addr = stp_map_pmd(test, buf, HPAGE_PMD_NR, 0);
	stm_expect_content(test, addr, HPAGE_PMD_NR, HPAGE_PMD_NR);
	KUNIT_EXPECT_EQ(test, stp_entry_size(addr), PMD_SIZE);
	stm_unmap(test, addr, HPAGE_PMD_NR);

	/* The address goes with the offset: the second half is huge. */
	addr = stp_map_pmd(test, buf, 3, 3 * PAGE_SIZE);
	stm_expect_content(test, addr, 3, buf->nr - 3);
	KUNIT_EXPECT_EQ(test, stp_entry_size(addr), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, stp_entry_size(addr + PMD_SIZE), PMD_SIZE);
	stm_unmap(test, addr, buf->nr - 3);

	/* It does not. */
	addr = stp_map_pmd(test, buf, 0, PAGE_SIZE);
	stm_expect_content(test, addr, 0, buf->nr);
	KUNIT_EXPECT_EQ(test, stp_entry_size(addr), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, stp_entry_size(addr + PMD_SIZE), PAGE_SIZE);
	stm_unmap(test, addr, buf->nr);

	/* Neither here. */
	addr = stp_map_pmd(test, buf, 1, 0);
	stm_expect_content(test, addr, 1, buf->nr - 1);
	KUNIT_EXPECT_EQ(test, stp_entry_size(addr), PAGE_SIZE);
	stm_unmap(test, addr, buf->nr - 1);
	stm_expect_released(test, buf);
#else
	kunit_skip(test, "no CONFIG_ARCH_SUPPORTS_PMD_PFNMAP");
#endif
}

/* No huge entry for pages whose pfn is not aligned to it, nor for few pages. */
static void stp_test_huge_unfit(struct kunit *test)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	static const struct stm_exporter exps[] = {
		{ "odd pfns, array", stp_mmap_pages, .runs = stp_odd },
		{ "odd pfns, whole", stp_mmap_whole, .runs = stp_odd },
		{ "runs of one page", stp_mmap_single, .runs = stp_pmds },
	};
	unsigned long addr;
	struct stm_buf *buf;
	int i;

	for (i = 0; i < ARRAY_SIZE(exps); i++) {
		buf = stp_create(test, &exps[i]);
		addr = stp_map_pmd(test, buf, 0, 0);
		stm_expect_content(test, addr, 0, buf->nr);
		KUNIT_EXPECT_EQ(test, stp_entry_size(addr), PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, stp_entry_size(addr + PMD_SIZE),
				PAGE_SIZE);
		stm_expect_no_gup(test, addr, 3);
		stm_unmap(test, addr, buf->nr);
		stm_expect_released(test, buf);
	}
#else
	kunit_skip(test, "no CONFIG_ARCH_SUPPORTS_PMD_PFNMAP");
#endif
}

/* A read-only mapping of a huge run stays read-only. */
static void stp_test_huge_readonly(struct kunit *test)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	struct stm_buf *buf = stp_create(test, test->param_value);
	struct stm_entry entry;
	unsigned long addr;

	addr = stm_map_aligned(buf->dmabuf->file, buf->nr, PROT_READ, 0,
			       PMD_SIZE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	stm_expect_content(test, addr, 0, buf->nr);
	KUNIT_ASSERT_EQ(test, stm_peek(addr, &entry), 0);
	KUNIT_EXPECT_EQ(test, entry.size, PMD_SIZE);
	KUNIT_EXPECT_FALSE(test, entry.writable);
	KUNIT_EXPECT_EQ(test, stm_touch(addr, true), -EFAULT);
	stm_unmap(test, addr, buf->nr);
	stm_expect_released(test, buf);
#else
	kunit_skip(test, "no CONFIG_ARCH_SUPPORTS_PMD_PFNMAP");
#endif
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
static void stp_move(struct kunit *test, struct stm_buf *buf,
		     const unsigned int *runs)
{
	struct page **new = stm_alloc_runs(runs, buf->nr);

	KUNIT_ASSERT_NOT_NULL(test, new);
	stm_free_pages(stm_move(buf, new), buf->nr);
}

/* Page @index is where it is now, in an entry of @size. */
static void stp_expect_entry(struct kunit *test, struct stm_buf *buf,
			     unsigned long addr, pgoff_t index,
			     unsigned long size)
{
	struct stm_entry entry;

	KUNIT_ASSERT_EQ(test, stm_peek(addr + index * PAGE_SIZE, &entry), 0);
	KUNIT_EXPECT_EQ(test, entry.pfn, page_to_pfn(buf->pages[index]));
	KUNIT_EXPECT_EQ(test, entry.size, size);
}
#endif

/*
 * Single pages move to huge runs, and back. Zapping leaves the page tables that
 * are there, so where pages were mapped one by one before, they are so again,
 * into the same table, and a huge entry only goes where there was nothing.
 */
static void stp_test_huge_move(struct kunit *test)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	static const struct stm_exporter exps[] = {
		{ "driver", stp_mmap_own, .nr = 2 * HPAGE_PMD_NR },
		{ "fake offset", stp_mmap_start, .nr = 2 * HPAGE_PMD_NR },
	};
	unsigned long addr;
	struct stm_buf *buf;
	int i;

	for (i = 0; i < ARRAY_SIZE(exps); i++) {
		buf = stp_create(test, &exps[i]);
		addr = stp_map_pmd(test, buf, 0, 0);
		stm_expect_content(test, addr, 0, HPAGE_PMD_NR);
		stp_expect_entry(test, buf, addr, 0, PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, stp_entry_size(addr + PMD_SIZE), 0);

		kunit_warning_suppress(test) {
			stp_move(test, buf, stp_pmds);
			KUNIT_EXPECT_EQ(test, stp_entry_size(addr), 0);
			stm_expect_content(test, addr, 0, buf->nr);
			stp_expect_entry(test, buf, addr, 3, PAGE_SIZE);
			stp_expect_entry(test, buf, addr, HPAGE_PMD_NR + 3,
					 PMD_SIZE);

			stp_move(test, buf, NULL);
			stm_expect_content(test, addr, 0, buf->nr);
			stp_expect_entry(test, buf, addr, 3, PAGE_SIZE);
			stp_expect_entry(test, buf, addr, HPAGE_PMD_NR + 3,
					 PAGE_SIZE);
			KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
		}
		stm_expect_no_gup(test, addr, 3);
		stm_unmap(test, addr, buf->nr);
		stm_expect_released(test, buf);
	}
#else
	kunit_skip(test, "no CONFIG_ARCH_SUPPORTS_PMD_PFNMAP");
#endif
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
/*
 * A fault that found no page table, and that comes late: while it waits for the
 * driver's lock, another fault maps the pages, and then the buffer moves. That
 * is all done here, so that no luck is needed.
 */
static vm_fault_t stp_vm_late_fault(struct vm_fault *vmf, unsigned int order)
{
	struct stm_buf *buf = vmf->vma->vm_private_data;
	struct page **next = buf->next;

	if (next && order == HPAGE_PMD_ORDER) {
		buf->next = NULL;
		stp_vm_huge_fault(vmf, order);
		stm_free_pages(stm_move(buf, next), buf->nr);
	}
	return stp_vm_huge_fault(vmf, order);
}

static const struct vm_operations_struct stp_late_vm_ops = {
	.open = stm_vm_open,
	.close = stm_vm_close,
	.fault = stp_vm_fault,
	.huge_fault = stp_vm_late_fault,
};

static int stp_mmap_late(struct stm_buf *buf, struct vm_area_struct *vma)
{
	return stp_install(buf, vma, &stp_late_vm_ops);
}
#endif

/* The run is huge now, but there is a page table already: it has to be used. */
static void stp_test_huge_late(struct kunit *test)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	static const unsigned int runs[] = { HPAGE_PMD_NR, 0 };
	static const struct stm_exporter exp = {
		"late", stp_mmap_late, .nr = HPAGE_PMD_NR,
	};
	struct stm_buf *buf = stp_create(test, &exp);
	unsigned long addr = stp_map_pmd(test, buf, 0, 0);

	buf->next = stm_alloc_runs(runs, buf->nr);
	KUNIT_ASSERT_NOT_NULL(test, buf->next);
	kunit_warning_suppress(test) {
		stm_expect_content(test, addr, 0, buf->nr);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
	KUNIT_EXPECT_NULL_MSG(test, buf->next, "no huge fault");
	stp_expect_entry(test, buf, addr, 3, PAGE_SIZE);
	stm_expect_no_gup(test, addr, 3);
	stm_unmap(test, addr, buf->nr);
	stm_expect_released(test, buf);
#else
	kunit_skip(test, "no CONFIG_ARCH_SUPPORTS_PMD_PFNMAP");
#endif
}

/*
 * Access for debuggers
 */

static int stp_access(unsigned long addr, unsigned long at, void *data, int len,
		      int write)
{
	struct vm_area_struct *vma;
	int ret = -ENXIO;

	mmap_read_lock(current->mm);
	vma = find_vma(current->mm, addr);
	if (vma && vma->vm_ops && vma->vm_ops->access)
		ret = vma->vm_ops->access(vma, at, data, len, write);
	mmap_read_unlock(current->mm);
	return ret;
}

/*
 * A debugger reads and writes what the process would, though get_user_pages()
 * fails: untouched pages too, across pages that are not neighbours in memory,
 * and never beyond the mapping.
 */
static void stp_test_access(struct kunit *test)
{
	struct stm_buf *buf = stp_create(test, test->param_value);
	size_t len = (buf->nr - 1) * PAGE_SIZE;
	u8 *data = kunit_kmalloc(test, len + PAGE_SIZE, GFP_KERNEL);
	unsigned long addr, end;
	u32 val, want;
	pgoff_t i;

	KUNIT_ASSERT_NOT_NULL(test, data);
	addr = stm_map(buf->dmabuf->file, buf->nr - 1, PROT_READ | PROT_WRITE,
		       MAP_SHARED, 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	end = addr + len;

	/* all of it, and not more though more is asked for */
	KUNIT_EXPECT_EQ(test, stp_access(addr, addr, data, len + PAGE_SIZE, 0),
			(int)len);
	for (i = 0; i < buf->nr - 1; i++) {
		memcpy(&val, data + i * PAGE_SIZE, sizeof(val));
		KUNIT_EXPECT_EQ(test, val, stm_pattern(i + 1, 0));
	}

	/* across a page, both ways */
	want = 0x12345678;
	KUNIT_EXPECT_EQ(test, stp_access(addr, addr + PAGE_SIZE - 2, &want,
					 sizeof(want), 1), (int)sizeof(want));
	KUNIT_EXPECT_EQ(test, copy_from_user(&val, (void __user *)
					     (addr + PAGE_SIZE - 2),
					     sizeof(val)), 0);
	KUNIT_EXPECT_EQ(test, val, want);
	want = 0x9abcdef0;
	KUNIT_EXPECT_EQ(test, copy_to_user((void __user *)
					   (addr + PAGE_SIZE - 2), &want,
					   sizeof(want)), 0);
	KUNIT_EXPECT_EQ(test, stp_access(addr, addr + PAGE_SIZE - 2, &val,
					 sizeof(val), 0), (int)sizeof(val));
	KUNIT_EXPECT_EQ(test, val, want);

	/* the end, and beyond both ends */
	KUNIT_EXPECT_EQ(test, stp_access(addr, end - 1, data, 8, 0), 1);
	KUNIT_EXPECT_LT(test, stp_access(addr, end, data, 1, 0), 0);
	KUNIT_EXPECT_LT(test, stp_access(addr, addr - 1, data, 1, 0), 0);
	KUNIT_EXPECT_LT(test, stp_access(addr, addr, data, 0, 0), 1);
	KUNIT_EXPECT_LT(test, stp_access(addr, addr, data, -1, 0), 0);

	/* the right page after a split */
	stm_unmap(test, addr, 1);
	KUNIT_EXPECT_LT(test, stp_access(addr + PAGE_SIZE, addr, data, 4, 0),
			0);
	KUNIT_EXPECT_EQ(test, stp_access(addr + PAGE_SIZE,
					 addr + 2 * PAGE_SIZE, &val,
					 sizeof(val), 0), (int)sizeof(val));
	KUNIT_EXPECT_EQ(test, val, stm_pattern(3, 0));

	/* no page, no access */
	buf->err = -EIO;
	KUNIT_EXPECT_LT(test, stp_access(addr + PAGE_SIZE, addr + PAGE_SIZE,
					 &val, sizeof(val), 0), 0);
	buf->err = 0;
	stm_unmap(test, addr, buf->nr - 1);
	stm_expect_released(test, buf);
}

static const struct stm_exporter stp_accessible[] = {
	{ "array, single pages", stp_mmap_pages, .runs = stp_single },
	{ "array, one run", stp_mmap_pages, .runs = stp_block },
	{ "whole, mixed runs", stp_mmap_whole, .runs = stp_mixed },
	{ "table, mixed runs", stp_mmap_table, .runs = stp_mixed },
	{ "driver, fake offset", stp_mmap_start, .runs = stp_mixed },
};

KUNIT_ARRAY_PARAM_DESC(stp_accessible, stp_accessible, name);

/* A debugger may not write where the process may not. */
static void stp_test_access_readonly(struct kunit *test)
{
	struct stm_buf *buf = stp_create(test, test->param_value);
	unsigned long addr;
	u32 val = 0;

	addr = stm_map(buf->dmabuf->file, buf->nr, PROT_READ, MAP_SHARED, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_EXPECT_LT(test, stp_access(addr, addr, &val, sizeof(val), 1), 0);
	KUNIT_EXPECT_EQ(test, stp_access(addr, addr, &val, sizeof(val), 0),
			(int)sizeof(val));
	KUNIT_EXPECT_EQ(test, val, stm_pattern(0, 0));
	stm_expect_content(test, addr, 0, buf->nr);
	stm_unmap(test, addr, buf->nr);
	stm_expect_released(test, buf);
}

/*
 * dma_buf_pfnmap_mmap() called by a driver for the mmap of its own device node
 */

static int stp_node_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct stm_buf *buf = file->private_data;

	return dma_buf_pfnmap_mmap(buf->dmabuf, vma, &stp_pages_ops);
}

static const struct file_operations stp_node_fops = {
	.owner = THIS_MODULE,
	.mmap = stp_node_mmap,
};

KUNIT_DEFINE_ACTION_WRAPPER(stp_fput, fput, struct file *);

/* Private is refused here as well, and so is a vma that pins another file. */
static void stp_test_node(struct kunit *test)
{
	static const struct stm_exporter exp = {
		"node", stp_mmap_pages, .runs = stp_mixed,
	};
	struct stm_buf *buf = stp_create(test, &exp);
	struct file *file;
	unsigned long addr;

	file = anon_inode_getfile("dma-buf-kunit", &stp_node_fops, buf, O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, stp_fput, file),
			0);

	kunit_warning_suppress(test) {
		addr = stm_map(file, buf->nr, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE, 0);
		KUNIT_EXPECT_EQ(test, (long)addr, -EINVAL);
		addr = stm_map(file, buf->nr, PROT_READ, MAP_PRIVATE, 0);
		KUNIT_EXPECT_EQ(test, (long)addr, -EINVAL);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
		addr = stm_map(file, buf->nr, PROT_READ | PROT_WRITE,
			       MAP_SHARED, 0);
		KUNIT_EXPECT_EQ(test, (long)addr, -EINVAL);
	}
	KUNIT_EXPECT_EQ(test, (long)file_count(file), 1);
	stm_expect_released(test, buf);
}

static struct kunit_case stp_cases[] = {
	KUNIT_CASE_PARAM(stp_test_run_pages, stp_layouts_gen_params),
	KUNIT_CASE_PARAM(stp_test_table, stp_layouts_gen_params),
	KUNIT_CASE(stp_test_table_add),
	KUNIT_CASE_PARAM(stp_test_fault, stp_faulting_gen_params),
	KUNIT_CASE_PARAM(stp_test_lazy, stp_faulting_gen_params),
	KUNIT_CASE_PARAM(stp_test_zap, stp_faulting_gen_params),
	KUNIT_CASE_PARAM(stp_test_find_fails, stp_faulting_gen_params),
	KUNIT_CASE(stp_test_half),
	KUNIT_CASE_PARAM(stp_test_liar, stp_liars_gen_params),
	KUNIT_CASE_PARAM(stp_test_huge, stp_huge_gen_params),
	KUNIT_CASE_PARAM(stp_test_huge_split, stp_huge_gen_params),
	KUNIT_CASE_PARAM(stp_test_huge_offset, stp_huge_gen_params),
	KUNIT_CASE_PARAM(stp_test_huge_readonly, stp_huge_gen_params),
	KUNIT_CASE(stp_test_huge_unfit),
	KUNIT_CASE(stp_test_huge_move),
	KUNIT_CASE(stp_test_huge_late),
	KUNIT_CASE_PARAM(stp_test_access, stp_accessible_gen_params),
	KUNIT_CASE_PARAM(stp_test_access_readonly, stp_accessible_gen_params),
	KUNIT_CASE(stp_test_node),
	KUNIT_CASE_PARAM(stm_test_gup, stp_exporters_gen_params),
	KUNIT_CASE_PARAM(stm_test_gup_fast, stp_exporters_gen_params),
	KUNIT_CASE_PARAM(stm_test_vma, stp_exporters_gen_params),
	KUNIT_CASE_PARAM(stm_test_offset, stp_exporters_gen_params),
	KUNIT_CASE_PARAM(stm_test_split, stp_exporters_gen_params),
	KUNIT_CASE_PARAM(stm_test_write, stp_exporters_gen_params),
	KUNIT_CASE_PARAM(stm_test_lifetime, stp_exporters_gen_params),
	KUNIT_CASE_PARAM(stm_test_private, stp_exporters_gen_params),
	KUNIT_CASE_PARAM(stm_test_move, stp_movable_gen_params),
	{}
};

static struct kunit_suite stp_suite = {
	.name = "dma-buf-pfnmap",
	.test_cases = stp_cases,
};

kunit_test_suite(stp_suite);

MODULE_IMPORT_NS("DMA_BUF");
