// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for mappings of pfns (VM_PFNMAP)
 *
 * Each test maps a file into an address space of its own. What the mmap and
 * fault handlers of the file do is up to the test. Its memory is a block of the
 * size of a huge page, which repeats if the mapping is larger.
 */

#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/pgalloc.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#ifdef CONFIG_X86_PAT
#include <asm/memtype.h>
#include <asm/set_memory.h>
#endif

#include "../internal.h"
#include "../vma.h"

/* To sparse, vm_fault_t is a type of its own. */
#define PT_EXPECT_FAULT(test, got, want)				\
	KUNIT_EXPECT_EQ(test, (__force unsigned int)(got),		\
			(__force unsigned int)(want))
#define PT_ASSERT_FAULT(test, got, want)				\
	KUNIT_ASSERT_EQ(test, (__force unsigned int)(got),		\
			(__force unsigned int)(want))

MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");

#define PT_BLOCK_PAGES	PTRS_PER_PTE
#define PT_BLOCK_SIZE	(PT_BLOCK_PAGES * PAGE_SIZE)
#define PT_RW		(PROT_READ | PROT_WRITE)
#define PT_BYTE		0x5a
/* A handler that is to be called again until something has happened gives up then. */
#define PT_TRIES	1000

struct pfnmap_test {
	struct kunit *test;
	struct file *file;
	struct page *pages;
	unsigned long pfns[PT_BLOCK_PAGES];
	const struct vm_operations_struct *vm_ops;
	/* Called by mmap, if set, with the vma all set up. */
	int (*mmap)(struct pfnmap_test *t, struct vm_area_struct *vma);
	/* What the fault handler was asked for, and what it is to do */
	unsigned int faults;
	pgoff_t limit;
	bool retry;
	bool waits;
	bool stuck;
};

/* @n pages from page @i of the test on, as a range of memory */
#define PT_RANGE(t, i, n) \
	((struct phys_vec) { PFN_PHYS((t)->pfns[i]), (n) * PAGE_SIZE })

/* Fills one page table, as far as the vma goes. */
static vm_fault_t pt_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct pfnmap_test *t = vma->vm_private_data;
	unsigned long block = ALIGN_DOWN(vmf->address, PT_BLOCK_SIZE);
	unsigned long start = max(block, vma->vm_start);
	unsigned long end = min(block + PT_BLOCK_SIZE, vma->vm_end);
	pgoff_t pgoff = linear_page_index(vma, start);
	struct phys_vec vec;

	t->faults++;
	/* As a wait that a signal ends */
	if (t->waits && signal_pending(current))
		return VM_FAULT_NOPAGE;
	/* As a wait for somebody who needs the lock */
	if (t->stuck && t->faults < PT_TRIES) {
		usleep_range(1000, 2000);
		return VM_FAULT_NOPAGE;
	}
	if (t->retry && fault_flag_allow_retry_first(vmf->flags)) {
		t->retry = false;
		release_fault_lock(vmf);
		return VM_FAULT_RETRY;
	}
	if (vmf->pgoff >= t->limit)
		return VM_FAULT_SIGBUS;

	vec = PT_RANGE(t, pgoff % PT_BLOCK_PAGES, (end - start) >> PAGE_SHIFT);
	return vmf_insert_pfns(vmf, start, &vec, 1, vma->vm_page_prot);
}

static vm_fault_t pt_fault_page(struct vm_fault *vmf)
{
	struct pfnmap_test *t = vmf->vma->vm_private_data;

	get_page(t->pages);
	vmf->page = t->pages;
	return 0;
}

static vm_fault_t pt_fault_insert_page(struct vm_fault *vmf)
{
	struct pfnmap_test *t = vmf->vma->vm_private_data;

	return vmf_insert_page_mkwrite(vmf, t->pages, true);
}

static vm_fault_t pt_pfn_mkwrite(struct vm_fault *vmf)
{
	return 0;
}

static const struct vm_operations_struct pt_ops_none = {};
static const struct vm_operations_struct pt_ops_fault = { .fault = pt_fault };
static const struct vm_operations_struct pt_ops_fault_page = { .fault = pt_fault_page };
static const struct vm_operations_struct pt_ops_fault_insert_page = {
	.fault = pt_fault_insert_page,
};

/* Wants to be told of the first write: entries are read-only before. */
static const struct vm_operations_struct pt_ops_mkwrite = {
	.fault = pt_fault, .pfn_mkwrite = pt_pfn_mkwrite,
};

static int pt_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct pfnmap_test *t = file->private_data;

	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = t;
	vma->vm_ops = t->vm_ops;
	return t->mmap ? t->mmap(t, vma) : 0;
}

static const struct file_operations pt_fops = {
	.owner = THIS_MODULE,
	.mmap = pt_mmap,
};

KUNIT_DEFINE_ACTION_WRAPPER(pt_put_file, fput, struct file *);

static void pt_free_pages(void *data)
{
	struct page *pages = data;

	for (unsigned int i = 0; i < PT_BLOCK_PAGES; i++)
		put_page(pages + i);
}

static struct file *pt_open(struct kunit *test, int flags)
{
	struct file *file;

	file = anon_inode_create_getfile("[pfnmap_kunit]", &pt_fops, test->priv,
					 flags, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, pt_put_file, file));
	return file;
}

static int pt_init(struct kunit *test)
{
	const unsigned int order = get_order(PT_BLOCK_SIZE);
	struct pfnmap_test *t;

	KUNIT_ASSERT_EQ(test, 0, kunit_attach_mm());

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->test = test;
	t->vm_ops = &pt_ops_none;
	t->limit = ULONG_MAX;

	/* With pages of 64 KiB this is 512 MiB. */
	t->pages = alloc_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN, order);
	if (!t->pages && PAGE_SIZE > SZ_4K)
		kunit_skip(test, "no memory for what a page table maps");
	KUNIT_ASSERT_NOT_NULL(test, t->pages);
	split_page(t->pages, order);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, pt_free_pages, t->pages));
	for (unsigned int i = 0; i < PT_BLOCK_PAGES; i++)
		t->pfns[i] = page_to_pfn(t->pages + i);

	t->file = pt_open(test, O_RDWR);
	return 0;
}

/*
 * Map @size bytes of @file at an address that is a multiple of @align, with
 * nothing but inaccessible memory around. Returns the address or an error.
 */
