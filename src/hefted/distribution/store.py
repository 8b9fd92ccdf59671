"""The key-value store of JAX's coordination service, as the only file that knows how it is called.

`jax._src.distributed` is not public, and is what Orbax uses as well; its calls are the same from JAX 0.10 to 0.12.
"""

from __future__ import annotations

from typing import Any, Protocol


class Store(Protocol):
    """Text by key, seen by all processes."""

    def put(self, key: str, value: str) -> None:
        """Keep a value, over what was there."""
        ...

    def get(self, key: str, seconds: float) -> str | None:
        """Wait for a value; None if it has not come by then."""
        ...

    def below(self, folder: str) -> dict[str, str]:
        """All that is in a folder now, by its whole key."""
        ...

    def drop(self, key: str) -> None:
        """Forget a value."""
        ...


class CoordinatorStore:
    """That of the runtime that runs.

    Raises:
        RuntimeError: From its calls, the coordinator cannot be reached.
    """

    def __init__(self) -> None:
        from jax._src import distributed

        self._client: Any = distributed.global_state.client

    def put(self, key: str, value: str) -> None:
        self._client.key_value_set(key, value, allow_overwrite=True)

    def get(self, key: str, seconds: float) -> str | None:
        try:
            return str(self._client.blocking_key_value_get(key, max(int(seconds * 1000), 1)))
        except Exception as error:  # JaxRuntimeError, whose kind is the first word of what it says
            if 'DEADLINE_EXCEEDED' in str(error):
                return None
            raise

    def drop(self, key: str) -> None:
        self._client.key_value_delete(key)

    def below(self, folder: str) -> dict[str, str]:
        return {str(key): str(value) for key, value in self._client.key_value_dir_get(folder)}
