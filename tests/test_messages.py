"""Messages: what is sent arrives to the bit, and what is no message is refused without harm."""

from __future__ import annotations

import contextlib
import io
import json
import struct
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy
from numpy.typing import NDArray
from safetensors.numpy import load

from conformance.observer import messages
from conformance.observer.messages import FACTS_KEY, MAGIC, NotAMessage

untimed = settings(deadline=None, max_examples=60)

DTYPES = ("?", "u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8")
any_dtype = st.builds(
    lambda order, code: np.dtype(code).newbyteorder(order), st.sampled_from("<>"), st.sampled_from(DTYPES)
)
any_array = any_dtype.flatmap(
    lambda dtype: of_numpy.arrays(dtype, of_numpy.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
# Slices with steps, transposes: memory that no single range of bytes holds.
any_view = st.builds(
    lambda array, step: array[..., ::step].T if array.ndim else array, any_array, st.sampled_from((1, -2))
)
facts_only = st.dictionaries(
    st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
)


def sent(facts: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> bytes:
    stream = io.BytesIO()
    messages.write(stream, messages.frame(facts, tensors))
    return stream.getvalue()


def received(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
    return messages.read(io.BytesIO(data))


def body(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def header_of(entry: Any) -> dict[str, Any]:
    return {"__metadata__": {FACTS_KEY: "{}"}, "t": entry}


def floats(start: Any, stop: Any, shape: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, stop]}


@untimed
@given(facts_only, st.dictionaries(st.text().filter(lambda name: name != "__metadata__"), any_view, max_size=3))
def test_what_is_sent_arrives(facts: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> None:
    message = received(sent(facts, tensors))
    assert message is not None
    assert message[0] == facts
    assert list(message[1]) == list(tensors)
    for name, array in tensors.items():
        arrived = message[1][name]
        assert arrived.shape == array.shape
        assert arrived.dtype == array.dtype.newbyteorder("<")
        assert arrived.tobytes() == array.astype(arrived.dtype, order="C").tobytes()


@untimed
@given(any_view, any_view)
def test_safetensors_reads_what_is_encoded(first: NDArray[Any], second: NDArray[Any]) -> None:
    encoded = b"".join(messages.encode({"a": 1}, {"first": first, "second": second}))
    for name, array in (("first", first), ("second", second)):
        loaded = load(encoded)[name]
        assert loaded.shape == array.shape
        assert loaded.tobytes() == array.astype(array.dtype.newbyteorder("<"), order="C").tobytes()


def test_messages_follow_one_another_to_the_end_of_the_stream() -> None:
    stream = io.BytesIO(sent({"n": 1}, {}) + sent({"n": 2}, {"x": np.ones(3)}))
    found = [messages.read(stream) for _ in range(3)]
    assert [message and message[0] for message in found] == [{"n": 1}, {"n": 2}, None]


@pytest.mark.parametrize("dtype", ["c8", "S3", "U2", "O", "M8[s]"])
def test_a_dtype_that_no_observation_can_hold_is_named(dtype: str) -> None:
    with pytest.raises(TypeError, match=r"'x' has dtype .*which no observation can hold"):
        messages.encode({}, {"x": np.zeros(2, dtype)})


@untimed
@given(st.data())
def test_a_message_cut_short_is_refused(data: st.DataObject) -> None:
    whole = sent({"a": "b"}, {"x": np.arange(6.0).reshape(2, 3)})
    kept = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(NotAMessage):
        received(whole[:kept])


@untimed
@given(st.binary(min_size=1))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(NotAMessage):
        received(data)
    with pytest.raises(NotAMessage):
        received(MAGIC + struct.pack("<Q", len(data)) + data)


@untimed
@given(st.data())
def test_a_damaged_message_is_refused_or_read_but_never_crashes(data: st.DataObject) -> None:
    whole = bytearray(sent({"a": "b"}, {"x": np.arange(6.0), "y": np.zeros((2, 0))}))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(NotAMessage):
        facts, tensors = received(bytes(whole)) or ({}, {})
        assert isinstance(facts, dict)
        assert all(isinstance(array, np.ndarray) for array in tensors.values())


@pytest.mark.parametrize(
    "header",
    [
        header_of(floats(-8, 0, [2])),
        header_of(floats(0, -8, [0])),
        header_of(floats(8, 16, [2])),
        header_of(floats(8, 0, [0])),
        header_of(floats(0, 24, [6])),
        header_of(floats(0, 16, [-1])),
        header_of(floats(0, 16, [2, -2])),
        header_of(floats(0, 16, [5])),
        header_of(floats(0, 16, [2**70])),
        header_of(floats(0, 16, [1] * 100 + [4])),
        header_of(floats(0, 16, [4.0])),
        header_of(floats(0, 16, 4)),
        header_of(floats(0.0, 16.0, [4])),
        header_of(floats(None, 16, [4])),
        header_of(floats(0, 2**70, [4])),
        header_of(floats(0, 8, [2])),
        header_of({**floats(0, 16, [4]), "dtype": "F8_E4M3"}),
        header_of({**floats(0, 16, [4]), "dtype": ["F32"]}),
        header_of({**floats(0, 16, [4]), "data_offsets": [0, 8, 16]}),
        header_of({"dtype": "F32", "shape": [4]}),
        header_of("F32"),
        header_of(None),
        {**header_of(floats(0, 16, [4])), "overlapping": floats(8, 16, [2])},
        {"t": floats(0, 16, [4])},
        {"__metadata__": {}, "t": floats(0, 16, [4])},
        {"__metadata__": {FACTS_KEY: "{"}, "t": floats(0, 16, [4])},
        {"__metadata__": {FACTS_KEY: "[]"}, "t": floats(0, 16, [4])},
        {"__metadata__": {FACTS_KEY: 5}, "t": floats(0, 16, [4])},
        {"__metadata__": None, "t": floats(0, 16, [4])},
        [],
        None,
        5,
        b"\xff{}",
        b"[" * 100_000,
        b"9" * 10_000,
    ],
    ids=lambda header: repr(header)[:70],
)
def test_a_hostile_header_is_refused(header: Any) -> None:
    with pytest.raises(NotAMessage, match=r".+"):
        messages.decode(body(header, bytes(16)))


def test_the_hostile_headers_differ_from_a_sound_one_by_their_fault() -> None:
    assert messages.decode(body(header_of(floats(0, 16, [2, 2])), bytes(16)))[1]["t"].shape == (2, 2)


class WatchedStream(io.BytesIO):
    """A stream that notes how much memory the process holds whenever something is read from it, in bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.held: list[int] = []

    def readinto(self, buffer: Any, /) -> int:
        self.held.append(psutil.Process().memory_info().rss)
        return super().readinto(buffer)


@pytest.mark.parametrize("length", [1 << 30, 1 << 40, (1 << 63) - 1, (1 << 64) - 1])
def test_a_huge_length_takes_no_memory(length: int) -> None:
    stream = WatchedStream(MAGIC + struct.pack("<Q", length) + b"start")
    before = psutil.Process().memory_info().rss
    with pytest.raises(NotAMessage, match=r"ended after 5 of|there is no memory"):
        messages.read(stream)
    assert max(stream.held, default=before) - before < 1 << 26
    with pytest.raises(NotAMessage, match="header of"):
        messages.decode(struct.pack("<Q", length) + b"{}")
