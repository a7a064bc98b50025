// SPDX-License-Identifier: GPL-2.0-only
///
/// A userspace mapping of a dma-buf must never be ordinary memory: the vma is
/// VM_PFNMAP without VM_MIXEDMAP and never copy-on-write, all its page table
/// entries are special, vm_file stays the dma-buf's file, and page i of the
/// buffer is at page offset i. Otherwise get_user_pages() and friends take
/// references to pages that the exporter is going to move or free.
/// Documentation/driver-api/dma-buf-mmap.rst has the whole contract.
///
//
// What is looked at
// -----------------
//
// In each file, starting from the functions through which a vma of a dma-buf
// comes in, every function that the vma (or a fault on it) is handed on to:
//
//   - .mmap of struct dma_buf_ops (also nested, as in virtio_dma_buf_ops, and
//     so the dma-buf ops behind vb2_mem_ops, but not the V4L2 node's own mmap)
//   - .mmap and .vm_ops of struct drm_gem_object_funcs
//   - .mmap of the struct file_operations of a DRM driver, because that is
//     where drm_gem_prime_mmap() goes when there is no funcs->mmap
//   - whatever takes a dma_buf or a GEM object together with a vma: callbacks
//     that are wired by other tables or in other files
//   - .fault, .huge_fault, .map_pages and .access of the vm_ops that those
//     functions install
//   - mmap functions of the DMA API, which take a struct device and a vma
//
// A function that is reached from other places only (mmap of a V4L2 node, of a
// VFIO region, of a framebuffer) is not looked at.
//
// What is reported (the word in brackets is part of the message)
// -----------------
//
//   [page]    ordinary pages are inserted: vm_insert_page(), vm_map_pages(),
//             remap_vmalloc_range(), vmf_insert_page*(), vmf_insert_mixed(),
//             vmf_insert_folio_*(). In the DMA API: unless the function tests
//             for VM_PFNMAP first.
//   [fault]   a fault handler returns a page (vmf->page), or is the one of the
//             page cache, and leaves it to the core to map it.
//   [mixed]   VM_MIXEDMAP is set.
//   [clear]   VM_PFNMAP is cleared.
//   [dma]     dma_mmap_*() is called, and nobody on the way there has set
//             VM_PFNMAP: behind an IOMMU this maps ordinary pages.
//   [file]    vm_file is replaced: the vma does not pin the dma-buf any more,
//             and unmap_mapping_range() on its file does not find the vma.
//   [forward] the vma is handed to the mmap of another file, whose pages are
//             page cache as a rule.
//   [index]   the page of the buffer is computed from the start of the vma
//             instead of the page offset, or vm_pgoff is not looked at, or
//             reset: wrong page if the offset is not 0 or the head of the
//             mapping was unmapped.
//   [cow]     a vma comes in from userspace and goes on to an exporter or gets
//             VM_PFNMAP, and nobody asks vma_is_cow_mapping(). This is asked
//             of the few places that a vma passes on its way in (the dma-buf
//             core, drm_gem_mmap_obj(), a DRM driver with an mmap of its own),
//             not of each exporter behind them.
//
// What is missed: anything that needs to look into another file (the callee is
// then looked at where it is, if one of the above leads to it there), Rust,
// and what is built by macros that Coccinelle cannot parse.
//
// A plain exporter satisfies the rule most easily by making
// dma_buf_pfnmap_mmap() its whole .mmap.
//
// With SPFLAGS="-D explain" each report says how the function is reached.
//
// Confidence: Moderate
// Options: --no-includes
// Keywords: dma_buf_ops, drm_gem_object_funcs, mmap, VM_PFNMAP, VM_MIXEDMAP

virtual report
virtual org
virtual context
virtual explain

@initialize:python@
@@
import re

INSERT = ("vm_insert_page", "vm_insert_pages", "vm_map_pages",
	  "vm_map_pages_zero", "remap_vmalloc_range",
	  "remap_vmalloc_range_partial", "vmf_insert_page",
	  "vmf_insert_page_mkwrite", "vmf_insert_mixed",
	  "vmf_insert_mixed_mkwrite", "vmf_insert_folio_pmd",
	  "vmf_insert_folio_pud")
