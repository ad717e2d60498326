"""Reading files that Python has pickled, by interpreting their opcodes: nothing is imported or called.

A pickle is a program for a stack machine, and may ask for any function to be called. Here a global name only stands for
one of the few things that the Planetoid data sets consist of; any other name, and any opcode that these files do not
have, is refused by name. `pickletools` splits the bytes into opcodes, and does no more.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from lth_core.data.splits import DataError

ARRAY, TYPE, ROWS, DICTIONARY, LIST = "array", "type", "sparse rows", "dictionary", "list"
GLOBALS = {
    "numpy.core.multiarray _reconstruct": ARRAY,
    "numpy ndarray": ARRAY,
    "numpy dtype": TYPE,
    "scipy.sparse.csr csr_matrix": ROWS,
    "collections defaultdict": DICTIONARY,
    "__builtin__ list": LIST,
}
"""All that such files may name, and what each stands for."""
LARGEST = 2**28
"""Numbers of an array that is read: 1 GB of float32."""


@dataclass(frozen=True)
class Name:
    """A global name of a file, which is never imported."""

    means: str


@dataclass
class Described:
    """An object as a file describes it: what it is, what it would be made with, and its state."""

    what: str
    arguments: Sequence[Any] = ()
    state: Any = None


MARK = Name("the beginning of several items")


def read_pickled(path: str | Path) -> Any:
    """Read a pickled file of arrays, sparse rows (as dense arrays), dictionaries and lists.

    Raises DataError, in one line, for a file that cannot be read, is cut off, or asks for anything else.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): put the published file there") from error
    try:
        return described(interpreted(content))
    except DataError as error:
        raise DataError(f"{path}: {error}; nothing of it was executed: put the published file there") from error
    except Exception as error:  # bytes that are no such program, or do not add up, fail anywhere
        words = " ".join(str(error).split())
        reason = f" ({words})" if words and not isinstance(error, LookupError) else ""  # a lookup says a bare key
        wrong = f"is no pickled data, or cut off or damaged{reason}"
        raise DataError(f"{path}: {wrong}: put the published file there") from error


def interpreted(content: bytes) -> Any:
    """Go through the opcodes of a pickle and return what its last one leaves. Raises DataError for others."""
    machine = Machine()
    for opcode, argument, position in pickletools.genops(content):
        if opcode.name == "STOP":
            if position is None or position + 1 < len(content):
                raise DataError("goes on after its end")
            return machine.stack.pop()
        instruction = INSTRUCTIONS.get(opcode.name)
        if instruction is None:
            raise DataError(f"has the opcode {opcode.name}, which no data set needs")
        instruction(machine, argument)
    raise DataError("has no end")


