"""What a viewer shows: each picture as Pillow decodes it, upright, in sRGB and on white, and how far a JPEG that tryon made
of it is from that. Run by corpus.py with a Python that has Pillow; reads and writes JSON, a line a picture."""

import io
import json
import signal
import sys
import warnings

from PIL import Image, ImageChops, ImageCms, ImageFilter, ImageOps, ImageStat

SRGB = ImageCms.createProfile("sRGB")
Image.MAX_IMAGE_PIXELS = 200_000_000
PATIENCE_SECONDS = 60


def main():
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, out_of_patience)
    for line in sys.stdin:
        task = json.loads(line)
        signal.alarm(PATIENCE_SECONDS)
        try:
            seen = look(task["path"], task["fitted"])
        except Exception as error:  # Whatever Pillow raises is its verdict on the picture.
            seen = {"error": f"{type(error).__name__}: {error}"[:200]}
        signal.alarm(0)
        print(json.dumps(seen), flush=True)


def out_of_patience(_signal, _frame):
    raise TimeoutError(f"not shown within {PATIENCE_SECONDS} s")


def look(path, fitted):
    with Image.open(path) as picture:
        seen = {
            "format": picture.format, "mode": picture.mode, "width": picture.width, "height": picture.height,
        }
        try:
            picture.load()
        except Exception as error:
            return {**seen, "undecodable": f"{type(error).__name__}: {error}"[:200]}
        if fitted:
            seen |= compare(shown(picture), fitted)
        return seen


def shown(picture):
    """Upright, in sRGB, on white."""
    profile = picture.info.get("icc_profile")
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I;16"):
        # Pillow clips 16 bits when it converts.
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    alpha = None
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
        picture = picture.convert("RGB")
    if picture.mode not in ("L", "RGB", "CMYK"):
        picture = picture.convert("RGB")
    picture = in_srgb(picture, profile)
    if alpha:
        picture = Image.composite(picture, Image.new("RGB", picture.size, "white"), alpha)
    return picture


def in_srgb(picture, profile):
    """By the profile; without one, or with one that is not for such pictures, as the numbers are."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(picture, source, SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return picture.convert("RGB")


def compare(expected, fitted):
    """How far the JPEG is from what is shown, and how far a JPEG that Pillow makes of it is."""
    with Image.open(fitted) as made:
        made = made.convert("RGB")
    size = list(expected.size)
    if expected.size != made.size:
        expected = expected.resize(made.size, Image.Resampling.LANCZOS)
    saved = io.BytesIO()
    expected.save(saved, "JPEG", quality=92, subsampling=0)
    with Image.open(saved) as again:
        return {"shown": size, "differs": difference(expected, made), "jpeg_differs": difference(expected, again)}


def difference(expected, made):
    """On average, and where blocks of 8 x 8 pixels differ most; of 255."""
    mean = max(ImageStat.Stat(ImageChops.difference(expected, made)).mean)
    blocks = ImageChops.difference(blurred(expected), blurred(made))
    return [round(mean, 1), max(high for _, high in blocks.getextrema())]


def blurred(picture):
    if min(picture.size) < 16:
        return picture.filter(ImageFilter.BoxBlur(2))
    return picture.reduce(8)


main()
