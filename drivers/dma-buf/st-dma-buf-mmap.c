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

/* Insert pages of the buffer, beginning with page @first of the vma. */
static int insert_pages(struct test_buf *buf, struct vm_area_struct *vma,
			pgoff_t first, pgoff_t nr,
			int (*insert)(struct vm_area_struct *vma,
				      unsigned long addr, struct page *page))
{
	int ret = 0;

	for (pgoff_t i = first; !ret && i < first + nr; i++)
		ret = insert(vma, vma->vm_start + i * PAGE_SIZE,
			     vma_page(buf, vma, i));

	return ret;
}

static int remap_page(struct vm_area_struct *vma, unsigned long addr,
		      struct page *page)
{
	return remap_pfn_range(vma, addr, page_to_pfn(page), PAGE_SIZE,
			       vma->vm_page_prot);
}

static int insert_pfn(struct vm_area_struct *vma, unsigned long addr,
		      struct page *page)
{
	vm_fault_t ret = vmf_insert_pfn(vma, addr, page_to_pfn(page));

	return ret == VM_FAULT_NOPAGE ? 0 : -EINVAL;
}

/* For a buffer of one range. */
static int map_remap_once(struct test_buf *buf, struct vm_area_struct *vma)
{
	return remap_pfn_range(vma, vma->vm_start,
			       page_to_pfn(vma_page(buf, vma, 0)),
			       vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

/* wrong: the whole buffer, and more, whatever the vma asks for */
static int map_beyond(struct test_buf *buf, struct vm_area_struct *vma)
{
	return remap_pfn_range(vma, vma->vm_start, page_to_pfn(buf->pages[0]),
			       (buf->nr + 1) * PAGE_SIZE, vma->vm_page_prot);
}

/* Part by part, with vm_start moved for each and restored in the end. */
static int map_parts(struct test_buf *buf, struct vm_area_struct *vma, bool normal)
{
	const unsigned long start = vma->vm_start;
	pgoff_t nr = vma_pages(vma);
	int ret = 0;

	for (pgoff_t i = 0; !ret && i < nr; i++, vma->vm_start += PAGE_SIZE) {
		struct page *page = vma_page(buf, vma, i);

		if (normal && i == nr - 1) {
			vm_flags_mod(vma, VM_MIXEDMAP, VM_PFNMAP);
			ret = vm_insert_page(vma, vma->vm_start, page);
			vm_flags_mod(vma, VM_PFNMAP, VM_MIXEDMAP);
		} else {
			ret = remap_page(vma, vma->vm_start, page);
		}
	}
	vma->vm_start = start;

	return ret;
}

static int map_in_parts(struct test_buf *buf, struct vm_area_struct *vma)
{
	return map_parts(buf, vma, false);
}

/* wrong: the flags change for the last part, which is a normal page */
static int map_normal_part(struct test_buf *buf, struct vm_area_struct *vma)
{
	return map_parts(buf, vma, true);
}

static int map_pages_range(struct test_buf *buf, struct vm_area_struct *vma)
{
	return remap_pages_range(vma, buf->pages, buf->nr);
}

static int map_normal_batch(struct test_buf *buf, struct vm_area_struct *vma)
{
	unsigned long nr = vma_pages(vma);

	return vm_insert_pages(vma, vma->vm_start, buf->pages + vma->vm_pgoff,
			       &nr);
}

static int map_normal_array(struct test_buf *buf, struct vm_area_struct *vma)
{
	return vm_map_pages(vma, buf->pages, buf->nr);
}

static int map_vmalloc(struct test_buf *buf, struct vm_area_struct *vma)
{
	return remap_vmalloc_range(vma, buf->vaddr, vma->vm_pgoff);
}

/* One entry of many is a normal one. */
static int map_normal_last(struct test_buf *buf, struct vm_area_struct *vma)
{
	pgoff_t last = vma_pages(vma) - 1;
	int ret = insert_pages(buf, vma, last, 1, vm_insert_page);

	vm_flags_mod(vma, VM_PFNMAP, VM_MIXEDMAP);

	return ret ?: insert_pages(buf, vma, 0, last, remap_page);
}

/* The flags of the vma never change, those of a copy do. */
static int insert_normal_copy(struct vm_area_struct *vma, unsigned long addr,
			      struct page *page)
{
	struct vm_area_struct copy = *vma;

	vm_flags_mod(&copy, VM_MIXEDMAP, VM_PFNMAP);

	return vm_insert_page(&copy, addr, page);
}

static int take_pte(pte_t *pte, unsigned long addr, void *data)
{
	*(pte_t *)data = ptep_get_and_clear(current->mm, addr, pte);

	return 0;
}

static int put_pte(pte_t *pte, unsigned long addr, void *data)
{
	set_pte_at(current->mm, addr, pte, *(pte_t *)data);

	return 0;
}

/*
 * apply_to_page_range() writes any entry. That of a normal page, which has all
 * its counters right, goes where a special one should be.
 */
static int map_normal_raw(struct test_buf *buf, struct vm_area_struct *vma)
{
	pgoff_t last = vma_pages(vma) - 1;
	pte_t pte;

	return insert_normal_copy(vma, vma->vm_start, vma_page(buf, vma, 0)) ?:
	       apply_to_page_range(vma->vm_mm, vma->vm_start, PAGE_SIZE,
				   take_pte, &pte) ?:
	       apply_to_page_range(vma->vm_mm, vma->vm_end - PAGE_SIZE,
				   PAGE_SIZE, put_pte, &pte) ?:
	       insert_pages(buf, vma, 0, last, remap_page);
}

static vm_fault_t huge_pfn(struct vm_fault *vmf, struct page *page)
{
	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		return VM_FAULT_FALLBACK;

	return vmf_insert_pfn_pmd(vmf, page_to_pfn(page),
				  vmf->vma->vm_flags & VM_WRITE);
}

static vm_fault_t huge_folio(struct vm_fault *vmf, struct page *page)
{
	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		return VM_FAULT_FALLBACK;

	return vmf_insert_folio_pmd(vmf, page_folio(page),
				    vmf->flags & FAULT_FLAG_WRITE);
}

/*
 * A huge entry in mmap, where no fault has made the table that it goes into:
 * single entries for the first half of the vma, which has the size of two huge
 * entries and is aligned to it, bring that table about.
 */
static int insert_huge(struct test_buf *buf, struct vm_area_struct *vma,
		       vm_fault_t (*insert)(struct vm_fault *vmf, struct page *page))
{
	unsigned long addr = vma->vm_start + PMD_SIZE;
	struct vm_fault vmf = {
		.vma = vma,
		.address = addr,
		.pgoff = vma->vm_pgoff + PMD_PAGES,
		.flags = FAULT_FLAG_WRITE,
		.pmd = pmd_off(vma->vm_mm, addr),
	};
	vm_fault_t ret = insert(&vmf, vma_page(buf, vma, PMD_PAGES));

	return ret == VM_FAULT_NOPAGE ? 0 : -ENOMEM;
}

static int map_huge(struct test_buf *buf, struct vm_area_struct *vma)
{
	return insert_pages(buf, vma, 0, PMD_PAGES, remap_page) ?:
	       insert_huge(buf, vma, huge_pfn);
}

static int map_normal_huge(struct test_buf *buf, struct vm_area_struct *vma)
{
	int ret = insert_pages(buf, vma, 0, 1, remap_page);

	vm_flags_mod(vma, VM_MIXEDMAP, VM_PFNMAP);

	return ret ?: insert_huge(buf, vma, huge_folio);
}

static int map_other_file(struct test_buf *buf, struct vm_area_struct *vma)
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

static vm_fault_t fault_pfn(struct vm_fault *vmf, struct page *page)
{
	return vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(page));
}

/* Sixteen pages around the fault, as far as the vma and the buffer go. */
static vm_fault_t fault_pfns(struct vm_fault *vmf, struct page *page)
{
	unsigned long addr = ALIGN_DOWN(vmf->address, 16 * PAGE_SIZE);
	struct vm_area_struct *vma = vmf->vma;
	unsigned long end = min(addr + 16 * PAGE_SIZE, vma->vm_end);
	struct test_buf *buf = vma->vm_private_data;
	struct phys_vec vec[16];
	unsigned int n = 0;
	pgoff_t pgoff;

	addr = max(addr, vma->vm_start);
	pgoff = linear_page_index(vma, addr) - buf->start;
	while (pgoff + n < buf->nr && addr + n * PAGE_SIZE < end) {
		vec[n].paddr = page_to_phys(buf->pages[pgoff + n]);
		vec[n].len = PAGE_SIZE;
		n++;
	}

	return vmf_insert_pfns(vmf, addr, vec, n, vma->vm_page_prot);
}

/* wrong: the page is refcounted and mapped like one of a file */
static vm_fault_t fault_normal(struct vm_fault *vmf, struct page *page)
{
	get_page(page);
	vmf->page = page;

	return 0;
}

static vm_fault_t fault_insert_page(struct vm_fault *vmf, struct page *page)
{
	return vmf_insert_page(vmf->vma, vmf->address, page);
}

static vm_fault_t fault_mkwrite(struct vm_fault *vmf, struct page *page)
{
	return vmf_insert_page_mkwrite(vmf, page, vmf->flags & FAULT_FLAG_WRITE);
}

static vm_fault_t fault_none(struct vm_fault *vmf, struct page *page)
{
	return VM_FAULT_SIGBUS;
}

static vm_fault_t run_fault(struct vm_fault *vmf)
{
	struct test_buf *buf = vmf->vma->vm_private_data;
	pgoff_t pgoff = vmf->pgoff - buf->start;

	guard(mutex)(&buf->lock);
	if (pgoff >= buf->nr)
		return VM_FAULT_SIGBUS;

	return buf->exp->fault(vmf, buf->pages[pgoff]);
}

/* The first page of those that the pmd may hold in one entry, or NULL. */
static struct page *huge_page(struct vm_fault *vmf, unsigned int order)
{
	struct test_buf *buf = vmf->vma->vm_private_data;
	unsigned long haddr = ALIGN_DOWN(vmf->address, PMD_SIZE);
	pgoff_t pgoff = vmf->pgoff - buf->start;
	pgoff_t index = ALIGN_DOWN(pgoff, PMD_PAGES);

	if (order != get_order(PMD_SIZE) ||
	    !range_in_vma(vmf->vma, haddr, haddr + PMD_SIZE) ||
	    pgoff - index != (vmf->address - haddr) >> PAGE_SHIFT ||
	    index + PMD_PAGES > buf->nr ||
	    !IS_ALIGNED(page_to_pfn(buf->pages[index]), PMD_PAGES))
		return NULL;

	return buf->pages[index];
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

static vm_fault_t run_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct test_buf *buf = vmf->vma->vm_private_data;
	struct page **next = buf->next;
	struct page *page;

	/*
	 * A fault that found no page table, and that comes late: while it waits
	 * for the exporter's lock, another fault maps the pages, and then the
	 * buffer moves. All of that is done here, so that no luck is needed.
	 */
	if (next && order) {
		buf->next = NULL;
		if (run_fault(vmf) != VM_FAULT_NOPAGE)
			return VM_FAULT_SIGBUS;
		test_buf_free_pages(move_pages(buf, next), buf->nr);
	}

	guard(mutex)(&buf->lock);
	page = huge_page(vmf, order);

	return page ? buf->exp->huge_fault(vmf, page) : VM_FAULT_FALLBACK;
}

/*
 * Are there entries in @vma, the only one that maps @buf?  It may be in mmap()
 * still, where nobody finds it by its address. Those of a vma that is not
 * VM_PFNMAP are out of reach from here, but its pages know if they are mapped.
 */
static bool vma_maps(struct test_buf *buf, struct vm_area_struct *vma)
{
	struct follow_pfnmap_args args = { .vma = vma };

	for (pgoff_t i = 0; i < vma_pages(vma); i++) {
		args.address = vma->vm_start + i * PAGE_SIZE;
		if (!follow_pfnmap_start(&args)) {
			follow_pfnmap_end(&args);
			return true;
		}
	}
	for (pgoff_t i = 0; i < buf->nr; i++)
		if (folio_mapped(page_folio(buf->pages[i])))
			return true;

	return false;
}

static void vm_open(struct vm_area_struct *vma)
{
	struct test_buf *buf = vma->vm_private_data;

	atomic_inc(&buf->opens);
}

/*
 * An exporter may free the pages here, so they must not be mapped any more. The
 * mm sees to that in munmap(), the core when it refuses what mmap did.
 */
static void vm_close(struct vm_area_struct *vma)
{
	struct test_buf *buf = vma->vm_private_data;

	if (buf->watched && vma_maps(buf, vma))
		buf->late_zap = true;
	atomic_inc(&buf->closes);
}

#define VM_OPS(_name, ...)						\
static const struct vm_operations_struct _name = {			\
	.open = vm_open,						\
	.close = vm_close,						\
	.access = dma_buf_vm_access,					\
	__VA_ARGS__							\
}

VM_OPS(eager_ops);
VM_OPS(fault_ops, .fault = run_fault);
VM_OPS(huge_ops, .fault = run_fault, .huge_fault = run_huge_fault);
VM_OPS(filemap_ops, .fault = run_fault, .map_pages = filemap_map_pages);

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

/* What the exporter installs, if anything. */
static const struct vm_operations_struct *
exporter_vm_ops(const struct test_exporter *exp)
{
	if (exp->vm_ops || !exp->fault)
		return exp->vm_ops;

	return exp->huge_fault ? &huge_ops : &fault_ops;
}

/*
 * What mmap does
 */

static void record_vma(struct test_buf *buf, const struct vm_area_struct *vma)
{
	buf->mmaps++;
	buf->flags = vma->vm_flags;
	buf->set_up = vma->vm_ops && vma->vm_ops->access &&
		      !vma->vm_ops->open && !vma->vm_ops->close &&
		      !vma->vm_private_data;
}

/* Does what the row of the table says, in the order of its columns. */
static int run_mmap(struct test_buf *buf, struct vm_area_struct *vma)
{
	const struct test_exporter *exp = buf->exp;
	int ret = 0;

	vm_flags_mod(vma, exp->set, exp->clear);
	if (exp->null_ops)
		vma->vm_ops = NULL;
	if (exp->insert)
		ret = insert_pages(buf, vma, 0,
				   vma_pages(vma) / (exp->half ? 2 : 1),
				   exp->insert);
	else if (exp->map)
		ret = exp->map(buf, vma);
	buf->mapped = buf->watched && vma_maps(buf, vma);
	vm_flags_mod(vma, exp->set_after, exp->clear_after);
	if (ret || !exporter_vm_ops(exp))
		return ret ?: exp->ret;

	/* As a driver does it, last: from here on the vma is known. */
	vma->vm_pgoff += buf->start;
	vma->vm_private_data = buf;
	vma->vm_ops = exporter_vm_ops(exp);
	vm_open(vma);
	if (exp->ret)
		vm_close(vma);

	return exp->ret;
}

int test_dma_buf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct test_buf *buf = dmabuf->priv;

	record_vma(buf, vma);
	buf->ret = run_mmap(buf, vma);

	return buf->ret;
}

