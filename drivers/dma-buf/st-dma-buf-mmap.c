// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for the contract of a mapping of a dma-buf
 *
 * Each fake exporter is one way to write dma_buf_ops.mmap, right or wrong, as a
 * row of a table. It is mapped into a real address space, through the file of
 * the dma_buf and through that of an importer. A right one has to work, and
 * must give no reference to a page to anybody. A wrong one has to be refused,
 * by mmap() or by the fault that would map a normal page, and must leave
 * nothing behind.
 */

#include <linux/cleanup.h>
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/huge_mm.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>
#include <linux/tracepoint.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include <trace/events/dma_buf.h>

#include "st-dma-buf-common.h"

/*
 * What exporters do to map their pages
 */

static struct page *vma_page(struct test_buf *buf, struct vm_area_struct *vma,
			     pgoff_t i)
{
	return buf->pages[vma->vm_pgoff + i];
}

static int map_remap(struct test_buf *buf, struct vm_area_struct *vma,
		     pgoff_t first, pgoff_t nr)
{
	int ret = 0;

	for (pgoff_t i = first; !ret && i < first + nr; i++)
		ret = remap_pfn_range(vma, vma->vm_start + i * PAGE_SIZE,
				      page_to_pfn(vma_page(buf, vma, i)),
				      PAGE_SIZE, vma->vm_page_prot);

	return ret;
}

/* For a buffer of one range. */
static int map_remap_once(struct test_buf *buf, struct vm_area_struct *vma,
			  pgoff_t first, pgoff_t nr)
{
	return remap_pfn_range(vma, vma->vm_start,
			       page_to_pfn(vma_page(buf, vma, 0)),
			       nr * PAGE_SIZE, vma->vm_page_prot);
}

/* wrong: the whole buffer, whatever the vma asks for */
static int map_beyond(struct test_buf *buf, struct vm_area_struct *vma,
		      pgoff_t first, pgoff_t nr)
{
	return remap_pfn_range(vma, vma->vm_start, page_to_pfn(buf->pages[0]),
			       (buf->nr + 1) * PAGE_SIZE, vma->vm_page_prot);
}

/* Part by part, with vm_start moved for each and restored in the end. */
static int map_in_parts(struct test_buf *buf, struct vm_area_struct *vma,
			pgoff_t first, pgoff_t nr)
{
	const unsigned long start = vma->vm_start;
	int ret = 0;

	for (pgoff_t i = first; !ret && i < first + nr; i++) {
		ret = remap_pfn_range(vma, vma->vm_start,
				      page_to_pfn(vma_page(buf, vma, i)),
				      PAGE_SIZE, vma->vm_page_prot);
		vma->vm_start += PAGE_SIZE;
	}
	vma->vm_start = start;

	return ret;
}

static int map_pages_range(struct test_buf *buf, struct vm_area_struct *vma,
			   pgoff_t first, pgoff_t nr)
{
	return remap_pages_range(vma, buf->pages, buf->nr);
}

static int map_insert_pfns(struct test_buf *buf, struct vm_area_struct *vma,
			   pgoff_t first, pgoff_t nr)
{
	for (pgoff_t i = first; i < first + nr; i++)
		if (vmf_insert_pfn(vma, vma->vm_start + i * PAGE_SIZE,
				   page_to_pfn(vma_page(buf, vma, i))) !=
		    VM_FAULT_NOPAGE)
			return -EINVAL;

	return 0;
}

/* wrong: normal pages, unless the vma is VM_PFNMAP and they are refused */
static int map_normal(struct test_buf *buf, struct vm_area_struct *vma,
		      pgoff_t first, pgoff_t nr)
{
	int ret = 0;

	for (pgoff_t i = first; !ret && i < first + nr; i++)
		ret = vm_insert_page(vma, vma->vm_start + i * PAGE_SIZE,
				     vma_page(buf, vma, i));

	return ret;
}

static int map_normal_batch(struct test_buf *buf, struct vm_area_struct *vma,
			    pgoff_t first, pgoff_t nr)
{
	return vm_insert_pages(vma, vma->vm_start, buf->pages + vma->vm_pgoff,
			       &nr);
}

static int map_normal_array(struct test_buf *buf, struct vm_area_struct *vma,
			    pgoff_t first, pgoff_t nr)
{
	return vm_map_pages(vma, buf->pages, buf->nr);
}

static int map_vmalloc(struct test_buf *buf, struct vm_area_struct *vma,
		       pgoff_t first, pgoff_t nr)
{
	return remap_vmalloc_range(vma, buf->vaddr, vma->vm_pgoff);
}

/* One entry of many is a normal one. */
static int map_normal_last(struct test_buf *buf, struct vm_area_struct *vma,
			   pgoff_t first, pgoff_t nr)
{
	int ret = map_normal(buf, vma, nr - 1, 1);

	vm_flags_mod(vma, VM_PFNMAP, VM_MIXEDMAP);

	return ret ?: map_remap(buf, vma, 0, nr - 1);
}

/* The flags of the vma never change, those of a copy do. */
static int map_normal_copy(struct test_buf *buf, struct vm_area_struct *vma,
			   pgoff_t first, pgoff_t nr)
{
	struct vm_area_struct copy = *vma;

	vm_flags_mod(&copy, VM_MIXEDMAP, VM_PFNMAP);

	return map_normal(buf, &copy, first, nr);
}

