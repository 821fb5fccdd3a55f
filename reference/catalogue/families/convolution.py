"""Convolutions."""

from __future__ import annotations

from typing import Any

from ..drawing import normal
from ..entries import Divergence, Entry, Family, Form
from ..formulas import convolved, depthwise, same_pads
from ..varying import BATCHES, Vary

MAPPED = {"weight": "kernel.transpose(3, 2, 0, 1)", "bias": "bias"}
MAPPED_1D = {"weight": "kernel.transpose(2, 1, 0)", "bias": "bias"}
MAPPED_3D = {"weight": "kernel.transpose(4, 3, 0, 1, 2)", "bias": "bias"}
SEPARABLE = """
class Separable(nn.Module):
    def __init__(self):
        super().__init__()
        self.depthwise = nn.Conv{0}d(4, 8, 3, groups=4, bias=False)
        self.pointwise = nn.Conv{0}d(8, 6, 1)
    def forward(self, x):
        return self.pointwise(self.depthwise(x))
Separable()
"""


def first(build: str, call: str = "", **more: Any) -> Form:
    """A torch form of images."""
    return Form(build, call, weights=more.pop("weights", MAPPED), channels_first=True, **more)


def weights(*kernel: int, bias: int = 0) -> dict[str, Any]:
    """A kernel and a bias, which has as many numbers as the kernel has filters unless told otherwise."""
    return {"kernel": normal(*kernel), "bias": normal(bias or kernel[-1])}


