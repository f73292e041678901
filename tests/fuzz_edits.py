"""Changes of valid files for the fuzz of formats: single bits, bytes, cells, JSON, YAML, archives.

An editor takes a random generator and the bytes of a valid file and returns changed bytes. Each
editor is one kind of damage, or one thing that a person or an attacker could write.
"""

import bz2
import gzip
import io
import json
import lzma
import pickle
import re
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from random import Random

import numpy as np
import torch

from resed.formats.store import ALIGNMENT, PREFIX

Editor = Callable[[Random, bytes], bytes]

TEXTS = (
    *("", " ", "-1", "-0", "0", "1", "0.5", "1.0", "1e999", "-1e999", "1e308", "1e-320", "nan"),
    *("inf", "-inf", "NaN", "None", "null", "true", "1_0", " 5 ", "0x10", "1e5", "1,5", "٣", "½"),
    *("9" * 16, "9" * 19, "9" * 400, "9" * 5000, "1." + "0" * 400, "\x1b[31mred", "\x1b]0;t\x07"),
    *("\u202egpj.wav", "\u2028", "a\x85b", "a\0b", "../../etc/passwd", "/etc/passwd", "C:\\x"),
    *("é", "é", "<script>", "=1+1", '"', '""', '"a', "'", "a,b", "a;b", "$(id)", "{x}", "|", "#"),
    *("[]", "{}", "&a", "*a", "!!python/object:os.system x", "2019-13-45", "a" * 300),
    "b" * 200_000,
)  # fmt: skip
# JSON that the standard library would not write, beside ordinary values.
JSON_TOKENS = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "9" * 5000, "-1", "0", "0.5"),
    *("1e308", "-0.0", "1e-400", str(2**53), str(2**63), str(2**64), "-" + str(2**63), "true"),
    *("false", "null", '""', '"a"', '"1"', '"\\ud800"', '"\\u0000"', '"\\u001b[31m"', "[]", "{}"),
    *("[1]", '["a","a"]', '[""]', '{"a":1}', '{"a":1,"a":2}', '{"__proto__":1}', "nul", "'a'"),
    *("[" * 40 + "]" * 40, "[" * 200 + "]" * 200, "[" * 100_000 + "]" * 100_000, "[" * 100_000),
    *('{"a":' * 100_000 + "1" + "}" * 100_000, '"' + "x" * 300_000 + '"'),
    *("[0" + ",0" * 300_000 + "]", "[" + "[]," * 300_000 + "[]]"),
    *("[" + ",".join(f'"n{i}"' for i in range(100_000)) + "]", "01", "+1", "1.", ".5", "0x1"),
)  # fmt: skip


