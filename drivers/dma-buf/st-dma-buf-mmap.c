// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for the contract of a dma-buf mapping
 *
 * Each fake exporter below is one way to write dma_buf_ops.mmap, right or
 * wrong. It is mapped into a real address space, through the dma_buf's own file
 * and through the file of an importer. A right one has to work, and must give
 * no reference to a page to anybody. A wrong one has to be refused, by mmap()
 * or at the latest by the fault that would let a normal page in, and must leave
 * nothing behind.
 *
 * fork(), mremap() and mprotect() cannot be called from here (nothing that
 * could be used for it is exported to modules). The selftest in
 * tools/testing/selftests/dmabuf-heaps has them.
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
#include <linux/shmem_fs.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include <trace/events/dma_buf.h>

#include "st-dma-buf-mmap.h"

/* Enough for an offset, a split in the middle, and both of them. */
#define STM_PAGES	8

/* Words of a page that hold its pattern; one more is free for writers. */
static const unsigned int stm_words[] = {
	0, PAGE_SIZE / 8, PAGE_SIZE / 4 - 1,
};

#define STM_COUNTER	7

/*
 * Pages and their contents
 */

/* What page @index of every buffer holds in its word @word. */
u32 stm_pattern(pgoff_t index, unsigned int word)
{
	return 0x5a000000 ^ ((u32)index << 12) ^ word;
}

void stm_fill(struct page *page, pgoff_t index)
{
	u32 *p = kmap_local_page(page);
	int i;

	for (i = 0; i < ARRAY_SIZE(stm_words); i++)
		p[stm_words[i]] = stm_pattern(index, stm_words[i]);
	kunmap_local(p);
}

/* Is page @index of the buffer at @addr?  0, -EFAULT, or -EILSEQ if not. */
int stm_check(unsigned long addr, pgoff_t index)
{
	u32 __user *p = (u32 __user *)addr;
	u32 val;
	int i;

	for (i = 0; i < ARRAY_SIZE(stm_words); i++) {
		if (get_user(val, p + stm_words[i]))
			return -EFAULT;
		if (val != stm_pattern(index, stm_words[i]))
			return -EILSEQ;
	}
	return 0;
}

/* Expect pages @index to @index + @nr of the buffer at @addr and after. */
void stm_expect_content(struct kunit *test, unsigned long addr, pgoff_t index,
			pgoff_t nr)
{
	pgoff_t i;
	int ret;

	for (i = 0; i < nr; i++) {
		ret = stm_check(addr + i * PAGE_SIZE, index + i);
		KUNIT_EXPECT_EQ_MSG(test, ret, 0, "page %lu of %lu at index %lu",
				    i, nr, index + i);
		if (ret)
			return;
	}
}

/* Read a word, or write the counter, at the page at @addr. */
int stm_touch(unsigned long addr, bool write)
{
	u32 __user *p = (u32 __user *)addr;
	u32 val = 1;

	if (write)
		return put_user(val, p + STM_COUNTER);
	return copy_from_user(&val, p, sizeof(val)) ? -EFAULT : 0;
}

void stm_free_pages(struct page **pages, pgoff_t nr)
{
	pgoff_t i;

	if (!pages)
		return;
	for (i = 0; i < nr; i++)
		if (pages[i])
			put_page(pages[i]);
	kvfree(pages);
}

/*
 * The runs come from one block, the first run from its end, so that no run
 * continues the one before. A run of PMD order is aligned to it as long as
 * only shorter runs follow.
 */
struct page **stm_alloc_runs(const unsigned int *runs, pgoff_t nr)
{
	unsigned int order = get_order(nr << PAGE_SHIFT);
	pgoff_t end = 1UL << order;
	pgoff_t i, n = 0;
	struct page **pages;
	struct page *block;

	pages = kvcalloc(nr, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return NULL;
	block = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);
	if (!block) {
		kvfree(pages);
		return NULL;
	}
	if (order)
		split_page(block, order);

	while (n < nr) {
		unsigned int len = runs ? *runs++ : 1;

		end -= len;
		for (i = 0; i < len; i++, n++) {
			pages[n] = block + end + i;
			stm_fill(pages[n], n);
		}
	}
	for (i = 0; i < end; i++)
		__free_page(block + i);
	return pages;
}

static int stm_alloc_vmalloc(struct stm_buf *buf)
{
	pgoff_t i;

	buf->vaddr = vmalloc_user(buf->nr * PAGE_SIZE);
	if (!buf->vaddr)
		return -ENOMEM;
	for (i = 0; i < buf->nr; i++) {
		buf->pages[i] = vmalloc_to_page(buf->vaddr + i * PAGE_SIZE);
		stm_fill(buf->pages[i], i);
	}
	return 0;
}

/* Every page holds a reference of its own, as with the other kinds. */
static int stm_alloc_folio(struct stm_buf *buf)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	struct folio *folio;
	pgoff_t i, n;

	for (n = 0; n < buf->nr; n += HPAGE_PMD_NR) {
		folio = folio_alloc(GFP_KERNEL | __GFP_ZERO, HPAGE_PMD_ORDER);
		if (!folio)
			return -ENOMEM;
		for (i = 0; i < HPAGE_PMD_NR; i++) {
			if (i)
				folio_get(folio);
			buf->pages[n + i] = folio_page(folio, i);
			stm_fill(buf->pages[n + i], n + i);
		}
	}
	return 0;
#else
	return -EOPNOTSUPP;
#endif
}

static int stm_alloc(struct stm_buf *buf)
{
	const unsigned int *runs = buf->exp->runs;

	buf->nr = buf->exp->nr ?: STM_PAGES;
	if (runs)
		for (buf->nr = 0; *runs; runs++)
			buf->nr += *runs;

	if (buf->exp->memory == STM_RUNS || buf->exp->memory == STM_CACHE) {
		buf->pages = stm_alloc_runs(buf->exp->runs, buf->nr);
		return buf->pages ? 0 : -ENOMEM;
	}

	buf->pages = kvcalloc(buf->nr, sizeof(*buf->pages), GFP_KERNEL);
	if (!buf->pages)
		return -ENOMEM;
	if (buf->exp->memory == STM_VMALLOC)
		return stm_alloc_vmalloc(buf);
	return stm_alloc_folio(buf);
}

/*
 * The buffer
 */

static void stm_buf_free(struct kref *ref)
{
	struct stm_buf *buf = container_of(ref, struct stm_buf, ref);

	if (buf->vaddr) {
		vfree(buf->vaddr);
		kvfree(buf->pages);
	} else {
		stm_free_pages(buf->pages, buf->nr);
	}
	stm_free_pages(buf->next, buf->nr);
	mutex_destroy(&buf->lock);
	kfree(buf);
}

static void stm_buf_put(void *data)
{
	struct stm_buf *buf = data;

	stm_buf_close(buf);
	kref_put(&buf->ref, stm_buf_free);
}

static struct sg_table *stm_map_dma_buf(struct dma_buf_attachment *attach,
					enum dma_data_direction dir)
{
	return ERR_PTR(-ENODEV);
}

static void stm_unmap_dma_buf(struct dma_buf_attachment *attach,
			      struct sg_table *sgt, enum dma_data_direction dir)
{
}

static int stm_dma_buf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct stm_buf *buf = dmabuf->priv;

	atomic_inc(&buf->mmaps);
	buf->ret = buf->exp->mmap(buf, vma);
	return buf->ret;
}

static void stm_dma_buf_release(struct dma_buf *dmabuf)
{
	struct stm_buf *buf = dmabuf->priv;

	atomic_inc(&buf->releases);
	kref_put(&buf->ref, stm_buf_free);
}

static const struct dma_buf_ops stm_dma_buf_ops = {
	.map_dma_buf = stm_map_dma_buf,
	.unmap_dma_buf = stm_unmap_dma_buf,
	.mmap = stm_dma_buf_mmap,
	.release = stm_dma_buf_release,
};

/* Skips the test where the kernel lacks what the exporter is about. */
static void stm_need(struct kunit *test, const struct stm_exporter *exp)
{
	if ((exp->needs & STM_NEEDS_SPECIAL) && !stm_has_special())
		kunit_skip(test, "no CONFIG_ARCH_HAS_PTE_SPECIAL");
	if ((exp->needs & STM_NEEDS_PMD) &&
	    !IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		kunit_skip(test, "no CONFIG_ARCH_SUPPORTS_PMD_PFNMAP");
	if ((exp->needs & STM_NEEDS_DEBUG) && !IS_ENABLED(CONFIG_DMABUF_DEBUG))
		kunit_skip(test, "no CONFIG_DMABUF_DEBUG");
}

/* Make the pages those of the file as well; they leave the cache with it. */
static int stm_fill_cache(struct stm_buf *buf)
{
	struct folio *folio;
	pgoff_t i;
	int ret;

	for (i = 0; i < buf->nr; i++) {
		folio = page_folio(buf->pages[i]);
		ret = filemap_add_folio(buf->mapping, folio, i, GFP_KERNEL);
		if (ret)
			return ret;
		folio_mark_uptodate(folio);
		folio_unlock(folio);
	}

	return 0;
}

/* A new buffer of @exp, exported. It goes away with the test at the latest. */
struct stm_buf *stm_buf_create(struct kunit *test,
			       const struct stm_exporter *exp)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct stm_buf *buf;
	int ret;

	stm_need(test, exp);
	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);

	buf = kzalloc_obj(*buf);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	kref_init(&buf->ref);
	mutex_init(&buf->lock);
	buf->exp = exp;
	ret = kunit_add_action_or_reset(test, stm_buf_put, buf);
	KUNIT_ASSERT_EQ(test, ret, 0);

	ret = stm_alloc(buf);
	KUNIT_ASSERT_EQ_MSG(test, ret, 0, "no memory for the buffer");

	info.exp_name = exp->name;
	info.ops = &stm_dma_buf_ops;
	info.size = buf->nr * PAGE_SIZE;
	info.flags = exp->readonly ? O_RDONLY : O_RDWR;
	info.priv = buf;
	kref_get(&buf->ref);
	buf->dmabuf = dma_buf_export(&info);
	if (IS_ERR(buf->dmabuf)) {
		ret = PTR_ERR(buf->dmabuf);
		buf->dmabuf = NULL;
		kref_put(&buf->ref, stm_buf_free);
		KUNIT_FAIL_AND_ABORT(test, "dma_buf_export: %d", ret);
	}
	buf->mapping = buf->dmabuf->file->f_mapping;
	if (exp->memory == STM_CACHE)
		KUNIT_ASSERT_EQ(test, stm_fill_cache(buf), 0);
	return buf;
}

/* The test gives up its reference to the dma_buf: "close(fd)". */
void stm_buf_close(struct stm_buf *buf)
{
	if (buf->dmabuf)
		dma_buf_put(buf->dmabuf);
	buf->dmabuf = NULL;
}

/*
 * Mappings and probes
 */

unsigned long stm_map(struct file *file, pgoff_t nr, unsigned long prot,
		      unsigned long flags, pgoff_t pgoff)
{
	return vm_mmap(file, 0, nr * PAGE_SIZE, prot, flags, pgoff * PAGE_SIZE);
}

