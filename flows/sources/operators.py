"""`operators.yaml`: who may approve what. The name of a user there is looked up once; their uid is who they are."""

import pwd
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from flows.errors import SettingsError
from flows.sources.formats.yaml_model import read_owned_model
from schemas.operator import Operator
from schemas.verb import Risk

_PLATFORM = {"low": Risk.SAFE, "nominal": Risk.SAFE, "critical": Risk.DANGEROUS}


def _check_class(word: str) -> str:
    if word not in {*Risk, *_PLATFORM}:
        raise ValueError(f"expected one of {', '.join(Risk)}")
    return str(_PLATFORM.get(word, Risk(word) if word in {*Risk} else word))


def _check_user(user: str | int) -> int:
    if isinstance(user, int):
        if user < 0:
            raise ValueError("expected the name or number of a user")
        return user
    try:
        return pwd.getpwnam(user).pw_uid
    except (KeyError, ValueError):
        raise ValueError(f"there is no user {user!a} on this machine") from None


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    user: Annotated[str | int, AfterValidator(_check_user)]
    classes: list[Annotated[str, AfterValidator(_check_class)]] = Field(default_factory=lambda: [*Risk])
    targets: list[str] = Field(default_factory=lambda: ["*"])


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    operators: list[_Row] = Field(default_factory=list)


def read_operators(path: Path, owners: frozenset[int], alone: int | None) -> tuple[Operator, ...]:
    """Return who may say yes, by uid; without a file `alone`, the one user of all roles, may everything, or nobody.

    Raises `SettingsError` for a file with faults, or that others than the owners could have written.
    """
    try:
        rows = read_owned_model(path, _File, owners).operators
    except FileNotFoundError:
        return () if alone is None else (Operator(name=_name(alone), uid=alone),)
    found = [_to_operator(row) for row in rows]
    doubled = {operator.uid for operator in found if sum(other.uid == operator.uid for other in found) > 1}
    if doubled:
        raise SettingsError(f"{path}: user {min(doubled)} is there more than once; one line says all that they may")
    return tuple(sorted(found, key=lambda operator: operator.uid))


def _to_operator(row: _Row) -> Operator:
    risks = frozenset(Risk(word) for word in row.classes)
    return Operator(name=row.name, uid=int(row.user), risks=risks, targets=tuple(row.targets))


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
