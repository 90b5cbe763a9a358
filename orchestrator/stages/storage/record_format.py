"""Records and failures as JSON, in a form that earlier and later releases read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, fields
from typing import Any, get_args

from orchestrator.errors import OtherRelease
from orchestrator.stages.record import Costs, Record, Score, Status, TaskScores
from orchestrator.stages.storage.record_types import (
    MAX_NAME,
    MAX_TEXT,
    require_count,
    require_record_types,
    require_scores,
)
from orchestrator.stages.storage.stage_files import (
    FAILURE,
    RECORD,
    STAGE_FORMAT,
    evaluation_name,
    find_state,
    other_release_error,
    release,
    require_known_format,
    show_value,
)


def pack_record(record: Record) -> dict[str, Any]:
    """Return a record as JSON types, for `unpack_record` of this release and of others.

    Release 0.1 refuses unknown fields. So a later field, with `metadata={"since": ...}`, is written
    under "more", which that release ignores.
    """
    base, more = _split_fields(record)
    base["costs"], more_costs = _split_fields(record.costs)
    base["evaluation"] = evaluation_to_json(record.evaluation)
    more |= {"costs": more_costs} if more_costs else {}
    content = {"format": STAGE_FORMAT, "release": release(), "record": base}
    return content | ({"more": more} if more else {})


def unpack_record(content: Mapping[str, Any], where: str) -> Record:
    """Rebuild a record; unknown fields are ignored, missing ones have their default.

    Raises:
        OtherRelease: the format is a later one, or what every record must have is missing.
    """
    require_known_format(content, where)
    try:
        more = content.get("more", {})
        # What is under "more" are fields that release 0.1 does not know.
        plain = {**more, **content["record"]}
        plain["costs"] = _build(Costs, {**more.get("costs", {}), **plain["costs"]})
        plain["evaluation"] = evaluation_from_json(plain["evaluation"])
        sweep, trial_id, seed = plain["computed_for"]
        plain["computed_for"] = (sweep, trial_id, seed)
        record: Record = _build(Record, plain)
        # A dataclass takes any type, and a wrong one would show far from here.
        require_record_types(record)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise other_release_error(content, where, _difference(error)) from error
    if record.status not in get_args(Status):
        status = show_value(record.status)
        raise other_release_error(content, where, f"with status {status!r}")
    return record


def unpack_evaluation(content: Mapping[str, Any], name: str, where: str) -> TaskScores:
    """Rebuild the scores of a file of their own, whose name says on which tasks.

    Raises:
        OtherRelease: they are not written as here, or are scores on other tasks.
    """
    try:
        evaluation = evaluation_from_json(content)
        require_scores(evaluation)
        other = name != evaluation_name(evaluation)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise other_release_error(content, where, f"with scores {_difference(error)}") from error
    if other:
        raise other_release_error(content, where, f"with scores on other tasks in {name}")
    return evaluation


def pack_failure(story: str, worker: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a failed attempt as JSON types: its story, and where it ran."""
    return {"story": story} | ({"worker": dict(worker)} if worker else {})


def unpack_failure(content: Mapping[str, Any], where: str) -> tuple[str, dict[str, Any]]:
    """Return the story of a failed attempt, and node, pid, device and log as far as it has them.

    Raises:
        OtherRelease: the format is a later one, or they are not written as here.
    """
    require_known_format(content, where)
    try:
        given = content.get("worker", {})
        worker = {name: _fit(given[name]) for name in ("node", "device", "log") if name in given}
        if "pid" in given:
            worker["pid"] = given["pid"]
            require_count(worker["pid"], "pid")
        return _fit(content["story"], MAX_TEXT), worker
    except (AttributeError, KeyError, TypeError) as error:
        raise other_release_error(content, where, f"with a failure {_difference(error)}") from error


def find_failure(
    content: Mapping[str, Any] | None, where: str
) -> tuple[str | None, dict[str, Any]]:
    """Return the same as `unpack_failure`, and no story if there is none that can be read."""
    # The story of a former attempt never matters enough to stop a sweep; `verify` names it.
    with suppress(OtherRelease):
        return (None, {}) if content is None else unpack_failure(content, where)
    return None, {}


def require_readable(content: Mapping[str, Any], name: str, where: str) -> None:
    """Raise OtherRelease unless the content of a JSON file of a stage is written as here."""
    if name == RECORD:
        unpack_record(content, where)
        find_state(content, where)
    elif name == FAILURE:
        unpack_failure(content, where)
    else:
        unpack_evaluation(content, name, where)


def evaluation_to_json(evaluation: TaskScores) -> dict[str, Any]:
    """Return an evaluation as JSON types."""
    return {
        task: {
            split: {name: getattr(score, name) for name in Score.__slots__}
            for split, score in splits.items()
        }
        for task, splits in evaluation.items()
    }


def evaluation_from_json(data: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> TaskScores:
    """Rebuild an evaluation from JSON types."""
    return {
        task: {split: _build(Score, score) for split, score in splits.items()}
        for task, splits in data.items()
    }


def _split_fields(instance: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields that release 0.1 knows, and later ones that are not at their default."""
    values = {field: getattr(instance, field.name) for field in fields(instance)}
    base = {field.name: value for field, value in values.items() if "since" not in field.metadata}
    later = {
        field.name: value
        for field, value in values.items()
        if field.name not in base and value not in (field.default, {})
    }
    return base, later


def _build(cls: type[Any], data: Mapping[str, Any]) -> Any:
    """Return an instance of a dataclass; raise KeyError with the fields that it lacks."""
    try:
        return cls(**data)
    except TypeError:
        pass  # an unknown field, of a later release, or one is missing
    known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
    try:
        return cls(**known)
    except TypeError as error:
        required = [f.name for f in fields(cls) if f.default is f.default_factory is MISSING]
        missing = [name for name in required if name not in data]
        raise (KeyError(*missing) if missing else error) from error


def _fit(text: str, limit: int = MAX_NAME) -> str:
    """Return a text as a table can hold it: of Unicode, which a path may not be, and not longer."""
    return text[:limit].encode(errors="replace").decode()


def _difference(error: Exception) -> str:
    """Return the difference of a file from those of this release."""
    if isinstance(error, KeyError):
        return f"without {', '.join(map(repr, error.args))}"
    return f"otherwise than here ({error!r})"
