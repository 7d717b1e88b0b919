"""What each resource type of the template is made into; one file for each concern.

Every module registers its functions with `creates`; importing this package imports them all.
"""

from __future__ import annotations

from local.resources import (
    custom,
    functions,
    http_api,
    page,
    placeholders,
    schedules,
    security,
    storage,
    tables,
    workflow,
)
from local.resources.registry import DeploymentError, World, create

__all__ = [
    "DeploymentError",
    "World",
    "create",
    "custom",
    "functions",
    "http_api",
    "page",
    "placeholders",
    "schedules",
    "security",
    "storage",
    "tables",
    "workflow",
]
