"""Runs a program in a terminal of its own, and closes the terminal when its input ends.

The first line that it prints is the program's process id. Then comes what the terminal shows, and at last how the program ended.
"""

import os
import pty
import select
import sys

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
print("pid", pid, flush=True)
heard = [terminal, sys.stdin]
while True:
    ready, _, _ = select.select(heard, [], [])
    if sys.stdin in ready and not os.read(sys.stdin.fileno(), 1):
        break
    if terminal in ready:
        try:
            sys.stdout.buffer.write(os.read(terminal, 65536))
        except OSError:  # No process has the terminal open any more.
            heard.remove(terminal)
        sys.stdout.flush()
os.close(terminal)
_, status = os.waitpid(pid, 0)
print("ended", os.waitstatus_to_exitcode(status), flush=True)