static unsigned long pt_try_map(struct kunit *test, struct file *file,
				unsigned long size, unsigned long align,
				unsigned long prot, unsigned long flags)
{
	unsigned long area;

	area = vm_mmap(NULL, 0, size + 3 * align, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(area));
	area = ALIGN(area + align, align);

	return vm_mmap(file, area, size, prot, flags | MAP_FIXED, 0);
}

/* The same, of the file of the test, whose vma gets @ops. */
static unsigned long pt_map(struct kunit *test, const struct vm_operations_struct *ops,
			    unsigned long size, unsigned long prot, unsigned long flags)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr;

	t->vm_ops = ops;
	addr = pt_try_map(test, t->file, size, PMD_SIZE, prot, flags);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	return addr;
}

static vm_fault_t pt_handle_fault(struct kunit *test, unsigned long addr,
				  unsigned int flags)
{
	struct vm_area_struct *vma;

	guard(mmap_read_lock)(current->mm);
	vma = vma_lookup(current->mm, addr);
	KUNIT_EXPECT_NOT_NULL(test, vma);

	return vma ? handle_mm_fault(vma, addr, flags, NULL) : VM_FAULT_SIGSEGV;
}

/* vmf_insert_pfns() as by a fault at @fault_addr */
static vm_fault_t pt_insert(unsigned long fault_addr, unsigned long addr,
			    const struct phys_vec *vec, unsigned int nr)
{
	scoped_guard(mmap_read_lock, current->mm) {
		struct vm_area_struct *vma = vma_lookup(current->mm, fault_addr);
		struct vm_fault vmf = { .vma = vma, .address = fault_addr };

		if (!vma)
			return VM_FAULT_SIGSEGV;
		return vmf_insert_pfns(&vmf, addr, vec, nr, vma->vm_page_prot);
	}
}

/* The same, of one range, at the address of the fault */
static vm_fault_t pt_insert_range(unsigned long addr, struct phys_vec vec)
{
	return pt_insert(addr, addr, &vec, 1);
}

static vm_fault_t pt_insert_pfn(unsigned long addr, unsigned long pfn)
{
	struct vm_area_struct *vma;

	guard(mmap_read_lock)(current->mm);
	vma = vma_lookup(current->mm, addr);

	return vma ? vmf_insert_pfn(vma, addr, pfn) : VM_FAULT_SIGSEGV;
}

static pte_t pt_pte(unsigned long addr)
{
	pmd_t *pmd = mm_find_pmd(current->mm, addr);
	pte_t *ptep, pte = __pte(0);

	if (!pmd || pmd_none(*pmd) || pmd_trans_huge(*pmd))
		return pte;
	ptep = pte_offset_map(pmd, addr);
	if (ptep) {
		pte = ptep_get(ptep);
		pte_unmap(ptep);
	}
	return pte;
}

static pud_t *pt_alloc_pud(struct mm_struct *mm, unsigned long addr)
{
	p4d_t *p4d = p4d_alloc(mm, pgd_offset(mm, addr), addr);

	return p4d ? pud_alloc(mm, p4d, addr) : NULL;
}

static pmd_t *pt_alloc_pmd(struct mm_struct *mm, unsigned long addr)
{
	pud_t *pud = pt_alloc_pud(mm, addr);

	return pud ? pmd_alloc(mm, pud, addr) : NULL;
}

static unsigned int pt_count_present(unsigned long addr, unsigned int nr)
{
	unsigned int present = 0;

	for (unsigned int i = 0; i < nr; i++)
		present += !!pte_present(pt_pte(addr + i * PAGE_SIZE));
	return present;
}

/*
 * Huge entries
 */

static void pt_need_huge(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		kunit_skip(test, "no CONFIG_ARCH_SUPPORTS_PMD_PFNMAP");
}

static int pt_madvise(unsigned long addr, unsigned long size, int advice)
{
	return do_madvise(current->mm, addr, size, advice);
}

static vm_fault_t pt_insert_pmd(unsigned long addr, unsigned long pfn,
				bool write)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	scoped_guard(mmap_read_lock, current->mm) {
		struct vm_fault vmf = {
			.vma = vma_lookup(current->mm, addr),
			.address = addr,
			.pmd = pt_alloc_pmd(current->mm, addr),
		};

		if (!vmf.vma || !vmf.pmd)
			return VM_FAULT_OOM;
		return vmf_insert_pfn_pmd(&vmf, pfn, write);
	}
#else
	return VM_FAULT_FALLBACK;
#endif
}

/* Map the block of @t by one entry, and return the address. */
static unsigned long pt_map_huge(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr = pt_map(test, &pt_ops_none, PT_BLOCK_SIZE, PT_RW, MAP_SHARED);

	PT_ASSERT_FAULT(test, pt_insert_pmd(addr, t->pfns[0], true), VM_FAULT_NOPAGE);
	KUNIT_ASSERT_TRUE(test, pmd_special(*mm_find_pmd(current->mm, addr)));

	return addr;
}

struct pt_fork {
	struct vm_area_struct *src;
	struct vm_area_struct *dst;
	struct completion start;
	struct completion done;
	int ret;
};

static int pt_fork_thread(void *data)
{
	struct pt_fork *f = data;

	wait_for_completion(&f->start);
	f->ret = copy_page_range(f->dst, f->src);
	complete(&f->done);
	return 0;
}

/* An address space with a copy of the vma at @addr, and nothing in it. */
static struct mm_struct *pt_fork_mm(struct kunit *test, struct pt_fork *f,
				    unsigned long addr)
{
	struct mm_struct *mm = mm_alloc();
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, mm);
	mm->task_size = TASK_SIZE;
	f->src = vma_lookup(current->mm, addr);
	f->dst = vm_area_dup(f->src);
	KUNIT_ASSERT_NOT_NULL(test, f->dst);
	f->dst->vm_mm = mm;
	get_file(f->dst->vm_file);
	mmap_write_lock_nested(mm, SINGLE_DEPTH_NESTING);
	ret = insert_vm_struct(mm, f->dst);
	mmap_write_unlock(mm);
	KUNIT_ASSERT_EQ(test, ret, 0);

	return mm;
}