/* A shared mapping whose address is @offset modulo @align. */
unsigned long stm_map_aligned(struct file *file, pgoff_t nr,
			      unsigned long prot, pgoff_t pgoff,
			      unsigned long align, unsigned long offset)
{
	unsigned long len = nr * PAGE_SIZE;
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

void stm_unmap(struct kunit *test, unsigned long addr, pgoff_t nr)
{
	KUNIT_EXPECT_EQ(test, vm_munmap(addr, nr * PAGE_SIZE), 0);
}

/* What maps @addr?  -ENOENT if nothing does, or if a normal mapping does. */
int stm_peek(unsigned long addr, struct stm_entry *entry)
{
	struct follow_pfnmap_args args = { .address = addr };
	struct mm_struct *mm = current->mm;
	int ret = -ENOENT;

	mmap_read_lock(mm);
	args.vma = find_vma(mm, addr);
	if (args.vma && !follow_pfnmap_start(&args)) {
		entry->pfn = args.pfn;
		entry->size = ~args.addr_mask + 1;
		entry->special = args.special;
		entry->writable = args.writable;
		follow_pfnmap_end(&args);
		ret = 0;
	}
	mmap_read_unlock(mm);
	return ret;
}

static long stm_get(unsigned long addr, unsigned int flags, struct page **page)
{
	long ret;

	mmap_read_lock(current->mm);
	ret = get_user_pages(addr, 1, flags, page);
	mmap_read_unlock(current->mm);
	return ret;
}

static long stm_get_remote(unsigned long addr, unsigned int flags,
			   struct page **page)
{
	int locked = 1;
	long ret;

	mmap_read_lock(current->mm);
	ret = get_user_pages_remote(current->mm, addr, 1, flags, page, &locked);
	if (locked)
		mmap_read_unlock(current->mm);
	return ret;
}

static long stm_get_unlocked(unsigned long addr, unsigned int flags,
			     struct page **page)
{
	return get_user_pages_unlocked(addr, 1, page, flags);
}

static long stm_get_fast(unsigned long addr, unsigned int flags,
			 struct page **page)
{
	return get_user_pages_fast(addr, 1, flags, page);
}

static long stm_get_fast_only(unsigned long addr, unsigned int flags,
			      struct page **page)
{
	return get_user_pages_fast_only(addr, 1, flags, page);
}

static long stm_pin(unsigned long addr, unsigned int flags, struct page **page)
{
	long ret;

	mmap_read_lock(current->mm);
	ret = pin_user_pages(addr, 1, flags, page);
	mmap_read_unlock(current->mm);
	return ret;
}

static long stm_pin_unlocked(unsigned long addr, unsigned int flags,
			     struct page **page)
{
	return pin_user_pages_unlocked(addr, 1, page, flags);
}

static long stm_pin_fast(unsigned long addr, unsigned int flags,
			 struct page **page)
{
	return pin_user_pages_fast(addr, 1, flags, page);
}

/* Every way to a page from an address that a module can call. */
static const struct stm_route {
	const char *name;
	long (*get)(unsigned long addr, unsigned int flags, struct page **page);
	unsigned int flags;
	bool pins;
	bool fast;
} stm_routes[] = {
	{ "get_user_pages", stm_get },
	{ "get_user_pages_remote", stm_get_remote },
	{ "get_user_pages_unlocked", stm_get_unlocked },
	{ "pin_user_pages", stm_pin, .pins = true },
	{ "pin_user_pages, longterm", stm_pin, FOLL_LONGTERM, .pins = true },
	{ "pin_user_pages_unlocked", stm_pin_unlocked, .pins = true },
	{ "get_user_pages_fast", stm_get_fast, .fast = true },
	{ "get_user_pages_fast_only", stm_get_fast_only, .fast = true },
	{ "pin_user_pages_fast", stm_pin_fast, .pins = true, .fast = true },
	{ "pin_user_pages_fast, longterm", stm_pin_fast, FOLL_LONGTERM,
	  .pins = true, .fast = true },
};

/* The routes that get_user_pages_fast_only() is alone in not to have. */
static unsigned int stm_nr_routes(bool fast)
{
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(stm_routes); i++)
		n += stm_routes[i].fast == fast;
	return 2 * n;
}

/*
 * Ask for the page at @addr on every slow, or every fast, route, to read it and
 * to write it. Returns how many succeeded, and the name of one in @name.
 */
unsigned int stm_gup(unsigned long addr, bool fast, const char **name)
{
	const struct stm_route *route;
	struct page *page;
	unsigned int n = 0;
	int i;

	for (i = 0; i < 2 * ARRAY_SIZE(stm_routes); i++) {
		route = &stm_routes[i / 2];
		if (route->fast != fast)
			continue;
		if (route->get(addr, route->flags | (i & 1 ? FOLL_WRITE : 0),
			       &page) != 1)
			continue;
		if (route->pins)
			unpin_user_page(page);
		else
			put_page(page);
		*name = route->name;
		n++;
	}
	return n;
}

void stm_expect_no_gup(struct kunit *test, unsigned long addr, pgoff_t nr)
{
	const char *route = "";
	unsigned int n;
	pgoff_t i;

	for (i = 0; i < nr; i++) {
		n = stm_gup(addr + i * PAGE_SIZE, false, &route);
		n += stm_gup(addr + i * PAGE_SIZE, true, &route);
		KUNIT_EXPECT_EQ_MSG(test, n, 0, "page %lu: %s succeeded", i,
				    route);
		if (n)
			return;
	}
}

/* Nobody but the buffer holds its pages, and nobody maps them. */
void stm_expect_no_refs(struct kunit *test, struct stm_buf *buf)
{
	struct folio *folio;
	pgoff_t i;
	int want;

	for (i = 0; i < buf->nr; i++) {
		folio = page_folio(buf->pages[i]);
		want = folio_nr_pages(folio);
		KUNIT_EXPECT_FALSE(test, folio_mapped(folio));
		/* The page cache has references of its own, some of them lazy. */
		if (buf->exp->memory != STM_CACHE)
			KUNIT_EXPECT_EQ(test, folio_ref_count(folio), want);
	}
}

static bool stm_wait(atomic_t *v, int want)
{
	unsigned long end = jiffies + STM_TIMEOUT;

	do {
		/* What a kernel thread puts last is released by a work item. */
		flush_delayed_fput();
		if (atomic_read(v) == want)
			return true;
		schedule_timeout_uninterruptible(1);
	} while (time_before(jiffies, end));
	return false;
}

/* The test has its reference, or a mapping: the buffer must be there. */
void stm_expect_alive(struct kunit *test, struct stm_buf *buf)
{
	flush_delayed_fput();
	KUNIT_EXPECT_EQ(test, atomic_read(&buf->releases), 0);
}

/*
 * All mappings are gone: the exporter's count of vmas is balanced, nothing else
 * holds the dma_buf or a page, and the buffer is released, once, with the
 * test's own reference.
 */
void stm_expect_released(struct kunit *test, struct stm_buf *buf)
{
	if (buf->dmabuf) {
		stm_expect_alive(test, buf);
		KUNIT_EXPECT_EQ(test, (long)file_count(buf->dmabuf->file), 1);
		stm_buf_close(buf);
	}
	KUNIT_EXPECT_TRUE_MSG(test, stm_wait(&buf->releases, 1),
			      "released %d times", atomic_read(&buf->releases));
	KUNIT_EXPECT_EQ(test, atomic_read(&buf->opens),
			atomic_read(&buf->closes));
	stm_expect_no_refs(test, buf);
}

/*
 * Threads
 */

static int stm_thread_fn(void *data)
{
	struct stm_thread *t = data;
	int ret;

	complete(&t->started);
	if (t->mm) {
		kthread_use_mm(t->mm);
		ret = t->fn(t);
		kthread_unuse_mm(t->mm);
		mmput(t->mm);
	} else {
		/* Torn down when this thread exits, as a process would. */
		ret = kunit_attach_mm();
		if (!ret)
			ret = t->fn(t);
	}
	complete_all(&t->ready);
	return ret;
}

static void stm_thread_kill(void *data)
{
	struct stm_thread *t = data;

	if (!t->task)
		return;
	kthread_stop(t->task);
	put_task_struct(t->task);
	t->task = NULL;
}

/* Run @fn in the test's address space, or in a new one if @own_mm. */
struct stm_thread *stm_thread_start(struct kunit *test, bool own_mm,
				    int (*fn)(struct stm_thread *t), void *data)
{
	struct stm_thread *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	init_completion(&t->started);
	init_completion(&t->ready);
	t->fn = fn;
	t->data = data;
	if (!own_mm) {
		mmget(current->mm);
		t->mm = current->mm;
	}
	t->task = kthread_create(stm_thread_fn, t, "dma-buf-kunit");
	if (IS_ERR(t->task)) {
		if (t->mm)
			mmput(t->mm);
		KUNIT_FAIL_AND_ABORT(test, "no thread");
	}
	get_task_struct(t->task);
	wake_up_process(t->task);
	/* A thread that is stopped before it runs would not put the mm. */
	wait_for_completion(&t->started);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, stm_thread_kill, t),
			0);
	return t;
}

/* Returns what the thread's function returned. */
int stm_thread_stop(struct kunit *test, struct stm_thread *t)
{
	int ret = kthread_stop(t->task);

	put_task_struct(t->task);
	t->task = NULL;
	return ret;
}

void stm_thread_wait_ready(struct kunit *test, struct stm_thread *t)
{
	KUNIT_ASSERT_NE_MSG(test,
			    wait_for_completion_timeout(&t->ready, STM_TIMEOUT),
			    0, "the thread hangs");
}

/* The last thing a thread's function does: stay until it is not needed. */
void stm_thread_idle(struct stm_thread *t)
{
	complete_all(&t->ready);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ / 50);
}

/*
 * Exporters
 */

/*
 * Are there entries in @vma, the only one that maps @buf?  It may be in mmap()
 * still, where nobody finds it by its address. The entries of a vma that is not
 * VM_PFNMAP are out of reach from here, but its pages know if they are mapped.
 */
static bool stm_vma_maps(struct stm_buf *buf, struct vm_area_struct *vma)
{
	struct follow_pfnmap_args args = { .vma = vma };
	pgoff_t i;

	for (i = 0; i < vma_pages(vma); i++) {
		args.address = vma->vm_start + i * PAGE_SIZE;
		if (!follow_pfnmap_start(&args)) {
			follow_pfnmap_end(&args);
			return true;
		}
	}
	for (i = 0; i < buf->nr; i++)
		if (folio_mapped(page_folio(buf->pages[i])))
			return true;
	return false;
}

void stm_vm_open(struct vm_area_struct *vma)
{
	struct stm_buf *buf = vma->vm_private_data;

	atomic_inc(&buf->opens);
}

/*
 * An exporter may free the pages here, so they must not be mapped any more. The
 * mm sees to that in munmap(), the core when it refuses what .mmap did.
 */
void stm_vm_close(struct vm_area_struct *vma)
{
	struct stm_buf *buf = vma->vm_private_data;

	if (buf->watched && stm_vma_maps(buf, vma))
		buf->late_zap = true;
	atomic_inc(&buf->closes);
}

static struct page *stm_page(struct stm_buf *buf, struct vm_area_struct *vma,
			     pgoff_t i)
{
	return buf->pages[vma->vm_pgoff + i];
}

