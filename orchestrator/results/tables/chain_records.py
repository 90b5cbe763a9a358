"""The records of chains, read from the store up to the first that is missing or diverged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.stages.record import Record, RecordRequest
from orchestrator.stages.storage.record_cache import Records

if TYPE_CHECKING:
    from orchestrator.stages.stage import Chain


RecordsByKey = dict[RecordRequest, Record]


def read_records(chains: Sequence[Chain], store: Records) -> RecordsByKey:
    """Read the records of chains, one depth at a time, up to the first missing or diverged one."""
    reached = [chain.requests() for chain in chains]
    records_by_key: RecordsByKey = {}
    depth = 0  # one call of the store for each depth, not for each chain
    while reached:
        # A dict drops repeats and keeps the order: chains that begin alike share their stages.
        wanted = {requests[depth]: None for requests in reached if depth < len(requests)}
        records_by_key |= store.records(one for one in wanted if one not in records_by_key)
        reached = [
            requests
            for requests in reached
            if depth < len(requests) and _is_complete(records_by_key.get(requests[depth]))
        ]
        depth += 1
    return records_by_key


def _is_complete(record: Record | None) -> bool:
    return record is not None and record.status == "complete"


def chain_records(chain: Chain, records_by_key: RecordsByKey) -> list[Record]:
    """Return a chain's records before the first missing one, or up to the first diverged one."""
    records: list[Record] = []
    for request in chain.requests():
        record = records_by_key.get(request)
        if record is None:
            break
        records.append(record)
        if record.status == "diverged":
            break
    return records
