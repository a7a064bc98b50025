// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual machine whose memory is a mapping. KVM does not take the pages, it
 * reads the entries, and has a fault make them that are not there. It is not told
 * of a write to an entry that is there and read-only, except where it emulates the
 * instruction.
 */
#include "dmabuf-exporters.h"

#ifdef __x86_64__
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kvm.h>

#define GUEST_CODE	0x1000
#define GUEST_MEMORY	0x10000
#define GUEST_MARK	0x5a

/* Real mode, ds is at GUEST_MEMORY. Leaves the mark in byte 2, and byte 0 in 1. */
static const unsigned char write_first[] = {
	0xc6, 0x06, 0x02, 0x00, GUEST_MARK,	/* movb $GUEST_MARK, 2 */
	0xa0, 0x00, 0x00,			/* movb 0, %al */
	0xa2, 0x01, 0x00,			/* movb %al, 1 */
	0xf4,					/* hlt */
};

static const unsigned char read_first[] = {
	0xa0, 0x00, 0x00,
	0xa2, 0x01, 0x00,
	0xc6, 0x06, 0x02, 0x00, GUEST_MARK,
	0xf4,
};

static int add_memory(int vm, unsigned int slot, unsigned long at, void *map)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = at,
		.memory_size = dmabuf_page_size(),
		.userspace_addr = (unsigned long)map,
	};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static int set_registers(int cpu)
{
	struct kvm_regs regs = { .rip = GUEST_CODE, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(cpu, KVM_GET_SREGS, &sregs) < 0)
		return -1;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	sregs.ds.base = GUEST_MEMORY;
	sregs.ds.selector = GUEST_MEMORY >> 4;
	if (ioctl(cpu, KVM_SET_SREGS, &sregs) < 0)
		return -1;
	return ioctl(cpu, KVM_SET_REGS, &regs);
}

/* 0 if it came to the end of its program */
static int run_cpu(int kvm, int cpu)
{
	int len = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_run *run;
	int ret;

	if (len < 0)
		return -errno;
	run = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	if (run == MAP_FAILED || set_registers(cpu))
		return -errno;
	do {
		ret = ioctl(cpu, KVM_RUN, 0);
	} while (ret < 0 && errno == EINTR);
	ret = ret < 0 ? -errno : run->exit_reason == KVM_EXIT_HLT ? 0 : -EPROTO;
	munmap(run, len);
	return ret;
}

static int run_vm(int kvm, int vm, void *code, void *page)
{
	int cpu, ret;

	/* for CPUs that cannot do real mode otherwise */
	ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000);
	if (add_memory(vm, 0, GUEST_CODE, code) ||
	    add_memory(vm, 1, GUEST_MEMORY, page))
		return -errno;
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (cpu < 0)
		return -errno;
	ret = run_cpu(kvm, cpu);
	close(cpu);
	return ret;
}

int dmabuf_run_kvm(void *page, char *same, bool reads_first)
{
	const size_t ps = dmabuf_page_size();
	int kvm, vm, ret;
	void *code;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return ROUTE_MISSING;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	code = mmap(NULL, ps, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	if (vm < 0 || code == MAP_FAILED)
		return -errno;
	memcpy(code, reads_first ? read_first : write_first, sizeof(read_first));
	memcpy(same, "\x21\0\0", 3);
	asm volatile("" : : : "memory");
	ret = run_vm(kvm, vm, code, page);
	asm volatile("" : : : "memory");
	munmap(code, ps);
	close(vm);
	close(kvm);
	if (!ret && (same[1] != 0x21 || same[2] != GUEST_MARK))
		ret = -EIO;
	return ret;
}
#else
int dmabuf_run_kvm(void *page, char *same, bool reads_first)
{
	return ROUTE_MISSING;
}
#endif /* __x86_64__ */