static vm_fault_t stm_fault_pfn(struct vm_fault *vmf)
{
	struct stm_buf *buf = vmf->vma->vm_private_data;

	if (vmf->pgoff >= buf->nr)
		return VM_FAULT_SIGBUS;
	guard(mutex)(&buf->lock);
	return vmf_insert_pfn(vmf->vma, vmf->address,
			      page_to_pfn(buf->pages[vmf->pgoff]));
}

/* wrong: the page is refcounted and mapped like one of a file */
static vm_fault_t stm_fault_page(struct vm_fault *vmf)
{
	struct stm_buf *buf = vmf->vma->vm_private_data;

	if (vmf->pgoff >= buf->nr)
		return VM_FAULT_SIGBUS;
	vmf->page = buf->pages[vmf->pgoff];
	get_page(vmf->page);
	return 0;
}

/* right or wrong by the flags of the vma */
static vm_fault_t stm_fault_insert_page(struct vm_fault *vmf)
{
	struct stm_buf *buf = vmf->vma->vm_private_data;

	if (vmf->pgoff >= buf->nr)
		return VM_FAULT_SIGBUS;
	return vmf_insert_page(vmf->vma, vmf->address, buf->pages[vmf->pgoff]);
}

/* wrong under VM_PFNMAP */
static vm_fault_t stm_fault_mkwrite(struct vm_fault *vmf)
{
	struct stm_buf *buf = vmf->vma->vm_private_data;

	if (vmf->pgoff >= buf->nr)
		return VM_FAULT_SIGBUS;
	return vmf_insert_page_mkwrite(vmf, buf->pages[vmf->pgoff],
				       vmf->flags & FAULT_FLAG_WRITE);
}

static vm_fault_t stm_fault_none(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
/* May the PMD around the address hold the pages of the buffer there? */
static bool stm_huge_ok(struct vm_fault *vmf, unsigned int order)
{
	struct stm_buf *buf = vmf->vma->vm_private_data;
	unsigned long haddr = vmf->address & PMD_MASK;
	pgoff_t index = ALIGN_DOWN(vmf->pgoff, HPAGE_PMD_NR);

	return order == HPAGE_PMD_ORDER && haddr >= vmf->vma->vm_start &&
	       haddr + PMD_SIZE <= vmf->vma->vm_end &&
	       vmf->pgoff - index == (vmf->address - haddr) >> PAGE_SHIFT &&
	       index + HPAGE_PMD_NR <= buf->nr &&
	       IS_ALIGNED(page_to_pfn(buf->pages[index]), HPAGE_PMD_NR);
}

static vm_fault_t stm_huge_fault_pfn(struct vm_fault *vmf, unsigned int order)
{
	struct stm_buf *buf = vmf->vma->vm_private_data;
	struct page *page;

	guard(mutex)(&buf->lock);
	if (!stm_huge_ok(vmf, order))
		return VM_FAULT_FALLBACK;
	page = buf->pages[ALIGN_DOWN(vmf->pgoff, HPAGE_PMD_NR)];
	return vmf_insert_pfn_pmd(vmf, page_to_pfn(page),
				  vmf->flags & FAULT_FLAG_WRITE);
}

/* wrong under VM_PFNMAP: a refcounted folio */
static vm_fault_t stm_huge_fault_folio(struct vm_fault *vmf, unsigned int order)
{
	struct stm_buf *buf = vmf->vma->vm_private_data;

	if (!stm_huge_ok(vmf, order))
		return VM_FAULT_FALLBACK;
	return vmf_insert_folio_pmd(vmf, page_folio(buf->pages[vmf->pgoff]),
				    vmf->flags & FAULT_FLAG_WRITE);
}

static const struct vm_operations_struct stm_huge_pfn_vm_ops = {
	.open = stm_vm_open,
	.close = stm_vm_close,
	.fault = stm_fault_pfn,
	.huge_fault = stm_huge_fault_pfn,
};

static const struct vm_operations_struct stm_huge_folio_vm_ops = {
	.open = stm_vm_open,
	.close = stm_vm_close,
	.fault = stm_fault_none,
	.huge_fault = stm_huge_fault_folio,
};
#endif

static const struct vm_operations_struct stm_pfn_vm_ops = {
	.open = stm_vm_open,
	.close = stm_vm_close,
	.fault = stm_fault_pfn,
};

static const struct vm_operations_struct stm_page_vm_ops = {
	.open = stm_vm_open,
	.close = stm_vm_close,
	.fault = stm_fault_page,
};

static const struct vm_operations_struct stm_insert_page_vm_ops = {
	.open = stm_vm_open,
	.close = stm_vm_close,
	.fault = stm_fault_insert_page,
};

static const struct vm_operations_struct stm_mkwrite_vm_ops = {
	.open = stm_vm_open,
	.close = stm_vm_close,
	.fault = stm_fault_mkwrite,
};

static const struct vm_operations_struct stm_filemap_vm_ops = {
	.open = stm_vm_open,
	.close = stm_vm_close,
	.fault = stm_fault_none,
	.map_pages = filemap_map_pages,
};

/* everything is inserted in .mmap */
static const struct vm_operations_struct stm_eager_vm_ops = {
	.open = stm_vm_open,
	.close = stm_vm_close,
};

/* As a driver does it, last in .mmap: from here on the vma is known. */
static int stm_install(struct stm_buf *buf, struct vm_area_struct *vma,
		       const struct vm_operations_struct *vm_ops,
		       vm_flags_t flags)
{
	vm_flags_set(vma, flags);
	vma->vm_private_data = buf;
	vma->vm_ops = vm_ops;
	/* That stm_vm_close() sees no entry says nothing if it never does. */
	if (buf->watched && vm_ops == &stm_eager_vm_ops &&
	    !stm_vma_maps(buf, vma))
		buf->blind = true;
	vm_ops->open(vma);
	return 0;
}

#define STM_PFN_FLAGS	(VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP)

static int stm_mmap_fault_pfn(struct stm_buf *buf, struct vm_area_struct *vma)
{
	return stm_install(buf, vma, &stm_pfn_vm_ops, STM_PFN_FLAGS);
}

/* Right: the core adds VM_DONTEXPAND and VM_DONTDUMP. */
static int stm_mmap_pfnmap_only(struct stm_buf *buf, struct vm_area_struct *vma)
{
	return stm_install(buf, vma, &stm_pfn_vm_ops, VM_PFNMAP);
}

/* Right, though it cannot move: the first half is inserted by .mmap. */
static int stm_mmap_prefault(struct stm_buf *buf, struct vm_area_struct *vma)
{
	pgoff_t i;

	vm_flags_set(vma, STM_PFN_FLAGS);
	for (i = 0; i < vma_pages(vma) / 2; i++)
		if (vmf_insert_pfn(vma, vma->vm_start + i * PAGE_SIZE,
				   page_to_pfn(stm_page(buf, vma, i))) !=
		    VM_FAULT_NOPAGE)
			return -ENOMEM;
	return stm_install(buf, vma, &stm_pfn_vm_ops, 0);
}

static int stm_remap(struct stm_buf *buf, struct vm_area_struct *vma,
		     pgoff_t first, pgoff_t nr)
{
	pgoff_t i;
	int ret;

	for (i = first; i < first + nr; i++) {
		ret = remap_pfn_range(vma, vma->vm_start + i * PAGE_SIZE,
				      page_to_pfn(stm_page(buf, vma, i)),
				      PAGE_SIZE, vma->vm_page_prot);
		if (ret)
			return ret;
	}
	return 0;
}

static int stm_mmap_remap(struct stm_buf *buf, struct vm_area_struct *vma)
{
	int ret = stm_remap(buf, vma, 0, vma_pages(vma));

	return ret ?: stm_install(buf, vma, &stm_eager_vm_ops, 0);
}

/* Right: the core makes up for the vm_ops. */
static int stm_mmap_remap_no_ops(struct stm_buf *buf,
				 struct vm_area_struct *vma)
{
	return stm_remap(buf, vma, 0, vma_pages(vma));
}

static int stm_mmap_remap_null_ops(struct stm_buf *buf,
				   struct vm_area_struct *vma)
{
	vma->vm_ops = NULL;
	return stm_remap(buf, vma, 0, vma_pages(vma));
}

static int stm_mmap_map_pages_pfn(struct stm_buf *buf,
				  struct vm_area_struct *vma)
{
	int ret = vm_map_pages_pfn(vma, buf->pages, buf->nr);

	return ret ?: stm_install(buf, vma, &stm_eager_vm_ops, 0);
}

/* Wrong for a private vma, which remap_pfn_range() accepts in one piece. */
static int stm_mmap_remap_once(struct stm_buf *buf, struct vm_area_struct *vma)
{
	int ret = remap_pfn_range(vma, vma->vm_start,
				  page_to_pfn(stm_page(buf, vma, 0)),
				  vma->vm_end - vma->vm_start,
				  vma->vm_page_prot);

	return ret ?: stm_install(buf, vma, &stm_eager_vm_ops, 0);
}

static int stm_mmap_huge_fault_pfn(struct stm_buf *buf,
				   struct vm_area_struct *vma)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	return stm_install(buf, vma, &stm_huge_pfn_vm_ops, STM_PFN_FLAGS);
#else
	return -EOPNOTSUPP;
#endif
}

static int stm_mmap_huge_fault_folio(struct stm_buf *buf,
				     struct vm_area_struct *vma)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	return stm_install(buf, vma, &stm_huge_folio_vm_ops, STM_PFN_FLAGS);
#else
	return -EOPNOTSUPP;
#endif
}

static int stm_mmap_no_flag(struct stm_buf *buf, struct vm_area_struct *vma)
{
	return stm_install(buf, vma, &stm_page_vm_ops,
			   VM_DONTEXPAND | VM_DONTDUMP);
}

static int stm_mmap_mixed(struct stm_buf *buf, struct vm_area_struct *vma)
{
	return stm_install(buf, vma, &stm_insert_page_vm_ops,
			   VM_MIXEDMAP | VM_DONTEXPAND | VM_DONTDUMP);
}

static int stm_mmap_both(struct stm_buf *buf, struct vm_area_struct *vma)
{
	return stm_install(buf, vma, &stm_page_vm_ops,
			   STM_PFN_FLAGS | VM_MIXEDMAP);
}

static int stm_mmap_remap_both(struct stm_buf *buf, struct vm_area_struct *vma)
{
	int ret = stm_remap(buf, vma, 0, vma_pages(vma));

	return ret ?: stm_install(buf, vma, &stm_eager_vm_ops, VM_MIXEDMAP);
}

static int stm_insert_pages(struct stm_buf *buf, struct vm_area_struct *vma,
			    pgoff_t first, pgoff_t nr)
{
	pgoff_t i;
	int ret;

	for (i = first; i < first + nr; i++) {
		ret = vm_insert_page(vma, vma->vm_start + i * PAGE_SIZE,
				     stm_page(buf, vma, i));
		if (ret)
			return ret;
	}
	return 0;
}

static int stm_mmap_insert_page(struct stm_buf *buf, struct vm_area_struct *vma)
{
	int ret = stm_insert_pages(buf, vma, 0, vma_pages(vma));

	return ret ?: stm_install(buf, vma, &stm_eager_vm_ops, 0);
}