/* Page by page, with vm_start moved; the flags change for the last one. */
static int map_normal_part(struct test_buf *buf, struct vm_area_struct *vma,
			   pgoff_t first, pgoff_t nr)
{
	const unsigned long start = vma->vm_start;
	struct page *page = vma_page(buf, vma, nr - 1);
	int ret = map_in_parts(buf, vma, 0, nr - 1);

	if (ret)
		return ret;

	vma->vm_start += (nr - 1) * PAGE_SIZE;
	vm_flags_mod(vma, VM_MIXEDMAP, VM_PFNMAP);
	ret = vm_insert_page(vma, vma->vm_start, page);
	vm_flags_mod(vma, VM_PFNMAP, VM_MIXEDMAP);
	vma->vm_start = start;

	return ret;
}

struct moved_pte {
	struct mm_struct *mm;
	pte_t pte;
};

static int take_pte(pte_t *pte, unsigned long addr, void *data)
{
	struct moved_pte *moved = data;

	moved->pte = ptep_get_and_clear(moved->mm, addr, pte);

	return 0;
}

static int put_pte(pte_t *pte, unsigned long addr, void *data)
{
	struct moved_pte *moved = data;

	set_pte_at(moved->mm, addr, pte, moved->pte);

	return 0;
}

/*
 * apply_to_page_range() writes any entry. That of a normal page, which has all
 * its counters right, replaces a special one.
 */
static int map_normal_raw(struct test_buf *buf, struct vm_area_struct *vma,
			  pgoff_t first, pgoff_t nr)
{
	unsigned long last = vma->vm_start + (nr - 1) * PAGE_SIZE;
	struct moved_pte moved = { .mm = vma->vm_mm };
	int ret = map_normal_copy(buf, vma, 0, 1);

	if (!ret)
		ret = apply_to_page_range(vma->vm_mm, vma->vm_start, PAGE_SIZE,
					  take_pte, &moved);
	if (!ret)
		ret = apply_to_page_range(vma->vm_mm, last, PAGE_SIZE, put_pte,
					  &moved);

	return ret ?: map_remap(buf, vma, 0, nr - 1);
}

/*
 * A huge entry in mmap, where no fault has made the table that it goes into:
 * single entries for the first half of the vma, which has the size of two huge
 * entries and is aligned to it, bring that table about.
 */
static int insert_huge(struct test_buf *buf, struct vm_area_struct *vma,
		       bool folio)
{
	unsigned long addr = vma->vm_start + PMD_SIZE;
	struct page *page = vma_page(buf, vma, PMD_PAGES);
	struct vm_fault vmf = {
		.vma = vma,
		.address = addr,
		.pgoff = vma->vm_pgoff + PMD_PAGES,
		.pmd = pmd_off(vma->vm_mm, addr),
	};
	vm_fault_t ret;

	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		return -EOPNOTSUPP;
	if (folio)
		ret = vmf_insert_folio_pmd(&vmf, page_folio(page), true);
	else
		ret = vmf_insert_pfn_pmd(&vmf, page_to_pfn(page), true);

	return ret == VM_FAULT_NOPAGE ? 0 : -ENOMEM;
}

static int map_huge(struct test_buf *buf, struct vm_area_struct *vma,
		    pgoff_t first, pgoff_t nr)
{
	return map_remap(buf, vma, 0, PMD_PAGES) ?:
	       insert_huge(buf, vma, false);
}

static int map_normal_huge(struct test_buf *buf, struct vm_area_struct *vma,
			   pgoff_t first, pgoff_t nr)
{
	int ret = map_remap(buf, vma, 0, 1);

	vm_flags_mod(vma, VM_MIXEDMAP, VM_PFNMAP);

	return ret ?: insert_huge(buf, vma, true);
}

static int map_other_file(struct test_buf *buf, struct vm_area_struct *vma,
			  pgoff_t first, pgoff_t nr)
{
	struct file *file;

	file = shmem_file_setup("dma-buf-kunit-other", buf->nr * PAGE_SIZE,
				mk_vma_flags(VMA_NORESERVE_BIT));
	if (IS_ERR(file))
		return PTR_ERR(file);
	vma_set_file(vma, file);
	fput(file);

	return 0;
}

/*
 * What exporters do at fault time
 */

/* The page of the buffer, or NULL beyond its end. */
static struct page *fault_page(struct vm_fault *vmf)
{
	struct test_buf *buf = vmf->vma->vm_private_data;
	pgoff_t pgoff = vmf->pgoff - buf->start;

	return pgoff < buf->nr ? buf->pages[pgoff] : NULL;
}

static vm_fault_t fault_pfn(struct vm_fault *vmf)
{
	struct test_buf *buf = vmf->vma->vm_private_data;

	guard(mutex)(&buf->lock);
	if (!fault_page(vmf))
		return VM_FAULT_SIGBUS;

	return vmf_insert_pfn(vmf->vma, vmf->address,
			      page_to_pfn(fault_page(vmf)));
}

/* Sixteen pages around the fault, as far as the vma and the buffer go. */
static vm_fault_t insert_pfns(struct vm_fault *vmf)
{
	unsigned long addr = ALIGN_DOWN(vmf->address, 16 * PAGE_SIZE);
	struct vm_area_struct *vma = vmf->vma;
	struct test_buf *buf = vma->vm_private_data;
	unsigned long pfns[16];
	unsigned int n = 0;
	pgoff_t pgoff;

	addr = max(addr, vma->vm_start);
	pgoff = linear_page_index(vma, addr) - buf->start;
	while (n < ARRAY_SIZE(pfns) && pgoff + n < buf->nr &&
	       addr + n * PAGE_SIZE < vma->vm_end) {
		pfns[n] = page_to_pfn(buf->pages[pgoff + n]);
		n++;
	}

	return vmf_insert_pfns(vmf, addr, pfns, n, vma->vm_page_prot);
}

