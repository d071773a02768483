/*
 * LD_PRELOAD shim: whoever opens a file named hangs.jpg hangs for ever, after the file that HANG_NOTE names was made, and an ordinary
 * exit makes the file that EXIT_NOTE names. For tests only: preload it into the one program under test, never into a shell.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(const char *variable) {
    const char *path = getenv(variable);
    if (path)
        close(open(path, O_CREAT | O_WRONLY, 0600));
}

__attribute__((destructor)) static void end(void) {
    note("EXIT_NOTE");
}

int open64(const char *path, int flags, ...) {
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    const char *name = strrchr(path, '/');
    if (name && strcmp(name, "/hangs.jpg") == 0) {
        note("HANG_NOTE");
        for (;;)
            pause();
    }
    return real(path, flags, mode);
}
