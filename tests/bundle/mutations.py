"""Files changed at random: bytes of them, or fields of the message that they hold. The same seed, the same changes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from onnx import ModelProto

NUMBERS = (0, 1, -1, 2, 7, 127, 128, 255, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, -(2**63), -(2**31))
TEXTS = (
    "", "x", "input", "\x1b[31m", "a\nb", "\u202e", "\0", "../../etc/passwd", "/etc/passwd", "a" * 300, "specc.sha256",
)  # fmt: skip
BYTES = (b"", b"\xff", b"abcd", bytes(64), b"\xff" * 16)


def changed_bytes(data: bytes, random: Random) -> bytes:
    """Bits flipped, bytes set, inserted, taken out and doubled, the end cut off."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        place = random.randrange(len(changed) + 1)
        match random.randrange(6):
            case 0 if place < len(changed):
                changed[place] ^= 1 << random.randrange(8)
            case 1 if place < len(changed):
                changed[place] = random.choice((0, 1, 0x7F, 0x80, 0xC3, 0xFF))
            case 2:
                changed.insert(place, random.randrange(256))
            case 3:
                del changed[place : place + random.choice((1, 1, 2, 8))]
            case 4 if random.random() < 0.1:
                del changed[place:]
            case _:
                start = random.randrange(len(changed) + 1)
                changed[place:place] = changed[start : start + random.choice((1, 4, 16))]
    return bytes(changed)


def changed_fields(data: bytes, random: Random) -> bytes:
    """Fields set to numbers and texts at the limits, cleared, repeated, put in place of each other."""
    model = ModelProto.FromString(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        messages = _messages(model)
        message = random.choice(messages)
        field = random.choice(message.DESCRIPTOR.fields)
        old = getattr(message, field.name)
        if field.type != field.TYPE_MESSAGE:
            _change_value(message, field, random)
            continue
        of_its_kind = [one for one in messages if one.DESCRIPTOR is field.message_type]
        new: Callable[[], Any] = old.add if hasattr(old, "add") else lambda: old  # noqa: B023 - called at once
        if random.random() < 0.4 and hasattr(old, "add") and old:
            del old[random.randrange(len(old))]
        elif random.random() < 0.3 or not of_its_kind:
            message.ClearField(field.name)
        else:
            copy = random.choice(of_its_kind).SerializeToString()  # as bytes: it may hold the place that it goes to
            new().ParseFromString(copy)
    return bytes(model.SerializeToString())


def _messages(message: Any) -> list[Any]:
    found = [message]
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for part in [value] if hasattr(value, "ListFields") else value:
                found += _messages(part)
    return found


def _change_value(message: Any, field: Any, random: Random) -> None:
    old = getattr(message, field.name)
    new = _value(field, random)
    if isinstance(old, str | bytes | int | float):
        if random.random() < 0.3:
            message.ClearField(field.name)
        else:
            setattr(message, field.name, new)
    elif not old or random.random() < 0.3:
        old.append(new)
    elif random.random() < 0.4:
        del old[random.randrange(len(old))]
    else:
        old[random.randrange(len(old))] = new


def _value(field: Any, random: Random) -> Any:
    if field.type == field.TYPE_STRING:
        return random.choice(TEXTS)
    if field.type == field.TYPE_BYTES:
        return random.choice(BYTES)
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return random.choice((0.0, float("nan"), 1e30))
    if field.type == field.TYPE_ENUM:
        return random.choice([value.number for value in field.enum_type.values])
    number = random.choice(NUMBERS)
    if field.type == field.TYPE_UINT64:
        return abs(number)
    return max(-(2**31), min(number, 2**31 - 1)) if field.type == field.TYPE_INT32 else number
