"""DynamoDB's writes are exact when many come at once, and its streams tell of each change."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.cloud import Broken, Cloud, eager_threads, wait_for

REFUSALS = {"ConditionalCheckFailedException", "TransactionCanceledException"}


@pytest.fixture
def table(cloud: Cloud) -> str:
    """A table with hash key `pk`, range key `sk` and a stream."""
    name = f"table-{uuid.uuid4().hex[:12]}"
    cloud.dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return name


def key(name: str) -> dict[str, Any]:
    return {"pk": {"S": name}, "sk": {"S": "-"}}


def read(cloud: Cloud, table: str, name: str) -> dict[str, Any]:
    return cloud.dynamodb.get_item(TableName=table, Key=key(name)).get("Item", {})


def number(cloud: Cloud, table: str, name: str) -> int:
    return int(read(cloud, table, name).get("n", {"N": "0"})["N"])


def increment(table: str, name: str, limit: int = 1_000_000) -> dict[str, Any]:
    return {
        "TableName": table,
        "Key": key(name),
        "UpdateExpression": "ADD n :one",
        "ConditionExpression": "attribute_not_exists(n) OR n < :limit",
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":limit": {"N": str(limit)}},
    }


def is_written(call: Any, **arguments: Any) -> bool:
    """Send a write; False when its condition is not met, and nothing else may go wrong."""
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] not in REFUSALS:
            raise
        return False
    return True


def test_eighty_conditional_increments_admit_exactly_ten(cloud: Cloud, table: str) -> None:
    """Unpatched, some of them read the same number, and more than ten are admitted."""
    update = increment(table, "limit", 10)
    # A long expression, to widen the gap between check and write.
    update["UpdateExpression"] = f"ADD {', '.join(f'n{i} :one' for i in range(20))}, n :one"
    with eager_threads(), ThreadPoolExecutor(40) as pool:
        admitted = list(pool.map(lambda _: is_written(cloud.dynamodb.update_item, **update), range(80)))
    assert sum(admitted) == 10
    assert number(cloud, table, "limit") == 10


def test_parallel_transactions_lose_no_acknowledged_write(cloud: Cloud, table: str) -> None:
    """Some of them fail and are undone. Unpatched, their undo takes what others wrote meanwhile with it."""
    cloud.dynamodb.put_item(TableName=table, Item=key("taken"))

    def transact(n: int) -> bool:
        writes = [{"Update": increment(table, "shared")}, {"Put": {"TableName": table, "Item": key(f"own-{n}")}}]
        if n % 3 == 0:
            refused = {"TableName": table, "Item": key("taken"), "ConditionExpression": "attribute_not_exists(pk)"}
            writes.append({"Put": refused})
        return is_written(cloud.dynamodb.transact_write_items, TransactItems=writes)

    with eager_threads(), ThreadPoolExecutor(20) as pool:
        acknowledged = list(pool.map(transact, range(60)))
    assert acknowledged == [n % 3 != 0 for n in range(60)]
    assert number(cloud, table, "shared") == 40
    assert [bool(read(cloud, table, f"own-{n}")) for n in range(60)] == acknowledged


def test_a_failed_transaction_leaves_nothing_and_says_what_stood_there(cloud: Cloud, table: str) -> None:
    """CancellationReasons names the item at fault, with its attributes when they are asked for."""
    cloud.dynamodb.put_item(TableName=table, Item={**key("job"), "state": {"S": "running"}})
    with pytest.raises(cloud.dynamodb.exceptions.TransactionCanceledException) as refusal:
        cloud.dynamodb.transact_write_items(
            TransactItems=[
                {"Update": {**increment(table, "counter")}},  # type: ignore[typeddict-item]
                {"Delete": {"TableName": table, "Key": key("job"), "ConditionExpression": "attribute_exists(pk)"}},
                {
                    "ConditionCheck": {
                        "TableName": table,
                        "Key": key("absent"),
                        "ConditionExpression": "attribute_exists(pk)",
                        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                    }
                },
                {
                    "Put": {
                        "TableName": table,
                        "Item": {**key("other"), "n": {"N": "1"}},
                        "ConditionExpression": "attribute_not_exists(pk)",
                    }
                },
            ]
        )
    reasons = refusal.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "None", "ConditionalCheckFailed", "None"]
    assert (read(cloud, table, "counter"), read(cloud, table, "other")) == ({}, {})
    assert read(cloud, table, "job")["state"] == {"S": "running"}


def test_a_refused_condition_shows_the_item_when_asked(cloud: Cloud, table: str) -> None:
    """ReturnValuesOnConditionCheckFailure=ALL_OLD, alone and in a transaction. This works in moto as it is."""
    cloud.dynamodb.put_item(TableName=table, Item={**key("job"), "n": {"N": "5"}})
    refused = {**increment(table, "job", 5), "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    with pytest.raises(cloud.dynamodb.exceptions.ConditionalCheckFailedException) as alone:
        cloud.dynamodb.update_item(**refused)
    shown: Any = alone.value.response
    assert shown["Item"]["n"] == {"N": "5"}
    with pytest.raises(cloud.dynamodb.exceptions.TransactionCanceledException) as together:
        cloud.dynamodb.transact_write_items(TransactItems=[{"Update": refused}])  # type: ignore[typeddict-item]
    shown = together.value.response
    assert shown["CancellationReasons"][0]["Item"]["n"] == {"N": "5"}


def test_an_update_that_fails_half_way_leaves_the_item_as_it_was(cloud: Cloud, table: str) -> None:
    """Unpatched, the part before the error stays."""
    cloud.dynamodb.put_item(TableName=table, Item={**key("job"), "text": {"S": "a"}})
    with pytest.raises(ClientError, match="exceeded the maximum allowed size"):
        cloud.dynamodb.update_item(
            TableName=table,
            Key=key("job"),
            UpdateExpression="SET small = :small, big = :big",
            ExpressionAttributeValues={":small": {"S": "b"}, ":big": {"S": "x" * 410_000}},
        )
    assert read(cloud, table, "job") == {**key("job"), "text": {"S": "a"}}


def test_a_transaction_sent_twice_with_one_token_is_written_once(cloud: Cloud, table: str) -> None:
    """boto3 repeats the token when it retries. Unpatched, the retry counts twice."""
    token = str(uuid.uuid4())
    for _ in range(2):
        cloud.dynamodb.transact_write_items(
            ClientRequestToken=token,
            TransactItems=[{"Update": increment(table, "counter")}],  # type: ignore[typeddict-item]
        )
    assert number(cloud, table, "counter") == 1
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        cloud.dynamodb.transact_write_items(
            ClientRequestToken=token,
            TransactItems=[{"Update": increment(table, "other")}],  # type: ignore[typeddict-item]
        )


class Reader:
    """A function that reads a table's stream."""

    def __init__(self, cloud: Cloud, table: str, handler: Any = lambda _: None, **mapping: Any) -> None:
        self._cloud = cloud
        self.name = cloud.function(handler)
        stream = cloud.dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        cloud.functions.create_event_source_mapping(
            FunctionName=self.name, EventSourceArn=stream, StartingPosition="LATEST", **mapping
        )

    @property
    def batches(self) -> list[list[dict[str, Any]]]:
        """The records of each call."""
        return [event["Records"] for event in self._cloud.host.events_of(self.name)]

    @property
    def changes(self) -> list[tuple[str, str]]:
        """What happened to which item, in the order it was told."""
        records = [record for batch in self.batches for record in batch]
        return [(record["eventName"], record["dynamodb"]["Keys"]["pk"]["S"]) for record in records]