static vm_fault_t fault_pfns(struct vm_fault *vmf)
{
	struct test_buf *buf = vmf->vma->vm_private_data;

	guard(mutex)(&buf->lock);

	return fault_page(vmf) ? insert_pfns(vmf) : VM_FAULT_SIGBUS;
}

/* The first page of those that the pmd may hold in one entry, or NULL. */
static struct page *huge_page(struct vm_fault *vmf, unsigned int order)
{
	struct test_buf *buf = vmf->vma->vm_private_data;
	unsigned long haddr = ALIGN_DOWN(vmf->address, PMD_SIZE);
	pgoff_t pgoff = vmf->pgoff - buf->start;
	pgoff_t index = ALIGN_DOWN(pgoff, PMD_PAGES);

	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP) ||
	    order != get_order(PMD_SIZE) ||
	    !range_in_vma(vmf->vma, haddr, haddr + PMD_SIZE) ||
	    pgoff - index != (vmf->address - haddr) >> PAGE_SHIFT ||
	    index + PMD_PAGES > buf->nr ||
	    !IS_ALIGNED(page_to_pfn(buf->pages[index]), PMD_PAGES))
		return NULL;

	return buf->pages[index];
}

static vm_fault_t huge_fault_pfn(struct vm_fault *vmf, unsigned int order)
{
	struct test_buf *buf = vmf->vma->vm_private_data;
	struct page *page;

	guard(mutex)(&buf->lock);
	page = huge_page(vmf, order);
	if (!page)
		return VM_FAULT_FALLBACK;

	return vmf_insert_pfn_pmd(vmf, page_to_pfn(page),
				  vmf->vma->vm_flags & VM_WRITE);
}

/* wrong: the page is refcounted and mapped like one of a file */
static vm_fault_t fault_normal(struct vm_fault *vmf)
{
	vmf->page = fault_page(vmf);
	if (!vmf->page)
		return VM_FAULT_SIGBUS;
	get_page(vmf->page);

	return 0;
}

static vm_fault_t fault_insert_page(struct vm_fault *vmf)
{
	return vmf_insert_page(vmf->vma, vmf->address, fault_page(vmf));
}

static vm_fault_t fault_mkwrite(struct vm_fault *vmf)
{
	return vmf_insert_page_mkwrite(vmf, fault_page(vmf),
				       vmf->flags & FAULT_FLAG_WRITE);
}

static vm_fault_t huge_fault_folio(struct vm_fault *vmf, unsigned int order)
{
	struct page *page = huge_page(vmf, order);

	if (!page)
		return VM_FAULT_FALLBACK;

	return vmf_insert_folio_pmd(vmf, page_folio(page),
				    vmf->flags & FAULT_FLAG_WRITE);
}

static vm_fault_t fault_none(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

#define VM_OPS(_name, ...)						\
static const struct vm_operations_struct _name = {			\
	.open = test_vm_open,						\
	.close = test_vm_close,						\
	.access = dma_buf_vm_access,					\
	__VA_ARGS__							\
}

VM_OPS(eager_ops);
VM_OPS(pfn_ops, .fault = fault_pfn);
VM_OPS(pfns_ops, .fault = fault_pfns);
VM_OPS(huge_pfn_ops, .fault = fault_pfns, .huge_fault = huge_fault_pfn);
VM_OPS(normal_ops, .fault = fault_normal);
VM_OPS(insert_page_ops, .fault = fault_insert_page);
VM_OPS(mkwrite_ops, .fault = fault_mkwrite);
VM_OPS(filemap_ops, .fault = fault_none, .map_pages = filemap_map_pages);
VM_OPS(huge_folio_ops, .fault = fault_none, .huge_fault = huge_fault_folio);

#ifdef CONFIG_FIND_NORMAL_PAGE
static struct page *find_normal_page(struct vm_area_struct *vma,
				     unsigned long addr)
{
	return NULL;
}

VM_OPS(find_normal_ops, .find_normal_page = find_normal_page);
#define FIND_NORMAL_OPS	(&find_normal_ops)
#else
#define FIND_NORMAL_OPS	NULL
#endif

/*
 * A fault that found no page table, and that comes late: while it waits for the
 * exporter's lock, another fault maps the pages, and then the buffer moves. All
 * of that is done here, so that no luck is needed.
 */
static struct page **move_pages(struct test_buf *buf, struct page **new);

static vm_fault_t huge_fault_late(struct vm_fault *vmf, unsigned int order)
{
	struct test_buf *buf = vmf->vma->vm_private_data;
	struct page **next = buf->next;

	if (next && order) {
		buf->next = NULL;
		if (fault_pfns(vmf) != VM_FAULT_NOPAGE)
			return VM_FAULT_SIGBUS;
		test_buf_free_pages(move_pages(buf, next), buf->nr);
	}

	return huge_fault_pfn(vmf, order);
}

VM_OPS(huge_late_ops, .fault = fault_pfns, .huge_fault = huge_fault_late);

/*
 * Exporters that keep the contract
 */

static const unsigned int one_range[] = { TEST_PAGES, 0 };
static const unsigned int some_ranges[] = { 1, 3, 2, 1, 1, 0 };
static const unsigned int huge_ranges[] = { PMD_PAGES, PMD_PAGES, 0 };

static const struct test_exporter good[] = {
	{ "vmf_insert_pfn in fault", .vm_ops = &pfn_ops },
	{ "vmf_insert_pfn in mmap and in fault",
	  .map = map_insert_pfns, .half = true, .vm_ops = &pfn_ops },
	{ "vmf_insert_pfn of vmalloc", MEM_VMALLOC, .vm_ops = &pfn_ops },
	{ "vmf_insert_pfn of page cache", MEM_CACHE, .vm_ops = &pfn_ops },
	{ "vmf_insert_pfns in fault",
	  .ranges = some_ranges, .vm_ops = &pfns_ops },
	{ "vmf_insert_pfns, fake offset",
	  .ranges = some_ranges, .start = true, .vm_ops = &pfns_ops },
	{ "VM_DONTEXPAND and VM_DONTDUMP cleared",
	  .clear = VM_DONTEXPAND | VM_DONTDUMP, .vm_ops = &pfn_ops },
	{ "remap_pfn_range", .map = map_remap, .vm_ops = &eager_ops },
	{ "remap_pfn_range in one piece",
	  .ranges = one_range, .map = map_remap_once, .vm_ops = &eager_ops },
	{ "remap_pfn_range without vm_ops", .map = map_remap },
	{ "remap_pfn_range with vm_ops NULL",
	  .map = map_remap, .null_ops = true },
	{ "remap_pfn_range, vm_start moved and restored",
	  .map = map_in_parts, .vm_ops = &eager_ops },
	{ "remap_pages_range",
	  .ranges = some_ranges, .map = map_pages_range,
	  .vm_ops = &eager_ops },
	{ "vmf_insert_pfn_pmd in huge_fault",
	  .ranges = huge_ranges, .needs = NEEDS_PMD, .vm_ops = &huge_pfn_ops },
	{ "vmf_insert_pfn_pmd, fake offset",
	  .ranges = huge_ranges, .needs = NEEDS_PMD, .start = true,
	  .vm_ops = &huge_pfn_ops },
};

KUNIT_ARRAY_PARAM_DESC(good, good, name);

/*
 * The other tests expect that nothing succeeds, which a broken probe would give
 * them as well: on anonymous memory everything has to.
 */
static void test_probe(struct kunit *test)
{
	const char *route = "none";
	unsigned long addr;

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	addr = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	ASSERT_MAPPED(test, addr);
	KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(addr, true), 0);
	KUNIT_EXPECT_EQ(test, dma_buf_probe_gup(addr, false, &route),
			dma_buf_probe_nr_gup(false));
	if (IS_ENABLED(CONFIG_HAVE_GUP_FAST) &&
	    IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL))
		KUNIT_EXPECT_EQ(test, dma_buf_probe_gup(addr, true, &route),
				dma_buf_probe_nr_gup(true));
	test_buf_munmap(test, addr, 1);
}

