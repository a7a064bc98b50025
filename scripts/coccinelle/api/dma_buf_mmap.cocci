// SPDX-License-Identifier: GPL-2.0-only
///
/// A userspace mapping of a dma-buf must never be ordinary memory: the vma is
/// VM_PFNMAP without VM_MIXEDMAP and never copy-on-write, all its page table
/// entries are special, vm_file stays the dma-buf's file, and page i of the
/// buffer is at page offset i. Otherwise get_user_pages() and friends take
/// references to pages that the exporter is going to move or free.
/// Documentation/driver-api/dma-buf-mmap.rst has all rules.
///
//
// What is looked at: in each file the functions through which a vma of a
// dma-buf comes in, the functions that these call and that take a vma or a
// fault, and the fault handlers in the vm_ops that these install. A vma comes
// in by
//
//   - .mmap of struct dma_buf_ops (also nested, as in virtio_dma_buf_ops)
//   - .mmap and .vm_ops of struct drm_gem_object_funcs
//   - .mmap of the struct file_operations of a DRM driver, because that is
//     where drm_gem_prime_mmap() goes when there is no funcs->mmap
//   - whatever takes a dma_buf or a GEM object together with a vma: callbacks
//     that are wired by other tables or in other files
//   - mmap functions of the DMA API, which take a struct device and a vma
//
// A function that is reached from other places only (mmap of a V4L2 node, of a
// VFIO region, of a framebuffer) is not looked at, nor the mmap of a DRM node if
// the same file has another one for dma-bufs.
//
// The dma-buf core sets VM_PFNMAP and refuses private writable mappings, so an
// exporter need do neither. What is reported (the word in brackets is part of
// the message, the cure as well):
//
//   [page]    normal pages are inserted, unless the function asks for VM_PFNMAP
//             first, since it also maps the node of a device.
//   [fault]   a fault handler returns a page (vmf->page), or is the one of the
//             page cache, and leaves it to the mm to map it.
//   [mixed]   VM_MIXEDMAP is set, with the same exception.
//   [clear]   VM_PFNMAP is cleared.
//   [cow]     a shared mapping is made a private one.
//   [file]    vm_file is replaced: the vma does not pin the dma-buf any more,
//             and unmap_mapping_range() on its file does not find the vma.
//   [forward] the vma is handed to the mmap of another file, whose pages are
//             page cache as a rule.
//   [index]   the page of the buffer is computed from the start of the vma
//             instead of the page offset, or vm_pgoff is not looked at, or
//             reset: wrong page if the offset is not 0 or the head of the
//             mapping was unmapped.
//   [both]    there is .mmap and .get_phys, which dma_buf_export() refuses.
//
// What is missed: anything that needs to look into another file (the callee is
// then looked at where it is, if one of the above leads to it there), Rust,
// and what is built by macros that Coccinelle cannot parse.
//
// Confidence: Moderate
// Options: --no-includes
// Keywords: dma_buf_ops, drm_gem_object_funcs, mmap, VM_PFNMAP, VM_MIXEDMAP

virtual report
virtual org

@initialize:python@
@@
import re

# What to write instead
MMAP = "replace .mmap by .get_phys, or use remap_pages_range()"
FAULT = "use vmf_insert_pfns() or vmf_insert_pfn()"
DMA = "use remap_pages_range() if vma_is_pfnmap_only()"
MIXED = "VM_MIXEDMAP is set: leave it, and map pfns"
INDEX = "it is vm_pgoff (vmf->pgoff in a fault), less drm_vma_node_start() for GEM"

OWN = re.compile("dma_?buf|prime")

