"""What browsers load: the upload page, and the distribution that serves it and the API at one origin."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.configuration import Configuration
from infra.constructs.page import Page
from infra.stacks.data import DataStack
from infra.stacks.pipeline import PipelineStack


class PageStack(Stack):
    """The page, on top of `PipelineStack`; without it everything works but for browsers."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        configuration: Configuration,
        files: Path,
        data: DataStack,
        pipeline: PipelineStack,
    ) -> None:
        super().__init__(scope, construct_id, description="Linefeed: the upload page and its distribution")
        page = Page(
            self,
            "Page",
            configuration=configuration,
            files=files,
            api=pipeline.api.http_api,
            connect_to=[
                *self._bucket_addresses(data.bucket),
                pipeline.live.origin,
                *_issuer_origins(configuration),
            ],
        )
        CfnOutput(self, "PageUrl", value=page.url, description="The upload page")

    def _bucket_addresses(self, bucket: s3.IBucket) -> list[str]:
        """Where presigned forms and URLs lead, without the other buckets that have the same origin.

        The form goes to the bucket itself, parts and downloads to what is below it; in us-east-1 both are signed for
        S3's global name.
        """
        hosts = (f"s3.{self.region}.{self.url_suffix}", "s3.amazonaws.com")
        return [f"https://{host}/{bucket.bucket_name}{end}" for host in hosts for end in ("", "/")]


def _issuer_origins(configuration: Configuration) -> list[str]:
    """Where the page fetches an issuer's description and its tokens."""
    if configuration.settings["AUTH_PROVIDER"] != "oidc":
        return []
    issuer = urlsplit(configuration.settings["OIDC_ISSUER"])
    others = [configuration.oidc_token_origin] if configuration.oidc_token_origin else []
    return [f"{issuer.scheme}://{issuer.netloc}", *others]
