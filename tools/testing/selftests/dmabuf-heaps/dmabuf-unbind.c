// SPDX-License-Identifier: GPL-2.0
/*
 * The device goes away while a dma-buf of it is mapped.
 *
 * Its driver is unbound by sysfs. From then on a mapping gives SIGBUS or the memory
 * that it gave before, never memory that somebody else may have by now. The
 * mapping and the dma-buf can be closed in any order, and the driver takes the device
 * again. KASAN, and init_on_free=1 on the kernel's command line, see more.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest.h"
#include "dmabuf-exporters.h"

#define RW		(PROT_READ | PROT_WRITE)
#define STIR_SIZE	(16UL << 20)

/*
 * Devices that the node of the buffer does not lead to. A mediated device goes away
 * for good; the next buffer makes another one.
 */
static const struct {
	const char *exporter;	/* as its name begins */
	const char *device;
	bool once;
} elsewhere[] = {
	{ "mbochs", "/sys/bus/mdev/devices/*", .once = true },
	{ "direct_", "/sys/bus/pci/drivers/dma_buf_test/*:*" },
	{ "iommu_", "/sys/bus/pci/drivers/dma_buf_test/*:*" },
};

/* How far it has come when the device goes away */
static const struct way {
	const char *name;	/* for messages */
	bool touched;		/* the mapping has entries */
	bool open;		/* the node of the device is; without, only the dma-buf */
	bool closed;		/* the dma-buf is, only the mapping has it */
} ways[] = {
	{ "untouched, device open", .open = true },
	{ "touched, device open", .touched = true, .open = true },
	{ "untouched, device closed" },
	{ "touched, device closed", .touched = true },
	{ "untouched, all closed", .closed = true },
	{ "touched, all closed", .touched = true, .closed = true },
};

static sigjmp_buf signal_env;

static void on_signal(int sig)
{
	siglongjmp(signal_env, sig);
}

/* How a device goes away and comes back */
struct removal {
	const char *name;		/* of the device */
	char device[PATH_MAX];		/* its directory in sysfs */
	char driver[PATH_MAX];		/* of its driver; empty if the device itself goes */
};

/* 0 or -errno */
static int find_removal(const struct dmabuf_exporter *exp,
			const struct dmabuf *buf, struct removal *removal)
{
	char path[PATH_MAX + 16] = "";
	bool once = false;
	struct stat st;
	unsigned int i;
	glob_t found;
	int err;

	if (!fstat(buf->dev, &st) && S_ISCHR(st.st_mode))
		snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device",
			 major(st.st_rdev), minor(st.st_rdev));
	for (i = 0; i < ARRAY_SIZE(elsewhere); i++) {
		if (strncmp(exp->name, elsewhere[i].exporter,
			    strlen(elsewhere[i].exporter)))
			continue;
		once = elsewhere[i].once;
		snprintf(path, sizeof(path), "%s", elsewhere[i].device);
	}

	if (glob(path, 0, NULL, &found))
		return -ENODEV;
	err = !realpath(found.gl_pathv[0], removal->device);
	globfree(&found);
	if (err)
		return -ENODEV;
	removal->name = strrchr(removal->device, '/') + 1;
	removal->driver[0] = '\0';
	if (once)
		return 0;
	snprintf(path, sizeof(path), "%s/driver", removal->device);
	if (!realpath(path, removal->driver))
		return -ENODEV;
	snprintf(path, sizeof(path), "%s/unbind", removal->driver);
	return access(path, W_OK) ? -errno : 0;
}

static bool tell(const char *dir, const char *file, const char *value)
{
	char path[PATH_MAX + 16];
	int err;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	err = dmabuf_write_file(path, value);
	if (err)
		ksft_print_msg("%s: %s\n", path, strerror(-err));
	return !err;
}

static bool remove_device(const struct removal *removal)
{
	if (!removal->driver[0])
		return tell(removal->device, "remove", "1");
	return tell(removal->driver, "unbind", removal->name);
}

static bool bring_back(const struct removal *removal)
{
	if (!removal->driver[0])
		return true;
	return tell(removal->driver, "bind", removal->name);
}

/* Whoever has freed memory now writes to it. */
static void stir(void)
{
	char *mem = mmap(NULL, STIR_SIZE, RW,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (mem == MAP_FAILED)
		return;
	memset(mem, 0x5a, STIR_SIZE);
	munmap(mem, STIR_SIZE);
}

/* 0, the number of times that it was wrong, or -1 for SIGBUS */
static int check_page(char *page, unsigned long nr)
{
	size_t ps = dmabuf_page_size();
	int sig = sigsetjmp(signal_env, 1);
	int ret = sig == SIGBUS ? -1 : 1;

	if (!sig) {
		signal(SIGBUS, on_signal);
		signal(SIGSEGV, on_signal);
		ret = dmabuf_check(page, ps, nr);
		dmabuf_fill(page, ps, nr);
		ret += dmabuf_check(page, ps, nr);
	}
	signal(SIGBUS, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
	return ret;
}

static bool look(const char *when, char *map, size_t len)
{
	unsigned long pages = len / dmabuf_page_size();
	unsigned long wrong = 0, lost = 0;
	unsigned long i;

	stir();
	for (i = 0; i < pages; i++) {
		int ret = check_page(map + i * dmabuf_page_size(), i);

		lost += ret < 0;
		wrong += ret > 0;
	}
	ksft_print_msg("%s: %lu of %lu pages give SIGBUS, %lu are wrong\n", when,
		       lost, pages, wrong);
	return !wrong;
}

/* A child has the entries too, and goes away before or after. */
static bool look_in_child(char *map, size_t len)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return false;
	if (!pid)
		_exit(!look("in a child", map, len));
	return waitpid(pid, &status, 0) == pid && !status;
}

/* What a debugger gets: the memory or an error */
static bool look_as_debugger(char *map)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	const size_t ps = dmabuf_page_size();
	uint64_t page[ps / sizeof(uint64_t)];
	bool ok = mem >= 0;

	if (pread(mem, page, ps, (uintptr_t)map) < 0)
		ok = ok && errno == EIO;
	else
		ok = ok && !dmabuf_check(page, ps, 0);
	close(mem);
	if (!ok)
		ksft_print_msg("a debugger reads something else\n");
	return ok;
}

