"""One pass of the executor: what was lost is settled, what can be done is said, and what may start is started."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from flows.executor.claim import Claim, offer
from flows.executor.mind import Thought
from flows.executor.offer import Workshop
from flows.executor.settle import settle_lost
from flows.executor.start import Done, Hands
from schemas.attempt import IntentState
from schemas.decision import Decision


@dataclass
class Executor:
    """One executor, from its claim to its end."""

    claimed: Claim
    is_ending: Callable[[], bool] = lambda: False
    """Nothing more is started; what runs comes to its end."""
    is_waiting: bool = False
    """Something is approved that may not start yet: the next run may let it."""
    _tried: set[tuple[str, datetime]] = field(default_factory=set)

    def work(self, workshop: Workshop) -> Iterator[Done]:
        """Start what may be started, one after the other, each judged on what is read right before it."""
        settle_lost(self.claimed, workshop)
        hands = Hands(self.claimed, workshop)
        while not self.is_ending():
            thought = offer(self.claimed, workshop, self.claimed.mind.think())
            decision = self._pick(thought)
            if decision is None:
                states = (intent.state for intent in thought.book.intents.values())
                self.is_waiting = IntentState.APPROVED in states
                return
            done = hands.start(decision, thought)
            if done is not None:
                yield done

    def _pick(self, thought: Thought) -> Decision | None:
        """Return the first decision to start that was not tried on this world: what was refused waits for the next."""
        for decision in thought.startable():
            key = (str(decision.intent_id), thought.world_at)
            intent = thought.book.intents.get(str(decision.intent_id))
            if key not in self._tried and intent is not None and intent.state is IntentState.APPROVED:
                self._tried.add(key)
                return decision
        return None
