// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probes for the tests of mappings of dma-bufs
 */

#include <linux/cleanup.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf/test-probe.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

/* Words of a page that hold its pattern. Another one is free for writers. */
static const unsigned int words[] = { 0, PAGE_SIZE / 8, PAGE_SIZE / 4 - 1 };

#define FREE_WORD	7

static u32 pattern(pgoff_t index, unsigned int word)
{
	return 0x5a000000 ^ ((u32)index << 12) ^ word;
}

/**
 * dma_buf_probe_fill - mark a page as the one at an index of a buffer
 * @vaddr: the page, as mapped in the kernel
 * @index: its index
 */
void dma_buf_probe_fill(void *vaddr, pgoff_t index)
{
	u32 *p = vaddr;

	for (int i = 0; i < ARRAY_SIZE(words); i++)
		p[words[i]] = pattern(index, words[i]);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_probe_fill, "DMA_BUF");

static const char *check_page(unsigned long addr, pgoff_t index)
{
	u32 __user *p = (u32 __user *)addr;
	u32 val;

	for (int i = 0; i < ARRAY_SIZE(words); i++) {
		if (get_user(val, p + words[i]))
			return "a page cannot be read";
		if (val != pattern(index, words[i]))
			return "a page is not the one that belongs there";
	}

	return NULL;
}

/**
 * dma_buf_probe_content - check that a mapping shows the pages of a buffer
 * @addr: address of the first page
 * @index: index of that page, see dma_buf_probe_fill()
 * @nr: number of pages
 *
 * Return: what is wrong, or NULL.
 */
const char *dma_buf_probe_content(unsigned long addr, pgoff_t index,
				  unsigned long nr)
{
	const char *wrong = NULL;

	for (; !wrong && nr; nr--, index++, addr += PAGE_SIZE)
		wrong = check_page(addr, index);

	return wrong;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_probe_content, "DMA_BUF");

/**
 * dma_buf_probe_touch - read or write a page of a mapping
 * @addr: its address
 * @write: write to a word that dma_buf_probe_content() does not look at
 *
 * Return: 0 or -EFAULT.
 */
int dma_buf_probe_touch(unsigned long addr, bool write)
{
	u32 __user *p = (u32 __user *)addr + FREE_WORD;
	u32 val = 1;

	return write ? put_user(val, p) : get_user(val, p);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_probe_touch, "DMA_BUF");

static const char *check_vma(unsigned long addr, const struct dma_buf *dmabuf)
{
	const vm_flags_t flags = VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
	struct vm_area_struct *vma;

	guard(mmap_read_lock)(current->mm);
	vma = vma_lookup(current->mm, addr);
	if (!vma)
		return "nothing is mapped";
	if ((vma->vm_flags & (flags | VM_MIXEDMAP)) != flags)
		return "the flags of the vma are not those of a pfn mapping";
	if (vma_is_cow_mapping(vma))
		return "the vma is a COW mapping";
	if (vma->vm_file != dmabuf->file)
		return "the vma does not hold the dma-buf";
	if (!vma->vm_ops)
		return "the vma has no vm_ops";
	if (!vma->vm_ops->access)
		return "the vma has no access for debuggers";

	return NULL;
}

/**
 * dma_buf_probe_entry - look at the page table entry at an address
 * @addr: the address
 * @entry: filled
 *
 * Return: 0, or -ENOENT if there is none, or no pfn mapping.
 */
int dma_buf_probe_entry(unsigned long addr, struct dma_buf_probe_entry *entry)
{
	struct follow_pfnmap_args args = { .address = addr };

	memset(entry, 0, sizeof(*entry));
	guard(mmap_read_lock)(current->mm);
	args.vma = vma_lookup(current->mm, addr);
	if (!args.vma || follow_pfnmap_start(&args))
		return -ENOENT;

	entry->pfn = args.pfn;
	entry->size = ~args.addr_mask + 1;
	entry->special = args.special;
	entry->writable = args.writable;
	if (args.ptep)
		entry->pte = ptep_get(args.ptep);
	/* Not every architecture tells it by the protection of a pte. */
	entry->dirty = pte_dirty(args.ptep ? entry->pte :
					     pfn_pte(0, args.pgprot));
	follow_pfnmap_end(&args);

	return 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_probe_entry, "DMA_BUF");

static long get_remote(unsigned long addr, unsigned long nr, unsigned int flags,
		       struct page **pages)
{
	return get_user_pages_remote(current->mm, addr, nr, flags, pages, NULL);
}

