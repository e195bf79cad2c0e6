/* What the process may: credentials, capabilities, filters, scheduling; then the program itself. */
#include "launcher.h"
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <linux/stat.h>
#include <sys/socket.h>

static char executable[4096];

long do_setrlimit(struct record *o) {
    uint64_t limit[2] = {(uint64_t)INT(SETRLIMIT, SOFT), (uint64_t)INT(SETRLIMIT, HARD)};
    return sys(SYS_prlimit64, INT(SETRLIMIT, CHILD) ? shared->pid : 0, INT(SETRLIMIT, RESOURCE), limit, 0);
}

long do_prctl(struct record *o) { return sys(SYS_prctl, INT(PRCTL, OPTION), INT(PRCTL, A), INT(PRCTL, B), INT(PRCTL, C), INT(PRCTL, D)); }

long do_capset(struct record *o) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    uint64_t e = (uint64_t)INT(CAPSET, EFFECTIVE), p = (uint64_t)INT(CAPSET, PERMITTED), i = (uint64_t)INT(CAPSET, INHERITABLE);
    struct __user_cap_data_struct data[2] = {{(uint32_t)e, (uint32_t)p, (uint32_t)i},
                                             {(uint32_t)(e >> 32), (uint32_t)(p >> 32), (uint32_t)(i >> 32)}};
    return sys(SYS_capset, &header, data);
}

/* Everything that is not kept goes; a capability that this kernel or caller never had is no failure to drop. */
long do_bounding(struct record *o) {
    uint64_t keep = (uint64_t)INT(BOUNDING, KEEP);
    for (int64_t number = 0; number <= INT(BOUNDING, LAST); number++) {
        if (keep >> number & 1) continue;
        long result = sys(SYS_prctl, 24 /* PR_CAPBSET_DROP */, number, 0, 0, 0);
        if (result < 0) return result;
    }
    return 0;
}

/* What is not both permitted and inheritable cannot be ambient (EPERM): runc warns and goes on. */
long do_ambient(struct record *o) {
    uint64_t raise = (uint64_t)INT(AMBIENT, RAISE);
    long result = sys(SYS_prctl, 47 /* PR_CAP_AMBIENT */, 4 /* PR_CAP_AMBIENT_CLEAR_ALL */, 0, 0, 0);
    for (int64_t number = 0; result == 0 && number <= INT(AMBIENT, LAST); number++) {
        if (!(raise >> number & 1)) continue;
        result = sys(SYS_prctl, 47, 2 /* PR_CAP_AMBIENT_RAISE */, number, 0, 0);
        if (result == -EPERM) result = 0;
    }
    return result;
}

long do_setgroups(struct record *o) { return sys(SYS_setgroups, LENGTH(SETGROUPS, GIDS) / 4, TEXT(SETGROUPS, GIDS)); }

/* To the kernel the id 2^32 - 1 means "leave it as it is", which here would mean root. */
static long change_ids(long call, int64_t id) { return (uint32_t)id == ~0u ? -EINVAL : sys(call, id, id, id); }

long do_setgid(struct record *o) { return change_ids(SYS_setresgid, INT(SETGID, ID)); }
long do_setuid(struct record *o) { return change_ids(SYS_setresuid, INT(SETUID, ID)); }
long do_umask(struct record *o) { return sys(SYS_umask, INT(UMASK, MASK)), 0; }
long do_personality(struct record *o) {
    long result = sys(SYS_personality, INT(PERSONALITY, VALUE));
    return result < 0 ? result : 0;
}
long do_sched_setattr(struct record *o) { return sys(SYS_sched_setattr, 0, TEXT(SCHED_SETATTR, ATTRIBUTES), 0); }
long do_ioprio_set(struct record *o) { return sys(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, INT(IOPRIO_SET, VALUE)); }
long do_sched_setaffinity(struct record *o) {
    return sys(SYS_sched_setaffinity, 0, LENGTH(SCHED_SETAFFINITY, MASK), TEXT(SCHED_SETAFFINITY, MASK));
}
long do_set_mempolicy(struct record *o) {
    const char *mask = LENGTH(SET_MEMPOLICY, MASK) ? TEXT(SET_MEMPOLICY, MASK) : 0;
    return sys(SYS_set_mempolicy, INT(SET_MEMPOLICY, MODE), mask, INT(SET_MEMPOLICY, NODES));
}

