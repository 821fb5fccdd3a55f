"""The order in which examples come, batches, encodings of files and labels."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from ..drawing import Draw, integers, uniform, values
from ..entries import Divergence, Entry, Family, Form

# A picture of 16 by 16 pixels as Pillow 13 writes it at quality 60, made for this catalogue.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQ"
    "YEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAARCAAQABAD"
    "ASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKB"
    "kaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZ"
    "mqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQF"
    "BgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5"
    "OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX"
    "2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDkLTTeny1s2mmdPlrXs9N6fLW9Z6Z0+WvNhU9qXlmZ2tqf/9k="
)
TEN = {"x": values(np.arange(10.0).reshape(10, 1))}
LINE = {"x": uniform(12, 1, low=-1.0), "y": uniform(12, 1)}


def trained(a: Any, x: Any, y: Any) -> Any:
    """The slope of a line through 0 after one epoch of gradient descent, four examples a step, in their order."""
    slope = a.constant(np.zeros((1, 1)))
    for start in range(0, 12, 4):
        some = x[start : start + 4]
        slope = slope - 0.5 * (2.0 * (some.transpose() @ (some @ slope - y[start : start + 4])) / 4.0)
    return slope


FIT = """
component.set_weights([np.zeros((1, 1), 'float32')])
component.fit(x, y, batch_size=4, epochs=1, verbose=0{})
tf.convert_to_tensor(component.weights[0])
"""
MODEL = """
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
model.compile(keras.optimizers.SGD(0.5), 'mse', run_eagerly=True)
model
"""
LOOP = """
slope = torch.zeros(1, 1, requires_grad=True)
optimizer = torch.optim.SGD([slope], lr=0.5)
for some, of in torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=4):
    optimizer.zero_grad()
    with torch.enable_grad():
        F.mse_loss(some @ slope, of).backward()
    optimizer.step()
slope.detach()
"""
# Of how an order correlates with that of the data: 1 where nothing was shuffled.
SHUFFLED = """
order = list(tf.data.Dataset.range(1000).shuffle({}, seed=0).as_numpy_iterator())
tf.constant(np.corrcoef(order, np.arange(1000))[0, 1], 'float32')
"""
SAMPLED = """
order = torch.tensor(list(torch.utils.data.RandomSampler(range(1000)))).float()
torch.corrcoef(torch.stack([order, torch.arange(1000.0)]))[0, 1]
"""

ENTRIES = (
    Entry(
        "batches",
        keras=Form(call="tf.stack([tf.shape(some)[0] for some in tf.data.Dataset.from_tensor_slices(x).batch(4)])"),
        torch=Form(
            call="torch.tensor([len(some[0]) for some in torch.utils.data.DataLoader("
            "torch.utils.data.TensorDataset(x), batch_size=4)], dtype=torch.int32)"
        ),
        inputs=TEN,
        oracle=lambda a, x: np.asarray([4, 4, 2]),
        gradients=(),
        note="A short last batch is kept in both, unless told drop_remainder=True or drop_last=True. Unless told fit "
        "takes 32 at a time, DataLoader 1.",
    ),
    Entry(
        "batches-without-remainder",
        keras=Form(
            call="tf.stack([tf.shape(some)[0] for some in "
            "tf.data.Dataset.from_tensor_slices(x).batch(4, drop_remainder=True)])"
        ),
        torch=Form(
            call="torch.tensor([len(some[0]) for some in torch.utils.data.DataLoader("
            "torch.utils.data.TensorDataset(x), batch_size=4, drop_last=True)], dtype=torch.int32)"
        ),
        inputs=TEN,
        oracle=lambda a, x: np.asarray([4, 4]),
        gradients=(),
    ),
    Entry(
        "fit-order",
        keras=Form(MODEL, FIT.format(", shuffle=False")),
        torch=Form(call=LOOP),
        inputs=LINE,
        oracle=trained,
        gradients=(),
        divergences=(
            Divergence(
                "as-shipped",
                0.001,
                0.5,
                "fit shuffles unless told shuffle=False, DataLoader does not unless told shuffle=True.",
                keras=Form(MODEL, FIT.format("")),
            ),
        ),
    ),
    Entry(
        "shuffle",
        keras=Form(call="tf.sort(tf.concat(list(tf.data.Dataset.from_tensor_slices(x).shuffle(10).batch(4)), 0), 0)"),
        torch=Form(
            call="torch.cat([some[0] for some in torch.utils.data.DataLoader("
            "torch.utils.data.TensorDataset(x), batch_size=4, shuffle=True)]).sort(0).values"
        ),
        inputs=TEN,
        oracle=lambda a, x: a.constant(a.data(x)),
        gradients=(),
        exact=True,
        note="Every example once an epoch; the orders cannot be made the same but by giving both one drawn by NumPy.",
        divergences=(
            Divergence(
                "buffer-too-small",
                0.81,
                1.3,
                "shuffle(n) of tf.data draws from a buffer of n: with 10 of 1000 the order correlates with that of the "
                "data by more than 0.99.",
                keras=Form(call=SHUFFLED.format(10)),
                torch=Form(call=SAMPLED),
            ),
        ),
    ),
    Entry(
        "JPEG",
        keras=Form(call="tf.io.decode_jpeg(x.numpy().tobytes(), dct_method='INTEGER_ACCURATE')"),
        torch=Form(call="torchvision.io.decode_jpeg(x).permute(1, 2, 0)"),
        inputs={"x": Draw("a JPEG file of 16 by 16 pixels", lambda generator: np.frombuffer(JPEG, np.uint8))},
        gradients=(),
        divergences=(
            Divergence(
                "as-shipped",
                2.0,
                4.0,
                "As shipped TensorFlow decodes with the fast, less accurate cosine transform.",
                keras=Form(call="tf.io.decode_jpeg(x.numpy().tobytes())"),
            ),
        ),
    ),
    Entry(
        "CategoryEncoding",
        keras=Form("keras.layers.CategoryEncoding(4, output_mode='one_hot')"),
        torch=Form(call="F.one_hot(x, 4).float()"),
        inputs={"x": integers(6, below=4)},
        oracle=lambda a, x: a.constant(np.eye(4)[x]),
        gradients=(),
        exact=True,
        divergences=(
            Divergence(
                "as-shipped",
                float("inf"),
                float("inf"),
                "As shipped its output is 'multi_hot': one row that says which classes occur.",
                keras=Form("keras.layers.CategoryEncoding(4)"),
            ),
        ),
    ),
)

FAMILY = Family("data_order", "Order, batches, encodings", "data", ENTRIES)