/* VM_IO keeps slow gup out, and nobody else. */
static int stm_mmap_insert_page_io(struct stm_buf *buf,
				   struct vm_area_struct *vma)
{
	int ret = stm_insert_pages(buf, vma, 0, vma_pages(vma));

	return ret ?: stm_install(buf, vma, &stm_eager_vm_ops,
				  VM_IO | VM_DONTEXPAND | VM_DONTDUMP);
}

static int stm_mmap_map_pages(struct stm_buf *buf, struct vm_area_struct *vma)
{
	int ret = vm_map_pages(vma, buf->pages, buf->nr);

	return ret ?: stm_install(buf, vma, &stm_eager_vm_ops, 0);
}

/* without vm_ops, as some drivers have it */
static int stm_mmap_map_pages_no_ops(struct stm_buf *buf,
				     struct vm_area_struct *vma)
{
	return vm_map_pages(vma, buf->pages, buf->nr);
}

static int stm_mmap_vmalloc(struct stm_buf *buf, struct vm_area_struct *vma)
{
	int ret = remap_vmalloc_range(vma, buf->vaddr, vma->vm_pgoff);

	return ret ?: stm_install(buf, vma, &stm_eager_vm_ops, 0);
}

/* vm_insert_page() used to be a BUG() then. */
static int stm_mmap_insert_page_pfnmap(struct stm_buf *buf,
				       struct vm_area_struct *vma)
{
	int ret;

	vm_flags_set(vma, STM_PFN_FLAGS);
	ret = stm_insert_pages(buf, vma, 0, vma_pages(vma));
	return ret ?: stm_install(buf, vma, &stm_eager_vm_ops, 0);
}

/* vm_insert_pages() used to set VM_MIXEDMAP on top and carry on. */
static int stm_mmap_insert_pages_pfnmap(struct stm_buf *buf,
					struct vm_area_struct *vma)
{
	unsigned long nr = vma_pages(vma);
	int ret;

	vm_flags_set(vma, STM_PFN_FLAGS);
	ret = vm_insert_pages(vma, vma->vm_start, buf->pages + vma->vm_pgoff,
			      &nr);
	return ret ?: stm_install(buf, vma, &stm_eager_vm_ops, 0);
}

/* The flags are as they should be, the entries are not. */
static int stm_mmap_normal_ptes(struct stm_buf *buf, struct vm_area_struct *vma)
{
	int ret = stm_insert_pages(buf, vma, 0, vma_pages(vma));

	vm_flags_mod(vma, STM_PFN_FLAGS, VM_MIXEDMAP);
	return ret ?: stm_install(buf, vma, &stm_eager_vm_ops, 0);
}

/*
 * The same, by an exporter that handles faults, which makes the core believe
 * that nothing is mapped yet.
 */
static int stm_mmap_normal_ptes_fault(struct stm_buf *buf,
				      struct vm_area_struct *vma)
{
	int ret = stm_insert_pages(buf, vma, 0, vma_pages(vma));

	vm_flags_mod(vma, STM_PFN_FLAGS, VM_MIXEDMAP);
	return ret ?: stm_install(buf, vma, &stm_pfn_vm_ops, 0);
}

/* One entry of many is not. */
static int stm_mmap_last_pte(struct stm_buf *buf, struct vm_area_struct *vma)
{
	pgoff_t last = vma_pages(vma) - 1;
	int ret;

	ret = stm_insert_pages(buf, vma, last, 1);
	vm_flags_mod(vma, STM_PFN_FLAGS, VM_MIXEDMAP);
	if (!ret)
		ret = stm_remap(buf, vma, 0, last);
	return ret ?: stm_install(buf, vma, &stm_eager_vm_ops, 0);
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
/*
 * A huge entry in .mmap, where no fault has made the table that it goes into:
 * single entries for the first half of the vma bring that table about. The
 * vma is of the size of two huge entries and aligned to it.
 */
static vm_fault_t stm_insert_second(struct vm_area_struct *vma,
				    struct page *page, bool folio)
{
	unsigned long addr = vma->vm_start + PMD_SIZE;
	struct vm_fault vmf = {
		.vma = vma,
		.address = addr,
		.pgoff = vma->vm_pgoff + HPAGE_PMD_NR,
		.pmd = pmd_off(vma->vm_mm, addr),
	};
	bool write = vma->vm_flags & VM_WRITE;

	if (folio)
		return vmf_insert_folio_pmd(&vmf, page_folio(page), write);
	return vmf_insert_pfn_pmd(&vmf, page_to_pfn(page), write);
}
#endif

/* Right, and the core has to leave the huge entry as it is. */
static int stm_mmap_huge(struct stm_buf *buf, struct vm_area_struct *vma)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	struct page *page = stm_page(buf, vma, HPAGE_PMD_NR);
	int ret = stm_remap(buf, vma, 0, HPAGE_PMD_NR);

	if (ret)
		return ret;
	if (stm_insert_second(vma, page, false) != VM_FAULT_NOPAGE)
		return -ENOMEM;
	return stm_install(buf, vma, &stm_eager_vm_ops, 0);
#else
	return -EOPNOTSUPP;
#endif
}

static int stm_mmap_normal_pmd(struct stm_buf *buf, struct vm_area_struct *vma)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	struct page *page = stm_page(buf, vma, HPAGE_PMD_NR);
	int ret = stm_remap(buf, vma, 0, 1);

	if (ret)
		return ret;
	/* Without VM_PFNMAP for a while, or the folio is refused. */
	vm_flags_mod(vma, VM_MIXEDMAP, VM_PFNMAP);
	if (stm_insert_second(vma, page, true) != VM_FAULT_NOPAGE)
		ret = -ENOMEM;
	vm_flags_mod(vma, STM_PFN_FLAGS, VM_MIXEDMAP);
	return ret ?: stm_install(buf, vma, &stm_eager_vm_ops, 0);
#else
	return -EOPNOTSUPP;
#endif
}

static int stm_mmap_other_file(struct stm_buf *buf, struct vm_area_struct *vma)
{
	struct file *file;

	file = shmem_file_setup("dma-buf-kunit-other", buf->nr * PAGE_SIZE,
				mk_vma_flags(VMA_NORESERVE_BIT));
	if (IS_ERR(file))
		return PTR_ERR(file);
	vma_set_file(vma, file);
	fput(file);
	return stm_install(buf, vma, &stm_pfn_vm_ops, STM_PFN_FLAGS);
}

/* What was shared is copy-on-write after this. */
static int stm_mmap_makes_cow(struct stm_buf *buf, struct vm_area_struct *vma)
{
	vm_flags_clear(vma, VM_SHARED | VM_MAYSHARE);
	return stm_install(buf, vma, &stm_page_vm_ops, STM_PFN_FLAGS);
}

static int stm_mmap_fault_page(struct stm_buf *buf, struct vm_area_struct *vma)
{
	return stm_install(buf, vma, &stm_page_vm_ops, STM_PFN_FLAGS);
}

static int stm_mmap_half(struct stm_buf *buf, struct vm_area_struct *vma)
{
	int ret = stm_remap(buf, vma, 0, vma_pages(vma) / 2);

	return ret ?: stm_install(buf, vma, &stm_page_vm_ops, 0);
}

static int stm_mmap_fault_mkwrite(struct stm_buf *buf,
				  struct vm_area_struct *vma)
{
	return stm_install(buf, vma, &stm_mkwrite_vm_ops, STM_PFN_FLAGS);
}

static int stm_mmap_filemap(struct stm_buf *buf, struct vm_area_struct *vma)
{
	return stm_install(buf, vma, &stm_filemap_vm_ops, STM_PFN_FLAGS);
}

static int stm_mmap_hole(struct stm_buf *buf, struct vm_area_struct *vma)
{
	vm_flags_set(vma, STM_PFN_FLAGS);
	vma->vm_ops = NULL;
	return 0;
}

/* It knows the vma already, and then something goes wrong. */
static int stm_mmap_fails(struct stm_buf *buf, struct vm_area_struct *vma)
{
	stm_install(buf, vma, &stm_pfn_vm_ops, STM_PFN_FLAGS);
	stm_vm_close(vma);
	return -EXFULL;
}

/*
 * Importers
 */

/* How a mapping comes about. */
enum stm_path {
	STM_FD,			/* mmap() of the dma_buf itself */
	STM_IMPORTER,		/* of an importer's file, plain dma_buf_mmap() */
	STM_IMPORTER_RESET,	/* as GEM: no vm_ops, no private data before */
	STM_IMPORTER_KEEPS,	/* the importer's vm_ops are in the vma */
	STM_PATHS,
};

static const char * const stm_path_names[] = {
	[STM_FD] = "fd",
	[STM_IMPORTER] = "importer",
	[STM_IMPORTER_RESET] = "importer that resets vm_ops",
	[STM_IMPORTER_KEEPS] = "importer that keeps its vm_ops",
};

/* The file of a driver that imported a buffer. */
struct stm_importer {
	struct stm_buf *buf;
	struct file *file;
	enum stm_path path;
	bool fake;		/* mapped at a fake offset */
	pgoff_t pgoff;		/* what it stands for */
	atomic_t refs;		/* to the importer's object */
};

static void stm_importer_vm_open(struct vm_area_struct *vma)
{
	struct stm_importer *imp = vma->vm_private_data;

	atomic_inc(&imp->refs);
}

static void stm_importer_vm_close(struct vm_area_struct *vma)
{
	struct stm_importer *imp = vma->vm_private_data;

	atomic_dec(&imp->refs);
}

static const struct vm_operations_struct stm_importer_vm_ops = {
	.open = stm_importer_vm_open,
	.close = stm_importer_vm_close,
};

/* As drm_gem_mmap_obj(): a reference for the vma, which the vma cannot keep. */
static int stm_importer_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct stm_importer *imp = file->private_data;
	pgoff_t pgoff = imp->fake ? imp->pgoff : vma->vm_pgoff;
	int ret;

	atomic_inc(&imp->refs);
	if (imp->path == STM_IMPORTER_RESET) {
		vma->vm_private_data = NULL;
		vma->vm_ops = NULL;
	} else if (imp->path == STM_IMPORTER_KEEPS) {
		vma->vm_private_data = imp;
		vma->vm_ops = &stm_importer_vm_ops;
	}
	ret = dma_buf_mmap(imp->buf->dmabuf, vma, pgoff);
	atomic_dec(&imp->refs);
	return ret;
}

static const struct file_operations stm_importer_fops = {
	.owner = THIS_MODULE,
	.mmap = stm_importer_mmap,
};

KUNIT_DEFINE_ACTION_WRAPPER(stm_fput, fput, struct file *);

/* A way to map @buf; use ->file. */
static struct stm_importer *stm_importer_create(struct kunit *test,
						struct stm_buf *buf,
						enum stm_path path)
{
	struct stm_importer *imp = kunit_kzalloc(test, sizeof(*imp), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, imp);
	imp->buf = buf;
	imp->path = path;
	imp->file = buf->dmabuf->file;
	if (path == STM_FD)
		return imp;

	imp->file = anon_inode_getfile("dma-buf-kunit", &stm_importer_fops, imp,
				       buf->exp->readonly ? O_RDONLY : O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, imp->file);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, stm_fput, imp->file),
			0);
	return imp;
}

