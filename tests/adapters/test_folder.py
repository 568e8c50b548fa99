# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
import os
import resource
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from adapters.config import EdgeConfig
from adapters.sources.folder import REPORT, Folder, FolderError, NativeFile, TooLargeError

BSN = "999900006"
DAY_MS = 86_400_000


@pytest.fixture
def config(tmp_path: Path) -> EdgeConfig:
    return EdgeConfig(
        address="urn:nld:oin:00000001234567890000:team-wmo",
        name="Team",
        in_folder=tmp_path / "in",
        done_folder=tmp_path / "done",
        quarantine_folder=tmp_path / "quarantine",
        out_folder=tmp_path / "out",
        largest_file=2048,
    )


@pytest.fixture
def folder(config: EdgeConfig) -> Folder:
    return Folder(config)


def put(config: EdgeConfig, name: str, data: bytes = b"content", age: int = 0) -> Path:
    path = config.in_folder / name
    path.write_bytes(data)
    os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    return path


def only(folder: Folder) -> NativeFile:
    (file,) = folder.files()
    return file


def test_files_come_whole_and_the_oldest_first_with_their_format(folder: Folder, config: EdgeConfig) -> None:
    put(config, "b.xml", age=10)
    put(config, "a.json", age=5)
    put(config, "C.XML", age=20)
    put(config, "d.pdf", age=1)

    assert [(file.path.name, file.format) for file in folder.files()] == [
        ("C.XML", "iwmo"),
        ("b.xml", "iwmo"),
        ("a.json", "cloudevents"),
        ("d.pdf", None),
    ]


def test_an_empty_folder_holds_no_files(folder: Folder) -> None:
    assert folder.files() == []
    assert folder.done_files() == []


@pytest.mark.parametrize("name", [".hidden.xml", "x.xml.tmp", "x.part", "x.XML.PARTIAL", "x.filepart"])
def test_a_file_that_its_writer_is_not_done_with_is_left_alone(folder: Folder, config: EdgeConfig, name: str) -> None:
    put(config, name)

    assert folder.files() == []


def test_folders_links_and_pipes_are_never_followed(folder: Folder, config: EdgeConfig, tmp_path: Path) -> None:
    (tmp_path / "secret.xml").write_bytes(b"secret")
    (config.in_folder / "link.xml").symlink_to(tmp_path / "secret.xml")
    (config.in_folder / "folder.xml").mkdir()
    os.mkfifo(config.in_folder / "pipe.xml")
    file = NativeFile(config.in_folder / "link.xml", "iwmo", 6, 0, 0)

    assert folder.files() == []
    with pytest.raises(FolderError, match="can't be read"):
        folder.read(file)


def test_what_is_read_is_the_file(folder: Folder, config: EdgeConfig) -> None:
    put(config, "a.xml", b"x" * 2048)

    assert folder.read(only(folder)) == b"x" * 2048


def test_a_file_that_is_too_large_is_not_read(folder: Folder, config: EdgeConfig) -> None:
    put(config, "a.xml", b"x" * 2049)

    with pytest.raises(TooLargeError, match="larger than largest_file"):
        folder.read(only(folder))


def test_a_file_that_changes_between_listing_and_reading_is_left_for_the_next_time(
    folder: Folder, config: EdgeConfig
) -> None:
    path = put(config, "a.xml", b"half of it")
    file = only(folder)
    path.write_bytes(b"half of it, and the rest")

    with pytest.raises(FolderError, match="changed while"):
        folder.read(file)
    with pytest.raises(FolderError, match="changed while"):
        folder.done(file)
    assert folder.read(only(folder)) == b"half of it, and the rest"


