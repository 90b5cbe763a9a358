"""Odd paths, terminals without UTF-8, full disks and signals: each works or is one clear line."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from orchestrator import cli
from orchestrator.cli import __main__ as cli_module
from orchestrator.cli import page_commands, server
from orchestrator.cli.app import app
from orchestrator.cli.environment import parse_folder, parse_store, shorten_ray_folder
from orchestrator.cli.options import job_address
from orchestrator.cli.os_errors import KEPT, describe_os_error
from orchestrator.cli.python.results import load
from orchestrator.errors import RepertoireError

pytestmark = pytest.mark.slow

SWEEP = """\
name: ok
benchmark: {name: split_digits, scenario: class, num_tasks: 2}
network: {name: mlp, hidden: [8]}
training: {epochs: 1, batch_size: 64}
methods: [finetune]
seeds: [0]
"""


def test_a_tilde_that_the_shell_left_is_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert parse_folder("~/res") == Path("/home/me/res")
    assert parse_folder("./~") == Path("~")
    assert parse_store("~/stages") == "/home/me/stages"
    assert parse_store("s3://bucket/~/x") == "s3://bucket/~/x"


@pytest.mark.parametrize("name", ["a\nb", "\x1b[1m", "caf\udce9"])
def test_a_name_that_no_terminal_or_database_takes_is_refused(name: str) -> None:
    with pytest.raises(typer.BadParameter, match="control characters or is not UTF-8"):
        parse_folder(name)


def test_a_stranger_s_home_and_a_file_are_refused_before_anything_runs(
    tmp_path: Path, answer: Callable[..., tuple[int, str]]
) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    for out, problem in (("~nobody_of_this_name/x", "./~nobody"), ("sweep.yaml", "is a file")):
        code, output = answer("run", "sweep.yaml", "--out", out, "--backend", "inline")
        assert code == 2
        assert problem in " ".join(output.split())
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.yaml"]


def test_commands_refuse_what_is_no_address_of_results_before_they_write(
    tmp_path: Path, answer: Callable[..., tuple[int, str]]
) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    there = "http://host/x"
    for words in (
        ("run", "sweep.yaml", "--out", there),
        ("import", "x.pack.zip", "--out", there),
        *(("compare", there), ("track", there), ("show", there), ("reproduce", there, "a")),
        *(("pack", there), ("plan", "sweep.yaml", "--out", there)),
        *(("store", "verify", there), ("store", "gc", there), ("store", "audit", there)),
    ):
        code, output = answer(*words)
        assert code == 2
        assert "'http://host/x' is no address that results can have; valid: a folder, s" in output
        assert len(output.splitlines()) == 1
    for words, problem in (
        (("pack", ".", "--out", "s3://bucket/x"), "'s3://bucket/x' is an address; give a path"),
        (("report", ".", "--out", "s3://bucket/x"), "'s3://bucket/x' is an address; give a path"),
        (("report", ".", "--figures", "s3://bucket/x"), "is an address; give a path"),
        (("compare", "s3:/bucket/x"), "'s3:/bucket/x' has one slash; give s3://bucket/x"),
        (("run", "sweep.yaml", "--store", "s3:/bucket/x"), "has one slash; give s3://bucket/x"),
        (
            ("run", "sweep.yaml", "--store", "s3:me:S3CR3T@b"),
            "'s3:...' has no slashes; give s3://BUCKET",
        ),
    ):
        code, output = answer(*words)
        assert (code, len(output.splitlines())) == (2, 1)
        assert problem in output
    with pytest.raises(RepertoireError, match="give s3://bucket/x as text"):
        load(Path("s3://bucket/x"))
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.yaml"]


@pytest.mark.parametrize("out", ["-", "exp:1", "a%20b #c? 10:30 [x]"])
def test_any_folder_a_shell_lets_through_holds_the_results(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cases/06; what MLflow makes of such a name is tested with the tracking."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("orchestrator.cli.run_folder.MLflowTracker", lambda *args, **named: None)
    Path("sweep.yaml").write_text(SWEEP)
    for command in (("run", "sweep.yaml", f"--out={out}", "--backend", "inline"), ("compare", out)):
        result = CliRunner().invoke(app, list(command), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert "finetune" in result.output
    assert Path(out, "ok", "trials.parquet").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([out, "sweep.yaml"])


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_every_line_is_printed_whatever_the_terminal_can_show(encoding: str) -> None:
    """cases/22"""
    program = (
        "from orchestrator.cli.environment import replace_unprintable; replace_unprintable();"
        "print('ACC 0.5 ± 0.1 · BWT – → 日 \\udce9')"
    )
    output = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
    ).stdout.decode(encoding)
    assert (
        output.strip()
        == {
            "ascii": "ACC 0.5 +/- 0.1 - BWT - -> ? ?",
            "latin-1": "ACC 0.5 ± 0.1 · BWT - -> ? ?",
            "utf-8": "ACC 0.5 ± 0.1 · BWT – → 日 ?",
        }[encoding]
    )


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, f"make room (repertoire store gc may); {KEPT}"),
        (errno.EROFS, "choose another folder (--out, --store)"),
        (errno.EACCES, "repertoire compare"),
        (errno.ENAMETOOLONG, "shorter path"),
    ],
)
def test_what_the_disk_refuses_is_a_line_with_the_remedy(
    code: int,
    remedy: str,
    tmp_path: Path,
    answer: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*args: object, **named: object) -> None:
        raise OSError(code, os.strerror(code), "/the/place")

    monkeypatch.setattr("orchestrator.cli.run.Sweep.load", refuse)
    exit_code, output = answer("run", "sweep.yaml", "--backend", "inline")
    assert exit_code == 1
    assert len(output.splitlines()) == 1
    assert output.startswith(f"repertoire: {os.strerror(code)}: /the/place; ")
    assert remedy in output


@pytest.mark.parametrize(
    ("given", "of_ray"), [("/tmp/" + "x" * 90, "/tmp"), ("/var/tmp", None), (None, None)]
)
def test_sockets_of_ray_fit_wherever_temporary_files_are(
    given: str | None, of_ray: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.delenv("TMPDIR", raising=False)
    if given:
        monkeypatch.setenv("TMPDIR", given)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    shorten_ray_folder()
    assert os.environ.get("RAY_TMPDIR") == of_ray
    session = "session_2026-11-25_18-59-33_123456_4194304/sockets/plasma_store"
    folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR", "/tmp")
    assert len(f"{folder}/ray/{session}") <= 107


def test_an_error_of_ours_is_not_taken_for_one_of_the_disk() -> None:
    assert describe_os_error(FileNotFoundError(errno.ENOENT, "No such file", "x")) is None
    assert describe_os_error(OSError("no number")) is None


def test_in_a_ray_job_the_cluster_is_that_of_the_job() -> None:
    job = {"RAY_JOB_CONFIG_JSON_ENV_VAR": "{}", "RAY_ADDRESS": "10.0.0.1:6379"}
    assert job_address(job) == "10.0.0.1:6379"
    assert job_address({"RAY_ADDRESS": "http://10.0.0.1:8265"}) is None
    assert job_address({"RAY_JOB_CONFIG_JSON_ENV_VAR": "{}"}) is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_server_and_the_workers_it_started(
    number: signal.Signals, tmp_path: Path
) -> None:
    server = (
        "import os, pathlib, subprocess, sys, time;"
        "worker = subprocess.Popen(['sleep', '300']);"
        f"path = pathlib.Path({str(tmp_path)!r}, 'pids.partial');"
        "path.write_text(f'{os.getpid()} {worker.pid}'); path.rename(path.with_suffix(''));"
        "time.sleep(300)"
    )
    program = (
        "import sys; from orchestrator.cli.server import run_servers;"
        f"sys.exit(run_servers([[sys.executable, '-c', {server!r}]]))"
    )
    command = subprocess.Popen([sys.executable, "-c", program])
    wait_for((tmp_path / "pids").exists)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    command.send_signal(number)
    assert command.wait(30) == 0
    wait_for(lambda: not any(map(is_alive, pids)))


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for(is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_server_s_own_exit_code_is_passed_on_and_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in server.END_SIGNALS]
    ends = [[sys.executable, "-S", "-c", f"raise SystemExit({code})"] for code in (3, 0)]
    assert server.run_servers(ends) == 3
    assert [signal.getsignal(number) for number in server.END_SIGNALS] == before


def test_a_signal_while_another_is_handled_kills_the_servers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As `timeout` sends them: to the process, and then to its group."""
    sent: list[int] = []

    def note(servers: object, number: signal.Signals) -> None:
        sent.append(number)
        if len(sent) == 1:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(server, "_kill_groups", note)
    program = f"import os, signal; os.kill({os.getpid()}, signal.SIGTERM)"
    assert server.run_servers([[sys.executable, "-S", "-c", program]]) == 0
    assert sent[:2] == [signal.SIGTERM, signal.SIGKILL]