/* No vma may have put a reference that the importer never gave it. */
static void stm_importer_expect_balanced(struct kunit *test,
					 struct stm_importer *imp)
{
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&imp->refs), 0, "%s",
			    stm_path_names[imp->path]);
	if (imp->path != STM_FD)
		KUNIT_EXPECT_EQ(test, (long)file_count(imp->file), 1);
}

/*
 * Exporters that keep the contract
 */

static const unsigned int stm_one_run[] = { STM_PAGES, 0 };
static const unsigned int stm_some_runs[] = { 1, 3, 2, 1, 1, 0 };
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
static const unsigned int stm_huge_runs[] = { HPAGE_PMD_NR, HPAGE_PMD_NR, 0 };
#define STM_HUGE_PAGES	(2 * HPAGE_PMD_NR)
#else
#define stm_huge_runs	NULL
#define STM_HUGE_PAGES	0
#endif

static const struct stm_exporter stm_good[] = {
	{ "vmf_insert_pfn in fault", stm_mmap_fault_pfn },
	{ "vmf_insert_pfn, VM_PFNMAP alone", stm_mmap_pfnmap_only },
	{ "vmf_insert_pfn in mmap and in fault", stm_mmap_prefault },
	{ "vmf_insert_pfn of vmalloc", stm_mmap_fault_pfn, STM_VMALLOC },
	{ "vmf_insert_pfn of page cache", stm_mmap_fault_pfn, STM_CACHE },
	{ "remap_pfn_range", stm_mmap_remap },
	{ "remap_pfn_range in one piece", stm_mmap_remap_once,
	  .runs = stm_one_run },
	{ "remap_pfn_range without vm_ops", stm_mmap_remap_no_ops },
	{ "remap_pfn_range with vm_ops NULL", stm_mmap_remap_null_ops },
	{ "vm_map_pages_pfn", stm_mmap_map_pages_pfn, .runs = stm_some_runs },
	{ "vmf_insert_pfn_pmd in huge_fault", stm_mmap_huge_fault_pfn,
	  .runs = stm_huge_runs, .needs = STM_NEEDS_PMD },
};

KUNIT_ARRAY_PARAM_DESC(stm_good, stm_good, name);

static unsigned long stm_align(const struct stm_exporter *exp)
{
	return exp->needs & STM_NEEDS_PMD ? 2 * PMD_SIZE : PAGE_SIZE;
}

/* The whole buffer, readable, and writable if the file is. */
unsigned long stm_map_all(struct stm_buf *buf, struct file *file)
{
	unsigned long prot = PROT_READ;

	if (file->f_mode & FMODE_WRITE)
		prot |= PROT_WRITE;
	return stm_map_aligned(file, buf->nr, prot, 0, stm_align(buf->exp), 0);
}

unsigned long stm_map_good(struct kunit *test, struct stm_buf *buf)
{
	unsigned long addr = stm_map_all(buf, buf->dmabuf->file);

	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR_VALUE(addr), "mmap: %pe",
			       ERR_PTR(addr));
	return addr;
}

/*
 * The other tests expect that nothing succeeds, which a broken probe would give
 * them as well: on anonymous memory everything has to.
 */
static void stm_test_probe(struct kunit *test)
{
	const char *route = "none";
	unsigned long addr;

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	addr = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_EXPECT_EQ(test, stm_touch(addr, true), 0);
	KUNIT_EXPECT_EQ(test, stm_gup(addr, false, &route),
			stm_nr_routes(false));
	if (IS_ENABLED(CONFIG_HAVE_GUP_FAST) && stm_has_special())
		KUNIT_EXPECT_EQ(test, stm_gup(addr, true, &route),
				stm_nr_routes(true));
	stm_unmap(test, addr, 1);
}

/* Slow get_user_pages() looks at the vma. */
void stm_test_gup(struct kunit *test)
{
	struct stm_buf *buf = stm_buf_create(test, test->param_value);
	unsigned long addr = stm_map_good(test, buf);
	const char *route = "";
	pgoff_t i;

	for (i = 0; i < buf->nr; i++) {
		KUNIT_EXPECT_EQ(test, stm_touch(addr + i * PAGE_SIZE, i & 1),
				0);
		KUNIT_EXPECT_EQ_MSG(test,
				    stm_gup(addr + i * PAGE_SIZE, false,
					    &route), 0,
				    "page %lu: %s", i, route);
	}
	stm_unmap(test, addr, buf->nr);
	stm_expect_released(test, buf);
}

/* Fast get_user_pages() looks at the entry, and at nothing else. */
void stm_test_gup_fast(struct kunit *test)
{
	struct stm_entry entry;
	const char *route = "";
	struct stm_buf *buf;
	unsigned long addr;
	pgoff_t i;

	if (!stm_has_special())
		kunit_skip(test, "no CONFIG_ARCH_HAS_PTE_SPECIAL");
	if (!IS_ENABLED(CONFIG_HAVE_GUP_FAST))
		kunit_skip(test, "no CONFIG_HAVE_GUP_FAST");

	buf = stm_buf_create(test, test->param_value);
	addr = stm_map_good(test, buf);
	for (i = 0; i < buf->nr; i++) {
		KUNIT_ASSERT_EQ(test, stm_touch(addr + i * PAGE_SIZE, true), 0);
		KUNIT_ASSERT_EQ(test, stm_peek(addr + i * PAGE_SIZE, &entry),
				0);
		KUNIT_EXPECT_TRUE(test, entry.special);
		KUNIT_EXPECT_EQ(test, entry.pfn, page_to_pfn(buf->pages[i]));
		KUNIT_EXPECT_EQ_MSG(test,
				    stm_gup(addr + i * PAGE_SIZE, true, &route),
				    0, "page %lu: %s", i, route);
	}
	stm_unmap(test, addr, buf->nr);
	stm_expect_released(test, buf);
}

/* The vma afterwards: rules C1, C2, C4, C5, C6. */
void stm_test_vma(struct kunit *test)
{
	const struct stm_exporter *exp = test->param_value;
	struct stm_importer *imp;
	struct vm_area_struct *vma;
	struct stm_buf *buf;
	unsigned long addr;
	enum stm_path path;
	vm_flags_t flags = 0;
	bool has_ops = false;
	bool same_file = false;

	for (path = 0; path < STM_PATHS; path++) {
		buf = stm_buf_create(test, exp);
		imp = stm_importer_create(test, buf, path);
		addr = stm_map_all(buf, imp->file);
		KUNIT_ASSERT_FALSE_MSG(test, IS_ERR_VALUE(addr), "%s: %pe",
				       stm_path_names[path], ERR_PTR(addr));

		mmap_read_lock(current->mm);
		vma = find_vma(current->mm, addr);
		if (vma) {
			flags = vma->vm_flags;
			has_ops = vma->vm_ops &&
				  vma->vm_ops != &stm_importer_vm_ops;
			same_file = vma->vm_file == buf->dmabuf->file;
		}
		mmap_read_unlock(current->mm);

		KUNIT_EXPECT_EQ(test, flags & (VM_PFNMAP | VM_MIXEDMAP),
				VM_PFNMAP);
		KUNIT_EXPECT_TRUE(test, flags & VM_DONTEXPAND);
		KUNIT_EXPECT_TRUE(test, flags & VM_DONTDUMP);
		KUNIT_EXPECT_TRUE(test, flags & VM_SHARED);
		KUNIT_EXPECT_TRUE_MSG(test, has_ops, "%s",
				      stm_path_names[path]);
		KUNIT_EXPECT_TRUE(test, same_file);

		stm_expect_content(test, addr, 0, buf->nr);
		stm_unmap(test, addr, buf->nr);
		stm_importer_expect_balanced(test, imp);
		stm_expect_released(test, buf);
	}
}

/* Page i of the buffer is at offset i: wherever the mapping starts, */
void stm_test_offset(struct kunit *test)
{
	struct stm_buf *buf = stm_buf_create(test, test->param_value);
	pgoff_t first, nr;
	unsigned long addr;

	for (first = 0; first < 4; first++) {
		for (nr = 1; nr < 5; nr++) {
			addr = stm_map(buf->dmabuf->file, nr, PROT_READ,
				       MAP_SHARED, first);
			KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
			stm_expect_content(test, addr, first, nr);
			stm_unmap(test, addr, nr);
		}
	}
	addr = stm_map(buf->dmabuf->file, buf->nr - 1, PROT_READ, MAP_SHARED,
		       1);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	stm_expect_content(test, addr, 1, buf->nr - 1);
	stm_unmap(test, addr, buf->nr - 1);

	/* There is no page after the last. */
	addr = stm_map(buf->dmabuf->file, buf->nr, PROT_READ, MAP_SHARED, 1);
	KUNIT_EXPECT_EQ(test, (long)addr, -EINVAL);
	addr = stm_map(buf->dmabuf->file, 1, PROT_READ, MAP_SHARED, buf->nr);
	KUNIT_EXPECT_EQ(test, (long)addr, -EINVAL);
	stm_expect_released(test, buf);
}

/* and whatever was unmapped of it, before the first access or after. */
void stm_test_split(struct kunit *test)
{
	struct stm_buf *buf;
	unsigned long addr;
	int touched;

	for (touched = 0; touched < 2; touched++) {
		buf = stm_buf_create(test, test->param_value);
		addr = stm_map_good(test, buf);
		if (touched)
			stm_expect_content(test, addr, 0, buf->nr);

		stm_unmap(test, addr, 1);
		stm_expect_content(test, addr + PAGE_SIZE, 1, 2);
		stm_unmap(test, addr + 3 * PAGE_SIZE, 2);
		stm_expect_content(test, addr + PAGE_SIZE, 1, 2);
		stm_expect_content(test, addr + 5 * PAGE_SIZE, 5, buf->nr - 5);
		KUNIT_EXPECT_EQ(test, stm_touch(addr, false), -EFAULT);
		KUNIT_EXPECT_EQ(test, stm_touch(addr + 3 * PAGE_SIZE, false),
				-EFAULT);
		stm_expect_no_gup(test, addr, buf->nr < 16 ? buf->nr : 16);

		/* Each piece keeps the buffer. */
		stm_buf_close(buf);
		stm_unmap(test, addr, 3);
		stm_expect_alive(test, buf);
		stm_expect_content(test, addr + 5 * PAGE_SIZE, 5, buf->nr - 5);
		stm_unmap(test, addr, buf->nr);
		stm_expect_released(test, buf);
	}
}

/* As DRM gives one to its objects: far behind the end of any buffer. */
#define STM_FAKE_OFFSET	(SZ_256M >> PAGE_SHIFT)

static pgoff_t stm_vm_pgoff(unsigned long addr)
{
	struct vm_area_struct *vma;
	pgoff_t pgoff = -1UL;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	if (vma)
		pgoff = vma->vm_pgoff;
	mmap_read_unlock(current->mm);
	return pgoff;
}