def flipped(data: bytes, bit: int) -> bytes:
    """The bytes with one bit changed."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


# ---- any bytes -----------------------------------------------------------------------------------


def _place(random: Random, data: bytes) -> int:
    return random.randrange(len(data) + 1)


def _truncated(random: Random, data: bytes) -> bytes:
    return data[: _place(random, data)]


def _without_start(random: Random, data: bytes) -> bytes:
    return data[_place(random, data) :]


def _without_part(random: Random, data: bytes) -> bytes:
    first, last = sorted((_place(random, data), _place(random, data)))
    return data[:first] + data[last:]


def _part_twice(random: Random, data: bytes) -> bytes:
    first, last = sorted((_place(random, data), _place(random, data)))
    return data[:last] + data[first:last] + data[last:]


def _parts_swapped(random: Random, data: bytes) -> bytes:
    first, middle, last = sorted(_place(random, data) for _ in range(3))
    return data[:first] + data[middle:last] + data[first:middle] + data[last:]


def _bytes_inserted(random: Random, data: bytes) -> bytes:
    place = _place(random, data)
    return data[:place] + random.randbytes(random.choice((1, 2, 8, 100))) + data[place:]


def _part_replaced(random: Random, data: bytes) -> bytes:
    place = _place(random, data)
    size = random.choice((1, 4, 16, 64))
    filled = random.choice((b"\0", b"\xff", b" ", b"9", b"\n"))
    return data[:place] + filled * min(size, len(data) - place) + data[place + size :]


def _appended(random: Random, data: bytes) -> bytes:
    return data + random.choice((b"\0", b"\n", b"x", b"\0" * 5000, data, b"PK\5\6" + bytes(18)))


def _other_file(random: Random, data: bytes) -> bytes:
    return random.choice(
        (
            *(b"", b"\0", b"\0" * 4096, b"\xff\xfe", b"{}", b"[]", b"null", b"RIFF\0\0\0\0WAVE"),
            *(b"\x80\x02N.", pickle.dumps({"a": 1}), gzip.compress(b"x"), b"PK\5\6" + bytes(18)),
            *(random.randbytes(1000), b"\xef\xbb\xbf" + data, data.replace(b"\n", b"\r\n")),
            *(data.decode("latin-1").encode("utf-16"), data.decode("latin-1").encode("utf-32")),
        )
    )


BYTES: tuple[Editor, ...] = (
    *(_truncated, _without_start, _without_part, _part_twice, _parts_swapped, _bytes_inserted),
    *(_part_replaced, _appended, _other_file),
)


def edited_sizes(random: Random, data: bytes) -> bytes:
    """A 16- or 32-bit number of the first 100 bytes replaced: sizes, rates, counts of a header."""
    changed, place = bytearray(data), random.randrange(min(100, len(data)))
    value = random.choice((0, 1, 2, 7, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1))
    size = random.choice((2, 4)) if value < 2**16 else 4
    value_bytes = value.to_bytes(size, random.choice(("little", "big")))
    changed[place : place + size] = value_bytes
    return bytes(changed[: len(data)])


# ---- tables of text ------------------------------------------------------------------------------


def table_edits(separator: str) -> tuple[Editor, ...]:
    """Editors of rows, columns and cells of a table, and of its bytes."""

    def cells(data: bytes) -> list[list[str]]:
        return [line.split(separator) for line in data.decode().rstrip("\n").split("\n")]

    def text(rows: list[list[str]], end: str = "\n") -> bytes:
        return "".join(separator.join(row) + end for row in rows).encode("utf-8", "surrogatepass")

    def cell(random: Random, data: bytes) -> bytes:
        rows = cells(data)
        row = random.choice(rows)
        row[random.randrange(len(row))] = random.choice(TEXTS)
        return text(rows)

    def column_of_one_value(random: Random, data: bytes) -> bytes:
        rows = cells(data)
        place, value = random.randrange(len(rows[0])), random.choice(TEXTS[:40])
        for row in rows[1:]:
            if place < len(row):
                row[place] = value
        return text(rows)

    def rows_changed(random: Random, data: bytes) -> bytes:
        rows = cells(data)
        place = random.randrange(len(rows))
        how = random.randrange(8)
        if how == 0:
            del rows[place]
        elif how == 1:
            rows.insert(random.randrange(len(rows) + 1), list(rows[place]))
        elif how == 2:
            random.shuffle(rows)
        elif how == 3:
            rows = [rows[0]]
        elif how == 4:
            rows.insert(place, [])
        elif how == 5:
            rows[place] = rows[place] + [random.choice(TEXTS)]
        elif how == 6:
            rows[place] = rows[place][:-1]
        else:
            rows = rows[:1] + rows[1:] * 3000
        return text(rows)

    def columns_changed(random: Random, data: bytes) -> bytes:
        rows = cells(data)
        one, other = random.randrange(len(rows[0])), random.randrange(len(rows[0]))
        how = random.randrange(5)
        for row in rows:
            if max(one, other) >= len(row):
                continue
            if how == 0:
                del row[one]
            elif how == 1:
                row.insert(other, row[one])
            elif how == 2:
                row[one], row[other] = row[other], row[one]
            elif how == 3:
                row.append(random.choice(("", "x", row[one])))
        if how == 4:
            rows[0][one] = random.choice((*TEXTS, *rows[0]))
        return text(rows)

    def form(random: Random, data: bytes) -> bytes:
        rows = cells(data)
        other = random.choice((" ", ",", ";", "\t", "|", "\t\t"))
        return random.choice(
            (
                text(rows, "\r\n"),
                text(rows, "\r"),
                text(rows, "\n\n"),
                b"\xef\xbb\xbf" + data,
                data.rstrip(b"\n"),
                data.replace(separator.encode(), other.encode()),
                text([[f'"{value}"' for value in row] for row in rows]),
                text([[*rows[0], *(f"c{i}" for i in range(100_000))], *rows[1:]]),
                text(rows) + b"x" * 1_000_000,
            )
        )

    return (*(cell,) * 8, *(column_of_one_value,) * 3, rows_changed, rows_changed, columns_changed,
            columns_changed, form, *BYTES)  # fmt: skip


# ---- JSON ----------------------------------------------------------------------------------------

MARK = "\x01place\x02"


def _containers(value: object) -> list[dict | list]:
    found = [value] if isinstance(value, (dict, list)) else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        found += _containers(one)
    return [one for one in found if one]


def edited_json(random: Random, data: bytes) -> bytes:
    """JSON with one key or value changed; perhaps not JSON any more."""
    value = json.loads(data)
    found = _containers(value)
    if not found or random.random() < 0.02:
        return random.choice(JSON_TOKENS).encode()
    inner = random.choice(found)
    key = random.choice(list(inner)) if isinstance(inner, dict) else random.randrange(len(inner))
    how = random.randrange(8)
    if how == 0:
        del inner[key]
    elif how == 1 and isinstance(inner, dict):
        inner[random.choice((*TEXTS[:60], *inner))] = inner.pop(key)
    elif how == 1:
        inner.append(inner[key])
    elif how == 2 and isinstance(inner, dict):
        inner[random.choice(TEXTS)] = random.choice((1, "a", None, [], {}))
    elif how == 3:
        inner[key] = random.choice((inner[key:] if isinstance(key, int) else inner, [inner[key]]))
    elif how == 4:
        inner[key] = random.choice(TEXTS)
    else:
        inner[key] = MARK
    try:
        text = json.dumps(value, ensure_ascii=random.random() < 0.5)
    except ValueError:  # a value inside itself
        return b"{}"
    if how == 5 and isinstance(inner, dict):  # the key twice
        copy = f"{json.dumps(key)}: {random.choice(JSON_TOKENS)}, "
        text = text.replace(
            f"{json.dumps(key)}: {json.dumps(MARK)}", copy + f"{json.dumps(key)}: 1"
        )
    text = text.replace(json.dumps(MARK), random.choice(JSON_TOKENS))
    return text.encode("utf-8", "surrogatepass")


JSON: tuple[Editor, ...] = (*(edited_json,) * 20, *BYTES)


# ---- YAML ----------------------------------------------------------------------------------------

YAML_FILES = (
    "[" * 200_000,
    "{a: " * 50_000,
    "- " * 100_000 + "1",
    "b0: &b0 [x, x]\n" + "".join(f"b{i + 1}: &b{i + 1} [*b{i}, *b{i}]\n" for i in range(40)),
    "a: &a [*a]",
    "a: &a {b: *a}",
    "<<: {a: 1}",
    "a: 1\n--- \nb: 2",
    "%YAML 9.9\n---\na: 1",
    "? [1, 2]\n: 3",
    "a: !!binary x",
    "a: !!python/object/apply:os.system [id]",
    "a: !!set {x}",
    "a: !!timestamp 2019-13-45",
    "a: 2019-02-30",
    "a: " + "9" * 5000,
    "a: 0x" + "f" * 5000,
    "a: 1:2:3" + ":59" * 2000,
    "a: " + "x" * 1_000_000,
    "x" * 1_000_000 + ": 1",
    "a: .nan",
    "a: 1e999",
    'a: "\\ud800"',
    'a: "\\x1b[31m"',
    "a: \x07",
    "\t",
    "a:\n\tb: 1",
    "a: *b",
    "&a a: *a",
    "a: |\n" + "  x\n" * 100_000,
)


def edited_yaml(random: Random, data: bytes) -> bytes:
    """YAML with a line or a value changed; perhaps not YAML any more."""
    lines = data.decode().split("\n")
    place = random.randrange(len(lines))
    how = random.randrange(10)
    if how == 0:
        del lines[place]
    elif how == 1:
        lines.insert(random.randrange(len(lines)), lines[place])
    elif how == 2:
        other = random.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    elif how == 3:
        lines[place] = random.choice((" ", "  ", "\t", "- ")) + lines[place]
    elif how == 4:
        lines[place] = lines[place].lstrip()
    elif how == 5:
        lines.insert(place, random.choice(YAML_FILES))
    elif how == 6:
        return random.choice(YAML_FILES).encode("utf-8", "surrogatepass")
    else:
        key, colon, _ = lines[place].partition(":")
        value = random.choice((*TEXTS, *YAML_FILES, *JSON_TOKENS, *lines))
        lines[place] = f"{key}: {value}" if colon else f"{key}- {value}"
    return "\n".join(lines).encode("utf-8", "surrogatepass")


YAML: tuple[Editor, ...] = (*(edited_yaml,) * 20, *BYTES)


# ---- zip archives --------------------------------------------------------------------------------


def members_of(data: bytes) -> dict[str, bytes]:
    """The members of an archive by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def zipped(members: dict[str, bytes] | list[tuple[str, bytes]], **options) -> bytes:
    """An archive of members, which are stored unless `compression` is given."""
    buffer = io.BytesIO()
    pairs = members.items() if isinstance(members, dict) else members
    with zipfile.ZipFile(buffer, "w", **options) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that occur twice
        for name, content in pairs:
            archive.writestr(zipfile.ZipInfo(name), content, options.get("compression"))
    return buffer.getvalue()


