"""What has no counterpart on one machine: names that others can refer to, and the database that is elsewhere.

Nothing that runs here speaks to them: networks do not exist, alarms have nobody to wake, layers are the virtual
environment.
"""

from __future__ import annotations

from local.resources.registry import World, creates_placeholder
from local.template import Created, Resource

_ATTRIBUTES = {
    "AWS::ApiGateway::Account": (),
    "AWS::CDK::Metadata": (),
    "AWS::CloudFront::OriginAccessControl": ("Id",),
    "AWS::CloudWatch::Alarm": ("Arn",),
    "AWS::CloudWatch::Dashboard": (),
    "AWS::EC2::FlowLog": ("Id",),
    "AWS::EC2::RouteTable": ("RouteTableId",),
    "AWS::EC2::SecurityGroup": ("GroupId", "VpcId"),
    "AWS::EC2::SecurityGroupEgress": (),
    "AWS::EC2::SecurityGroupIngress": (),
    "AWS::EC2::Subnet": ("SubnetId", "AvailabilityZone", "VpcId"),
    "AWS::EC2::SubnetRouteTableAssociation": (),
    "AWS::EC2::VPC": ("VpcId", "CidrBlock", "DefaultSecurityGroup", "DefaultNetworkAcl"),
    "AWS::EC2::VPCEndpoint": ("Id",),
    "AWS::GuardDuty::MalwareProtectionPlan": ("MalwareProtectionPlanId", "Arn"),
    "AWS::Lambda::LayerVersion": ("LayerVersionArn",),
    "AWS::Logs::MetricFilter": (),
    "AWS::Logs::ResourcePolicy": (),
    "AWS::RDS::DBParameterGroup": ("DBParameterGroupName",),
    "AWS::RDS::DBProxyTargetGroup": ("TargetGroupArn",),
    "AWS::RDS::DBSubnetGroup": (),
    "AWS::SNS::Subscription": ("Arn",),
    "AWS::SNS::Topic": ("TopicArn", "TopicName"),
    "AWS::SNS::TopicPolicy": (),
}
"""Attributes that templates ask for, by type."""


def _create_name(resource: Resource, world: World) -> Created:  # noqa: ARG001 - every creator's signature
    name = f"local-{resource.logical_id}"
    return Created(name, {attribute: f"{name}-{attribute}" for attribute in _ATTRIBUTES[resource.type]})


def _create_database(resource: Resource, world: World) -> Created:
    """An instance of RDS, or the proxy before it: the local Postgres."""
    database, name = world.database, f"local-{resource.logical_id}"
    arn = f"arn:aws:rds:{world.platform.region}:{world.platform.account}:db:{name}"
    return Created(
        name,
        {
            "DBInstanceArn": arn,
            "DBProxyArn": arn,
            "DbiResourceId": name,
            "Endpoint": database.host,
            "Endpoint.Address": database.host,
            "Endpoint.Port": str(database.port),
        },
    )


for _type in _ATTRIBUTES:
    creates_placeholder(_type, _create_name)
for _type in ("AWS::RDS::DBInstance", "AWS::RDS::DBProxy"):
    creates_placeholder(_type, _create_database)
