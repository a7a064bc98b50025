// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of mmap with the dma-sg allocator of videobuf2
 *
 * No driver that works without hardware uses this allocator. But it is all in
 * its vb2_mem_ops, which take little to be called: a buffer that knows its
 * queue, and a device to map the memory for.
 */

#include <kunit/device.h>
#include <kunit/resource.h>
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include <media/videobuf2-dma-sg.h>
#include <media/videobuf2-v4l2.h>

/* Several allocations, and so several physically contiguous runs. */
#define TEST_PAGES	((SZ_4M >> PAGE_SHIFT) + 3)
#define TEST_SIZE	(TEST_PAGES << PAGE_SHIFT)

struct vb2_sg_test {
	struct vb2_queue queue;
	struct vb2_buffer vb;
	void *buf;
	struct dma_buf *dmabuf;
	struct file *node;
};

static const struct vb2_mem_ops *ops = &vb2_dma_sg_memops;

/* What vb2_mmap() does when the V4L2 device node is mapped. */
static int vb2_sg_test_node_mmap(struct file *file, struct vm_area_struct *vma)
{
	return ops->mmap(file->private_data, vma);
}

static const struct file_operations vb2_sg_test_node_fops = {
	.mmap = vb2_sg_test_node_mmap,
};

static unsigned long vb2_sg_test_mmap(struct file *file, unsigned long pages,
				      unsigned long flags, unsigned long pgoff)
{
	return vm_mmap(file, 0, pages << PAGE_SHIFT, PROT_READ | PROT_WRITE,
		       flags, pgoff << PAGE_SHIFT);
}

/* The kernel's view of page @i says that it is page @i. */
static void vb2_sg_test_fill(struct kunit *test)
{
	struct vb2_sg_test *t = test->priv;
	void *vaddr = ops->vaddr(&t->vb, t->buf);
	unsigned long i;

	KUNIT_ASSERT_NOT_NULL(test, vaddr);
	for (i = 0; i < TEST_PAGES; i++)
		*(u32 *)(vaddr + (i << PAGE_SHIFT)) = i + 1;
}

/* The user's view of @pages pages at @addr is what starts at page @pgoff. */
static void vb2_sg_test_expect(struct kunit *test, unsigned long addr,
			       unsigned long pages, unsigned long pgoff)
{
	unsigned long i;
	u32 val;

	for (i = 0; i < pages; i++) {
		u32 __user *ptr = (u32 __user *)(addr + (i << PAGE_SHIFT));

		KUNIT_ASSERT_EQ(test, get_user(val, ptr), 0);
		KUNIT_ASSERT_EQ(test, val, pgoff + i + 1);
	}
}

/* Number of pages that fast, and then slow gup takes at @addr, or an error. */
static int vb2_sg_test_gup_fast(unsigned long addr)
{
	struct page *page;
	int ret;

	ret = get_user_pages_fast_only(addr, 1, FOLL_WRITE, &page);
	if (ret == 1)
		put_page(page);
	return ret;
}

static int vb2_sg_test_gup_slow(unsigned long addr)
{
	struct page *page;
	int ret;

	mmap_read_lock(current->mm);
	ret = get_user_pages(addr, 1, FOLL_WRITE, &page);
	mmap_read_unlock(current->mm);
	if (ret == 1)
		put_page(page);
	return ret;
}

/* Each page of the dma-buf is where it should be, and not ordinary memory. */
static void vb2_sg_test_dmabuf_mmap(struct kunit *test)
{
	struct vb2_sg_test *t = test->priv;
	struct vm_area_struct *vma;
	unsigned long addr, i;

	vb2_sg_test_fill(test);
	addr = vb2_sg_test_mmap(t->dmabuf->file, TEST_PAGES, MAP_SHARED, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	vb2_sg_test_expect(test, addr, TEST_PAGES, 0);

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	if (vma) {
		KUNIT_EXPECT_EQ(test, VM_PFNMAP,
				vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP));
		KUNIT_EXPECT_TRUE(test, vma->vm_flags & VM_DONTEXPAND);
		KUNIT_EXPECT_TRUE(test, vma->vm_flags & VM_DONTDUMP);
		KUNIT_EXPECT_PTR_EQ(test, vma->vm_file, t->dmabuf->file);
	}
	mmap_read_unlock(current->mm);
	KUNIT_ASSERT_NOT_NULL(test, vma);

	for (i = 0; i < TEST_PAGES; i++) {
		KUNIT_ASSERT_EQ(test, vb2_sg_test_gup_fast(addr + (i << PAGE_SHIFT)), 0);
		KUNIT_ASSERT_EQ(test, vb2_sg_test_gup_slow(addr + (i << PAGE_SHIFT)), -EFAULT);
	}

	KUNIT_EXPECT_EQ(test, vm_munmap(addr, TEST_SIZE), 0);
}

