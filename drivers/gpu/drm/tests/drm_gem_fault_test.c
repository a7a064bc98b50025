// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the helpers for fault handlers of GEM drivers
 *
 * Each test maps an object of one page table and a half by a driver of its own,
 * faults in a page, and looks at what is mapped then.
 */

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sizes.h>

#include <kunit/test.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_kunit_helpers.h>
#include <drm/drm_vma_manager.h>

#define TABLE		PTRS_PER_PTE
#define NR_PAGES	(TABLE + TABLE / 2)
/*
 * Where drm_gem_fault_range() is told that the memory is. There may be none, so
 * nobody accesses it.
 */
#define RANGE_PFN	0x100

struct fault_test {
	struct drm_gem_object obj;
	/* PTRS_PER_PTE is no constant on some architectures */
	struct page *pages[MAX_PTRS_PER_PTE + MAX_PTRS_PER_PTE / 2];
	/* Holds TABLE of these, if the test wants that */
	struct folio *folio;
	/* What the driver says that the object has; the mapping is larger */
	unsigned long nr_pages;
	bool contiguous;
	struct file *file;
	unsigned long addr;
};

static vm_fault_t ft_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct fault_test *t = container_of(vmf->vma->vm_private_data,
					    struct fault_test, obj);

	if (!t->contiguous)
		return drm_gem_fault_pages(vmf, order, t->pages, t->nr_pages);
	if (order)
		return VM_FAULT_FALLBACK;

	return drm_gem_fault_range(vmf, RANGE_PFN, t->nr_pages);
}

static vm_fault_t ft_fault(struct vm_fault *vmf)
{
	return ft_huge_fault(vmf, 0);
}

static const struct vm_operations_struct ft_vm_ops = {
	.fault = ft_fault,
	.huge_fault = ft_huge_fault,
};

static int ft_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct fault_test *t = file->private_data;

	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_pgoff += drm_vma_node_start(&t->obj.vma_node);
	vma->vm_private_data = &t->obj;
	vma->vm_ops = &ft_vm_ops;

	return 0;
}

static const struct file_operations ft_fops = {
	.owner = THIS_MODULE,
	.mmap = ft_mmap,
};

static void ft_put_pages(void *data)
{
	struct fault_test *t = data;

	for (unsigned int i = 0; i < NR_PAGES; i++)
		if (t->pages[i] && page_folio(t->pages[i]) != t->folio)
			__free_page(t->pages[i]);
	if (t->folio)
		folio_put(t->folio);
}

KUNIT_DEFINE_ACTION_WRAPPER(ft_put_object, drm_gem_object_release, struct drm_gem_object *);
KUNIT_DEFINE_ACTION_WRAPPER(ft_put_file, fput, struct file *);

static int ft_init(struct kunit *test)
{
	struct device *dev;
	struct drm_device *drm;
	struct fault_test *t;
	unsigned long area;

	/* A page table of 64K pages maps 512 MiB on arm64. */
	if (NR_PAGES * PAGE_SIZE > SZ_64M)
		kunit_skip(test, "takes too much memory");

	KUNIT_ASSERT_EQ(test, 0, kunit_attach_mm());

	dev = drm_kunit_helper_alloc_device(test);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	drm = __drm_kunit_helper_alloc_drm_device(test, dev, sizeof(*drm), 0,
						  DRIVER_GEM);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, drm);

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->nr_pages = NR_PAGES;

	KUNIT_ASSERT_EQ(test, 0, kunit_add_action(test, ft_put_pages, t));
	for (unsigned int i = 0; i < NR_PAGES; i++) {
		t->pages[i] = alloc_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, t->pages[i]);
	}

	drm_gem_private_object_init(drm, &t->obj, NR_PAGES * PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, ft_put_object, &t->obj));
	KUNIT_ASSERT_EQ(test, 0, drm_gem_create_mmap_offset(&t->obj));

	t->file = anon_inode_create_getfile("[drm_gem_fault]", &ft_fops, t,
					    O_RDWR, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(t->file));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, ft_put_file, t->file));

	/* At the begin of a page table, with nothing around */
	area = vm_mmap(NULL, 0, 4 * PMD_SIZE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(area));
	area = ALIGN(area + 1, PMD_SIZE);
	t->addr = vm_mmap(t->file, area, NR_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, 0);
	KUNIT_ASSERT_EQ(test, t->addr, area);

	return 0;
}

static unsigned long ft_page(const struct fault_test *t, unsigned long i)
{
	return t->addr + i * PAGE_SIZE;
}

/* Do what a read access does, but for the access. Returns whether it could go on. */
static bool ft_touch(const struct fault_test *t, unsigned long i)
{
	guard(mmap_read_lock)(current->mm);

	return !fixup_user_fault(current->mm, ft_page(t, i), 0, NULL);
}

/* The pfn that is mapped at a page of the object, or 0, and by which kind of entry */
static unsigned long ft_pfn(const struct fault_test *t, unsigned long i, bool *huge)
{
	unsigned long addr = ft_page(t, i);
	struct follow_pfnmap_args args = { .address = addr };
	unsigned long pfn = 0;

	*huge = false;
	guard(mmap_read_lock)(current->mm);
	args.vma = vma_lookup(current->mm, addr);
	if (args.vma && !follow_pfnmap_start(&args)) {
		pfn = args.pfn;
		*huge = args.addr_mask == PMD_MASK;
		follow_pfnmap_end(&args);
	}

	return pfn;
}

