"""What serves the page: its files in a bucket, and the distribution before them, gathered for the page's server."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from local.distribution import AddedHeaders, Behaviour, BucketOrigin, Distribution, HttpOrigin
from local.resources.registry import DeploymentError, World, creates
from local.template import Created, Resource

_ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
"""AWS' own policy: everything is passed on to the origin but the name of the host."""

_BUCKET_DOMAIN = ".s3."
_YES = "true"


@creates(
    "Custom::CDKBucketDeployment",
    properties="SourceObjectKeys SourceMarkers SourceMarkersConfig DestinationBucketName Exclude Include "
    "SystemMetadata",
    without_effect="ServiceToken SourceBucketNames Prune RetainOnDelete OutputObjectKeys "
    "WaitForDistributionInvalidation",
)
def fill_bucket(resource: Resource, world: World) -> Created:
    """What CDK's own function does: copy the files of some assets into a bucket that is still empty."""
    properties, s3 = resource.properties, world.client("s3")
    if any(properties.get("SourceMarkers", ())) or any(properties.get("SourceMarkersConfig", ())):
        raise DeploymentError(f"{resource}: the local run fills in no values in files")
    _know(resource, "SystemMetadata", properties.get("SystemMetadata", {}), "cache-control")
    for asset in properties["SourceObjectKeys"]:
        folder = world.assembly / f"asset.{asset.removesuffix('.zip')}"
        if not folder.is_dir():
            raise DeploymentError(f"{resource}: its files are not at {folder.name} in the cloud assembly")
        for path in _chosen_files(folder, properties.get("Exclude", ()), properties.get("Include", ())):
            s3.put_object(
                Bucket=properties["DestinationBucketName"],
                Key=path.relative_to(folder).as_posix(),
                Body=path.read_bytes(),
                ContentType=mimetypes.guess_type(path.name)[0] or "binary/octet-stream",
                CacheControl=properties.get("SystemMetadata", {}).get("cache-control", ""),
            )
    return Created(resource.logical_id)


@creates("AWS::CloudFront::ResponseHeadersPolicy", properties="ResponseHeadersPolicyConfig")
def create_headers(resource: Resource, world: World) -> Created:
    """The headers that a distribution adds."""
    policy = resource.properties["ResponseHeadersPolicyConfig"]
    known = "Name Comment SecurityHeadersConfig CustomHeadersConfig CorsConfig"
    _know(resource, "ResponseHeadersPolicyConfig", policy, known)
    cors = policy.get("CorsConfig", {})
    world.headers[resource.logical_id] = AddedHeaders(
        always={
            **_security_headers(resource, policy.get("SecurityHeadersConfig", {})),
            **{item["Header"]: item["Value"] for item in policy.get("CustomHeadersConfig", {}).get("Items", ())},
        },
        origins=tuple(cors.get("AccessControlAllowOrigins", {}).get("Items", ())),
        to_origins=_cors_headers(resource, cors),
    )
    return Created(resource.logical_id, {"Id": resource.logical_id})


@creates("AWS::CloudFront::Distribution", properties="DistributionConfig", without_effect="Tags")
def create_distribution(resource: Resource, world: World) -> Created:
    """A distribution. Nothing is kept by it here, nor compressed, and it speaks plain HTTP."""
    config = resource.properties["DistributionConfig"]
    known = (
        "Aliases CacheBehaviors Comment CustomErrorResponses DefaultCacheBehavior DefaultRootObject Enabled "
        "HttpVersion IPV6Enabled Logging Origins PriceClass ViewerCertificate"
    )
    _know(resource, "DistributionConfig", config, known)
    for response in config.get("CustomErrorResponses", ()):
        _know(resource, "CustomErrorResponses", response, "ErrorCode ErrorCachingMinTTL")
    origins = {origin["Id"]: _origin(resource, origin) for origin in config["Origins"]}
    behaviours = [*config.get("CacheBehaviors", ()), {**config["DefaultCacheBehavior"], "PathPattern": "*"}]
    world.distributions.append(
        Distribution(
            config.get("DefaultRootObject", ""),
            tuple(_behaviour(resource, behaviour, origins, world) for behaviour in behaviours),
        )
    )
    return Created(resource.logical_id, {"DomainName": f"{resource.logical_id.lower()}.cloudfront.net"})


def the_distribution(world: World) -> Distribution:
    """The one of the stacks; raises DeploymentError when there is none, or another one."""
    if len(world.distributions) != 1:
        raise DeploymentError(f"The local run serves one distribution; the template has {len(world.distributions)}")
    return world.distributions[0]


