/* Files: every path below a slot is resolved by the kernel (openat2), never by string. */
#include "launcher.h"
#include <linux/openat2.h>
#include <linux/stat.h>

/* RESOLVE_IN_ROOT gives EAGAIN when anything on the host is renamed or mounted meanwhile; a racer must not turn that into a failure. */
#define TRIES 4096
#define BENEATH_ROOT RESOLVE_IN_ROOT

long open_in(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
    long fd = -EAGAIN;
    for (int i = 0; i < TRIES && (fd == -EAGAIN || fd == -EINTR); i++) fd = sys(SYS_openat2, dir, path, &how, sizeof how);
    return fd;
}

long write_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        long n = sys(SYS_write, fd, data, size);
        if (n == -EINTR) continue;
        if (n < 0) return n;
        data += n, size -= (size_t)n;
    }
    return 0;
}

long do_open(struct record *o) {
    return slot_put(INT(OPEN, OUT), open_in(SLOT(OPEN, DIR), TEXT(OPEN, PATH), INT(OPEN, FLAGS), INT(OPEN, MODE), INT(OPEN, RESOLVE)));
}

/* A descriptor that the caller left open for the launcher: into a slot, and not any further. */
long do_adopt(struct record *o) {
    long result = sys(SYS_fcntl, INT(ADOPT, FD), F_SETFD, FD_CLOEXEC);
    return result < 0 ? result : slot_put(INT(ADOPT, OUT), INT(ADOPT, FD));
}

long do_close(struct record *o) {
    int64_t slot = INT(CLOSE, SLOT);
    int fd = slot_fd(slot);
    if (fd < 0) return -EBADF;
    slots[slot] = 0;
    return sys(SYS_close, fd);
}

long do_check_fs(struct record *o) {
    struct {
        long type, rest[31];
    } fs;
    long result = sys(SYS_fstatfs, SLOT(CHECK_FS, SLOT), &fs);
    if (result < 0) return result;
    return fs.type == INT(CHECK_FS, MAGIC) ? 0 : -EXDEV;
}

long do_check_fd(struct record *o) { return sys(SYS_fcntl, INT(CHECK_FD, FD), F_GETFD, 0); }

long do_mkdir(struct record *o) { return sys(SYS_mkdirat, SLOT(MKDIR, DIR), TEXT(MKDIR, PATH), INT(MKDIR, MODE)); }

/* One write(2), as sysctls, cgroup files and id maps demand: a short write is an error. */
static long write_once(int dir, const char *path, struct open_how how, const char *data, size_t size) {
    long fd = open_in(dir, path, how.flags, how.mode, how.resolve);
    if (fd < 0) return fd;
    long n = sys(SYS_write, fd, data, size);
    sys(SYS_close, fd);
    if (n < 0) return n;
    return (size_t)n == size ? 0 : -EIO;
}

long do_write(struct record *o) {
    if (LENGTH(WRITE, PATH) == 0) {
        long n = sys(SYS_write, SLOT(WRITE, DIR), TEXT(WRITE, DATA), LENGTH(WRITE, DATA));
        return n < 0 ? n : (size_t)n == LENGTH(WRITE, DATA) ? 0 : -EIO;
    }
    struct open_how how = {.flags = INT(WRITE, FLAGS), .mode = INT(WRITE, MODE), .resolve = INT(WRITE, RESOLVE)};
    return write_once(SLOT(WRITE, DIR), TEXT(WRITE, PATH), how, TEXT(WRITE, DATA), LENGTH(WRITE, DATA));
}

long do_write_pid(struct record *o) {
    char number[24];
    char *end = append_number(number, number + sizeof number, shared->pid);
    struct open_how how = {.flags = O_WRONLY};
    return write_once(SLOT(WRITE_PID, DIR), TEXT(WRITE_PID, PATH), how, number, (size_t)(end - number));
}

