/*
 * The fifth use: the keeper of a server's sockets. It starts the server, and again when it was killed, or when it had left for want of work and there is some. What is spoken between the two is in
 * src/runtime/keeper/protocol.ts.
 *
 *     sampan-keeper keep LISTENER PROGRAM [ARGUMENT ...]
 */
#include "launcher.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define MOST 4096   /* connections, and processes that are watched; what is more is not kept */
#define SOON 1000   /* ms: a server that lives no longer has failed */
#define FAILURES 10 /* one after the other, then nobody can use this server */
#define WORDS 64    /* of the server's command line */

struct kept {
    int fd;
    uint32_t number; /* 0: a free place */
};

static struct kept connections[MOST], watched[MOST];
static struct pollfd polled[3 + 2 * MOST];
static int listener, signals, bell = -1, post = -1;
static long server;
static int resting, leaving, rung, failures;
static int64_t started;
static char places[MOST * 24]; /* the value of -keeper */

static void __attribute__((noreturn)) leave(int code) {
    for (;;) sys(SYS_exit_group, code);
}

static void forget(struct kept *k) {
    sys(SYS_close, k->fd);
    k->number = 0;
}

static void keep(struct kept *table, int fd, uint32_t number) {
    for (struct kept *k = table; number && k < table + MOST; k++) {
        if (k->number) continue;
        k->fd = fd, k->number = number;
        return;
    }
    sys(SYS_close, fd);
}

static void drop(uint32_t number) {
    for (struct kept *k = connections; number && k < connections + MOST; k++)
        if (k->number == number) forget(k);
}

static void inherit(int fd) { sys(SYS_fcntl, fd, F_SETFD, 0); }

static void __attribute__((noreturn)) become_server(char **argv, char **env, const int theirs[2]) {
    char *words[WORDS], *limit = places + sizeof places;
    char *end = append_number(places, limit, listener);
    end = append_number(append(append_number(append(end, limit, ","), limit, theirs[0]), limit, ","), limit, theirs[1]);
    inherit(listener), inherit(theirs[0]), inherit(theirs[1]);
    for (struct kept *k = connections; k < connections + MOST; k++) {
        if (!k->number) continue;
        end = append_number(append(append_number(append(end, limit, ","), limit, k->number), limit, ":"), limit, k->fd);
        inherit(k->fd);
    }
    unsigned n = 0;
    while (argv[n] && n < WORDS - 3) words[n] = argv[n], n++;
    words[n++] = "-keeper", words[n++] = places, words[n] = 0;
    uint64_t none = 0;
    sys(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &none, 0, sizeof none);
    sys(SYS_execve, argv[0], words, env);
    leave(126);
}

static void start(char **argv, char **env) {
    int ring[2], mail[2];
    for (struct kept *k = watched; k < watched + MOST; k++)
        if (k->number) forget(k);
    if (sys(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ring) < 0) leave(1);
    if (sys(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, mail) < 0) leave(1);
    const int theirs[2] = {ring[1], mail[1]};
    server = sys(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (server == 0) become_server(argv, env, theirs);
    sys(SYS_close, ring[1]), sys(SYS_close, mail[1]);
    bell = ring[0], post = mail[0], started = now_ms(), rung = resting = leaving = 0;
    if (server < 0) leave(1);
}

/* Whether there was a message. */
static int take_message(void) {
    struct {
        struct {
            uint64_t length;
            int32_t level, type;
        } header;
        int32_t fd, zero;
    } control = {{0, 0, 0}, -1, 0};
    char text[32];
    struct iovec64 piece = {text, sizeof text - 1};
    struct message64 message = {0, 0, &piece, 1, &control, 20, 0};
    long n = sys(SYS_recvmsg, post, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n <= 0) return 0;
    int fd = message.control_length && control.header.type == SCM_RIGHTS ? control.fd : -1;
    uint32_t number = 0;
    for (long i = 1; i < n && text[i] >= '0' && text[i] <= '9'; i++) number = number * 10 + (uint32_t)(text[i] - '0');
    switch (text[0]) {
    case KEEPER_KEEP:
        if (fd >= 0) keep(connections, fd, number);
        return 1;
    case KEEPER_DROP: drop(number); break;
    case KEEPER_ACCEPTED: rung = 0; break;
    case KEEPER_WATCH: {
        long watch = sys(SYS_pidfd_open, number, 0);
        /* It has ended already: the server is wanted again at once. */
        if (watch < 0) resting = -1;
        else keep(watched, (int)watch, number);
        break;
    }
    case KEEPER_REST: resting = resting < 0 ? -1 : 1; break;
    case KEEPER_LEAVE: leaving = 1;
    }
    if (fd >= 0) sys(SYS_close, fd);
    return 1;
}

static void reap(void) {
    char info[128 * 4];
    while (sys(SYS_read, signals, info, sizeof info) > 0) {}
    for (int status;;) {
        long gone = sys(SYS_wait4, -1, &status, WNOHANG | 0x40000000 /* __WALL */, 0);
        if (gone == -EINTR) continue;
        if (gone <= 0) return;
        if (gone != server) continue;
        while (take_message()) {}
        sys(SYS_close, bell);
        if (post >= 0) sys(SYS_close, post);
        bell = post = -1, server = 0;
        if (leaving) leave(0);
        if (resting < 0) resting = 0;
        else if (!resting) {
            failures = now_ms() - started < SOON ? failures + 1 : 0;
            if (failures > FAILURES) leave(1);
            if (failures) sleep_us(failures * 100000);
        }
    }
}

static unsigned await(struct pollfd *at, const struct kept *table) {
    unsigned n = 0;
    for (const struct kept *k = table; k < table + MOST; k++)
        if (k->number) at[n++] = (struct pollfd){k->fd, POLLIN, 0};
    return n;
}

/* With a server it hears it and rings; without one it waits for work. */
static void turn(void) {
    unsigned n = 3;
    polled[0] = (struct pollfd){signals, POLLIN, 0};
    polled[1] = (struct pollfd){post, POLLIN, 0};
    polled[2] = (struct pollfd){server && rung ? -1 : listener, POLLIN, 0};
    if (!server) n += await(polled + n, connections), n += await(polled + n, watched);
    if (sys(SYS_ppoll, polled, n, 0, 0, 0) <= 0) return;
    if (!server) {
        for (unsigned i = 2; i < n; i++)
            if (polled[i].revents) resting = 0;
        return;
    }
    if (polled[1].revents && !take_message()) sys(SYS_close, post), post = -1;
    if (polled[2].revents) rung = sys(SYS_write, bell, "L", 1) == 1;
    if (polled[0].revents) reap();
}

void become_keeper(long fd, char **argv, char **env) {
    uint64_t all = ~0ull;
    listener = (int)fd;
    own_signals();
    sys(SYS_setsid);
    sys(SYS_chdir, "/"); /* the caller's folder is a bundle, which goes */
    sys(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &all, 0, sizeof all);
    signals = (int)sys(SYS_signalfd4, -1, &all, sizeof all, O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || signals < 0 || sys(SYS_fcntl, listener, F_SETFL, O_NONBLOCK) < 0) leave(125);
    for (;;) {
        if (!server && !resting) start(argv, env);
        turn();
    }
}
