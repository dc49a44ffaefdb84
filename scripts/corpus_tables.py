"""Judges how tryon reads CSV files against Python's csv module.

Test files of CSV libraries are no manifests, so each is tried twice: as it is, where the answer has to be a sentence or two
about the file; and with its header replaced by `human`, `cloth`, `c3`, …, everything behind the header byte for byte as it
was. Since no cell names a picture that exists, each row is then reported, with the line on which it begins, and with
what its first cell was taken for, or how many cells it has."""

import csv
import re

from corpus_run import run

SEPARATORS = ",;\t|"
# How many lines an answer about a file as a whole may have.
MOST_LINES = 4

ROW = re.compile(r":(\d+): ([a-z_0-9]+): (.*)")


def judge(samples, tryon, scratch):
    """What is wrong about each file, as a list of sentences; empty where nothing is."""
    found = []
    csv.field_size_limit(1 << 30)
    for sample in samples:
        folder = scratch / "table"
        folder.mkdir(exist_ok=True)
        content = sample.path.read_bytes()
        wrong, kind = as_it_is(content, tryon, folder)
        renamed = with_header(content)
        if renamed:
            wrong_rows, rows = row_by_row(renamed, tryon, folder)
            wrong, kind = wrong + wrong_rows, f"{rows} rows" if rows is not None else kind
        found.append((sample, kind, wrong))
    return found


def check(content, tryon, folder):
    manifest = folder / "manifest.csv"
    manifest.write_bytes(content)
    done = run([tryon, "check", manifest], folder)
    crashed = done.code != 2 or "panicked" in done.both()
    return done, [line.removeprefix(str(manifest)) for line in done.both().splitlines() if line], crashed


def as_it_is(content, tryon, folder):
    done, lines, crashed = check(content, tryon, folder)
    if crashed:
        return [f"as it is: {done.summary()}"], "no answer"
    said = " ".join(lines)
    if len(lines) > MOST_LINES:
        return [f"as it is: {len(lines)} lines, the first: {lines[0][:200]}"], "no manifest"
    expected = encoding_named(content)
    if expected and not any(word in said for word in expected):
        return [f"as it is: {' or '.join(expected)} is not named: {lines[0][:200]}"], "not UTF-8"
    return [], "not UTF-8" if expected else "no manifest"


