"""EventBridge: rules and schedules that invoke functions at a rate, and rules for events that nobody sends here."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from local.resources.registry import DeploymentError, World, chosen, creates, physical_name
from local.scheduler import Schedule, seconds_of
from local.template import Created, Resource

_LONGEST_NAME = 64


@creates(
    "AWS::Events::Rule",
    properties="Name Description EventPattern ScheduleExpression State Targets",
    without_effect="Tags",
)
def create_rule(resource: Resource, world: World) -> Created:
    """A rule. AWS' endpoint knows it, but the local scheduler runs its schedule.

    One with a pattern waits for events of AWS' services, of which none sends any here.
    """
    properties, events = resource.properties, world.client("events")
    name = physical_name(resource, given=properties.get("Name"), longest=_LONGEST_NAME)
    pattern = {"EventPattern": json.dumps(properties["EventPattern"])} if "EventPattern" in properties else {}
    rule = events.put_rule(Name=name, **pattern, **chosen(properties, "ScheduleExpression", "State", "Description"))
    targets = properties.get("Targets", [])
    events.put_targets(Rule=name, Targets=targets)
    if "ScheduleExpression" in properties and properties.get("State", "ENABLED") == "ENABLED":
        for target in targets:
            event = _event_maker(target.get("Input"), rule["RuleArn"], world)
            _add(resource, world, f"{name}/{target['Id']}", target["Arn"], event)
    return Created(name, {"Arn": rule["RuleArn"]})


@creates(
    "AWS::Scheduler::Schedule",
    properties="Name ScheduleExpression State Target",
    without_effect="Description FlexibleTimeWindow GroupName ScheduleExpressionTimezone",
)
def create_schedule(resource: Resource, world: World) -> Created:
    """A schedule of EventBridge Scheduler; the local scheduler runs it."""
    properties = resource.properties
    name = physical_name(resource, given=properties.get("Name"), longest=_LONGEST_NAME)
    platform = world.platform
    arn = f"arn:aws:scheduler:{platform.region}:{platform.account}:schedule/default/{name}"
    target = properties["Target"]
    if properties.get("State", "ENABLED") == "ENABLED":
        _add(resource, world, name, target["Arn"], _event_maker(target.get("Input"), arn, world))
    return Created(name, {"Arn": arn})


def _add(resource: Resource, world: World, name: str, target: str, make_event: Callable[[], bytes]) -> None:
    if ":lambda:" not in target:
        raise DeploymentError(f"{resource}: the local scheduler invokes functions alone, not {target}")
    try:
        seconds = seconds_of(resource.properties["ScheduleExpression"])
    except ValueError as error:
        raise DeploymentError(f"{resource}: {error}") from error
    world.schedules.append(Schedule(name, seconds, target, make_event))


def _event_maker(fixed: str | None, source_arn: str, world: World) -> Callable[[], bytes]:
    """Makes the event of one time: the target's own input, or what EventBridge sends without one."""

    def make() -> bytes:
        if fixed is not None:
            return fixed.encode()
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": world.platform.account,
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": world.platform.region,
            "resources": [source_arn],
            "detail": {},
        }
        return json.dumps(event).encode()

    return make
