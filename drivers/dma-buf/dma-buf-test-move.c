// SPDX-License-Identifier: GPL-2.0
/*
 * Test exporter that moves its buffers
 *
 * A driver that moves or evicts a buffer takes away all entries that map it, by
 * unmap_mapping_range() on the file of the dma-buf, and frees the memory. Nobody
 * may see that memory through a mapping any more, whatever else happens in the
 * address space meanwhile. Here userspace has a buffer moved as often as it
 * likes, and the memory it leaves is filled with a pattern before it is freed.
 *
 * The memory comes in blocks of the size of a huge page, where the architecture
 * has them in pfn mappings.
 */

#include <linux/align.h>
#include <linux/cleanup.h>
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/huge_mm.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dma-buf-test.h"

#define MOVE_MAX_SIZE		SZ_256M

#define MOVE_BLOCK_ORDER	min(PMD_SHIFT - PAGE_SHIFT, MAX_PAGE_ORDER)
#define MOVE_BLOCK_SIZE		(PAGE_SIZE << MOVE_BLOCK_ORDER)
#define MOVE_BLOCK_PAGES	(MOVE_BLOCK_SIZE >> PAGE_SHIFT)

struct move_buf {
	/* Held by a fault from look-up to insertion, and by a move. */
	struct mutex lock;
	unsigned int nr_blocks;
	struct page *blocks[] __counted_by(nr_blocks);
};

static unsigned long move_pfn(const struct move_buf *buf, pgoff_t pgoff)
{
	return page_to_pfn(buf->blocks[pgoff / MOVE_BLOCK_PAGES]) +
	       pgoff % MOVE_BLOCK_PAGES;
}

static vm_fault_t move_fault(struct vm_fault *vmf)
{
	struct move_buf *buf = vmf->vma->vm_private_data;

	guard(mutex)(&buf->lock);

	return vmf_insert_pfn(vmf->vma, vmf->address, move_pfn(buf, vmf->pgoff));
}

static vm_fault_t move_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	const unsigned long begin = ALIGN_DOWN(vmf->address, PMD_SIZE);
	struct vm_area_struct *vma = vmf->vma;
	struct move_buf *buf = vma->vm_private_data;
	pgoff_t pgoff;

	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		return VM_FAULT_FALLBACK;
	if (order != PMD_ORDER || MOVE_BLOCK_SIZE != PMD_SIZE)
		return VM_FAULT_FALLBACK;
	if (!range_in_vma(vma, begin, begin + PMD_SIZE))
		return VM_FAULT_FALLBACK;
	pgoff = linear_page_index(vma, begin);
	if (pgoff % MOVE_BLOCK_PAGES)
		return VM_FAULT_FALLBACK;

	guard(mutex)(&buf->lock);

	return vmf_insert_pfn_pmd(vmf, move_pfn(buf, pgoff),
				  vma->vm_flags & VM_WRITE);
}

static const struct vm_operations_struct move_vm_ops = {
	.fault = move_fault,
	.huge_fault = move_huge_fault,
	.access = dma_buf_vm_access,
};

static int move_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	vma->vm_ops = &move_vm_ops;
	vma->vm_private_data = dmabuf->priv;

	return 0;
}

static void move_free(struct move_buf *buf)
{
	for (unsigned int i = 0; i < buf->nr_blocks; i++)
		if (buf->blocks[i])
			__free_pages(buf->blocks[i], MOVE_BLOCK_ORDER);
	mutex_destroy(&buf->lock);
	kfree(buf);
}

static void move_release(struct dma_buf *dmabuf)
{
	move_free(dmabuf->priv);
}

static const struct dma_buf_ops move_ops = {
	.map_dma_buf = dma_buf_test_map,
	.unmap_dma_buf = dma_buf_test_unmap,
	.mmap = move_mmap,
	.release = move_release,
};

static struct page *move_alloc_block(void)
{
	return alloc_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN, MOVE_BLOCK_ORDER);
}

