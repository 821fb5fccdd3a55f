"""Messages between a worker and its parent: JSON facts and named arrays in the safetensors layout.

A message is a magic word, the length of the body as an unsigned 64-bit little-endian integer, and the body: the length
of a JSON header, the header (dtype, shape and byte range of every array, and the facts under `__metadata__`),
and the arrays' bytes (https://github.com/huggingface/safetensors#format).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from io import BufferedIOBase
from typing import IO, Any

import numpy as np

Facts = dict[str, Any]  # JSON values
Tensors = Mapping[str, np.ndarray]

MAGIC = b"\x00conformance-message\x01"
READY = b"\x00conformance-worker-ready\x01"
FACTS_KEY = "facts"
_PIECE = 1 << 24
_SAFETENSORS_TO_NUMPY = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "<u2",
    "I16": "<i2",
    "F16": "<f2",
    "U32": "<u4",
    "I32": "<i4",
    "F32": "<f4",
    "U64": "<u8",
    "I64": "<i8",
    "F64": "<f8",
}
_NUMPY_TO_SAFETENSORS = {np.dtype(code): name for name, code in _SAFETENSORS_TO_NUMPY.items()}


class NotAMessage(ValueError):
    """The bytes read are not a message of this protocol."""


def encode(facts: Mapping[str, Any], tensors: Tensors) -> list[bytes | memoryview]:
    """The body of a message as a list of chunks to be written one after the other.

    Raises TypeError for an array whose dtype has no safetensors name.
    """
    header: dict[str, Any] = {"__metadata__": {FACTS_KEY: json.dumps(facts)}}
    chunks: list[bytes | memoryview] = []
    offset = 0
    for name, array in tensors.items():
        array = np.asarray(array, order="C")
        dtype = _NUMPY_TO_SAFETENSORS.get(array.dtype.newbyteorder("<"))
        if dtype is None:
            raise TypeError(f"tensor {name!r} has dtype {array.dtype}, which no observation can hold")
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
        if array.nbytes:
            chunks.append(memoryview(array.reshape(-1).view(np.uint8)))  # type: ignore[arg-type]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return [struct.pack("<Q", len(text)) + text, *chunks]


def decode(body: bytes | bytearray | memoryview) -> tuple[Facts, dict[str, np.ndarray]]:
    """Facts and arrays of a message body; the arrays share its memory. Raises NotAMessage if it is malformed."""
    view = memoryview(body)
    try:
        (length,) = struct.unpack_from("<Q", view)
        if length > len(view) - 8:
            raise NotAMessage(f"header of {length} bytes in a message of {len(view)}")
        header = _object(json.loads(bytes(view[8 : 8 + length])))
        facts = _object(json.loads(header.pop("__metadata__")[FACTS_KEY]))
        return facts, _arrays(header, view[8 + length :])
    except NotAMessage:
        raise
    except (struct.error, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise NotAMessage(f"malformed message: {error}") from error


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotAMessage(f"malformed message: {type(value).__name__} where a JSON object is expected")
    return value


def _arrays(header: dict[str, Any], data: memoryview) -> dict[str, np.ndarray]:
    """The arrays that the header describes: one after the other in `data`, without gap, overlap or rest."""
    arrays, end = {}, 0
    for name, entry in header.items():
        start, stop = entry["data_offsets"]
        shape = entry["shape"]
        if start != end or not end <= stop <= len(data) or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise NotAMessage(f"malformed message: tensor {name!r} has bytes {start} to {stop} and shape {shape}")
        dtype = np.dtype(_SAFETENSORS_TO_NUMPY[entry["dtype"]])
        arrays[name] = np.frombuffer(data[start:stop], dtype).reshape(shape)
        end = stop
    if end != len(data):
        raise NotAMessage(f"malformed message: {len(data) - end} bytes belong to no tensor")
    return arrays


def frame(facts: Mapping[str, Any], tensors: Tensors) -> list[bytes | memoryview]:
    """A whole message as a list of chunks to be written one after the other. Raises TypeError as `encode` does."""
    chunks = encode(facts, tensors)
    return [MAGIC + struct.pack("<Q", sum(len(chunk) for chunk in chunks)), *chunks]


def write(stream: IO[bytes], chunks: Iterable[bytes | memoryview]) -> None:
    """Send one message, as `frame` made it."""
    for chunk in chunks:
        stream.write(chunk)
    stream.flush()


def read(stream: BufferedIOBase) -> tuple[Facts, dict[str, np.ndarray]] | None:
    """Receive one message; None at the end of the stream.

    Raises NotAMessage where something else was sent, or the stream ends in the middle.
    """
    start = stream.read(len(MAGIC) + 8)
    if not start:
        return None
    if not start.startswith(MAGIC) or len(start) < len(MAGIC) + 8:
        raise NotAMessage(f"expected a message, found {bytes(start[:60])!r}")
    (length,) = struct.unpack("<Q", start[len(MAGIC) :])
    body = _reserved(length)
    received = 0
    while received < length:
        count = stream.readinto(body[received : received + _PIECE])
        if not count:
            raise NotAMessage(f"the stream ended after {received} of {length} bytes")
        received += count
    return decode(body)


def _reserved(length: int) -> memoryview:
    """Room for as many bytes, of which the system hands out no more than what is filled."""
    try:
        return np.empty(length, np.uint8).data
    except (MemoryError, OverflowError, ValueError) as error:
        raise NotAMessage(f"a message of {length} bytes, for which there is no memory") from error
