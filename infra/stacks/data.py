"""What is kept. Files, tables, database and secrets stay even when the stack goes."""

from __future__ import annotations

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.configuration import Configuration
from infra.constructs.database import Database, Network
from infra.constructs.storage import Storage
from infra.constructs.tables import Tables


class DataStack(Stack):
    """The stateful half; `PipelineStack` is built on it."""

    def __init__(self, scope: Construct, construct_id: str, *, configuration: Configuration) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Linefeed: files, tables, database",
            termination_protection=True,
        )
        self.bucket = Storage(
            self,
            "Storage",
            origins=configuration.browser_origins,
            retention_days=configuration.settings["RETENTION_DAYS"],
        ).bucket
        self.tables = Tables(self, "Tables")
        self.network = Network(self, "Network")
        self.database = Database(self, "Database", network=self.network)
        self.auth_secret = secretsmanager.Secret(
            self,
            "AuthSecret",
            description="The secrets of NextAuth, newest first: one a line, or a JSON list",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=64, exclude_punctuation=True),
            removal_policy=RemovalPolicy.RETAIN,
        )
        # Exported whether or not sessions need it now: an export cannot go while the other stack still imports it.
        self.export_value(self.auth_secret.secret_arn)
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name)
        CfnOutput(
            self,
            "AuthSecretArn",
            value=self.auth_secret.secret_arn,
            description="The secret (AUTH_SECRET) for the NextAuth app whose sessions count",
        )
