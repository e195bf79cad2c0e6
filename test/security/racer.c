/*
 * racer READY A B [A B]…: swaps what lies at A and B, over and over, until it is killed or its parent ends. READY is a file that it makes when
 * it is about to begin. A swap is one system call (renameat2 with RENAME_EXCHANGE), so there is no moment in which A or B is not there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 4 || argc % 2) return 2;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 2; i < argc; i += 2)
        if (renameat2(AT_FDCWD, argv[i], AT_FDCWD, argv[i + 1], RENAME_EXCHANGE) < 0) {
            fprintf(stderr, "racer: %s and %s: %s\n", argv[i], argv[i + 1], strerror(errno));
            return 1;
        }
    close(open(argv[1], O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    for (;;)
        for (int i = 2; i < argc; i += 2) renameat2(AT_FDCWD, argv[i], AT_FDCWD, argv[i + 1], RENAME_EXCHANGE);
}
