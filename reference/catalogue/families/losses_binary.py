"""Losses of yes and no: binary cross-entropies, hinges, overlaps."""

from __future__ import annotations

from typing import Any

from ..drawing import integers, normal, one_hot, uniform, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import INFINITE, LARGE, NAN, SMALL, SUBNORMAL, ZEROS, Vary

FINITE_LOGITS = Vary({"logits": ("n", "d"), "target": ("n", "d")}, edges={"logits": (ZEROS, SUBNORMAL, SMALL, LARGE)})
YES_OR_NO = integers(16, 3, below=2, dtype="float32")


def entropies(a: Any, logits: Any, target: Any) -> Any:
    """-t log s(x) - (1 - t) log(1 - s(x)) of the logistic function s, without overflow."""
    return a.maximum(logits, 0.0) - logits * target + a.log1p(a.exp(-a.abs(logits)))


def focal(a: Any, logits: Any, target: Any) -> Any:
    """Lin et al. 2017, equation 5, with alpha 0.25 and gamma 2."""
    p = a.sigmoid(logits)
    missed = p + target - 2.0 * (p * target)
    weight = 0.75 - 0.5 * target
    return a.mean(weight * a.square(missed) * entropies(a, logits, target), axis=None)


def signed(target: Any) -> Any:
    """0 and 1 as -1 and 1."""
    return 2.0 * target - 1.0


def tversky(a: Any, p: Any, target: Any) -> Any:
    """Salehi et al. 2017, alpha 0.25 for what is missed and beta 0.75 for what is wrongly found."""
    both = a.sum(p * target, axis=None)
    missed, wrong = a.sum((1.0 - p) * target, axis=None), a.sum(p * (1.0 - target), axis=None)
    return 1.0 - both / (both + 0.25 * missed + 0.75 * wrong + 1e-7)


TVERSKY_IN_TORCH = """
both, missed, wrong = (p * target).sum(), ((1 - p) * target).sum(), (p * (1 - target)).sum()
1 - both / (both + 0.25 * missed + 0.75 * wrong + 1e-7)
"""

