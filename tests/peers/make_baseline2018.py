"""Make baseline2018.npz: what the public code of the DCASE 2018 Task 4 baseline computes.

    KERAS_BACKEND=tensorflow python tests/peers/make_baseline2018.py CHECKOUT OUT

CHECKOUT is the folder task4 of https://github.com/DCASE-REPO/dcase2018_baseline (used: 5c5a0f6),
OUT is tests/peers/baseline2018.npz. Used: Python 3.6.15, keras 2.1.5, tensorflow 1.8.0, dcase_util
0.2.4, librosa 0.6.1, sed_eval 0.2.1, numpy 1.14.5, scipy 1.1.0. The networks are built from its
YAML file, without dropout, on weights and inputs of `numbers` and `inputs`, which the tests draw
again: the file has only what its code computes from them. Loops of its main function, which cannot
be imported, are taken from the file and executed.
"""

# Python 3.6 has no `strict` of zip.
# ruff: noqa: B905
import argparse
import ast
import copy
import json
import re
import sys
import zlib
from pathlib import Path

import numpy as np

CLIPS, FRAMES, MELS, CLASSES = 3, 40, 64, 10
STEPS = 4  # of Adam
SHOWN = 12  # values of each gradient that are kept
LABELS = [f"class {number}" for number in range(CLASSES)]
HELD_OUT, BATCH = 44, 16  # clips for thresholds and a batch of them: 12 clips are left over
DECODED = 6  # clips
DROPOUT = 0.5  # of the input of a recurrent layer whose masks are kept
# Macro F1 of epochs of made-up trainings, of which the stop rule and the best epoch are kept
CURVES = {
    "rises": [0.01 * epoch for epoch in range(40)],
    "steps_of_a_hundredth": [0.2 + 0.01 * (epoch // 2) for epoch in range(60)],
    "early_best": [0.9] * 5 + [0.5] * 60,
    "seventh": [0.1] * 6 + [0.5] + [0.4] * 60,
    "late_rise": [0.3] * 21 + [0.32] + [0.3] * 40,
    "in_time": [0.3] * 22 + [0.32] + [0.3] * 40,
    "small_rises": [0.3 + 0.0009 * epoch for epoch in range(100)],
    "exactly_a_hundredth": [0.25] * 10 + [0.26] * 10 + [0.27] * 40,
    "equal": [0.4] * 30,
    "short": [0.1, 0.2, 0.3],
}


def numbers(shapes):
    """Weights by name, from a generator whose sequence NumPy does not change.

    Args:
        shapes: name -> shape, as Keras has it.
    """
    found = {}
    for name, shape in shapes.items():
        draw = np.random.RandomState(zlib.crc32(name.encode())).uniform(-1, 1, shape)
        if "variance" in name:
            found[name] = 1 + draw / 2
        elif len(shape) > 1:
            found[name] = (
                draw * np.sqrt(3 / np.prod(shape[:-1])) * (9 if "time_distributed" in name else 1)
            )
        else:  # biases and means, and scales of batch normalisation
            found[name] = draw / 10 + ("gamma" in name)
    return {name: values.astype(np.float32) for name, values in found.items()}


def inputs():
    """Scaled log-mels of STEPS batches, and their tags."""
    draw = np.random.RandomState(2018)
    mels = draw.standard_normal((STEPS, CLIPS, FRAMES, MELS)).astype(np.float32)
    tags = (draw.uniform(size=(STEPS, CLIPS, CLASSES)) < 0.3).astype(np.float32)
    return {"mels": mels, "tags": tags}


def held_out():
    """Tag posteriors of held-out clips, tenths among them, and their tags; class 9 has none."""
    draw = np.random.RandomState(7)
    tags = (draw.uniform(size=(HELD_OUT, CLASSES)) < 0.25).astype(np.float32)
    tags[:, 9] = 0
    posteriors = np.clip(0.35 * tags + draw.uniform(0, 0.65, tags.shape), 0, 1)
    posteriors[::3] = np.round(posteriors[::3], 1)
    return {"posteriors": posteriors.astype(np.float32), "tags": tags}


def posteriors():
    """Frame posteriors of 500 frames: slow waves, with events at both ends and short gaps."""
    draw = np.random.RandomState(11)
    walk = draw.standard_normal((DECODED, 500, CLASSES)).cumsum(axis=1) / 8
    values = 1 / (1 + np.exp(-(walk + draw.standard_normal(walk.shape))))
    values[0, :, 0], values[0, :30, 1], values[0, -30:, 2] = 0.9, 0.9, 0.9
    values[0, 30:, 1], values[0, :-30, 2], values[1, ::2, 3] = 0.1, 0.1, 0.5
    return values.astype(np.float32)


def waves():
    """Two waveforms at 44.1 kHz, of 0.4 s and of 0.25 s with digital silence."""
    draw = np.random.RandomState(5)
    first = 0.1 * draw.standard_normal(17640)
    second = 0.02 * draw.standard_normal(11025)
    second[4000:8000] = 0
    return [first.astype(np.float32), second.astype(np.float32)]


def clip_features(number):
    """Made-up log-mels of a clip [mels, frames] for the scaler; every third is short."""
    draw = np.random.RandomState(100 + number)
    frames = 20 if number % 3 == 0 else FRAMES
    return draw.standard_normal((MELS, frames)) * 2 + np.arange(MELS)[:, None] / 9 - 8


WEAK_CLIPS, UNLABELED_CLIPS = range(4), range(4, 11)  # numbers of `clip_features`


def short_names(weights):
    """Names of the weights of a network by layer and kind, in the order of Keras."""
    found = [re.sub(r"_\d+|:\d+", "", weight.name).replace("/", ".") for weight in weights]
    return [f"{sum(n == name for n in found[:i])}.{name}" for i, name in enumerate(found)]


def loop_of(tree, variable):
    """The only `for` loop of a syntax tree over this variable, as a module to execute."""
    loops = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.For) and getattr(node.target, "id", "") == variable
    ]
    return compile(ast.Module(loops[:1]), "task4_crnn.py", "exec")