/*
 * Exporters that keep the contract
 */

static const unsigned int one_range[] = { TEST_PAGES, 0 };
static const unsigned int some_ranges[] = { 1, 3, 2, 1, 1, 0 };
static const unsigned int huge_ranges[] = { PMD_PAGES, PMD_PAGES, 0 };

static const struct test_exporter good[] = {
	{ "vmf_insert_pfn in fault", .fault = fault_pfn },
	{ "vmf_insert_pfn in mmap and in fault",
	  .insert = insert_pfn, .half = true, .fault = fault_pfn },
	{ "vmf_insert_pfn of vmalloc", MEM_VMALLOC, .fault = fault_pfn },
	{ "vmf_insert_pfn of page cache", MEM_CACHE, .fault = fault_pfn },
	{ "vmf_insert_pfns in fault", .ranges = some_ranges, .fault = fault_pfns },
	{ "vmf_insert_pfns, fake offset",
	  .ranges = some_ranges, .start = true, .fault = fault_pfns },
	{ "VM_DONTEXPAND and VM_DONTDUMP cleared",
	  .clear = VM_DONTEXPAND | VM_DONTDUMP, .fault = fault_pfn },
	{ "remap_pfn_range", .insert = remap_page, .vm_ops = &eager_ops },
	{ "remap_pfn_range in one piece",
	  .ranges = one_range, .map = map_remap_once, .vm_ops = &eager_ops },
	{ "remap_pfn_range without vm_ops", .insert = remap_page },
	{ "remap_pfn_range with vm_ops NULL", .insert = remap_page, .null_ops = true },
	{ "remap_pfn_range, vm_start moved and restored",
	  .map = map_in_parts, .vm_ops = &eager_ops },
	{ "remap_pages_range",
	  .ranges = some_ranges, .map = map_pages_range, .vm_ops = &eager_ops },
	{ "vmf_insert_pfn_pmd in huge_fault",
	  .ranges = huge_ranges, .needs = NEEDS_PMD, .fault = fault_pfns,
	  .huge_fault = huge_pfn },
	{ "vmf_insert_pfn_pmd, fake offset",
	  .ranges = huge_ranges, .needs = NEEDS_PMD, .start = true, .fault = fault_pfns,
	  .huge_fault = huge_pfn },
};

