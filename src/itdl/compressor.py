"""Probabilities into bytes and back: range coding of a model's predictions, in a container that notices damage.

A range coder spends -log2 q(x) bits on a symbol x that the model gave probability q(x), plus a few words for the whole
message. It needs the same q on both sides, to the last bit. `encode` and `decode` take the probabilities as a table;
`compress` and `decompress` ask a model for them step by step, tell it what came, and let it learn from that: a decoder
that starts from the same model makes the same steps, so that nothing of the model is sent.

The container is 28 bytes of header (little-endian: the letters ITRC, letters of the alphabet, symbols, symbols in a
step, CRC-32 of the symbols, CRC-32 of everything else), then the 32-bit words of the coder.

Source: coverthomas2006, section 13.3 (arithmetic coding).
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Protocol

import constriction
import numpy as np
from numpy.typing import ArrayLike

from itdl.checks import Array, BadInput, DataError, finite, matrix, simplex

__all__ = ["HEADER_BYTES", "Model", "compress", "decode", "decompress", "encode", "payload_bits"]

MAGIC = b"ITRC"
HEADER = struct.Struct("<4sIQIII")
HEADER_BYTES = HEADER.size
WORD_BYTES = 4
# Said in so many words, because constriction changes its default from version to version, and both sides must agree.
FAMILY = constriction.stream.model.Categorical(perfect=False)

ANOTHER_MODEL = (
    "the decoded message is not the one that was coded: the probabilities differ; use the same model, from the same "
    "start, in the same environment"
)


class Model(Protocol):
    """What both sides hold a copy of, in the same state at the start."""

    def predict(self) -> Array:
        """The probabilities of the next step, (symbols in a step, letters)."""

    def update(self, symbols: np.ndarray) -> None:
        """Take note of what came, (symbols in a step,)."""


def encode(symbols: ArrayLike, probabilities: ArrayLike) -> bytes:
    """The message `symbols` (n,), coded row by row with `probabilities` (n, letters), as a container.

    No probability may be zero, whether its symbol occurs or not. Probabilities below about 2^-24 are coded as if they
    were that large.
    """
    rows = _rows(probabilities)
    x = _symbols(symbols, rows.shape[1])
    if x.ndim != 1 or len(x) != len(rows):
        raise BadInput(f"symbols have shape {x.shape} with {len(rows)} rows of probabilities; give one row for each")
    coder = constriction.stream.queue.RangeEncoder()
    coder.encode(x, FAMILY, rows)
    return _pack(coder, x, letters=rows.shape[1], width=1)


def decode(data: bytes, probabilities: ArrayLike) -> np.ndarray:
    """The message (n,) in a container made by `encode` with the same probabilities (n, letters).

    Raises `DataError` if the bytes are damaged, or if what they decode to is not what was encoded.
    """
    rows = _rows(probabilities)
    letters, count, _, checksum, words = _unpack(data)
    if rows.shape != (count, letters):
        raise BadInput(f"probabilities have shape {rows.shape}; this message needs {(count, letters)}")
    decoder = constriction.stream.queue.RangeDecoder(words)
    return _verified(_read(decoder, rows), checksum)


def compress(symbols: ArrayLike, model: Model) -> bytes:
    """The message `symbols` (steps, symbols in a step) as a container; `model` learns on the way.

    The symbols of one step are predicted together, before any of them is known.
    """
    x = np.asarray(symbols)
    if x.ndim != 2 or not x.size:
        raise BadInput(f"symbols have shape {x.shape}; it must be (steps, symbols in a step), none of them empty")
    coder, letters = constriction.stream.queue.RangeEncoder(), 0
    for step in x:
        rows = _predicted(model, len(step))
        letters = rows.shape[1]
        coded = _symbols(step, letters)
        coder.encode(coded, FAMILY, rows)
        model.update(coded.astype(np.int64))
    return _pack(coder, x, letters=letters, width=x.shape[1])


def decompress(data: bytes, model: Model) -> np.ndarray:
    """The message (steps, symbols in a step) in a container made by `compress`, `model` being in the same first state.

    "Same" means every bit of every probability: same code, same library versions, same kind of processor, same number
    of threads. Raises `DataError` if the bytes are damaged, or if the message is not the one that was encoded.
    """
    letters, count, width, checksum, words = _unpack(data)
    decoder = constriction.stream.queue.RangeDecoder(words)
    steps = [_learn(model, decoder, letters, width) for _ in range(count // width)]
    return _verified(np.stack(steps), checksum)


def payload_bits(data: bytes) -> int:
    """What the coder itself wrote, in bits: everything but the header."""
    return 8 * (len(data) - HEADER_BYTES)


def _learn(model: Model, decoder: Any, letters: int, width: int) -> np.ndarray:
    rows = _predicted(model, width)
    if rows.shape[1] != letters:
        raise BadInput(f"the model predicts {rows.shape[1]} letters; this message was coded with {letters}")
    symbols = _read(decoder, rows)
    model.update(symbols)
    return symbols


def _read(decoder: Any, rows: Array) -> np.ndarray:
    try:
        return np.asarray(decoder.decode(FAMILY, rows), dtype=np.int64)
    except AssertionError:  # what constriction raises when no message could have led to these words
        raise DataError(ANOTHER_MODEL) from None


def _predicted(model: Model, width: int) -> Array:
    rows = _rows(model.predict())
    if len(rows) != width:
        raise BadInput(f"the model predicts {len(rows)} symbols in a step; this message has {width}")
    return rows


def _rows(probabilities: ArrayLike) -> Array:
    """Rows that sum to one, without a zero: the coder would put a small number there and say nothing."""
    rows = simplex("probabilities", matrix("probabilities", probabilities))
    if rows.ndim != 2 or rows.shape[1] < 2:
        raise BadInput(f"probabilities have shape {rows.shape}; they must be (symbols, letters), two letters at least")
    if (rows == 0).any():
        i, j = (int(k) for k in np.argwhere(rows == 0)[0])
        raise BadInput(f"probabilities[{i}, {j}] is 0; no code word is long enough for it, give every letter a share")
    # The coder takes memory as it lies, row after row; columns of a transposed array would be read as rows.
    return np.ascontiguousarray(rows)


def _symbols(symbols: ArrayLike, letters: int) -> np.ndarray:
    array = finite("symbols", symbols)
    if (array != np.floor(array)).any() or array.min() < 0 or array.max() >= letters:
        raise BadInput(f"symbols must be whole numbers from 0 to {letters - 1}")
    return array.astype(np.int32)


def _pack(coder: Any, symbols: np.ndarray, *, letters: int, width: int) -> bytes:
    body = np.asarray(coder.get_compressed(), dtype="<u4").tobytes()
    fields = (letters, symbols.size, width, _checksum(symbols))
    seal = zlib.crc32(HEADER.pack(MAGIC, *fields, 0) + body)
    return HEADER.pack(MAGIC, *fields, seal) + body


def _unpack(data: bytes) -> tuple[int, int, int, int, np.ndarray]:
    """Letters, symbols, symbols in a step, checksum of the symbols, and the words, once the seal is intact."""
    if len(data) < HEADER_BYTES or data[:4] != MAGIC:
        raise DataError(f"{len(data)} bytes do not begin as a coded message does; pass what `encode` returned")
    *fields, seal = HEADER.unpack_from(data)[1:]
    letters, count, width, checksum = fields
    body = data[HEADER_BYTES:]
    if len(body) % WORD_BYTES or zlib.crc32(HEADER.pack(MAGIC, *fields, 0) + body) != seal:
        raise DataError(f"the coded message of {len(data)} bytes is cut short or damaged; take a fresh copy of it")
    return letters, count, width, checksum, np.frombuffer(body, dtype="<u4").astype(np.uint32)


def _checksum(symbols: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(symbols, dtype="<i4").tobytes())


def _verified(symbols: np.ndarray, checksum: int) -> np.ndarray:
    if _checksum(symbols) != checksum:
        raise DataError(ANOTHER_MODEL)
    return symbols