def network(parameters, which):
    """A network of the YAML file, without dropout."""
    import dcase_util

    constants = dict(parameters["model"]["constants"], DROPOUT=0.0)
    constants.update(NB_CLASSES=CLASSES, INPUT_FREQUENCIES=MELS, INPUT_SEQUENCE_LENGTH=FRAMES)
    layers = parameters["model"][which]["config"]
    layers = copy.deepcopy([layer for layer in layers if layer["class_name"] != "Dropout"])
    return dcase_util.keras.create_sequential_model(layers, constants=constants)


def prepared(parameters, which, rate=None):
    """A compiled network with the weights of `numbers`, their names, and the weights before.

    Args:
        rate: learning rate in place of that of the YAML file.
    """
    import dcase_util
    from keras import backend

    made = network(parameters, which)
    names = short_names(made.weights)
    start = dict(zip(names, backend.batch_get_value(made.weights)))
    drawn = numbers({name: tuple(values.shape) for name, values in start.items()})
    backend.batch_set_value([*zip(made.weights, map(drawn.get, names))])
    optimiser = dcase_util.keras.create_optimizer(
        class_name=parameters["optimizer"]["class_name"],
        config=dict(parameters["optimizer"]["config"], **({} if rate is None else {"lr": rate})),
    )
    made.compile(loss=parameters["compile"]["loss"], optimizer=optimiser)
    return made, names, start


