"""`webhook`: one signed POST, without redirects and without a second try."""

import asyncio
import hmac
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from flows.executor.config import WebhookStep
from flows.executor.order import Asked, IsStopped, Order, Preflight, Ran
from schemas.canonical import spell_instant, write_canonical
from schemas.ledger_words import Result

LOOK_S = 1.0
"""So often it is looked at whether somebody says stop."""


class WebhookBackend:
    """One address. Whoever listens there sees the intent's id, and does it once."""

    def __init__(self, step: WebhookStep, key: str | None, output_max: int) -> None:
        """Take note of the address and the key of the signature."""
        self._step = step
        self._key = key
        self._output_max = output_max

    def identify(self) -> object:
        """Return nothing: the settings say it all."""
        return None

    def describe(self, order: Order) -> str:
        """Return what is sent."""
        return f"POST {self._step.url} {self._body(order)}"

    def preflight(self, order: Order) -> Preflight:
        """Return that it can be sent: only that there is a key can be known before."""
        return Preflight.OK if self._key else Preflight.UNREACHABLE

    def run(self, order: Order, is_stopped: IsStopped) -> Ran:
        """Send it; a connection that never came to be is `no_effect`, silence and 5xx are `lost`."""
        # In a thread of its own: whoever calls may have a loop that runs already.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, self._send_in_time(order, is_stopped)).result()

    async def _send_in_time(self, order: Order, is_stopped: IsStopped) -> Ran:
        """Send it within the order's time, however slowly the other side answers, or until somebody says stop."""
        sending = asyncio.create_task(self._send(order))
        until = time.monotonic() + order.timeout_s
        while not sending.done():
            left_s = until - time.monotonic()
            if left_s <= 0 or is_stopped():
                sending.cancel()
                return Ran(
                    Result.LOST if left_s <= 0 else Result.ABORTED, None, b"no answer in time" if left_s <= 0 else b""
                )
            await asyncio.wait([sending], timeout=min(LOOK_S, left_s))
        return sending.result()

    async def _send(self, order: Order) -> Ran:
        body = self._body(order).encode("ascii")
        headers = {
            "content-type": "application/json",
            "idempotency-key": order.intent_id,
            "x-supervisor-signature": f"sha256={hmac.digest((self._key or '').encode(), body, 'sha256').hex()}",
        }
        timeout = httpx.Timeout(order.timeout_s, connect=min(10.0, order.timeout_s))
        try:
            # Neither proxies nor netrc of the environment: the address is what the line says.
            async with (
                httpx.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=False) as client,
                client.stream("POST", self._step.url, content=body, headers=headers) as answer,
            ):
                output = f"{answer.status_code} {answer.reason_phrase}\n".encode()
                async for chunk in answer.aiter_raw():
                    output += chunk
                    if len(output) >= self._output_max:
                        break
                return Ran(_read(answer.status_code), answer.status_code, output[: self._output_max])
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Ran(Result.NO_EFFECT, None, str(error).encode())
        except httpx.HTTPError as error:
            return Ran(Result.LOST, None, f"{type(error).__name__}: {error}".encode())

    def ask(self, order: Order) -> Asked:
        """Return that nobody can be asked."""
        return Asked.UNKNOWN

    def _body(self, order: Order) -> str:
        return write_canonical(
            {
                "verb": str(order.verb),
                "node": order.node,
                "service": order.service,
                "params": dict(order.params),
                "intent_id": order.intent_id,
                "fence": order.fence,
                "number": order.number,
                "world_at": spell_instant(order.world_at),
            }
        )


def _read(status: int) -> Result:
    if 200 <= status < 300:
        return Result.DONE
    return Result.LOST if status >= 500 else Result.FAILED
