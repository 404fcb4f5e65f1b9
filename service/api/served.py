"""The model in use, as the API sees it: being loaded, ready, failed; and changed for another one without a request being lost."""

import gc
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from service.classifier import Classifier, tried
from service.errors import NotReady, OnRecordError
from service.model_folder import Card, ModelFolder
from service.registry import Registry
from service.stance import Verdict
from service.statements.statement import Statement

_GONE = "the inference threads are gone; the model is being loaded again"
_LOOK_SECONDS = 0.5
_log = logging.getLogger("onrecord")


class Serving:
    """One loaded model. Whoever uses it keeps it from being closed."""

    def __init__(self, name: str, card: Card, classifier: Classifier) -> None:
        self.name = name
        self.card = card
        self._classifier = classifier
        self._lock = threading.Lock()
        self._n_users = 0
        self._is_retired = False

    def classify(self, statements: Sequence[Statement]) -> list[Verdict]:
        """Verdicts in order, all of this model. Raises `NotReady` where its threads are gone."""
        return self._classifier.classify(statements)

    async def classify_within(self, statements: Sequence[Statement], seconds: float) -> list[Verdict]:
        """The same while nobody else is held up. Raises `Overloaded` and `TooLate` too."""
        return await self._classifier.classify_within(statements, seconds)

    def check_room(self, n_chars: int) -> None:
        """Raises `Overloaded` where a request of about so many characters would be refused."""
        self._classifier.check_room(n_chars)

    def is_alive(self) -> bool:
        """Whether `classify` would be answered."""
        return self._classifier.is_alive()

    def take(self) -> bool:
        """Counts one more user; False where the model is closed already, or about to be."""
        with self._lock:
            if self._is_retired:
                return False
            self._n_users += 1
            return True

    def give_back(self) -> None:
        """Counts one user less; the last one of a retired model closes it."""
        with self._lock:
            self._n_users -= 1
            closes = self._is_retired and self._n_users == 0
        if closes:
            self._classifier.close()

    def retire(self) -> None:
        """Closes the model as soon as nobody uses it."""
        self.take()
        with self._lock:
            self._is_retired = True
        self.give_back()


class ServedModel:
    """Loads in a thread of its own, so that the service answers `/healthz` from its first moment, and is ready once a forward pass has run.

    With a `registry` it then looks twice a second which model is to serve, and changes to it: a request that has begun ends with the model that it began with.
    A model that cannot be loaded is refused, once for each time that it is named, and the one before serves on. Where an inference thread has ended, which
    ends them all, the model is loaded once more.
    """

    def __init__(
        self,
        card: Card,
        load: Callable[[], Classifier],
        load_parser: Callable[[], None] = lambda: None,
        registry: Registry | None = None,
        open_classifier: Callable[[ModelFolder], Classifier] | None = None,
        name: str | None = None,
    ) -> None:
        """`name` is that of the folder that `load` opens."""
        self._card = card
        self._load = load
        self._load_parser = load_parser
        self._registry = registry
        self._open_classifier = open_classifier
        self._name = name or card.name
        self._serving: Serving | None = None
        self._failure: str | None = None
        self.refusal: str | None = None
        self._seen: object = object()  # like no mark of a registry: what was named since `card` was read is looked at once more
        self._changing = threading.Lock()
        self._ended = threading.Event()

    @property
    def card(self) -> Card:
        """Of the model in use, or of the one that is being loaded first."""
        serving = self._serving
        return serving.card if serving else self._card

    def start(self) -> threading.Thread:
        """Begins to load; the thread ends when the model is ready or has failed."""
        thread = threading.Thread(target=self._run, name="load-model", daemon=True)
        thread.start()
        if self._open_classifier is not None:
            threading.Thread(target=self._look, name="look-for-models", daemon=True).start()
        return thread

    def stop(self) -> None:
        """Ends the looking."""
        self._ended.set()

    @contextmanager
    def using(self) -> Iterator[Serving]:
        """The model in use, which stays open for as long as it is used. Raises `NotReady` while there is none to ask."""
        while True:
            serving = self._serving
            if serving is None:
                raise NotReady(self.why_not_ready() or "the model is being loaded")
            if serving.take():  # else it was retired a moment ago, and another one is in its place
                break
        try:
            if not serving.is_alive():
                raise NotReady(_GONE)
            yield serving
        finally:
            serving.give_back()

    def classify(self, statements: Sequence[Statement]) -> list[Verdict]:
        """Verdicts in order. Raises `NotReady` while there is no model to ask."""
        with self.using() as serving:
            return serving.classify(statements)

    def check_room(self, n_chars: int) -> None:
        """Raises `Overloaded` where a request of about so many characters would be refused. Says nothing while there is no model."""
        serving = self._serving
        if serving is not None:
            serving.check_room(n_chars)

    def why_not_ready(self) -> str | None:
        """A sentence for people, or None when a forward pass would be answered."""
        serving = self._serving
        if serving is None:
            return self._failure or "the model is being loaded"
        return None if serving.is_alive() or serving is not self._serving else _GONE

    def change(self) -> None:
        """Changes to the model that is to serve, unless it does already. Where that cannot be loaded, `refusal` says why, and nothing changes."""
        if self._open_classifier is None or (self._serving is None and self._failure is None):
            return
        with self._changing:
            serving, mark = self._serving, self._registry.mark() if self._registry else self._seen
            is_gone = serving is not None and not serving.is_alive()
            if mark == self._seen and not is_gone:
                return
            self._seen = mark
            try:
                name = self._registry.served_name() if self._registry else self._name
                if serving is not None and name == serving.name and not is_gone:
                    self.refusal = None
                    return
                following = self._open(name)
            except Exception as error:  # noqa: BLE001 - whatever a model does when it is opened, the one before serves on, and the next is looked for
                refusal = f"the model that was to serve cannot be loaded: {error}"
                if refusal != self.refusal:  # one whose threads are gone is tried twice a second
                    _log.error("%s; %s serves on", refusal, "none" if serving is None or is_gone else serving.name)
                self.refusal = refusal
                return
            self._serving = following
            self.refusal = self._failure = None
            _log.info("%s serves instead of %s", name, serving.name if serving else "none")
            if serving is not None:
                serving.retire()

    def _open(self, name: str) -> Serving:
        if self._registry is None or self._open_classifier is None:
            return Serving(name, self._card, tried(self._load()))
        folder = self._registry.open(name)
        return Serving(name, folder.card, tried(self._open_classifier(folder)))

    def _run(self) -> None:
        try:
            self._serving = Serving(self._name, self._card, tried(self._load()))
            self._load_parser()  # statements are answered already; the first article would load it itself
            # What is there now stays: three hundred thousand objects. To look for garbage among them would now and then hold all up for a sixth of a second.
            gc.collect()
            gc.freeze()
        except OnRecordError as error:
            self._failure = f"the model cannot be loaded: {error}"
        except Exception:  # noqa: BLE001 - whatever it was, the service has to say that it is not ready, and goes on answering /healthz
            self._failure = "the model cannot be loaded; the service's log says why"
            _log.exception("loading the model failed")

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self.change()