class File:
	"""What is known about a file"""
	def __init__(self):
		self.takers = set()	# functions that take a vma or a fault
		self.roots = {}		# function -> "mmap", "node" or "dma"
		self.shaped = set()	# roots known by what they take only
		self.calls = {}		# function -> those with a vma it calls
		self.nodes = set()	# those that take a file, too
		self.callbacks = set()	# those of all others put into a table
		self.handlers = {}	# vm_ops -> fault handlers
		self.users = {}		# vm_ops -> functions that install them
		self.gemops = set()	# vm_ops of GEM objects
		self.pgoff = set()	# functions that look at vm_pgoff
		self.asks = set()	# functions that ask for VM_PFNMAP
		self.kinds = None	# function -> set of kinds

	def below(self, fn):
		"""fn and what it hands the vma to"""
		found, todo = set(), [fn]
		while todo:
			fn = todo.pop()
			if fn not in found:
				found.add(fn)
				todo.extend(self.calls.get(fn, ()))
				if fn is None:	# a call by pointer
					todo.extend(self.callbacks)
		return found

	def mark(self, fn, kind):
		for g in self.below(fn):
			self.kinds.setdefault(g, set()).add(kind)

	def used(self, ops):
		"""Are these the vm_ops of a mapping of a dma-buf?"""
		users = self.users.get(ops, set())
		return bool(ops in self.gemops or users & set(self.kinds) or
			    None in self.kinds and users - self.takers or
			    not users and self.roots)

	def finish(self):
		"""All is known about the file: find out what is reached"""
		if self.kinds is not None:
			return self
		self.kinds = {}
		# Where dma-bufs have a way in of their own, others are for nodes
		own = {fn for fn in self.shaped if OWN.search(fn)}
		for fn, kind in self.roots.items():
			if own and (kind == "node" or fn in self.shaped - own):
				continue
			self.mark(fn, kind)
		for ops in [o for o in self.handlers if self.used(o)]:
			for fn in self.handlers[ops]:
				self.mark(fn, "fault")
		return self

files = {}
found = {}

def of(p):
	return files.setdefault(p[0].file, File())

def inside(p, *kinds):
	here = of(p).finish().kinds.get(p[0].current_element, set())
	return not here.isdisjoint(kinds)

def asks_first(p):
	"""A driver may map its node by the same function"""
	return p[0].current_element in of(p).asks

def by_offset(p):
	f = of(p)
	return not f.pgoff.isdisjoint(f.below(p[0].current_element))

def say(p, what, msg):
	found[int(p[0].line), int(p[0].column), what] = (
		p[0], what, "%s: %s" % (p[0].current_element, msg))

def told():
	"""What was found in this file, in the order of its lines"""
	out = [found[key] for key in sorted(found)]
	found.clear()
	return out

// ---------------------------------------------------------------------------
// Functions that get a vma, and how they are wired

@taker@
identifier fn, v;
position p;
@@
fn@p(..., struct \(vm_area_struct\|vm_fault\) *v, ...) {
	... when any
}

@script:python@
fn << taker.fn;
p << taker.p;
@@
of(p).takers.add(fn)

@call depends on taker@
identifier taker.fn;
position p;
@@
fn@p(...)

@script:python@
fn << taker.fn;
p << call.p;
@@
of(p).calls.setdefault(p[0].current_element, set()).add(fn)

// A callback of a table of the driver's own may be any function in a table
@indirect depends on taker@
expression e;
struct vm_area_struct *v;
identifier m !~ "^(open|close)$";
position p;
@@
(
e->funcs->m(...)
|
e->f_op->m(...)
|
e->m@p(..., v, ...)
)

@script:python@
p << indirect.p;
@@
of(p).calls.setdefault(p[0].current_element, set()).add(None)

// Those of a file are for something else than an object in it
@node depends on indirect@
identifier fn, o, v;
position p;
@@
fn@p(struct file *o, struct vm_area_struct *v) {
	... when any
}

@script:python@
fn << node.fn;
p << node.p;
@@
of(p).nodes.add(fn)

@callback depends on indirect@
identifier taker.fn;
position p != call.p;
@@
fn@p

@script:python@
fn << taker.fn;
p << callback.p;
@@
if fn not in of(p).nodes:
	of(p).callbacks.add(fn)

@object depends on taker@
identifier fn, o, v;
identifier s =~ "^(dma_buf|drm_gem_object|drm_gem_[a-z]+_object|[a-z0-9_]+_gem_object|[a-z0-9]+_gem_obj|device)$";
position p;
@@
fn@p(..., struct s *o, ..., struct vm_area_struct *v, ...) {
	... when any
}

@script:python@
fn << object.fn;
s << object.s;
p << object.p;
@@
of(p).roots.setdefault(fn, "dma" if s == "device" else "mmap")
of(p).shaped.add(fn)

// The mmap in the file_operations of a DRM driver may be in another file than
// these, but it has to look up the object.
@lookup depends on taker@
identifier fn, o, v;
identifier g =~ "^drm_(gem_mmap(_obj)?|vma_offset_(exact_)?lookup(_locked)?)$";
position p;
@@
fn@p(struct file *o, struct vm_area_struct *v) {
	<+...
	g(...)
	...+>
}

