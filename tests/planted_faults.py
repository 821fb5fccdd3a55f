"""Faults planted in a framework from outside, by a `sitecustomize.py` on a side's PYTHONPATH."""

from __future__ import annotations

from pathlib import Path

_HOOK = '''
import importlib.abc
import importlib.util
import sys


class Finder(importlib.abc.MetaPathFinder):
    """Runs `patch` on the module `target` once it has been imported."""

    def find_spec(self, name, path, target=None):
        if name != TARGET:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            patch(module)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder())
'''

LEARNING_RATE = {
    "pytorch": """
TARGET = "torch.optim.sgd"


def patch(module):
    original = module.SGD.__init__

    def __init__(self, params, lr=1e-3, *args, **kwargs):
        original(self, params, lr * 1.001, *args, **kwargs)

    module.SGD.__init__ = __init__
""",
    "tensorflow": """
TARGET = "keras.src.optimizers.sgd"


def patch(module):
    original = module.SGD.__init__

    def __init__(self, learning_rate=0.01, *args, **kwargs):
        original(self, learning_rate * 1.001, *args, **kwargs)

    module.SGD.__init__ = __init__
""",
}
"""SGD takes 1.001 times the learning rate that it is given."""

LOSS = {
    "pytorch": """
TARGET = "torch.nn.modules.loss"


def patch(module):
    original = module.NLLLoss.forward
    module.NLLLoss.forward = lambda self, input, target: original(self, input, target) * 1.0005
""",
    "tensorflow": """
TARGET = "keras.src.losses.losses"


def patch(module):
    original = module.CategoricalCrossentropy.call
    module.CategoricalCrossentropy.call = lambda self, y_true, y_pred: original(self, y_true, y_pred) * 1.0005
""",
}
"""The loss is 1.0005 times what it ought to be."""

HUBER = """
TARGET = "torch.nn.modules.loss"


def patch(module):
    original = module.HuberLoss.forward
    module.HuberLoss.forward = lambda self, input, target: original(self, input, target) * 1.001
"""
"""nn.HuberLoss is 1.001 times what it ought to be."""

BFLOAT16 = {
    "pytorch": """
TARGET = "torch.nn.modules.linear"


def patch(module):
    original = module.Linear.forward

    def forward(self, input):
        if self.in_features != 784:
            return original(self, input)
        return (input.bfloat16() @ self.weight.bfloat16().T).float() + self.bias

    module.Linear.forward = forward
""",
    "tensorflow": """
TARGET = "keras.src.layers.core.dense"


def patch(module):
    original = module.Dense.call

    def call(self, inputs, training=None):
        if inputs.shape[-1] != 784:
            return original(self, inputs, training)
        import tensorflow as tf

        product = tf.cast(inputs, tf.bfloat16) @ tf.cast(self.kernel, tf.bfloat16)
        return self.activation(tf.cast(product, tf.float32) + self.bias)

    module.Dense.call = call
""",
}
"""The hidden layer multiplies in bfloat16."""

LABEL = {
    "pytorch": """
TARGET = "torchvision.datasets.mnist"


def patch(module):
    original = module.MNIST._load_data

    def _load_data(self):
        images, labels = original(self)
        labels[123] = (labels[123] + 1) % 10
        return images, labels

    module.MNIST._load_data = _load_data
""",
    "tensorflow": """
TARGET = "tensorflow.python.ops.parsing_ops"


def patch(module):
    original = module.decode_raw
    spoilt = []

    def decode_raw(input_bytes, out_type, *args, **kwargs):
        values = original(input_bytes, out_type, *args, **kwargs)
        if spoilt or values.shape[1:] != (1,):
            return values
        spoilt.append(True)
        numbers = values.numpy()
        numbers[123] = (numbers[123] + 1) % 10
        return sys.modules["tensorflow"].constant(numbers)

    module.decode_raw = decode_raw
""",
}
"""One label is wrong."""

ABORT = """
import importlib.abc
import os
import sys


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torch":
            os.write(2, b"LLVM ERROR: planted\\n")
            os.abort()


sys.meta_path.insert(0, Finder())
"""
"""Importing torch aborts the process."""

RAISE = """
TARGET = "torch.optim.sgd"


def patch(module):
    def __init__(self, *args, **kwargs):
        raise NotImplementedError("SGD is gone")

    module.SGD.__init__ = __init__
"""
"""torch.optim.SGD raises."""

WARN = """
TARGET = "torch.optim.sgd"


def patch(module):
    original = module.SGD.__init__

    def __init__(self, *args, **kwargs):
        import warnings

        warnings.warn("SGD will be removed", DeprecationWarning, stacklevel=2)
        original(self, *args, **kwargs)

    module.SGD.__init__ = __init__
"""
"""torch.optim.SGD is deprecated, which changes nothing."""


def slowed(share: float) -> str:
    """Every update of torch.optim.SGD, from `zero_grad` to the end of `step`, takes `share` (0.25 is 25 %) longer."""
    return f"""
TARGET = "torch.optim.sgd"


def patch(module):
    from time import perf_counter

    zero_grad, step, began = module.SGD.zero_grad, module.SGD.step, [0.0]

    def timed_zero_grad(self, *args, **kwargs):
        began[0] = perf_counter()
        return zero_grad(self, *args, **kwargs)

    def slow_step(self, *args, **kwargs):
        result = step(self, *args, **kwargs)
        now = perf_counter()
        while perf_counter() < now + {share} * (now - began[0]):
            pass
        return result

    module.SGD.zero_grad, module.SGD.step = timed_zero_grad, slow_step
"""


def plant(directory: Path, source: str) -> Path:
    """Write the `sitecustomize.py` of a fault into `directory`, for PYTHONPATH; returns the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    text = source if "def patch" not in source else f"{source}\n{_HOOK}"
    (directory / "sitecustomize.py").write_text(text, encoding="utf-8")
    return directory
