"""Carry operations out on a client of redis-py: at once, or awaited."""

from __future__ import annotations

import asyncio
import time
from inspect import signature
from typing import Any, TypeVar

import redis
import redis.asyncio
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,  # noqa: A004 (the client's word)
    NoScriptError,
    RedisClusterException,
    ResponseError,
    TimeoutError,  # noqa: A004
)

from .clock import ServerClock
from .errors import OptionError, SojournError
from .failures import FAILURES, store_error
from .kept import LONGEST, KeptConnections
from .steps import Command, Op, Pause, Read, Run, Step

T = TypeVar("T")

_REDIS_FILES = (redis.client.__file__, redis.asyncio.client.__file__)


def _refuse_decoding(client: Any) -> None:
    """Raises OptionError for a client that makes text of answers: records are bytes."""
    pool = getattr(client, "connection_pool", None)
    options: Any = getattr(pool, "connection_kwargs", None) or getattr(client, "connection_kwargs", None)
    if options is None and hasattr(client, "get_connection_kwargs"):
        options = client.get_connection_kwargs()
    encoder = getattr(client, "encoder", None)
    if bool((options or {}).get("decode_responses")) or getattr(encoder, "decode_responses", False):
        raise OptionError("client", "is a client with decode_responses=True; records are bytes: give one without it")


def _operation(step: Step) -> str:
    if isinstance(step, Run):
        return step.script.name
    return "expiry" if isinstance(step, Command) else "load"


def _arguments(step: Run) -> list[Any]:
    return [len(step.keys), *step.keys, *step.args]


def _plain_command(client: Any) -> Any:
    """The `execute_command` of a client whose reads may go past it, to a connection of its pool.

    Half of what redis-py does around a command is to try again, which is done here anyway, and to measure. None: this client
    has a connection of its own, client-side caching, pools that have to be told the command (before 5.3), or an
    `execute_command` of its own; tracing puts one there, and is to see all commands.
    """
    pool = getattr(client, "connection_pool", None)
    if pool is None or getattr(client, "connection", None) is not None or getattr(pool, "cache", None) is not None:
        return None
    name = signature(pool.get_connection).parameters.get("command_name")
    if name is not None and name.default is name.empty:
        return None
    command = getattr(client.execute_command, "__func__", None)
    code = getattr(command, "__code__", None)
    return command if code is not None and code.co_filename in _REDIS_FILES else None


def _get_of(key: str) -> bytes:
    """The command as it is sent; a key is ASCII."""
    return f"*2\r\n$3\r\nGET\r\n${len(key)}\r\n{key}\r\n".encode("ascii")


def _is_still(plain: Any, client: Any) -> bool:
    """Whether nobody has put another one in its place."""
    return getattr(client.execute_command, "__func__", None) is plain


class SyncDriver:
    """For `redis.Redis` (alone, or `Sentinel.master_for`), and `redis.RedisCluster`."""

    def __init__(self, client: Any, clock: ServerClock, is_own: bool = False) -> None:
        """`is_own`: whether nobody else uses the client."""
        _refuse_decoding(client)
        self.client = client
        self.clock = clock
        self.is_cluster = isinstance(client, redis.RedisCluster)
        self._plain = None if self.is_cluster else _plain_command(client)
        self._kept = KeptConnections(clock, LONGEST if is_own else 0)

    def __call__(self, operation: Op[T]) -> T:
        answer: Any = None
        failure: SojournError | None = None
        try:
            if self.clock.due:
                self._learn()
        except FAILURES as error:
            operation.close()
            raise self._failed(error, "time") from None
        while True:
            try:
                step = operation.throw(failure) if failure is not None else operation.send(answer)
            except StopIteration as done:
                result: T = done.value
                return result
            answer, failure = None, None
            try:
                answer = self._carry_out(step)
            except FAILURES as error:
                failure = self._failed(error, _operation(step))
            except BaseException:
                # Interrupted, or cancelled: what was pending is pending again.
                operation.close()
                raise

    def _failed(self, error: Exception, operation: str) -> SojournError:
        if isinstance(error, (ConnectionError, TimeoutError, RedisClusterException, OSError)):
            self.clock.forget()
        return store_error(error, operation)

    def _learn(self) -> None:
        asked = self.clock.asked()
        options = {"target_nodes": redis.RedisCluster.RANDOM} if self.is_cluster else {}
        self.clock.learn(asked, *self._ask("TIME", **options))

    def _carry_out(self, step: Step) -> Any:
        if isinstance(step, Read):
            try:
                if self._plain is not None and not step.with_ttl and _is_still(self._plain, self.client):
                    return self._get(step.key), None
                return self._read(step)
            except (ConnectionError, TimeoutError) as error:
                if isinstance(error, AuthenticationError):
                    raise
                # Connections of a pool may have died unnoticed, and to ask twice does no harm.
                self.clock.forget()
                return self._read(step)
        if isinstance(step, Pause):
            time.sleep(step.ms / 1000)
            return None
        if isinstance(step, Command):
            return self._ask(*step.args)
        try:
            return self._ask("EVALSHA", step.script.sha1, *_arguments(step))
        except NoScriptError:
            # After a restart or SCRIPT FLUSH; nothing was carried out. EVAL makes it known again.
            return self._ask("EVAL", step.script.text, *_arguments(step))

    def _get(self, key: str) -> Any:
        """See `_plain_command`."""
        pool, kept = self.client.connection_pool, self._kept.pop()
        if kept is not None and self._kept.is_over(kept[1]):
            pool.release(kept[0])
            kept = None
        connection, until = kept or (pool.get_connection(), self._kept.until())
        try:
            connection.send_packed_command([_get_of(key)])
            record = connection.read_response()
        except BaseException as error:
            if not isinstance(error, ResponseError):
                # Its answer may still come, and is nobody's.
                connection.disconnect()
            pool.release(connection)
            raise
        if self._kept.is_over(until):
            pool.release(connection)
        else:
            self._kept.put(connection, until)
        return record

    def _ask(self, *command: Any, **options: Any) -> Any:
        """Any other command. One that waits goes back first, so that the client need not make another beside it."""
        self._give_back()
        return self.client.execute_command(*command, **options)

    def _give_back(self) -> None:
        kept = self._kept.pop()
        if kept is not None:
            self.client.connection_pool.release(kept[0])

    def _read(self, step: Read) -> tuple[bytes | None, int | None]:
        if not step.with_ttl:
            return self._ask("GET", step.key), None
        self._give_back()
        with self.client.pipeline(transaction=False) as pipe:
            pipe.get(step.key)
            pipe.pttl(step.key)
            record, ttl = pipe.execute()
        return record, ttl


