"""The synthesized templates, as the tests ask about them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Properties = dict[str, Any]


@dataclass(frozen=True)
class Templates:
    """All stacks' resources together; `files` are the templates on disk."""

    resources: Mapping[str, dict[str, Any]]
    exports: Mapping[str, Any]
    files: tuple[Path, ...]

    @classmethod
    def read(cls, folder: Path) -> Templates:
        """The templates of a cloud assembly."""
        files = tuple(sorted(folder.glob("*.template.json")))
        resources: dict[str, dict[str, Any]] = {}
        exports: dict[str, Any] = {}
        for file in files:
            template = json.loads(file.read_text(encoding="utf-8"))
            assert not resources.keys() & template["Resources"].keys()
            resources |= template["Resources"]
            outputs = template.get("Outputs", {}).values()
            exports |= {output["Export"]["Name"]: output["Value"] for output in outputs if "Export" in output}
        return cls(resources, exports, files)

    def of_type(self, resource_type: str) -> dict[str, Properties]:
        """Logical id → properties of a type's resources."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == resource_type
        }

    def only(self, resource_type: str) -> Properties:
        """The properties of a type's only resource."""
        [properties] = self.of_type(resource_type).values()
        return properties

    def api(self, protocol: str = "HTTP") -> tuple[str, Properties]:
        """The logical id and the properties of the API of a protocol."""
        [found] = [
            each for each in self.of_type("AWS::ApiGatewayV2::Api").items() if each[1]["ProtocolType"] == protocol
        ]
        return found

    def of_api(self, resource_type: str, protocol: str = "HTTP") -> dict[str, Properties]:
        """Logical id → properties of a type's resources that belong to it."""
        api = {"Ref": self.api(protocol)[0]}
        return {name: each for name, each in self.of_type(resource_type).items() if each["ApiId"] == api}

    def routes(self, protocol: str = "HTTP") -> dict[str, str]:
        """Route → the module that answers it."""
        integrations = self.of_api("AWS::ApiGatewayV2::Integration", protocol)
        behind = {
            route["RouteKey"]: self.text(route["Target"]).removeprefix("integrations/<").removesuffix(">")
            for route in self.of_api("AWS::ApiGatewayV2::Route", protocol).values()
        }
        return {route: self.module_of(integrations[name]["IntegrationUri"]) for route, name in behind.items()}

    def stream_reader(self, table: str) -> Properties:
        """The one event source mapping that reads a table's stream."""
        [found] = [
            each
            for each in self.of_type("AWS::Lambda::EventSourceMapping").values()
            if self.text(each["EventSourceArn"]).startswith(f"<Tables{table}")
        ]
        return found

    def bucket_of_files(self) -> tuple[str, Properties]:
        """The logical id and the properties of the bucket that browsers send files to; the other has access logs."""
        [found] = [each for each in self.of_type("AWS::S3::Bucket").items() if "CorsConfiguration" in each[1]]
        return found

    def functions(self) -> dict[str, Properties]:
        """Module name → properties of our functions; CDK's own handlers are not among them."""
        return {
            _handler(properties).removesuffix(".handler"): properties
            for properties in self.of_type("AWS::Lambda::Function").values()
            if "POWERTOOLS_SERVICE_NAME" in properties.get("Environment", {}).get("Variables", {})
        }

    def module_of(self, reference: Any) -> str:
        """The module of the function that a Ref, GetAtt or text with one in it names."""
        text = self.text(reference)
        [module] = {
            _handler(properties).removesuffix(".handler")
            for name, properties in self.of_type("AWS::Lambda::Function").items()
            if f"<{name}" in text
        }
        return str(module)

    def text(self, value: Any) -> str:
        """A value as one text, with `<LogicalId>` or `<LogicalId.Attribute>` where it refers to a resource."""
        match value:
            case {"Ref": name}:
                text = f"<{name}>"
            case {"Fn::GetAtt": [name, attribute]}:
                text = f"<{name}.{attribute}>"
            case {"Fn::ImportValue": export}:
                text = self.text(self.exports[export])
            case {"Fn::Join": [separator, parts]}:
                text = str(separator).join(self.text(part) for part in parts)
            case {"Fn::Sub": pattern}:
                text = str(pattern)
            case dict() | list():
                text = json.dumps(value)
            case _:
                text = str(value)
        return text

    def role_policies(self, role: str) -> Iterator[tuple[list[str], list[str]]]:
        """Actions and resources of each statement that a role is allowed by policies of its own."""
        for policy in self.of_type("AWS::IAM::Policy").values():
            if {"Ref": role} in policy["Roles"]:
                yield from self._statements(policy["PolicyDocument"])
        for policy in self.resources[role]["Properties"].get("Policies", []):
            yield from self._statements(policy["PolicyDocument"])

    def _statements(self, document: Properties) -> Iterator[tuple[list[str], list[str]]]:
        for statement in document["Statement"]:
            assert statement["Effect"] == "Allow"
            yield _listed(statement["Action"]), [self.text(resource) for resource in _listed(statement["Resource"])]

    def may(self, module: str) -> set[tuple[str, str]]:
        """Pairs of action and resource that a function's role allows."""
        role = self.functions()[module]["Role"]["Fn::GetAtt"][0]
        return {
            (action, resource)
            for actions, resources in self.role_policies(role)
            for action in actions
            for resource in resources
        }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _handler(properties: Properties) -> str:
    """The handler; a container is given it as its command."""
    return str(properties["Handler"] if "Handler" in properties else properties["ImageConfig"]["Command"][0])
