"""Settings from environment variables and `.env`. No other module reads the environment.

Every field is documented in `.env.example`; a test compares the two.
"""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from jobs.media.decoded_photos import DecodedPhotos
from jobs.media.limits import DecodeLimits

KeysSetting = Literal["auto", "on", "off"]


class Settings(BaseSettings):
    """Addresses, limits and times of the service. Durations are in seconds."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    atelier_home: Path = Path("var")
    # Not shown by `repr`: they may hold passwords, and settings end up in logs.
    database_url: str = Field("", repr=False)
    redis_url: str = Field("", repr=False)
    broker_url: str = Field("", repr=False)
    storage_url: str = ""
    s3_endpoint_url: str = ""

    port: int = 8000
    host: str = "127.0.0.1"
    web_threads: int = Field(16, ge=2)

    api_keys: KeysSetting = "auto"
    secret_key: str = Field("", repr=False)
    session_seconds: int = Field(43_200, ge=60)
    link_seconds: int = Field(7 * 86_400, ge=60)
    trusted_hosts: str = ""
    trusted_proxies: int = Field(0, ge=0)
    rate_limit: str = "1200/minute"
    submit_rate_limit: str = "120/minute"

    max_upload_mb: int = Field(25, ge=1)
    max_pixels: int = Field(40_000_000, ge=1)
    max_video_mb: int = Field(200, ge=1)
    max_video_output_mb: int = Field(1000, ge=1)
    max_video_seconds: float = Field(600.0, gt=0)
    decode_mb: int = Field(1_000, ge=200)
    decode_seconds: float = Field(20.0, gt=0)
    decode_processes: int = Field(2, ge=1)
    decode_request_seconds: float = Field(300.0, gt=0)
    decoded_photos_mb: int = Field(64, ge=0)

    retention_seconds: int = Field(30 * 86_400, ge=0)
    upload_seconds: int = Field(86_400, ge=0)
    sweep_seconds: float = Field(600.0, gt=0)
    orphan_seconds: float = Field(3_600.0, gt=0)

    max_queued: int = Field(10_000, ge=0)
    max_queued_per_owner: int = Field(0, ge=0)
    max_running_per_owner: int = Field(0, ge=0)
    max_mb_per_owner: int = Field(0, ge=0)
    max_batch_jobs: int = Field(200, ge=1)
    max_batch_mb: int = Field(100, ge=1)
    max_dataset_mb: int = Field(200, ge=1)
    max_dataset_images: int = Field(5_000, ge=1)
    dataset_root: str = ""

    lease_seconds: float = Field(60.0, gt=0)
    heartbeat_seconds: float = Field(15.0, gt=0)
    reap_seconds: float = Field(15.0, gt=0)
    dispatch_seconds: float = Field(2.0, gt=0)
    renotify_seconds: float = Field(30.0, gt=0)
    pulse_file: str = ""
    max_attempts: int = Field(3, ge=1)
    retry_seconds: float = Field(5.0, ge=0)
    drain_seconds: float = Field(10.0, ge=0)
    job_seconds: float = Field(300.0, gt=0)
    train_seconds: float = Field(7 * 86_400.0, gt=0)
    sync_seconds: float = Field(60.0, gt=0)

    webhook_secret: str = Field("", repr=False)
    webhook_allow_private: bool = False
    fetch_allow_private: bool = False
    webhook_attempts: int = Field(10, ge=1)
    webhook_retry_seconds: float = Field(5.0, gt=0)

    device: str = "auto"
    runtime: str = "auto"
    precision: Literal["auto", "fp32", "int8"] = "auto"
    network_memory_mb: int = Field(1_500, ge=100)
    torch_threads: int = Field(0, ge=0)
    render_batch: int = Field(0, ge=0, le=64)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"

    @field_validator("webhook_secret")
    @classmethod
    def _check_webhook_secret(cls, value: str) -> str:
        """Refuse a secret that can't sign when the process starts, and not at the first delivery."""
        if value:
            webhook_secret_bytes(value)
        return value

    @cached_property
    def home(self) -> Path:
        """Absolute path of the folder for the embedded database, blobs and logs."""
        return self.atelier_home.resolve()

    @property
    def pulse(self) -> Path:
        """The file that the maintenance loop touches in each round."""
        return Path(self.pulse_file) if self.pulse_file else self.home / "maintenance.pulse"

    @property
    def graphs(self) -> Path:
        """The folder where workers cache compiled networks."""
        return self.home / "graphs"

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the database; without `DATABASE_URL`, SQLite in the home folder."""
        url = self.database_url or f"sqlite:///{self.home / 'atelier.db'}"
        # Hosting platforms give postgres:// URLs; SQLAlchemy needs the name of the driver.
        for prefix in ("postgres://", "postgresql://"):
            if url.startswith(prefix):
                return "postgresql+psycopg://" + url.removeprefix(prefix)
        return url

    @property
    def broker(self) -> str:
        """URL of the broker; by default the Redis that `atelier up` starts."""
        return self.broker_url or self.redis_url or "redis://127.0.0.1:6379/0"

    @property
    def decode_limits(self) -> DecodeLimits:
        """Limits of memory, time and pixels for decoding an uploaded file."""
        return DecodeLimits(
            pixels=self.max_pixels,
            megabytes=self.decode_mb,
            seconds=self.decode_seconds,
            processes=self.decode_processes,
            request_seconds=self.decode_request_seconds,
            video_seconds=self.max_video_seconds,
        )

    def decoded_photos(self) -> DecodedPhotos:
        """The folder where the web server stores pixels of photos for the workers of its machine."""
        return DecodedPhotos(self.home / "decoded", self.decoded_photos_mb * 1_000_000)

    @property
    def storage(self) -> str:
        """URL of the blob storage: `file:///folder` or `s3://bucket/prefix`."""
        return self.storage_url or (self.home / "blobs").as_uri()


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and `.env`, with `overrides` on top."""
    return Settings(**overrides)


def child_environment(**changes: str) -> dict[str, str]:
    """Environment variables for a child process, with `changes`."""
    return {**os.environ, **changes}  # noqa: TID251


def scratch_directory(prefix: str) -> Path:
    """Create a private temporary folder."""
    return Path(tempfile.mkdtemp(prefix=prefix))


#: Prefix of webhook secrets (https://www.standardwebhooks.com).
WEBHOOK_SECRET_PREFIX = "whsec_"  # noqa: S105 - a public prefix, no secret


def webhook_secret_bytes(secret: str) -> bytes:
    """The key bytes of a webhook secret. Raises `ValueError` for a malformed secret."""
    try:
        key = base64.b64decode(secret.removeprefix(WEBHOOK_SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(WEBHOOK_SECRET_PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("A webhook secret is whsec_ followed by 24 to 64 bytes in base64.")
    return key
