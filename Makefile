# SPDX-License-Identifier: GPL-2.0
# The front door. Every target is a small script in harness/, whose third line is its help; everything
# made goes to build/. What stands behind ## is printed by make help.

targets := demo test bench topics series check-series quilt check check-driver compile-matrix matrix
targets += tree image shell kunit selftests storm faults mutants i915 refresh clean

## BASE=mainline        the queue: patches/BASE; also 7.2 and 6.12 (docs/bases.md)
BASE ?= mainline
## KERNEL=/path         use this kernel tree instead of Debian's; it is copied, never modified
KERNEL ?=
## ARCH=x86_64          the architecture to build and boot: a file of harness/arch, such as arm64
ARCH ?= x86_64
## BASELINE=1           the unpatched kernel
BASELINE ?=
## TOPIC=name           series, check-series: this topic only
TOPIC ?=
## S=exporter           selftests, faults, storm: this exporter only
S ?=
## T=name               selftests: this test; kunit: suite or suite.test, * and ?; mutants: a regex
T ?=
## JOBS=n               parallel jobs (default: as many as processors)
JOBS ?=
## KVM=auto|no          auto: use KVM after a short proof that it works (default); no: never
KVM ?= auto
## DEBUG=name           a kernel with checks, of harness/config/debug-*.config (1: kasan); slow
DEBUG ?=
## LONG=1               bench: also the curves to 1 GiB
LONG ?=
## FORCE=1              tree: throw away edits made in build/BASE/linux
FORCE ?=
## OPS=n                storm: operations on each kernel (default: 10 million)
OPS ?=
## SEED=n               storm: what their order depends on (default: chance)
SEED ?=
# see the targets that take them
FROM ?=
RANGE ?=
FILE ?=
export BASE KERNEL ARCH BASELINE TOPIC S T JOBS KVM DEBUG LONG OPS SEED FORCE FROM RANGE FILE

.PHONY: help $(targets)
.NOTPARALLEL:

help:
	@echo 'A dma-buf mapping is never ordinary memory: kernel patches, and what builds and tests them.'; echo
	@for t in $(targets); do sed -n "3s/^# $$t: /$$t: /p" harness/$$t; done | sed 's/:/ /' | \
		awk '{ t = $$1; sub(/^[^ ]+ +/, ""); printf "  make %-15s %s\n", t, $$0 }'
	@echo; sed -n 's/^## /  /p' Makefile

$(targets):
	@harness/$@
