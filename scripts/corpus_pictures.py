"""Judges what tryon makes of pictures against what Pillow shows."""

import json
import shutil
import subprocess
from pathlib import Path

from corpus_run import run

# What Pillow calls the formats that tryon reads.
READ = {"PNG": "PNG", "JPEG": "JPEG", "MPO": "JPEG", "WEBP": "WebP", "BMP": "BMP", "DIB": "BMP", "TIFF": "TIFF", "GIF": "GIF"}
# Formats that are refused by name, by what Pillow calls them or by their extension.
NAMED = {
    "AVIF": "an AVIF picture", "JPEG2000": "a JPEG 2000 picture", "PSD": "a Photoshop file", "ICO": "an icon file",
    "heic": "a HEIC picture", "heif": "a HEIC picture", "svg": "an SVG drawing",
}
# How far a picture may be from what is shown, on average and in the worst block of 8 x 8 pixels (of 255), beyond twice what
# a JPEG costs it anyway: profiles are applied and chroma is spread a little otherwise by every decoder.
MORE_MEAN = 2
MORE_WORST = 10
SHORTEST_SIDE = 300


def judge(samples, tryon, judge_picture, viewer, scratch):
    """What is wrong about each picture, as a list of sentences; empty where nothing is."""
    ours = [made_of(sample, judge_picture, scratch / f"{number}.jpg") for number, sample in enumerate(samples)]
    tasks = [
        {"path": str(sample.path), "fitted": str(made) if made.exists() else None}
        for sample, (_, made) in zip(samples, ours)
    ]
    shown = look(tasks, viewer)
    person = scratch / "person.jpg"
    shutil.copyfile(Path(__file__).parent.parent / "examples" / "people" / "ana.jpg", person)
    found = []
    for number, sample in enumerate(samples):
        said, _ = ours[number]
        wrong = compare(said, shown[number], sample) + check_agrees(said, sample, tryon, person, scratch)
        found.append((sample, said, shown[number], wrong))
    return found


def made_of(sample, judge_picture, fitted):
    done = run([judge_picture, sample.path, fitted], fitted.parent)
    if done.code != 0:
        return {"crash": done.summary()}, fitted
    return json.loads(done.out), fitted


def look(tasks, viewer):
    lines = "".join(json.dumps(task) + "\n" for task in tasks)
    script = Path(__file__).parent / "corpus_viewer.py"
    done = subprocess.run([viewer, script], input=lines, capture_output=True, text=True, timeout=3600)
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    if len(shown) != len(tasks):
        raise RuntimeError(f"Pillow ended at picture {len(shown) + 1}, {tasks[len(shown)]['path']}: {done.stderr[-500:]}")
    return shown


def compare(said, shown, sample):
    if "crash" in said:
        return [f"crash: {said['crash']}"]
    text = json.dumps(said)
    wrong = ["the decoder panics"] if "breaks the decoder" in text else []
    format = shown.get("format")
    is_whole = "error" not in shown and "undecodable" not in shown
    if is_whole and format in READ:
        return wrong + as_input(said["input"], shown) + as_result(said["result"], shown, READ[format])
    if is_whole and format == "AVIF":
        wrong += as_result(said["result"], shown, "AVIF")
    name = "empty" if sample.path.stat().st_size == 0 else NAMED.get(format) or NAMED.get(sample.extension)
    refusal = said["input"].get("refused") or said["input"]["fitted"].get("refused")
    if not refusal:
        return wrong + [f"input: taken; Pillow: {shown.get('error') or shown.get('undecodable') or format}"]
    if name and name not in refusal:
        wrong.append(f"input: refused, not as {name}: {refusal}")
    if not is_whole and not name and "refused" not in said["result"]:
        wrong.append(f"result: kept; Pillow: {shown.get('error') or shown.get('undecodable')}")
    return wrong


def as_input(said, shown):
    refusal = said.get("refused") or said["fitted"].get("refused")
    if refusal:
        return [f"input: {refusal}; Pillow shows {shown['format']} {shown['mode']}"]
    wrong = []
    if said["format"] != READ[shown["format"]]:
        wrong.append(f"input: called {said['format']}; Pillow: {shown['format']}")
    if (said["width"], said["height"]) != (shown["width"], shown["height"]):
        wrong.append(f"input: {said['width']} x {said['height']}; Pillow: {shown['width']} x {shown['height']}")
    if "differs" not in shown:
        return wrong + ["input: not compared"]
    fitted = said["fitted"]
    if [fitted["width"], fitted["height"]] != shown["shown"] and max(shown["shown"]) <= 4096:
        wrong.append(f"input: becomes {fitted['width']} x {fitted['height']}; Pillow shows {shown['shown']}")
        return wrong
    (mean, worst), (jpeg_mean, jpeg_worst) = shown["differs"], shown["jpeg_differs"]
    if mean > 2 * jpeg_mean + MORE_MEAN or worst > 2 * jpeg_worst + MORE_WORST:
        wrong.append(
            f"input: pixels differ by {mean} on average, {worst} in the worst block; a JPEG costs {jpeg_mean}, {jpeg_worst}"
        )
    return wrong


def as_result(said, shown, name):
    if "refused" in said:
        return [f"result: {said['refused']}; Pillow shows {shown['format']} {shown['mode']}"]
    if (said["format"], said["width"], said["height"]) != (name, shown["width"], shown["height"]):
        return [f"result: {said}; Pillow: {shown['format']} {shown['width']} x {shown['height']}"]
    return []


def check_agrees(said, sample, tryon, person, scratch):
    """Whether `tryon check` says the same about the picture in a manifest, in one line for it, and ends."""
    if "crash" in said:
        return []
    garment = scratch / f"garment.{sample.extension}"
    garment.unlink(missing_ok=True)
    garment.symlink_to(sample.path)
    manifest = scratch / "manifest.csv"
    manifest.write_text(f"human,cloth\n{person.name},{garment.name}\n")
    seen = said["input"]
    is_small = "refused" not in seen and min(seen["width"], seen["height"]) < SHORTEST_SIDE
    refusal = seen.get("refused") or seen["fitted"].get("refused", "")
    # `check` reads headers: damage that only decoding shows ends a job that is converted before it is sent.
    is_known_by_header = "refused" in seen or "cannot be converted here" in refusal or "can be worked on" in refusal
    wrong = []
    if "refused" not in seen and not seen["as_it_is"] and not is_known_by_header and seen["damaged"] != (refusal or None):
        wrong.append(f"input: as it is: {seen['damaged']}; converted: {refusal}")
    for options, is_refused in [
        ([], "refused" in seen or is_small or bool(seen["as_it_is"])),
        (["--fit-images"], is_known_by_header or is_small),
    ]:
        done = run([tryon, "check", *options, manifest], scratch)
        lines = [line for line in done.both().splitlines() if line.startswith(f"{manifest}:2: ")]
        call = " ".join(["check", *options])
        if done.code not in (0, 2) or "panicked" in done.both():
            wrong.append(f"{call}: {done.summary()}")
        elif (done.code == 2) != is_refused:
            wrong.append(f"{call}: exit {done.code} against {json.dumps(seen)}")
        elif is_refused and (len(lines) != 1 or ":2: cloth_image: " not in lines[0]):
            wrong.append(f"{call}: {len(lines)} lines for one picture")
    return wrong
