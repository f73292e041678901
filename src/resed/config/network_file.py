"""The file with networks of the user, which the config on the command line names.

It is read here, and never run: the class that a system names must be written in it. Its content is
part of what a training rests on, by its SHA-256. `resed.train.own_network` runs it.
"""

import ast
import hashlib
from dataclasses import dataclass
from pathlib import Path

from resed.config.loading import nearest
from resed.config.rows import Row
from resed.config.run import Config
from resed.errors import ConfigError, NetworkFileError
from resed.runtime.files import existing

LARGEST = 1 << 20  # bytes
# Folders with files of others: acquire and restore write them.
FOREIGN = ("data", "results", ".snakemake")
CURE = "correct network_file of your config, or --network-file"


@dataclass(frozen=True)
class NetworkFile:
    """A Python file as it was read: what is run is what was hashed.

    Attributes:
        path: as the user gave it.
        content: its text.
        sha256: of its bytes, in hex.
        classes: class -> line, of the classes that are written at its top level.
    """

    path: Path
    content: str
    sha256: str
    classes: dict[str, int]

    @classmethod
    def read(cls, path: Path | str) -> "NetworkFile":
        """Read and parse a file without running it.

        Raises:
            MissingFileError: it does not exist.
            NetworkFileError: it is no Python file, too large, lies where resed keeps files of
                others, or has a syntax error, which is named with its line.
        """
        path = Path(path)
        _refuse_foreign(existing(path, CURE))
        data = path.read_bytes()
        if path.suffix != ".py" or len(data) > LARGEST:
            problem = f"must be a .py file of at most {LARGEST} bytes"
            raise NetworkFileError(problem, place=path, cure=CURE)
        try:
            content = data.decode("utf-8")
            tree = ast.parse(content)
            compile(tree, str(path), "exec")  # finds what the parser leaves, such as stray returns
        except SyntaxError as error:
            raise NetworkFileError(
                error.msg, place=path, line=error.lineno, cure="correct the file"
            ) from None
        except (ValueError, RecursionError, MemoryError):  # not UTF-8, null bytes, too deep
            raise NetworkFileError("is not Python in UTF-8", place=path, cure=CURE) from None
        classes = {node.name: node.lineno for node in tree.body if isinstance(node, ast.ClassDef)}
        return cls(path, content, hashlib.sha256(data).hexdigest(), classes)

    def refuse_missing(self, name: str) -> None:
        """Raise NetworkFileError if no class of this name is written at the top level."""
        if name not in self.classes:
            cure = nearest(name, self.classes, "" if self.classes else "write it there")
            raise NetworkFileError(f"has no class {name}", place=self.path, cure=cure)


def _refuse_foreign(path: Path) -> None:
    """Raise NetworkFileError for a file that may come from a remote or an archive."""
    real = path.resolve()
    for name in FOREIGN:
        if real.is_relative_to(Path(name).resolve()):
            raise NetworkFileError(
                f"is below {name}/, which resed fills with files of others",
                place=path,
                cure="review the file, and copy it beside your config",
            )


def network_file(config: Config) -> NetworkFile | None:
    """The file that a config names, with the classes of all systems of the run; None if none.

    Raises ConfigError, MissingFileError or NetworkFileError, so that no job starts without it.
    """
    found = NetworkFile.read(config.network_file) if config.network_file else None
    for name in config.systems:
        own = config.system(name).model.own
        if own is None:
            continue
        if found is None:
            problem = f"{name} requires the file with its class {own.class_name}"
            cure = "set network_file: FILE.py in your config"
            raise ConfigError(problem, place="config.network_file", cure=cure)
        found.refuse_missing(own.class_name)
        if config.init:
            problem = f"{name} has a network of its own, which starts from no other model"
            raise ConfigError(problem, place="config.init", cure="remove init or the system")
    return found


def network_sha256(config: Config, row: Row | str) -> str:
    """SHA-256 of the file with the network of a row; "" for a row with a network of resed."""
    if config.system(row).model.own is None:
        return ""
    return NetworkFile.read(config.network_file).sha256