/* The filter may forbid everything from here on, so the parent learns of it through shared memory. */
long do_seccomp(struct record *o) {
    struct sock_fprog program = {(unsigned short)(LENGTH(SECCOMP, FILTER) / sizeof(struct sock_filter)),
                                 (struct sock_filter *)TEXT(SECCOMP, FILTER)};
    long flags = INT(SECCOMP, FLAGS);
    long result = sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (result < 0) return result;
    if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) shared->notify = (int32_t)result;
    else if (result > 0) return -ESRCH; /* TSYNC: the thread that could not follow */
    __atomic_store_n(&shared->filtered, 1, __ATOMIC_RELEASE);
    return 0;
}

/* The parent's side: waits until init has its filter, and takes a copy of the listener's descriptor when there is one. */
long do_wait_filter(struct record *o) {
    int end = SLOT(WAIT_FILTER, END);
    char byte;
    for (long waited = 0; !__atomic_load_n(&shared->filtered, __ATOMIC_ACQUIRE); waited += 50) {
        if (sys(SYS_recvfrom, end, &byte, 1, MSG_PEEK | MSG_DONTWAIT, 0, 0) == 0) return -EPIPE;
        if (waited > 30000000) return -ETIMEDOUT;
        sleep_us(50);
    }
    if (INT(WAIT_FILTER, OUT) < 0) return 0;
    long pidfd = sys(SYS_pidfd_open, shared->pid, 0);
    if (pidfd < 0) return pidfd;
    long fd = sys(SYS_pidfd_getfd, pidfd, shared->notify, 0);
    sys(SYS_close, pidfd);
    if (fd >= 0) __atomic_store_n(&shared->notify, 0, __ATOMIC_RELEASE);
    return slot_put(INT(WAIT_FILTER, OUT), fd);
}

/* keyctl_describe gives "type;uid;gid;perm;name": the permissions are the fourth field, in hex. */
static uint32_t permissions_of(const char *description) {
    uint32_t value = 0;
    int field = 0;
    for (; *description && field < 4; description++) {
        if (*description == ';') field++;
        else if (field == 3) value = value << 4 | (uint32_t)(*description <= '9' ? *description - '0' : (*description | 32) - 'a' + 10);
    }
    return value;
}

long do_keyring(struct record *o) {
    static char description[512];
    long ring = sys(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, TEXT(KEYRING, NAME), 0, 0, 0);
    if (ring < 0 || INT(KEYRING, PERMISSIONS) == 0) return ring < 0 ? ring : 0;
    long n = sys(SYS_keyctl, KEYCTL_DESCRIBE, ring, description, sizeof description - 1, 0);
    if (n < 0) return n;
    return sys(SYS_keyctl, KEYCTL_SETPERM, ring, permissions_of(description) | (uint32_t)INT(KEYRING, PERMISSIONS), 0, 0);
}

/* ---- HOME, from the container's own passwd file, which is hostile: a regular file, no more than 10 MiB of it, no line kept ---- */

struct line {
    char home[1024];
    int field, length;
    long id;
    int bad;
};

static int end_of_line(struct line *line, int64_t uid, char *home, const char *limit) {
    int found = line->field >= 5 && !line->bad && line->id == uid && line->home[0] == '/';
    if (found) append(home, limit, line->home);
    *line = (struct line){.id = -1};
    return found;
}

static void next_char(struct line *line, char c) {
    if (c == ':') {
        line->field++, line->length = 0;
    } else if (line->field == 2) {
        if (c < '0' || c > '9' || line->length++ > 10) line->bad = 1;
        else line->id = (line->id < 0 ? 0 : line->id) * 10 + (c - '0');
    } else if (line->field == 5) {
        if (line->length < (int)sizeof line->home - 1 && c) line->home[line->length++] = c, line->home[line->length] = 0;
        else line->bad = 1;
    }
}

