"""The kinds of findings, those that matter most first."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of finding. In `what`, {detail} is put in; the count stands beside it.

    `published`: a defect of the annotations themselves, which a published file may have.
    """

    level: str
    what: str
    effect: str
    cure: str
    published: bool = False


FETCH = "Delete these files and run resed acquire again."
REPAIR = "resed repair mends it in a copy; the truths table scores against both."
UNUSED = "The clip is not used: the split is that much smaller."

KINDS = {
    # What stops a run.
    "no_clip": Kind(
        "refusal", "Not one usable clip: {detail}", "Nothing can be trained or scored.",
        "Run resed acquire, or put the audio into the split's folder.",
    ),
    "annotations_missing": Kind(
        "refusal", "The annotation file is not there: {detail}",
        "The split has no clips.",
        "Run resed acquire, or put the file there.",
    ),
    "annotations_malformed": Kind(
        "refusal", "Rows of the annotation file that cannot be read",
        "These labels would be lost or wrong: a label read wrongly is worse than one not read.",
        "Mend each line that findings.tsv names, or fetch the file again.",
    ),
    "placeholder": Kind(
        "refusal", "Truth that is a placeholder: {detail}",
        "Scores measured on it, or windows and weights learned from it, mean nothing.",
        "Get the true annotations.",
    ),
    "too_few": Kind(
        "refusal", "Too few usable clips: {detail}",
        "Results on so small a part cannot be compared with those on the whole split.",
        "Acquire more clips, or lower audit.least: every table then says n of N.",
    ),
    # Training on what is tested on.
    "leak": Kind(
        "warning", "Training clips whose recording is also in development or evaluation",
        "The system may know the recording: scores on those test clips are too good.",
        "Set audit.leaks to drop: these clips are then left out of training.",
    ),
    "leak_bytes": Kind(
        "warning", "Training clips whose file is also in development or evaluation",
        "The system is tested on what it was trained on: scores on those clips are too good.",
        "Set audit.leaks to drop, or find out which of the two files is in the wrong place.",
    ),
    "shared_tests": Kind(
        "warning", "Development clips whose recording or file is also in evaluation",
        "Choices made on development fit those evaluation clips a little too well.",
        "Nothing where they are few; say so beside the scores.",
    ),
    # Clips that are not used.
    "altered": Kind(
        "warning", "Files that are no longer those that were acquired",
        f"Damaged or replaced. {UNUSED}",
        f"{FETCH} If you changed them on purpose, delete .acquire below the dataset's root.",
    ),
    "outside": Kind(
        "warning", "Names of clips that lead out of the split's folder",
        f"Such a file is never opened. {UNUSED}", "Mend the name in the annotation file.",
    ),
    "unreadable": Kind(
        "warning", "Files that may not be read", UNUSED, "Mend their permissions.",
    ),
    "empty": Kind("warning", "Files without a byte or a sample", UNUSED, FETCH),
    "truncated": Kind(
        "warning", "Files that break off before their end",
        f"Their end would be taken for silence. {UNUSED}", FETCH,
    ),
    "undecodable": Kind(
        "warning", "Files that are no sound, or none that can be read",
        f"Often a web page saved under the name of a sound. {UNUSED}", FETCH,
    ),
    "nonfinite": Kind(
        "warning", "Files with NaN or infinite samples",
        f"A single one would make the training loss NaN. {UNUSED}", FETCH,
    ),
    "silent": Kind(
        "warning", "Files without any sound (no sample above -90 dB of full scale)",
        f"Its labels would be false. {UNUSED}",
        "Fetch them again from another source; if they are silent there too, leave them out.",
    ),
    "missing": Kind(
        "note", "Clips that the annotations list and the disk does not have",
        f"{UNUSED} Others have other clips, so scores are not exactly comparable.",
        "Run resed acquire; compare clip sets with resed audit --compare.",
    ),
    # Clips that are used, but are not quite what they should be.
    "short": Kind(
        "warning", "Clips shorter than they should be",
        "The rest is silence to the system; events annotated there cannot be found.",
        "Fetch them again: the download may have been cut.",
    ),
    "low_rate": Kind(
        "warning", "Clips sampled below 32 kHz",
        "They hold nothing above half their rate. Where other splits do, systems learn to tell "
        "the splits apart instead of the sounds.",
        "Use another source, or lower the features' sample_rate and f_max for all splits.",
    ),
    "copies": Kind(
        "warning", "Clips with the same bytes as another of training, or of the same split",
        "They count twice in training or in the scores.",
        "Find out whether one was saved under a wrong name; delete it.",
    ),
    "acquire_unfinished": Kind(
        "warning", "resed acquire was ended before it was done, or is still at work",
        "More clips may come; the manifest will then be another one.",
        "Run resed acquire again, then the audit.",
    ),
    "acquire_record": Kind(
        "warning", "The record of resed acquire cannot be read: {detail}",
        "Whether files changed since they were fetched is not known.",
        "Run resed acquire again.",
    ),
    # Classes.
    "class_absent": Kind(
        "warning", "Classes without a single example: {detail}",
        "Untrained, or scored 0 whatever a system does: the macro average falls.",
        "Check whether the annotations are whole; in a small try-out this is normal.",
    ),
    "class_depleted": Kind(
        "warning", "Classes that lost more clips than the split may: {detail}",
        "The macro average weighs every class alike: few clips of one make it noisy.",
        "Acquire more of them first.",
    ),
    # Annotations.
    "unlike_official": Kind(
        "warning", "Annotations that list more or fewer clips than there officially are: {detail}",
        "A part of the split, or another version of it: scores are not comparable.",
        "Fetch the official annotation file, unless the part is meant.",
    ),
    "overlap": Kind(
        "warning", "Events that begin before an earlier one of their class has ended",
        "Two events of the truth for one sound: one of them can never be found. Some metrics "
        "(PSDS) refuse such truth.",
        REPAIR, published=True,
    ),
    "past_end": Kind(
        "warning", "Events that end after their clip",
        "No system can find that end. The offset collar (200 ms or 20 % of the event) forgives "
        "small ones.",
        REPAIR, published=True,
    ),
    "past_file": Kind(
        "note", "Events that end after their file, though not after a whole clip",
        "None where milliseconds lack, as files cut from videos do. Else the sound that was "
        "annotated is not there and cannot be found.",
        REPAIR,
    ),
    "gap": Kind(
        "warning", "Events less than 150 ms after one of their class",
        "The annotators' rule was to join them: a system that smooths is punished for it.",
        REPAIR, published=True,
    ),
    "duplicate": Kind(
        "warning", "Rows that stand there twice",
        "Of an event: the second can never be found, recall falls. Of a name: none.",
        REPAIR, published=True,
    ),
    "contradiction": Kind(
        "warning", "Clips with events and with a row that says there are none",
        "They are read as clips with events.", "Delete the empty row.", published=True,
    ),
    "few_times": Kind(
        "warning", "Most events have the same times: {detail}",
        "Their times may be placeholders, not annotations.", "Look at some of them.",
        published=True,
    ),
    "repeated_tag": Kind(
        "note", "Weak labels that name a class twice",
        "None: the class counts once.", "Nothing.", published=True,
    ),
    "same_times": Kind(
        "note", "Events of two classes with exactly the same times",
        "None where both sounds last all the clip; elsewhere one may be a slip.",
        "Listen to them.", published=True,
    ),
    "short_event": Kind(
        "note", "Events shorter than 250 ms",
        "DESED's annotators made no event shorter: these come from elsewhere. Median filters "
        "remove them.",
        "Nothing, or compare with the published file.", published=True,
    ),
    "no_events": Kind(
        "note", "Clips without events",
        "They are scored: whatever is found in them is a false positive.",
        "Nothing; do not delete their rows.", published=True,
    ),
    "jams": Kind(
        "note", "Names that end in .jams (scaper's file, not the sound's)",
        "None: they are read as .wav.", "Nothing.", published=True,
    ),
    "version_unknown": Kind(
        "warning", "The annotations are none of the published versions that are known",
        "Scores against another truth are not comparable, however similar it is.",
        "Fetch a published file, or name your version in the dataset file under published.",
    ),
    "version_by_count": Kind(
        "note", "The annotations are known by their number of rows alone: {detail}",
        "They may be that version, or another with as many rows.",
        "Compare it with the source; add its sha256 to the dataset file under published.",
    ),
    # To know.
    "unlike_paper": Kind(
        "note", "Not as many clips as the paper had: {detail}",
        "Videos vanish: the paper's clip set was another one, and it is not published.",
        "Nothing; every table says n of N.",
    ),
    "brief": Kind(
        "note", "Clips that are shorter than a whole clip, as their names say",
        "Silence follows them in the features.", "Nothing.",
    ),
    "long": Kind(
        "note", "Clips longer than a whole clip",
        "Systems hear their beginning only; events after it cannot be found.",
        "Nothing where they are few.",
    ),
    "clipped": Kind(
        "note", "Clips of which over 0.1 % of the samples are at full scale",
        "Distorted: energy in all bands. Real videos are like that.", "Nothing.",
    ),
    "channels": Kind(
        "note", "Clips with more than one channel: {detail}",
        "Channels are averaged.", "Nothing.",
    ),
    "rates": Kind(
        "note", "Sample rates differ: {detail}",
        "All are resampled to the features' rate; a lower rate leaves the upper bands empty.",
        "Nothing, unless one rate goes with one class or one split.",
    ),
    "same_recording": Kind(
        "note", "Clips of one split that were cut from one recording",
        "They are not independent: intervals by resampling clips are a little too narrow.",
        "Nothing.",
    ),
    "hidden": Kind(
        "note", "Hidden files among the audio (._ files are macOS's)",
        "None: they are not read.", "Delete them.",
    ),
    "unlisted": Kind(
        "note", "Files among the audio that no annotation lists",
        "They are not used.",
        "Nothing; where their names are near those of missing clips, give this folder to "
        "resed acquire --folder.",
    ),
}  # fmt: skip
