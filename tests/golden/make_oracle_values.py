"""Writes oracle.json: values that the oracle must reproduce, calculated in other ways than its own.

Loss and gradients come from the definition of the loss in 50 decimal digits and from symmetric differences
of it; the losses of a training run from per-example outer products in NumPy's long double.
Run from the repository's root: `python -m tests.golden.make_oracle_values` (about a minute).
"""

from __future__ import annotations

import json
from decimal import Decimal, getcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.initial_weights import draw
from reference.data import DIRECTORY
from reference.oracle.data import load
from reference.workloads import MNIST_MLP

GOLDEN = Path(__file__).with_name("oracle.json")
BATCH = 64
STEP = Decimal("1e-15")
LEARNING_RATE = np.longdouble(np.float32(0.01))
PROBED: dict[str, list[tuple[int, ...]]] = {
    "hidden/kernel": [(203, 0), (350, 3), (406, 7), (434, 9), (514, 5), (570, 1)],
    "hidden/bias": [(i,) for i in range(10)],
    "output/kernel": [(0, 0), (2, 5), (4, 1), (7, 7), (9, 3), (9, 9)],
    "output/bias": [(i,) for i in range(10)],
}

Weights = dict[str, list[list[Decimal]]]


def loss_by_definition(pixels: list[dict[int, Decimal]], labels: list[int], weights: Weights) -> Decimal:
    """The mean of log(sum(exp(z))) - z[label], one example and one unit after the other."""
    total = Decimal(0)
    for image, label in zip(pixels, labels, strict=True):
        hidden = []
        for unit, bias in enumerate(weights["hidden/bias"][0]):
            a = bias + sum(pixel * weights["hidden/kernel"][place][unit] for place, pixel in image.items())
            hidden.append(1 / (1 + (-a).exp()))
        logits = [
            bias + sum(h * row[k] for h, row in zip(hidden, weights["output/kernel"], strict=True))
            for k, bias in enumerate(weights["output/bias"][0])
        ]
        total += sum((z.exp() for z in logits), Decimal(0)).ln() - logits[label]
    return total / len(labels)


def first_batch() -> dict[str, Any]:
    """Loss of the first batch from the weights of seed 0, and gradients at the probed places."""
    getcontext().prec = 50
    images, labels = load("mnist", DIRECTORY, "train", "embedded")
    inputs = (images[:BATCH].reshape(BATCH, -1) / np.float32(255)).astype(np.float32)
    pixels = [{i: Decimal(float(p)) for i, p in enumerate(image) if p} for image in inputs]
    targets = [int(label) for label in labels[:BATCH]]
    drawn = draw(MNIST_MLP, 0)
    weights = {
        name: [[Decimal(float(w)) for w in row] for row in np.atleast_2d(values)] for name, values in drawn.items()
    }
    gradients: dict[str, dict[str, float]] = {}
    for name, places in PROBED.items():
        for place in places:
            row, column = place if len(place) == 2 else (0, place[0])
            kept = weights[name][row][column]
            weights[name][row][column] = kept + STEP
            above = loss_by_definition(pixels, targets, weights)
            weights[name][row][column] = kept - STEP
            below = loss_by_definition(pixels, targets, weights)
            weights[name][row][column] = kept
            key = ",".join(map(str, place))
            gradients.setdefault(name, {})[key] = float((above - below) / (2 * STEP))
    return {"loss": float(loss_by_definition(pixels, targets, weights)), "gradients": gradients}


def one_epoch() -> dict[str, Any]:
    """Losses and weights of one epoch, and the accuracy after it, in long double."""
    w = {name: values.astype(np.longdouble) for name, values in draw(MNIST_MLP, 0).items()}
    images, labels = load("mnist", DIRECTORY, "train", "embedded")
    inputs = images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
    losses = []
    for start in range(0, len(inputs), BATCH):
        x = inputs[start : start + BATCH].astype(np.longdouble)
        y = np.eye(10, dtype=np.longdouble)[labels[start : start + BATCH]]
        h = 1 / (1 + np.exp(-(x @ w["hidden/kernel"] + w["hidden/bias"])))
        e = np.exp(h @ w["output/kernel"] + w["output/bias"])
        p = e / e.sum(axis=1, keepdims=True)
        losses.append(float(-(y * np.log(p)).sum() / len(x)))
        # Chain rule with the softmax's Jacobian written out, where the oracle uses the closed form p - y.
        jacobian = np.einsum("nj,jk->njk", p, np.eye(10)) - np.einsum("nj,nk->njk", p, p)
        dz = np.einsum("njk,nk->nj", jacobian, -y / p) / len(x)
        da = np.einsum("nk,jk->nj", dz, w["output/kernel"]) * h * (1 - h)
        w["output/kernel"] -= LEARNING_RATE * np.einsum("nj,nk->jk", h, dz)
        w["output/bias"] -= LEARNING_RATE * dz.sum(axis=0)
        w["hidden/kernel"] -= LEARNING_RATE * (x.T @ da)
        w["hidden/bias"] -= LEARNING_RATE * da.sum(axis=0)
    return {
        "losses": {str(step): losses[step - 1] for step in (1, 2, 3, 10, 100, 300, 937, 938)},
        "weights": {name: _probe(values, name) for name, values in w.items()},
        "correct": _correct(w),
    }


def _probe(values: NDArray[np.longdouble], name: str) -> dict[str, float]:
    return {",".join(map(str, place)): float(values[place]) for place in PROBED[name]}


def _correct(w: dict[str, NDArray[np.longdouble]]) -> int:
    """How many of the test images are classified rightly."""
    images, labels = load("mnist", DIRECTORY, "test", "embedded")
    x = images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
    h = 1 / (1 + np.exp(-(x.astype(np.longdouble) @ w["hidden/kernel"] + w["hidden/bias"])))
    return int(np.sum(np.argmax(h @ w["output/kernel"] + w["output/bias"], axis=1) == labels))


if __name__ == "__main__":
    drawn = draw(MNIST_MLP, 0)
    weights = {name: {",".join(map(str, p)): float(drawn[name][p]) for p in PROBED[name]} for name in drawn}
    values = {"initial_weights": weights, "first_batch": first_batch(), "one_epoch": one_epoch()}
    GOLDEN.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
