"""`atelier styles`: the styles of the gallery; no service is needed."""

from __future__ import annotations

import json

import click

from atelier.exit_codes import open_client
from jobs.commands.options import json_option, url_option


@click.command()
@click.option("--service", is_flag=True, help="Ask the service, which adds styles of your own.")
@url_option
@json_option
def styles(service: bool, url: str, as_json: bool) -> None:
    """List the gallery styles that other commands take by name.

    \b
    Example:
      atelier stylize photo.jpg woodcut
    """
    from imaging.gallery_styles import gallery_styles

    if service:
        with open_client(url) as client:
            rows = [
                {name: style[name] for name in ("id", "title", "description")}
                for style in client.styles()
            ]
    else:
        rows = [
            {"id": style.id, "title": style.title, "description": style.description}
            for style in gallery_styles().values()
        ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    width = max(len(row["id"]) for row in rows)
    for row in rows:
        click.echo(f"{row['id']:{width}}  {row['description'] or row['title']}")
