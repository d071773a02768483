/*
 * LD_PRELOAD shim: one program is killed when it makes, writes or syncs files for the time that CRASH_AT says, counted from 1. Half of
 * a write is done before. For tests only: preload it into the one program under test, never into a shell.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

static long left;

__attribute__((constructor)) static void begin(void) {
    const char *at = getenv("CRASH_AT");
    left = at ? atol(at) : 0;
}

static int is_time(void) {
    return left > 0 && --left == 0;
}

int open64(const char *path, int flags, ...) {
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    int file = real(path, flags, mode);
    if ((flags & O_CREAT) && is_time())
        kill(getpid(), SIGKILL);
    return file;
}

ssize_t write(int file, const void *bytes, size_t count) {
    ssize_t (*real)(int, const void *, size_t) = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    if (file > 2 && is_time()) {
        real(file, bytes, count / 2);
        kill(getpid(), SIGKILL);
    }
    return real(file, bytes, count);
}

int fsync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    if (is_time())
        kill(getpid(), SIGKILL);
    return real(file);
}
