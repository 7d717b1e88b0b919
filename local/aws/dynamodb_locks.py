"""DynamoDB's writes are atomic: each alone, and the items of a transaction together.

moto takes no lock: a limit that a conditional update keeps is exceeded by simultaneous callers, and
`transact_write_items` copies whole tables to restore them on failure, and with them loses what others wrote
meanwhile. An update that fails half way leaves its item changed. Patched: one request at a time, an undo for
each item that a write touches, and no copies of tables.

The same undo knows each item before and after, so it also tells the table's stream: one record an item, none
for a write that changed nothing, and none before a transaction has succeeded (moto: two for an update that
creates its item, and records of transactions that then fail).
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from moto.dynamodb import models
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

from local.aws.patching import Patches

PublishChange = Callable[[Any, Any, Any], None]


class _Undo:
    """The items that a write touches, as they were before it."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, Any, Any], tuple[Table, Any]] = {}

    def remember(self, table: Table, hash_key: Any, range_key: Any) -> None:
        if hash_key is None or table.has_range_key != (range_key is not None):
            return  # not a key of this table: the write is about to be refused
        known = (table.table_arn, hash_key, range_key)
        if known not in self._before:
            self._before[known] = (table, copy.deepcopy(_item(table, hash_key, range_key)))

    def roll_back(self) -> None:
        for (_, hash_key, range_key), (table, item) in self._before.items():
            _put_back(table, hash_key, range_key, item)

    def tell_streams(self, publish: PublishChange) -> None:
        for (_, hash_key, range_key), (table, old) in self._before.items():
            new = copy.deepcopy(_item(table, hash_key, range_key))
            if table.stream_shard is not None and _attributes(old) != _attributes(new):
                publish(table.stream_shard, old, new)


def _item(table: Table, hash_key: Any, range_key: Any) -> Any:
    if range_key is None:
        return table.items.get(hash_key)
    return table.items[hash_key].get(range_key) if hash_key in table.items else None


def _put_back(table: Table, hash_key: Any, range_key: Any, item: Any) -> None:
    holder: Any = table.items if range_key is None else table.items[hash_key]
    key = hash_key if range_key is None else range_key
    if item is None:
        holder.pop(key, None)
    else:
        holder[key] = item


def _attributes(item: Any) -> Any:
    return None if item is None else item.to_json()["Attributes"]


class _Writer:
    """Lets one write happen at a time; a write inside another joins it."""

    def __init__(self, publish: PublishChange) -> None:
        self.lock = threading.RLock()
        self._publish = publish
        self._open: _Undo | None = None

    @contextmanager
    def write(self) -> Iterator[_Undo]:
        with self.lock:
            if self._open is not None:
                yield self._open
                return
            undo = self._open = _Undo()
            try:
                yield undo
            except BaseException:
                undo.roll_back()
                raise
            else:
                undo.tell_streams(self._publish)
            finally:
                self._open = None

    def one_at_a_time(self, original: Any) -> Any:
        def call_action(handler: Any) -> Any:
            with self.lock:
                return original(handler)

        return call_action

    def put_item(self, original: Any) -> Any:
        def put(table: Table, item_attrs: Any, *args: Any, **kwargs: Any) -> Any:
            with self.write() as undo:
                undo.remember(table, *_keys(table, item_attrs))
                return original(table, item_attrs, *args, **kwargs)

        return put

    def delete_item(self, original: Any) -> Any:
        def delete(table: Table, hash_key: Any, range_key: Any) -> Any:
            with self.write() as undo:
                undo.remember(table, hash_key, range_key)
                return original(table, hash_key, range_key)

        return delete

    def update_item(self, original: Any) -> Any:
        def update(backend: DynamoDBBackend, table_name: str, key: Any, *args: Any, **kwargs: Any) -> Any:
            with self.write() as undo:
                table = backend.get_table(table_name)
                undo.remember(table, *_keys(table, key))
                return original(backend, table_name, key, *args, **kwargs)

        return update

    def transaction(self, original: Any) -> Any:
        def transact(backend: DynamoDBBackend, transact_items: Any) -> None:
            with self.write():
                original(backend, transact_items)

        return transact


def install(patches: Patches, publish: PublishChange) -> None:
    """Patch DynamoDB's requests and writes; `publish` gets (stream shard, old item, new item) of each change."""
    writer = _Writer(publish)
    patches.wrap(DynamoHandler, "call_action", writer.one_at_a_time)
    patches.wrap(Table, "put_item", writer.put_item)
    patches.wrap(Table, "delete_item", writer.delete_item)
    patches.wrap(DynamoDBBackend, "update_item", writer.update_item)
    patches.wrap(DynamoDBBackend, "transact_write_items", writer.transaction)
    patches.replace(models, "copy", SimpleNamespace(deepcopy=_copy_all_but_tables))


def _keys(table: Table, attributes: Any) -> tuple[Any, Any]:
    def key(name: str | None) -> Any:
        return DynamoType(attributes[name]) if name is not None and name in attributes else None

    return key(table.hash_key_attr), key(table.range_key_attr)


def _copy_all_but_tables(value: Any) -> Any:
    """For a transaction, which copies its tables to put them back: with an undo for each item it need not."""
    return value if isinstance(value, Table) else copy.deepcopy(value)
