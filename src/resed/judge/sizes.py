"""Rules for claims about the sizes of networks: trainable parameters, and operations per clip.

The paper's sizes may stand in a figure of which only the caption was available, so resed chose
them. A claim that one of resed's own readings turns is therefore undecided; the readings are named.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from resed.config.readings import readings_file
from resed.config.rows import Row
from resed.config.run import Config
from resed.errors import ConfigError
from resed.judge.outcome import Measured, Outcome, State
from resed.paper.claim_tests import Parameters
from resed.results.folder import Results
from resed.settings import FeatureSettings

if TYPE_CHECKING:  # torch takes seconds to import
    from torch import Tensor, nn

    from resed.train.model import Network

RULES = {
    "parameters": "holds if the student has fewer, at full size and with the default readings; "
    "undecided if a reading of the network sizes turns that",
    "operations": "holds if the student requires fewer per clip, at full size and with the default "
    "readings; undecided if a reading of the network sizes turns that",
}
Sizes = dict[str, float]  # teacher, student


def network_parameters(config: Config, row: Row | str) -> Sizes:
    """Trainable parameters of teacher and student of a system or a reading, at full size.

    Full size: without the overrides of the config, which shrink networks to what a laptop trains.
    """
    from resed.train.model import parameter_count

    return _sizes(config, row, parameter_count)


def network_operations(config: Config, row: Row | str) -> Sizes:
    """Multiplications per clip in a forward pass of teacher and student, at full size.

    Those of convolutions, and of the weight matrices of recurrent layers and heads, each of which
    is used once per cell. Normalisation, pooling and activations are left out.
    """
    return _sizes(config, row, operation_count)


def operation_count(network: "Network") -> int:
    """Multiplications of one network per clip."""
    import torch
    from torch import nn

    found = []

    def add(module: nn.Module, _: tuple["Tensor", ...], output: "Tensor") -> None:
        assert isinstance(module, nn.Conv2d)
        found.append(output.numel() * module.weight[0].numel())

    layers = [module for module in network.cnn.modules() if isinstance(module, nn.Conv2d)]
    hooks = [layer.register_forward_hook(add) for layer in layers]
    features = FeatureSettings()
    with torch.no_grad():
        device = layers[0].weight.device
        network.cnn(torch.zeros(1, 1, features.frames, features.n_mels, device=device))
    for hook in hooks:
        hook.remove()
    for name, part in (("recurrent", network.recurrent), ("", network.tag_head)):
        average = getattr(part, "average", 1) if name else 1
        found.append(_matrices(part) * (network.cells // average))
    return sum(found) + _matrices(network.frame_head) * network.cells


def _matrices(part: "nn.Module | None") -> int:
    return sum(p.numel() for p in part.parameters() if p.dim() > 1) if part else 0


def _sizes(config: Config, row: Row | str, count: Callable[["Network"], int]) -> Sizes:
    import torch

    from resed.train.model import TeacherStudent

    features, classes = FeatureSettings(), len(config.dataset_file.classes)
    model = _bare(config).system(row).model
    # Networks without values, because only their shapes count; heads of Guided Learning need them.
    device = "cpu" if model.tag_head.pooling == "guided" else "meta"
    with torch.device(device):
        both = TeacherStudent(model, features.n_mels, features.frames, classes)
    return {"teacher": count(both.teacher), "student": count(both.student)}


def _bare(config: Config) -> Config:
    study = config.sensitivity.model_copy(update={"override": {}})
    changes = {"override": {}, "system_overrides": {}, "sensitivity": study}
    return config.model_copy(update=changes)


def parameters(test: Parameters, results: Results) -> Iterator[Outcome]:
    """One outcome: sizes of student and teacher with the default readings.

    `others` has the size of the teacher, and both sizes for each reading that turns the comparison,
    as `student.READING` and `teacher.READING`. No outcome if no system of the run has such a pair.
    """
    config = results.config
    framework = config.system(test.system).model.framework
    if all(config.system(name).model.framework != framework for name in config.systems):
        return
    measure = network_parameters if test.measure == "parameters" else network_operations
    found = measure(config, test.system)
    others = {"teacher": found["teacher"]}
    smaller = found["student"] < found["teacher"]
    for reading in _size_readings(config, test.system):
        read = measure(config, Row(test.system, reading))
        if (read["student"] < read["teacher"]) != smaller:
            others |= {f"{side}.{reading}": read[side] for side in ("student", "teacher")}
    state = State.HOLDS if smaller else State.FAILS
    yield Outcome(
        State.UNDECIDED if len(others) > 1 else state,
        test.measure,
        test.system,
        number=Measured.exactly(found["student"]),
        others={name: Measured.exactly(value) for name, value in others.items()},
    )


def _size_readings(config: Config, system: str) -> Iterator[str]:
    """The readings that change the networks of a system."""
    if not readings_file(config.root, config.paper).is_file():
        return
    bare = _bare(config)
    own = bare.system(system).model
    for name, _, option in config.paper_readings:
        if "model" not in option.settings:
            continue
        try:
            changed = bare.system(Row(system, name)).model != own
        except ConfigError:  # incompatible with the settings of the system
            continue
        if changed:
            yield name
