"""Entries with mistakes: a family that tests/test_catalogue_bad_input.py gives to workers."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.catalogue.drawing import normal, values
from reference.catalogue.entries import Entry, Family, Form

WITH_NAN = {"x": values([[1.0, np.nan, 3.0]])}


def dense(name: str, mapped: str = "kernel.T", own: str = "weight", units: int = 5) -> Entry:
    """A dense layer, its weight mapped in some way."""
    return Entry(
        name,
        Form(f"keras.layers.Dense({units}, use_bias=False)"),
        Form("nn.Linear(4, 5, bias=False)", weights={own: mapped}),
        {"x": normal(2, 4)},
        lambda a, x, kernel: x @ kernel,
        {"kernel": normal(4, 5)},
    )


def doubled(name: str, torch: str, inputs: Any, oracle: Any) -> Entry:
    """2 x, in torch perhaps something else."""
    return Entry(name, Form(call="2 * x"), Form(call=torch), inputs, oracle, gradients=())


ENTRIES = (
    dense("sound"),
    dense("shapes-differ", mapped="kernel", units=6),
    dense("name-unknown", own="wait"),
    doubled("NaN-goes-through", "2 * x", WITH_NAN, lambda a, x: 2.0 * x),
    doubled("NaN-is-lost", "2 * x.nan_to_num()", WITH_NAN, lambda a, x: 2.0 * x),
    doubled("oracle-raises", "2 * x", WITH_NAN, lambda a, x: x.no_such_method()),
    doubled("oracle-of-another-shape", "2 * x", WITH_NAN, lambda a, x: 2.0 * x[:, :2]),
    doubled("raises", "x.no_such_method()", WITH_NAN, lambda a, x: 2.0 * x),
    doubled("absent", "torch.no_such_function(x)", WITH_NAN, lambda a, x: 2.0 * x),
)
FAMILY = Family("bad_entries", "Bad entries", "model", ENTRIES)