/* An importer that asks for what is not there. The exporter is not called. */
static void test_bad_pgoff(struct kunit *test)
{
	static const struct test_exporter exp = {
		"pgoff", .vm_ops = &pfn_ops,
	};
	static const struct {
		pgoff_t pgoff;
		pgoff_t nr;
		int ret;
	} bad[] = {
		{ 1, TEST_PAGES, -EINVAL },
		{ TEST_PAGES, 1, -EINVAL },
		{ -1UL - TEST_PAGES, TEST_PAGES, -EINVAL },
		{ 0UL - TEST_PAGES, TEST_PAGES, -EOVERFLOW },
		{ -1UL, 1, -EOVERFLOW },
		{ -1UL, TEST_PAGES, -EOVERFLOW },
	};

	for (enum test_path path = PATH_IMPORTER; path < NR_PATHS; path++) {
		struct test_buf *buf = test_buf_create(test, &exp);
		struct test_importer *imp = test_importer(test, buf, path);

		imp->fake = true;
		for (int i = 0; i < ARRAY_SIZE(bad); i++) {
			unsigned long addr;

			imp->pgoff = bad[i].pgoff;
			addr = test_mmap_file(imp->file, bad[i].nr, PROT_READ,
					      MAP_SHARED, TEST_START);
			KUNIT_EXPECT_EQ_MSG(test, (long)addr, bad[i].ret,
					    "path %d: %d", path, i);
		}
		KUNIT_EXPECT_EQ(test, buf->mmaps, 0);
		test_importer_expect_balanced(test, imp);
		test_buf_expect_released(test, buf);
	}
}

/* The exporter's own error is the caller's, and closes nothing once more. */
static void test_error(struct kunit *test)
{
	static const struct test_exporter exp = {
		"fails", .vm_ops = &pfn_ops, .ret = -EXFULL,
	};

	for (enum test_path path = 0; path < NR_PATHS; path++) {
		struct test_buf *buf = test_buf_create(test, &exp);
		struct test_importer *imp = test_importer(test, buf, path);

		KUNIT_EXPECT_EQ(test, (long)test_mmap_all(buf, imp->file),
				-EXFULL);
		KUNIT_EXPECT_EQ(test, atomic_read(&buf->closes), 1);
		KUNIT_EXPECT_NULL(test, buf->rule);
		test_importer_expect_balanced(test, imp);
		test_buf_expect_released(test, buf);
	}
}

/* The check of what mmap inserted finds nothing wrong and changes nothing. */
static void test_huge_untouched(struct kunit *test)
{
	static const struct test_exporter exp = {
		"vmf_insert_pfn_pmd in mmap", .ranges = huge_ranges,
		.needs = NEEDS_PMD, .map = map_huge, .vm_ops = &eager_ops,
	};
	struct test_buf *buf = test_buf_create(test, &exp);
	unsigned long addr = test_buf_mmap_all(test, buf);

	test_buf_expect_entry(test, buf, addr, 0, PAGE_SIZE);
	test_buf_expect_entry(test, buf, addr + PMD_SIZE, PMD_PAGES, PMD_SIZE);
	EXPECT_RIGHT(test, dma_buf_probe(addr, buf->dmabuf, 0, buf->nr));
	test_buf_done(test, buf, addr);
}

