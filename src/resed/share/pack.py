"""The archive of the tier evidence: many small files, which together need a tenth of their bytes.

It has the files of `decode`, `score` and other stages, their checksums, histories and energy of
trainings, and the posteriors that tables and figures read. DVC leaves these files out by a list in
.dvcignore; `restore` writes each to its place as any other file of the run.
"""

import hashlib
import lzma
import os
import tarfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from resed.draw import inputs as figures
from resed.errors import ShareError
from resed.formats import energy
from resed.paper.numbers import load_paper
from resed.results.inputs import RANKING, Inputs
from resed.results.layout import Layout
from resed.runtime import checksums
from resed.runtime.files import atomic_path
from resed.share.objects import TRUST, Cache, Object
from resed.share.paths import clash, fault, files_below, folds
from resed.share.runs import SharedRun

BESIDE = ("history.csv", energy.NAME)  # small files beside a checkpoint
TRAINED = ("train", "predict")  # of which only the files that tables and figures read
WHOLE = ("decode", "score", "calibrate", "choose", "repair", "benchmarks", checksums.FOLDER)
TARGETS = "distil"  # posteriors that later generations learn, in the stage of the results
SHARE = f"{checksums.FOLDER}/share"  # records of files that resed share made, also of the archive
LARGEST = 1 << 30  # bytes of all files
MEMORY = 256 << 20  # bytes, of the decompression
CHUNK = 1 << 16


def ignored() -> list[str]:
    """The patterns with which DVC leaves out the files of the archive, and targets of trainings."""
    return [*(f"/{stage}/*" for stage in (*WHOLE, TARGETS)), f"!/{SHARE}"]


def write(run: SharedRun) -> list[Path]:
    """Write the archive of the tier evidence, or remove it; return its path, if there is one.

    Equal files give equal bytes. DVC requires its folder in any case.
    """
    run.packed.parent.mkdir(parents=True, exist_ok=True)
    if run.tier == "full":
        run.packed.unlink(missing_ok=True)
        return []
    with (
        atomic_path(run.packed) as temporary,
        lzma.open(temporary, "wb", preset=6) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        # Files of one name are alike, and compress best beside each other.
        for name in sorted(_names(run), key=lambda name: (name.name, name.parts)):
            content = (run.results / name).read_bytes()
            entry = tarfile.TarInfo(name.as_posix())  # without times and owners
            entry.size = len(content)
            archive.addfile(entry, BytesIO(content))
    return [run.packed]


def _names(run: SharedRun) -> set[Path]:
    """The files of the archive, relative to the results; no hidden ones."""
    whole = (path for stage in WHOLE for path in files_below(run.results / stage))
    beside = (path for name in BESIDE for path in run.results.glob(f"train/*/*/{name}"))
    found = {path.relative_to(run.results) for path in (*whole, *beside)}
    found = {name for name in found if Path(SHARE) not in name.parents}
    if run.config is not None:
        paper = load_paper(run.paper, run.config.root)
        files = Inputs(run.config, paper, Layout(Path()))
        read = files.verdicts()
        for name in figures.figure_names(run.config, paper):
            shown = figures.inputs(name, run.config, paper).posteriors
            read += files.posteriors("evaluation", shown, seeds=1)
        found |= {Path(name) for name in read if Path(name).parts[0] in TRAINED}
        # Rankings are most of the archive, and those of readings are seldom read.
        read += files.table(paper.main_table)
        found -= {name for name in found if name.name == RANKING and name.as_posix() not in read}
    visible = (name for name in found if not any(part.startswith(".") for part in name.parts))
    return {name for name in visible if (run.results / name).is_file()}


def unpack(run: SharedRun, cache: Cache, files: Sequence[Object]) -> list[Object]:
    """Write the files of the archive into the cache; return them with their places.

    `files` are the other files of the run. Raises ShareError for a damaged archive, and for paths
    that are not those of the archive of a run.
    """
    if run.tier == "full":
        return []
    for item in files:
        if Path(item.path) == run.packed:
            break
    else:
        problem = f"has no {run.packed}, the archive of the evidence"
        raise ShareError(problem, place="dvc.lock", cure=TRUST)
    found = []
    try:
        with open(cache.place(item), "rb") as raw:
            stream = _Unpacked(raw)
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for entry in archive:
                    found.append(_one(run, cache, archive, entry))
                    archive.members = []  # otherwise tarfile keeps all entries
            stream.end()
    except (
        tarfile.TarError,
        lzma.LZMAError,
        OSError,
        EOFError,
        ValueError,
        OverflowError,
    ) as error:
        raise ShareError(f"damaged ({error})", place=run.packed, cure=TRUST) from None
    if twice := clash((one.path for one in (*files, *found)), folds(Path("dvc.yaml"))):
        raise ShareError(f"{twice[:80]!r} is there twice", place=run.packed, cure=TRUST)
    return found


def _one(run: SharedRun, cache: Cache, archive: tarfile.TarFile, entry: tarfile.TarInfo) -> Object:
    """Write a file of the archive into the cache, under its MD5."""
    name = PurePosixPath(entry.name)
    wrong = fault(entry.name) or ("" if _is_packed(name) else "is not a file of the archive")
    if wrong:
        raise tarfile.TarError(f"{entry.name[:80]!r} {wrong}")
    if entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or entry.issparse():
        raise tarfile.TarError("an entry that is not a file")
    file = archive.extractfile(entry)
    content = file.read() if file else b""
    found = Object(hashlib.md5(content).hexdigest(), (run.results / name).as_posix())
    target = cache.place(found)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return found


def _is_packed(name: PurePosixPath) -> bool:
    stages = (*WHOLE, *TRAINED)
    inside = len(name.parts) > 1 and name.parts[0] in stages
    return inside and PurePosixPath(SHARE) not in (name, *name.parents)


class _Unpacked:
    """The decompressed bytes of a file, at most LARGEST of them, in bounded memory."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw, self._left = raw, LARGEST
        self._packed = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)

    def read(self, size: int) -> bytes:
        """At most `size` bytes; fewer only at the end."""
        found = b"".join(self._pieces(size))
        self._left -= len(found)
        if self._left < 0:
            raise tarfile.TarError(f"more than {LARGEST} bytes")
        return found

    def end(self) -> None:
        """Read to the end, where the check value is compared."""
        while self.read(CHUNK):
            pass

    def _pieces(self, size: int) -> Iterator[bytes]:
        while size > 0 and not self._packed.eof:
            fresh = self._raw.read(CHUNK) if self._packed.needs_input else b""
            if self._packed.needs_input and not fresh:
                raise tarfile.TarError("its end is missing")
            piece = self._packed.decompress(fresh, size)
            size -= len(piece)
            yield piece