static void pt_fork_huge(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	struct pt_fork f = {};
	struct mm_struct *mm;
	unsigned long addr;
	pmd_t *pmd;

	pt_need_huge(test);
	addr = pt_map_huge(test);
	mm = pt_fork_mm(test, &f, addr);

	mmap_write_lock(current->mm);
	KUNIT_EXPECT_EQ(test, 0, copy_page_range(f.dst, f.src));
	mmap_write_unlock(current->mm);

	pmd = mm_find_pmd(mm, addr);
	KUNIT_EXPECT_NOT_NULL(test, pmd);
	if (pmd) {
		KUNIT_EXPECT_TRUE(test, pmd_special(*pmd));
		KUNIT_EXPECT_EQ(test, pmd_pfn(*pmd), t->pfns[0]);
	}
	if (arch_needs_pgtable_deposit())
		KUNIT_EXPECT_NE(test, mm_pgtables_bytes(mm), 0);
	mmput(mm);
}

/* The page table that was deposited for the entry is the caller's to free. */
static pgtable_t pt_clear_huge(unsigned long addr, pmd_t *pmd)
{
	pgtable_t pgtable = NULL;

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	pmdp_huge_get_and_clear(current->mm, addr, pmd);
	if (arch_needs_pgtable_deposit()) {
		pgtable = pgtable_trans_huge_withdraw(current->mm, pmd);
		mm_dec_nr_ptes(current->mm);
	}
#endif
	return pgtable;
}

/*
 * fork() copies the entry while another thread zaps it. The lock of the source
 * holds the copy back at the point where it has seen the entry and has locked
 * the destination; that is when the entry goes away.
 */
static void pt_fork_zap_huge(struct kunit *test)
{
	const unsigned int cpu = cpumask_first(cpu_online_mask);
	const unsigned int other = cpumask_next(cpu, cpu_online_mask);
	spinlock_t *src_ptl, *dst_ptl;
	struct task_struct *task;
	pmd_t *src_pmd, *dst_pmd;
	pgtable_t pgtable;
	struct pt_fork f = {};
	struct mm_struct *mm;
	unsigned long timeout;
	unsigned long addr;
	bool locked = false;

	pt_need_huge(test);
	if (other >= nr_cpu_ids || IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "needs two processors and spinning locks");

	addr = pt_map_huge(test);
	mm = pt_fork_mm(test, &f, addr);
	src_pmd = mm_find_pmd(current->mm, addr);
	dst_pmd = pt_alloc_pmd(mm, addr);
	KUNIT_ASSERT_NOT_NULL(test, dst_pmd);

	init_completion(&f.start);
	init_completion(&f.done);
	KUNIT_ASSERT_EQ(test, 0, set_cpus_allowed_ptr(current, cpumask_of(cpu)));
	task = kthread_run_on_cpu(pt_fork_thread, &f, other, "pfnmap_kunit/%u");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	/* Let it get to wait_for_completion(). */
	msleep(50);

	mmap_write_lock(current->mm);
	dst_ptl = pmd_lockptr(mm, dst_pmd);
	src_ptl = pmd_lock(current->mm, src_pmd);
	timeout = jiffies + 5 * HZ;
	complete(&f.start);
	while (!locked && time_before(jiffies, timeout)) {
		cpu_relax();
		locked = spin_is_locked(dst_ptl);
	}
	pgtable = pt_clear_huge(addr, src_pmd);
	spin_unlock(src_ptl);
	wait_for_completion(&f.done);
	mmap_write_unlock(current->mm);
	if (pgtable)
		pte_free(current->mm, pgtable);

	KUNIT_EXPECT_TRUE_MSG(test, locked, "the race was not met");
	KUNIT_EXPECT_EQ(test, f.ret, 0);
	KUNIT_EXPECT_TRUE(test, pmd_none(*dst_pmd));
	mmput(mm);
}

static void pt_expect_pte(struct kunit *test, unsigned long addr,
			  unsigned long pfn, bool write)
{
	pte_t pte = pt_pte(addr);

	KUNIT_ASSERT_TRUE(test, pte_present(pte));
	KUNIT_EXPECT_EQ(test, pte_pfn(pte), pfn);
	if (IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL))
		KUNIT_EXPECT_TRUE(test, pte_special(pte));
	KUNIT_EXPECT_TRUE(test, pte_young(pte));
	KUNIT_EXPECT_EQ(test, !!pte_write(pte), write);
	KUNIT_EXPECT_EQ(test, !!pte_dirty(pte), write);
}

static void pt_huge_over_table(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr;

	pt_need_huge(test);
	addr = pt_map(test, &pt_ops_none, PT_BLOCK_SIZE, PT_RW, MAP_SHARED);
	PT_EXPECT_FAULT(test, pt_insert_pfn(addr, t->pfns[3]), VM_FAULT_NOPAGE);
	kunit_warning_suppress(test) {
		PT_EXPECT_FAULT(test, pt_insert_pmd(addr, t->pfns[0], true), VM_FAULT_NOPAGE);
		PT_EXPECT_FAULT(test, pt_insert_pmd(addr, t->pfns[0], false), VM_FAULT_NOPAGE);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
	pt_expect_pte(test, addr, t->pfns[3], true);
}

static void pt_page_under_huge(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr;

	pt_need_huge(test);
	addr = pt_map_huge(test);
	PT_EXPECT_FAULT(test, pt_insert_pfn(addr, t->pfns[3]), VM_FAULT_NOPAGE);
	PT_EXPECT_FAULT(test, pt_insert_range(addr, PT_RANGE(t, 0, 4)), VM_FAULT_NOPAGE);
	KUNIT_EXPECT_TRUE(test, pmd_special(*mm_find_pmd(current->mm, addr)));
}

#ifdef CONFIG_ARCH_SUPPORTS_PUD_PFNMAP
static vm_fault_t pt_insert_pud(unsigned long addr, unsigned long pfn)
{
	scoped_guard(mmap_read_lock, current->mm) {
		struct vm_fault vmf = {
			.vma = vma_lookup(current->mm, addr),
			.address = addr,
			.pud = pt_alloc_pud(current->mm, addr),
		};

		if (!vmf.vma || !vmf.pud)
			return VM_FAULT_OOM;
		return vmf_insert_pfn_pud(&vmf, pfn, false);
	}
}

static void pt_huge_pud(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr, pfn;
	pud_t *pud;

	/* Not memory, and nobody touches it. */
	pfn = ALIGN(max(max_pfn, PHYS_PFN(SZ_4G)), PHYS_PFN(PUD_SIZE)) +
	      PHYS_PFN(16 * PUD_SIZE);
	addr = pt_try_map(test, t->file, PUD_SIZE, PUD_SIZE, PROT_READ, MAP_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));

	PT_ASSERT_FAULT(test, pt_insert_pud(addr, pfn), VM_FAULT_NOPAGE);
	pud = pt_alloc_pud(current->mm, addr);
	KUNIT_ASSERT_TRUE(test, pud_trans_huge(*pud));
	KUNIT_ASSERT_NULL(test, mm_find_pmd(current->mm, addr + PMD_SIZE));

	/* A small entry finds its place taken. */
	PT_EXPECT_FAULT(test, pt_insert_pfn(addr + PMD_SIZE, t->pfns[0]), VM_FAULT_NOPAGE);

	/* A vma that is split does not leave a huge entry over both parts. */
	KUNIT_EXPECT_EQ(test, 0, pt_madvise(addr, PUD_SIZE / 2, MADV_DONTFORK));
	KUNIT_EXPECT_FALSE(test, pud_trans_huge(*pud));
}
#else
static void pt_huge_pud(struct kunit *test)
{
	kunit_skip(test, "no CONFIG_ARCH_SUPPORTS_PUD_PFNMAP");
}
#endif

