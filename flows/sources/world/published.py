"""The published formats: a world's files held against the JSON Schemas beside the frames, each fault with file and key."""

import json
from collections.abc import Collection, Iterator, Mapping
from importlib import resources
from itertools import islice

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import ValidationError  # type: ignore[import-untyped]

from flows.sources.formats.json_records import Records, parse_records
from flows.sources.formats.json_strict import Unfit
from flows.sources.world.files import DEPLOYMENTS, INCIDENTS, NODES, SERVICES, SUMMARY, file_limits
from flows.text.escape import show
from schemas.limits import Limits

SCHEMAS = {
    NODES: "world-nodes",
    SERVICES: "world-services",
    DEPLOYMENTS: "world-deployments",
    INCIDENTS: "world-incidents",
    SUMMARY: "world-summary",
}
MOST_RECORDS = 10_000
"""A validator takes some 50 microseconds a record: what lies behind these of a file is told, and not looked at."""
MOST_FAULTS = 100
TYPES = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
}
NAMES = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


def find_deviations(contents: Mapping[str, bytes], told: Collection[tuple[str, str]], limits: Limits) -> Iterator[str]:
    """Yield a sentence for each place where a readable file is not of its published form.

    `told` are the files and keys of records that were set aside: what is wrong with them was said. A form that the
    reader takes as well, such as a list, is one sentence.
    """
    for name, schema in SCHEMAS.items():
        if name in contents:
            records = parse_records(contents[name], file_limits(name, limits))
            found = _find(name, schema, records, told)
            yield from islice(found, MOST_FAULTS)
            if rest := sum(1 for _ in found):
                yield f"{name}: {rest} more places are not of the published form"


def _find(name: str, schema: str, records: Records, told: Collection[tuple[str, str]]) -> Iterator[str]:
    validator = _validator(schema)
    fit = ((key, record) for key, record in records.entries if not isinstance(record, Unfit))
    if name == SUMMARY or not records.is_keyed:
        document = dict(fit) if records.is_keyed else []
        yield from (_tell(name, "", error) for error in validator.iter_errors(document))
        return
    for key, record in islice(fit, MOST_RECORDS):
        if (name, show(key)) not in told:
            yield from (_tell(name, key, error) for error in validator.iter_errors({key: record}))
    if len(records.entries) > MOST_RECORDS:
        yield f"{name}: the records behind the first {MOST_RECORDS} are not held against the published form"


def _validator(schema: str) -> Draft202012Validator:
    text = resources.files("schemas").joinpath(f"{schema}.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


def _tell(file: str, key: str, error: ValidationError) -> str:
    """Return place, what was expected and what was found, in words of ours."""
    path = ".".join(str(part) for part in list(error.absolute_path)[1 if key else 0 :])
    place = f"{file}{f'#{show(key)}' if key else ''}"
    field = f"'{show(path)}': " if path else ""
    return f"{place}: {field}{_expected(error)} (the published form, {SCHEMAS[file]}.schema.json)"


def _expected(error: ValidationError) -> str:
    wanted, found = error.validator_value, _name(error.instance)
    match error.validator:
        case "type":
            types = [wanted] if isinstance(wanted, str) else wanted
            return f"expected {' or '.join(TYPES.get(each, str(each)) for each in types)}, found {found}"
        case "required":
            lacking = [name for name in wanted if name not in error.instance]
            return f"'{lacking[0]}' is missing"
        case "enum":
            return f"expected one of {', '.join(map(str, wanted))}, found {found}"
        case "const":
            return f"expected {wanted}, found {found}"
        case "minimum" | "minLength":
            return f"expected at least {wanted}, found {found}"
        case "maxItems":
            return f"expected at most {wanted}, found {len(error.instance)}"
        case _:
            return f"does not fit '{error.validator}', found {found}"


def _name(value: object) -> str:
    kind = NAMES.get(type(value), "null")
    return f"{kind} ({show(json.dumps(value), limit=60)})" if isinstance(value, str | int | float) else kind
