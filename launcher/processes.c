/* Processes and namespaces: the three stages, how they wait for each other, and the programs that a plan runs on the way. */
#include "launcher.h"
#include <linux/sched.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/*
 * clone3 as fork: the child goes on with a copy of this memory. pidfd is -1 where it was not asked for. A startContainer hook may run under a
 * filter that knows clone(2) only, since it cannot look into clone3's arguments (the usual profiles say ENOSYS then, as to glibc).
 */
long spawn(struct child *child, uint64_t flags) {
    int pidfd = -1;
    struct clone_args args = {.flags = flags, .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD};
    if (flags & CLONE_PIDFD) args.pidfd = (uint64_t)&pidfd;
    long pid = sys(SYS_clone3, &args, sizeof args);
    if (pid == -ENOSYS || pid == -EPERM) pid = sys(SYS_clone, args.flags | args.exit_signal, 0, &pidfd, 0, 0);
    if (pid > 0) *child = (struct child){pid, pidfd};
    return pid;
}

long do_clone(struct record *o) {
    uint64_t flags = (uint64_t)INT(CLONE, FLAGS);
    uint32_t stage = (uint32_t)INT(CLONE, STAGE);
    int pidfd = -1;
    /* The kernel writes the id before the child runs: whatever the child does or reports, its id is known. */
    volatile int32_t *id = stage == STAGE_MIDDLE ? &shared->middle : stage == STAGE_PARENT ? &shared->parent : &shared->pid;
    struct clone_args args = {
        .flags = flags | CLONE_PARENT_SETTID, .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD, .parent_tid = (uint64_t)id};
    if (INT(CLONE, PIDFD) >= 0) args.flags |= CLONE_PIDFD, args.pidfd = (uint64_t)&pidfd;
    if (INT(CLONE, CGROUP) >= 0) args.flags |= CLONE_INTO_CGROUP, args.cgroup = (uint64_t)SLOT(CLONE, CGROUP);
    long pid = sys(SYS_clone3, &args, sizeof args);
    if (pid < 0) return pid;
    if (pid == 0) run_stage(stage);
    return pidfd >= 0 ? slot_put(INT(CLONE, PIDFD), pidfd) : 0;
}

long do_setns(struct record *o) { return sys(SYS_setns, SLOT(SETNS, SLOT), INT(SETNS, TYPE)); }
long do_unshare(struct record *o) { return sys(SYS_unshare, INT(UNSHARE, FLAGS)); }
long do_sethostname(struct record *o) { return sys(SYS_sethostname, TEXT(SETHOSTNAME, NAME), LENGTH(SETHOSTNAME, NAME)); }
long do_setdomainname(struct record *o) { return sys(SYS_setdomainname, TEXT(SETDOMAINNAME, NAME), LENGTH(SETDOMAINNAME, NAME)); }

long do_setsid(struct record *o) {
    (void)o;
    return sys(SYS_setsid);
}

long do_socketpair(struct record *o) {
    int ends[2];
    long result = sys(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
    if (result < 0) return result;
    slot_put(INT(SOCKETPAIR, A), ends[0]);
    return slot_put(INT(SOCKETPAIR, B), ends[1]);
}

long do_pipe(struct record *o) {
    int ends[2];
    long result = sys(SYS_pipe2, ends, O_CLOEXEC);
    if (result < 0) return result;
    slot_put(INT(PIPE, A), ends[0]);
    return slot_put(INT(PIPE, B), ends[1]);
}

/* write(2) and read(2), because a container's seccomp filter that is on already must let them through anyway. */
long do_send(struct record *o) {
    char byte = (char)INT(SEND, BYTE);
    return write_all(SLOT(SEND, SLOT), &byte, 1);
}

static long read_byte(int fd, char *byte) {
    long n;
    do n = sys(SYS_read, fd, byte, 1);
    while (n == -EINTR);
    return n < 0 ? n : n == 0 ? -EPIPE : 0;
}

long do_receive(struct record *o) {
    char byte;
    long result = read_byte(SLOT(RECEIVE, SLOT), &byte);
    if (result == -ECONNRESET) result = -EPIPE; /* the peer died with a byte unread */
    return result < 0 ? result : byte == (char)INT(RECEIVE, BYTE) ? 0 : -EPROTO;
}

long do_wait_start(struct record *o) {
    char byte;
    long result = read_byte(SLOT(WAIT_START, SLOT), &byte);
    int64_t slot = INT(WAIT_START, SLOT);
    if (slot_fd(slot) >= 0) sys(SYS_close, slot_fd(slot)), slots[slot] = 0;
    return result;
}

/* /proc/PID of the container's init, below a procfs that was checked. */
long do_child_proc(struct record *o) {
    char path[24];
    append_number(path, path + sizeof path, INT(CHILD_PROC, MIDDLE) ? shared->middle : shared->pid);
    return slot_put(INT(CHILD_PROC, OUT), open_in(SLOT(CHILD_PROC, PROC), path, O_PATH | O_DIRECTORY, 0, 0));
}

/* Cuts text at each byte 0x01 and puts pid there; gives the number of pieces. */
int pieces(char *text, size_t length, long pid, struct iovec64 *out, int most, char *number) {
    char *end = append_number(number, number + 24, pid);
    int n = 0;
    char *from = text;
    for (size_t i = 0; i <= length && n < most; i++) {
        if (i < length && text[i] != 1) continue;
        out[n++] = (struct iovec64){from, (uint64_t)(text + i - from)};
        from = text + i + 1;
        if (i < length && n < most) out[n++] = (struct iovec64){number, (uint64_t)(end - number)};
    }
    return n;
}

static void describe_status(int status) {
    char *limit = detail + sizeof detail;
    if (WIFEXITED(status)) append_number(append(detail, limit, "exit status "), limit, WEXITSTATUS(status));
    else append_number(append(detail, limit, "signal "), limit, WTERMSIG(status));
}

void dispose(int signal, void *handler) {
    struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        uint64_t mask;
    } action = {handler, 0, 0, 0};
    sys(SYS_rt_sigaction, signal, &action, 0, sizeof action.mask);
}