/* Opens the folder that holds the last component of path; name is that component. */
int open_existing_parent(int dir, const char *path, const char **name, uint64_t resolve) {
    static char prefix[4096];
    size_t n = length_of(path);
    if (n >= sizeof prefix) return -ENAMETOOLONG;
    while (n > 0 && path[n - 1] != '/') n--;
    *name = path + n;
    append(prefix, prefix + (n > 1 ? n : 2), n == 0 ? "." : path); /* "a/b" → "a", "/b" → "/", "b" → "." */
    return (int)open_in(dir, prefix, O_PATH | O_DIRECTORY, 0, resolve);
}

long do_symlink(struct record *o) {
    const char *name;
    int parent = open_existing_parent(SLOT(SYMLINK, DIR), TEXT(SYMLINK, PATH), &name, BENEATH_ROOT);
    if (parent < 0) return parent;
    if (INT(SYMLINK, REPLACE)) sys(SYS_unlinkat, parent, name, 0);
    long result = sys(SYS_symlinkat, TEXT(SYMLINK, TARGET), parent, name);
    sys(SYS_close, parent);
    return result;
}

/*
 * The node is made, then opened without following links, and owner and mode are set through that descriptor. A node that is there
 * already must be the same device (CVE-2026-41579: what is outside the root cannot be reached, what is a link is refused).
 */
long do_mknod(struct record *o) {
    const char *name;
    int parent = open_existing_parent(SLOT(MKNOD, DIR), TEXT(MKNOD, PATH), &name, BENEATH_ROOT);
    if (parent < 0) return parent;
    uint64_t device = (uint64_t)INT(MKNOD, DEVICE);
    long result = sys(SYS_mknodat, parent, name, INT(MKNOD, MODE), device);
    if (result == 0) {
        result = sys(SYS_fchownat, parent, name, INT(MKNOD, UID), INT(MKNOD, GID), AT_SYMLINK_NOFOLLOW);
        /* umask took bits away; fchmodat follows a link, so the node is reached through its own descriptor */
        long fd = result < 0 ? result : open_in(parent, name, O_PATH | O_NOFOLLOW, 0, 0);
        if (fd >= 0) {
            char path[40];
            append_number(append(path, path + sizeof path, "/proc/self/fd/"), path + sizeof path, fd);
            result = sys(SYS_fchmodat, AT_FDCWD, path, INT(MKNOD, MODE) & 07777);
            sys(SYS_close, fd);
        } else if (result == 0) {
            result = fd;
        }
    } else if (result == -EEXIST) {
        struct statx there;
        long seen = sys(SYS_statx, parent, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &there);
        uint64_t minor = (device & 0xff) | (device >> 12 & 0xfff00), major = device >> 8 & 0xfff;
        if (seen == 0 && (there.stx_mode & S_IFMT) == (INT(MKNOD, MODE) & S_IFMT) && there.stx_rdev_major == major &&
            there.stx_rdev_minor == minor)
            result = 0;
    }
    sys(SYS_close, parent);
    return result;
}

long do_unlink(struct record *o) { return sys(SYS_unlinkat, AT_FDCWD, TEXT(UNLINK, PATH), INT(UNLINK, FLAGS)); }

long do_chown(struct record *o) {
    return sys(SYS_fchownat, AT_FDCWD, TEXT(CHOWN, PATH), INT(CHOWN, UID), INT(CHOWN, GID), AT_SYMLINK_NOFOLLOW);
}

/* ---- copy_up: what a tmpfs with the option tmpcopyup starts with ---- */

struct entry {
    uint64_t inode;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
};

static char block[65536];

static long copy_xattrs(int from, int to) {
    static char names[65536];
    long n = sys(SYS_flistxattr, from, names, sizeof names);
    for (char *name = names; n > 0 && name < names + n; name += length_of(name) + 1) {
        long size = sys(SYS_fgetxattr, from, name, block, sizeof block);
        if (size >= 0) sys(SYS_fsetxattr, to, name, block, size, 0); /* tmpfs lacks user.*: not a failure */
    }
    return 0;
}

static long copy_data(int from, int to) {
    for (;;) {
        long n = sys(SYS_read, from, block, sizeof block);
        if (n <= 0) return n;
        long result = write_all(to, block, (size_t)n);
        if (result < 0) return result;
    }
}

static long copy_tree(int from, int to, int depth);

