"""Dask's task runner as ours: what its cluster cannot do any more ends a run in one line, and is not waited for."""

import time
from datetime import timedelta
from typing import Any, cast

from distributed import Client
from distributed.client import ClosedClientError, FutureCancelledError
from distributed.scheduler import KilledWorker
from prefect.client.schemas.objects import State
from prefect.tasks import Task
from prefect_dask.client import PrefectDaskClient
from prefect_dask.task_runners import DaskTaskRunner, PrefectDaskFuture

from flows.errors import ClusterError, KilledTaskError
from schemas.duration import spell_duration
from schemas.spoken import count

GONE = "the Dask scheduler is gone; see that it runs, then run again"
NO_CLUSTER = (OSError, RuntimeError, TypeError)
"""What Dask raises where one cannot be reached, cannot be started, or wants certificates that are not set."""
ANSWER_S = 30
"""A scheduler that is given its first task imports what that needs, and answers nobody meanwhile."""
LOOKS = 4
"""How often it is looked for workers before there have been none for too long."""


class PatientRunner(DaskTaskRunner):
    """Runs tasks on Dask; a cluster that cannot be reached, or has had no worker for too long, raises `ClusterError`.

    Dask itself waits for ever: a worker may yet come.
    """

    def __init__(
        self, patience: timedelta, *, address: str | None = None, cluster_kwargs: dict[str, Any] | None = None
    ) -> None:
        """Take how long the cluster may be without any worker, and its address or what Dask starts one with."""
        super().__init__(address=address, cluster_kwargs=cluster_kwargs)
        self._patience = patience

    def duplicate(self) -> "PatientRunner":
        """Return a runner of the same settings: each flow run begins with one."""
        return PatientRunner(self._patience, address=self.address, cluster_kwargs=self.cluster_kwargs)

    @property
    def client(self) -> PrefectDaskClient:
        """Return the client of the cluster, which is reached or started where that is not done yet."""
        try:
            return super().client
        except NO_CLUSTER as error:
            raise ClusterError(f"no Dask cluster {self.address or 'of own processes'}: {error}") from error

    def submit(self, task: Task[Any, Any], *given: Any, **named: Any) -> "PatientFuture":  # type: ignore[override]
        """Return the future of a task."""
        try:
            return PatientFuture(super().submit(task, *given, **named), self._patience)
        except ClosedClientError as error:
            raise ClusterError(GONE) from error


class PatientFuture(PrefectDaskFuture[Any]):
    """The future of a task whose cluster may be lost: its result comes, or an error of ours does."""

    def __init__(self, future: PrefectDaskFuture[Any], patience: timedelta) -> None:
        """Take the future that waits for ever, and how long its cluster may be without any worker."""
        super().__init__(future.task_run_id, future.wrapped_future)
        self._patience = patience

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:
        """Return the task's result; raises its error, and without a timeout `KilledTaskError` and `ClusterError`."""
        if timeout is None:
            self._final_state = self._final_state or self._wait_for_state()
        return super().result(timeout, raise_on_failure)

    def _wait_for_state(self) -> State[Any]:
        seen_at, look_s = time.monotonic(), self._patience.total_seconds() / LOOKS
        while True:
            try:
                return cast("State[Any]", self.wrapped_future.result(timeout=look_s))
            except KilledWorker as error:
                died = count(error.allowed_failures + 1, "worker")
                raise KilledTaskError(f"{died} died of its run; is there memory for it?") from error
            except FutureCancelledError as error:
                raise ClusterError(GONE) from error
            except TimeoutError:
                if has_workers(self.wrapped_future.client):
                    seen_at = time.monotonic()
                elif time.monotonic() - seen_at > self._patience.total_seconds():
                    raise ClusterError(
                        f"no Dask worker for {spell_duration(self._patience)}; see that workers run and reach the scheduler, "
                        "or raise dask_patience"
                    ) from None


def has_workers(client: Client) -> bool:
    """Return whether the scheduler has any worker; False where it does not answer."""
    try:
        identity = client.sync(client.scheduler.identity, n_workers=0, callback_timeout=ANSWER_S)  # type: ignore[no-untyped-call, union-attr]
    except OSError:
        return False
    return bool(identity["n_workers"])
