// SPDX-License-Identifier: GPL-2.0
/*
 * dma-buf: mapping a buffer into userspace
 *
 * A mapping of a dma-buf is never ordinary memory: no form of get_user_pages()
 * succeeds on it. An exporter that tells where its memory is, by
 * &dma_buf_ops.get_phys, has the core map it. One that maps by itself, by
 * &dma_buf_ops.mmap, is checked afterwards. The rules and their reasons are in
 * Documentation/driver-api/dma-buf-mmap.rst.
 */

#define pr_fmt(fmt) "dma-buf: " fmt

#include <linux/cacheflush.h>
#include <linux/cacheinfo.h>
#include <linux/dma-buf.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/huge_mm.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/pagemap.h>
#include <linux/pagewalk.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <trace/events/dma_buf.h>

#include "dma-buf-mmap.h"

/**
 * dma_buf_mmap_check_size - check that a mapping lies within a buffer
 * @dmabuf: the buffer
 * @pgoff: first page of the buffer to map
 * @nr_pages: number of pages to map
 *
 * Return: 0, -EOVERFLOW if @pgoff is so large that the end of the mapping wraps
 *	   around, -EINVAL if the buffer ends before the mapping.
 */
int dma_buf_mmap_check_size(const struct dma_buf *dmabuf, pgoff_t pgoff,
			    unsigned long nr_pages)
{
	pgoff_t end;

	if (check_add_overflow(pgoff, nr_pages, &end))
		return -EOVERFLOW;

	return end > dmabuf->size >> PAGE_SHIFT ? -EINVAL : 0;
}

/**
 * struct dma_buf_phys_table - where the memory of a buffer is, in ranges
 * @nr_ranges: number of ranges
 * @max_ranges: number of ranges there is room for
 * @ranges: sorted by @pgoff, the page of the buffer at which a range begins. It
 *	    ends where the next one begins. The last one is followed by an entry
 *	    of which only @pgoff has a meaning: the number of pages in all ranges.
 */
struct dma_buf_phys_table {
	unsigned long nr_ranges;
	unsigned long max_ranges;
	struct {
		pgoff_t pgoff;
		phys_addr_t paddr;
	} ranges[];
};

/**
 * dma_buf_phys_table_alloc - allocate an empty table of ranges
 * @max_ranges: number of ranges that the table can hold
 *
 * For an exporter that allocates its buffer in pieces. An sg list would have to
 * be walked from its start to find a page; this finds it in O(log n) for n
 * ranges, and takes two words a range.
 *
 * Context: Process context. May sleep.
 * Return: the table, to be freed with kvfree(), or NULL.
 */
struct dma_buf_phys_table *dma_buf_phys_table_alloc(unsigned long max_ranges)
{
	struct dma_buf_phys_table *table;

	/* One more for the end. */
	table = kvmalloc_flex(*table, ranges, max_ranges + 1);
	if (!table)
		return NULL;

	table->max_ranges = max_ranges;
	table->nr_ranges = 0;
	table->ranges[0].pgoff = 0;

	return table;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_phys_table_alloc, "DMA_BUF");

static phys_addr_t phys_table_end(const struct dma_buf_phys_table *table)
{
	unsigned long last = table->nr_ranges - 1;

	return table->ranges[last].paddr +
	       PFN_PHYS(table->ranges[last + 1].pgoff - table->ranges[last].pgoff);
}

/**
 * dma_buf_phys_table_add - append physically contiguous memory to a table
 * @table: the table
 * @paddr: physical address, page aligned
 * @nr_pages: number of pages, at least one
 *
 * Memory that goes on where the last range ends makes that range longer.
 *
 * Context: Any. The caller makes sure that nobody else uses @table meanwhile.
 * Return: 0, or -ENOSPC if @table is full.
 */
int dma_buf_phys_table_add(struct dma_buf_phys_table *table, phys_addr_t paddr,
			   unsigned long nr_pages)
{
	pgoff_t end = table->ranges[table->nr_ranges].pgoff + nr_pages;

	if (!table->nr_ranges || phys_table_end(table) != paddr) {
		if (table->nr_ranges == table->max_ranges)
			return -ENOSPC;
		table->ranges[table->nr_ranges].paddr = paddr;
		table->nr_ranges++;
	}
	table->ranges[table->nr_ranges].pgoff = end;

	return 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_phys_table_add, "DMA_BUF");

