"""The upload page: its files in a private bucket, and the distribution that serves them and the API at one origin."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from constructs import Construct

from infra.configuration import Configuration
from infra.constructs.page_headers import embed_headers, page_headers
from infra.manifest import ROOT
from shared.services.start_upload import FILE_ENDINGS

DIST = ROOT / "web" / "dist"
"""What `make page` builds."""

_HASHED = "assets/*"
"""Files with a hash of their contents in their names."""

_FOR_OTHERS = "/embed/*"
_API = "/api/*"
_KEPT_FOR_EVER = "public, max-age=31536000, immutable"
_ASKED_FOR_EACH_TIME = "no-cache"
_ERRORS = (400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504)
"""What CloudFront would keep for ten seconds, most of it whatever `Cache-Control` says."""


class PageNotBuiltError(Exception):
    """There is no page to deploy."""


class Page(Construct):
    """Private files, HTTPS alone, and `/api/*` passed on to the API, so that the page needs no CORS to call it.

    `files` is the folder with the built page. `connect_to` are the addresses, beyond its own origin, that the page's
    scripts may reach: origins, or the beginnings of addresses as a content security policy has them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        configuration: Configuration,
        files: Path,
        api: apigateway.HttpApi,
        connect_to: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id)
        self._logs = self._log_bucket(configuration.settings["RETENTION_DAYS"])
        self._files = self._file_bucket()
        self._headers = page_headers(self, connect_to=connect_to)
        self._embed_headers = embed_headers(self, origins=configuration.page_origins)
        self._distribution = self._serve(configuration, api)
        self.url = f"https://{configuration.page_domain or self._distribution.distribution_domain_name}"
        self._fill(files, configuration)

    def _log_bucket(self, retention_days: int) -> s3.Bucket:
        """CloudFront writes its log with an ACL, which needs this ownership; the bucket is private all the same."""
        return s3.Bucket(
            self,
            "Logs",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.OBJECT_WRITER,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            lifecycle_rules=[s3.LifecycleRule(id="old", expiration=Duration.days(retention_days))],
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _file_bucket(self) -> s3.Bucket:
        """Nothing in it cannot be built anew, so it goes with the stack."""
        return s3.Bucket(
            self,
            "Files",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            server_access_logs_bucket=self._logs,
            server_access_logs_prefix="bucket/",
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _serve(self, configuration: Configuration, api: apigateway.HttpApi) -> cloudfront.Distribution:
        own_domain = configuration.page_domain
        files = origins.S3BucketOrigin.with_origin_access_control(self._files)
        return cloudfront.Distribution(
            self,
            "Distribution",
            comment="Linefeed: the upload page and, under /api, the API",
            default_root_object="index.html",
            default_behavior=_files_behaviour(files, self._headers),
            additional_behaviors={
                _FOR_OTHERS: _files_behaviour(files, self._embed_headers),
                _API: self._api_behaviour(api),
            },
            # Without a page of our own in its place: the API's errors go through as they are, each to whom it is for.
            error_responses=[cloudfront.ErrorResponse(http_status=code, ttl=Duration.seconds(0)) for code in _ERRORS],
            domain_names=[own_domain] if own_domain else None,
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", configuration.certificate_arn)
            if own_domain
            else None,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,
            enable_logging=True,
            log_bucket=self._logs,
            log_file_prefix="page/",
        )

    def _api_behaviour(self, api: apigateway.HttpApi) -> cloudfront.BehaviorOptions:
        """Nothing is kept, and all is passed on but the name of the host, by which API Gateway finds the API."""
        region, suffix = Stack.of(self).region, Stack.of(self).url_suffix
        return cloudfront.BehaviorOptions(
            origin=origins.HttpOrigin(
                f"{api.api_id}.execute-api.{region}.{suffix}",
                protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
                origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            ),
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        )

    def _fill(self, files: Path, configuration: Configuration) -> None:
        """The hashed files first, and those of before stay: a page that is open in a browser may yet ask for them."""
        page = deployment.Source.asset(str(files))
        told = {"config.json": page_config(configuration), "embed/config.json": _limits(configuration)}
        log_group = logs.LogGroup(
            self, "DeploymentLogs", retention=configuration.log_retention, removal_policy=RemovalPolicy.DESTROY
        )
        hashed = deployment.BucketDeployment(
            self,
            "HashedFiles",
            sources=[page],
            destination_bucket=self._files,
            exclude=["*"],
            include=[_HASHED],
            cache_control=[deployment.CacheControl.from_string(_KEPT_FOR_EVER)],
            prune=False,
            retain_on_delete=False,
            log_group=log_group,
        )
        named = deployment.BucketDeployment(
            self,
            "NamedFiles",
            sources=[page, *(deployment.Source.data(name, json.dumps(content)) for name, content in told.items())],
            destination_bucket=self._files,
            exclude=[_HASHED],
            cache_control=[deployment.CacheControl.from_string(_ASKED_FOR_EACH_TIME)],
            retain_on_delete=False,
            log_group=log_group,
        )
        named.node.add_dependency(hashed)


def _files_behaviour(
    files: cloudfront.IOrigin, headers: cloudfront.ResponseHeadersPolicy
) -> cloudfront.BehaviorOptions:
    """How long a copy is good stands at the object itself, for CloudFront and browsers alike."""
    return cloudfront.BehaviorOptions(
        origin=files,
        allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
        cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
        compress=True,
        response_headers_policy=headers,
        viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
    )


def built_page() -> Path:
    """The folder with the page's files; raises PageNotBuiltError."""
    if not (DIST / "index.html").is_file():
        raise PageNotBuiltError("There is no upload page to deploy in web/dist: run `make page` first.")
    return DIST


def page_config(configuration: Configuration) -> dict[str, Any]:
    """config.json: how people sign in, and what may be sent."""
    return {"auth": _sign_in(configuration), **_limits(configuration)}


def _limits(configuration: Configuration) -> dict[str, Any]:
    """What may be sent, which a page says before it is sent; all that the web component is told. Sizes are in bytes."""
    settings = configuration.settings
    return {
        "maxFileSize": settings["MAX_FILE_SIZE"],
        "fileTypes": FILE_ENDINGS,
        "retentionDays": settings["RETENTION_DAYS"],
    }


def _sign_in(configuration: Configuration) -> dict[str, str]:
    settings = configuration.settings
    if settings["AUTH_PROVIDER"] == "nextauth":
        return {"provider": "nextauth", "signInUrl": configuration.sign_in_url}
    # Some issuers must be asked for the audience by name (Auth0); others know no such parameter, and ignore it.
    audience = {"audience": settings["OIDC_AUDIENCE"]} if settings["OIDC_AUDIENCE_CLAIM"] == "aud" else {}
    return {
        "provider": "oidc",
        "issuer": settings["OIDC_ISSUER"],
        "clientId": configuration.oidc_client_id,
        "scope": configuration.oidc_scope,
        **audience,
    }
