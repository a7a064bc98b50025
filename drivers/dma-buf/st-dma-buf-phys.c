// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for dma-bufs that the core maps, by dma_buf_ops.get_phys
 *
 * Which memory a look-up finds, what a fault makes of it, what a debugger gets
 * to see. The exporters also go through the tests of the contract in
 * st-dma-buf-common.c.
 */

#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dma-buf-mmap.h"
#include "st-dma-buf-common.h"

static const unsigned int one[] = { 1, 0 };
static const unsigned int single[] = { 1, 1, 1, 1, 1, 1, 1, 1, 0 };
static const unsigned int block[] = { 8, 0 };
static const unsigned int mixed[] = { 1, 3, 2, 1, 4, 1, 0 };
static const unsigned int many[] = { 3, 64, 5, 60, [4 ... 83] = 1, 55, 0 };

static const unsigned int pmds[] = { PMD_PAGES, PMD_PAGES, 0 };
static const unsigned int big[] = { 2 * PMD_PAGES, 0 };
static const unsigned int odd[] = { 1, 2 * PMD_PAGES - 1, 0 };

/*
 * Exporters
 */

/* Ranges as they are, from page @pgoff on. The others are compared to it. */
static int phys_ranges(struct test_buf *buf, pgoff_t pgoff,
		       struct phys_vec *vec, unsigned int nr)
{
	const unsigned int *ranges = buf->exp->ranges;
	pgoff_t end = *ranges;
	unsigned int i = 0;

	while (end <= pgoff)
		end += *++ranges;
	while (i < nr && pgoff < buf->nr) {
		vec[i].paddr = page_to_phys(buf->pages[pgoff]);
		vec[i].len = (end - pgoff) << PAGE_SHIFT;
		pgoff = end;
		end += *++ranges;
		i++;
	}

	return i;
}

static int one_vec(struct phys_vec *vec, phys_addr_t paddr, pgoff_t nr)
{
	vec->paddr = paddr;
	vec->len = nr << PAGE_SHIFT;

	return 1;
}

/* The memory goes on after the end of the buffer, which the core cuts off. */
static int phys_block(struct test_buf *buf, pgoff_t pgoff,
		      struct phys_vec *vec, unsigned int nr)
{
	return one_vec(vec, page_to_phys(buf->pages[pgoff]), buf->nr + 1 - pgoff);
}

/* Memory that begins in the middle of a huge page. */
static int phys_late(struct test_buf *buf, pgoff_t pgoff,
		     struct phys_vec *vec, unsigned int nr)
{
	return one_vec(vec, page_to_phys(buf->pages[3]) + PFN_PHYS(pgoff),
		       buf->nr - 3 - pgoff);
}

/* An answer that is shorter than it could be is no error. */
static int phys_single(struct test_buf *buf, pgoff_t pgoff,
		       struct phys_vec *vec, unsigned int nr)
{
	return one_vec(vec, page_to_phys(buf->pages[pgoff]), 1);
}

static int phys_pages(struct test_buf *buf, pgoff_t pgoff,
		      struct phys_vec *vec, unsigned int nr)
{
	return dma_buf_phys_from_pages(buf->pages, buf->nr, pgoff, vec, nr);
}

static int phys_table(struct test_buf *buf, pgoff_t pgoff,
		      struct phys_vec *vec, unsigned int nr)
{
	return dma_buf_phys_from_table(buf->table, pgoff, vec, nr);
}

/* wrong: nothing, but no error either */
static int phys_nothing(struct test_buf *buf, pgoff_t pgoff,
			struct phys_vec *vec, unsigned int nr)
{
	return 0;
}

/* wrong: more than there is room for */
static int phys_too_many(struct test_buf *buf, pgoff_t pgoff,
			 struct phys_vec *vec, unsigned int nr)
{
	phys_block(buf, pgoff, vec, nr);

	return nr + 1;
}

/* wrong: a range of no memory */
static int phys_empty(struct test_buf *buf, pgoff_t pgoff,
		      struct phys_vec *vec, unsigned int nr)
{
	return one_vec(vec, page_to_phys(buf->pages[pgoff]), 0);
}

/* wrong: a range that ends within a page */
static int phys_odd(struct test_buf *buf, pgoff_t pgoff,
		    struct phys_vec *vec, unsigned int nr)
{
	phys_single(buf, pgoff, vec, nr);
	vec->len += 512;

