/*
 * The other side of the runtime's sockets, for tests, on the host and in a container:
 *   notify TEXT…     sends each text to $NOTIFY_SOCKET
 *   datagrams PATH   prints what is sent to the socket PATH, one line a datagram
 *   console PATH     gets a terminal's master, prints its modes and size, then passes bytes between it and its own input and output
 *   pidfd PATH       gets a pidfd, prints the data and the process id
 *   seccomp PATH N   gets a listener and its state, prints it, and answers N calls with the error EXDEV
 * The last three listen on a stream socket and print "ready" first.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static struct sockaddr_un address_of(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    return address;
}

static int bound(const char *path, int type) {
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail(path);
    if (type == SOCK_STREAM && listen(fd, 8) < 0) fail("listen");
    puts("ready");
    return fd;
}

/* One message with at most one descriptor; the text is NUL-ended. */
static ssize_t receive(int socket, char *text, size_t size, int *fd) {
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec piece = {text, size - 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (n < 0) fail("recvmsg");
    text[n] = 0;
    *fd = -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS) memcpy(fd, CMSG_DATA(header), sizeof *fd);
    return n;
}

static int accepted(const char *path, char *text, size_t size) {
    int fd, listener = bound(path, SOCK_STREAM), connection = accept(listener, 0, 0);
    if (connection < 0) fail("accept");
    receive(connection, text, size, &fd);
    if (fd < 0) fail("no descriptor came");
    close(connection);
    return fd;
}

static int notify(char **texts) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = address_of(path ? path : "");
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    for (; *texts; texts++)
        if (sendto(fd, *texts, strlen(*texts), 0, (struct sockaddr *)&address, sizeof address) < 0) fail("sendto");
    return 0;
}

static int datagrams(const char *path) {
    char text[4096];
    int fd, socket = bound(path, SOCK_DGRAM);
    while (receive(socket, text, sizeof text, &fd) >= 0) {
        for (char *c = text; *c; c++)
            if (*c == '\n') *c = '|';
        printf("%s%s\n", text, fd < 0 ? "" : " +fd");
        if (fd >= 0) close(fd);
    }
    return 1;
}

static int console(const char *path) {
    char text[4096];
    struct termios modes;
    struct winsize size;
    int master = accepted(path, text, sizeof text), open = 1;
    if (tcgetattr(master, &modes) < 0 || ioctl(master, TIOCGWINSZ, &size) < 0) fail("no terminal");
    printf("name %s\nonlcr %d\nsize %d %d\n", text, (modes.c_oflag & ONLCR) != 0, size.ws_row, size.ws_col);
    for (;;) {
        struct pollfd polled[2] = {{master, POLLIN, 0}, {open ? 0 : -1, POLLIN, 0}};
        poll(polled, 2, -1);
        ssize_t n = polled[0].revents ? read(master, text, sizeof text) : 0;
        if (polled[0].revents && n <= 0) return 0;
        if (n > 0 && write(1, text, (size_t)n) != n) return 1;
        n = polled[1].revents ? read(0, text, sizeof text) : -1;
        if (polled[1].revents && n <= 0) open = 0;
        if (n > 0 && write(master, text, (size_t)n) != n) return 1;
    }
}

static int pidfd(const char *path) {
    char text[4096], file[64];
    int fd = accepted(path, text, sizeof text);
    printf("data %s\n", text);
    snprintf(file, sizeof file, "/proc/self/fdinfo/%d", fd);
    FILE *info = fopen(file, "r");
    while (info && fgets(text, sizeof text, info))
        if (strncmp(text, "Pid:", 4) == 0) fputs(text, stdout);
    return 0;
}

static int agent(const char *path, int calls) {
    static char text[65536];
    int fd = accepted(path, text, sizeof text);
    puts(text);
    for (int i = 0; i < calls; i++) {
        struct seccomp_notif call;
        memset(&call, 0, sizeof call);
        if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) fail("SECCOMP_IOCTL_NOTIF_RECV");
        printf("call %d\n", call.data.nr);
        struct seccomp_notif_resp answer = {.id = call.id, .error = -EXDEV};
        if (ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0) fail("SECCOMP_IOCTL_NOTIF_SEND");
    }
    return 0;
}

int main(int argc, char **argv) {
    const char *word = argc > 1 ? argv[1] : "", *path = argc > 2 ? argv[2] : "";
    setvbuf(stdout, 0, _IOLBF, 0);
    if (strcmp(word, "notify") == 0) return notify(argv + 2);
    if (strcmp(word, "datagrams") == 0) return datagrams(path);
    if (strcmp(word, "console") == 0) return console(path);
    if (strcmp(word, "pidfd") == 0) return pidfd(path);
    if (strcmp(word, "seccomp") == 0) return agent(path, argc > 3 ? atoi(argv[3]) : 0);
    fprintf(stderr, "tool: %s is unknown\n", word);
    return 2;
}
