"""Inputs of entries as hypothesis draws them: shapes, and edge values alone and among ordinary numbers."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reference.catalogue.drawing import drawn
from reference.catalogue.entries import Entry, Family, MalformedEntry

Arrays = dict[str, NDArray[Any]]

# Each draw gives an entry one example of ordinary numbers and one for each group of edge values.
DRAWS_WITH_EDGES = 3
DRAWS_WITHOUT = 4
MOST_PLACES = 3
# Whole numbers from 100 on hypothesis also takes from the modules that happen to be loaded: not the same each time.
MOST_NUMBER = 99


def drawn_examples(family: Family) -> Arrays:
    """Of the entries that vary, `<entry>/<number>/input/<name>`, and `<entry>/weight/<name>`."""
    found: Arrays = {}
    for entry in family.entries:
        if entry.vary is not None:
            for number, inputs in enumerate(_examples(entry)):
                found.update({f"{entry.name}/{number:03d}/input/{name}": array for name, array in inputs.items()})
            weights = drawn(entry.weights, entry.name)
            found.update({f"{entry.name}/weight/{name}": array for name, array in weights.items()})
    return found


def _examples(entry: Entry) -> Iterator[Arrays]:
    """The entry's inputs, one example after the other: the same at every call in this process."""
    assert entry.vary is not None
    edges = tuple(entry.vary.edge_groups())
    strategy = st.tuples(_inputs(entry, None), *(_inputs(entry, edge) for edge in edges))
    gathered: list[tuple[Arrays, ...]] = []

    # The first draw is the simplest: all lengths at their least, and edge values everywhere.
    @seed(zlib.crc32(entry.name.encode()))
    @settings(
        max_examples=DRAWS_WITH_EDGES if edges else DRAWS_WITHOUT,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
    @given(strategy)
    def gather(batch: tuple[Arrays, ...]) -> None:
        gathered.append(batch)

    gather()
    for batch in gathered:
        yield from batch


@st.composite
def _inputs(draw: st.DrawFn, entry: Entry, edge: tuple[str, tuple[float, ...]] | None) -> Arrays:
    """All inputs of an entry in drawn shapes, edge values in one of them."""
    assert entry.vary is not None
    lengths = {name: draw(st.integers(*bounds)) for name, bounds in entry.vary.drawn_lengths().items()}
    inputs = drawn(entry.inputs, entry.name)
    for name, array in inputs.items():
        law, shape = entry.inputs[name].law, entry.vary.shape_of(name, array.shape, lengths)
        # The simplest numbers drawn are alike, so the name keeps the inputs apart.
        generator = np.random.default_rng([draw(st.integers(0, MOST_NUMBER)), zlib.crc32(name.encode())])
        if not entry.vary.redraws(name):
            continue
        if law is not None:
            inputs[name] = np.asarray(law(generator, shape))
        elif shape != array.shape:
            raise MalformedEntry(f"entry {entry.name}: input {name} is drawn by no law, so its shape cannot vary")
    if edge is not None:
        name, numbers = edge
        flat = inputs[name].ravel()
        if draw(st.booleans()):
            last = min(flat.size - 1, MOST_NUMBER)
            places = draw(st.lists(st.integers(0, last), min_size=1, max_size=MOST_PLACES, unique=True))
            flat[places] = [draw(st.sampled_from(numbers)) for _ in places]
        else:
            flat[:] = draw(st.sampled_from(numbers))
        inputs[name] = flat.reshape(inputs[name].shape)
    return inputs
