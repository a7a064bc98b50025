// SPDX-License-Identifier: GPL-2.0
/*
 * Debugger access to dma-bufs that are mapped as a whole at mmap time
 */

#include <linux/cacheflush.h>
#include <linux/dma-buf.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>

/**
 * dma_buf_access_mapped - vm_ops->access for memory that is mapped already
 * @vma: VM_PFNMAP vma, the mapping of a dma-buf
 * @addr: user address to start at
 * @buf: kernel buffer to copy from or to
 * @len: bytes to copy
 * @write: has FOLL_WRITE set if @buf is the source, as for vm_ops->access
 *
 * ptrace() and /proc/PID/mem cannot use get_user_pages() on a VM_PFNMAP vma and
 * ask its &vm_operations_struct.access instead. This implements it for
 * exporters that map all of the buffer in their &dma_buf_ops.mmap, by
 * dma_mmap_attrs() for instance, and so know the pfns best from the page tables.
 * An exporter that maps on fault uses dma_buf_pfnmap_access().
 *
 * At most one page is copied; the caller comes back for the rest. RAM is
 * accessed through the kernel's own mapping of it, which is not coherent with
 * @vma if that is uncached on an architecture where this matters. The same holds
 * for access through get_user_pages().
 *
 * Context: Process context, under the mmap lock. Copies under the page table
 * lock, so that the entry stays what it is.
 * Return: number of bytes copied, or -EINVAL if nothing is mapped at @addr, or
 * if @addr is mapped read-only and @write asks for writing.
 */
int dma_buf_access_mapped(struct vm_area_struct *vma, unsigned long addr,
			  void *buf, int len, int write)
{
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };
	const int offset = offset_in_page(addr);
	struct page *page;
	void *vaddr;
	int ret = -EINVAL;

	if (follow_pfnmap_start(&args))
		return -EINVAL;
	if ((write & FOLL_WRITE) && !args.writable)
		goto out_end;

	page = pfn_to_online_page(args.pfn);
	if (!page || PageReserved(page)) {
		follow_pfnmap_end(&args);
		/* The kernel may not have mapped RAM that is reserved. */
		if (!IS_ENABLED(CONFIG_HAVE_IOREMAP_PROT) ||
		    page_is_ram(args.pfn))
			return -EINVAL;
		return generic_access_phys(vma, addr, buf, len, write);
	}

	len = min_t(int, len, PAGE_SIZE - offset);
	vaddr = kmap_local_page(page);
	if (write & FOLL_WRITE)
		copy_to_user_page(vma, page, addr, vaddr + offset, buf, len);
	else
		copy_from_user_page(vma, page, addr, buf, vaddr + offset, len);
	kunmap_local(vaddr);
	ret = len;

out_end:
	follow_pfnmap_end(&args);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_access_mapped, "DMA_BUF");