def edited_zip(random: Random, data: bytes) -> bytes:
    """An archive whose members or directory were changed; its CRCs are those of its content."""
    members = members_of(data)
    names = list(members)
    one, other = random.choice(names), random.choice(names)
    how = random.randrange(12)
    if how == 0:
        del members[one]
    elif how == 1:
        members[one], members[other] = members[other], members[one]
    elif how == 2:
        members[random.choice(("../x", "/x", "x", one + "x", one.upper()))] = members.pop(one)
    elif how == 3:
        members[one] = random.choice(BYTES)(random, members[one])
    elif how == 4:
        members[random.choice(("x", "archive/x", "x.npy", "a" * 60_000))] = b"x" * 100
    elif how == 5:
        return zipped([*members.items(), (one, members[other])])
    elif how == 6:
        kind = random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
        return zipped({**members, one: bytes(random.choice((100, 50_000_000)))}, compression=kind)
    elif how == 7:
        pairs = list(members.items())
        random.shuffle(pairs)
        return zipped(pairs)
    elif how == 8:
        return zipped([*members.items(), *((f"archive/data/{i}", b"") for i in range(30_000))])
    else:
        return _changed_directory(random, data)
    return zipped(members)


def _changed_directory(random: Random, data: bytes) -> bytes:
    """A field of an entry of the directory, or of the header of a member, replaced."""
    mark, fields = random.choice(
        (
            (b"PK\1\2", (4, 6, 8, 10, 12, 16, 20, 24, 28, 30, 32, 34, 36, 38, 42)),
            (b"PK\3\4", (4, 6, 8, 10, 14, 18, 22, 26, 28)),
            (b"PK\5\6", (4, 6, 8, 10, 12, 16, 20)),
            (b"PK\6\6", (4, 12, 16, 24, 32, 40, 48)),
        )
    )
    places = [found.start() for found in re.finditer(re.escape(mark), data)]
    if not places:
        return data[:-1]
    changed, place = bytearray(data), random.choice(places) + random.choice(fields)
    value = random.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\1\0\0\0", b"\0\0\0\x40", b"\x63\0"))
    changed[place : place + len(value)] = value
    return bytes(changed[: len(data)])