/*
 * The wrong kind of vma
 */

static void pt_insert_cow(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr = pt_map(test, &pt_ops_none, PT_BLOCK_SIZE, PT_RW, MAP_PRIVATE);

	kunit_warning_suppress(test) {
		PT_EXPECT_FAULT(test, pt_insert_range(addr, PT_RANGE(t, 0, 1)), VM_FAULT_SIGBUS);
		PT_EXPECT_FAULT(test, pt_insert_pfn(addr, t->pfns[0]), VM_FAULT_SIGBUS);
		if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
			PT_EXPECT_FAULT(test, pt_insert_pmd(addr, t->pfns[0], false),
					VM_FAULT_SIGBUS);
	}
	KUNIT_EXPECT_TRUE(test, pte_none(pt_pte(addr)));
}

static int pt_mmap_no_ops(struct pfnmap_test *t, struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_HUGEPAGE);
	vma->vm_ops = NULL;
	return 0;
}

/* A hole of 2 MiB in the mapping of a driver that has no vm_ops */
static void pt_no_anon(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	struct file *file = pt_open(test, O_RDONLY);
	unsigned long addr;
	struct page *page;
	pmd_t *pmd;

	t->mmap = pt_mmap_no_ops;
	addr = pt_map(test, &pt_ops_none, PMD_SIZE, PT_RW, MAP_SHARED);
	PT_EXPECT_FAULT(test, pt_handle_fault(test, addr, 0), VM_FAULT_SIGBUS);
	PT_EXPECT_FAULT(test, pt_handle_fault(test, addr, FAULT_FLAG_WRITE), VM_FAULT_SIGBUS);
	pmd = mm_find_pmd(current->mm, addr);
	KUNIT_EXPECT_TRUE(test, !pmd || !pmd_trans_huge(*pmd));

	addr = pt_map(test, &pt_ops_none, PAGE_SIZE, PT_RW, MAP_PRIVATE);
	PT_EXPECT_FAULT(test, pt_handle_fault(test, addr, 0), VM_FAULT_SIGBUS);
	PT_EXPECT_FAULT(test, pt_handle_fault(test, addr, FAULT_FLAG_WRITE), VM_FAULT_SIGBUS);
	KUNIT_EXPECT_EQ(test, -EFAULT, get_user_pages_fast(addr, 1, FOLL_WRITE, &page));
	KUNIT_EXPECT_TRUE(test, pte_none(pt_pte(addr)));

	/* A shared mapping of a file that is read-only is not VM_SHARED. */
	addr = pt_try_map(test, file, PAGE_SIZE, PMD_SIZE, PROT_READ, MAP_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	PT_EXPECT_FAULT(test, pt_handle_fault(test, addr, 0), VM_FAULT_SIGBUS);
	KUNIT_EXPECT_TRUE(test, pte_none(pt_pte(addr)));
}

static int pt_mmap_remap(struct pfnmap_test *t, struct vm_area_struct *vma)
{
	return remap_pfn_range(vma, vma->vm_start, t->pfns[0],
			       vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

static int pt_mmap_beyond(struct pfnmap_test *t, struct vm_area_struct *vma)
{
	const unsigned long start = vma->vm_start, end = vma->vm_end, pfn = t->pfns[0];
	const pgprot_t prot = vma->vm_page_prot;
	struct kunit *test = t->test;

	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, -EINVAL,
				remap_pfn_range(vma, start, pfn, end - start + 1, prot));
		KUNIT_EXPECT_EQ(test, -EINVAL, remap_pfn_range(vma, end, pfn, PAGE_SIZE, prot));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				remap_pfn_range(vma, start - PAGE_SIZE, pfn, PAGE_SIZE, prot));
	}
	KUNIT_EXPECT_EQ(test, 0, pt_mmap_remap(t, vma));

	return 0;
}

static int pt_access(struct vm_area_struct *vma, unsigned long addr, void *buf,
		     int len, int write)
{
	memset(buf, PT_BYTE, len);
	return len;
}

static const struct vm_operations_struct pt_ops_access = {
	.access = pt_access,
};

/* Not for /proc/PID/cmdline: a driver is only asked by those who want its memory. */
static void pt_access_anon(struct kunit *test)
{
	unsigned long addr = pt_map(test, &pt_ops_access, PAGE_SIZE, PROT_READ, MAP_SHARED);
	unsigned char byte = 0;

	KUNIT_EXPECT_EQ(test, 1, access_remote_vm(current->mm, addr, &byte, 1, 0));
	KUNIT_EXPECT_EQ(test, PT_BYTE, byte);
	KUNIT_EXPECT_EQ(test, 0, access_remote_vm(current->mm, addr, &byte, 1, FOLL_ANON));
}

static void pt_remap_beyond(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr;

	t->mmap = pt_mmap_beyond;
	addr = pt_map(test, &pt_ops_none, 2 * PAGE_SIZE, PROT_READ, MAP_SHARED);
	KUNIT_EXPECT_EQ(test, pt_count_present(addr - PAGE_SIZE, 4), 2);
}

/*
 * Pages in a mapping of pfns
 */

static int pt_mmap_insert(struct pfnmap_test *t, struct vm_area_struct *vma)
{
	struct page *pages[] = { t->pages, t->pages + 1 };
	struct kunit *test = t->test;
	unsigned long nr = 2;

	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, vm_insert_pages(vma, vma->vm_start, pages, &nr));
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, vm_map_pages(vma, pages, 2));
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, vm_map_pages_zero(vma, pages, 2));
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, vm_insert_page(vma, vma->vm_start, pages[0]));
	KUNIT_EXPECT_TRUE(test, vma_is_pfnmap_only(vma));
	return 0;
}

