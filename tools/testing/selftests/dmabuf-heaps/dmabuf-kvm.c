// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual machine whose memory is a mapping. KVM does not take the pages, it
 * reads the entries, and has a fault make them that are not there. It is not told
 * of a write to an entry that is there and read-only, except where it emulates the
 * instruction.
 */
#include "dmabuf-exporters.h"

#if defined(__x86_64__) || defined(__aarch64__)
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kvm.h>

/* What a program leaves in byte 2 of its memory; byte 0 it copies to byte 1. */
#define GUEST_MARK	0x5a

#ifdef __x86_64__
#define GUEST_CODE	0x1000
#define GUEST_MEMORY	0x10000
#define GUEST_END	KVM_EXIT_HLT

/* Real mode, ds is at GUEST_MEMORY. */
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

static int set_registers(int vm, int cpu)
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

/* For CPUs that cannot do real mode otherwise */
static void prepare_vm(int vm)
{
	ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000);
}

/* A guest sees what the host sees. */
static void see_guest_memory(const char *addr)
{
	asm volatile("" : : "r" (addr) : "memory");
}

static bool takes_cached_pfns(int kvm)
{
	return true;
}
#else /* __aarch64__ */
/* Multiples of the largest page size; no memory at 0 */
#define GUEST_CODE	0x10000
#define GUEST_MEMORY	0x20000
#define GUEST_END	KVM_EXIT_MMIO

/* x0 is GUEST_MEMORY, x2 is 0. */
static const unsigned int write_first[] = {
	0x52800001 | GUEST_MARK << 5,		/* mov w1, #GUEST_MARK */
	0x39000801,				/* strb w1, [x0, #2] */
	0x39400001,				/* ldrb w1, [x0] */
	0x39000401,				/* strb w1, [x0, #1] */
	0x3900005f,				/* strb wzr, [x2]: the end */
};

static const unsigned int read_first[] = {
	0x39400001,
	0x39000401,
	0x52800001 | GUEST_MARK << 5,
	0x39000801,
	0x3900005f,
};

static int set_register(int cpu, size_t offset, __u64 value)
{
	struct kvm_one_reg reg = {
		.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |
		      offset / sizeof(__u32),
		.addr = (unsigned long)&value,
	};

	return ioctl(cpu, KVM_SET_ONE_REG, &reg);
}

/* All registers begin as 0, the MMU is off. */
static int set_registers(int vm, int cpu)
{
	struct kvm_vcpu_init init;

	if (ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) < 0 ||
	    ioctl(cpu, KVM_ARM_VCPU_INIT, &init) < 0)
		return -1;
	if (set_register(cpu, offsetof(struct kvm_regs, regs.regs[0]), GUEST_MEMORY))
		return -1;
	return set_register(cpu, offsetof(struct kvm_regs, regs.pc), GUEST_CODE);
}

static void prepare_vm(int vm)
{
}

/* Without MMU the guest writes past the caches: drop what they hold. */
static void see_guest_memory(const char *addr)
{
	asm volatile("dc civac, %0\n\tdsb sy" : : "r" (addr) : "memory");
}

static bool takes_cached_pfns(int kvm)
{
	return ioctl(kvm, KVM_CHECK_EXTENSION,
		     KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED) > 0;
}
#endif

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

/* 0 if it came to the end of its program */
static int run_cpu(int kvm, int vm, int cpu)
{
	int len = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_run *run;
	int ret;

	if (len < 0)
		return -errno;
	run = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	if (run == MAP_FAILED || set_registers(vm, cpu))
		return -errno;
	do {
		ret = ioctl(cpu, KVM_RUN, 0);
	} while (ret < 0 && errno == EINTR);
	ret = ret < 0 ? -errno : run->exit_reason == GUEST_END ? 0 : -EPROTO;
	munmap(run, len);
	return ret;
}

static int run_vm(int kvm, int vm, void *code, void *page)
{
	int cpu, ret;

	prepare_vm(vm);
	if (add_memory(vm, 0, GUEST_CODE, code) ||
	    add_memory(vm, 1, GUEST_MEMORY, page))
		return -errno;
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (cpu < 0)
		return -errno;
	ret = run_cpu(kvm, vm, cpu);
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
	see_guest_memory(same);
	munmap(code, ps);
	close(vm);
	close(kvm);
	if (!ret && (same[1] != 0x21 || same[2] != GUEST_MARK))
		ret = -EIO;
	return ret;
}

bool dmabuf_kvm_takes_cached_pfns(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	bool ret = kvm >= 0 && takes_cached_pfns(kvm);

	close(kvm);
	return ret;
}
#else
int dmabuf_run_kvm(void *page, char *same, bool reads_first)
{
	return ROUTE_MISSING;
}

bool dmabuf_kvm_takes_cached_pfns(void)
{
	return false;
}
#endif