static bool unbind(const struct dmabuf_exporter *exp, const struct way *way)
{
	struct removal removal;
	long before = dmabuf_count();
	struct dmabuf buf, again;
	size_t len;
	char *map;
	bool ok;
	int err;

	err = dmabuf_get(exp, 32 * dmabuf_page_size(), O_RDWR, &buf);
	if (err) {
		ksft_print_msg("%s\n", buf.why);
		return false;
	}
	if (find_removal(exp, &buf, &removal)) {
		dmabuf_put(&buf);
		return false;
	}
	if (dmabuf_count() != before + 1) {
		ksft_print_msg("%ld dma-bufs, and with one more %ld\n", before,
			       dmabuf_count());
		dmabuf_put(&buf);
		return false;
	}
	len = buf.size & ~(dmabuf_page_size() - 1);
	map = dmabuf_map(&buf, RW, MAP_SHARED);
	if (map == MAP_FAILED) {
		ksft_perror("mmap");
		dmabuf_put(&buf);
		return false;
	}
	dmabuf_fill(map, len, 0);
	if (!way->touched) {
		munmap(map, len);
		map = dmabuf_map(&buf, RW, MAP_SHARED);
		if (map == MAP_FAILED) {
			ksft_perror("mmap");
			dmabuf_put(&buf);
			return false;
		}
	}
	if (!way->open)
		dmabuf_close_device(&buf);
	if (way->closed)
		dmabuf_put(&buf);

	ok = remove_device(&removal);
	ok = look("removed", map, len) && ok;
	ok = look_in_child(map, len) && ok;
	ok = look_as_debugger(map) && ok;
	ok = bring_back(&removal) && ok;
	ok = look("brought back", map, len) && ok;

	/* the dma-buf first or the mapping first */
	if (way->touched)
		dmabuf_put(&buf);
	munmap(map, len);
	dmabuf_put(&buf);

	err = dmabuf_get(exp, 32 * dmabuf_page_size(), O_RDWR, &again);
	if (err) {
		ksft_print_msg("a new buffer: %s\n", again.why);
		return false;
	}
	dmabuf_put(&again);
	if (dmabuf_count() != before) {
		ksft_print_msg("%ld dma-bufs left behind\n",
			       dmabuf_count() - before);
		ok = false;
	}
	return ok;
}

/* Why an exporter is not tested, or NULL */
static const char *why_not(const struct dmabuf_exporter *exp)
{
	static char why[256];
	struct removal removal;
	struct dmabuf buf;
	int err;

	err = dmabuf_get(exp, 32 * dmabuf_page_size(), O_RDWR, &buf);
	if (err == -ENODEV) {
		snprintf(why, sizeof(why), "%s (needs %s)", buf.why, exp->needs);
		return why;
	}
	if (err)
		return NULL;
	err = find_removal(exp, &buf, &removal);
	dmabuf_put(&buf);
	if (err == -EACCES)
		return "needs root";
	return err ? "has no device that can go away" : NULL;
}

/* Takes the names of exporters, all without. */
int main(int argc, char **argv)
{
	unsigned int i, j, nr = 0;

	ksft_print_header();
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int arg = 1; arg < argc; arg++)
		if (!dmabuf_exporter_find(argv[arg]))
			ksft_exit_fail_msg("%s: no such exporter\n", argv[arg]);

	if (dmabuf_count() < 0)
		ksft_exit_skip("no " DMABUF_BUFINFO " (needs debugfs)\n");

	for (i = 0; i < nr_dmabuf_exporters; i++)
		nr += dmabuf_is_wanted(dmabuf_exporters[i].name, argc, argv);
	ksft_set_plan(nr);

	for (i = 0; i < nr_dmabuf_exporters; i++) {
		const struct dmabuf_exporter *exp = &dmabuf_exporters[i];
		const char *why;
		bool ok = true;

		if (!dmabuf_is_wanted(exp->name, argc, argv))
			continue;
		why = why_not(exp);
		if (why) {
			ksft_test_result_skip("%s: %s\n", exp->name, why);
			continue;
		}
		for (j = 0; j < ARRAY_SIZE(ways); j++) {
			/* the removal waits until nobody has the device open */
			if (ways[j].open && !strcmp(exp->name, "mbochs"))
				continue;
			ksft_print_msg("%s: %s\n", exp->name, ways[j].name);
			ok = unbind(exp, &ways[j]) && ok;
		}
		ksft_test_result(ok, "%s\n", exp->name);
	}
	ksft_finished();
}