/* The last range that begins at or before @pgoff. */
static unsigned long phys_table_search(const struct dma_buf_phys_table *table,
				       pgoff_t pgoff)
{
	unsigned long lo = 0, hi = table->nr_ranges;

	while (hi - lo > 1) {
		unsigned long mid = lo + (hi - lo) / 2;

		if (table->ranges[mid].pgoff <= pgoff)
			lo = mid;
		else
			hi = mid;
	}

	return lo;
}

/**
 * dma_buf_phys_from_table - find the memory of a buffer that has a table
 * @table: the table
 * @pgoff: page of the buffer to begin with, less than the pages in @table
 * @vec: filled with the physically contiguous ranges from @pgoff on
 * @nr: number of entries in @vec, at least one
 *
 * What an exporter that keeps such a table returns from its
 * &dma_buf_ops.get_phys.
 *
 * Context: Any. Nobody may add to @table meanwhile.
 * Return: number of entries of @vec that were filled.
 */
int dma_buf_phys_from_table(const struct dma_buf_phys_table *table,
			    pgoff_t pgoff, struct phys_vec *vec,
			    unsigned int nr)
{
	unsigned long slot = phys_table_search(table, pgoff);
	unsigned int n = min(nr, table->nr_ranges - slot);
	phys_addr_t skip;
	unsigned int i;

	for (i = 0; i < n; i++) {
		vec[i].paddr = table->ranges[slot + i].paddr;
		vec[i].len = PFN_PHYS(table->ranges[slot + i + 1].pgoff -
				      table->ranges[slot + i].pgoff);
	}
	/* The first one may begin before @pgoff. */
	skip = PFN_PHYS(pgoff - table->ranges[slot].pgoff);
	vec[0].paddr += skip;
	vec[0].len -= skip;

	return n;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_phys_from_table, "DMA_BUF");

#ifdef CONFIG_MMU
/**
 * dma_buf_phys_from_pages - find the memory of a buffer that is an array of pages
 * @pages: all pages of the buffer
 * @nr_pages: number of entries in @pages
 * @pgoff: page of the buffer to begin with, less than @nr_pages
 * @vec: filled with the physically contiguous ranges from @pgoff on
 * @nr: number of entries in @vec
 *
 * What an exporter that keeps such an array returns from its
 * &dma_buf_ops.get_phys. The time this takes is in proportion to the number of
 * pages found, which is at most what one page table maps.
 *
 * Context: Any.
 * Return: number of entries of @vec that were filled.
 */
int dma_buf_phys_from_pages(struct page **pages, unsigned long nr_pages,
			    pgoff_t pgoff, struct phys_vec *vec,
			    unsigned int nr)
{
	unsigned long left = min_t(unsigned long, nr_pages - pgoff,
				   PTRS_PER_PTE);
	unsigned int i;

	pages += pgoff;
	for (i = 0; i < nr && left; i++) {
		unsigned long n = num_pages_contiguous(pages, left);

		vec[i].paddr = page_to_phys(*pages);
		vec[i].len = n << PAGE_SHIFT;
		pages += n;
		left -= n;
	}

	return i;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_phys_from_pages, "DMA_BUF");

/* An entry that allows the access, with its page table locked. */
static int follow_entry(struct follow_pfnmap_args *args, bool write)
{
	if (follow_pfnmap_start(args))
		return -EFAULT;
	if (!write || args->writable)
		return 0;

	follow_pfnmap_end(args);

	return -EFAULT;
}

/*
 * Find the entry at an address. If it is not there, fault it in, as often as it
 * takes: the buffer may move right after the fault, and a fault that met one of
 * another size leaves the work to the next.
 */
static int follow_or_fault(struct follow_pfnmap_args *args, bool write)
{
	unsigned int flags = FAULT_FLAG_REMOTE | (write ? FAULT_FLAG_WRITE : 0);
	bool tried = false;
	vm_fault_t ret;

	while (follow_entry(args, write)) {
		/* A handler that waits returns without an entry for a signal. */
		if (tried && signal_pending(current))
			return -EINTR;
		tried = true;

		ret = handle_mm_fault(args->vma, args->address, flags, NULL);
		if (ret & VM_FAULT_ERROR)
			return vm_fault_to_errno(ret, 0);
		cond_resched();
	}

	return 0;
}