REMAP = ("remap_pfn_range", "io_remap_pfn_range")
FORWARD = ("vfs_mmap", "call_mmap", "compat_vma_mmap", "generic_file_mmap")
DMA = ("dma_mmap_attrs", "dma_mmap_coherent", "dma_mmap_wc",
       "dma_mmap_writecombine", "dma_mmap_pages", "dma_mmap_noncontiguous",
       "snd_dma_buffer_mmap")
# Where the page cache, or whoever else has pages, answers a fault
PAGE_FAULTS = ("filemap_fault", "filemap_map_pages")
# These refuse a copy-on-write vma, or are checked for it where they are
NO_COW = ("vma_is_cow_mapping", "is_cow_mapping", "dma_buf_pfnmap_mmap",
	  "dma_buf_mmap", "drm_gem_mmap", "drm_gem_mmap_obj",
	  "drm_gem_shmem_mmap", "drm_gem_ttm_mmap", "ttm_bo_mmap_obj")

class File:
	"""What was found in the file that is being looked at"""
	def __init__(self):
		self.takers = set()	# functions that take a vma or a vm_fault
		self.shaped = {}	# taker -> why it is about a dma-buf
		self.roots = {}		# taker -> how it is wired
		self.filemmap = set()	# takers that also take a struct file
		self.values = set()	# takers that are put into some table
		self.macros = {}	# macro -> what it stands for
		self.refuse = False	# dma_buf_ops.mmap only says no
		self.handlers = {}	# vm_ops -> [(member, function)]
		self.gemops = {}	# vm_ops -> gem funcs
		self.gemmmap = False	# there is a drm_gem_object_funcs.mmap
		self.events = {}	# function -> {(line, column): event}
		self.pgoff = set()	# functions that look at vm_pgoff
		self.pfnmap = set()	# functions that look at VM_PFNMAP
		self.shared = set()	# functions that look at VM_SHARED
		self.hits = None	# (line, column) -> (class, text, path, p)

files = {}

def of(p):
	return files.setdefault(p[0].file, File())

def text(e):
	e = re.sub(r"\s*(->|\.)\s*", r"\1", str(e)).strip()
	return re.sub(r"^&\s+", "&", e)

def event(p, kind, name, args=""):
	key = (int(p[0].line), int(p[0].column))
	fn = of(p).events.setdefault(p[0].current_element, {})
	fn[key] = (kind, name, args, p)

def args(es):
	"""Split the printed argument list at its own commas"""
	out, depth, cur = [], 0, ""
	for c in str(es):
		depth += c in "([{"
		depth -= c in ")]}"
		if c == "," and depth == 0:
			out.append(text(cur))
			cur = ""
		else:
			cur += c
	return out + [text(cur)]