static void pt_insert_pages(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr;

	t->mmap = pt_mmap_insert;
	addr = pt_map(test, &pt_ops_fault_insert_page, 2 * PAGE_SIZE, PT_RW, MAP_SHARED);
	PT_EXPECT_FAULT(test, pt_handle_fault(test, addr, FAULT_FLAG_WRITE), VM_FAULT_SIGBUS);

	KUNIT_EXPECT_EQ(test, pt_count_present(addr, 2), 0);
	KUNIT_EXPECT_EQ(test, page_count(t->pages), 1);
}

static void pt_return_page(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr = pt_map(test, &pt_ops_fault_page, PAGE_SIZE, PT_RW, MAP_SHARED);

	PT_EXPECT_FAULT(test, pt_handle_fault(test, addr, 0), VM_FAULT_SIGBUS);
	PT_EXPECT_FAULT(test, pt_handle_fault(test, addr, FAULT_FLAG_WRITE), VM_FAULT_SIGBUS);
	KUNIT_EXPECT_FALSE(test, pte_present(pt_pte(addr)));

	addr = pt_map(test, &pt_ops_fault_page, PAGE_SIZE, PT_RW, MAP_PRIVATE);
	PT_EXPECT_FAULT(test, pt_handle_fault(test, addr, 0), VM_FAULT_SIGBUS);
	/* A copy of the page is no page of the driver. */
	PT_EXPECT_FAULT(test, pt_handle_fault(test, addr, FAULT_FLAG_WRITE) & VM_FAULT_ERROR, 0);
	KUNIT_EXPECT_TRUE(test, pte_present(pt_pte(addr)));
	KUNIT_EXPECT_NE(test, pte_pfn(pt_pte(addr)), t->pfns[0]);

	KUNIT_EXPECT_EQ(test, page_count(t->pages), 1);
}

static void pt_fault_around(struct kunit *test)
{
	struct file *file;
	struct page *page;
	unsigned long addr;

	file = shmem_file_setup("pfnmap_kunit", SZ_64K, EMPTY_VMA_FLAGS);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, pt_put_file, file));
	page = shmem_read_mapping_page(file->f_mapping, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(page));
	put_page(page);

	addr = pt_try_map(test, file, SZ_64K, PMD_SIZE, PROT_READ, MAP_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	mmap_write_lock(current->mm);
	vm_flags_set(vma_lookup(current->mm, addr), VM_PFNMAP);
	mmap_write_unlock(current->mm);

	PT_EXPECT_FAULT(test, pt_handle_fault(test, addr, 0), VM_FAULT_SIGBUS);
	KUNIT_EXPECT_EQ(test, 0, pt_count_present(addr, SZ_64K / PAGE_SIZE));
}

/*
 * vmf_insert_pfns()
 */

/* Ranges in any order, up to the end of a page table */
static void pt_insert_pfns(struct kunit *test)
{
	static const unsigned int pages[] = { 7, 8, 9, 1, 11, 3, 4, 5 };
	struct pfnmap_test *t = test->priv;
	const struct phys_vec there = PT_RANGE(t, 12, 1), vec[] = {
		PT_RANGE(t, 7, 3), PT_RANGE(t, 1, 1), PT_RANGE(t, 11, 1),
		PT_RANGE(t, 3, 3),
	};
	const unsigned int nr = ARRAY_SIZE(pages);
	struct vm_area_struct *vma;
	unsigned long map, addr;

	for (int write = 0; write <= 1; write++) {
		map = pt_map(test, &pt_ops_none, 2 * PMD_SIZE,
			     PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED);
		addr = map + PT_BLOCK_SIZE - nr * PAGE_SIZE;

		PT_EXPECT_FAULT(test, pt_insert_pfn(addr - PAGE_SIZE, t->pfns[2]),
				VM_FAULT_NOPAGE);
		pt_expect_pte(test, addr - PAGE_SIZE, t->pfns[2], write);
		/* Is there already, and stays. */
		PT_EXPECT_FAULT(test, pt_insert(map, addr + PAGE_SIZE, &there, 1),
				VM_FAULT_NOPAGE);
		PT_EXPECT_FAULT(test, pt_insert(addr, addr, vec, ARRAY_SIZE(vec)),
				VM_FAULT_NOPAGE);
		for (unsigned int i = 0; i < nr; i++)
			pt_expect_pte(test, addr + i * PAGE_SIZE,
				      t->pfns[i == 1 ? 12 : pages[i]], write);
		KUNIT_EXPECT_EQ(test, nr + 1,
				pt_count_present(addr - 4 * PAGE_SIZE, nr + 8));
	}

	/* Nobody but a debugger causes this. On x86, such an entry has its pfn inverted. */
	addr = pt_map(test, &pt_ops_none, nr * PAGE_SIZE, PROT_NONE, MAP_SHARED);
	PT_EXPECT_FAULT(test, pt_insert(addr, addr, vec, ARRAY_SIZE(vec)), VM_FAULT_NOPAGE);
	for (unsigned int i = 0; i < nr; i++)
		KUNIT_EXPECT_EQ(test, t->pfns[pages[i]], pte_pfn(pt_pte(addr + i * PAGE_SIZE)));

	/* As vmwgfx, which finds in the entries what was written to. */
	addr = pt_map(test, &pt_ops_mkwrite, 2 * PAGE_SIZE, PT_RW, MAP_SHARED);
	mmap_write_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
	mmap_write_unlock(current->mm);
	PT_EXPECT_FAULT(test, pt_insert_range(addr, PT_RANGE(t, 0, 1)), VM_FAULT_NOPAGE);
	PT_EXPECT_FAULT(test, pt_insert_pfn(addr + PAGE_SIZE, t->pfns[1]),
			VM_FAULT_NOPAGE);
	for (int i = 0; i < 2; i++) {
		KUNIT_EXPECT_TRUE(test, pte_write(pt_pte(addr + i * PAGE_SIZE)));
		KUNIT_EXPECT_FALSE(test, pte_dirty(pt_pte(addr + i * PAGE_SIZE)));
	}
}

#ifdef CONFIG_X86_PAT
static void pt_set_wb(void *page)
{
	set_memory_wb((unsigned long)page, 1);
}