def encoding_named(content):
    """What the answer about a file has to name, where it is not UTF-8 text."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or (len(content) > 1 and 0 in content[:2]):
        return ["UTF-16"]
    if 0 in content:
        return ["binary", "ZIP archive", "gzip"]
    # What is behind the header is not reached, since it has none of the columns that a manifest needs.
    try:
        content.split(b"\n")[0].decode("utf-8")
    except UnicodeDecodeError:
        return ["UTF-8"]
    return None


def with_header(content):
    """The file with another header, the text behind its byte order mark, and its separator; `None` where Python does not
    read a header either."""
    if 0 in content:
        return None
    mark = b"\xef\xbb\xbf" if content.startswith(b"\xef\xbb\xbf") else b""
    # One character a byte, so that the place in the text is the place in the file.
    text = content[len(mark):].decode("latin-1")
    lines = text.split("\n")
    separator = max(SEPARATORS, key=lines[0].count)
    lines_read = 0

    def fed():
        nonlocal lines_read
        for line in lines:
            lines_read += 1
            yield line + "\n"

    try:
        header = next(csv.reader(fed(), delimiter=separator), None)
    except csv.Error:
        return None
    if not header or len(header) < 2:
        return None
    names = ["human", "cloth", *(f"c{number}" for number in range(3, len(header) + 1))]
    # As many lines as the old header had, so that the others keep their numbers.
    line_end = "\r\n" if lines[lines_read - 1].endswith("\r") else "\n"
    names[-1] = f'"{names[-1]}' + "\n" * (lines_read - 1) + '"'
    body = "\n".join(lines[lines_read:])
    return mark + (separator.join(names) + line_end + body).encode("latin-1"), separator, len(header)


def row_by_row(renamed, tryon, folder):
    content, separator, width = renamed
    expected = expected_rows(content.decode("utf-8-sig", errors="surrogateescape"), separator)
    if expected is None:
        return in_one_sentence(content, tryon, folder), None
    done, lines, crashed = check(content, tryon, folder)
    if crashed:
        return [f"rows: {done.summary()}"], len(expected)
    # Reading ends at the first row whose pictures are not named in UTF-8; in columns that are left alone nobody looks.
    foreign = next((line for line, cells in expected.items() if not is_utf_8(cells[:2])), None)
    if foreign:
        if not any(f":{foreign}: is not in UTF-8 but most likely in " in line for line in lines):
            return [f"rows: no encoding is named for line {foreign}: {lines[-1][:200]}"], len(expected)
        expected = {line: cells for line, cells in expected.items() if line < foreign}
    reported = {}
    for line in lines:
        if match := ROW.match(line):
            reported.setdefault(int(match[1]), []).append((match[2], match[3]))
    return different(expected, reported, width, folder, lines), len(expected)


def is_utf_8(cells):
    return not any("\udc80" <= character <= "\udcff" for cell in cells for character in cell)


def in_one_sentence(content, tryon, folder):
    """Of what cannot be read as a text, or has line ends that programs disagree about, one sentence is said."""
    done, lines, crashed = check(content, tryon, folder)
    if crashed or len(lines) > MOST_LINES:
        return [f"rows: {len(lines)} lines about a file that cannot be read, {done.summary()}"]
    return []


def expected_rows(text, separator):
    """The cells of each row by the line on which it begins; blank rows and notes (`# …`) left out; `None` where a lone CR makes line ends a
    matter of opinion."""
    if "\r" in text.replace("\r\n", ""):
        return None
    lines = text.split("\n")
    reader = csv.reader((line + "\n" for line in lines), delimiter=separator)
    rows, begins = {}, 1
    for cells in reader:
        is_note = cells[:1] and cells[0].lstrip().startswith("#") and not any(cell.strip() for cell in cells[1:])
        if any(cell.strip() for cell in cells) and not is_note:
            rows[begins] = cells
        begins = reader.line_num + 1
    rows.pop(1)
    return rows


def different(expected, reported, width, folder, lines):
    wrong = []
    if missing := sorted(set(expected) - set(reported)):
        first = missing[0]
        wrong.append(f"rows: {len(missing)} of {len(expected)} not reported, the first at line {first}: {expected[first][:3]}; said: {' / '.join(lines)[:300]}")
    if extra := sorted(set(reported) - set(expected)):
        wrong.append(f"rows: {len(extra)} reported that Python does not have, the first at line {extra[0]}: {reported[extra[0]][0]}")
    for line in sorted(set(expected) & set(reported)):
        if problem := differs(expected[line], reported[line], width, folder):
            return [*wrong, f"rows: line {line}: {problem}"]
    return wrong


def on_one_line(text):
    """A text as a message shows it: a gap with a line end or a tab in it is one space, and other gaps stay."""
    return re.sub(r"\s+", lambda gap: gap[0] if gap[0].isprintable() else " ", text)


def differs(cells, problems, width, folder):
    """Whether a row was read otherwise than by Python, as far as what is said about it shows that."""
    said = dict(problems)
    if len(cells) != width:
        count = f"has {len(cells)} cell"
        return None if any(text.startswith(count) for text in said.values()) else f"{len(cells)} cells: {problems[0]}"
    for name, cell in [("human_image", cells[0]), ("cloth_image", cells[1])]:
        looked_for = re.fullmatch(r"no such file \(looked for (.*)\)", said.get(name, ""))
        if looked_for and looked_for[1] != on_one_line(str(folder / cell.strip())):
            return f"{cell!r} became {looked_for[1]}"
        is_elsewhere = cell.strip().lower().startswith(("http://", "https://"))
        if name not in said and "row" not in said and not is_elsewhere:
            return f"nothing is said about {name} {cell!r}: {problems[0]}"
    return None
