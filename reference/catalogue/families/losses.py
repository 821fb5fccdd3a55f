"""Cross-entropies of several classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import integers, normal, one_hot, probabilities, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import EVERYTHING, INFINITE, LARGE, NAN, SMALL, SUBNORMAL, ZEROS, Vary

CLASSES = Vary({"logits": ("n", "k"), "target": ("n", "k")}, {"k": (2, 6)}, {"logits": EVERYTHING})
IGNORED = values([3, -100, 0, 9, -100, 5, 1, -100], "int64")


def negative_log_likelihoods(a: Any, logits: Any, labels: Any) -> Any:
    """-log softmax(logits) at the labels, one a row."""
    return -a.log_softmax(logits)[np.arange(len(labels)), labels]


def smoothed(target: Any, by: float) -> Any:
    """Targets of which the share `by` goes to all classes alike (Szegedy et al. 2016)."""
    return target * (1.0 - by) + by / target.shape[-1]


def weighted_mean(a: Any, losses: Any, weights: Any) -> Any:
    """The sum of the weighted losses divided by that of the weights."""
    return a.sum(losses * weights, axis=None) / a.sum(weights, axis=None)


def focal(a: Any, logits: Any, target: Any) -> Any:
    """Lin et al. 2017 with alpha 0.25 and gamma 2, of all classes by their softmax."""
    p = a.softmax(logits)
    return -a.mean(a.sum(0.25 * a.square(1.0 - p) * target * a.log(p)))


def ctc(a: Any, logits: Any, labels: Any) -> Any:
    """Graves et al. 2006, the forward recursion; two labels each, unequal neighbours, class 0 is the blank."""
    p, rows = a.softmax(logits), np.arange(len(labels))[:, None]
    path = np.zeros((len(labels), 5), int)
    path[:, 1::2] = labels
    leap = np.asarray([0.0, 0, 0, 1, 0])
    alpha = p[rows, 0, path] * np.asarray([1.0, 1, 0, 0, 0])
    for t in range(1, logits.shape[1]):
        shifted = a.pad(alpha, ((0, 0), (2, 0)))
        alpha = (alpha + shifted[:, 1:6] + shifted[:, 0:5] * leap) * p[rows, t, path]
    return -a.mean(a.log(alpha[:, 3] + alpha[:, 4]))


FOCAL_IN_TORCH = """
p = F.softmax(logits, -1)
-(0.25 * (1 - p) ** 2 * target * p.log()).sum(-1).mean()
"""

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
        vary=CLASSES,
        note="torch also takes class indices, and takes logits always: a softmax before it is a silent mistake.",
        divergences=(
            Divergence(
                "logits-to-keras-as-shipped",
                0.69,
                1.1,
                "Keras's loss takes probabilities unless told from_logits=True; of logits it makes something else.",
                keras=Form("keras.losses.CategoricalCrossentropy()", "component(target, logits)"),
            ),
        ),
    ),
    Entry(
        "CategoricalCrossentropy-label-smoothing",
        keras=Form(
            "keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.125)",
            "component(target, logits)",
            shipped={"label_smoothing": 0.0},
        ),
        torch=Form(
            "nn.CrossEntropyLoss(label_smoothing=0.125)", "component(logits, target)", shipped={"label_smoothing": 0.0}
        ),
        inputs={"logits": normal(16, 10, scale=3.0), "target": one_hot(16, 10)},
        gradients=("logits",),
        oracle=lambda a, logits, target: -a.mean(a.sum(smoothed(target, 0.125) * a.log_softmax(logits))),
        vary=Vary(
            {"logits": ("n", "k"), "target": ("n", "k")},
            {"k": (2, 6)},
            {"logits": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN)},
        ),
        note="Keras smooths one-hot targets only, SparseCategoricalCrossentropy has no such setting; torch both.",
    ),
    Entry(
        "CategoricalCrossentropy-probabilities",
        keras=Form("keras.losses.CategoricalCrossentropy()", "component(target, p)"),
        torch=Form(call="F.nll_loss(p.log(), target.argmax(-1))"),
        inputs={"p": probabilities(16, 10), "target": one_hot(16, 10)},
        gradients=(),
        oracle=lambda a, p, target: -a.mean(a.log(a.sum(target * p) / a.sum(p))),
        vary=Vary({"p": ("n", "k"), "target": ("n", "k")}, {"k": (2, 6)}),
        note="The gradients differ: Keras divides by the sum of the probabilities, and differentiates that too.",
        divergences=(
            Divergence(
                "unnormalised",
                0.73,
                1.1,
                "Keras divides probabilities by their sum: of [0.2, 0.2] it makes 0.693, -log 0.2 is 1.609.",
                inputs={"p": values([[0.2, 0.2]]), "target": values([[0.0, 1.0]])},
            ),
            Divergence(
                "at-zero",
                float("inf"),
                float("inf"),
                "Keras floors p at 1e-7, so the loss at p = 0 is 16.118; -log 0 is infinite. Use logits.",
                inputs={"p": values([[1.0, 0.0]]), "target": values([[0.0, 1.0]])},
            ),
        ),
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
        oracle=lambda a, logits, labels: a.mean(negative_log_likelihoods(a, logits, labels)),
        vary=Vary({"logits": ("n", 10), "labels": ("n",)}, edges={"logits": EVERYTHING}),
        divergences=(
            Divergence(
                "softmax-before",
                1.7,
                2.7,
                "nn.CrossEntropyLoss takes logits; given probabilities it takes the softmax once more, silently.",
                torch=Form(call="F.cross_entropy(F.softmax(logits, -1), labels)"),
            ),
        ),
    ),
    Entry(
        "SparseCategoricalCrossentropy-after-softmax",
        keras=Form(call="keras.losses.SparseCategoricalCrossentropy()(labels, keras.ops.softmax(logits))"),
        torch=Form(call="F.cross_entropy(logits, labels)"),
        inputs={"logits": normal(16, 10, scale=3.0), "labels": integers(16, below=10)},
        oracle=lambda a, logits, labels: a.mean(negative_log_likelihoods(a, logits, labels)),
        vary=Vary(
            {"logits": ("n", 10), "labels": ("n",)}, edges={"logits": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN)}
        ),
        note="Keras finds the logits again behind keras.ops.softmax and a Softmax layer or activation.",
        divergences=(
            Divergence(
                "softmax-of-tensorflow",
                140.0,
                230.0,
                "Behind tf.nn.softmax Keras does not find the logits: the loss ends at 16.118, the gradient is lost.",
                keras=Form(call="keras.losses.SparseCategoricalCrossentropy()(labels, tf.nn.softmax(logits))"),
                inputs={"logits": values([[200.0, 0.0]]), "labels": values([1], "int64")},
            ),
        ),
    ),
    Entry(
        "SparseCategoricalCrossentropy-pixels",
        keras=Form("keras.losses.SparseCategoricalCrossentropy(from_logits=True)", "component(labels, logits)"),
        torch=Form("nn.CrossEntropyLoss()", "component(logits.permute(0, 3, 1, 2), labels)"),
        inputs={"logits": normal(2, 4, 5, 3), "labels": integers(2, 4, 5, below=3)},
        oracle=lambda a, logits, labels: a.mean(
            negative_log_likelihoods(a, logits.reshape(-1, 3), labels.ravel()), axis=None
        ),
        vary=Vary(
            {"logits": ("n", "h", "w", 3), "labels": ("n", "h", "w")},
            edges={"logits": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN)},
        ),
        note="Keras has the classes on the last axis, torch on the second one.",
        divergences=(
            Divergence(
                "classes-last-in-torch",
                0.31,
                0.48,
                "torch takes the axis after the batch's for the classes; with as many rows as classes nothing raises.",
                keras=Form(call="keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)"),
                torch=Form(call="F.cross_entropy(logits, labels)"),
                inputs={"logits": normal(2, 3, 3, 3), "labels": integers(2, 3, 3, below=3)},
            ),
        ),
    ),
    Entry(
        "SparseCategoricalCrossentropy-ignored",
        keras=Form(
            "keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-100)",
            "component(labels, logits)",
            shipped={"ignore_class": None},
        ),
        torch=Form("nn.CrossEntropyLoss(ignore_index=-100)", "component(logits, labels)"),
        inputs={"logits": normal(8, 10, scale=3.0), "labels": IGNORED},
        oracle=lambda a, logits, labels: a.mean(
            negative_log_likelihoods(a, logits[np.flatnonzero(labels >= 0)], labels[labels >= 0])
        ),
        vary=Vary({"logits": (8, 10)}, edges={"logits": (ZEROS, SUBNORMAL, SMALL, LARGE)}),
        note="-100 is torch's ignore_index as shipped; Keras ignores nothing unless told.",
        divergences=(
            Divergence(
                "mean-of-function",
                1.4,
                2.2,
                "The mean of keras.losses.sparse_categorical_crossentropy divides by all rows, ignored ones included.",
                keras=Form(
                    call="tf.reduce_mean(keras.losses.sparse_categorical_crossentropy("
                    "labels, logits, from_logits=True, ignore_class=-100))"
                ),
            ),
            Divergence(
                "all-ignored",
                float("inf"),
                float("inf"),
                "Where every label is ignored Keras's loss is 0 and torch's NaN.",
                inputs={"labels": values([-100] * 8, "int64")},
            ),
        ),
    ),
    Entry(
        "CategoricalCrossentropy-class-weights",
        keras=Form(
            "keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction='mean_with_sample_weight')",
            "component(labels, logits, sample_weight=tf.gather(weight, labels))",
            shipped={"reduction": "sum_over_batch_size"},
            since="3.7",
        ),
        torch=Form(call="F.cross_entropy(logits, labels, weight=weight)"),
        inputs={
            "logits": normal(16, 4, scale=3.0),
            "labels": integers(16, below=4),
            "weight": values([0.5, 1.0, 4.0, 16.0]),
        },
        gradients=("logits",),
        oracle=lambda a, logits, labels, weight: weighted_mean(
            a, negative_log_likelihoods(a, logits, labels), weight[labels]
        ),
        vary=Vary(
            {"logits": ("n", 4), "labels": ("n",)}, edges={"logits": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN)}
        ),
        divergences=(
            Divergence(
                "as-shipped",
                19.0,
                30.0,
                "With weights Keras divides by the number of samples (fit's class_weight, too), torch by the sum of "
                "their weights.",
                shipped=True,
            ),
        ),
    ),
    Entry(
        "CategoricalCrossentropy-weights-smoothing",
        keras=Form(
            call="keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.125)("
            "tf.one_hot(labels, 4), logits, sample_weight=tf.gather(weight, labels))"
        ),
        torch=Form(
            call="(F.cross_entropy(logits, labels, label_smoothing=0.125, reduction='none') * weight[labels]).mean()"
        ),
        inputs={
            "logits": normal(16, 4, scale=3.0),
            "labels": integers(16, below=4),
            "weight": values([0.5, 1.0, 4.0, 16.0]),
        },
        gradients=("logits",),
        oracle=lambda a, logits, labels, weight: a.mean(
            -a.sum(a.constant(smoothed(np.eye(4)[labels], 0.125)) * a.log_softmax(logits)) * weight[labels]
        ),
        vary=Vary(
            {"logits": ("n", 4), "labels": ("n",)}, edges={"logits": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN)}
        ),
        divergences=(
            Divergence(
                "weight-argument",
                3.3,
                5.1,
                "torch's `weight` with label smoothing weighs every class's share of the smoothed target with that "
                "class's weight, and divides by the weights of the labels.",
                torch=Form(call="F.cross_entropy(logits, labels, weight=weight, label_smoothing=0.125)"),
            ),
        ),
    ),
    Entry(
        "CategoricalFocalCrossentropy",
        keras=Form(
            "keras.losses.CategoricalFocalCrossentropy(alpha=0.25, gamma=2.0, from_logits=True)",
            "component(target, logits)",
            shipped={"from_logits": False},
        ),
        torch=Form(call=FOCAL_IN_TORCH),
        inputs={"logits": normal(16, 10), "target": one_hot(16, 10)},
        gradients=("logits",),
        oracle=focal,
        vary=Vary(
            {"logits": ("n", "k"), "target": ("n", "k")}, {"k": (2, 6)}, {"logits": (ZEROS, SUBNORMAL, SMALL, NAN)}
        ),
        note="alpha is one factor for all classes, so it only scales the loss; torch has no such loss.",
    ),
    Entry(
        "CTC",
        keras=Form("tf.function(keras.losses.CTC())", "component(labels, logits)", since="3"),
        torch=Form(
            call="F.ctc_loss(F.log_softmax(logits, -1).transpose(0, 1), labels, [6] * 3, [2] * 3, reduction='none')"
            ".mean()"
        ),
        inputs={"logits": normal(3, 6, 5), "labels": values([[1, 2], [4, 1], [2, 3]], "int64")},
        gradients=("logits",),
        oracle=ctc,
        note="Keras takes logits, batch first, and counts labels that are not 0; torch takes logarithms of "
        "probabilities, time first, and both lengths.",
        divergences=(
            Divergence(
                "torch-mean",
                2.4,
                3.7,
                "torch's reduction='mean' divides each loss by the length of its target first, Keras does not.",
                torch=Form(
                    call="F.ctc_loss(F.log_softmax(logits, -1).transpose(0, 1), labels, [6] * 3, [2] * 3)",
                ),
            ),
        ),
    ),
)

FAMILY = Family("losses", "Losses", "objective", ENTRIES)