def test_the_stream_tells_each_change_once_and_in_order(cloud: Cloud, table: str) -> None:
    """Unpatched, an update that makes its item is told twice, and so is one that changes nothing."""
    reader = Reader(cloud, table)
    cloud.dynamodb.update_item(**increment(table, "a"))
    cloud.dynamodb.update_item(**increment(table, "a"))
    cloud.dynamodb.put_item(TableName=table, Item={**key("a"), "n": {"N": "2"}})
    cloud.dynamodb.delete_item(TableName=table, Key=key("a"))
    wait_for(lambda: len(reader.changes) >= 3)
    assert reader.changes == [("INSERT", "a"), ("MODIFY", "a"), ("REMOVE", "a")]
    record = reader.batches[0][0]
    assert record["dynamodb"]["NewImage"]["n"] == {"N": "1"}
    assert (record["eventSource"], record["awsRegion"]) == ("aws:dynamodb", "eu-central-1")


def test_the_stream_tells_nothing_of_a_failed_transaction(cloud: Cloud, table: str) -> None:
    """Unpatched, the writes before the one that failed are told."""
    reader = Reader(cloud, table)
    writes: list[Any] = [
        {"Put": {"TableName": table, "Item": key("undone")}},
        {"ConditionCheck": {"TableName": table, "Key": key("x"), "ConditionExpression": "attribute_exists(pk)"}},
    ]
    assert not is_written(cloud.dynamodb.transact_write_items, TransactItems=writes)
    cloud.dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": key("done")}}])
    wait_for(lambda: reader.changes)
    assert reader.changes == [("INSERT", "done")]