/*
 * Moving a buffer
 */

struct mover {
	struct test_buf *buf;
	unsigned long addr;
	atomic_t reads;
	atomic_t writes;
};

/* One thread checks all pages, again and again. */
static int reader(struct test_thread *t)
{
	struct mover *m = t->data;
	const char *wrong = NULL;

	complete_all(&t->ready);
	while (!wrong && !kthread_should_stop()) {
		wrong = dma_buf_probe_content(m->addr, 0, m->buf->nr);
		atomic_inc(&m->reads);
		cond_resched();
	}

	return wrong ? -EILSEQ : 0;
}

/* Another one counts in the last page; no count may get lost. */
static int writer(struct test_thread *t)
{
	struct mover *m = t->data;
	u32 __user *p;
	u32 val, last = 0;
	int ret = 0;

	p = (u32 __user *)(m->addr + (m->buf->nr - 1) * PAGE_SIZE) + 7;
	complete_all(&t->ready);
	while (!ret && !kthread_should_stop()) {
		ret = get_user(val, p);
		if (!ret && val != last)
			ret = -EILSEQ;
		if (!ret)
			ret = put_user(++last, p);
		atomic_inc(&m->writes);
		cond_resched();
	}

	return ret;
}

/*
 * No entry is left when the copy begins, and no fault puts one in before the
 * buffer has its new pages. Returns the old ones.
 */
static struct page **move_pages(struct test_buf *buf, struct page **new)
{
	struct page **old = buf->pages;

	guard(mutex)(&buf->lock);
	unmap_mapping_range(buf->mapping, (loff_t)buf->start << PAGE_SHIFT,
			    (loff_t)buf->nr << PAGE_SHIFT, 1);
	for (pgoff_t i = 0; i < buf->nr; i++)
		copy_highpage(new[i], old[i]);
	buf->pages = new;

	return old;
}

/* Nobody has an old page any more: not the vma, not gup, not a page table. */
static void expect_left(struct kunit *test, struct mover *m, struct page **old)
{
	struct dma_buf_probe_entry entry;
	pgoff_t nr = m->buf->nr;

	for (pgoff_t i = 0; i < nr; i++) {
		KUNIT_EXPECT_EQ(test, page_count(old[i]), 1);
		KUNIT_EXPECT_FALSE(test, folio_mapped(page_folio(old[i])));
		if (dma_buf_probe_entry(m->addr + i * PAGE_SIZE, &entry))
			continue;
		KUNIT_EXPECT_NE(test, entry.pfn, page_to_pfn(old[i]));
	}
	for (pgoff_t i = 0; i < nr; i++)
		clear_highpage(old[i]);
}

static const struct test_exporter movable[] = {
	{ "vmf_insert_pfn", .vm_ops = &pfn_ops },
	{ "vmf_insert_pfns", .ranges = some_ranges, .vm_ops = &pfns_ops },
	{ "vmf_insert_pfns, fake offset",
	  .ranges = some_ranges, .start = true, .vm_ops = &pfns_ops },
	{ "vmf_insert_pfns, many pages", .nr = 251, .vm_ops = &pfns_ops },
	{ "vmf_insert_pfn_pmd", .ranges = huge_ranges, .needs = NEEDS_PMD,
	  .vm_ops = &huge_pfn_ops },
	{ "vmf_insert_pfn_pmd, fake offset", .ranges = huge_ranges,
	  .needs = NEEDS_PMD, .start = true, .vm_ops = &huge_pfn_ops },
};

KUNIT_ARRAY_PARAM_DESC(movable, movable, name);

/* Move a buffer to new pages under a mapping that is being read and written. */
static void test_move(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, test->param_value);
	struct mover *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct test_thread *r, *w;

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->buf = buf;
	m->addr = test_buf_mmap_all(test, buf);
	EXPECT_RIGHT(test, dma_buf_probe_content(m->addr, 0, buf->nr));
	r = test_thread_start(test, current->mm, reader, m);
	w = test_thread_start(test, current->mm, writer, m);

	for (int i = 0; i < 20; i++) {
		struct page **new, **old;

		new = test_buf_alloc_ranges(buf->exp->ranges, buf->nr);
		KUNIT_ASSERT_NOT_NULL(test, new);
		old = move_pages(buf, new);
		/* The old pages are cleared here: whoever looks there fails. */
		expect_left(test, m, old);
		test_buf_free_pages(old, buf->nr);
		/* Whole rounds: the first that ends may have begun before. */
		if (!test_wait_for(&m->reads, atomic_read(&m->reads) + 3) ||
		    !test_wait_for(&m->writes, atomic_read(&m->writes) + 3)) {
			KUNIT_FAIL(test, "no access after move %d", i);
			break;
		}
	}

	KUNIT_EXPECT_EQ_MSG(test, test_thread_stop(r), 0, "reader");
	KUNIT_EXPECT_EQ_MSG(test, test_thread_stop(w), 0, "writer");
	EXPECT_RIGHT(test, dma_buf_probe(m->addr, buf->dmabuf, 0, buf->nr));
	test_buf_done(test, buf, m->addr);
}

static void move_to(struct kunit *test, struct test_buf *buf,
		    const unsigned int *ranges)
{
	struct page **new = test_buf_alloc_ranges(ranges, buf->nr);

	KUNIT_ASSERT_NOT_NULL(test, new);
	test_buf_free_pages(move_pages(buf, new), buf->nr);
}

