// SPDX-License-Identifier: GPL-2.0
/*
 * dma-buf: map a buffer into userspace as raw pfns
 *
 * An exporter says which physically contiguous run holds page i of its buffer,
 * the rest is done here: the flags of the vma, faults with entries as large as
 * the run and the address allow, access for debuggers. Nothing is inserted
 * before a fault, so that unmap_mapping_range() finds every entry.
 */

#include <linux/dma-buf.h>
#include <linux/dma-buf-pfnmap.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/huge_mm.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sizes.h>
#include <linux/slab.h>

/*
 * What one fault maps at most with entries for single pages. On x86-64 a fault
 * costs about 2000 instructions and an entry more in the same page table less
 * than 20, so a fault fills its page table of 2 MiB. The bound is for page
 * tables that cover more than that.
 *
 * Each run costs about 450 more. Where they are short, to fill the page table
 * would be 230000 for somebody who wants a single page, and a smaller window
 * costs somebody who wants all of them 30 a page.
 */
#define PFNMAP_WINDOW		SZ_2M
#define PFNMAP_SMALL_WINDOW	SZ_256K
#define PFNMAP_SHORT_RUN	8

/**
 * struct dma_buf_pfn_table - the runs of a buffer, sorted by page index
 * @nr_pages: number of pages in all runs
 * @nr_runs: number of runs
 * @max_runs: number of runs there is room for
 * @runs: a run ends where the next one begins, the last one at @nr_pages
 */
struct dma_buf_pfn_table {
	pgoff_t nr_pages;
	unsigned long nr_runs;
	unsigned long max_runs;
	struct {
		pgoff_t index;
		unsigned long pfn;
	} runs[] __counted_by(max_runs);
};

/**
 * dma_buf_pfn_table_alloc - allocate an empty table of runs
 * @max_runs: number of runs that the table can hold
 *
 * For an exporter that allocates its buffer in pieces: with the table, the page
 * of a fault is found in O(log n) for n runs, for two words a run.
 *
 * Context: Process context. May sleep.
 * Return: the table, to be freed with dma_buf_pfn_table_free(), or NULL.
 */
struct dma_buf_pfn_table *dma_buf_pfn_table_alloc(unsigned long max_runs)
{
	struct dma_buf_pfn_table *table;

	table = kvmalloc_flex(*table, runs, max_runs);
	if (!table)
		return NULL;

	table->max_runs = max_runs;
	table->nr_runs = 0;
	table->nr_pages = 0;

	return table;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_pfn_table_alloc, "DMA_BUF");

/**
 * dma_buf_pfn_table_free - free a table of runs
 * @table: the table, or NULL
 *
 * Nobody may look up a run in @table any more. That holds in
 * &dma_buf_ops.release, as every vma holds a reference to the buffer.
 *
 * Context: Any context that may call kvfree().
 */
void dma_buf_pfn_table_free(struct dma_buf_pfn_table *table)
{
	kvfree(table);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_pfn_table_free, "DMA_BUF");

/**
 * dma_buf_pfn_table_add - append physically contiguous pages to a table of runs
 * @table: the table
 * @pfn: page frame number of the first page
 * @nr: number of pages, at least one
 *
 * Pages that go on where the last run ends make that run longer.
 *
 * Context: Any. The caller makes sure that nobody else uses @table meanwhile.
 * Return: 0, or -ENOSPC if @table is full.
 */
int dma_buf_pfn_table_add(struct dma_buf_pfn_table *table, unsigned long pfn,
			  unsigned long nr)
{
	unsigned long last = table->nr_runs - 1;

	if (!table->nr_runs || table->runs[last].pfn + table->nr_pages -
			       table->runs[last].index != pfn) {
		if (table->nr_runs == table->max_runs)
			return -ENOSPC;
		table->runs[table->nr_runs].index = table->nr_pages;
		table->runs[table->nr_runs].pfn = pfn;
		table->nr_runs++;
	}
	table->nr_pages += nr;

	return 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_pfn_table_add, "DMA_BUF");

