"""What a node is said to be (OBSERVER 2.5)."""

from dataclasses import dataclass, field

from tests.observer_oracle.words import HARD, H, Json, M, hit


@dataclass
class Node:
    """One node, as it was looked at until now."""

    is_intermittent: bool = False
    status: str = "unobservable"
    last_seen: float | None = None
    failing_since: float | None = None
    failures: int = 0
    reason_class: str | None = None
    online_since: float | None = None
    partial: bool = False
    pressure: Json = field(default_factory=dict)

    def fail(self, reason: str, at: float, *, is_silent: bool) -> None:
        """Take a look that failed; where an engine answered beside what did not, the node is not silent (2.5)."""
        hit(f"2.5 reason {reason}")
        self.failures += 1
        self.failing_since = at if self.failing_since is None else self.failing_since
        self.reason_class = reason
        silence = H if self.is_intermittent else 2 * M
        if self.last_seen is None:
            hit("2.5 never seen: unobservable")
            self.status = "unobservable"
        elif reason in HARD:
            hit("2.5 hard: unobservable")
            self.status = "unobservable"
        elif self.failures >= 3 and at - self.failing_since >= silence:
            self.status = "unreachable" if is_silent else "unobservable"
            hit(f"2.5 three times and long enough: {self.status}")
        else:
            hit(f"2.5 soft: stays {self.status}")

    def succeed(self, at: float) -> None:
        if self.status != "online" and self.last_seen is not None:
            hit("2.5 back online")
            self.online_since = at
        self.status, self.last_seen = "online", at
        self.failing_since, self.failures, self.reason_class = None, 0, None

    def show(self) -> Json:
        failing: Json = {"reason_class": self.reason_class} if self.reason_class else {}
        if self.failures:
            failing |= {"failing_since": self.failing_since, "failures": self.failures}
        told: Json = {"last_seen": self.last_seen, "online_since": self.online_since}
        told["observation"] = "partial" if self.partial else None
        known = {name: value for name, value in told.items() if value is not None}
        return {"status": self.status, **known, **failing, **self.pressure}
