"""Files of a run whose stage has other code now than when it made them.

Stale files stay valid results of their code. They are named, and made again only on request.
"""

import shlex
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from resed.errors import some
from resed.runtime import checksums, fingerprint, left_out

# The stages in the order of a run, each with its rules in workflow/rules.
RULES = {
    "acquire": ("acquire", "record_labels"),
    "audit": ("audit",),
    "admit": ("admit",),
    "repair": ("repair",),
    "extract": ("extract",),
    "train": ("train",),
    "predict": ("predict", "predict_training"),
    "distil": ("distil",),
    "compose": ("assign", "compose"),
    "calibrate": ("calibrate",),
    "decode": ("decode", "decode_configured", "decode_searched", "sanity"),
    "score": ("score", "score_configured", "score_sanity", "score_external"),
    "tabulate": ("tabulate", "judge", "compare_runs"),
    "draw": ("draw", "architecture"),
    "browse": ("browse",),
    "report": ("report",),
    "choose": ("choose", "card"),
    "export": ("model",),
}
# Rules whose files only some runs have -> how the paths of these files begin.
OF_SOME_RUNS: dict[str, str | tuple[str, ...]] = {
    "predict_training": ("predict/weak/", "predict/unlabeled/", "predict/strong/", "predict/out"),
    "compare_runs": "tables/runs.",
    "architecture": "figures/architecture.",
}
PAGE = ("tabulate", "draw", "browse", "report")  # stages that a model file does not rest on
TRAINED = ("extract", "train", "predict", "distil")
SCORES = (*TRAINED, "compose", "calibrate", "decode", "score")  # stages of a score


@dataclass(frozen=True)
class Made:
    """What the files of a run were made by, compared with the code of now.

    Attributes:
        makers: file, relative to the folder of the run -> what made it (`fingerprint.made_by`);
            only files whose maker is known, and that exist or that a restore left out.
        current: stage -> fingerprint of its code now.
    """

    results: Path
    makers: Mapping[str, Mapping[str, Any]]
    current: Mapping[str, str]

    @classmethod
    def of(cls, results: Path, current: Mapping[str, str] | None = None) -> "Made":
        """Read the checksum records of results/{dataset}."""
        folder = results / checksums.FOLDER
        makers, absent = {}, left_out.read(results)
        for record in sorted(folder.rglob(f"*{checksums.SUFFIX}")):
            name = record.relative_to(folder).as_posix().removesuffix(checksums.SUFFIX)
            maker = checksums.maker_of(record)
            if maker and (name in absent or (results / name).is_file()):
                makers[name] = maker
        if current is None:
            stages = {maker["stage"] for maker in makers.values()} & RULES.keys()
            current = {stage: fingerprint.code_of(stage).fingerprint for stage in stages}
        return cls(results, makers, current)

    def stale(self, files: Collection[str] | None = None) -> dict[str, list[str]]:
        """Stage -> its stale files, in the order of a run; of all files, or only of these."""
        found = defaultdict(list)
        for name in self.makers if files is None else files:
            maker = self.makers.get(name)
            if maker and self.current.get(maker["stage"], maker["code"]) != maker["code"]:
                found[maker["stage"]].append(name)
        return {stage: found[stage] for stage in RULES if stage in found}

    def other_versions(self) -> dict[str, list[str]]:
        """Package, python or device -> its versions in this run and now, if there are several."""
        values = defaultdict(set)
        for stage in {maker["stage"] for maker in self.makers.values()} & self.current.keys():
            for name, value in (fingerprint.made_by(stage) or {}).get("packages", {}).items():
                values[name].add(value)
        for maker in self.makers.values():
            packages = maker.get("packages")
            for name, value in packages.items() if isinstance(packages, dict) else ():
                values[name].add(str(value))
            if maker["stage"] in ("train", "predict"):
                values["device"].add(str(maker.get("device")))
        return {name: sorted(found) for name, found in sorted(values.items()) if len(found) > 1}

    def without(self, forced: Any) -> "Made":
        """Without the files that a run makes again because of these options of Snakemake."""
        if forced is None:
            return self
        stages = list(RULES)
        after = set(stages) if forced.forceall else set[str]()
        for index, stage in enumerate(stages):
            if {*RULES[stage]} & {*forced.forcerun}:
                beside = (
                    {"calibrate"} if stage in ("extract", "train", "predict", "distil") else set()
                )
                beside |= {"choose", "export"} if stage in PAGE else set()
                after |= {*stages[index:]} - beside
        makers = {name: one for name, one in self.makers.items() if one["stage"] not in after}
        return replace(self, makers=makers)

    def lines(
        self,
        configs: Sequence[str] | None = None,
        is_leftover: Callable[[str], bool] | None = None,
    ) -> list[str]:
        """One line per stale stage with the command that redoes it, and one line on versions.

        Args:
            configs: the config files of the run, after --configfile; None: unknown.
            is_leftover: whether no rule makes a file (resed.results.leftovers); None: unknown.
        """
        command = ["snakemake", "--cores", "all", *(["--configfile", *configs] if configs else [])]
        found, unmade = [], list[str]()
        for stage, all_names in self.stale().items():
            names = [name for name in all_names if not (is_leftover and is_leftover(name))]
            unmade += [name for name in all_names if name not in names]
            if not names:
                continue
            total = sum(maker["stage"] == stage for maker in self.makers.values())
            shown = names[0] + ", ..." * (len(names) > 1)
            redo = shlex.join([*command, "--forcerun", *_rules(stage, names)])
            redo += " (and your --configfile)" * (configs is None)
            found.append(
                f"{stage}: {len(names)} of {total} files were made by other code of resed "
                f"({shown}) and are kept; to redo them: {redo}"
            )
        if unmade:
            found.append(
                f"{len(unmade)} more were made by other code of resed for systems or readings that "
                f"this config does not name ({some(unmade)}); no rule makes them; delete them if "
                "you do not need them"
            )
        if versions := self.other_versions():
            listed = "; ".join(f"{name} {', '.join(each)}" for name, each in versions.items())
            found.append(f"made with several versions: {listed}; nothing is redone for this")
        return found


def _rules(stage: str, names: Sequence[str]) -> list[str]:
    """The rules that make files of a stage, without those of which no file is among `names`."""
    return [
        rule
        for rule in RULES[stage]
        if any(name.startswith(OF_SOME_RUNS.get(rule, "")) for name in names)
    ]