static long copy_special(int from, int to, const char *name, const struct statx *s) {
    if (S_ISLNK(s->stx_mode)) {
        long n = sys(SYS_readlinkat, from, name, block, sizeof block - 1);
        if (n < 0) return n;
        block[n] = 0;
        return sys(SYS_symlinkat, block, to, name);
    }
    uint64_t device =
        (uint64_t)(s->stx_rdev_minor & 0xff) | (uint64_t)s->stx_rdev_major << 8 | (uint64_t)(s->stx_rdev_minor & 0xfff00) << 12;
    return sys(SYS_mknodat, to, name, s->stx_mode, device);
}

static long copy_content(int from, int to, const char *name, const struct statx *s, int depth) {
    int folder = S_ISDIR(s->stx_mode);
    long result = folder ? sys(SYS_mkdirat, to, name, 0700) : 0;
    if (result < 0) return result;
    long source = sys(SYS_openat, from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (folder ? O_DIRECTORY : O_NONBLOCK), 0);
    if (source < 0) return source;
    struct statx opened; /* another may have been put there since: a device would never end */
    result = sys(SYS_statx, source, "", AT_EMPTY_PATH, STATX_TYPE, &opened);
    if (result == 0 && (opened.stx_mode ^ s->stx_mode) & S_IFMT) result = -ESTALE;
    if (result < 0) {
        sys(SYS_close, source);
        return result;
    }
    long made = sys(SYS_openat, to, name, folder ? O_RDONLY | O_DIRECTORY | O_CLOEXEC : O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    result = made < 0 ? made : folder ? copy_tree((int)source, (int)made, depth - 1) : copy_data((int)source, (int)made);
    if (result == 0) {
        sys(SYS_fchown, made, s->stx_uid, s->stx_gid);
        sys(SYS_fchmod, made, s->stx_mode & 07777);
        copy_xattrs((int)source, (int)made);
    }
    if (made >= 0) sys(SYS_close, made);
    sys(SYS_close, source);
    return result;
}

static long copy_entry(int from, int to, const char *name, int depth) {
    struct statx s;
    long result = sys(SYS_statx, from, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &s);
    if (result < 0) return result;
    int content = S_ISDIR(s.stx_mode) || S_ISREG(s.stx_mode);
    result = content ? copy_content(from, to, name, &s, depth) : copy_special(from, to, name, &s);
    if (result < 0) return result;
    if (!content) sys(SYS_fchownat, to, name, s.stx_uid, s.stx_gid, AT_SYMLINK_NOFOLLOW);
    int64_t times[4] = {s.stx_atime.tv_sec, s.stx_atime.tv_nsec, s.stx_mtime.tv_sec, s.stx_mtime.tv_nsec};
    return sys(SYS_utimensat, to, name, times, AT_SYMLINK_NOFOLLOW);
}

static long copy_tree(int from, int to, int depth) {
    char entries[2048] __attribute__((aligned(8)));
    if (depth == 0) return -ELOOP;
    for (;;) {
        long n = sys(SYS_getdents64, from, entries, sizeof entries);
        if (n <= 0) return n;
        for (long at = 0; at < n; at += ((struct entry *)(entries + at))->size) {
            const char *name = ((struct entry *)(entries + at))->name;
            if (same(name, ".") || same(name, "..")) continue;
            long result = copy_entry(from, to, name, depth);
            if (result < 0) return result;
        }
    }
}

long do_copy_up(struct record *o) {
    long from = sys(SYS_openat, SLOT(COPY_UP, FROM), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (from < 0) return from;
    int to = SLOT(COPY_UP, TO);
    long mask = sys(SYS_umask, 0); /* pipes and devices are made with the modes that they had */
    long result = copy_tree((int)from, to, 64);
    sys(SYS_umask, mask);
    struct statx s;
    if (result == 0) result = sys(SYS_statx, from, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &s);
    sys(SYS_close, from);
    if (result < 0) return result;
    if (INT(COPY_UP, OWNER)) sys(SYS_fchownat, to, "", s.stx_uid, s.stx_gid, AT_EMPTY_PATH);
    return INT(COPY_UP, MODE) && !mount_point_is_new() ? sys(SYS_fchmodat, to, ".", s.stx_mode & 07777) : 0;
}
