"""The model in use, as the API sees it: being loaded, ready, or failed."""

import logging
import threading
from collections.abc import Callable, Sequence

from service.classifier import Classifier
from service.errors import NotReady, OnRecordError
from service.model_folder import Card
from service.stance import Verdict
from service.statements.statement import Statement

_PROBE = Statement("The ministry said nothing of the kind.")
_log = logging.getLogger("onrecord")


class ServedModel:
    """Loads in a thread of its own, so that the service answers `/healthz` from its first moment, and is ready once a forward pass has run."""

    def __init__(self, card: Card, load: Callable[[], Classifier], load_parser: Callable[[], None] = lambda: None) -> None:
        self.card = card
        self._load = load
        self._load_parser = load_parser
        self._classifier: Classifier | None = None
        self._failure: str | None = None

    def start(self) -> threading.Thread:
        """Begins to load; the thread ends when the model is ready or has failed."""
        thread = threading.Thread(target=self._run, name="load-model", daemon=True)
        thread.start()
        return thread

    def classify(self, statements: Sequence[Statement]) -> list[Verdict]:
        """Verdicts in order. Raises `NotReady` while there is no model to ask."""
        reason = self.why_not_ready()
        if self._classifier is None or reason is not None:
            raise NotReady(reason or "the model is being loaded")
        return self._classifier.classify(statements)

    def why_not_ready(self) -> str | None:
        """A sentence for people, or None when a forward pass would be answered."""
        if self._failure is not None:
            return self._failure
        if self._classifier is None:
            return "the model is being loaded"
        return None if self._classifier.is_alive() else "the inference threads are gone; restart the service"

    def _run(self) -> None:
        try:
            classifier = self._load()
            classifier.classify([_PROBE])
            self._classifier = classifier
            self._load_parser()  # statements are answered already; the first article would load it itself
        except OnRecordError as error:
            self._failure = f"the model cannot be loaded: {error}"
        except Exception:  # noqa: BLE001 - whatever it was, the service has to say that it is not ready, and goes on answering /healthz
            self._failure = "the model cannot be loaded; the service's log says why"
            _log.exception("loading the model failed")
