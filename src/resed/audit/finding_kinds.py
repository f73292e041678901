"""The kinds of findings of an audit, in the order of the report: most important first."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FindingKind:
    """A kind of finding.

    Attributes:
        level: refusal, warning or note.
        title: what was found, without numbers.
        effect: what it does to the results.
        cure: what the user should do.
        whole_split: the finding describes a whole split; its detail completes the title.
        published: a defect of the annotations themselves, which a published file may have.
    """

    level: str
    title: str
    effect: str
    cure: str
    whole_split: bool = False
    published: bool = False


FETCH = "Delete these files and run resed acquire again."
REPAIR = "resed repair corrects a copy of the file; the table of repaired labels has both scores."
UNUSED = "The clip is not used; the split is smaller by one clip."
NO_ACTION = "No action is needed."

FINDING_KINDS = {
    # The run is refused.
    "no_clip": FindingKind(
        "refusal", "No usable clip", "Nothing can be trained or scored.",
        "Run resed acquire, or copy the audio into the folder of each split.", whole_split=True,
    ),
    "annotations_missing": FindingKind(
        "refusal", "The annotation file does not exist", "The split has no clips.",
        "Run resed acquire, or copy the file to this path.", whole_split=True,
    ),
    "annotations_malformed": FindingKind(
        "refusal", "Malformed rows in the annotation file",
        "The labels of these rows would be lost or wrong.",
        "Correct each line listed in findings.tsv, or fetch the file again.",
    ),
    "placeholder": FindingKind(
        "refusal", "The annotations are placeholders",
        "Scores, windows and weights computed from them are meaningless.",
        "Replace the file by the real annotations.", whole_split=True,
    ),
    "too_few": FindingKind(
        "refusal", "Too few usable clips",
        "Results on a small part of a split cannot be compared with results on the whole split.",
        "Acquire more clips, or lower audit.least; every table then shows the number of clips.",
        whole_split=True,
    ),
    # Training data that overlaps with test data.
    "leak": FindingKind(
        "warning", "Training clips whose recording is also in development or evaluation",
        "The system was trained on the same recording, so its scores on these clips are too high.",
        "Set audit.leaks to drop to exclude these clips from training.",
    ),
    "leak_bytes": FindingKind(
        "warning", "Training clips whose file is also in development or evaluation",
        "The system is tested on training data, so its scores on these clips are too high.",
        "Set audit.leaks to drop, or find out which of the two files is misplaced.",
    ),
    "shared_tests": FindingKind(
        "warning", "Development clips whose recording or file is also in evaluation",
        "Settings chosen on development are biased towards these evaluation clips.",
        "Report the number of these clips beside the scores.",
    ),
    # Clips that are not used.
    "altered": FindingKind(
        "warning", "Files that changed after they were acquired",
        f"The file is damaged or was replaced. {UNUSED}",
        f"{FETCH} If the change was intended, delete .acquire below the root of the dataset.",
    ),
    "outside": FindingKind(
        "warning", "Clip names that lead out of the folder of the split",
        f"These files are never opened. {UNUSED}", "Correct the name in the annotation file.",
    ),
    "unreadable": FindingKind(
        "warning", "Files that cannot be opened", UNUSED, "Change the permissions of the files.",
    ),
    "empty": FindingKind("warning", "Files without bytes or without samples", UNUSED, FETCH),
    "truncated": FindingKind(
        "warning", "Truncated files", f"The missing part would be treated as silence. {UNUSED}",
        FETCH,
    ),
    "undecodable": FindingKind(
        "warning", "Files that cannot be decoded",
        f"Often a web page was saved under the name of an audio file. {UNUSED}", FETCH,
    ),
    "nonfinite": FindingKind(
        "warning", "Files with NaN or infinite samples",
        f"One such sample would make the training loss NaN. {UNUSED}", FETCH,
    ),
    "silent": FindingKind(
        "warning", "Silent files (no sample above -90 dB of full scale)",
        f"The labels of a silent clip would be wrong. {UNUSED}",
        "Fetch the files from another source; if they are silent there too, exclude them.",
    ),
    "missing": FindingKind(
        "note", "Listed clips that do not exist",
        f"{UNUSED} Other copies of the dataset lack other clips, so scores are not exactly "
        "comparable.",
        "Run resed acquire; compare clip sets with resed audit --compare.",
    ),
    # Clips that are used, with reservations.
    "short": FindingKind(
        "warning", "Clips shorter than expected",
        "The rest of the clip is silence for the system; events annotated there cannot be found.",
        "Fetch the files again: the download may be incomplete.",
    ),
    "low_rate": FindingKind(
        "warning", "Clips sampled below 32 kHz",
        "They contain no frequencies above half their sample rate. If other splits do, systems can "
        "learn to distinguish the splits instead of the sounds.",
        "Use another source, or lower sample_rate and f_max of the features for all splits.",
    ),
    "copies": FindingKind(
        "warning", "Clips with the same bytes as another clip of training or of their split",
        "They count twice in training or in the scores.",
        "Check whether one was saved under a wrong name, and delete it.",
    ),
    "acquire_unfinished": FindingKind(
        "warning", "resed acquire was interrupted or is still running",
        "More clips may follow; the manifest will then change.",
        "Run resed acquire again, then the audit.",
    ),
    "acquire_record": FindingKind(
        "warning", "The record of resed acquire cannot be read",
        "Files that changed after they were fetched are not detected.",
        "Run resed acquire again.", whole_split=True,
    ),
    # Classes.
    "class_absent": FindingKind(
        "warning", "Classes without examples",
        "These classes are not trained, or score 0 for every system, which lowers the macro "
        "average.",
        "Check that the annotations are complete; this is expected in a small test run.",
        whole_split=True,
    ),
    "class_depleted": FindingKind(
        "warning", "Classes that lost more clips than audit.least allows",
        "The macro average weights all classes equally: a class with few clips makes it noisy.",
        "Acquire more clips of these classes.", whole_split=True,
    ),
    # Annotations.
    "unlike_official": FindingKind(
        "warning", "The number of listed clips differs from the official number",
        "Scores on a part of the split, or on another version of it, are not comparable.",
        "Fetch the official annotation file, unless the part was chosen on purpose.",
        whole_split=True,
    ),
    "overlap": FindingKind(
        "warning", "Events that overlap an earlier event of their class",
        "The reference has two events for one sound; one of them can never be found. Some metrics "
        "(PSDS) refuse such references.",
        REPAIR, published=True,
    ),
    "past_end": FindingKind(
        "warning", "Events that end after their clip",
        "No system can find this offset. The offset collar (200 ms or 20 % of the event) tolerates "
        "small differences.",
        REPAIR, published=True,
    ),
    "past_file": FindingKind(
        "note", "Events that end after their file, but within the nominal clip length",
        "None if the file is only milliseconds too short, as files cut from videos are. Otherwise "
        "the annotated sound is missing and cannot be found.",
        REPAIR,
    ),
    "gap": FindingKind(
        "warning", "Events less than 150 ms after an event of their class",
        "The annotation rules join such events: a system that smooths its output is penalised.",
        REPAIR, published=True,
    ),
    "duplicate": FindingKind(
        "warning", "Duplicate rows",
        "A duplicate event can never be found, which lowers recall. A duplicate clip name has no "
        "effect.",
        REPAIR, published=True,
    ),
    "contradiction": FindingKind(
        "warning", "Clips with events and with a row without an event",
        "They are read as clips with events.", "Delete the row without an event.", published=True,
    ),
    "few_times": FindingKind(
        "warning", "Most events have the same onset and offset",
        "The times may be placeholders.", "Check some of them by listening.", whole_split=True,
        published=True,
    ),
    "repeated_tag": FindingKind(
        "note", "Weak labels that list a class twice", "None: the class counts once.", NO_ACTION,
        published=True,
    ),
    "same_times": FindingKind(
        "note", "Events of two classes with equal onset and offset",
        "None if both sounds fill the clip; otherwise one of the labels may be a mistake.",
        "Check them by listening.", published=True,
    ),
    "short_event": FindingKind(
        "note", "Events shorter than 250 ms",
        "The shortest events of DESED last 250 ms, so these have another origin. Median filters "
        "remove them.",
        "No action is needed; you may compare the file with the published one.", published=True,
    ),
    "no_events": FindingKind(
        "note", "Clips without events",
        "They are scored: every detection in them is a false positive.",
        "No action is needed; do not delete their rows.", published=True,
    ),
    "jams": FindingKind(
        "note", "Clip names that end in .jams (the annotation file of scaper)",
        "None: they are read as .wav.", NO_ACTION, published=True,
    ),
    "version_unknown": FindingKind(
        "warning", "The annotations match no known published version",
        "Scores against different annotations are not comparable.",
        "Fetch a published file, or add this version to `published` in the dataset file.",
        whole_split=True,
    ),
    "version_by_count": FindingKind(
        "note", "The version of the annotations was recognised by the number of rows only",
        "The file may be this version, or another one with the same number of rows.",
        "Compare it with the source, and add its sha256 to `published` in the dataset file.",
        whole_split=True,
    ),
    # For information.
    "unlike_paper": FindingKind(
        "note", "The number of usable clips differs from the paper's",
        "Videos disappear: the clip set of the paper was different and is not published.",
        "No action is needed; every table shows the number of clips.", whole_split=True,
    ),
    "brief": FindingKind(
        "note", "Clips shorter than the nominal length, in agreement with their names",
        "Their features are padded.", NO_ACTION,
    ),
    "long": FindingKind(
        "note", "Clips longer than the nominal length",
        "Systems process only the beginning; later events cannot be found.",
        "No action is needed if there are few of them.",
    ),
    "clipped": FindingKind(
        "note", "Clips with more than 0.1 % of their samples at full scale",
        "Clipping distorts the sound and adds energy to all bands. It is common in videos.",
        NO_ACTION,
    ),
    "channels": FindingKind(
        "note", "Clips with more than one channel", "The channels are averaged.", NO_ACTION,
        whole_split=True,
    ),
    "rates": FindingKind(
        "note", "Different sample rates",
        "All clips are resampled to the rate of the features; a lower rate leaves the upper bands "
        "empty.",
        "No action is needed, unless a rate occurs only in one class or one split.",
        whole_split=True,
    ),
    "same_recording": FindingKind(
        "note", "Clips of one split that were cut from the same recording",
        "They are not independent: intervals from resampled clips are slightly too narrow.",
        NO_ACTION,
    ),
    "hidden": FindingKind(
        "note", "Hidden files in the audio folder (macOS creates files named ._*)",
        "None: they are not read.", "Delete them.",
    ),
    "unlisted": FindingKind(
        "note", "Audio files that the annotations do not list", "They are not used.",
        "No action is needed. If their names resemble those of missing clips, pass this folder to "
        "resed acquire --folder.",
    ),
}  # fmt: skip