/* The last run that begins at or before @index. */
static unsigned long pfn_table_slot(const struct dma_buf_pfn_table *table,
				    pgoff_t index)
{
	unsigned long lo = 0, hi = table->nr_runs;

	while (hi - lo > 1) {
		unsigned long mid = lo + (hi - lo) / 2;

		if (table->runs[mid].index <= index)
			lo = mid;
		else
			hi = mid;
	}

	return lo;
}

/**
 * dma_buf_pfn_table_find - find the run that holds a page
 * @table: the table
 * @index: page of the buffer
 * @run: filled with the whole run that holds it
 *
 * What &dma_buf_find_run_t asks for. To go from one run to the next takes
 * constant time.
 *
 * Context: Any. Nobody may add to @table meanwhile.
 * Return: 0, or -EINVAL if the buffer ends before @index.
 */
int dma_buf_pfn_table_find(const struct dma_buf_pfn_table *table, pgoff_t index,
			   struct dma_buf_pfn_run *run)
{
	unsigned long slot = run->slot + 1;
	pgoff_t end;

	if (index >= table->nr_pages)
		return -EINVAL;

	if (slot >= table->nr_runs || table->runs[slot].index != index)
		slot = pfn_table_slot(table, index);

	end = slot + 1 < table->nr_runs ? table->runs[slot + 1].index :
					  table->nr_pages;
	run->index = table->runs[slot].index;
	run->pfn = table->runs[slot].pfn;
	run->nr = end - run->index;
	run->slot = slot;

	return 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_pfn_table_find, "DMA_BUF");

/**
 * dma_buf_pfn_run_pages - find the run of a page in an array of pages
 * @pages: all pages of the buffer
 * @nr_pages: number of pages
 * @index: page of the buffer
 * @run: filled with a run that begins at @index
 *
 * For an exporter that has such an array anyway. The time it takes grows with
 * the length of the run, up to what one fault can map. A buffer that has few
 * runs, or that is mapped often, is better off with a &dma_buf_pfn_table.
 *
 * Context: Any.
 * Return: 0, or -EINVAL if the buffer ends before @index.
 */
int dma_buf_pfn_run_pages(struct page **pages, pgoff_t nr_pages, pgoff_t index,
			  struct dma_buf_pfn_run *run)
{
	unsigned long max, nr, pfn;

	if (index >= nr_pages)
		return -EINVAL;

	pfn = page_to_pfn(pages[index]);
	max = min_t(unsigned long, nr_pages - index, PHYS_PFN(PFNMAP_WINDOW));
	for (nr = 1; nr < max; nr++)
		if (page_to_pfn(pages[index + nr]) != pfn + nr)
			break;

	run->index = index;
	run->pfn = pfn;
	run->nr = nr;

	return 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_pfn_run_pages, "DMA_BUF");

#ifdef CONFIG_MMU
/* A buffer as it is seen through a vma. */
struct pfnmap {
	struct vm_area_struct *vma;
	pgoff_t start;			/* vm_pgoff of page 0 of the buffer */
	dma_buf_find_run_t find_run;
	void *priv;
	pgprot_t prot;
};

static unsigned long pfnmap_addr(const struct pfnmap *map, pgoff_t index)
{
	pgoff_t pgoff = index + map->start - map->vma->vm_pgoff;

	return map->vma->vm_start + (pgoff << PAGE_SHIFT);
}

static pgoff_t pfnmap_index(const struct pfnmap *map, unsigned long addr)
{
	return linear_page_index(map->vma, addr) - map->start;
}

static int pfnmap_find_run(const struct pfnmap *map, pgoff_t index,
			   struct dma_buf_pfn_run *run)
{
	int ret = map->find_run(map->priv, index, run);

	if (ret)
		return ret;
	if (WARN_ON_ONCE(index < run->index || index - run->index >= run->nr))
		return -EINVAL;

	return 0;
}

static vm_fault_t pfnmap_error(int err)
{
	return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
}

/* Map what @run has of the pages from @first up to, not including, @last. */
static vm_fault_t pfnmap_insert(const struct pfnmap *map,
				const struct dma_buf_pfn_run *run,
				pgoff_t first, pgoff_t last)
{
	first = max(first, run->index);
	last = min(last, run->index + run->nr);

	return vmf_insert_pfn_range(map->vma, pfnmap_addr(map, first),
				    run->pfn + first - run->index,
				    last - first, map->prot);
}

