"""Metrics of classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import integers, normal, one_hot, probabilities, uniform, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import Vary

KERAS = "component.reset_state()\ncomponent.update_state({}, {})\ncomponent.result()"
BATCHES = """
component.reset_state()
component.update_state(labels[:48], scores[:48])
component.update_state(labels[48:], scores[48:])
component.result()
"""
BATCHES_IN_TORCH = """
hits = 0.0
for some, of in ((scores[:48], labels[:48]), (scores[48:], labels[48:])):
    hits += (some.argmax(-1) == of).float().sum()
hits / len(labels)
"""
MEAN_OF_MEANS = """
batches = (scores[:48], labels[:48]), (scores[48:], labels[48:])
torch.stack([(some.argmax(-1) == of).float().mean() for some, of in batches]).mean()
"""
THRESHOLDS = "[0.25, 0.5, 0.75]"
YES_OR_NO = integers(64, 3, below=2, dtype="float32")


def metric(name: str, keras: Form, torch: Form, oracle: Any, **more: Any) -> Entry:
    """The entry of a metric of 64 scores of five classes, unless said otherwise."""
    inputs = {"scores": normal(64, 5), "labels": integers(64, below=5)}
    return Entry(name, keras, torch, **{"inputs": inputs, "oracle": oracle, "gradients": (), **more})


def accuracy(a: Any, scores: Any, labels: Any) -> Any:
    """The fraction of rows whose largest score is the label's."""
    return a.mean(a.constant(np.argmax(a.data(scores), -1) == labels))


def found(scores: np.ndarray, target: np.ndarray, axis: Any = None) -> tuple[Any, ...]:
    """How many are rightly found, wrongly found and missed at the threshold 0.5."""
    positive, true = scores > 0.5, target > 0
    return tuple(np.sum(part, axis=axis) for part in (positive & true, positive & ~true, ~positive & true))


def f_score(a: Any, scores: Any, target: Any, beta: float) -> Any:
    """van Rijsbergen's F of every class, and their mean."""
    right, wrong, missed = found(a.data(scores), a.data(target), axis=0)
    squared = beta * beta
    return a.mean(a.constant((1 + squared) * right) / a.constant((1 + squared) * right + squared * missed + wrong))


def rank_auc(a: Any, scores: Any, labels: Any) -> Any:
    """The fraction of pairs of a positive and a negative in which the positive scores higher; ties count half."""
    positive, negative = a.data(scores)[labels == 1], a.data(scores)[labels == 0]
    return a.mean(a.constant((np.sign(positive[:, None] - negative) + 1) / 2), axis=None)


def trapezoids(a: Any, scores: Any, labels: Any) -> Any:
    """The area under the curve through the points of the thresholds 0.25, 0.5, 0.75 and of both ends."""
    thresholds = np.asarray([-1.0, 0.25, 0.5, 0.75, 2.0])[:, None]
    above = a.data(scores) > thresholds
    y, x = (above[:, labels == label].mean(-1) for label in (1, 0))
    return a.sum(a.constant((x[:-1] - x[1:]) * (y[:-1] + y[1:]) / 2))


def intersection_over_union(a: Any, scores: Any, labels: Any) -> Any:
    """Of every class what was rightly predicted among what was predicted or is, and the mean of that."""
    predicted = np.argmax(a.data(scores), -1)
    both = np.asarray([np.sum((predicted == c) & (labels == c)) for c in range(5)])
    either = np.asarray([np.sum((predicted == c) | (labels == c)) for c in range(5)])
    return a.mean(a.constant(both) / a.constant(either))


def confusion(a: Any, scores: Any, labels: Any) -> Any:
    """Counts by label (rows) and prediction (columns)."""
    table = np.zeros((5, 5), int)
    np.add.at(table, (labels, np.argmax(a.data(scores), -1)), 1)
    return table


RANK_AUC = """
positive, negative = scores[labels == 1], scores[labels == 0]
((positive[:, None] > negative).float() + 0.5 * (positive[:, None] == negative)).mean()
"""
RANK_AUC_IN_TF = """
positive, negative = scores[labels == 1], scores[labels == 0]
wins = tf.cast(positive[:, None] > negative, 'float32') + 0.5 * tf.cast(positive[:, None] == negative, 'float32')
tf.reduce_mean(wins)
"""
TRAPEZOIDS = """
above = scores > torch.tensor([-1.0, 0.25, 0.5, 0.75, 2.0])[:, None]
y, x = above[:, labels == 1].float().mean(-1), above[:, labels == 0].float().mean(-1)
torch.trapezoid(y.flip(0), x.flip(0))
"""
F_SCORE = """
right = ((scores > 0.5) * target).sum(0)
wrong, missed = ((scores > 0.5) * (1 - target)).sum(0), ((scores <= 0.5) * target).sum(0)
({0} * right / ({0} * right + {1} * missed + wrong)).mean()
"""
IOU = """
table = torch.bincount(5 * labels + scores.argmax(-1), minlength=25).reshape(5, 5)
(table.diag() / (table.sum(0) + table.sum(1) - table.diag())).mean()
"""
OF_TARGETS = {"inputs": {"scores": uniform(64, 3), "target": YES_OR_NO}}
OF_YES_OR_NO = {"inputs": {"scores": uniform(64), "labels": integers(64, below=2)}}

