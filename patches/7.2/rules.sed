# SPDX-License-Identifier: GPL-2.0
# What 7.3 has another name for than 7.2
s/\bvma_get_page_prot\((\w+)\)/vm_get_page_prot(\1->vm_flags)/g
s/\bvma_start_pgoff\((\w+)\)/\1->vm_pgoff/g
s/\blinear_page_delta\((\w+), (\w+->address)\)/(\2 - \1->vm_start) >> PAGE_SHIFT/g
s/\bvma_is_cow_mapping\((\w+)\)/is_cow_mapping(\1->vm_flags)/g
s/\bvma_flags_test\(flags, VMA_LOCKONFAULT_BIT\)/flags \& VM_LOCKONFAULT/g