/* The offset in the importer's file is nothing to the exporter. */
static void stm_map_fake_offset(struct kunit *test, enum stm_path path,
				pgoff_t pgoff)
{
	struct stm_buf *buf = stm_buf_create(test, test->param_value);
	struct stm_importer *imp = stm_importer_create(test, buf, path);
	pgoff_t nr = buf->nr - pgoff;
	unsigned long addr;

	imp->fake = true;
	imp->pgoff = pgoff;
	addr = stm_map(imp->file, nr, PROT_READ, MAP_SHARED, STM_FAKE_OFFSET);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR_VALUE(addr), "%s: %pe",
			       stm_path_names[path], ERR_PTR(addr));
	KUNIT_EXPECT_EQ(test, stm_vm_pgoff(addr), pgoff);
	stm_expect_content(test, addr, pgoff, nr);
	stm_unmap(test, addr, 1);
	stm_expect_content(test, addr + PAGE_SIZE, pgoff + 1, nr - 1);
	stm_unmap(test, addr, nr);
	stm_importer_expect_balanced(test, imp);
	stm_expect_released(test, buf);
}

static void stm_test_fake_offset(struct kunit *test)
{
	enum stm_path path;

	for (path = STM_IMPORTER; path < STM_PATHS; path++) {
		stm_map_fake_offset(test, path, 0);
		stm_map_fake_offset(test, path, 2);
	}
}

/* An importer that asks for what is not there. The exporter is not called. */
static const struct stm_bad_pgoff {
	pgoff_t pgoff;
	pgoff_t nr;
	int ret;
} stm_bad_pgoffs[] = {
	{ 1, STM_PAGES, -EINVAL },
	{ STM_PAGES, 1, -EINVAL },
	{ -1UL - STM_PAGES, STM_PAGES, -EINVAL },
	{ 0UL - STM_PAGES, STM_PAGES, -EOVERFLOW },
	{ -1UL, 1, -EOVERFLOW },
	{ -1UL, STM_PAGES, -EOVERFLOW },
};

static void stm_test_bad_pgoff(struct kunit *test)
{
	static const struct stm_exporter exp = { "pgoff", stm_mmap_fault_pfn };
	const struct stm_bad_pgoff *bad;
	struct stm_importer *imp;
	struct stm_buf *buf;
	unsigned long addr;
	enum stm_path path;
	int i;

	for (path = STM_IMPORTER; path < STM_PATHS; path++) {
		buf = stm_buf_create(test, &exp);
		imp = stm_importer_create(test, buf, path);
		imp->fake = true;
		for (i = 0; i < ARRAY_SIZE(stm_bad_pgoffs); i++) {
			bad = &stm_bad_pgoffs[i];
			imp->pgoff = bad->pgoff;
			addr = stm_map(imp->file, bad->nr, PROT_READ,
				       MAP_SHARED, STM_FAKE_OFFSET);
			KUNIT_EXPECT_EQ_MSG(test, (long)addr, bad->ret,
					    "%s: %lu pages at %lx",
					    stm_path_names[path], bad->nr,
					    bad->pgoff);
		}
		KUNIT_EXPECT_EQ(test, atomic_read(&buf->mmaps), 0);
		stm_importer_expect_balanced(test, imp);
		stm_expect_released(test, buf);
	}
}

/* What is written through the mapping is in the buffer, and the reverse. */
void stm_test_write(struct kunit *test)
{
	struct stm_buf *buf = stm_buf_create(test, test->param_value);
	unsigned long addr = stm_map_good(test, buf);
	pgoff_t i = buf->nr - 2;
	u32 __user *uaddr = (u32 __user *)(addr + i * PAGE_SIZE);
	u32 *p = kmap_local_page(buf->pages[i]);
	u32 val = 0;

	KUNIT_EXPECT_EQ(test, put_user(1234, uaddr + STM_COUNTER), 0);
	KUNIT_EXPECT_EQ(test, READ_ONCE(p[STM_COUNTER]), 1234);
	WRITE_ONCE(p[STM_COUNTER], 5678);
	KUNIT_EXPECT_EQ(test, get_user(val, uaddr + STM_COUNTER), 0);
	KUNIT_EXPECT_EQ(test, val, 5678);
	kunmap_local(p);

	stm_unmap(test, addr, buf->nr);
	stm_expect_released(test, buf);
}

/* A second process: it maps the buffer, checks it, and dies. */
static int stm_other_process(struct stm_thread *t)
{
	struct stm_buf *buf = t->data;
	unsigned long addr;
	pgoff_t i;
	int ret = 0;

	addr = stm_map_all(buf, buf->dmabuf->file);
	if (IS_ERR_VALUE(addr))
		return addr;
	for (i = 0; !ret && i < buf->nr; i++)
		ret = stm_check(addr + i * PAGE_SIZE, i);
	stm_thread_idle(t);
	if (!ret)
		ret = stm_check(addr, 0);
	return ret;
}

/*
 * The vma, and nothing else, keeps the buffer: it outlives the file descriptor
 * and goes with the last mapping, in whichever process that is.
 */
void stm_test_lifetime(struct kunit *test)
{
	struct stm_buf *buf = stm_buf_create(test, test->param_value);
	unsigned long addr = stm_map_good(test, buf);
	struct stm_thread *t;

	t = stm_thread_start(test, true, stm_other_process, buf);
	stm_thread_wait_ready(test, t);

	stm_buf_close(buf);
	stm_expect_alive(test, buf);
	stm_expect_content(test, addr, 0, buf->nr);
	stm_unmap(test, addr, buf->nr);
	stm_expect_alive(test, buf);

	KUNIT_EXPECT_EQ(test, stm_thread_stop(test, t), 0);
	stm_expect_released(test, buf);
}

/*
 * A private mapping would be one of anonymous memory after the first write. The
 * exporter is not even asked: some would run into a BUG_ON(). It is the user's
 * mistake, so nothing is logged.
 */
void stm_test_private(struct kunit *test)
{
	const struct stm_exporter *exp = test->param_value;
	struct stm_importer *imp;
	struct stm_buf *buf;
	unsigned long addr;
	enum stm_path path;
	int i;

	for (i = 0; i < 2 * STM_PATHS; i++) {
		path = i / 2;
		buf = stm_buf_create(test, exp);
		imp = stm_importer_create(test, buf, path);
		kunit_warning_suppress(test) {
			addr = stm_map(imp->file, buf->nr,
				       PROT_READ | (i & 1 ? PROT_WRITE : 0),
				       MAP_PRIVATE, 0);
			KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
		}
		KUNIT_EXPECT_EQ_MSG(test, (long)addr, -EINVAL, "%s",
				    stm_path_names[path]);
		KUNIT_EXPECT_EQ(test, atomic_read(&buf->mmaps), 0);
		if (!IS_ERR_VALUE(addr))
			stm_unmap(test, addr, buf->nr);
		stm_importer_expect_balanced(test, imp);
		stm_expect_released(test, buf);
	}
}

/* The exporter's own error is the caller's, and closes nothing a second time. */
static void stm_test_error(struct kunit *test)
{
	static const struct stm_exporter exp = { "fails", stm_mmap_fails };
	struct stm_importer *imp;
	struct stm_buf *buf;
	unsigned long addr;
	enum stm_path path;

	for (path = 0; path < STM_PATHS; path++) {
		buf = stm_buf_create(test, &exp);
		imp = stm_importer_create(test, buf, path);
		addr = stm_map_all(buf, imp->file);
		KUNIT_EXPECT_EQ(test, (long)addr, -EXFULL);
		KUNIT_EXPECT_EQ(test, atomic_read(&buf->closes), 1);
		stm_importer_expect_balanced(test, imp);
		stm_expect_released(test, buf);
	}
}

/* The check of what .mmap inserted finds nothing wrong and changes nothing. */
static void stm_test_huge_untouched(struct kunit *test)
{
	static const struct stm_exporter exp = {
		"vmf_insert_pfn_pmd in mmap", stm_mmap_huge,
		.runs = stm_huge_runs, .needs = STM_NEEDS_PMD,
	};
	struct stm_buf *buf = stm_buf_create(test, &exp);
	unsigned long addr = stm_map_good(test, buf);
	unsigned long half = addr + PMD_SIZE;
	struct stm_entry entry;

	KUNIT_ASSERT_EQ(test, stm_peek(addr, &entry), 0);
	KUNIT_EXPECT_EQ(test, entry.size, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, stm_peek(half, &entry), 0);
	KUNIT_EXPECT_EQ(test, entry.size, PMD_SIZE);
	KUNIT_EXPECT_TRUE(test, entry.special);
	stm_expect_no_gup(test, half, 4);
	stm_expect_content(test, addr, 0, buf->nr);
	stm_unmap(test, addr, buf->nr);
	stm_expect_released(test, buf);
}

/*
 * Moving a buffer
 */

/* One thread checks all pages, again and again, and counts. */
struct stm_mover {
	struct stm_buf *buf;
	unsigned long addr;
	atomic_t reads;
	atomic_t writes;
};

static int stm_reader(struct stm_thread *t)
{
	struct stm_mover *m = t->data;
	pgoff_t i;
	int ret = 0;

	complete_all(&t->ready);
	while (!ret && !kthread_should_stop()) {
		for (i = 0; !ret && i < m->buf->nr; i++)
			ret = stm_check(m->addr + i * PAGE_SIZE, i);
		atomic_inc(&m->reads);
		cond_resched();
	}
	stm_thread_idle(t);
	return ret;
}

/* Another one counts in the last page; no count may get lost. */
static int stm_writer(struct stm_thread *t)
{
	struct stm_mover *m = t->data;
	u32 __user *p = (u32 __user *)(m->addr +
				       (m->buf->nr - 1) * PAGE_SIZE);
	u32 val, last = 0;
	int ret = 0;

	complete_all(&t->ready);
	while (!ret && !kthread_should_stop()) {
		ret = get_user(val, p + STM_COUNTER);
		if (!ret && val != last)
			ret = -EILSEQ;
		if (!ret)
			ret = put_user(++last, p + STM_COUNTER);
		atomic_inc(&m->writes);
		cond_resched();
	}
	stm_thread_idle(t);
	return ret;
}

/*
 * Move: no entry is left when the copy begins, and no fault puts one in before
 * the buffer has its new pages. Returns the old ones.
 */
struct page **stm_move(struct stm_buf *buf, struct page **new)
{
	struct page **old = buf->pages;
	pgoff_t i;

	guard(mutex)(&buf->lock);
	unmap_mapping_range(buf->mapping,
			    (loff_t)buf->start << PAGE_SHIFT,
			    (loff_t)buf->nr << PAGE_SHIFT, 1);
	for (i = 0; i < buf->nr; i++)
		copy_highpage(new[i], old[i]);
	buf->pages = new;
	return old;
}

/* Two rounds from begin to end: the first that ends may have begun before. */
static bool stm_wait_rounds(atomic_t *rounds)
{
	unsigned long end = jiffies + STM_TIMEOUT;
	int begin = atomic_read(rounds);

	while (atomic_read(rounds) - begin < 3) {
		if (time_after(jiffies, end))
			return false;
		schedule_timeout_uninterruptible(1);
	}
	return true;
}

/* Nobody has an old page any more: not the vma, not gup, not a page table. */
static void stm_expect_left(struct kunit *test, struct stm_mover *m,
			    struct page **old)
{
	struct stm_entry entry;
	pgoff_t i, j;

