/*
 * The monitor: the parent of one process, for as long as it lives. It holds the process's standard streams, writes its log, answers on a socket, and
 * writes how it ended. What is spoken there is in src/runtime/monitor/protocol.ts. One loop, no descriptor of which blocks.
 */
#include "launcher.h"
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define CLIENTS 33 /* the last is for one that is one too many, until it was told so */
#define BLOCK 32768
#define GRACE 1000 /* ms for descendants that hold the streams open after the end */
#define SOCKET_NAME "monitor.sock"

/*
 * What waits for a client: bytes of out, and where it has not yet taken what came from the process, `left` bytes of the block, which belong between out[split - 1]
 * and out[split]. Nobody keeps a copy of the block: it is not read again before everybody has taken it.
 */
struct client {
    int open, fd, mask;
    uint32_t body; /* bytes of its request that are to come */
    unsigned head, in_have, out_have, out_at, split, left;
    const char *next; /* in the block */
    int64_t since;    /* when it last took something of what waits */
    uint8_t header[8], in[8];
    char out[1024];
};

static struct client clients[CLIENTS], *const spare = clients + CLIENTS - 1;
static char block[BLOCK];
/* Input on its way to the process. While it takes none nobody else's can go there either. */
static struct client *typist;
static char typed[16384];
static unsigned typed_at, typed_have;
static int input = -1, output[2] = {-1, -1}, console = -1, listener, folder, signals;
static int typing = -1, copy = -1, held[2] = {-1, -1}, last_typing; /* files of a terminal and of a process without one */
static struct client keyboard;                                      /* who types what comes from the file: no client */
static const char *copying;                                         /* in the block */
static unsigned copy_left;
static int64_t copied_at;
static int once, terminal, finish_parent, deserted, parent_ended, kept, ended, status;
static uint32_t size;
static int64_t patience, ended_at, ended_time;
static int64_t quiet_until; /* a terminal that nobody has open is asked again then */
static int64_t hold_until;  /* output waits so long for the first who attaches */
static long pid, middle;

long do_carry_stdio(struct record *o) {
    input = SLOT(CARRY_STDIO, INPUT), output[0] = SLOT(CARRY_STDIO, OUTPUT), output[1] = SLOT(CARRY_STDIO, ERRORS);
    console = SLOT(CARRY_STDIO, CONSOLE), terminal = console >= 0;
    once = (int)INT(CARRY_STDIO, ONCE), size = (uint32_t)INT(CARRY_STDIO, SIZE);
    int fds[4] = {input, output[0], output[1], console};
    for (int i = 0; i < 4; i++)
        if (fds[i] >= 0) sys(SYS_fcntl, fds[i], F_SETFL, O_NONBLOCK);
    return 0;
}

/* Files that others read and write: of a terminal they are copied from and to; a process without one has them itself, and here they stay open for it. */
long do_carry_files(struct record *o) {
    typing = SLOT(CARRY_FILES, INPUT), copy = SLOT(CARRY_FILES, OUTPUT);
    held[0] = SLOT(CARRY_FILES, HELDOUTPUT), held[1] = SLOT(CARRY_FILES, HELDERRORS);
    if (typing >= 0) sys(SYS_fcntl, typing, F_SETFL, O_NONBLOCK);
    if (copy >= 0) sys(SYS_fcntl, copy, F_SETFL, O_NONBLOCK | O_APPEND);
    return 0;
}

/* The process that another program has made: it has come to this one's monitor (PR_SET_CHILD_SUBREAPER). */
long do_read_pid(struct record *o) {
    char digits[16] = {0};
    long fd = open_in(AT_FDCWD, TEXT(READ_PID, PATH), O_RDONLY, 0, 0), value = 0;
    if (fd < 0) return fd;
    long n = sys(SYS_read, fd, digits, sizeof digits - 1);
    sys(SYS_close, fd);
    for (long i = 0; i < n && digits[i] >= '0' && digits[i] <= '9'; i++) value = value * 10 + digits[i] - '0';
    if (value <= 1) return n < 0 ? n : -EPROTO;
    shared->pid = (int32_t)value;
    return 0;
}

