/* The terminal, the descriptors, and the foreground: waiting for the container's process, passing signals and bytes, cleaning up. */
#include "launcher.h"
#include <asm/termbits.h>
#include <linux/stat.h>
#include <poll.h>
#include <sys/wait.h>

#define DEVPTS_SUPER_MAGIC 0x1cd1
#define IOCTL_TIOCSPTLCK 0x40045431
#define IOCTL_TIOCGPTPEER 0x5441
#define IOCTL_TIOCSWINSZ 0x5414
#define IOCTL_TIOCGWINSZ 0x5413
#define IOCTL_TIOCSCTTY 0x540e
#define IOCTL_TCGETS 0x5401
#define IOCTL_TCSETS 0x5402

/* A new terminal of the container's own devpts; the other end must really lie on a devpts (CVE-2025-52565). Its modes are the kernel's: what line ends become is for the one who gets the master. */
long do_pty(struct record *o) {
    struct {
        long type, rest[31];
    } fs;
    uint16_t size[4] = {(uint16_t)INT(PTY, ROWS), (uint16_t)INT(PTY, COLUMNS), 0, 0};
    int unlock = 0;
    long master = open_in(SLOT(PTY, DIR), TEXT(PTY, PATH), O_RDWR | O_NOCTTY, 0, 0x10 /* RESOLVE_IN_ROOT */);
    if (master < 0) return master;
    long result = slot_put(INT(PTY, MASTER), master);
    if (result == 0) result = sys(SYS_ioctl, master, IOCTL_TIOCSPTLCK, &unlock);
    long slave = result < 0 ? result : sys(SYS_ioctl, master, IOCTL_TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) return slave;
    result = slot_put(INT(PTY, SLAVE), slave);
    if (result == 0) result = sys(SYS_fstatfs, slave, &fs);
    if (result == 0 && fs.type != DEVPTS_SUPER_MAGIC) result = -EXDEV;
    if (result == 0 && (size[0] || size[1])) result = sys(SYS_ioctl, master, IOCTL_TIOCSWINSZ, size);
    return result;
}

static int is_null(int fd) {
    struct statx s;
    return sys(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &s) == 0 && S_ISCHR(s.stx_mode) && s.stx_rdev_major == 1 &&
           s.stx_rdev_minor == 3;
}

/*
 * A standard descriptor that is the host's /dev/null becomes the container's, so that no file of the host is within reach. Where the
 * container has another thing under that name, which is looked at before it is opened, the host's stays.
 */
long do_reopen_null(struct record *o) {
    int fd = 0;
    while (fd < 3 && !is_null(fd)) fd++;
    if (fd == 3) return 0;
    long seen = open_in(SLOT(REOPEN_NULL, DIR), "/dev/null", O_PATH, 0, 0x10 /* RESOLVE_IN_ROOT */);
    if (seen < 0) return 0;
    int same_device = is_null((int)seen);
    sys(SYS_close, seen);
    if (!same_device) return 0;
    long null = open_in(SLOT(REOPEN_NULL, DIR), "/dev/null", O_RDWR | O_NONBLOCK | O_NOCTTY, 0, 0x10);
    if (null < 0) return 0;
    long result = sys(SYS_fcntl, null, F_SETFL, 0);
    for (; fd < 3 && result >= 0; fd++)
        if (is_null(fd)) result = sys(SYS_dup3, null, fd, 0);
    sys(SYS_close, null);
    return result < 0 ? result : 0;
}

/* Standard input, output and error belong to the process's user, but /dev/null stays everybody's. */
long do_own_stdio(struct record *o) {
    for (int fd = 0; fd < 3; fd++) {
        struct statx s;
        long result = sys(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &s);
        if (result == -EBADF) continue;
        if (result < 0) return result;
        int null = S_ISCHR(s.stx_mode) && s.stx_rdev_major == 1 && s.stx_rdev_minor == 3;
        if (null || s.stx_uid == (uint32_t)INT(OWN_STDIO, UID)) continue;
        result = sys(SYS_fchown, fd, INT(OWN_STDIO, UID), s.stx_gid);
        /* the caller's files may be of an id that is not mapped here, or lie on a read-only file system */
        if (result < 0 && result != -EINVAL && result != -EPERM && result != -EROFS) return result;
    }
    return 0;
}

long do_set_terminal(struct record *o) { return sys(SYS_ioctl, SLOT(SET_TERMINAL, SLOT), IOCTL_TIOCSCTTY, 0); }

long do_dup(struct record *o) {
    int fd = SLOT(DUP, SLOT);
    if (fd >= 0 && fd == INT(DUP, FD)) return sys(SYS_fcntl, fd, F_SETFD, 0); /* it is there already: dup3(2) gives EINVAL */
    long result = sys(SYS_dup3, fd, INT(DUP, FD), 0);
    return result < 0 ? result : 0;
}