def test_a_file_that_was_taken_back_is_a_clear_error_that_does_not_name_it(folder: Folder, config: EdgeConfig) -> None:
    path = put(config, f"{BSN}.xml")
    file = only(folder)
    path.unlink()

    for attempt in (folder.read, folder.done):
        with pytest.raises(FolderError, match="No such file") as caught:
            attempt(file)
        assert BSN not in str(caught.value)
        assert caught.value.__cause__ is None
    assert BSN not in repr(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_one_file_that_can_not_be_read_keeps_no_other_from_going_on(folder: Folder, config: EdgeConfig) -> None:
    put(config, f"{BSN}.xml", b"first", age=5).chmod(0)
    put(config, "b.xml", b"second")
    first, second = folder.files()

    with pytest.raises(FolderError, match="Permission denied"):
        folder.read(first)
    assert folder.read(second) == b"second"
    assert BSN not in folder.quarantine(first, b"{}").name


def test_a_file_that_was_read_goes_to_done_under_a_name_that_says_nothing(folder: Folder, config: EdgeConfig) -> None:
    put(config, f"client-{BSN}.XML", b"content")
    moved = folder.done(only(folder))

    assert moved == config.done_folder / (sha256(b"content").hexdigest()[:32] + ".xml")
    assert moved.read_bytes() == b"content"
    assert folder.files() == []
    assert [file.path for file in folder.done_files()] == [moved]


def test_a_suffix_that_could_say_something_is_left_out(folder: Folder, config: EdgeConfig) -> None:
    put(config, "x.Jansen, 1950-01-01 te Utrecht")

    assert folder.done(only(folder)).suffix == ""


def test_a_file_in_quarantine_has_its_report_beside_it(folder: Folder, config: EdgeConfig) -> None:
    put(config, f"{BSN}.xml", b"<broken")
    file = only(folder)
    label = folder.label(file)
    moved = folder.quarantine(file, b'{"fouten": []}')

    assert moved.name == label
    assert (config.quarantine_folder / (label + REPORT)).read_bytes() == b'{"fouten": []}'
    assert sorted(path.name for path in config.quarantine_folder.iterdir()) == [label, label + REPORT]
    assert folder.files() == []


def test_a_file_that_is_too_large_can_be_put_in_quarantine_without_reading_all_of_it(
    folder: Folder, config: EdgeConfig
) -> None:
    put(config, "a.xml", b"x" * 5000)
    put(config, "b.xml", b"x" * 6000)
    labels = {folder.quarantine(file, b"{}").name for file in folder.files()}

    assert len(labels) == 2


def test_two_files_with_other_contents_never_take_each_other_s_place(folder: Folder, config: EdgeConfig) -> None:
    for n in range(5):
        put(config, "same.xml", b"content %d" % n)
        folder.done(only(folder))

    assert len(folder.done_files()) == 5


def test_the_same_content_twice_is_one_file(folder: Folder, config: EdgeConfig) -> None:
    for name in ("a.xml", "b.xml"):
        put(config, name)
        folder.done(only(folder))

    assert len(folder.done_files()) == 1


def test_files_move_between_two_disks_too(config: EdgeConfig) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == config.in_folder.parent.stat().st_dev:
        pytest.skip("there is no second disk here to move a file to")
    place = other / f"schakel-test-{os.getpid()}"
    folder = Folder(replace(config, done_folder=place))
    try:
        put(config, "a.xml", b"content")
        moved = folder.done(only(folder))
        assert moved.read_bytes() == b"content"
        assert folder.files() == []
        assert len(list(place.iterdir())) == 1
    finally:
        for path in place.iterdir():
            path.unlink()
        place.rmdir()


def test_a_notice_appears_whole_and_writing_it_again_does_no_harm(folder: Folder, config: EdgeConfig) -> None:
    for _ in range(2):
        assert folder.write_out("0f" * 16 + ".json", b"notice") == config.out_folder / ("0f" * 16 + ".json")

    assert [(path.name, path.read_bytes()) for path in config.out_folder.iterdir()] == [
        ("0f" * 16 + ".json", b"notice")
    ]


@pytest.mark.parametrize("name", ["../x.json", "/x.json", "Jansen.json", ".x.json", "x", "a b.json", "x.json\n", ""])
def test_a_notice_has_a_name_of_an_event_and_lies_in_the_folder_out(folder: Folder, name: str) -> None:
    with pytest.raises(ValueError, match="event id and a suffix"):
        folder.write_out(name, b"")


def test_a_disk_that_takes_no_more_is_a_clear_error_and_everything_stays_where_it_was(
    folder: Folder, config: EdgeConfig
) -> None:
    put(config, "a.xml")
    file = only(folder)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, before[1]))  # no file can grow beyond four bytes
    try:
        attempts: list[Callable[[], Path]] = [
            lambda: folder.write_out("n.json", b"notice"),
            lambda: folder.quarantine(file, b"report"),
        ]
        for attempt in attempts:
            with pytest.raises(FolderError, match="a file can't be written: File too large"):
                attempt()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert [*config.out_folder.iterdir(), *config.quarantine_folder.iterdir()] == []
    assert folder.read(only(folder)) == b"content"
    folder.write_out("n.json", b"notice")


def test_a_folder_that_is_gone_is_a_clear_error(folder: Folder, config: EdgeConfig) -> None:
    put(config, "a.xml")
    file = only(folder)
    config.done_folder.rmdir()
    config.out_folder.rmdir()

    with pytest.raises(FolderError, match="can't be moved: No such file"):
        folder.done(file)
    with pytest.raises(FolderError, match="can't be written: No such file"):
        folder.write_out("n.json", b"")
    assert folder.read(only(folder)) == b"content"


def test_a_folder_that_can_not_be_made_is_a_clear_error(config: EdgeConfig) -> None:
    config.in_folder.parent.mkdir(exist_ok=True)
    config.in_folder.write_bytes(b"a file where the folder should be")

    with pytest.raises(FolderError, match="can't be made: File exists"):
        Folder(config)


def test_what_was_read_is_removed_when_its_days_are_over_and_not_before(folder: Folder, config: EdgeConfig) -> None:
    put(config, "a.xml", age=400 * 86_400)
    moved = folder.done(only(folder))
    now = moved.lstat().st_ctime_ns // 1_000_000

    assert folder.clear_done(now + 30 * DAY_MS - 1000) == 0
    assert folder.clear_done(now + 30 * DAY_MS + 1000) == 1
    assert folder.done_files() == []