	for (i = 0; i < m->buf->nr; i++) {
		KUNIT_EXPECT_EQ(test, page_count(old[i]), 1);
		KUNIT_EXPECT_FALSE(test, folio_mapped(page_folio(old[i])));
		if (stm_peek(m->addr + i * PAGE_SIZE, &entry))
			continue;
		for (j = 0; j < m->buf->nr; j++)
			KUNIT_EXPECT_NE(test, entry.pfn, page_to_pfn(old[j]));
	}
	for (i = 0; i < m->buf->nr; i++)
		clear_highpage(old[i]);
}

/*
 * Move a buffer to new pages under a mapping that is being read and written.
 * Its exporter has to insert at fault time, with buf->lock held.
 */
void stm_test_move(struct kunit *test)
{
	struct stm_buf *buf = stm_buf_create(test, test->param_value);
	struct stm_mover *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct stm_thread *reader, *writer;
	struct page **new, **old;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->buf = buf;
	m->addr = stm_map_good(test, buf);
	stm_expect_content(test, m->addr, 0, buf->nr);

	reader = stm_thread_start(test, false, stm_reader, m);
	writer = stm_thread_start(test, false, stm_writer, m);
	stm_thread_wait_ready(test, reader);
	stm_thread_wait_ready(test, writer);

	for (i = 0; i < 20; i++) {
		new = stm_alloc_runs(buf->exp->runs, buf->nr);
		KUNIT_ASSERT_NOT_NULL(test, new);
		old = stm_move(buf, new);
		/* The old pages are cleared here: whoever looks there fails. */
		stm_expect_left(test, m, old);
		stm_free_pages(old, buf->nr);
		/* A thread that stopped says below what it found. */
		if (!stm_wait_rounds(&m->reads) ||
		    !stm_wait_rounds(&m->writes)) {
			KUNIT_FAIL(test, "no access after move %d", i);
			break;
		}
	}

	KUNIT_EXPECT_EQ_MSG(test, stm_thread_stop(test, reader), 0, "reader");
	KUNIT_EXPECT_EQ_MSG(test, stm_thread_stop(test, writer), 0, "writer");
	stm_expect_content(test, m->addr, 0, buf->nr);
	stm_expect_no_gup(test, m->addr, min(buf->nr, 16UL));
	stm_unmap(test, m->addr, buf->nr);
	stm_expect_released(test, buf);
}

static const struct stm_exporter stm_movable[] = {
	{ "vmf_insert_pfn, single pages", stm_mmap_fault_pfn },
	{ "vmf_insert_pfn, runs", stm_mmap_fault_pfn, .runs = stm_some_runs },
	{ "vmf_insert_pfn_pmd", stm_mmap_huge_fault_pfn,
	  .runs = stm_huge_runs, .needs = STM_NEEDS_PMD },
};

KUNIT_ARRAY_PARAM_DESC(stm_movable, stm_movable, name);

/*
 * Exporters that break the contract
 */

/* Who stops it, and thereby when. */
enum stm_stop {
	STM_AT_MMAP,	/* the core, after or instead of the exporter's mmap */
	STM_IN_MMAP,	/* a function of the mm that the exporter calls */
	STM_AT_FAULT,	/* a guard in the mm */
};

/* @rule is for reports; for STM_AT_MMAP it begins with the one of the core. */
static const struct stm_broken {
	const char *name;
	struct stm_exporter exp;
	enum stm_stop stop;
	const char *rule;
	bool private;
	bool no_ops;		/* the exporter does not install vm_ops */
} stm_broken[] = {
	{ "no VM_PFNMAP, page from fault",
	  { "st-no-flag", stm_mmap_no_flag }, STM_AT_MMAP, "rule C1" },
	{ "VM_MIXEDMAP, vm_insert_page in fault",
	  { "st-mixed", stm_mmap_mixed }, STM_AT_MMAP, "rule C1" },
	{ "VM_PFNMAP and VM_MIXEDMAP, page from fault",
	  { "st-both", stm_mmap_both }, STM_AT_MMAP, "rule C1" },
	/* Without special entries these would be taken for normal pages. */
	{ "remap_pfn_range, then VM_MIXEDMAP",
	  { "st-remap-both", stm_mmap_remap_both,
	    .needs = STM_NEEDS_SPECIAL }, STM_AT_MMAP, "rule C1" },
	{ "vm_insert_page in mmap",
	  { "st-insert-page", stm_mmap_insert_page }, STM_AT_MMAP, "rule C1" },
	{ "vm_insert_page in mmap, VM_IO",
	  { "st-insert-page-io", stm_mmap_insert_page_io },
	  STM_AT_MMAP, "rule C1" },
	{ "vm_map_pages",
	  { "st-map-pages", stm_mmap_map_pages }, STM_AT_MMAP, "rule C1" },
	{ "vm_map_pages without vm_ops",
	  { "st-map-pages-no-ops", stm_mmap_map_pages_no_ops },
	  STM_AT_MMAP, "rule C1", .no_ops = true },
	{ "remap_vmalloc_range",
	  { "st-vmalloc", stm_mmap_vmalloc, STM_VMALLOC },
	  STM_AT_MMAP, "rule C1" },
	{ "vm_insert_page under VM_PFNMAP",
	  { "st-insert-page-pfn", stm_mmap_insert_page_pfnmap },
	  STM_IN_MMAP, "vm_insert_page() fails" },
	{ "vm_insert_pages under VM_PFNMAP",
	  { "st-insert-pages", stm_mmap_insert_pages_pfnmap },
	  STM_IN_MMAP, "vm_insert_pages() fails" },
	{ "private mapping, remap_pfn_range",
	  { "st-cow", stm_mmap_remap_once, .runs = stm_one_run },
	  STM_AT_MMAP, "rule C2, exporter not called", .private = true },
	{ "mmap clears VM_SHARED",
	  { "st-makes-cow", stm_mmap_makes_cow }, STM_AT_MMAP, "rule C2" },
	{ "normal ptes under VM_PFNMAP",
	  { "st-normal-ptes", stm_mmap_normal_ptes,
	    .needs = STM_NEEDS_SPECIAL }, STM_AT_MMAP, "rule C3" },
	{ "normal ptes, and a fault handler",
	  { "st-normal-ptes-fault", stm_mmap_normal_ptes_fault,
	    .needs = STM_NEEDS_SPECIAL | STM_NEEDS_DEBUG },
	  STM_AT_MMAP, "rule C3" },
	{ "one normal pte among special ones",
	  { "st-last-pte", stm_mmap_last_pte,
	    .needs = STM_NEEDS_SPECIAL }, STM_AT_MMAP, "rule C3" },
	{ "normal pmd under VM_PFNMAP",
	  { "st-normal-pmd", stm_mmap_normal_pmd, STM_FOLIO,
	    .nr = STM_HUGE_PAGES,
	    .needs = STM_NEEDS_SPECIAL | STM_NEEDS_PMD },
	  STM_AT_MMAP, "rule C3" },
	{ "vm_file replaced",
	  { "st-other-file", stm_mmap_other_file }, STM_AT_MMAP, "rule C5" },
	{ "page from fault under VM_PFNMAP",
	  { "st-fault-page", stm_mmap_fault_page },
	  STM_AT_FAULT, "guard in finish_fault()" },
	{ "pfns in mmap, pages from fault",
	  { "st-half", stm_mmap_half },
	  STM_AT_FAULT, "guard in finish_fault()" },
	{ "page cache through map_pages",
	  { "st-filemap", stm_mmap_filemap, STM_CACHE },
	  STM_AT_FAULT, "guard in filemap_map_pages()" },
	{ "vmf_insert_page_mkwrite in fault",
	  { "st-mkwrite", stm_mmap_fault_mkwrite },
	  STM_AT_FAULT, "guard in insert_page()" },
	{ "folio from huge_fault",
	  { "st-huge-folio", stm_mmap_huge_fault_folio, STM_FOLIO,
	    .nr = STM_HUGE_PAGES, .needs = STM_NEEDS_PMD },
	  STM_AT_FAULT, "guard in vmf_insert_folio_pmd()" },
	{ "vm_ops NULL, nothing mapped",
	  { "st-hole", stm_mmap_hole, .readonly = true },
	  STM_AT_FAULT, "rule C6, vm_ops never NULL", .no_ops = true },
};

KUNIT_ARRAY_PARAM_DESC(stm_broken, stm_broken, name);

/* How far an exporter got. */
struct stm_result {
	struct stm_buf *buf;	/* there until the test ends */
	long addr;		/* or error */
	int read_err;		/* of the last page */
	int write_err;
	unsigned int gups;	/* references given away, all pages */
	const char *route;
};

static void stm_try_vma(struct stm_buf *buf, unsigned long addr,
			struct stm_result *res)
{
	unsigned long last = addr + (buf->nr - 1) * PAGE_SIZE;
	pgoff_t i;

	res->read_err = stm_touch(last, false);
	res->write_err = stm_touch(last, true);
	for (i = 0; i < buf->nr; i++) {
		stm_touch(addr + i * PAGE_SIZE, true);
		stm_touch(addr + i * PAGE_SIZE, false);
		res->gups += stm_gup(addr + i * PAGE_SIZE, false, &res->route);
		res->gups += stm_gup(addr + i * PAGE_SIZE, true, &res->route);
	}
}

/* Map @broken's buffer and try to get at its pages, then take it all down. */
static void stm_try(struct kunit *test, const struct stm_broken *broken,
		    enum stm_path path, struct stm_result *res)
{
	struct stm_buf *buf = stm_buf_create(test, &broken->exp);
	struct stm_importer *imp = stm_importer_create(test, buf, path);

	memset(res, 0, sizeof(*res));
	res->buf = buf;
	/* The core, and the guards in mm, say whose fault it is. */
	kunit_warning_suppress(test) {
		buf->watched = true;
		if (broken->private)
			res->addr = stm_map(imp->file, buf->nr,
					    PROT_READ | PROT_WRITE,
					    MAP_PRIVATE, 0);
		else
			res->addr = stm_map_all(buf, imp->file);
		buf->watched = false;
		if (!IS_ERR_VALUE(res->addr)) {
			stm_try_vma(buf, res->addr, res);
			stm_unmap(test, res->addr, buf->nr);
		}
	}
	stm_importer_expect_balanced(test, imp);
	stm_expect_released(test, buf);
}

/* The line that reports are made of: measured, but for the reason. */
static void stm_report(struct kunit *test, const struct stm_broken *broken,
		       const struct stm_result *res)
{
	if (res->addr == -EINVAL)
		kunit_info(test, "demo: %s|mmap: EINVAL (%s)\n", broken->name,
			   broken->rule);
	else if (IS_ERR_VALUE(res->addr))
		kunit_info(test, "demo: %s|mmap: %pe (%s)\n", broken->name,
			   ERR_PTR(res->addr), broken->rule);
	else if (res->read_err == -EFAULT && res->write_err == -EFAULT &&
		 !res->gups)
		kunit_info(test, "demo: %s|fault: SIGBUS (%s)\n", broken->name,
			   broken->rule);
	else
		kunit_info(test, "demo: %s|NOT REFUSED, %u references taken%s%s\n",
			   broken->name, res->gups,
			   res->gups ? ", one by " : "",
			   res->gups ? res->route : "");
}

