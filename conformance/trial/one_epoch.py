"""The first epoch of `mnist_mlp`, for trials of the machine: the same data and checks in a tenth of the time."""

from __future__ import annotations

from dataclasses import replace

from reference.workloads import MNIST_MLP

ONE_EPOCH = replace(MNIST_MLP, name="one_epoch", epochs=1)
