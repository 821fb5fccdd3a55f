"""Losses of distances, likelihoods and directions, and how losses are averaged."""

from __future__ import annotations

from typing import Any

from ..drawing import normal, probabilities, uniform
from ..entries import Divergence, Entry, Family, Form
from ..varying import EVERYTHING, INFINITE, LARGE, NAN, SMALL, SUBNORMAL, ZEROS, Vary

PAIR = {"prediction": normal(16, 4), "target": normal(16, 4)}


def huber(a: Any, prediction: Any, target: Any) -> Any:
    """Half the square within 0.5 of the target, beyond it linear (Huber 1964)."""
    error = a.abs(prediction - target)
    return a.mean(a.where(error > 0.5, 0.5 * error - 0.125, 0.5 * a.square(error)), axis=None)


def cosine(a: Any, x: Any, y: Any) -> Any:
    """The cosine of the angle between the vectors of the last axis."""
    return a.sum(x * y) / (a.sqrt(a.sum(a.square(x))) * a.sqrt(a.sum(a.square(y))))


def log_cosh(a: Any, prediction: Any, target: Any) -> Any:
    """log cosh of the error, as x + softplus(-2 x) - log 2."""
    error = prediction - target
    return a.mean(error + a.softplus(-2.0 * error) - 0.6931471805599453, axis=None)


def triplet(a: Any, anchor: Any, positive: Any, negative: Any) -> Any:
    """Schroff et al. 2015 with distances instead of their squares; margin 1."""
    near = a.sqrt(a.sum(a.square(anchor - positive + 1e-6)))
    far = a.sqrt(a.sum(a.square(anchor - negative + 1e-6)))
    return a.mean(a.maximum(near - far + 1.0, 0.0))


TRIPLET_IN_KERAS = """
near = tf.norm(anchor - positive + 1e-6, axis=-1)
far = tf.norm(anchor - negative + 1e-6, axis=-1)
tf.reduce_mean(tf.nn.relu(near - far + 1.0))
"""


def of_pair(name: str, keras: Form, torch: Form, oracle: Any, **more: Any) -> Entry:
    """The entry of a loss of predictions and targets, both (16, 4) unless said otherwise."""
    inputs = more.get("inputs", PAIR)
    vary = Vary(dict.fromkeys(inputs, ("n", "d")), edges={"prediction": EVERYTHING})
    return Entry(
        name,
        keras,
        torch,
        **{"inputs": inputs, "gradients": ("prediction",), "oracle": oracle, "vary": vary, **more},
    )


