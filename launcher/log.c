/*
 * What a process says, in lines as CRI has them: `2026-01-02T03:04:05.000000006Z stdout F text`. A piece that no line end follows is marked P: of a line
 * of more than 16 KiB, or the last. What could not be written is counted and told when there is room again; the process never waits for the disk's sake.
 */
#include "launcher.h"
#include <linux/stat.h>

#define LINE 16384

static char path[4096]; /* empty: no log */
static int file = -1;
static int64_t size, most;
static int files;
static uint64_t lost;
static char text[65536], stamp[32];
static size_t filled, said; /* said: of it what came from the process */
static struct {
    size_t have;
    char bytes[LINE];
} rest[2];

/* Looked at before it is opened: a container that has the folder could put a device there, for which the opening alone does something. */
static long open_there(void) {
    struct statx s;
    char place[64];
    long there = sys(SYS_openat, AT_FDCWD, path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
    if (there < 0) return there;
    long result = sys(SYS_statx, there, "", AT_EMPTY_PATH, STATX_TYPE | STATX_SIZE, &s);
    if (result == 0 && S_ISLNK(s.stx_mode)) result = -ELOOP;
    if (result == 0 && !S_ISREG(s.stx_mode)) result = S_ISDIR(s.stx_mode) ? -EISDIR : -EINVAL;
    append_number(append(place, place + sizeof place, "/proc/self/fd/"), place + sizeof place, there);
    if (result == 0) result = sys(SYS_openat, AT_FDCWD, place, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (result >= 0) size = (int64_t)s.stx_size;
    sys(SYS_close, there);
    return result;
}

static void open_log(void) {
    size = 0;
    file = (int)open_there();
    if (file == -ENOENT) file = (int)sys(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0640);
}

/* The file that has the name now; where it cannot be opened the one at hand stays. What is written is whole records: none is cut or doubled. */
long log_reopen(void) {
    int before = file;
    int64_t had = size;
    if (!path[0]) return -EBADF;
    open_log();
    if (file < 0) {
        long error = file;
        file = before, size = had;
        return error;
    }
    if (before >= 0) sys(SYS_close, before);
    return 0;
}

long do_carry_log(struct record *o) {
    if (LENGTH(CARRY_LOG, PATH) >= sizeof path) return -ENAMETOOLONG;
    append(path, path + sizeof path, TEXT(CARRY_LOG, PATH));
    most = INT(CARRY_LOG, MAXSIZE), files = (int)INT(CARRY_LOG, MAXFILES);
    open_log();
    return file < 0 ? file : 0;
}

int log_fd(void) { return file; }

/* `path` for 0, else `path.1` … */
static const char *numbered(char to[4112], int number) {
    char *end = append(to, to + 4112, path);
    if (number) append_number(append(end, to + 4112, "."), to + 4112, number);
    return to;
}

static void rotate(void) {
    static char from[4112], to[4112];
    if (file >= 0) sys(SYS_close, file);
    if (files < 2) sys(SYS_unlinkat, AT_FDCWD, path, 0);
    for (int i = files - 1; i > 0; i--) sys(SYS_renameat2, AT_FDCWD, numbered(from, i - 1), AT_FDCWD, numbered(to, i), 0);
    open_log();
}

static char *digits(char *to, unsigned long value, int width) {
    for (int i = width; i-- > 0; value /= 10) to[i] = (char)('0' + value % 10);
    return to + width;
}

/* The Gregorian date of a day since 1970, counted in eras of 400 years that begin in March. */
static void set_stamp(void) {
    int64_t t[2];
    sys(SYS_clock_gettime, 0 /* CLOCK_REALTIME */, t);
    unsigned long day = (unsigned long)(t[0] / 86400) + 719468, second = (unsigned long)(t[0] % 86400);
    unsigned long era = day / 146097, of_era = day % 146097;
    unsigned long year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned long of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    unsigned long calendar = month < 10 ? month + 3 : month - 9;
    char *at = digits(stamp, year + era * 400 + (calendar < 3), 4);
    *at++ = '-', at = digits(at, calendar, 2), *at++ = '-', at = digits(at, of_year - (153 * month + 2) / 5 + 1, 2);
    *at++ = 'T', at = digits(at, second / 3600, 2), *at++ = ':', at = digits(at, second / 60 % 60, 2), *at++ = ':';
    at = digits(at, second % 60, 2), *at++ = '.', at = digits(at, (unsigned long)t[1], 9), *at++ = 'Z', *at = 0;
}

/* All or nothing: half a line is taken back. */
static int put(const char *data, size_t n) {
    if (file < 0 || write_all(file, data, n) < 0) {
        if (file >= 0) sys(SYS_ftruncate, file, size);
        return 0;
    }
    size += (int64_t)n;
    return 1;
}

static int told_what_was_lost(void) {
    char line[128], *limit = line + sizeof line;
    char *end = append(append(line, limit, stamp), limit, " stderr F [sampan: ");
    end = append(append_number(end, limit, (long)lost), limit, " bytes are missing here, there was no room for them]\n");
    if (!put(line, (size_t)(end - line))) return 0;
    lost = 0;
    return 1;
}

static void flush(void) {
    if (!filled) return;
    if (file < 0) open_log();
    if ((lost && !told_what_was_lost()) || !put(text, filled)) lost += said;
    filled = said = 0;
}

static void record(int stream, char tag, const char *data, size_t n) {
    size_t need = n + 48;
    if (most && size + (int64_t)filled && size + (int64_t)(filled + need) > most) flush(), rotate();
    if (filled + need > sizeof text) flush();
    char *limit = text + sizeof text, *at = append(text + filled, limit, stamp);
    at = append(at, limit, stream ? " stderr " : " stdout ");
    *at++ = tag, *at++ = ' ';
    memcpy(at, data, n);
    at[n] = '\n';
    filled = (size_t)(at + n + 1 - text), said += n;
}

static void keep(int stream, const char *data, size_t n) {
    memcpy(rest[stream].bytes + rest[stream].have, data, n);
    rest[stream].have += n;
}

static size_t line_end(const char *data, size_t n) {
    size_t i = 0;
    while (i < n && data[i] != '\n') i++;
    return i;
}

/* stream is 0 for stdout, 1 for stderr. One write of the file for what one read has brought. */
void log_add(int stream, const char *data, size_t n) {
    if (!path[0]) return;
    set_stamp();
    for (size_t at = 0; at < n;) {
        size_t length = line_end(data + at, n - at), have = rest[stream].have, take = length < LINE - have ? length : LINE - have;
        int ended = at + take < n && data[at + take] == '\n';
        if (have == 0 && ended) record(stream, 'F', data + at, take);
        else keep(stream, data + at, take);
        if (rest[stream].have && (ended || (rest[stream].have == LINE && take < length))) {
            record(stream, ended ? 'F' : 'P', rest[stream].bytes, rest[stream].have);
            rest[stream].have = 0;
        }
        at += take + (size_t)ended;
    }
    flush();
}

/* Lines that were never ended. */
void log_end(void) {
    if (!path[0]) return;
    set_stamp();
    for (int stream = 0; stream < 2; stream++)
        if (rest[stream].have) record(stream, 'P', rest[stream].bytes, rest[stream].have);
    flush();
    if (lost && file >= 0) told_what_was_lost();
}