KUNIT_ARRAY_PARAM_DESC(good, good, name);

/*
 * The other tests expect that nothing succeeds, which a broken probe would give
 * them as well: on anonymous memory everything has to.
 */
static void test_probe(struct kunit *test)
{
	unsigned long addr;

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	addr = vm_mmap(NULL, 0, PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	ASSERT_MAPPED(test, addr);
	KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(addr, true), 0);
	EXPECT_RIGHT(test, dma_buf_probe_gup(addr, false, true));
	if (IS_ENABLED(CONFIG_HAVE_GUP_FAST) && IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL))
		EXPECT_RIGHT(test, dma_buf_probe_gup(addr, true, true));
	test_munmap(test, addr, 1);
}

/* An importer that asks for what is not there. The exporter is not called. */
static void test_bad_pgoff(struct kunit *test)
{
	static const struct test_exporter exp = {
		"pgoff", .fault = fault_pfn,
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
		struct test_buf *buf = test_buf_import(test, &exp, path);

		buf->fake = true;
		for (int i = 0; i < ARRAY_SIZE(bad); i++) {
			unsigned long addr;

			buf->pgoff = bad[i].pgoff;
			addr = test_mmap(buf->file, bad[i].nr, PROT_READ,
					 MAP_SHARED, TEST_START);
			KUNIT_EXPECT_EQ_MSG(test, (long)addr, bad[i].ret, "path %d: %d", path, i);
		}
		KUNIT_EXPECT_EQ(test, buf->mmaps, 0);
		test_buf_expect_released(test, buf);
	}
}

