// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for mappings of dma-bufs: what the suites share
 *
 * fork(), mremap() and mprotect() cannot be called from a module. The selftest
 * in tools/testing/selftests/dmabuf-heaps has them.
 */

#include <linux/anon_inodes.h>
#include <linux/cleanup.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "dma-buf-test.h"
#include "st-dma-buf-common.h"

/*
 * The buffer
 */

static void fill_page(struct page *page, pgoff_t index)
{
	void *p = kmap_local_page(page);

	dma_buf_probe_fill(p, index);
	kunmap_local(p);
}

void test_buf_free_pages(struct page **pages, pgoff_t nr)
{
	if (!pages)
		return;
	for (pgoff_t i = 0; i < nr; i++)
		if (pages[i])
			put_page(pages[i]);
	kvfree(pages);
}

/* Pages of 16 KiB make two huge entries a larger block than the page allocator has. */
static struct page *alloc_block(unsigned int order)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
	struct page *block;

#ifdef CONFIG_CONTIG_ALLOC
	if (order > MAX_PAGE_ORDER)
		return alloc_contig_pages(1UL << order, gfp, numa_mem_id(), NULL);
#endif
	block = alloc_pages(gfp, order);
	if (block && order)
		split_page(block, order);

	return block;
}

/*
 * The ranges come from one block, the first one from its end, so that none
 * continues the one before. One of PMD size is aligned to it as long as only
 * shorter ones follow.
 */
struct page **test_buf_alloc_ranges(const unsigned int *ranges, pgoff_t nr)
{
	unsigned int order = get_order(nr << PAGE_SHIFT);
	pgoff_t end = 1UL << order;
	struct page **pages;
	struct page *block;

	pages = kvcalloc(nr, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return NULL;
	block = alloc_block(order);
	if (!block) {
		kvfree(pages);
		return NULL;
	}

	for (pgoff_t n = 0; n < nr;) {
		unsigned int len = ranges ? *ranges++ : 1;

		end -= len;
		for (unsigned int i = 0; i < len; i++, n++) {
			pages[n] = block + end + i;
			fill_page(pages[n], n);
		}
	}
	while (end)
		__free_page(block + --end);

	return pages;
}

static int alloc_vmalloc(struct test_buf *buf)
{
	buf->pages = kvcalloc(buf->nr, sizeof(*buf->pages), GFP_KERNEL);
	buf->vaddr = vmalloc_user(buf->nr * PAGE_SIZE);
	if (!buf->pages || !buf->vaddr)
		return -ENOMEM;
	for (pgoff_t i = 0; i < buf->nr; i++) {
		buf->pages[i] = vmalloc_to_page(buf->vaddr + i * PAGE_SIZE);
		fill_page(buf->pages[i], i);
	}

	return 0;
}

/* Every page holds a reference of its own, as with the other kinds. */
static int alloc_folios(struct test_buf *buf)
{
	buf->pages = kvcalloc(buf->nr, sizeof(*buf->pages), GFP_KERNEL);
	if (!buf->pages)
		return -ENOMEM;
	for (pgoff_t n = 0; n < buf->nr; n += PMD_PAGES) {
		struct folio *folio = folio_alloc(GFP_KERNEL | __GFP_ZERO,
						  get_order(PMD_SIZE));

		if (!folio)
			return -ENOMEM;
		for (pgoff_t i = 0; i < PMD_PAGES; i++) {
			if (i)
				folio_get(folio);
			buf->pages[n + i] = folio_page(folio, i);
			fill_page(buf->pages[n + i], n + i);
		}
	}

	return 0;
}

static int alloc_memory(struct test_buf *buf)
{
	const unsigned int *ranges = buf->exp->ranges;

	buf->nr = buf->exp->nr ?: TEST_PAGES;
	if (ranges)
		for (buf->nr = 0; *ranges; ranges++)
			buf->nr += *ranges;

	switch (buf->exp->memory) {
	case MEM_VMALLOC:
		return alloc_vmalloc(buf);
	case MEM_FOLIO:
		return alloc_folios(buf);
	default:
		buf->pages = test_buf_alloc_ranges(buf->exp->ranges, buf->nr);
		return buf->pages ? 0 : -ENOMEM;
	}
}

/* What continues a range makes it longer. */
static int fill_table(struct test_buf *buf)
{
	int ret = 0;

	buf->table = dma_buf_phys_table_alloc(buf->nr);
	if (!buf->table)
		return -ENOMEM;
	for (pgoff_t i = 0; !ret && i < buf->nr; i++)
		ret = dma_buf_phys_table_add(buf->table,
					     page_to_phys(buf->pages[i]), 1);

	return ret;
}

static void buf_free(struct kref *ref)
{
	struct test_buf *buf = container_of(ref, struct test_buf, ref);

	if (buf->exp->memory == MEM_VMALLOC) {
		vfree(buf->vaddr);
		kvfree(buf->pages);
	} else {
		test_buf_free_pages(buf->pages, buf->nr);
	}
	test_buf_free_pages(buf->next, buf->nr);
	kvfree(buf->table);
	mutex_destroy(&buf->lock);
	kfree(buf);
}

static void buf_put(void *data)
{
	struct test_buf *buf = data;

	test_buf_close(buf);
	kref_put(&buf->ref, buf_free);
}

static int buf_get_phys(struct dma_buf *dmabuf, pgoff_t pgoff,
			struct phys_vec *vec, unsigned int nr)
{
	struct test_buf *buf = dmabuf->priv;

