"""`atelier maintenance` and `atelier migrate`."""

from __future__ import annotations

import logging
import signal

import click


@click.command()
def maintenance() -> None:
    """Publish waiting tokens and take back stalled jobs, until stopped."""
    from jobs.maintenance import Maintenance
    from jobs.service import make_service
    from jobs.settings import load_settings

    settings = load_settings()
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    loop = Maintenance(make_service(settings))
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: loop.stop.set())
    loop.run()


@click.command()
def migrate() -> None:
    """Bring the database to the newest schema and register the starter gallery."""
    from jobs.schema import upgrade
    from jobs.service import make_service
    from jobs.settings import load_settings

    settings = load_settings()
    upgrade(settings.database)
    added = make_service(settings).styles.register_gallery()
    click.echo(f"the schema is up to date; {added} styles added", err=True)
