# SPDX-License-Identifier: GPL-2.0
# The front door. Every target is a small script in harness/; everything made goes to build/.

BASE ?= mainline
ARCH ?= x86_64
KERNEL ?=
BASELINE ?=
JOBS ?=
KVM ?= auto
DEBUG ?=
FORCE ?=
LONG ?=
FROM ?=
RANGE ?=
TOPIC ?=
FILE ?=
export BASE ARCH KERNEL BASELINE JOBS KVM DEBUG FORCE LONG FROM RANGE TOPIC FILE

targets := demo test bench topics series check-series tree image shell check check-driver compile-matrix refresh kunit i915 selftests clean

.PHONY: help $(targets)
.NOTPARALLEL:

help:
	@cat harness/help.txt

$(targets):
	@harness/$@
