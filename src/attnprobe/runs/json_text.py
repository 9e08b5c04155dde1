"""Values as JSON text: one spelling for hashing, one for reading, and never a NaN.

In: plain values, dataclasses, enums, mappings. Out: `JsonValue`, and its bytes.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"


def plain(value: object) -> JsonValue:
    """Turn dataclasses, enums, mappings and sequences into what JSON can say.

    Args:
        value: nested freely; the keys of mappings are strings.

    Returns:
        The same with dicts and lists only.

    Raises:
        TypeError: a value of another kind; a defect of the caller.
    """
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(item) for item in value]
    raise TypeError(f"cannot write a {type(value).__name__} as JSON")


def json_bytes(value: JsonValue) -> bytes:
    """Write JSON to be read by people and programs: keys in the order given, two spaces, a final newline.

    Raises:
        ValueError: a number is NaN or infinite; results say null where there is no number.
    """
    return (json.dumps(value, allow_nan=False, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "backslashreplace")


def content_hash(value: JsonValue) -> str:
    """Hash a value by what it says, whatever the order of its keys.

    Returns:
        SHA-256 in hexadecimal, of the most compact JSON with sorted keys.
    """
    text = json.dumps(value, allow_nan=False, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
