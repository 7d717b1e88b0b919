"""A CloudFront distribution as the template describes it: which origin answers a path, and with which headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class BucketOrigin:
    """A bucket, whose objects' keys are the paths."""

    bucket: str


@dataclass(frozen=True)
class HttpOrigin:
    """Another server, by its public origin."""

    origin: str


@dataclass(frozen=True)
class AddedHeaders:
    """A response headers policy: what every answer gets, and what those to pages of `origins` get besides."""

    always: Mapping[str, str] = field(default_factory=dict)
    origins: tuple[str, ...] = ()
    to_origins: Mapping[str, str] = field(default_factory=dict)

    def to(self, origin: str | None) -> dict[str, str]:
        """The headers of an answer to a page from `origin`; None where the request does not tell."""
        if origin is None or origin not in self.origins:
            return dict(self.always)
        return {**self.always, "Access-Control-Allow-Origin": origin, **self.to_origins}


@dataclass(frozen=True)
class Behaviour:
    """What is done with the paths of a pattern, in which `*` is any text and `?` any character."""

    pattern: str
    origin: BucketOrigin | HttpOrigin
    methods: frozenset[str]
    headers: AddedHeaders

    def matches(self, path: str) -> bool:
        """Whether a path is of the pattern, which may leave the first slash out."""
        regex = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in self.pattern.removeprefix("/"))
        return re.fullmatch(regex, path.removeprefix("/"), re.DOTALL) is not None


@dataclass(frozen=True)
class Distribution:
    """Behaviours in the order in which they are tried; the last one is for all paths."""

    root_object: str
    behaviours: tuple[Behaviour, ...]

    def behaviour(self, path: str) -> Behaviour:
        """The first that matches."""
        return next(behaviour for behaviour in self.behaviours if behaviour.matches(path))