class Walk:
	"""Follows a vma from a root through the functions of one file"""
	def __init__(self, f):
		self.f = f
		self.hits = {}
		self.seen = set()	# (function, kind, VM_PFNMAP known, no cow)
		self.visited = set()
		self.opsused = {}	# vm_ops -> path of who installs them

	def hit(self, what, key, path, p, msg):
		self.hits.setdefault(key, (what, msg, path, p))

	def has(self, flag, e):
		"""Does e have VM_<flag>, be it in a macro of this file?"""
		if re.search(r"\bVMA?_" + flag + r"(_BIT)?\b", e):
			return True
		return any(w in self.f.macros and w != e and
			   self.has(flag, self.f.macros[w])
			   for w in re.findall(r"\w+", e))

	def calls(self, fn):
		return [e for e in self.f.events.get(fn, {}).values()
			if e[0] == "call"]

	def cow_aware(self, fn, seen=()):
		"""fn, or what it hands the vma to, refuses COW mappings"""
		if fn in self.f.shared:
			return True
		for _, name, _, _ in self.calls(fn):
			if name not in self.f.takers:
				if name in NO_COW:
					return True
			elif name != fn and name not in seen:
				if self.cow_aware(name, seen + (fn,)):
					return True
		return False

	def offset_aware(self, fn, seen=()):
		"""fn, or what it hands the vma to, looks at vm_pgoff"""
		return fn in self.f.pgoff or any(
			self.offset_aware(name, seen + (fn,))
			for _, name, _, _ in self.calls(fn)
			if name in self.f.takers and name not in seen + (fn,))

	def walk(self, fn, kind, path, pfnmap=False, nocow=False):
		"""
		kind: dmabuf, gem, fops (DRM fd, maybe also dma-buf), fd (for
		sure not dma-buf), fault or dmaapi.
		Returns whether VM_PFNMAP is set when fn returns.
		"""
		nocow = nocow or self.cow_aware(fn)
		state = (fn, kind, pfnmap, nocow)
		if state in self.seen:
			return pfnmap
		self.seen.add(state)
		self.visited.add(fn)
		path = path + [fn]
		events = self.f.events.get(fn, {})
		for key in sorted(events):
			what, name, a, p = events[key]
			if what == "call" and name in self.f.takers:
				pfnmap = self.hand(name, kind, path, pfnmap,
						   nocow, key, events[key])
				continue
			if what == "indirect":
				for other in self.callbacks():
					self.walk(other, kind, path, pfnmap, nocow)
				continue
			pfnmap = self.one(fn, kind, path, pfnmap, nocow, key,
					  events[key])
		return pfnmap

	def hand(self, name, kind, path, pfnmap, nocow, key, ev):
		"""The vma is handed on, maybe along with flags and vm_ops"""
		_, _, a, p = ev
		for arg in a:
			if arg.startswith("&") and arg[1:] in self.f.handlers:
				self.opsused.setdefault(arg[1:], path)
			if self.has("MIXEDMAP", arg):
				self.hit("mixed", key, path, p, "VM_MIXEDMAP is set")
			if self.has("PFNMAP", arg):
				pfnmap = True
		if name in path:
			return pfnmap
		return self.walk(name, kind, path, pfnmap, nocow)

	def one(self, fn, kind, path, pfnmap, nocow, key, ev):
		what, name, a, p = ev
		hit = lambda c, m: self.hit(c, key, path, p, m)
		if what == "call":
			if kind == "dmaapi":
				if name in INSERT and fn not in self.f.pfnmap:
					hit("page", name + "() even if the caller asks for VM_PFNMAP")
				return pfnmap
			if name in INSERT:
				hit("page", name + "() maps ordinary pages")
			elif name in FORWARD:
				hit("forward", name + "() maps another file")
			elif name in DMA and not pfnmap:
				hit("dma", name + "() without VM_PFNMAP set before may map ordinary pages")
			elif name in REMAP:
				if not self.offset_aware(fn):
					hit("index", name + "() in a function that does not look at vm_pgoff")
				pfnmap = True
			elif name == "vma_set_file":
				# the dma-buf core itself puts the file of the dma-buf in
				if kind != "fd" and not re.search(r"buf->file$", a[1]):
					hit("file", "vm_file is replaced")
			elif name == "linear_page_delta":
				if not (self.offset_aware(fn) or self.f.refuse):
					hit("index", "page offset counted from the start of the vma")
			elif name in ("drm_gem_mmap", "drm_gem_mmap_obj"):
				pfnmap = pfnmap or not self.f.gemmmap
			elif name.startswith(("vm_flags_", "vma_set_flags",
					      "vma_clear_flags")):
				pfnmap = self.flags(kind, path, pfnmap, nocow,
						    key, ev)
		elif what == "f_op":
			hit("forward", "f_op->mmap() maps another file")
		elif what == "dispatch":
			# what comes through dma_buf_ops.mmap passed the core
			if not nocow and (kind != "dmabuf" or name == "dma_buf_ops"):
				hit("cow", "%s.mmap() may get a private writable vma" % name)
		elif what == "assign":
			self.assign(fn, kind, path, pfnmap, nocow, key, ev)
		elif what == "index" and kind in ("fault", "dmabuf", "gem"):
			self.index(fn, path, key, ev)
		return pfnmap

	def flags(self, kind, path, pfnmap, nocow, key, ev):
		_, name, a, p = ev
		hit = lambda c, m: self.hit(c, key, path, p, m)
		if name in ("vm_flags_mod", "vm_flags_set", "vm_flags_init",
			    "vm_flags_reset") or "set_flags" in name:
			on = " ".join(a[1:2] if name == "vm_flags_mod" else a[1:])
		else:
			on = ""
		if name == "vm_flags_mod":
			off = a[2]
		elif "clear" in name:
			off = " ".join(a[1:])
		else:
			off = ""
		if self.has("MIXEDMAP", on):
			hit("mixed", "VM_MIXEDMAP is set")
		if self.has("PFNMAP", off):
			hit("clear", "VM_PFNMAP is cleared")
			pfnmap = False
		if re.search(r"\bVM_(MAY)?SHARED?\b", off):
			hit("cow", "the mapping is made private")
		if self.has("PFNMAP", on):
			if kind in ("fops", "fd") and not nocow:
				hit("cow", "private writable vma becomes VM_PFNMAP")
			pfnmap = True
		return pfnmap

	def assign(self, fn, kind, path, pfnmap, nocow, key, ev):
		_, member, (obj, val), p = ev
		if member == "page" and kind == "fault" and val != "NULL":
			self.hit("fault", key, path, p, "fault handler returns a page")
		elif member == "vm_file" and kind not in ("fault", "fd"):
			if not re.search(r"buf->file$|^NULL$", val):
				self.hit("file", key, path, p, "vm_file is replaced")
		elif member == "vm_ops" and val.startswith("&"):
			self.opsused.setdefault(val[1:], path)
		elif member == "vm_pgoff" and val == "0" and kind in ("dmabuf", "gem"):
			self.hit("index", key, path, p, "vm_pgoff is reset")

	def index(self, fn, path, key, ev):
		_, member, val, p = ev
		if member == "vm_pgoff":
			if re.search(r"->pgoff$", val):
				self.hit("index", key, path, p, "page offset counted from the start of the vma")
		elif re.search(r"\baddr(ess)?$", val):
			if not (self.offset_aware(fn) or self.f.refuse):
				self.hit("index", key, path, p, "page offset counted from the start of the vma")

	def callbacks(self):
		"""What an mmap member of some other table may point to"""
		faults = [fn for hs in self.f.handlers.values()
			  for _, fn, _ in hs]
		return sorted(self.f.values - set(faults))

	def start(self, fn, kind, how):
		"""
		Where dma-bufs have a way in of their own, others of the same
		file are for the DRM fd, or for a framebuffer.
		"""
		own = re.compile(r"dma_?buf|prime")
		if kind == "fops" or (kind == "gem" and fn not in self.f.roots
				      and not own.search(fn)):
			if any(k == "gem" and own.search(other)
			       for other, (k, _) in self.f.shaped.items()):
				kind = "fd"
		self.walk(fn, kind, [how])

	def run(self):
		f = self.f
		called = set()
		for fn in f.takers:
			called.update(e[1] for e in self.calls(fn) if e[1] != fn)
		for fn, (kind, how) in sorted(f.roots.items()):
			self.start(fn, kind, how)
		for fn, (kind, how) in sorted(f.shaped.items()):
			if fn not in called and fn not in f.roots:
				self.start(fn, kind, how)
		for fn, (kind, how) in sorted(f.shaped.items()):
			if fn not in self.visited:
				self.start(fn, kind, how)
		self.faults()
		return self.hits

	def faults(self):
		f = self.f
		about = bool(f.roots or f.gemops or
			     any(k != "dmaapi" for k, _ in f.shaped.values()))
		assigned = set()
		for evs in f.events.values():
			for what, member, a, _ in evs.values():
				if what == "assign" and member == "vm_ops":
					assigned.add(a[1].lstrip("&"))
		for ops, handlers in sorted(f.handlers.items()):
			if ops in self.opsused:
				path = self.opsused[ops]
			elif ops in f.gemops:
				path = [f.gemops[ops]]
			elif about and ops not in assigned:
				path = ["struct vm_operations_struct"]
			else:
				continue
			for member, fn, p in handlers:
				if fn in PAGE_FAULTS:
					key = (int(p[0].line), int(p[0].column))
					self.hit("fault", key, path + [fn], p,
						 fn + "() maps the page cache")
				else:
					self.walk(fn, "fault", path + ["." + member],
						  True, True)

