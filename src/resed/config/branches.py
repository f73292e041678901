"""Epochs after which trainings with different settings continue from one state.

The focal loss has no effect before stage two (eq. 6 of Liang et al.): until then, trainings that
differ only in it are equal to the last bit.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from resed.config.run import Config


def settings_until(values: Mapping[str, Any], epoch: int) -> dict[str, Any]:
    """The settings of a system on which its first epochs depend.

    Args:
        values: all settings but `decode`, in plain values.
        epoch: the number of the first epochs.
    """
    objective, schedule = values["objective"], values["schedule"]
    if objective["focal"]["enabled"] and schedule["stage_one"] < epoch:
        return dict(values)
    return {
        **values,
        "objective": {k: v for k, v in objective.items() if k != "focal"},
        "schedule": {k: v for k, v in schedule.items() if k != "stage_one"},
    }


def branches(config: Config, trained: Iterable[str]) -> dict[str, list[int]]:
    """Training -> epochs after which its state is also that of another one, in ascending order.

    Only the ends of stages one count. Trainings without such an epoch are left out.

    Args:
        trained: the trainings of a run, as `Config.trained_as` returns them.
    """
    values = {
        name: {
            **config.system(name).model_dump(mode="json", exclude={"decode"}),
            "features": config.features_of(name),
        }
        for name in trained
    }
    ends = {
        one["schedule"]["stage_one"]
        for one in values.values()
        if one["objective"]["focal"]["enabled"]
    }
    found: dict[str, set[int]] = {}
    for epoch in ends - {0}:
        until = {name: settings_until(one, epoch) for name, one in values.items()}
        for pair in combinations(values, 2):
            first, second = (until[name] for name in pair)
            if first == second and "focal" not in first["objective"]:
                for name in pair:
                    found.setdefault(name, set()).add(epoch)
    return {name: sorted(epochs) for name, epochs in found.items()}