long do_home(struct record *o) {
    static char home[1100] = "HOME=/", block[4096];
    struct statx s;
    struct line line = {.id = -1};
    environment_home = home;
    long fd = sys(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0) return 0;
    int usable = sys(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &s) == 0 && S_ISREG(s.stx_mode);
    for (int left = 10 << 20, found = 0; usable && !found && left > 0;) {
        long n = sys(SYS_read, fd, block, sizeof block);
        if (n <= 0) {
            end_of_line(&line, INT(HOME, UID), home + 5, home + sizeof home);
            break;
        }
        for (long i = 0; i < n && !found; i++) {
            if (block[i] == '\n') found = end_of_line(&line, INT(HOME, UID), home + 5, home + sizeof home);
            else next_char(&line, block[i]);
        }
        left -= (int)n;
    }
    sys(SYS_close, fd);
    return 0;
}

/* ---- the program ---- */

static long may_execute(const char *path) {
    struct statx s;
    long result = sys(SYS_statx, AT_FDCWD, path, 0, STATX_TYPE | STATX_MODE, &s);
    if (result < 0) return result;
    if (S_ISDIR(s.stx_mode)) return -EISDIR;
    result = sys(SYS_faccessat2, AT_FDCWD, path, 1 /* X_OK */, AT_EACCESS);
    return result == -ENOSYS ? 0 : result;
}

/* The search of execvp(3), done when the container is created, so that a missing program is that verb's error. */
long do_find_exec(struct record *o) {
    const char *name = TEXT(FIND_EXEC, NAME), *at = TEXT(FIND_EXEC, PATH);
    char *limit = executable + sizeof executable;
    if (LENGTH(FIND_EXEC, NAME) >= sizeof executable) return -ENAMETOOLONG;
    for (const char *c = name; *c; c++) {
        if (*c != '/') continue;
        append(executable, limit, name);
        return may_execute(executable);
    }
    long best = -ENOENT;
    for (int more = *name && *at; more;) {
        char *end = executable;
        while (*at && *at != ':' && end < limit - 2) *end++ = *at++;
        if (end == executable) *end++ = '.';
        *end++ = '/';
        append(end, limit, name);
        while (*at && *at != ':') at++;
        more = *at == ':'; /* an empty part at the end is one too */
        at += more;
        long result = may_execute(executable);
        if (result == 0) return 0;
        if (result == -EACCES) best = result;
    }
    return best;
}

const char *reason(long error) {
    switch (-error) {
    case ENOEXEC: return "exec format error";
    case EACCES: return "permission denied";
    case EPERM: return "operation not permitted";
    case ENOENT: return "no such file or directory";
    case E2BIG: return "argument list too long";
    case ENOMEM: return "cannot allocate memory";
    case EISDIR: return "is a directory";
    default: return "it cannot be executed";
    }
}

/*
 * The program's start closes the listener of its filter, so the parent must have its copy. No system call may be made to wait for that: it
 * could itself be one that the listener is asked about. The count ends the wait, after seconds, of one whose parent was killed.
 */
static void listener_taken(void) {
    for (volatile uint64_t i = 0; i < 1ull << 34 && __atomic_load_n(&shared->notify, __ATOMIC_ACQUIRE) > 0;) i++;
}

/* Whoever started the container has gone, so what is wrong is said on its standard error, as runc does, with status 255. */
long do_exec(struct record *o) {
    char **argv = VECTOR(EXEC, ARGV), **env = VECTOR(EXEC, ENV);
    if (environment_home) env[LENGTH(EXEC, ENV)] = environment_home;
    listener_taken();
    long error = sys(SYS_execve, executable, argv, env);
    char message[512];
    char *limit = message + sizeof message, *end = append(append(message, limit, "exec "), limit, executable);
    end = append(append(append(end, limit, ": "), limit, reason(error)), limit, "\n");
    sys(SYS_write, 2, message, end - message);
    exit_code = 255;
    return error;
}
