"""What tryon makes otherwise than the library that it is compared with, and why that is meant to be so."""

import re

REFUSED = "A kind of TIFF that is not decoded here, refused by name: before it is sent as an input, and as a result."
BETTER = "Decoded here and looked at: it is right, and Pillow does not read it."

LENIENT = "Optional parts of a PNG that Pillow refuses; all pixels are there."
SKIPPED = "Its run-length code leaves out pixels, which the standard allows: black here, another colour or an error in Pillow."
TURNED = "Turned by a note in XMP or in a text, which Pillow heeds and browsers do not."

# By what is said about a file.
KINDS = [
    (r"(is|it is) a TIFF .*, which cannot be converted here", REFUSED),
    (r"is a damaged bitmap, of which palette and pixels overlap", "As in browsers; Pillow guesses where the pixels are."),
    (r"is 1638[34] x 1638[34] px; at most 100 megapixels", "Over the documented limit."),
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
    ("pillow", "Tests/images/bmp/q/rgba16-4444.bmp"): BETTER,
    ("pillow", "Tests/images/bmp/q/rgb32-111110.bmp"): BETTER,
    ("pillow", "Tests/images/bmp/q/rgb16-231.bmp"): BETTER,
    ("pillow", "Tests/images/apng/chunk_no_fctl.png"): LENIENT,
    ("pillow", "Tests/images/png_decompression_dos.png"): LENIENT,
    ("pillow", "Tests/images/unknown_compression_method.png"): LENIENT,
    ("pillow", "Tests/images/bmp/q/pal8rletrns.bmp"): SKIPPED,
    ("pillow", "Tests/images/bmp/q/pal4rletrns.bmp"): SKIPPED,
    ("pillow", "Tests/images/bmp/b/badrle.bmp"): "Its run-length code is damaged on purpose; refused.",
    ("pillow", "Tests/images/bmp/b/badplanes.bmp"): "A header that the standard forbids, made on purpose; refused.",
    ("pillow", "Tests/images/bmp/q/pal8os2v2.bmp"): "A header of OS/2 2; refused.",
    ("pillow", "Tests/images/rgb32bf-abgr.bmp"): "Its alpha is 0 throughout: seen here as in browsers, nothing in Pillow.",
    ("pillow", "Tests/images/xmp_tags_orientation.png"): TURNED,
    ("pillow", "Tests/images/xmp_tags_orientation_exiftool.png"): TURNED,
    ("pillow", "Tests/images/exif_imagemagick_orientation.png"): TURNED,
    ("pillow", "Tests/images/i_trns.png"): "A transparent colour of 16 bits, which Pillow compares with 8.",
    ("pillow", "Tests/images/hopper_bad_exif.jpg"): "Its codes run over the ends of blocks in most lines; refused, Pillow shows noise.",
    ("bmp-js", "package/test/bit8_RLE.bmp"): SKIPPED,
    ("bmp-js", "package/test/bit4_RLE.bmp"): SKIPPED,
}


def explanation(sample, wrong):
    """Why each of the sentences in `wrong` is as it should be; `None` where that is not known of one of them."""
    reasons = {reason_for(sample, sentence) for sentence in wrong}
    return None if None in reasons else " ".join(sorted(reasons))


def reason_for(sample, sentence):
    # Paid for in vain, or refused for nothing.
    if "input: as it is:" in sentence:
        return None
    for pattern, reason in KINDS:
        if re.search(pattern, sentence):
            return reason
    return FILES.get((sample.package.name, sample.name))
