"""CloudFormation templates as CDK writes them: their order, their intrinsic functions, their outputs.

Nothing here knows a resource type; what a resource is made into comes from the caller.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

NO_VALUE = object()
"""What `AWS::NoValue` resolves to; a property that has it is left out."""

_SUB = re.compile(r"\$\{(!?)([^}]+)\}")
_ZONES = "abc"


class TemplateError(Exception):
    """A template that cannot be deployed here; the message names the stack and the resource."""


@dataclass(frozen=True)
class Resource:
    """One resource with every intrinsic function resolved."""

    stack: str
    logical_id: str
    type: str
    properties: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.stack}/{self.logical_id} ({self.type})"


@dataclass(frozen=True)
class Created:
    """What a resource is called: the value of `Ref` and those of `Fn::GetAtt`."""

    ref: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StackTemplate:
    """A synthesized stack."""

    name: str
    template: Mapping[str, Any]


def read_assembly(folder: Path) -> list[StackTemplate]:
    """The stacks of a cloud assembly (`cdk.out`), each after those that it depends on."""
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    stacks = {name: artifact for name, artifact in artifacts.items() if artifact["type"] == "aws:cloudformation:stack"}
    order = TopologicalSorter(
        {name: [other for other in stack.get("dependencies", []) if other in stacks] for name, stack in stacks.items()}
    )
    return [
        StackTemplate(
            stacks[name].get("properties", {}).get("stackName", name),
            json.loads((folder / stacks[name]["properties"]["templateFile"]).read_text()),
        )
        for name in order.static_order()
    ]


class Deployment:
    """Creates stacks in order, and keeps what they export to one another.

    `create` is called once for each resource whose condition holds, after everything that it refers to.
    """

    def __init__(self, create: Callable[[Resource], Created], *, region: str, account: str) -> None:
        self._create = create
        self._region = region
        self._account = account
        self._exports: dict[str, Any] = {}

    def deploy(self, stack: StackTemplate) -> dict[str, Any]:
        """Create a stack's resources and return its outputs by name; raises TemplateError."""
        scope = _Scope(stack, self._pseudo_parameters(stack.name), self._exports)
        for logical_id in scope.order():
            definition = stack.template["Resources"][logical_id]
            scope.created[logical_id] = self._create(
                Resource(
                    stack.name,
                    logical_id,
                    definition["Type"],
                    scope.resolve(definition.get("Properties", {}), f"{stack.name}/{logical_id}"),
                )
            )
        return self._outputs(stack, scope)

    def _outputs(self, stack: StackTemplate, scope: _Scope) -> dict[str, Any]:
        outputs = {}
        for name, output in stack.template.get("Outputs", {}).items():
            if not scope.holds(output.get("Condition")):
                continue
            where = f"{stack.name}/Outputs/{name}"
            outputs[name] = scope.resolve(output["Value"], where)
            if "Export" in output:
                self._exports[scope.resolve(output["Export"]["Name"], where)] = outputs[name]
        return outputs

    def _pseudo_parameters(self, stack: str) -> dict[str, Any]:
        return {
            "AWS::AccountId": self._account,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": [],
            "AWS::Partition": "aws",
            "AWS::Region": self._region,
            "AWS::StackId": f"arn:aws:cloudformation:{self._region}:{self._account}:stack/{stack}/local",
            "AWS::StackName": stack,
            "AWS::URLSuffix": "amazonaws.com",
        }