/* The offset of mmap() counts, and so it does after a split. */
static void vb2_sg_test_dmabuf_offset(struct kunit *test)
{
	struct vb2_sg_test *t = test->priv;
	unsigned long addr;

	vb2_sg_test_fill(test);
	addr = vb2_sg_test_mmap(t->dmabuf->file, TEST_PAGES - 2, MAP_SHARED, 2);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));

	/* Nothing was touched yet, so that the rest is mapped after the split. */
	KUNIT_ASSERT_EQ(test, vm_munmap(addr, PAGE_SIZE), 0);
	vb2_sg_test_expect(test, addr + PAGE_SIZE, TEST_PAGES - 3, 3);

	KUNIT_EXPECT_EQ(test, vm_munmap(addr, TEST_SIZE), 0);
}

/* Nothing beyond the end, and no private copies. */
static void vb2_sg_test_dmabuf_refuse(struct kunit *test)
{
	struct vb2_sg_test *t = test->priv;
	unsigned long addr;

	addr = vb2_sg_test_mmap(t->dmabuf->file, TEST_PAGES, MAP_SHARED, 1);
	KUNIT_EXPECT_EQ(test, (long)addr, -EINVAL);
	addr = vb2_sg_test_mmap(t->dmabuf->file, TEST_PAGES, MAP_PRIVATE, 0);
	KUNIT_EXPECT_EQ(test, (long)addr, -EINVAL);
	addr = vb2_sg_test_mmap(t->dmabuf->file, 1, MAP_PRIVATE, 0);
	KUNIT_EXPECT_EQ(test, (long)addr, -EINVAL);
}

/* The vma keeps the dma-buf, and that keeps the buffer. */
static void vb2_sg_test_dmabuf_lifetime(struct kunit *test)
{
	struct vb2_sg_test *t = test->priv;
	unsigned long addr;

	KUNIT_EXPECT_EQ(test, ops->num_users(t->buf), 2);
	vb2_sg_test_fill(test);
	addr = vb2_sg_test_mmap(t->dmabuf->file, TEST_PAGES, MAP_SHARED, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));

	dma_buf_put(t->dmabuf);
	t->dmabuf = NULL;
	flush_delayed_fput();
	KUNIT_EXPECT_EQ(test, ops->num_users(t->buf), 2);
	vb2_sg_test_expect(test, addr, TEST_PAGES, 0);

	/* A part that is left is enough. */
	KUNIT_EXPECT_EQ(test, vm_munmap(addr, TEST_SIZE - PAGE_SIZE), 0);
	flush_delayed_fput();
	KUNIT_EXPECT_EQ(test, ops->num_users(t->buf), 2);

	KUNIT_EXPECT_EQ(test, vm_munmap(addr, TEST_SIZE), 0);
	flush_delayed_fput();
	KUNIT_EXPECT_EQ(test, ops->num_users(t->buf), 1);
}

/*
 * The V4L2 device node still maps ordinary pages, for applications that use
 * them as USERPTR buffers of another device or for O_DIRECT.
 */