	return 1;
}

#define EXP(_name, _ranges, _get_phys, ...) \
	{ _name, .ranges = _ranges, .get_phys = _get_phys, __VA_ARGS__ }
#define EXP_HUGE(_name, _ranges, _get_phys, ...) \
	EXP(_name, _ranges, _get_phys, .needs = NEEDS_PMD, __VA_ARGS__)

static const struct test_exporter exp_ranges = EXP("ranges", mixed, phys_ranges);
static const struct test_exporter exp_table = EXP("table", mixed, phys_table);
static const struct test_exporter exp_pages = EXP("array of pages", mixed, phys_pages);
static const struct test_exporter exp_decrypted =
	EXP("decrypted", mixed, phys_table, .decrypted = true);
static const struct test_exporter exp_huge = EXP_HUGE("table", pmds, phys_table);
static const struct test_exporter exp_late = EXP_HUGE("begins late", big, phys_late);

static const struct test_exporter good[] = {
	EXP("contiguous", block, phys_block),
	EXP("ranges", mixed, phys_ranges),
	EXP("many ranges", many, phys_ranges),
	EXP("ranges of one page", block, phys_single),
	EXP("table", mixed, phys_table),
	EXP("array of pages", single, phys_pages),
	EXP("array of vmalloc pages", NULL, phys_pages, .memory = MEM_VMALLOC),
	EXP("decrypted", mixed, phys_table, .decrypted = true),
	EXP_HUGE("contiguous, huge", big, phys_block),
	EXP_HUGE("table, huge", pmds, phys_table),
	EXP_HUGE("array of pages, huge", pmds, phys_pages),
};

KUNIT_ARRAY_PARAM_DESC(good, good, name);

/*
 * Look-ups without a mapping
 */

/* Any look-up, whatever the room for the answer, finds the buffer's pages. */
static void expect_lookup(struct kunit *test, struct test_buf *buf,
			  pgoff_t pgoff, unsigned int room)
{
	struct phys_vec vec[16], *v = vec;
	int n = buf->exp->get_phys(buf, pgoff, vec, room);

	KUNIT_ASSERT_GE(test, n, 1);
	KUNIT_ASSERT_LE(test, n, (int)room);
	for (; n--; v++) {
		pgoff_t end = min(pgoff + (v->len >> PAGE_SHIFT), buf->nr);
		phys_addr_t paddr = v->paddr;

		KUNIT_EXPECT_GE(test, v->len, PAGE_SIZE);
		KUNIT_EXPECT_TRUE(test, PAGE_ALIGNED(v->len | v->paddr));
		for (; pgoff < end; pgoff++, paddr += PAGE_SIZE)
			KUNIT_EXPECT_EQ(test, paddr, page_to_phys(buf->pages[pgoff]));
	}
}

static void test_lookup(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, test->param_value);

	for (pgoff_t i = 0; i < buf->nr; i++) {
		expect_lookup(test, buf, i, 1);
		expect_lookup(test, buf, i, 3);
		expect_lookup(test, buf, i, 16);
	}
	test_buf_expect_released(test, buf);
}

/* As long as can be: as many ranges as the buffer was made of. */
static void test_lookup_merged(struct kunit *test)
{
	static const struct test_exporter * const exps[] = { &exp_table, &exp_pages };

	for (int i = 0; i < ARRAY_SIZE(exps); i++) {
		struct test_buf *buf = test_buf_create(test, exps[i]);
		struct phys_vec vec[16], want[16];
		int n;

		for (pgoff_t pgoff = 0; pgoff < buf->nr; pgoff++) {
			n = phys_ranges(buf, pgoff, want, 16);
			KUNIT_EXPECT_EQ(test, exps[i]->get_phys(buf, pgoff, vec, 16), n);
			for (int j = 0; j < n; j++) {
				KUNIT_EXPECT_EQ(test, vec[j].paddr, want[j].paddr);
				KUNIT_EXPECT_EQ(test, vec[j].len, want[j].len);
			}
		}
		test_buf_expect_released(test, buf);
	}
}