ENTRIES = (
    Entry(
        "BinaryCrossentropy",
        keras=Form(
            "keras.losses.BinaryCrossentropy(from_logits=True)",
            "component(target, logits)",
            shipped={"from_logits": False},
        ),
        torch=Form("nn.BCEWithLogitsLoss()", "component(logits, target)"),
        inputs={"logits": normal(16, 3, scale=3.0), "target": YES_OR_NO},
        gradients=("logits",),
        oracle=lambda a, logits, target: a.mean(entropies(a, logits, target), axis=None),
        vary=FINITE_LOGITS,
        divergences=(
            Divergence(
                "as-shipped",
                4.7,
                7.1,
                "Keras's loss takes probabilities unless told from_logits=True, and clips what it is given.",
                shipped=True,
            ),
            Divergence(
                "integer-targets",
                float("inf"),
                float("inf"),
                "Keras casts integer targets, torch raises: result type Float can't be cast to Long.",
                torch=Form(call="F.binary_cross_entropy_with_logits(logits, target.long())"),
            ),
        ),
    ),
    Entry(
        "BinaryCrossentropy-probabilities",
        keras=Form("keras.losses.BinaryCrossentropy()", "component(target, p)"),
        torch=Form("nn.BCELoss()", "component(p, target)"),
        inputs={"p": uniform(16, 3, low=0.05, high=0.95), "target": uniform(16, 3)},
        gradients=("p",),
        oracle=lambda a, p, target: -a.mean(target * a.log(p) + (1.0 - target) * a.log(1.0 - p), axis=None),
        vary=Vary({"p": ("n", "d"), "target": ("n", "d")}),
        divergences=(
            Divergence(
                "at-zero",
                67.0,
                110.0,
                "Keras floors p at 1e-7, so the loss at p = 0 is 16.118; torch cuts the logarithm at -100.",
                inputs={"p": values([[0.0]]), "target": values([[1.0]])},
            ),
            Divergence(
                "gradient-at-zero",
                790000000000.0,
                1200000000000.0,
                "At p = 0 Keras's clip leaves no gradient; torch's is -1e12.",
                inputs={"p": values([[0.0]]), "target": values([[1.0]])},
                gradients=True,
            ),
        ),
    ),
    Entry(
        "BinaryCrossentropy-label-smoothing",
        keras=Form(
            "keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.125)",
            "component(target, logits)",
            shipped={"label_smoothing": 0.0},
        ),
        torch=Form(call="F.binary_cross_entropy_with_logits(logits, target * (1 - 0.125) + 0.125 / 2)"),
        inputs={"logits": normal(16, 3, scale=3.0), "target": YES_OR_NO},
        gradients=("logits",),
        oracle=lambda a, logits, target: a.mean(entropies(a, logits, target * 0.875 + 0.0625), axis=None),
        vary=FINITE_LOGITS,
        note="torch's binary losses have no such setting.",
    ),
    Entry(
        "weighted-cross-entropy-with-logits",
        keras=Form(call="tf.reduce_mean(tf.nn.weighted_cross_entropy_with_logits(target, logits, pos_weight=4.0))"),
        torch=Form(
            "nn.BCEWithLogitsLoss(pos_weight=torch.tensor(4.0))",
            "component(logits, target)",
        ),
        inputs={"logits": normal(16, 3, scale=3.0), "target": YES_OR_NO},
        gradients=("logits",),
        oracle=lambda a, logits, target: a.mean(
            (1.0 - target) * logits + (1.0 + 3.0 * target) * (a.log1p(a.exp(-a.abs(logits))) + a.maximum(-logits, 0.0)),
            axis=None,
        ),
        vary=Vary({"logits": ("n", "d"), "target": ("n", "d")}, edges={"logits": (SMALL, LARGE, INFINITE, NAN)}),
        note="pos_weight is torch's; in Keras it is a function of TensorFlow.",
    ),
    Entry(
        "multi-label",
        keras=Form("keras.losses.BinaryCrossentropy(from_logits=True)", "component(target, logits)"),
        torch=Form("nn.MultiLabelSoftMarginLoss()", "component(logits, target)"),
        inputs={"logits": normal(16, 3, scale=3.0), "target": YES_OR_NO},
        gradients=("logits",),
        oracle=lambda a, logits, target: a.mean(entropies(a, logits, target), axis=None),
        vary=FINITE_LOGITS,
        note="nn.MultiLabelSoftMarginLoss is the mean binary cross-entropy of logits under another name.",
    ),
    Entry(
        "BinaryFocalCrossentropy",
        keras=Form(
            "keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, from_logits=True)",
            "component(target, logits)",
            shipped={"apply_class_balancing": False},
        ),
        torch=Form(
            call="torchvision.ops.sigmoid_focal_loss(logits, target, reduction='mean')",
            shipped={"reduction": "none"},
        ),
        inputs={"logits": normal(16, 3), "target": YES_OR_NO},
        gradients=("logits",),
        oracle=focal,
        vary=Vary(
            {"logits": ("n", "d"), "target": ("n", "d")}, edges={"logits": (ZEROS, SUBNORMAL, SMALL, LARGE, NAN)}
        ),
        note="Both have alpha 0.25 and gamma 2.",
        divergences=(
            Divergence(
                "without-class-balancing",
                0.13,
                0.21,
                "As shipped Keras does not apply alpha, torchvision does.",
                keras=Form(call="keras.losses.BinaryFocalCrossentropy(from_logits=True)(target, logits)"),
            ),
        ),
    ),
    Entry(
        "Dice",
        keras=Form("keras.losses.Dice()", "component(target, p)", since="3.2"),
        torch=Form(call="1 - 2 * (p * target).sum() / (p.sum() + target.sum() + 1e-7)"),
        inputs={"p": uniform(16, 3), "target": YES_OR_NO},
        gradients=("p",),
        oracle=lambda a, p, target: (
            1.0 - 2.0 * a.sum(p * target, axis=None) / (a.sum(p, axis=None) + a.sum(target, axis=None) + 1e-7)
        ),
        vary=Vary({"p": ("n", "d"), "target": ("n", "d")}),
        note="Keras sums over the batch, too, unless given axis; torch has no such loss.",
    ),
    Entry(
        "Tversky",
        keras=Form(
            "keras.losses.Tversky(alpha=0.25, beta=0.75)",
            "component(target, p)",
            shipped={"alpha": 0.5, "beta": 0.5},
            since="3.3",
        ),
        torch=Form(call=TVERSKY_IN_TORCH),
        inputs={"p": uniform(16, 3), "target": YES_OR_NO},
        gradients=("p",),
        oracle=tversky,
        vary=Vary({"p": ("n", "d"), "target": ("n", "d")}),
        note="Keras's alpha weighs what is missed and beta what is wrongly found, the other way round than in the "
        "paper that it cites.",
    ),
    Entry(
        "Hinge",
        keras=Form("keras.losses.Hinge()", "component(target, prediction)"),
        torch=Form(call="F.relu(1 - (2 * target - 1) * prediction).mean()"),
        inputs={"prediction": normal(16, 3), "target": YES_OR_NO},
        gradients=("prediction",),
        oracle=lambda a, prediction, target: a.mean(a.maximum(1.0 - signed(target) * prediction, 0.0), axis=None),
        vary=Vary(
            {"prediction": ("n", "d"), "target": ("n", "d")},
            edges={"prediction": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE)},
        ),
        note="Keras takes 0 and 1 as -1 and 1; nn.HingeEmbeddingLoss is of distances, and another loss.",
        divergences=(
            Divergence(
                "targets-not-signed",
                0.064,
                0.097,
                "Written in torch, targets of 0 and 1 must be made -1 and 1 by hand.",
                torch=Form(call="F.relu(1 - target * prediction).mean()"),
            ),
            Divergence(
                "HingeEmbeddingLoss",
                0.5,
                0.76,
                "nn.HingeEmbeddingLoss takes the prediction for a distance: x for 1, max(0, 1 - x) for -1.",
                torch=Form(call="F.hinge_embedding_loss(prediction, 2 * target - 1)"),
            ),
        ),
    ),
    Entry(
        "SquaredHinge",
        keras=Form("keras.losses.SquaredHinge()", "component(target, prediction)"),
        torch=Form(call="F.relu(1 - (2 * target - 1) * prediction).square().mean()"),
        inputs={"prediction": normal(16, 3), "target": YES_OR_NO},
        gradients=("prediction",),
        oracle=lambda a, prediction, target: a.mean(
            a.square(a.maximum(1.0 - signed(target) * prediction, 0.0)), axis=None
        ),
        vary=Vary(
            {"prediction": ("n", "d"), "target": ("n", "d")},
            edges={"prediction": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE)},
        ),
    ),
    Entry(
        "CategoricalHinge",
        keras=Form("keras.losses.CategoricalHinge()", "component(target, scores)"),
        torch=Form(
            call="F.relu((scores - 1e30 * target).amax(-1).clamp(min=0) - (scores * target).sum(-1) + 1).mean()"
        ),
        inputs={"scores": normal(16, 5, scale=2.0), "target": one_hot(16, 5)},
        gradients=("scores",),
        oracle=lambda a, scores, target: a.mean(
            a.maximum(a.maximum(a.max((1.0 - target) * scores), 0.0) - a.sum(scores * target) + 1.0, 0.0)
        ),
        vary=Vary({"scores": ("n", "k"), "target": ("n", "k")}, {"k": (2, 6)}),
        note="Keras's best wrong score is never below 0, because the right class enters it as 0.",
        divergences=(
            Divergence(
                "MultiMarginLoss",
                1.8,
                2.8,
                "nn.MultiMarginLoss takes the mean over the wrong classes, Keras the worst one.",
                torch=Form(call="F.multi_margin_loss(scores, target.argmax(-1))"),
            ),
        ),
    ),
    Entry(
        "soft-margin",
        keras=Form(call="tf.reduce_mean(tf.math.softplus((1.0 - 2.0 * target) * logits))"),
        torch=Form("nn.SoftMarginLoss()", "component(logits, 2 * target - 1)"),
        inputs={"logits": normal(16, 3, scale=3.0), "target": YES_OR_NO},
        gradients=("logits",),
        oracle=lambda a, logits, target: a.mean(a.softplus((1.0 - 2.0 * target) * logits), axis=None),
        vary=Vary({"logits": ("n", "d"), "target": ("n", "d")}, edges={"logits": (ZEROS, SUBNORMAL, SMALL, NAN)}),
        note="The binary cross-entropy of logits with targets -1 and 1.",
    ),
)

FAMILY = Family("losses_binary", "Losses of yes and no", "objective", ENTRIES)
