/*
 * Times commands: fork, exec, wait4, and nothing else, so that what measures adds no noise of its own. Argument: rounds. Standard input has one
 * step a line, its fields parted by tabs: a variant (0…), every how many rounds that variant takes part, a mode, a count, then the command's words.
 *
 *   first, last   run once, before and after all rounds
 *   row           timed: `count` times, one after the other
 *   side          timed: `count` at once, until the last has ended
 *   quiet         run in each round, not timed
 *   reap          no command: waits until the processes that were left to this one (containers) have ended
 *
 * "@" in a word becomes the number of the repetition. In each round every variant runs its steps in turn, in odd rounds in the opposite order, so
 * that what disturbs one disturbs the others as much. For each turn it writes: variant, nanoseconds, nanoseconds of processor time of the timed
 * commands and what they waited for, peak resident KiB of one command.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STEPS = 256, WORDS = 32, VARIANTS = 8, SIDE = 256, SECONDS = 120 };

struct step {
    int variant, every, count;
    char *mode, *words[WORDS + 1];
};

static struct step steps[STEPS];
static int step_count, variants;
static posix_spawn_file_actions_t streams;
extern char **environ;

static void die(const char *what, const struct step *step, int status) {
    fprintf(stderr, "timer: %s:", what);
    for (int i = 0; step->words[i]; i++) fprintf(stderr, " %s", step->words[i]);
    fprintf(stderr, " (status 0x%x)\n", status);
    exit(1);
}

/* A command hangs: all that was started here and has not left the process group ends with this program. */
static void late(int signal) {
    (void)signal;
    kill(0, SIGKILL);
}

static pid_t start(const struct step *step, int number) {
    static char texts[WORDS][4096];
    char *words[WORDS + 1] = {0};
    pid_t pid;

    for (int i = 0; step->words[i]; i++) {
        char *out = texts[i];
        for (const char *in = step->words[i]; *in && out < texts[i] + sizeof(texts[i]) - 16; in++)
            if (*in == '@') out += sprintf(out, "%d", number);
            else *out++ = *in;
        *out = 0;
        words[i] = texts[i];
    }
    errno = posix_spawnp(&pid, words[0], &streams, NULL, words, environ);
    if (errno) die(strerror(errno), step, 0);
    return pid;
}

struct cost {
    long long wall, processor;
    long peak;
};

static void end(const struct step *step, pid_t pid, struct cost *cost) {
    struct rusage usage;
    int status;

    while (wait4(pid, &status, 0, &usage) < 0)
        if (errno != EINTR) die("wait4", step, 0);
    if (status != 0) die("failed", step, status);
    if (usage.ru_maxrss > cost->peak) cost->peak = usage.ru_maxrss;
    cost->processor += (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000LL;
    cost->processor += (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000LL;
}

static long long now(void) {
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Runs one step; adds what counts. */
static void run(const struct step *step, struct cost *cost) {
    struct cost unused = {0};
    long long begin = now();

    alarm(SECONDS);
    if (!strcmp(step->mode, "reap")) {
        while (waitpid(-1, NULL, 0) >= 0 || errno == EINTR) {}
        return;
    }
    if (!strcmp(step->mode, "side")) {
        pid_t pids[SIDE];
        for (int i = 0; i < step->count; i++) pids[i] = start(step, i);
        for (int i = 0; i < step->count; i++) end(step, pids[i], cost);
    } else {
        struct cost *to = strcmp(step->mode, "row") ? &unused : cost;
        for (int i = 0; i < step->count; i++) end(step, start(step, i), to);
        if (to == &unused) return;
    }
    cost->wall += now() - begin;
}

static void all(const char *mode) {
    struct cost unused = {0};

    for (int i = 0; i < step_count; i++)
        if (!strcmp(steps[i].mode, mode)) run(&steps[i], &unused);
}

static void turn(int variant, long round) {
    struct cost cost = {0};

    for (int i = 0; i < step_count; i++) {
        struct step *step = &steps[i];
        if (step->variant != variant || round % step->every) continue;
        if (strcmp(step->mode, "first") && strcmp(step->mode, "last")) run(step, &cost);
    }
    if (cost.wall) printf("%d %lld %lld %ld\n", variant, cost.wall, cost.processor, cost.peak);
}

static void parse(char *line) {
    struct step *step = &steps[step_count++];
    char *field = strtok(line, "\t\n");
    int words = 0;

    for (int place = 0; field; field = strtok(NULL, "\t\n"), place++) {
        if (place == 0) step->variant = atoi(field);
        else if (place == 1) step->every = atoi(field);
        else if (place == 2) step->mode = strdup(field);
        else if (place == 3) step->count = atoi(field);
        else if (words < WORDS) step->words[words++] = strdup(field);
    }
    if (!step->mode || step->every < 1 || step->count > SIDE || step->variant < 0 || step->variant >= VARIANTS) exit(2);
    if (step->variant >= variants) variants = step->variant + 1;
}

int main(int argc, char **argv) {
    static char line[65536];

    if (argc != 2) return 2;
    while (fgets(line, sizeof(line), stdin))
        if (step_count < STEPS) parse(line);
        else return 2;
    setpgid(0, 0);
    signal(SIGALRM, late);
    for (int i = 0; i < step_count; i++)
        if (!strcmp(steps[i].mode, "reap")) prctl(PR_SET_CHILD_SUBREAPER, 1);
    posix_spawn_file_actions_init(&streams);
    posix_spawn_file_actions_addopen(&streams, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&streams, 1, "/dev/null", O_WRONLY, 0);
    all("first");
    for (long round = 0; round < atol(argv[1]); round++)
        for (int i = 0; i < variants; i++) turn(round % 2 ? variants - 1 - i : i, round);
    all("last");
    return 0;
}
