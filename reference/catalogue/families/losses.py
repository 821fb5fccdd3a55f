"""Losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import integers, normal, one_hot, uniform, values
from ..entries import Divergence, Entry, Family, Form


def huber(a: Any, prediction: Any, target: Any) -> Any:
    """Half the square within 0.5 of the target, beyond it linear (Huber 1964)."""
    error = a.abs(prediction - target)
    return a.mean(a.where(error > 0.5, 0.5 * error - 0.125, 0.5 * a.square(error)), axis=None)


ENTRIES = (
    Entry(
        "CategoricalCrossentropy",
        keras=Form(
            "keras.losses.CategoricalCrossentropy(from_logits=True)",
            "component(target, logits)",
            shipped={"from_logits": False},
        ),
        torch=Form("nn.CrossEntropyLoss()", "component(logits, target)"),
        inputs={"logits": normal(16, 10, scale=3.0), "target": one_hot(16, 10)},
        gradients=("logits",),
        oracle=lambda a, logits, target: -a.mean(a.sum(target * a.log_softmax(logits))),
        note="torch also takes class indices, and takes logits always: a softmax before it is a silent mistake.",
    ),
    Entry(
        "SparseCategoricalCrossentropy",
        keras=Form(
            "keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
            "component(labels, logits)",
            shipped={"from_logits": False},
        ),
        torch=Form("nn.CrossEntropyLoss()", "component(logits, labels)"),
        inputs={"logits": normal(16, 10, scale=3.0), "labels": integers(16, below=10)},
        oracle=lambda a, logits, labels: -a.mean(a.log_softmax(logits)[np.arange(16), labels]),
        divergences=(
            Divergence(
                "softmax-before",
                0.5,
                5.0,
                "nn.CrossEntropyLoss takes logits; given probabilities it takes the softmax once more, silently.",
                torch=Form(call="F.cross_entropy(F.softmax(logits, -1), labels)"),
            ),
        ),
    ),
    Entry(
        "Huber",
        keras=Form("keras.losses.Huber(delta=0.5)", "component(target, prediction)", shipped={"delta": 1.0}),
        torch=Form("nn.HuberLoss(delta=0.5)", "component(prediction, target)", shipped={"delta": 1.0}),
        inputs={"prediction": normal(16, 4), "target": normal(16, 4)},
        oracle=huber,
        note="F.smooth_l1_loss(beta=d) is Huber(delta=d) divided by d.",
    ),
    Entry(
        "BinaryCrossentropy-probabilities",
        keras=Form("keras.losses.BinaryCrossentropy()", "component(target, p)"),
        torch=Form("nn.BCELoss()", "component(p, target)"),
        inputs={"p": uniform(16, 3, low=0.05, high=0.95), "target": uniform(16, 3)},
        gradients=("p",),
        oracle=lambda a, p, target: -a.mean(target * a.log(p) + (1.0 - target) * a.log(1.0 - p), axis=None),
        divergences=(
            Divergence(
                "at-zero",
                83.0,
                84.5,
                "Keras floors p at 1e-7, so the loss at p = 0 is 16.118; torch cuts the logarithm at -100.",
                inputs={"p": values([[0.0]]), "target": values([[1.0]])},
            ),
        ),
    ),
)

FAMILY = Family("losses", "Losses", "objective", ENTRIES)
