"""Parameters of `resed acquire`: functions that return text, or options as a list of words.

Requires common.smk and options.smk. Makes no file.
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
    parts = {"classes", "soundbank", "soundscapes", "sources"}
    common = DATASET.model_dump(mode="json", include=parts)
    return as_json(common | DATASET.splits[split].model_dump(mode="json"))
