/*
 * Makes system calls under a seccomp filter and says what came of them. Argument: a file with a BPF program. Standard
 * input: one call a line, `x64|i386 NUMBER ARGUMENT...` (six arguments). For each writes `errno N` (0 for success) or
 * `signal N`. Every call is made by a process of its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sock_filter code[4096];
static struct sock_fprog program = {.filter = code};

static void die(const char *what) {
    perror(what);
    exit(1);
}

static long call_x64(uint64_t number, const uint64_t *arguments) {
    long result = syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);

    return result == -1 ? -errno : 0;
}

/* The i386 ABI from 64-bit code; the sixth argument (ebp) stays what it is. */
static long call_i386(uint64_t number, const uint64_t *arguments) {
    int32_t result;

    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"((uint32_t)number), "b"((uint32_t)arguments[0]), "c"((uint32_t)arguments[1]), "d"((uint32_t)arguments[2]),
                       "S"((uint32_t)arguments[3]), "D"((uint32_t)arguments[4])
                     : "memory", "r8", "r9", "r10", "r11");
    return result < 0 && result > -4096 ? result : 0;
}

static void child(int i386, uint64_t number, const uint64_t *arguments, long *result) {
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) _exit(1);
    *result = (i386 ? call_i386 : call_x64)(number, arguments);
    _exit(0);
}

int main(int argc, char **argv) {
    long *result = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int file = argc == 2 ? open(argv[1], O_RDONLY) : -1;
    ssize_t length = file < 0 ? -1 : read(file, code, sizeof(code));
    char abi[8];
    uint64_t number, a[6];

    if (length < 0 || result == MAP_FAILED) die("probe");
    program.len = length / sizeof(code[0]);
    while (scanf("%7s %lu %lu %lu %lu %lu %lu %lu", abi, &number, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5]) == 8) {
        int status;
        pid_t pid = fork();

        if (pid < 0) die("fork");
        if (pid == 0) child(!strcmp(abi, "i386"), number, a, result);
        if (waitpid(pid, &status, 0) < 0) die("waitpid");
        if (WIFSIGNALED(status)) printf("signal %d\n", WTERMSIG(status));
        else if (WEXITSTATUS(status) != 0) die("the filter was not loaded");
        else printf("errno %ld\n", -*result);
    }
    return 0;
}
