#!/usr/bin/env python3
"""Two motors and a steering servo for pistreamer. Stops by itself. Without hardware: PISTREAMER_MOCK=1."""
import json, os, select, signal, sys, time
from gpiozero import AngularServo, Device, Robot

if os.environ.get("PISTREAMER_MOCK"):
    from gpiozero.pins.mock import MockFactory, MockPWMPin
    Device.pin_factory = MockFactory(pin_class=MockPWMPin)
car, servo = Robot(left=(4, 14), right=(17, 18)), AngularServo(22, min_angle=-30, max_angle=30)


def drive(throttle=0.0, steer=0.0, shown=[]):
    car.value, servo.angle = (throttle, throttle), 30 * steer
    # Whoever drives motors never waits for a print.
    if os.environ.get("PISTREAMER_MOCK") and shown != [car.value, servo.angle]:
        shown[:] = [car.value, servo.angle]
        print(f"{time.monotonic():.3f} motors {car.value[0]:+.2f} {car.value[1]:+.2f} servo {servo.angle:+.0f}", file=sys.stderr)


signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # gpiozero switches its pins off then.
drive()
os.set_blocking(0, False)
until, run, last, rest = 0.0, None, -1, b""
while True:
    if select.select([0], [], [], max(0.0, until - time.monotonic()) if until else None)[0]:
        if not (data := os.read(0, 65536)):
            break  # The server is gone.
        *lines, rest = (rest + data).split(b"\n")
        if lines and ((new := json.loads(lines[-1]))["run"] != run or new["seq"] > last):  # The newest alone is driven.
            run, last, until = new["run"], new["seq"], new["until_us"] / 1e6 if new["drive"] else 0.0
            if time.monotonic() < until:  # One that waited too long is no command.
                drive(new["axes"]["throttle"], new["axes"]["steer"])
    if time.monotonic() >= until:
        until = 0.0
        drive()
drive()