def test_the_function_runs_outside_of_the_write(cloud: Cloud, table: str) -> None:
    """It may read and write the table itself. Unpatched, the writer waits for it."""
    go_on, ended = threading.Event(), threading.Event()

    def handle(_: Any) -> None:
        number(cloud, table, "a")
        go_on.wait(10)
        ended.set()

    reader = Reader(cloud, table, handle)
    cloud.dynamodb.put_item(TableName=table, Item=key("a"))
    assert not ended.is_set()
    wait_for(lambda: reader.batches)
    cloud.dynamodb.put_item(TableName=table, Item=key("b"))
    go_on.set()
    wait_for(lambda: len(reader.changes) == 2)


def test_a_batch_that_fails_is_tried_again_before_the_next(cloud: Cloud, table: str) -> None:
    """Until its retries are used up. Unpatched, it is dropped at once."""

    def handle(event: Any) -> None:
        if event["Records"][0]["dynamodb"]["Keys"]["pk"]["S"] == "poison":
            raise Broken("Poison")

    reader = Reader(cloud, table, handle, BatchSize=1, MaximumRetryAttempts=1)
    for name in ("poison", "after"):
        cloud.dynamodb.put_item(TableName=table, Item=key(name))
    wait_for(lambda: len(reader.changes) >= 3)
    assert [name for _, name in reader.changes] == ["poison", "poison", "after"]


def test_a_batch_waits_for_its_window(cloud: Cloud, table: str) -> None:
    """Changes that come one after another within it are told at once. Unpatched, each is told by itself."""
    reader = Reader(cloud, table, BatchSize=100, MaximumBatchingWindowInSeconds=1)
    for name in ("a", "b", "c"):
        cloud.dynamodb.put_item(TableName=table, Item=key(name))
        time.sleep(0.05)
    wait_for(lambda: len(reader.changes) == 3)
    assert len(reader.batches) == 1


def test_filters_keep_records_from_the_function(cloud: Cloud, table: str) -> None:
    """Unpatched, the function gets them all."""
    reader = Reader(cloud, table, FilterCriteria={"Filters": [{"Pattern": '{"eventName": ["REMOVE"]}'}]})
    cloud.dynamodb.put_item(TableName=table, Item=key("a"))
    cloud.dynamodb.delete_item(TableName=table, Key=key("a"))
    wait_for(lambda: reader.changes)
    assert reader.changes == [("REMOVE", "a")]
