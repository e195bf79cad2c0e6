// What a process in a container can see of itself, as text: `@section` lines, each with its `|line` lines below. The comparison gives
// meaning to them; here everything is printed as it is found, and what cannot be read is printed as its errno.
//
//     probe EXIT WORD…      WORD is r:PATH (read it), t:PATH (look at it, then try to write there)
//     probe hold FLAGS      make namespaces, say "PID" when they are there, and keep them until standard input ends
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void section(const char *name) { printf("@%s\n", name); }

static void text(char *data, size_t size) {
    size_t start = 0;
    for (size_t at = 0; at < size; at++) {
        if (data[at] != '\n' && data[at] != '\0') continue;
        printf("|%.*s\n", (int)(at - start), data + start);
        start = at + 1;
    }
    if (start < size) printf("|%.*s\n", (int)(size - start), data + start);
}

static void content(const char *path) {
    static char data[1 << 20];
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        printf("|errno %d\n", errno);
        return;
    }
    size_t size = 0;
    ssize_t got;
    while (size < sizeof data && (got = read(fd, data + size, sizeof data - size)) > 0) size += (size_t)got;
    if (got < 0) printf("|errno %d after %zu\n", errno, size);
    text(data, size);
    close(fd);
}

static void file(const char *path) {
    section(path);
    content(path);
}

static void look(const char *path, const char *shown, int times) {
    struct stat at;
    if (lstat(path, &at) != 0) {
        printf("|%s errno %d\n", shown, errno);
        return;
    }
    char target[4096] = "";
    if (S_ISLNK(at.st_mode)) {
        ssize_t size = readlink(path, target, sizeof target - 1);
        if (size >= 0) target[size] = 0;
    }
    printf("|%s %o %d:%d", shown, at.st_mode, at.st_uid, at.st_gid);
    if (S_ISCHR(at.st_mode) || S_ISBLK(at.st_mode)) printf(" %u:%u", major(at.st_rdev), minor(at.st_rdev));
    if (S_ISREG(at.st_mode) && times) printf(" %lld", (long long)at.st_size);
    printf("%s%s\n", *target ? " -> " : "", target);
}

static int nameOrder(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static void tree(const char *path, int depth) {
    struct dirent **names;
    int count = scandir(path, &names, NULL, nameOrder);
    if (count < 0) {
        printf("|%s errno %d\n", path, errno);
        return;
    }
    for (int at = 0; at < count; at++) {
        const char *name = names[at]->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        char full[4096];
        snprintf(full, sizeof full, "%s/%s", path, name);
        look(full, full, 1);
        struct stat found;
        if (depth > 0 && lstat(full, &found) == 0 && S_ISDIR(found.st_mode)) tree(full, depth - 1);
    }
}

static void touch(const char *path) {
    printf("@touch %s\n", path);
    look(path, "self", 1);
    struct stat at;
    if (stat(path, &at) != 0) {
        printf("|stat errno %d\n", errno);
        return;
    }
    struct statfs fs;
    if (statfs(path, &fs) == 0) printf("|fs %lx flags %lx\n", (unsigned long)fs.f_type, (unsigned long)fs.f_flags);
    if (S_ISDIR(at.st_mode)) {
        if (fs.f_type != 0x9fa0 && fs.f_type != 0x62656572) tree(path, 1);
        // Without a name nothing is left behind, whatever becomes of the probe.
        int fd = open(path, O_WRONLY | O_TMPFILE, 0600);
        printf("|create %d\n", fd < 0 ? errno : 0);
        if (fd >= 0) close(fd);
    } else if (S_ISREG(at.st_mode)) {
        int fd = open(path, O_WRONLY);
        printf("|write %d\n", fd < 0 ? errno : 0);
        if (fd >= 0) close(fd);
        if (fs.f_type != 0x9fa0 && fs.f_type != 0x62656572) content(path);
        printf("|exec %d\n", access(path, X_OK) ? errno : 0);
    } else {
        int fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY);
        printf("|open %d\n", fd < 0 ? errno : 0);
        if (fd >= 0) close(fd);
    }
}

