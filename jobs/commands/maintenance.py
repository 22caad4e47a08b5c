"""`atelier maintenance` and `atelier migrate`."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from jobs.settings import Settings

#: Age of the pulse file from which `--check` fails. The loop touches the file about every two seconds;
#: a sweep of many files may take longer.
MAX_PULSE_AGE_SECONDS = 120.0


@click.command()
@click.option(
    "--check", is_flag=True, help="Only check that it runs on this machine; exits with 1 if not."
)
def maintenance(check: bool) -> None:
    """Run the maintenance loop until stopped.

    It publishes waiting tokens, takes back stalled jobs, sends webhooks and deletes expired jobs.
    """
    from jobs.logs import configure
    from jobs.operations.maintenance import Maintenance
    from jobs.service import make_service
    from jobs.settings import load_settings
    from jobs.webhooks.sender import WebhookSender

    settings = load_settings()
    if check:
        _check(settings)
        return
    configure(settings.log_level, settings.log_format)
    service = make_service(settings)
    loop = Maintenance(settings, service.sessions, service.storage, service.broker)
    # A thread of its own, so that a slow receiver of webhooks does not delay stalled jobs.
    sender = threading.Thread(
        target=WebhookSender(settings, service.sessions).run, args=(loop.stop,), name="webhooks"
    )
    sender.start()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: loop.stop.set())
    loop.run()
    sender.join()


def _check(settings: Settings) -> None:
    """Print the age of the pulse file. Raises `click.ClickException` if it is too old or missing."""
    try:
        age = time.time() - settings.pulse.stat().st_mtime
    except FileNotFoundError:
        raise click.ClickException(
            f"Maintenance has never run here: {settings.pulse} is missing."
        ) from None
    if age > MAX_PULSE_AGE_SECONDS:
        raise click.ClickException(
            f"Maintenance has been silent for {age:.0f} s; start `atelier maintenance` again."
        )
    click.echo(f"maintenance ran {max(age, 0):.0f} s ago")


@click.command()
def migrate() -> None:
    """Upgrade the schema and register the starter gallery."""
    from alembic.util import CommandError

    from jobs.db.schema import newest_revision, upgrade
    from jobs.service import make_service
    from jobs.settings import load_settings

    settings = load_settings()
    try:
        upgrade(settings.database)
    except CommandError as error:
        raise click.ClickException(
            "The database has the schema of a newer release; this release knows revisions up to "
            f"{newest_revision()}. Older processes run on it as they are; there is nothing to migrate."
        ) from error
    service = make_service(settings)
    added = service.styles.register_gallery()
    service.datasets.register_samples()
    click.echo(f"the schema is up to date; {added} styles added", err=True)


@click.command("webhook-secret")
@click.option("--owner", help="Sign this owner's webhooks with it, from now on.")
def webhook_secret(owner: str | None) -> None:
    """Create and print a secret for signing webhooks."""
    from jobs.webhooks.delivery import new_secret

    secret = new_secret()
    if owner is not None:
        from jobs.service import make_service
        from jobs.settings import load_settings

        make_service(load_settings()).set_webhook_secret(owner, secret)
    click.echo(secret)