	atomic_inc(&buf->lookups);

	return buf->err ?: buf->exp->get_phys(buf, pgoff, vec, nr);
}

static void buf_release(struct dma_buf *dmabuf)
{
	struct test_buf *buf = dmabuf->priv;

	atomic_inc(&buf->releases);
	kref_put(&buf->ref, buf_free);
}

static const struct dma_buf_ops mmap_ops = {
	.map_dma_buf = dma_buf_test_map,
	.unmap_dma_buf = dma_buf_test_unmap,
	.mmap = test_dma_buf_mmap,
	.release = buf_release,
};

static const struct dma_buf_ops phys_ops = {
	.map_dma_buf = dma_buf_test_map,
	.unmap_dma_buf = dma_buf_test_unmap,
	.get_phys = buf_get_phys,
	.release = buf_release,
};

/* Skips the test where the kernel lacks what the exporter is about. */
static void need(struct kunit *test, unsigned int needs)
{
	if ((needs & NEEDS_SPECIAL) &&
	    !IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL))
		kunit_skip(test, "no CONFIG_ARCH_HAS_PTE_SPECIAL");
	if ((needs & NEEDS_PMD) && !IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		kunit_skip(test, "no CONFIG_ARCH_SUPPORTS_PMD_PFNMAP");
	if ((needs & NEEDS_FIND_NORMAL) && !IS_ENABLED(CONFIG_FIND_NORMAL_PAGE))
		kunit_skip(test, "no CONFIG_FIND_NORMAL_PAGE");
}

/* Make the pages those of the file as well; they leave the cache with it. */
static int fill_cache(struct test_buf *buf)
{
	for (pgoff_t i = 0; i < buf->nr; i++) {
		struct folio *folio = page_folio(buf->pages[i]);
		int ret = filemap_add_folio(buf->mapping, folio, i, GFP_KERNEL);

		if (ret)
			return ret;
		folio_mark_uptodate(folio);
		folio_unlock(folio);
	}

	return 0;
}

/* A new buffer of @exp, exported. It goes away with the test at the latest. */
struct test_buf *test_buf_create(struct kunit *test,
				 const struct test_exporter *exp)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct test_buf *buf;
	int ret;

	need(test, exp->needs);
	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);

	buf = kzalloc_obj(*buf);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	kref_init(&buf->ref);
	mutex_init(&buf->lock);
	buf->exp = exp;
	buf->start = exp->start ? TEST_START : 0;
	ret = kunit_add_action_or_reset(test, buf_put, buf);
	KUNIT_ASSERT_EQ(test, ret, 0);

	ret = alloc_memory(buf) ?: fill_table(buf);
	KUNIT_ASSERT_EQ_MSG(test, ret, 0, "no memory for the buffer");

	info.exp_name = exp->name;
	info.ops = exp->get_phys ? &phys_ops : &mmap_ops;
	info.size = buf->nr * PAGE_SIZE;
	info.flags = exp->readonly ? O_RDONLY : O_RDWR;
	info.decrypted = exp->decrypted;
	info.priv = buf;
	kref_get(&buf->ref);
	buf->dmabuf = dma_buf_export(&info);
	if (IS_ERR(buf->dmabuf)) {
		ret = PTR_ERR(buf->dmabuf);
		buf->dmabuf = NULL;
		kref_put(&buf->ref, buf_free);
		KUNIT_FAIL_AND_ABORT(test, "dma_buf_export: %d", ret);
	}
	buf->file = buf->dmabuf->file;
	buf->mapping = buf->file->f_mapping;
	if (exp->memory == MEM_CACHE)
		KUNIT_ASSERT_EQ(test, fill_cache(buf), 0);

	return buf;
}

