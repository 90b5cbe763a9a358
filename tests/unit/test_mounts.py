"""Which file system a folder is on, from the text that Linux gives; where SQLite is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.stages.storage import mounts
from orchestrator.stages.storage.mounts import find_kind, network_file_system
from orchestrator.tracking.database import create_database
from orchestrator.tracking.target import Target, TrackingError

LISTED = r"""
21 26 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw
26 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
60 26 0:50 / /home rw,relatime shared:30 - nfs4 10.0.0.1:/home rw,vers=4.2,hard
61 60 0:51 / /home/me/local rw - xfs /dev/sdb rw
62 26 0:52 / /mnt/two\040words rw shared:31 master:2 - fuse.sshfs me@host:/ rw,user_id=0
63 26 0:53 / /scratch rw - lustre 10.0.0.2@tcp:/scratch rw
64 26 0:54 / /mnt/cifs rw - cifs //server/share rw
65 26 0:55 / /mnt/cifs rw - ext4 /dev/sdc rw
damaged line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/results", "nfs4"),
        ("/home", "nfs4"),
        ("/homes/me", "ext4"),
        ("/home/me/local/results", "xfs"),
        ("/mnt/two words/x", "fuse.sshfs"),
        ("/scratch/a/b", "lustre"),
        ("/mnt/cifs/x", "ext4"),  # mounted over the share
        ("/", "ext4"),
    ],
)
def test_the_longest_mount_that_holds_a_path_tells_its_kind(path: str, kind: str) -> None:
    assert find_kind(Path(path), LISTED) == kind


def test_no_mount_has_no_kind() -> None:
    assert find_kind(Path("/x"), "") is None
    assert find_kind(Path("/x"), "a b c\n") is None


@pytest.mark.parametrize(
    "kind",
    [
        *("nfs4", "cifs", "lustre", "ocfs2", "gfs2", "dvs", "9p", "virtiofs", "vboxsf"),
        *("fuse.sshfs", "fuse.blobfuse2", "fuse.mfs", "fuse.quobyte", "fuse.davfs2"),
    ],
)
def test_locks_of_a_file_system_of_several_hosts_are_not_relied_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    listed = tmp_path / "mountinfo"
    monkeypatch.setattr(mounts, "MOUNTS", listed)
    for each, named in ((kind, kind), ("ext4", None), ("fuse.gocryptfs", None)):
        listed.write_text(f"23 22 0:2 / {tmp_path.resolve()} rw - {each} source rw\n")
        assert network_file_system(tmp_path) == named
        assert mounts.is_shared(tmp_path) is (each != "ext4"), "may others use it?"


@pytest.fixture
def on_nfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    listed = tmp_path / "mountinfo"
    listed.write_text(f"23 22 0:2 / {tmp_path.resolve()} rw - nfs server:/export rw\n")
    monkeypatch.setattr(mounts, "MOUNTS", listed)
    return tmp_path


@pytest.mark.parametrize("exists", [False, True])
def test_a_database_file_on_a_network_file_system_is_refused_with_advice(
    on_nfs: Path, monkeypatch: pytest.MonkeyPatch, exists: bool
) -> None:
    assert network_file_system(on_nfs) == "nfs"
    database = on_nfs / "mlflow.db"
    if exists:
        database.write_bytes(b"")
    target = Target(f"sqlite:///{database}")
    with pytest.raises(TrackingError, match=r"\(nfs\).*MLFLOW_TRACKING_URI") as caught:
        create_database(target)
    assert "\n" not in str(caught.value)
    assert database.exists() is exists
    create_database(Target("http://server:5000"))
    if exists:
        monkeypatch.setenv("REPERTOIRE_SQLITE_ON_NETWORK", "1")
        create_database(target)
