"""A recurrent network that exists in PyTorch alone: may its owner upgrade torch?"""

from conformance import Parameter, Workload

CELLS = 16


def parameter(name: str, shape: tuple[int, ...], torch_name: str) -> Parameter:
    """A kernel, which PyTorch holds transposed, or a bias."""
    kernel = len(shape) > 1
    axes = (1, 0) if kernel else (0,)
    return Parameter(name, shape, "glorot_uniform" if kernel else "zeros", {"pytorch": (torch_name, axes)})


TORCH_GRU = Workload(
    name="torch_gru",
    dataset="mnist",
    train_examples=1_024,
    test_examples=500,
    image_shape=(28, 28),
    hidden_units=CELLS,
    classes=10,
    learning_rate=0.5,
    batch_size=32,
    epochs=2,
    accuracy_threshold=0.15,
    parameters=(
        parameter("gru/kernel", (28, 3 * CELLS), "gru.cells.weight_ih_l0"),
        parameter("gru/recurrent_kernel", (CELLS, 3 * CELLS), "gru.cells.weight_hh_l0"),
        parameter("gru/bias", (3 * CELLS,), "gru.cells.bias_ih_l0"),
        parameter("gru/recurrent_bias", (3 * CELLS,), "gru.cells.bias_hh_l0"),
        parameter("output/kernel", (CELLS, 10), "output.weight"),
        parameter("output/bias", (10,), "output.bias"),
    ),
    modules={"pytorch": "in_pytorch.py"},
)
