// SPDX-License-Identifier: GPL-2.0
/*
 * dma-buf: the contract for userspace mappings
 *
 * A mapping of a dma-buf is never ordinary memory: no form of get_user_pages()
 * succeeds on it. Whatever an exporter's mmap callback did, a vma that would
 * not keep that promise does not leave this file. The rules C1 to C7 and their
 * reasons are in Documentation/driver-api/dma-buf-mmap.rst.
 */

#define pr_fmt(fmt) "dma-buf: " fmt

#include <linux/dma-buf.h>
#include <linux/mm.h>
#include <linux/pagewalk.h>
#include <linux/unroll.h>

#include <trace/events/dma_buf.h>

#include "dma-buf-mmap.h"

#ifdef CONFIG_MMU
static int check_pud(pud_t *pud, unsigned long addr, unsigned long next,
		     struct mm_walk *walk)
{
	pud_t val = pudp_get(pud);

	if (!pud_present(val) || !pud_leaf(val))
		return 0;

	/* The walk would split a huge entry, which means to zap it. */
	walk->action = ACTION_CONTINUE;

	return pud_special(val) ? 0 : -EINVAL;
}

/*
 * remap_pfn_range() takes less than 50 instructions to make an entry, so it pays
 * to look at 16 of them at a time for as long as all are special, and not to
 * read them by ptep_get(), whose READ_ONCE() takes one instruction more each.
 * Nothing but the hardware's accessed and dirty bits can change in a vma that is
 * not mapped yet.
 */
#define PTE_BATCH	16

static bool ptes_are_special(const pte_t *pte)
{
	unsigned long special = ~0UL;

	unrolled_full
	for (unsigned int i = 0; i < PTE_BATCH; i++)
		special &= pte_special(pte[i]);

	return special;
}

static int check_ptes(pte_t *pte, const pte_t *end)
{
	while (pte + PTE_BATCH <= end && ptes_are_special(pte))
		pte += PTE_BATCH;

	for (; pte < end; pte++) {
		pte_t val = ptep_get(pte);

		if (!pte_none(val) && !pte_special(val))
			return -EINVAL;
	}

	return 0;
}

static int check_pmd(pmd_t *pmd, unsigned long addr, unsigned long next,
		     struct mm_walk *walk)
{
	pmd_t val = pmdp_get_lockless(pmd);
	spinlock_t *ptl;
	pte_t *pte;
	int ret;

	walk->action = ACTION_CONTINUE;

	if (pmd_present(val) && pmd_leaf(val))
		return pmd_special(val) ? 0 : -EINVAL;

	pte = pte_offset_map_lock(walk->mm, pmd, addr, &ptl);
	if (!pte)
		return 0;

	ret = check_ptes(pte, pte + ((next - addr) >> PAGE_SHIFT));
	pte_unmap_unlock(pte, ptl);

	return ret;
}

static const struct mm_walk_ops check_walk_ops = {
	.pud_entry = check_pud,
	.pmd_entry = check_pmd,
	.walk_lock = PGWALK_RDLOCK,
};

/*
 * Whether all that the exporter put into the page tables is special. What comes
 * later is up to the mm, which does not map a normal page into a VM_PFNMAP vma.
 *
 * An exporter that handles faults has put nothing there yet, unless it does so
 * in two places. That is worth a walk with CONFIG_DMABUF_DEBUG only, for the
 * walk takes time in proportion to the mapping, and mmap() does not otherwise.
 */
static bool entries_are_special(struct vm_area_struct *vma)
{
	if (!IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL))
		return true;
	if (!IS_ENABLED(CONFIG_DMABUF_DEBUG) && vma->vm_ops->fault)
		return true;

	return !walk_page_range_vma(vma, vma->vm_start, vma->vm_end,
				    &check_walk_ops, NULL);
}