static int64_t get(const uint8_t *from, int bytes) {
    int64_t value = 0;
    while (bytes-- > 0) value = value << 8 | *from++;
    return value;
}

static void set(uint8_t *to, int bytes, int64_t value) {
    for (; bytes-- > 0; value >>= 8) to[bytes] = (uint8_t)value;
}

/* ---- clients ---- */

static void end_input(void) {
    last_typing = 1;
    if (input >= 0 && !terminal) sys(SYS_close, input), input = -1;
}

static void drop(struct client *c) {
    if (!c->open) return;
    sys(SYS_close, c->fd);
    c->open = 0;
    if (c == typist) typist = 0;
    if (c->mask & STREAM_INPUT && once) end_input();
}

static int types(const struct client *c) { return c->head == 8 && c->header[0] == REQUEST_INPUT; }

/* Whether there is a place for what it sends next. */
static int may_speak(const struct client *c) { return c->open && c != typist && !(typist && types(c)); }

static int has_gone(int fd) {
    struct pollfd polled = {fd, 0, 0};
    int64_t time[2] = {0, 0};
    return sys(SYS_ppoll, &polled, 1, time, 0, 0) > 0;
}

/* Who has gone stays for the input that it left, but not where its place is wanted: a process that reads none would keep everybody out. */
static struct client *free_place(void) {
    for (struct client *c = clients; c < spare; c++)
        if (!c->open) return c;
    for (struct client *c = clients; c < spare; c++) {
        if (may_speak(c) || !has_gone(c->fd)) continue;
        drop(c);
        return c;
    }
    return spare;
}