/* Device memory, or memory that the kernel may not have mapped. */
static int access_no_page(struct vm_area_struct *vma, unsigned long addr,
			  void *buf, int len, int write, bool ram)
{
	if (!IS_ENABLED(CONFIG_HAVE_IOREMAP_PROT) || ram)
		return -EIO;
	/* The kernel maps it with what the entry has, on some architectures. */
	if (!(vma->vm_flags & (VM_READ | VM_WRITE)))
		return -EIO;

	return generic_access_phys(vma, addr, buf, len, write);
}

/* Whether @vma has the caching, and whatever else, that memory usually has. */
static bool vma_has_default_prot(const struct vm_area_struct *vma)
{
	pgprot_t prot = vm_get_page_prot(vma->vm_flags);

	return pgprot_val(pgprot_modify(vma->vm_page_prot, prot)) ==
	       pgprot_val(prot);
}

/* @vaddr is where the kernel has @page. */
static void copy_page_bytes(struct vm_area_struct *vma, unsigned long addr,
			    void *buf, int len, int write, struct page *page,
			    void *vaddr)
{
	vaddr += offset_in_page(addr);
	if (write)
		copy_to_user_page(vma, page, addr, vaddr, buf, len);
	else
		copy_from_user_page(vma, page, addr, buf, vaddr, len);
}

/*
 * Memory that is write-combined in @vma, for example. On some architectures
 * that is not coherent with the kernel's own mapping of it, which is cached, and
 * what is written there may reach the memory much later. So make another, which
 * may take the time to allocate memory, and look whether @page is still there.
 */
static int access_by_vmap(struct vm_area_struct *vma, unsigned long addr,
			  void *buf, int len, int write, struct page *page)
{
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };
	void *vaddr;
	int ret;

	vaddr = vmap(&page, 1, VM_MAP,
		     pgprot_modify(vma->vm_page_prot, PAGE_KERNEL));
	if (!vaddr)
		return -ENOMEM;

	ret = follow_or_fault(&args, write);
	if (ret)
		goto out;

	ret = -EAGAIN;
	if (args.pfn == page_to_pfn(page)) {
		copy_page_bytes(vma, addr, buf, len, write, page, vaddr);
		ret = len;
	}
	follow_pfnmap_end(&args);
out:
	vunmap(vaddr);

	return ret;
}

/**
 * dma_buf_vm_access - read or write a mapping on behalf of a debugger
 * @vma: the mapping, which is VM_PFNMAP and no COW mapping
 * @addr: user address in @vma
 * @buf: kernel memory to copy from or to
 * @len: number of bytes
 * @write: whether to write to the mapping
 *
 * The &vm_operations_struct.access of a mapping of a dma-buf, which ptrace() and
 * /proc/PID/mem depend on as get_user_pages() fails there. Exporters that leave
 * the vm_ops alone have it, others can use it in vm_ops of their own.
 *
 * Copies within one page; the caller comes back for the rest. An entry that is
 * missing is faulted in, so nothing but the page table is needed to find the
 * memory. As get_user_pages() does for a shared mapping, this reads RAM that could
 * be made readable, and writes only where the process itself may write. Device
 * memory has to be mapped with some protection for the kernel to map it as well.
 *
 * RAM is accessed through the kernel's own mapping of it, or a mapping with the
 * caching of @vma where that is not the usual one. Like all access by a CPU, it
 * is coherent with a device only between DMA_BUF_IOCTL_SYNC calls.
 *
 * Context: Process context, with the mmap lock held. May sleep. The copy is made
 *	    under the page table lock, so the memory cannot move meanwhile.
 * Return: number of bytes copied, or a negative errno: -EFAULT if @vma does not
 *	   allow the access or nothing can be mapped at @addr, -EHWPOISON, -EIO
 *	   for memory that the kernel cannot access, -EINTR if a signal ended the
 *	   wait of the fault handler, -EINVAL for a vma that is not a pfn mapping
 *	   or for device memory that has just moved, or -ENOMEM.
 */