static void importer_open(struct vm_area_struct *vma)
{
	struct test_buf *buf = vma->vm_private_data;

	atomic_inc(&buf->refs);
}

static void importer_close(struct vm_area_struct *vma)
{
	struct test_buf *buf = vma->vm_private_data;

	atomic_dec(&buf->refs);
}

static const struct vm_operations_struct importer_ops = {
	.open = importer_open,
	.close = importer_close,
};

/* As drm_gem_mmap_obj(): a reference for the vma, which the vma cannot keep. */
static int importer_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct test_buf *buf = file->private_data;
	int ret;

	atomic_inc(&buf->refs);
	if (buf->path == PATH_IMPORTER_RESET) {
		vma->vm_private_data = NULL;
		vma->vm_ops = NULL;
	} else if (buf->path == PATH_IMPORTER_KEEPS) {
		vma->vm_private_data = buf;
		vma->vm_ops = &importer_ops;
	}
	ret = dma_buf_mmap(buf->dmabuf, vma, buf->fake ? buf->pgoff : vma->vm_pgoff);
	atomic_dec(&buf->refs);

	return ret;
}

static const struct file_operations importer_fops = {
	.owner = THIS_MODULE,
	.mmap = importer_mmap,
};

/* A new buffer, and the file by which @path maps it */
struct test_buf *test_buf_import(struct kunit *test,
				 const struct test_exporter *exp,
				 enum test_path path)
{
	struct test_buf *buf = test_buf_create(test, exp);
	struct file *file;

	buf->path = path;
	if (path == PATH_FD)
		return buf;

	file = anon_inode_getfile("dma-buf-kunit", &importer_fops, buf,
				  exp->readonly ? O_RDONLY : O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	buf->file = file;

	return buf;
}

/* The test gives up its references: "close(fd)". */
void test_buf_close(struct test_buf *buf)
{
	if (!buf->dmabuf)
		return;
	if (buf->file != buf->dmabuf->file)
		fput(buf->file);
	dma_buf_put(buf->dmabuf);
	buf->dmabuf = NULL;
	buf->file = NULL;
}

/* Nobody but the buffer holds its pages, and nobody maps them. */
static void expect_no_refs(struct kunit *test, struct test_buf *buf)
{
	for (pgoff_t i = 0; i < buf->nr; i++) {
		struct folio *folio = page_folio(buf->pages[i]);

		KUNIT_EXPECT_FALSE(test, folio_mapped(folio));
		/* The page cache has references of its own. */
		if (buf->exp->memory != MEM_CACHE)
			KUNIT_EXPECT_EQ(test, folio_ref_count(folio), folio_nr_pages(folio));
	}
}

bool test_wait_for(atomic_t *v, int want)
{
	unsigned long end = jiffies + TEST_TIMEOUT;

	do {
		/* What a kernel thread puts last is released by a work item. */
		flush_delayed_fput();
		if (atomic_read(v) >= want)
			return true;
		schedule_timeout_uninterruptible(1);
	} while (time_before(jiffies, end));

	return false;
}

static void expect_alive(struct kunit *test, struct test_buf *buf)
{
	flush_delayed_fput();
	KUNIT_EXPECT_EQ(test, atomic_read(&buf->releases), 0);
}

/*
 * All mappings are gone: the counts of vmas are balanced, no vma has put a
 * reference that the importer never gave it, nothing else holds a file or a
 * page, and the buffer is released, once, with the test's own reference.
 */
void test_buf_expect_released(struct kunit *test, struct test_buf *buf)
{
	if (buf->dmabuf) {
		expect_alive(test, buf);
		KUNIT_EXPECT_EQ(test, (long)file_count(buf->file), 1);
		KUNIT_EXPECT_EQ(test, (long)file_count(buf->dmabuf->file), 1);
		test_buf_close(buf);
	}
	KUNIT_EXPECT_TRUE(test, test_wait_for(&buf->releases, 1));
	KUNIT_EXPECT_EQ(test, atomic_read(&buf->releases), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&buf->opens), atomic_read(&buf->closes));
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&buf->refs), 0, "path %d", buf->path);
	expect_no_refs(test, buf);
}

