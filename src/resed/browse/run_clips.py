"""Collect the clips of a finished run: reference, detections and what became of each event."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from resed.browse.contents import ClipSound, Collection, Curves, Lane, ShownClip, Totals
from resed.browse.curves import pooled
from resed.browse.sound import SplitSound
from resed.config.dataset import SCORED_ROLES
from resed.config.rows import Row
from resed.decode.baselines import whole_clip
from resed.formats.annotations import Event, read_clips, read_events, read_tags
from resed.formats.posteriors import Posteriors
from resed.formats.reference import read_reference
from resed.report.neighbours import neighbours
from resed.results.folder import Results
from resed.score.event_kinds import KINDS, EventKinds, event_kinds

Events = Mapping[str, Sequence[Event]]
SEED = 0  # whose detections are shown


@dataclass(frozen=True)
class RunClips:
    """The scored clips of a run; `page` is the folder of the page."""

    results: Results
    page: Path

    def collection(self) -> Collection:
        """All scored clips with the events of every configured system.

        Raises the errors of the readers of annotations, and ScoreError.
        """
        config, systems = self.results.config, list(self.results.config.systems)
        splits = [self._split(index, split) for index, split in enumerate(SCORED_ROLES)]
        clips = [clip for found, _ in splits for clip in found]
        labels = [*config.dataset_file.classes]
        return Collection(
            title=f"Clips of {config.dataset_file.title}",
            notes=self._notes(),
            grouped="Split",
            groups=SCORED_ROLES,
            classes=labels,
            systems=[config.catalogue[name].title for name in systems],
            curve_of=[self.trained.index(config.trained_as(name)) for name in systems],
            clips=clips,
            strata=strata(clips, labels, len(systems)),
            totals={
                (index, system): totals
                for index, (_, found) in enumerate(splits)
                for system, totals in enumerate(found)
            },
            pages=neighbours(self.results, self.page, "Clips"),
        )

    @cached_property
    def trained(self) -> list[str]:
        """The checkpoints of the systems, each once."""
        config = self.results.config
        return list(dict.fromkeys(map(config.trained_as, config.systems)))

    def _notes(self) -> list[str]:
        config = self.results.config
        found = []
        if any(len(config.seed_list(name)) > 1 for name in config.systems):
            found.append(f"Detections of seed {SEED} ({config.seeds_in_words} were trained).")
        if config.dataset_file.tags_only:
            found.append("Labels and detections are tags without times, shown over whole clips.")
        if config.dataset_file.sound == "local":
            found.append(
                "Sound is not part of this page: it plays the files below "
                f"data/{config.dataset_file.name} on this machine, as far as they are there."
            )
        return found

    def _split(self, index: int, split: str) -> tuple[list[ShownClip], list[Totals]]:
        results = self.results
        systems = [Row(name) for name in results.config.systems]
        tags = results.tags(split, systems[0], SEED)
        names = read_clips(tags)
        labels = results.config.dataset_file.classes
        reference, found = self._both(split, names, systems)
        kinds = [event_kinds(reference, one, names) for one in found]
        seconds = results.config.dataset_file.clip_seconds
        clips = [
            ShownClip(
                index, name, 0.0, seconds, reference.get(name, []),
                [
                    Lane(one.get(name, []), of.detected[place], of.reference[place])
                    for one, of in zip(found, kinds, strict=True)
                ],
            )
            for place, name in enumerate(names)
        ]  # fmt: skip
        return clips, [
            Totals(len(names), counted(reference, one, names, of, labels))
            for one, of in zip(found, kinds, strict=True)
        ]

    def _both(
        self, split: str, names: Sequence[str], systems: Sequence[Row]
    ) -> tuple[Events, list[Events]]:
        """Events of the reference and of each system; of tags without times, over whole clips."""
        results, dataset = self.results, self.results.config.dataset_file
        place, labels, until = results.annotations(split), dataset.classes, results.config.until
        if not dataset.tags_only:
            found = [read_events(results.events(split, row, SEED), labels) for row in systems]
            return read_reference(place, labels, until), found
        true, *tags = [
            whole_clip(read_tags(path, labels), names, dataset.clip_seconds)
            for path in (place, *(results.tags(split, row, SEED) for row in systems))
        ]
        return true, tags

    def sounds(self, clips: Sequence[ShownClip]) -> Iterator[tuple[ShownClip, ClipSound]]:
        """The sound of clips. Raises the errors of `SplitSound`."""
        data, longest = (
            self.results.config.dataset_file,
            self.results.config.dataset_file.clip_seconds,
        )
        readers = [
            SplitSound(data, self.results.data, split, self.page, longest) for split in SCORED_ROLES
        ]
        for clip in clips:
            yield clip, readers[clip.group](clip.name)

    def curves(self, clips: Sequence[ShownClip]) -> list[dict[int, Curves]]:
        """Posteriors of each clip by index of the checkpoint, as far as they are here."""
        found: list[dict[int, Curves]] = [{} for _ in clips]
        for index, trained in enumerate(self.trained):
            for group, split in enumerate(SCORED_ROLES):
                path = self.results.layout.posteriors(split, trained, SEED)
                if not path.is_file():
                    continue
                read = Posteriors.load(path)
                if read.tags_only:
                    continue
                place = {name: row for row, name in enumerate(read.clips)}
                for clip, curves in zip(clips, found, strict=True):
                    if clip.group == group and clip.name in place:
                        values = pooled(read.frames[place[clip.name]])
                        curves[index] = Curves(
                            read.seconds, dict(zip(read.classes, values.T, strict=True))
                        )
        return found


def counted(
    reference: Mapping[str, Sequence[Event]],
    detected: Mapping[str, Sequence[Event]],
    names: Sequence[str],
    kinds: EventKinds,
    labels: Sequence[str],
) -> np.ndarray:
    """Events by class and kind: int64 [classes, kinds].

    A right or late event counts once, as the event of the reference.
    """
    column = {label: index for index, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(KINDS)), dtype=np.int64)
    invented = KINDS.index("invented")
    for row, name in enumerate(names):
        for event, kind in zip(reference.get(name, ()), kinds.reference[row], strict=True):
            counts[column[event.event_label], kind] += 1
        for event, kind in zip(detected.get(name, ()), kinds.detected[row], strict=True):
            if kind == invented:
                counts[column[event.event_label], kind] += 1
    return counts


def strata(clips: Sequence[ShownClip], labels: Sequence[str], systems: int) -> np.ndarray:
    """bool [clips, strata]: split, class, system and kind of event, each combination one stratum.

    One more per split: clips without an event on any side.
    """
    column = {label: index for index, label in enumerate(labels)}
    groups = 1 + max((clip.group for clip in clips), default=0)
    cells = np.zeros((len(clips), groups, len(labels), systems, len(KINDS)), dtype=bool)
    for row, clip in enumerate(clips):
        for system, lane in enumerate(clip.lanes):
            sides = ((clip.reference, lane.reference_kinds), (lane.events, lane.kinds))
            for events, kinds in sides:
                for event, kind in zip(events, kinds, strict=True):
                    cells[row, clip.group, column[event.event_label], system, kind] = True
    flat = cells.reshape(len(clips), -1)
    empty = np.zeros((len(clips), groups), dtype=bool)
    group = np.array([clip.group for clip in clips], dtype=np.int64)
    empty[np.arange(len(clips)), group] = ~flat.any(axis=1)
    found = np.concatenate([flat, empty], axis=1)
    return found[:, found.any(axis=0)]