/* Every way to a page from an address that a module can call. */
static const struct route {
	const char *name;
	/* One of these, the first of which takes the mmap lock. */
	long (*locked)(unsigned long addr, unsigned long nr,
		       unsigned int flags, struct page **pages);
	long (*unlocked)(unsigned long addr, unsigned long nr,
			 struct page **pages, unsigned int flags);
	int (*fast)(unsigned long addr, int nr, unsigned int flags,
		    struct page **pages);
	unsigned int flags;
	bool pins;
} routes[] = {
	{ "get_user_pages", .locked = get_user_pages },
	{ "get_user_pages_remote", .locked = get_remote },
	{ "get_user_pages_unlocked", .unlocked = get_user_pages_unlocked },
	{ "pin_user_pages", .locked = pin_user_pages, .pins = true },
	{ "pin_user_pages, longterm", .locked = pin_user_pages,
	  .flags = FOLL_LONGTERM, .pins = true },
	{ "pin_user_pages_unlocked", .unlocked = pin_user_pages_unlocked,
	  .pins = true },
	{ "get_user_pages_fast", .fast = get_user_pages_fast },
	{ "get_user_pages_fast_only", .fast = get_user_pages_fast_only },
	{ "pin_user_pages_fast", .fast = pin_user_pages_fast, .pins = true },
	{ "pin_user_pages_fast, longterm", .fast = pin_user_pages_fast,
	  .flags = FOLL_LONGTERM, .pins = true },
};

static const unsigned int accesses[] = {
	0, FOLL_WRITE, FOLL_WRITE | FOLL_FORCE,
};

static long get_page_by(const struct route *route, unsigned long addr,
			unsigned int flags, struct page **page)
{
	if (route->fast)
		return route->fast(addr, 1, flags, page);
	if (route->unlocked)
		return route->unlocked(addr, 1, page, flags);

	guard(mmap_read_lock)(current->mm);

	return route->locked(addr, 1, flags, page);
}

static bool try_route(const struct route *route, unsigned long addr,
		      unsigned int access)
{
	struct page *page;

	if (get_page_by(route, addr, route->flags | access, &page) != 1)
		return false;

	if (route->pins)
		unpin_user_page(page);
	else
		put_page(page);

	return true;
}

/**
 * dma_buf_probe_gup - try to get references to a page of a mapping
 * @addr: address of the page
 * @fast: try all forms of get_user_pages_fast(), or else all others
 * @works: whether they should succeed
 *
 * The fast ones look at the page table entry only, and so need it to be there.
 * All references are put again.
 *
 * Return: the name of one that does otherwise, or NULL.
 */
const char *dma_buf_probe_gup(unsigned long addr, bool fast, bool works)
{
	const char *route = NULL;

	for (int i = 0; i < ARRAY_SIZE(routes); i++) {
		if (!!routes[i].fast != fast)
			continue;
		for (int j = 0; j < ARRAY_SIZE(accesses); j++)
			if (try_route(&routes[i], addr, accesses[j]) != works)
				route = routes[i].name;
	}

	return route;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_probe_gup, "DMA_BUF");

static const char *check_no_gup(unsigned long addr)
{
	struct dma_buf_probe_entry entry;
	const char *route;

	/* The fast ones first, while the entry is there. */
	route = dma_buf_probe_gup(addr, true, false) ?:
		dma_buf_probe_gup(addr, false, false);
	if (route)
		return route;

	if (IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL) &&
	    !dma_buf_probe_entry(addr, &entry) && !entry.special)
		return "an entry is not special";

	return NULL;
}

/**
 * dma_buf_probe - check all of a mapping
 * @addr: address of the first page
 * @dmabuf: what it is to be a mapping of
 * @index: index of the first page, see dma_buf_probe_fill()
 * @nr: number of pages
 *
 * The vma is as it should be, the pages are the right ones, their entries are
 * special, and nothing gets a reference to them. That is tried for some pages
 * only if there are many.
 *
 * Return: what is wrong, or NULL.
 */
const char *dma_buf_probe(unsigned long addr, const struct dma_buf *dmabuf,
			  pgoff_t index, unsigned long nr)
{
	const unsigned int step = nr > 64 ? 61 : 1;
	const char *wrong;

	wrong = check_vma(addr, dmabuf);
	for (unsigned long i = 0; !wrong && i < nr; i++, addr += PAGE_SIZE) {
		wrong = check_page(addr, index + i);
		if (!wrong && (!(i % step) || i == nr - 1))
			wrong = check_no_gup(addr);
	}

	return wrong;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_probe, "DMA_BUF");

MODULE_DESCRIPTION("Probes for the tests of mappings of dma-bufs");
MODULE_LICENSE("GPL");