static void accept_client(void) {
    long fd = sys(SYS_accept4, listener, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    struct client *c = free_place();
    c->open = 1, c->fd = (int)fd, c->mask = 0, c->body = c->head = c->in_have = c->out_have = c->out_at = c->split = c->left = 0;
    c->since = now_ms();
}

static unsigned lesser(unsigned a, unsigned b) { return a < b ? a : b; }

/* Sends what waits for a client. */
static void push(struct client *c) {
    unsigned before = c->left ? c->split - c->out_at : 0;
    struct iovec64 piece[3] = {
        {c->out + c->out_at, before}, {(void *)c->next, c->left}, {c->out + c->out_at + before, c->out_have - c->out_at - before}};
    struct message64 message = {0, 0, piece, 3, 0, 0, 0};
    long n = sys(SYS_sendmsg, c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n == -EAGAIN || n == -EINTR) return;
    if (n < 0) {
        drop(c);
        return;
    }
    unsigned gone = (unsigned)n, head = lesser(gone, before), body = lesser(gone - head, c->left);
    c->since = now_ms(), c->next += body, c->left -= body, c->out_at += gone - body;
    if (!c->left && c->out_at == c->out_have) c->out_at = c->out_have = 0;
}

/* `shared`: the data are in the block, and stay there until the client has them. */
static void send_frame(struct client *c, int kind, const void *data, unsigned n, int shared) {
    int idle = !c->out_have;
    if (c->out_have + 8 + (shared ? 0 : n) > sizeof c->out) {
        drop(c);
        return;
    }
    uint8_t *head = (uint8_t *)c->out + c->out_have;
    set(head, 4, (int64_t)kind << 24), set(head + 4, 4, n);
    c->out_have += 8;
    if (shared) c->next = data, c->left = n, c->split = c->out_have;
    else memcpy(c->out + c->out_have, data, n), c->out_have += n;
    if (idle) c->since = now_ms(), push(c);
}

static void answer(struct client *c, long result) {
    uint8_t body[4];
    set(body, 4, result);
    send_frame(c, ANSWER_DONE, body, sizeof body, 0);
}

static void say_status(struct client *c) {
    uint8_t body[8];
    set(body, 4, pid), set(body + 4, 4, ended);
    send_frame(c, ANSWER_STATUS, body, sizeof body, 0);
}

/* The process has this number until it was waited for, so that no other can have it. */
static long send_signal(int number) {
    if (pid <= 0 || ended) return -ESRCH;
    if (!(number & SIGNAL_GROUP)) return sys(SYS_kill, pid, number);
    number &= ~SIGNAL_GROUP;
    long result = sys(SYS_kill, -pid, number);
    return result == -ESRCH ? sys(SYS_kill, pid, number) : result; /* it leads no group */
}

static void handle(struct client *c) {
    int argument = c->header[1];
    switch (c->header[0]) {
    case REQUEST_STATUS: say_status(c); break;
    case REQUEST_ATTACH:
        c->mask = argument, hold_until = 0;
        answer(c, 0);
        break;
    case REQUEST_INPUT: break;
    case REQUEST_END_INPUT: end_input(); break;
    case REQUEST_RESIZE:
        answer(c, c->in_have != 4          ? -EINVAL
                  : !terminal || input < 0 ? -ENOTTY
                                           : set_size(input, (uint16_t)get(c->in, 2), (uint16_t)get(c->in + 2, 2)));
        break;
    case REQUEST_SIGNAL: answer(c, send_signal(argument)); break;
    case REQUEST_REOPEN_LOG: answer(c, log_reopen()); break;
    default: drop(c);
    }
    c->head = c->in_have = 0;
}

/* Passes input on as far as the process takes it; who reads none loses it. */
static void feed(void) {
    struct client *c = typist;
    while (input >= 0 && typed_at < typed_have) {
        long n = sys(SYS_write, input, typed + typed_at, typed_have - typed_at);
        if (n == -EINTR) continue;
        if (n == -EAGAIN) return;
        if (n < 0) end_input(), typed_at = typed_have;
        else typed_at += (unsigned)n;
    }
    typist = 0;
    if (!c->body) c->head = 0;
}

static void read_client(struct client *c) {
    int whole = c->head == 8, is_input = types(c);
    char *to = is_input ? typed : whole ? (char *)c->in + c->in_have : (char *)c->header + c->head;
    unsigned wanted = is_input ? lesser(c->body, sizeof typed) : whole ? c->body : 8 - c->head;
    long n = sys(SYS_read, c->fd, to, wanted);
    if (n == -EAGAIN || n == -EINTR) return;
    if (n <= 0) {
        drop(c);
        return;
    }
    if (whole) {
        c->body -= (uint32_t)n;
        if (is_input) {
            typist = c, typed_at = 0, typed_have = (unsigned)n;
            feed();
        } else {
            c->in_have += (unsigned)n;
            if (!c->body) handle(c);
        }
        return;
    }
    c->head += (unsigned)n;
    if (c->head < 8) return;
    c->body = (uint32_t)get(c->header + 4, 4);
    if (c == spare) {
        answer(c, -EUSERS);
        drop(c);
    } else if (c->header[0] != REQUEST_INPUT && c->body > 8) drop(c);
    else if (!c->body) handle(c);
}

static void close_copy(void) {
    if (copy >= 0) sys(SYS_close, copy);
    copy = -1, copy_left = 0;
}

/* A FIFO that is full and that nobody reads holds the process, as a pipe does. */
static void push_copy(void) {
    while (copy_left) {
        long n = sys(SYS_write, copy, copying, copy_left);
        if (n == -EINTR) continue;
        if (n == -EAGAIN) return;
        if (n < 0) {
            close_copy();
            return;
        }
        copying += n, copy_left -= (unsigned)n, copied_at = now_ms();
    }
}

static void read_typing(void) {
    long n = sys(SYS_read, typing, typed, sizeof typed);
    if (n > 0) {
        typist = &keyboard, typed_at = 0, typed_have = (unsigned)n;
        feed();
    } else if (n != -EINTR && (n != -EAGAIN || last_typing)) sys(SYS_close, typing), typing = -1;
}

/* Whether somebody who is attached has not yet taken what came last: then no more is read, as a pipe would have it. */
static int blocked(void) {
    if (copy_left) return 1;
    for (struct client *c = clients; c < clients + CLIENTS; c++)
        if (c->open && c->left) return 1;
    return 0;
}

/* Lets those go who have taken nothing for too long; gives the time until the next could be, -1 for never. */
static int64_t expire(int64_t now) {
    int64_t next = -1;
    for (struct client *c = clients; c < clients + CLIENTS; c++) {
        if (!c->open || (!c->out_have && c != spare)) continue;
        int64_t left = c->since + patience - now;
        if (left <= 0 || (ended && now - ended_at > 6 * patience)) drop(c);
        else if (next < 0 || left < next) next = left;
    }
    return next;
}

/* ---- the process's streams ---- */

static void close_output(int stream) {
    if (output[stream] >= 0) sys(SYS_close, output[stream]);
    output[stream] = -1;
    if (terminal) input = -1; /* it is the same descriptor */
}

/* One read. Whether there was something. */
static int pump(int stream) {
    long n = sys(SYS_read, output[stream], block, sizeof block);
    if (n == -EAGAIN || n == -EINTR) return 0;
    if (n <= 0) {
        if (terminal && !ended) quiet_until = now_ms() + 100;
        else close_output(stream);
        return 0;
    }
    log_add(stream, block, (size_t)n);
    if (copy >= 0) copying = block, copy_left = (unsigned)n, copied_at = now_ms(), push_copy();
    for (struct client *c = clients; c < clients + CLIENTS; c++)
        if (c->open && c->mask & (stream ? STREAM_ERRORS : STREAM_OUTPUT)) send_frame(c, stream + 1, block, (unsigned)n, 1);
    return 1;
}

/* After the end: what the pipes still hold. Whether it is all. */
static int drained(int64_t now) {
    if (now < hold_until) return 0;
    for (int stream = 0; stream < 2; stream++) {
        while (output[stream] >= 0 && !blocked() && pump(stream)) {}
        if (output[stream] >= 0 && !blocked() && now >= ended_at + GRACE) close_output(stream);
    }
    if (copy_left && now >= copied_at + patience) close_copy();
    return output[0] < 0 && output[1] < 0 && !copy_left;
}

/* ---- the process ---- */

static void __attribute__((noreturn)) leave(int code) {
    for (;;) sys(SYS_exit_group, code);
}

static void take_socket_away(void) { sys(SYS_unlinkat, folder, SOCKET_NAME, 0); }

/* A number that another program wrote down may be anybody's. */
static long is_child(long child) {
    char info[128];
    return sys(SYS_waitid, 1 /* P_PID */, child, info, WEXITED | WNOHANG | WNOWAIT | 0x40000000 /* __WALL */, 0);
}

/* Nobody knows of this process, or it could not be made: none of it may stay. */
static void __attribute__((noreturn)) abandon(void) {
    long kin[] = {parent_ended ? 0 : shared->parent, parent_ended ? middle : shared->middle,
                  parent_ended ? (ended ? 0 : pid) : shared->pid};
    for (unsigned i = 0; i < 3; i++)
        if (kin[i] > 0 && is_child(kin[i]) >= 0) sys(SYS_kill, kin[i], SIGKILL);
    for (int left = 3, round = 0; left > 0 && round < 5000; round++) {
        left = 0;
        for (unsigned i = 0; i < 3; i++)
            if (kin[i] > 0 && sys(SYS_wait4, kin[i], 0, WNOHANG | 0x40000000, 0) == 0) left++;
            else kin[i] = 0;
        if (left) sleep_us(500);
    }
    take_socket_away();
    leave(1);
}

/* The terminal's master comes by a pair of sockets, or to one where another program connects. */
static long take_terminal(void) {
    long peer = sys(SYS_accept4, console, 0, 0, SOCK_CLOEXEC);
    int master = peer == -EINVAL || peer == -EOPNOTSUPP ? take_fd(console, MSG_DONTWAIT)
                 : peer < 0                             ? (int)peer
                                                        : take_fd((int)peer, MSG_DONTWAIT);
    if (peer >= 0) sys(SYS_close, peer);
    sys(SYS_close, console);
    console = -1;
    if (master < 0) return master;
    sys(SYS_fcntl, master, F_SETFL, O_RDWR | O_NONBLOCK);
    input = output[0] = master;
    return size ? set_size(master, (uint16_t)(size >> 16), (uint16_t)size) : 0;
}

/* Everything is made: the plan is not needed any more. */
static void adopt(void) {
    uint32_t last = ((struct header *)plan)->stages[STAGE_MONITOR].count - 1;
    pid = shared->pid, middle = shared->middle;
    if (deserted) abandon();
    long result = is_child(pid);
    if (result >= 0 && terminal) result = take_terminal();
    if (result < 0) {
        send_report(REPORT_FAILED, STAGE_MONITOR, last, result);
        abandon();
    }
    send_report(REPORT_READY, 0, 0, 0);
    sys(SYS_munmap, shared, 4096);
    sys(SYS_munmap, plan, ((struct header *)plan)->size);
}

static void note_end(int seen) {
    int64_t t[2];
    sys(SYS_clock_gettime, 0 /* CLOCK_REALTIME */, t);
    ended = 1, status = seen, ended_time = t[0] * 1000 + t[1] / 1000000, ended_at = now_ms();
}

/* While the parent's stage runs only it is waited for: whose number the process has is not known before. */
static void reap(void) {
    for (int seen;;) {
        long gone = sys(SYS_wait4, parent_ended ? -1 : shared->parent, &seen, WNOHANG | 0x40000000, 0);
        if (gone == -EINTR) continue;
        if (gone <= 0) return;
        if (!parent_ended) {
            if (seen) abandon();
            parent_ended = 1;
            adopt();
        } else if (gone == pid) note_end(seen);
        else if (gone == middle) middle = 0;
    }
}

static void take_signals(void) {
    char info[128 * 4];
    while (sys(SYS_read, signals, info, sizeof info) > 0) {}
    reap();
}

/* A byte: the caller has written down what it got. The end without one: it was killed before. */
static void hear_caller(void) {
    char byte;
    long n = sys(SYS_read, report_fd, &byte, 1);
    if (n == -EINTR) return;
    if (n <= 0 && (parent_ended || !finish_parent)) abandon();
    sys(SYS_close, report_fd);
    report_fd = -1, kept = n > 0, deserted = n <= 0;
}

/* ---- the loop ---- */

enum { AT_SIGNALS, AT_REPORT, AT_LISTENER, AT_INPUT, AT_OUTPUT, AT_ERRORS, AT_TYPING, AT_COPY, AT_CLIENTS };

static int64_t sooner(int64_t a, int64_t b) { return a < 0 || (b >= 0 && b < a) ? b : a; }

static void wait_for(struct pollfd *polled, int64_t ms) {
    int64_t time[2] = {ms / 1000, ms % 1000 * 1000000};
    sys(SYS_ppoll, polled, AT_CLIENTS + CLIENTS, ms < 0 ? 0 : time, 0, 0);
}

static void await_clients(struct pollfd *polled) {
    for (int i = 0; i < CLIENTS; i++) {
        struct client *c = &clients[i];
        short events = (short)((may_speak(c) ? POLLIN : 0) | (c->out_have ? POLLOUT : 0));
        polled[AT_CLIENTS + i] = (struct pollfd){c->open && events ? c->fd : -1, events, 0};
    }
    if (typist && input >= 0) polled[AT_INPUT] = (struct pollfd){input, POLLOUT, 0};
}

static void serve_clients(const struct pollfd *polled) {
    if (typist && (input < 0 || polled[AT_INPUT].revents)) feed();
    for (int i = 0; i < CLIENTS; i++) {
        struct client *c = &clients[i];
        short seen = polled[AT_CLIENTS + i].revents;
        if (c->open && c->out_have && seen & (POLLOUT | POLLERR | POLLHUP)) push(c);
        if (may_speak(c) && seen & (POLLIN | POLLHUP)) read_client(c);
    }
}

static void turn(void) {
    struct pollfd polled[AT_CLIENTS + CLIENTS];
    int64_t now = now_ms(), next = expire(now);
    int64_t until = quiet_until > hold_until ? quiet_until : hold_until;
    int quiet = blocked() || now < until;
    if (now < until) next = sooner(next, until - now);
    else if (ended && kept) next = sooner(next, ended_at + GRACE > now ? ended_at + GRACE - now : patience);
    polled[AT_SIGNALS] = (struct pollfd){signals, POLLIN, 0};
    polled[AT_REPORT] = (struct pollfd){report_fd, POLLIN, 0};
    polled[AT_LISTENER] = (struct pollfd){spare->open ? -1 : listener, POLLIN, 0};
    polled[AT_INPUT] = (struct pollfd){-1, 0, 0};
    for (int i = 0; i < 2; i++) polled[AT_OUTPUT + i] = (struct pollfd){quiet ? -1 : output[i], POLLIN, 0};
    await_clients(polled);
    polled[AT_TYPING] = (struct pollfd){typist || input < 0 ? -1 : typing, POLLIN, 0};
    polled[AT_COPY] = (struct pollfd){copy_left ? copy : -1, POLLOUT, 0};
    wait_for(polled, last_typing && typing >= 0 && input >= 0 && !typist ? 0 : next);
    if (polled[AT_COPY].revents) push_copy();
    if (!typist && input >= 0 && typing >= 0 && (last_typing || polled[AT_TYPING].revents)) read_typing();
    for (int i = 0; i < 2; i++)
        if (polled[AT_OUTPUT + i].revents && !blocked()) pump(i);
    serve_clients(polled);
    if (polled[AT_LISTENER].revents) accept_client();
    if (polled[AT_SIGNALS].revents) take_signals();
    if (polled[AT_REPORT].revents) hear_caller();
}

static void write_exit(int code, int signal) {
    char line[128], *limit = line + sizeof line;
    char *end = append_number(append(line, limit, "{\"code\":"), limit, code);
    if (signal) end = append_number(append(end, limit, ",\"signal\":"), limit, signal);
    end = append(append_number(append(end, limit, ",\"at\":"), limit, ended_time), limit, "}\n");
    long fd = sys(SYS_openat, folder, "exit.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return;
    long result = write_all((int)fd, line, (size_t)(end - line));
    sys(SYS_close, fd);
    if (result == 0) sys(SYS_renameat2, folder, "exit.new", folder, "exit", 0);
}

/* The file and the socket before the word: who hears it finds how it ended, and may put another monitor into the folder at once. */
static void __attribute__((noreturn)) finish(void) {
    int signal = WIFEXITED(status) ? 0 : WTERMSIG(status), code = signal ? 128 + signal : WEXITSTATUS(status);
    uint8_t body[16];
    log_end();
    write_exit(code, signal);
    take_socket_away();
    set(body, 4, code), set(body + 4, 4, signal), set(body + 8, 8, ended_time);
    drop(spare);
    for (struct client *c = clients; c < spare; c++)
        if (c->open && !c->mask) send_frame(c, ANSWER_EXIT, body, sizeof body, 0);
    for (;;) {
        struct pollfd polled[AT_CLIENTS + CLIENTS];
        int64_t next = expire(now_ms());
        if (next < 0) leave(0);
        for (int i = 0; i < AT_CLIENTS + CLIENTS; i++) polled[i].fd = -1;
        for (int i = 0; i < CLIENTS; i++)
            if (clients[i].open && clients[i].out_have) polled[AT_CLIENTS + i] = (struct pollfd){clients[i].fd, POLLOUT, 0};
        wait_for(polled, next);
        for (int i = 0; i < CLIENTS; i++)
            if (clients[i].open && clients[i].out_have) push(&clients[i]);
    }
}

/* Begins when the parent's stage was cloned. Does not return unless it cannot begin. */
long do_carry(struct record *o) {
    uint64_t all = ~0ull;
    listener = SLOT(CARRY, SOCKET), folder = SLOT(CARRY, FOLDER), patience = INT(CARRY, PATIENCE);
    finish_parent = (int)INT(CARRY, FINISH);
    if (INT(CARRY, HOLD)) hold_until = now_ms() + INT(CARRY, HOLD);
    sys(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &all, 0, sizeof all);
    signals = (int)sys(SYS_signalfd4, -1, &all, sizeof all, O_CLOEXEC | O_NONBLOCK);
    if (signals < 0) return signals;
    sys(SYS_prctl, 15 /* PR_SET_NAME */, "sampan-monitor", 0, 0, 0);
    long mine[] = {input, output[0], output[1], console, listener, folder, signals, report_fd, log_fd(), typing, copy, held[0], held[1]};
    long result = close_all_but(3, mine, sizeof mine / sizeof *mine);
    if (result < 0) return result;
    kept = report_fd < 0;
    reap();
    while (!ended || !kept || !drained(now_ms())) turn();
    finish();
}