PLAIN = (
    Entry(
        "Conv2D",
        keras=Form("keras.layers.Conv2D(6, 3)"),
        torch=first("nn.Conv2d(3, 6, 3)"),
        inputs={"x": normal(2, 8, 7, 3)},
        weights=weights(3, 3, 3, 6),
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel) + bias,
        compiled=True,
        vary=Vary({"x": ("n", "h", "w", 3)}, {"h": (3, 8), "w": (3, 8)}),
        note="Keras images are height, width, channels and its kernels height, width, in, out; torch has channels "
        "first in both. The initialisers differ as Dense's do.",
    ),
    Entry(
        "Conv2D-channels_first",
        keras=Form("keras.layers.Conv2D(6, 3, data_format='channels_first')"),
        torch=Form("nn.Conv2d(3, 6, 3)", weights=MAPPED),
        inputs={"x": normal(2, 3, 8, 7)},
        weights=weights(3, 3, 3, 6),
        oracle=lambda a, x, kernel, bias: (convolved(a, x.transpose(0, 2, 3, 1), kernel) + bias).transpose(0, 3, 1, 2),
        vary=Vary({"x": ("n", 3, "h", "w")}, {"h": (3, 8), "w": (3, 7)}),
        note="The images then lie as torch's do, the kernel as ever.",
        divergences=(
            Divergence(
                "as-wide-as-filters",
                1.9,
                2.9,
                "Where the output is as wide as there are filters, Keras adds the bias along the width: keras.ops.add "
                "takes an operand with one long axis for a bias, and for one of the last axis first.",
                inputs={"x": normal(2, 3, 8, 8)},
                cause="framework-bug",
                versions={"keras": ">=3.7", "torch": ">=2.2"},
                evidence="since keras-team/keras#20386; found with a shape that hypothesis drew",
            ),
        ),
    ),
    Entry(
        "Conv1D",
        keras=Form("keras.layers.Conv1D(6, 4, strides=2)"),
        torch=first("nn.Conv1d(3, 6, 4, stride=2)", weights=MAPPED_1D),
        inputs={"x": normal(2, 11, 3)},
        weights=weights(4, 3, 6),
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel, 2) + bias,
        vary=Vary({"x": ("n", "steps", 3)}, {"steps": (4, 11)}),
    ),
    Entry(
        "Conv1D-causal",
        keras=Form("keras.layers.Conv1D(6, 3, padding='causal', dilation_rate=2)"),
        torch=first("nn.Conv1d(3, 6, 3, dilation=2)", "component(F.pad(x, (4, 0)))", weights=MAPPED_1D),
        inputs={"x": normal(2, 9, 3)},
        weights=weights(3, 3, 6),
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel, pads=[(4, 0)], dilation=2) + bias,
        vary=Vary({"x": ("n", "steps", 3)}, {"steps": (1, 9)}),
        note="torch has no causal padding: put (kernel - 1) * dilation zeros before.",
        divergences=(
            Divergence(
                "padded-both-sides",
                8.2,
                11.0,
                "padding='same' looks ahead, with the same shapes.",
                torch=first("nn.Conv1d(3, 6, 3, dilation=2, padding='same')", weights=MAPPED_1D),
            ),
        ),
    ),
    Entry(
        "Conv3D",
        keras=Form("keras.layers.Conv3D(3, (2, 3, 2))"),
        torch=first("nn.Conv3d(2, 3, (2, 3, 2))", weights=MAPPED_3D),
        inputs={"x": normal(2, 4, 5, 3, 2)},
        weights=weights(2, 3, 2, 2, 3),
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel) + bias,
        vary=Vary({"x": ("n", "depth", "h", "w", 2)}, {"depth": (2, 4), "h": (3, 5), "w": (2, 4)}),
    ),
    Entry(
        "Conv2D-strides-unequal",
        keras=Form("keras.layers.Conv2D(4, (2, 3), strides=(1, 2))"),
        torch=first("nn.Conv2d(3, 4, (2, 3), stride=(1, 2))"),
        inputs={"x": normal(2, 6, 9, 3)},
        weights=weights(2, 3, 3, 4),
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel, (1, 2)) + bias,
        vary=Vary({"x": ("n", "h", "w", 3)}, {"h": (3, 8), "w": (3, 8)}),
    ),
    Entry(
        "Conv2D-pointwise",
        keras=Form("keras.layers.Conv2D(6, 1, use_bias=False)"),
        torch=Form("nn.Linear(3, 6, bias=False)", weights={"weight": "kernel[0, 0].T"}),
        inputs={"x": normal(2, 5, 4, 3)},
        weights={"kernel": normal(1, 1, 3, 6)},
        oracle=lambda a, x, kernel: convolved(a, x, kernel),
        vary=Vary({"x": ("n", "h", "w", 3)}),
        note="A window of one pixel is a dense layer on the channels, which nn.Linear takes last.",
    ),
    Entry(
        "Conv2D-groups",
        keras=Form("keras.layers.Conv2D(6, 3, groups=2)"),
        torch=first("nn.Conv2d(4, 6, 3, groups=2)"),
        inputs={"x": normal(2, 6, 7, 4)},
        weights=weights(3, 3, 2, 6),
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel, groups=2) + bias,
        vary=Vary({"x": ("n", "h", "w", 4)}, {"h": (3, 8), "w": (3, 8)}),
    ),
    Entry(
        "Conv2D-dilated",
        keras=Form("keras.layers.Conv2D(4, 3, dilation_rate=2)"),
        torch=first("nn.Conv2d(3, 4, 3, dilation=2)"),
        inputs={"x": normal(2, 9, 8, 3)},
        weights=weights(3, 3, 3, 4),
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel, dilation=2) + bias,
        vary=Vary({"x": ("n", "h", "w", 3)}, {"h": (5, 9), "w": (5, 9)}),
        divergences=(
            Divergence(
                "stride-and-dilation",
                float("inf"),
                float("inf"),
                "Keras raises for a stride above 1 together with a dilation above 1; torch allows it.",
                versions={"keras": ">=3,<3.16", "torch": ">=2.2"},
                evidence="supported on TensorFlow after 3.15.1: keras-team/keras#23181",
                keras=Form("keras.layers.Conv2D(4, 3, strides=2, dilation_rate=2)"),
                torch=first("nn.Conv2d(3, 4, 3, stride=2, dilation=2)"),
            ),
        ),
    ),
)