static void identity(void) {
    uid_t r, e, s;
    section("ids");
    getresuid(&r, &e, &s);
    printf("|uid %u %u %u\n", r, e, s);
    getresgid(&r, &e, &s);
    printf("|gid %u %u %u\n", r, e, s);
    gid_t groups[256];
    int count = getgroups(256, groups);
    printf("|groups");
    for (int at = 0; at < count; at++) printf(" %u", groups[at]);
    printf("\n");
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[2];
    if (syscall(SYS_capget, &head, caps) == 0)
        printf("|caps e %08x%08x p %08x%08x i %08x%08x\n", caps[1].effective, caps[0].effective, caps[1].permitted, caps[0].permitted,
               caps[1].inheritable, caps[0].inheritable);
    printf("|bounding ");
    for (int cap = 0; cap < 41; cap++) printf("%d", prctl(PR_CAPBSET_READ, cap));
    printf("\n|ambient ");
    for (int cap = 0; cap < 41; cap++) printf("%d", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0));
    int death = -1;
    prctl(PR_GET_PDEATHSIG, &death);
    printf("\n|securebits %d keepcaps %d no_new_privs %d dumpable %d pdeathsig %d subreaper", prctl(PR_GET_SECUREBITS),
           prctl(PR_GET_KEEPCAPS), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_DUMPABLE), death);
    int reaper = -1;
    prctl(PR_GET_CHILD_SUBREAPER, &reaper);
    printf(" %d\n", reaper);
    printf("|leads its session %d, its group %d, has a terminal %d\n", getsid(0) == getpid(), getpgrp() == getpid(),
           open("/dev/tty", O_RDONLY | O_NONBLOCK) >= 0);
    printf("|personality %x\n", personality(0xffffffff));
    mode_t mask = umask(0);
    umask(mask);
    printf("|umask %o\n", mask);
    char where[4096];
    printf("|cwd %s\n", getcwd(where, sizeof where) ? where : "none");
    printf("|scheduler %d nice %d ioprio %ld\n", sched_getscheduler(0), getpriority(PRIO_PROCESS, 0), syscall(SYS_ioprio_get, 1, 0));
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof cpus, &cpus) == 0) printf("|cpus %d\n", CPU_COUNT(&cpus));
    char key[256] = "none";
    long size = syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, key, sizeof key - 1);
    printf("|session keyring %s\n", size > 0 ? key : strerror(errno));
    struct utsname name;
    uname(&name);
    printf("|uname %s %s %s\n", name.nodename, name.domainname, name.machine);
}

static void limits(void) {
    section("limits");
    for (int at = 0; at < RLIM_NLIMITS; at++) {
        struct rlimit limit;
        getrlimit(at, &limit);
        printf("|%d %lx %lx\n", at, limit.rlim_cur, limit.rlim_max);
    }
}