int dma_buf_vm_access(struct vm_area_struct *vma, unsigned long addr,
		      void *buf, int len, int write)
{
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };
	struct page *page;
	void *vaddr;
	bool ram;
	int ret;

	/* A page of a COW mapping is not the exporter's. */
	if (!vma_is_pfnmap_only(vma) || vma_is_cow_mapping(vma))
		return -EINVAL;
	if (!(vma->vm_flags & (write ? VM_WRITE : VM_MAYREAD)))
		return -EFAULT;

again:
	ret = follow_or_fault(&args, write);
	if (ret)
		return ret;

	page = pfn_to_online_page(args.pfn);
	if (!page || PageReserved(page)) {
		ram = page_is_ram(args.pfn);
		follow_pfnmap_end(&args);
		return access_no_page(vma, addr, buf, len, write, ram);
	}

	ret = -EHWPOISON;
	if (PageHWPoison(page))
		goto out;

	len = min_t(int, len, PAGE_SIZE - offset_in_page(addr));
	if (!vma_has_default_prot(vma)) {
		follow_pfnmap_end(&args);
		ret = access_by_vmap(vma, addr, buf, len, write, page);
		if (ret != -EAGAIN)
			return ret;
		if (signal_pending(current))
			return -EINTR;
		goto again;
	}

	vaddr = kmap_local_page(page);
	copy_page_bytes(vma, addr, buf, len, write, page, vaddr);
	kunmap_local(vaddr);
	ret = len;
out:
	follow_pfnmap_end(&args);

	return ret;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_vm_access, "DMA_BUF");

static struct dma_buf *vma_dma_buf(const struct vm_area_struct *vma)
{
	return vma->vm_file->private_data;
}

/*
 * Ask the exporter for the memory from @pgoff on. The caller has made sure that
 * @pgoff lies within the buffer.
 */
static int get_phys(struct dma_buf *dmabuf, pgoff_t pgoff,
		    struct phys_vec *vec, unsigned int nr)
{
	int ret = dmabuf->ops->get_phys(dmabuf, pgoff, vec, nr);

	if (WARN_ONCE(!ret || ret > (int)nr, "%ps returned %d ranges of %u\n",
		      dmabuf->ops->get_phys, ret, nr))
		return -EINVAL;

	return ret;
}

static vm_fault_t phys_fault_error(int err)
{
	return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
}

/*
 * Not every architecture keeps this bit in vm_page_prot when the flags of the
 * vma change, so it cannot be left there by mmap.
 */
static pgprot_t phys_prot(const struct vm_area_struct *vma)
{
	if (vma_dma_buf(vma)->decrypted)
		return pgprot_decrypted(vma->vm_page_prot);

	return vma->vm_page_prot;
}

/* Ranges of memory from an address of the vma on. */
struct phys_ranges {
	unsigned int nr;	/* entries of @vec */
	unsigned long pages;	/* number of pages in them */
	struct phys_vec vec[DMA_BUF_LOOK_UP_RANGES];
};

/* Where caches alias, the mapping is to show what the kernel wrote. */
static void phys_flush_dcache(const struct phys_ranges *ranges)
{
	if (!cpu_dcache_is_aliasing())
		return;

	for (unsigned int i = 0; i < ranges->nr; i++) {
		unsigned long pfn = PHYS_PFN(ranges->vec[i].paddr);
		unsigned long end = pfn + (ranges->vec[i].len >> PAGE_SHIFT);

		for (; pfn < end; pfn++)
			if (pfn_valid(pfn))
				flush_dcache_page(pfn_to_page(pfn));
	}
}

/* The part of the vma that lies in the aligned block around the fault. */
static unsigned long phys_block(const struct vm_fault *vmf, unsigned long size,
				unsigned long *addr)
{
	const unsigned long begin = ALIGN_DOWN(vmf->address, size);
	const unsigned long last = min(begin + size - 1, vmf->vma->vm_end - 1);

	*addr = max(begin, vmf->vma->vm_start);

	return ((last - *addr) >> PAGE_SHIFT) + 1;
}