/*
 * Mappings
 */

unsigned long test_mmap(struct file *file, pgoff_t nr, unsigned long prot,
			unsigned long flags, pgoff_t pgoff)
{
	return vm_mmap(file, 0, nr * PAGE_SIZE, prot, flags, pgoff * PAGE_SIZE);
}

/* A shared mapping whose address is @offset modulo two huge pages. */
static unsigned long map_aligned(struct file *file, pgoff_t nr,
				 unsigned long prot, pgoff_t pgoff,
				 unsigned long offset)
{
	unsigned long len = nr * PAGE_SIZE, align = 2 * PMD_SIZE;
	unsigned long addr;

	/* Nothing else maps into this address space meanwhile. */
	addr = vm_mmap(NULL, 0, len + 2 * align, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, 0);
	if (IS_ERR_VALUE(addr))
		return addr;
	vm_munmap(addr, len + 2 * align);

	return vm_mmap(file, ALIGN(addr, align) + offset, len, prot,
		       MAP_SHARED | MAP_FIXED, pgoff * PAGE_SIZE);
}

/* From page @pgoff to the end of the buffer. */
unsigned long test_buf_mmap_at(struct kunit *test, struct test_buf *buf,
			       unsigned long prot, pgoff_t pgoff,
			       unsigned long offset)
{
	unsigned long addr = map_aligned(buf->file, buf->nr - pgoff, prot,
					 pgoff, offset);

	ASSERT_MAPPED(test, addr);

	return addr;
}

/* The whole buffer, readable, and writable if the file is. */
unsigned long test_mmap_all(struct test_buf *buf)
{
	unsigned long prot = PROT_READ | (buf->exp->readonly ? 0 : PROT_WRITE);

	return map_aligned(buf->file, buf->nr, prot, 0, 0);
}

void test_munmap(struct kunit *test, unsigned long addr, pgoff_t nr)
{
	KUNIT_EXPECT_EQ(test, vm_munmap(addr, nr * PAGE_SIZE), 0);
}

/* The end of a test that has mapped all of the buffer at @addr */
void test_buf_done(struct kunit *test, struct test_buf *buf, unsigned long addr)
{
	test_munmap(test, addr, buf->nr);
	test_buf_expect_released(test, buf);
}

/* Page @index is where it is now, in an entry of @size; none if @size is 0. */
struct dma_buf_probe_entry
test_buf_expect_entry(struct kunit *test, struct test_buf *buf,
		      unsigned long addr, pgoff_t index, unsigned long size)
{
	struct dma_buf_probe_entry entry;

	dma_buf_probe_entry(addr, &entry);
	KUNIT_EXPECT_EQ_MSG(test, entry.size, size, "page %lu", index);
	if (!size)
		return entry;

	KUNIT_EXPECT_EQ(test, entry.pfn, page_to_pfn(buf->pages[index]));
	if (IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL))
		KUNIT_EXPECT_TRUE(test, entry.special);

	return entry;
}

/*
 * Test cases for exporters that have to work
 */

/* What is written to the last page is in the buffer, and the reverse. */
static void expect_shared(struct kunit *test, struct test_buf *buf,
			  unsigned long addr, bool write)
{
	struct page *page = buf->pages[buf->nr - 1];
	u32 __user *uaddr;
	u32 *p = kmap_local_page(page);
	u32 val = 0;

	uaddr = (u32 __user *)(addr + (buf->nr - 1) * PAGE_SIZE);
	if (write) {
		KUNIT_EXPECT_EQ(test, put_user(1234, uaddr + 7), 0);
		KUNIT_EXPECT_EQ(test, READ_ONCE(p[7]), 1234);
	}
	WRITE_ONCE(p[7], 5678);
	flush_dcache_page(page);
	KUNIT_EXPECT_EQ(test, get_user(val, uaddr + 7), 0);
	KUNIT_EXPECT_EQ(test, val, 5678);
	kunmap_local(p);
}

/* The core sets up the vma, before an exporter's own mmap is called. */
static void expect_set_up(struct kunit *test, struct test_buf *buf,
			  unsigned long addr)
{
	const vm_flags_t flags = VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
	struct vm_area_struct *vma;

	if (buf->exp->get_phys) {
		guard(mmap_read_lock)(current->mm);
		vma = vma_lookup(current->mm, addr);
		KUNIT_EXPECT_NULL(test, vma->vm_private_data);
		return;
	}
	KUNIT_EXPECT_EQ(test, buf->mmaps, 1);
	KUNIT_EXPECT_EQ(test, buf->flags & (flags | VM_MIXEDMAP), flags);
	KUNIT_EXPECT_TRUE(test, buf->set_up);
}

