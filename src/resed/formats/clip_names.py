"""Clip names in tables and on disk.

A letter such as an umlaut is one character (composed) or two. Both look the same, and tables and
file systems differ in which they use, so both forms of a name are the same clip.
"""

import unicodedata
from pathlib import Path

FORMS = ("NFC", "NFD")
SOUNDS = frozenset(  # suffixes of sound files that resed reads
    {
        *(".wav", ".wave", ".bwf", ".rf64", ".bw64", ".w64", ".aif", ".aiff", ".aifc", ".au"),
        *(".snd", ".caf", ".flac", ".ogg", ".oga", ".opus", ".mp3"),
    }
)

# Suffixes of sound that resed does not read, but that converts with one command
OTHER_SOUNDS = frozenset({".m4a", ".aac", ".wma", ".amr", ".wv", ".ape", ".mka", ".mpc"})


def composed(name: str) -> str:
    """A name in its composed form, for comparisons."""
    return unicodedata.normalize("NFC", name)


def clip_file(folder: Path, name: str) -> Path:
    """The file of a clip, with its name as it is, composed or decomposed, whichever exists.

    If none exists, or no file can have the name, the path with the name as it is.
    """
    spellings = dict.fromkeys([name, *(unicodedata.normalize(form, name) for form in FORMS)])
    paths = [folder / spelling for spelling in spellings]
    if len(paths) == 1:
        return paths[0]
    return next((path for path in paths if _exists(path)), paths[0])


def _exists(path: Path) -> bool:
    """Whether a path exists; False for names that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
