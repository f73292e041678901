"""Memory of a training and of a prediction on a CPU, from the sizes of maps. For schedulers only.

For a class of the user (`model.own`), whose sizes are unknown, it is that of Mean Teacher.

Measured peaks (PyTorch 2.13, one thread, width 1): a batch of 8, 16 and 64 clips of 600 x 64 frames
took 2.9, 4.1 and 8.2 GB; the demo 0.5 to 0.7 GB. The estimates are above all of them.
"""

from resed.settings.features import FeatureSettings
from resed.settings.model import ModelSettings
from resed.settings.schedule import ScheduleSettings

PROGRAM_MB = 700  # Python, PyTorch and the features of a batch
TRAINED = 4.1  # maps kept per clip in training, as a multiple of the outputs of convolutions
INFERRED = 2.2  # the same without gradients
INFERENCE_BATCH = 32  # clips
FLOAT = 4  # bytes


def training_mb(model: ModelSettings, schedule: ScheduleSettings, features: FeatureSettings) -> int:
    """Memory that a training declares, in MB; it also scores its development clips."""
    sizes = schedule.batch
    batch = sizes.weak + sizes.strong + sizes.unlabeled + sizes.out_of_domain
    clips = TRAINED * batch + INFERRED * INFERENCE_BATCH
    return PROGRAM_MB + round(clips * _maps_mb(model, features))


def prediction_mb(model: ModelSettings, features: FeatureSettings) -> int:
    """Memory that a prediction declares, in MB."""
    return PROGRAM_MB + round(INFERRED * INFERENCE_BATCH * _maps_mb(model, features))


def _maps_mb(model: ModelSettings, features: FeatureSettings) -> float:
    """Outputs of all convolutions for one clip, in MB."""
    blocks: list[tuple[int, int, tuple[int, int]]]  # channels, layers, pooling after them
    if model.framework == "joint":
        *inner, last = zip(model.teacher.channels, model.teacher.pools, strict=True)
        blocks = [(channels, 2, pool) for channels, pool in inner]
        blocks.append((last[0], model.teacher.last_layers, last[1]))
        networks = [blocks, [(c, 1, (1, model.student.pool_mels)) for c in model.student.channels]]
    elif model.wels is not None:
        pairs = zip(model.wels.channels, model.wels.pools, strict=True)
        networks = [[(channels, 2, pool) for channels, pool in pairs]]
    elif model.frame_crnn is not None:
        chosen = model.frame_crnn
        pools = zip(chosen.channels, chosen.pools, strict=True)
        networks = [[(channels, chosen.layers, (1, pool)) for channels, pool in pools]]
    else:
        pairs = zip(model.crnn.channels, model.crnn.pools, strict=True)
        blocks = [(channels, 1, pool) for channels, pool in pairs]
        networks = [blocks, blocks]
    cells = 0.0
    for network in networks:
        frames, mels = features.frames, features.n_mels
        for channels, layers, (down, across) in network:
            cells += layers * max(1.0, channels * model.width) * frames * mels
            frames, mels = frames // down, mels // across
    return FLOAT * cells / 1e6
