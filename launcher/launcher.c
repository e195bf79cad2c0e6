/*
 * sampan-launcher PLAN-FD REPORT-FD: executes a plan and decides nothing. See README.md. (With `--` it is a container's init: init.c.)
 *
 * The plan is mapped privately; each stage is a list of records run in order by run_stage. The first failure that the record does not
 * tolerate is reported as (stage, index, errno, detail) and ends the stage; whoever waits for that stage sees its end of the socket
 * close. Nothing is allocated: slots, buffers and the plan itself are static or mapped before the first clone.
 */
#include "launcher.h"
#include <poll.h>
#include <sys/mman.h>

char *plan;
struct shared *shared;
char detail[232];
char *environment_home;
int exit_code;
int report_fd = -1;
int slots[SLOT_COUNT];

#define MAGIC 0x314e5053u

static operation *const table[] = {
    [OP_OPEN] = do_open,
    [OP_ADOPT] = do_adopt,
    [OP_CLOSE] = do_close,
    [OP_CHECK_FS] = do_check_fs,
    [OP_CHECK_FD] = do_check_fd,
    [OP_MKDIR] = do_mkdir,
    [OP_WRITE] = do_write,
    [OP_WRITE_PID] = do_write_pid,
    [OP_SYMLINK] = do_symlink,
    [OP_MKNOD] = do_mknod,
    [OP_UNLINK] = do_unlink,
    [OP_COPY_UP] = do_copy_up,
    [OP_CHOWN] = do_chown,
    [OP_MOUNT_POINT] = do_mount_point,
    [OP_COPY_MODE] = do_copy_mode,
    [OP_OPEN_TREE] = do_open_tree,
    [OP_MOUNT_SETATTR] = do_mount_setattr,
    [OP_MOVE_MOUNT] = do_move_mount,
    [OP_FSOPEN] = do_fsopen,
    [OP_FSCONFIG] = do_fsconfig,
    [OP_FSMOUNT] = do_fsmount,
    [OP_MOUNT] = do_mount,
    [OP_UMOUNT] = do_umount,
    [OP_PIVOT_ROOT] = do_pivot_root,
    [OP_CHROOT] = do_chroot,
    [OP_FCHDIR] = do_fchdir,
    [OP_CHDIR] = do_chdir,
    [OP_CHECK_CWD] = do_check_cwd,
    [OP_MASK_PATH] = do_mask_path,
    [OP_CLONE] = do_clone,
    [OP_SETNS] = do_setns,
    [OP_UNSHARE] = do_unshare,
    [OP_SOCKETPAIR] = do_socketpair,
    [OP_SEND] = do_send,
    [OP_RECEIVE] = do_receive,
    [OP_CHILD_PROC] = do_child_proc,
    [OP_HOOK] = do_hook,
    [OP_RUN] = do_run,
    [OP_USERNS] = do_userns,
    [OP_SETHOSTNAME] = do_sethostname,
    [OP_SETDOMAINNAME] = do_setdomainname,
    [OP_SETSID] = do_setsid,
    [OP_SETRLIMIT] = do_setrlimit,
    [OP_PRCTL] = do_prctl,
    [OP_BOUNDING] = do_bounding,
    [OP_AMBIENT] = do_ambient,
    [OP_CAPSET] = do_capset,
    [OP_SETGROUPS] = do_setgroups,
    [OP_SETGID] = do_setgid,
    [OP_SETUID] = do_setuid,
    [OP_UMASK] = do_umask,
    [OP_SECCOMP] = do_seccomp,
    [OP_WAIT_FILTER] = do_wait_filter,
    [OP_KEYRING] = do_keyring,
    [OP_PERSONALITY] = do_personality,
    [OP_SCHED_SETATTR] = do_sched_setattr,
    [OP_IOPRIO_SET] = do_ioprio_set,
    [OP_SCHED_SETAFFINITY] = do_sched_setaffinity,
    [OP_SET_MEMPOLICY] = do_set_mempolicy,
    [OP_RESET_SIGNALS] = do_reset_signals,
    [OP_HOME] = do_home,
    [OP_NETLINK_OPEN] = do_netlink_open,
    [OP_NETLINK] = do_netlink,
    [OP_CONNECT] = do_connect,
    [OP_SEND_FD] = do_send_fd,
    [OP_RECEIVE_FD] = do_receive_fd,
    [OP_PTY] = do_pty,
    [OP_OWN_STDIO] = do_own_stdio,
    [OP_REOPEN_NULL] = do_reopen_null,
    [OP_SET_TERMINAL] = do_set_terminal,
    [OP_DUP] = do_dup,
    [OP_CLOSE_RANGE] = do_close_range,
    [OP_BPF_LOAD] = do_bpf_load,
    [OP_BPF_ATTACH] = do_bpf_attach,
    [OP_FIND_EXEC] = do_find_exec,
    [OP_WAIT_START] = do_wait_start,
    [OP_EXEC] = do_exec,
    [OP_SUPERVISE] = do_supervise,
    [OP_KILL_CGROUP] = do_kill_cgroup,
    [OP_REMOVE_CGROUP] = do_remove_cgroup,
    [OP_PIPE] = do_pipe,
    [OP_READ_PID] = do_read_pid,
    [OP_CARRY_LOG] = do_carry_log,
    [OP_CARRY_FILES] = do_carry_files,
    [OP_CARRY_STDIO] = do_carry_stdio,
    [OP_CARRY] = do_carry,
};