/* A table has room for so many ranges; memory that continues one needs none. */
static void test_table_add(struct kunit *test)
{
	struct dma_buf_phys_table *table = dma_buf_phys_table_alloc(2);
	const phys_addr_t p = PFN_PHYS(100);
	struct phys_vec vec[3];

	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_EXPECT_EQ(test, dma_buf_phys_table_add(table, p, 4), 0);
	KUNIT_EXPECT_EQ(test, dma_buf_phys_table_add(table, p + PFN_PHYS(4), 4), 0);
	KUNIT_EXPECT_EQ(test, dma_buf_phys_table_add(table, p, 5), 0);
	KUNIT_EXPECT_EQ(test, dma_buf_phys_table_add(table, PFN_PHYS(500), 1), -ENOSPC);
	KUNIT_EXPECT_EQ(test, dma_buf_phys_table_add(table, p + PFN_PHYS(5), 1), 0);

	KUNIT_EXPECT_EQ(test, dma_buf_phys_from_table(table, 7, vec, 3), 2);
	KUNIT_EXPECT_EQ(test, vec[0].paddr, p + PFN_PHYS(7));
	KUNIT_EXPECT_EQ(test, vec[0].len, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vec[1].paddr, p);
	KUNIT_EXPECT_EQ(test, vec[1].len, 6 * PAGE_SIZE);
	kvfree(table);
}

/* An exporter that tells where its memory is cannot map it by itself too. */
static int no_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	return -ENODEV;
}

static void no_release(struct dma_buf *dmabuf)
{
}

static void test_one_operation(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, &exp_ranges);
	/* A dma-buf that should not be there is released after the test. */
	static struct dma_buf_ops ops;
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;

	/* The core sets up the vma before there is one. */
	KUNIT_EXPECT_NULL(test, buf->dmabuf->file->f_op->mmap);
	KUNIT_EXPECT_NOT_NULL(test, buf->dmabuf->file->f_op->mmap_prepare);

	ops = *buf->dmabuf->ops;
	ops.mmap = no_mmap;
	ops.release = no_release;
	info.ops = &ops;
	info.size = PAGE_SIZE;
	info.priv = buf;
	kunit_warning_suppress(test) {
		dmabuf = dma_buf_export(&info);
		KUNIT_EXPECT_EQ(test, PTR_ERR(dmabuf), -EINVAL);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	if (!IS_ERR(dmabuf))
		dma_buf_put(dmabuf);
	test_buf_expect_released(test, buf);
}

/*
 * Faults
 */

static void expect_pte(struct kunit *test, struct test_buf *buf,
		       unsigned long addr, pgoff_t index, bool writable)
{
	struct dma_buf_probe_entry entry;

	entry = test_buf_expect_entry(test, buf, addr, index, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, entry.writable, writable);
	KUNIT_EXPECT_TRUE(test, pte_young(entry.pte));
	KUNIT_EXPECT_EQ(test, entry.dirty, writable);
}

/* Whether one look-up tells all of this. */
static bool one_look_up(const struct test_buf *buf, pgoff_t first, pgoff_t nr)
{
	unsigned int nr_ranges = 0;
	pgoff_t end = 0;

	for (const unsigned int *r = buf->exp->ranges;
	     *r && end < first + nr; r++) {
		end += *r;
		nr_ranges += end > first;
	}

	return nr_ranges <= DMA_BUF_LOOK_UP_RANGES;
}

/*
 * Nothing is looked up or mapped before the first access. One access, to
 * whatever page of whatever part of the buffer, fills the page table as far as
 * the vma goes, and no further. Where one look-up does not tell a quarter of it,
 * it fills that quarter only. A read of a writable vma maps it writable.
 */
