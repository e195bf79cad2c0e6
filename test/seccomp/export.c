/*
 * Compiles seccomp profiles with libseccomp, for comparison. Reads from standard input, one word group a line:
 *
 *   profile DEFAULT-ACTION OPTIMIZE   (numbers; an action is its SECCOMP_RET_* value)
 *   native ARCH                       (libseccomp's name; replaces this machine's)
 *   arch ARCH
 *   rule ACTION NAME [INDEX OP VALUE VALUE-TWO]...   (OP is libseccomp's enum scmp_compare)
 *   end
 *
 * For each profile writes a 32-bit length in bytes and the BPF program to standard output; the length is 0xffffffff
 * where libseccomp refused a rule. Unknown names are skipped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int add_rule(scmp_filter_ctx filter) {
    uint32_t action = strtoul(strtok(NULL, " "), NULL, 0);
    int number = seccomp_syscall_resolve_name(strtok(NULL, " "));
    struct scmp_arg_cmp arguments[6];
    unsigned count = 0;

    for (char *index; count < 6 && (index = strtok(NULL, " ")) != NULL; count++) {
        arguments[count].arg = strtoul(index, NULL, 0);
        arguments[count].op = strtoul(strtok(NULL, " "), NULL, 0);
        arguments[count].datum_a = strtoull(strtok(NULL, " "), NULL, 0);
        arguments[count].datum_b = strtoull(strtok(NULL, " "), NULL, 0);
    }
    if (number == __NR_SCMP_ERROR) return 0;
    return seccomp_rule_add_array(filter, action, number, count, arguments);
}

static void write_program(scmp_filter_ctx filter, int refused) {
    static char bytes[8 * 65536];
    uint32_t length = UINT32_MAX;
    int file = memfd_create("bpf", MFD_CLOEXEC);

    if (file < 0) die("memfd_create");
    if (!refused) {
        if (seccomp_export_bpf(filter, file) < 0) die("seccomp_export_bpf");
        length = pread(file, bytes, sizeof(bytes), 0);
    }
    fwrite(&length, sizeof(length), 1, stdout);
    if (!refused) fwrite(bytes, 1, length, stdout);
    close(file);
}

int main(void) {
    static char line[65536];
    scmp_filter_ctx filter = NULL;
    int refused = 0;

    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        char *word = strtok(line, " ");
        if (word == NULL) continue;
        if (!strcmp(word, "profile")) {
            filter = seccomp_init(strtoul(strtok(NULL, " "), NULL, 0));
            if (filter == NULL) die("seccomp_init");
            seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, strtoul(strtok(NULL, " "), NULL, 0));
            refused = 0;
        } else if (!strcmp(word, "native")) {
            seccomp_arch_add(filter, seccomp_arch_resolve_name(strtok(NULL, " ")));
            seccomp_arch_remove(filter, seccomp_arch_native());
        } else if (!strcmp(word, "arch")) {
            int error = seccomp_arch_add(filter, seccomp_arch_resolve_name(strtok(NULL, " ")));
            if (error < 0 && error != -EEXIST) die("seccomp_arch_add");
        } else if (!strcmp(word, "rule")) {
            if (add_rule(filter) < 0) refused = 1;
        } else if (!strcmp(word, "end")) {
            write_program(filter, refused);
            seccomp_release(filter);
        }
    }
    return 0;
}
