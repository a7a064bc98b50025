// SPDX-License-Identifier: GPL-2.0
/*
 * One exporter for each way in which scripts/coccinelle/api/dma_buf_mmap.cocci
 * finds a rule broken, and some that are right. Only Coccinelle reads this: it
 * is never compiled. "BROKEN: CLASS" stands in each line to be reported.
 */

static vm_fault_t page_fault(struct vm_fault *vmf)
{
	struct foo *foo = vmf->vma->vm_private_data;

	vmf->page = foo->pages[vmf->pgoff];			/* BROKEN: fault */
	get_page(vmf->page);

	return 0;
}

static vm_fault_t insert_fault(struct vm_fault *vmf)
{
	struct foo *foo = vmf->vma->vm_private_data;

	return vmf_insert_page(vmf->vma, vmf->address, foo->page); /* BROKEN: page */
}

static vm_fault_t mixed_fault(struct vm_fault *vmf)
{
	struct foo *foo = vmf->vma->vm_private_data;

	return vmf_insert_mixed(vmf->vma, vmf->address, foo->pfn); /* BROKEN: page */
}

static vm_fault_t huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct foo *foo = vmf->vma->vm_private_data;

	return vmf_insert_folio_pmd(vmf, foo->folio, true);	/* BROKEN: page */
}

static vm_fault_t address_fault(struct vm_fault *vmf)
{
	struct foo *foo = vmf->vma->vm_private_data;
	pgoff_t i = (vmf->address - vmf->vma->vm_start) >> PAGE_SHIFT; /* BROKEN: index */

	return vmf_insert_pfn(vmf->vma, vmf->address, foo->pfn + i);
}

static vm_fault_t delta_fault(struct vm_fault *vmf)
{
	struct foo *foo = vmf->vma->vm_private_data;
	pgoff_t i = linear_page_delta(vmf->vma, vmf->address);	/* BROKEN: index */

	return vmf_insert_pfn(vmf->vma, vmf->address, foo->pfn + i);
}

static vm_fault_t relative_fault(struct vm_fault *vmf)
{
	struct foo *foo = vmf->vma->vm_private_data;
	pgoff_t i = vmf->pgoff - vmf->vma->vm_pgoff;		/* BROKEN: index */

	return vmf_insert_pfn(vmf->vma, vmf->address, foo->pfn + i);
}

static vm_fault_t right_fault(struct vm_fault *vmf)
{
	struct foo *foo = vmf->vma->vm_private_data;

	return vmf_insert_pfn(vmf->vma, vmf->address, foo->pfn + vmf->pgoff);
}

static const struct vm_operations_struct page_vm_ops = {
	.fault = page_fault,
};

static const struct vm_operations_struct insert_vm_ops = {
	.fault = insert_fault,
	.huge_fault = huge_fault,
};

static const struct vm_operations_struct mixed_vm_ops = {
	.fault = mixed_fault,
};

static const struct vm_operations_struct cache_vm_ops = {
	.fault = filemap_fault,					/* BROKEN: fault */
	.map_pages = filemap_map_pages,				/* BROKEN: fault */
};

static const struct vm_operations_struct address_vm_ops = {
	.fault = address_fault,
};

static const struct vm_operations_struct delta_vm_ops = {
	.fault = delta_fault,
};

/* Not installed by any function, but known to another table */
static const struct vm_operations_struct relative_vm_ops = {
	.fault = relative_fault,
};

static const struct drm_gem_object_funcs relative_funcs = {
	.vm_ops = &relative_vm_ops,
};

static const struct vm_operations_struct right_vm_ops = {
	.fault = right_fault,
};

/* A V4L2 node or the like, which is no dma-buf */
static vm_fault_t node_fault(struct vm_fault *vmf)
{
	vmf->page = node_page(vmf->pgoff);

	return 0;
}

static const struct vm_operations_struct node_vm_ops = {
	.fault = node_fault,
};

static int node_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &node_vm_ops;
	vm_flags_set(vma, VM_MIXEDMAP);

	return 0;
}

static const struct file_operations node_fops = {
	.mmap = node_mmap,
};

static int insert_helper(struct foo *foo, struct vm_area_struct *vma)
{
	return vm_map_pages(vma, foo->pages, foo->nr);		/* BROKEN: page */
}

static int helper_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	return insert_helper(dmabuf->priv, vma);
}

static int vmalloc_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	vma->vm_ops = &page_vm_ops;

	return remap_vmalloc_range(vma, dmabuf->priv, vma->vm_pgoff); /* BROKEN: page */
}

static int mixed_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	vma->vm_ops = &insert_vm_ops;
	vm_flags_mod(vma, VM_MIXEDMAP, VM_PFNMAP);		/* BROKEN: mixed clear */

	return 0;
}

static int set_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	vma->vm_ops = &mixed_vm_ops;
	vm_flags_set(vma, VM_IO | VM_MIXEDMAP);			/* BROKEN: mixed */

	return 0;
}

static int clear_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	vma->vm_ops = &cache_vm_ops;
	vm_flags_clear(vma, VM_PFNMAP);				/* BROKEN: clear */

	return 0;
}

static int cow_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	vma->vm_ops = &address_vm_ops;
	vm_flags_clear(vma, VM_SHARED | VM_MAYSHARE);		/* BROKEN: cow */

	return 0;
}

static int file_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	vma->vm_ops = &delta_vm_ops;
	vma_set_file(vma, foo_file);				/* BROKEN: file */

	return 0;
}

static int forward_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct foo *foo = dmabuf->priv;

	return vfs_mmap(foo->filp, vma);			/* BROKEN: forward */
}

static int remap_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct foo *foo = dmabuf->priv;

	return remap_pfn_range(vma, vma->vm_start, foo->pfn,	/* BROKEN: index */
			       foo->size, vma->vm_page_prot);
}

static int reset_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	vma->vm_pgoff = 0;					/* BROKEN: index */

	return dma_mmap_wc(foo_dev, vma, foo_vaddr, foo_dma, foo_size);
}

/* A table of the driver's own */
static int backend_mmap(struct foo *foo, struct vm_area_struct *vma)
{
	return vm_insert_pages(vma, vma->vm_start, foo->pages, &foo->nr); /* BROKEN: page */
}

static const struct foo_backend backend = {
	.map = backend_mmap,
};

static int pointer_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct foo *foo = dmabuf->priv;

	return foo->backend->map(foo, vma);
}

static int dma_api_mmap(struct device *dev, struct vm_area_struct *vma)
{
	return vm_map_pages(vma, dev_pages(dev), 1);		/* BROKEN: page */
}

static int right_dma_api_mmap(struct device *dev, struct vm_area_struct *vma)
{
	if (vma_is_pfnmap_only(vma))
		return remap_pages_range(vma, dev_pages(dev), 1);

	return vm_map_pages(vma, dev_pages(dev), 1);
}

static int right_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	vma->vm_ops = &right_vm_ops;
	vm_flags_mod(vma, VM_IO, VM_MIXEDMAP);

	return 0;
}

static int right_dma_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	return dma_mmap_wc(foo_dev, vma, foo_vaddr, foo_dma, foo_size);
}

static const struct dma_buf_ops both_ops = {
	.mmap = right_mmap,					/* BROKEN: both */
	.get_phys = foo_get_phys,
};

static const struct dma_buf_ops pointer_ops = {
	.mmap = pointer_mmap,
};
