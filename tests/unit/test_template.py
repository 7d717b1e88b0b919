"""CloudFormation templates: order, intrinsic functions, exports, and what is said when something is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.template import Created, Deployment, Resource, StackTemplate, TemplateError, read_assembly


class Recorder:
    """Creates nothing, remembers everything."""

    def __init__(self) -> None:
        self.created: list[Resource] = []

    def __call__(self, resource: Resource) -> Created:
        """Name a resource after its logical id."""
        self.created.append(resource)
        return Created(f"ref-{resource.logical_id}", {"Arn": f"arn:{resource.logical_id}", "A.B": "nested"})

    @property
    def order(self) -> list[str]:
        """The logical ids as they were created."""
        return [resource.logical_id for resource in self.created]


def deployment(recorder: Recorder) -> Deployment:
    return Deployment(recorder, region="eu-central-1", account="123456789012")


def resolved(value: Any, **template: Any) -> Any:
    """A value as a property of a resource that comes after another one, `Other`."""
    recorder = Recorder()
    resources = {"Other": {"Type": "T"}, "One": {"Type": "T", "DependsOn": "Other", "Properties": {"Value": value}}}
    deployment(recorder).deploy(StackTemplate("Stack", {"Resources": resources, **template}))
    return recorder.created[-1].properties.get("Value", "left out")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Other"}, "ref-Other"),
        ({"Ref": "AWS::Region"}, "eu-central-1"),
        ({"Ref": "AWS::AccountId"}, "123456789012"),
        ({"Ref": "AWS::StackName"}, "Stack"),
        ({"Ref": "AWS::NoValue"}, "left out"),
        ([1, {"Ref": "AWS::NoValue"}, 2], [1, 2]),
        ({"Ref": "Size"}, "7"),
        ({"Fn::GetAtt": ["Other", "Arn"]}, "arn:Other"),
        ({"Fn::GetAtt": "Other.A.B"}, "nested"),
        ({"Fn::Join": ["/", ["a", {"Ref": "Other"}, 1]]}, "a/ref-Other/1"),
        ({"Fn::Split": [":", {"Fn::GetAtt": ["Other", "Arn"]}]}, ["arn", "Other"]),
        ({"Fn::Select": ["1", {"Fn::Split": [":", "a:b"]}]}, "b"),
        ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "eu-central-1a"),
        ({"Fn::Sub": "x-${Other}-${Other.Arn}-${AWS::Region}-${!kept}"}, "x-ref-Other-arn:Other-eu-central-1-${kept}"),
        ({"Fn::Sub": ["${own}:${Size}", {"own": {"Ref": "Other"}}]}, "ref-Other:7"),
        ({"Fn::Base64": "abc"}, "YWJj"),
        ({"Fn::FindInMap": ["M", {"Ref": "AWS::Region"}, "k"]}, "mapped"),
        ({"Fn::If": ["IsBig", "big", "small"]}, "big"),
        ({"Fn::If": ["IsNotBig", "small", {"Ref": "Other"}]}, "ref-Other"),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        (
            {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        ),
    ],
)
def test_intrinsic_functions(value: Any, expected: Any) -> None:
    """Each gives what CloudFormation gives."""
    template = {
        "Parameters": {"Size": {"Type": "String", "Default": "7"}},
        "Mappings": {"M": {"eu-central-1": {"k": "mapped"}}},
        "Conditions": {
            "IsBig": {"Fn::Equals": [{"Ref": "Size"}, "7"]},
            "IsNotBig": {"Fn::Not": [{"Condition": "IsBig"}]},
            "Both": {"Fn::And": [{"Condition": "IsBig"}, {"Condition": "IsNotBig"}]},
            "Either": {"Fn::Or": [{"Condition": "IsBig"}, {"Condition": "IsNotBig"}]},
        },
    }
    assert resolved(value, **template) == expected


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"Ref": "Nothing"}, "Stack/One: there is nothing to Ref with the name Nothing"),
        ({"Fn::GetAtt": ["Other", "Nothing"]}, "Stack/One: Other has no attribute Nothing"),
        ({"Fn::ImportValue": "nothing"}, "Stack/One: no stack before this one exports nothing"),
        ({"Fn::Transform": {}}, "Stack/One: the local run does not know Fn::Transform"),
    ],
)
def test_what_cannot_be_resolved_is_named(value: Any, complaint: str) -> None:
    """An error names stack, resource and what is missing."""
    with pytest.raises(TemplateError, match=complaint):
        resolved(value)


@pytest.mark.parametrize(
    "needs",
    [
        {"DependsOn": "B"},
        {"DependsOn": ["B"]},
        {"Properties": {"x": [{"y": {"Ref": "B"}}]}},
        {"Properties": {"x": {"Fn::GetAtt": ["B", "Arn"]}}},
        {"Properties": {"x": {"Fn::Sub": "${B.Arn}"}}},
        {"Properties": {"x": {"Fn::Sub": ["${v}", {"v": {"Ref": "B"}}]}}},
    ],
)
def test_a_resource_comes_after_those_it_needs(needs: dict[str, Any]) -> None:
    """Whether it depends on them by name or by reference."""
    recorder = Recorder()
    deployment(recorder).deploy(StackTemplate("S", {"Resources": {"A": {"Type": "T", **needs}, "B": {"Type": "T"}}}))
    assert recorder.order == ["B", "A"]


def test_resources_that_need_each_other_are_an_error() -> None:
    """There is no order for them."""
    resources = {"A": {"Type": "T", "DependsOn": "B"}, "B": {"Type": "T", "DependsOn": "A"}}
    with pytest.raises(TemplateError, match="depend on each other"):
        deployment(Recorder()).deploy(StackTemplate("S", {"Resources": resources}))


def test_a_resource_whose_condition_is_false_is_not_created() -> None:
    """Nor are outputs."""
    recorder = Recorder()
    template = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {"A": {"Type": "T", "Condition": "Never"}, "B": {"Type": "T"}},
        "Outputs": {"Gone": {"Condition": "Never", "Value": {"Ref": "A"}}, "There": {"Value": {"Ref": "B"}}},
    }
    assert deployment(recorder).deploy(StackTemplate("S", template)) == {"There": "ref-B"}
    assert recorder.order == ["B"]


def test_a_stack_imports_what_another_one_exports() -> None:
    """Exports are known by their resolved name."""
    recorder = Recorder()
    stacks = deployment(recorder)
    export = {"Value": {"Fn::GetAtt": ["A", "Arn"]}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}:A"}}}
    stacks.deploy(StackTemplate("First", {"Resources": {"A": {"Type": "T"}}, "Outputs": {"O": export}}))
    importer = {"Type": "T", "Properties": {"x": {"Fn::ImportValue": "First:A"}}}
    stacks.deploy(StackTemplate("Second", {"Resources": {"B": importer}}))
    assert recorder.created[-1].properties == {"x": "arn:A"}


def test_stacks_are_read_in_the_order_of_their_dependencies(tmp_path: Path) -> None:
    """The manifest tells which stacks there are, and other artifacts are no stacks."""
    stack = "aws:cloudformation:stack"
    artifacts = {
        "Late": {"type": stack, "dependencies": ["Early", "assets"], "properties": {"templateFile": "late.json"}},
        "Early": {"type": stack, "properties": {"templateFile": "early.json", "stackName": "named"}},
        "assets": {"type": "cdk:asset-manifest"},
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    (tmp_path / "late.json").write_text('{"Resources": {"L": {"Type": "T"}}}')
    (tmp_path / "early.json").write_text('{"Resources": {}}')
    stacks = read_assembly(tmp_path)
    assert [stack.name for stack in stacks] == ["named", "Late"]
    assert list(stacks[1].template["Resources"]) == ["L"]