/* Descriptors from `first` up, but for those that are kept; negative ones among these are none. */
long close_all_but(long first, const long *kept, unsigned count) {
    for (long from = first;;) {
        long next = -1;
        for (unsigned i = 0; i < count; i++)
            if (kept[i] >= from && (next < 0 || kept[i] < next)) next = kept[i];
        long result = next == from ? 0 : sys(SYS_close_range, from, next < 0 ? ~0u : (unsigned)next - 1, 0);
        if (result < 0 || next < 0) return result;
        from = next + 1;
    }
}

/*
 * Closes what the program shall not have: at once and not only at execve, because /proc/self/fd/N/.. as its path or its working directory would
 * lead from a folder that is still open to the host (CVE-2024-21626). What is kept for the last steps is no folder and closes at execve.
 */
long do_close_range(struct record *o) {
    long kept[] = {SLOT(CLOSE_RANGE, KEEP), SLOT(CLOSE_RANGE, KEEP2), SLOT(CLOSE_RANGE, KEEP3), report_fd};
    for (int64_t slot = 0; slot < SLOT_COUNT; slot++)
        if (slot_fd(slot) >= INT(CLOSE_RANGE, FIRST) && slot != INT(CLOSE_RANGE, KEEP) && slot != INT(CLOSE_RANGE, KEEP2) &&
            slot != INT(CLOSE_RANGE, KEEP3))
            slots[slot] = 0;
    return close_all_but(INT(CLOSE_RANGE, FIRST), kept, sizeof kept / sizeof *kept);
}

/* ---- supervise ---- */

static struct termios outer;
static int raw;

/* Line ends are translated once: by the outer terminal where there is one, and not at all into a pipe or a file. */
void keep_line_ends(int master) {
    struct termios modes;
    if (sys(SYS_ioctl, master, IOCTL_TCGETS, &modes) < 0) return;
    modes.c_oflag &= ~(tcflag_t)ONLCR;
    sys(SYS_ioctl, master, IOCTL_TCSETS, &modes);
}

long set_size(int terminal, uint16_t rows, uint16_t columns) {
    uint16_t size[4] = {rows, columns, 0, 0};
    return sys(SYS_ioctl, terminal, IOCTL_TIOCSWINSZ, size);
}

