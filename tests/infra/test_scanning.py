"""What is deployed for each scanner, and where a scan ends that fails for the last time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.application import synthesize
from infra.manifest import ROOT
from tests.infra.conftest import PAGE_ORIGIN, UNBUNDLED
from tests.infra.templates import Templates


@pytest.fixture(scope="module")
def clamd_templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """The templates for a ClamAV daemon of the operator's."""
    settings = {"SCANNER": "clamd", "CLAMD_ADDRESS": "clamd.example.com:3310"}
    folder = tmp_path_factory.mktemp("cdk.out")
    synthesize(folder, {**UNBUNDLED, "pageOrigins": [PAGE_ORIGIN], "settings": settings})
    return Templates.read(folder)


def test_who_chooses_nothing_has_guardduty(templates: Templates) -> None:
    """It looks at what comes in, and at nothing else in the bucket."""
    bucket, _ = templates.bucket_of_files()
    assert templates.functions()["scan_upload"]["Environment"]["Variables"]["SCANNER"] == "guardduty"
    plan = templates.only("AWS::GuardDuty::MalwareProtectionPlan")
    protected = plan["ProtectedResource"]["S3Bucket"]
    assert templates.text(protected["BucketName"]) == f"<{bucket}>"
    assert protected["ObjectPrefixes"] == ["incoming/"]
    assert "Actions" not in plan  # a tag is no verdict
    role = plan["Role"]["Fn::GetAtt"][0]
    reading, writing = set(), set()
    for actions, resources in templates.role_policies(role):
        reading |= {where.partition(">/")[2] for where in resources if "s3:GetObject" in actions}
        writing |= {where.partition(">/")[2] for where in resources if "s3:PutObject" in actions}
    assert reading == {"incoming/*"}
    assert writing == {"malware-protection-resource-validation-object"}


def test_a_verdict_reaches_its_function_from_this_account_alone(templates: Templates) -> None:
    """By the source that only AWS can send as, for our bucket and the prefix of what comes in."""
    bucket, _ = templates.bucket_of_files()
    [rule] = [rule for rule in templates.of_type("AWS::Events::Rule").values() if "EventPattern" in rule]
    pattern = rule["EventPattern"]
    assert pattern["source"] == ["aws.guardduty"]
    assert pattern["detail-type"] == ["GuardDuty Malware Protection Object Scan Result"]
    assert templates.text(pattern["account"][0]) == "<AWS::AccountId>"
    about = pattern["detail"]["s3ObjectDetails"]
    assert templates.text(about["bucketName"][0]) == f"<{bucket}>"
    assert about["objectKey"] == [{"prefix": "incoming/"}]
    assert templates.module_of(rule["Targets"][0]["Arn"]) == "take_verdict"


def test_a_verdict_is_kept_by_one_and_read_by_another(templates: Templates) -> None:
    """Whoever decides on a file cannot write what it decides by."""
    access: dict[str, set[str]] = {}
    for name in templates.functions():
        actions = {action for action, resource in templates.may(name) if resource.startswith("<TablesVerdicts")}
        if actions:
            access[name] = actions
    assert access == {"take_verdict": {"dynamodb:PutItem"}, "scan_upload": {"dynamodb:GetItem"}}


def test_a_scan_that_fails_for_the_last_time_is_given_up(templates: Templates) -> None:
    """After two retries, by a function that the scan's role may call."""
    config: dict[str, Any] = templates.only("AWS::Lambda::EventInvokeConfig")
    assert templates.module_of(config["FunctionName"]) == "scan_upload"
    assert config["MaximumRetryAttempts"] == 2
    destination = config["DestinationConfig"]["OnFailure"]["Destination"]
    assert templates.module_of(destination) == "give_up_scan"
    assert ("lambda:InvokeFunction", templates.text(destination)) in templates.may("scan_upload")


def test_another_scanner_brings_nothing_of_guardduty(clamd_templates: Templates) -> None:
    """No plan, no rule, no function that takes verdicts."""
    assert clamd_templates.of_type("AWS::GuardDuty::MalwareProtectionPlan") == {}
    assert not [rule for rule in clamd_templates.of_type("AWS::Events::Rule").values() if "EventPattern" in rule]
    assert "take_verdict" not in clamd_templates.functions()
    assert not {resource for _, resource in clamd_templates.may("scan_upload") if "Verdicts" in resource}


def test_clamav_runs_in_a_container(clamav_folder: Path, clamav_templates: Templates) -> None:
    """Both of its functions, from one image that holds what they import and nothing of the rest of the checkout."""
    functions = {
        properties["ImageConfig"]["Command"][0]: properties
        for properties in clamav_templates.of_type("AWS::Lambda::Function").values()
        if "ImageConfig" in properties
    }
    assert functions.keys() == {"scan_with_clamav.handler", "refresh_clamav.handler"}
    assert all(properties["PackageType"] == "Image" for properties in functions.values())
    [assets] = clamav_folder.glob("LinefeedPipeline.assets.json")
    images = {image["source"]["directory"] for image in json.loads(assets.read_text())["dockerImages"].values()}
    [image] = images
    files = {path.relative_to(clamav_folder / image).as_posix() for path in (clamav_folder / image).rglob("*.*")}
    assert {path for path in files if not path.startswith("shared/")} == {
        "infra/clamav/freshclam.conf",
        "requirements/clamav.txt",
        *(f"functions/scan/{path.name}" for path in (ROOT / "functions" / "scan").glob("*.py")),
    }
    assert (clamav_folder / image / "infra/clamav/Dockerfile").is_file()
    assert "shared/adapters/clamav_daemon.py" in files


def test_clamav_has_its_definitions_before_the_first_file_and_then_new_ones(clamav_templates: Templates) -> None:
    """By a trigger of the deployment and a schedule; the function that scans cannot write them."""
    templates = clamav_templates
    [refresh] = _functions_in_image(templates, "refresh_clamav.handler")
    [scan] = _functions_in_image(templates, "scan_with_clamav.handler")
    rules = templates.of_type("AWS::Events::Rule").values()
    scheduled = {templates.text(target["Arn"]) for rule in rules for target in rule["Targets"]}
    assert f"<{refresh}.Arn>" in scheduled
    triggered = [trigger["HandlerArn"]["Ref"] for trigger in templates.of_type("Custom::Trigger").values()]
    assert any(version.startswith(refresh[:-8]) for version in triggered)  # behind the name comes a hash
    assert ("lambda:InvokeFunction", f"<{scan}.Arn>") in templates.may("scan_upload")
    role = templates.resources[scan]["Properties"]["Role"]["Fn::GetAtt"][0]
    may = [action for actions, _ in templates.role_policies(role) for action in actions if action.startswith("s3:")]
    assert set(may) == {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"}


def _functions_in_image(templates: Templates, handler: str) -> list[str]:
    functions = templates.of_type("AWS::Lambda::Function").items()
    return [name for name, properties in functions if properties.get("ImageConfig", {}).get("Command") == [handler]]
