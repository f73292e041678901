"""Frame labels of events at and past the end of a clip."""

import numpy as np
import pytest

from resed.formats.annotations import Event
from resed.train.batches import Grid, frame_matrix


def frames_of(onset, offset, grid):
    matrix = frame_matrix([[Event("a", onset, offset, "dog")]], ["cat", "dog"], grid)
    assert matrix.shape == (1, grid.frames, 2)
    assert not matrix[0, :, 0].any()
    return np.flatnonzero(matrix[0, :, 1]).tolist()


@pytest.mark.parametrize("rounding", ["nearest", "down"])
@pytest.mark.parametrize(("frames", "seconds"), [(600, 1 / 60), (10, 0.1), (108, 4088 / 44100)])
def test_b9_an_event_wholly_past_the_end_has_no_frame(frames, seconds, rounding):
    grid = Grid(frames, seconds, rounding)
    end = frames * seconds
    for onset, offset in ((end, end + 1), (end + 0.2, end + 5), (2 * end, 2 * end + 0.01)):
        assert frames_of(onset, offset, grid) == []


def test_b9_what_begins_within_the_clip_keeps_its_frames():
    """The last frame belongs to an event that begins in it; other events do not change."""
    grid = Grid(10, 0.1)
    assert frames_of(0.96, 3.0, grid) == [9]
    assert frames_of(0.9, 1.0, grid) == [9]
    assert frames_of(0.7, 9.0, grid) == [7, 8, 9]
    assert frames_of(0.0, 0.01, grid) == [0]
    down = Grid(10, 0.1, "down")
    assert frames_of(0.75, 9.0, down) == [7, 8, 9]
    assert frames_of(0.75, 0.79, down) == []


def test_b9_another_event_of_the_clip_is_not_touched():
    events = [[Event("a", 0.2, 0.4, "dog"), Event("a", 1.0, 1.5, "dog"), Event("a", 5, 6, "cat")]]
    matrix = frame_matrix(events, ["cat", "dog"], Grid(10, 0.1))
    assert np.flatnonzero(matrix[0, :, 1]).tolist() == [2, 3]
    assert not matrix[0, :, 0].any()