static struct move_buf *move_alloc(size_t size)
{
	const unsigned int nr = DIV_ROUND_UP(size, MOVE_BLOCK_SIZE);
	struct move_buf *buf;

	buf = kzalloc_flex(*buf, blocks, nr);
	if (!buf)
		return NULL;

	mutex_init(&buf->lock);
	buf->nr_blocks = nr;
	for (unsigned int i = 0; i < nr; i++) {
		buf->blocks[i] = move_alloc_block();
		if (!buf->blocks[i]) {
			move_free(buf);
			return NULL;
		}
	}

	return buf;
}

static struct dma_buf *move_export(u64 size)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct move_buf *buf;
	struct dma_buf *dmabuf;

	if (!size || size > MOVE_MAX_SIZE)
		return ERR_PTR(-EINVAL);
	buf = move_alloc(size);
	if (!buf)
		return ERR_PTR(-ENOMEM);

	exp_info.ops = &move_ops;
	exp_info.size = buf->nr_blocks * MOVE_BLOCK_SIZE;
	exp_info.flags = O_RDWR;
	exp_info.priv = buf;
	dmabuf = dma_buf_export(&exp_info);
	if (IS_ERR(dmabuf))
		move_free(buf);

	return dmabuf;
}

/* A block that nobody uses any more, so that whoever does notices. */
static void move_free_block(struct page *block)
{
	for (unsigned int i = 0; i < MOVE_BLOCK_PAGES; i++)
		memset_page(block + i, 0, DMA_BUF_TEST_FREED, PAGE_SIZE);
	__free_pages(block, MOVE_BLOCK_ORDER);
}

/*
 * Nobody can write when the copy begins, and no fault maps the block before the
 * new one is there.
 */
static struct page *move_block(struct dma_buf *dmabuf, unsigned int i,
			       struct page *new)
{
	struct move_buf *buf = dmabuf->priv;
	struct page *old;

	guard(mutex)(&buf->lock);
	old = buf->blocks[i];
	unmap_mapping_range(dmabuf->file->f_mapping, (loff_t)i * MOVE_BLOCK_SIZE,
			    MOVE_BLOCK_SIZE, 1);
	for (unsigned int p = 0; p < MOVE_BLOCK_PAGES; p++)
		copy_highpage(new + p, old + p);
	buf->blocks[i] = new;

	return old;
}

static int move_buffer(struct dma_buf *dmabuf)
{
	struct move_buf *buf = dmabuf->priv;

	for (unsigned int i = 0; i < buf->nr_blocks; i++) {
		struct page *new = move_alloc_block();

		if (!new)
			return -ENOMEM;
		move_free_block(move_block(dmabuf, i, new));
	}

	return 0;
}

static int move_ioctl_move(int __user *argp)
{
	struct dma_buf *dmabuf;
	int fd, ret = -EINVAL;

	if (get_user(fd, argp))
		return -EFAULT;
	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	if (dmabuf->ops == &move_ops)
		ret = move_buffer(dmabuf);
	dma_buf_put(dmabuf);

	return ret;
}

static int move_ioctl_export(struct dma_buf_test_export __user *argp)
{
	struct dma_buf_test_export exp;
	struct dma_buf *dmabuf;

	if (copy_from_user(&exp, argp, sizeof(exp)))
		return -EFAULT;
	if (exp.kind || exp.flags || exp.pad)
		return -EINVAL;
	dmabuf = move_export(exp.size);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	return dma_buf_test_answer(dmabuf, &exp, argp);
}

static long move_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case DMA_BUF_TEST_EXPORT:
		return move_ioctl_export((void __user *)arg);
	case DMA_BUF_TEST_MOVE:
		return move_ioctl_move((void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations move_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = move_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice move_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = DMA_BUF_TEST_MOVE_DEV,
	.fops = &move_fops,
};
module_misc_device(move_misc);

MODULE_DESCRIPTION("dma-buf test exporter that moves its buffers");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