def hits(name):
	f = files.get(name)
	if f is None:
		return {}
	if f.hits is None:
		f.hits = Walk(f).run()
	return f.hits

def is_hit(p):
	return (int(p[0].line), int(p[0].column)) in hits(p[0].file)

def messages(explain=False):
	for name in cocci.files():
		for key, (what, msg, path, p) in sorted(hits(name).items()):
			out = "WARNING: dma-buf mmap [%s] in %s: %s" % (
				what, p[0].current_element, msg)
			if explain:
				out += " (" + " -> ".join(path) + ")"
			yield p[0], out

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

@shape depends on taker@
identifier fn, o, v;
identifier s =~ "^(dma_buf|drm_gem_object|drm_gem_[a-z]+_object|[a-z0-9_]+_gem_object|[a-z0-9]+_gem_obj|device)$";
position p;
@@
fn@p(..., struct s *o, ..., struct vm_area_struct *v, ...) {
	... when any
}

@script:python@
fn << shape.fn;
s << shape.s;
p << shape.p;
@@
kind = "dmabuf" if s == "dma_buf" else "dmaapi" if s == "device" else "gem"
of(p).shaped.setdefault(fn, (kind, "takes a struct %s and a vma" % s))

// The mmap in the file_operations of a DRM driver may be in another file than
// these, but it has to look up the object.
@filemmap depends on taker@
identifier fn, o, v;
position p;
@@
fn@p(struct file *o, struct vm_area_struct *v) {
	... when any
}

