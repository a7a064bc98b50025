# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034 # used by those who source this
# Sourced by every script of the harness, make targets and step/ alike: names, messages, results.

set -eu
LC_ALL=C.UTF-8
export LC_ALL
umask 022
# make's own variables would override the kernel's (ARCH=, KERNEL= on our command line)
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CDPATH

TOP=$(cd "$(dirname "$0")" && while [ ! -f harness/lib.sh ]; do cd ..; done && pwd -P)
BASE=${BASE:-mainline}
ARCH=${ARCH:-x86_64}
KERNEL=${KERNEL:-}
BASELINE=${BASELINE:-}
JOBS=${JOBS:-$(nproc)}
DEBUG=${DEBUG:-}
me=$(basename "$0")

say() { printf '%s: %s\n' "$me" "$*" >&2; }
# list WORDS: in lines that a terminal shows whole
list() { echo; echo "$1" | paste -sd' ' | fold -s -w 96 | sed 's/^/  /'; }
die() { printf '%s: error: %s\n' "$me" "$*" >&2; exit 1; }

case $BASE in
''|*/*|.*) die "BASE=$BASE is not the name of a queue; there is: $(cd "$TOP/patches" 2>/dev/null && echo *)" ;;
esac
[ "$BASELINE" != 0 ] || BASELINE=

QUEUE=$TOP/patches/$BASE
[ -f "$QUEUE/base" ] || die "no queue for BASE=$BASE (patches/$BASE/base); there is: $(cd "$TOP/patches" 2>/dev/null && echo *)"

# what patches/BASE/base says after KEY
base_field() { sed -n "s/^$1[ 	][ 	]*//p" "$TOP/patches/$BASE/base"; }

# Topics of the queue in order, and what patches/BASE/TOPIC holds. One that is made of another has them before
# step/derive has made it.
from=$(base_field from)
topics() { sed -s 's/#.*//; s/[ 	]*$//; /^$/d' "$TOP/patches/$BASE/series" ${from:+"$TOP/patches/$from/series"}; }
topic_patches() { (cd "$QUEUE" && find "$1" -name '[0-9]*.patch' | sort); }
topic_field() { sed -n "s/^$2:[ 	]*//p" "$QUEUE/$1/topic"; }
is_private() { [ "$(topic_field "$1" Private)" = yes ]; }
# topic_needs TOPIC: the topics that it needs, with those that these need, in the order of the series
topic_needs() {
	_needs=" $(topic_field "$1" Needs) "
	for _t in $(topics | tac); do
		case $_needs in *" $_t "*) _needs="$_needs$(topic_field "$_t" Needs) " ;; esac
	done
	for _t in $(topics); do case $_needs in *" $_t "*) echo "$_t" ;; esac; done
}

# A kernel with checks: harness/config/debug-NAME.config. The usual one is just 1.
[ "$DEBUG" != 1 ] || DEBUG=kasan
debug_kernels() { (cd "$TOP/harness/config" && ls debug-*.config) | sed 's/^debug-//; s/\.config$//'; }
[ -z "$DEBUG" ] || debug_kernels | grep -qxF "$DEBUG" ||
	die "DEBUG=$DEBUG: no such kernel; there is:$(list "$(debug_kernels)")"

check_arch() { [ -f "$TOP/harness/arch/$1" ] || die "ARCH=$1: no such architecture here; there is: $(cd "$TOP/harness/arch" && echo *)"; }
check_arch "$ARCH"
# shellcheck source=harness/arch/x86_64
. "$TOP/harness/arch/$ARCH"

TOPIC=${TOPIC:-}
[ -z "$TOPIC" ] || topics | grep -qxF "$TOPIC" ||
	die "TOPIC=$TOPIC: no such topic; there is:$(list "$(topics)")"

# A user's own kernel gets a directory of its own beside Debian's
if [ -n "$KERNEL" ]; then
	[ -d "$KERNEL" ] || die "KERNEL=$KERNEL: no such directory"
	KERNEL=$(cd "$KERNEL" && pwd -P)
	WORK=$TOP/build/$BASE-$(basename "$KERNEL")-$(printf %s "$KERNEL" | cksum | cut -d' ' -f1)
else
	WORK=$TOP/build/$BASE
fi
PRISTINE=$WORK/pristine
STAGE=$WORK/stage
LINUX=$WORK/linux
GUEST=$WORK/guest-$ARCH
# A base of which another queue is adapted: by step/derive
OVERLAY=$TOP
if [ -n "$from" ]; then QUEUE=$WORK/queue OVERLAY=$WORK/overlay; fi
LOGS=$TOP/build/logs/$(basename "$WORK")-$ARCH
RESULTS=$TOP/build/results

# Nothing is made before the arguments are checked: what comes first and makes something calls this
make_dirs() { mkdir -p "$WORK" "$LOGS"; }

# lock NAME: of several makes in this directory, the others wait here until this script ends
lock() {
	command -v flock >/dev/null || return 0
	exec 9>"$TOP/build/$1.lock"
	flock -n 9 || { say "another make in this directory is at work: waiting for it"; flock 9; }
}

# Interrupted scripts leave only *.tmp, which the next run replaces
mktmp() { rm -rf "$1.tmp"; mkdir -p "$1.tmp"; }

# Object directory of one kernel: "" patched, "baseline" unpatched
obj_dir() { echo "$WORK/obj-$ARCH${1:+-$1}${DEBUG:+-$DEBUG}"; }

