"""energy.json: what a training used, beside its checkpoint."""

import json
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from resed.errors import ResultsError
from resed.formats.validation import NAMES, Fields, Kind, SourceFile, integer, is_number
from resed.runtime.energy import Usage
from resed.runtime.files import write_json

NAME = "energy.json"
FORMAT = 1
AMOUNT = Kind("a finite number from 0", lambda value: is_number(value) and value >= 0)
MEASURED = Kind(
    "a finite number from 0, or null",
    lambda value: value is None or (is_number(value) and value >= 0),
)
FIELDS = Fields(
    {
        "format": integer(FORMAT, FORMAT),
        "devices": NAMES,
        "epochs": integer(),
        "taken_over": integer(),
        "unmeasured": integer(),
        "seconds": AMOUNT,
        "cpu_seconds": AMOUNT,
        "cpu_kwh": MEASURED,
        "gpu_kwh": MEASURED,
        "crc32": integer(0, 2**32 - 1),
    }
)
CURE = "delete it; the tables then lack the energy of this training"


@dataclass(frozen=True)
class Energy:
    """What a training used.

    Attributes:
        usage: its sum over all processes; that of repeated steps, too.
        devices: names of the devices, in the order in which they were used.
        epochs: number of epochs that were measured.
        taken_over: number of epochs that another training computed and has in its own file.
        unmeasured: number of epochs of this training without a measurement.
    """

    usage: Usage = field(default_factory=Usage)
    devices: tuple[str, ...] = ()
    epochs: int = 0
    taken_over: int = 0
    unmeasured: int = 0


def write_energy(path: Path, energy: Energy) -> None:
    """Write the file atomically."""
    values = {key: value for key, value in vars(energy).items() if key != "usage"}
    usage = {key: _rounded(value) for key, value in asdict(energy.usage).items()}
    content = {"format": FORMAT, **values, "devices": list(energy.devices), **usage}
    write_json(path, {**content, "crc32": _crc(content)})


def _crc(content: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.9g}")


def read_energy(path: Path) -> Energy:
    """Read and check the file. Raises MissingFileError, or ResultsError for invalid content."""
    source = SourceFile(path, ResultsError, CURE)
    values = source.json(FIELDS)
    if values.pop("crc32") != _crc(values):
        raise source.wrong("was altered: crc32 is not that of its other values")
    usage = Usage(*(values[key] for key in ("seconds", "cpu_seconds", "cpu_kwh", "gpu_kwh")))
    return Energy(
        usage,
        tuple(values["devices"]),
        values["epochs"],
        values["taken_over"],
        values["unmeasured"],
    )
