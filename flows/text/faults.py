"""What a model of pydantic finds wrong, in words of ours; never the value, which may be a secret."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

OF_KEYS = {
    "missing": "is missing",
    "extra_forbidden": "there is no such key",
    "unexpected_keyword_argument": "there is no such key",
}
"""What is wrong with a key, by pydantic's name of the fault."""
WANTED = {
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "string_type": "a text",
    "string_sub_type": "a text",
    "path_type": "a path",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
"""What was expected, by pydantic's name of the fault."""
BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}
QUOTES = "'"
KINDS: Mapping[type, str] = {
    dict: "a mapping",
    list: "a list",
    tuple: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "nothing",
}


def say_fault(fault: "ErrorDetails") -> str:
    """Return what was expected and what kind of value was found; a message of our own as it is."""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind in OF_KEYS:
        return OF_KEYS[kind]
    if kind in WANTED:
        return f"expected {WANTED[kind]}, found {KINDS.get(type(fault.get('input')), 'something else')}"
    if kind in BOUNDS:
        word, bound = BOUNDS[kind]
        return f"expected {word} {context[bound]}"
    if kind == "too_short":
        return f"expected a list of at least {context['min_length']}"
    if kind in {"enum", "literal_error"}:
        return f"expected one of {str(context['expected']).replace(' or ', ', ')}"
    if kind == "union_tag_invalid":
        return f"{str(context['discriminator']).strip(QUOTES)}: expected one of {context['expected_tags']}"
    if kind == "union_tag_not_found":
        return f"{str(context['discriminator']).strip(QUOTES)} is missing"
    return fault["msg"].removeprefix("Value error, ")
