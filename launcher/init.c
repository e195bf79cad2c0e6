/*
 * The third use: a container's first process where one is asked for (`--init`), bound into it as a file. It starts the program in a process group of its
 * own, passes signals on to it, waits for whatever is left behind, and ends as the program ended.
 *
 *     docker-init -- PROGRAM [ARGUMENT ...]
 *
 * With "-" and no program it only waits for what is left behind, until it is killed: the first process of a namespace that the containers of a pod share.
 */
#include "launcher.h"
#include <sys/ioctl.h>
#include <sys/wait.h>

/* What means the reaper itself (a fault of it), so that it is neither blocked nor passed on. */
static const int own[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS};

static uint64_t bit(int signal) { return 1ull << (signal - 1); }

static long execute_at(const char *folder, size_t length, char **argv, char **env) {
    static char path[4096];
    char *limit = path + sizeof path, *end = path;
    if (length + length_of(argv[0]) + 2 > sizeof path) return -ENAMETOOLONG;
    memcpy(end, folder, length);
    end += length;
    if (length) *end++ = '/';
    append(end, limit, argv[0]);
    return sys(SYS_execve, path, argv, env);
}

static const char *search_path(char **env) {
    for (; *env; env++)
        if ((*env)[0] == 'P' && (*env)[1] == 'A' && (*env)[2] == 'T' && (*env)[3] == 'H' && (*env)[4] == '=') return *env + 5;
    return "/bin:/usr/bin";
}

/* execvp(3): gives what went wrong; EACCES outweighs what only was not there. */
static long search(char **argv, char **env) {
    for (const char *c = argv[0]; *c; c++)
        if (*c == '/') return execute_at("", 0, argv, env);
    long best = -ENOENT;
    if (!*argv[0]) return best;
    for (const char *at = search_path(env);; at++) {
        size_t length = 0;
        while (at[length] && at[length] != ':') length++;
        long error = execute_at(at, length, argv, env);
        if (error == -EACCES) best = error;
        else if (error != -ENOENT && error != -ENOTDIR) return error;
        at += length;
        if (!*at) return best;
    }
}

/* A group of its own, and the terminal's foreground where there is a terminal: then ^C and ^Z are for the program alone. */
static void __attribute__((noreturn)) run_program(char **argv, char **env, uint64_t mask) {
    sys(SYS_setpgid, 0, 0);
    int32_t group = (int32_t)sys(SYS_getpid);
    sys(SYS_ioctl, 0, TIOCSPGRP, &group); /* without a terminal it is an error that means nothing */
    dispose(SIGTTIN, 0), dispose(SIGTTOU, 0);
    sys(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &mask, 0, sizeof mask);
    long error = search(argv, env);
    char message[512], *limit = message + sizeof message;
    char *end = append(append(message, limit, "exec "), limit - 64, argv[0]);
    end = append(append(append(end, limit, ": "), limit, reason(error)), limit, "\n");
    sys(SYS_write, 2, message, end - message);
    for (;;) sys(SYS_exit_group, error == -ENOENT ? 127 : 126);
}

/* Waits for all that have ended. Whether the program is among them. */
static int reap_all(long program, int *status) {
    int ended = 0;
    for (int seen;;) {
        long gone = sys(SYS_wait4, -1, &seen, WNOHANG | 0x40000000 /* __WALL */, 0);
        if (gone == -EINTR) continue;
        if (gone <= 0) return ended;
        if (gone == program) *status = seen, ended = 1;
    }
}

void become_init(char **argv, char **env) {
    uint64_t passed = ~0ull, before;
    for (unsigned i = 0; i < sizeof own / sizeof *own; i++) passed &= ~bit(own[i]);
    dispose(SIGTTIN, (void *)1), dispose(SIGTTOU, (void *)1); /* blocked they would stop whoever takes the terminal's foreground */
    passed &= ~(bit(SIGTTIN) | bit(SIGTTOU));
    dispose(SIGCHLD, 0); /* ignored it would leave nobody to wait for */
    sys(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &passed, &before, sizeof passed);
    /* In the host's or another container's pid namespace it is not the one that orphans fall to. */
    if (sys(SYS_getpid) != 1) sys(SYS_prctl, 36 /* PR_SET_CHILD_SUBREAPER */, 1, 0, 0, 0);
    for (int none; !*argv;) {
        reap_all(0, &none);
        sys(SYS_rt_sigtimedwait, &passed, 0, 0, sizeof passed);
    }
    long program = sys(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (program == 0) run_program(argv, env, before);
    int status = 126 << 8;
    while (program > 0 && !reap_all(program, &status)) {
        long number = sys(SYS_rt_sigtimedwait, &passed, 0, 0, sizeof passed);
        if (number > 0 && number != SIGCHLD) sys(SYS_kill, program, number);
    }
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    for (;;) sys(SYS_exit_group, code);
}