/* Nobody asked for these pages yet, so an error is no reason to fail. */
static void pfnmap_prefault(const struct pfnmap *map,
			    struct dma_buf_pfn_run *run,
			    pgoff_t first, pgoff_t last)
{
	while (first < last) {
		if (pfnmap_find_run(map, first, run))
			return;
		if (pfnmap_insert(map, run, first, last) != VM_FAULT_NOPAGE)
			return;
		first = run->index + run->nr;
	}
}

static vm_fault_t pfnmap_fault_pages(const struct pfnmap *map,
				     unsigned long addr)
{
	unsigned long size = min_t(unsigned long, PMD_SIZE, PFNMAP_WINDOW);
	struct dma_buf_pfn_run run = {};
	pgoff_t first, last, before;
	unsigned long begin, end;
	vm_fault_t ret;
	int err;

	err = pfnmap_find_run(map, pfnmap_index(map, addr), &run);
	if (err)
		return pfnmap_error(err);
	before = run.index;

	if (run.nr < PFNMAP_SHORT_RUN)
		size = min_t(unsigned long, PMD_SIZE, PFNMAP_SMALL_WINDOW);
	begin = ALIGN_DOWN(addr, size);
	end = min(begin + size, map->vma->vm_end);
	first = pfnmap_index(map, max(begin, map->vma->vm_start));
	last = pfnmap_index(map, end);

	ret = pfnmap_insert(map, &run, first, last);
	if (ret != VM_FAULT_NOPAGE)
		return ret;

	pfnmap_prefault(map, &run, run.index + run.nr, last);
	pfnmap_prefault(map, &run, first, before);

	return ret;
}

/*
 * Find the pfn for a huge entry at the address of the fault: the entry has to
 * lie in the vma, and all that it maps in one run, at an aligned pfn.
 */
static bool pfnmap_huge_pfn(const struct pfnmap *map, unsigned long addr,
			    unsigned long *pfn)
{
	unsigned long begin = ALIGN_DOWN(addr, PMD_SIZE);
	struct dma_buf_pfn_run run = {};
	pgoff_t first;

	/* vmf_insert_pfn_pmd() knows vm_page_prot only. */
	if (pgprot_val(map->prot) != pgprot_val(map->vma->vm_page_prot))
		return false;

	if (!range_in_vma(map->vma, begin, begin + PMD_SIZE))
		return false;

	first = pfnmap_index(map, begin);
	if (pfnmap_find_run(map, first, &run))
		return false;

	*pfn = run.pfn + first - run.index;
	return run.index + run.nr - first >= PHYS_PFN(PMD_SIZE) &&
	       IS_ALIGNED(*pfn, PHYS_PFN(PMD_SIZE));
}

static bool pmd_is_table(pmd_t *pmd)
{
	pmd_t val = pmdp_get_lockless(pmd);

	return pmd_present(val) && !pmd_leaf(val);
}

/*
 * Entries of a writable vma are writable from the start, whatever the access:
 * nobody waits for a notification of the first write, and KVM fails a write of
 * its guest to an entry that is there and read-only.
 *
 * There are none of pud size. Where a vma is split, mm_find_pmd() would take the
 * memory that such an entry maps for a page table; and a fault for each 2 MiB of
 * 1 GiB costs less than the CPU's access to the pages.
 */
static vm_fault_t pfnmap_fault_huge(const struct pfnmap *map,
				    struct vm_fault *vmf, unsigned int order)
{
	unsigned long pfn;

	/*
	 * While this fault waited for the driver's lock, another one may have
	 * made a page table here, and the buffer may have moved since.
	 */
	if (order != PMD_ORDER || pmd_is_table(vmf->pmd))
		return VM_FAULT_FALLBACK;

	if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP) &&
	    pfnmap_huge_pfn(map, vmf->address, &pfn))
		return vmf_insert_pfn_pmd(vmf, pfn,
					  vmf->vma->vm_flags & VM_WRITE);

	/*
	 * Fill the empty page table right here: unlike ->fault, ->huge_fault
	 * may do so under the lock of the vma, which spares the mmap lock.
	 */
	if (pmd_none(pmdp_get_lockless(vmf->pmd)))
		return pfnmap_fault_pages(map, vmf->address);

	return VM_FAULT_FALLBACK;
}

