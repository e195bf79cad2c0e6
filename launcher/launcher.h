/* The plan as it lies in memory, the state of the process that executes it, and what each chapter of operations offers. */
#ifndef SAMPAN_LAUNCHER_H
#define SAMPAN_LAUNCHER_H
#include "operations.h"
#include "sys.h"

#ifndef S_ISDIR
#define S_ISDIR(mode) (((mode)&S_IFMT) == S_IFDIR)
#define S_ISREG(mode) (((mode)&S_IFMT) == S_IFREG)
#define S_ISLNK(mode) (((mode)&S_IFMT) == S_IFLNK)
#define S_ISCHR(mode) (((mode)&S_IFMT) == S_IFCHR)
#endif

struct text {
    uint32_t offset, length;
};

struct record {
    uint16_t number, skip, tolerate[4];
    uint32_t zero;
    int64_t ints[6];
    struct text texts[4];
};
_Static_assert(sizeof(struct record) == 96, "encode.ts writes records of 96 bytes");

struct header {
    uint32_t magic, fingerprint, size, text_offset, why_offset, why_length;
    struct {
        uint32_t offset, count;
    } stages[4];
    uint32_t fault_stage, fault_index, fault_errno, zero;
};
_Static_assert(sizeof(struct header) == 72, "encode.ts writes a header of 72 bytes");

enum { STAGE_PARENT, STAGE_MIDDLE, STAGE_INIT, STAGE_MONITOR };
enum { REPORT_READY = 1, REPORT_FAILED = 2 };

struct report {
    uint32_t kind, stage, index;
    int32_t error, pid, middle;
    char detail[232];
};
_Static_assert(sizeof(struct report) == 256, "runtime/native/launch reads reports of 256 bytes");

/* The one page that the stages share: process ids as the host sees them, and what cannot be said through a filtered system call. */
struct shared {
    volatile int32_t pid, middle, filtered, notify, parent;
};

extern char *plan;
extern struct shared *shared;
extern char detail[232];
extern char *environment_home; /* "HOME=…" for the free place in exec's environment */
extern int exit_code;
extern int report_fd;
extern int slots[SLOT_COUNT];

#define INT(OP, NAME) (o->ints[A_##OP##_##NAME])
#define TEXT(OP, NAME) text_of(o, T_##OP##_##NAME)
#define LENGTH(OP, NAME) (o->texts[T_##OP##_##NAME].length)
#define VECTOR(OP, NAME) vector_of(o, T_##OP##_##NAME)
#define SLOT(OP, NAME) slot_fd(o->ints[A_##OP##_##NAME])

struct iovec64 {
    void *base;
    uint64_t length;
};

/* struct msghdr of sendmsg(2), where every length has 64 bits. */
struct message64 {
    void *name;
    uint64_t name_length;
    struct iovec64 *piece;
    uint64_t count;
    void *control;
    uint64_t control_length;
    int64_t flags;
};

typedef long operation(struct record *o);

int slot_fd(int64_t slot);               /* the descriptor in a slot; AT_FDCWD for -1, -EBADF's fd for an empty one */
long slot_put(int64_t slot, long fd);    /* keeps fd in the slot (-errno passes through) */
char *text_of(struct record *o, int);    /* "" where the plan has none */
char **vector_of(struct record *o, int); /* offsets become pointers, once; empty where the plan has none */
long open_in(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
long write_all(int fd, const char *data, size_t size);
int mount_point_is_new(void); /* whether the last mount_point had to be made */
int open_existing_parent(int dir, const char *path, const char **name, uint64_t resolve);
int pieces(char *text, size_t length, long pid, struct iovec64 *out, int most, char *number);

struct child {
    long pid;
    int pidfd;
};
long spawn(struct child *child, uint64_t flags);
void own_signals(void);
void dispose(int signal, void *handler); /* 0 for the default, 1 to ignore it */
const char *reason(long error);          /* of an execve that failed */
void become_init(char **argv, char **env) __attribute__((noreturn));
void become_probe(void) __attribute__((noreturn));
void become_keeper(long listener, char **argv, char **env) __attribute__((noreturn));
int64_t now_ms(void);
int take_fd(int socket, int flags); /* a descriptor that was sent over a socket, or -errno */
void keep_line_ends(int terminal);
long set_size(int terminal, uint16_t rows, uint16_t columns);
long close_all_but(long first, const long *kept, unsigned count);
int log_fd(void);
void log_add(int stream, const char *data, size_t n);
void log_end(void);
long log_reopen(void);
void *memcpy(void *to, const void *from, size_t n);
void send_report(uint32_t kind, uint32_t stage, uint32_t index, long error);
void run_stage(uint32_t stage) __attribute__((noreturn));

operation do_open, do_adopt, do_close, do_check_fs, do_check_fd, do_mkdir, do_write, do_write_pid, do_symlink, do_mknod, do_unlink,
    do_copy_up, do_chown;
operation do_mount_point, do_copy_mode, do_open_tree, do_mount_setattr, do_move_mount, do_fsopen, do_fsconfig, do_fsmount, do_mount,
    do_umount, do_pivot_root, do_chroot, do_fchdir, do_chdir, do_check_cwd, do_mask_path;
operation do_clone, do_setns, do_unshare, do_socketpair, do_send, do_receive, do_child_proc, do_hook, do_run, do_userns, do_sethostname,
    do_setdomainname, do_setsid;
operation do_setrlimit, do_prctl, do_bounding, do_ambient, do_capset, do_setgroups, do_setgid, do_setuid, do_umask, do_seccomp,
    do_wait_filter, do_keyring, do_personality, do_sched_setattr, do_ioprio_set, do_sched_setaffinity, do_set_mempolicy, do_reset_signals,
    do_home;
operation do_netlink_open, do_netlink, do_connect, do_send_fd, do_receive_fd;
operation do_pty, do_own_stdio, do_reopen_null, do_set_terminal, do_dup, do_close_range;
operation do_bpf_load, do_bpf_attach;
operation do_find_exec, do_wait_start, do_exec;
operation do_supervise, do_kill_cgroup, do_remove_cgroup;
operation do_pipe, do_read_pid, do_carry_log, do_carry_stdio, do_carry_files, do_carry;
#endif
