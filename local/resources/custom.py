"""Custom resources of CDK that call a function of ours."""

from __future__ import annotations

from collections.abc import Iterable

from local.resources.registry import DeploymentError, World, creates, is_known
from local.template import Created, Resource, StackTemplate

_LOG_LINES = 40


@creates(
    "Custom::Trigger",
    properties="HandlerArn",
    without_effect="ServiceToken InvocationType Timeout ExecuteOnHandlerChange",
)
def run_trigger(resource: Resource, world: World) -> Created:
    """Run a function once, when everything that it needs is there; its failure is the deployment's."""
    arn = resource.properties["HandlerArn"]
    result = world.host.invoke(arn, b"{}")
    if result.failed:
        log = world.host.log_of(world.host.function(arn))
        lines = "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:])
        raise DeploymentError(f"{resource} failed: {result.payload.decode(errors='replace')}\n{log}:\n{lines}")
    return Created(resource.logical_id)


def provider_functions(stacks: Iterable[StackTemplate]) -> frozenset[tuple[str, str]]:
    """The functions behind custom resources that are created natively here, as (stack, logical id)."""
    return frozenset(
        (stack.name, token["Fn::GetAtt"][0])
        for stack in stacks
        for definition in stack.template["Resources"].values()
        if definition["Type"].startswith("Custom::") and is_known(definition["Type"])
        if isinstance(token := definition["Properties"]["ServiceToken"], dict)
    )