static void fault_part(struct kunit *test, struct test_buf *buf, pgoff_t first,
		       pgoff_t nr, pgoff_t touch, bool write)
{
	/* At the begin of a page table, which holds all of it if there is room. */
	unsigned long addr = test_buf_mmap_at(test, buf, write ? RW : PROT_READ,
					      first, 0);
	unsigned long end = addr + nr * PAGE_SIZE;
	pgoff_t all = buf->nr - first;
	pgoff_t begin = ALIGN_DOWN(touch, PMD_PAGES / 4);
	pgoff_t last = min(begin + PMD_PAGES / 4, nr);
	u8 val = 1;

	if (one_look_up(buf, first + begin, last - begin)) {
		begin = ALIGN_DOWN(touch, PMD_PAGES);
		last = min(begin + PMD_PAGES, nr);
	}
	if (nr < all)
		test_munmap(test, end, all - nr);
	KUNIT_EXPECT_EQ(test, atomic_read(&buf->lookups), 0);
	test_buf_expect_entry(test, buf, addr, first, 0);

	KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(addr + touch * PAGE_SIZE, false), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&buf->lookups), 0);
	for (pgoff_t i = begin; i < last; i++)
		expect_pte(test, buf, addr + i * PAGE_SIZE, first + i, write);
	if (last < nr)
		test_buf_expect_entry(test, buf, addr + last * PAGE_SIZE, first + last, 0);
	if (begin)
		test_buf_expect_entry(test, buf, addr + (begin - 1) * PAGE_SIZE,
				      first + begin - 1, 0);
	atomic_set(&buf->lookups, 0);

	EXPECT_CONTENT(test, addr, first, nr);
	if (last - begin == nr)
		KUNIT_EXPECT_EQ(test, atomic_read(&buf->lookups), 0);
	atomic_set(&buf->lookups, 0);

	/* An entry behind the end would be found by whatever comes there. */
	KUNIT_ASSERT_EQ(test, vm_mmap(NULL, end, PAGE_SIZE, PROT_READ,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				      0), end);
	KUNIT_EXPECT_EQ(test, get_user(val, (u8 __user *)end), 0);
	KUNIT_EXPECT_EQ(test, val, 0);
	test_munmap(test, addr, all + 1);
}

static const struct test_exporter faulting[] = {
	EXP("one page", one, phys_pages),
	EXP("contiguous", block, phys_block),
	EXP("ranges", mixed, phys_ranges),
	EXP("ranges of one page", block, phys_single),
	EXP("table", mixed, phys_table),
	EXP("array of pages", single, phys_pages),
	EXP("more ranges than one look-up has room for", many, phys_ranges),
};

KUNIT_ARRAY_PARAM_DESC(faulting, faulting, name);

static void test_fault(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, test->param_value);
	pgoff_t step = buf->nr > 32 ? 37 : 1;

	for (pgoff_t first = 0; first < buf->nr; first += step) {
		pgoff_t nr = buf->nr - first;

		if ((first & 1) && nr > 1)
			nr--;
		for (pgoff_t touch = 0; touch < nr; touch += step)
			fault_part(test, buf, first, nr, touch, touch & 1);
	}
	test_buf_expect_released(test, buf);
}

/* What was zapped comes back, and what is there is left alone. */
static void test_zap(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, test->param_value);
	unsigned long addr = test_buf_mmap_at(test, buf, RW, 0, 0);
	struct page *other, *last = buf->pages[buf->nr - 1];

	other = alloc_page(GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, other);
	EXPECT_CONTENT(test, addr, 0, buf->nr);
	unmap_mapping_range(buf->mapping, 0, PAGE_SIZE, 1);
	test_buf_expect_entry(test, buf, addr, 0, 0);

	/* No exporter may do this; it shows which entries are new. */
	if (buf->exp->get_phys == phys_pages && buf->nr > 1)
		buf->pages[buf->nr - 1] = other;
	KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(addr, false), 0);
	buf->pages[buf->nr - 1] = last;
	__free_page(other);

	for (pgoff_t i = 0; i < buf->nr; i++)
		expect_pte(test, buf, addr + i * PAGE_SIZE, i, true);
	EXPECT_CONTRACT(test, buf, addr, 0, buf->nr);
	test_buf_done(test, buf, addr);
}

static int fixup(unsigned long addr)
{
	guard(mmap_read_lock)(current->mm);

	return fixup_user_fault(current->mm, addr, 0, NULL);
}

/* The error of get_phys is what the fault ends with. */
static void test_error(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, test->param_value);
	unsigned long addr = test_buf_mmap_at(test, buf, RW, 0, 0);

	buf->err = -EIO;
	KUNIT_EXPECT_EQ(test, fixup(addr), -EFAULT);
	KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(addr, false), -EFAULT);
	KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(addr, true), -EFAULT);
	buf->err = -ENOMEM;
	KUNIT_EXPECT_EQ(test, fixup(addr), -ENOMEM);
	buf->err = 0;
	KUNIT_EXPECT_EQ(test, fixup(addr), 0);
	EXPECT_CONTENT(test, addr, 0, buf->nr);
	test_buf_done(test, buf, addr);
}

static const struct test_exporter liars[] = {
	EXP("no range", block, phys_nothing),
	EXP("more ranges than asked for", block, phys_too_many),
	EXP("more ranges than asked for, huge", big, phys_too_many),
	EXP("empty range", block, phys_empty),
	EXP("empty range, huge", big, phys_empty),
	EXP("range that ends within a page", block, phys_odd),
};