/*
 * Single pages move to huge ranges, and back. Zapping leaves the page tables
 * that are there, so a huge entry may only go where there was nothing.
 */
static void test_move_huge(struct kunit *test)
{
	static const struct test_exporter exp = {
		"driver", .nr = 2 * PMD_PAGES, .needs = NEEDS_PMD,
		.vm_ops = &huge_pfn_ops,
	};
	struct test_buf *buf = test_buf_create(test, &exp);
	unsigned long addr = test_buf_mmap_all(test, buf);
	unsigned long at = addr + (PMD_PAGES + 3) * PAGE_SIZE;

	EXPECT_RIGHT(test, dma_buf_probe_content(addr, 0, PMD_PAGES));
	test_buf_expect_entry(test, buf, addr, 0, PAGE_SIZE);
	test_buf_expect_entry(test, buf, addr + PMD_SIZE, PMD_PAGES, 0);

	kunit_warning_suppress(test) {
		move_to(test, buf, huge_ranges);
		test_buf_expect_entry(test, buf, addr, 0, 0);
		EXPECT_RIGHT(test, dma_buf_probe_content(addr, 0, buf->nr));
		test_buf_expect_entry(test, buf, addr + 3 * PAGE_SIZE, 3,
				      PAGE_SIZE);
		test_buf_expect_entry(test, buf, at, PMD_PAGES + 3, PMD_SIZE);

		move_to(test, buf, NULL);
		EXPECT_RIGHT(test, dma_buf_probe_content(addr, 0, buf->nr));
		test_buf_expect_entry(test, buf, at, PMD_PAGES + 3, PAGE_SIZE);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
	EXPECT_RIGHT(test, dma_buf_probe(addr, buf->dmabuf, 0, 3));
	test_buf_done(test, buf, addr);
}

/* The range is huge now, but there is a page table already: it is used. */
static void test_move_in_fault(struct kunit *test)
{
	static const unsigned int ranges[] = { PMD_PAGES, 0 };
	static const struct test_exporter exp = {
		"late", .nr = PMD_PAGES, .needs = NEEDS_PMD,
		.vm_ops = &huge_late_ops,
	};
	struct test_buf *buf = test_buf_create(test, &exp);
	unsigned long addr = test_buf_mmap_all(test, buf);

	buf->next = test_buf_alloc_ranges(ranges, buf->nr);
	KUNIT_ASSERT_NOT_NULL(test, buf->next);
	kunit_warning_suppress(test) {
		EXPECT_RIGHT(test, dma_buf_probe_content(addr, 0, buf->nr));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
	KUNIT_EXPECT_NULL_MSG(test, buf->next, "no huge fault");
	EXPECT_RIGHT(test, dma_buf_probe(addr, buf->dmabuf, 0, buf->nr));
	test_buf_done(test, buf, addr);
}

/*
 * Exporters that break the contract
 */

/* Who stops it, and thereby when. */
enum test_stop {
	AT_MMAP,	/* the core, after the exporter's mmap */
	IN_MMAP,	/* the mm, in mmap; the core says so */
	BY_ERROR,	/* the mm, in mmap, as it would stop any driver */
	AT_FAULT,	/* the mm, by SIGBUS */
};

#define NORMAL	.clear = VM_PFNMAP	/* normal pages are mapped as such, */
#define HIDDEN	.set_after = VM_PFNMAP, .clear_after = VM_MIXEDMAP

static const struct broken {
	struct test_exporter exp;
	enum test_stop stop;
	const char *rule;
} broken[] = {
	{ { "VM_PFNMAP cleared, page from fault",
	    .clear = VM_PFNMAP, .vm_ops = &normal_ops }, AT_MMAP, "C1" },
	{ { "VM_MIXEDMAP, vm_insert_page in fault",
	    .set = VM_MIXEDMAP, .clear = VM_PFNMAP,
	    .vm_ops = &insert_page_ops }, AT_MMAP, "C1" },
	{ { "VM_PFNMAP and VM_MIXEDMAP, page from fault",
	    .set = VM_MIXEDMAP, .vm_ops = &normal_ops }, AT_MMAP, "C1" },
	/* Without special entries these would be taken for normal pages. */
	{ { "remap_pfn_range, then VM_MIXEDMAP",
	    .needs = NEEDS_SPECIAL, .map = map_remap,
	    .set_after = VM_MIXEDMAP, .vm_ops = &eager_ops }, AT_MMAP, "C1" },
	{ { "VM_PFNMAP cleared, vm_insert_page in mmap",
	    NORMAL, .map = map_normal, .vm_ops = &eager_ops }, AT_MMAP, "C1" },
	{ { "VM_HUGETLB", .set_after = VM_HUGETLB, .vm_ops = &pfn_ops },
	  AT_MMAP, "C1" },
	{ { "vm_ops with find_normal_page",
	    .needs = NEEDS_FIND_NORMAL, .vm_ops = FIND_NORMAL_OPS },
	  AT_MMAP, "C1" },
	{ { "vm_insert_page in mmap",
	    .map = map_normal, .vm_ops = &eager_ops }, IN_MMAP, "C1" },
	{ { "vm_insert_page in mmap, and a fault handler",
	    .map = map_normal, .vm_ops = &pfn_ops }, IN_MMAP, "C1" },
	{ { "vm_insert_page in mmap, VM_IO",
	    .set = VM_IO, .map = map_normal, .vm_ops = &eager_ops },
	  IN_MMAP, "C1" },
	{ { "vm_insert_pages",
	    .map = map_normal_batch, .vm_ops = &eager_ops }, IN_MMAP, "C1" },
	{ { "vm_map_pages",
	    .map = map_normal_array, .vm_ops = &eager_ops }, IN_MMAP, "C1" },
	{ { "vm_map_pages, vm_ops NULL",
	    .map = map_normal_array, .null_ops = true }, IN_MMAP, "C1" },
	{ { "remap_vmalloc_range", MEM_VMALLOC,
	    .map = map_vmalloc, .vm_ops = &eager_ops }, IN_MMAP, "C1" },
	{ { "VM_SHARED cleared",
	    .clear = VM_SHARED | VM_MAYSHARE, .vm_ops = &normal_ops },
	  AT_MMAP, "C2" },
	{ { "vm_insert_page, then VM_PFNMAP",
	    .needs = NEEDS_SPECIAL, NORMAL, .map = map_normal, HIDDEN,
	    .vm_ops = &eager_ops }, AT_MMAP, "C3" },
	{ { "vm_insert_page, then VM_PFNMAP and a fault handler",
	    .needs = NEEDS_SPECIAL, NORMAL, .map = map_normal, HIDDEN,
	    .vm_ops = &pfn_ops }, AT_MMAP, "C3" },
	{ { "vm_insert_page, then VM_PFNMAP, vm_ops NULL",
	    .needs = NEEDS_SPECIAL, NORMAL, .map = map_normal, HIDDEN,
	    .null_ops = true }, AT_MMAP, "C3" },
	{ { "one normal pte among special ones",
	    .needs = NEEDS_SPECIAL, NORMAL, .map = map_normal_last,
	    .vm_ops = &eager_ops }, AT_MMAP, "C3" },
	{ { "vm_insert_page with a copy of the vma",
	    .needs = NEEDS_SPECIAL, .map = map_normal_copy,
	    .vm_ops = &eager_ops }, AT_MMAP, "C3" },
	{ { "vm_start moved, one part of normal pages",
	    .needs = NEEDS_SPECIAL, .map = map_normal_part,
	    .vm_ops = &pfn_ops }, AT_MMAP, "C3" },
	{ { "normal pte by apply_to_page_range",
	    .needs = NEEDS_SPECIAL, .map = map_normal_raw,
	    .vm_ops = &pfn_ops }, AT_MMAP, "C3" },
	{ { "normal pmd, then VM_PFNMAP", MEM_FOLIO, .nr = 2 * PMD_PAGES,
	    .needs = NEEDS_SPECIAL | NEEDS_PMD, .map = map_normal_huge, HIDDEN,
	    .vm_ops = &eager_ops }, AT_MMAP, "C3" },
	{ { "vm_file replaced",
	    .map = map_other_file, .vm_ops = &pfn_ops }, AT_MMAP, "C5" },
	{ { "remap_pfn_range beyond the vma", .ranges = one_range,
	    .map = map_beyond, .vm_ops = &eager_ops }, BY_ERROR },
	/* This used to be a BUG(). */
	{ { "VM_MIXEDMAP, vmf_insert_pfn in mmap", .set = VM_MIXEDMAP,
	    .map = map_insert_pfns, .vm_ops = &pfn_ops }, BY_ERROR },
	{ { "page from fault", .vm_ops = &normal_ops }, AT_FAULT },
	{ { "pfns in mmap, pages from fault",
	    .map = map_remap, .half = true, .vm_ops = &normal_ops }, AT_FAULT },
	{ { "vmf_insert_page_mkwrite in fault",
	    .vm_ops = &mkwrite_ops }, AT_FAULT },
	{ { "page cache through map_pages", MEM_CACHE,
	    .vm_ops = &filemap_ops }, AT_FAULT },
	{ { "folio from huge_fault", MEM_FOLIO, .nr = 2 * PMD_PAGES,
	    .needs = NEEDS_PMD, .vm_ops = &huge_folio_ops }, AT_FAULT },
	{ { "vm_ops NULL, nothing mapped",
	    .readonly = true, .null_ops = true }, AT_FAULT },
};

static void broken_desc(const struct broken *b, char *desc)
{
	strscpy(desc, b->exp.name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(broken, broken, broken_desc);

/*
 * What the core says to whoever traces it. The tracepoint is not exported, so a
 * module has to look for it; it is there if there are any.
 */
static struct tracepoint *refused_tp;

static void find_tracepoint(struct tracepoint *tp, void *priv)
{
	if (!strcmp(tp->name, "dma_buf_mmap_refused"))
		refused_tp = tp;
}

static void record_rule(void *data, struct dma_buf *dmabuf,
			struct vm_area_struct *vma, const char *rule)
{
	struct test_buf *buf = dmabuf->priv;

	/* All of the system's refusals come by. */
	if (test_buf_is(dmabuf))
		buf->rule = rule;
}

static int suite_init(struct kunit_suite *suite)
{
	int ret;

	check_trace_callback_type_dma_buf_mmap_refused(record_rule);
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		return 0;

	for_each_kernel_tracepoint(find_tracepoint, NULL);
	if (!refused_tp)
		return -ENOENT;
	ret = tracepoint_probe_register(refused_tp, record_rule, NULL);
	if (ret)
		refused_tp = NULL;

	return ret;
}

/* Runs if suite_init() failed as well. */
static void suite_exit(struct kunit_suite *suite)
{
	if (!IS_ENABLED(CONFIG_TRACEPOINTS) || !refused_tp)
		return;
	tracepoint_probe_unregister(refused_tp, record_rule, NULL);
	tracepoint_synchronize_unregister();
	refused_tp = NULL;
}

/* How far an exporter got. */
struct result {
	long addr;			/* or error */
	bool reads, writes;		/* the last page */
	const char *route;		/* one that got a page */
};

static void try_vma(struct test_buf *buf, unsigned long addr,
		    struct result *res)
{
	unsigned long last = addr + (buf->nr - 1) * PAGE_SIZE;

	res->reads = !dma_buf_probe_touch(last, false);
	res->writes = !dma_buf_probe_touch(last, true);
	for (; addr <= last; addr += PAGE_SIZE) {
		dma_buf_probe_touch(addr, true);
		dma_buf_probe_touch(addr, false);
		dma_buf_probe_gup(addr, true, &res->route);
		dma_buf_probe_gup(addr, false, &res->route);
	}
}

/* The line that harnesses look for: measured, but for who refused. */
static void report(struct kunit *test, const struct broken *b,
		   const struct test_buf *buf, const struct result *res)
{
	if (res->route)
		kunit_info(test, "demo: %s|NOT REFUSED, page by %s\n",
			   b->exp.name, res->route);
	else if (res->addr == -EINVAL)
		kunit_info(test, "demo: %s|mmap: EINVAL (%s)\n", b->exp.name,
			   buf->rule ?: "mm");
	else if (!res->reads && !res->writes)
		kunit_info(test, "demo: %s|fault: SIGBUS (mm)\n", b->exp.name);
	else
		kunit_info(test, "demo: %s|NOT REFUSED\n", b->exp.name);
}

/* Nobody went further than he should, and what was done is undone in order. */
static void expect_stopped(struct kunit *test, const struct broken *b,
			   const struct test_buf *buf, const struct result *res)
{
	static const int rets[] = {
		[IN_MMAP] = -EOPNOTSUPP, [BY_ERROR] = -EINVAL,
		[AT_MMAP] = 0, [AT_FAULT] = 0,
	};
	bool installs = b->exp.vm_ops && !rets[b->stop];

	KUNIT_EXPECT_STREQ(test, res->route ?: "none", "none");
	KUNIT_EXPECT_EQ(test, test_mmap_error(res->addr),
			b->stop == AT_FAULT ? 0 : -EINVAL);
	KUNIT_EXPECT_FALSE(test, res->reads);
	KUNIT_EXPECT_FALSE(test, res->writes);
	KUNIT_EXPECT_EQ(test, buf->mmaps, 1);
	KUNIT_EXPECT_EQ(test, buf->ret, rets[b->stop]);
	KUNIT_EXPECT_EQ(test, atomic_read(&buf->opens), installs);
	KUNIT_EXPECT_FALSE(test, buf->late_zap);
	/* Where the mm refuses, there is no entry for a moment either. */
	if (b->exp.map && b->exp.map != map_other_file)
		KUNIT_EXPECT_EQ(test, buf->mapped, !rets[b->stop]);
	/* Only the number of the rule has to be the same. */
	if (refused_tp && b->rule)
		KUNIT_EXPECT_TRUE_MSG(test, buf->rule &&
				      !strncmp(buf->rule, b->rule, 2),
				      "the core says: %s",
				      buf->rule ?: "nothing");
	else
		KUNIT_EXPECT_NULL(test, buf->rule);
}

/* Map the buffer and try to get at its pages, then take it all down. */
static void try_broken(struct kunit *test, const struct broken *b,
		       enum test_path path)
{
	struct test_buf *buf = test_buf_create(test, &b->exp);
	struct test_importer *imp = test_importer(test, buf, path);
	struct result res = {};

	/* The core, and the guards in the mm, say whose fault it is. */
	kunit_warning_suppress(test) {
		buf->watched = true;
		res.addr = test_mmap_all(buf, imp->file);
		buf->watched = false;
		if (!IS_ERR_VALUE(res.addr)) {
			try_vma(buf, res.addr, &res);
			test_buf_munmap(test, res.addr, buf->nr);
		}
	}
	if (path == PATH_FD)
		report(test, b, buf, &res);
	expect_stopped(test, b, buf, &res);
	test_importer_expect_balanced(test, imp);
	test_buf_expect_released(test, buf);
}

static void test_broken(struct kunit *test)
{
	for (enum test_path path = 0; path < NR_PATHS; path++)
		try_broken(test, test->param_value, path);
}

static struct kunit_case mmap_cases[] = {
	KUNIT_CASE(test_probe),
	KUNIT_CASE_PARAM(test_buf_contract, good_gen_params),
	KUNIT_CASE_PARAM(test_buf_offset, good_gen_params),
	KUNIT_CASE_PARAM(test_buf_split, good_gen_params),
	KUNIT_CASE_PARAM(test_buf_private, good_gen_params),
	KUNIT_CASE_PARAM(test_buf_lifetime, good_gen_params),
	KUNIT_CASE_PARAM(test_buf_populate, good_gen_params),
	KUNIT_CASE(test_bad_pgoff),
	KUNIT_CASE(test_error),
	KUNIT_CASE(test_huge_untouched),
	KUNIT_CASE_PARAM(test_move, movable_gen_params),
	KUNIT_CASE(test_move_huge),
	KUNIT_CASE(test_move_in_fault),
	KUNIT_CASE_PARAM(test_broken, broken_gen_params),
	{}
};

static struct kunit_suite mmap_suite = {
	.name = "dma-buf-mmap",
	.suite_init = suite_init,
	.suite_exit = suite_exit,
	.test_cases = mmap_cases,
};

kunit_test_suite(mmap_suite);

MODULE_IMPORT_NS("DMA_BUF");