int slot_fd(int64_t slot) {
    if (slot == -1) return AT_FDCWD;
    return slot >= 0 && slot < SLOT_COUNT && slots[slot] ? slots[slot] - 1 : -1;
}

/* Slots hold fd + 1, so that zeroed memory means empty. */
long slot_put(int64_t slot, long fd) {
    if (fd < 0) return fd;
    if (slot < 0 || slot >= SLOT_COUNT) {
        sys(SYS_close, fd);
        return slot == -1 ? 0 : -ERANGE;
    }
    if (slots[slot]) sys(SYS_close, slots[slot] - 1);
    slots[slot] = (int)fd + 1;
    return 0;
}

/* Offset 0 is the header, so it means that the plan has no such text. */
char *text_of(struct record *o, int index) {
    static char none[8];
    return o->texts[index].offset ? plan + o->texts[index].offset : none;
}

char **vector_of(struct record *o, int index) {
    static char *none[2];
    uint64_t *at = (uint64_t *)(plan + o->texts[index].offset);
    if (!o->texts[index].offset) return none;
    for (uint32_t i = 0; i < o->texts[index].length; i++)
        if (at[i] < ((struct header *)plan)->size) at[i] += (uint64_t)plan;
    return (char **)at;
}

static int tolerated(const struct record *o, long error) {
    for (int i = 0; i < 4; i++)
        if (o->tolerate[i] == 0xffff || (o->tolerate[i] && o->tolerate[i] == -error)) return 1;
    return 0;
}

void send_report(uint32_t kind, uint32_t stage, uint32_t index, long error) {
    struct report report = {kind, stage, index, (int32_t)-error, shared->pid, shared->middle, {0}};
    for (unsigned i = 0; i < sizeof detail; i++) report.detail[i] = detail[i];
    if (report_fd >= 0) sys(SYS_sendto, report_fd, &report, sizeof report, 0x4000 /* MSG_NOSIGNAL */, 0, 0);
}

/*
 * Ends a stage that failed, and what it has made: the monitor all others, the parent both others, the middle one init, which holds the parent's
 * other end of the socket open and would let it wait for ever. They are the caller's or the monitor's children, so their ids cannot be used again yet.
 */
static void __attribute__((noreturn)) fail(uint32_t stage, uint32_t index, long error) {
    send_report(REPORT_FAILED, stage, index, error);
    if (stage == STAGE_MONITOR && shared->parent > 0) sys(SYS_kill, shared->parent, SIGKILL);
    if ((stage == STAGE_PARENT || stage == STAGE_MONITOR) && shared->middle > 0) sys(SYS_kill, shared->middle, SIGKILL);
    if (stage != STAGE_INIT && shared->pid > 0) sys(SYS_kill, shared->pid, SIGKILL);
    for (;;) sys(SYS_exit_group, exit_code ? exit_code : 1);
}

static long execute(struct record *o, uint32_t stage, uint32_t index) {
    (void)stage, (void)index;
#ifdef LAUNCHER_FAULTS
    struct header *h = (struct header *)plan;
    if (h->fault_stage == stage && h->fault_index == index) return -(long)h->fault_errno;
#endif
    if (o->number >= sizeof table / sizeof *table) return -ENOSYS;
    return table[o->number](o);
}

void run_stage(uint32_t stage) {
    struct header *h = (struct header *)plan;
    struct record *records = (struct record *)(plan + h->stages[stage].offset);
    for (uint32_t i = 0; i < h->stages[stage].count; i++) {
        detail[0] = 0;
        long result = execute(&records[i], stage, i);
        if (result >= 0) continue;
        if (!tolerated(&records[i], result)) fail(stage, i, result);
        i += records[i].skip;
    }
    if (stage == STAGE_PARENT && !h->stages[STAGE_MONITOR].count) send_report(REPORT_READY, 0, 0, 0);
    for (;;) sys(SYS_exit_group, exit_code);
}