@script:python@
fn << filemmap.fn;
p << filemmap.p;
@@
of(p).filemmap.add(fn)

@lookup depends on taker@
identifier g =~ "^(drm_gem_mmap|drm_gem_mmap_obj|drm_vma_offset_(exact_)?lookup(_locked)?|is_dma_buf_file)$";
position p;
@@
g@p(...)

@script:python@
p << lookup.p;
@@
if p[0].current_element in of(p).filemmap:
	of(p).shaped.setdefault(p[0].current_element,
				("fops", "takes a struct file and a vma"))

@dmabufops depends on taker@
identifier table, fn;
position p;
@@
struct dma_buf_ops table = { .mmap = fn@p, };

@script:python@
fn << dmabufops.fn;
p << dmabufops.p;
@@
of(p).roots[fn] = ("dmabuf", "struct dma_buf_ops")

@nestedops depends on taker@
identifier s, table, fn;
position p;
@@
struct s table = { .ops = { .mmap = fn@p, }, };

@script:python@
fn << nestedops.fn;
s << nestedops.s;
p << nestedops.p;
@@
of(p).roots[fn] = ("dmabuf", "struct " + s)

@refuse depends on taker@
identifier dmabufops.fn;
constant C;
position p;
@@
fn@p(...) {
	return -C;
}

@script:python@
p << refuse.p;
@@
of(p).refuse = True

@gemmmap depends on taker@
identifier table, fn;
position p;
@@
struct drm_gem_object_funcs table = { .mmap = fn@p, };

@script:python@
fn << gemmmap.fn;
p << gemmmap.p;
@@
of(p).roots.setdefault(fn, ("gem", "struct drm_gem_object_funcs"))
of(p).gemmmap = True

@gemvmops depends on taker@
identifier table, vmo;
position p;
@@
struct drm_gem_object_funcs table = { .vm_ops = &vmo@p, };

@script:python@
vmo << gemvmops.vmo;
p << gemvmops.p;
@@
of(p).gemops[vmo] = "struct drm_gem_object_funcs"

@drmfops depends on taker@
identifier drv, fo;
@@
struct drm_driver drv = { .fops = &fo, };

@drmmmap depends on taker@
identifier drmfops.fo, fn;
position p;
@@
struct file_operations fo = { .mmap = fn@p, };

@script:python@
fn << drmmmap.fn;
p << drmmmap.p;
@@
of(p).roots.setdefault(fn, ("fops", "struct drm_driver"))

@vmops depends on taker@
identifier vmo, fn;
identifier m =~ "^(fault|huge_fault|map_pages|access)$";
position p;
@@
struct vm_operations_struct vmo = { .m = fn@p, };

@script:python@
vmo << vmops.vmo;
fn << vmops.fn;
m << vmops.m;
p << vmops.p;
@@
of(p).handlers.setdefault(vmo, []).append((m, fn, p))

// ---------------------------------------------------------------------------
// What such a function does

@call depends on taker@
identifier g =~ "^(vm_insert_pages?|vm_map_pages(_zero)?|remap_vmalloc_range(_partial)?|vmf_insert_(page|mixed)(_mkwrite)?|vmf_insert_folio_p[mu]d|(io_)?remap_pfn_range|vfs_mmap|call_mmap|compat_vma_mmap|generic_file_mmap|dma_mmap_(attrs|coherent|wc|writecombine|pages|noncontiguous)|snd_dma_buffer_mmap|vma_set_file|linear_page_delta|vm_flags_(set|clear|mod|init|reset)|vma_(set|clear)_flags(_mask)?|(vma_)?is_cow_mapping|dma_buf_(pfnmap_)?mmap|drm_gem_(mmap|mmap_obj|shmem_mmap|ttm_mmap)|ttm_bo_mmap_obj)$";
expression list es;
position p;
@@
g@p(es)

