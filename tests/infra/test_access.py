"""Who may do what: the least that each function needs."""

from __future__ import annotations

import json
import re

import pytest

from tests.infra.conftest import PAGE_ORIGIN
from tests.infra.templates import Templates

_WITHOUT_RESOURCE = (
    "xray:",  # X-Ray knows no resource
    "logs:CreateLogDelivery",  # the delivery of Step Functions' log is the account's, and not of a log group
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)
_FILLS_THE_PAGES_BUCKET = "CustomCDKBucketDeployment"
"""CDK's own handler; tests/infra/test_page.py shows that it reaches the page's files and the assets alone."""

_DATABASE_FUNCTIONS = {"load_chunk", "finish_import", "fail_import", "undo_import", "migrate_database"}


def test_no_statement_allows_everything(templates: Templates) -> None:
    """No action of ours is a wildcard, and only actions that know no resource are allowed on all."""
    for role in templates.of_type("AWS::IAM::Role"):
        for actions, resources in templates.role_policies(role):
            assert role.startswith(_FILLS_THE_PAGES_BUCKET) or not any("*" in action for action in actions), role
            if "*" in resources:
                assert all(action.startswith(_WITHOUT_RESOURCE) for action in actions), role


def test_aws_managed_policies_are_few(templates: Templates) -> None:
    """Our roles have none but the one for a VPC's network interfaces; CDK's handlers write their own logs.

    API Gateway's role for the logs of the region is the one that its guide wants.
    """
    ours = {function["Role"]["Fn::GetAtt"][0] for function in templates.functions().values()}
    logs = templates.only("AWS::ApiGateway::Account")["CloudWatchRoleArn"]["Fn::GetAtt"][0]
    for name, role in templates.of_type("AWS::IAM::Role").items():
        policies = [templates.text(policy).rpartition("/")[2] for policy in role.get("ManagedPolicyArns", [])]
        allowed = "AWSLambdaENIManagementAccess" if name in ours else "AWSLambdaBasicExecutionRole"
        assert set(policies) <= {"AmazonAPIGatewayPushToCloudWatchLogs" if name == logs else allowed}, name


def test_no_two_functions_share_a_role(templates: Templates) -> None:
    """What one function may do says nothing of another."""
    roles = [function["Role"]["Fn::GetAtt"][0] for function in templates.functions().values()]
    assert len(set(roles)) == len(roles)


def test_audit_is_only_ever_added_to(templates: Templates) -> None:
    """No role may change or delete an audit event."""
    actions = {
        action
        for role in templates.of_type("AWS::IAM::Role")
        for actions, resources in templates.role_policies(role)
        for action in actions
        if any(resource.startswith("<TablesAudit") for resource in resources)
    }
    assert actions == {"dynamodb:PutItem", "dynamodb:Query"}


def test_nobody_reads_what_was_quarantined(templates: Templates) -> None:
    """Only the scan, and its last end, touch the prefix of rejected files, and only to put them there."""
    for name in templates.functions():
        quarantine = {action for action, resource in templates.may(name) if resource.endswith("/quarantine/*")}
        assert quarantine <= ({"s3:PutObject"} if name in ("scan_upload", "give_up_scan") else set()), name


def test_a_signed_post_can_only_bring_files_in(templates: Templates) -> None:
    """The role that signs the browser's POST may write under incoming/ and read nothing in the bucket."""
    in_bucket = {(action, resource) for action, resource in templates.may("start_upload") if action.startswith("s3:")}
    assert {(action, resource.partition("/")[2]) for action, resource in in_bucket} == {("s3:PutObject", "incoming/*")}


def test_reports_are_written_where_imports_end_and_where_they_are_asked_for(templates: Templates) -> None:
    """Nobody else makes what is downloaded; whoever makes it on demand can tell that it is there."""
    writers = {
        name
        for name in templates.functions()
        for action, resource in templates.may(name)
        if action == "s3:PutObject" and resource.endswith("/reports/*")
    }
    assert writers == {"finish_import", "fail_import", "read_status"}
    written = {resource.partition("/")[2] for a, resource in templates.may("read_status") if a == "s3:PutObject"}
    assert written == {"reports/*"}
    assert "s3:ListBucket" in dict(templates.may("read_status"))


def test_a_chunk_leaves_its_findings_and_nothing_else(templates: Templates) -> None:
    """What loads chunks cannot change the plan that they are loaded by, nor any report."""
    written = {
        resource.partition("/")[2] for action, resource in templates.may("load_chunk") if action == "s3:PutObject"
    }
    assert written == {"refused/*", "work/*/*/quality/*"}


def test_plans_are_written_where_they_are_made(templates: Templates) -> None:
    """A correction is read by another upload's plan: nobody else can change one."""
    writers = {
        name
        for name in templates.functions()
        for action, resource in templates.may(name)
        if action == "s3:PutObject" and resource.endswith("/plans/*")
    }
    assert writers == {"plan_import"}