@script:python@
fn << lookup.fn;
p << lookup.p;
@@
of(p).roots.setdefault(fn, "node")

@table depends on taker@
identifier t, fn;
position p;
@@
struct \(dma_buf_ops\|drm_gem_object_funcs\) t = { .mmap = fn@p, };

@script:python@
fn << table.fn;
p << table.p;
@@
of(p).roots[fn] = "mmap"
of(p).shaped.discard(fn)

@nested depends on taker@
identifier s, t, fn;
position p;
@@
struct s t = { .ops = { .mmap = fn@p, }, };

@script:python@
fn << nested.fn;
p << nested.p;
@@
of(p).roots[fn] = "mmap"
of(p).shaped.discard(fn)

@gemvmops depends on taker@
identifier t, vmo;
position p;
@@
struct drm_gem_object_funcs t = { .vm_ops = &vmo@p, };

@script:python@
vmo << gemvmops.vmo;
p << gemvmops.p;
@@
of(p).gemops.add(vmo)

@vmops depends on taker@
identifier vmo, fn;
identifier m =~ "^(fault|huge_fault|map_pages|access)$";
position p;
@@
struct vm_operations_struct vmo = { .m = fn@p, };

@script:python@
vmo << vmops.vmo;
fn << vmops.fn;
p << vmops.p;
@@
of(p).handlers.setdefault(vmo, []).append(fn)

@install depends on taker@
identifier vmops.vmo;
position p;
@@
vmo@p

@script:python@
vmo << vmops.vmo;
p << install.p;
@@
of(p).users.setdefault(vmo, set()).add(p[0].current_element)

@looks depends on taker@
expression e;
symbol vm_pgoff;
position p;
@@
e->vm_pgoff@p

@script:python@
p << looks.p;
@@
of(p).pgoff.add(p[0].current_element)

@asks depends on taker@
expression e;
position p;
@@
(
vma_is_pfnmap_only@p(...)
|
remap_pages_range@p(...)
|
e->vm_flags & <+...VM_PFNMAP@p...+>
)

@script:python@
p << asks.p;
@@
of(p).asks.add(p[0].current_element)

// ---------------------------------------------------------------------------
// What they must not do

@inserts depends on taker@
identifier g =~ "^(vm_insert_pages?|vm_map_pages(_zero)?|remap_vmalloc_range(_partial)?|vmf_insert_(page|mixed)(_mkwrite)?|vmf_insert_folio_p[mu]d)$";
position p;
@@
g@p(...)

@script:python@
g << inserts.g;
p << inserts.p;
@@
if asks_first(p):
	pass
elif inside(p, "fault"):
	say(p, "page", g + "() maps normal pages: " + FAULT)
elif inside(p, "mmap", "node"):
	say(p, "page", g + "() maps normal pages: " + MMAP)
elif inside(p, "dma"):
	say(p, "page", g + "() even for a VM_PFNMAP vma: " + DMA)

@returns depends on taker@
expression e, v;
symbol page;
position p;
@@
(
e->page = NULL
|
e->page@p = v
)

@script:python@
p << returns.p;
@@
if inside(p, "fault"):
	say(p, "fault", "the fault handler returns a page: " + FAULT)

@pagecache depends on taker@
identifier vmo, m;
identifier fn = {filemap_fault, filemap_map_pages};
position p;
@@
struct vm_operations_struct vmo = { .m = fn@p, };

@script:python@
vmo << pagecache.vmo;
fn << pagecache.fn;
p << pagecache.p;
@@
if of(p).finish().used(vmo):
	say(p, "fault", fn + "() maps the page cache: in a handler of your own " + FAULT)

@mixed depends on taker@
expression e, x;
symbol VM_MIXEDMAP, VMA_MIXEDMAP_BIT;
identifier g =~ "^(vm_flags_(set|mod|init|reset)|vma_set_flags(_mask)?)$";
position p;
@@
(
vm_flags_mod(e, x, <+...VM_MIXEDMAP...+>)
|
g@p(e, ..., <+...\(VM_MIXEDMAP\|VMA_MIXEDMAP_BIT\)...+>, ...)
)

@script:python@
p << mixed.p;
@@
if inside(p, "mmap", "node", "fault") and not asks_first(p):
	say(p, "mixed", MIXED)

@passed depends on taker@
identifier taker.fn;
symbol VM_MIXEDMAP;
position p;
@@
fn@p(..., <+...VM_MIXEDMAP...+>, ...)