static const char *broken_rule(const struct dma_buf *dmabuf,
			       struct vm_area_struct *vma)
{
	if ((vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP)) != VM_PFNMAP)
		return "C1: the vma has to be VM_PFNMAP and not VM_MIXEDMAP";
	if (vma_is_cow_mapping(vma))
		return "C2: the vma must not become a COW mapping";
	if (!entries_are_special(vma))
		return "C3: page table entries have to be special";
	if (vma->vm_file != dmabuf->file)
		return "C5: vm_file has to stay the file of the dma-buf";

	return NULL;
}

/*
 * Undo what the exporter did, as the mm calls no hook of a vma whose mmap
 * failed. First the entries: another thread's CPU may already use them, and
 * close() may free what they point to.
 */
static void undo_mmap(struct vm_area_struct *vma)
{
	zap_vma_range(vma, vma->vm_start, vma->vm_end - vma->vm_start);

	if (vma->vm_ops->close)
		vma->vm_ops->close(vma);

	vma->vm_ops = &vma_dummy_vm_ops;
	vma->vm_private_data = NULL;
}

static int check_contract(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	const char *rule = broken_rule(dmabuf, vma);

	if (!rule)
		return 0;

	trace_dma_buf_mmap_refused(dmabuf, vma, rule);
	pr_err_ratelimited("exporter %s: mmap refused, breaks rule %s (vm_flags %pGv, mmap %ps)\n",
			   dmabuf->exp_name, rule, &vma->vm_flags,
			   dmabuf->ops->mmap);
	/* Anybody who can open the exporter's device gets here. */
	WARN_ON_ONCE(IS_ENABLED(CONFIG_DMABUF_DEBUG));

	undo_mmap(vma);

	return -EINVAL;
}
#else
static int check_contract(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	return 0;
}
#endif /* CONFIG_MMU */

/**
 * dma_buf_mmap_check_size - check that a mapping lies within a buffer
 * @dmabuf: the buffer
 * @vma: gives the number of pages to map
 * @pgoff: first page of the buffer to map
 *
 * Return: 0, -EOVERFLOW if @pgoff is so large that the end of the mapping wraps
 *	   around, -EINVAL if the buffer ends before the mapping.
 */
int dma_buf_mmap_check_size(const struct dma_buf *dmabuf,
			    const struct vm_area_struct *vma,
			    unsigned long pgoff)
{
	if (pgoff + vma_pages(vma) < pgoff)
		return -EOVERFLOW;
	if (pgoff + vma_pages(vma) > dmabuf->size >> PAGE_SHIFT)
		return -EINVAL;

	return 0;
}

/**
 * dma_buf_mmap_vma - let the exporter map a buffer and check what it did
 * @dmabuf: the buffer
 * @vma: the vma, with the file of @dmabuf as its vm_file and a vm_pgoff that is
 *	 known to lie within the buffer
 *
 * The one path behind mmap() of the file descriptor and dma_buf_mmap().
 *
 * A COW mapping is refused before the exporter sees it. What somebody writes to
 * it is anonymous memory, which get_user_pages() takes, and vmf_insert_pfn() is
 * a BUG() on it. As this is nothing but a wrong argument to mmap(), nothing is
 * printed.
 *
 * Context: Process context, with the mmap lock held for writing.
 * Return: 0, the error of the exporter, or -EINVAL if the mapping is COW or
 *	   breaks the contract. In the last case nothing is mapped any more, and
 *	   the vma has no vm_operations of the exporter nor of an importer.
 */
int dma_buf_mmap_vma(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	int ret;

	if (vma_is_cow_mapping(vma)) {
		trace_dma_buf_mmap_refused(dmabuf, vma,
					   "C2: private mapping");
		return -EINVAL;
	}

	/*
	 * An importer may have left its own here. It must neither be called for
	 * the exporter's mapping, nor be NULL, which stands for anonymous memory.
	 */
	vma->vm_ops = &vma_dummy_vm_ops;
	vma->vm_private_data = NULL;

	ret = dmabuf->ops->mmap(dmabuf, vma);
	if (ret)
		return ret;

	if (!vma->vm_ops)
		vma->vm_ops = &vma_dummy_vm_ops;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);

	return check_contract(dmabuf, vma);
}