def test_only_functions_of_the_database_read_its_secret(templates: Templates) -> None:
    """The password is known to those that connect; the session key to those that the API calls."""
    readers: dict[str, set[str]] = {"<DatabaseSecret": set(), "<AuthSecret": set()}
    for name in templates.functions():
        for action, resource in templates.may(name):
            if action == "secretsmanager:GetSecretValue":
                readers[next(prefix for prefix in readers if resource.startswith(prefix))].add(name)
    assert readers == {
        "<DatabaseSecret": _DATABASE_FUNCTIONS,
        "<AuthSecret": {
            "start_upload",
            "send_parts",
            "change_upload",
            "manage_profiles",
            "manage_api_keys",
            "read_status",
            "open_live",
        },
    }


def test_with_an_issuer_nobody_reads_a_secret_of_sessions(oidc_templates: Templates) -> None:
    """Public keys are enough; and whoever fetches them is in no VPC, from where there is no way out."""
    for name in ("start_upload", "manage_profiles", "read_status"):
        function = oidc_templates.functions()[name]
        told = function["Environment"]["Variables"]
        assert (told["AUTH_PROVIDER"], told["OIDC_AUDIENCE"]) == ("oidc", "linefeed")
        assert told["OIDC_ISSUER"] == "https://issuer.example/pool"
        assert "AUTH_SECRET_ARN" not in told
        assert "VpcConfig" not in function
        assert not [action for action, _ in oidc_templates.may(name) if action.startswith("secretsmanager:")]


def test_the_provider_of_sessions_can_be_changed(templates: Templates, oidc_templates: Templates) -> None:
    """What the data stack exports is the same for both; CloudFormation would not let go of what is still imported."""
    assert templates.exports == oidc_templates.exports


def test_the_page_may_send_cookies_where_they_count(templates: Templates, oidc_templates: Templates) -> None:
    """Of NextAuth; an issuer's tokens are bearer tokens."""
    for given, expected in ((templates, True), (oidc_templates, False)):
        cors = given.api()[1]["CorsConfiguration"]
        assert cors.get("AllowCredentials", False) is expected
        assert cors["AllowOrigins"] == [PAGE_ORIGIN]
    assert templates.functions()["start_upload"]["Environment"]["Variables"]["PAGE_ORIGINS"] == json.dumps(
        [PAGE_ORIGIN]
    )


def test_only_the_dispatcher_starts_executions(templates: Templates) -> None:
    """Whatever is imported went through the queue."""
    starters = {name for name in templates.functions() if "states:StartExecution" in dict(templates.may(name))}
    assert starters == {"dispatch_job"}


def test_the_state_machine_reads_the_chunk_lists_alone(templates: Templates) -> None:
    """It needs the list of chunks; the files themselves are the functions' business."""
    role = templates.only("AWS::StepFunctions::StateMachine")["RoleArn"]["Fn::GetAtt"][0]
    read = {
        resource.partition("/")[2]
        for actions, resources in templates.role_policies(role)
        for resource in resources
        if any(action.startswith("s3:") for action in actions)
    }
    assert read == {"work/*"}


@pytest.mark.parametrize("action", ["dynamodb:Scan", "dynamodb:BatchWriteItem"])
def test_no_function_scans_or_writes_in_bulk(templates: Templates, action: str) -> None:
    """Every read and write names a key."""
    assert not [name for name in templates.functions() if action in dict(templates.may(name))]


def test_nothing_but_a_profile_is_ever_deleted(templates: Templates) -> None:
    """And only where a person asks for it; all other items end by TTL, but for tickets and connections, at once."""
    deleted = {
        (name, resource[: re.match("<Tables(Profiles|Live[A-Z][a-z]*s)?", resource).end()])  # type: ignore[union-attr]
        for name in templates.functions()
        for action, resource in templates.may(name)
        if action == "dynamodb:DeleteItem"
    }
    assert deleted == {
        ("manage_profiles", "<TablesProfiles"),
        ("connect_live", "<TablesLiveTickets"),
        ("disconnect_live", "<TablesLiveConnections"),
        ("push_changes", "<TablesLiveConnections"),
    }


def test_an_import_adds_profiles_and_deletes_none(templates: Templates) -> None:
    """Who may do what with them: the doors only look whether one is there."""
    allowed = {
        name: {action for action, resource in templates.may(name) if resource.startswith("<TablesProfiles")}
        for name in templates.functions()
    }
    assert {name: actions for name, actions in allowed.items() if actions} == {
        "start_upload": {"dynamodb:GetItem", "dynamodb:Query"},
        "change_upload": {"dynamodb:GetItem", "dynamodb:Query"},
        "plan_import": {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"},
        "manage_profiles": {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem"},
    }
