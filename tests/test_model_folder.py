"""A model folder is opened whole and unharmed, or refused with what is the matter; one line of text says which is served."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from service.errors import InvalidModelFolder
from service.model_folder import CARD, FORMAT, QUANTIZED, open_model_folder, replace_text, served_name, sha256, write_card
from service.stance import STANCES
from tests.fakes import THRESHOLDS, card, write_files, write_model_folder


def change_card(folder: Path, **changes: Any) -> None:
    row = json.loads((folder / CARD).read_text(encoding="utf-8"))
    (folder / CARD).write_text(json.dumps(row | changes), encoding="utf-8")


def test_a_card_comes_back_as_it_was_written(tmp_path: Path) -> None:
    settings = {"fit": {"n_epochs": 3, "note": "größer"}}
    written = write_model_folder(tmp_path, name="größer", temperature=1.625, seed=42, settings=settings)
    read = open_model_folder(tmp_path)
    assert read == written
    expected = card(name="größer", temperature=1.625, seed=42, settings=settings, files=read.card.files)
    assert read.card == expected


def test_a_card_lists_every_other_file_with_its_checksum(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "README.md").write_text("A model card.", encoding="utf-8")
    files = write_card(tmp_path, card()).card.files
    assert set(files) == {"README.md", "config.json", "tokenizer.json", QUANTIZED}
    assert all(files[name] == sha256(tmp_path / name) for name in files)


def test_a_card_can_be_written_again_after_a_file_has_changed(tmp_path: Path) -> None:
    first = write_model_folder(tmp_path)
    (tmp_path / "config.json").write_text("{ }", encoding="utf-8")
    again = write_card(tmp_path, first.card)
    assert again.card.files["config.json"] == sha256(tmp_path / "config.json") != first.card.files["config.json"]


def test_a_model_may_be_moved(tmp_path: Path) -> None:
    write_model_folder(tmp_path / "here")
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert open_model_folder(tmp_path / "there").quantized.is_file()


def test_a_checksum_is_what_sha256sum_says(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_folder_without_a_card_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(InvalidModelFolder, match=r"has no card\.json"):
        open_model_folder(write_files(tmp_path))


@pytest.mark.parametrize("is_file", [True, False])
def test_a_folder_that_is_not_there_is_named_with_what_to_do(tmp_path: Path, is_file: bool) -> None:
    path = tmp_path / "absent"
    if is_file:
        path.write_text("no folder", encoding="utf-8")
    with pytest.raises(InvalidModelFolder, match=r"absent: there is no such folder.*make model"):
        open_model_folder(path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '"card"', "{}", '{"labels": 5}', '{"labels": ["deny"]}', "\xff"],
)
def test_a_card_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    write_files(tmp_path)
    (tmp_path / CARD).write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidModelFolder, match="no card of this version"):
        open_model_folder(tmp_path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": FORMAT - 1}, f"format {FORMAT - 1}, this version reads {FORMAT}"),
        ({"labels": STANCES[:4]}, "its labels are"),
        ({"labels": STANCES[::-1]}, "its labels are"),
        ({"labels": [*STANCES, "promise"]}, "its labels are"),
        ({"labels": ["confirm", "deny", "threat", "appeal", "others"]}, "others"),
        ({"temperature": 0}, "its temperature is 0"),
        ({"temperature": -1.5}, "its temperature is -1.5"),
        ({"temperature": float("nan")}, "its temperature is nan"),
        ({"temperature": float("inf")}, "its temperature is inf"),
        ({"thresholds": {}}, "its thresholds are"),
        ({"thresholds": THRESHOLDS | {"deny": 1.1}}, "its thresholds are"),
        ({"thresholds": THRESHOLDS | {"deny": -0.1}}, "its thresholds are"),
        ({"thresholds": THRESHOLDS | {"deny": float("nan")}}, "its thresholds are"),
        ({"thresholds": THRESHOLDS | {"promise": 0.5}}, "its thresholds are"),
        ({"max_tokens": 7}, "it reads 7 tokens"),
        ({"colour": "red"}, "colour"),
        ({"files": {"config.json": "0" * 64}}, "does not list tokenizer.json"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    write_model_folder(tmp_path)
    change_card(tmp_path, **changes)
    with pytest.raises(InvalidModelFolder, match=reason) as refusal:
        open_model_folder(tmp_path)
    assert str(tmp_path) in str(refusal.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": "1.0"},
        {"temperature": None},
        {"max_tokens": "100"},
        {"max_tokens": 99.5},
        {"thresholds": THRESHOLDS | {"deny": "0.5"}},
        {"thresholds": [0.5] * 5},
        {"thresholds": None},
        {"files": ["config.json", "tokenizer.json", QUANTIZED]},
        {"files": None},
        {"name": 7},
        {"results": None},
        {"labels": None},
        {"labels": [["confirm"]]},
    ],
    ids=str,
)
def test_a_card_with_values_of_another_kind_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_model_folder(tmp_path)
    change_card(tmp_path, **changes)
    with pytest.raises(InvalidModelFolder):
        open_model_folder(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", QUANTIZED])
def test_a_file_that_differs_from_the_card_by_one_byte_is_named(tmp_path: Path, name: str) -> None:
    write_model_folder(tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    content[-1] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidModelFolder, match=rf"{name} is not the file.*SHA-256"):
        open_model_folder(tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", QUANTIZED])
def test_a_file_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    write_model_folder(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InvalidModelFolder, match=f"{name} is missing"):
        open_model_folder(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", QUANTIZED])
def test_a_folder_that_lacks_a_file_does_not_become_a_model(tmp_path: Path, name: str) -> None:
    write_files(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InvalidModelFolder, match=f"does not list {name}"):
        write_card(tmp_path, card())


@pytest.mark.parametrize("name", ["pytorch_model.bin", "onnx/extra.PKL", "optimizer.pt", "deep/er/head.joblib", "model.ckpt"])
def test_a_pickle_is_refused_and_not_opened(tmp_path: Path, name: str) -> None:
    write_model_folder(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(pickle.dumps({"weights": 1}))
    with pytest.raises(InvalidModelFolder, match=rf"{name} is a pickle"):
        open_model_folder(tmp_path)


@pytest.mark.parametrize("is_absolute", [True, False])
def test_a_card_that_points_out_of_its_folder_is_refused(tmp_path: Path, is_absolute: bool) -> None:
    (tmp_path / "secret").write_bytes(b"abc")
    folder = write_model_folder(tmp_path / "model")
    name = str(tmp_path / "secret") if is_absolute else "../secret"
    change_card(folder.path, files=dict(folder.card.files) | {name: sha256(tmp_path / "secret")})
    with pytest.raises(InvalidModelFolder, match="outside the folder"):
        open_model_folder(folder.path)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    write_model_folder(tmp_path / "model")
    (tmp_path / "model" / "config.json").rename(tmp_path / "config.json")
    (tmp_path / "model" / "config.json").symlink_to(tmp_path / "config.json")
    with pytest.raises(InvalidModelFolder, match=r"config\.json, which is outside"):
        open_model_folder(tmp_path / "model")


def test_the_released_model_serves_where_nothing_else_is_named(tmp_path: Path) -> None:
    assert served_name(tmp_path) == "released"


def test_the_model_that_is_named_serves_even_if_others_are_newer(tmp_path: Path) -> None:
    (tmp_path / "served").write_text("20250601-120000\n", encoding="utf-8")
    (tmp_path / "20990101-000000").mkdir()
    assert served_name(tmp_path) == "20250601-120000"


@pytest.mark.parametrize("name", [b"", b"  \n", b".", b"..", b"../elsewhere", b"/etc", b"a\\b", b"\xff/"])
def test_a_name_that_is_no_folder_beside_it_is_refused(tmp_path: Path, name: bytes) -> None:
    (tmp_path / "served").write_bytes(name)
    with pytest.raises(InvalidModelFolder, match="remove the file to serve `released`"):
        served_name(tmp_path)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "served"
    replace_text(path, "one\n")
    with path.open(encoding="utf-8") as reader:
        replace_text(path, "größer\n")
        assert reader.read() == "one\n", "a reader of the old file sees the new text: it was overwritten, not replaced"
    assert path.read_text(encoding="utf-8") == "größer\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["served"]


def test_a_write_that_fails_leaves_the_old_text(tmp_path: Path) -> None:
    path = tmp_path / "served"
    replace_text(path, "one\n")
    with pytest.raises(UnicodeEncodeError):
        replace_text(path, "two\n" * 10_000 + "\ud800")
    assert path.read_text(encoding="utf-8") == "one\n"


def test_a_card_that_could_not_be_written_leaves_no_model_and_does_not_spoil_the_next_try(tmp_path: Path) -> None:
    write_files(tmp_path)
    with pytest.raises(UnicodeEncodeError):
        write_card(tmp_path, card(name="\ud800"))
    assert not (tmp_path / CARD).exists()
    assert write_card(tmp_path, card()).card.name == "fake"
