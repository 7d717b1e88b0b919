"""Every Lambda function of the manifest, built by one helper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aws_cdk import Duration, RemovalPolicy, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs.database import Network
from infra.constructs.packaging import ARCHITECTURE, Layers, Package, in_image, in_layer
from infra.manifest import FunctionSpec

METRICS_NAMESPACE = "Linefeed"


@dataclass(frozen=True)
class Access:
    """What a function is told and what it may do.

    `environment` holds the fields of `shared.settings.Settings` that it needs, in capitals.
    `network` puts it into the database's VPC.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    statements: Iterable[iam.PolicyStatement] = ()
    network: Network | None = None


class Functions(Construct):
    """The functions by module name, each with a role and a log group of its own."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        manifest: Mapping[str, FunctionSpec],
        access: Mapping[str, Access],
        log_retention: logs.RetentionDays,
    ) -> None:
        super().__init__(scope, construct_id)
        layers = Layers(self, "Layers", groups=sorted({spec.layer for spec in manifest.values() if spec.layer}))
        self._by_name = {
            name: _function(
                self,
                name,
                spec,
                access[name],
                package=in_image(name, spec.image) if spec.image else in_layer(name, spec, layers),
                log_retention=log_retention,
            )
            for name, spec in manifest.items()
        }

    def __getitem__(self, name: str) -> lambda_.Function:
        """The function of a module."""
        return self._by_name[name]

    def let_call(self, caller: str, *called: str) -> None:
        """Let a function invoke others, whose names it is told as `{MODULE}_FUNCTION`."""
        for name in called:
            self[caller].add_environment(f"{name.upper()}_FUNCTION", self[name].function_name)
            self.let_invoke(caller, name)

    def let_invoke(self, caller: str, called: str) -> None:
        """Let a function's role invoke another one, and no version of it."""
        invoking = iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self[called].function_arn])
        self[caller].add_to_role_policy(invoking)


def _function(
    scope: Construct,
    name: str,
    spec: FunctionSpec,
    access: Access,
    *,
    package: Package,
    log_retention: logs.RetentionDays,
) -> lambda_.Function:
    title = "".join(word.capitalize() for word in name.split("_"))
    log_group = logs.LogGroup(scope, f"{title}Logs", retention=log_retention, removal_policy=RemovalPolicy.DESTROY)
    return lambda_.Function(
        scope,
        title,
        description=spec.purpose,
        runtime=package.runtime,
        architecture=ARCHITECTURE,
        code=package.code,
        handler=package.handler,
        layers=package.layers,
        timeout=Duration.seconds(spec.timeout),
        memory_size=spec.memory,
        ephemeral_storage_size=Size.mebibytes(spec.storage),
        environment={
            "POWERTOOLS_SERVICE_NAME": name,
            "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
            "LOG_LEVEL": "INFO",
            "POLARS_MAX_THREADS": "1",  # a function of up to 1,769 MB has one processor, and more threads only wait
            **access.environment,
        },
        role=_role(scope, title, access, log_group),
        log_group=log_group,
        tracing=lambda_.Tracing.ACTIVE,
        vpc=access.network.vpc if access.network else None,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED) if access.network else None,
        security_groups=[access.network.clients] if access.network else None,
    )


def _role(scope: Construct, title: str, access: Access, log_group: logs.ILogGroup) -> iam.Role:
    """A role that may write to its own log group and do what `access` lists; CDK adds X-Ray's statement."""
    in_vpc = [iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AWSLambdaENIManagementAccess")]
    role = iam.Role(
        scope,
        f"{title}Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        managed_policies=in_vpc if access.network else [],
    )
    log_group.grant_write(role)
    for statement in access.statements:
        role.add_to_policy(statement)
    return role
