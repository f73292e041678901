"""Make mean_teacher.npz: outputs, losses and gradients of the official baseline's own code.

    python tests/peers/make_mean_teacher.py CHECKOUT tests/peers/mean_teacher.npz

CHECKOUT is a checkout of https://github.com/turpaultn/DCASE2019_task4 (used: 90d35b6). Its network
is imported and run in float64, without dropout, on the weights and inputs of `numbers`, which the
tests draw again: the file has only what the baseline computes from them.
"""

import argparse
import json
import sys
import zlib
from pathlib import Path

import numpy as np

WEAK, STRONG, UNLABELED = 2, 2, 1  # clips, in this order
CLIPS, FRAMES, MELS, CELLS, CLASSES = WEAK + STRONG + UNLABELED, 864, 64, 108, 10
CONSISTENCY = 1.3  # weight of both consistency losses
SHOWN = 12  # values of each gradient that are kept


def numbers(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Weights by name, from a generator whose sequence NumPy does not change.

    The bound of a matrix is that of unit variance of its outputs; the last layer is larger, so that
    posteriors are spread from 0 to 1.
    """
    found = {}
    for name, shape in shapes.items():
        draw = np.random.RandomState(zlib.crc32(name.encode())).uniform(-1, 1, shape)
        if name.endswith("running_var"):
            found[name] = 1 + draw / 2
        elif len(shape) > 1:
            found[name] = draw * np.sqrt(3 / np.prod(shape[1:])) * (12 if "dense" in name else 1)
        else:  # biases, and scales of batch normalisation
            found[name] = draw / 10 + ("batchnorm" in name and name.endswith("weight"))
    return found


def inputs() -> dict[str, np.ndarray]:
    """Scaled log-mels of student and teacher, frame labels of strong and tags of weak clips."""
    draw = np.random.RandomState(1000)
    mels = draw.standard_normal((CLIPS, FRAMES, MELS))
    noisy = mels + 0.3 * np.abs(draw.standard_normal(mels.shape))
    frames = (draw.uniform(size=(STRONG, CELLS, CLASSES)) < 0.2).astype(float)
    tags = (draw.uniform(size=(WEAK, CLASSES)) < 0.3).astype(float)
    return {"mels": mels, "noisy": noisy, "frames": frames, "tags": tags}


def main() -> None:
    """Run the baseline and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="checkout of turpaultn/DCASE2019_task4")
    parser.add_argument("out", type=Path, help="file to write (.npz)")
    given = parser.parse_args()
    sys.path.insert(0, str(given.checkout / "baseline"))
    import torch
    from models.CRNN import CRNN

    def network(prefix: str) -> torch.nn.Module:
        made = CRNN(
            n_in_channel=1, nclass=CLASSES, attention=True, n_RNN_cell=64, n_layers_RNN=2,
            activation="glu", dropout=0.0, kernel_size=3 * [3], padding=3 * [1], stride=3 * [1],
            nb_filters=[64, 64, 64], pooling=3 * [(2, 4)],
        ).double()  # fmt: skip
        tensors = dict([*made.named_parameters(), *made.named_buffers()])
        floats = {prefix + k: tuple(v.shape) for k, v in tensors.items() if v.is_floating_point()}
        for name, values in numbers(floats).items():
            tensors[name.removeprefix(prefix)].data.copy_(torch.from_numpy(values))
        return made

    drawn = {name: torch.from_numpy(values) for name, values in inputs().items()}
    mels, noisy = drawn["mels"].unsqueeze(1), drawn["noisy"].unsqueeze(1)
    student, teacher = network(""), network("teacher.")
    kept = {}
    with torch.no_grad():
        kept["strong"], kept["weak"] = student.eval()(mels)
    teacher_strong, teacher_weak = (values.detach() for values in teacher.train()(noisy))
    strong, weak = student.train()(mels)
    entropy, squares = torch.nn.BCELoss(), torch.nn.MSELoss()
    terms = {
        "loss.weak.student": entropy(weak[:WEAK], drawn["tags"]),
        "loss.strong.student": entropy(strong[WEAK : WEAK + STRONG], drawn["frames"]),
        "loss.consistency.frames": CONSISTENCY * squares(strong, teacher_strong),
        "loss.consistency.teacher_to_student": CONSISTENCY * squares(weak, teacher_weak),
    }
    sum(terms.values()).backward()
    kept |= {"trained.strong": strong, "trained.weak": weak, **terms}
    for name, parameter in student.named_parameters():
        gradient = parameter.grad.flatten()
        kept[f"norm.{name}"] = gradient.norm()
        kept[f"gradient.{name}"] = gradient[:: max(1, len(gradient) // SHOWN)][:SHOWN]
    for name, values in student.named_buffers():
        if values.is_floating_point():
            kept[f"after.{name}"] = values
    arrays = {name: values.detach().float().numpy() for name, values in kept.items()}
    shapes = {name: list(p.shape) for name, p in student.named_parameters()}
    shapes |= {n: list(b.shape) for n, b in student.named_buffers() if b.is_floating_point()}
    meta = {"torch": torch.__version__, "shapes": shapes}
    np.savez_compressed(given.out, meta=np.array(json.dumps(meta)), **arrays)


if __name__ == "__main__":
    main()
