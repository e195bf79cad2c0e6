/* Mounts: made detached where the kernel can, and attached to a descriptor, so that no path is looked up twice. */
#include "launcher.h"
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* The longest part of path that exists, opened; *rest is what is missing. */
static long open_existing(int dir, char *path, uint64_t resolve, char **rest) {
    char *end = path + length_of(path);
    *rest = end;
    for (;;) {
        char kept = *end;
        *end = 0;
        long fd = open_in(dir, *path ? path : kept == '/' ? "/" : ".", O_PATH, 0, resolve);
        *end = kept;
        if (fd != -ENOENT || end == path) return fd;
        while (end > path && end[-1] == '/') end--;
        while (end > path && end[-1] != '/') end--;
        *rest = end;
        while (end > path && end[-1] == '/') end--;
    }
}

/* name is a link that leads nowhere: the path it stands for (below the same root) goes on where it points to. */
static long follow_link(int parent, char *path, char *name, char *rest) {
    static char target[4096], joined[8192];
    long n = sys(SYS_readlinkat, parent, name, target, sizeof target - 1);
    if (n < 0) return n;
    target[n] = 0;
    char *limit = joined + sizeof joined, *end = joined;
    if (target[0] != '/') {
        char kept = *name;
        *name = 0;
        end = append(end, limit, path);
        *name = kept;
    }
    end = append(append(append(end, limit, target), limit, "/"), limit, rest);
    if (end - joined >= 4096) return -ENAMETOOLONG;
    append(path, path + 4096, joined);
    return 0;
}

static int made;