# The kernel's make, with nothing of ours in its environment
kmake() {
	env -u BASE -u KERNEL -u BASELINE -u DEBUG -u OPS -u SEED -u FORCE -u FROM -u RANGE -u TOPIC -u FILE -u KVM -u JOBS -u T -u S \
		ARCH="$kernel_arch" CROSS_COMPILE="$cross" KBUILD_BUILD_USER=user KBUILD_BUILD_HOST=host \
		KBUILD_BUILD_TIMESTAMP=@0 make "$@"
}

# need_space DIR MIB WHAT
need_space() {
	_free=$(df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024) }')
	[ "$_free" -ge "$2" ] || die "$3 needs $2 MiB in $1, $_free MiB are free"
}

# patch_part PART FILE: of a patch of the queue, head (mail header), body (message), notes (below the
# "---"), overlay (names of the files that it adds), or diff; without blank lines around it
patch_part() {
	awk -v want="$1" '
	BEGIN { now = "head" }
	now == "head" && /^$/ { now = "body"; next }
	now == "body" && /^---$/ { now = "notes"; next }
	now == "notes" && /^(diff --git |--- )/ { now = "diff" }
	now == "notes" && /^Overlay: / { if (want == "overlay") print substr($0, 10); next }
	now != want { next }
	want == "diff" { print; next }
	/^$/ { blank = blank "\n"; next }
	{ printf "%s%s\n", any ? blank : "", $0; any = 1; blank = "" }' "$2"
}
# patch_field FIELD FILE: one field of its mail header
patch_field() {
	patch_part head "$2" | awk -v f="$1: " 'on && /^[ \t]/ { sub(/^[ \t]+/, " "); printf "%s", $0; next }
	{ on = 0 } index($0, f) == 1 { on = 1; printf "%s", substr($0, length(f) + 1) }'
}
patch_subject() { patch_field Subject "$1" | sed 's/^\[[^]]*\] *//'; }

# One line per result in build/results; the last line of make test counts them. After one that failed rc is 1,
# which is what a script ends with.
result() { printf '%s %s\n' "$1" "$2" | tee -a "$RESULTS" >&2; }
pass() { result PASS "$1"; }
fail() { result FAIL "$1"; rc=1; }
skip() { result SKIP "$1"; }
# take_results FILE: those that step/ktap or the like wrote
take_results() {
	tee -a "$RESULTS" <"$1" >&2
	! grep -q '^FAIL' "$1" || rc=1
}

# Prints what went wrong in a log: the first errors of the compiler, or else what looks like one
log_errors() {
	_errors=$(grep -E ': (fatal )?error: |undefined reference|No rule to make' "$1" | head -n 8)
	[ -n "$_errors" ] || _errors=$(grep -i -e error -e '\*\*\*' "$1" | tail -n 8)
	echo "${_errors:-$(tail -n 8 "$1")}" >&2
}

# lost_symbols DIR FRAGMENT...: what these ask for and DIR/.config does not have, unless one says that it is not
# set: that is what a base does not have
lost_symbols() {
	_dir=$1
	shift
	cat "$@" | sed -n 's/^# \(CONFIG_[A-Z0-9_]*\) is not set$/\1=/p' >"$_dir/absent"
	cat "$@" | grep '^CONFIG_' | grep -vxFf "$_dir/.config" | grep -vFf "$_dir/absent" | tr '\n' ' ' || :
}

# warnings_of TREE <LOG: the warnings of a build, without line numbers, so that moved code is not new
warnings_of() {
	sed -n -e "s|$1/||g" -e 's/^\(\.\.\/\)*//' \
		-e 's/^\([^ :]*\.[chS]\):[0-9]*:\([0-9]*:\)\{0,1\} \(.*\(warning\|error\): .*\)$/\1: \3/p' | sort
}

# needs_part NAME: dies if this base has no such part of make test
needs_part() {
	_parts=$(base_field parts)
	case " ${_parts:-$1} " in *" $1 "*) ;; *) die "BASE=$BASE has no $1, as patches/$BASE/base says (parts)" ;; esac
}

# exporters MACHINE: options by which the selftest takes those that are there, and exporter_names MACHINE:
# their names. Buffers from the DMA API behind an IOMMU are on the machine that has one, all others on
# the usual one; nobody hands in a file descriptor.
exporters() {
	case $1 in
	iommu) variants -v iommu_ ;;
	*) for _e in fd $absent; do echo "-V $_e"; done; variants -V iommu_ ;;
	esac | tr '\n' ' '
}
# shellcheck disable=SC2046 # a list of options
exporter_names() {
	case $1 in
	iommu) [ -z "$machine_iommu" ] || variants '' iommu_ ;;
	*) variants '' '' | grep -v -e '^ iommu_' $(for _e in fd $absent; do echo "-e ^.$_e\$"; done) ;;
	esac | tr -d ' '
}

# check_exporter: dies if S= names one that is not among these. step/stage has to come before it.
check_exporter() {
	[ -n "${S:-}" ] || return 0
	_all=$(exporter_names default; exporter_names iommu)
	echo "$_all" | grep -qxF "$S" || die "S=$S: ARCH=$ARCH has no such exporter; there is:$(list "$_all")"
}

# variants OPTION PREFIX: the exporters of the selftest whose names begin with it, as options for it
variants() { sed -n "s/^EXPORTER(\\($2[a-z0-9_]*\\)).*/$1 \\1/p" "$LINUX/tools/testing/selftests/dmabuf-heaps/dmabuf-mmap.c"; }
