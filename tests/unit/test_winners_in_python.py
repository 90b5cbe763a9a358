"""What a search chose, in Python: as a data frame, in a notebook, and in messages."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import pytest
import search_lab as lab

import orchestrator as rp
from orchestrator.cli.python.widget_hints import LOGGER, without_widget_hints
from orchestrator.errors import UnknownName

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> rp.Results:
    """The results of a search of one method, which has a label, and of one without a search."""
    folder = tmp_path_factory.mktemp("searched")
    methods = "[finetune, {name: ewc, label: EWC (ours), lam: {choice: [1, 10, 100]}}]"
    lab.run(folder, methods=methods)
    return rp.load(folder / "results" / "lab")


def test_winners_have_what_was_chosen_and_how_the_candidates_ended(results: rp.Results) -> None:
    (winner,) = results.winners().to_dict("records")
    trials = results.trials
    searched = trials[trials["phase"] == "search"]
    evaluated = trials[(trials["phase"] == "evaluation") & (trials["method"] == "ewc")].iloc[0]
    assert (winner["sweep"], winner["searched"]) == ("lab", "EWC (ours)")
    assert winner["chosen"] == f"lam={evaluated['config.method.lam']:g}"
    assert winner["objective"] == searched["objective"].max()
    ends = ("complete", "stopped", "diverged", "failed", "not_finished")
    assert winner["tried"] == sum(winner[end] for end in ends) == len(searched)
    unsearched = trials[trials["method"] == "finetune"]
    none = rp.Results(unsearched, results.accuracy, results.stages).winners()
    assert list(none) == list(results.winners())
    assert none.empty


def test_a_notebook_shows_the_winners_below_the_comparison(results: rp.Results) -> None:
    page = results._repr_html_()
    (winner,) = results.winners().to_dict("records")
    assert page.count("<table>") == 1
    below = page.partition("search of lab")[2]
    assert f">{winner['chosen']}<" in below
    assert "not in the table: 3 runs of candidates of the search" in below
    assert "search of" not in results.compare()._repr_html_()


def test_a_chart_takes_the_label_of_a_method_where_it_stands_for_all_of_it(
    results: rp.Results, tmp_path: Path
) -> None:
    by_label = results.figure(method="EWC (ours)").to_json()
    assert by_label == results.figure(method="ewc").to_json()
    assert by_label == results.figure(method=["EWC (ours)"]).to_json()
    assert by_label != results.figure().to_json()
    entries = "{name: ewc, label: EWC (ours), lam: 1}, {name: ewc, lam: {choice: [10, 100]}}"
    lab.run(tmp_path, methods=f"[{entries}]")
    both = rp.load(tmp_path / "results" / "lab")
    with pytest.raises(rp.RepertoireError, match=r"is a label of ewc beside .*: method='ewc'"):
        both.figure(method="EWC (ours)")


def test_messages_name_what_python_takes(results: rp.Results) -> None:
    with pytest.raises(UnknownName, match="unknown trial 'nope'"):
        results.r_matrix("nope")
    many = results.trials.iloc[[0] * 50].reset_index(drop=True)
    many = many.assign(trial_id=[f"t{i}" for i in range(50)], seed=range(50))
    with pytest.raises(UnknownName, match=r"'nope'; a comparison by trial_id names all$"):
        rp.Results(many, results.accuracy, results.stages).r_matrix("nope")


def test_the_request_for_ipywidgets_alone_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    # Messages go to the logger's filters whatever level Ray gave its loggers in this process.
    logger, handler = logging.getLogger(LOGGER), logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "disabled", False)
    request, other = "Missing packages: ['ipywidgets']", "Outdated packages"
    request_record, other_record = (
        logging.makeLogRecord({"msg": text, "levelno": logging.WARNING})
        for text in (request, other)
    )
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with without_widget_hints():
            logger.handle(request_record)
            logger.handle(other_record)
            warnings.warn("IProgress not found. Please update jupyter", stacklevel=1)
            warnings.warn("another", stacklevel=1)
        logger.handle(request_record)
    assert said == [other, request]
    assert [str(each.message) for each in warned] == ["another"]