# ---- posteriors ----------------------------------------------------------------------------------


def edited_arrays(random: Random, data: bytes) -> bytes:
    """An archive of numpy.savez with other arrays."""
    with np.load(io.BytesIO(data)) as loaded:
        arrays = dict(loaded)
    name = random.choice([*arrays, "meta", "meta"])
    array = arrays[name]
    if name == "meta" and random.random() < 0.8:
        arrays[name] = np.array(edited_json(random, str(array).encode()).decode("utf-8", "replace"))
    elif array.dtype.kind == "f":
        array = arrays[name] = array.copy()
        how = random.randrange(4)
        if how < 2:
            values = (np.nan, np.inf, -np.inf, 5.0, -1e-7, 1.0000002, 3e38, 0.5)
            with np.errstate(over="ignore"):  # 3e38 is infinite in float16
                array.flat[random.randrange(array.size)] = random.choice(values)
        elif how == 2:
            kinds = (complex, float, np.float16, int, bool, object, ">f4", "U5", "M8[s]", "S4")
            arrays[name] = array.astype(random.choice(kinds))
        else:
            forms = (array[:1], array[..., :0], array[None], array.T, array.ravel(), np.zeros(()))
            arrays[name] = random.choice(forms)
    elif array.dtype.kind == "U":
        texts = [*array.ravel().tolist()]
        texts[random.randrange(len(texts))] = random.choice((*TEXTS, *texts))
        random.shuffle(texts)
        kept = random.choice((texts, texts[:-1], [*texts, "more"], [texts]))
        ascii_only = [text.encode("ascii", "replace") for text in texts]
        arrays[name] = random.choice(
            (
                *(np.array(kept),) * 3,
                np.array(kept, object),
                np.array(ascii_only),
                np.array(kept, "U1"),
            )
        )
    if random.random() < 0.1:
        arrays[random.choice(("lost_head_tags", "x"))] = arrays.pop(name)
    buffer = io.BytesIO()
    try:
        np.savez(buffer, **arrays)
    except (ValueError, UnicodeEncodeError):
        return b""
    return _other_header(random, buffer.getvalue()) if random.random() < 0.2 else buffer.getvalue()


