"""What can be replaced at any time: functions, notification, state machine, both APIs, schedule, migrations."""

from __future__ import annotations

from aws_cdk import ArnFormat, CfnOutput, Duration, Stack, triggers
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from infra.configuration import Configuration
from infra.constructs.access import function_access
from infra.constructs.alarms import Alarms
from infra.constructs.functions import Functions
from infra.constructs.http_api import Api
from infra.constructs.import_workflow import ImportWorkflow
from infra.constructs.live_api import LiveApi
from infra.constructs.scanning import Scanning
from infra.manifest import read_manifest
from infra.stacks.data import DataStack

_SWEEP = Duration.minutes(1)


class PipelineStack(Stack):
    """The stateless half, on top of `DataStack`."""

    def __init__(self, scope: Construct, construct_id: str, *, configuration: Configuration, data: DataStack) -> None:
        super().__init__(scope, construct_id, description="Linefeed: functions, state machine, HTTP and WebSocket API")
        self._data = data
        scanner = configuration.settings["SCANNER"]
        manifest = read_manifest(scanner)
        self.functions = Functions(
            self,
            "Functions",
            manifest=manifest,
            access=function_access(data, configuration),
            log_retention=configuration.log_retention,
        )
        self.workflow = ImportWorkflow(
            self,
            "Import",
            manifest=manifest,
            functions=self.functions,
            bucket=data.bucket,
            log_retention=configuration.log_retention,
        )
        self.api = Api(
            self,
            "Api",
            manifest=manifest,
            functions=self.functions,
            origins=configuration.browser_origins,
            with_cookies=configuration.settings["AUTH_PROVIDER"] == "nextauth",
            log_retention=configuration.log_retention,
        )
        self.live = LiveApi(
            self,
            "Live",
            manifest=manifest,
            functions=self.functions,
            uploads=data.tables.uploads,
            log_retention=configuration.log_retention,
        )
        Scanning(
            self,
            "Scanning",
            functions=self.functions,
            bucket=data.bucket,
            scanner=scanner,
        )
        self._dispatch()
        self._sweep()
        # The API's own function is in no VPC: what needs the database is done by others, which it calls.
        self.functions.let_call("change_upload", "fail_import", "undo_import")
        self._migrate()
        Alarms(
            self,
            "Alarms",
            functions=self.functions,
            execution_log=self.workflow.log_group,
            api=self.api.http_api,
            database=data.database.instance,
            email=configuration.alarm_email,
        )
        CfnOutput(self, "ApiUrl", value=self.api.url, description="Where the page and plant servers call")
        CfnOutput(self, "StateMachineArn", value=self.workflow.state_machine.state_machine_arn)

    def _dispatch(self) -> None:
        """Wakes the dispatcher at each change of a job."""
        dispatch = self.functions["dispatch_job"]
        machine = self.workflow.state_machine
        dispatch.add_environment("STATE_MACHINE_ARN", machine.state_machine_arn)
        executions = Stack.of(self).format_arn(
            service="states",
            resource="execution",
            resource_name=f"{machine.state_machine_name}:*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        dispatch.add_to_role_policy(
            iam.PolicyStatement(actions=["states:StartExecution"], resources=[machine.state_machine_arn])
        )
        dispatch.add_to_role_policy(iam.PolicyStatement(actions=["states:DescribeExecution"], resources=[executions]))
        self.functions.let_call("dispatch_job", "fail_import")
        dispatch.add_event_source(
            sources.DynamoEventSource(
                self._data.tables.jobs,
                # The first job may be queued while the stack is still being made.
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=100,
                # A lost event costs at most one sweep's interval; a stuck shard would cost far more.
                retry_attempts=3,
            )
        )

    def _sweep(self) -> None:
        """Each minute: slots, due jobs and tenants by the dispatcher, and the uploads by a function of their own."""
        self.functions.let_call("sweep_uploads", "scan_upload", "fail_import", "undo_import")
        events.Rule(
            self,
            "Sweep",
            description="Puts right what a lost event left behind",
            schedule=events.Schedule.rate(_SWEEP),
            targets=[targets.LambdaFunction(self.functions[name]) for name in ("dispatch_job", "sweep_uploads")],
        )

    def _migrate(self) -> None:
        """Runs the migrations at each deployment that changes the code, before the code that counts on them comes.

        The other way round imports under way would fail: until the deployment's end they run with the old code, so a
        migration must leave that working.
        """
        using_the_schema = [
            self.functions[name] for name in ("load_chunk", "finish_import", "fail_import", "undo_import")
        ]
        triggers.Trigger(
            self,
            "Migrate",
            handler=self.functions["migrate_database"],
            timeout=Duration.minutes(10),
            execute_before=[*using_the_schema, self.workflow.state_machine],
        )