@script:python@
p << passed.p;
@@
if inside(p, "mmap", "node", "fault"):
	say(p, "mixed", MIXED)

@clear depends on taker@
expression e, x;
symbol VM_PFNMAP, VMA_PFNMAP_BIT;
identifier g =~ "^(vm_flags_clear|vma_clear_flags(_mask)?)$";
position p;
@@
(
vm_flags_mod@p(e, x, <+...VM_PFNMAP...+>)
|
g@p(e, ..., <+...\(VM_PFNMAP\|VMA_PFNMAP_BIT\)...+>, ...)
)

@script:python@
p << clear.p;
@@
if inside(p, "mmap", "node", "fault"):
	say(p, "clear", "VM_PFNMAP is cleared: leave it, the dma-buf core has set it")

@cow depends on taker@
expression e, x;
symbol VM_SHARED, VM_MAYSHARE;
position p;
@@
(
vm_flags_mod@p(e, x, <+...\(VM_SHARED\|VM_MAYSHARE\)...+>)
|
vm_flags_clear@p(e, <+...\(VM_SHARED\|VM_MAYSHARE\)...+>)
)

@script:python@
p << cow.p;
@@
if inside(p, "mmap", "node", "fault"):
	say(p, "cow", "the mapping is made private: leave VM_SHARED")

// The dma-buf core itself puts the file of the dma-buf in
@setfile depends on taker@
struct dma_buf *d;
expression e, x;
symbol vm_file;
position p;
@@
(
vma_set_file(e, d->file)
|
vma_set_file@p(e, x)
|
e->vm_file = NULL
|
e->vm_file = d->file
|
e->vm_file@p = x
)

@script:python@
p << setfile.p;
@@
if inside(p, "mmap", "node"):
	say(p, "file", "vm_file is replaced: leave it, to unmap use the f_mapping of the dma-buf's file")

@forward depends on taker@
expression e;
identifier g = {vfs_mmap, call_mmap, compat_vma_mmap, generic_file_mmap};
position p;
@@
(
g@p(...)
|
e->f_op->mmap@p(...)
)

@script:python@
p << forward.p;
@@
if inside(p, "mmap", "node"):
	say(p, "forward", "another file maps its pages: " + MMAP)

@ignores depends on taker@
identifier g = {remap_pfn_range, io_remap_pfn_range, linear_page_delta};
position p;
@@
g@p(...)

@script:python@
g << ignores.g;
p << ignores.p;
@@
if inside(p, "mmap", "node", "fault") and not by_offset(p):
	say(p, "index", g + "(): page counted from the start of the vma: " + INDEX)

@counts depends on taker@
expression e;
identifier a =~ "addr(ess)?$";
symbol vm_start;
expression x;
position p;
@@
(
a - e->vm_start@p
|
a -= e->vm_start@p
|
x->a - e->vm_start@p
|
x->a -= e->vm_start@p
)

@script:python@
p << counts.p;
@@
if inside(p, "mmap", "fault") and not by_offset(p):
	say(p, "index", "page counted from the start of the vma: " + INDEX)

@relative depends on taker@
expression e, x;
symbol pgoff, vm_pgoff;
position p;
@@
x->pgoff - e->vm_pgoff@p

@script:python@
p << relative.p;
@@
if inside(p, "mmap", "fault"):
	say(p, "index", "page counted from the start of the vma: " + INDEX)

@resets depends on taker@
expression e;
symbol vm_pgoff;
position p;
@@
e->vm_pgoff@p = 0

@script:python@
p << resets.p;
@@
if inside(p, "mmap"):
	say(p, "index", "vm_pgoff is reset: leave it, it tells the page to map")

@both depends on taker@
identifier t, f, g;
position p;
@@
struct dma_buf_ops t = { .mmap = f@p, .get_phys = g, };

@script:python@
p << both.p;
@@
say(p, "both", ".mmap beside .get_phys, which dma_buf_export() refuses: delete .mmap")

@script:python depends on report && taker@
@@
for p, what, msg in told():
	coccilib.report.print_report(p, "WARNING: dma-buf mmap [%s] in %s" %
				     (what, msg))

@script:python depends on org && taker@
@@
for p, what, msg in told():
	coccilib.org.print_todo(p, "WARNING: dma-buf mmap (%s) in %s" %
				(what, msg))
