// SPDX-License-Identifier: GPL-2.0
/*
 * Test exporter for memory from the DMA API
 *
 * What userspace gets from mmap() of DMA memory depends on what is between the
 * device and the memory, so testing that takes a device. QEMU's "edu" PCI device
 * is as good as any: it gets through the DMA API of whatever IOMMU it is behind,
 * or through dma-direct, and it is never asked to do any DMA.
 *
 *   qemu-system-x86_64 -M q35 -device intel-iommu -device edu ...
 *
 * with intel_iommu=on on the kernel's command line makes the DMA API go through
 * drivers/iommu/dma-iommu.c. Each of the DMA API's ways to allocate a buffer
 * that can be mapped into userspace is a kind of buffer here. They are handed
 * out by one ioctl of a misc device.
 */

#include <linux/cleanup.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iommu-dma.h>
#include <linux/iosys-map.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dma-buf-test.h"

#define PCI_VENDOR_ID_QEMU_STD	0x1234
#define PCI_DEVICE_ID_EDU	0x11e8

#define DMA_BUF_TEST_MAX_SIZE	SZ_256M

struct dma_buf_test_buf {
	struct device *dev;
	u32 kind;
	size_t size;
	unsigned long attrs;
	dma_addr_t dma_addr;
	union {
		void *cpu_addr;		/* coherent, contiguous */
		struct sg_table *sgt;	/* noncontiguous */
		struct page *page;	/* pages */
	};
};

/* The device that buffers are allocated for, while it is bound. */
static struct device *dma_buf_test_dev;
static DEFINE_MUTEX(dma_buf_test_lock);

static int dma_buf_test_alloc(struct dma_buf_test_buf *buf)
{
	/* How much that is, is up to userspace. */
	const gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	void *ret;

	switch (buf->kind) {
	case DMA_BUF_TEST_CONTIGUOUS:
		buf->attrs = DMA_ATTR_FORCE_CONTIGUOUS;
		fallthrough;
	case DMA_BUF_TEST_COHERENT:
		buf->cpu_addr = dma_alloc_attrs(buf->dev, buf->size,
						&buf->dma_addr, gfp,
						buf->attrs);
		ret = buf->cpu_addr;
		break;
	case DMA_BUF_TEST_NONCONTIGUOUS:
		/* Page by page, to have something that is not contiguous. */
		buf->sgt = dma_alloc_noncontiguous(buf->dev, buf->size,
						   DMA_BIDIRECTIONAL, gfp,
						   DMA_ATTR_ALLOC_SINGLE_PAGES);
		ret = buf->sgt;
		break;
	case DMA_BUF_TEST_PAGES:
		buf->page = dma_alloc_pages(buf->dev, buf->size, &buf->dma_addr,
					    DMA_BIDIRECTIONAL, gfp);
		ret = buf->page;
		break;
	default:
		return -EINVAL;
	}

	return ret ? 0 : -ENOMEM;
}

static void dma_buf_test_free(struct dma_buf_test_buf *buf)
{
	switch (buf->kind) {
	case DMA_BUF_TEST_COHERENT:
	case DMA_BUF_TEST_CONTIGUOUS:
		dma_free_attrs(buf->dev, buf->size, buf->cpu_addr,
			       buf->dma_addr, buf->attrs);
		break;
	case DMA_BUF_TEST_NONCONTIGUOUS:
		dma_free_noncontiguous(buf->dev, buf->size, buf->sgt,
				       DMA_BIDIRECTIONAL);
		break;
	case DMA_BUF_TEST_PAGES:
		dma_free_pages(buf->dev, buf->size, buf->page, buf->dma_addr,
			       DMA_BIDIRECTIONAL);
		break;
	}
}

static int dma_buf_test_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct dma_buf_test_buf *buf = dmabuf->priv;
	void *vaddr;

	switch (buf->kind) {
	case DMA_BUF_TEST_NONCONTIGUOUS:
		vaddr = dma_vmap_noncontiguous(buf->dev, buf->size, buf->sgt);
		break;
	case DMA_BUF_TEST_PAGES:
		vaddr = page_address(buf->page);
		break;
	default:
		vaddr = buf->cpu_addr;
	}
	if (!vaddr)
		return -ENOMEM;

	iosys_map_set_vaddr(map, vaddr);

	return 0;
}

static void dma_buf_test_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct dma_buf_test_buf *buf = dmabuf->priv;

	if (buf->kind == DMA_BUF_TEST_NONCONTIGUOUS)
		dma_vunmap_noncontiguous(buf->dev, map->vaddr);
}

static int dma_buf_test_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct dma_buf_test_buf *buf = dmabuf->priv;

	switch (buf->kind) {
	case DMA_BUF_TEST_NONCONTIGUOUS:
		return dma_mmap_noncontiguous(buf->dev, vma, buf->size,
					      buf->sgt);
	case DMA_BUF_TEST_PAGES:
		return dma_mmap_pages(buf->dev, vma, buf->size, buf->page);
	default:
		return dma_mmap_attrs(buf->dev, vma, buf->cpu_addr,
				      buf->dma_addr, buf->size, buf->attrs);
	}
}

