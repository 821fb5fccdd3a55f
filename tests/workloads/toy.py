"""A workload from outside, in one framework: the first thousand digits, a hidden layer of eight rectified units."""

from __future__ import annotations

from conformance import Parameter, Workload


def _dense(name: str, inputs: int, units: int) -> tuple[Parameter, Parameter]:
    kernel, bias = f"{name}/kernel", f"{name}/bias"
    return (
        Parameter(kernel, (inputs, units), "glorot_uniform", {"pytorch": (f"{name}.weight", (1, 0))}),
        Parameter(bias, (units,), "zeros", {"pytorch": (f"{name}.bias", (0,))}),
    )


TOY = Workload(
    name="toy",
    dataset="mnist",
    train_examples=1000,
    test_examples=200,
    image_shape=(28, 28),
    hidden_units=8,
    classes=10,
    learning_rate=0.05,
    batch_size=64,
    epochs=3,
    accuracy_threshold=0.2,
    parameters=(*_dense("hidden", 784, 8), *_dense("output", 8, 10)),
    modules={"pytorch": "toy_pytorch.py"},
)