/* Find the memory for at most @max_pages from @addr on. */
static int phys_look_up(const struct vm_area_struct *vma, unsigned long addr,
			unsigned long max_pages, struct phys_ranges *ranges)
{
	struct dma_buf *dmabuf = vma_dma_buf(vma);
	struct phys_vec *vec = ranges->vec;
	unsigned long pages = 0;
	int i, nr;

	nr = get_phys(dmabuf, linear_page_index(vma, addr), vec,
		      ARRAY_SIZE(ranges->vec));
	if (nr < 0)
		return nr;

	for (i = 0; i < nr && pages < max_pages; i++) {
		if (WARN_ONCE(!vec[i].len || !PAGE_ALIGNED(vec[i].len),
			      "%ps returned a range of %zu bytes\n",
			      dmabuf->ops->get_phys, vec[i].len))
			return -EINVAL;
		pages += vec[i].len >> PAGE_SHIFT;
	}
	if (pages > max_pages) {
		vec[i - 1].len -= (pages - max_pages) << PAGE_SHIFT;
		pages = max_pages;
	}
	ranges->nr = i;
	ranges->pages = pages;

	return 0;
}

/*
 * Fill the page table around the fault: an entry more costs much less than a
 * fault. Where a quarter of it takes more ranges than one look-up finds, each of
 * them counts: fill that quarter only, so that a single page stays cheap. What the
 * other quarters are like is not looked at before.
 */
static vm_fault_t phys_fault_pages(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const pgprot_t prot = phys_prot(vma);
	/* Filled before it is read: to clear it takes time in every fault. */
	struct phys_ranges ranges __uninitialized;
	unsigned long addr, left, begin, all;
	vm_fault_t ret;
	int err;

	all = phys_block(vmf, PMD_SIZE, &begin);
	left = phys_block(vmf, PMD_SIZE / 4, &addr);
	err = phys_look_up(vma, addr, all - ((addr - begin) >> PAGE_SHIFT),
			   &ranges);
	if (!err && ranges.pages >= left) {
		left = all;
		if (addr != begin) {
			addr = begin;
			err = phys_look_up(vma, addr, left, &ranges);
		}
	}

	for (;;) {
		if (err)
			return phys_fault_error(err);

		phys_flush_dcache(&ranges);
		ret = vmf_insert_pfns(vmf, addr, ranges.vec, ranges.nr, prot);
		left -= ranges.pages;
		if (!left || ret != VM_FAULT_NOPAGE)
			return ret;

		addr += ranges.pages * PAGE_SIZE;
		err = phys_look_up(vma, addr, left, &ranges);
	}
}

/* Find the pfn for a huge entry at the address of the fault, if one fits. */
static bool phys_huge_pfn(struct vm_fault *vmf, unsigned long *pfn)
{
	const unsigned long begin = ALIGN_DOWN(vmf->address, PMD_SIZE);
	struct vm_area_struct *vma = vmf->vma;
	struct dma_buf *dmabuf = vma_dma_buf(vma);
	struct phys_vec vec;

	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		return false;
	/* vmf_insert_pfn_pmd() knows vm_page_prot only. */
	if (dmabuf->decrypted)
		return false;
	if (!range_in_vma(vma, begin, begin + PMD_SIZE))
		return false;
	if (get_phys(dmabuf, linear_page_index(vma, begin), &vec, 1) < 0)
		return false;

	*pfn = PHYS_PFN(vec.paddr);

	return vec.len >= PMD_SIZE && IS_ALIGNED(vec.paddr, PMD_SIZE);
}

/*
 * Entries of a writable vma are writable from the start, whatever the access:
 * nobody waits to be told of the first write, and KVM fails a write of its guest
 * to an entry that is there and read-only.
 *
 * There are none of pud size. A fault for each pmd costs less than the CPU's
 * access to the memory, and no exporter is known to need them.
 */
static vm_fault_t dma_buf_phys_huge_fault(struct vm_fault *vmf,
					  unsigned int order)
{
	unsigned long pfn;

	if (order != PMD_ORDER || !phys_huge_pfn(vmf, &pfn))
		return VM_FAULT_FALLBACK;

	return vmf_insert_pfn_pmd(vmf, pfn, vmf->vma->vm_flags & VM_WRITE);
}

static const struct vm_operations_struct dma_buf_phys_vm_ops = {
	.fault = phys_fault_pages,
	.huge_fault = dma_buf_phys_huge_fault,
	.access = dma_buf_vm_access,
};

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
/**
 * dma_buf_phys_get_unmapped_area - find an address that huge entries fit
 * @file: the dma-buf's file
 * @addr: where user space would like to have the mapping, or 0
 * @len: bytes to map
 * @pgoff: first page of the buffer to map
 * @flags: flags of mmap()
 *
 * A huge entry needs an address that is as aligned as the memory. The memory
 * may begin anywhere, so its physical address stands in for the offset.
 *
 * Return: the address, or a negative errno.
 */
