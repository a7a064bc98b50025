// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of device memory for the kernel
 */

#include <linux/export.h>
#include <linux/io.h>
#include <linux/pgtable.h>

/*
 * generic_access_phys() has the protection of a mapping of user space. The kernel
 * cannot load from a user page, nor from one that is PROT_NONE: only the memory
 * type of that is for the kernel's mapping.
 */
void __iomem *ioremap_prot(phys_addr_t phys_addr, size_t size, pgprot_t prot)
{
	unsigned long val = pgprot_val(prot);

	if ((val & (_PAGE_PRESENT | _PAGE_USER)) != _PAGE_PRESENT)
		val = (_PAGE_KERNEL & ~_PAGE_MTMASK) | (val & _PAGE_MTMASK);

	return generic_ioremap_prot(phys_addr, size, __pgprot(val));
}
EXPORT_SYMBOL(ioremap_prot);