/* The exporter's own error is the caller's, and closes nothing once more. */
static void test_error(struct kunit *test)
{
	static const struct test_exporter exp = {
		"fails", .fault = fault_pfn, .ret = -EXFULL,
	};

	for (enum test_path path = 0; path < NR_PATHS; path++) {
		struct test_buf *buf = test_buf_import(test, &exp, path);

		KUNIT_EXPECT_EQ(test, (long)test_mmap_all(buf), -EXFULL);
		KUNIT_EXPECT_EQ(test, atomic_read(&buf->closes), 1);
		KUNIT_EXPECT_NULL(test, buf->rule);
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
	unsigned long addr = test_buf_mmap_at(test, buf, RW, 0, 0);

	test_buf_expect_entry(test, buf, addr, 0, PAGE_SIZE);
	test_buf_expect_entry(test, buf, addr + PMD_SIZE, PMD_PAGES, PMD_SIZE);
	EXPECT_CONTRACT(test, buf, addr, 0, buf->nr);
	test_buf_done(test, buf, addr);
}

/*
 * Moving a buffer
 */

struct mover {
	struct mm_struct *mm;
	struct test_buf *buf;
	unsigned long addr;
	atomic_t reads;
	atomic_t writes;
};

/* One thread checks all pages, again and again. */
static int reader(void *data)
{
	struct mover *m = data;
	const char *wrong = NULL;

	kthread_use_mm(m->mm);
	while (!kthread_should_stop()) {
		wrong = wrong ?: dma_buf_probe_content(m->addr, 0, m->buf->nr);
		atomic_inc(&m->reads);
		cond_resched();
	}
	kthread_unuse_mm(m->mm);

	return wrong ? -EILSEQ : 0;
}

/* Another one counts in the last page; no count may get lost. */
static int writer(void *data)
{
	struct mover *m = data;
	u32 __user *p;
	u32 val, last = 0;
	int ret = 0;

	p = (u32 __user *)(m->addr + (m->buf->nr - 1) * PAGE_SIZE) + 7;
	kthread_use_mm(m->mm);
	while (!kthread_should_stop()) {
		ret = ret ?: get_user(val, p);
		if (!ret && val != last)
			ret = -EILSEQ;
		ret = ret ?: put_user(++last, p);
		atomic_inc(&m->writes);
		cond_resched();
	}
	kthread_unuse_mm(m->mm);

	return ret;
}

/* Nobody has an old page any more: not the vma, not gup, not a page table. */
static void expect_left(struct kunit *test, struct mover *m, struct page **old)
{
	struct dma_buf_probe_entry entry;

	for (pgoff_t i = 0; i < m->buf->nr; i++) {
		KUNIT_EXPECT_EQ(test, page_count(old[i]), 1);
		KUNIT_EXPECT_FALSE(test, folio_mapped(page_folio(old[i])));
		if (!dma_buf_probe_entry(m->addr + i * PAGE_SIZE, &entry))
			KUNIT_EXPECT_NE(test, entry.pfn, page_to_pfn(old[i]));
	}
}

static const struct test_exporter movable[] = {
	{ "vmf_insert_pfn", .fault = fault_pfn },
	{ "vmf_insert_pfns", .ranges = some_ranges, .fault = fault_pfns },
	{ "vmf_insert_pfns, fake offset",
	  .ranges = some_ranges, .start = true, .fault = fault_pfns },
	{ "vmf_insert_pfns, many pages", .nr = 251, .fault = fault_pfns },
	{ "vmf_insert_pfn_pmd",
	  .ranges = huge_ranges, .needs = NEEDS_PMD, .fault = fault_pfns,
	  .huge_fault = huge_pfn },
	{ "vmf_insert_pfn_pmd, fake offset",
	  .ranges = huge_ranges, .needs = NEEDS_PMD, .start = true, .fault = fault_pfns,
	  .huge_fault = huge_pfn },
};

KUNIT_ARRAY_PARAM_DESC(movable, movable, name);

/* The old pages are cleared: whoever still looks there fails. */
static void move_to(struct kunit *test, struct mover *m, const unsigned int *ranges)
{
	struct page **pages = test_buf_alloc_ranges(ranges, m->buf->nr);

	KUNIT_EXPECT_NOT_NULL(test, pages);
	if (!pages)
		return;
	pages = move_pages(m->buf, pages);
	expect_left(test, m, pages);
	for (pgoff_t i = 0; i < m->buf->nr; i++)
		clear_highpage(pages[i]);
	test_buf_free_pages(pages, m->buf->nr);
}

static int stop_thread(struct task_struct *task)
{
	return IS_ERR(task) ? PTR_ERR(task) : kthread_stop(task);
}

/* Move a buffer to new pages under a mapping that is being read and written. */
static void test_move(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, test->param_value);
	struct mover m = {
		.mm = current->mm, .buf = buf,
		.addr = test_buf_mmap_at(test, buf, RW, 0, 0),
	};
	struct task_struct *r, *w;

	EXPECT_CONTENT(test, m.addr, 0, buf->nr);
	/* Nothing aborts the test before they are stopped. */
	r = kthread_run(reader, &m, "dma-buf-kunit-r");
	w = kthread_run(writer, &m, "dma-buf-kunit-w");
	for (int i = 0; i < 20; i++) {
		move_to(test, &m, buf->exp->ranges);
		/* Whole rounds: the first that ends may have begun before. */
		if (!test_wait_for(&m.reads, atomic_read(&m.reads) + 3) ||
		    !test_wait_for(&m.writes, atomic_read(&m.writes) + 3)) {
			KUNIT_FAIL(test, "no access after move %d", i);
			break;
		}
	}
	KUNIT_EXPECT_EQ_MSG(test, stop_thread(r), 0, "reader");
	KUNIT_EXPECT_EQ_MSG(test, stop_thread(w), 0, "writer");

	EXPECT_CONTRACT(test, buf, m.addr, 0, buf->nr);
	test_buf_done(test, buf, m.addr);
}