KUNIT_ARRAY_PARAM_DESC(liars, liars, name);

/* An answer that cannot be maps nothing at all. */
static void test_liar(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, test->param_value);
	unsigned long addr = test_buf_mmap_at(test, buf, RW, 0, 0);

	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, fixup(addr), -EFAULT);
		for (pgoff_t i = 0; i < TEST_PAGES; i++)
			KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(addr + i * PAGE_SIZE, i & 1),
					-EFAULT);
	}
	for (pgoff_t i = 0; i < buf->nr; i++)
		test_buf_expect_entry(test, buf, addr + i * PAGE_SIZE, i, 0);
	test_buf_done(test, buf, addr);
}

/*
 * Huge entries
 */

/* Which part of a buffer at which address gets huge entries where. */
static const struct huge {
	struct test_exporter exp;
	pgoff_t first;		/* page that the mapping begins with */
	unsigned long offset;	/* of its address, modulo PMD_SIZE */
	bool readonly;
	bool huge[2];		/* for each PMD_SIZE of address space */
} huges[] = {
	{ EXP_HUGE("contiguous", big, phys_block), .huge = { true, true } },
	{ EXP_HUGE("ranges", pmds, phys_ranges), .huge = { true, true } },
	{ EXP_HUGE("table", pmds, phys_table), .huge = { true, true } },
	{ EXP_HUGE("array of pages", pmds, phys_pages), .huge = { true, true } },
	{ EXP_HUGE("read-only vma", pmds, phys_ranges),
	  .readonly = true, .huge = { true, true } },
	{ EXP_HUGE("second half", big, phys_block),
	  .first = PMD_PAGES, .huge = { true } },
	{ EXP_HUGE("address goes with the offset", pmds, phys_table),
	  .first = 3, .offset = 3 * PAGE_SIZE, .huge = { false, true } },
	{ EXP_HUGE("address does not", pmds, phys_table), .offset = PAGE_SIZE },
	{ EXP_HUGE("offset does not", pmds, phys_table), .first = 1 },
	{ EXP_HUGE("pfns do not", odd, phys_ranges) },
	{ EXP_HUGE("pages do not", odd, phys_pages) },
	{ EXP_HUGE("ranges of one page", pmds, phys_single) },
	{ EXP_HUGE("decrypted", pmds, phys_table, .decrypted = true) },
};

KUNIT_ARRAY_PARAM_DESC(huges, huges, exp.name);

/*
 * One fault, one entry, where memory, vma and address allow it: writable from
 * the start if the vma is, whatever the access.
 */
static void test_huge(struct kunit *test)
{
	const struct huge *h = test->param_value;
	struct test_buf *buf = test_buf_create(test, &h->exp);
	struct dma_buf_probe_entry entry;
	unsigned long addr, at, end;

	addr = test_buf_mmap_at(test, buf, h->readonly ? PROT_READ : RW,
				h->first, h->offset);
	end = addr + (buf->nr - h->first) * PAGE_SIZE;
	at = ALIGN_DOWN(addr, PMD_SIZE);
	for (int i = 0; i < 2 && at < end; i++, at += PMD_SIZE) {
		unsigned long touch = max(at, addr) + 5 * PAGE_SIZE;
		pgoff_t index = h->first + ((touch - addr) >> PAGE_SHIFT);

		atomic_set(&buf->lookups, 0);
		KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(touch, false), 0);
		entry = test_buf_expect_entry(test, buf, touch, index,
					      h->huge[i] ? PMD_SIZE : PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, entry.writable, !h->readonly);
		KUNIT_EXPECT_EQ(test, entry.dirty, !h->readonly);
		if (h->huge[i])
			KUNIT_EXPECT_EQ(test, atomic_read(&buf->lookups), 1);
	}
	KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(addr, true), h->readonly ? -EFAULT : 0);
	EXPECT_CONTRACT(test, buf, addr, h->first, (end - addr) >> PAGE_SHIFT);
	test_buf_done(test, buf, addr);
}