def of_networks(parameters):
    """Outputs, losses, gradients and steps of the networks of both passes."""
    from keras import backend

    kept, drawn, counts = {}, inputs(), {}
    for number, which in enumerate(("first_pass", "second_pass"), 1):
        made, names, start = prepared(parameters, which)
        counts[which] = made.count_params()
        for name, values in start.items():
            kept[f"start.{name}"] = np.array([np.abs(values).max(), values.std()])
            if name.endswith("recurrent_kernel"):
                kept[f"product.{name}"] = (values @ values.T)[:4, :4]
        tags = drawn["tags"]
        targets = tags if number == 1 else np.repeat(tags[:, :, None], FRAMES, axis=2)
        kept[f"pass{number}.predicted"] = made.predict(drawn["mels"][0])
        tensors = [made.input, made.targets[0], made.sample_weights[0], backend.learning_phase()]
        trained = made.trainable_weights
        gradients = backend.gradients(made.total_loss, trained)
        run = backend.function(tensors, [made.total_loss, made.output, *gradients])
        loss, output, *found = run([drawn["mels"][0], targets[0], np.ones(CLIPS), 1])
        kept[f"pass{number}.loss"], kept[f"pass{number}.trained"] = loss, output
        for name, values in zip(short_names(trained), found):
            values = np.asarray(values).ravel()
            kept[f"pass{number}.norm.{name}"] = np.linalg.norm(values)
            kept[f"pass{number}.gradient.{name}"] = some(values)
        losses = [made.train_on_batch(m, t) for m, t in zip(drawn["mels"], targets)]
        kept[f"pass{number}.losses"] = np.array(losses)
        for name, values in zip(names, backend.batch_get_value(made.weights)):
            kept[f"pass{number}.after.{name}"] = some(values.ravel())
    still, names, start = prepared(parameters, "first_pass", rate=0.0)
    for batch, wanted in zip(drawn["mels"], drawn["tags"]):
        still.train_on_batch(batch, wanted)
    for name, values in zip(names, backend.batch_get_value(still.weights)):
        if "moving" in name:
            kept[f"averages.{name}"] = values
    shapes = {name: values.shape for name, values in start.items()}
    return kept, {"parameters": counts, "shapes": shapes}


