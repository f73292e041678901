"""What a run will do, in one line, and the memory that its jobs declare."""

from statistics import mode

from resed.config.run import Config
from resed.config.study_rows import trainings
from resed.settings.memory import prediction_mb, training_mb

FEW_CLIPS = 2000


def run_size(config: Config) -> str:
    """Dataset, share of its clips, trainings and their epochs.

    The line shows an overlay that was given without the config that it belongs to: the run then has
    the size of config/config.yaml.
    """
    dataset, share = config.dataset_file, shares_in_words(config)
    size = f"{share} of the full size" if share else "full size"
    trained = {n: len(config.seed_list(n)) for n in trainings(config, config.systems)}
    epochs = sorted({config.system(name).schedule.epochs for name in trained})
    lengths = " to ".join(str(count) for count in sorted({epochs[0], epochs[-1]}))
    number = sum(trained.values())
    studied = ""
    if config.sensitivity.report:
        rows = {config.trained_as(row) for row in config.sensitivity_rows()} - set(trained)
        if rows:
            studied = f" and {len(rows) * config.sensitivity.seeds} of the study of readings"
    return (
        f"{dataset.name}, {size}: about {_clips(config)} clips; {len(config.systems)} "
        f"system{'s' * (len(config.systems) != 1)}, {number} "
        f"training{'s' * (number != 1)} of {lengths} epochs{studied}"
    )


def clip_processes(config: Config) -> int:
    """Processes of a job that reads the audio of splits; no more than the cores are used.

    With few clips 1: such jobs start slowly, and several at a time use the cores better.
    """
    return 1 if _clips(config) < FEW_CLIPS else 16


def shares(config: Config) -> dict[str, float]:
    """Split -> share of its full number of clips, in the order of the dataset file."""
    rendered = config.dataset_file.kind == "soundscapes"
    return {
        split: config.acquire.scale_of(split) if rendered else 1.0
        for split in config.dataset_file.splits
    }


def shares_in_words(config: Config) -> str:
    """For example `20 %`, or `20 % (evaluation 100 %)`; "" for whole splits."""
    found = shares(config)
    if min(found.values()) == 1:
        return ""
    most = mode(found.values())
    others = ", ".join(f"{split} {100 * s:g} %" for split, s in found.items() if s != most)
    return f"{100 * most:g} %" + f" ({others})" * bool(others)


def _clips(config: Config) -> int:
    splits = config.dataset_file.splits
    return sum(max(1, round(splits[name].clips * s)) for name, s in shares(config).items())


def training_memory(config: Config, row: str) -> int:
    """MB that a training of this row needs; jobs run together only if there is memory for all."""
    chosen = config.system(row)
    return training_mb(chosen.model, chosen.schedule, config.feature_sets[config.features_of(row)])


def prediction_memory(config: Config, row: str) -> int:
    """MB that a prediction of this row needs."""
    return prediction_mb(config.system(row).model, config.feature_sets[config.features_of(row)])