/*
 * Whatever the caller does with them: who reads a pipe or a socket of ours may end before it has read all, which is an errno to report and not
 * the end of the launcher; and with SIGCHLD ignored no exit status could be waited for (wait(2)).
 */
void own_signals(void) {
    dispose(SIGPIPE, (void *)1);
    dispose(SIGCHLD, 0);
}

static void reset_signals(void) {
    uint64_t none = 0;
    for (int signal = 1; signal <= 64; signal++)
        if (signal != SIGKILL && signal != SIGSTOP) dispose(signal, 0);
    sys(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &none, 0, sizeof none);
}

long do_reset_signals(struct record *o) {
    (void)o;
    reset_signals();
    return 0;
}

/* In the child of hook and run: only stdin, stdout and stderr, no signal blocked or ignored. An errno comes back as the exit status 126 or 127. */
static void __attribute__((noreturn)) become(const char *path, char **argv, char **env, int in, int out) {
    if (in >= 0) sys(SYS_dup3, in, 0, 0);
    if (out >= 0) sys(SYS_dup3, out, 1, 0), sys(SYS_dup3, out, 2, 0);
    sys(SYS_close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */);
    sys(SYS_prctl, 1 /* PR_SET_PDEATHSIG */, SIGKILL, 0, 0, 0);
    reset_signals();
    long error = sys(SYS_execve, path, argv, env);
    char message[160];
    char *limit = message + sizeof message, *end = append(append(message, limit, path), limit, ": cannot be executed, errno ");
    end = append(append_number(end, limit, -error), limit, "\n");
    sys(SYS_write, 2, message, end - message);
    for (;;) sys(SYS_exit_group, error == -ENOENT ? 127 : 126);
}

int64_t now_ms(void) {
    int64_t t[2];
    sys(SYS_clock_gettime, 1 /* CLOCK_MONOTONIC */, t);
    return t[0] * 1000 + t[1] / 1000000;
}

/* Feeds the pieces to the program and waits for it; -ETIMEDOUT after it was killed at the deadline (ms, 0 = none). */
static long feed_and_wait(struct child child, int in, struct iovec64 *piece, int count, int64_t timeout) {
    int64_t deadline = timeout > 0 ? now_ms() + timeout : 0;
    long result = 0;
    for (;;) {
        while (in >= 0 && count > 0 && piece->length == 0) piece++, count--;
        if (in >= 0 && count == 0) sys(SYS_close, in), in = -1;
        struct pollfd polled[2] = {{child.pidfd, POLLIN, 0}, {in, POLLOUT, 0}};
        int64_t left = deadline ? deadline - now_ms() : 1000000;
        if (left <= 0) {
            result = -ETIMEDOUT;
            sys(SYS_pidfd_send_signal, child.pidfd, SIGKILL, 0, 0);
            break;
        }
        int64_t wait[2] = {left / 1000, left % 1000 * 1000000};
        sys(SYS_ppoll, polled, in >= 0 ? 2 : 1, wait, 0, 0);
        if (polled[0].revents) break;
        if (!polled[1].revents) continue;
        long n = sys(SYS_write, in, piece->base, piece->length);
        if (n == -EAGAIN || n == -EINTR) continue;
        if (n < 0) count = 0; /* it does not read its state: its own affair */
        else piece->base = (char *)piece->base + n, piece->length -= (uint64_t)n;
    }
    if (in >= 0) sys(SYS_close, in);
    int status = 0;
    while (sys(SYS_wait4, child.pid, &status, 0x40000000 /* __WALL */, 0) == -EINTR) {}
    sys(SYS_close, child.pidfd);
    if (result < 0) return result;
    describe_status(status);
    return status == 0 ? 0 : -ECANCELED;
}