/*
 * Single pages move to huge ranges, and back. Zapping leaves the page tables
 * that are there, so a huge entry may only go where there was nothing.
 */
static void test_move_huge(struct kunit *test)
{
	static const struct test_exporter exp = {
		"driver", .nr = 2 * PMD_PAGES, .needs = NEEDS_PMD,
		.fault = fault_pfns, .huge_fault = huge_pfn,
	};
	struct test_buf *buf = test_buf_create(test, &exp);
	unsigned long addr = test_buf_mmap_at(test, buf, RW, 0, 0);
	unsigned long at = addr + (PMD_PAGES + 3) * PAGE_SIZE;
	struct mover m = { .buf = buf, .addr = addr };

	EXPECT_CONTENT(test, addr, 0, PMD_PAGES);
	test_buf_expect_entry(test, buf, addr, 0, PAGE_SIZE);
	test_buf_expect_entry(test, buf, addr + PMD_SIZE, PMD_PAGES, 0);

	kunit_warning_suppress(test) {
		move_to(test, &m, huge_ranges);
		test_buf_expect_entry(test, buf, addr, 0, 0);
		EXPECT_CONTENT(test, addr, 0, buf->nr);
		test_buf_expect_entry(test, buf, addr + 3 * PAGE_SIZE, 3,
				      PAGE_SIZE);
		test_buf_expect_entry(test, buf, at, PMD_PAGES + 3, PMD_SIZE);

		move_to(test, &m, NULL);
		EXPECT_CONTENT(test, addr, 0, buf->nr);
		test_buf_expect_entry(test, buf, at, PMD_PAGES + 3, PAGE_SIZE);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
	EXPECT_CONTRACT(test, buf, addr, 0, 3);
	test_buf_done(test, buf, addr);
}

/* The range is huge now, but there is a page table already: it is used. */
static void test_move_in_fault(struct kunit *test)
{
	static const unsigned int ranges[] = { PMD_PAGES, 0 };
	static const struct test_exporter exp = {
		"late", .nr = PMD_PAGES, .needs = NEEDS_PMD,
		.fault = fault_pfns, .huge_fault = huge_pfn,
	};
	struct test_buf *buf = test_buf_create(test, &exp);
	unsigned long addr = test_buf_mmap_at(test, buf, RW, 0, 0);

	buf->next = test_buf_alloc_ranges(ranges, buf->nr);
	KUNIT_ASSERT_NOT_NULL(test, buf->next);
	kunit_warning_suppress(test) {
		EXPECT_CONTENT(test, addr, 0, buf->nr);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
	KUNIT_EXPECT_NULL_MSG(test, buf->next, "no huge fault");
	EXPECT_CONTRACT(test, buf, addr, 0, buf->nr);
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
	    .clear = VM_PFNMAP, .fault = fault_normal }, AT_MMAP, "C1" },
	{ { "VM_MIXEDMAP, vm_insert_page in fault",
	    .set = VM_MIXEDMAP, .clear = VM_PFNMAP, .fault = fault_insert_page },
	    AT_MMAP, "C1" },
	{ { "VM_PFNMAP and VM_MIXEDMAP, page from fault",
	    .set = VM_MIXEDMAP, .fault = fault_normal }, AT_MMAP, "C1" },
	/* Without special entries these would be taken for normal pages. */
	{ { "remap_pfn_range, then VM_MIXEDMAP",
	    .needs = NEEDS_SPECIAL, .insert = remap_page, .set_after = VM_MIXEDMAP,
	    .vm_ops = &eager_ops }, AT_MMAP, "C1" },
	{ { "VM_PFNMAP cleared, vm_insert_page in mmap",
	    NORMAL, .insert = vm_insert_page, .vm_ops = &eager_ops }, AT_MMAP, "C1" },
	{ { "VM_HUGETLB", .set_after = VM_HUGETLB, .fault = fault_pfn }, AT_MMAP, "C1" },
	{ { "vm_ops with find_normal_page",
	    .needs = NEEDS_FIND_NORMAL, .vm_ops = FIND_NORMAL_OPS }, AT_MMAP, "C1" },
	{ { "vm_insert_page in mmap",
	    .insert = vm_insert_page, .vm_ops = &eager_ops }, IN_MMAP, "C1" },
	{ { "vm_insert_page in mmap, and a fault handler",
	    .insert = vm_insert_page, .fault = fault_pfn }, IN_MMAP, "C1" },
	{ { "vm_insert_page in mmap, VM_IO",
	    .set = VM_IO, .insert = vm_insert_page, .vm_ops = &eager_ops },
	    IN_MMAP, "C1" },
	{ { "vm_insert_pages", .map = map_normal_batch, .vm_ops = &eager_ops }, IN_MMAP, "C1" },
	{ { "vm_map_pages", .map = map_normal_array, .vm_ops = &eager_ops }, IN_MMAP, "C1" },
	{ { "vm_map_pages, vm_ops NULL",
	    .map = map_normal_array, .null_ops = true }, IN_MMAP, "C1" },
	{ { "remap_vmalloc_range",
	    MEM_VMALLOC, .map = map_vmalloc, .vm_ops = &eager_ops }, IN_MMAP, "C1" },
	{ { "VM_SHARED cleared",
	    .clear = VM_SHARED | VM_MAYSHARE, .fault = fault_normal }, AT_MMAP, "C2" },
	{ { "vm_insert_page, then VM_PFNMAP",
	    .needs = NEEDS_SPECIAL, NORMAL, .insert = vm_insert_page, HIDDEN,
	    .vm_ops = &eager_ops }, AT_MMAP, "C3" },
	{ { "vm_insert_page, then VM_PFNMAP and a fault handler",
	    .needs = NEEDS_SPECIAL, NORMAL, .insert = vm_insert_page, HIDDEN,
	    .fault = fault_pfn }, AT_MMAP, "C3" },
	{ { "vm_insert_page, then VM_PFNMAP, vm_ops NULL",
	    .needs = NEEDS_SPECIAL, NORMAL, .insert = vm_insert_page, HIDDEN,
	    .null_ops = true }, AT_MMAP, "C3" },
	{ { "one normal pte among special ones",
	    .needs = NEEDS_SPECIAL, NORMAL, .map = map_normal_last,
	    .vm_ops = &eager_ops }, AT_MMAP, "C3" },
	{ { "vm_insert_page with a copy of the vma",
	    .needs = NEEDS_SPECIAL, .insert = insert_normal_copy, .vm_ops = &eager_ops },
	    AT_MMAP, "C3" },
	{ { "vm_start moved, one part of normal pages",
	    .needs = NEEDS_SPECIAL, .map = map_normal_part, .fault = fault_pfn },
	    AT_MMAP, "C3" },
	{ { "normal pte by apply_to_page_range",
	    .needs = NEEDS_SPECIAL, .map = map_normal_raw, .fault = fault_pfn },
	    AT_MMAP, "C3" },
	{ { "normal pmd, then VM_PFNMAP",
	    MEM_FOLIO, .nr = 2 * PMD_PAGES, .needs = NEEDS_SPECIAL | NEEDS_PMD,
	    .map = map_normal_huge, HIDDEN, .vm_ops = &eager_ops }, AT_MMAP, "C3" },
	{ { "vm_file replaced", .map = map_other_file, .fault = fault_pfn }, AT_MMAP, "C5" },
	{ { "remap_pfn_range beyond the vma",
	    .ranges = one_range, .map = map_beyond, .vm_ops = &eager_ops }, BY_ERROR },
	/* This used to be a BUG(). */
	{ { "VM_MIXEDMAP, vmf_insert_pfn in mmap",
	    .set = VM_MIXEDMAP, .insert = insert_pfn, .fault = fault_pfn }, BY_ERROR },
	{ { "page from fault", .fault = fault_normal }, AT_FAULT },
	{ { "pfns in mmap, pages from fault",
	    .insert = remap_page, .half = true, .fault = fault_normal }, AT_FAULT },
	{ { "vmf_insert_page_mkwrite in fault", .fault = fault_mkwrite }, AT_FAULT },
	{ { "page cache through map_pages",
	    MEM_CACHE, .fault = fault_none, .vm_ops = &filemap_ops }, AT_FAULT },
	{ { "folio from huge_fault",
	    MEM_FOLIO, .nr = 2 * PMD_PAGES, .needs = NEEDS_PMD, .fault = fault_none,
	    .huge_fault = huge_folio }, AT_FAULT },
	{ { "vm_ops NULL, nothing mapped", .readonly = true, .null_ops = true }, AT_FAULT },
};

