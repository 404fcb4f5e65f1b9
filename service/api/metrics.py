"""Counts for Prometheus. Each app has its own registry, so that two in one process do not add up."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import Scope

from service.stance import STANCES, Verdict

MEDIA_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """What the service counts, and its text form."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter("onrecord_requests", "Requests answered.", ["path", "method", "status"], registry=self._registry)
        self._seconds = Histogram(
            "onrecord_request_seconds",
            "Time from a request's head to its answer's end.",
            ["path"],
            registry=self._registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
        )
        self._counted: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}  # as `labels` of both gives them, which looks at each label anew
        self._verdicts = Counter("onrecord_verdicts", "Statements classified.", ["stance", "certain"], registry=self._registry)
        self._truncated = Counter("onrecord_truncated_statements", "Statements longer than the model reads.", registry=self._registry)
        self._ready = Gauge("onrecord_ready", "1 while a forward pass would be answered.", registry=self._registry)
        self._of_verdict = {(stance, certain): self._verdicts.labels(stance, str(certain).lower()) for stance in STANCES for certain in (True, False)}

    def count_verdicts(self, verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            self._of_verdict[verdict.stance, verdict.certain].inc()
            if verdict.truncated:
                self._truncated.inc()

    def count_request(self, scope: Scope, status: int, seconds: float) -> None:
        """Under its route's path; unknown paths share one label, so that a scanner cannot fill the memory."""
        labels = _route(scope), _method(scope["method"]), status
        if labels not in self._counted:
            self._counted[labels] = self._requests.labels(*labels), self._seconds.labels(labels[0])
        requests, durations = self._counted[labels]
        requests.inc()
        durations.observe(seconds)

    def text(self, *, is_ready: bool) -> bytes:
        """All counts in Prometheus' text format."""
        self._ready.set(is_ready)
        return generate_latest(self._registry)


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "unknown"))


def _method(method: str) -> str:
    return method if method in ("GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE") else "other"