unsigned long dma_buf_phys_get_unmapped_area(struct file *file,
					     unsigned long addr,
					     unsigned long len,
					     unsigned long pgoff,
					     unsigned long flags)
{
	struct dma_buf *dmabuf = file->private_data;
	struct phys_vec vec __uninitialized;

	/* An address that is asked for is better than one that huge entries fit. */
	if (addr || len < PMD_SIZE)
		return mm_get_unmapped_area(file, addr, len, pgoff, flags);

	/* mmap() is going to fail if this is beyond the buffer. */
	if (pgoff < dmabuf->size >> PAGE_SHIFT &&
	    dmabuf->ops->get_phys(dmabuf, pgoff, &vec, 1) == 1 &&
	    vec.len >= PMD_SIZE)
		pgoff = PHYS_PFN(vec.paddr);

	return thp_get_unmapped_area(file, addr, len, pgoff, flags);
}
#endif

/*
 * Writes to a private mapping make anonymous memory, which
 * get_user_pages() may have. One that nobody can write to is as good as a shared
 * one, if nobody can make it writable later.
 */
static int desc_deny_cow(struct vm_area_desc *desc)
{
	if (!vma_desc_is_cow_mapping(desc))
		return 0;
	if (vma_desc_test(desc, VMA_WRITE_BIT))
		return -EINVAL;

	vma_desc_clear_flags(desc, VMA_MAYWRITE_BIT);

	return 0;
}

/**
 * dma_buf_mmap_desc - set up the mapping of a buffer that has get_phys
 * @dmabuf: the buffer
 * @desc: describes the vma to be, whose file is that of @dmabuf, and which lies
 *	  within the buffer
 *
 * Nothing is mapped before a fault. The vma can be found through the file then,
 * so that unmap_mapping_range() misses no entry.
 *
 * Return: 0, or -EINVAL for a private mapping that is writable.
 */
int dma_buf_mmap_desc(struct dma_buf *dmabuf, struct vm_area_desc *desc)
{
	int ret;

	ret = desc_deny_cow(desc);
	if (ret)
		return ret;

	vma_desc_set_flags(desc, VMA_PFNMAP_BIT, VMA_DONTEXPAND_BIT,
			   VMA_DONTDUMP_BIT);
	desc->vm_ops = &dma_buf_phys_vm_ops;

	return 0;
}

/*
 * The vm_ops of a mapping that an exporter makes by itself, unless it has some
 * of its own. A vma without any counts as anonymous memory.
 */
static const struct vm_operations_struct dma_buf_vm_ops = {
	.access = dma_buf_vm_access,
};

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

static int check_pmd(pmd_t *pmd, unsigned long addr, unsigned long next,
		     struct mm_walk *walk)
{
	pmd_t val = pmdp_get_lockless(pmd);
	pte_t *start_pte, *pte, *end;
	spinlock_t *ptl;

	walk->action = ACTION_CONTINUE;

	if (pmd_present(val) && pmd_leaf(val))
		return pmd_special(val) ? 0 : -EINVAL;

	start_pte = pte_offset_map_lock(walk->mm, pmd, addr, &ptl);
	if (!start_pte)
		return 0;

	end = start_pte + ((next - addr) >> PAGE_SHIFT);
	for (pte = start_pte; pte < end; pte++) {
		pte_t entry = ptep_get(pte);

		if (!pte_special(entry) && !pte_none(entry))
			break;
	}
	pte_unmap_unlock(start_pte, ptl);

	return pte < end ? -EINVAL : 0;
}

static const struct mm_walk_ops check_walk_ops = {
	.pud_entry = check_pud,
	.pmd_entry = check_pmd,
	.walk_lock = PGWALK_RDLOCK,
};

/*
 * Whether all that the exporter put into the page tables is special. What comes
 * later is up to the mm, which does not map a normal page into such a vma.
 */
static bool entries_are_special(struct vm_area_struct *vma)
{
	if (!IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL))
		return true;

	return !walk_page_range_vma(vma, vma->vm_start, vma->vm_end,
				    &check_walk_ops, NULL);
}

