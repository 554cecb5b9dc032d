"""Runs LocalStack, with three changes that it has no setting for:

- it listens on the address of GATEWAY_LISTEN; by itself it takes the port alone
  and listens on every interface;
- its DynamoDB is the command in FLAMINGOCK_DYNAMODB_COMMAND (a JSON array), not a
  download into a system directory;
- without that download's patch, a table cannot have more than 20 indexes.
"""

import functools
import json
import os
import types

from localstack import config
from localstack.runtime import main
from localstack.runtime.server import twisted
from localstack.services.dynamodb.server import DynamodbServer
from localstack.utils.run import ShellCommandThread
from localstack.utils.threads import TMP_THREADS


def start_dynamodb(self):
    """Stands in for DynamodbServer.do_start_thread."""
    command = json.loads(os.environ["FLAMINGOCK_DYNAMODB_COMMAND"])
    # Always in memory: what is kept here is thrown away with the server.
    command += ["-disableTelemetry", "-inMemory", "-port", str(self.port)]
    # Not restarted when it ends: a test must notice that its tables are gone.
    thread = ShellCommandThread(command, log_listener=lambda line, **_: print(line.rstrip()), name="dynamodb-local")
    TMP_THREADS.append(thread)  # LocalStack stops these when it ends
    thread.start()
    return thread


def listen_where_told():
    names = dict(vars(twisted.endpoints))
    host = config.GATEWAY_LISTEN[0].host
    names["TCP4ServerEndpoint"] = functools.partial(names["TCP4ServerEndpoint"], interface=host)
    twisted.endpoints = types.SimpleNamespace(**names)


DynamodbServer.do_start_thread = start_dynamodb
listen_where_told()
main.main()