@dataclass
class Machine:
    """The stack and the memory of the interpreted program."""

    stack: list[Any] = field(default_factory=list)
    memory: dict[int, Any] = field(default_factory=dict)

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def take(self, count: int) -> tuple[Any, ...]:
        """Take the last values, which are there, from the stack."""
        return tuple(self.stack.pop() for _ in range(count))[::-1]

    def marked(self) -> list[Any]:
        """Take all values after the last mark, and the mark, from the stack."""
        start = max(index for index, value in enumerate(self.stack) if value is MARK)
        values = self.stack[start + 1 :]
        del self.stack[start:]
        return values

    def remember(self, index: int) -> None:
        self.memory[index] = self.stack[-1]

    def name(self, argument: str) -> None:
        if argument not in GLOBALS:
            raise DataError(f"names {argument.replace(' ', '.')}, which no data set needs")
        self.push(Name(GLOBALS[argument]))

    def describe(self) -> None:
        """REDUCE and NEWOBJ, which would call the first of two values with the second."""
        named, arguments = self.take(2)
        if not isinstance(named, Name) or not isinstance(arguments, tuple):
            raise DataError(f"would call {named!r:.40}")
        if named.means == LIST:
            raise DataError("would call list")
        self.push({} if named.means == DICTIONARY else Described(named.means, arguments))

    def set_state(self) -> None:
        """BUILD."""
        (state,) = self.take(1)
        if not isinstance(self.stack[-1], Described):
            raise DataError("would set the state of what is no array")
        self.stack[-1].state = state

    def set_items(self, items: Sequence[Any]) -> None:
        if not isinstance(self.stack[-1], dict):
            raise DataError("would set items of what is no dictionary")
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def make_dictionary(self) -> None:
        """DICT, of the first protocol."""
        items = self.marked()
        self.push({})
        self.set_items(items)

    def append(self, items: Sequence[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise DataError("would append to what is no list")
        self.stack[-1].extend(items)


Instruction = Callable[[Machine, Any], None]


def _constant(value: Any) -> Instruction:
    return lambda machine, _: machine.push(value)


def _argument(machine: Machine, argument: Any) -> None:
    machine.push(argument)


def _tuple(count: int) -> Instruction:
    return lambda machine, _: machine.push(machine.take(count))


INSTRUCTIONS: dict[str, Instruction] = {
    "PROTO": lambda machine, _: None,
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"), _argument),
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE"), _argument),
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "MARK": _constant(MARK),
    "EMPTY_TUPLE": _tuple(0),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.marked())),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "LIST": lambda machine, _: machine.push(machine.marked()),
    "APPEND": lambda machine, _: machine.append(machine.take(1)),
    "APPENDS": lambda machine, _: machine.append(machine.marked()),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "DICT": lambda machine, _: machine.make_dictionary(),
    "SETITEM": lambda machine, _: machine.set_items(machine.take(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.marked()),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), lambda machine, index: machine.remember(index)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, index: machine.push(machine.memory[index])),
    "GLOBAL": lambda machine, argument: machine.name(argument),
    "NEWOBJ": lambda machine, _: machine.describe(),
    "REDUCE": lambda machine, _: machine.describe(),
    "BUILD": lambda machine, _: machine.set_state(),
}
"""What each opcode does. Those that are not here are refused."""


# ---------------------------------------------------------------- arrays


def described(value: Any) -> Any:
    """Return the array that an object describes, sparse rows as a dense one; dictionaries and lists as they are."""
    if isinstance(value, Described) and value.what == ARRAY:
        return _array(value)
    if isinstance(value, Described) and value.what == ROWS:
        return _dense(value)
    if not isinstance(value, dict | list):
        raise DataError(f"holds no array, rows or dictionary but {type(value).__name__}")
    return value


def _array(value: Described) -> np.ndarray:
    _, shape, kind, by_columns, content = value.state
    if not re.fullmatch("[biuf][1248]", str(code := kind.arguments[0])):
        raise DataError(f"has an array of {code!r:.40}, not of numbers")
    dtype, data = np.dtype(code).newbyteorder(kind.state[1]), content.encode("latin-1")
    if min(shape, default=0) < 0 or prod(shape) * dtype.itemsize != len(data):
        raise DataError(f"has {len(data)} bytes for an array of shape {shape}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if by_columns else "C")


def _dense(value: Described) -> np.ndarray:
    """Fill in the zeros of compressed sparse rows."""
    state = value.state
    rows, columns = shape = state["_shape"]
    starts, indices, data = (_array(state[name]) for name in ("indptr", "indices", "data"))
    if not 0 < rows * columns <= LARGEST or min(shape) < 0:
        raise DataError(f"has {rows} x {columns} features: at most {LARGEST:,} can be read")
    counts = np.diff(starts)
    if len(counts) != rows or starts[0] != 0 or counts.min() < 0 or not starts[-1] == len(indices) == len(data):
        raise DataError(f"has sparse rows that do not fit together: {rows} rows, {len(data)} values")
    if len(indices) and not 0 <= indices.min() <= indices.max() < columns:
        raise DataError(f"has values in columns {indices.min()}..{indices.max()} of {columns}")
    dense = np.zeros(shape, np.float32)
    dense[np.repeat(np.arange(rows), counts), indices] = data
    return dense