PADDED = (
    Entry(
        "Conv2D-same",
        keras=Form("keras.layers.Conv2D(6, 3, padding='same')"),
        torch=first("nn.Conv2d(3, 6, 3, padding='same')"),
        inputs={"x": normal(2, 6, 7, 3)},
        weights=weights(3, 3, 3, 6),
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel, 1, same_pads(x.shape[1:-1], 3, 1)) + bias,
        vary=Vary({"x": ("n", "h", "w", 3)}, {"h": (1, 7), "w": (1, 7)}),
        note="Without strides, and with odd windows, padding=1 is the same.",
    ),
    Entry(
        "Conv2D-same-even-window",
        keras=Form("keras.layers.Conv2D(6, (4, 2), padding='same')"),
        torch=first("nn.Conv2d(3, 6, (4, 2), padding='same')"),
        inputs={"x": normal(2, 6, 7, 3)},
        weights=weights(4, 2, 3, 6),
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel, 1, same_pads(x.shape[1:-1], (4, 2), 1)) + bias,
        vary=Vary({"x": ("n", "h", "w", 3)}, {"h": (1, 7), "w": (1, 7)}),
        note="Of an odd count both put the last zero behind. No number for padding= gives this shape.",
    ),
    Entry(
        "Conv2D-same-dilated",
        keras=Form("keras.layers.Conv2D(4, 3, padding='same', dilation_rate=2)"),
        torch=first("nn.Conv2d(3, 4, 3, padding='same', dilation=2)"),
        inputs={"x": normal(2, 7, 6, 3)},
        weights=weights(3, 3, 3, 4),
        oracle=lambda a, x, kernel, bias: (
            convolved(a, x, kernel, 1, same_pads(x.shape[1:-1], 3, 1, 2), dilation=2) + bias
        ),
        vary=Vary({"x": ("n", "h", "w", 3)}, {"h": (1, 7), "w": (1, 7)}),
    ),
    Entry(
        "Conv2D-same-stride-2-even",
        keras=Form("keras.layers.Conv2D(6, 3, strides=2, padding='same')"),
        torch=first("nn.Conv2d(3, 6, 3, stride=2)", "component(F.pad(x, (0, 1, 0, 1)))"),
        inputs={"x": normal(2, 8, 8, 3)},
        weights=weights(3, 3, 3, 6),
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel, 2, same_pads(x.shape[1:-1], 3, 2)) + bias,
        vary=Vary({"x": ("n", 8, 6, 3)}),
        divergences=(
            Divergence(
                "symmetric-padding",
                17.0,
                25.0,
                "Keras puts the odd row and column of padding behind; padding=1 pads both sides: "
                "the shapes agree, the windows are one pixel off.",
                torch=first("nn.Conv2d(3, 6, 3, stride=2, padding=1)"),
            ),
            Divergence(
                "same-raises",
                float("inf"),
                float("inf"),
                "nn.Conv2d(padding='same') raises for strides above 1.",
                torch=first("nn.Conv2d(3, 6, 3, stride=2, padding='same')"),
            ),
        ),
    ),
    Entry(
        "Conv2D-same-stride-2-odd",
        keras=Form("keras.layers.Conv2D(6, 3, strides=2, padding='same')"),
        torch=first("nn.Conv2d(3, 6, 3, stride=2, padding=1)"),
        inputs={"x": normal(2, 7, 9, 3)},
        weights=weights(3, 3, 3, 6),
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel, 2, same_pads(x.shape[1:-1], 3, 2)) + bias,
        vary=Vary({"x": ("n", 5, 7, 3)}),
        note="Odd sizes and an odd window need as many zeros before as behind, so padding=1 is right here.",
    ),
    Entry(
        "Conv1D-same-stride-3",
        keras=Form("keras.layers.Conv1D(6, 5, strides=3, padding='same')"),
        torch=first("nn.Conv1d(3, 6, 5, stride=3)", "component(F.pad(x, (1, 2)))", weights=MAPPED_1D),
        inputs={"x": normal(2, 11, 3)},
        weights=weights(5, 3, 6),
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel, 3, same_pads(x.shape[1:-1], 5, 3)) + bias,
        vary=BATCHES,
        note="The total is max((ceil(n / s) - 1) s + k - n, 0), here 3.",
    ),
    Entry(
        "Conv3D-same-stride-2",
        keras=Form("keras.layers.Conv3D(3, 3, strides=2, padding='same')"),
        torch=first("nn.Conv3d(2, 3, 3, stride=2)", "component(F.pad(x, (1, 1, 0, 1, 0, 1)))", weights=MAPPED_3D),
        inputs={"x": normal(2, 4, 4, 3, 2)},
        weights=weights(3, 3, 3, 2, 3),
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel, 2, same_pads((4, 4, 3), 3, 2)) + bias,
        vary=BATCHES,
        note="F.pad counts from the last axis backwards.",
    ),
    Entry(
        "Conv2D-reflect",
        keras=Form(
            "keras.layers.Conv2D(4, 3)", "component(keras.ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), 'reflect'))"
        ),
        torch=first("nn.Conv2d(3, 4, 3, padding=1, padding_mode='reflect')"),
        inputs={"x": normal(2, 6, 5, 3)},
        weights=weights(3, 3, 3, 4),
        oracle=lambda a, x, kernel, bias: (
            convolved(a, x[:, [1, 0, 1, 2, 3, 4, 5, 4]][:, :, [1, 0, 1, 2, 3, 4, 3]], kernel) + bias
        ),
        vary=BATCHES,
        note="Keras's convolutions pad with zeros alone: pad before. 'replicate' is 'symmetric' for one pixel, "
        "'circular' is 'wrap', which keras.ops.pad lacks.",
    ),
)