/* The pages from @first to before @end are mapped to what they are, and no other. */
static void ft_expect_mapped(struct kunit *test, unsigned long first, unsigned long end)
{
	struct fault_test *t = test->priv;

	for (unsigned long i = 0; i < NR_PAGES; i++) {
		bool huge;
		unsigned long mapped = ft_pfn(t, i, &huge);
		unsigned long pfn = 0;

		if (i >= first && i < end && t->contiguous)
			pfn = RANGE_PFN + i;
		else if (i >= first && i < end && t->pages[i])
			pfn = page_to_pfn(t->pages[i]);
		if (mapped != pfn) {
			KUNIT_FAIL(test, "page %lu: pfn %#lx is mapped, should be %#lx",
				   i, mapped, pfn);
			return;
		}
	}
}

/* A fault on the page @touch maps those from @first to before @end. */
static void ft_expect_maps(struct kunit *test, unsigned long touch,
			   unsigned long first, unsigned long end)
{
	KUNIT_EXPECT_TRUE(test, ft_touch(test->priv, touch));
	ft_expect_mapped(test, first, end);
}

static void ft_maps_page_table(struct kunit *test)
{
	ft_expect_maps(test, 5, 0, TABLE);
}

static void ft_maps_to_end_of_vma(struct kunit *test)
{
	ft_expect_maps(test, NR_PAGES - 1, TABLE, NR_PAGES);
}

static void ft_maps_after_split(struct kunit *test)
{
	struct fault_test *t = test->priv;
	const unsigned long start = TABLE / 4, end = TABLE / 2;

	KUNIT_ASSERT_EQ(test, 0, vm_munmap(ft_page(t, start - 1), PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(ft_page(t, end), PAGE_SIZE));
	ft_expect_maps(test, start + 3, start, end);
}

static void ft_maps_to_end_of_object(struct kunit *test)
{
	struct fault_test *t = test->priv;

	t->nr_pages = 20;
	ft_expect_maps(test, 3, 0, 20);
	KUNIT_EXPECT_FALSE(test, ft_touch(t, 20));
	ft_expect_mapped(test, 0, 20);
}

static void ft_maps_range(struct kunit *test)
{
	struct fault_test *t = test->priv;

	t->contiguous = true;
	t->nr_pages = TABLE + TABLE / 4;
	KUNIT_EXPECT_FALSE(test, ft_touch(t, t->nr_pages));
	ft_expect_mapped(test, 0, 0);
	ft_expect_maps(test, TABLE + 3, TABLE, t->nr_pages);
}

static void ft_leaves_holes(struct kunit *test)
{
	struct fault_test *t = test->priv;
	const unsigned int holes[] = { 0, 7, 8, TABLE / 2, TABLE - 1 };

	for (int i = 0; i < ARRAY_SIZE(holes); i++) {
		__free_page(t->pages[holes[i]]);
		t->pages[holes[i]] = NULL;
	}
	ft_expect_maps(test, 5, 0, TABLE);
	KUNIT_EXPECT_FALSE(test, ft_touch(t, 7));
}

static void ft_need_huge(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		kunit_skip(test, "no huge pfns on this architecture");
}

/* The pages from @first on are in one huge folio. */
static void ft_use_folio(struct kunit *test, unsigned long first)
{
	struct fault_test *t = test->priv;

	ft_need_huge(test);
	t->folio = folio_alloc(GFP_KERNEL, PMD_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, t->folio);
	for (unsigned int i = 0; i < TABLE; i++) {
		__free_page(t->pages[first + i]);
		t->pages[first + i] = folio_page(t->folio, i);
	}
}

static void ft_maps_folio(struct kunit *test)
{
	struct fault_test *t = test->priv;
	bool huge;

	ft_use_folio(test, 0);
	ft_expect_maps(test, 5, 0, TABLE);
	ft_pfn(t, 5, &huge);
	KUNIT_EXPECT_TRUE(test, huge);
}

static void ft_maps_part_of_folio(struct kunit *test)
{
	struct fault_test *t = test->priv;

	ft_use_folio(test, 0);
	t->nr_pages = TABLE - 1;
	ft_expect_maps(test, 5, 0, TABLE - 1);
}

static void ft_maps_unaligned_folio(struct kunit *test)
{
	ft_use_folio(test, 1);
	ft_expect_maps(test, 5, 0, TABLE);
}

/* A page is where it would be in a huge folio, but is none of one. */
static void ft_maps_page_of_no_folio(struct kunit *test)
{
	struct fault_test *t = test->priv;
	struct page *block;

	ft_need_huge(test);
	block = alloc_pages(GFP_KERNEL, PMD_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, block);
	split_page(block, PMD_ORDER);
	__free_page(t->pages[5]);
	t->pages[5] = block + 5;
	for (unsigned int i = 0; i < TABLE; i++)
		if (i != 5)
			__free_page(block + i);
	ft_expect_maps(test, 5, 0, TABLE);
}

static struct kunit_case drm_gem_fault_tests[] = {
	KUNIT_CASE(ft_maps_page_table),
	KUNIT_CASE(ft_maps_to_end_of_vma),
	KUNIT_CASE(ft_maps_after_split),
	KUNIT_CASE(ft_maps_to_end_of_object),
	KUNIT_CASE(ft_maps_range),
	KUNIT_CASE(ft_leaves_holes),
	KUNIT_CASE(ft_maps_folio),
	KUNIT_CASE(ft_maps_part_of_folio),
	KUNIT_CASE(ft_maps_unaligned_folio),
	KUNIT_CASE(ft_maps_page_of_no_folio),
	{}
};

static struct kunit_suite drm_gem_fault_suite = {
	.name = "drm_gem_fault",
	.init = ft_init,
	.test_cases = drm_gem_fault_tests,
};

kunit_test_suite(drm_gem_fault_suite);

MODULE_DESCRIPTION("KUnit tests of the helpers for fault handlers of GEM drivers");
MODULE_LICENSE("GPL");