@script:python@
g << call.g;
es << call.es;
p << call.p;
@@
event(p, "call", g, args(es))

@handed depends on taker@
identifier taker.fn;
expression list es;
position p;
@@
fn@p(es)

@script:python@
fn << taker.fn;
es << handed.es;
p << handed.p;
@@
event(p, "call", fn, args(es))

@indirect depends on taker@
expression e;
identifier m != {funcs, f_op};
position p;
@@
e->m->mmap@p(...)

@script:python@
e << indirect.e;
m << indirect.m;
p << indirect.p;
@@
event(p, "indirect", m)

// Callbacks of a file are for something else than an object in it
@value depends on taker@
identifier taker.fn;
position p != handed.p;
@@
fn@p

@script:python@
fn << taker.fn;
p << value.p;
@@
if fn not in of(p).filemmap:
	of(p).values.add(fn)

@macro depends on taker@
identifier m;
expression e;
position p;
@@
#define m@p e

@script:python@
m << macro.m;
e << macro.e;
p << macro.p;
@@
of(p).macros[m] = text(e)

@fop depends on taker@
expression e;
position p;
@@
e->f_op->mmap@p(...)

@script:python@
p << fop.p;
@@
event(p, "f_op", "f_op->mmap")

@exporter depends on taker@
struct dma_buf *d;
position p;
@@
d->ops->mmap@p(...)

@script:python@
p << exporter.p;
@@
event(p, "dispatch", "dma_buf_ops")

@gem depends on taker@
expression e;
position p;
@@
e->funcs->mmap@p(...)

@script:python@
p << gem.p;
@@
event(p, "dispatch", "drm_gem_object_funcs")

@assign depends on taker@
expression e, v;
identifier m =~ "^(page|vm_file|vm_pgoff|vm_ops)$";
position p;
@@
e->m@p = v

@script:python@
e << assign.e;
m << assign.m;
v << assign.v;
p << assign.p;
@@
event(p, "assign", m, (text(e), text(v)))

@index depends on taker@
expression a, e;
identifier m =~ "^vm_(start|pgoff)$";
position p;
@@
(
a - e->m@p
|
a -= e->m@p
)

@script:python@
a << index.a;
m << index.m;
p << index.p;
@@
event(p, "index", m, text(a))

@pgoff depends on taker@
expression e;
identifier m =~ "^vm_pgoff$";
position p;
@@
e->m@p

@script:python@
p << pgoff.p;
@@
of(p).pgoff.add(p[0].current_element)

@flag depends on taker@
symbol VM_SHARED, VM_MAYSHARE;
position p;
@@
(
VM_SHARED@p
|
VM_MAYSHARE@p
)

@script:python@
p << flag.p;
@@
of(p).shared.add(p[0].current_element)

@asks depends on taker@
expression e;
symbol VM_PFNMAP;
position p;
@@
e->vm_flags & <+...VM_PFNMAP@p...+>

@script:python@
p << asks.p;
@@
of(p).pfnmap.add(p[0].current_element)

@asksraw depends on taker@
position p;
@@
vm_map_pages_pfn@p(...)

@script:python@
p << asksraw.p;
@@
of(p).pfnmap.add(p[0].current_element)

// ---------------------------------------------------------------------------

@script:python depends on report && !explain && taker@
@@
for pos, msg in messages():
	coccilib.report.print_report(pos, msg)

@script:python depends on report && explain && taker@
@@
for pos, msg in messages(True):
	coccilib.report.print_report(pos, msg)

@script:python depends on org && taker@
@@
for pos, msg in messages():
	coccilib.org.print_todo(pos, msg.replace("[", "(").replace("]", ")"))

@depends on context && taker@
identifier g;
position p : script:python() { is_hit(p) };
@@
* g@p(...)

@depends on context && taker@
expression e;
identifier m;
position p : script:python() { is_hit(p) };
@@
* e->m@p(...)

@depends on context && taker@
expression e, v;
identifier m;
position p : script:python() { is_hit(p) };
@@
* e->m@p = v

@depends on context && taker@
expression a, e;
identifier m;
position p : script:python() { is_hit(p) };
@@
(
* a - e->m@p
|
* a -= e->m@p
)

@depends on context && taker@
identifier vmo, fn, m;
position p : script:python() { is_hit(p) };
@@
struct vm_operations_struct vmo = {
*	.m = fn@p,
};
