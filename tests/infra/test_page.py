"""What the page's stack promises: private files, HTTPS, a strict policy, the API at the page's own origin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import infra.constructs.page
from infra.application import synthesize
from infra.configuration import Configuration
from infra.constructs.page import PageNotBuiltError, page_config
from tests.infra.conftest import PAGE_ORIGIN, UNBUNDLED
from tests.infra.templates import Properties, Templates

_DOMAIN = {"pageDomain": "up.example.com", "certificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1f2e"}


@pytest.fixture(scope="module")
def own_domain(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """The templates for a page on its own domain, and no other page that uploads."""
    folder = tmp_path_factory.mktemp("cdk.out")
    synthesize(folder, {**UNBUNDLED, **_DOMAIN, "pageOrigins": []})
    return Templates.read(folder)


def distribution(templates: Templates) -> Properties:
    config: Properties = templates.only("AWS::CloudFront::Distribution")["DistributionConfig"]
    return config


def behaviours(templates: Templates) -> dict[str, Properties]:
    """By the pattern of the path; the default one by `*`."""
    config = distribution(templates)
    listed = {behaviour["PathPattern"]: behaviour for behaviour in config["CacheBehaviors"]}
    return {**listed, "*": config["DefaultCacheBehavior"]}


def headers(templates: Templates, pattern: str) -> Properties:
    """The response headers policy of a behaviour."""
    name = behaviours(templates)[pattern]["ResponseHeadersPolicyId"]["Ref"]
    config: Properties = templates.of_type("AWS::CloudFront::ResponseHeadersPolicy")[name][
        "ResponseHeadersPolicyConfig"
    ]
    return config


def policy(templates: Templates) -> dict[str, list[str]]:
    """The page's content security policy: directive → sources."""
    text = templates.text(
        headers(templates, "*")["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    )
    return {name: sources for name, *sources in (directive.split() for directive in text.split("; "))}


def test_the_files_can_be_read_through_the_distribution_alone(templates: Templates) -> None:
    """By its own signature, and one object at a time: nobody lists them."""
    [(name, policy)] = [
        (policy["Bucket"]["Ref"], policy["PolicyDocument"])
        for policy in templates.of_type("AWS::S3::BucketPolicy").values()
        if policy["Bucket"]["Ref"].startswith("PageFiles")
    ]
    [allowed] = [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert allowed["Action"] == "s3:GetObject"
    assert "distribution/<PageDistribution" in templates.text(allowed["Condition"]["StringEquals"]["AWS:SourceArn"])
    access = templates.only("AWS::CloudFront::OriginAccessControl")["OriginAccessControlConfig"]
    assert (access["SigningBehavior"], access["SigningProtocol"]) == ("always", "sigv4")
    [files] = [origin for origin in distribution(templates)["Origins"] if "S3OriginConfig" in origin]
    assert name in templates.text(files["DomainName"])


def test_nothing_goes_over_plain_http(templates: Templates, own_domain: Templates) -> None:
    """A person is led to https, a program is refused; TLS is 1.2 at least, also on the way to the API."""
    for pattern, behaviour in behaviours(templates).items():
        assert behaviour["ViewerProtocolPolicy"] == ("https-only" if pattern == "/api/*" else "redirect-to-https")
    [api] = [origin for origin in distribution(templates)["Origins"] if "CustomOriginConfig" in origin]
    assert api["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert api["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]
    config = distribution(own_domain)
    assert config["Aliases"] == ["up.example.com"]
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert config["HttpVersion"] == "http2and3"


def test_the_page_reaches_its_own_origin_and_the_bucket_of_files(templates: Templates) -> None:
    """And the live uploads; no other site or bucket, nothing inline, and no page frames it or takes its forms."""
    bucket, _ = templates.bucket_of_files()
    live, _ = templates.api("WEBSOCKET")
    found = policy(templates)
    assert {name: sources for name, sources in found.items() if name != "connect-src"} == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    own, *others = found["connect-src"]
    assert own == "'self'"
    [socket] = [address for address in others if live in address]
    others.remove(socket)
    assert others
    for address in others:
        assert address.removesuffix("/").endswith(f"/<{bucket}>")
        assert address.startswith(("https://s3.<AWS::Region>.", "https://s3.amazonaws.com/"))


def test_with_an_issuer_the_page_reaches_it_as_well(oidc_templates: Templates, templates: Templates) -> None:
    """And its token endpoint, where that has another origin."""
    added = [a for a in policy(oidc_templates)["connect-src"] if a not in policy(templates)["connect-src"]]
    assert added == ["https://issuer.example", "https://tokens.example"]


def test_the_page_has_the_headers_that_close_it(templates: Templates) -> None:
    """TLS from now on, types as they are told, no addresses told, no windows or features shared."""
    config = headers(templates, "*")
    security = config["SecurityHeadersConfig"]
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 365 * 86400
    assert security["ContentTypeOptions"] == {"Override": True}
    assert security["FrameOptions"]["FrameOption"] == "DENY"
    assert security["ReferrerPolicy"]["ReferrerPolicy"] == "no-referrer"
    custom = {item["Header"]: item["Value"] for item in config["CustomHeadersConfig"]["Items"]}
    assert custom["Cross-Origin-Opener-Policy"] == custom["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in custom["Permissions-Policy"]
    assert "CorsConfig" not in config


def test_named_pages_may_load_the_component(templates: Templates, own_domain: Templates) -> None:
    """And no others; where none is named, nobody's."""
    config = headers(templates, "/embed/*")
    assert config["CorsConfig"]["AccessControlAllowOrigins"] == {"Items": [PAGE_ORIGIN]}
    assert config["CorsConfig"]["AccessControlAllowCredentials"] is False
    [item] = config["CustomHeadersConfig"]["Items"]
    assert (item["Header"], item["Value"]) == ("Cross-Origin-Resource-Policy", "cross-origin")
    assert "CorsConfig" not in headers(own_domain, "/embed/*")


def test_the_api_is_behind_the_page(templates: Templates) -> None:
    """With all methods, headers and cookies; no answer of one person's is ever kept for another."""
    found = behaviours(templates)
    api = found["/api/*"]
    assert set(api["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
    assert api["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
    assert api["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"  # AllViewerExceptHostHeader
    for pattern in ("*", "/embed/*"):
        assert set(found[pattern]["AllowedMethods"]) == {"GET", "HEAD"}
    [origin] = [origin for origin in distribution(templates)["Origins"] if "CustomOriginConfig" in origin]
    assert templates.text(origin["DomainName"]).startswith("<ApiHttpApi")


def test_errors_of_the_api_are_neither_kept_nor_replaced(templates: Templates) -> None:
    """Left alone, CloudFront keeps a 403 or 503 for ten seconds, for whoever asks next."""
    responses = distribution(templates)["CustomErrorResponses"]
    assert {400, 403, 404, 405, 414, 500, 501, 502, 503, 504} <= {response["ErrorCode"] for response in responses}
    assert all(response.keys() == {"ErrorCode", "ErrorCachingMinTTL"} for response in responses)
    assert {response["ErrorCachingMinTTL"] for response in responses} == {0}


def test_who_loads_the_page_is_logged(templates: Templates) -> None:
    """For as long as uploads are kept."""
    logs = distribution(templates)["Logging"]["Bucket"]["Fn::GetAtt"][0]
    [rule] = templates.of_type("AWS::S3::Bucket")[logs]["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 90


def test_hashed_files_are_kept_for_ever_and_all_others_are_asked_for(templates: Templates) -> None:
    """The hashed ones are there before the page that names them, and stay for pages that are open."""
    deployments = templates.of_type("Custom::CDKBucketDeployment")
    found = {name: (each["Exclude"], each.get("Include"), each["Prune"]) for name, each in deployments.items()}
    [hashed, named] = sorted(deployments)
    assert found == {hashed: (["*"], ["assets/*"], False), named: (["assets/*"], None, True)}
    assert "immutable" in deployments[hashed]["SystemMetadata"]["cache-control"]
    assert deployments[named]["SystemMetadata"] == {"cache-control": "no-cache"}
    assert hashed in templates.resources[named]["DependsOn"]


def test_what_fills_the_bucket_reaches_nothing_else(templates: Templates) -> None:
    """CDK's handler reads assets and writes the page's files."""
    [role] = [name for name in templates.of_type("AWS::IAM::Role") if name.startswith("CustomCDKBucketDeployment")]
    reached = {resource for _, resources in templates.role_policies(role) for resource in resources}
    assert reached
    assert all("s3:::cdk-" in resource or resource.startswith("<PageFiles") for resource in reached)


def test_a_page_on_its_own_domain_may_send_files_at_once(own_domain: Templates) -> None:
    """The bucket, the API and the functions know its origin before it is there."""
    origins = ["https://up.example.com"]
    [rule] = own_domain.bucket_of_files()[1]["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == origins
    assert own_domain.api()[1]["CorsConfiguration"]["AllowOrigins"] == origins
    told = own_domain.functions()["start_upload"]["Environment"]["Variables"]["PAGE_ORIGINS"]
    assert json.loads(told) == origins


def test_before_an_origin_is_known_no_page_gets_in(tmp_path: Path) -> None:
    """The first deployment, whose output is the page's origin."""
    synthesize(tmp_path, {**UNBUNDLED, "pageOrigins": []})
    templates = Templates.read(tmp_path)
    assert not [b for b in templates.of_type("AWS::S3::Bucket").values() if "CorsConfiguration" in b]
    assert "CorsConfiguration" not in templates.api()[1]
    assert templates.functions()["start_upload"]["Environment"]["Variables"]["PAGE_ORIGINS"] == "[]"


def test_without_a_built_page_it_is_said_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is deployed that would show an empty page."""
    monkeypatch.setattr(infra.constructs.page, "DIST", tmp_path)
    with pytest.raises(PageNotBuiltError, match="make page"):
        synthesize(tmp_path / "cdk.out", UNBUNDLED)


_NEXTAUTH = {"signInUrl": "https://app.example.com/api/auth/signin"}
_OIDC = {"AUTH_PROVIDER": "oidc", "OIDC_ISSUER": "https://issuer.example/pool", "OIDC_AUDIENCE": "linefeed"}


@pytest.mark.parametrize(
    ("context", "auth"),
    [
        (_NEXTAUTH, {"provider": "nextauth", **_NEXTAUTH}),
        (
            {"settings": _OIDC, "oidcClientId": "page"},
            {
                "provider": "oidc",
                "issuer": "https://issuer.example/pool",
                "clientId": "page",
                "scope": "openid",
                "audience": "linefeed",
            },
        ),
        (
            {
                "settings": {**_OIDC, "OIDC_AUDIENCE_CLAIM": "client_id"},
                "oidcClientId": "page",
                "oidcScope": "openid a",
            },
            {"provider": "oidc", "issuer": "https://issuer.example/pool", "clientId": "page", "scope": "openid a"},
        ),
    ],
)
def test_the_page_is_told_how_people_sign_in(context: dict[str, Any], auth: dict[str, str]) -> None:
    """And nothing that is not theirs to know."""
    config = page_config(Configuration.from_context(context))
    assert config["auth"] == auth
    assert config.keys() == {"auth", "maxFileSize", "fileTypes", "retentionDays"}


def test_the_page_is_told_what_may_be_sent() -> None:
    """As the API will judge it."""
    config = page_config(
        Configuration.from_context({**_NEXTAUTH, "settings": {"MAX_FILE_SIZE": 7, "RETENTION_DAYS": 3}})
    )
    assert (config["maxFileSize"], config["retentionDays"]) == (7, 3)
    assert ".csv.gz" in config["fileTypes"]["csv"]
    assert ".xlsx" in config["fileTypes"]["excel"]
