"""What OpenCV's background subtraction finds in the clips of `cargo run --example clips -- SEED DIR`, by the same rule for events; and,
with a film, how often it and pistreamer see the same in that. `./dev bench motion` runs it."""

import json
import pathlib
import subprocess
import sys
import time

import cv2
import numpy

PART = 0.001


def motion(foreground):
    """Whether something is there that is large enough."""
    _, foreground = cv2.threshold(foreground, 200, 255, cv2.THRESH_BINARY)
    foreground = cv2.morphologyEx(foreground, cv2.MORPH_OPEN, numpy.ones((3, 3), numpy.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(foreground)
    areas = stats[1:count, cv2.CC_STAT_AREA]
    return bool((areas >= PART * foreground.size).any())


def events(seen, fps, after=3.0):
    """Begins and ends: 3 of 5 pictures begin one, and `after` seconds without end it."""
    found, current = [], None
    for number, moves in enumerate(seen):
        at = number / fps
        if moves and current:
            current[1] = at
        elif moves and sum(seen[max(0, number - 4) : number + 1]) >= 3:
            current = [at, at]
        elif current and at - current[1] > after:
            found.append(current)
            current = None
    return found + ([current] if current else [])


def clips(directory):
    for name, make in [
        ("OpenCV MOG2", lambda: cv2.createBackgroundSubtractorMOG2(detectShadows=True)),
        ("OpenCV KNN", lambda: cv2.createBackgroundSubtractorKNN(detectShadows=True)),
    ]:
        found = walkers = wrong = frames = 0
        spent = 0.0
        for path in sorted(pathlib.Path(directory).glob("*.txt")):
            lines = path.read_text().splitlines()
            width, height, fps = map(int, lines[0].split())
            truth = [tuple(map(float, line.split())) for line in lines[1:]]
            pictures = numpy.fromfile(path.with_suffix(".gray"), numpy.uint8).reshape(-1, height, width)
            subtractor, seen = make(), []
            begin = time.process_time()
            for picture in pictures:
                seen.append(motion(subtractor.apply(picture)))
            spent += time.process_time() - begin
            frames += len(pictures)
            # As for pistreamer, the first seconds are there to learn.
            seen[: 3 * fps] = [False] * (3 * fps)
            all_found = events(seen, fps)
            meets = lambda event, start, end: event[0] <= end and event[1] >= start
            found += sum(any(meets(event, *walk) for event in all_found) for walk in truth)
            walkers += len(truth)
            wrong += sum(not any(meets(event, start - 1, end + 2) for start, end in truth) for event in all_found)
        minutes = frames / fps / 60
        ms = spent / frames * 1e3
        print(f"{name}, {width}x{height}: found {found} of {walkers} crossings, {wrong} false in {minutes:.0f} min, {ms:.2f} ms of CPU a picture")


def film(path, program, directory):
    """Pictures of a film in which MOG2 sees something large, and in which pistreamer does."""
    capture, pictures = cv2.VideoCapture(path), []
    while True:
        there, picture = capture.read()
        if not there:
            break
        pictures.append(picture)
    subtractor = cv2.createBackgroundSubtractorMOG2(detectShadows=True)
    small = [cv2.resize(cv2.cvtColor(it, cv2.COLOR_BGR2GRAY), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA) for it in pictures]
    theirs = [motion(subtractor.apply(it)) for it in small]
    stream = pathlib.Path(directory) / "film.mjpg"
    stream.write_bytes(b"".join(cv2.imencode(".jpg", it)[1].tobytes() for it in pictures))
    boxes = pathlib.Path(directory) / "film.jsonl"
    subprocess.run([program, "motion", stream, "--boxes", boxes], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ours = [json.loads(line)["score"] > 0 for line in boxes.read_text().splitlines()]
    learnt = 25
    both = sum(a and b for a, b in zip(ours[learnt:], theirs[learnt:]))
    print(
        f"{path}: {len(pictures)} pictures; behind the first {learnt}, MOG2 sees something in {sum(theirs[learnt:])}, "
        f"pistreamer motion in {sum(ours[learnt:])}, both in {both}"
    )


clips(sys.argv[1])
if len(sys.argv) > 2:
    film(sys.argv[2], sys.argv[3], sys.argv[1])
