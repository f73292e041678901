"""Energy and time of trainings: columns of the main table, and the sum over its trainings."""

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import add
from statistics import fmean
from typing import Any

from resed.config import study_rows
from resed.config.rows import Row
from resed.formats.energy import NAME, Energy, read_energy
from resed.results.folder import Results
from resed.runtime.energy import Usage

HOUR = 3600  # s


def energy_columns(results: Results, row: Row | None) -> dict[str, float | int]:
    """Means over the measured seeds of the training that a row uses; empty without any.

    training_kwh is that of CPUs and GPUs, and missing if one of them was not measured. Epochs that
    were taken over from another training are counted there.
    """
    if row is None or row.baseline or row.external or results.config.members(row):
        return {}
    found = [one for one in _of_training(results, row) if one is not None]
    if not found:
        return {}
    usages = [one.usage for one in found]
    values = {
        "training_kwh": _mean(_kwh(one) for one in usages),
        "training_gpu_kwh": _mean(one.gpu_kwh for one in usages),
        "training_cpu_kwh": _mean(one.cpu_kwh for one in usages),
        "training_cpu_hours": fmean(one.cpu_seconds for one in usages) / HOUR,
        "training_hours": fmean(one.seconds for one in usages) / HOUR,
        "epochs_taken_over": fmean(one.taken_over for one in found),
        "trainings_measured": len(found),
    }
    return {name: value for name, value in values.items() if value is not None}


def energy_data(results: Results, rows: Iterable[Row]) -> dict[str, Any]:
    """The sum over the trainings of some rows, each counted once, as the key `energy`.

    Returns an empty mapping if none was measured, otherwise:
        trainings, measured: number of trainings, and of those that were measured from their first
            to their last epoch.
        kwh, gpu_kwh, cpu_kwh: None if not measured in all of these.
        cpu_hours, hours: sums.
        devices: their names.
        line: all this as a sentence.
    """
    named = study_rows.trainings(
        results.config, [row for row in rows if not (row.baseline or row.external)]
    )
    every = [one for name in named for one in _of_training(results, Row.of(name))]
    known = [one for one in every if one is not None]
    if not known:
        return {}
    total = reduce(add, (one.usage for one in known), Usage())
    data = {
        "trainings": len(every),
        "measured": sum(not one.unmeasured for one in known),
        "kwh": _kwh(total),
        "gpu_kwh": total.gpu_kwh,
        "cpu_kwh": total.cpu_kwh,
        "cpu_hours": total.cpu_seconds / HOUR,
        "hours": total.seconds / HOUR,
        "devices": sorted({name for one in known for name in one.devices}),
    }
    return {"energy": data | {"line": _line(data)}}


def _of_training(results: Results, row: Row) -> list[Energy | None]:
    """The energy of each seed of the training that a row uses; None for one without a file."""
    trained = results.config.trained_as(row)
    paths = [results.layout.trained(trained, seed) / NAME for seed in results.seeds(row)]
    return [read_energy(path) if path.is_file() else None for path in paths]


def _kwh(usage: Usage) -> float | None:
    if usage.cpu_kwh is None or usage.gpu_kwh is None:
        return None
    return usage.cpu_kwh + usage.gpu_kwh


def _mean(values: Iterable[float | None]) -> float | None:
    every = list(values)
    known = [value for value in every if value is not None]
    return fmean(known) if len(known) == len(every) else None


def _line(data: Mapping[str, Any]) -> str:
    count, gpu, cpu = data["trainings"], data["gpu_kwh"], data["cpu_kwh"]
    cpu_hours = f"{data['cpu_hours']:.3g} CPU hours"
    if data["kwh"] is not None:
        used = f"{data['kwh']:.3g} kWh (GPUs {gpu:.3g}, CPUs {cpu:.3g}) and {cpu_hours}"
    elif gpu:
        used = f"{gpu:.3g} kWh of GPUs and {cpu_hours}, whose energy was not readable"
    else:
        used = f"{cpu_hours}, whose energy was not readable"
    text = (
        f"{count} training{'s' * (count != 1)}: {used}; {data['hours']:.3g} hours of all jobs "
        f"together, on {', '.join(data['devices'])}"
    )
    if data["measured"] < count:
        text += f"; only {data['measured']} of them measured from the first to the last epoch"
    return f"{text}."
