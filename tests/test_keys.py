"""The file of keys: made, read, changed while somebody looks, and never a way in when it is broken; and the commands that write it."""

import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from service.__main__ import main
from service.api.rates import Bucket, Rates
from service.errors import InvalidInput
from service.keys import LOOK_SECONDS, Key, KeyRing, Keys, Role
from tests.fakes import write_toy_model

ROW = {"name": "anna", "role": "admin", "sha256": "0" * 64, "created": "2026-11-28T15:40:28+00:00", "per_minute": None}


class Clock:
    """Time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.json")


def written(keys: Keys, content: Any) -> None:
    keys.path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def test_a_key_is_made_of_chance_and_only_its_digest_is_kept(keys: Keys) -> None:
    first, second = keys.add("anna", Role.LABEL, 60), keys.add("ben", Role.ADMIN)
    assert first != second
    assert first.startswith("onrecord_")
    assert len(first) == len("onrecord_") + 43, "256 bits in Base64"
    anna, ben = keys.read()
    assert (anna.name, anna.role, anna.per_minute, anna.sha256) == ("anna", Role.LABEL, 60, hashlib.sha256(first.encode()).hexdigest())
    assert (ben.name, ben.role, ben.per_minute) == ("ben", Role.ADMIN, None)
    assert first.removeprefix("onrecord_") not in keys.path.read_text(encoding="utf-8")


def test_nobody_else_on_the_machine_reads_the_file(keys: Keys) -> None:
    for _ in range(2):
        keys.add(f"anna{_}", Role.LABEL)
        assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600


def test_a_file_that_is_not_there_holds_no_key(keys: Keys) -> None:
    assert keys.read() == ()
    assert keys.mark() is None


def test_two_who_make_keys_at_once_both_have_one(keys: Keys) -> None:
    names = [f"n{number}" for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: Keys(keys.path).add(name, Role.PREDICT), names))
    assert sorted(key.name for key in keys.read()) == sorted(names)


def test_a_key_that_was_revoked_is_gone_and_its_name_is_free(keys: Keys) -> None:
    keys.add("anna", Role.LABEL)
    with pytest.raises(InvalidInput, match=r"a name that no key in .* has"):
        keys.add("anna", Role.ADMIN)
    keys.revoke("anna")
    assert keys.read() == ()
    with pytest.raises(InvalidInput, match="it has none"):
        keys.revoke("anna")
    keys.add("anna", Role.ADMIN)


@pytest.mark.parametrize("name", ["", " ", "a b", "a\nb", "-a", "é", "x" * 65, 'a"b'])
def test_a_name_that_would_not_do_in_a_log_is_refused(keys: Keys, name: str) -> None:
    with pytest.raises(InvalidInput, match=r"^NAME: wanted 1 to 64 letters"):
        keys.add(name, Role.LABEL)
    assert keys.read() == ()


def test_each_role_may_do_what_those_before_it_may() -> None:
    assert [[role.covers(wanted) for wanted in Role] for role in Role] == [[True, False, False], [True, True, False], [True, True, True]]


BROKEN = [
    "",
    "{",
    "[]",
    "null",
    "7",
    "[" * 100_000,
    {},
    {"keys": None},
    {"keys": {"anna": ROW}},
    {"keys": ["onrecord_secret"]},
    {"keys": [ROW, ROW]},
    {"keys": [{}]},
    *({"keys": [{name: value for name, value in ROW.items() if name != missing}]} for missing in ROW),
    *(
        {"keys": [ROW | change]}
        for change in (
            {"role": "root"},
            {"role": None},
            {"role": ["admin"]},
            {"sha256": "0" * 63},
            {"sha256": "onrecord_secret"},
            {"name": ""},
            {"name": 7},
            {"created": 7},
            {"per_minute": 0},
            {"per_minute": "60"},
            {"per_minute": True},
            {"per_minut": 60},
        )
    ),
]


@pytest.mark.parametrize("content", BROKEN, ids=lambda content: str(content)[:50])
def test_a_file_that_cannot_be_understood_lets_nobody_in_and_the_error_says_where(keys: Keys, content: Any) -> None:
    secret = keys.add("anna", Role.ADMIN)
    ring = KeyRing(keys, clock := Clock())
    assert ring.find(secret.encode())
    written(keys, content)
    clock.now += LOOK_SECONDS
    for _ in range(3):
        with pytest.raises(InvalidInput) as refusal:
            ring.find(secret.encode())
        assert str(keys.path) in str(refusal.value)
        assert "secret" not in str(refusal.value)
    with pytest.raises(InvalidInput):
        keys.add("ben", Role.ADMIN)
    written(keys, {"keys": []})
    clock.now += LOOK_SECONDS
    assert ring.all() == ()


def test_a_file_that_is_a_folder_or_no_text_lets_nobody_in(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="a file that can be read"):
        KeyRing(Keys(tmp_path)).all()
    (tmp_path / "keys.json").write_bytes(b"\xff")
    with pytest.raises(InvalidInput, match="0xFF"):
        KeyRing(Keys(tmp_path / "keys.json")).all()


def test_a_change_is_seen_within_a_second_and_the_file_looked_at_no_more_often(keys: Keys) -> None:
    clock, looks = Clock(), 0

    class Counted(Keys):
        def mark(self) -> tuple[int, int, int] | None:
            nonlocal looks
            looks += 1
            return super().mark()

    ring = KeyRing(Counted(keys.path), clock)
    assert ring.all() == ()
    secret = keys.add("anna", Role.LABEL)
    for _ in range(100):
        assert ring.find(secret.encode()) is None
    assert looks == 1
    clock.now += LOOK_SECONDS
    found = ring.find(secret.encode())
    assert found
    assert found.name == "anna"
    keys.revoke("anna")
    clock.now += LOOK_SECONDS
    assert ring.find(secret.encode()) is None
    assert looks == 3
    assert LOOK_SECONDS <= 1


def test_every_key_is_compared_whichever_it_is(keys: Keys) -> None:
    names = ("anna", "ben", "cleo")
    secrets = [keys.add(name, Role.LABEL) for name in names]
    looked_at: list[str] = []

    class Watched(tuple[Key, ...]):
        __slots__ = ()

        def __iter__(self) -> Iterator[Key]:
            for key in super().__iter__():
                looked_at.append(key.name)
                yield key

    class WatchedKeys(Keys):
        def read(self) -> tuple[Key, ...]:
            return Watched(super().read())

    ring = KeyRing(WatchedKeys(keys.path))
    for secret in (*secrets, "onrecord_wrong", "", "\udcff"):
        looked_at.clear()
        found = ring.find(secret.encode(errors="surrogateescape"))
        assert (found.name if found else None) == dict(zip(secrets, names, strict=True)).get(secret)
        assert tuple(looked_at) == names


def test_a_bucket_gives_as_many_as_it_holds_then_one_by_one() -> None:
    bucket = Bucket(60, 0.0)
    assert [bucket.take(0.0) for _ in range(60)] == [0.0] * 60
    assert bucket.take(0.0) == pytest.approx(1)
    assert bucket.take(0.25) == pytest.approx(0.75)
    assert bucket.take(1.0) == 0.0
    assert bucket.take(1.0) == pytest.approx(1)
    assert sum(bucket.take(1_000.0) == 0.0 for _ in range(100)) == 60, "what was not used for long is not saved up"


def test_each_key_has_a_bucket_of_its_own_and_one_without_a_limit_none() -> None:
    clock = Clock()
    rates = Rates(clock)
    slow, other, free = (Key(name, Role.LABEL, "0" * 64, "", limit) for name, limit in (("slow", 1), ("other", 1), ("free", None)))
    assert [rates.wait(slow), rates.wait(slow), rates.wait(other)] == [0.0, pytest.approx(60), 0.0]
    assert not any(rates.wait(free) for _ in range(1_000))
    clock.now = 60.0
    assert rates.wait(slow) == 0.0


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(keys: Keys, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `python -m service …`; gives its exit status, output and errors."""
    monkeypatch.setenv("ONRECORD_KEYS", str(keys.path))

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            status = main(arguments)
        except SystemExit as end:  # argparse's own refusals
            status = int(end.code or 0)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_the_command_prints_a_key_alone_and_once(run: Run, keys: Keys) -> None:
    status, out, err = run("keys", "add", "anna", "--role", "label", "--per-minute", "90")
    assert status == 0
    found = KeyRing(keys).find(out.strip().encode())
    assert found == keys.read()[0]
    assert "90 times a minute" in err
    status, listed, _ = run("keys", "list")
    assert status == 0
    assert listed.split()[:8] == ["name", "role", "a", "minute", "made", "anna", "label", "90"]
    assert out.strip() not in listed
    assert keys.read()[0].sha256 not in listed
    assert run("keys", "revoke", "anna")[:2] == (0, "anna is let in no more\n")
    assert "holds no key" in run("keys", "list")[2]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "anna"), "--role"),
        (("add", "anna", "--role", "root"), "predict"),
        (("add", "a b", "--role", "label"), "error: NAME: wanted 1 to 64 letters"),
        (("add", "anna", "--role", "label", "--per-minute", "0"), "error: --per-minute: wanted a whole number from 1"),
        (("add", "anna", "--role", "label", "--per-minute", "many"), "--per-minute"),
        (("revoke", "anna"), "error: NAME: wanted the name of a key"),
        ((), "COMMAND"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_a_sentence(run: Run, keys: Keys, arguments: tuple[str, ...], sentence: str) -> None:
    status, out, err = run("keys", *arguments)
    assert (status, out) == (2, "")
    assert sentence in err
    assert keys.read() == ()


def test_the_commands_leave_a_broken_file_as_it_is(run: Run, keys: Keys) -> None:
    written(keys, "{")
    for arguments in (("list",), ("add", "anna", "--role", "label"), ("revoke", "anna")):
        status, _, err = run("keys", *arguments)
        assert status == 2
        assert err.startswith(f"error: {keys.path}: wanted JSON")
    assert keys.path.read_text(encoding="utf-8") == "{"


def test_a_service_that_others_can_reach_does_not_start_without_a_key(run: Run, keys: Keys, tmp_path: Path) -> None:
    model = str(write_toy_model(tmp_path / "toy").path)
    for host in ("0.0.0.0", "::"):  # noqa: S104 - that is the point
        status, out, err = run("serve", "--model", model, "--host", host, "--port", "0")
        assert (status, out) == (2, "")
        assert "`python -m service keys add NAME --role admin` makes one" in err
        assert "--open" in err
    written(keys, "{")
    status, _, err = run("serve", "--model", model, "--port", "0")
    assert status == 2
    assert str(keys.path) in err


def test_a_service_that_was_said_to_be_open_starts_and_warns(keys: Keys, tmp_path: Path) -> None:
    model = write_toy_model(tmp_path / "toy").path
    command = [sys.executable, "-m", "service", "serve", "--model", str(model), "--host", "0.0.0.0", "--port", "0", "--open"]  # noqa: S104
    environment = os.environ | {"ONRECORD_KEYS": str(keys.path), "ONRECORD_LABELS": f"sqlite:///{tmp_path}/labels.db"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment, text=True) as process:
        assert process.stderr
        said = process.stderr.readline()
        process.kill()
    assert said.startswith("WARNING: the service is open")