/* To the mm, the special entries of such a vma are normal ones again. */
static bool finds_normal_pages(const struct vm_area_struct *vma)
{
#ifdef CONFIG_FIND_NORMAL_PAGE
	return vma->vm_ops->find_normal_page;
#else
	return false;
#endif
}

static const char *broken_rule(const struct dma_buf *dmabuf,
			       struct vm_area_struct *vma)
{
	if (!vma_is_pfnmap_only(vma) || vma_test(vma, VMA_HUGETLB_BIT))
		return "C1: the vma has to be VM_PFNMAP and not VM_MIXEDMAP";
	if (finds_normal_pages(vma))
		return "C1: vm_ops must not have find_normal_page";
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
	/* The mm would treat the file as one of hugetlbfs. */
	vm_flags_clear(vma, VM_HUGETLB);
	zap_vma_range(vma, vma->vm_start, vma->vm_end - vma->vm_start);

	if (vma->vm_ops->close)
		vma->vm_ops->close(vma);
}

/* Like desc_deny_cow(). */
static int deny_cow(struct vm_area_struct *vma)
{
	if (!vma_is_cow_mapping(vma))
		return 0;
	if (vma->vm_flags & VM_WRITE)
		return -EINVAL;

	vm_flags_clear(vma, VM_MAYWRITE);

	return 0;
}

static int refuse_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma,
		       const char *rule)
{
	trace_dma_buf_mmap_refused(dmabuf, vma, rule);
	pr_err_ratelimited("exporter %s, owner %s: mmap refused, breaks rule %s (vm_flags %pGv, mmap %ps), see Documentation/driver-api/dma-buf-mmap.rst\n",
			   dmabuf->exp_name, module_name(dmabuf->owner), rule,
			   &vma->vm_flags, dmabuf->ops->mmap);
	/* Anybody who can open the exporter's device gets here. */
	WARN_ON_ONCE(IS_ENABLED(CONFIG_DMABUF_DEBUG));

	return -EINVAL;
}

/**
 * dma_buf_mmap_vma - let the exporter map a buffer and check what it did
 * @dmabuf: the buffer
 * @vma: the vma, with the file of @dmabuf as its vm_file and a vm_pgoff that is
 *	 known to lie within the buffer
 *
 * The one path behind mmap() of the file descriptor and dma_buf_mmap() for an
 * exporter that has a mmap callback.
 *
 * VM_PFNMAP is set before the callback, so that the mm refuses normal pages
 * there, the DMA API maps pfns, and no entry is ever open to get_user_pages().
 * A private and writable mapping is nothing but a wrong argument to mmap(), so
 * nothing is printed for it.
 *
 * Context: Process context, with the mmap lock held for writing.
 * Return: 0, the error of the exporter, or -EINVAL if the mapping is private
 *	   and writable or breaks a rule. In the last case nothing is mapped any
 *	   more, and the vma is closed: the exporter's vm_operations are not to
 *	   be called again, as after any mmap that failed.
 */
int dma_buf_mmap_vma(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	const char *rule;
	int ret;

	ret = deny_cow(vma);
	if (ret)
		return ret;

	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	/* An importer's must not be called for the exporter's mapping. */
	vma->vm_ops = &dma_buf_vm_ops;
	vma->vm_private_data = NULL;

	ret = dmabuf->ops->mmap(dmabuf, vma);
	/* What the mm says of a normal page in a VM_PFNMAP vma. */
	if (ret == -EOPNOTSUPP)
		return refuse_mmap(dmabuf, vma,
				   "C1: only pfns may be mapped, no normal pages");
	if (ret)
		return ret;

	if (!vma->vm_ops)
		vma->vm_ops = &dma_buf_vm_ops;
	/* The callback may have assigned all flags anew. */
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);

	rule = broken_rule(dmabuf, vma);
	if (!rule)
		return 0;

	ret = refuse_mmap(dmabuf, vma, rule);
	undo_mmap(vma);

	return ret;
}
#else
int dma_buf_mmap_vma(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	return -ENODEV;
}

int dma_buf_mmap_desc(struct dma_buf *dmabuf, struct vm_area_desc *desc)
{
	return -ENODEV;
}
#endif /* CONFIG_MMU */