class AsyncDriver:
    """For `redis.asyncio.Redis` (alone, or `Sentinel.master_for`), and `redis.asyncio.RedisCluster`."""

    def __init__(self, client: Any, clock: ServerClock, is_own: bool = False) -> None:
        """`is_own`: whether nobody else uses the client."""
        _refuse_decoding(client)
        self.client = client
        self.clock = clock
        self.is_cluster = isinstance(client, redis.asyncio.RedisCluster)
        self._plain = None if self.is_cluster else _plain_command(client)
        self._kept = KeptConnections(clock, LONGEST if is_own else 0)

    async def __call__(self, operation: Op[T]) -> T:
        answer: Any = None
        failure: SojournError | None = None
        try:
            if self.clock.due:
                await self._learn()
        except FAILURES as error:
            operation.close()
            raise self._failed(error, "time") from None
        while True:
            try:
                step = operation.throw(failure) if failure is not None else operation.send(answer)
            except StopIteration as done:
                result: T = done.value
                return result
            answer, failure = None, None
            try:
                answer = await self._carry_out(step)
            except FAILURES as error:
                failure = self._failed(error, _operation(step))
            except BaseException:
                # Interrupted, or cancelled: what was pending is pending again.
                operation.close()
                raise

    def _failed(self, error: Exception, operation: str) -> SojournError:
        if isinstance(error, (ConnectionError, TimeoutError, RedisClusterException, OSError)):
            self.clock.forget()
        return store_error(error, operation)

    async def _learn(self) -> None:
        asked = self.clock.asked()
        options = {"target_nodes": redis.asyncio.RedisCluster.RANDOM} if self.is_cluster else {}
        self.clock.learn(asked, *await self._ask("TIME", **options))

    async def _carry_out(self, step: Step) -> Any:
        if isinstance(step, Read):
            try:
                if self._plain is not None and not step.with_ttl and _is_still(self._plain, self.client):
                    return await self._get(step.key), None
                return await self._read(step)
            except (ConnectionError, TimeoutError) as error:
                if isinstance(error, AuthenticationError):
                    raise
                # Connections of a pool may have died unnoticed, and to ask twice does no harm.
                self.clock.forget()
                return await self._read(step)
        if isinstance(step, Pause):
            await asyncio.sleep(step.ms / 1000)
            return None
        if isinstance(step, Command):
            return await self._ask(*step.args)
        try:
            return await self._ask("EVALSHA", step.script.sha1, *_arguments(step))
        except NoScriptError:
            # After a restart or SCRIPT FLUSH; nothing was carried out. EVAL makes it known again.
            return await self._ask("EVAL", step.script.text, *_arguments(step))

    async def _get(self, key: str) -> Any:
        """See `_plain_command`."""
        pool, kept = self.client.connection_pool, self._kept.pop()
        if kept is not None and self._kept.is_over(kept[1]):
            await pool.release(kept[0])
            kept = None
        connection, until = kept or (await pool.get_connection(), self._kept.until())
        try:
            await connection.send_packed_command([_get_of(key)])
            record = await connection.read_response()
        except BaseException as error:
            if not isinstance(error, ResponseError):
                # Its answer may still come, and is nobody's.
                await connection.disconnect()
            await pool.release(connection)
            raise
        if self._kept.is_over(until):
            await pool.release(connection)
        else:
            self._kept.put(connection, until)
        return record

    async def _ask(self, *command: Any, **options: Any) -> Any:
        """Any other command. One that waits goes back first, so that the client need not make another beside it."""
        await self._give_back()
        return await self.client.execute_command(*command, **options)

    async def _give_back(self) -> None:
        kept = self._kept.pop()
        if kept is not None:
            await self.client.connection_pool.release(kept[0])

    async def _read(self, step: Read) -> tuple[bytes | None, int | None]:
        if not step.with_ttl:
            return await self._ask("GET", step.key), None
        await self._give_back()
        pipe = self.client.pipeline() if self.is_cluster else self.client.pipeline(transaction=False)
        async with pipe:
            pipe.get(step.key)
            pipe.pttl(step.key)
            record, ttl = await pipe.execute()
        return record, ttl
