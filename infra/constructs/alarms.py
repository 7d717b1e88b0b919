"""What an operator is told of: imports that fail through no fault of the file, and functions that break."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.constructs.functions import METRICS_NAMESPACE, Functions
from shared.services.failures import NO_ALARM

_WATCHED = (
    "start_upload",
    "manage_profiles",
    "change_upload",
    "manage_api_keys",
    "scan_upload",
    "dispatch_job",
    "sweep_uploads",
    "fail_import",
    "undo_import",
    "read_status",
    "open_live",
    "connect_live",
    "push_changes",
)
"""Functions whose errors nobody else reports: a step's failure ends in a failed execution, a migration's
in a failed deployment, and planning fails for each file that is not what it says."""

_FAILED_EXECUTION = (
    '{ ($.type = "ExecutionFailed"'
    + "".join(f' && $.details.error != "{error}"' for error in NO_ALARM)
    + ') || $.type = "ExecutionTimedOut" || $.type = "ExecutionAborted" }'
)
_LOW_STORAGE_BYTES = 10 * 1024**3
_PERIOD = Duration.minutes(5)


class Alarms(Construct):
    """The alarms, and the topic that they speak to."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        functions: Functions,
        execution_log: logs.ILogGroup,
        api: apigateway.IHttpApi,
        database: rds.IDatabaseInstance,
        email: str,
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(self, "Topic", display_name="Linefeed alarms", enforce_ssl=True)
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        if email:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))
        self._add("ImportsFailed", self._failed_imports(execution_log), "An import failed, and not by its file.")
        for name in _WATCHED:
            title = "".join(word.capitalize() for word in name.split("_"))
            errors = functions[name].metric_errors(period=_PERIOD, statistic="Sum")
            self._add(f"{title}Errors", errors, f"{name} raised, ran out of time or of memory.")
        dead = cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name="DeadJobs",
            dimensions_map={"service": "dispatch_job"},
            period=_PERIOD,
            statistic="Maximum",
        )
        self._add("DeadJobs", dead, "Imports failed, not by their files, and nobody has retried or cancelled them.")
        self._add("ApiErrors", api.metric_server_error(period=_PERIOD), "The API answered with a 5xx.")
        self._add(
            "DatabaseStorage",
            database.metric_free_storage_space(period=_PERIOD, statistic="Minimum"),
            "The database has less than 10 GiB left.",
            threshold=_LOW_STORAGE_BYTES,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        )

    def _failed_imports(self, execution_log: logs.ILogGroup) -> cloudwatch.Metric:
        """Counts from the execution log, since ExecutionsFailed would count each file that was refused."""
        return logs.MetricFilter(
            self,
            "FailedImports",
            log_group=execution_log,
            filter_pattern=logs.FilterPattern.literal(_FAILED_EXECUTION),
            metric_namespace=METRICS_NAMESPACE,
            metric_name="ImportsFailed",
            metric_value="1",
        ).metric(period=_PERIOD, statistic="Sum")

    def _add(
        self,
        construct_id: str,
        metric: cloudwatch.IMetric,
        description: str,
        *,
        threshold: float = 1,
        comparison: cloudwatch.ComparisonOperator = (cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD),
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            alarm_description=description,
            threshold=threshold,
            comparison_operator=comparison,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
