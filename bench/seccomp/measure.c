/*
 * Times system calls under seccomp filters. Arguments: rounds, calls a round, then files with BPF programs ("-" for
 * none). Each round runs every file in a process of its own, in turn, so that noise meets all of them alike.
 * Writes one line a file: the least nanoseconds a call, for each of the calls below in their order.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* always allowed · always allowed · allowed by argument · refused by argument · always refused */
static const struct {
    long number, argument;
} calls[] = {
    {SYS_getppid, 0}, {SYS_close, -1}, {SYS_personality, 0xffffffff}, {SYS_socket, 40}, {SYS_swapoff, 0},
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]), FILES = 16 };

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void load(const char *path) {
    static struct sock_filter code[4096];
    int file = open(path, O_RDONLY);
    ssize_t length = file < 0 ? -1 : read(file, code, sizeof(code));
    struct sock_fprog program = {.len = length / sizeof(code[0]), .filter = code};

    if (length < 0) die(path);
    close(file);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) die("no_new_privs");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) die("seccomp");
}

static double now(void) {
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

static void measure(const char *path, long count, double *least) {
    pid_t child = fork();
    int status;

    if (child < 0) die("fork");
    if (child > 0) {
        if (waitpid(child, &status, 0) < 0 || status != 0) die("a measuring process failed");
        return;
    }
    if (strcmp(path, "-")) load(path);
    for (int call = 0; call < CALLS; call++) {
        double start = now();
        for (long i = 0; i < count; i++) syscall(calls[call].number, calls[call].argument, 0, 0);
        double each = (now() - start) / count;
        if (least[call] == 0 || each < least[call]) least[call] = each;
    }
    _exit(0);
}

int main(int argc, char **argv) {
    double(*least)[CALLS] = mmap(NULL, FILES * sizeof(*least), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (argc < 4 || argc - 3 > FILES || least == MAP_FAILED) return 2;
    for (long round = atol(argv[1]); round > 0; round--)
        for (int file = 3; file < argc; file++) measure(argv[file], atol(argv[2]), least[file - 3]);
    for (int file = 3; file < argc; file++)
        for (int call = 0; call < CALLS; call++) printf("%.1f%c", least[file - 3][call], call == CALLS - 1 ? '\n' : ' ');
    return 0;
}