DEPTHWISE = (
    Entry(
        "DepthwiseConv2D",
        keras=Form("keras.layers.DepthwiseConv2D(3, depth_multiplier=2)", since="3"),
        torch=first(
            "nn.Conv2d(4, 8, 3, groups=4)",
            weights={"weight": "kernel.transpose(2, 3, 0, 1).reshape(8, 1, 3, 3)", "bias": "bias"},
        ),
        inputs={"x": normal(2, 6, 7, 4)},
        weights=weights(3, 3, 4, 2, bias=8),
        oracle=lambda a, x, kernel, bias: depthwise(a, x, kernel) + bias,
        vary=Vary({"x": ("n", "h", "w", 4)}, {"h": (3, 7), "w": (3, 7)}),
        note="Keras 2 calls the kernel depthwise_kernel.",
    ),
    Entry(
        "DepthwiseConv2D-same-stride-2",
        keras=Form("keras.layers.DepthwiseConv2D(3, strides=2, padding='same')", since="3"),
        torch=first(
            "nn.Conv2d(4, 4, 3, stride=2, groups=4)",
            "component(F.pad(x, (0, 1, 0, 1)))",
            weights={"weight": "kernel.transpose(2, 3, 0, 1)", "bias": "bias"},
        ),
        inputs={"x": normal(2, 6, 8, 4)},
        weights=weights(3, 3, 4, 1, bias=4),
        oracle=lambda a, x, kernel, bias: depthwise(a, x, kernel, 2, same_pads(x.shape[1:-1], 3, 2)) + bias,
        vary=BATCHES,
        note="The strided layers of MobileNets; torch's own pad both sides.",
    ),
    Entry(
        "DepthwiseConv1D",
        keras=Form("keras.layers.DepthwiseConv1D(3, depth_multiplier=2)", since="3"),
        torch=first(
            "nn.Conv1d(4, 8, 3, groups=4)",
            weights={"weight": "kernel.transpose(1, 2, 0).reshape(8, 1, 3)", "bias": "bias"},
        ),
        inputs={"x": normal(2, 7, 4)},
        weights=weights(3, 4, 2, bias=8),
        oracle=lambda a, x, kernel, bias: depthwise(a, x, kernel) + bias,
        vary=Vary({"x": ("n", "steps", 4)}, {"steps": (3, 9)}),
    ),
    Entry(
        "SeparableConv2D",
        keras=Form(
            "keras.layers.SeparableConv2D(6, 3, depth_multiplier=2)",
            weights={"depthwise_kernel": "depthwise", "pointwise_kernel": "pointwise", "bias": "bias"},
        ),
        torch=first(
            SEPARABLE.format(2),
            weights={
                "depthwise.weight": "depthwise.transpose(2, 3, 0, 1).reshape(8, 1, 3, 3)",
                "pointwise.weight": "pointwise.transpose(3, 2, 0, 1)",
                "pointwise.bias": "bias",
            },
        ),
        inputs={"x": normal(2, 6, 7, 4)},
        weights={"depthwise": normal(3, 3, 4, 2), "pointwise": normal(1, 1, 8, 6), "bias": normal(6)},
        oracle=lambda a, x, **w: convolved(a, depthwise(a, x, w["depthwise"]), w["pointwise"]) + w["bias"],
        vary=Vary({"x": ("n", "h", "w", 4)}, {"h": (3, 7), "w": (3, 7)}),
    ),
    Entry(
        "SeparableConv1D",
        keras=Form(
            "keras.layers.SeparableConv1D(6, 3, depth_multiplier=2)",
            weights={"depthwise_kernel": "depthwise", "pointwise_kernel": "pointwise", "bias": "bias"},
        ),
        torch=first(
            SEPARABLE.format(1),
            weights={
                "depthwise.weight": "depthwise.transpose(1, 2, 0).reshape(8, 1, 3)",
                "pointwise.weight": "pointwise.transpose(2, 1, 0)",
                "pointwise.bias": "bias",
            },
        ),
        inputs={"x": normal(2, 7, 4)},
        weights={"depthwise": normal(3, 4, 2), "pointwise": normal(1, 8, 6), "bias": normal(6)},
        oracle=lambda a, x, **w: convolved(a, depthwise(a, x, w["depthwise"]), w["pointwise"]) + w["bias"],
        vary=Vary({"x": ("n", "steps", 4)}, {"steps": (3, 9)}),
    ),
)

FAMILY = Family("convolution", "Convolutions", "model", PLAIN + PADDED + DEPTHWISE)
