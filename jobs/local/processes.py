"""Command lines of the processes of the service.

`atelier up` runs them; tests compare Procfile and docker-compose.yml with them.
"""

from __future__ import annotations

from jobs.settings import Settings

WEB = (
    "gunicorn --config python:web.server web.wsgi:app --bind {host}:{port} "
    "--worker-class web.gunicorn_worker.Worker --threads {threads} "
    "--graceful-timeout 10 --timeout 120 --no-control-socket "
    "--logger-class web.server_logs.ServerLogger"
)
STYLIZE = (
    "celery -q -A worker.celery worker -Q stylize -n stylize@%h -P prefork -c 1 "
    "--without-gossip --without-mingle"
)
TRAIN = (
    "celery -q -A worker.celery worker -Q train -n train@%h -P prefork -c 1 "
    "--without-gossip --without-mingle"
)
MAINTENANCE = "atelier maintenance"
RELEASE = "atelier migrate"

#: Process type → health check, a command that succeeds in the container of a working process. A worker
#: is pinged through the broker, by the node name in STYLIZE and TRAIN.
HEALTH = {
    "web": (
        'python -c "from urllib.request import urlopen; '
        "urlopen('http://127.0.0.1:8000/healthz', timeout=3)\""
    ),
    "worker-stylize": "celery -A worker.celery inspect ping -d stylize@$HOSTNAME --timeout 10",
    "worker-train": "celery -A worker.celery inspect ping -d train@$HOSTNAME --timeout 10",
    "maintenance": "atelier maintenance --check",
}


def procfile() -> dict[str, str]:
    """Process type → command line, as in the Procfile."""
    return {
        "release": RELEASE,
        "web": WEB.format(host="0.0.0.0", port="${PORT:-8000}", threads="${WEB_THREADS:-16}"),  # noqa: S104
        "worker-stylize": STYLIZE,
        "worker-train": TRAIN,
        "maintenance": MAINTENANCE,
    }


def embedded(settings: Settings, port: int) -> dict[str, list[str]]:
    """Process name → arguments, as `atelier up` runs them on one machine."""
    web = WEB.format(host=settings.host, port=port, threads=settings.web_threads)
    return {
        "web": web.split(),
        # Node names must differ if several services run on one machine.
        "worker-stylize": STYLIZE.replace("%h", f"atelier-{port}").split(),
        "worker-train": TRAIN.replace("%h", f"atelier-{port}").split(),
        "maintenance": MAINTENANCE.split(),
    }