/* All of the contract, for all ways to map the buffer. */
void test_buf_contract(struct kunit *test)
{
	for (enum test_path path = 0; path < NR_PATHS; path++) {
		struct test_buf *buf = test_buf_import(test, test->param_value, path);
		unsigned long addr = test_mmap_all(buf);

		ASSERT_MAPPED(test, addr);
		expect_set_up(test, buf, addr);
		EXPECT_CONTRACT(test, buf, addr, 0, buf->nr);
		expect_shared(test, buf, addr, true);
		test_munmap(test, addr, buf->nr);
		test_buf_expect_released(test, buf);
	}
}

/* The offset in the importer's file is nothing to the exporter. */
static void map_fake_offset(struct kunit *test, enum test_path path,
			    pgoff_t pgoff)
{
	struct test_buf *buf = test_buf_import(test, test->param_value, path);
	pgoff_t nr = buf->nr - pgoff;
	unsigned long addr;

	buf->fake = true;
	buf->pgoff = pgoff;
	addr = test_mmap(buf->file, nr, PROT_READ, MAP_SHARED, TEST_START / 2);
	ASSERT_MAPPED(test, addr);
	scoped_guard(mmap_read_lock, current->mm)
		KUNIT_EXPECT_EQ(test, vma_lookup(current->mm, addr)->vm_pgoff, pgoff + buf->start);
	EXPECT_CONTENT(test, addr, pgoff, nr);
	test_munmap(test, addr, nr);
	test_buf_expect_released(test, buf);
}

/* Page i of the buffer is at offset i: wherever the mapping starts, */
void test_buf_offset(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, test->param_value);
	unsigned long addr;
	pgoff_t nr;

	for (pgoff_t first = 0; first < 4; first++) {
		for (int i = 1; i < 6; i++) {
			nr = i < 5 ? i : buf->nr - first;
			addr = test_mmap(buf->file, nr, PROT_READ, MAP_SHARED, first);
			ASSERT_MAPPED(test, addr);
			EXPECT_CONTENT(test, addr, first, nr);
			test_munmap(test, addr, nr);
		}
	}

	/* There is no page after the last. */
	addr = test_mmap(buf->file, buf->nr, PROT_READ, MAP_SHARED, 1);
	KUNIT_EXPECT_EQ(test, (long)addr, -EINVAL);
	addr = test_mmap(buf->file, 1, PROT_READ, MAP_SHARED, buf->nr);
	KUNIT_EXPECT_EQ(test, (long)addr, -EINVAL);
	test_buf_expect_released(test, buf);

	for (enum test_path path = PATH_IMPORTER; path < NR_PATHS; path++)
		for (pgoff_t pgoff = 0; pgoff < 4; pgoff += 2)
			map_fake_offset(test, path, pgoff);
}

/* and whatever was unmapped of it, before the first access or after. */
void test_buf_split(struct kunit *test)
{
	for (int touched = 0; touched < 2; touched++) {
		struct test_buf *buf = test_buf_create(test, test->param_value);
		unsigned long addr = test_buf_mmap_at(test, buf, RW, 0, 0);
		unsigned long tail = addr + 5 * PAGE_SIZE;
		pgoff_t nr = buf->nr - 5;

		if (touched)
			EXPECT_CONTENT(test, addr, 0, buf->nr);
		test_munmap(test, addr, 1);
		test_munmap(test, addr + 3 * PAGE_SIZE, 2);
		EXPECT_CONTRACT(test, buf, addr + PAGE_SIZE, 1, 2);
		EXPECT_CONTRACT(test, buf, tail, 5, nr);
		KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(addr, false), -EFAULT);
		KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(tail - PAGE_SIZE, false), -EFAULT);

		/* Each piece keeps the buffer. */
		test_buf_close(buf);
		test_munmap(test, addr, 3);
		expect_alive(test, buf);
		EXPECT_CONTENT(test, tail, 5, nr);
		test_buf_done(test, buf, addr);
	}
}

/*
 * A private mapping that nobody can write to is as good as a shared one, if
 * that can never change.
 */