static vm_fault_t pfnmap_fault(const struct pfnmap *map, struct vm_fault *vmf,
			       unsigned int order)
{
	if (WARN_ON_ONCE(map->vma->vm_pgoff < map->start))
		return VM_FAULT_SIGBUS;

	return order ? pfnmap_fault_huge(map, vmf, order) :
		       pfnmap_fault_pages(map, vmf->address);
}

/**
 * dma_buf_pfnmap_fault - handle a fault on a mapping of a buffer
 * @vmf: the fault
 * @order: 0 in &vm_operations_struct.fault, else what
 *	   &vm_operations_struct.huge_fault was called with
 * @start: the vm_pgoff that stands for page 0 of the buffer: 0, or
 *	   drm_vma_node_start() for a GEM object that is mapped at its fake
 *	   offset
 * @find_run: finds the pages
 * @priv: the first argument of @find_run
 *
 * For a driver with vm_operations of its own, like those of a GEM object, whose
 * open and close hold a reference. A plain exporter calls dma_buf_pfnmap_mmap()
 * instead. The vma has to be VM_PFNMAP, not VM_MIXEDMAP, and not a COW mapping.
 *
 * A driver that moves its buffers calls this with the lock held that it holds
 * while it moves one and zaps the mappings, so that @find_run cannot return a
 * page that is about to go.
 *
 * Context: Process context, with the mmap lock or the lock of the vma held. May
 *	    sleep.
 * Return: what the caller has to return.
 */
vm_fault_t dma_buf_pfnmap_fault(struct vm_fault *vmf, unsigned int order,
				pgoff_t start, dma_buf_find_run_t find_run,
				void *priv)
{
	struct pfnmap map = {
		.vma = vmf->vma,
		.start = start,
		.find_run = find_run,
		.priv = priv,
		.prot = vmf->vma->vm_page_prot,
	};

	return pfnmap_fault(&map, vmf, order);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_pfnmap_fault, "DMA_BUF");

/* Copy within one page. */
static int pfnmap_access_page(const struct pfnmap *map, unsigned long addr,
			      void *buf, int len, int write)
{
	pgoff_t index = pfnmap_index(map, addr);
	struct dma_buf_pfn_run run = {};
	struct page *page;
	void *vaddr;
	int err;

	err = pfnmap_find_run(map, index, &run);
	if (err)
		return err;

	/* The kernel may not have mapped memory that is reserved. */
	page = pfn_to_online_page(run.pfn + index - run.index);
	if (!page || PageReserved(page))
		return -EIO;

	vaddr = kmap_local_page(page);
	if (write)
		copy_to_user_page(map->vma, page, addr,
				  vaddr + offset_in_page(addr), buf, len);
	else
		copy_from_user_page(map->vma, page, addr, buf,
				    vaddr + offset_in_page(addr), len);
	kunmap_local(vaddr);

	return 0;
}

static int pfnmap_access(const struct pfnmap *map, unsigned long addr,
			 void *buf, int len, int write)
{
	int done = 0, n, err;

	/* What get_user_pages() says to a debugger on a shared mapping. */
	if (!(map->vma->vm_flags & (write ? VM_WRITE : VM_MAYREAD)))
		return -EFAULT;
	if (addr < map->vma->vm_start || addr >= map->vma->vm_end || len < 1)
		return -EINVAL;

	len = min_t(unsigned long, len, map->vma->vm_end - addr);
	while (done < len) {
		n = min_t(int, len - done, PAGE_SIZE - offset_in_page(addr));
		err = pfnmap_access_page(map, addr, buf + done, n, write);
		if (err)
			return done ?: err;
		addr += n;
		done += n;
	}

	return done;
}