/*
 * What the core says to whoever traces it. The tracepoint is not exported, so
 * that a module has to look for it; it is there if there are any.
 */
static struct tracepoint *stm_tracepoint;

static void stm_find_tracepoint(struct tracepoint *tp, void *priv)
{
	if (!strcmp(tp->name, "dma_buf_mmap_refused"))
		stm_tracepoint = tp;
}

static void stm_refused(void *data, struct dma_buf *dmabuf,
			struct vm_area_struct *vma, const char *rule)
{
	struct stm_buf *buf = dmabuf->priv;

	/* All of the system's refusals come by. */
	if (dmabuf->ops == &stm_dma_buf_ops)
		buf->rule = rule;
}

static int stm_suite_init(struct kunit_suite *suite)
{
	int ret;

	check_trace_callback_type_dma_buf_mmap_refused(stm_refused);
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		return 0;

	for_each_kernel_tracepoint(stm_find_tracepoint, NULL);
	if (!stm_tracepoint)
		return -ENOENT;
	ret = tracepoint_probe_register(stm_tracepoint, stm_refused, NULL);
	if (ret)
		stm_tracepoint = NULL;
	return ret;
}

/* Runs if stm_suite_init() failed as well. */
static void stm_suite_exit(struct kunit_suite *suite)
{
	if (!IS_ENABLED(CONFIG_TRACEPOINTS) || !stm_tracepoint)
		return;
	tracepoint_probe_unregister(stm_tracepoint, stm_refused, NULL);
	tracepoint_synchronize_unregister();
	stm_tracepoint = NULL;
}

/* The core names the rule that @broken is about, and no rule if it is not. */
static void stm_expect_rule(struct kunit *test, const struct stm_broken *broken,
			    const struct stm_buf *buf)
{
	const char *rule = buf->rule ?: "nothing";
	const char *want = broken->rule + strlen("rule ");

	/* Without the tracepoint nobody can tell. */
	if (!stm_tracepoint)
		return;
	if (broken->stop != STM_AT_MMAP)
		want = "nothing";
	/* Only the number of the rule, as in "C1", has to be the same. */
	KUNIT_EXPECT_EQ_MSG(test, strncmp(rule, want, 2), 0,
			    "the core says: %s", rule);
}

/*
 * It was the core that refused, or a guard that the case is about: nothing went
 * wrong in the exporter before that, and what it did was undone in order.
 */
static void stm_expect_reason(struct kunit *test,
			      const struct stm_broken *broken,
			      struct stm_buf *buf)
{
	bool fails = broken->stop == STM_IN_MMAP;
	bool installs = !broken->private && !broken->no_ops && !fails;

	KUNIT_EXPECT_EQ(test, atomic_read(&buf->mmaps), !broken->private);
	KUNIT_EXPECT_EQ(test, buf->ret, fails ? -EINVAL : 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&buf->opens), installs);
	KUNIT_EXPECT_FALSE(test, buf->blind);
	KUNIT_EXPECT_FALSE(test, buf->late_zap);
	stm_expect_rule(test, broken, buf);
}

static void stm_test_broken(struct kunit *test)
{
	const struct stm_broken *broken = test->param_value;
	struct stm_result res;
	enum stm_path path;

	for (path = 0; path < STM_PATHS; path++) {
		stm_try(test, broken, path, &res);
		if (path == STM_FD)
			stm_report(test, broken, &res);

		KUNIT_EXPECT_EQ_MSG(test, res.gups, 0, "%s: %s succeeded",
				    stm_path_names[path], res.route);
		stm_expect_reason(test, broken, res.buf);
		if (broken->stop != STM_AT_FAULT) {
			KUNIT_EXPECT_EQ_MSG(test,
					    IS_ERR_VALUE(res.addr) ?
					    res.addr : 0,
					    -EINVAL, "%s",
					    stm_path_names[path]);
			continue;
		}
		KUNIT_EXPECT_FALSE_MSG(test, IS_ERR_VALUE(res.addr),
				       "%s: mmap: %pe", stm_path_names[path],
				       ERR_PTR(res.addr));
		KUNIT_EXPECT_EQ_MSG(test, res.read_err, -EFAULT, "%s",
				    stm_path_names[path]);
		KUNIT_EXPECT_EQ_MSG(test, res.write_err, -EFAULT, "%s",
				    stm_path_names[path]);
	}
}

/*
 * A driver whose pfn mapping has a hole and no vm_ops, and which is not a
 * dma-buf, so that nobody makes up for the vm_ops: what is not mapped must not
 * become anonymous memory. A shared mapping of a file that is open for reading
 * only is not VM_SHARED.
 */
static int stm_hole_mmap(struct file *file, struct vm_area_struct *vma)
{
	vm_flags_set(vma, STM_PFN_FLAGS);
	vma->vm_ops = NULL;
	return 0;
}

static const struct file_operations stm_hole_fops = {
	.owner = THIS_MODULE,
	.mmap = stm_hole_mmap,
};

static void stm_test_hole(struct kunit *test)
{
	unsigned long addr;
	struct file *file;
	int ret;

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	file = anon_inode_getfile("dma-buf-kunit", &stm_hole_fops, NULL,
				  O_RDONLY);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	ret = kunit_add_action_or_reset(test, stm_fput, file);
	KUNIT_ASSERT_EQ(test, ret, 0);

	addr = stm_map(file, 1, PROT_READ, MAP_SHARED, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_EXPECT_EQ(test, stm_touch(addr, false), -EFAULT);
	stm_expect_no_gup(test, addr, 1);
	stm_unmap(test, addr, 1);

	addr = stm_map(file, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_EXPECT_EQ(test, stm_touch(addr, false), -EFAULT);
	KUNIT_EXPECT_EQ(test, stm_touch(addr, true), -EFAULT);
	stm_expect_no_gup(test, addr, 1);
	stm_unmap(test, addr, 1);
}

/*
 * vm_map_pages_pfn() in a driver that is not a dma-buf, so that nobody checks
 * the vma before or after.
 */
struct stm_node {
	struct stm_buf *buf;
	vm_flags_t set;		/* flags that the driver sets before */
	vm_flags_t flags;	/* those of the vma afterwards */
	int ret;
	bool maps;
};

static int stm_node_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct stm_node *node = file->private_data;

	vm_flags_set(vma, node->set);
	node->ret = vm_map_pages_pfn(vma, node->buf->pages, node->buf->nr);
	node->maps = stm_vma_maps(node->buf, vma);
	node->flags = vma->vm_flags;
	return node->ret;
}

static const struct file_operations stm_node_fops = {
	.owner = THIS_MODULE,
	.mmap = stm_node_mmap,
};

static const struct stm_node_case {
	const char *name;
	pgoff_t pgoff;
	pgoff_t nr;
	unsigned long flags;	/* of mmap() */
	vm_flags_t set;
	int ret;
} stm_node_cases[] = {
	{ "all pages", 0, STM_PAGES, MAP_SHARED },
	{ "pages in the middle", 2, STM_PAGES - 4, MAP_SHARED },
	{ "flags set before", 1, STM_PAGES - 1, MAP_SHARED, STM_PFN_FLAGS },
	{ "private", 0, STM_PAGES, MAP_PRIVATE, 0, -EINVAL },
	{ "VM_MIXEDMAP", 0, STM_PAGES, MAP_SHARED, VM_MIXEDMAP, -EINVAL },
	{ "one page more", 0, STM_PAGES + 1, MAP_SHARED, 0, -ENXIO },
	{ "end after the last page", 1, STM_PAGES, MAP_SHARED, 0, -ENXIO },
	{ "begin after the last page", STM_PAGES, 1, MAP_SHARED, 0, -ENXIO },
};

KUNIT_ARRAY_PARAM_DESC(stm_node_cases, stm_node_cases, name);

static void stm_expect_node_mapped(struct kunit *test,
				   const struct stm_node *node,
				   unsigned long addr, pgoff_t pgoff,
				   pgoff_t nr)
{
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_EXPECT_EQ(test, node->flags & (STM_PFN_FLAGS | VM_MIXEDMAP),
			STM_PFN_FLAGS);
	stm_expect_content(test, addr, pgoff, nr);
	stm_expect_no_gup(test, addr, nr);
	stm_unmap(test, addr, nr);
}

/* The pages that the vma asks for, or an error and not a single entry. */
static void stm_test_map_pages_pfn(struct kunit *test)
{
	static const struct stm_exporter exp = {
		"vm_map_pages_pfn", stm_mmap_map_pages_pfn,
		.runs = stm_some_runs,
	};
	const struct stm_node_case *c = test->param_value;
	struct stm_node *node = kunit_kzalloc(test, sizeof(*node), GFP_KERNEL);
	struct stm_buf *buf = stm_buf_create(test, &exp);
	unsigned long addr;
	struct file *file;
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, node);
	node->buf = buf;
	node->set = c->set;
	node->ret = -ENODATA;
	file = anon_inode_getfile("dma-buf-kunit", &stm_node_fops, node,
				  O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	ret = kunit_add_action_or_reset(test, stm_fput, file);
	KUNIT_ASSERT_EQ(test, ret, 0);

	addr = stm_map(file, c->nr, PROT_READ | PROT_WRITE, c->flags, c->pgoff);
	KUNIT_EXPECT_EQ(test, node->ret, c->ret);
	KUNIT_EXPECT_EQ(test, node->maps, !c->ret);
	if (c->ret)
		KUNIT_EXPECT_EQ(test, (long)addr, c->ret);
	else
		stm_expect_node_mapped(test, node, addr, c->pgoff, c->nr);
	stm_expect_released(test, buf);
}

static struct kunit_case stm_cases[] = {
	KUNIT_CASE(stm_test_probe),
	KUNIT_CASE_PARAM(stm_test_gup, stm_good_gen_params),
	KUNIT_CASE_PARAM(stm_test_gup_fast, stm_good_gen_params),
	KUNIT_CASE_PARAM(stm_test_vma, stm_good_gen_params),
	KUNIT_CASE_PARAM(stm_test_offset, stm_good_gen_params),
	KUNIT_CASE_PARAM(stm_test_split, stm_good_gen_params),
	KUNIT_CASE_PARAM(stm_test_fake_offset, stm_good_gen_params),
	KUNIT_CASE(stm_test_bad_pgoff),
	KUNIT_CASE_PARAM(stm_test_write, stm_good_gen_params),
	KUNIT_CASE_PARAM(stm_test_lifetime, stm_good_gen_params),
	KUNIT_CASE_PARAM(stm_test_private, stm_good_gen_params),
	KUNIT_CASE_PARAM(stm_test_move, stm_movable_gen_params),
	KUNIT_CASE_PARAM(stm_test_broken, stm_broken_gen_params),
	KUNIT_CASE(stm_test_hole),
	KUNIT_CASE_PARAM(stm_test_map_pages_pfn, stm_node_cases_gen_params),
	KUNIT_CASE(stm_test_huge_untouched),
	KUNIT_CASE(stm_test_error),
	{}
};

static struct kunit_suite stm_suite = {
	.name = "dma-buf-mmap",
	.suite_init = stm_suite_init,
	.suite_exit = stm_suite_exit,
	.test_cases = stm_cases,
};

kunit_test_suite(stm_suite);

MODULE_IMPORT_NS("DMA_BUF");