ENTRIES = (
    metric(
        "SparseCategoricalAccuracy",
        keras=Form("keras.metrics.SparseCategoricalAccuracy()", KERAS.format("labels", "scores")),
        torch=Form(call="(scores.argmax(-1) == labels).float().mean()"),
        oracle=accuracy,
        vary=Vary({"scores": ("n", 5), "labels": ("n",)}, {"n": (1, 30)}),
    ),
    metric(
        "CategoricalAccuracy",
        keras=Form("keras.metrics.CategoricalAccuracy()", KERAS.format("target", "scores")),
        torch=Form(call="(scores.argmax(-1) == target.argmax(-1)).float().mean()"),
        oracle=lambda a, scores, target: accuracy(a, scores, np.argmax(a.data(target), -1)),
        inputs={"scores": probabilities(64, 5), "target": one_hot(64, 5)},
        vary=Vary({"scores": ("n", "k"), "target": ("n", "k")}, {"n": (1, 30), "k": (2, 6)}),
    ),
    metric(
        "accuracy-over-batches",
        keras=Form("keras.metrics.SparseCategoricalAccuracy()", BATCHES),
        torch=Form(call=BATCHES_IN_TORCH),
        oracle=accuracy,
        note="A metric of Keras counts rows, whatever the batches' sizes; evaluate's loss does, too.",
        divergences=(
            Divergence(
                "mean-of-batches",
                0.0041,
                0.0063,
                "The mean of the batches' means weighs a short last batch as much as the others.",
                torch=Form(call=MEAN_OF_MEANS),
            ),
        ),
    ),
    metric(
        "Accuracy",
        keras=Form("keras.metrics.Accuracy()", KERAS.format("labels", "keras.ops.argmax(scores, axis=-1)")),
        torch=Form(call="(scores.argmax(-1) == labels).float().mean()"),
        oracle=accuracy,
        vary=Vary({"scores": ("n", 5), "labels": ("n",)}, {"n": (1, 30)}),
        note="keras.metrics.Accuracy compares numbers for equality: of scores it makes 0.",
        divergences=(
            Divergence(
                "of-scores",
                0.16,
                0.25,
                "Given the column of scores itself it finds no two numbers equal; the text 'accuracy' in compile "
                "chooses by the shapes.",
                keras=Form("keras.metrics.Accuracy()", KERAS.format("labels", "scores[:, 0]")),
            ),
        ),
    ),
    metric(
        "TopKCategoricalAccuracy",
        keras=Form(
            "keras.metrics.SparseTopKCategoricalAccuracy(k=2)", KERAS.format("labels", "scores"), shipped={"k": 5}
        ),
        torch=Form(call="(scores.topk(2).indices == labels[:, None]).any(-1).float().mean()"),
        oracle=lambda a, scores, labels: a.mean(
            a.constant((np.argsort(-a.data(scores), -1)[:, :2] == labels[:, None]).any(-1))
        ),
        vary=Vary({"scores": ("n", 5), "labels": ("n",)}, {"n": (1, 30)}),
        divergences=(
            Divergence(
                "ties",
                0.16,
                0.25,
                "Of equal scores Keras counts every class as among the first, torch.topk takes as many as asked for.",
                inputs={"scores": values([[1, 1, 1, 0.0, 0]] * 5), "labels": values([0, 1, 2, 3, 4], "int64")},
            ),
        ),
    ),
    metric(
        "BinaryAccuracy",
        keras=Form("keras.metrics.BinaryAccuracy()", KERAS.format("labels", "scores")),
        torch=Form(call="((scores > 0.5) == labels).float().mean()"),
        oracle=lambda a, scores, labels: a.mean(a.constant((a.data(scores) > 0.5) == labels)),
        **OF_YES_OR_NO,
        vary=Vary({"scores": ("n",), "labels": ("n",)}, {"n": (1, 30)}),
    ),
    metric(
        "BinaryAccuracy-logits",
        keras=Form(
            "keras.metrics.BinaryAccuracy(threshold=0.0)",
            KERAS.format("labels", "logits"),
            shipped={"threshold": 0.5},
            since="3.5",
        ),
        torch=Form(call="((logits > 0) == labels).float().mean()"),
        inputs={"logits": normal(64, scale=0.5), "labels": integers(64, below=2)},
        oracle=lambda a, logits, labels: a.mean(a.constant((a.data(logits) > 0) == labels)),
        vary=Vary({"logits": ("n",), "labels": ("n",)}, {"n": (1, 30)}),
        divergences=(
            Divergence(
                "as-shipped",
                0.075,
                0.12,
                "Keras's accuracy cuts at 0.5 whatever the loss takes: for logits give threshold=0.",
                shipped=True,
            ),
        ),
    ),
    metric(
        "Precision",
        keras=Form("keras.metrics.Precision()", KERAS.format("target", "scores")),
        torch=Form(call="((scores > 0.5) * target).sum() / (scores > 0.5).sum()"),
        oracle=lambda a, scores, target: (
            a.constant(found(a.data(scores), a.data(target))[0]) / a.constant(np.sum(a.data(scores) > 0.5))
        ),
        **OF_TARGETS,
        divergences=(
            Divergence(
                "nothing-found",
                float("inf"),
                float("inf"),
                "Where nothing is found Keras gives 0, the quotient is NaN.",
                inputs={"scores": values([[0.25, 0.25]]), "target": values([[1.0, 0.0]])},
            ),
        ),
    ),
    metric(
        "Recall",
        keras=Form("keras.metrics.Recall()", KERAS.format("target", "scores")),
        torch=Form(call="((scores > 0.5) * target).sum() / target.sum()"),
        oracle=lambda a, scores, target: (
            a.constant(found(a.data(scores), a.data(target))[0]) / a.constant(np.sum(a.data(target)))
        ),
        **OF_TARGETS,
    ),
    metric(
        "F1Score",
        keras=Form(
            "keras.metrics.F1Score(average='macro', threshold=0.5)",
            KERAS.format("target", "scores"),
            shipped={"average": None, "threshold": None},
        ),
        torch=Form(call=F_SCORE.format("2", "1")),
        oracle=lambda a, scores, target: f_score(a, scores, target, 1.0),
        **OF_TARGETS,
        note="As shipped one number a class, and every row's largest score counts as found.",
    ),
    metric(
        "FBetaScore",
        keras=Form(
            "keras.metrics.FBetaScore(beta=2.0, average='macro', threshold=0.5)",
            KERAS.format("target", "scores"),
            shipped={"beta": 1.0, "average": None, "threshold": None},
        ),
        torch=Form(call=F_SCORE.format("5", "4")),
        oracle=lambda a, scores, target: f_score(a, scores, target, 2.0),
        **OF_TARGETS,
    ),
    metric(
        "AUC",
        keras=Form(call=RANK_AUC_IN_TF),
        torch=Form(call=RANK_AUC),
        inputs={"scores": uniform(64, low=0.999, high=1.0), "labels": integers(64, below=2)},
        oracle=rank_auc,
        divergences=(
            Divergence(
                "keras.metrics.AUC",
                0.069,
                0.11,
                "keras.metrics.AUC cuts at 200 thresholds between 0 and 1: scores that lie between two of them count "
                "as equal. Take ranks where scores crowd at an end.",
                keras=Form("keras.metrics.AUC()", KERAS.format("labels", "scores")),
            ),
            Divergence(
                "keras.metrics.AUC-spread",
                4.2e-05,
                6.4e-05,
                "Where scores spread between 0 and 1 little is lost.",
                keras=Form("keras.metrics.AUC()", KERAS.format("labels", "scores")),
                inputs={"scores": uniform(2000), "labels": integers(2000, below=2)},
            ),
        ),
    ),
    metric(
        "AUC-at-thresholds",
        keras=Form(
            f"keras.metrics.AUC(thresholds={THRESHOLDS})",
            KERAS.format("labels", "scores"),
        ),
        torch=Form(call=TRAPEZOIDS),
        oracle=trapezoids,
        **OF_YES_OR_NO,
        note="What keras.metrics.AUC calculates: trapezoids between the points of its thresholds.",
    ),
    metric(
        "MeanIoU",
        keras=Form("keras.metrics.MeanIoU(num_classes=5)", KERAS.format("labels", "keras.ops.argmax(scores, axis=-1)")),
        torch=Form(call=IOU),
        oracle=intersection_over_union,
        note="Of counts over all batches; a mean of batches' values is another number.",
    ),
    metric(
        "confusion-matrix",
        keras=Form(call="tf.math.confusion_matrix(labels, tf.argmax(scores, -1), 5, dtype='int64')"),
        torch=Form(call="torch.bincount(5 * labels + scores.argmax(-1), minlength=25).reshape(5, 5)"),
        oracle=confusion,
        vary=Vary({"scores": ("n", 5), "labels": ("n",)}, {"n": (1, 30)}),
        note="Rows are labels, columns predictions.",
    ),
)

FAMILY = Family("metrics", "Metrics of classes", "evaluate", ENTRIES)
