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
#include <linux/dma-buf/test-probe.h>
#include <linux/dma-mapping.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include <media/videobuf2-dma-sg.h>
#include <media/videobuf2-v4l2.h>

/* Several allocations, and so several physically contiguous ranges. */
#define TEST_PAGES	((SZ_4M >> PAGE_SHIFT) + 3)
#define TEST_SIZE	(TEST_PAGES << PAGE_SHIFT)

#define EXPECT_RIGHT(test, wrong)					\
	KUNIT_EXPECT_STREQ(test, (wrong) ?: "nothing", "nothing")

struct vb2_sg_test {
	struct vb2_queue queue;
	struct vb2_buffer vb;
	void *buf;
	struct dma_buf *dmabuf;
	struct file *node;
};

static const struct vb2_mem_ops *ops = &vb2_dma_sg_memops;

/* What vb2_mmap() does when the V4L2 device node is mapped. */
static int node_mmap(struct file *file, struct vm_area_struct *vma)
{
	return ops->mmap(file->private_data, vma);
}

static const struct file_operations node_fops = {
	.mmap = node_mmap,
};

static long try_mmap(struct file *file, unsigned long pages,
		     unsigned long flags, unsigned long pgoff)
{
	return vm_mmap(file, 0, pages << PAGE_SHIFT, PROT_READ | PROT_WRITE,
		       flags, pgoff << PAGE_SHIFT);
}

static unsigned long map(struct kunit *test, struct file *file,
			 unsigned long pages, unsigned long pgoff)
{
	unsigned long addr = try_mmap(file, pages, MAP_SHARED, pgoff);

	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));

	return addr;
}

static void unmap(struct kunit *test, unsigned long addr, unsigned long pages)
{
	KUNIT_EXPECT_EQ(test, vm_munmap(addr, pages << PAGE_SHIFT), 0);
	/* The test is a kernel thread, whose fput() is delayed. */
	flush_delayed_fput();
}

/* Each page is where it should be, and none is ordinary memory. */
static void test_mmap(struct kunit *test)
{
	struct vb2_sg_test *t = test->priv;
	unsigned long addr = map(test, t->dmabuf->file, TEST_PAGES, 0);

	EXPECT_RIGHT(test, dma_buf_probe(addr, t->dmabuf, 0, TEST_PAGES));
	unmap(test, addr, TEST_PAGES);
}

/* The offset of mmap() counts, and so it does after a split. */
static void test_offset(struct kunit *test)
{
	struct vb2_sg_test *t = test->priv;
	unsigned long addr = map(test, t->dmabuf->file, TEST_PAGES - 2, 2);

	unmap(test, addr, 1);
	EXPECT_RIGHT(test, dma_buf_probe(addr + PAGE_SIZE, t->dmabuf, 3, TEST_PAGES - 3));
	unmap(test, addr, TEST_PAGES);
}

/* Nothing beyond the end, and no private copies. */
static void test_refuse(struct kunit *test)
{
	struct vb2_sg_test *t = test->priv;
	struct file *file = t->dmabuf->file;

	KUNIT_EXPECT_EQ(test, try_mmap(file, TEST_PAGES, MAP_SHARED, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_mmap(file, TEST_PAGES, MAP_PRIVATE, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_mmap(file, 1, MAP_PRIVATE, 0), -EINVAL);
}

/* The vma keeps the dma-buf, and that keeps the buffer. */
static void test_lifetime(struct kunit *test)
{
	struct vb2_sg_test *t = test->priv;
	unsigned long addr = map(test, t->dmabuf->file, TEST_PAGES, 0);

	dma_buf_put(t->dmabuf);
	t->dmabuf = NULL;
	flush_delayed_fput();
	KUNIT_EXPECT_EQ(test, ops->num_users(t->buf), 2);
	EXPECT_RIGHT(test, dma_buf_probe_content(addr, 0, TEST_PAGES));

	/* A part that is left is enough. */
	unmap(test, addr, TEST_PAGES - 1);
	KUNIT_EXPECT_EQ(test, ops->num_users(t->buf), 2);
	unmap(test, addr, TEST_PAGES);
	KUNIT_EXPECT_EQ(test, ops->num_users(t->buf), 1);
}

/*
 * The V4L2 device node still maps ordinary pages, for applications that use
 * them as USERPTR buffers of another device or for O_DIRECT. So it is the
 * mapping of the dma-buf that keeps get_user_pages() out there.
 */
static void test_node(struct kunit *test)
{
	struct vb2_sg_test *t = test->priv;
	unsigned long addr = map(test, t->node, TEST_PAGES, 0);

	KUNIT_EXPECT_EQ(test, ops->num_users(t->buf), 3);
	EXPECT_RIGHT(test, dma_buf_probe_content(addr, 0, TEST_PAGES));
	for (unsigned long i = 0; i < TEST_PAGES; i += 61) {
		unsigned long at = addr + (i << PAGE_SHIFT);

		/* The fast ones may leave pages without a mapping to these. */
		EXPECT_RIGHT(test, dma_buf_probe_gup(at, false, true));
	}
	unmap(test, addr, TEST_PAGES);
	KUNIT_EXPECT_EQ(test, ops->num_users(t->buf), 2);
}

static void test_exit(struct kunit *test)
{
	struct vb2_sg_test *t = test->priv;

	if (!t)
		return;
	if (!IS_ERR_OR_NULL(t->node))
		fput(t->node);
	if (t->dmabuf)
		dma_buf_put(t->dmabuf);
	/* What still is mapped has references too. */
	flush_delayed_fput();
	if (!IS_ERR_OR_NULL(t->buf))
		ops->put(t->buf);
}

static int test_init(struct kunit *test)
{
	struct vb2_sg_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct device *dev = kunit_device_register(test, "vb2-dma-sg-test");
	void *vaddr;

	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	KUNIT_ASSERT_EQ(test, dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64)), 0);
	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);

	test->priv = t;
	t->queue.dma_dir = DMA_BIDIRECTIONAL;
	t->vb.vb2_queue = &t->queue;
	t->buf = ops->alloc(&t->vb, dev, TEST_SIZE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->buf);
	t->dmabuf = ops->get_dmabuf(&t->vb, t->buf, O_RDWR);
	KUNIT_ASSERT_NOT_NULL(test, t->dmabuf);
	t->node = anon_inode_getfile("vb2-dma-sg-test", &node_fops, t->buf, O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->node);

	vaddr = ops->vaddr(&t->vb, t->buf);
	KUNIT_ASSERT_NOT_NULL(test, vaddr);
	for (unsigned long i = 0; i < TEST_PAGES; i++)
		dma_buf_probe_fill(vaddr + (i << PAGE_SHIFT), i);

	return 0;
}

static struct kunit_case test_cases[] = {
	KUNIT_CASE(test_mmap),
	KUNIT_CASE(test_offset),
	KUNIT_CASE(test_refuse),
	KUNIT_CASE(test_lifetime),
	KUNIT_CASE(test_node),
	{ }
};

static struct kunit_suite test_suite = {
	.name = "videobuf2-dma-sg",
	.init = test_init,
	.exit = test_exit,
	.test_cases = test_cases,
};

kunit_test_suite(test_suite);

MODULE_DESCRIPTION("KUnit tests of videobuf2-dma-sg");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
