# One image for every process of the service; docker-compose.yml says which one a container runs.
FROM python:3.11-slim

RUN useradd --create-home --uid 10001 atelier && mkdir /data && chown atelier /data
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY jobs jobs
COPY web web
COPY worker worker
COPY nst_core nst_core
COPY migrations migrations
COPY bench bench
RUN pip install --no-cache-dir --constraint constraints.txt torch \
 && pip install --no-cache-dir --constraint constraints.txt --no-deps torchvision \
 && pip install --no-cache-dir --constraint constraints.txt --editable '.[openvino,video,postgres,s3]'

USER atelier
ENV ATELIER_HOME=/data PYTHONUNBUFFERED=1
EXPOSE 8000
