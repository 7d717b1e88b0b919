"""The headers of the page's files: what its scripts may reach, and who may load what is meant for other apps."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudfront as cloudfront
from constructs import Construct

_YEARS = Duration.days(2 * 365)
_NOT_ASKED_FOR = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
"""What the page never asks a person for, nor anything that would get into it."""


def content_security_policy(connect_to: Sequence[str]) -> str:
    """Everything is forbidden but the page's own files and, for its scripts, the addresses in `connect_to`."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            " ".join(("connect-src 'self'", *connect_to)),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def page_headers(scope: Construct, *, connect_to: Sequence[str]) -> cloudfront.ResponseHeadersPolicy:
    """For the page: a strict policy for its contents, and no part of it in another site's pages."""
    return cloudfront.ResponseHeadersPolicy(
        scope,
        "PageHeaders",
        comment="The page: it reaches its own origin, the files' bucket and who signs people in",
        security_headers_behavior=_security(
            content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                content_security_policy=content_security_policy(connect_to), override=True
            ),
            frame_options=cloudfront.ResponseHeadersFrameOptions(
                frame_option=cloudfront.HeadersFrameOption.DENY, override=True
            ),
        ),
        custom_headers_behavior=_custom(
            {
                "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _NOT_ASKED_FOR),
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cross-Origin-Resource-Policy": "same-origin",
            }
        ),
    )


def embed_headers(scope: Construct, *, origins: list[str]) -> cloudfront.ResponseHeadersPolicy:
    """For the component and the client: pages of the configured origins, and no others, may load them as modules."""
    cors = cloudfront.ResponseHeadersCorsBehavior(
        access_control_allow_origins=origins,
        access_control_allow_methods=["GET", "HEAD"],
        access_control_allow_headers=["*"],
        access_control_allow_credentials=False,
        origin_override=True,
    )
    return cloudfront.ResponseHeadersPolicy(
        scope,
        "EmbedHeaders",
        comment="The component and the client for other apps",
        security_headers_behavior=_security(),
        cors_behavior=cors if origins else None,
        custom_headers_behavior=_custom({"Cross-Origin-Resource-Policy": "cross-origin"}),
    )


def _security(
    *,
    content_security_policy: cloudfront.ResponseHeadersContentSecurityPolicy | None = None,
    frame_options: cloudfront.ResponseHeadersFrameOptions | None = None,
) -> cloudfront.ResponseSecurityHeadersBehavior:
    """TLS from now on, no guessing of types, no telling of addresses; and what is given."""
    return cloudfront.ResponseSecurityHeadersBehavior(
        strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
            access_control_max_age=_YEARS, include_subdomains=True, override=True
        ),
        content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
        referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
            referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
        ),
        content_security_policy=content_security_policy,
        frame_options=frame_options,
    )


def _custom(headers: dict[str, str]) -> cloudfront.ResponseCustomHeadersBehavior:
    return cloudfront.ResponseCustomHeadersBehavior(
        custom_headers=[
            cloudfront.ResponseCustomHeader(header=name, value=value, override=True) for name, value in headers.items()
        ]
    )
