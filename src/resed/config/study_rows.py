"""The study of readings: its rows, their seeds, and the windows for their decoding."""

from collections.abc import Iterable
from typing import Any

from resed.config.loading import check, overlay
from resed.config.readings import OFF, Option, Question, reading_settings
from resed.config.rows import UNCHANGED, Row, windows_of_reading
from resed.config.run import Config
from resed.settings import CalibrateSettings


def calibration(config: Config, row: Row | str) -> CalibrateSettings:
    """Settings of the windows of a row: `config.calibrate`, changed by the reading of the row."""
    reading = Row.of(row).changed_by
    if not reading:
        return config.calibrate
    changes = reading_settings(config.paper_readings, reading)["calibrate"]
    values = overlay(config.calibrate.model_dump(), changes)
    return check(CalibrateSettings, values, f"calibrate, reading {reading}")


def windows_name(config: Config, row: Row | str) -> str:
    """Name of the windows of a row: the method, and the reading if it changes the windows."""
    method = config.system(row).decode.windows
    if calibration(config, row) == config.calibrate:
        return method
    return windows_of_reading(method, Row.of(row))


def changes_nothing(config: Config, row: Row | str) -> bool:
    """Whether the reading of a row leaves all settings of the unchanged system as they are."""
    row = Row.of(row)
    same = config.system(row) == config.system(row.unchanged)
    return same and calibration(config, row) == config.calibrate


def rows(config: Config) -> list[Row]:
    """The unchanged system, then one row per reading that changes something in this config."""
    found = config.sensitivity_rows()
    return [row for row in found if row.reading == UNCHANGED or not changes_nothing(config, row)]


def seeds(config: Config, row: Row | str) -> list[int]:
    """Seeds that a row is scored with.

    Baselines have one seed, external detectors one per file, systems the seeds of the config. A row
    of the study of readings has `sensitivity.seeds` seeds. If it shares the checkpoints of a
    configured system, it has all seeds of that system, because they require no further training.
    """
    row = Row.of(row)
    if row.baseline:
        return [0]
    if row.external:
        return list(range(config.external[row.system].seeds))
    if not row.reading:
        return config.seed_list(row.system)
    trained = {config.trained_as(name): len(config.seed_list(name)) for name in config.systems}
    shared = trained.get(config.trained_as(row), 0)
    return list(range(max(config.sensitivity.seeds, shared)))


def option_here(config: Config, question: Question) -> str | None:
    """The option that the studied system follows in this config, the default first.

    None if it follows none of them, or if no option has settings to compare.
    """
    return _followed(question, _values(config, Row(config.sensitivity.system, UNCHANGED)))


def departing_options(config: Config, system: str) -> list[tuple[Question, Option]]:
    """Options other than the defaults that a system follows, with their questions.

    The option `off`, which removes a part of the method, is not listed.
    """
    here = _values(config, Row(system))
    found = []
    for question in config.paper_readings.questions.values():
        key = _followed(question, here)
        if key not in (None, question.default, OFF):
            found.append((question, question.options[key]))
    return found


def trainings(config: Config, rows: Iterable[Row | str]) -> list[str]:
    """The rows whose checkpoints these rows use, each once; a composite has none."""
    found = dict.fromkeys(map(config.trained_as, rows))
    return [name for name in found if not config.members(name)]


def _values(config: Config, row: Row) -> dict[str, dict[str, Any]]:
    """The values of one row that the overlays of an option can change."""
    return {
        "settings": config.system(row).model_dump(mode="json"),
        "calibrate": config.calibrate.model_dump(mode="json"),
        "config": config.model_dump(mode="json"),
    }


def _followed(question: Question, here: dict[str, dict[str, Any]]) -> str | None:
    """The first option whose overlay changes nothing; the default is tried first."""
    for key in sorted(question.options, key=lambda key: key != question.default):
        option = question.options[key]
        for part, values in here.items():
            changes = getattr(option, part)
            if changes and overlay(values, changes) == values:
                return key
    return None