/* Without a hint, a mapping lies where huge entries fit the memory. */
static void test_huge_address(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, &exp_late);
	struct dma_buf_probe_entry entry;
	unsigned long addr;

	addr = test_mmap(buf->file, buf->nr, RW, MAP_SHARED, 0);
	ASSERT_MAPPED(test, addr);
	KUNIT_EXPECT_EQ(test, addr % PMD_SIZE, page_to_phys(buf->pages[3]) % PMD_SIZE);
	KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(addr + PMD_SIZE, false), 0);
	KUNIT_ASSERT_EQ(test, dma_buf_probe_entry(addr + PMD_SIZE, &entry), 0);
	KUNIT_EXPECT_EQ(test, entry.size, PMD_SIZE);
	test_munmap(test, addr, buf->nr);

	/* No exporter is asked for what it does not have. */
	atomic_set(&buf->lookups, 0);
	addr = test_mmap(buf->file, PMD_PAGES, RW, MAP_SHARED, buf->nr);
	KUNIT_EXPECT_EQ(test, (long)addr, -EINVAL);
	KUNIT_EXPECT_EQ(test, atomic_read(&buf->lookups), 0);
	test_buf_expect_released(test, buf);
}

/* An address that is asked for is taken, with no more room there than it needs. */
static void test_huge_address_hint(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, &exp_late);
	unsigned long size = buf->nr * PAGE_SIZE;
	unsigned long area, hole, addr;

	area = vm_mmap(NULL, 0, size + 2 * PAGE_SIZE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	ASSERT_MAPPED(test, area);
	hole = area + PAGE_SIZE;
	test_munmap(test, hole, buf->nr);
	addr = vm_mmap(buf->file, hole, size, RW, MAP_SHARED, 0);
	KUNIT_EXPECT_EQ(test, addr, hole);
	KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(addr, true), 0);
	test_munmap(test, addr, buf->nr);
	test_munmap(test, area, buf->nr + 2);
	test_buf_expect_released(test, buf);
}

/* A huge entry that is cut goes, and what is left of it comes back as ptes. */
static void test_huge_split(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, &exp_huge);
	unsigned long addr = test_buf_mmap_at(test, buf, RW, 0, 0);
	unsigned long cut = addr + 7 * PAGE_SIZE;

	EXPECT_CONTENT(test, addr, 0, buf->nr);
	test_munmap(test, cut, 1);
	KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(cut, false), -EFAULT);
	EXPECT_CONTRACT(test, buf, addr, 0, 7);
	EXPECT_CONTRACT(test, buf, cut + PAGE_SIZE, 8, buf->nr - 8);
	test_buf_expect_entry(test, buf, addr, 0, PAGE_SIZE);
	test_buf_expect_entry(test, buf, addr + PMD_SIZE, PMD_PAGES, PMD_SIZE);
	test_buf_done(test, buf, addr);
}

/* A page table that is there already is filled. */
static void test_huge_table_there(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, &exp_huge);
	unsigned long addr = test_buf_mmap_at(test, buf, RW, 0, 0);

	/* The rest of the pmd is another vma, until it is mapped again. */
	test_munmap(test, addr, 1);
	EXPECT_CONTENT(test, addr + PAGE_SIZE, 1, 1);
	KUNIT_ASSERT_EQ(test, addr, vm_mmap(buf->file, addr, PMD_SIZE, RW,
					    MAP_SHARED | MAP_FIXED, 0));
	EXPECT_CONTRACT(test, buf, addr, 0, buf->nr);
	test_buf_done(test, buf, addr);
}

/* Memory that is shared with the hypervisor is mapped as such. */
static void test_decrypted(struct kunit *test)
{
	struct dma_buf_probe_entry entry;
	struct test_buf *buf = test_buf_create(test, &exp_decrypted);
	unsigned long addr = test_buf_mmap_at(test, buf, PROT_READ, 0, 0);
	pgprot_t prot = __pgprot(0);
	u64 want, mask;

	EXPECT_CONTENT(test, addr, 0, buf->nr);
	scoped_guard(mmap_read_lock, current->mm)
		prot = vma_lookup(current->mm, addr)->vm_page_prot;
	want = pgprot_val(pgprot_decrypted(prot));
	mask = want ^ pgprot_val(prot);
	KUNIT_ASSERT_EQ(test, dma_buf_probe_entry(addr + 3 * PAGE_SIZE, &entry), 0);
	KUNIT_EXPECT_EQ(test, pte_val(entry.pte) & mask, want & mask);
	test_buf_done(test, buf, addr);
}

/*
 * Access for debuggers
 */