class _Scope:
    """What the intrinsic functions of one stack can see."""

    def __init__(self, stack: StackTemplate, values: dict[str, Any], exports: Mapping[str, Any]) -> None:
        self._stack = stack
        self._exports = exports
        self._values = {
            **values,
            **{name: p["Default"] for name, p in stack.template.get("Parameters", {}).items() if "Default" in p},
        }
        self.created: dict[str, Created] = {}

    def order(self) -> list[str]:
        """The logical ids of the resources whose condition holds, each after those that it needs."""
        definitions = {
            logical_id: definition
            for logical_id, definition in self._stack.template["Resources"].items()
            if self.holds(definition.get("Condition"))
        }
        needs = {
            logical_id: set(_needed(definition)) & set(definitions) for logical_id, definition in definitions.items()
        }
        try:
            return list(TopologicalSorter(needs).static_order())
        except CycleError as error:
            raise TemplateError(f"{self._stack.name}: resources depend on each other: {error.args[1]}") from error

    def holds(self, condition: str | None) -> bool:
        """Whether a named condition is true; no condition is."""
        if condition is None:
            return True
        where = f"{self._stack.name}/Conditions/{condition}"
        try:
            definition = self._stack.template["Conditions"][condition]
        except KeyError:
            raise TemplateError(f"{where} is not in the template") from None
        return bool(self.resolve(definition, where))

    def resolve(self, value: Any, where: str) -> Any:
        """A value without intrinsic functions; `where` names the place in an error."""
        if isinstance(value, list):
            items = (self.resolve(item, where) for item in value)
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name == "Ref":
                return self._ref(argument, where)
            if name == "Condition" and isinstance(argument, str):
                return self.holds(argument)
            if name.startswith("Fn::"):
                return self._call(name.removeprefix("Fn::"), argument, where)
        resolved = {key: self.resolve(item, where) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def _call(self, name: str, argument: Any, where: str) -> Any:
        function: Callable[[Any, str], Any] | None = getattr(self, f"_fn_{name.lower()}", None)
        if function is None:
            raise TemplateError(f"{where}: the local run does not know Fn::{name}")
        return function(argument, where)

    def _ref(self, name: str, where: str) -> Any:
        if name in self.created:
            return self.created[name].ref
        if name in self._values:
            return self._values[name]
        raise TemplateError(f"{where}: there is nothing to Ref with the name {name}")

    def _fn_getatt(self, argument: str | list[Any], where: str) -> Any:
        logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        attribute = self.resolve(attribute, where)
        try:
            return self.created[logical_id].attributes[attribute]
        except KeyError:
            raise TemplateError(f"{where}: {logical_id} has no attribute {attribute} here") from None

    def _fn_importvalue(self, argument: Any, where: str) -> Any:
        name = self.resolve(argument, where)
        try:
            return self._exports[name]
        except KeyError:
            raise TemplateError(f"{where}: no stack before this one exports {name}") from None

    def _fn_join(self, argument: list[Any], where: str) -> str:
        separator, parts = argument
        return str(separator).join(str(part) for part in self.resolve(parts, where))

    def _fn_split(self, argument: list[Any], where: str) -> list[str]:
        separator, text = argument
        return str(self.resolve(text, where)).split(separator)

    def _fn_select(self, argument: list[Any], where: str) -> Any:
        index, items = argument
        return self.resolve(items, where)[int(self.resolve(index, where))]

    def _fn_sub(self, argument: str | list[Any], where: str) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument
        variables = self.resolve(own, where)

        def value_of(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in variables:
                return str(variables[name])
            return str(self._fn_getatt(name, where) if "." in name else self._ref(name, where))

        return _SUB.sub(value_of, text)

    def _fn_base64(self, argument: Any, where: str) -> str:
        return base64.b64encode(str(self.resolve(argument, where)).encode()).decode()

    def _fn_getazs(self, argument: Any, where: str) -> list[str]:
        region = self.resolve(argument, where) or self._values["AWS::Region"]
        return [f"{region}{zone}" for zone in _ZONES]

    def _fn_findinmap(self, argument: list[Any], where: str) -> Any:
        names = [self.resolve(part, where) for part in argument]
        try:
            return self._stack.template["Mappings"][names[0]][names[1]][names[2]]
        except KeyError:
            raise TemplateError(f"{where}: the mapping {'.'.join(map(str, names))} is not in the template") from None

    def _fn_if(self, argument: list[Any], where: str) -> Any:
        condition, then, otherwise = argument
        return self.resolve(then if self.holds(condition) else otherwise, where)

    def _fn_equals(self, argument: list[Any], where: str) -> bool:
        left, right = (self.resolve(side, where) for side in argument)
        return bool(left == right)

    def _fn_not(self, argument: list[Any], where: str) -> bool:
        return not self.resolve(argument[0], where)

    def _fn_and(self, argument: list[Any], where: str) -> bool:
        return all(self.resolve(condition, where) for condition in argument)

    def _fn_or(self, argument: list[Any], where: str) -> bool:
        return any(self.resolve(condition, where) for condition in argument)


def _needed(definition: Mapping[str, Any]) -> Iterator[str]:
    """The names that a resource refers to, its dependencies included; some are no resources."""
    depends_on = definition.get("DependsOn", [])
    yield from [depends_on] if isinstance(depends_on, str) else depends_on
    yield from _references(definition.get("Properties", {}))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref" and isinstance(item, str):
                yield item
            elif key == "Fn::GetAtt":
                yield item.split(".", 1)[0] if isinstance(item, str) else item[0]
            elif key == "Fn::Sub":
                text = item if isinstance(item, str) else item[0]
                yield from (name.split(".", 1)[0] for literal, name in _SUB.findall(text) if not literal)
            yield from _references(item)
