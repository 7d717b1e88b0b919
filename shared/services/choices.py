"""What is chosen for a file: by the caller, and else by a profile of the tenant.

The caller's own choice goes first, then the profile that the caller names, and where none is named the one whose
header the file has. How cells, text and sheet are written is the file's own to say: there a profile helps only with
what stays open, see `FileEvidence.decide` and the surveys.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.domain.headers import field_of, normalize_header
from shared.domain.problems import FileProblem, file_refusal
from shared.domain.profile import Profile, fingerprint_of
from shared.domain.record import field_name
from shared.domain.upload import Decision, FileChoices, UploadOptions
from shared.errors import UploadRejected

AS_PROFILE = "as the profile has it"
"""The evidence of what a profile decided."""

AS_GIVEN = "given by the caller"
"""The evidence of what the caller decided."""

_MOST_TOLD = 5
_MOST_COLUMNS_TOLD = 20
_SHOWN_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Chosen:
    """What holds for a file with a certain header: `options` completed by the profile, where there is one."""

    options: UploadOptions
    profile: Profile | None = None
    decisions: tuple[Decision, ...] = ()


class Choices:
    """The caller's choices and the profiles that may complete them, the most recently changed first.

    What they leave open ends the import (UploadRejected), and so does a named profile that is not among `profiles`.
    For a preview (`previewed`) it is kept as the `question` for the person to answer, and the file is read on by what
    stands in for the answer: only to be shown.
    """

    def __init__(self, options: UploadOptions, profiles: Iterable[Profile] = (), *, previewed: bool = False) -> None:
        self.options = options
        self.question: FileProblem | None = None
        self._previewed = previewed
        newest = sorted(profiles, key=lambda profile: profile.updated_at, reverse=True)
        self.profiles: Sequence[Profile] = [profile for profile in newest if options.profile in (None, profile.name)]
        if options.profile is not None and not self.profiles:
            self.leave_open(file_refusal("profile_not_found", name=options.profile))
        self._mapped: dict[str, set[str]] = {}
        for choices in (options, *self.profiles):
            for column, field in given_fields(choices).items():
                if field:
                    self._mapped.setdefault(normalize_header(column), set()).add(field)

    def leave_open(self, question: FileProblem) -> None:
        """Come upon what another choice would answer; the first such question is the one that is asked."""
        if not self._previewed:
            raise UploadRejected(question.message, code=question.code)
        self.question = self.question or question

    @property
    def known_headers(self) -> frozenset[str]:
        """Names that columns of the file may have, besides those that are always known."""
        return frozenset(self.options.mapping).union(*(profile.header for profile in self.profiles))

    def fields_of(self, column: str) -> set[str]:
        """The fields (snake_case) that a column of this name may be, by its name or any of the profiles."""
        known = field_of(column, {})
        return self._mapped.get(normalize_header(column), set()) | ({known} if known else set())

    def profile_of(self, header: Sequence[str]) -> Profile | None:
        """The profile whose header this is; of several the one that was changed last."""
        kind = fingerprint_of(header)
        return next((profile for profile in self.profiles if profile.fingerprint == kind), None)

    def complete(self, header: Sequence[str]) -> Chosen:
        """What holds for a file with this header."""
        named = self.options.profile is not None
        profile = next(iter(self.profiles), None) if named else self.profile_of(header)
        if profile is None:
            return Chosen(self.options.model_copy(update={"identity": self.options.identity or "key"}))
        evidence = "named by the caller" if named else "the header is that of the profile"
        if named and not profile.is_of(header):
            evidence += "; the file's header is another than the profile's"
        others = [f"“{other.name}”" for other in self.profiles if other is not profile and other.is_of(header)]
        if others:
            more = f" and {len(others) - _MOST_TOLD} more" if len(others) > _MOST_TOLD else ""
            evidence += f", as it is of {', '.join(others[:_MOST_TOLD])}{more}, changed before it"
        return _completed(
            self.options, profile, header, Decision(subject="profile", choice=profile.name, evidence=evidence)
        )


def told_choices(options: UploadOptions) -> list[Decision]:
    """What the caller chose and no reading of the file tells, for people who see the result alone."""
    given = [("time zone", options.time_zone), ("identity", options.identity), ("mapping", _shown_mapping(options))]
    defaults = [(f"default of {name}", text[:_SHOWN_CHARACTERS]) for name, text in options.defaults.items()]
    return [Decision(subject=about, choice=text, evidence=AS_GIVEN) for about, text in [*given, *defaults] if text]


def _shown_mapping(options: UploadOptions) -> str:
    columns = [*options.mapping.items()]
    shown = [f"“{name[:_SHOWN_CHARACTERS]}” is {field or 'an attribute'}" for name, field in columns]
    more = [f"and {len(columns) - _MOST_COLUMNS_TOLD:,} more"] if len(columns) > _MOST_COLUMNS_TOLD else []
    return "; ".join([*shown[:_MOST_COLUMNS_TOLD], *more])


def given_fields(choices: FileChoices) -> dict[str, str | None]:
    """The mapping with fields in snake_case."""
    return {column: field_name(name) if name else None for column, name in choices.mapping.items()}


def _completed(options: UploadOptions, profile: Profile, header: Sequence[str], used: Decision) -> Chosen:
    mapping = _mapping(options, profile, header)
    named = given_fields(FileChoices(mapping=mapping))
    by_columns = {field_of(column, named) for column in header}
    defaults = {
        name: text
        for name, text in profile.defaults.items()
        if name not in options.defaults and field_name(name) not in by_columns
    }
    changes: dict[str, object] = {
        "mapping": mapping,
        "defaults": defaults | options.defaults,
        "time_zone": options.time_zone or profile.time_zone,
        "identity": options.identity or profile.identity or "key",
    }
    decisions = [used]
    if options.time_zone is None and profile.time_zone:
        decisions.append(Decision(subject="time zone", choice=profile.time_zone, evidence=AS_PROFILE))
    if options.identity is None and profile.identity:
        decisions.append(Decision(subject="identity", choice=profile.identity, evidence=AS_PROFILE))
    decisions += [
        Decision(subject=f"default of {name}", choice=text[:_SHOWN_CHARACTERS], evidence=AS_PROFILE)
        for name, text in defaults.items()
    ]
    return Chosen(options.model_copy(update=changes), profile, tuple(decisions))


def _mapping(options: UploadOptions, profile: Profile, header: Sequence[str]) -> dict[str, str | None]:
    """The caller's mapping, and the profile's for columns that the file has and of which the caller says nothing."""
    present = set(map(normalize_header, header))
    said = set(map(normalize_header, options.mapping))
    fields = {*filter(None, options.mapping.values()), *options.defaults}
    added = {
        column: field
        for column, field in profile.mapping.items()
        if normalize_header(column) in present - said and field not in fields
    }
    return added | options.mapping
