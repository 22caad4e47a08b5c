# syntax=docker/dockerfile:1
# Three images: web (also for release and maintenance; without PyTorch), worker-cpu and worker-cuda.
# docker-compose.yml has their commands; docs/operations.md explains how to build the small CPU image.
FROM python:3.11-slim-bookworm AS base
# Only /data and /tmp are written, so that the root file system can be read-only.
ENV PATH=/opt/atelier/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    ATELIER_HOME=/data \
    PULSE_FILE=/tmp/maintenance.pulse
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin atelier \
 && install --directory --owner=10001 --group=10001 /data
WORKDIR /app

FROM base AS build
RUN python -m venv /opt/atelier
COPY constraints.txt pyproject.toml README.md LICENSE NOTICE ./

FROM build AS web-build
COPY atelier atelier
COPY params params
COPY imaging imaging
COPY jobs jobs
COPY web web
COPY migrations migrations
RUN pip install --no-cache-dir --constraint constraints.txt '.[web,postgres,s3]'

# TORCH_INDEX_URL: package index of PyTorch's CPU builds, a tenth of the size. Empty: the default build, which
# includes CUDA. torchvision pins one build of torch, so it is installed without its dependencies.
FROM build AS torch-cpu
ARG TORCH_INDEX_URL=
RUN pip install --no-cache-dir --constraint constraints.txt ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"} torch \
 && pip install --no-cache-dir --constraint constraints.txt --no-deps torchvision

FROM torch-cpu AS worker-cpu-build
COPY atelier atelier
COPY params params
COPY imaging imaging
COPY jobs jobs
COPY worker worker
COPY nst_core nst_core
RUN pip install --no-cache-dir --constraint constraints.txt '.[worker,openvino,export,coreml,video,postgres,s3]'

FROM build AS worker-cuda-build
RUN pip install --no-cache-dir --constraint constraints.txt torch \
 && pip install --no-cache-dir --constraint constraints.txt --no-deps torchvision
COPY atelier atelier
COPY params params
COPY imaging imaging
COPY jobs jobs
COPY worker worker
COPY nst_core nst_core
RUN pip install --no-cache-dir --constraint constraints.txt '.[worker,export,coreml,video,postgres,s3]'

FROM base AS worker-cpu
COPY --from=worker-cpu-build /opt/atelier /opt/atelier
ENV DEVICE=cpu TORCH_HOME=/data/torch
USER 10001:10001

FROM base AS worker-cuda
COPY --from=worker-cuda-build /opt/atelier /opt/atelier
ENV DEVICE=cuda TORCH_HOME=/data/torch NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001

FROM base AS web
COPY --from=web-build /opt/atelier /opt/atelier
USER 10001:10001
EXPOSE 8000