/* The memory type is that of the pages, not that of the vma. */
static void pt_insert_pfns_type(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr = pt_map(test, &pt_ops_none, PMD_SIZE, PROT_READ, MAP_SHARED);

	if (!pat_enabled())
		kunit_skip(test, "no page attribute table");

	for (int i = 4; i <= 5; i++) {
		void *page = page_address(t->pages + i);

		KUNIT_ASSERT_EQ(test, 0, set_memory_wc((unsigned long)page, 1));
		KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, pt_set_wb, page));
	}

	PT_EXPECT_FAULT(test, pt_insert_range(addr, PT_RANGE(t, 2, 2)), VM_FAULT_NOPAGE);
	PT_EXPECT_FAULT(test, pt_insert_range(addr + 2 * PAGE_SIZE, PT_RANGE(t, 4, 2)),
			VM_FAULT_NOPAGE);
	for (int i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test,
				pgprot2cachemode(pte_pgprot(pt_pte(addr + i * PAGE_SIZE))),
				i < 2 ? _PAGE_CACHE_MODE_WB : _PAGE_CACHE_MODE_WC);
}
#endif

/* Nothing beyond the vma, or beyond the page table */
static void pt_insert_pfns_range(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr = pt_map(test, &pt_ops_none, 4 * PAGE_SIZE, PROT_READ, MAP_SHARED);
	const struct phys_vec one = PT_RANGE(t, 0, 1), two = PT_RANGE(t, 0, 2), three[] = {
		PT_RANGE(t, 8, 1), PT_RANGE(t, 9, 1), PT_RANGE(t, 4, 3),
	};

	PT_EXPECT_FAULT(test, pt_insert(addr, addr, &one, 0), VM_FAULT_SIGBUS);
	PT_EXPECT_FAULT(test, pt_insert_range(addr, PT_RANGE(t, 0, 0)), VM_FAULT_SIGBUS);
	PT_EXPECT_FAULT(test, pt_insert_range(addr, PT_RANGE(t, 0, 5)), VM_FAULT_SIGBUS);
	PT_EXPECT_FAULT(test, pt_insert(addr, addr + 4 * PAGE_SIZE, &one, 1), VM_FAULT_SIGBUS);
	PT_EXPECT_FAULT(test, pt_insert(addr, addr - PAGE_SIZE, &two, 1), VM_FAULT_SIGBUS);
	KUNIT_EXPECT_EQ(test, pt_count_present(addr - PAGE_SIZE, 6), 0);
	PT_EXPECT_FAULT(test, pt_insert_range(addr + PAGE_SIZE, PT_RANGE(t, 0, 3)),
			VM_FAULT_NOPAGE);
	KUNIT_EXPECT_EQ(test, pt_count_present(addr - PAGE_SIZE, 6), 3);
	PT_EXPECT_FAULT(test, pt_insert(addr, addr, three, 3), VM_FAULT_SIGBUS);
	KUNIT_EXPECT_EQ(test, pt_count_present(addr - PAGE_SIZE, 6), 4);

	addr = pt_map(test, &pt_ops_none, 2 * PT_BLOCK_SIZE, PROT_READ, MAP_SHARED);
	addr += PT_BLOCK_SIZE - 4 * PAGE_SIZE;
	PT_EXPECT_FAULT(test, pt_insert(addr, addr, three, 3), VM_FAULT_SIGBUS);
	KUNIT_EXPECT_EQ(test, pt_count_present(addr, 2), 2);
	KUNIT_EXPECT_EQ(test, pt_count_present(addr + 2 * PAGE_SIZE, 8), 0);
}

/* What zaps special entries in a batch leaves none and takes no other. */
static void pt_zap(struct kunit *test)
{
	struct vm_area_struct *vma;
	unsigned long addr = pt_map(test, &pt_ops_fault, 2 * PT_BLOCK_SIZE, PROT_READ, MAP_SHARED);

	pt_handle_fault(test, addr, 0);
	pt_handle_fault(test, addr + PT_BLOCK_SIZE, 0);
	KUNIT_EXPECT_EQ(test, pt_count_present(addr, 2 * PT_BLOCK_PAGES), 2 * PT_BLOCK_PAGES);

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	zap_special_vma_range(vma, addr + PAGE_SIZE, PT_BLOCK_SIZE);
	zap_special_vma_range(vma, addr, 2 * PAGE_SIZE);
	mmap_read_unlock(current->mm);
	KUNIT_EXPECT_EQ(test, pt_count_present(addr, PT_BLOCK_PAGES + 1), 0);
	KUNIT_EXPECT_EQ(test, pt_count_present(addr, 2 * PT_BLOCK_PAGES), PT_BLOCK_PAGES - 1);
}

