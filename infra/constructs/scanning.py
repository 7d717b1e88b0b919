"""What happens to an object that comes in: the scan, its last end, and the malware scanner that the operator chose."""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration, Stack, triggers
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_guardduty as guardduty
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from constructs import Construct

from infra.constructs.functions import Functions
from shared.adapters.guardduty_events import DETAIL_TYPE, SOURCE

_INCOMING = "incoming/"
_EVENT_AGE = Duration.hours(1)
_RETRIES = 2
_REFRESH = Duration.hours(4)
"""ClamAV publishes once or twice a day; its mirrors ask for no more than once an hour."""

_PLANS = "malware-protection-plan.guardduty.amazonaws.com"
_VALIDATION_OBJECT = "malware-protection-resource-validation-object"


class Scanning(Construct):
    """Invokes `scan_upload` for each object under `incoming/`, and `give_up_scan` where it fails for the last time."""

    def __init__(
        self, scope: Construct, construct_id: str, *, functions: Functions, bucket: s3.IBucket, scanner: str
    ) -> None:
        super().__init__(scope, construct_id)
        self._functions = functions
        self._scan_what_comes_in(bucket)
        self._give_up_in_the_end()
        if scanner == "guardduty":
            self._protect(bucket)
            self._take_verdicts(bucket)
        if scanner == "clamav":
            self._ask_clamav()

    def _scan_what_comes_in(self, bucket: s3.IBucket) -> None:
        """By the bucket's name: on the bucket itself the notification would belong to the stack of the data."""
        scan = self._functions["scan_upload"]
        incoming = s3.Bucket.from_bucket_name(self, "Incoming", bucket.bucket_name)
        incoming.add_event_notification(
            s3.EventType.OBJECT_CREATED,
            notifications.LambdaDestination(scan),
            s3.NotificationKeyFilter(prefix=_INCOMING),
        )

    def _give_up_in_the_end(self) -> None:
        """CDK's own way to say it would also let the scan call every version of the other function."""
        scan, give_up = self._functions["scan_upload"], self._functions["give_up_scan"]
        self._functions.let_invoke("scan_upload", "give_up_scan")
        retrying = lambda_.CfnEventInvokeConfig(
            self,
            "Retrying",
            function_name=scan.function_name,
            qualifier="$LATEST",
            maximum_event_age_in_seconds=int(_EVENT_AGE.to_seconds()),
            maximum_retry_attempts=_RETRIES,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=give_up.function_arn)
            ),
        )
        # Lambda looks whether the function may do that.
        if scan.role:
            retrying.node.add_dependency(scan.role)

    def _protect(self, bucket: s3.IBucket) -> None:
        """GuardDuty looks at each object under `incoming/`; tags are no verdict of ours, so it sets none."""
        role = self._role_of_guardduty(bucket)
        plan = guardduty.CfnMalwareProtectionPlan(
            self,
            "Plan",
            role=role.role_arn,
            protected_resource=guardduty.CfnMalwareProtectionPlan.CFNProtectedResourceProperty(
                s3_bucket=guardduty.CfnMalwareProtectionPlan.S3BucketProperty(
                    bucket_name=bucket.bucket_name, object_prefixes=[_INCOMING]
                )
            ),
        )
        # GuardDuty tries the role when the plan is made.
        plan.node.add_dependency(role)

    def _role_of_guardduty(self, bucket: s3.IBucket) -> iam.Role:
        """As the GuardDuty user guide has it, “Create or update IAM role policy”, without what tagging needs."""
        role = iam.Role(self, "GuardDutyRole", assumed_by=iam.ServicePrincipal(_PLANS))
        rule = Stack.of(self).format_arn(
            service="events",
            resource="rule",
            resource_name="DO-NOT-DELETE-AmazonGuardDutyMalwareProtectionS3*",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        managing = ["events:PutRule", "events:DeleteRule", "events:PutTargets", "events:RemoveTargets"]
        managed = {"StringLike": {"events:ManagedBy": _PLANS}}
        for statement in (
            iam.PolicyStatement(actions=managing, resources=[rule], conditions=managed),
            iam.PolicyStatement(actions=["events:DescribeRule", "events:ListTargetsByRule"], resources=[rule]),
            iam.PolicyStatement(
                actions=["s3:PutBucketNotification", "s3:GetBucketNotification", "s3:ListBucket"],
                resources=[bucket.bucket_arn],
            ),
            iam.PolicyStatement(actions=["s3:PutObject"], resources=[bucket.arn_for_objects(_VALIDATION_OBJECT)]),
            iam.PolicyStatement(
                actions=["s3:GetObject", "s3:GetObjectVersion"],
                resources=[bucket.arn_for_objects(f"{_INCOMING}*")],
            ),
        ):
            role.add_to_policy(statement)
        return role

    def _take_verdicts(self, bucket: s3.IBucket) -> None:
        self._functions.let_call("take_verdict", "scan_upload")
        events.Rule(
            self,
            "Verdicts",
            description="What GuardDuty says of the objects that came in",
            event_pattern=events.EventPattern(
                source=[SOURCE],
                detail_type=[DETAIL_TYPE],
                account=[Stack.of(self).account],
                detail={
                    "s3ObjectDetails": {
                        "bucketName": [bucket.bucket_name],
                        "objectKey": [{"prefix": _INCOMING}],
                    }
                },
            ),
            targets=[targets.LambdaFunction(self._functions["take_verdict"])],
        )

    def _ask_clamav(self) -> None:
        """The scan asks ClamAV's function; the definitions are fetched before the first file comes, and then again."""
        self._functions.let_call("scan_upload", "scan_with_clamav")
        refresh = self._functions["refresh_clamav"]
        triggers.Trigger(self, "FirstDefinitions", handler=refresh, timeout=Duration.minutes(10))
        events.Rule(
            self,
            "Definitions",
            description="Brings ClamAV's definitions up to date",
            schedule=events.Schedule.rate(_REFRESH),
            targets=[targets.LambdaFunction(refresh)],
        )
