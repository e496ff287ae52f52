"""The seam between publishing and the place where the truth about the policy lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from gateway.live import LivePolicy
    from gateway.publishing.editions import Signature


class Bell(Protocol):
    """Tells other hosts that there is something new. It may get lost: nobody relies on it alone."""

    async def ring(self) -> None:
        """Tell them; neither waits long nor raises."""
        ...

    async def wait(self, longest_s: float) -> None:
        """Return when it rings, or after `longest_s`; sooner where ringing cannot be heard at the moment."""
        ...

    async def close(self) -> None: ...


class Source(Protocol):
    """Holds the truth, and keeps the policy of this process in step with it."""

    @property
    def place(self) -> str:
        """Where the truth lies, for people."""
        ...

    async def start(self) -> None:
        """Bring the process up to the truth before it serves; raises `StartupError`."""
        ...

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Held while one publication is made; raises `GatewayError` when it cannot be had."""
        ...

    async def refresh(self) -> None:
        """Take over what others have published since; raises `HistoryUnavailable`."""
        ...

    async def commit(self, built: LivePolicy, upon: LivePolicy, signature: Signature) -> bool:
        """Make `built` the truth in the place of `upon` and put it in force; False when the history has to wait.

        Raises `Superseded` when `upon` is no longer the truth, `GatewayError` when it cannot be done; nothing is
        changed then.
        """
        ...

    async def follow(self) -> None:
        """Stay in step until cancelled."""
        ...
