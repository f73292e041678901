"""Class-balanced batches: their clips are those of a queue of classes, kept in lists."""

import numpy as np
import pytest
import torch

from resed.errors import ConfigError
from resed.settings import BatchSettings
from resed.train.balanced import CLASSES, CLIPS, ClassQueue
from resed.train.batches import STREAMS, Batches, Stratum

CPU = torch.device("cpu")
# Class 0 is frequent, class 3 has one clip, class 4 none; clips 8 and 9 have two classes.
TAGS = torch.zeros(20, 5, dtype=torch.uint8)
TAGS[:10, 0] = 1
TAGS[8:14, 1] = 1
TAGS[14:19, 2] = 1
TAGS[19, 3] = 1


def queue_of_lists(tags, seed, stream, draws, epoch=()):
    """The draws of an endless queue, popped one after the other."""

    def shuffled(kind, items, *key):
        order = np.random.default_rng([seed, kind + stream, *epoch, *key]).permutation(len(items))
        return [items[place] for place in order]

    clips = {label: np.flatnonzero(tags[:, label]).tolist() for label in range(tags.shape[1])}
    clips = {label: found for label, found in clips.items() if found}
    queue, drawn = [], []
    left, turns, filled = {label: [] for label in clips}, dict.fromkeys(clips, 0), 0
    while len(drawn) < draws:
        if not queue:
            queue = shuffled(CLASSES, list(clips), filled)
            filled += 1
        label = queue.pop(0)
        if not left[label]:
            left[label] = shuffled(CLIPS, clips[label], label, turns[label])
            turns[label] += 1
        drawn.append(left[label].pop(0))
    return drawn


def settings(**more) -> BatchSettings:
    values = {"sampling": "balanced", "orders": "continued", "weak": 6, "strong": 0, "unlabeled": 0}
    return BatchSettings(**{**values, **more})


def stratum(role="weak", tags=TAGS, **more) -> Stratum:
    return Stratum(role, torch.arange(20.0).reshape(20, 1, 1), tags, **more)


def test_draws_are_those_of_a_queue():
    found = ClassQueue(TAGS, 3, 0).take(np.arange(200))
    assert found.tolist() == queue_of_lists(TAGS.numpy(), 3, 0, 200)


def test_every_class_is_drawn_equally_often_and_its_clips_too():
    found = ClassQueue(TAGS, 0, 0).take(np.arange(4 * 60))
    counts = np.bincount(found, minlength=20)
    assert counts[19] == 60  # the only clip of its class
    assert counts[10:14].tolist() == [10] * 4  # 60 draws of class 1 over 6 clips
    assert counts[8:10].tolist() == [6 + 10] * 2  # a clip of two classes is drawn for both
    assert counts[:8].tolist() == [6] * 8
    assert counts[14:19].tolist() == [12] * 5


def test_a_batch_is_a_function_of_the_step():
    one = Batches({"weak": stratum()}, settings(), 1, CPU)
    two = Batches({"weak": stratum()}, settings(), 1, CPU)
    wanted = queue_of_lists(TAGS.numpy(), 1, STREAMS["weak"], 600)
    for step in range(100):
        assert one.indices(step)["weak"].tolist() == wanted[6 * step : 6 * step + 6]
    assert two.indices(77)["weak"].tolist() == wanted[6 * 77 : 6 * 78]  # resumed at step 77
    other = Batches({"weak": stratum()}, settings(), 2, CPU)
    assert other.indices(0)["weak"].tolist() != wanted[:6]


def test_orders_of_each_epoch():
    batches = Batches({"weak": stratum()}, settings(orders="per_epoch"), 1, CPU, epoch=4)
    for epoch in range(3):
        wanted = queue_of_lists(TAGS.numpy(), 1, STREAMS["weak"], 24, (epoch,))
        found = [n for step in range(4) for n in batches.indices(4 * epoch + step)["weak"]]
        assert found == wanted


def test_roles_without_labels_are_drawn_as_with_strata():
    chosen = settings(unlabeled=4)
    strata = {"weak": stratum(), "unlabeled": stratum("unlabeled", None)}
    balanced = Batches(strata, chosen, 5, CPU)
    plain = Batches(strata, settings(sampling="strata", unlabeled=4), 5, CPU)
    for step in range(8):
        found, wanted = balanced.indices(step), plain.indices(step)
        assert found["unlabeled"].tolist() == wanted["unlabeled"].tolist()
        assert found["weak"].tolist() != wanted["weak"].tolist()
    mels, targets = balanced(0)
    assert mels.flatten().tolist() == [
        *balanced.indices(0)["weak"],
        *balanced.indices(0)["unlabeled"],
    ]
    assert torch.equal(targets.tags, TAGS[balanced.indices(0)["weak"]].float())


def test_distilled_targets_are_balanced_by_the_labels():
    soft = stratum(tags=torch.full((20, 5), 0.2), own_tags=TAGS)
    found = Batches({"weak": soft}, settings(), 1, CPU)
    labelled = Batches({"weak": stratum()}, settings(), 1, CPU)
    assert found.indices(9)["weak"].tolist() == labelled.indices(9)["weak"].tolist()
    kept = soft.take(torch.tensor([19, 0]))
    assert kept.own_tags.argmax(dim=1).tolist() == [3, 0]


def test_no_label_is_one_line():
    none = stratum(tags=torch.zeros_like(TAGS))
    with pytest.raises(ConfigError) as error:
        Batches({"weak": none}, settings(), 1, CPU)
    assert str(error.value) == (
        "schedule.batch.sampling: no training clip has a label; set it to strata"
    )