static int access(unsigned long addr, void *data, int len, int write)
{
	struct vm_area_struct *vma;

	guard(mmap_read_lock)(current->mm);
	vma = vma_lookup(current->mm, addr);
	if (!vma || !vma->vm_ops || !vma->vm_ops->access)
		return -ENXIO;

	return vma->vm_ops->access(vma, addr, data, len, write);
}

/*
 * A debugger reads and writes what the process would, though get_user_pages()
 * fails: untouched pages too, in pieces of a page, and never beyond the vma.
 */
static void test_access(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, test->param_value);
	void *data = kunit_kmalloc(test, 2 * PAGE_SIZE, GFP_KERNEL);
	unsigned long addr, end;
	u32 val, want = 0x12345678;
	u32 __user *uaddr;

	KUNIT_ASSERT_NOT_NULL(test, data);
	addr = test_mmap(buf->file, buf->nr - 1, RW, MAP_SHARED, 1);
	ASSERT_MAPPED(test, addr);
	end = addr + (buf->nr - 1) * PAGE_SIZE;
	uaddr = (u32 __user *)(addr + 64);

	test_buf_expect_entry(test, buf, addr, 1, 0);
	for (unsigned long at = addr; at < end; at += PAGE_SIZE) {
		KUNIT_EXPECT_EQ(test, access(at, data, 2 * PAGE_SIZE, 0), (int)PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, get_user(val, (u32 __user *)at), 0);
		KUNIT_EXPECT_EQ(test, val, *(u32 *)data);
	}

	KUNIT_EXPECT_EQ(test, access(addr + 64, &want, 4, 1), 4);
	KUNIT_EXPECT_EQ(test, get_user(val, uaddr), 0);
	KUNIT_EXPECT_EQ(test, val, want);
	KUNIT_EXPECT_EQ(test, put_user(~want, uaddr), 0);
	KUNIT_EXPECT_EQ(test, access(addr + 64, &val, 4, 0), 4);
	KUNIT_EXPECT_EQ(test, val, ~want);

	/* the last bytes of a page, and of the vma */
	KUNIT_EXPECT_EQ(test, access(addr + PAGE_SIZE - 2, &val, 4, 0), 2);
	KUNIT_EXPECT_EQ(test, access(end - 1, data, 8, 0), 1);

	/* broken memory is left alone */
	SetPageHWPoison(buf->pages[3]);
	KUNIT_EXPECT_EQ(test, access(addr + 2 * PAGE_SIZE, data, 4, 0),
			IS_ENABLED(CONFIG_MEMORY_FAILURE) ? -EHWPOISON : 4);
	ClearPageHWPoison(buf->pages[3]);

	/* and so is RAM that is not the exporter's to map */
	SetPageReserved(buf->pages[3]);
	KUNIT_EXPECT_EQ(test, access(addr + 2 * PAGE_SIZE, data, 4, 0), -EIO);
	ClearPageReserved(buf->pages[3]);

	/* the right page after a split */
	test_munmap(test, addr, 1);
	KUNIT_EXPECT_EQ(test, access(addr + 2 * PAGE_SIZE, data, PAGE_SIZE, 0), (int)PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(addr + 2 * PAGE_SIZE, false), 0);
	EXPECT_CONTRACT(test, buf, addr + PAGE_SIZE, 2, buf->nr - 2);

	/* no page, no access */
	unmap_mapping_range(buf->mapping, 0, 0, 1);
	buf->err = -EIO;
	KUNIT_EXPECT_LT(test, access(addr + PAGE_SIZE, &val, 4, 0), 0);
	buf->err = 0;
	test_munmap(test, addr, buf->nr - 1);
	test_buf_expect_released(test, buf);
}

