/* System calls and the few string functions, without a C library: every call returns its value or -errno. */
#ifndef SAMPAN_SYS_H
#define SAMPAN_SYS_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f) {
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}
#else
#error "the launcher has system calls for x86-64 and arm64"
#endif

#define SYS_PICK(_1, _2, _3, _4, _5, _6, _7, NAME, ...) NAME
#define SYS_L(x) ((long)(x))
#define SYS_0(n) sys6(n, 0, 0, 0, 0, 0, 0)
#define SYS_1(n, a) sys6(n, SYS_L(a), 0, 0, 0, 0, 0)
#define SYS_2(n, a, b) sys6(n, SYS_L(a), SYS_L(b), 0, 0, 0, 0)
#define SYS_3(n, a, b, c) sys6(n, SYS_L(a), SYS_L(b), SYS_L(c), 0, 0, 0)
#define SYS_4(n, a, b, c, d) sys6(n, SYS_L(a), SYS_L(b), SYS_L(c), SYS_L(d), 0, 0)
#define SYS_5(n, a, b, c, d, e) sys6(n, SYS_L(a), SYS_L(b), SYS_L(c), SYS_L(d), SYS_L(e), 0)
#define SYS_6(n, a, b, c, d, e, f) sys6(n, SYS_L(a), SYS_L(b), SYS_L(c), SYS_L(d), SYS_L(e), SYS_L(f))
/* sys(SYS_close, fd): the call with as many arguments as are given. */
#define sys(...) SYS_PICK(__VA_ARGS__, SYS_6, SYS_5, SYS_4, SYS_3, SYS_2, SYS_1, SYS_0)(__VA_ARGS__)

static inline size_t length_of(const char *text) {
    size_t n = 0;
    while (text[n]) n++;
    return n;
}

static inline int same(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

/* Copies at most room - 1 bytes and ends with NUL; gives the end, so that calls chain. */
static inline char *append(char *to, const char *limit, const char *text) {
    while (*text && to < limit - 1) *to++ = *text++;
    *to = 0;
    return to;
}

static inline char *append_number(char *to, const char *limit, long value) {
    char digits[24];
    int n = sizeof digits;
    digits[--n] = 0;
    unsigned long rest = value < 0 ? 0ul - (unsigned long)value : (unsigned long)value;
    do digits[--n] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0) digits[--n] = '-';
    return append(to, limit, digits + n);
}

static inline void sleep_us(long us) {
    struct timespec64 {
        int64_t s, ns;
    } t = {us / 1000000, us % 1000000 * 1000};
    sys(SYS_nanosleep, &t, 0);
}
#endif
