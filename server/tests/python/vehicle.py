"""A vehicle on a straight road, for the tests of driving: it moves by the commands that it reads, and stops by itself. Each command
that it carries out, with the time by its own clock, goes to the file that it is given."""

import json, os, select, signal, sys, time

# It ends when its input does, however busy the machine is.
signal.signal(signal.SIGTERM, signal.SIG_IGN)
log = open(sys.argv[1], "a", buffering=1)


def note(**what):
    log.write(json.dumps(what) + "\n")


def now_us():
    return time.monotonic_ns() // 1000


note(pid=os.getpid(), at_us=now_us())
print(json.dumps({"battery": [7.4, "V"]}), flush=True)
os.set_blocking(0, False)
until, last, rest, why = 0, -1, b"", None
while True:
    wait = max(0.0, (until - now_us()) / 1e6) if until else None
    if select.select([0], [], [], wait)[0]:
        if not (data := os.read(0, 65536)):
            break  # The server is gone.
        *lines, rest = (rest + data).split(b"\n")
        if lines and (new := json.loads(lines[-1]))["seq"] > last:
            last, until = new["seq"], new["until_us"] if new["drive"] else 0
            if not new["drive"]:
                if why != new["why"]:
                    note(stop=new["why"], at_us=now_us())
                why = new["why"]
            elif now_us() < until:
                why = None
                note(drive=new["axes"]["throttle"], n=new["n"], until_us=until, at_us=now_us())
            else:
                note(too_late=True, at_us=now_us())
    if until and now_us() >= until:
        note(stop="by itself", at_us=now_us())
        until = 0
note(end=True, at_us=now_us())
