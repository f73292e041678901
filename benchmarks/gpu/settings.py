"""settings.json: settings of the measured systems at the paper's size, checked when it is written.

    python benchmarks/gpu/settings.py

writes it anew in an installation of resed, after a change of config/. Other scripts only read it.
"""

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PLACE = HERE / "settings.json"
REPOSITORY = HERE.parents[1]
# Name in the tables -> (file of config/, system).
SYSTEMS = {
    "MT": ("config.yaml", "mean_teacher"),
    "GL": ("config.yaml", "guided_learning"),
    "PTS+TFD+AFL": ("config.yaml", "pts_tfd_afl"),
    "WELS-Net": ("secost.yaml", "secost_base"),
}


def settings() -> dict[str, Any]:
    """Name -> settings of the system, of its features, and its number of classes; as JSON."""
    import yaml

    from resed.config.loading import overlay
    from resed.config.run import load_config

    base = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    found = {}
    for name, (file, system) in SYSTEMS.items():
        own = yaml.safe_load((REPOSITORY / "config" / file).read_text())
        config = load_config(overlay(base, own), REPOSITORY)
        features = config.feature_sets[config.features_of(system)]
        found[name] = {
            "system": config.system(system).model_dump(mode="json"),
            "features": features.model_dump(mode="json"),
            "classes": len(config.dataset_file.classes),
        }
    return found


def text() -> str:
    """The content of the file."""
    return json.dumps(settings(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    PLACE.write_text(text())
    sys.stdout.write(f"wrote {PLACE}\n")
