"""Who is signed in: a password from the first start, sessions in memory, a token against forged requests, a limit on guesses."""

import hashlib
import hmac
import os
import secrets
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from flows.errors import SettingsError
from flows.files.own import create_whole, sweep_folder

SESSION_S = 12 * 3600
MOST_SESSIONS = 200
TRIES, WINDOW_S = 5, 60.0
"""Wrong passwords from one address, and ten times as many from all, within this time."""


@dataclass(frozen=True)
class Session:
    """One signed-in browser."""

    user: str
    csrf: str
    """What every form must send back."""
    ends_s: float
    """On the monotonic clock."""


@dataclass
class Sessions:
    """The sessions of one process; a restart ends them all."""

    _by_digest: dict[str, Session] = field(default_factory=dict)
    _vouched: dict[str, Session] = field(default_factory=dict)

    def open(self, user: str, now_s: float) -> str:
        """Return the token of a new session; what is kept of it is a digest."""
        self._drop_ended(now_s)
        token = secrets.token_urlsafe(32)
        self._by_digest[_digest(token)] = Session(user, secrets.token_urlsafe(32), now_s + SESSION_S)
        return token

    def find(self, token: str | None, now_s: float) -> Session | None:
        """Return the session of a token while it lasts."""
        found = self._by_digest.get(_digest(token)) if token else None
        return found if found and found.ends_s > now_s else None

    def vouch_for(self, user: str, now_s: float) -> Session:
        """Return the session of somebody whom a trusted proxy vouches for with each request: without a cookie of ours."""
        found = self._vouched.get(user)
        if found is None or found.ends_s <= now_s:
            if len(self._vouched) >= MOST_SESSIONS:
                self._vouched.clear()
            found = Session(user, secrets.token_urlsafe(32), now_s + SESSION_S)
            self._vouched[user] = found
        return found

    def close(self, token: str | None) -> None:
        """End a session."""
        if token:
            self._by_digest.pop(_digest(token), None)

    def _drop_ended(self, now_s: float) -> None:
        kept = sorted(
            ((digest, session) for digest, session in self._by_digest.items() if session.ends_s > now_s),
            key=lambda pair: -pair[1].ends_s,
        )
        self._by_digest = dict(kept[: MOST_SESSIONS - 1])


@dataclass
class Attempts:
    """The wrong passwords of the last minute, by address."""

    _failed: deque[tuple[float, str]] = field(default_factory=deque)

    def is_allowed(self, address: str, now_s: float) -> bool:
        """Return whether somebody at the address may try again."""
        while self._failed and self._failed[0][0] < now_s - WINDOW_S:
            self._failed.popleft()
        own = sum(other == address for _, other in self._failed)
        return own < TRIES and len(self._failed) < 10 * TRIES

    def note_failure(self, address: str, now_s: float) -> None:
        """Remember a wrong password."""
        self._failed.append((now_s, address))


def load_password(state_dir: Path) -> str:
    """Return the page's password, made at the first start and kept for its owner alone to read.

    Raises `SettingsError` where the file is empty, or somebody else's.
    """
    folder = state_dir / "web"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "password"
    sweep_folder(folder)
    if not os.path.lexists(file):
        create_whole(file, f"{secrets.token_urlsafe(18)}\n".encode())
    found = file.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o077 or not file.is_file() or file.is_symlink():
        raise SettingsError(f"{file}: expected a file that you alone can read; remove it, and a new one is made")
    password = file.read_text().strip()
    if len(password) < 8:
        raise SettingsError(f"{file}: expected a password of at least 8 characters; remove it, and a new one is made")
    return password


def is_same(given: str, expected: str) -> bool:
    """Return whether two secrets are equal, in a time that tells nothing of them."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