KUNIT_ARRAY_PARAM_DESC(broken, broken, exp.name);

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
	if (dmabuf->ops->mmap == test_dma_buf_mmap)
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
	const char *route;

	res->reads = !dma_buf_probe_touch(last, false);
	res->writes = !dma_buf_probe_touch(last, true);
	for (; addr <= last; addr += PAGE_SIZE) {
		dma_buf_probe_touch(addr, true);
		dma_buf_probe_touch(addr, false);
		route = dma_buf_probe_gup(addr, true, false);
		res->route = dma_buf_probe_gup(addr, false, false) ?: route ?: res->route;
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
	bool installs = exporter_vm_ops(&b->exp) && !rets[b->stop];

	KUNIT_EXPECT_STREQ(test, res->route ?: "none", "none");
	KUNIT_EXPECT_EQ(test, MMAP_ERROR(res->addr), b->stop == AT_FAULT ? 0 : -EINVAL);
	KUNIT_EXPECT_FALSE(test, res->reads);
	KUNIT_EXPECT_FALSE(test, res->writes);
	KUNIT_EXPECT_EQ(test, buf->mmaps, 1);
	KUNIT_EXPECT_EQ(test, buf->ret, rets[b->stop]);
	KUNIT_EXPECT_EQ(test, atomic_read(&buf->opens), installs);
	KUNIT_EXPECT_FALSE(test, buf->late_zap);
	/* Where the mm refuses, there is no entry for a moment either. */
	if (b->exp.insert || (b->exp.map && b->exp.map != map_other_file))
		KUNIT_EXPECT_EQ(test, buf->mapped, !rets[b->stop]);
	/* Only the number of the rule has to be the same. */
	if (refused_tp && b->rule)
		KUNIT_EXPECT_TRUE_MSG(test, buf->rule && !strncmp(buf->rule, b->rule, 2),
				      "the core says: %s", buf->rule ?: "nothing");
	else
		KUNIT_EXPECT_NULL(test, buf->rule);
}

/* Map the buffer and try to get at its pages, then take it all down. */
static void test_broken(struct kunit *test)
{
	const struct broken *b = test->param_value;

	for (enum test_path path = 0; path < NR_PATHS; path++) {
		struct test_buf *buf = test_buf_import(test, &b->exp, path);
		struct result res = {};

		/* The core, and the guards in the mm, say whose fault it is. */
		kunit_warning_suppress(test) {
			buf->watched = true;
			res.addr = test_mmap_all(buf);
			buf->watched = false;
			if (!IS_ERR_VALUE(res.addr)) {
				try_vma(buf, res.addr, &res);
				test_munmap(test, res.addr, buf->nr);
			}
		}
		if (path == PATH_FD)
			report(test, b, buf, &res);
		expect_stopped(test, b, buf, &res);
		test_buf_expect_released(test, buf);
	}
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
