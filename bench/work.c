/*
 * Work of a fixed size, timed by who does it: argument `cpu` (SHA-256 over a buffer) or `files FOLDER` (create, write, read back, unlink). For each byte
 * on standard input it does one portion and writes a line: nanoseconds of wall time, nanoseconds of processor time.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BLOCKS = 10000, FILES = 1000, SIZE = 4096 };

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t turned(uint32_t value, int by) { return value >> by | value << (32 - by); }

/* FIPS 180-4, section 6.2.2: one block into the state. */
static void block(uint32_t state[8], const uint32_t words[16]) {
    // Not on the stack: where that begins differs from process to process, and with it the time by some percent.
    static _Alignas(64) uint32_t w[64], a[8];

    memcpy(w, words, 64);
    memcpy(a, state, 32);
    for (int t = 16; t < 64; t++) {
        uint32_t s0 = turned(w[t - 15], 7) ^ turned(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t s1 = turned(w[t - 2], 17) ^ turned(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    for (int t = 0; t < 64; t++) {
        uint32_t big1 = turned(a[4], 6) ^ turned(a[4], 11) ^ turned(a[4], 25);
        uint32_t big0 = turned(a[0], 2) ^ turned(a[0], 13) ^ turned(a[0], 22);
        uint32_t one = a[7] + big1 + ((a[4] & a[5]) ^ (~a[4] & a[6])) + constants[t] + w[t];
        uint32_t two = big0 + ((a[0] & a[1]) ^ (a[0] & a[2]) ^ (a[1] & a[2]));
        memmove(a + 1, a, 28);
        a[4] += one;
        a[0] = one + two;
    }
    for (int i = 0; i < 8; i++) state[i] += a[i];
}

static int compute(void) {
    static _Alignas(64) uint32_t state[8], words[16];

    for (int i = 0; i < BLOCKS; i++) {
        words[i & 15] ^= state[i & 7];
        block(state, words);
    }
    return 0;
}

static int files(void) {
    static char bytes[SIZE];

    for (int i = 0; i < FILES; i++) {
        int file = open("sampan-bench-file", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
        if (file < 0 || write(file, bytes, SIZE) != SIZE || pread(file, bytes, SIZE, 0) != SIZE) return 1;
        if (close(file) < 0 || unlink("sampan-bench-file") < 0) return 1;
    }
    return 0;
}

static long long now(clockid_t clock) {
    struct timespec time;

    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv) {
    char byte;

    if (argc < 2 || (argc > 2 && chdir(argv[2]) < 0)) return 2;
    while (read(0, &byte, 1) == 1) {
        long long wall = now(CLOCK_MONOTONIC), used = now(CLOCK_PROCESS_CPUTIME_ID);
        if (strcmp(argv[1], "cpu") ? files() : compute()) return 1;
        used = now(CLOCK_PROCESS_CPUTIME_ID) - used;
        wall = now(CLOCK_MONOTONIC) - wall;
        printf("%lld %lld\n", wall, used);
        fflush(stdout);
    }
    return 0;
}
