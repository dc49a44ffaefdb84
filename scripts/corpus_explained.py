"""What tryon makes otherwise than the library that it is compared with, and why that is meant to be so."""

import re

REFUSED = "Refused by name, before anything is spent: a kind of TIFF out of archives, scanners and print."
BETTER = "Decoded here and looked at: it is right, and Pillow does not read it."

# By what is said about a file.
KINDS = [
    (r"(is|it is) a TIFF .*, which cannot be converted here", REFUSED),
    (r"is 16383 x 16383 px; at most 100 megapixels", "Over the documented limit."),
]

# By package and file.
FILES = {
    ("pillow", "Tests/images/clipboard.dib"): "A bitmap without its file header, as it lies in Windows' clipboard: no file.",
    ("pillow", "Tests/images/no_palette.gif"): "Without a table of colours the standard leaves open what is seen; refused.",
    ("pillow", "Tests/images/bmp/b/rletopdown.bmp"): "The standard forbids a run-length coded bitmap from the top down; refused.",
    ("pillow", "Tests/images/bmp/g/rgb32bf.bmp"): BETTER,
    ("pillow", "Tests/images/bmp/q/pal2.bmp"): BETTER,
    ("pillow", "Tests/images/app13.jpg"): "4 x 4 px with chroma of 2 x 2: spread smoothly here, in blocks by Pillow.",
    ("bmp-js", "package/test/bit16_x444.bmp"): BETTER,
    ("bmp-js", "package/test/bit16_a444.bmp"): BETTER,
    ("bmp-js", "package/test/bit8_RLE.bmp"): "Its code leaves out the corners, which the standard allows; black here, refused by Pillow.",
    ("bmp-js", "package/test/bit4_RLE.bmp"): "Its code leaves out the corners, which the standard allows; black here, refused by Pillow.",
    ("kamadak-exif", "tests/exif.tif"): BETTER,
    ("kamadak-exif", "tests/yaminabe.tif"): BETTER,
}


def explanation(sample, wrong):
    """Why each of the sentences in `wrong` is as it should be; `None` where that is not known of one of them."""
    reasons = {reason_for(sample, sentence) for sentence in wrong}
    return None if None in reasons else " ".join(sorted(reasons))


def reason_for(sample, sentence):
    for pattern, reason in KINDS:
        if re.search(pattern, sentence):
            return reason
    return FILES.get((sample.package.name, sample.name))