def test_a_process_that_would_abort_while_it_is_torn_down_keeps_its_exit_code() -> None:
    code = """
import atexit, os, sys
from orchestrator import cli

class Aborts:
    def __del__(self):
        os.abort()

def end_with_3():
    sys.kept = Aborts()
    atexit.register(print, "libraries have ended")
    print("said", end="")
    raise SystemExit(3)

cli.app.main = end_with_3
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "saidlibraries have ended\n", "")


def test_the_module_ends_as_the_command_does() -> None:
    assert cli_module.main is cli.main


def test_several_results_folders_have_a_server_each_and_sweeps_of_one_share_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("orchestrator.tracking.prepare_database", lambda folder: None)
    monkeypatch.setattr(page_commands, "run_servers", lambda given: commands.extend(given) or 0)
    for name in ("one/a", "one/b", "two/a"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "sweep.yaml").touch()
    folders = [str(tmp_path / name) for name in ("one/a", "one/b", "two")]
    result = CliRunner().invoke(app, ["ui", *folders, "--port", "6000"])
    assert result.exit_code == 0
    ports = [command[command.index("--port") + 1] for command in commands]
    databases = [command[command.index("--backend-store-uri") + 1] for command in commands]
    assert ports == ["6000", "6001"]
    assert databases == [f"sqlite:///{tmp_path / name}/mlflow.db" for name in ("one", "two")]
    assert "http://127.0.0.1:6001/" in result.output


def test_a_folder_without_a_sweep_is_not_served_and_stays_empty(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["ui", str(tmp_path)])
    assert "no results here" in str(result.exception)
    assert not [*tmp_path.iterdir()]