def some(values):
    """SHOWN of the values of a vector."""
    return values[:: max(1, len(values) // SHOWN)][:SHOWN]


def of_masks(parameters):
    """States of the recurrent layer on inputs 1, with the identity as kernels and no recurrence.

    They tell which gates see their input, in which frames: [clips, frames, inputs].
    """
    from keras import backend
    from keras.layers import GRU
    from keras.models import Sequential

    layer = next(x for x in parameters["model"]["first_pass"]["config"] if x["class_name"] == "GRU")
    assert layer["config"]["dropout"] == "DROPOUT" and layer["config"]["units"] == 64
    made = Sequential()
    made.add(GRU(64, return_sequences=True, dropout=DROPOUT, input_shape=(5, 64)))
    one = np.eye(64)
    made.set_weights([np.hstack([one, one, one]), np.zeros((64, 192)), np.zeros(192)])
    run = backend.function([made.input, backend.learning_phase()], [made.output])
    values = run([np.ones((2, 5, 64)), 1])[0]
    return {"masks": values}


def of_features(values):
    """Log-mels, statistics of the scaler, and a short clip after scaler and sequencer."""
    import dcase_util

    chosen = dict(values["feature_extractor_method_parameters"]["mel"])
    common = values["feature_extractor"]
    seconds = {k: common[k] for k in ("win_length_seconds", "hop_length_seconds", "fs")}
    extractor = dcase_util.features.MelExtractor(**seconds, **chosen)
    kept = {f"mels.{n}": extractor.extract(wave) for n, wave in enumerate(waves())}
    scaler = dcase_util.data.Normalizer()
    for fold in (WEAK_CLIPS, [*WEAK_CLIPS, *UNLABELED_CLIPS]):
        for clip in fold:
            scaler.accumulate(data=clip_features(clip))
    scaler.finalize()
    kept["scaler.mean"], kept["scaler.std"] = scaler.mean.ravel(), scaler.std.ravel()
    sequencer = dict(values["feature_sequencer"], sequence_length=FRAMES, hop_length=FRAMES)
    sequencer.pop("enable")
    for clip in (0, 1):
        scaled = scaler.normalize(clip_features(clip))
        container = dcase_util.containers.DataMatrix2DContainer(scaled)
        made = dcase_util.data.Sequencer(**sequencer).sequence(container)
        kept[f"scaled.{clip}"] = made.data[:, ::7, 0]
    return kept


def of_decisions(values, tree):
    """Thresholds of the held-out clips, and events of frame posteriors."""
    import dcase_util
    from evaluation_measures import get_f_measure_by_class

    class Model:
        def predict(self, batch):
            return batch

    class Data:
        def tag_count(self):
            return CLASSES

        def tags(self):
            return LABELS

    drawn, space = held_out(), {}

    def batches():
        while True:
            for start in range(0, HELD_OUT - BATCH + 1, BATCH):
                part = slice(start, start + BATCH)
                yield drawn["posteriors"][part], drawn["tags"][part]

    def scores(model, count, generator, steps, thresholds=None):
        return get_f_measure_by_class(model, count, batches(), steps, thresholds)

    space = {
        "numpy": np, "db": Data(), "get_f_measure_by_class": scores, "batch_size": BATCH,
        "keras_model_first_pass": Model(), "validation_generator": None,
        "validation_files": range(HELD_OUT), "thresholds": [0] * CLASSES,
        "max_f_measure": [-np.inf] * CLASSES,
    }  # fmt: skip
    exec(loop_of(tree, "threshold"), space)
    recogniser, events = values["recognizer"], []
    encoder = dcase_util.data.DecisionEncoder(label_list=LABELS)
    for clip, probabilities in enumerate(posteriors()):
        decisions = dcase_util.data.ProbabilityEncoder().binarization(
            probabilities=probabilities, time_axis=0,
            binarization_type=recogniser["frame_binarization"]["binarization_type"],
            threshold=recogniser["frame_binarization"]["threshold"],
        )  # fmt: skip
        length = recogniser["process_activity"]["window_length"]
        decisions = encoder.process_activity(decisions, window_length=length, time_axis=0)
        for label in range(CLASSES):
            found = encoder.find_contiguous_regions(decisions[:, label])
            events += [[clip, label, onset, offset] for onset, offset in found]
    return {
        "thresholds": np.array(space["thresholds"]),
        "f1_at_half": scores(Model(), CLASSES, None, HELD_OUT // BATCH),
        "events": np.array(events),
    }


def of_stops(parameters):
    """Epochs, counted from 0: the last one, and the best one; -1 if none was stashed."""
    import dcase_util

    class Model:
        stop_training = False

        def get_weights(self):
            return ["weights"]

    found = {}
    for name, curve in CURVES.items():
        made = [
            getattr(dcase_util.keras, kind)(epochs=len(curve), **parameters["callbacks"][kind])
            for kind in ("StopperCallback", "StasherCallback")
        ]
        for callback in made:
            callback.set_model(Model())
            callback.on_train_begin()
        for epoch, score in enumerate(curve):
            for callback in made:
                callback.on_epoch_begin(epoch)
                callback.on_epoch_end(epoch, logs={})
                callback.set_external_metric_value("val_macro_f_measure", score)
            for callback in made:
                callback.update()
            if made[0].stop():
                break
        best = made[1].get_best()
        found[name] = [epoch, best["epoch"] if best["weights"] else -1]
    return found


def of_splits(parameters):
    """Numbers of the sorted clips that are held out, of 100 and of 1578."""
    import dcase_util
    from dcase_util.containers import MetaDataContainer

    class Data:
        def scene_labels(self):
            return []

    amount = parameters["model"]["first_pass"]["validation_amount"]
    found = {}
    for count in (100, 1578):
        names = [f"{number:04d}.wav" for number in range(count)]
        meta = MetaDataContainer([{"filename": name, "tags": "Dog"} for name in names[::-1]])
        files = dcase_util.datasets.AudioTaggingDataset.validation_files_random(
            Data(), training_meta=meta, validation_amount=amount
        )
        found[f"held_out.{count}"] = np.array([int(name[:4]) for name in files], np.int16)
    return found


def main():
    """Run the code of the baseline and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="folder task4 of dcase2018_baseline")
    parser.add_argument("out", type=Path, help="file to write (.npz)")
    given = parser.parse_args()
    sys.path.insert(0, str(given.checkout))
    import keras
    import tensorflow
    import yaml

    with open(str(given.checkout / "task4_crnn.yaml")) as file:
        values = yaml.safe_load(file)["defaults"]
    tree = ast.parse((given.checkout / "task4_crnn.py").read_text())
    parameters = values["learner_method_parameters"]["crnn"]
    kept, meta = of_networks(parameters)
    kept.update(of_masks(parameters))
    kept.update(of_features(values))
    kept.update(of_decisions(values, tree))
    kept.update(of_splits(parameters))
    meta["stops"] = of_stops(parameters)
    meta["keras"], meta["tensorflow"] = keras.__version__, tensorflow.__version__
    arrays = {}
    for name, array in kept.items():
        array = np.asarray(array)
        small = array.dtype.kind == "f" and name != "thresholds"
        arrays[name] = array.astype(np.float32) if small else array
    np.savez_compressed(str(given.out), meta=np.array(json.dumps(meta)), **arrays)


if __name__ == "__main__":
    main()
