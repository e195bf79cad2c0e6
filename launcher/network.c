/* Sockets: netlink messages that TypeScript encoded, and descriptors that travel. */
#include "launcher.h"
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/un.h>

long do_netlink_open(struct record *o) {
    return slot_put(INT(NETLINK_OPEN, OUT), sys(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, INT(NETLINK_OPEN, PROTOCOL)));
}

/* The index of the device named so in this network namespace (netdevice(7), SIOCGIFINDEX). */
static long device_index(int socket, const char *name) {
    struct {
        char name[16];
        int32_t index;
        char rest[20];
    } request = {{0}, 0, {0}};
    if (length_of(name) >= sizeof request.name) return -ENAMETOOLONG;
    append(request.name, request.name + sizeof request.name, name);
    long result = sys(SYS_ioctl, socket, 0x8933, &request);
    return result < 0 ? result : request.index;
}

static long acknowledged(int socket) {
    char answer[8192] __attribute__((aligned(8)));
    for (;;) {
        long n = sys(SYS_recvfrom, socket, answer, sizeof answer, 0, 0, 0);
        if (n == -EINTR) continue;
        if (n < (long)(sizeof(struct nlmsghdr) + 4)) return n < 0 ? n : -EPROTO;
        struct nlmsghdr *h = (struct nlmsghdr *)answer;
        if (h->nlmsg_type == NLMSG_ERROR) return *(int32_t *)(answer + sizeof *h);
        if (h->nlmsg_type == NLMSG_DONE) return 0;
    }
}

long do_netlink(struct record *o) {
    int socket = SLOT(NETLINK, SLOT);
    char *message = TEXT(NETLINK, MESSAGE);
    if (INT(NETLINK, FDAT) >= 0) *(int32_t *)(message + INT(NETLINK, FDAT)) = SLOT(NETLINK, FD);
    if (INT(NETLINK, INDEXAT) >= 0) {
        long index = device_index(socket, TEXT(NETLINK, DEVICE));
        if (index < 0) return index;
        *(int32_t *)(message + INT(NETLINK, INDEXAT)) = (int32_t)index;
    }
    long result = sys(SYS_sendto, socket, message, LENGTH(NETLINK, MESSAGE), 0, 0, 0);
    return result < 0 ? result : acknowledged(socket);
}

long do_connect(struct record *o) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (LENGTH(CONNECT, PATH) >= sizeof address.sun_path) return -ENAMETOOLONG;
    append(address.sun_path, address.sun_path + sizeof address.sun_path, TEXT(CONNECT, PATH));
    long fd = sys(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return fd;
    long result = sys(SYS_connect, fd, &address, sizeof address);
    if (result < 0) {
        sys(SYS_close, fd);
        return result;
    }
    return slot_put(INT(CONNECT, OUT), fd);
}

struct one_fd {
    struct {
        uint64_t length;
        int32_t level, type;
    } header;
    int32_t fd, padding;
};

long do_send_fd(struct record *o) {
    struct iovec64 piece[17];
    char number[24];
    int count = pieces(TEXT(SEND_FD, DATA), LENGTH(SEND_FD, DATA), shared->pid, piece, 17, number);
    struct one_fd control = {{20, SOL_SOCKET, SCM_RIGHTS}, SLOT(SEND_FD, SLOT), 0};
    struct message64 message = {0, 0, piece, (uint64_t)count, &control, sizeof control, 0};
    long result = sys(SYS_sendmsg, SLOT(SEND_FD, SOCKET), &message, MSG_NOSIGNAL);
    return result < 0 ? result : 0;
}

int take_fd(int socket, int flags) {
    char data[4096];
    struct iovec64 piece = {data, sizeof data};
    struct one_fd control = {{0, 0, 0}, -1, 0}; /* room for one: the kernel closes any other */
    struct message64 message = {0, 0, &piece, 1, &control, 20, 0};
    long result = sys(SYS_recvmsg, socket, &message, MSG_CMSG_CLOEXEC | flags);
    if (result <= 0) return result < 0 ? (int)result : -EPIPE;
    if (message.control_length == 0 || control.header.type != SCM_RIGHTS) return -EPROTO;
    return control.fd;
}

/* Only the foreground receives one, before it lets the program go: no line of it may end otherwise than the rest. */
long do_receive_fd(struct record *o) {
    int fd = take_fd(SLOT(RECEIVE_FD, SOCKET), 0);
    if (fd >= 0) keep_line_ends(fd);
    return slot_put(INT(RECEIVE_FD, OUT), fd);
}

long do_bpf_load(struct record *o) {
    union bpf_attr attributes = {.prog_type = (uint32_t)INT(BPF_LOAD, TYPE),
                                 .insn_cnt = LENGTH(BPF_LOAD, CODE) / 8,
                                 .insns = (uint64_t)TEXT(BPF_LOAD, CODE),
                                 .license = (uint64_t) "Apache"};
    return slot_put(INT(BPF_LOAD, OUT), sys(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes));
}

long do_bpf_attach(struct record *o) {
    union bpf_attr attributes = {.target_fd = (uint32_t)SLOT(BPF_ATTACH, TARGET),
                                 .attach_bpf_fd = (uint32_t)SLOT(BPF_ATTACH, PROGRAM),
                                 .attach_type = (uint32_t)INT(BPF_ATTACH, TYPE),
                                 .attach_flags = (uint32_t)INT(BPF_ATTACH, FLAGS)};
    return sys(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes);
}
