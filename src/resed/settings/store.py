"""Settings of feature stores: how features are kept on disk. They are not in the papers."""

from typing import Annotated, Literal

from pydantic import Field

from resed.settings.base import Strict

MOST_CLIPS = 1 << 31  # of a split


class StoreSettings(Strict):
    """Number format and files of a store; the defaults suit sets of up to about 100,000 clips."""

    # float16 halves a store: log-mels are rounded to 11 bits (an error of 0.016 at -36, the
    # logarithm of digital silence, and less near 0), which changes the features
    dtype: Literal["float32", "float16"] = "float32"
    # Clips per file; 0: one file per split
    shard_clips: Annotated[int, Field(ge=0, lt=MOST_CLIPS)] = 0
