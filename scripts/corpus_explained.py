"""Files of which tryon makes something else than the library that it is compared with, and why that is right."""

EXPLAINED = {}


def explanation(sample):
    return EXPLAINED.get((sample.package.name, sample.name))
