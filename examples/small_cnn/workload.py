"""A small convolutional network on digits, written in both frameworks: does the port do the same?"""

from conformance import Parameter, Workload


def layer(name: str, kernel: tuple[int, ...], torch_axes: tuple[int, ...]) -> tuple[Parameter, Parameter]:
    """A kernel and a bias: shapes as Keras has them, and the axes that take the kernel to PyTorch's layout."""
    return (
        Parameter(
            f"{name}/kernel",
            kernel,
            "glorot_uniform",
            {"tensorflow": (f"{name}/kernel", tuple(range(len(kernel)))), "pytorch": (f"{name}.weight", torch_axes)},
        ),
        Parameter(
            f"{name}/bias",
            kernel[-1:],
            "zeros",
            {"tensorflow": (f"{name}/bias", (0,)), "pytorch": (f"{name}.bias", (0,))},
        ),
    )


SMALL_CNN = Workload(
    name="small_cnn",
    dataset="mnist",
    train_examples=2_016,
    test_examples=500,
    image_shape=(28, 28),
    hidden_units=4,
    classes=10,
    learning_rate=0.1,
    batch_size=32,
    epochs=2,
    accuracy_threshold=0.3,
    parameters=(
        # Keras: height, width, inputs, filters. PyTorch: filters, inputs, height, width.
        *layer("convolution", (5, 5, 1, 4), torch_axes=(3, 2, 0, 1)),
        *layer("output", (6 * 6 * 4, 10), torch_axes=(1, 0)),
    ),
    accuracy_margin=0.05,
    modules={"tensorflow": "in_tensorflow.py", "pytorch": "in_pytorch.py"},
)
