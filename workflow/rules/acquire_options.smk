"""Inputs and parameters of `resed acquire`: paths, text, or options as a list of words.

Requires common.smk, inputs.smk and options.smk. Makes no file.
"""


def acquire_options(split):
    """Options of `resed acquire`, as words: those of soundscapes, or those of recordings."""
    chosen = CONFIG.acquire
    if DATASET.kind == "recordings":
        names = ["local"] if chosen.sources == [] else chosen.sources or []
        return words("--folder", filter(None, [chosen.folder])) + words("--source", names)
    found = ["--scale", chosen.scale_of(split), "--seed", chosen.seed]
    found += ["--soundbank", chosen.soundbank] if chosen.soundbank else []
    found += ["--annotations", chosen.annotations] if chosen.annotations else []
    return found + ["--no-keep-audio"] * (not chosen.keep_audio)


def recipe(split):
    """The parts of the dataset file on which a split depends."""
    parts = {"classes", "soundbank", "soundscapes", "sources", *["lists"] * bool(DATASET.lists)}
    common = DATASET.model_dump(mode="json", include=parts)
    return as_json(common | DATASET.splits[split].model_dump(mode="json"))


def own_lists(wildcards):
    """Published lists that the user has copied, from which acquire makes annotations."""
    return [f"{DATA}/{path}" for path in lists_of(DATASET, wildcards.split) if DATASET.own]


def own_annotations(wildcards):
    """Annotations of the user, so that a correction re-runs jobs; none if acquire makes them."""
    if not DATASET.own or lists_of(DATASET, wildcards.split):
        return []
    return [annotations(wildcards.split)]


def own_clips(split):
    """Hashes of the user's clips and sound, so that a change re-runs acquire."""
    audio, record = Path(DATA) / DATASET.splits[split].audio, Layout(Path(RESULTS)).acquired(split)
    names = listed_clips(DATASET, Path(DATA), split)
    found = clips_and_sound(Path(annotations(split)), audio, record, names) if DATASET.own else []
    return as_json(found)