static long parse_number(const char *text) {
    long value = 0;
    if (!*text) return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || value > 0xffffff) return -1;
        value = value * 10 + (*text - '0');
    }
    return value;
}

static void __attribute__((noreturn)) refuse(const char *why) {
    sys(SYS_write, 2, why, length_of(why));
    for (;;) sys(SYS_exit_group, 125);
}

/* Whether the records of a stage and their texts lie inside the plan. */
static int sound(const struct header *h, uint32_t stage) {
    uint32_t offset = h->stages[stage].offset, count = h->stages[stage].count;
    if (offset < sizeof *h || offset % 8 || offset > h->size || count > (h->size - offset) / sizeof(struct record)) return 0;
    const struct record *record = (const struct record *)(plan + offset);
    for (uint32_t i = 0; i < count * 4; i++) {
        const struct text *text = &record[i / 4].texts[i % 4];
        if (text->offset >= h->size || text->length >= h->size - text->offset) return 0;
    }
    return 1;
}

static void map_plan(long fd) {
    long size = sys(SYS_lseek, fd, 0, 2 /* SEEK_END */);
    if (size < (long)sizeof(struct header)) refuse("sampan-launcher: the plan is too short\n");
    long at = sys(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (at < 0 && at > -4096) refuse("sampan-launcher: cannot map the plan\n");
    sys(SYS_close, fd);
    plan = (char *)at;
    struct header *h = (struct header *)plan;
    if (h->magic != MAGIC || h->fingerprint != PLAN_FINGERPRINT || h->size != size)
        refuse("sampan-launcher: the plan is not for this launcher\n");
    for (uint32_t i = 0; i < 4; i++)
        if (!sound(h, i)) refuse("sampan-launcher: the plan is damaged\n");
    at = sys(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at < 0 && at > -4096) refuse("sampan-launcher: no memory\n");
    shared = (struct shared *)at;
}

/* Nothing goes on for a caller that was killed: no hook, and no container that nobody knows of. Without a reader it has ended already. */
static void end_with_caller(void) {
    struct pollfd reader = {report_fd, 0, 0};
    int64_t none[2] = {0, 0};
    sys(SYS_fcntl, report_fd, F_SETFD, FD_CLOEXEC);
    sys(SYS_prctl, 1 /* PR_SET_PDEATHSIG */, SIGKILL, 0, 0, 0);
    if (sys(SYS_ppoll, &reader, 1, none, 0, 0) > 0) refuse("sampan-launcher: its caller has ended\n");
}

/* The monitor is nobody's child, so that it needs nobody who waits for it; that it was not left alone it sees by the report's socket. */
static void __attribute__((noreturn)) become_monitor(void) {
    long pid = sys(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid < 0) refuse("sampan-launcher: no process for the monitor\n");
    if (pid == 0) run_stage(STAGE_MONITOR);
    for (;;) sys(SYS_exit_group, 0);
}

int launcher_main(int argc, char **argv) {
    if ((argc > 2 && same(argv[1], "--")) || (argc == 2 && same(argv[1], "-"))) become_init(argv + 2, argv + argc + 1);
    if (argc == 2 && same(argv[1], "probe")) become_probe();
    if (argc > 3 && same(argv[1], "keep")) become_keeper(parse_number(argv[2]), argv + 3, argv + argc + 1);
    long fd = argc == 3 ? parse_number(argv[1]) : -1;
    if (fd < 0) refuse("sampan-launcher: it is started by sampan, with a plan\n");
    report_fd = (int)parse_number(argv[2]);
    if (report_fd >= 0) end_with_caller();
    map_plan(fd);
    own_signals();
    if (((struct header *)plan)->stages[STAGE_MONITOR].count) become_monitor();
    run_stage(STAGE_PARENT);
}

#ifdef LAUNCHER_HOSTED
int main(int argc, char **argv) { return launcher_main(argc, argv); }
#else
__attribute__((used, noreturn)) void start_here(long *stack) {
    launcher_main((int)stack[0], (char **)(stack + 1));
    __builtin_unreachable();
}
#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call start_here\n");
#else
__asm__(".globl _start\n_start:\n  mov x29, #0\n  mov x0, sp\n  bl start_here\n");
#endif
/* gcc may call these two by name. */
void *memcpy(void *to, const void *from, size_t n) {
    for (size_t i = 0; i < n; i++) ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}
void *memset(void *to, int byte, size_t n) {
    for (size_t i = 0; i < n; i++) ((volatile char *)to)[i] = (char)byte;
    return to;
}
#endif