def _other_header(random: Random, data: bytes) -> bytes:
    """One array with another header, of the same or another length."""
    members = members_of(data)
    name = random.choice(list(members))
    old, new = random.choice(
        (
            (b"(2,", b"(2000000000000,"),
            (b"'shape': (", b"'shape': (-"),
            (b"False", b"True "),
            (b"'<f4'", b"'|O' "),
            (b"'<f4'", b"'<f8'"),
            (b"'shape'", b"'Shape'"),
            (b"\x93NUMPY\1\0", b"\x93NUMPY\2\0"),
            (b"\x93NUMPY\1\0", b"\x93NUMPY\3\0"),
            (b"{'descr'", b"{" + b"(" * 5000),
            (b"'<U", b"'<U99999"),
        )
    )
    members[name] = members[name].replace(old, new, 1)
    return zipped(members)


# ---- files of torch.save -------------------------------------------------------------------------


def edited_tensors(random: Random, data: bytes) -> bytes:
    """Content of torch.save with one value changed, written again."""
    content = torch.load(io.BytesIO(data), weights_only=True)
    inner: object = content
    path = []
    while isinstance(inner, (dict, list)) and inner:
        key = (
            random.choice(list(inner)) if isinstance(inner, dict) else random.randrange(len(inner))
        )
        path.append((inner, key))
        if random.random() < 0.3:
            break
        inner = inner[key]
    container, key = path[-1]
    how = random.randrange(4)
    if how == 0:
        del container[key]
    elif how == 1 and isinstance(container, dict):
        container[random.choice(("x", 0, 7, (1, 2), None, *TEXTS[:50]))] = container.pop(key)
    elif isinstance(container[key], torch.Tensor):
        container[key] = _edited_tensor(random, container[key])
    else:
        container[key] = random.choice(_values(random))
    buffer = io.BytesIO()
    try:
        torch.save(content, buffer)
    except (RuntimeError, ValueError, RecursionError):
        return b""
    return buffer.getvalue()