/**
 * dma_buf_pfnmap_access - read or write a mapping on behalf of a debugger
 * @vma: the mapping
 * @addr: user address in @vma
 * @buf: kernel memory to copy from or to
 * @len: number of bytes
 * @write: whether to write to the mapping
 * @start: as for dma_buf_pfnmap_fault()
 * @find_run: finds the pages
 * @priv: the first argument of @find_run
 *
 * For &vm_operations_struct.access of a driver with vm_operations of its own.
 * As get_user_pages() fails on these mappings, ptrace and /proc/PID/mem depend
 * on it. Works for memory that the page allocator gave. Like any CPU access to a
 * buffer, it is coherent with a device only between DMA_BUF_IOCTL_SYNC calls.
 *
 * Context: Process context, with the mmap lock held. May sleep.
 * Return: number of bytes copied, which is less than @len where @vma ends, or a
 *	   negative errno: -EINVAL if @addr is not in @vma, -EFAULT if @vma does
 *	   not allow the access, -EIO if the memory is no RAM or is reserved, or
 *	   what @find_run returned.
 */
int dma_buf_pfnmap_access(struct vm_area_struct *vma, unsigned long addr,
			  void *buf, int len, int write, pgoff_t start,
			  dma_buf_find_run_t find_run, void *priv)
{
	const struct pfnmap map = {
		.vma = vma,
		.start = start,
		.find_run = find_run,
		.priv = priv,
	};

	return pfnmap_access(&map, addr, buf, len, write);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_pfnmap_access, "DMA_BUF");

/* The vma pins its buffer: vm_file is the file of the dma-buf. */
static struct pfnmap pfnmap_of_vma(struct vm_area_struct *vma)
{
	const struct dma_buf_pfnmap_ops *ops = vma->vm_private_data;
	struct dma_buf *dmabuf = vma->vm_file->private_data;
	struct pfnmap map = {
		.vma = vma,
		.find_run = ops->find_run,
		.priv = dmabuf->priv,
		.prot = vma->vm_page_prot,
	};

	/*
	 * Not every architecture keeps this bit in vm_page_prot when the flags
	 * of the vma change, so it can't be left there by mmap.
	 */
	if (ops->decrypted)
		map.prot = pgprot_decrypted(map.prot);

	return map;
}

static vm_fault_t dma_buf_vm_huge_fault(struct vm_fault *vmf,
					unsigned int order)
{
	struct pfnmap map = pfnmap_of_vma(vmf->vma);

	return pfnmap_fault(&map, vmf, order);
}

static vm_fault_t dma_buf_vm_fault(struct vm_fault *vmf)
{
	return dma_buf_vm_huge_fault(vmf, 0);
}

static int dma_buf_vm_access(struct vm_area_struct *vma, unsigned long addr,
			     void *buf, int len, int write)
{
	const struct pfnmap map = pfnmap_of_vma(vma);

	return pfnmap_access(&map, addr, buf, len, write);
}

static const struct vm_operations_struct dma_buf_pfnmap_vm_ops = {
	.fault = dma_buf_vm_fault,
	.huge_fault = dma_buf_vm_huge_fault,
	.access = dma_buf_vm_access,
};

/**
 * dma_buf_pfnmap_mmap - map a buffer into userspace as raw pfns
 * @dmabuf: the buffer
 * @vma: the vma that &dma_buf_ops.mmap was called with
 * @ops: how to find the pages of the buffer; lives as long as the module that
 *	 exported @dmabuf
 *
 * All that &dma_buf_ops.mmap has to do for a buffer whose pages stay where they
 * are. The pages are mapped by faults, with the largest entries that the buffer
 * and the address allow. @vma holds a reference to @dmabuf, so the exporter
 * needs no vm_operations to count mappings, and @ops->find_run is not called
 * any more when &dma_buf_ops.release is.
 *
 * Context: Process context, with the mmap lock held for writing.
 * Return: 0, or -EINVAL for a COW mapping or a vma whose vm_file is not the
 *	   file of @dmabuf.
 */
int dma_buf_pfnmap_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma,
			const struct dma_buf_pfnmap_ops *ops)
{
	if (vma_is_cow_mapping(vma))
		return -EINVAL;
	if (WARN_ON_ONCE(vma->vm_file != dmabuf->file))
		return -EINVAL;

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &dma_buf_pfnmap_vm_ops;
	vma->vm_private_data = (void *)ops;

	return 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_pfnmap_mmap, "DMA_BUF");
#endif /* CONFIG_MMU */
