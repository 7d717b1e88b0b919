"""Postgres in subnets without a way to the internet, behind a proxy that demands TLS."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from constructs import Construct

PORT = 5432
_ENGINE = rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_17_9)
_PROXY_PERCENT = 90
MOST_CLIENTS = 320
"""Loads at once that the database is to serve. RDS lets an instance have its memory / 9,531,392 connections, with the
4 GB of this one about 400; the proxy takes nine tenths of them, so that an operator always gets in, and the steps that
end imports need some."""

_INSTANCE = ec2.InstanceType.of(ec2.InstanceClass.T4G, ec2.InstanceSize.MEDIUM)


class Network(Construct):
    """The database's VPC: isolated subnets in two zones, and doors to the AWS services its clients use."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=0,
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Database", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24)
            ],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
            },
        )
        # What is let through is told by the functions' traces; what is turned away has no other witness.
        self.vpc.add_flow_log("Rejected", traffic_type=ec2.FlowLogTrafficType.REJECT)
        self.clients = ec2.SecurityGroup(
            self,
            "Clients",
            vpc=self.vpc,
            description="Functions that use the database",
            allow_all_outbound=False,
        )
        # S3 and DynamoDB are reached at addresses outside the VPC, through the gateway endpoints.
        self.clients.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.HTTPS, "AWS services, through the endpoints")
        secrets = ec2.InterfaceVpcEndpoint(
            self,
            "SecretsManager",
            vpc=self.vpc,
            service=ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
            open=False,
        )
        secrets.connections.allow_from(self.clients, ec2.Port.HTTPS, "Functions that use the database")


class Database(Construct):
    """One PostgreSQL instance with a standby, its credentials, and the proxy that functions connect to.

    The proxy's certificate is one of ACM's, which every CA store knows; the instance's own is not.
    """

    def __init__(self, scope: Construct, construct_id: str, *, network: Network) -> None:
        super().__init__(scope, construct_id)
        subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
        self.secret = rds.DatabaseSecret(
            self, "Secret", username="linefeed", dbname="linefeed", exclude_characters=" %+~`#$&*()|[]{}:;<>?!'/@\"\\"
        )
        self.secret.apply_removal_policy(RemovalPolicy.RETAIN)
        self.instance = rds.DatabaseInstance(
            self,
            "Instance",
            engine=_ENGINE,
            instance_type=_INSTANCE,
            credentials=rds.Credentials.from_secret(self.secret),
            database_name="linefeed",
            port=PORT,
            vpc=network.vpc,
            vpc_subnets=subnets,
            publicly_accessible=False,
            multi_az=True,
            storage_type=rds.StorageType.GP3,
            allocated_storage=100,
            max_allocated_storage=1000,
            storage_encrypted=True,
            parameters={"rds.force_ssl": "1"},
            backup_retention=Duration.days(14),
            auto_minor_version_upgrade=True,
            copy_tags_to_snapshot=True,
            cloudwatch_logs_exports=["postgresql"],
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self.proxy = rds.DatabaseProxy(
            self,
            "Proxy",
            proxy_target=rds.ProxyTarget.from_instance(self.instance),
            secrets=[self.secret],
            vpc=network.vpc,
            vpc_subnets=subnets,
            require_tls=True,
            client_password_auth_type=rds.ClientPasswordAuthType.POSTGRES_SCRAM_SHA_256,
            max_connections_percent=_PROXY_PERCENT,
            borrow_timeout=Duration.seconds(30),
            idle_client_timeout=Duration.minutes(20),
        )
        self.proxy.connections.allow_from(network.clients, ec2.Port.tcp(PORT), "Functions that use the database")