def _edited_tensor(random: Random, tensor: torch.Tensor) -> torch.Tensor:
    values = (float("nan"), float("inf"), -float("inf"), 1e30, 3e38, -1.0, 0.0, 1.0)
    filled = tensor.clone()
    if filled.numel():
        value = random.choice(values)
        small = filled.is_floating_point() or value in (0.0, 1.0)
        filled.view(-1)[random.randrange(filled.numel())] = value if small else 1
    return random.choice(
        (
            *(filled, filled, filled, tensor.double() * 1e300, tensor.to(torch.int64)),
            *(tensor.half(), tensor.bool(), tensor.to(torch.complex64), tensor.flatten()[:1]),
            *(tensor[None], tensor.reshape(-1), torch.zeros(()), torch.zeros(0)),
            *(torch.zeros(1).expand(10**12), tensor.to_sparse(), torch.zeros(3, device="meta")),
            *(torch.nn.Parameter(tensor.float()), torch.zeros(1, dtype=torch.uint8)),
        )
    )


def _values(random: Random) -> tuple:
    """Values that do not belong anywhere."""
    shared: list = ["x"]
    for _ in range(40):
        shared = [shared, shared]
    deep: list = []
    for _ in range(500):
        deep = [deep]
    endless: list = []
    endless.append(endless)
    return (
        *(None, True, -1, 0, 1, 0.5, -0.5, 2.0, float("nan"), float("inf"), 2**53, 2**64, 10**400),
        *("", "a", "\ud800" if random.random() < 0.1 else "b", "x" * 100_000, b"bytes", [], {}, ()),
        *([1], {"a": 1}, ["a", "a"], ["a", "b"], [0.5, 0.5], {1, 2}, 1j, bytearray(10), shared),
        *(deep, endless, torch.zeros(3), torch.float32, [str(i) for i in range(20_000)], (1, 2)),
        *({"a": torch.zeros(2)}, [torch.zeros(2)], list(range(200_000)), random.choice(TEXTS)),
    )


class _Call:
    """An object whose pickle calls a function."""

    def __init__(self, function, *arguments):
        self.called = function, arguments

    def __reduce__(self):
        return self.called


def edited_pickle(random: Random, data: bytes) -> bytes:
    """A file of torch.save whose pickle is not one that torch.save writes."""
    members = members_of(data)
    name = next(name for name in members if name.endswith("data.pkl"))
    written = members[name]
    raw = (
        pickle.dumps(_Call(eval, "1+1"), 2),
        pickle.dumps(_Call(bytearray, 10**12), 2),
        pickle.dumps(
            {"format": "resed checkpoint", "version": 1, "x": _Call(bytearray, 10**11)}, 2
        ),
        pickle.dumps(_Call(torch.zeros, 10**10), 2),
        pickle.dumps("x" * 1000, 4),
        b"\x80\x02" + b"(" * 1_000_000 + b".",
        b"\x80\x02" + b"]" * 1_000_000 + b"a" * 999_999 + b".",
        b"\x80\x02Nr\xff\xff\xff\x7f.",
        b"\x80\x02\x8b\xff\xff\xff\x7f" + b"9" * 100 + b".",
        b"\x80\x02X\xff\xff\xff\x7fabc.",
        b"\x80\x02\x8a\xff" + b"\x7f" * 255 + b".",
        b"\x80\x02cos\nsystem\n(X\x02\0\0\0idtR.",
        b"",
        b".",
    )
    members[name] = random.choice((*raw, random.choice(BYTES)(random, written)))
    return zipped(members)


# ---- stores --------------------------------------------------------------------------------------