static void signals(void) {
    section("signals");
    sigset_t set;
    sigprocmask(SIG_BLOCK, NULL, &set);
    for (int at = 1; at < 65; at++) {
        struct sigaction action;
        if (at != 32 && at != 33 && sigaction(at, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
            printf("|%d is ignored or handled\n", at);
        if (sigismember(&set, at) == 1) printf("|%d is blocked\n", at);
    }
}

static void descriptors(void) {
    section("descriptors");
    for (int fd = 0; fd < 256; fd++) {
        struct stat at;
        if (fstat(fd, &at) != 0) continue;
        printf("|%d %o %d:%d flags %o cloexec %d\n", fd, at.st_mode, at.st_uid, at.st_gid, fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
    }
}

static void network(void) {
    section("network");
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq request = {.ifr_name = "lo"};
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) != 0) printf("|lo errno %d\n", errno);
    else printf("|lo %x\n", request.ifr_flags & (IFF_UP | IFF_RUNNING));
    if (fd >= 0) close(fd);
}

struct call {
    const char *name;
    long number, a, b, c;
};

// Each does no harm: its arguments are bad, or it asks for what is already so.
static const struct call calls[] = {
    {"getpriority", SYS_getpriority, 0, 0, 0},
    {"sched_yield", SYS_sched_yield, 0, 0, 0},
    {"mkdir", SYS_mkdir, 0, 0, 0},
    {"mkdirat", SYS_mkdirat, 7, 1, 2},
    {"unlink", SYS_unlink, 0, 0, 0},
    {"chroot", SYS_chroot, 0, 0, 0},
    {"ptrace", SYS_ptrace, 9999, 0, 0},
    {"timerfd_create", SYS_timerfd_create, 9999, 0, 0},
    {"socket inet", SYS_socket, AF_INET, SOCK_STREAM, 0},
    {"socket netlink", SYS_socket, AF_NETLINK, SOCK_RAW, 0},
    {"socket vsock", SYS_socket, 40, SOCK_STREAM, 0},
    {"io_uring_setup", 425, 0, 0, 0},
    {"bpf", SYS_bpf, 9999, 0, 0},
    {"keyctl", SYS_keyctl, 9999, 0, 0},
    {"personality", SYS_personality, 0xffffffff, 0, 0},
    {"personality linux32", SYS_personality, 0x08000000, 0, 0},
    {"syslog", SYS_syslog, 10, 0, 0},
    {"mount", SYS_mount, 0, 0, 0},
    {"setns", SYS_setns, -1, 0, 0},
    {"unshare", SYS_unshare, 0, 0, 0},
    {"swapoff", SYS_swapoff, 0, 0, 0},
    {"kexec_load", SYS_kexec_load, 0, 999, 0},
    {"no such call", 999, 0, 0, 0},
};

static void systemCalls(void) {
    section("calls");
    fflush(stdout);
    for (size_t at = 0; at < sizeof calls / sizeof *calls; at++) {
        long result = syscall(calls[at].number, calls[at].a, calls[at].b, calls[at].c, 0, 0);
        if (result > 2 && strncmp(calls[at].name, "socket", 6) == 0) close((int)result), result = 0;
        printf("|%s %s %d\n", calls[at].name, result < 0 ? "errno" : "gives", result < 0 ? errno : (int)result);
        fflush(stdout);
    }
}

static void namespaces(void) {
    static const char *const names[] = {"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "user", "uts"};
    section("namespaces");
    for (size_t at = 0; at < sizeof names / sizeof *names; at++) {
        char path[64], target[64] = "";
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[at]);
        if (readlink(path, target, sizeof target - 1) < 0) snprintf(target, sizeof target, "errno %d", errno);
        printf("|%s %s\n", names[at], target);
    }
}

static int hold(int flags) {
    if (unshare(flags) != 0) return perror("unshare"), 1;
    pid_t child = fork();
    if (child != 0) {
        int status = 0;
        waitpid(child, &status, 0);
        return WEXITSTATUS(status);
    }
    char host[64] = "";
    if (readlink("/proc/self", host, sizeof host - 1) < 0) return 1;
    printf("%s\n", host);
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) continue;
    return 0;
}

int main(int count, char **words) {
    if (count == 3 && strcmp(words[1], "hold") == 0) return hold((int)strtol(words[2], NULL, 0));
    static char buffer[1 << 16];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    descriptors();
    section("arguments");
    for (int at = 0; at < count; at++) printf("|%s\n", words[at]);
    section("environment");
    for (char **entry = environ; *entry; entry++) printf("|%s\n", *entry);
    identity();
    limits();
    signals();
    network();
    namespaces();
    static const char *const files[] = {"mountinfo",     "status",         "cgroup",       "limits", "uid_map", "gid_map", "setgroups",
                                        "oom_score_adj", "timens_offsets", "attr/current", "comm",   "cmdline", "loginuid"};
    for (size_t at = 0; at < sizeof files / sizeof *files; at++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/%s", files[at]);
        file(path);
    }
    section("/dev");
    tree("/dev", 1);
    section("/");
    tree("/", 0);
    for (int at = 2; at < count; at++) {
        if (words[at][0] == 'r' && words[at][1] == ':') file(words[at] + 2);
        if (words[at][0] == 't' && words[at][1] == ':') touch(words[at] + 2);
    }
    systemCalls();
    section("end");
    fflush(stdout);
    return count > 1 ? atoi(words[1]) : 0;
}
