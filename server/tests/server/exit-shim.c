/*
 * LD_PRELOAD shim: whoever asks how large an open file named hangs.jpg is hangs for ever, after the file that HANG_NOTE names was
 * made, and an ordinary exit makes the file that EXIT_NOTE names. For tests only: preload it into the one program under test,
 * never into a shell.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void note(const char *variable) {
    const char *path = getenv(variable);
    if (path)
        close(open(path, O_CREAT | O_WRONLY, 0600));
}

__attribute__((destructor)) static void end(void) {
    note("EXIT_NOTE");
}

int statx(int directory, const char *path, int flags, unsigned mask, struct statx *data) {
    int (*real)(int, const char *, int, unsigned, struct statx *) =
        (int (*)(int, const char *, int, unsigned, struct statx *))dlsym(RTLD_NEXT, "statx");
    char link[64], opened[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    ssize_t length = readlink(link, opened, sizeof opened - 1);
    if (length > 0) {
        opened[length] = 0;
        const char *name = strrchr(opened, '/');
        if (name && strcmp(name, "/hangs.jpg") == 0) {
            note("HANG_NOTE");
            for (;;)
                pause();
        }
    }
    return real(directory, path, flags, mask, data);
}
