"""The functions' manifest (`functions/manifest.toml`) as values."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

ROOT = Path(__file__).resolve().parent.parent


class FunctionSpec(BaseModel):
    """One table of the manifest; its name there is the module's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    purpose: str
    layer: Literal["common", "loader"] | None = None
    image: Literal["clamav"] | None = None
    timeout: Annotated[int, Field(gt=0, le=900, description="Seconds.")]
    memory: Annotated[int, Field(ge=128, le=10_240, description="MB.")]
    storage: Annotated[int, Field(ge=512, le=10_240, description="MB of disk, under /tmp.")] = 512
    routes: tuple[str, ...] = ()
    live: Annotated[tuple[str, ...], Field(description="Routes of the WebSocket API.")] = ()
    scanner: Annotated[str | None, Field(description="Deployed only where SCANNER is this.")] = None

    @model_validator(mode="after")
    def _runs_in_one_way(self) -> Self:
        if (self.layer is None) == (self.image is None):
            raise ValueError("a function has a layer or an image")
        return self


def read_manifest(scanner: str | None = None) -> dict[str, FunctionSpec]:
    """Module name → what is told of it, in the manifest's order; raises pydantic's ValidationError.

    With a `scanner`, those functions alone that are deployed with it.
    """
    tables = tomllib.loads((ROOT / "functions" / "manifest.toml").read_text(encoding="utf-8"))
    specs = TypeAdapter(dict[str, FunctionSpec]).validate_python(tables)
    return {name: spec for name, spec in specs.items() if scanner is None or spec.scanner in (None, scanner)}
