"""State machines and log groups."""

from __future__ import annotations

import json
import re
from typing import Any

from local.resources.registry import DeploymentError, World, creates, decapitalized, physical_name
from local.template import Created, Resource

_LONGEST_NAME = 80
_LONGEST_LOG_GROUP_NAME = 512
_SUBSTITUTION = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


@creates(
    "AWS::StepFunctions::StateMachine",
    properties="StateMachineName StateMachineType RoleArn Definition DefinitionString DefinitionS3Location "
    "DefinitionSubstitutions LoggingConfiguration TracingConfiguration",
    without_effect="Tags",
)
def create_state_machine(resource: Resource, world: World) -> Created:
    """A state machine that really executes its definition."""
    properties = resource.properties
    machine = world.client("stepfunctions").create_state_machine(
        name=physical_name(resource, given=properties.get("StateMachineName"), longest=_LONGEST_NAME),
        definition=_definition(resource, world),
        roleArn=properties["RoleArn"],
        type=properties.get("StateMachineType", "STANDARD"),
        loggingConfiguration=decapitalized(properties.get("LoggingConfiguration", {"Level": "OFF"})),
        tracingConfiguration=decapitalized(properties.get("TracingConfiguration", {"Enabled": False})),
    )
    arn: str = machine["stateMachineArn"]
    return Created(arn, {"Arn": arn, "Name": arn.rpartition(":")[2]})


@creates(
    "AWS::Logs::LogGroup",
    properties="LogGroupName RetentionInDays",
    without_effect="KmsKeyId LogGroupClass Tags DeletionProtectionEnabled",
)
def create_log_group(resource: Resource, world: World) -> Created:
    """A log group with its retention. Functions write to files instead, which need no endpoint to be read."""
    properties, logs = resource.properties, world.client("logs")
    name = physical_name(resource, given=properties.get("LogGroupName"), longest=_LONGEST_LOG_GROUP_NAME)
    logs.create_log_group(logGroupName=name)
    if "RetentionInDays" in properties:
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(properties["RetentionInDays"]))
    platform = world.platform
    return Created(name, {"Arn": f"arn:aws:logs:{platform.region}:{platform.account}:log-group:{name}:*"})


def _definition(resource: Resource, world: World) -> str:
    """The definition's JSON, wherever the template has it, with its substitutions made."""
    properties = resource.properties
    text: str
    if "DefinitionString" in properties:
        text = properties["DefinitionString"]
    elif "Definition" in properties:
        text = json.dumps(properties["Definition"])
    else:
        asset = world.assembly / f"asset.{properties['DefinitionS3Location']['Key']}"
        if not asset.is_file():
            raise DeploymentError(f"{resource}: its definition is not at {asset.name} in the cloud assembly")
        text = asset.read_text()
    substitutions: dict[str, Any] = properties.get("DefinitionSubstitutions", {})
    return _SUBSTITUTION.sub(lambda match: str(substitutions.get(match[1], match[0])), text)
