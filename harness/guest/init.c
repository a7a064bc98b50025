// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's first process: sets the machine up, runs one program, reports
 * how it ended as "EXIT <status>" and switches the machine off. The program
 * and its arguments are the kernel's command line after "--".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
/* Not every architecture has KVM */
#if __has_include(<asm/kvm.h>)
#include <linux/kvm.h>
#endif
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static const struct {
	const char *type;
	const char *dir;
	const char *options;
	int needed;
} mounts[] = {
	{ "proc", "/proc", "", 1 },
	{ "sysfs", "/sys", "", 1 },
	{ "devtmpfs", "/dev", "", 1 },
	{ "tmpfs", "/tmp", "mode=1777", 1 },
	{ "tmpfs", "/dev/shm", "mode=1777", 1 },
	{ "devpts", "/dev/pts", "", 0 },
	{ "debugfs", "/sys/kernel/debug", "", 0 },
	{ "tracefs", "/sys/kernel/tracing", "", 0 },
};

/* Missing files are options that this kernel was built without. */
static const struct {
	const char *file;
	const char *value;
} settings[] = {
	{ "/proc/sys/kernel/core_pattern", "/tmp/core" },
	/* memfds get huge pages, for those who ask with madvise() */
	{ "/sys/kernel/mm/transparent_hugepage/shmem_enabled", "advise" },
};

static char *const environment[] = {
	"PATH=/bin", "HOME=/tmp", "TMPDIR=/tmp", "TERM=linux", NULL
};

static void mount_all(void)
{
	size_t i;

	for (i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].dir, 0755);
		if (!mount(mounts[i].type, mounts[i].dir, mounts[i].type, 0,
			   mounts[i].options) || errno == EBUSY)
			continue;
		if (mounts[i].needed)
			printf("init: cannot mount %s: %s\n", mounts[i].dir,
			       strerror(errno));
	}
}

static void apply_settings(void)
{
	size_t i;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		int fd = open(settings[i].file, O_WRONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (write(fd, settings[i].value, strlen(settings[i].value)) < 0)
			printf("init: cannot set %s: %s\n", settings[i].file,
			       strerror(errno));
		close(fd);
	}
}

/*
 * A message of the kernel would come in the middle of a line of the program.
 * Warnings still do: they are worth it.
 */
static void quieten_kernel(void)
{
	FILE *f = fopen("/proc/sys/kernel/printk", "r+");
	int level;

	if (!f)
		return;
	if (fscanf(f, "%d", &level) == 1 && level > 5) {
		rewind(f);
		fputs("5", f);
	}
	fclose(f);
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		printf("init: no loopback: %s\n", strerror(errno));
	close(fd);
}

/* The terminal that is the console */
static int open_terminal(void)
{
	char path[80] = "/dev/";
	char name[64] = "";
	char *last;
	ssize_t n;
	int fd;

	fd = open("/sys/class/tty/console/active", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, name, sizeof(name) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	name[strcspn(name, "\n")] = '\0';
	last = strrchr(name, ' ');
	strcat(path, last ? last + 1 : name);
	return open(path, O_RDWR);
}

/* A terminal of its own for the program, so that a shell has job control */
static void take_terminal(void)
{
	int fd;

	setsid();
	fd = open_terminal();
	if (fd < 0)
		return;
	ioctl(fd, TIOCSCTTY, 0);
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static int wait_for(pid_t pid)
{
	pid_t ended;
	int status;

	/* orphans come to us as well */
	do {
		ended = wait(&status);
	} while (ended != pid && (ended > 0 || errno == EINTR));
	if (ended != pid)
		return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/*
 * When the leader of a session ends, its terminal drops what is still on its
 * way out. So the program is not the leader: that one waits for the output.
 */
static void lead_session(char **argv)
{
	int status;
	pid_t pid;

	take_terminal();
	pid = fork();
	if (!pid) {
		execvpe(argv[0], argv, environment);
		printf("init: cannot run %s: %s\n", argv[0], strerror(errno));
		fflush(stdout);
		_exit(127);
	}
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	status = wait_for(pid);
	tcdrain(STDOUT_FILENO);
	_exit(status);
}

static int run(char **argv)
{
	pid_t pid = fork();

	if (!pid)
		lead_session(argv);
	return wait_for(pid);
}

/*
 * The kernel gives us words that it does not know as well, before those that
 * stand after "--". So count the latter.
 */
static int count_own_words(void)
{
	char line[4096] = "";
	char *words, *word;
	int n = 0;
	FILE *f = fopen("/proc/cmdline", "r");

	if (!f)
		return 0;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	words = strstr(line, " -- ");
	if (!words)
		return 0;
	for (word = strtok(words + 4, " \n"); word; word = strtok(NULL, " \n"))
		n++;
	return n;
}

/*
 * The first virtual machine has the kernel patch its scheduler, and the last one
 * once more. An emulated processor now and then trips over that (see boot): have
 * one for good, before anything else runs.
 */
static void hold_virtual_machine(void)
{
#ifdef KVM_CREATE_VM
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm >= 0 && ioctl(kvm, KVM_CREATE_VM, 0) < 0)
		printf("init: no virtual machine\n");
#endif
}

int main(int argc, char **argv)
{
	static char *nothing[] = { "true", NULL };
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	int status, words;

	setvbuf(stdout, NULL, _IOLBF, 0);
	mount_all();
	apply_settings();
	quieten_kernel();
	loopback_up();
	hold_virtual_machine();
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	setenv("PATH", "/bin", 1);
	if (chdir("/tmp"))
		printf("init: no /tmp\n");

	words = count_own_words();
	status = run(words > 0 && words < argc ? argv + argc - words : nothing);
	printf("\nEXIT %d\n", status);
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	/* no way to switch off: QEMU ends at a reset too, with -no-reboot */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