def edited_store(random: Random, data: bytes) -> bytes:
    """A store with another header or other features, with valid checksums."""
    magic, version, length, _ = PREFIX.unpack(data[: PREFIX.size])
    text = data[PREFIX.size : PREFIX.size + length]
    start = -(-(PREFIX.size + length) // ALIGNMENT) * ALIGNMENT
    shape = json.loads(text)["shape"]
    features = np.frombuffer(data[start : -4 * shape[0]], "<f4").reshape(shape).copy()
    how = random.randrange(4)
    if how < 2:
        text = edited_json(random, text)
    elif how == 2:
        values = (np.nan, np.inf, -np.inf, 3e38, 0.0)
        features.flat[random.randrange(features.size)] = random.choice(values)
    else:
        version, length = random.choice(((0, None), (2**32 - 1, None), (1, 2**32 - 1), (1, 0)))
    sums = struct.pack(f"<{len(features)}I", *(zlib.crc32(clip) for clip in features))
    said = len(text) if length is None or how != 3 else length
    head = PREFIX.pack(magic, version, said, zlib.crc32(text)) + text
    start = -(-len(head) // ALIGNMENT) * ALIGNMENT
    return head.ljust(start, b"\0") + features.tobytes() + sums


def edited_large_store(random: Random, data: bytes) -> bytes:
    """A store without features of its own, with another header, of a valid checksum."""
    magic, version, length, _ = PREFIX.unpack(data[: PREFIX.size])
    text = edited_json(random, data[PREFIX.size : PREFIX.size + length])
    version = random.choice((version, version, version, 1, 3))
    head = PREFIX.pack(magic, version, len(text), zlib.crc32(text)) + text
    sums = data[-(-(PREFIX.size + length) // ALIGNMENT) * ALIGNMENT :]
    return head.ljust(-(-len(head) // ALIGNMENT) * ALIGNMENT, b"\0") + sums


def edited_model(random: Random, data: bytes) -> bytes:
    """A model file with other metadata, header or weights, with a SHA-256 that fits."""
    from safetensors.torch import load

    from resed.formats.model_file import KEY, _digest

    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    text = header["__metadata__"][KEY].encode()
    how = random.randrange(4)
    if how == 0:
        return struct.pack("<Q", length) + edited_json(random, data[8 : 8 + length]) + body
    if how == 1:
        values = np.frombuffer(body, "<f4").copy()
        values[random.randrange(len(values))] = random.choice((np.nan, np.inf, -1, 3e38, 0.0))
        body = values.tobytes()
    else:
        text = edited_json(random, text)
    try:
        metadata = json.loads(text)
        metadata.pop("sha256", None)
        weights = load(data[: 8 + length] + body)
        text = json.dumps({**metadata, "sha256": _digest(metadata, weights)}).encode()
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    header["__metadata__"][KEY] = text.decode("utf-8", "surrogatepass")
    packed = json.dumps(header).encode()
    return struct.pack("<Q", len(packed)) + packed + body


# ---- archives of records -------------------------------------------------------------------------


def _zeros(megabytes: int) -> bytes:
    """A gzip file of zero bytes."""
    packer = zlib.compressobj(1, wbits=31)
    block = bytes(1_000_000)
    return b"".join([*(packer.compress(block) for _ in range(megabytes)), packer.flush()])


def edited_records(random: Random, data: bytes) -> bytes:
    """A compressed tar archive with other members, compressed again."""
    inside = gzip.decompress(data)
    with tarfile.open(fileobj=io.BytesIO(inside)) as archive:
        members = [(entry, archive.extractfile(entry).read()) for entry in archive]
    how = random.randrange(8)
    if how == 0:
        return random.choice((bz2.compress(inside), lzma.compress(inside), inside))
    if how == 1:
        return gzip.compress(random.choice((gzip.compress(inside), lzma.compress(inside))))
    if how == 2:
        return _zeros(random.choice((1, 100, 1300)))
    if how == 3:
        return gzip.compress(random.choice(BYTES)(random, inside))
    if how == 4:
        return data + random.choice((data, gzip.compress(b"x"), b"x"))
    entry, content = random.choice(members)
    if how == 5:
        entry.name = random.choice(("/x", "../x", "x", "a/../../x", "\x1b[31m", "é", "a" * 5000))
    elif how == 6:
        entry.type = random.choice((b"1", b"2", b"3", b"5", b"6", b"S", b"L", b"x", b"g"))
        entry.linkname = "/etc/passwd"
    else:
        members.append(random.choice(((entry, content), (entry, b"x"))))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for one, text in members:
            one.size = len(text)
            archive.addfile(one, io.BytesIO(text))
    return gzip.compress(buffer.getvalue(), mtime=0)