static void expect_private_read(struct kunit *test, struct test_buf *buf)
{
	unsigned long addr = test_mmap(buf->file, buf->nr, PROT_READ,
				       MAP_PRIVATE, 0);

	ASSERT_MAPPED(test, addr);
	scoped_guard(mmap_read_lock, current->mm)
		KUNIT_EXPECT_FALSE(test, vma_lookup(current->mm, addr)->vm_flags & VM_MAYWRITE);
	EXPECT_CONTRACT(test, buf, addr, 0, buf->nr);
	KUNIT_EXPECT_EQ(test, dma_buf_probe_touch(addr, true), -EFAULT);
	expect_shared(test, buf, addr, false);
	EXPECT_CONTRACT(test, buf, addr, 0, buf->nr);
	test_munmap(test, addr, buf->nr);
}

/*
 * What is written to a private mapping would be anonymous memory. The exporter
 * is not even asked. It is the user's mistake, so nothing is logged.
 */
static void expect_private_write(struct kunit *test, struct test_buf *buf)
{
	unsigned long addr;

	kunit_warning_suppress(test) {
		addr = test_mmap(buf->file, buf->nr, RW, MAP_PRIVATE, 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
	KUNIT_EXPECT_EQ_MSG(test, (long)addr, -EINVAL, "path %d", buf->path);
	KUNIT_EXPECT_EQ(test, buf->mmaps, 0);
	KUNIT_EXPECT_NULL(test, buf->rule);
	if (!IS_ERR_VALUE(addr))
		test_munmap(test, addr, buf->nr);
}

void test_buf_private(struct kunit *test)
{
	for (enum test_path path = 0; path < NR_PATHS; path++) {
		struct test_buf *buf = test_buf_import(test, test->param_value, path);

		expect_private_write(test, buf);
		expect_private_read(test, buf);
		test_buf_expect_released(test, buf);
	}
}

static void attach_mm(struct mm_struct *mm)
{
	kthread_unuse_mm(current->mm);
	kthread_use_mm(mm);
}

/* A second address space: the test does not abort while it is attached. */
static struct mm_struct *attach_other_mm(struct kunit *test)
{
	struct mm_struct *mm = current->mm;
	int ret;

	kthread_unuse_mm(mm);
	ret = kunit_attach_mm();
	if (ret)
		kthread_use_mm(mm);
	KUNIT_ASSERT_EQ(test, ret, 0);

	return current->mm;
}

/*
 * The vma, and nothing else, keeps the buffer: it outlives the file descriptor
 * and goes with the last mapping, in whichever address space that is.
 */
void test_buf_lifetime(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, test->param_value);
	unsigned long addr = test_buf_mmap_at(test, buf, RW, 0, 0);
	struct mm_struct *mm = current->mm, *other = attach_other_mm(test);
	unsigned long other_addr = test_mmap_all(buf);

	KUNIT_EXPECT_EQ(test, MMAP_ERROR(other_addr), 0);
	EXPECT_CONTENT(test, other_addr, 0, buf->nr);
	test_buf_close(buf);
	expect_alive(test, buf);

	attach_mm(mm);
	EXPECT_CONTENT(test, addr, 0, buf->nr);
	test_munmap(test, addr, buf->nr);
	expect_alive(test, buf);

	attach_mm(other);
	EXPECT_CONTENT(test, other_addr, 0, 1);
	attach_mm(mm);
	mmput(other);
	test_buf_expect_released(test, buf);
}

/* MAP_POPULATE leaves no fault behind. */
void test_buf_populate(struct kunit *test)
{
	struct test_buf *buf = test_buf_create(test, test->param_value);
	struct dma_buf_probe_entry entry;
	unsigned long addr;

	for (int shared = 0; shared < 2; shared++) {
		addr = test_mmap(buf->file, buf->nr,
				 PROT_READ | (shared ? PROT_WRITE : 0),
				 MAP_POPULATE | (shared ? MAP_SHARED : MAP_PRIVATE), 0);
		ASSERT_MAPPED(test, addr);
		for (pgoff_t i = 0; i < buf->nr; i++)
			KUNIT_EXPECT_EQ_MSG(test, dma_buf_probe_entry(addr + i * PAGE_SIZE, &entry),
					    0, "page %lu", i);
		EXPECT_CONTRACT(test, buf, addr, 0, buf->nr);
		test_munmap(test, addr, buf->nr);
	}
	test_buf_expect_released(test, buf);
}
