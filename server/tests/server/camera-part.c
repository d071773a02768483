/* A program beside the server, as the server sees it, whose camera is none. What it does wrong is up to the macros. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

int camera(void);

static inline void say(const char *text) { send(0, text, strlen(text), 0); }

/* Notes that it was started. Returns how often that was. */
static inline int note(void) {
    char byte;
    int times = 0, file = open(STARTS, O_RDWR | O_CREAT | O_APPEND, 0600);
    dprintf(file, "%d\n", getpid());
    lseek(file, 0, SEEK_SET);
    while (read(file, &byte, 1) == 1) times += byte == '\n';
    close(file);
    return times;
}

/* A process that another one traces is a part of this system until that one has gone, also once it was killed. */
static inline void be_traced(void) {
    int is_traced[2], me = getpid();
    char byte;
    if (pipe(is_traced) != 0) _exit(2);
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    if (fork() == 0) {
        close(0);
        close(2);
        alarm(120);
        if (ptrace(PTRACE_SEIZE, me, 0, 0) != 0) _exit(2);
        if (write(is_traced[1], "", 1) != 1) _exit(2);
        open(RELEASE, O_RDONLY);
        _exit(0);
    }
    close(is_traced[1]);
    if (read(is_traced[0], &byte, 1) != 1) _exit(2);
}

int main(void) {
    char order[4096] = "";
    /* No test takes longer. */
    alarm(120);
    say(HELLO);
    recv(0, order, sizeof order - 1, 0);
    if (strstr(order, "List")) {
#ifdef HANGS_WHILE_IT_LISTS
        note();
        while (recv(0, order, sizeof order, 0) > 0) {}
#else
#ifdef FIRST
        FIRST
#endif
        say(CAMERA);
        say(LISTED);
#endif
        return camera();
    }
#ifdef CANNOT_BE_ENDED
    if (note() == 1) {
        be_traced();
        say(FAILED);
    }
#endif
#ifdef IS_DEAF
    note();
    for (;;) pause();
#endif
    while (recv(0, order, sizeof order, 0) > 0) {}
    return 0;
}
