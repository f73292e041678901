"""What the study of readings needs: its systems' seeds and windows, and how the config reads."""

from resed.config.closed import check, overlay
from resed.config.readings import Question, reading_settings
from resed.config.run import READING, UNCHANGED, Config
from resed.settings import CalibrateSettings


def reading_of(system: str) -> str:
    """The reading in a system's name; "" where it has none, or the unchanged one."""
    found = system.partition(READING)[2]
    return "" if found == UNCHANGED else found


def calibration(config: Config, system: str) -> CalibrateSettings:
    """How the windows of a system are made: the config's way, or that of its reading."""
    reading = reading_of(system)
    if not reading:
        return config.calibrate
    changes = reading_settings(config.paper_readings, reading)["calibrate"]
    values = overlay(config.calibrate.model_dump(), changes)
    return check(CalibrateSettings, values, f"calibrate, reading {reading}")


def windows_name(config: Config, system: str) -> str:
    """Name of the windows that a system decodes with: the method, and a reading of its own."""
    method = config.system(system).decode.windows
    if calibration(config, system) == config.calibrate:
        return method
    return f"{method}{READING}{reading_of(system)}"


def changes_nothing(config: Config, system: str) -> bool:
    """Whether a reading's system is the unchanged one in this config."""
    unchanged = f"{system.partition(READING)[0]}{READING}{UNCHANGED}"
    same = config.system(system) == config.system(unchanged)
    return same and calibration(config, system) == config.calibrate


def systems(config: Config) -> list[str]:
    """The unchanged system, then one a reading; those that change nothing here are left out."""
    found = config.sensitivity_systems()
    return [n for n in found if n.endswith(READING + UNCHANGED) or not changes_nothing(config, n)]


def seeds(config: Config, system: str) -> list[int]:
    """Seeds of a system of the study: `sensitivity.seeds`, or all that are trained anyway.

    A reading of the decoding alone, and often the unchanged system, share the checkpoints of a
    configured system; each of its seeds then costs no training.
    """
    trained = {config.trained_as(name): len(config.seed_list(name)) for name in config.systems}
    shared = trained.get(config.trained_as(system), 0)
    return list(range(max(config.sensitivity.seeds, shared)))


def option_here(config: Config, question: Question) -> str | None:
    """The option that the studied system follows in this config, the default first.

    None where it follows none of them, or where no option with settings says what to look for.
    """
    system = f"{config.sensitivity.system}{READING}{UNCHANGED}"
    here = {
        "settings": config.system(system).model_dump(mode="json"),
        "calibrate": config.calibrate.model_dump(mode="json"),
        "config": config.model_dump(mode="json"),
    }
    for key in sorted(question.options, key=lambda key: key != question.default):
        option = question.options[key]
        for part, values in here.items():
            changes = getattr(option, part)
            if changes and overlay(values, changes) == values:
                return key
    return None