static void dma_buf_test_release(struct dma_buf *dmabuf)
{
	struct dma_buf_test_buf *buf = dmabuf->priv;

	dma_buf_test_free(buf);
	put_device(buf->dev);
	kfree(buf);
}

static const struct dma_buf_ops dma_buf_test_ops = {
	.map_dma_buf = dma_buf_test_map,
	.unmap_dma_buf = dma_buf_test_unmap,
	.vmap = dma_buf_test_vmap,
	.vunmap = dma_buf_test_vunmap,
	.mmap = dma_buf_test_mmap,
	.release = dma_buf_test_release,
};

static struct dma_buf *__dma_buf_test_export(struct device *dev, u32 kind,
					     size_t size)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct dma_buf_test_buf *buf;
	struct dma_buf *dmabuf;
	int ret;

	buf = kzalloc_obj(*buf);
	if (!buf)
		return ERR_PTR(-ENOMEM);

	/*
	 * Buffers outlive the driver's hold of the device, so that the tests see
	 * what others do then. CONFIG_DMA_API_DEBUG complains of it.
	 */
	buf->dev = get_device(dev);
	buf->kind = kind;
	buf->size = PAGE_ALIGN(size);
	ret = dma_buf_test_alloc(buf);
	if (ret)
		goto err_put;

	exp_info.ops = &dma_buf_test_ops;
	exp_info.size = buf->size;
	exp_info.flags = O_RDWR;
	exp_info.priv = buf;
	dmabuf = dma_buf_export(&exp_info);
	if (IS_ERR(dmabuf)) {
		ret = PTR_ERR(dmabuf);
		goto err_free;
	}

	return dmabuf;

err_free:
	dma_buf_test_free(buf);
err_put:
	put_device(buf->dev);
	kfree(buf);
	return ERR_PTR(ret);
}

/* @flags returns DMA_BUF_TEST_F_IOMMU if the memory went through an IOMMU. */
static struct dma_buf *dma_buf_test_export(u32 kind, size_t size, u32 *flags)
{
	guard(mutex)(&dma_buf_test_lock);
	if (!dma_buf_test_dev)
		return ERR_PTR(-ENODEV);
	*flags = use_dma_iommu(dma_buf_test_dev) ? DMA_BUF_TEST_F_IOMMU : 0;

	return __dma_buf_test_export(dma_buf_test_dev, kind, size);
}

static long dma_buf_test_ioctl(struct file *file, unsigned int cmd,
			       unsigned long arg)
{
	void __user *argp = (void __user *)arg;
	struct dma_buf_test_export exp;
	struct dma_buf *dmabuf;

	if (cmd != DMA_BUF_TEST_EXPORT)
		return -ENOTTY;
	if (copy_from_user(&exp, argp, sizeof(exp)))
		return -EFAULT;
	if (exp.flags || exp.pad || !exp.size || exp.size > DMA_BUF_TEST_MAX_SIZE)
		return -EINVAL;

	dmabuf = dma_buf_test_export(exp.kind, exp.size, &exp.flags);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	return dma_buf_test_answer(dmabuf, &exp, argp);
}

static const struct file_operations dma_buf_test_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dma_buf_test_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice dma_buf_test_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = DMA_BUF_TEST_DEV,
	.fops = &dma_buf_test_fops,
};

static int dma_buf_test_probe(struct pci_dev *pdev,
			      const struct pci_device_id *id)
{
	int ret;

	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;

	guard(mutex)(&dma_buf_test_lock);
	if (dma_buf_test_dev)
		return -EBUSY;	/* One device will do. */
	dma_buf_test_dev = &pdev->dev;

	return 0;
}

static void dma_buf_test_remove(struct pci_dev *pdev)
{
	guard(mutex)(&dma_buf_test_lock);
	dma_buf_test_dev = NULL;
}

static const struct pci_device_id dma_buf_test_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_QEMU_STD, PCI_DEVICE_ID_EDU) },
	{ }
};
MODULE_DEVICE_TABLE(pci, dma_buf_test_ids);

static struct pci_driver dma_buf_test_driver = {
	.name = "dma_buf_test",
	.id_table = dma_buf_test_ids,
	.probe = dma_buf_test_probe,
	.remove = dma_buf_test_remove,
};

static int __init dma_buf_test_init(void)
{
	int ret;

	ret = misc_register(&dma_buf_test_misc);
	if (ret)
		return ret;

	ret = pci_register_driver(&dma_buf_test_driver);
	if (ret)
		misc_deregister(&dma_buf_test_misc);

	return ret;
}
module_init(dma_buf_test_init);

static void __exit dma_buf_test_exit(void)
{
	pci_unregister_driver(&dma_buf_test_driver);
	misc_deregister(&dma_buf_test_misc);
}
module_exit(dma_buf_test_exit);

MODULE_DESCRIPTION("dma-buf test exporter for the DMA API");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