/* A debugger may read what could be made readable, and writes no more. */
static void test_access_rights(struct kunit *test)
{
	static const struct {
		unsigned long prot;
		unsigned long flags;
		int writes;
	} vmas[] = {
		{ RW, MAP_SHARED, 4 },
		{ PROT_READ, MAP_SHARED, -EFAULT },
		{ PROT_READ, MAP_PRIVATE, -EFAULT },
		{ PROT_NONE, MAP_SHARED, -EFAULT },
		{ PROT_NONE, MAP_PRIVATE, -EFAULT },
	};
	struct test_buf *buf = test_buf_create(test, test->param_value);

	for (int i = 0; i < ARRAY_SIZE(vmas); i++) {
		unsigned long addr = test_mmap(buf->file, buf->nr,
					       vmas[i].prot, vmas[i].flags, 0);
		u32 val = 0, want = 17;

		ASSERT_MAPPED(test, addr);
		/* The mm warns of a fault that the vma does not allow. */
		kunit_warning_suppress(test) {
			KUNIT_EXPECT_EQ_MSG(test, access(addr + 64, &want, 4, 1),
					    vmas[i].writes, "vma %d", i);
			KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
		}
		KUNIT_EXPECT_EQ_MSG(test, access(addr, &val, 4, 0), 4, "vma %d", i);
		KUNIT_EXPECT_NE(test, val, 0);
		/* The process still cannot. (UML reads whatever is present.) */
		if (vmas[i].prot || !IS_ENABLED(CONFIG_UML))
			KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(addr, false),
					vmas[i].prot ? 0 : -EFAULT);
		test_munmap(test, addr, buf->nr);
	}
	test_buf_expect_released(test, buf);
}

/* After mprotect() there may be entries that are still read-only. */
static void test_access_read_only_entry(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, &exp_ranges);
	unsigned long addr = test_buf_mmap_at(test, buf, PROT_READ, 0, 0);
	struct vm_area_struct *vma;
	u32 val = 17;

	KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(addr, false), 0);
	expect_pte(test, buf, addr, 0, false);
	mmap_write_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	vm_flags_set(vma, VM_WRITE);
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
	mmap_write_unlock(current->mm);
	KUNIT_EXPECT_EQ(test, access(addr, &val, 4, 1), 4);
	expect_pte(test, buf, addr, 0, true);
	test_buf_done(test, buf, addr);
}

/* Drivers have it in vm_ops of their own, for whatever vma. */
static void test_access_other_vma(struct kunit *test)
{
	static const vm_flags_t flags[] = {
		VM_SHARED | VM_READ | VM_MAYREAD,
		VM_SHARED | VM_READ | VM_MAYREAD | VM_PFNMAP | VM_MIXEDMAP,
		VM_READ | VM_MAYREAD | VM_MAYWRITE | VM_PFNMAP,
	};

	for (int i = 0; i < ARRAY_SIZE(flags); i++) {
		struct vm_area_struct vma = { };
		u32 val;

		vm_flags_init(&vma, flags[i]);
		KUNIT_EXPECT_EQ_MSG(test, dma_buf_vm_access(&vma, 0, &val, 4, 0),
				    -EINVAL, "vma %d", i);
	}
}

static struct kunit_case phys_cases[] = {
	KUNIT_CASE_PARAM(test_lookup, faulting_gen_params),
	KUNIT_CASE(test_lookup_merged),
	KUNIT_CASE(test_table_add),
	KUNIT_CASE(test_one_operation),
	KUNIT_CASE_PARAM(test_fault, faulting_gen_params),
	KUNIT_CASE_PARAM(test_zap, faulting_gen_params),
	KUNIT_CASE_PARAM(test_error, faulting_gen_params),
	KUNIT_CASE_PARAM(test_liar, liars_gen_params),
	KUNIT_CASE_PARAM(test_huge, huges_gen_params),
	KUNIT_CASE(test_huge_address),
	KUNIT_CASE(test_huge_address_hint),
	KUNIT_CASE(test_huge_split),
	KUNIT_CASE(test_huge_table_there),
	KUNIT_CASE(test_decrypted),
	KUNIT_CASE_PARAM(test_access, good_gen_params),
	KUNIT_CASE_PARAM(test_access_rights, good_gen_params),
	KUNIT_CASE(test_access_read_only_entry),
	KUNIT_CASE(test_access_other_vma),
	KUNIT_CASE_PARAM(test_buf_contract, good_gen_params),
	KUNIT_CASE_PARAM(test_buf_offset, good_gen_params),
	KUNIT_CASE_PARAM(test_buf_split, good_gen_params),
	KUNIT_CASE_PARAM(test_buf_private, good_gen_params),
	KUNIT_CASE_PARAM(test_buf_lifetime, good_gen_params),
	KUNIT_CASE_PARAM(test_buf_populate, good_gen_params),
	{}
};

static struct kunit_suite phys_suite = {
	.name = "dma-buf-phys",
	.test_cases = phys_cases,
};

kunit_test_suite(phys_suite);

MODULE_IMPORT_NS("DMA_BUF");