/* A private mapping has a copy of what was written to, among the pfns. */
static void pt_zap_cow(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr, anon;

	t->mmap = pt_mmap_remap;
	addr = pt_map(test, &pt_ops_none, 8 * PAGE_SIZE, PT_RW, MAP_PRIVATE);
	anon = get_mm_counter_sum(current->mm, MM_ANONPAGES);
	PT_EXPECT_FAULT(test, pt_handle_fault(test, addr + 3 * PAGE_SIZE, FAULT_FLAG_WRITE) &
			      VM_FAULT_ERROR, 0);
	KUNIT_EXPECT_EQ(test, get_mm_counter_sum(current->mm, MM_ANONPAGES), anon + 1);
	KUNIT_EXPECT_EQ(test, vm_munmap(addr, 8 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, get_mm_counter_sum(current->mm, MM_ANONPAGES), anon);
}

/*
 * remap_pages_range()
 */

static int pt_mmap_pages(struct pfnmap_test *t, struct vm_area_struct *vma)
{
	struct page *pages[] = {
		t->pages + 5, t->pages + 6, t->pages + 1, t->pages + 9,
	};
	const vm_flags_t flags = VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
	struct kunit *test = t->test;
	int err;

	vm_flags_clear(vma, flags);
	if (vma_test(vma, VMA_SHARED_BIT))
		KUNIT_EXPECT_EQ(test, -ENXIO, remap_pages_range(vma, pages, 3));
	err = remap_pages_range(vma, pages, 4);
	KUNIT_EXPECT_EQ(test, vma->vm_flags & flags, err ? 0 : flags);
	return err;
}

static int pt_mmap_pages_mixed(struct pfnmap_test *t, struct vm_area_struct *vma)
{
	struct page *pages[] = { t->pages };

	vm_flags_set(vma, VM_MIXEDMAP);
	return remap_pages_range(vma, pages, 1);
}

static void pt_remap_pages(struct kunit *test)
{
	static const int expected[] = { 5, 6, 1, 9 };
	struct pfnmap_test *t = test->priv;
	unsigned long addr;

	t->mmap = pt_mmap_pages;
	addr = pt_map(test, &pt_ops_none, 4 * PAGE_SIZE, PROT_READ, MAP_SHARED);
	for (int i = 0; i < 4; i++)
		pt_expect_pte(test, addr + i * PAGE_SIZE, t->pfns[expected[i]], false);
	KUNIT_EXPECT_EQ(test, pt_count_present(addr - PAGE_SIZE, 6), 4);

	/* the last two, in the place of the first ones */
	KUNIT_EXPECT_EQ(test, addr, vm_mmap(t->file, addr, 2 * PAGE_SIZE, PT_RW,
					    MAP_SHARED | MAP_FIXED, 2 * PAGE_SIZE));
	for (int i = 0; i < 2; i++)
		pt_expect_pte(test, addr + i * PAGE_SIZE, t->pfns[expected[2 + i]], true);

	/* one page, which remap_pfn_range() would take */
	addr = pt_try_map(test, t->file, PAGE_SIZE, PMD_SIZE, PT_RW, MAP_PRIVATE);
	KUNIT_EXPECT_EQ(test, (long)addr, -EINVAL);

	t->mmap = pt_mmap_pages_mixed;
	addr = pt_try_map(test, t->file, PAGE_SIZE, PMD_SIZE, PT_RW, MAP_SHARED);
	KUNIT_EXPECT_EQ(test, (long)addr, -EINVAL);
}

/*
 * Populate
 */

static void pt_populate(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	const unsigned long size = 3 * PT_BLOCK_SIZE + 2 * PAGE_SIZE;
	struct page *page;
	unsigned long addr = pt_map(test, &pt_ops_fault, size, PT_RW, MAP_SHARED);

	/* One fault for each page table, and none for what is there. */
	KUNIT_EXPECT_EQ(test, pt_madvise(addr + PAGE_SIZE, size - PAGE_SIZE,
					 MADV_POPULATE_READ), 0);
	KUNIT_EXPECT_EQ(test, t->faults, 4);
	KUNIT_EXPECT_EQ(test, pt_count_present(addr, size >> PAGE_SHIFT), size >> PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, pt_madvise(addr, size, MADV_POPULATE_WRITE), 0);
	KUNIT_EXPECT_EQ(test, t->faults, 4);

	/* Nobody gets a page for all that. */
	KUNIT_EXPECT_EQ(test, -EFAULT, get_user_pages_unlocked(addr, 1, &page, 0));
}

/* Entries that are there and read-only do for reading only. */
static void pt_populate_write(struct kunit *test)
{
	const unsigned long size = 2 * PT_BLOCK_SIZE;
	struct pfnmap_test *t = test->priv;
	unsigned long addr, at;

	addr = pt_map(test, &pt_ops_mkwrite, size, PT_RW, MAP_SHARED);
	if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		PT_EXPECT_FAULT(test, pt_insert_pmd(addr, t->pfns[0], false), VM_FAULT_NOPAGE);

	KUNIT_EXPECT_EQ(test, pt_madvise(addr, size, MADV_POPULATE_READ), 0);
	KUNIT_EXPECT_FALSE(test, pte_write(pt_pte(addr + size - PAGE_SIZE)));
	KUNIT_EXPECT_EQ(test, pt_madvise(addr, size, MADV_POPULATE_WRITE), 0);
	for (at = addr; at < addr + size; at += PAGE_SIZE)
		KUNIT_EXPECT_TRUE(test, pte_write(pt_pte(at)));
}

static void pt_populate_mmap(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr;

	addr = pt_map(test, &pt_ops_fault, 2 * PT_BLOCK_SIZE, PT_RW, MAP_SHARED | MAP_POPULATE);
	KUNIT_EXPECT_EQ(test, t->faults, 2);
	KUNIT_EXPECT_EQ(test, pt_count_present(addr, 2 * PT_BLOCK_PAGES), 2 * PT_BLOCK_PAGES);

	/* mmap() succeeds even if that does not. */
	t->limit = PT_BLOCK_PAGES;
	addr = pt_map(test, &pt_ops_fault, 2 * PT_BLOCK_SIZE, PT_RW, MAP_SHARED | MAP_POPULATE);
	KUNIT_EXPECT_EQ(test, pt_count_present(addr, 2 * PT_BLOCK_PAGES), PT_BLOCK_PAGES);
	KUNIT_EXPECT_EQ(test, 0, __mm_populate(addr, 2 * PT_BLOCK_SIZE, 0, false));

	t->faults = 0;
	pt_map(test, &pt_ops_fault, PT_BLOCK_SIZE, PROT_NONE, MAP_SHARED | MAP_POPULATE);
	KUNIT_EXPECT_EQ(test, t->faults, 0);

	/* By mlock2(MLOCK_ONFAULT), and as after mlockall(MCL_FUTURE | MCL_ONFAULT) */
	t->limit = 2 * PT_BLOCK_PAGES;
	KUNIT_EXPECT_EQ(test, 0, __mm_populate(addr, 2 * PT_BLOCK_SIZE, 0, true));
	KUNIT_EXPECT_EQ(test, t->faults, 0);
	current->mm->def_flags |= VM_LOCKONFAULT;
	mm_populate(addr, 2 * PT_BLOCK_SIZE);
	KUNIT_EXPECT_EQ(test, t->faults, 0);
	/* but mlock() asks for the pages now */
	KUNIT_EXPECT_EQ(test, 0, __mm_populate(addr, 2 * PT_BLOCK_SIZE, 0, false));
	current->mm->def_flags &= ~VM_LOCKONFAULT;
	KUNIT_EXPECT_EQ(test, t->faults, 1);
}

/* The handler is not to send the fault away: it could do so for ever. */
static void pt_populate_retry(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr;

	t->retry = true;
	addr = pt_map(test, &pt_ops_fault, 2 * PT_BLOCK_SIZE, PROT_READ, MAP_SHARED | MAP_POPULATE);
	KUNIT_EXPECT_EQ(test, pt_count_present(addr, 2 * PT_BLOCK_PAGES), 2 * PT_BLOCK_PAGES);
	addr = pt_map(test, &pt_ops_fault, 2 * PT_BLOCK_SIZE, PROT_READ, MAP_SHARED);
	KUNIT_EXPECT_EQ(test, pt_madvise(addr, 2 * PT_BLOCK_SIZE, MADV_POPULATE_READ), 0);
	KUNIT_EXPECT_TRUE(test, t->retry);
}

/* Nobody but the way to user space takes a signal away. */
static void pt_populate_signal(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr;

	t->waits = true;
	addr = pt_map(test, &pt_ops_fault, 2 * PT_BLOCK_SIZE, PROT_READ, MAP_SHARED);

	set_tsk_thread_flag(current, TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, pt_madvise(addr, 2 * PT_BLOCK_SIZE, MADV_POPULATE_READ),
			-ERESTARTNOINTR);
	KUNIT_EXPECT_EQ(test, t->faults, 1);
	KUNIT_EXPECT_EQ(test, __mm_populate(addr, 2 * PT_BLOCK_SIZE, 0, false), 0);
	KUNIT_EXPECT_EQ(test, t->faults, 2);
	clear_tsk_thread_flag(current, TIF_SIGPENDING);

	KUNIT_EXPECT_EQ(test, pt_madvise(addr, 2 * PT_BLOCK_SIZE, MADV_POPULATE_READ), 0);
	KUNIT_EXPECT_EQ(test, t->faults, 4);
}

struct pt_locker {
	struct work_struct work;
	struct mm_struct *mm;
	struct pfnmap_test *t;
};

/* What a handler waits for, and needs the lock that its caller holds */
static void pt_lock_mm(struct work_struct *work)
{
	struct pt_locker *locker = container_of(work, struct pt_locker, work);

	mmap_write_lock(locker->mm);
	locker->t->stuck = false;
	mmap_write_unlock(locker->mm);
}

/* A handler that gets nowhere is called again without the lock in between. */
static void pt_populate_stuck(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	struct pt_locker locker = { .mm = current->mm, .t = t };
	unsigned long addr;

	addr = pt_map(test, &pt_ops_fault, 2 * PT_BLOCK_SIZE, PROT_READ, MAP_SHARED);

	/* mlock() leaves the mapping to the first accesses. */
	t->stuck = true;
	KUNIT_EXPECT_EQ(test, __mm_populate(addr, 2 * PT_BLOCK_SIZE, 0, false), 0);
	KUNIT_EXPECT_EQ(test, t->faults, 1);

	INIT_WORK_ONSTACK(&locker.work, pt_lock_mm);
	schedule_work(&locker.work);
	KUNIT_EXPECT_EQ(test, pt_madvise(addr, 2 * PT_BLOCK_SIZE, MADV_POPULATE_READ), 0);
	KUNIT_EXPECT_LT(test, t->faults, PT_TRIES);
	KUNIT_EXPECT_EQ(test, pt_count_present(addr, 2 * PT_BLOCK_PAGES), 2 * PT_BLOCK_PAGES);
	flush_work(&locker.work);
	destroy_work_on_stack(&locker.work);
}

static void pt_populate_errors(struct kunit *test)
{
	struct pfnmap_test *t = test->priv;
	unsigned long addr;

	/* No handler */
	addr = pt_map(test, &pt_ops_none, PT_BLOCK_SIZE, PROT_READ, MAP_SHARED);
	KUNIT_EXPECT_EQ(test, pt_madvise(addr, PT_BLOCK_SIZE, MADV_POPULATE_READ), -EINVAL);

	t->limit = PT_BLOCK_PAGES;
	addr = pt_map(test, &pt_ops_fault, 2 * PT_BLOCK_SIZE, PROT_READ, MAP_SHARED);
	KUNIT_EXPECT_EQ(test, pt_madvise(addr, 2 * PT_BLOCK_SIZE, MADV_POPULATE_READ), -EFAULT);
	KUNIT_EXPECT_EQ(test, pt_madvise(addr, PT_BLOCK_SIZE, MADV_POPULATE_WRITE), -EINVAL);
	KUNIT_EXPECT_EQ(test, pt_madvise(addr, PT_BLOCK_SIZE, MADV_POPULATE_READ), 0);

	addr = pt_map(test, &pt_ops_fault, PT_BLOCK_SIZE, PROT_NONE, MAP_SHARED);
	KUNIT_EXPECT_EQ(test, pt_madvise(addr, PT_BLOCK_SIZE, MADV_POPULATE_READ), -EINVAL);
	/* Private and writable */
	addr = pt_map(test, &pt_ops_fault, PT_BLOCK_SIZE, PT_RW, MAP_PRIVATE);
	KUNIT_EXPECT_EQ(test, pt_madvise(addr, PT_BLOCK_SIZE, MADV_POPULATE_READ), -EINVAL);
}

static struct kunit_case pfnmap_test_cases[] = {
	KUNIT_CASE(pt_fork_huge),
	KUNIT_CASE(pt_fork_zap_huge),
	KUNIT_CASE(pt_huge_over_table),
	KUNIT_CASE(pt_page_under_huge),
	KUNIT_CASE(pt_huge_pud),
	KUNIT_CASE(pt_no_anon),
	KUNIT_CASE(pt_access_anon),
	KUNIT_CASE(pt_remap_beyond),
	KUNIT_CASE(pt_return_page),
	KUNIT_CASE(pt_fault_around),
	KUNIT_CASE(pt_insert_pfns),
	KUNIT_CASE(pt_insert_pfns_range),
#ifdef CONFIG_X86_PAT
	KUNIT_CASE(pt_insert_pfns_type),
#endif
	KUNIT_CASE(pt_zap),
	KUNIT_CASE(pt_zap_cow),
	KUNIT_CASE(pt_remap_pages),
	KUNIT_CASE(pt_populate),
	KUNIT_CASE(pt_populate_write),
	KUNIT_CASE(pt_populate_mmap),
	KUNIT_CASE(pt_populate_retry),
	KUNIT_CASE(pt_populate_signal),
	KUNIT_CASE(pt_populate_stuck),
	KUNIT_CASE(pt_populate_errors),
	/* These two hit a BUG() in a kernel that does not pass them. */
	KUNIT_CASE(pt_insert_pages),
	KUNIT_CASE(pt_insert_cow),
	{}
};

static struct kunit_suite pfnmap_test_suite = {
	.name = "pfnmap",
	.init = pt_init,
	.test_cases = pfnmap_test_cases,
};

kunit_test_suite(pfnmap_test_suite);

MODULE_DESCRIPTION("KUnit tests for mappings of pfns");
MODULE_LICENSE("GPL");