static long make_one(int parent, const char *name, int folder, unsigned mode) {
    if (folder) {
        long result = sys(SYS_mkdirat, parent, name, mode);
        if (result < 0 && result != -EEXIST) return result;
        return sys(SYS_openat, parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    }
    long fd = sys(SYS_openat, parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) return fd;
    sys(SYS_close, fd);
    return sys(SYS_openat, parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
}

/* Makes what is missing, one component at a time below a descriptor; gives -ELOOP with *again set where a dangling link stood in the way. */
static long make_missing(long fd, char *path, char *rest, int file, unsigned mode, int *again) {
    while (fd >= 0 && *rest) {
        char *slash = rest;
        while (*slash && *slash != '/') slash++;
        char kept = *slash;
        *slash = 0;
        int last = !kept || !slash[1];
        if (same(rest, "..")) {
            sys(SYS_close, fd);
            return -EINVAL;
        }
        long next = same(rest, ".") ? -EISDIR : make_one((int)fd, rest, !(last && file), mode);
        if (next == -EISDIR) next = sys(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0);
        if ((next == -ELOOP || next == -ENOTDIR || next == -EEXIST) && !*again) {
            struct statx s;
            if (sys(SYS_statx, fd, rest, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &s) == 0 && S_ISLNK(s.stx_mode)) {
                *again = 1;
                next = follow_link((int)fd, path, rest, kept ? slash + 1 : "");
                sys(SYS_close, fd);
                return next < 0 ? next : -ELOOP;
            }
        }
        *slash = kept;
        sys(SYS_close, fd);
        fd = next;
        rest = kept ? slash + 1 : slash;
        while (*rest == '/') rest++;
    }
    return fd;
}

long do_mount_point(struct record *o) {
    static char path[4096];
    int dir = SLOT(MOUNT_POINT, DIR), file = (int)INT(MOUNT_POINT, FILE);
    uint64_t resolve = (uint64_t)INT(MOUNT_POINT, RESOLVE);
    if (LENGTH(MOUNT_POINT, PATH) >= sizeof path) return -ENAMETOOLONG;
    append(path, path + sizeof path, TEXT(MOUNT_POINT, PATH));
    if (INT(MOUNT_POINT, SOURCE) >= 0) {
        struct statx s;
        long result = sys(SYS_statx, SLOT(MOUNT_POINT, SOURCE), "", AT_EMPTY_PATH, STATX_TYPE, &s);
        if (result < 0) return result;
        file = !S_ISDIR(s.stx_mode);
    }
    long fd = -ELOOP;
    made = 0;
    for (int links = 0; links < 40 && fd == -ELOOP; links++) {
        char *rest;
        int again = 0;
        fd = open_existing(dir, path, resolve, &rest);
        if (fd >= 0 && *rest) fd = make_missing(fd, path, rest, file, 0755, &again), made = 1;
        if (!again) break;
    }
    if (fd >= 0 && INT(MOUNT_POINT, DENIED)) {
        struct {
            long type, rest[31];
        } fs;
        long result = sys(SYS_fstatfs, fd, &fs);
        if (result == 0 && fs.type == INT(MOUNT_POINT, DENIED)) result = -EPERM;
        if (result < 0) {
            sys(SYS_close, fd);
            return result;
        }
    }
    return slot_put(INT(MOUNT_POINT, OUT), fd);
}

int mount_point_is_new(void) { return made; }

/* A tmpfs gets the mode of the folder that it covers, unless that was made only for it. */
long do_copy_mode(struct record *o) {
    struct statx s;
    if (made) return 0;
    long result = sys(SYS_statx, SLOT(COPY_MODE, FROM), "", AT_EMPTY_PATH, STATX_MODE, &s);
    return result < 0 ? result : sys(SYS_fchmodat, SLOT(COPY_MODE, TO), ".", s.stx_mode & 07777);
}

long do_open_tree(struct record *o) {
    int dir = SLOT(OPEN_TREE, DIR);
    const char *path = TEXT(OPEN_TREE, PATH);
    unsigned flags = (unsigned)INT(OPEN_TREE, FLAGS) | OPEN_TREE_CLOEXEC;
    if (dir == AT_FDCWD) return slot_put(INT(OPEN_TREE, OUT), sys(SYS_open_tree, dir, path, flags));
    if (LENGTH(OPEN_TREE, PATH) == 0) return slot_put(INT(OPEN_TREE, OUT), sys(SYS_open_tree, dir, "", flags | AT_EMPTY_PATH));
    long fd = open_in(dir, path, O_PATH, 0, INT(OPEN_TREE, RESOLVE));
    if (fd < 0) return fd;
    long tree = sys(SYS_open_tree, fd, "", flags | AT_EMPTY_PATH);
    sys(SYS_close, fd);
    return slot_put(INT(OPEN_TREE, OUT), tree);
}

long do_mount_setattr(struct record *o) {
    struct mount_attr attributes = {
        .attr_set = INT(MOUNT_SETATTR, SET), .attr_clr = INT(MOUNT_SETATTR, CLEAR), .propagation = INT(MOUNT_SETATTR, PROPAGATION)};
    if (INT(MOUNT_SETATTR, USERNS) >= 0) attributes.userns_fd = (uint64_t)SLOT(MOUNT_SETATTR, USERNS);
    unsigned flags = AT_EMPTY_PATH | (INT(MOUNT_SETATTR, RECURSIVE) ? AT_RECURSIVE : 0);
    return sys(SYS_mount_setattr, SLOT(MOUNT_SETATTR, SLOT), "", flags, &attributes, sizeof attributes);
}

static long attach(int from, int to) { return sys(SYS_move_mount, from, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH); }

long do_move_mount(struct record *o) { return attach(SLOT(MOVE_MOUNT, FROM), SLOT(MOVE_MOUNT, TO)); }

long do_fsopen(struct record *o) { return slot_put(INT(FSOPEN, OUT), sys(SYS_fsopen, TEXT(FSOPEN, TYPE), FSOPEN_CLOEXEC)); }

/* The kernel says more than an errno: its newest line of the context's log becomes the detail. */
static long explained(int fs, long result) {
    if (result >= 0) return result;
    for (;;) {
        char line[sizeof detail];
        long n = sys(SYS_read, fs, line, sizeof line - 1);
        if (n <= 0) return result;
        line[n] = 0;
        append(detail, detail + sizeof detail, line);
    }
}

long do_fsconfig(struct record *o) {
    int fs = SLOT(FSCONFIG, SLOT);
    const char *key = LENGTH(FSCONFIG, KEY) ? TEXT(FSCONFIG, KEY) : 0;
    const char *value = INT(FSCONFIG, COMMAND) == FSCONFIG_SET_STRING ? TEXT(FSCONFIG, VALUE) : 0;
    return explained(fs, sys(SYS_fsconfig, fs, INT(FSCONFIG, COMMAND), key, value, 0));
}

long do_fsmount(struct record *o) {
    int fs = SLOT(FSMOUNT, SLOT);
    return slot_put(INT(FSMOUNT, OUT), explained(fs, sys(SYS_fsmount, fs, FSMOUNT_CLOEXEC, INT(FSMOUNT, ATTRIBUTES))));
}

long do_mount(struct record *o) {
    char at[40];
    const char *target = TEXT(MOUNT, TARGET);
    if (INT(MOUNT, TO) >= 0) {
        append_number(append(at, at + sizeof at, "/proc/self/fd/"), at + sizeof at, SLOT(MOUNT, TO));
        target = at;
    }
    const char *type = LENGTH(MOUNT, TYPE) ? TEXT(MOUNT, TYPE) : 0, *data = LENGTH(MOUNT, DATA) ? TEXT(MOUNT, DATA) : 0;
    return sys(SYS_mount, LENGTH(MOUNT, SOURCE) ? TEXT(MOUNT, SOURCE) : 0, target, type, INT(MOUNT, FLAGS), data);
}

long do_umount(struct record *o) { return sys(SYS_umount2, TEXT(UMOUNT, PATH), INT(UMOUNT, FLAGS)); }

/* pivot_root(".", "."): the old root comes to lie on top of the new one (pivot_root(2)). */
long do_pivot_root(struct record *o) {
    (void)o;
    return sys(SYS_pivot_root, ".", ".");
}

long do_chroot(struct record *o) { return sys(SYS_chroot, TEXT(CHROOT, PATH)); }
long do_fchdir(struct record *o) { return sys(SYS_fchdir, SLOT(FCHDIR, SLOT)); }

/* The working directory is entered before the user is changed, or, where root may not enter it (a network file system), after. */
long do_chdir(struct record *o) {
    static int waiting;
    if (INT(CHDIR, LATE) && !waiting) return 0;
    long result = sys(SYS_chdir, TEXT(CHDIR, PATH));
    if (!INT(CHDIR, FIRST) || result != -EACCES) return result;
    waiting = 1;
    return 0;
}

/* CVE-2024-21626: a working directory outside the root shows as "(unreachable)…", and getcwd(2) does not begin with a slash. */
long do_check_cwd(struct record *o) {
    static char cwd[4096];
    (void)o;
    long n = sys(SYS_getcwd, cwd, sizeof cwd);
    if (n < 0) return n;
    return cwd[0] == '/' ? 0 : -ENOENT;
}

static long empty_folder(const char *options) {
    long fs = sys(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (fs < 0) return fs;
    long result = sys(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "ro", 0, 0);
    if (result == 0 && *options) result = sys(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "context", options, 0);
    if (result == 0) result = sys(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "source", "tmpfs", 0);
    if (result == 0) result = sys(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0);
    if (result == 0) result = sys(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
    sys(SYS_close, fs);
    return result;
}

/*
 * A folder is covered by an empty tmpfs, a file by /dev/null, which must be the real one (CVE-2025-31133). A copy of it that is nowhere yet, which
 * kernels before 6.15 cannot copy again (EINVAL), is used up as it is.
 */
long do_mask_path(struct record *o) {
    long target = open_in(SLOT(MASK_PATH, DIR), TEXT(MASK_PATH, PATH), O_PATH, 0, RESOLVE_IN_ROOT);
    if (target < 0) return target;
    struct statx s;
    long result = sys(SYS_statx, target, "", AT_EMPTY_PATH, STATX_TYPE, &s), cover = -1;
    if (result == 0 && S_ISDIR(s.stx_mode)) {
        result = cover = empty_folder(TEXT(MASK_PATH, OPTIONS));
    } else if (result == 0) {
        int null = SLOT(MASK_PATH, NULL);
        result = sys(SYS_statx, null, "", AT_EMPTY_PATH, STATX_TYPE, &s);
        if (result == 0 && !(S_ISCHR(s.stx_mode) && s.stx_rdev_major == 1 && s.stx_rdev_minor == 3)) result = -ENODEV;
        if (result == 0) result = cover = sys(SYS_open_tree, null, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
        if (result == -EINVAL) result = attach(null, (int)target);
    }
    if (cover >= 0) {
        result = attach((int)cover, (int)target);
        sys(SYS_close, cover);
    }
    sys(SYS_close, target);
    return result;
}