static void vb2_sg_test_node(struct kunit *test)
{
	struct vb2_sg_test *t = test->priv;
	unsigned long addr, i;

	vb2_sg_test_fill(test);
	addr = vb2_sg_test_mmap(t->node, TEST_PAGES, MAP_SHARED, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_EXPECT_EQ(test, ops->num_users(t->buf), 3);
	vb2_sg_test_expect(test, addr, TEST_PAGES, 0);

	for (i = 0; i < TEST_PAGES; i++)
		KUNIT_ASSERT_EQ(test, vb2_sg_test_gup_slow(addr + (i << PAGE_SHIFT)), 1);

	KUNIT_EXPECT_EQ(test, vm_munmap(addr, TEST_SIZE), 0);
	KUNIT_EXPECT_EQ(test, ops->num_users(t->buf), 2);
}

/*
 * Fast gup takes them. So it is the mapping of the dma-buf that keeps it out
 * there, and not that it never works.
 */
static void vb2_sg_test_node_gup_fast(struct kunit *test)
{
	struct vb2_sg_test *t = test->priv;
	unsigned long addr, i;

	if (!IS_ENABLED(CONFIG_HAVE_GUP_FAST))
		kunit_skip(test, "no CONFIG_HAVE_GUP_FAST");
	if (!IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL))
		kunit_skip(test, "no CONFIG_ARCH_HAS_PTE_SPECIAL");

	vb2_sg_test_fill(test);
	addr = vb2_sg_test_mmap(t->node, TEST_PAGES, MAP_SHARED, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	vb2_sg_test_expect(test, addr, TEST_PAGES, 0);

	for (i = 0; i < TEST_PAGES; i++)
		KUNIT_ASSERT_EQ(test, vb2_sg_test_gup_fast(addr + (i << PAGE_SHIFT)), 1);

	KUNIT_EXPECT_EQ(test, vm_munmap(addr, TEST_SIZE), 0);
}

static void vb2_sg_test_put_buf(void *buf)
{
	/* The dma-buf, and what still is mapped, has references too. */
	flush_delayed_fput();
	ops->put(buf);
}

static void vb2_sg_test_exit(struct kunit *test)
{
	struct vb2_sg_test *t = test->priv;

	if (!t)
		return;
	if (t->node)
		fput(t->node);
	if (t->dmabuf)
		dma_buf_put(t->dmabuf);
	if (t->buf)
		vb2_sg_test_put_buf(t->buf);
}

static int vb2_sg_test_init(struct kunit *test)
{
	struct vb2_sg_test *t;
	struct dma_buf *dmabuf;
	struct device *dev;
	struct file *node;
	void *buf;
	int ret;

	ret = kunit_attach_mm();
	if (ret)
		return ret;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	test->priv = t;

	dev = kunit_device_register(test, "vb2-dma-sg-test");
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	ret = dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;

	t->queue.dma_dir = DMA_BIDIRECTIONAL;
	t->vb.vb2_queue = &t->queue;

	buf = ops->alloc(&t->vb, dev, TEST_SIZE);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	t->buf = buf;

	dmabuf = ops->get_dmabuf(&t->vb, buf, O_RDWR);
	if (!dmabuf)
		return -ENOMEM;
	t->dmabuf = dmabuf;

	node = anon_inode_getfile("vb2-dma-sg-test", &vb2_sg_test_node_fops,
				  buf, O_RDWR);
	if (IS_ERR(node))
		return PTR_ERR(node);
	t->node = node;

	return 0;
}

static struct kunit_case vb2_sg_test_cases[] = {
	KUNIT_CASE(vb2_sg_test_dmabuf_mmap),
	KUNIT_CASE(vb2_sg_test_dmabuf_offset),
	KUNIT_CASE(vb2_sg_test_dmabuf_refuse),
	KUNIT_CASE(vb2_sg_test_dmabuf_lifetime),
	KUNIT_CASE(vb2_sg_test_node),
	KUNIT_CASE(vb2_sg_test_node_gup_fast),
	{ }
};

static struct kunit_suite vb2_sg_test_suite = {
	.name = "videobuf2-dma-sg",
	.init = vb2_sg_test_init,
	.exit = vb2_sg_test_exit,
	.test_cases = vb2_sg_test_cases,
};

kunit_test_suite(vb2_sg_test_suite);

MODULE_DESCRIPTION("KUnit tests of videobuf2-dma-sg");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
