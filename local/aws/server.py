"""The AWS endpoint of the local run: moto's server in this process, patched."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from moto.core.config import default_user_config
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server import werkzeug_app
from werkzeug.serving import BaseWSGIServer, make_server

from local.aws import lambda_calls
from local.aws.lambda_calls import AsyncCalls, InvokeFunction
from local.aws.patching import Patches

