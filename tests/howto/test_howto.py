"""The how-to pages, followed literally: `make test-storm`, or `python -m docs.follow`."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs import follow

REASONS = {
    "serves until it is stopped",
    "needs a Ray cluster",
    "needs an account at a cloud",
    "needs Kubernetes",
    "needs Slurm",
}


@pytest.mark.storm
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", follow.PAGES, ids=lambda page: page.stem)
def test_what_a_page_says_to_do_can_be_done(page: Path) -> None:
    left_out = [block for block in follow.read_blocks(page) if block.reason]
    assert len([*follow.follow_page(page)]) == len(left_out)


def test_a_page_has_a_goal_commands_what_one_sees_and_what_is_next() -> None:
    assert len(follow.PAGES) >= 13
    for page in follow.PAGES:
        text = page.read_text(encoding="utf-8")
        assert "**Goal.**" in text, page
        headings = [line for line in text.splitlines() if line.startswith("## ")]
        assert headings == ["## Commands", "## What you see", "## Next"], page
        assert any(b.language == "bash" and not b.reason for b in follow.read_blocks(page)), page


def test_what_is_not_followed_says_why_and_every_other_block_is_read() -> None:
    for page in follow.PAGES:
        blocks = follow.read_blocks(page)
        assert len(blocks) == page.read_text(encoding="utf-8").count("\n```") / 2, page
        assert {block.reason for block in blocks} <= REASONS | {""}, page


def test_a_block_with_a_title_is_written_and_commands_run_beside_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '```yaml title="deep/a.txt"\nhello there\n```\n\n```bash\ncat deep/a.txt\n```\n\n'
        "```text\n  hello   there\n```\n\n<!-- not followed: needs Slurm -->\n```bash\nfalse\n```\n"
    )
    assert [*follow.follow_page(page)] == ["not followed, needs Slurm: false"]


def test_a_command_that_fails_and_a_line_that_is_not_printed_are_told(tmp_path: Path) -> None:
    fails = follow.Block("bash", "", "echo before; exit 3\necho after\n")
    with pytest.raises(follow.NotFollowed, match=r"exit code 3:\nbefore\n$"):
        follow.follow([fails], tmp_path)
    prints = [follow.Block("bash", "", "echo one\n"), follow.Block("text", "", "one\ntwo\n")]
    with pytest.raises(follow.NotFollowed, match="not printed:\ntwo"):
        follow.follow(prints, tmp_path)
