"""The page's resources: read from the template as CloudFront has them, and nothing of them left out in silence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest

from local.distribution import AddedHeaders, BucketOrigin, HttpOrigin
from local.hosts import Hosts
from local.page_config import config_here
from local.resources import DeploymentError, World, create
from local.resources.page import the_distribution
from local.template import Resource

ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
FILES = {"Id": "files", "DomainName": "bucket.s3.eu-central-1.amazonaws.com", "OriginAccessControlId": "a"}
API = {"Id": "api", "DomainName": "api1.example", "CustomOriginConfig": {}}
DEFAULT = {"TargetOriginId": "files"}
TO_API = {"TargetOriginId": "api", "PathPattern": "/api/*", "AllowedMethods": ["GET", "POST"]}


def new_world(assembly: Path = Path()) -> World:
    """A world without anything that runs."""
    nothing = cast("Any", None)
    return World(nothing, nothing, nothing, nothing, socket_address="", functions={}, overrides={}, assembly=assembly)


def distribution(world: World, *behaviours: dict[str, Any], **config: Any) -> None:
    given = {"Origins": [FILES, API], "DefaultCacheBehavior": DEFAULT, "CacheBehaviors": behaviours, **config}
    create(Resource("Page", "Site", "AWS::CloudFront::Distribution", {"DistributionConfig": given}), world)


def headers(world: World, **config: Any) -> AddedHeaders:
    properties = {"ResponseHeadersPolicyConfig": {"Name": "x", **config}}
    create(Resource("Page", "Headers", "AWS::CloudFront::ResponseHeadersPolicy", properties), world)
    return world.headers["Headers"]


def test_paths_go_to_the_first_behaviour_that_matches() -> None:
    """A star is any text, also with slashes; what no pattern has goes to the default one."""
    world = new_world()
    distribution(world, {**TO_API, "OriginRequestPolicyId": ALL_BUT_HOST}, DefaultRootObject="index.html")
    found = the_distribution(world)
    assert found.root_object == "index.html"
    for path in ("/api/", "/api/a/b.c"):
        assert found.behaviour(path).origin == HttpOrigin("https://api1.example")
    for path in ("/", "/api", "/apis/x", "/x/api/y", "/API/x", "/index.html"):
        assert found.behaviour(path).origin == BucketOrigin("bucket")
    assert found.behaviour("/api/x").methods == {"GET", "POST"}
    assert found.behaviour("/x").methods == {"GET", "HEAD"}


@pytest.mark.parametrize(
    ("behaviours", "config", "named"),
    [
        ([], {"WebACLId": "x"}, "WebACLId"),
        ([], {"CustomErrorResponses": [{"ErrorCode": 404, "ResponsePagePath": "/x"}]}, "ResponsePagePath"),
        ([], {"Origins": [{**FILES, "OriginPath": "/x"}]}, "OriginPath"),
        ([], {"Origins": [{**FILES, "OriginAccessControlId": ""}]}, "origin access control"),
        ([{**DEFAULT, "PathPattern": "x", "FunctionAssociations": []}], {}, "FunctionAssociations"),
        ([{**TO_API, "OriginRequestPolicyId": "another"}], {}, "passes everything"),
        ([TO_API], {}, "passes everything"),
        ([{**DEFAULT, "PathPattern": "x", "OriginRequestPolicyId": ALL_BUT_HOST}], {}, "passes everything"),
    ],
)
def test_what_the_local_page_would_not_do_stops_the_deployment(
    behaviours: list[dict[str, Any]], config: dict[str, Any], named: str
) -> None:
    """With the resource and what it asks for."""
    with pytest.raises(DeploymentError, match=rf"Page/Site.*{re.escape(named)}"):
        distribution(new_world(), *behaviours, **config)


def test_there_is_one_distribution() -> None:
    """No page, or two, is an error."""
    world = new_world()
    for _ in range(2):
        with pytest.raises(DeploymentError, match="one distribution"):
            the_distribution(world)
        distribution(world)
        distribution(world)


def test_headers_are_those_of_the_policy() -> None:
    """As CloudFront writes them; the CORS ones for the origins that are named."""
    added = headers(
        new_world(),
        SecurityHeadersConfig={
            "StrictTransportSecurity": {"AccessControlMaxAgeSec": 60, "IncludeSubdomains": "true", "Override": True},
            "FrameOptions": {"FrameOption": "DENY", "Override": True},
        },
        CustomHeadersConfig={"Items": [{"Header": "X-Own", "Value": "1", "Override": True}]},
        CorsConfig={
            "AccessControlAllowOrigins": {"Items": ["https://a.example"]},
            "AccessControlAllowMethods": {"Items": ["GET", "HEAD"]},
            "AccessControlAllowHeaders": {"Items": ["*"]},
            "AccessControlAllowCredentials": False,
            "OriginOverride": True,
        },
    )
    always = {
        "Strict-Transport-Security": "max-age=60; includeSubDomains",
        "X-Frame-Options": "DENY",
        "X-Own": "1",
    }
    assert added.to(None) == added.to("https://b.example") == always
    assert added.to("https://a.example") == {
        **always,
        "Access-Control-Allow-Origin": "https://a.example",
        "Access-Control-Allow-Methods": "GET, HEAD",
        "Access-Control-Allow-Headers": "*",
    }


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"RemoveHeadersConfig": {}}, "RemoveHeadersConfig"),
        ({"SecurityHeadersConfig": {"XSSProtection": {}}}, "XSSProtection"),
        ({"CorsConfig": {"AccessControlMaxAgeSec": 1}}, "AccessControlMaxAgeSec"),
    ],
)
def test_an_unknown_header_stops_the_deployment(config: dict[str, Any], named: str) -> None:
    """It would be missing here and there on AWS."""
    with pytest.raises(DeploymentError, match=rf"Page/Headers.*{named}"):
        headers(new_world(), **config)


def test_a_file_with_values_to_fill_in_stops_the_deployment(tmp_path: Path) -> None:
    """CDK would fill them in at the deployment; here the page would show the marks."""
    properties = {
        "SourceObjectKeys": ["a.zip"],
        "SourceMarkers": [{"<<marker>>": "value"}],
        "DestinationBucketName": "bucket",
    }
    world = new_world(tmp_path)
    world.client = cast("Any", lambda _: None)
    for given, said in ((properties, "fills in no values"), ({**properties, "SourceMarkers": [{}]}, "asset.a")):
        with pytest.raises(DeploymentError, match=said):
            create(Resource("Page", "Fill", "Custom::CDKBucketDeployment", given), world)


def test_public_names_become_addresses_of_this_machine() -> None:
    """Whole origins alone, in texts at every depth; what only begins like one is another's."""
    hosts = Hosts()
    hosts.add("https://linefeed.test", "http://127.0.0.1:1")
    hosts.add("https://s3.example", "http://127.0.0.1:2")
    assert hosts.localized({"a": ["https://linefeed.test", 1], "https://linefeed.test": None}) == {
        "a": ["http://127.0.0.1:1", 1],
        "https://linefeed.test": None,
    }
    text = "'self' https://s3.example/bucket https://s3.example/bucket/; https://linefeed.test"
    assert hosts.localized(text) == ("'self' http://127.0.0.1:2/bucket http://127.0.0.1:2/bucket/; http://127.0.0.1:1")
    for other in ("https://linefeed.test.evil.example", "https://linefeed.tests", "https://linefeed.test:8443"):
        assert hosts.localized(other) == other


def test_the_pages_config_follows_the_run() -> None:
    """Settings from the environment go over the deployed ones; people are shown where their sessions count."""
    session = {"name": "Anna", "tenant": "t", "user": "anna", "role": "engineer", "token": "x"}
    deployed = {"auth": {"provider": "nextauth"}, "maxFileSize": 1, "retentionDays": 2, "fileTypes": {}}
    here = config_here(deployed, sessions=[session], overrides={"MAX_FILE_SIZE": "7"})
    people = [{"name": "Anna", "tenant": "t", "role": "engineer", "token": "x"}]
    assert here == {**deployed, "auth": {"provider": "local", "people": people}, "maxFileSize": 7}
    oidc = {**deployed, "auth": {"provider": "oidc", "issuer": "https://issuer.example"}}
    assert config_here(oidc, sessions=[session], overrides={}) == oidc