def _chosen_files(folder: Path, exclude: Iterable[str], include: Iterable[str]) -> list[Path]:
    """As `aws s3 sync` chooses: all, without those that are excluded, and yet with those that are included."""

    def is_chosen(path: Path) -> bool:
        name = path.relative_to(folder).as_posix()
        if any(fnmatchcase(name, pattern) for pattern in include):
            return True
        return not any(fnmatchcase(name, pattern) for pattern in exclude)

    return [path for path in sorted(folder.rglob("*")) if path.is_file() and is_chosen(path)]


def _security_headers(resource: Resource, config: Mapping[str, Any]) -> dict[str, str]:
    known = "ContentSecurityPolicy ContentTypeOptions FrameOptions ReferrerPolicy StrictTransportSecurity"
    _know(resource, "SecurityHeadersConfig", config, known)
    headers = {}
    if "ContentSecurityPolicy" in config:
        headers["Content-Security-Policy"] = config["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    if "ContentTypeOptions" in config:
        headers["X-Content-Type-Options"] = "nosniff"
    if "FrameOptions" in config:
        headers["X-Frame-Options"] = config["FrameOptions"]["FrameOption"]
    if "ReferrerPolicy" in config:
        headers["Referrer-Policy"] = config["ReferrerPolicy"]["ReferrerPolicy"]
    if "StrictTransportSecurity" in config:
        transport = config["StrictTransportSecurity"]
        subdomains = "; includeSubDomains" if _is_true(transport.get("IncludeSubdomains")) else ""
        headers["Strict-Transport-Security"] = f"max-age={transport['AccessControlMaxAgeSec']}{subdomains}"
    return headers


def _cors_headers(resource: Resource, cors: Mapping[str, Any]) -> dict[str, str]:
    known = (
        "AccessControlAllowCredentials AccessControlAllowHeaders AccessControlAllowMethods "
        "AccessControlAllowOrigins OriginOverride"
    )
    _know(resource, "CorsConfig", cors, known)
    if not cors:
        return {}
    headers = {
        "Access-Control-Allow-Methods": ", ".join(cors["AccessControlAllowMethods"]["Items"]),
        "Access-Control-Allow-Headers": ", ".join(cors["AccessControlAllowHeaders"]["Items"]),
    }
    with_credentials = _is_true(cors["AccessControlAllowCredentials"])
    return headers | ({"Access-Control-Allow-Credentials": _YES} if with_credentials else {})


def _origin(resource: Resource, origin: Mapping[str, Any]) -> BucketOrigin | HttpOrigin:
    _know(resource, "Origins", origin, "Id DomainName OriginAccessControlId S3OriginConfig CustomOriginConfig")
    domain: str = origin["DomainName"]
    if "CustomOriginConfig" in origin:
        return HttpOrigin(f"https://{domain}")
    if not origin.get("OriginAccessControlId"):
        raise DeploymentError(f"{resource}: the private bucket at {domain} lets only an origin access control in")
    return BucketOrigin(domain.partition(_BUCKET_DOMAIN)[0])


def _behaviour(
    resource: Resource, behaviour: Mapping[str, Any], origins: Mapping[str, BucketOrigin | HttpOrigin], world: World
) -> Behaviour:
    known = (
        "PathPattern TargetOriginId AllowedMethods ResponseHeadersPolicyId OriginRequestPolicyId CachePolicyId "
        "Compress ViewerProtocolPolicy"
    )
    _know(resource, "CacheBehaviors", behaviour, known)
    origin = origins[behaviour["TargetOriginId"]]
    passed_on = behaviour.get("OriginRequestPolicyId")
    if passed_on != (_ALL_VIEWER_EXCEPT_HOST if isinstance(origin, HttpOrigin) else None):
        raise DeploymentError(
            f"{resource}: the local page passes everything but the host's name on to a server, and nothing to a bucket"
        )
    policy = behaviour.get("ResponseHeadersPolicyId")
    return Behaviour(
        behaviour["PathPattern"],
        origin,
        frozenset(behaviour.get("AllowedMethods", ("GET", "HEAD"))),
        world.headers[policy] if policy else AddedHeaders(),
    )


def _is_true(value: Any) -> bool:
    """CloudFormation has booleans as such and as texts."""
    return str(value).lower() == _YES


def _know(resource: Resource, part: str, given: Mapping[str, Any], known: str) -> None:
    """Raise DeploymentError for a key that is neither read here nor known to have no effect on one machine."""
    if unknown := set(given) - set(known.split()):
        raise DeploymentError(f"{resource}: the local run does not know {part}.{', '.join(sorted(unknown))}")
