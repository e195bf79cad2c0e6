/*
 * Both ends of a measured connection. `net serve PORT`: per connection one byte says what is wanted: 'r' is answered by bytes without end, 'p' byte by byte, as
 * they come. `net rate ADDRESS PORT MS` prints MiB/s that came; `net ping ADDRESS PORT MS` prints answers per second, one at a time; `net connect ADDRESS PORT MS`
 * connections per second, each with one answer.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char block[1 << 18];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void serve_one(int fd) {
    char want, byte;
    if (read(fd, &want, 1) != 1) return;
    if (want == 'r')
        while (write(fd, block, sizeof block) > 0) {}
    else
        while (read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1) {}
}

static void serve(int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 512)) fail("listen");
    signal(SIGCHLD, SIG_IGN);
    puts("listening");
    fflush(stdout);
    for (;;) {
        int one = accept(fd, 0, 0);
        if (one < 0) continue;
        setsockopt(one, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (fork() == 0) {
            close(fd);
            serve_one(one);
            _exit(0);
        }
        close(one);
    }
}

static int reach(const char *address, int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &at.sin_addr);
    if (connect(fd, (struct sockaddr *)&at, sizeof at)) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void ask(int fd, const char *bytes, int count) {
    if (write(fd, bytes, count) != count) fail("write");
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "serve")) serve(atoi(argv[2]));
    if (argc != 5) return 2;
    const char *what = argv[1];
    int port = atoi(argv[3]);
    double length = atof(argv[4]), begun = now(), bytes = 0, count = 0;
    if (!strcmp(what, "connect")) {
        struct linger hard = {1, 0};
        char byte;
        for (; now() < begun + length; count++) {
            int fd = reach(argv[2], port);
            ask(fd, "px", 2);
            if (read(fd, &byte, 1) != 1) fail("read");
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
            close(fd);
        }
    } else if (!strcmp(what, "ping")) {
        int fd = reach(argv[2], port);
        char byte;
        for (ask(fd, "p", 1); now() < begun + length; count++) {
            ask(fd, "x", 1);
            if (read(fd, &byte, 1) != 1) fail("read");
        }
    } else {
        int fd = reach(argv[2], port);
        ask(fd, "r", 1);
        while (now() < begun + length) {
            long n = read(fd, block, sizeof block);
            if (n <= 0) fail("read");
            bytes += n;
        }
    }
    double seconds = (now() - begun) / 1e3;
    printf("%f\n", !strcmp(what, "rate") ? bytes / 1048576 / seconds : count / seconds);
    return 0;
}
