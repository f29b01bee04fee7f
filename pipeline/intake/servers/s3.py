"""Object stores that speak S3. Keys, region and endpoint come from where AWS's own tools take them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import s3fs
from botocore.exceptions import BotoCoreError, HTTPClientError, NoCredentialsError
from fsspec.asyn import sync

from pipeline.intake.servers.server import (
    CHUNK_BYTES,
    ChangedOnServer,
    DeniedByServer,
    GoneFromServer,
    ServedBytes,
    ServerFile,
    UnreachableServer,
    broken_off,
)
from pipeline.messages import Message


class S3Server:
    """A bucket, or what lies below a prefix in it. Its keys are taken as they are: `..` in one means nothing there."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._bucket = parts.netloc
        folder = unquote(parts.path).strip("/")
        self._prefix = f"{folder}/" if folder else ""
        self._store = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
        # botocore tries again itself, and so does whoever asks us
        self._store.retries = 1

    def files(self, denied: list[tuple[str, ...]]) -> Iterator[ServerFile]:
        more: dict[str, str] = {}
        while True:
            try:
                with _translated():
                    page = self._store.call_s3("list_objects_v2", Bucket=self._bucket, Prefix=self._prefix, **more)
            except GoneFromServer:
                raise UnreachableServer(Message("there is no such bucket"), is_lasting=True) from None
            for entry in page.get("Contents", ()):
                key = entry["Key"]
                # a key that ends so is how consoles show an empty folder
                if not key.endswith("/"):
                    name = key.removeprefix(self._prefix)
                    tag = entry["ETag"].strip('"')
                    # of an object that was put in parts it is another sum
                    md5 = tag if re.fullmatch("[0-9a-f]{32}", tag) else ""
                    yield ServerFile(key, tuple(name.split("/")), entry["Size"], tag, md5=md5)
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def look(self, file: ServerFile) -> ServerFile:
        return file

    @contextmanager
    def read(self, file: ServerFile, start: int) -> Iterator[ServedBytes]:
        wanted = {"Range": f"bytes={start}-"} if start else {}
        with _translated():
            # another object that has the key by now is refused
            reply = self._store.call_s3(
                "get_object", Bucket=self._bucket, Key=file.key, IfMatch=f'"{file.stamp}"', **wanted
            )
        body = reply["Body"]
        try:
            yield ServedBytes(start, self._chunks(body))
        finally:
            body.close()

    def _chunks(self, body: Any) -> Iterator[bytes]:
        with _translated():
            while chunk := sync(self._store.loop, body.read, CHUNK_BYTES):
                yield chunk


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise GoneFromServer from None
    except PermissionError:
        raise DeniedByServer from None
    except NoCredentialsError:
        fault = Message("no keys were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure`")
        raise UnreachableServer(fault, is_lasting=True) from None
    except (OSError, TimeoutError, HTTPClientError) as error:
        if _code(error) in ("PreconditionFailed", "412"):
            raise ChangedOnServer from None
        raise broken_off(_code(error) or type(error).__name__) from None
    except BotoCoreError as error:
        raise UnreachableServer(
            Message("its settings do not do ({fault}); see ~/.aws", fault=type(error).__name__), is_lasting=True
        ) from None
    except Exception as error:
        # aiohttp's, when a connection breaks amid a body
        raise broken_off(type(error).__name__) from None


def _code(error: BaseException) -> str:
    """What S3 calls an error, such as SlowDown; its sentence may hold an access key and is left out."""
    response = getattr(error.__cause__, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))
