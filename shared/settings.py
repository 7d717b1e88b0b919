"""The settings: one class, read from the environment once per process.

Names of resources (`*_TABLE`, `BUCKET`, `*_ARN`) come from the CDK app; the others have defaults that an
operator may change there (`cdk.json`, context `settings`).
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings

Bytes = Annotated[int, Field(gt=0)]
Seconds = Annotated[int, Field(gt=0)]


class Settings(BaseSettings):
    """Each field is the environment variable of the same name in capitals."""

    # What an operator chooses
    max_file_size: Bytes = Field(104_857_600, description="Largest file that may be uploaded, in bytes.")
    upload_rate_limit: Annotated[int, Field(gt=0)] = Field(10, description="Uploads an hour and user.")
    tenant_upload_rate_limit: Annotated[int, Field(gt=0)] = Field(1000, description="Uploads an hour and tenant.")
    upload_url_seconds: Seconds = Field(900, description="How long a presigned upload URL works.")
    job_concurrency: Annotated[int, Field(gt=0)] = Field(5, description="Imports that run at the same time.")
    chunk_bytes: Bytes = Field(8_388_608, description="Size at which a chunk is cut, in bytes.")
    retention_days: Annotated[int, Field(gt=0)] = Field(90, description="How long uploads and audit are kept.")

    # What the deployment fills in
    bucket: str = ""
    uploads_table: str = ""
    jobs_table: str = ""
    rate_limits_table: str = ""
    audit_table: str = ""
    profiles_table: str = ""
    state_machine_arn: str = ""
    fail_import_function: str = Field("", description="The function that ends an import whose execution was lost.")
    auth_secret_arn: str = Field("", description="Secret with the key that session tokens are signed with.")
    database_secret_arn: str = Field("", description="Secret with username, password and dbname as JSON.")
    database_host: str = Field("", description="Host name, or the folder of a Unix socket.")
    database_port: int = 5432
    database_tls: Literal["verify-full", "disable"] = Field(
        "verify-full", description="`disable` is for a Unix socket or a database on the same machine."
    )


@cache
def get_settings() -> Settings:
    """The process's settings; raises pydantic's ValidationError that names the variable at fault."""
    return Settings()
