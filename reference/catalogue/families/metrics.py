"""Metrics."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import integers, normal, uniform, values
from ..entries import Divergence, Entry, Family, Form

KERAS = "component.reset_state()\ncomponent.update_state({}, {})\ncomponent.result()"


def accuracy(a: Any, scores: Any, labels: Any) -> Any:
    """The fraction of rows whose largest score is the label's."""
    return a.mean(a.constant(np.argmax(a.data(scores), -1) == labels))


def rank_auc(a: Any, scores: Any, labels: Any) -> Any:
    """The fraction of pairs of a positive and a negative in which the positive scores higher; ties count half."""
    positive, negative = a.data(scores)[labels == 1], a.data(scores)[labels == 0]
    return a.mean(a.constant((np.sign(positive[:, None] - negative) + 1) / 2), axis=None)


RANK_AUC = """
positive, negative = scores[labels == 1], scores[labels == 0]
((positive[:, None] > negative).float() + 0.5 * (positive[:, None] == negative)).mean()
"""
RANK_AUC_IN_TF = """
positive, negative = scores[labels == 1], scores[labels == 0]
wins = tf.cast(positive[:, None] > negative, 'float32') + 0.5 * tf.cast(positive[:, None] == negative, 'float32')
tf.reduce_mean(wins)
"""

ENTRIES = (
    Entry(
        "SparseCategoricalAccuracy",
        keras=Form("keras.metrics.SparseCategoricalAccuracy()", KERAS.format("labels", "scores")),
        torch=Form(call="(scores.argmax(-1) == labels).float().mean()"),
        inputs={"scores": normal(64, 5), "labels": integers(64, below=5)},
        oracle=accuracy,
        gradients=(),
    ),
    Entry(
        "TopKCategoricalAccuracy",
        keras=Form(
            "keras.metrics.SparseTopKCategoricalAccuracy(k=2)",
            KERAS.format("labels", "scores"),
            shipped={"k": 5},
        ),
        torch=Form(call="(scores.topk(2).indices == labels[:, None]).any(-1).float().mean()"),
        inputs={"scores": normal(64, 5), "labels": integers(64, below=5)},
        oracle=lambda a, scores, labels: a.mean(
            a.constant((np.argsort(-a.data(scores), -1)[:, :2] == labels[:, None]).any(-1))
        ),
        gradients=(),
        divergences=(
            Divergence(
                "ties",
                0.0,
                1.0,
                "Of equal scores Keras counts every class as among the first, torch.topk takes as many as asked for.",
                inputs={"scores": values([[1, 1, 1, 0.0, 0]] * 5), "labels": values([0, 1, 2, 3, 4], "int64")},
            ),
        ),
    ),
    Entry(
        "AUC",
        keras=Form(call=RANK_AUC_IN_TF),
        torch=Form(call=RANK_AUC),
        inputs={"scores": uniform(64, low=0.999, high=1.0), "labels": integers(64, below=2)},
        oracle=rank_auc,
        gradients=(),
        divergences=(
            Divergence(
                "keras.metrics.AUC",
                0.01,
                0.6,
                "keras.metrics.AUC cuts at 200 thresholds between 0 and 1: scores that lie between two of them count "
                "as equal. Take ranks where scores crowd at an end.",
                keras=Form("keras.metrics.AUC()", KERAS.format("labels", "scores")),
            ),
        ),
    ),
    Entry(
        "BinaryAccuracy-logits",
        keras=Form(
            "keras.metrics.BinaryAccuracy(threshold=0.0)",
            KERAS.format("labels", "logits"),
            shipped={"threshold": 0.5},
        ),
        torch=Form(call="((logits > 0) == labels).float().mean()"),
        inputs={"logits": normal(64, scale=0.5), "labels": integers(64, below=2)},
        oracle=lambda a, logits, labels: a.mean(a.constant((a.data(logits) > 0) == labels)),
        gradients=(),
        divergences=(
            Divergence(
                "as-shipped",
                0.05,
                0.6,
                "Keras's accuracy cuts at 0.5 whatever the loss takes: for logits give threshold=0.",
                shipped=True,
            ),
        ),
    ),
)

FAMILY = Family("metrics", "Metrics", "evaluate", ENTRIES)