ENTRIES = (
    of_pair(
        "MeanSquaredError",
        keras=Form("keras.losses.MeanSquaredError()", "component(target, prediction)"),
        torch=Form("nn.MSELoss()", "component(prediction, target)"),
        oracle=lambda a, prediction, target: a.mean(a.square(prediction - target), axis=None),
        vary=Vary(
            {"prediction": ("n", "d"), "target": ("n", "d")},
            edges={"prediction": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN)},
        ),
        divergences=(
            Divergence(
                "column-against-row",
                0.14,
                0.23,
                "Of predictions (n, 1) and targets (n,) Keras squeezes one axis; torch broadcasts to (n, n), with a "
                "warning.",
                inputs={"prediction": normal(16, 1), "target": normal(16)},
            ),
        ),
    ),
    of_pair(
        "MeanAbsoluteError",
        keras=Form("keras.losses.MeanAbsoluteError()", "component(target, prediction)"),
        torch=Form("nn.L1Loss()", "component(prediction, target)"),
        oracle=lambda a, prediction, target: a.mean(a.abs(prediction - target), axis=None),
        vary=Vary(
            {"prediction": ("n", "d"), "target": ("n", "d")},
            edges={"prediction": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE)},
        ),
    ),
    of_pair(
        "MeanAbsolutePercentageError",
        keras=Form("keras.losses.MeanAbsolutePercentageError()", "component(target, prediction)"),
        torch=Form(call="100 * ((target - prediction) / target.abs().clamp(min=1e-7)).abs().mean()"),
        oracle=lambda a, prediction, target: 100.0 * a.mean(a.abs((target - prediction) / a.abs(target)), axis=None),
        vary=Vary(
            {"prediction": ("n", "d"), "target": ("n", "d")},
            edges={"prediction": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE)},
        ),
        note="In per cent; a target of 0 counts as 1e-7.",
    ),
    of_pair(
        "MeanSquaredLogarithmicError",
        keras=Form("keras.losses.MeanSquaredLogarithmicError()", "component(target, prediction)"),
        torch=Form(
            call="(prediction.clamp(min=1e-7) + 1).log().sub((target.clamp(min=1e-7) + 1).log()).square().mean()"
        ),
        inputs={"prediction": uniform(16, 4, low=0.5, high=9.0), "target": uniform(16, 4, low=0.5, high=9.0)},
        oracle=lambda a, prediction, target: a.mean(a.square(a.log(prediction + 1.0) - a.log(target + 1.0)), axis=None),
        vary=Vary({"prediction": ("n", "d"), "target": ("n", "d")}),
    ),
    of_pair(
        "Huber",
        keras=Form("keras.losses.Huber(delta=0.5)", "component(target, prediction)", shipped={"delta": 1.0}),
        torch=Form("nn.HuberLoss(delta=0.5)", "component(prediction, target)", shipped={"delta": 1.0}),
        oracle=huber,
        vary=Vary(
            {"prediction": ("n", "d"), "target": ("n", "d")},
            edges={"prediction": (ZEROS, SUBNORMAL, SMALL, LARGE, NAN)},
        ),
        divergences=(
            Divergence(
                "SmoothL1Loss",
                0.39,
                0.6,
                "nn.SmoothL1Loss(beta=d) is Huber(delta=d) divided by d.",
                torch=Form("nn.SmoothL1Loss(beta=0.5)", "component(prediction, target)"),
            ),
        ),
    ),
    of_pair(
        "SmoothL1",
        keras=Form(call="keras.losses.Huber(delta=0.5)(target, prediction) / 0.5"),
        torch=Form("nn.SmoothL1Loss(beta=0.5)", "component(prediction, target)", shipped={"beta": 1.0}),
        oracle=lambda a, prediction, target: huber(a, prediction, target) / 0.5,
        vary=Vary(
            {"prediction": ("n", "d"), "target": ("n", "d")},
            edges={"prediction": (ZEROS, SUBNORMAL, SMALL, LARGE, NAN)},
        ),
    ),
    of_pair(
        "LogCosh",
        keras=Form("keras.losses.LogCosh()", "component(target, prediction)"),
        torch=Form(call="(prediction - target + F.softplus(-2 * (prediction - target)) - math.log(2)).mean()"),
        oracle=log_cosh,
        vary=Vary(
            {"prediction": ("n", "d"), "target": ("n", "d")},
            edges={"prediction": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN)},
        ),
        note="torch has no such loss; log(cosh(x)) as it stands overflows from x = 89 on.",
    ),
    of_pair(
        "Poisson",
        keras=Form("keras.losses.Poisson()", "component(target, prediction)"),
        torch=Form(
            "nn.PoissonNLLLoss(log_input=False, eps=1e-7)",
            "component(prediction, target)",
            shipped={"log_input": True, "eps": 1e-8},
        ),
        inputs={"prediction": uniform(16, 4, low=0.25, high=4.0), "target": uniform(16, 4, high=5.0)},
        oracle=lambda a, prediction, target: a.mean(prediction - target * a.log(prediction + 1e-7), axis=None),
        vary=Vary(
            {"prediction": ("n", "d"), "target": ("n", "d")},
            edges={"prediction": (ZEROS, SUBNORMAL, LARGE, INFINITE, NAN)},
        ),
        divergences=(
            Divergence(
                "as-shipped",
                6.5,
                9.8,
                "nn.PoissonNLLLoss takes the logarithm of the rate unless told log_input=False.",
                shipped=True,
            ),
        ),
    ),
    of_pair(
        "KLDivergence",
        keras=Form("keras.losses.KLDivergence()", "component(target, prediction)"),
        torch=Form(
            "nn.KLDivLoss(reduction='batchmean')",
            "component(prediction.log(), target)",
            shipped={"reduction": "mean", "log_target": False},
        ),
        inputs={"prediction": probabilities(16, 4), "target": probabilities(16, 4)},
        oracle=lambda a, prediction, target: a.mean(a.sum(target * a.log(target / prediction))),
        vary=Vary({"prediction": ("n", "d"), "target": ("n", "d")}),
        note="Keras takes (target, prediction), torch (logarithm of the prediction, target), or with log_target=True "
        "both as logarithms.",
        divergences=(
            Divergence(
                "reduction-as-shipped",
                0.31,
                0.48,
                "reduction='mean' divides by all elements, not by the rows.",
                torch=Form("nn.KLDivLoss()", "component(prediction.log(), target)"),
            ),
            Divergence(
                "logarithm-forgotten",
                1.5,
                2.4,
                "Given probabilities torch raises nothing.",
                torch=Form("nn.KLDivLoss(reduction='batchmean')", "component(prediction, target)"),
            ),
            Divergence(
                "order-kept",
                0.017,
                0.026,
                "With Keras's order of the arguments torch gives the divergence of the other direction.",
                torch=Form("nn.KLDivLoss(reduction='batchmean')", "component(target.log(), prediction)"),
            ),
        ),
    ),
    of_pair(
        "KLDivergence-log-target",
        keras=Form(call="keras.losses.KLDivergence()(tf.exp(target), tf.exp(prediction))"),
        torch=Form(
            "nn.KLDivLoss(reduction='batchmean', log_target=True)",
            "component(prediction, target)",
            shipped={"log_target": False},
        ),
        inputs={"prediction": uniform(16, 4, low=-3.0, high=-1.0), "target": uniform(16, 4, low=-3.0, high=-1.0)},
        oracle=lambda a, prediction, target: a.mean(a.sum(a.exp(target) * a.log(a.exp(target) / a.exp(prediction)))),
        vary=Vary({"prediction": ("n", "d"), "target": ("n", "d")}, edges={"prediction": (ZEROS, SUBNORMAL)}),
    ),
    of_pair(
        "CosineSimilarity",
        keras=Form("keras.losses.CosineSimilarity()", "component(target, prediction)"),
        torch=Form(call="-F.cosine_similarity(prediction, target).mean()"),
        oracle=lambda a, prediction, target: -a.mean(cosine(a, prediction, target)),
        vary=Vary({"prediction": ("n", "d"), "target": ("n", "d")}, edges={"prediction": (LARGE, INFINITE, NAN)}),
        note="Keras's loss is minus the cosine; keras.metrics.CosineSimilarity is the cosine.",
        divergences=(
            Divergence(
                "CosineEmbeddingLoss",
                0.79,
                1.2,
                "nn.CosineEmbeddingLoss is 1 less the cosine.",
                torch=Form(call="F.cosine_embedding_loss(prediction, target, torch.ones(16))"),
            ),
            Divergence(
                "short-vectors",
                0.04,
                0.061,
                "Keras floors the norm at 1e-7, torch at 1e-8: vectors between keep a length below one in Keras.",
                inputs={"prediction": normal(16, 4, scale=1e-8)},
            ),
        ),
    ),
    Entry(
        "triplet-margin",
        keras=Form(call=TRIPLET_IN_KERAS),
        torch=Form("nn.TripletMarginLoss(margin=1.0)", "component(anchor, positive, negative)"),
        inputs={"anchor": normal(16, 4), "positive": normal(16, 4), "negative": normal(16, 4)},
        oracle=triplet,
        vary=Vary(dict.fromkeys(("anchor", "positive", "negative"), ("n", "d"))),
        note="Keras has no such loss; torch adds 1e-6 to the difference of every coordinate.",
    ),
    of_pair(
        "reduction-none",
        keras=Form("keras.losses.MeanSquaredError(reduction='none')", "component(target, prediction)"),
        torch=Form(call="F.mse_loss(prediction, target, reduction='none').mean(-1)"),
        oracle=lambda a, prediction, target: a.mean(a.square(prediction - target)),
        vary=Vary(
            {"prediction": ("n", "d"), "target": ("n", "d")},
            edges={"prediction": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN)},
        ),
        note="Keras's losses are means over the last axis; what is reduced is one number a sample.",
        divergences=(
            Divergence(
                "torch-none",
                float("inf"),
                float("inf"),
                "torch's reduction='none' keeps the last axis, Keras's has taken its mean.",
                torch=Form(call="F.mse_loss(prediction, target, reduction='none')"),
            ),
        ),
    ),
    of_pair(
        "reduction-sum",
        keras=Form("keras.losses.MeanSquaredError(reduction='sum')", "component(target, prediction)"),
        torch=Form(call="F.mse_loss(prediction, target, reduction='none').mean(-1).sum()"),
        oracle=lambda a, prediction, target: a.sum(a.mean(a.square(prediction - target))),
        vary=Vary(
            {"prediction": ("n", "d"), "target": ("n", "d")},
            edges={"prediction": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN)},
        ),
        divergences=(
            Divergence(
                "torch-sum",
                84.0,
                130.0,
                "torch's reduction='sum' sums all elements: the last axis's length times as much.",
                torch=Form(call="F.mse_loss(prediction, target, reduction='sum')"),
            ),
        ),
    ),
    of_pair(
        "sample-weights",
        keras=Form(
            "keras.losses.MeanSquaredError()",
            "component(target, prediction, sample_weight=weight)",
        ),
        torch=Form(call="(weight * F.mse_loss(prediction, target, reduction='none').mean(-1)).mean()"),
        inputs={**PAIR, "weight": uniform(16, high=4.0)},
        oracle=lambda a, prediction, target, weight: a.mean(weight * a.mean(a.square(prediction - target))),
        vary=Vary(
            {"prediction": ("n", "d"), "target": ("n", "d"), "weight": ("n",)},
            edges={"prediction": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN)},
        ),
        note="As shipped Keras divides by the number of samples, not by the sum of their weights.",
        divergences=(
            Divergence(
                "divided-by-weights",
                0.5,
                0.76,
                "A weighted mean divides by the sum of the weights: Keras's reduction='mean_with_sample_weight'.",
                torch=Form(
                    call="(weight * F.mse_loss(prediction, target, reduction='none').mean(-1)).sum() / weight.sum()"
                ),
            ),
        ),
    ),
    Entry(
        "l2-regulariser",
        keras=Form(call="keras.regularizers.L2(0.125)(x)"),
        torch=Form(call="0.125 * x.square().sum()"),
        inputs={"x": normal(5, 4)},
        oracle=lambda a, x: 0.125 * a.sum(a.square(x), axis=None),
        vary=Vary({"x": ("n", "d")}, edges={"x": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN)}),
        note="Keras adds it to the loss; torch.optim's weight_decay adds w times the weight to the gradient, which "
        "is L2(w / 2).",
        divergences=(
            Divergence(
                "weight-decay-of-the-same-size",
                0.21,
                0.33,
                "The gradient of L2(w) is 2 w times the weight, that of weight_decay=w is w times the weight.",
                torch=Form(call="0.125 * x.square().sum() / 2"),
                gradients=True,
            ),
        ),
    ),
    of_pair(
        "gaussian-likelihood",
        keras=Form(call="tf.reduce_mean(0.5 * (tf.math.log(variance) + tf.square(prediction - target) / variance))"),
        torch=Form("nn.GaussianNLLLoss()", "component(prediction, target, variance)", shipped={"eps": 1e-6}),
        inputs={**PAIR, "variance": uniform(16, 4, low=0.25, high=4.0)},
        gradients=("prediction", "variance"),
        oracle=lambda a, prediction, target, variance: a.mean(
            0.5 * (a.log(variance) + a.square(prediction - target) / variance), axis=None
        ),
        vary=Vary(
            {"prediction": ("n", "d"), "target": ("n", "d"), "variance": ("n", "d")},
            edges={"prediction": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN)},
        ),
        note="Keras has no such loss; torch floors the variance at 1e-6, and leaves out half of log 2 pi.",
    ),
)

FAMILY = Family("losses_regression", "Losses of regression", "objective", ENTRIES)