static void enter_raw(void) {
    if (sys(SYS_ioctl, 0, IOCTL_TCGETS, &outer) < 0) return;
    struct termios modes = outer;
    modes.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    modes.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    modes.c_cflag = (modes.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    modes.c_cc[VMIN] = 1, modes.c_cc[VTIME] = 0;
    raw = sys(SYS_ioctl, 0, IOCTL_TCSETS, &modes) == 0;
}

static void leave_raw(void) {
    if (raw) sys(SYS_ioctl, 0, IOCTL_TCSETS, &outer);
    raw = 0;
}

static void resize(int master) {
    uint16_t size[4];
    if (sys(SYS_ioctl, 0, IOCTL_TIOCGWINSZ, size) == 0) sys(SYS_ioctl, master, IOCTL_TIOCSWINSZ, size);
}

/* Bytes on their way from one descriptor to another. Neither direction may wait for the other: a program that reads only when it can write would. */
struct flow {
    int from, to; /* from is -1 after the end of file, or where the other side has gone */
    long size, at;
    char block[4096]; /* no more than a pipe that says it is writable takes at once (PIPE_BUF) */
};

static struct pollfd awaited(const struct flow *f) {
    return f->size ? (struct pollfd){f->to, POLLOUT, 0} : (struct pollfd){f->from, POLLIN, 0};
}

/* One read or one write, whichever poll has found possible. */
static void carry(struct flow *f) {
    long n = f->size ? sys(SYS_write, f->to, f->block + f->at, f->size - f->at) : sys(SYS_read, f->from, f->block, sizeof f->block);
    if (n == -EINTR || n == -EAGAIN) return;
    if (n <= 0) f->from = -1, f->size = 0;
    else if (!f->size) f->size = n, f->at = 0;
    else if ((f->at += n) == f->size) f->size = 0;
}

/* 1 when pid has ended, 0 when not yet, -ECHILD when there is nobody to wait for. */
static int reap(long pid, int *status) {
    int seen, done = 0;
    for (;;) {
        long gone = sys(SYS_wait4, -1, &seen, WNOHANG | 0x40000000 /* __WALL */, 0);
        if (gone == -EINTR) continue;
        if (gone <= 0) return done ? done : (int)gone;
        if (gone == pid) *status = seen, done = 1;
    }
}

static int handle_signal(int fd, long pid, int master, int forward, int *status) {
    struct {
        uint32_t number;
        char rest[124];
    } info;
    if (sys(SYS_read, fd, &info, sizeof info) != sizeof info) return 0;
    if (info.number == SIGCHLD) return reap(pid, status);
    if (info.number == SIGWINCH && master >= 0) resize(master);
    else if (info.number != SIGPIPE && info.number != SIGURG && forward) sys(SYS_kill, pid, info.number);
    return 0;
}

/* After the end: what the process wrote last is still in the terminal. */
static void drain(struct flow *out) {
    int64_t none[2] = {0, 0};
    while (out->from >= 0) {
        struct pollfd polled = awaited(out);
        if (sys(SYS_ppoll, &polled, 1, out->size ? 0 : none, 0, 0) <= 0) return;
        carry(out);
    }
}

long do_supervise(struct record *o) {
    static struct flow in, out;
    long pid = INT(SUPERVISE, PID) ? INT(SUPERVISE, PID) : shared->pid;
    int master = INT(SUPERVISE, MASTER) >= 0 ? SLOT(SUPERVISE, MASTER) : -1, status = 0;
    uint64_t all = ~0ull;
    sys(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &all, 0, sizeof all);
    long signals = sys(SYS_signalfd4, -1, &all, sizeof all, O_CLOEXEC | O_NONBLOCK);
    if (signals < 0) return signals;
    in.from = master < 0 ? -1 : 0, in.to = master, out.from = master, out.to = 1;
    if (master >= 0) enter_raw(), resize(master), sys(SYS_fcntl, master, F_SETFL, O_NONBLOCK);
    int done = reap(pid, &status); /* it may have ended before its SIGCHLD was blocked */
    while (!done) {
        struct pollfd polled[3] = {{(int)signals, POLLIN, 0}, awaited(&out), awaited(&in)};
        sys(SYS_ppoll, polled, 3, 0, 0, 0);
        if (polled[0].revents) done = handle_signal((int)signals, pid, master, (int)INT(SUPERVISE, FORWARD), &status);
        if (polled[1].revents) carry(&out);
        if (polled[2].revents) carry(&in);
    }
    drain(&out);
    leave_raw();
    sys(SYS_close, signals);
    if (done < 0) return done;
    exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return 0;
}

/* ---- clean-up of control groups ---- */

struct folder {
    uint64_t inode;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
};

typedef long visit(int dir, const char *name, int signal, int depth);

/* The control groups below the one that is open; gives the sum of what the visits give, errors left out. */
static long each_below(int fd, visit *visit, int signal, int depth) {
    char entries[1024] __attribute__((aligned(8)));
    long sum = 0;
    for (long n; depth > 0 && (n = sys(SYS_getdents64, fd, entries, sizeof entries)) > 0;)
        for (long at = 0; at < n; at += ((struct folder *)(entries + at))->size) {
            struct folder *entry = (struct folder *)(entries + at);
            if (entry->type != 4 /* DT_DIR */ || same(entry->name, ".") || same(entry->name, "..")) continue;
            long result = visit(fd, entry->name, signal, depth - 1);
            if (result > 0) sum += result;
        }
    return sum;
}

/* Gives the number of processes that it found. */
static long kill_listed(int fd, int signal) {
    static char text[4096];
    long count = 0, pid = 0;
    for (long n; (n = sys(SYS_read, fd, text, sizeof text)) > 0;)
        for (long i = 0; i < n; i++) {
            if (text[i] != '\n') {
                pid = pid * 10 + (text[i] - '0');
                continue;
            }
            if (pid > 0) sys(SYS_kill, pid, signal), count++;
            pid = 0;
        }
    return count;
}

static long kill_tree(int dir, const char *name, int signal, int depth) {
    long fd = sys(SYS_openat, dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0) return fd;
    long list = sys(SYS_openat, fd, "cgroup.procs", O_RDONLY | O_CLOEXEC, 0), count = list;
    if (list >= 0) {
        count = kill_listed((int)list, signal) + each_below((int)fd, kill_tree, signal, depth);
        sys(SYS_close, list);
    }
    sys(SYS_close, fd);
    return count;
}

/* Until nobody is left in it or below it; gives up after 10 s, and the removal that follows then says EBUSY. */
long do_kill_cgroup(struct record *o) {
    for (int i = 0; i < 1000; i++) {
        long left = kill_tree(AT_FDCWD, TEXT(KILL_CGROUP, PATH), (int)INT(KILL_CGROUP, SIGNAL), 32);
        if (left <= 0) return left;
        sleep_us(10000);
        while (sys(SYS_wait4, -1, 0, WNOHANG | 0x40000000, 0) > 0) {}
    }
    return -EBUSY;
}

static long remove_tree(int dir, const char *name, int unused, int depth) {
    long result = sys(SYS_unlinkat, dir, name, AT_REMOVEDIR);
    if (result != -EBUSY && result != -ENOTEMPTY) return result == -ENOENT ? 0 : result;
    long fd = sys(SYS_openat, dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0) return fd == -ENOENT ? 0 : fd;
    each_below((int)fd, remove_tree, unused, depth);
    sys(SYS_close, fd);
    result = sys(SYS_unlinkat, dir, name, AT_REMOVEDIR);
    return result == -ENOENT ? 0 : result;
}

/* The kernel gives EBUSY for some time after the last process has gone. */
long do_remove_cgroup(struct record *o) {
    long result = -EBUSY;
    for (long pause = 200, waited = 0; result == -EBUSY && waited < 5000000; waited += pause, pause += pause / 2) {
        result = remove_tree(AT_FDCWD, TEXT(REMOVE_CGROUP, PATH), 0, 32);
        if (result == -EBUSY) sleep_us(pause);
    }
    return result;
}