long do_hook(struct record *o) {
    struct iovec64 piece[17];
    char number[24];
    int ends[2];
    struct child child;
    long pid = INT(HOOK, SELF) ? sys(SYS_getpid) : shared->pid;
    int count = pieces(TEXT(HOOK, STATE), LENGTH(HOOK, STATE), pid, piece, 17, number);
    char **argv = VECTOR(HOOK, ARGV), **env = VECTOR(HOOK, ENV);
    long result = sys(SYS_pipe2, ends, O_CLOEXEC);
    if (result < 0) return result;
    sys(SYS_fcntl, ends[1], F_SETFL, O_NONBLOCK);
    result = spawn(&child, CLONE_PIDFD);
    if (result == 0) become(TEXT(HOOK, PATH), argv, env, ends[0], INT(HOOK, OUTPUT) >= 0 ? SLOT(HOOK, OUTPUT) : -1);
    sys(SYS_close, ends[0]);
    if (result > 0) result = feed_and_wait(child, ends[1], piece, count, INT(HOOK, TIMEOUT));
    else sys(SYS_close, ends[1]);
    return result;
}

/* A program of the host such as newuidmap; an argument that is the byte 0x01 becomes the process id. */
long do_run(struct record *o) {
    char number[24];
    struct child child;
    char **argv = VECTOR(RUN, ARGV), **env = VECTOR(RUN, ENV);
    append_number(number, number + sizeof number, shared->pid);
    for (char **at = argv; *at; at++)
        if (same(*at, "\x01")) *at = number;
    long result = spawn(&child, CLONE_PIDFD);
    if (result == 0) become(TEXT(RUN, PATH), argv, env, -1, INT(RUN, OUTPUT) >= 0 ? SLOT(RUN, OUTPUT) : -1);
    return result < 0 ? result : feed_and_wait(child, -1, 0, 0, INT(RUN, TIMEOUT));
}

static long map_ids(int proc, long pid, const char *file, const char *map, size_t size) {
    char path[64];
    append(append_number(path, path + sizeof path, pid), path + sizeof path, file);
    long fd = open_in(proc, path, O_WRONLY, 0, 0);
    if (fd < 0) return fd;
    long n = sys(SYS_write, fd, map, size);
    sys(SYS_close, fd);
    return n < 0 ? n : 0;
}

/* A user namespace with the given maps and nobody in it, for the id-mapping of a mount (mount_setattr(2), MOUNT_ATTR_IDMAP). */
long do_userns(struct record *o) {
    struct child child;
    long result = spawn(&child, CLONE_NEWUSER | CLONE_PIDFD);
    if (result == 0) {
        sys(SYS_prctl, 1 /* PR_SET_PDEATHSIG */, SIGKILL, 0, 0, 0);
        for (;;) sys(SYS_ppoll, 0, 0, 0, 0, 0);
    }
    if (result < 0) return result;
    int proc = SLOT(USERNS, PROC);
    char path[64];
    append(append_number(path, path + sizeof path, child.pid), path + sizeof path, "/ns/user");
    result = map_ids(proc, child.pid, "/uid_map", TEXT(USERNS, UIDMAP), LENGTH(USERNS, UIDMAP));
    if (result == 0) result = map_ids(proc, child.pid, "/gid_map", TEXT(USERNS, GIDMAP), LENGTH(USERNS, GIDMAP));
    if (result == 0) result = slot_put(INT(USERNS, OUT), open_in(proc, path, O_RDONLY, 0, 0));
    sys(SYS_pidfd_send_signal, child.pidfd, SIGKILL, 0, 0);
    sys(SYS_wait4, child.pid, 0, 0x40000000, 0);
    sys(SYS_close, child.pidfd);
    return result;
}
